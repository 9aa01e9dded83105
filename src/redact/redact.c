/* SPDX-License-Identifier: BSD-2-Clause */
#include <recvguard/redact.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "base/cleanup.h"
#include "decode/dissect/dissect.h"

#define MATCH_LIMIT 20000 /* steps of one try: beyond, the value is hidden as a whole */
#define HEAP_KIB    256
#define DEPTH_MAX   64

const struct rg_redact_set rg_redact_sets[] = {
#define RG_REDACT(name, doc, pattern) {name, doc, pattern},
#include "redact/redact.def"
#undef RG_REDACT
	{0},
};

struct rg_redact {
	pcre2_code **code;
	unsigned n;
	pcre2_match_data *match;
	pcre2_match_context *limits;
	char *mask; /* of the value at hand: not 0 where a byte is hidden */
	size_t mask_size;
};

/* ---- patterns ---- */

static const char *pattern_of(const char *text, struct rg_err *err)
{
	if (text[0] != '@')
		return text;
	for (const struct rg_redact_set *s = rg_redact_sets; s->name; s++)
		if (!strcmp(s->name, text + 1))
			return s->pattern;
	rg_fail(err, -EINVAL, "'%.64s' is no set; a pattern that begins with @ is written \\@", text);
	return NULL;
}

static int compile(struct rg_redact *r, const char *text, struct rg_err *err)
{
	const char *pattern = pattern_of(text, err);
	char why[160];
	PCRE2_SIZE at;
	int code;

	if (!pattern)
		return -EINVAL;
	r->code[r->n] = pcre2_compile((PCRE2_SPTR)pattern, PCRE2_ZERO_TERMINATED,
				      PCRE2_NEVER_UTF | PCRE2_NEVER_BACKSLASH_C, &code, &at, NULL);
	if (!r->code[r->n]) {
		pcre2_get_error_message(code, (PCRE2_UCHAR *)why, sizeof(why));
		return rg_fail(err, -EINVAL, "'%.100s' is no pattern: %s, at character %zu", text, why,
			       (size_t)at + 1);
	}
	pcre2_jit_compile(r->code[r->n++], PCRE2_JIT_COMPLETE); /* only faster: interpreted where it cannot */
	return 0;
}

int rg_redact_new(const char *const *patterns, unsigned n, struct rg_redact **ret, struct rg_err *err)
{
	struct rg_redact *r = calloc(1, sizeof(*r));
	int rc = 0;

	*ret = NULL;
	if (r) {
		r->code = calloc(n + 1, sizeof(pcre2_code *));
		r->match = pcre2_match_data_create(64, NULL);
		r->limits = pcre2_match_context_create(NULL);
	}
	if (!r || !r->code || !r->match || !r->limits)
		rc = rg_fail(err, -ENOMEM, "out of memory for patterns");
	for (unsigned i = 0; i < n && !rc; i++)
		rc = compile(r, patterns[i], err);
	if (rc) {
		rg_redact_free(r);
		return rc;
	}
	pcre2_set_match_limit(r->limits, MATCH_LIMIT);
	pcre2_set_heap_limit(r->limits, HEAP_KIB);
	*ret = r;
	return 0;
}

void rg_redact_free(struct rg_redact *r)
{
	if (!r)
		return;
	for (unsigned i = 0; i < r->n; i++)
		pcre2_code_free(r->code[i]);
	free(r->code);
	pcre2_match_data_free(r->match);
	pcre2_match_context_free(r->limits);
	free(r->mask);
	free(r);
}

/* ---- one value ---- */

static void hide(struct rg_redact *r, size_t from, size_t to)
{
	if (from != PCRE2_UNSET && from < to)
		memset(r->mask + from, 1, to - from);
}

/* What the groups caught; without groups, all of the match. */
static void hide_match(struct rg_redact *r, int groups)
{
	const PCRE2_SIZE *at = pcre2_get_ovector_pointer(r->match);

	if (groups == 1)
		hide(r, at[0], at[1]);
	for (int i = 1; i < groups; i++)
		hide(r, at[2 * i], at[2 * i + 1]);
}

static bool has_groups(const pcre2_code *code)
{
	uint32_t n = 0;

	pcre2_pattern_info(code, PCRE2_INFO_CAPTURECOUNT, &n);
	return n > 0;
}

/* False: undecided. */
static bool match_all(struct rg_redact *r, const pcre2_code *code, const char *p, size_t len)
{
	const PCRE2_SIZE *at = pcre2_get_ovector_pointer(r->match);
	size_t from = 0;

	while (from <= len) {
		int n = pcre2_match(code, (PCRE2_SPTR)p, len, from, 0, r->match, r->limits);

		if (n == PCRE2_ERROR_NOMATCH)
			return true;
		if (n <= 0) /* a limit, or more groups than there is room for */
			return false;
		if (n > 1 || !has_groups(code))
			hide_match(r, n);
		from = at[1] > from ? at[1] : from + 1;
	}
	return true;
}

/* Fill the mask. How many bytes are to be hidden. */
static size_t look(struct rg_redact *r, const char *p, size_t len)
{
	size_t n = 0;
	bool decided = true;

	memset(r->mask, 0, len);
	for (unsigned i = 0; i < r->n && decided; i++)
		decided = match_all(r, r->code[i], p, len);
	if (!decided)
		memset(r->mask, 1, len);
	for (size_t i = 0; i < len; i++)
		n += r->mask[i] != 0;
	return n;
}

static bool room(struct rg_redact *r, size_t len)
{
	char *mask;

	if (len <= r->mask_size)
		return true;
	mask = realloc(r->mask, len);
	if (mask) {
		r->mask = mask;
		r->mask_size = len;
	}
	return mask != NULL;
}

/* Bytes hidden in p[0..len): *ret is p, or a copy with them hidden; without memory "" and all are. */
static size_t bytes(struct rg_redact *r, struct rg_event *ev, const char *p, uint32_t *len, const char **ret)
{
	size_t n;
	char *copy;

	*ret = p;
	if (!*len)
		return 0;
	n = room(r, *len) ? look(r, p, *len) : *len;
	if (!n)
		return 0;
	copy = *len <= r->mask_size ? rg_event_alloc(ev, *len) : NULL;
	if (!copy) {
		n = *len;
		*len = 0;
		*ret = "";
		return n;
	}
	for (uint32_t i = 0; i < *len; i++)
		copy[i] = r->mask[i] ? '*' : p[i];
	*ret = copy;
	return n;
}

static size_t span(struct rg_redact *r, struct rg_event *ev, struct rg_value *v)
{
	const char *p;
	size_t n = bytes(r, ev, v->p, &v->len, &p);

	v->p = p;
	return n;
}

/* Names of unix sockets and the like. IP addresses are no secrets of a payload, and are stored as numbers
 * too. */
static size_t address(struct rg_redact *r, struct rg_event *ev, struct rg_value *v)
{
	struct rg_addr *copy;
	const char *p;
	uint32_t len;
	size_t n;

	if (v->addr->ip_len)
		return 0;
	len = v->addr->text_len;
	n = bytes(r, ev, v->addr->text, &len, &p);
	if (!n)
		return 0;
	copy = rg_event_alloc(ev, sizeof(*copy));
	if (copy) {
		*copy = *v->addr;
		copy->text = p;
		copy->text_len = len;
	} else {
		static const struct rg_addr none = {.text = ""};

		v->addr = &none;
		return n;
	}
	v->addr = copy;
	return n;
}

static size_t nodes(struct rg_redact *r, struct rg_event *ev, struct rg_node *o, int depth)
{
	size_t n = 0;

	for (; o && depth < DEPTH_MAX; o = o->next) {
		switch ((enum rg_type)o->type) {
		case RG_T_STR:
		case RG_T_BYTES: n += span(r, ev, &o->v); break;
		case RG_T_ADDR: n += address(r, ev, &o->v); break;
		case RG_T_OBJECT:
		case RG_T_LIST: n += nodes(r, ev, o->v.node, depth + 1); break;
		default: break;
		}
	}
	return n;
}

/* ---- an event ---- */

static size_t field(struct rg_redact *r, struct rg_event *ev, enum rg_field f)
{
	if (!rg_has(ev, f))
		return 0;
	switch (rg_fields[f].type) {
	case RG_T_ADDR: return address(r, ev, &ev->v[f]);
	case RG_T_OBJECT:
	case RG_T_LIST: return nodes(r, ev, ev->v[f].node, 0);
	default: return span(r, ev, &ev->v[f]);
	}
}

void rg_redact_event(struct rg_redact *r, struct rg_event *ev)
{
	static const enum rg_field fields[] = {
		RG_F_SOCK_PATH, RG_F_SOCK_LOCAL_ADDR, RG_F_SOCK_REMOTE_ADDR, RG_F_MSG_NAME, RG_F_CMSG,
		RG_F_FD};
	size_t n = 0, payload;

	if (ev->v[RG_F_EVENT].i == RG_EV_LOST)
		return;
	for (size_t i = 0; i < RG_ARRAY_LEN(fields); i++)
		n += field(r, ev, fields[i]);
	payload = field(r, ev, RG_F_MSG_DATA);
	if (payload) { /* what the summary says of it may be cut or written otherwise: it is made anew */
		ev->tag[RG_F_MSG_SUMMARY] = 0;
		rg_dissect(ev);
	}
	n += payload + field(r, ev, RG_F_MSG_SUMMARY);
	if (n)
		rg_set_u(ev, RG_F_MSG_REDACTED,
			 n + (rg_has(ev, RG_F_MSG_REDACTED) ? ev->v[RG_F_MSG_REDACTED].u : 0), RG_TAG_K);
}
