/* SPDX-License-Identifier: BSD-2-Clause */
#include "sink/json.h"

#include <endian.h>
#include <errno.h>

#include "base/cleanup.h"
#include "sink/keys.h"
#include "sink/put.h"
#include "sink/sink.h"

#define ONE_EACH  0x0101010101010101u
#define HIGH_BITS 0x8080808080808080u

struct walk {
	struct rg_json *j;
	struct rg_buf *b;
	bool node_tags; /* an element has tags of its own */
	/* fields that are present, and those of them that are not plain K */
	unsigned n_present, n_odd;
	uint8_t present[RG_F__COUNT + 8], odd[RG_F__COUNT + 8];
};
_Static_assert(RG_F__COUNT < 256, "field numbers fit a byte");

static char *put_time(struct rg_json *j, char *p, uint64_t ns)
{
	uint64_t sec = ns / 1000000000;
	size_t slot = sec % RG_ARRAY_LEN(j->seconds);

	if (j->seconds[slot].key != sec + 1) {
		rg_put_second(j->seconds[slot].text, sec);
		j->seconds[slot].key = sec + 1;
	}
	*p++ = '"';
	memcpy(p, j->seconds[slot].text, 24);
	p += 19; /* 2^64 ns end in the year 2554: never more than four digits */
	*p++ = '.';
	p = rg_put_9(p, (uint32_t)(ns % 1000000000));
	return rg_put_lit(p, "Z\"");
}

static char *put_name(struct rg_buf *b, char *p, const char *name)
{
	size_t n = strlen(name);

	if (!rg_put_room(b, &p, n + 4))
		return rg_put_lit(p, "\"\"");
	*p++ = '"';
	p = rg_put(p, name, n); /* names are ours: nothing to escape */
	*p++ = '"';
	return p;
}

static char *put_enum(struct rg_buf *b, char *p, int64_t i, const struct rg_name *names)
{
	const char *name = rg_name_of(names, (uint64_t)i);

	return name ? put_name(b, p, name) : rg_put_i64(p, i);
}

static char *put_flags(struct rg_buf *b, char *p, uint64_t u, const struct rg_name *names)
{
	uint64_t rest = u;
	char *start;

	*p++ = '[';
	for (; names && names->name; names++) {
		if (names->value ? (rest & names->value) != names->value : u != 0)
			continue;
		rest &= ~names->value;
		p = put_name(b, p, names->name);
		*p++ = ',';
	}
	if (rest) {
		p = rg_put_lit(p, "\"0x");
		p = rg_put_hex(p, rest);
		p = rg_put_lit(p, "\",");
	}
	start = p - 1;
	if (*start == ',')
		p--;
	*p++ = ']';
	return p;
}

static char *put_chain(struct walk *w, char *p, const struct rg_node *n, bool object);

static char *put_value(struct walk *w, char *p, enum rg_type type, const struct rg_value *v,
		       const struct rg_name *names)
{
	switch (type) {
	case RG_T_BOOL: return v->u ? rg_put_lit(p, "true") : rg_put_lit(p, "false");
	case RG_T_INT: return rg_put_i64(p, v->i);
	case RG_T_UINT:
	case RG_T_SIZE:
	case RG_T_DURATION: return rg_put_u64(p, v->u);
	case RG_T_TIME: return put_time(w->j, p, v->u);
	case RG_T_ENUM: return put_enum(w->b, p, v->i, names);
	case RG_T_FLAGS: return put_flags(w->b, p, v->u, names);
	case RG_T_STR:
	case RG_T_BYTES: return rg_put_json_bytes(w->b, p, v->p, v->len);
	case RG_T_ADDR: return rg_put_json_bytes(w->b, p, v->addr->text, v->addr->text_len);
	case RG_T_OBJECT: return put_chain(w, p, v->node, true);
	case RG_T_LIST: return put_chain(w, p, v->node, false);
	default: return rg_put_lit(p, "null");
	}
}

static char *put_chain(struct walk *w, char *p, const struct rg_node *n, bool object)
{
	char close = object ? '}' : ']';

	*p++ = object ? '{' : '[';
	for (bool first = true; n; n = n->next, first = false) {
		if (!rg_put_room(w->b, &p, 256))
			break;
		if (!first)
			*p++ = ',';
		if (object) {
			p = put_name(w->b, p, n->name);
			*p++ = ':';
		}
		w->node_tags |= n->tag != 0;
		p = put_value(w, p, n->type, &n->v, n->names);
	}
	*p++ = close;
	return p;
}

static char *put_tag(char *p, uint8_t tag)
{
	static const struct {
		uint8_t bit;
		char text[8];
	} bits[] = {{RG_TAG_K, "K,"},	  {RG_TAG_U, "U,"},	  {RG_TAG_TOCTOU, "TOCTOU,"},
		    {RG_TAG_OPT, "OPT,"}, {RG_TAG_LATE, "LATE,"}, {RG_TAG_FULL, "FULL,"}};
	char *start = p;

	for (size_t i = 0; i < RG_ARRAY_LEN(bits); i++)
		if (tag & bits[i].bit)
			p = rg_put(p, bits[i].text, strnlen(bits[i].text, 8));
	return p > start ? p - 1 : p;
}

/* Tags of elements that differ from their field's: "fd[2].path":"K,LATE". */
static char *put_node_tags(struct rg_buf *b, char *p, const struct rg_node *n, uint8_t tag, const char *path,
			   size_t path_len)
{
	char sub[256];

	for (unsigned i = 0; n; n = n->next, i++) {
		uint8_t own = n->tag ? n->tag : tag;
		size_t room = n->name ? strlen(n->name) + 1 : 24;
		char *end;

		if (path_len + room > sizeof(sub) || !rg_put_room(b, &p, sizeof(sub) + 64))
			return p;
		end = rg_put(sub, path, path_len);
		if (n->name) {
			*end++ = '.';
			end = rg_put(end, n->name, room - 1);
		} else {
			*end++ = '[';
			end = rg_put_u64(end, i);
			*end++ = ']';
		}
		if (own != tag) {
			p = rg_put_lit(p, ",\"");
			p = rg_put(p, sub, (size_t)(end - sub));
			p = rg_put_lit(p, "\":\"");
			p = put_tag(p, own);
			*p++ = '"';
		}
		if (n->type == RG_T_OBJECT || n->type == RG_T_LIST)
			p = put_node_tags(b, p, n->v.node, own, sub, (size_t)(end - sub));
	}
	return p;
}

static char *put_tags(struct walk *w, char *p, const struct rg_event *ev)
{
	char *start;
	size_t at;

	p = rg_put_lit(p, ",\"tags\":{");
	at = (size_t)(p - w->b->data);
	for (unsigned i = 0; i < w->n_odd; i++) {
		const char *name = rg_fields[w->odd[i]].name;

		if (!rg_put_room(w->b, &p, 128))
			return rg_put_lit(p, "}");
		p = rg_put_lit(p, ",\"");
		p = rg_put(p, name, strlen(name));
		p = rg_put_lit(p, "\":\"");
		p = put_tag(p, ev->tag[w->odd[i]]);
		*p++ = '"';
	}
	for (unsigned i = 0; w->node_tags && i < w->n_present; i++) {
		const struct rg_field_info *info = &rg_fields[w->present[i]];

		if (info->type == RG_T_LIST || info->type == RG_T_OBJECT)
			p = put_node_tags(w->b, p, ev->v[w->present[i]].node, ev->tag[w->present[i]],
					  info->name, strlen(info->name));
	}
	start = w->b->data + at;
	if (p > start) { /* the first comma is one too many */
		memmove(start, start + 1, (size_t)(p - start) - 1);
		p--;
	}
	*p++ = '}';
	return p;
}

/* The top bit of every byte that is not zero. */
static inline uint64_t nonzero(uint64_t x)
{
	return (((x & ~HIGH_BITS) + ~HIGH_BITS) | x) & HIGH_BITS;
}

static inline unsigned collect(uint8_t *list, unsigned n, uint64_t mask, unsigned base)
{
	for (; mask; mask &= mask - 1)
		list[n++] = (uint8_t)(base + (unsigned)__builtin_ctzll(mask) / 8);
	return n;
}

/* Eight tags at a time: most fields are absent, and most present ones are plain K. */
static void look_at_tags(struct walk *w, const uint8_t *tag)
{
	uint64_t all[(RG_F__COUNT + 7) / 8];

	all[RG_F__COUNT / 8 < sizeof(all) / 8 ? RG_F__COUNT / 8 : 0] = 0; /* the bytes past the last field */
	memcpy(all, tag, RG_F__COUNT);
	for (unsigned f = 0; f < RG_F__COUNT; f += 8) {
		uint64_t x = htole64(all[f / 8]), mask = nonzero(x);

		w->n_present = collect(w->present, w->n_present, mask, f);
		w->n_odd = collect(w->odd, w->n_odd, mask & nonzero(x ^ ONE_EACH * RG_TAG_K), f);
	}
}

static inline char *put_piece(char *p, const struct rg_piece *c)
{
	memcpy(p, c->text, 24);
	if (__builtin_expect(c->len > 24, 0))
		memcpy(p + 24, c->text + 24, RG_PIECE - 1 - 24);
	return p + c->len;
}

static inline char *put_field(struct walk *w, char *p, const struct rg_keys *k, const struct rg_event *ev,
			      int f)
{
	const struct rg_value *v = &ev->v[f];
	const struct rg_quick_names *q = k->quick[f];

	if (q && (uint64_t)v->i < RG_QUICK_ENUM && q->v[v->i].len) {
		memcpy(p, q->v[v->i].text, sizeof(q->v[0].text));
		return p + q->v[v->i].len;
	}
	return put_value(w, p, rg_fields[f].type, v,
			 f == RG_F_SOCK_PROTOCOL ? rg_event_names(ev, f) : rg_fields[f].names);
}

/* Fields from w->present[from] on, before w->present[to]; group: the object that is open, -1 none yet. */
static char *put_run(struct walk *w, char *p, const struct rg_event *ev, unsigned from, unsigned to,
		     int *group)
{
	const struct rg_keys *k = rg_keys_get();

	for (unsigned i = from; i < to; i++) {
		int f = w->present[i];

		if (k->group[f] == *group) {
			p = put_piece(p, &k->key[f]);
		} else {
			p = put_piece(p,
				      *group < 0 ? &k->first[k->group[f]] : &k->between[*group][k->group[f]]);
			*group = k->group[f];
			memcpy(p, k->key[f].text + 1, 32);
			p += k->key[f].len - 1;
		}
		p = put_field(w, p, k, ev, f);
	}
	return p;
}

static bool is_string(int f)
{
	return rg_fields[f].type == RG_T_STR;
}

/* Was that text written from the very same fields and values? */
static bool is_same_who(const struct rg_json_who *who, const struct rg_event *ev, const uint8_t *field,
			unsigned n, int before)
{
	const char *s = who->text_of;

	if (who->n != n || who->before != before || memcmp(who->field, field, n) != 0)
		return false;
	for (unsigned i = 0; i < n; i++) {
		const struct rg_value *v = &ev->v[field[i]];

		if (!(who->strings >> i & 1)) {
			if (v->u != who->value[i])
				return false;
			continue;
		}
		if (v->len != who->value[i] || (v->len && memcmp(v->p, s, v->len) != 0))
			return false;
		s += v->len;
	}
	return true;
}

static void keep_who(struct rg_json_who *who, const struct rg_event *ev, const uint8_t *field, unsigned n,
		     int before, const char *text, size_t len)
{
	size_t used = 0;

	who->n = 0;
	if (len > sizeof(who->text))
		return;
	who->strings = 0;
	for (unsigned i = 0; i < n; i++) {
		const struct rg_value *v = &ev->v[field[i]];

		who->value[i] = v->u;
		if (!is_string(field[i]))
			continue;
		if (v->len > sizeof(who->text_of) - used)
			return;
		who->strings |= 1u << i;
		who->value[i] = v->len;
		if (v->len) /* else there may be no pointer */
			memcpy(who->text_of + used, v->p, v->len);
		used += v->len;
	}
	memcpy(who->field, field, n);
	memcpy(who->text, text, len);
	who->len = (uint16_t)len;
	who->before = (int8_t)before;
	who->n = (uint8_t)n;
}
_Static_assert(RG_JSON_WHO_FIELDS <= 32, "a bit each");

/* The receiver: w->present[from] to w->present[to - 1] are its fields, numbers and strings all of them. */
static char *put_who(struct walk *w, char *p, const struct rg_event *ev, unsigned from, unsigned to,
		     int *group)
{
	const uint8_t *field = w->present + from;
	struct rg_json_who *who = &w->j->who[ev->v[RG_F_PROC_TID].u % RG_ARRAY_LEN(w->j->who)];
	int before = *group;
	size_t at;

	if (from == to || !rg_put_room(w->b, &p, sizeof(who->text)))
		return p;
	if (is_same_who(who, ev, field, to - from, before)) {
		memcpy(p, who->text, who->len);
		*group = rg_keys_get()->group[field[to - from - 1]];
		return p + who->len;
	}
	at = (size_t)(p - w->b->data);
	p = put_run(w, p, ev, from, to, group);
	if (!w->b->oom)
		keep_who(who, ev, field, to - from, before, w->b->data + at, (size_t)(p - w->b->data) - at);
	return p;
}

static char *put_fields(struct walk *w, char *p, const struct rg_event *ev)
{
	unsigned from = 0, to;
	int group = -1;

	while (from < w->n_present && w->present[from] < RG_F_PROC_PID)
		from++;
	for (to = from; to < w->n_present && w->present[to] <= RG_F_CONTAINER_POD;)
		to++;
	p = put_run(w, p, ev, 0, from, &group);
	p = put_who(w, p, ev, from, to, &group);
	p = put_run(w, p, ev, to, w->n_present, &group);
	return group < 0 ? rg_put_lit(p, "{") : put_piece(p, &rg_keys_get()->last[group]);
}

int rg_json_event(struct rg_json *j, struct rg_buf *b, const struct rg_event *ev)
{
	size_t start = b->len;
	struct walk w;
	char *p;

	b->oom = false;
	if (!rg_buf_room(b, PUT_SLACK))
		return -ENOMEM;
	w.j = j; /* field by field: the lists need no zeroing */
	w.b = b;
	w.node_tags = false;
	w.n_present = w.n_odd = 0;
	look_at_tags(&w, ev->tag);
	p = put_fields(&w, b->data + b->len, ev);
	if (w.n_odd || w.node_tags)
		p = put_tags(&w, p, ev);
	p = rg_put_lit(p, "}\n");
	b->len = (size_t)(p - b->data);
	if (!b->oom)
		return 0;
	b->len = start;
	b->oom = false;
	return -ENOMEM;
}

void rg_json_value(struct rg_json *j, struct rg_buf *b, enum rg_type type, const struct rg_value *v,
		   const struct rg_name *names)
{
	struct walk w = {.j = j, .b = b};

	if (rg_buf_room(b, PUT_SLACK))
		b->len = (size_t)(put_value(&w, b->data + b->len, type, v, names) - b->data);
}

void rg_json_bytes(struct rg_buf *b, const char *p, size_t len)
{
	if (rg_buf_room(b, PUT_SLACK))
		b->len = (size_t)(rg_put_json_bytes(b, b->data + b->len, p, len) - b->data);
}

void rg_json_lossy(struct rg_buf *b, const char *p, size_t len)
{
	if (rg_buf_room(b, PUT_SLACK))
		b->len = (size_t)(rg_put_json_lossy(b, b->data + b->len, p, len) - b->data);
}

void rg_json_time(struct rg_json *j, struct rg_buf *b, uint64_t ns)
{
	if (rg_buf_room(b, PUT_SLACK))
		b->len = (size_t)(put_time(j, b->data + b->len, ns) - b->data);
}

void rg_tag_text(struct rg_buf *b, uint8_t tag)
{
	if (rg_buf_room(b, 64))
		b->len = (size_t)(put_tag(b->data + b->len, tag) - b->data);
}

static int json_sink_event(struct rg_sink *s, const struct rg_event *ev, struct rg_err *err)
{
	int r = rg_json_event(s->state, &s->out.buf, ev);

	return r ? rg_fail(err, r, "out of memory for one event as JSON") : 0;
}

const struct rg_format rg_format_json = {
	.lines = true,
	.state_size = sizeof(struct rg_json),
	.event = json_sink_event,
};
