/* SPDX-License-Identifier: BSD-2-Clause */
/* Last pass: tree to IR. Negations are pushed down to the tests, so that what is absent or in doubt can be
 * decided at each test and the rest is plain two-valued logic. */
#include "policy/ir.h"

#include <stdlib.h>
#include <string.h>

#include "policy/ast.h"
#include "policy/lower/sets.h"

/* Targets of jumps are labels until the end. */
struct gen {
	struct rg_comp *c;
	enum rg_use use;
	struct rg_buf insns, vals, consts, data, labels;
};
#define LABELS(g) ((uint32_t *)(void *)(g)->labels.data)

static uint32_t label_new(struct gen *g)
{
	uint32_t none = UINT32_MAX;

	rg_buf_add(&g->labels, &none, sizeof(none));
	return (uint32_t)(g->labels.len / sizeof(none) - 1);
}

static uint32_t here(const struct gen *g)
{
	return (uint32_t)(g->insns.len / sizeof(struct rg_ir_insn));
}

static void label_here(struct gen *g, uint32_t l)
{
	if (!g->labels.oom)
		LABELS(g)[l] = here(g);
}

static void emit(struct gen *g, struct rg_ir_insn in, bool neg)
{
	if (neg)
		in.flags |= RG_IRF_NEG;
	if (g->use == RG_USE_RESTRICT && neg)
		in.flags |= RG_IRF_ABSENT;
	if (g->use != RG_USE_PERMIT)
		in.flags |= RG_IRF_DOUBT;
	rg_buf_add(&g->insns, &in, sizeof(in));
}

static uint32_t data_add(struct gen *g, const void *p, size_t len)
{
	uint32_t off;

	while (g->data.len % 8)
		rg_buf_char(&g->data, 0);
	off = (uint32_t)g->data.len;
	rg_buf_add(&g->data, p, len);
	return off;
}

static uint32_t const_add(struct gen *g, enum rg_ir_const_kind kind, const void *p, size_t len, size_t n)
{
	struct rg_ir_const k = {.kind = (uint32_t)kind, .len = (uint32_t)len, .n = (uint32_t)n};

	k.off = data_add(g, p, len);
	rg_buf_add(&g->consts, &k, sizeof(k));
	return (uint32_t)(g->consts.len / sizeof(k) - 1);
}

static uint32_t const_buf(struct gen *g, enum rg_ir_const_kind kind, struct rg_buf *b, size_t n)
{
	uint32_t k = const_add(g, kind, b->data, b->len, n);

	g->data.oom |= b->oom;
	rg_buf_free(b);
	return k;
}

/* Fields that every element has. */
static bool elem_must(int field, const char *name)
{
	static const struct {
		int field;
		const char *name;
	} must[] = {{RG_F_FD, "kind"},	{RG_F_CMSG, "level"},	{RG_F_CMSG, "type"},
		    {RG_F_CMSG, "len"}, {RG_F_MSG_IOV, "base"}, {RG_F_MSG_IOV, "len"}};

	for (size_t i = 0; i < sizeof(must) / sizeof(must[0]); i++)
		if (must[i].field == field && !strcmp(must[i].name, name))
			return true;
	return false;
}

static uint16_t value(struct gen *g, const struct rg_ast *n)
{
	struct rg_ir_val v = {0};
	const struct rg_ast *base = n;

	switch (n->kind) {
	case RG_A_LEN:
		v.view = RG_VIEW_LEN;
		base = n->kids;
		break;
	case RG_A_SLICE:
		v.view = RG_VIEW_SLICE;
		v.from = n->from;
		v.to = n->to;
		base = n->kids;
		break;
	case RG_A_LOADINT:
		v.view = RG_VIEW_INT;
		v.from = n->from;
		v.width = n->width;
		v.order = (uint8_t)((n->endian == 'b') | (n->sign << 1));
		base = n->kids;
		break;
	default: break;
	}
	if (base->kind != RG_A_FIELD && base->kind != RG_A_ELEM && base->kind != RG_A_SUB &&
	    base->kind != RG_A_COUNT) {
		rg_diag(g->c, base->loc, "a slice of a slice and the like is not available: use one offset");
		return 0;
	}
	v.field = (uint16_t)base->field;
	v.kind = base->kind == RG_A_FIELD  ? RG_V_FIELD
		 : base->kind == RG_A_ELEM ? RG_V_ELEM
		 : base->kind == RG_A_SUB  ? RG_V_SUB
					   : RG_V_COUNT;
	if (base->kind == RG_A_ELEM || base->kind == RG_A_SUB)
		v.name = data_add(g, base->str, strlen(base->str) + 1);
	if (base->kind == RG_A_ELEM)
		v.must = elem_must(base->field, base->str);
	if (g->vals.len / sizeof(v) >= UINT16_MAX) {
		rg_diag(g->c, n->loc, "expression has too many values");
		return 0;
	}
	rg_buf_add(&g->vals, &v, sizeof(v));
	return (uint16_t)(g->vals.len / sizeof(v) - 1);
}

static bool is_text(const struct rg_ast *k)
{
	return k->kind == RG_A_STR || k->kind == RG_A_BYTES;
}

static bool is_signed(const struct rg_ast *v)
{
	return v->type == RG_T_INT || v->type == RG_T_ENUM;
}

/* value op constant */
static void gen_cmp_const(struct gen *g, const struct rg_ast *v, const struct rg_ast *k, struct rg_ir_insn in,
			  bool neg)
{
	struct rg_ast set = {.kids = (struct rg_ast *)(uintptr_t)k};
	struct rg_buf b = {0};

	if (k->kind == RG_A_NAME) {
		in.op = RG_IR_NAME;
		in.k = const_add(g, RG_K_STR, k->str, k->len, 0);
	} else if (k->kind == RG_A_ADDR) {
		struct rg_ast one = *k;
		size_t n;

		one.next = NULL;
		set.kids = &one;
		n = rg_set_addrs(&set, &b);
		in.op = RG_IR_ADDRS;
		in.k = const_buf(g, RG_K_ADDRS, &b, n);
	} else if (is_text(k)) {
		in.op = RG_IR_STR;
		in.sub = RG_S_EQ;
		in.k = const_add(g, RG_K_STR, k->str, k->len, 0);
	} else {
		in.op = RG_IR_CMP;
		in.imm = (uint64_t)k->num;
		in.b = v->dyn ? k->num < 0 : is_signed(v);
	}
	emit(g, in, neg);
}

static void gen_cmp(struct gen *g, const struct rg_ast *n, struct rg_ir_insn in, bool neg)
{
	const struct rg_ast *v = n->kids, *k = v->next;
	enum rg_cmp op = (enum rg_cmp)n->op;

	if (op == RG_NE) {
		op = RG_EQ;
		neg = !neg;
	}
	in.sub = (uint8_t)op;
	in.a = value(g, v);
	if (k->kind == RG_A_INT || k->kind == RG_A_NAME || k->kind == RG_A_ADDR || is_text(k)) {
		gen_cmp_const(g, v, k, in, neg);
		return;
	}
	in.b = value(g, k);
	if (v->type == RG_T_ADDR && k->type == RG_T_ADDR) {
		in.op = RG_IR_ADDRV;
	} else if (v->type == RG_T_STR || v->type == RG_T_BYTES) {
		in.op = RG_IR_STRV;
		in.sub = RG_S_EQ;
	} else {
		in.op = RG_IR_CMPV;
	}
	emit(g, in, neg);
}

static void gen(struct gen *g, const struct rg_ast *n, bool neg, uint32_t t, uint32_t f);

/* A set whose items are of several kinds is several tests: numbers, texts, addresses, names. */
static void gen_in(struct gen *g, const struct rg_ast *n, struct rg_ir_insn in, bool neg)
{
	struct rg_set_parts parts = rg_set_split(n->kids->next);
	uint32_t yes = neg ? in.jf : in.jt, no = neg ? in.jt : in.jf;
	struct rg_ir_insn test[4];
	size_t n_tests = 0;
	struct rg_buf b = {0};

	in.a = value(g, n->kids);
	if (parts.ints) {
		size_t slots = rg_set_ints(n->kids->next, is_signed(n->kids) || n->kids->dyn, &b);

		in.op = RG_IR_INTSET;
		in.k = slots ? const_buf(g, RG_K_INTSET, &b, slots)
			     : const_buf(g, RG_K_RANGES, &b, b.len / sizeof(struct rg_ir_range));
		in.b = is_signed(n->kids) || n->kids->dyn;
		test[n_tests++] = in;
	}
	if (parts.texts) {
		size_t slots = rg_set_strs(n->kids->next, &b);

		in.op = RG_IR_STRSET;
		in.k = const_buf(g, RG_K_STRSET, &b, slots);
		test[n_tests++] = in;
	}
	if (parts.addrs) {
		size_t count = rg_set_addrs(n->kids->next, &b);

		in.op = RG_IR_ADDRS;
		in.k = const_buf(g, RG_K_ADDRS, &b, count);
		test[n_tests++] = in;
	}
	for (size_t i = 0; i < n_tests; i++) {
		bool last = i + 1 == n_tests && !parts.names;
		uint32_t next = last ? no : label_new(g);

		/* not in {a, b} is not a and not b */
		test[i].jt = neg ? next : yes;
		test[i].jf = neg ? yes : next;
		emit(g, test[i], neg);
		if (!last)
			label_here(g, next);
	}
	for (const struct rg_ast *it = n->kids->next->kids; it; it = it->next) {
		bool last = !--parts.names;
		uint32_t next;

		if (it->kind != RG_A_NAME) {
			parts.names++;
			continue;
		}
		next = last ? no : label_new(g);
		in.op = RG_IR_NAME;
		in.k = const_add(g, RG_K_STR, it->str, it->len, 0);
		in.jt = neg ? next : yes;
		in.jf = neg ? yes : next;
		emit(g, in, neg);
		if (last)
			break;
		label_here(g, next);
	}
}

static void gen_strop(struct gen *g, const struct rg_ast *n, struct rg_ir_insn in, bool neg)
{
	const struct rg_ast *k = n->kids->next;
	struct rg_regex_err e;
	struct rg_buf b = {0};

	in.a = value(g, n->kids);
	in.sub = n->op;
	if (!is_text(k)) {
		in.op = RG_IR_STRV;
		in.b = value(g, k);
	} else if (n->op >= RG_S_GLOB) {
		in.op = RG_IR_DFA;
		if (rg_regex_compile(k->str, k->len, n->op == RG_S_GLOB, &b, &e))
			rg_diag(g->c, k->loc, "%s", e.what);
		in.k = const_buf(g, RG_K_DFA, &b, 0);
	} else {
		in.op = RG_IR_STR;
		in.k = const_add(g, RG_K_STR, k->str, k->len, 0);
	}
	emit(g, in, neg);
}

static void gen_has(struct gen *g, const struct rg_ast *n, struct rg_ir_insn in, bool neg)
{
	for (const struct rg_ast *it = n->kids->next->kids; it; it = it->next)
		in.imm |= (uint64_t)it->num;
	in.op = RG_IR_FLAGS;
	in.a = value(g, n->kids);
	in.sub = n->op == RG_NONE ? RG_ANY : n->op;
	emit(g, in, n->op == RG_NONE ? !neg : neg);
}

static void gen_ret(struct gen *g, uint32_t label, bool v)
{
	struct rg_ir_insn in = {.op = RG_IR_RET, .imm = v};

	label_here(g, label);
	rg_buf_add(&g->insns, &in, sizeof(in));
}

static void gen_quant(struct gen *g, const struct rg_ast *n, struct rg_ir_insn in, bool neg)
{
	bool any = (n->op == RG_ANY) != neg; /* of these: not any(P) is all(not P), none(P) too */
	bool neg_body = n->op == RG_NONE ? !neg : neg;
	uint32_t t = label_new(g), f = label_new(g), pc = here(g);

	if (n->op == RG_NONE)
		any = neg;
	in.op = RG_IR_LOOP;
	in.a = (uint16_t)n->field;
	in.sub = any ? RG_ANY : RG_ALL;
	if (g->use != RG_USE_PERMIT) /* no other flag: an absent list is an empty one */
		in.flags |= RG_IRF_DOUBT;
	rg_buf_add(&g->insns, &in, sizeof(in));
	gen(g, n->kids->next, neg_body, t, f);
	gen_ret(g, t, true);
	gen_ret(g, f, false);
	if (!g->insns.oom)
		((struct rg_ir_insn *)(void *)g->insns.data)[pc].k = here(g);
}

/* Code for n (negated: neg) that goes on at label t or f. */
static void gen(struct gen *g, const struct rg_ast *n, bool neg, uint32_t t, uint32_t f)
{
	struct rg_ir_insn in = {.jt = t, .jf = f};

	if (g->c->failed)
		return;
	switch (n->kind) {
	case RG_A_NOT: gen(g, n->kids, !neg, t, f); return;
	case RG_A_AND:
	case RG_A_OR:
		for (const struct rg_ast *k = n->kids; k; k = k->next) {
			bool conj = (n->kind == RG_A_AND) != neg;
			uint32_t next = k->next ? label_new(g) : 0;

			if (k->next)
				gen(g, k, neg, conj ? next : t, conj ? f : next);
			else
				gen(g, k, neg, t, f);
			if (k->next)
				label_here(g, next);
		}
		return;
	case RG_A_CMP: gen_cmp(g, n, in, neg); return;
	case RG_A_IN: gen_in(g, n, in, neg); return;
	case RG_A_STROP: gen_strop(g, n, in, neg); return;
	case RG_A_HAS: gen_has(g, n, in, neg); return;
	case RG_A_QUANT: gen_quant(g, n, in, neg); return;
	case RG_A_EXISTS:
		in.op = RG_IR_EXISTS;
		in.a = value(g, n->kids);
		emit(g, in, neg);
		return;
	case RG_A_BOOL:
		in = (struct rg_ir_insn){.op = RG_IR_RET, .imm = (n->num != 0) != neg};
		rg_buf_add(&g->insns, &in, sizeof(in));
		return;
	default:
		in.op = RG_IR_TRUE;
		in.a = value(g, n);
		emit(g, in, neg);
	}
}

static void resolve_labels(struct gen *g)
{
	struct rg_ir_insn *in = (void *)g->insns.data;

	for (uint32_t i = 0; i < here(g); i++)
		if (in[i].op != RG_IR_RET) {
			in[i].jt = LABELS(g)[in[i].jt];
			in[i].jf = LABELS(g)[in[i].jf];
		}
}

static int assemble(struct gen *g, struct rg_ir **ret)
{
	size_t size;
	char *p;

	while (g->data.len % 8)
		rg_buf_char(&g->data, 0);
	if (g->insns.oom || g->vals.oom || g->consts.oom || g->data.oom || g->labels.oom)
		return rg_fail(g->c->err, -ENOMEM, "out of memory");
	resolve_labels(g);
	size = sizeof(struct rg_ir) + g->insns.len + g->vals.len + g->consts.len + g->data.len;
	p = malloc(size);
	if (!p)
		return rg_fail(g->c->err, -ENOMEM, "out of memory");
	*ret = (void *)p;
	**ret = (struct rg_ir){
		.magic = RG_IR_MAGIC,
		.version = RG_IR_VERSION,
		.size = (uint32_t)size,
		.n_insns = here(g),
		.n_vals = (uint32_t)(g->vals.len / sizeof(struct rg_ir_val)),
		.n_consts = (uint32_t)(g->consts.len / sizeof(struct rg_ir_const)),
		.data_len = (uint32_t)g->data.len,
	};
	p += sizeof(struct rg_ir);
	memcpy(p, g->insns.data, g->insns.len);
	p += g->insns.len;
	if (g->vals.len)
		memcpy(p, g->vals.data, g->vals.len);
	p += g->vals.len;
	if (g->consts.len)
		memcpy(p, g->consts.data, g->consts.len);
	p += g->consts.len;
	if (g->data.len)
		memcpy(p, g->data.data, g->data.len);
	return 0;
}

int rg_lower_ir(struct rg_comp *c, const struct rg_ast *n, enum rg_use use, struct rg_ir **ret)
{
	struct gen g = {.c = c, .use = use};
	uint32_t t = label_new(&g), f = label_new(&g);
	int r = -EINVAL;

	*ret = NULL;
	gen(&g, n, false, t, f);
	gen_ret(&g, t, true);
	gen_ret(&g, f, false);
	if (!c->failed)
		r = assemble(&g, ret);
	rg_buf_free(&g.insns);
	rg_buf_free(&g.vals);
	rg_buf_free(&g.consts);
	rg_buf_free(&g.data);
	rg_buf_free(&g.labels);
	if (r)
		return r;
	r = rg_ir_verify(*ret, (*ret)->size, c->err);
	if (r) {
		free(*ret);
		*ret = NULL;
	}
	return r;
}
