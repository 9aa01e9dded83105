/* SPDX-License-Identifier: BSD-2-Clause */
/* Pass 1: what each name stands for: a field, a field of the element in scope, a macro, a list, a function.
 * Names that stand for none of these stay: they may be constants of the other side's type (next pass). */
#include <errno.h>
#include <string.h>

#include "policy/ast.h"

static bool is(const struct rg_ast *n, const char *s)
{
	return strlen(s) == n->len && !memcmp(n->str, s, n->len);
}

const struct rg_elem_info *rg_elem_find(int field, const char *name, size_t len)
{
	const struct rg_elem_info *e;

	for (size_t i = 0; (e = rg_field_elem((enum rg_field)field, i)); i++)
		if (strlen(e->name) == len && !memcmp(e->name, name, len))
			return e;
	return NULL;
}

/* "fd.count" and "msg.name.port": the part before the last dot is a field. */
static bool resolve_member(struct rg_ast *n)
{
	const char *dot = memrchr(n->str, '.', n->len);
	size_t left = dot ? (size_t)(dot - n->str) : 0;
	int f = dot ? rg_field_find(n->str, left) : -1;
	const struct rg_elem_info *e;

	if (f < 0)
		return false;
	if (rg_fields[f].type == RG_T_LIST && n->len - left == 6 && !memcmp(dot, ".count", 6)) {
		n->kind = RG_A_COUNT;
		n->field = f;
		return true;
	}
	if (rg_fields[f].type != RG_T_OBJECT)
		return false;
	e = rg_elem_find(f, dot + 1, n->len - left - 1);
	if (!e)
		return false;
	n->kind = RG_A_SUB;
	n->field = f;
	n->str = e->name;
	n->len = strlen(e->name);
	n->type = e->type;
	n->names = e->names;
	return true;
}

/* Fields of the element in scope. Control messages also have their type's decoded fields (dynamic types). */
static bool resolve_elem(struct rg_comp *c, struct rg_ast *n)
{
	const struct rg_elem_info *e = rg_elem_find(c->scope, n->str, n->len);

	if (e) {
		n->kind = RG_A_ELEM;
		n->field = c->scope;
		n->str = e->name;
		n->type = e->type;
		n->names = e->names;
		n->dyn = e->type == RG_T_ENUM && !e->names;
		return true;
	}
	if (c->scope != RG_F_CMSG || !rg_cmsg_field_known(n->str, n->len))
		return false;
	n->kind = RG_A_ELEM;
	n->field = c->scope;
	n->dyn = true;
	return true;
}

static int resolve_macro(struct rg_comp *c, struct rg_ast **np, struct rg_def *d)
{
	struct rg_ast *n = *np, *body;
	int scope = c->scope, r;

	if (d->busy)
		return rg_diag(c, n->loc, "macro \"%s\" uses itself", d->name);
	body = rg_ast_clone(c, d->body);
	if (!body)
		return -ENOMEM;
	d->busy = true;
	c->scope = scope;
	r = rg_pass_names(c, &body);
	d->busy = false;
	body->paren = true;
	*np = body;
	return r;
}

static int resolve_name(struct rg_comp *c, struct rg_ast **np)
{
	struct rg_ast *n = *np;
	struct rg_def *d = rg_def_find(c, n->str, n->len);
	int f;

	if (d && !d->is_list)
		return resolve_macro(c, np, d);
	if (d)
		return rg_diag(c, n->loc, "\"%s\" is a list; use it as: FIELD in %s", d->name, d->name);
	if (c->scope >= 0 && resolve_elem(c, n))
		return 0;
	f = rg_field_find(n->str, n->len);
	if (f >= 0) {
		n->kind = RG_A_FIELD;
		n->field = f;
	} else {
		resolve_member(n);
	}
	return 0;
}

/* Items of a set: names of lists are replaced by their items. */
static int resolve_set(struct rg_comp *c, struct rg_ast *set)
{
	struct rg_ast **link = &set->kids;
	int r;

	set->last = NULL;
	while (*link) {
		struct rg_ast *it = *link, *next = it->next;
		struct rg_def *d = it->kind == RG_A_NAME ? rg_def_find(c, it->str, it->len) : NULL;

		if (d && d->is_list) {
			struct rg_ast *copy;

			if (d->busy)
				return rg_diag(c, it->loc, "list \"%s\" contains itself", d->name);
			copy = rg_ast_clone(c, d->body);
			if (!copy)
				return -ENOMEM;
			d->busy = true;
			r = resolve_set(c, copy);
			d->busy = false;
			if (r)
				return r;
			if (copy->last)
				copy->last->next = next;
			*link = copy->kids ? copy->kids : next;
			if (copy->last) {
				set->last = copy->last;
				link = &copy->last->next;
			}
			continue;
		}
		for (struct rg_ast *k = it->kids; k; k = k->next)
			if (k->kind == RG_A_ARITH && rg_pass_names(c, &k))
				return -EINVAL;
		set->last = it;
		link = &it->next;
	}
	return 0;
}

static int resolve_quant(struct rg_comp *c, struct rg_ast *n)
{
	struct rg_ast *list = n->kids;
	int f = rg_field_find(list->str, list->len);
	struct rg_near near = rg_near(list->str, list->len);
	char hint[96];
	int r;

	if (c->scope >= 0)
		return rg_diag(c, n->loc, "%s() can't stand inside another any(), all() or none()",
			       rg_mode_names[n->op]);
	if (f < 0 || rg_fields[f].type != RG_T_LIST) {
		for (int i = 0; i < RG_F__COUNT; i++)
			if (rg_fields[i].type == RG_T_LIST)
				rg_near_try(&near, rg_fields[i].name);
		return rg_diag(c, list->loc, "\"%s\" is not a list; lists are fd, cmsg and msg.iov%s",
			       list->str, rg_near_hint(&near, hint, sizeof(hint)));
	}
	n->field = f;
	c->scope = f;
	r = rg_pass_names(c, &list->next);
	c->scope = -1;
	n->last = list->next;
	return r;
}

static const struct {
	const char *name;
	uint8_t width, endian;
	bool sign;
} loads[] = {
	{"u8", 1, 'b', false},	 {"i8", 1, 'b', true},	  {"be16", 2, 'b', false}, {"le16", 2, 'l', false},
	{"be32", 4, 'b', false}, {"le32", 4, 'l', false}, {"be64", 8, 'b', false}, {"le64", 8, 'l', false},
	{"ibe16", 2, 'b', true}, {"ile16", 2, 'l', true}, {"ibe32", 4, 'b', true}, {"ile32", 4, 'l', true},
	{"ibe64", 8, 'b', true}, {"ile64", 8, 'l', true},
};
#define N_LOADS (sizeof(loads) / sizeof(loads[0]))

static int resolve_load(struct rg_comp *c, struct rg_ast *n, size_t i)
{
	struct rg_ast *off = n->kids->next;
	uint8_t unit;
	__int128 v;

	if (!off || off->next)
		return rg_diag(c, n->loc, "%s takes two arguments: bytes and offset", loads[i].name);
	if (rg_const_num(c, off, NULL, &v, &unit))
		return -EINVAL;
	if (v < 0 || v > 0x7fffffff)
		return rg_diag(c, off->loc, "offset is out of range");
	n->kind = RG_A_LOADINT;
	n->width = loads[i].width;
	n->endian = loads[i].endian;
	n->sign = loads[i].sign;
	n->from = (uint32_t)v;
	n->kids->next = NULL;
	n->last = n->kids;
	return 0;
}

static int resolve_call(struct rg_comp *c, struct rg_ast *n)
{
	struct rg_near near = rg_near(n->str, n->len);
	char hint[96];

	for (size_t i = 0; i < N_LOADS; i++) {
		if (is(n, loads[i].name))
			return resolve_load(c, n, i);
		rg_near_try(&near, loads[i].name);
	}
	if (is(n, "has_value"))
		n->kind = RG_A_EXISTS;
	else if (is(n, "len"))
		n->kind = RG_A_LEN;
	rg_near_try(&near, "has_value");
	rg_near_try(&near, "len");
	if (n->kind == RG_A_CALL)
		return rg_diag(c, n->loc, "no function \"%s\"%s", n->str,
			       rg_near_hint(&near, hint, sizeof(hint)));
	if (n->kids->next)
		return rg_diag(c, n->loc, "%s takes one argument", n->str);
	return 0;
}

int rg_pass_names(struct rg_comp *c, struct rg_ast **np)
{
	struct rg_ast *n = *np, **link;

	if (n->kind == RG_A_NAME) {
		struct rg_ast *next = n->next;
		int r = resolve_name(c, np);

		(*np)->next = next;
		return r;
	}
	if (n->kind == RG_A_QUANT)
		return resolve_quant(c, n);
	for (link = &n->kids; *link; link = &(*link)->next) {
		bool set = (*link)->kind == RG_A_SET && (n->kind == RG_A_IN || n->kind == RG_A_HAS);
		int r = set ? resolve_set(c, *link) : rg_pass_names(c, link);

		if (r)
			return r;
		n->last = *link;
	}
	return n->kind == RG_A_CALL ? resolve_call(c, n) : 0;
}
