/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * D-Bus (the D-Bus specification, "Message Protocol" and "Authentication Protocol"): the header of the first
 * message in the payload, and how many follow. sd-bus and GDBus read the 16 fixed bytes first and the rest by
 * a second call: then only these are known, and the summary says so.
 */
#include "decode/dissect/dissector.h"

#define FIXED	    16
#define FIELDS_MAX  (64u << 20)
#define MESSAGE_MAX (128u << 20)

static const struct rg_name types[] = {{1, "call"}, {2, "return"}, {3, "error"}, {4, "signal"}, {0, NULL}};

/* Reads the message's own byte order. */
struct reader {
	const struct rg_payload *p;
	bool big;
};

static uint32_t u32(const struct reader *r, size_t at)
{
	return r->big ? rg_be32(r->p->p + at)
		      : (uint32_t)r->p->p[at] | (uint32_t)r->p->p[at + 1] << 8 |
				(uint32_t)r->p->p[at + 2] << 16 | (uint32_t)r->p->p[at + 3] << 24;
}

static bool header_like(const struct rg_payload *p)
{
	return p->len >= 4 && (p->p[0] == 'l' || p->p[0] == 'B') && p->p[1] >= 1 && p->p[1] <= 4 &&
	       p->p[3] == 1 && !(p->p[2] & ~7);
}

/* ---- SASL, before the first message ---- */

static bool sasl_like(const struct rg_dissect_ctx *c, const struct rg_payload *p)
{
	if (p->len >= 5 && !p->p[0])
		return !memcmp(p->p + 1, "AUTH", 4);
	if (c->family != AF_UNIX)
		return false;
	switch (p->p[0]) {
	case 'A':
		return RG_PL_STARTS(p, "AUTH ") || RG_PL_STARTS(p, "AGREE_UNIX_FD\r\n") ||
		       RG_PL_STARTS(p, "AUTH\r\n");
	case 'B': return RG_PL_STARTS(p, "BEGIN\r\n");
	case 'N': return RG_PL_STARTS(p, "NEGOTIATE_UNIX_FD\r\n");
	case 'O': return RG_PL_STARTS(p, "OK ");
	case 'R': return RG_PL_STARTS(p, "REJECTED");
	case 'D': return RG_PL_STARTS(p, "DATA\r\n");
	default: return false;
	}
}

/* The lines, in one: "AUTH EXTERNAL 30; NEGOTIATE_UNIX_FD; BEGIN". A message may follow BEGIN at once. */
static bool sasl(const struct rg_payload *p, struct rg_text *t)
{
	size_t at = p->p[0] ? 0 : 1;
	bool more = true;

	rg_text_str(t, "D-Bus ");
	for (int lines = 0; at < p->len && more && lines < 5; lines++) {
		size_t n = rg_pl_until(p, at, '\n', &more);

		if (lines && header_like(&(struct rg_payload){p->p + at, p->len - at, p->full - at})) {
			rg_text_str(t, "; then a message");
			break;
		}
		if (lines)
			rg_text_str(t, "; ");
		rg_pl_text(t, p->p + at, n && p->p[at + n - 1] == '\r' ? n - 1 : n, 60);
		at += n + 1;
	}
	return true;
}

/* ---- messages ---- */

enum {
	F_PATH = 1,
	F_INTERFACE,
	F_MEMBER,
	F_ERROR_NAME,
	F_REPLY_SERIAL,
	F_DESTINATION,
	F_SENDER,
	F_SIGNATURE,
	F_UNIX_FDS,
	F__COUNT
};

/* Type of each field's variant. */
static const char field_type[F__COUNT] = {[F_PATH] = 'o',	[F_INTERFACE] = 's',	[F_MEMBER] = 's',
					  [F_ERROR_NAME] = 's', [F_REPLY_SERIAL] = 'u', [F_DESTINATION] = 's',
					  [F_SENDER] = 's',	[F_SIGNATURE] = 'g',	[F_UNIX_FDS] = 'u'};

struct header {
	struct rg_payload text[F__COUNT]; /* p NULL: absent */
	uint32_t number[F__COUNT];
	bool whole; /* all fields were there and sound */
};

/* The value of a string-like or uint32 variant at *at; moves *at behind it. */
static bool value(const struct reader *r, size_t end, size_t *at, char type, struct rg_payload *ret,
		  uint32_t *ret_u)
{
	size_t n;

	if (type != 'g')
		*at = (*at + 3) & ~(size_t)3;
	if (*at + (type == 'g' ? 1 : 4) > end)
		return false;
	n = type == 'g' ? r->p->p[*at] : u32(r, *at);
	*at += type == 'g' ? 1 : 4;
	*ret_u = (uint32_t)n;
	if (type == 'u')
		return true;
	if (n >= end - *at) /* a NUL follows */
		return false;
	*ret = rg_pl_sub(r->p, *at, n);
	*at += n + 1;
	return true;
}

/* Array of (code, variant), each aligned to 8. end is within the payload. */
static void fields(const struct reader *r, size_t at, size_t end, struct header *h)
{
	while (at + 4 < end) {
		uint8_t code = r->p->p[at];
		struct rg_payload text = {0};
		uint32_t number = 0;
		char type;

		if (r->p->p[at + 1] != 1 ||
		    r->p->p[at + 3]) /* signatures of one type: enough for all known fields */
			return;
		type = (char)r->p->p[at + 2];
		at += 4;
		if (!strchr("sogu", type) || !value(r, end, &at, type, &text, &number))
			return;
		if (code < F__COUNT && field_type[code] == type) {
			h->text[code] = text;
			h->number[code] = number;
		}
		at = (at + 7) & ~(size_t)7;
	}
	h->whole = true;
}

static void part(struct rg_text *t, const struct header *h, int field, const char *before, size_t max)
{
	if (!h->text[field].p)
		return;
	rg_text_str(t, before);
	rg_pl_text(t, h->text[field].p, h->text[field].len, max);
}

static void text_what(struct rg_text *t, const struct header *h, uint8_t type)
{
	if (type == 3)
		part(t, h, F_ERROR_NAME, " ", 100);
	part(t, h, F_SENDER, " ", 40);
	part(t, h, F_DESTINATION, " -> ", 80);
	part(t, h, F_PATH, " ", 80);
	part(t, h, F_INTERFACE, " ", 80);
	part(t, h, F_MEMBER, h->text[F_INTERFACE].p ? "." : " ", 80);
	if (h->text[F_SIGNATURE].p || ((type == 1 || type == 4) && h->whole)) {
		rg_text_str(t, h->text[F_MEMBER].p ? "(" : " (");
		part(t, h, F_SIGNATURE, "", 40);
		rg_text_char(t, ')');
	}
	if (h->number[F_UNIX_FDS]) {
		rg_text_str(t, " fds ");
		rg_text_u64(t, h->number[F_UNIX_FDS]);
	}
}

/* Length of the message at `at`, 0 when its fixed part is not there or cannot be one. */
static uint64_t message_len(const struct rg_payload *p, size_t at)
{
	struct rg_payload here = rg_pl_sub(p, at, p->len);
	struct reader r = {&here, here.len && here.p[0] == 'B'};
	uint64_t fields_len, body_len;

	if (here.len < FIXED || !header_like(&here))
		return 0;
	body_len = u32(&r, 4);
	fields_len = u32(&r, 12);
	if (fields_len > FIELDS_MAX || body_len > MESSAGE_MAX)
		return 0;
	return ((FIXED + fields_len + 7) & ~UINT64_C(7)) + body_len;
}

static void text_following(struct rg_text *t, const struct rg_payload *p, uint64_t at)
{
	unsigned n = 0;

	for (uint64_t len = 1; at < p->len && len && n < 1000; n += len != 0) {
		len = message_len(p, (size_t)at);
		at += len;
	}
	if (!n)
		return;
	rg_text_str(t, ", then ");
	rg_text_u64(t, n);
	rg_text_str(t, n == 1 ? " more message" : " more messages");
}

static bool message(const struct rg_payload *p, struct rg_text *t)
{
	struct reader r = {p, p->p[0] == 'B'};
	uint64_t len = message_len(p, 0), fields_end;
	struct header h = {.whole = false};

	if (!len || !u32(&r, 8)) /* a serial is never 0 */
		return false;
	fields_end = FIXED + (uint64_t)u32(&r, 12);
	fields(&r, FIXED, fields_end < p->len ? (size_t)fields_end : p->len, &h);
	rg_text_str(t, "D-Bus ");
	rg_text_str(t, rg_name_of(types, p->p[1]));
	text_what(t, &h, p->p[1]);
	rg_text_str(t, " serial ");
	rg_text_u64(t, u32(&r, 8));
	if (h.number[F_REPLY_SERIAL]) {
		rg_text_str(t, " reply to ");
		rg_text_u64(t, h.number[F_REPLY_SERIAL]);
	}
	if (p->p[2] & 1 && p->p[1] == 1)
		rg_text_str(t, " no reply expected");
	if (fields_end > p->len)
		rg_text_str(t, rg_pl_cut(p) ? " (header not captured whole)"
					    : " (header goes on in the next read)");
	else if (!h.whole)
		rg_text_str(t, " (malformed header)");
	text_following(t, p, len);
	return true;
}

static bool match(const struct rg_dissect_ctx *c, const struct rg_payload *p)
{
	if (c->family != AF_UNIX && !rg_ctx_inet(c))
		return false;
	return header_like(p) ? p->len >= FIXED : sasl_like(c, p);
}

static bool summary(const struct rg_dissect_ctx *c, const struct rg_payload *p, struct rg_text *t)
{
	return header_like(p) ? message(p, t) : sasl(p, t);
}

const struct rg_dissector rg_dissect_dbus = {"dbus", match, summary};
