/* SPDX-License-Identifier: BSD-2-Clause */
/* Pass 3: what is known before any event. Constants are folded; nested and/or become one; comparisons of one
 * field joined by "or" become one set, so that a thousand of them cost one look-up. */
#include <string.h>

#include "policy/ast.h"

static bool is_bool(const struct rg_ast *n, bool v)
{
	return n->kind == RG_A_BOOL && (n->num != 0) == v;
}

static void become_bool(struct rg_ast *n, bool v)
{
	n->kind = RG_A_BOOL;
	n->num = v;
	n->kids = n->last = NULL;
	n->cond = n->typed = true;
	n->type = RG_T_BOOL;
}

/* The same value of the event? */
static bool same_value(const struct rg_ast *a, const struct rg_ast *b)
{
	if (a->kind != b->kind || a->field != b->field || a->from != b->from || a->to != b->to ||
	    a->width != b->width || a->endian != b->endian || a->sign != b->sign)
		return false;
	if (a->str != b->str && (!a->str || !b->str || strcmp(a->str, b->str)))
		return false;
	if (!a->kids != !b->kids)
		return false;
	return !a->kids || same_value(a->kids, b->kids);
}

/* x == constant or x in set: can be one with others of the same x. */
static bool mergeable(const struct rg_ast *n)
{
	const struct rg_ast *v = n->kids, *k;

	if (n->kind == RG_A_IN)
		return !v->dyn;
	if (n->kind != RG_A_CMP || n->op != RG_EQ || v->dyn)
		return false;
	k = v->next;
	return k->kind == RG_A_INT || k->kind == RG_A_STR || k->kind == RG_A_BYTES || k->kind == RG_A_ADDR;
}

/* Move the constants of b into a, which becomes `in`. */
static int merge(struct rg_comp *c, struct rg_ast *a, struct rg_ast *b)
{
	struct rg_ast *v = a->kids, *set = v->next, *from = b->kids->next;

	if (a->kind == RG_A_CMP) {
		struct rg_ast *first = set;

		set = rg_ast_new(c, RG_A_SET, a->loc);
		if (!rg_ast_add(c, set, first))
			return -ENOMEM;
		v->next = set;
		a->last = set;
		a->kind = RG_A_IN;
	}
	if (b->kind == RG_A_IN)
		from = from->kids;
	return !from || rg_ast_add(c, set, from) ? 0 : -ENOMEM;
}

/* A value's identity for the table below. */
static size_t value_hash(const struct rg_ast *v)
{
	size_t h = (size_t)v->kind * 31 + (size_t)v->field;

	for (const char *s = v->str; s && *s; s++)
		h = h * 31 + (unsigned char)*s;
	return (h * 31 + v->from) * 31 + v->to;
}

#define MERGE_SLOTS 64

static int merge_or(struct rg_comp *c, struct rg_ast *n)
{
	struct rg_ast *seen[MERGE_SLOTS] = {0}, **link = &n->kids, *prev = NULL;

	while (*link) {
		struct rg_ast *k = *link, **slot;

		if (mergeable(k)) {
			slot = &seen[value_hash(k->kids) % MERGE_SLOTS];
			if (*slot && same_value((*slot)->kids, k->kids)) {
				*link = k->next;
				k->next = NULL;
				if (merge(c, *slot, k))
					return -ENOMEM;
				continue;
			}
			if (!*slot)
				*slot = k;
		}
		prev = k;
		link = &k->next;
	}
	n->last = prev;
	return 0;
}

/* and/or: drop neutral kids, decide by absorbing ones, take in nested ones of the same kind. */
static int fold_join(struct rg_comp *c, struct rg_ast **np)
{
	struct rg_ast *n = *np, **link = &n->kids, *prev = NULL;
	bool absorbing = n->kind == RG_A_OR;

	while (*link) {
		struct rg_ast *k = *link;

		if (is_bool(k, absorbing)) {
			become_bool(n, absorbing);
			return 0;
		}
		if (is_bool(k, !absorbing)) {
			*link = k->next;
			continue;
		}
		if (k->kind == n->kind) {
			k->last->next = k->next;
			*link = k->kids;
			prev = k->last;
			link = &prev->next;
			continue;
		}
		prev = k;
		link = &k->next;
	}
	n->last = prev;
	if (n->kind == RG_A_OR && merge_or(c, n))
		return -ENOMEM;
	if (!n->kids)
		become_bool(n, !absorbing);
	else if (!n->kids->next)
		*np = n->kids;
	return 0;
}

static void fold_not(struct rg_ast **np)
{
	struct rg_ast *n = *np, *k = n->kids;

	if (k->kind == RG_A_BOOL)
		become_bool(n, !k->num);
	else if (k->kind == RG_A_NOT)
		*np = k->kids;
}

static void fold_in(struct rg_ast *n)
{
	struct rg_ast *v = n->kids, *set = v->next;

	if (!set->kids) {
		become_bool(n, false);
	} else if (!set->kids->next && set->kids->kind != RG_A_RANGE &&
		   !(set->kids->kind == RG_A_ADDR && set->kids->width != set->kids->ip_len * 8)) {
		n->kind = RG_A_CMP;
		n->op = RG_EQ;
		v->next = set->kids;
		n->last = set->kids;
	}
}

static void fold_quant(struct rg_ast *n)
{
	const struct rg_ast *body = n->kids->next;

	/* any(list, false) and the like need no list; any(list, true) does */
	if (n->op == RG_ANY && is_bool(body, false))
		become_bool(n, false);
	else if ((n->op == RG_ALL && is_bool(body, true)) || (n->op == RG_NONE && is_bool(body, false)))
		become_bool(n, true);
}

int rg_pass_fold(struct rg_comp *c, struct rg_ast **np)
{
	struct rg_ast *n = *np;

	for (struct rg_ast **link = &n->kids; *link; link = &(*link)->next) {
		struct rg_ast *next = (*link)->next;

		if (rg_pass_fold(c, link))
			return -ENOMEM;
		(*link)->next = next;
		n->last = *link;
	}
	switch (n->kind) {
	case RG_A_OR:
	case RG_A_AND: return fold_join(c, np);
	case RG_A_NOT: fold_not(np); return 0;
	case RG_A_IN: fold_in(n); return 0;
	case RG_A_QUANT: fold_quant(n); return 0;
	default: return 0;
	}
}
