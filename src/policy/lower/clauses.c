/* SPDX-License-Identifier: BSD-2-Clause */
/* Rules to clauses. Above its tests a program knows no negation, so the tests that a path to "true" takes as
 * true are enough for it: those it passes as false can be left out. */
#include <errno.h>
#include <string.h>

#include "policy/lower/enforce.h"

#define LITS_MAX  64 /* tests of one clause */
#define STEPS_MAX (1u << 18)

struct walk {
	const struct rg_policy *p;
	enum rg_enf_stage stage;
	struct rg_enf_list *out;
	struct rg_err *err;
	uint16_t policy, rule;
	struct rg_enf_lit lit[LITS_MAX];
	uint32_t n, steps;
	int r;
};

/* What follows when a program came to true: the rule's own program behind the scope's, or the end. */
struct next {
	const struct rg_ir *ir; /* NULL: a clause is complete */
	uint32_t pc;
	const struct next *then;
};

static void go(struct walk *w, const struct rg_ir *ir, uint32_t pc, uint32_t loop, const struct next *then);

static const char *rule_name(const struct walk *w)
{
	const struct rg_pol *pol = &w->p->pols[w->policy];

	return w->rule < pol->n_rules ? pol->rules[w->rule].name : "default";
}

static void fail(struct walk *w, const char *what)
{
	if (!w->r)
		w->r = rg_fail(w->err, -E2BIG, "policy %s, rule \"%s\": %s", w->p->pols[w->policy].name,
			       rule_name(w), what);
}

static void complete(struct walk *w)
{
	struct rg_enf_conj c = {.lit = (uint32_t)(w->out->lits.len / sizeof(struct rg_enf_lit)),
				.n_lits = w->n,
				.policy = w->policy,
				.rule = w->rule};

	if (w->out->conjs.len / sizeof(c) >= RG_ENF_BITS) {
		fail(w, "the policies have more than 2048 alternatives at one stage");
		return;
	}
	rg_buf_add(&w->out->lits, w->lit, w->n * sizeof(w->lit[0]));
	rg_buf_add(&w->out->conjs, &c, sizeof(c));
}

static void arrived(struct walk *w, const struct next *then)
{
	if (then->ir)
		go(w, then->ir, then->pc, 0, then->then);
	else
		complete(w);
}

/* loop: within the body of any(fd, ...), the pc of its LOOP + 1; 0: not. */
static void go(struct walk *w, const struct rg_ir *ir, uint32_t pc, uint32_t loop, const struct next *then)
{
	for (const struct rg_ir_insn *in; !w->r; pc = in->jf) {
		in = &rg_ir_insns(ir)[pc];
		if (++w->steps > STEPS_MAX) {
			fail(w, "its conditions combine in too many ways for the kernel's tables");
			return;
		}
		if (in->op == RG_IR_RET) {
			if (in->imm && loop)
				go(w, ir, rg_ir_insns(ir)[loop - 1].jt, 0, then);
			else if (in->imm)
				arrived(w, then);
			return;
		}
		if (in->op == RG_IR_LOOP) {
			go(w, ir, pc + 1, pc + 1, then);
		} else if (w->n >= LITS_MAX) {
			fail(w, "more than 64 tests in one alternative");
		} else {
			rg_enf_test(ir, pc, w->stage, &w->lit[w->n++]);
			go(w, ir, in->jt, loop, then);
			w->n--;
		}
	}
}

static void add_rule(struct walk *w, const struct rg_ir *scope, const struct rg_ir *ir)
{
	const struct next end = {NULL, 0, NULL}, rule = {ir, 0, &end};
	const struct next *after = ir ? &rule : &end;

	w->n = 0;
	if (scope)
		go(w, scope, 0, 0, after);
	else
		arrived(w, after);
}

static enum rg_enf_stage stage_of_default(const struct rg_pol *pol)
{
	return pol->dflt == RG_ACT_DROP ? RG_ST_QUEUE : RG_ST_RECV;
}

/* Does anything behind rule i (the default counted) decide at this stage? */
static bool matters(const struct rg_pol *pol, unsigned i, enum rg_enf_stage stage)
{
	for (unsigned k = i + 1; k < pol->n_rules; k++)
		if (pol->rules[k].action != RG_ACT_ALLOW && rg_enf_stage_of(&pol->rules[k]) == stage)
			return true;
	return pol->dflt != RG_ACT_ALLOW && stage_of_default(pol) == stage;
}

static void add_policy(struct walk *w, const struct rg_pol *pol)
{
	for (unsigned i = 0; i < pol->n_rules && !w->r; i++) {
		const struct rg_rule *r = &pol->rules[i];

		w->rule = (uint16_t)i;
		if (r->action == RG_ACT_ALLOW ? matters(pol, i, w->stage) : rg_enf_stage_of(r) == w->stage)
			add_rule(w, pol->scope_ir, r->ir);
	}
	w->rule = UINT16_MAX;
	if (pol->dflt != RG_ACT_ALLOW && stage_of_default(pol) == w->stage && !w->r)
		add_rule(w, pol->scope_ir, NULL);
}

int rg_enf_clauses(const struct rg_policy *p, enum rg_enf_stage stage, struct rg_enf_list *ret,
		   struct rg_err *err)
{
	struct walk w = {.p = p, .stage = stage, .out = ret, .err = err};

	*ret = (struct rg_enf_list){0};
	for (unsigned i = 0; i < p->n && !w.r; i++) {
		w.policy = (uint16_t)i;
		add_policy(&w, &p->pols[i]);
	}
	if (!w.r && (ret->lits.oom || ret->conjs.oom))
		w.r = rg_fail(err, -ENOMEM, "out of memory");
	if (w.r)
		rg_enf_list_free(ret);
	return w.r;
}

void rg_enf_list_free(struct rg_enf_list *l)
{
	rg_buf_free(&l->lits);
	rg_buf_free(&l->conjs);
}
