/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Wayland's wire format: object id, then size << 16 | opcode, in the machine's byte order, then arguments.
 * Which interface an object has is known only to who saw it made; object 1 is always wl_display.
 */
#include "decode/dissect/dissector.h"

#define SHOWN_MAX 5

static const char *const display_requests[] = {"sync", "get_registry"};
static const char *const display_events[] = {"error", "delete_id"};

static bool match(const struct rg_dissect_ctx *c, const struct rg_payload *p)
{
	return c->family == AF_UNIX && c->type == SOCK_STREAM && p->len >= 8 &&
	       rg_ctx_base_starts(c, "wayland-");
}

/* wl_display.error: object, code, message (length with NUL, bytes). */
static void text_error(struct rg_text *t, const struct rg_payload *p, size_t at)
{
	struct rg_payload s;

	if (!rg_pl_has(p, at, 20))
		return;
	s = rg_pl_sub(p, at + 20, rg_u32(p->p + at + 16) ? rg_u32(p->p + at + 16) - 1 : 0);
	rg_text_str(t, " object ");
	rg_text_u64(t, rg_u32(p->p + at + 8));
	rg_text_str(t, " code ");
	rg_text_u64(t, rg_u32(p->p + at + 12));
	rg_text_char(t, ' ');
	rg_pl_text(t, s.p, s.len, 120);
}

static void text_message(struct rg_text *t, const struct rg_payload *p, size_t at, bool request,
			 unsigned shown)
{
	uint32_t object = rg_u32(p->p + at), opcode = rg_u32(p->p + at + 4) & 0xffff;

	rg_text_str(t, shown ? ", " : " ");
	if (object == 1 && opcode < 2) {
		rg_text_str(t, "wl_display.");
		rg_text_str(t, request ? display_requests[opcode] : display_events[opcode]);
		if (!request && opcode == 0)
			text_error(t, p, at);
		return;
	}
	rg_text_u64(t, object);
	rg_text_char(t, '.');
	rg_text_u64(t, opcode);
	rg_text_str(t, " (");
	rg_text_u64(t, rg_u32(p->p + at + 4) >> 16);
	rg_text_char(t, ')');
}

static bool summary(const struct rg_dissect_ctx *c, const struct rg_payload *p, struct rg_text *t)
{
	/* The compositor's socket is bound to the path; what arrives there are requests. */
	bool request = c->local_path != c->send;
	unsigned n = 0;
	size_t at = 0;

	rg_text_str(t, request ? "Wayland requests" : "Wayland events");
	for (; rg_pl_has(p, at, 8); n++) {
		uint32_t size = rg_u32(p->p + at + 4) >> 16;

		if (size < 8 || size & 3) {
			rg_text_str(t, n ? ", not a message" : "");
			return n;
		}
		if (n < SHOWN_MAX)
			text_message(t, p, at, request, n);
		at += size;
	}
	if (n > SHOWN_MAX) {
		rg_text_str(t, ", ");
		rg_text_u64(t, n - SHOWN_MAX);
		rg_text_str(t, rg_pl_cut(p) ? " more and what is not captured" : " more");
	}
	return true;
}

const struct rg_dissector rg_dissect_wayland = {"wayland", match, summary};
