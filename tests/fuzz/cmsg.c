/* SPDX-License-Identifier: BSD-2-Clause */
/* Control messages. Input: one byte of flags (compat, send, errqueue), one of family, then control bytes. */
#include "fuzz.h"

#include "decode/cmsg.h"
#include "tests/lib/show.h"

/* The row an element was decoded by: its type's names table lies in it. */
static const struct rg_cmsg_type *row_of(const struct rg_node *level, const struct rg_node *type, bool send)
{
	const struct rg_cmsg_type *t, *other = NULL;
	const char *level_name = rg_name_of(level->names, (uint64_t)level->v.i);

	for (size_t i = 0; (t = rg_cmsg_type_at(i)); i++)
		if (level_name && !strcmp(t->level, level_name) && t->type_nr == type->v.i) {
			if (t->dirs & (send ? RG_CMSG_SEND : RG_CMSG_RECV))
				return t;
			other = t;
		}
	return other;
}

static bool generic(const struct rg_node *n)
{
	return (!strcmp(n->name, "malformed") && n->type == RG_T_STR) ||
	       ((!strcmp(n->name, "cut") || !strcmp(n->name, "partial")) && n->type == RG_T_BOOL) ||
	       (!strcmp(n->name, "data") && n->type == RG_T_BYTES);
}

/* Whatever the nesting: bytes are never more than there were, names are where names must be. */
static void check_nodes(const struct rg_node *n)
{
	for (; n; n = n->next) {
		FUZZ_CHECK(n->type < RG_T__COUNT);
		if (n->type == RG_T_BYTES || n->type == RG_T_STR)
			FUZZ_CHECK(n->v.full >= n->v.len);
		if (n->type == RG_T_OBJECT || n->type == RG_T_LIST)
			check_nodes(n->v.node);
		if (n->type == RG_T_ADDR)
			FUZZ_CHECK(n->v.addr->text_len && n->v.addr->ip_len);
	}
}

/* Every field stands in the table, with its type. */
static void check_fields(const struct rg_cmsg_type *t, const struct rg_node *n)
{
	for (; n; n = n->next) {
		bool found = generic(n);

		for (size_t i = 0; t && i < t->n_fields && !found; i++)
			found = !strcmp(t->fields[i].name, n->name) && t->fields[i].type == n->type;
		FUZZ_CHECK(found);
	}
}

static void check_element(const struct rg_node *e, const struct rg_cmsg_ctx *ctx, size_t size)
{
	const struct rg_node *level = e->v.node, *type = level->next, *len = type ? type->next : NULL;

	FUZZ_CHECK(e->type == RG_T_OBJECT && !e->name && e->tag == ctx->tag);
	if (strcmp(level->name, "level")) { /* not even a header */
		FUZZ_CHECK(!strcmp(level->name, ctx->partial ? "partial" : "malformed"));
		return;
	}
	FUZZ_CHECK(!strcmp(type->name, "type") && !strcmp(len->name, "len"));
	FUZZ_CHECK(len->v.u <= size || rg_node_find(len, "malformed") || rg_node_find(len, "partial"));
	check_fields(row_of(level, type, ctx->send), len->next);
}

static void check_fds(const uint8_t *p, size_t size, bool compat)
{
	int fds[8];
	unsigned n = rg_cmsg_fds(p, size, compat, fds, 8);

	FUZZ_CHECK(n <= size / 4);
	FUZZ_CHECK(rg_cmsg_fds(p, size, compat, NULL, 0) == n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct rg_cmsg_ctx ctx = {.tag = RG_TAG_U};
	struct rg_event *ev;
	struct rg_builder list;
	struct rg_buf shown = {0};
	uint8_t *p;
	unsigned n, seen = 0;

	if (size < 2)
		return 0;
	ctx.compat = data[0] & 1;
	ctx.send = data[0] & 2;
	ctx.errqueue = data[0] & 4;
	ctx.partial = data[0] & 8;
	ctx.family = data[1] % 48;
	size -= 2;
	p = fuzz_copy(data + 2, size);
	ev = rg_event_new();
	FUZZ_CHECK(ev);
	rg_build_field(&list, ev, RG_F_CMSG, RG_TAG_U);
	n = rg_decode_cmsgs(p, size, &ctx, &list);
	FUZZ_CHECK(!list.full);
	for (const struct rg_node *e = ev->v[RG_F_CMSG].node; e; e = e->next, seen++)
		check_element(e, &ctx, size);
	FUZZ_CHECK(n == seen && n <= size);
	check_fds(p, size, ctx.compat);
	check_nodes(ev->v[RG_F_CMSG].node);
	free(p); /* nothing decoded may point into it */
	rg_show_chain(&shown, ev->v[RG_F_CMSG].node);
	rg_buf_free(&shown);
	rg_event_free(ev);
	return 0;
}
