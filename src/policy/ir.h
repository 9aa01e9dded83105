/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RG_POLICY_IR_H
#define RG_POLICY_IR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <recvguard/error.h>
#include <recvguard/event.h>

#include "base/buf.h"

/*
 * The one intermediate form (docs/ir.md is its specification). A program is a sequence of tests; each goes on
 * to one of two later instructions, so that it ends. It is one block of memory, position-independent, that
 * can be written to a file, and every offset in it is checked by rg_ir_verify before it is used.
 */

#define RG_IR_MAGIC   0x52494752u /* "RGIR", little-endian */
#define RG_IR_VERSION 1
#define RG_IR_MAX     (1u << 20) /* instructions */

enum rg_ir_op {
#define RG_IR_OP(ID, name, args) RG_IR_##ID,
#include "policy/ir.def"
#undef RG_IR_OP
	RG_IR__COUNT
};

/* rg_ir_insn.flags */
#define RG_IRF_NEG    (1u << 0) /* the test's outcome is turned around */
#define RG_IRF_ABSENT (1u << 1) /* outcome when a value is absent (not turned around) */
#define RG_IRF_DOUBT  (1u << 2) /* outcome when it can't be known */

struct rg_ir_insn {
	uint8_t op;    /* enum rg_ir_op */
	uint8_t flags; /* RG_IRF_* */
	uint8_t sub;   /* CMP: enum rg_cmp; STR: enum rg_strop; FLAGS, LOOP: enum rg_mode */
	uint8_t pad;
	uint16_t a, b;	 /* values */
	uint32_t jt, jf; /* next instruction when true, false; LOOP: behind the body */
	uint32_t k;	 /* constant; LOOP: first instruction behind the body */
	uint32_t pad2;
	uint64_t imm;
};

enum rg_ir_val_kind { RG_V_FIELD, RG_V_ELEM, RG_V_SUB, RG_V_COUNT };
/* rg_ir_val.view: what is made of it */
enum rg_ir_view { RG_VIEW_NONE, RG_VIEW_LEN, RG_VIEW_SLICE, RG_VIEW_INT };
struct rg_ir_val {
	uint8_t kind;  /* enum rg_ir_val_kind */
	uint8_t view;  /* enum rg_ir_view */
	uint8_t width; /* VIEW_INT: bytes */
	uint8_t order; /* VIEW_INT: bit 0 big-endian, bit 1 signed */
	uint16_t field;
	uint16_t must; /* ELEM: every element has it; its absence is doubt */
	uint32_t name; /* ELEM, SUB: offset in data of a NUL-terminated name */
	uint32_t from, to;
	uint32_t pad; /* what follows stays aligned to 8 */
};

enum rg_ir_const_kind { RG_K_STR, RG_K_RANGES, RG_K_STRSET, RG_K_ADDRS, RG_K_DFA, RG_K_INTSET };
struct rg_ir_const {
	uint32_t kind;	   /* enum rg_ir_const_kind */
	uint32_t off, len; /* in data */
	uint32_t n;	   /* RANGES, ADDRS: entries; STRSET, INTSET: slots, a power of two */
};

struct rg_ir_range {
	uint64_t lo, hi; /* signed values have their top bit turned around */
};
struct rg_ir_addr_range {
	uint8_t family_len; /* 4, 16 */
	uint8_t pad[7];
	uint8_t lo[16], hi[16];
};
struct rg_ir_slot {
	uint32_t off, len; /* off from the constant's beginning; 0: free */
};

struct rg_ir {
	uint32_t magic, version;
	uint32_t size; /* of the whole block */
	uint32_t n_insns, n_vals, n_consts, data_len, pad;
	/* followed by insns, vals, consts, data */
};

static inline const struct rg_ir_insn *rg_ir_insns(const struct rg_ir *p)
{
	return (const struct rg_ir_insn *)(p + 1);
}
static inline const struct rg_ir_val *rg_ir_vals(const struct rg_ir *p)
{
	return (const struct rg_ir_val *)(rg_ir_insns(p) + p->n_insns);
}
static inline const struct rg_ir_const *rg_ir_consts(const struct rg_ir *p)
{
	return (const struct rg_ir_const *)(rg_ir_vals(p) + p->n_vals);
}
static inline const char *rg_ir_data(const struct rg_ir *p)
{
	return (const char *)(rg_ir_consts(p) + p->n_consts);
}

/* What a rule does decides what a missing value means (docs/expressions.md, "What is not known"). */
enum rg_use {
	RG_USE_FILTER,	 /* absent: no match, however negated; doubt: match */
	RG_USE_PERMIT,	 /* absent: no match, however negated; doubt: no match */
	RG_USE_RESTRICT, /* absent: the test is false, its negation true; doubt: match */
};

struct rg_ast;
struct rg_comp;
/* Last pass: a folded tree to a program; *ret is freed with free(). */
int rg_lower_ir(struct rg_comp *c, const struct rg_ast *n, enum rg_use use, struct rg_ir **ret);

/* Check a block that may come from anywhere. Errors: -EINVAL, err says which instruction and why. */
int rg_ir_verify(const void *block, size_t len, struct rg_err *err);
void rg_ir_disasm(const struct rg_ir *p, struct rg_buf *out);

/* Evaluate; *doubt (may be NULL) is set when something could not be known. elem: for a loop's body, else
 * NULL. */
bool rg_ir_eval(const struct rg_ir *p, const struct rg_event *ev, bool *doubt);
/* Run the body of the LOOP at pc over element elem. */
bool rg_ir_eval_body(const struct rg_ir *p, uint32_t pc, const struct rg_event *ev,
		     const struct rg_node *elem, bool *doubt);

/* One test that is no loop, by itself: does it go on to jt? elem: for tests of a loop's body, else NULL. */
bool rg_ir_test(const struct rg_ir *p, uint32_t pc, const struct rg_event *ev, const struct rg_node *elem);

/* Shared by builder, verifier and evaluator. */
uint32_t rg_ir_hash(const char *s, size_t len);
uint32_t rg_ir_hash_int(uint64_t u);
/* Value whose order as unsigned is the signed order. */
static inline uint64_t rg_ir_bias(int64_t i)
{
	return (uint64_t)i ^ (1ull << 63);
}

#endif
