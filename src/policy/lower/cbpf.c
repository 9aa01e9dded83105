/* SPDX-License-Identifier: BSD-2-Clause */
/* IR to classic BPF. Lengths are checked before every load: the kernel drops what a load runs over. */
#include "policy/lower/cbpf.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "policy/ast.h"

#define TEXT_MAX  128 /* bytes of a constant compared one by one */
#define RANGE_MAX 128 /* ranges of a set tried one by one */

struct gen {
	const struct rg_ir *p;
	struct rg_cbpf *f;
	struct rg_err *err;
	enum rg_cbpf_on on;
	unsigned skip; /* bytes in front of the payload */
	struct rg_buf labels;
	uint32_t *at; /* label of each IR instruction */
	int r;
};

static uint32_t label_new(struct gen *g)
{
	uint32_t none = UINT32_MAX;

	rg_buf_add(&g->labels, &none, sizeof(none));
	return (uint32_t)(g->labels.len / sizeof(none) - 1);
}

static uint32_t *label(struct gen *g, uint32_t l)
{
	return (uint32_t *)(void *)g->labels.data + l;
}

static void place(struct gen *g, uint32_t l)
{
	if (!g->labels.oom)
		*label(g, l) = g->f->n;
}

static void ins(struct gen *g, unsigned code, uint32_t k)
{
	if (g->f->n >= RG_CBPF_MAX) {
		if (!g->r)
			g->r = rg_fail(g->err, -E2BIG,
				       "a socket filter has at most %d instructions: too many tests or too "
				       "long constants",
				       RG_CBPF_MAX);
		return;
	}
	g->f->insn[g->f->n++] = (struct sock_filter){.code = (uint16_t)code, .k = k};
}

static void jump(struct gen *g, uint32_t to)
{
	ins(g, BPF_JMP | BPF_JA, to); /* a label until the end */
}

/* A op k ? t : f */
static void cond(struct gen *g, unsigned op, uint32_t k, uint32_t t, uint32_t f)
{
	ins(g, BPF_JMP | op | BPF_K, k);
	if (g->r)
		return;
	g->f->insn[g->f->n - 1].jt = 0;
	g->f->insn[g->f->n - 1].jf = 1;
	jump(g, t);
	jump(g, f);
}

static void load_len(struct gen *g)
{
	ins(g, BPF_LD | BPF_W | BPF_LEN, 0);
	if (g->skip)
		ins(g, BPF_ALU | BPF_SUB | BPF_K, g->skip);
}

static void refuse(struct gen *g, const char *what, const char *why)
{
	if (!g->r)
		g->r = rg_fail(g->err, -EOPNOTSUPP, "a socket filter can't test %s: %s", what, why);
}

static const char *value_name(const struct gen *g, const struct rg_ir_val *v)
{
	return v->kind == RG_V_ELEM || v->kind == RG_V_SUB ? rg_ir_data(g->p) + v->name
							   : rg_fields[v->field].name;
}

/* Load a number into A (biased when it is signed, so that unsigned order is its order); absent goes to
 * `absent`. False: not possible. */
static bool load_number(struct gen *g, const struct rg_ir_val *v, uint32_t absent)
{
	static const unsigned size[] = {0, BPF_B, BPF_H, 0, BPF_W};
	bool len_field = v->kind == RG_V_FIELD && v->view == RG_VIEW_NONE && v->field == RG_F_MSG_SIZE;
	uint32_t ok, off = v->from + g->skip;

	if (len_field || (v->kind == RG_V_FIELD && v->view == RG_VIEW_LEN && v->field == RG_F_MSG_DATA)) {
		load_len(g);
		return true;
	}
	if (v->kind != RG_V_FIELD || v->field != RG_F_MSG_DATA || v->view != RG_VIEW_INT || v->width > 4)
		return false;
	ok = label_new(g);
	load_len(g);
	cond(g, BPF_JGE, v->from + v->width, ok, absent);
	place(g, ok);
	if (v->order & 1 || v->width == 1) {
		ins(g, BPF_LD | size[v->width] | BPF_ABS, off);
	} else { /* little-endian: byte by byte, the highest first */
		ins(g, BPF_LD | BPF_B | BPF_ABS, off + v->width - 1u);
		for (unsigned i = v->width - 1u; i-- > 0;) {
			ins(g, BPF_ALU | BPF_LSH | BPF_K, 8);
			ins(g, BPF_ST, 0);
			ins(g, BPF_LD | BPF_B | BPF_ABS, off + i);
			ins(g, BPF_LDX | BPF_W | BPF_MEM, 0);
			ins(g, BPF_ALU | BPF_OR | BPF_X, 0);
		}
	}
	if (v->order & 2)
		ins(g, BPF_ALU | BPF_XOR | BPF_K, 1u << (v->width * 8 - 1));
	return true;
}

/* The number k in the form load_number gives: 0; -1 below everything possible, 1 above. */
static int scale(const struct rg_ir_val *v, uint64_t k, bool k_signed, uint32_t *ret)
{
	unsigned bits = v->view == RG_VIEW_INT ? v->width * 8u : 32;
	bool negative = k_signed && (int64_t)k < 0;

	if (v->view == RG_VIEW_INT && v->order & 2) {
		int64_t lo = -(1ll << (bits - 1)), hi = (1ll << (bits - 1)) - 1;

		if (negative ? (int64_t)k < lo : k > (uint64_t)hi)
			return negative ? -1 : 1;
		*ret = (uint32_t)(k - (uint64_t)lo);
		return 0;
	}
	if (negative)
		return -1;
	if (k > (bits == 32 ? UINT32_MAX : (1u << bits) - 1))
		return 1;
	*ret = (uint32_t)k;
	return 0;
}

static void cmp_loaded(struct gen *g, unsigned op, int side, uint32_t k, uint32_t t, uint32_t f)
{
	bool always;

	if (side) { /* the constant lies outside of what the value can be */
		always = op == RG_NE || (side > 0 ? op == RG_LT || op == RG_LE : op == RG_GT || op == RG_GE);
		jump(g, always ? t : f);
		return;
	}
	switch (op) {
	case RG_EQ: cond(g, BPF_JEQ, k, t, f); break;
	case RG_NE: cond(g, BPF_JEQ, k, f, t); break;
	case RG_GT: cond(g, BPF_JGT, k, t, f); break;
	case RG_GE: cond(g, BPF_JGE, k, t, f); break;
	case RG_LT: cond(g, BPF_JGE, k, f, t); break;
	default: cond(g, BPF_JGT, k, f, t); break;
	}
}

static void test_set(struct gen *g, const struct rg_ir_insn *in, const struct rg_ir_val *v, uint32_t t,
		     uint32_t f)
{
	const struct rg_ir_const *k = &rg_ir_consts(g->p)[in->k];
	const struct rg_ir_range *r = (const void *)(rg_ir_data(g->p) + k->off);
	const uint64_t *slot = (const void *)r, flip = in->b ? 1ull << 63 : 0;

	if (k->n > RANGE_MAX * (k->kind == RG_K_INTSET ? 4 : 1)) {
		refuse(g, "a set this large", "every item is an instruction of its own");
		return;
	}
	for (uint32_t i = 0; i < k->n; i++) {
		uint64_t lo = k->kind == RG_K_RANGES ? r[i].lo : slot[i * 2ul + 1];
		uint64_t hi = k->kind == RG_K_RANGES ? r[i].hi : lo;
		uint32_t a = 0, b = 0, next, in_lo;
		int sa, sb;

		if (k->kind == RG_K_INTSET && !slot[i * 2ul])
			continue;
		sa = scale(v, lo ^ flip, in->b, &a);
		sb = scale(v, hi ^ flip, in->b, &b);
		if (sa > 0 || sb < 0)
			continue;
		next = label_new(g);
		in_lo = label_new(g);
		cmp_loaded(g, RG_GE, sa, a, in_lo, next);
		place(g, in_lo);
		cmp_loaded(g, RG_LE, sb, b, t, next);
		place(g, next);
	}
	jump(g, f);
}

/* Bytes at offset (X + off when ind) equal to s? */
static void test_bytes(struct gen *g, bool ind, uint32_t off, const uint8_t *s, size_t len, uint32_t t,
		       uint32_t f)
{
	unsigned mode = ind ? BPF_IND : BPF_ABS;

	for (size_t i = 0; i < len;) {
		size_t n = len - i >= 4 ? 4 : len - i >= 2 ? 2 : 1;
		uint32_t k = 0, next = label_new(g);

		for (size_t j = 0; j < n; j++)
			k = k << 8 | s[i + j];
		ins(g, BPF_LD | (n == 4 ? BPF_W : n == 2 ? BPF_H : BPF_B) | mode, off + (uint32_t)i);
		cond(g, BPF_JEQ, k, next, f);
		place(g, next);
		i += n;
	}
	jump(g, t);
}

static void test_text(struct gen *g, unsigned how, const struct rg_ir_val *v, const uint8_t *s, uint32_t n,
		      uint32_t t, uint32_t f)
{
	uint32_t from = v->view == RG_VIEW_SLICE ? v->from : 0,
		 to = v->view == RG_VIEW_SLICE ? v->to : UINT32_MAX;
	uint32_t room = to - from, ok = label_new(g);

	if (n > TEXT_MAX) {
		refuse(g, "a text this long", "it is compared four bytes an instruction, at most 128 bytes");
		return;
	}
	if (how == RG_S_CONTAINS && n) {
		refuse(g, "\"contains\"", "it has no loops");
		return;
	}
	if (how == RG_S_ENDS && to != UINT32_MAX) {
		refuse(g, "\"endswith\" on a slice with an end",
		       "where the slice ends depends on the message");
		return;
	}
	if (n > room) {
		jump(g, f);
	} else if (how == RG_S_EQ && !n) { /* the empty slice */
		load_len(g);
		if (from == to)
			jump(g, t);
		else
			cond(g, BPF_JGT, from, f, t);
	} else if (!n) {
		jump(g, t);
	} else {
		load_len(g);
		if (how == RG_S_EQ && room > n)
			cond(g, BPF_JEQ, from + n, ok, f);
		else
			cond(g, BPF_JGE, from + n, ok, f);
		place(g, ok);
		if (how == RG_S_ENDS) {
			load_len(g);
			ins(g, BPF_ALU | BPF_SUB | BPF_K, n);
			ins(g, BPF_MISC | BPF_TAX, 0);
		}
		test_bytes(g, how == RG_S_ENDS, g->skip + (how == RG_S_ENDS ? 0 : from), s, n, t, f);
	}
}

static void test_text_const(struct gen *g, const struct rg_ir_insn *in, const struct rg_ir_val *v, uint32_t t,
			    uint32_t f)
{
	const struct rg_ir_const *k = &rg_ir_consts(g->p)[in->k];
	const uint8_t *base = (const uint8_t *)rg_ir_data(g->p) + k->off;
	const struct rg_ir_slot *slot = (const void *)base;

	if (in->op == RG_IR_STR) {
		test_text(g, in->sub, v, base, k->len, t, f);
		return;
	}
	for (uint32_t i = 0; i < k->n; i++) {
		uint32_t next = label_new(g);

		if (slot[i].off)
			test_text(g, RG_S_EQ, v, base + slot[i].off, slot[i].len, t, next);
		place(g, next);
	}
	jump(g, f);
}

/* Facts of the socket that the filter is put on. False: not one. */
static bool test_socket(struct gen *g, const struct rg_ir_insn *in, const struct rg_ir_val *v, uint32_t t,
			uint32_t f)
{
	int64_t have;

	if (in->op != RG_IR_CMP || v->kind != RG_V_FIELD || v->view != RG_VIEW_NONE || in->sub > RG_NE)
		return false;
	if (v->field == RG_F_SOCK_FAMILY && g->on == RG_CBPF_UNIX)
		have = AF_UNIX;
	else if (v->field == RG_F_SOCK_TYPE && g->on == RG_CBPF_UDP)
		have = SOCK_DGRAM;
	else
		return false;
	jump(g, ((uint64_t)have == in->imm) == (in->sub == RG_EQ) ? t : f);
	return true;
}

static bool is_payload(const struct rg_ir_val *v)
{
	return v->kind == RG_V_FIELD && (v->field == RG_F_MSG_DATA || v->field == RG_F_MSG_SIZE);
}

static void test(struct gen *g, const struct rg_ir_insn *in)
{
	const struct rg_ir_val *v = &rg_ir_vals(g->p)[in->a];
	uint32_t jt = g->at[in->jt], jf = g->at[in->jf], t = jt, f = jf;
	uint32_t absent = in->flags & RG_IRF_ABSENT ? jt : jf, k = 0;
	int side;

	if (in->flags & RG_IRF_NEG) {
		t = jf;
		f = jt;
	}
	if (test_socket(g, in, v, t, f))
		return;
	if (!is_payload(v)) {
		refuse(g, value_name(g, v), "it sees the queued message's bytes and size only");
		return;
	}
	switch (in->op) {
	case RG_IR_EXISTS: jump(g, t); return;
	case RG_IR_CMP:
		if (!load_number(g, v, absent))
			break;
		side = scale(v, in->imm, in->b, &k);
		cmp_loaded(g, in->sub, side, k, t, f);
		return;
	case RG_IR_INTSET:
		if (!load_number(g, v, absent))
			break;
		test_set(g, in, v, t, f);
		return;
	case RG_IR_STR:
	case RG_IR_STRSET:
		if (v->field == RG_F_MSG_DATA && (v->view == RG_VIEW_NONE || v->view == RG_VIEW_SLICE)) {
			test_text_const(g, in, v, t, f);
			return;
		}
		break;
	case RG_IR_DFA: refuse(g, "\"matches\" or \"glob\"", "it has no loops"); return;
	default: break;
	}
	refuse(g, value_name(g, v), "the comparison does not fit into 32 bits or compares two values");
}

/* Labels to distances; every jump is forward. */
static void link_jumps(struct gen *g)
{
	for (unsigned i = 0; i < g->f->n; i++)
		if (g->f->insn[i].code == (BPF_JMP | BPF_JA))
			g->f->insn[i].k = *label(g, g->f->insn[i].k) - i - 1;
}

/* Code for one program; what its rets say is decided by yes and no: labels, or UINT32_MAX: return keep, drop.
 */
static void gen_program(struct gen *g, const struct rg_ir *p, uint32_t yes, uint32_t no)
{
	rg_auto_free uint32_t *at = calloc(p->n_insns, sizeof(*at));

	if (!at) {
		g->r = rg_fail(g->err, -ENOMEM, "out of memory");
		return;
	}
	g->p = p;
	g->at = at;
	for (uint32_t pc = 0; pc < p->n_insns; pc++)
		at[pc] = label_new(g);
	for (uint32_t pc = 0; pc < p->n_insns && !g->r; pc++) {
		const struct rg_ir_insn *in = &rg_ir_insns(p)[pc];

		place(g, at[pc]);
		if (in->op == RG_IR_RET && (in->imm ? yes : no) != UINT32_MAX)
			jump(g, in->imm ? yes : no);
		else if (in->op == RG_IR_RET)
			ins(g, BPF_RET | BPF_K, in->imm ? UINT32_MAX : 0);
		else if (in->op == RG_IR_LOOP)
			refuse(g, rg_fields[in->a].name,
			       "descriptors, control messages and buffers are not part of the queued bytes");
		else
			test(g, in);
	}
	g->at = NULL;
}

static int finish(struct gen *g)
{
	if (!g->r && g->labels.oom)
		g->r = rg_fail(g->err, -ENOMEM, "out of memory");
	if (!g->r)
		link_jumps(g);
	rg_buf_free(&g->labels);
	return g->r;
}

int rg_lower_cbpf_rules(const struct rg_cbpf_rule *rules, unsigned n, bool keep, enum rg_cbpf_on on,
			struct rg_cbpf *ret, struct rg_err *err)
{
	struct gen g = {.f = ret, .err = err, .on = on, .skip = on == RG_CBPF_UDP ? 8 : 0};

	ret->n = 0;
	for (unsigned i = 0; i < n && !g.r; i++) {
		uint32_t match = label_new(&g), next = label_new(&g);

		if (rules[i].when)
			gen_program(&g, rules[i].when, match, next);
		place(&g, match);
		ins(&g, BPF_RET | BPF_K, rules[i].keep ? UINT32_MAX : 0);
		place(&g, next);
		if (g.r)
			rg_err_wrap(err, "rule \"%s\"", rules[i].name);
	}
	ins(&g, BPF_RET | BPF_K, keep ? UINT32_MAX : 0);
	return finish(&g);
}

int rg_lower_cbpf_on(const struct rg_ir *p, enum rg_cbpf_on on, struct rg_cbpf *ret, struct rg_err *err)
{
	struct gen g = {.f = ret, .err = err, .on = on, .skip = on == RG_CBPF_UDP ? 8 : 0};

	ret->n = 0;
	gen_program(&g, p, UINT32_MAX, UINT32_MAX);
	return finish(&g);
}

int rg_lower_cbpf(const struct rg_ir *p, struct rg_cbpf *ret, struct rg_err *err)
{
	return rg_lower_cbpf_on(p, RG_CBPF_UNIX, ret, err);
}
