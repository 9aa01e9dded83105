/* SPDX-License-Identifier: BSD-2-Clause */
/* Nothing of a program is used before this has looked at it: after rg_ir_verify the evaluator can't leave the
 * block, can't loop and can't meet a value of a shape it doesn't expect. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "policy/ast.h"
#include "policy/ir.h"
#include "policy/regex.h"

struct check {
	const struct rg_ir *p;
	struct rg_err *err;
};

static int bad(struct check *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static int bad(struct check *c, const char *fmt, ...)
{
	char buf[200];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(buf, sizeof(buf), fmt, ap);
	va_end(ap);
	return rg_fail(c->err, -EINVAL, "program refused: %s", buf);
}

static int check_header(struct check *c, const void *block, size_t len)
{
	const struct rg_ir *p = block;
	uint64_t size;

	if (len < sizeof(*p) || p->magic != RG_IR_MAGIC)
		return bad(c, "not a recvguard program");
	if (p->version != RG_IR_VERSION)
		return bad(c, "version %u, this is version %d", p->version, RG_IR_VERSION);
	if (!p->n_insns || p->n_insns > RG_IR_MAX || p->n_vals > UINT16_MAX || p->n_consts > RG_IR_MAX)
		return bad(c, "counts out of range");
	size = sizeof(*p) + (uint64_t)p->n_insns * sizeof(struct rg_ir_insn) +
	       (uint64_t)p->n_vals * sizeof(struct rg_ir_val) +
	       (uint64_t)p->n_consts * sizeof(struct rg_ir_const) + p->data_len;
	if (size != p->size || p->size > len)
		return bad(c, "it is %zu bytes, its header says %llu", len, (unsigned long long)size);
	return 0;
}

static bool name_ok(const struct rg_ir *p, uint32_t off)
{
	return off < p->data_len && memchr(rg_ir_data(p) + off, 0, p->data_len - off);
}

static int check_val(struct check *c, uint32_t i)
{
	const struct rg_ir_val *v = &rg_ir_vals(c->p)[i];
	enum rg_type t;

	if (v->kind > RG_V_COUNT || v->view > RG_VIEW_INT || v->field >= RG_F__COUNT)
		return bad(c, "value %u: kind, view or field out of range", i);
	t = rg_fields[v->field].type;
	if ((v->kind == RG_V_ELEM || v->kind == RG_V_SUB) && !name_ok(c->p, v->name))
		return bad(c, "value %u: name out of range", i);
	if ((v->kind == RG_V_ELEM || v->kind == RG_V_COUNT) && t != RG_T_LIST)
		return bad(c, "value %u: %s is not a list", i, rg_fields[v->field].name);
	if (v->kind == RG_V_SUB && t != RG_T_OBJECT)
		return bad(c, "value %u: %s is not an object", i, rg_fields[v->field].name);
	if (v->view == RG_VIEW_INT && v->width != 1 && v->width != 2 && v->width != 4 && v->width != 8)
		return bad(c, "value %u: width %u", i, v->width);
	if (v->view == RG_VIEW_SLICE && v->from > v->to)
		return bad(c, "value %u: slice ends before it begins", i);
	return 0;
}

static int check_strset(struct check *c, const struct rg_ir_const *k, uint32_t i)
{
	const struct rg_ir_slot *s = (const void *)(rg_ir_data(c->p) + k->off);
	uint32_t used = 0;

	if (!k->n || k->n & (k->n - 1) || (uint64_t)k->n * sizeof(*s) > k->len)
		return bad(c, "constant %u: slots", i);
	for (uint32_t n = 0; n < k->n; n++) {
		used += s[n].off != 0;
		if (s[n].off > k->len || s[n].len > k->len - s[n].off)
			return bad(c, "constant %u: text out of range", i);
	}
	return used < k->n ? 0 : bad(c, "constant %u: no free slot", i);
}

static int check_intset(struct check *c, const struct rg_ir_const *k, uint32_t i)
{
	const uint64_t *t = (const void *)(rg_ir_data(c->p) + k->off);
	uint32_t used = 0;

	if (!k->n || k->n & (k->n - 1) || (uint64_t)k->n * 16 != k->len)
		return bad(c, "constant %u: slots", i);
	for (uint32_t n = 0; n < k->n; n++)
		used += t[n * 2ul] != 0;
	return used < k->n ? 0 : bad(c, "constant %u: no free slot", i);
}

static int check_addrs(struct check *c, const struct rg_ir_const *k, uint32_t i)
{
	const struct rg_ir_addr_range *r = (const void *)(rg_ir_data(c->p) + k->off);

	if ((uint64_t)k->n * sizeof(*r) != k->len)
		return bad(c, "constant %u: size", i);
	for (uint32_t n = 0; n < k->n; n++)
		if (r[n].family_len != 4 && r[n].family_len != 16)
			return bad(c, "constant %u: an address of %u bytes", i, r[n].family_len);
	return 0;
}

static int check_const(struct check *c, uint32_t i)
{
	const struct rg_ir_const *k = &rg_ir_consts(c->p)[i];

	if (k->off % 8 || k->off > c->p->data_len || k->len > c->p->data_len - k->off)
		return bad(c, "constant %u: out of range", i);
	switch (k->kind) {
	case RG_K_STR: return 0;
	case RG_K_RANGES:
		return (uint64_t)k->n * sizeof(struct rg_ir_range) == k->len ? 0
									     : bad(c, "constant %u: size", i);
	case RG_K_ADDRS: return check_addrs(c, k, i);
	case RG_K_STRSET: return check_strset(c, k, i);
	case RG_K_INTSET: return check_intset(c, k, i);
	case RG_K_DFA:
		return rg_dfa_verify(rg_ir_data(c->p) + k->off, k->len) ? 0
									: bad(c, "constant %u: automaton", i);
	default: return bad(c, "constant %u: kind %u", i, k->kind);
	}
}

/* Kind of constant that an operation takes: a mask of 1 << kind; 0: none. */
static unsigned const_kinds(const struct rg_ir_insn *in)
{
	switch (in->op) {
	case RG_IR_INTSET: return 1u << RG_K_RANGES | 1u << RG_K_INTSET;
	case RG_IR_STR:
	case RG_IR_NAME: return 1u << RG_K_STR;
	case RG_IR_STRSET: return 1u << RG_K_STRSET;
	case RG_IR_DFA: return 1u << RG_K_DFA;
	case RG_IR_ADDRS: return 1u << RG_K_ADDRS;
	default: return 0;
	}
}

static int check_insn(struct check *c, uint32_t pc, uint32_t end)
{
	const struct rg_ir_insn *in = &rg_ir_insns(c->p)[pc];
	unsigned kinds = const_kinds(in);

	if (in->op >= RG_IR__COUNT)
		return bad(c, "instruction %u: operation %u", pc, in->op);
	if (in->op == RG_IR_RET)
		return 0;
	if (in->jt <= pc || in->jf <= pc || in->jt >= end || in->jf >= end)
		return bad(c, "instruction %u: jump out of range", pc);
	if (in->op != RG_IR_LOOP && in->a >= c->p->n_vals)
		return bad(c, "instruction %u: value %u", pc, in->a);
	if ((in->op == RG_IR_CMPV || in->op == RG_IR_STRV || in->op == RG_IR_ADDRV) && in->b >= c->p->n_vals)
		return bad(c, "instruction %u: value %u", pc, in->b);
	if ((in->op == RG_IR_CMP || in->op == RG_IR_CMPV) && in->sub > RG_GE)
		return bad(c, "instruction %u: comparison %u", pc, in->sub);
	if ((in->op == RG_IR_STR || in->op == RG_IR_STRV) && in->sub > RG_S_ENDS)
		return bad(c, "instruction %u: text operation %u", pc, in->sub);
	if ((in->op == RG_IR_FLAGS || in->op == RG_IR_LOOP) && in->sub > RG_ALL)
		return bad(c, "instruction %u: mode %u", pc, in->sub);
	if (kinds && (in->k >= c->p->n_consts || !(kinds >> rg_ir_consts(c->p)[in->k].kind & 1)))
		return bad(c, "instruction %u: constant %u", pc, in->k);
	return 0;
}

static int check_loop(struct check *c, uint32_t pc, uint32_t end)
{
	const struct rg_ir_insn *in = &rg_ir_insns(c->p)[pc];

	if (in->a >= RG_F__COUNT || rg_fields[in->a].type != RG_T_LIST)
		return bad(c, "instruction %u: not a list", pc);
	if (in->k <= pc + 1 || in->k >= end || in->jt < in->k || in->jf < in->k)
		return bad(c, "instruction %u: body out of range", pc);
	return 0;
}

/* Instructions [from, end): end on a RET, jump forward and inside. A jump from outside into a body is useless
 * but harmless: the body's element values are absent there, and its RET ends the program. */
static int check_code(struct check *c, uint32_t from, uint32_t end, bool body)
{
	const struct rg_ir_insn *in = rg_ir_insns(c->p);

	for (uint32_t pc = from; pc < end; pc++) {
		if (check_insn(c, pc, end))
			return -EINVAL;
		if (in[pc].op != RG_IR_LOOP)
			continue;
		if (body)
			return bad(c, "instruction %u: loop inside a loop", pc);
		if (check_loop(c, pc, end) || check_code(c, pc + 1, in[pc].k, true))
			return -EINVAL;
		pc = in[pc].k - 1;
	}
	return in[end - 1].op == RG_IR_RET ? 0 : bad(c, "instruction %u: the end is not a ret", end - 1);
}

int rg_ir_verify(const void *block, size_t len, struct rg_err *err)
{
	struct check c = {block, err};

	if ((uintptr_t)block % 8)
		return bad(&c, "block is not aligned to 8");
	if (check_header(&c, block, len))
		return -EINVAL;
	for (uint32_t i = 0; i < c.p->n_consts; i++)
		if (check_const(&c, i))
			return -EINVAL;
	for (uint32_t i = 0; i < c.p->n_vals; i++)
		if (check_val(&c, i))
			return -EINVAL;
	return check_code(&c, 0, c.p->n_insns, false);
}
