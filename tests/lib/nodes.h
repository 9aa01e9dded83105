/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RG_TESTS_NODES_H
#define RG_TESTS_NODES_H

/* A decoded chain as text, to be compared in one line: `family=inet addr=127.0.0.1 port=53`. */
#include <string.h>

#include <recvguard/event.h>

#include "base/buf.h"

static inline void nodes_text(struct rg_buf *out, const struct rg_node *n);

static inline void nodes_value(struct rg_buf *out, const struct rg_node *n)
{
	const char *name = n->type == RG_T_ENUM ? rg_name_of(n->names, n->v.u) : NULL;

	switch ((enum rg_type)n->type) {
	case RG_T_INT: rg_buf_i64(out, n->v.i); break;
	case RG_T_STR: rg_buf_add(out, n->v.p, n->v.len); break;
	case RG_T_ADDR: rg_buf_add(out, n->v.addr->text, n->v.addr->text_len); break;
	case RG_T_BYTES:
		for (uint32_t i = 0; i < n->v.len; i++)
			rg_buf_printf(out, "%02x", (uint8_t)n->v.p[i]);
		break;
	case RG_T_OBJECT:
	case RG_T_LIST:
		rg_buf_char(out, n->type == RG_T_LIST ? '[' : '{');
		nodes_text(out, n->v.node);
		rg_buf_char(out, n->type == RG_T_LIST ? ']' : '}');
		break;
	default:
		if (name)
			rg_buf_str(out, name);
		else
			rg_buf_u64(out, n->v.u);
	}
}

static inline void nodes_text(struct rg_buf *out, const struct rg_node *n)
{
	for (const char *sep = ""; n; n = n->next, sep = " ") {
		rg_buf_str(out, sep);
		if (n->name)
			rg_buf_printf(out, "%s=", n->name);
		nodes_value(out, n);
	}
}

#endif
