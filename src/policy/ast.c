/* SPDX-License-Identifier: BSD-2-Clause */
#include "policy/ast.h"

#include <errno.h>
#include <string.h>

#define ARENA_LIMIT (256u << 20) /* 10,000 rules need about 20 MiB; a hostile file stops here */

const char *const rg_ast_names[RG_A__COUNT] = {
#define RG_AST(ID, name) [RG_A_##ID] = name,
#include "policy/ast.def"
#undef RG_AST
};
const char *const rg_cmp_names[] = {"==", "!=", "<", "<=", ">", ">="};
const char *const rg_strop_names[] = {"==", "contains", "startswith", "endswith", "glob", "matches"};
const char *const rg_mode_names[] = {"any", "all", "none"};

int rg_comp_init(struct rg_comp *c, struct rg_err *err)
{
	*c = (struct rg_comp){.err = err, .scope = -1, .arena = rg_arena_new(ARENA_LIMIT)};
	return c->arena ? 0 : rg_fail(err, -ENOMEM, "out of memory");
}

void rg_comp_done(struct rg_comp *c)
{
	if (c->arena)
		rg_arena_free(c->arena);
	c->arena = NULL;
}

static void *comp_alloc(struct rg_comp *c, size_t size)
{
	void *p = rg_arena_alloc(c->arena, size);

	if (p) {
		memset(p, 0, size);
	} else if (!c->failed) {
		c->failed = true;
		rg_fail(c->err, -ENOMEM, "out of memory");
	}
	return p;
}

char *rg_comp_dup(struct rg_comp *c, const char *s, size_t len)
{
	char *p = comp_alloc(c, len + 1);

	if (p)
		memcpy(p, s, len);
	return p;
}

struct rg_src *rg_src_new(struct rg_comp *c, const char *origin, const char *text, size_t len)
{
	struct rg_src *s = comp_alloc(c, sizeof(*s));

	if (!s)
		return NULL;
	s->origin = rg_comp_dup(c, origin, strlen(origin));
	s->text = rg_comp_dup(c, text, len);
	s->len = len;
	s->line = s->col = 1;
	return s->origin && s->text ? s : NULL;
}

struct rg_ast *rg_ast_new(struct rg_comp *c, enum rg_ast_kind kind, struct rg_loc loc)
{
	struct rg_ast *n = comp_alloc(c, sizeof(*n));

	if (!n)
		return NULL;
	n->kind = kind;
	n->loc = loc;
	n->depth = 1;
	n->field = -1;
	return n;
}

struct rg_ast *rg_ast_add(struct rg_comp *c, struct rg_ast *n, struct rg_ast *kid)
{
	if (!n || !kid)
		return NULL;
	if (n->last)
		n->last->next = kid;
	else
		n->kids = kid;
	for (; kid; kid = kid->next) {
		if (kid->depth >= n->depth)
			n->depth = (uint16_t)(kid->depth + 1);
		n->last = kid;
	}
	if (n->depth > RG_AST_DEPTH_MAX) {
		rg_diag(c, n->loc, "nested deeper than %d levels", RG_AST_DEPTH_MAX);
		return NULL;
	}
	return n;
}

struct rg_ast *rg_ast_clone(struct rg_comp *c, const struct rg_ast *n)
{
	struct rg_ast *copy = rg_ast_new(c, n->kind, n->loc);

	if (!copy)
		return NULL;
	*copy = *n;
	copy->kids = copy->last = copy->next = NULL;
	for (const struct rg_ast *k = n->kids; k; k = k->next)
		if (!rg_ast_add(c, copy, rg_ast_clone(c, k)))
			return NULL;
	return copy;
}

struct rg_def *rg_def_find(const struct rg_comp *c, const char *name, size_t len)
{
	for (struct rg_def *d = c->defs; d; d = d->next)
		if (strlen(d->name) == len && !memcmp(d->name, name, len))
			return d;
	return NULL;
}
