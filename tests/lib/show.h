/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RG_TESTS_SHOW_H
#define RG_TESTS_SHOW_H

/* Decoded nodes as one line, so that a test can say what it expects in words: name=value ..., lists in [],
 * objects in {}, text in "", bytes as x"..". */
#include <recvguard/event.h>

#include "base/buf.h"

static inline void rg_show_chain(struct rg_buf *out, const struct rg_node *n);

static inline void rg_show_flags(struct rg_buf *out, const struct rg_node *n)
{
	uint64_t left = n->v.u;
	size_t start = out->len;

	for (const struct rg_name *r = n->names; r && r->name; r++)
		if (r->value && (left & r->value) == r->value) {
			rg_buf_printf(out, "%s%s", out->len > start ? "|" : "", r->name);
			left &= ~r->value;
		}
	if (left || out->len == start)
		rg_buf_printf(out, "%s0x%llx", out->len > start ? "|" : "", (unsigned long long)left);
}

static inline void rg_show_value(struct rg_buf *out, const struct rg_node *n)
{
	const char *name;

	switch (n->type) {
	case RG_T_BOOL: rg_buf_str(out, n->v.u ? "true" : "false"); break;
	case RG_T_INT: rg_buf_i64(out, n->v.i); break;
	case RG_T_ENUM:
		name = rg_name_of(n->names, (uint64_t)n->v.i);
		if (name)
			rg_buf_str(out, name);
		else
			rg_buf_i64(out, n->v.i);
		break;
	case RG_T_FLAGS: rg_show_flags(out, n); break;
	case RG_T_STR: rg_buf_printf(out, "\"%.*s\"", (int)n->v.len, n->v.p); break;
	case RG_T_BYTES:
		rg_buf_str(out, "x\"");
		for (uint32_t i = 0; i < n->v.len; i++)
			rg_buf_printf(out, "%02x", (unsigned char)n->v.p[i]);
		rg_buf_char(out, '"');
		break;
	case RG_T_ADDR: rg_buf_printf(out, "%.*s", (int)n->v.addr->text_len, n->v.addr->text); break;
	case RG_T_LIST:
		rg_buf_char(out, '[');
		rg_show_chain(out, n->v.node);
		rg_buf_char(out, ']');
		break;
	case RG_T_OBJECT:
		rg_buf_char(out, '{');
		rg_show_chain(out, n->v.node);
		rg_buf_char(out, '}');
		break;
	default: rg_buf_u64(out, n->v.u);
	}
}

static inline void rg_show_chain(struct rg_buf *out, const struct rg_node *n)
{
	for (bool first = true; n; n = n->next, first = false) {
		if (!first)
			rg_buf_char(out, ' ');
		if (n->name)
			rg_buf_printf(out, "%s=", n->name);
		rg_show_value(out, n);
	}
}

#endif
