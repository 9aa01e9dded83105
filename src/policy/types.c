/* SPDX-License-Identifier: BSD-2-Clause */
/* Pass 2: every value gets its type from the event table, every constant the type of what it meets. */
#include <string.h>

#include "policy/ast.h"
#include "policy/types.h"

static const char *const type_words[RG_T__COUNT] = {
	[RG_T_BOOL] = "true or false", [RG_T_INT] = "a number",	   [RG_T_UINT] = "a number, not negative",
	[RG_T_SIZE] = "a size",	       [RG_T_TIME] = "a time",	   [RG_T_DURATION] = "a duration",
	[RG_T_ENUM] = "a name",	       [RG_T_FLAGS] = "flags",	   [RG_T_STR] = "text",
	[RG_T_BYTES] = "bytes",	       [RG_T_ADDR] = "an address", [RG_T_OBJECT] = "an object",
	[RG_T_LIST] = "a list",
};

const char *rg_type_word(enum rg_type t)
{
	return (unsigned)t < RG_T__COUNT ? type_words[t] : "?";
}

/* What the text of n says, for messages. */
static const char *shown(const struct rg_ast *n, char *buf, size_t size)
{
	size_t len = n->loc.last - n->loc.first;

	if (len >= size)
		len = size - 1;
	memcpy(buf, n->loc.src->text + n->loc.first, len);
	buf[len] = 0;
	return buf;
}

static int unknown_name(struct rg_comp *c, const struct rg_ast *n)
{
	struct rg_near near = rg_near(n->str, n->len);
	const struct rg_elem_info *e;
	char hint[96];

	for (int f = 0; f < RG_F__COUNT; f++)
		rg_near_try(&near, rg_fields[f].name);
	for (size_t i = 0; c->scope >= 0 && (e = rg_field_elem((enum rg_field)c->scope, i)); i++)
		rg_near_try(&near, e->name);
	for (struct rg_def *d = c->defs; d; d = d->next)
		rg_near_try(&near, d->name);
	rg_near_try(&near, "fd.count");
	rg_near_try(&near, "cmsg.count");
	if (c->scope == RG_F_CMSG)
		rg_cmsg_field_near(&near);
	if (c->scope >= 0)
		return rg_diag(c, n->loc, "no field \"%s\", neither of the event nor of the elements of %s%s",
			       n->str, rg_fields[c->scope].name, rg_near_hint(&near, hint, sizeof(hint)));
	return rg_diag(c, n->loc, "no field or macro \"%s\"%s", n->str,
		       rg_near_hint(&near, hint, sizeof(hint)));
}

bool rg_ast_is_const(const struct rg_ast *n)
{
	switch (n->kind) {
	case RG_A_NAME:
	case RG_A_INT:
	case RG_A_STR:
	case RG_A_BYTES:
	case RG_A_ADDR:
	case RG_A_BOOL:
	case RG_A_ARITH:
	case RG_A_RANGE: return true;
	default: return false;
	}
}

static int type_field(struct rg_comp *c, struct rg_ast *n)
{
	n->type = rg_fields[n->field].type;
	n->names = rg_fields[n->field].names;
	n->dyn = n->field == RG_F_SOCK_PROTOCOL;
	if (n->type == RG_T_LIST)
		return rg_diag(c, n->loc, "%s is a list: use any(%s, ...), all(...), none(...) or %s.count",
			       rg_fields[n->field].name, rg_fields[n->field].name, rg_fields[n->field].name);
	if (n->type == RG_T_OBJECT)
		return rg_diag(c, n->loc, "%s is an object: name one of its fields, as %s.family",
			       rg_fields[n->field].name, rg_fields[n->field].name);
	return 0;
}

static int type_bytes_operand(struct rg_comp *c, struct rg_ast *n, const char *what)
{
	struct rg_ast *k = n->kids;
	char buf[64];

	if (rg_type_value(c, k))
		return -EINVAL;
	if (!k->dyn && k->type != RG_T_BYTES && k->type != RG_T_STR)
		return rg_diag(c, k->loc, "%s takes bytes or text; %s is %s", what,
			       shown(k, buf, sizeof(buf)), rg_type_word(k->type));
	return 0;
}

/* A value: something that is read from the event. */
int rg_type_value(struct rg_comp *c, struct rg_ast *n)
{
	int r = 0;

	n->typed = true;
	switch (n->kind) {
	case RG_A_FIELD: return type_field(c, n);
	case RG_A_ELEM:
		if (n->type == RG_T_LIST || n->type == RG_T_OBJECT)
			return rg_diag(c, n->loc, "lists and objects inside elements can't be compared");
		return 0;
	case RG_A_SUB: return 0;
	case RG_A_COUNT: n->type = RG_T_UINT; return 0;
	case RG_A_LEN:
		r = type_bytes_operand(c, n, "len()");
		n->type = RG_T_SIZE;
		return r;
	case RG_A_SLICE:
		r = type_bytes_operand(c, n, "[...]");
		n->type = RG_T_BYTES;
		return r;
	case RG_A_LOADINT:
		r = type_bytes_operand(c, n, "reading an integer");
		n->type = n->sign ? RG_T_INT : RG_T_UINT;
		return r;
	case RG_A_NAME: return unknown_name(c, n);
	default: return rg_diag(c, n->loc, "a field is expected here");
	}
}

/* A condition, or a value that is true or false by itself. */
static int type_cond(struct rg_comp *c, struct rg_ast *n)
{
	char buf[64];

	switch (n->kind) {
	case RG_A_OR:
	case RG_A_AND:
	case RG_A_NOT:
	case RG_A_CMP:
	case RG_A_IN:
	case RG_A_STROP:
	case RG_A_HAS:
	case RG_A_EXISTS:
	case RG_A_QUANT:
	case RG_A_BOOL: return rg_pass_types(c, n);
	case RG_A_INT:
	case RG_A_STR:
	case RG_A_BYTES:
	case RG_A_ADDR:
	case RG_A_ARITH: return rg_diag(c, n->loc, "a condition is expected here; a constant is none");
	default: break;
	}
	if (rg_type_value(c, n))
		return -EINVAL;
	if (n->dyn || n->type == RG_T_BOOL)
		return 0;
	return rg_diag(c, n->loc, "a condition is expected here; %s is %s: compare it with something",
		       shown(n, buf, sizeof(buf)), rg_type_word(n->type));
}

static enum rg_cmp mirror(enum rg_cmp op)
{
	static const enum rg_cmp m[] = {RG_EQ, RG_NE, RG_GT, RG_GE, RG_LT, RG_LE};

	return m[op];
}

static bool is_number(enum rg_type t)
{
	return t <= RG_T_DURATION && t != RG_T_BOOL;
}

static bool has_order(const struct rg_ast *n)
{
	return n->dyn || is_number(n->type);
}

/* Which values may be compared with each other. */
static bool comparable(const struct rg_ast *a, const struct rg_ast *b)
{
	if (a->dyn || b->dyn || a->type == b->type)
		return true;
	if ((a->type == RG_T_STR && b->type == RG_T_BYTES) || (a->type == RG_T_BYTES && b->type == RG_T_STR))
		return true;
	return (a->type == RG_T_INT || a->type == RG_T_UINT || a->type == RG_T_SIZE) &&
	       (b->type == RG_T_INT || b->type == RG_T_UINT || b->type == RG_T_SIZE);
}

static int type_cmp(struct rg_comp *c, struct rg_ast *n)
{
	struct rg_ast *a = n->kids, *b = a->next;

	if (rg_ast_is_const(a) && !rg_ast_is_const(b)) {
		n->kids = b;
		b->next = a;
		a->next = NULL;
		n->last = a;
		n->op = (uint8_t)mirror((enum rg_cmp)n->op);
		a = b;
		b = a->next;
	}
	if (rg_ast_is_const(a) && rg_ast_is_const(b))
		return rg_type_consts(c, n);
	if (rg_type_value(c, a))
		return -EINVAL;
	if (n->op != RG_EQ && n->op != RG_NE && !has_order(a))
		return rg_diag(c, a->loc, "%s has no order: only == and != compare it",
			       rg_type_word(a->type));
	if (rg_ast_is_const(b))
		return rg_type_const(c, b, a);
	if (rg_type_value(c, b))
		return -EINVAL;
	if (!comparable(a, b))
		return rg_diag(c, n->loc, "%s can't be compared with %s", rg_type_word(a->type),
			       rg_type_word(b->type));
	return 0;
}

static int type_in(struct rg_comp *c, struct rg_ast *n)
{
	struct rg_ast *a = n->kids, *set = a->next;

	if (rg_ast_is_const(a) && a->kind != RG_A_NAME)
		return rg_diag(c, a->loc, "a field is expected left of \"in\"");
	if (rg_type_value(c, a))
		return -EINVAL;
	for (struct rg_ast *it = set->kids; it; it = it->next) {
		if (!rg_ast_is_const(it))
			return rg_diag(c, it->loc, "the items of a set are constants");
		if (it->kind == RG_A_RANGE && !has_order(a) && a->type != RG_T_ADDR)
			return rg_diag(c, it->loc, "%s has no order, so it is in no range",
				       rg_type_word(a->type));
		if (rg_type_const(c, it, a))
			return -EINVAL;
	}
	return 0;
}

static int type_strop(struct rg_comp *c, struct rg_ast *n)
{
	struct rg_ast *a = n->kids, *b = a->next;
	char buf[64];

	if (rg_type_value(c, a))
		return -EINVAL;
	if (!a->dyn && a->type != RG_T_STR && a->type != RG_T_BYTES && a->type != RG_T_ADDR)
		return rg_diag(c, a->loc, "\"%s\" takes text or bytes; %s is %s", rg_strop_names[n->op],
			       shown(a, buf, sizeof(buf)), rg_type_word(a->type));
	if (b->kind == RG_A_STR || (b->kind == RG_A_BYTES && n->op < RG_S_GLOB))
		return n->op >= RG_S_GLOB ? rg_type_pattern(c, b, (enum rg_strop)n->op) : 0;
	if (rg_ast_is_const(b) || n->op >= RG_S_GLOB)
		return rg_diag(c, b->loc, "\"%s\" is followed by a quoted string", rg_strop_names[n->op]);
	if (rg_type_value(c, b))
		return -EINVAL;
	if (!b->dyn && b->type != RG_T_STR && b->type != RG_T_BYTES)
		return rg_diag(c, b->loc, "\"%s\" takes text or bytes; %s is %s", rg_strop_names[n->op],
			       shown(b, buf, sizeof(buf)), rg_type_word(b->type));
	return 0;
}

static int type_has(struct rg_comp *c, struct rg_ast *n)
{
	struct rg_ast *a = n->kids;
	char buf[64];

	if (rg_type_value(c, a))
		return -EINVAL;
	if (a->type != RG_T_FLAGS && a->type != RG_T_UINT && !a->dyn)
		return rg_diag(c, a->loc, "\"has\" tests flags; %s is %s", shown(a, buf, sizeof(buf)),
			       rg_type_word(a->type));
	if (!a->next->kids)
		return rg_diag(c, a->next->loc, "\"has\" needs at least one flag");
	for (struct rg_ast *it = a->next->kids; it; it = it->next) {
		if (!rg_ast_is_const(it) || it->kind == RG_A_RANGE)
			return rg_diag(c, it->loc, "a flag's name is expected here");
		if (rg_type_const(c, it, a))
			return -EINVAL;
	}
	return 0;
}

static int type_quant(struct rg_comp *c, struct rg_ast *n)
{
	int r;

	c->scope = n->field;
	r = type_cond(c, n->kids->next);
	c->scope = -1;
	return r;
}

static int type_exists(struct rg_comp *c, struct rg_ast *n)
{
	struct rg_ast *k = n->kids;

	if (k->kind == RG_A_FIELD) { /* lists and objects may be asked for, too */
		k->typed = true;
		k->type = rg_fields[k->field].type;
		return 0;
	}
	return rg_type_value(c, k);
}

int rg_pass_types(struct rg_comp *c, struct rg_ast *n)
{
	n->typed = true;
	n->cond = true;
	n->type = RG_T_BOOL;
	switch (n->kind) {
	case RG_A_OR:
	case RG_A_AND:
	case RG_A_NOT:
		for (struct rg_ast *k = n->kids; k; k = k->next)
			if (type_cond(c, k))
				return -EINVAL;
		return 0;
	case RG_A_CMP: return type_cmp(c, n);
	case RG_A_IN: return type_in(c, n);
	case RG_A_STROP: return type_strop(c, n);
	case RG_A_HAS: return type_has(c, n);
	case RG_A_EXISTS: return type_exists(c, n);
	case RG_A_QUANT: return type_quant(c, n);
	case RG_A_BOOL: return 0;
	default: n->cond = false; return type_cond(c, n);
	}
}
