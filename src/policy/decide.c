/* SPDX-License-Identifier: BSD-2-Clause */
/* One event, all policies: what is to be done. Allocates nothing. */
#include <string.h>

#include "policy/policy.h"

/* Which of two policies' decisions holds: the stricter one. */
static int strictness(const struct rg_decision *d)
{
	static const int rank[] = {[RG_ACT_ALLOW] = 0, [RG_ACT_LOG] = 0,  [RG_ACT_STRIP] = 1,
				   [RG_ACT_DROP] = 2,  [RG_ACT_DENY] = 3, [RG_ACT_KILL] = 4};
	int r = rank[d->action];

	/* one that only reports never hides one that acts */
	return r && !d->audit ? r + 8 : r;
}

static void strip_list(const struct rg_ir *p, uint32_t pc, const struct rg_event *ev, uint64_t *bits)
{
	unsigned list = rg_ir_insns(p)[pc].a, i = 0;

	if (!rg_has(ev, list))
		return;
	for (const struct rg_node *e = ev->v[list].node; e && i < RG_STRIP_WORDS * 64; e = e->next, i++)
		if (rg_ir_eval_body(p, pc, ev, e, NULL))
			bits[i / 64] |= 1ull << (i % 64);
}

/* Mark what the rule's any(fd, P) and any(cmsg, P) are about. */
static void strip_marks(const struct rg_ir *p, const struct rg_event *ev, struct rg_decision *d)
{
	const struct rg_ir_insn *in = rg_ir_insns(p);

	for (uint32_t pc = 0; pc < p->n_insns; pc++) {
		if (in[pc].op != RG_IR_LOOP || in[pc].sub != 0)
			continue;
		if (in[pc].a == RG_F_FD)
			strip_list(p, pc, ev, d->strip_fd);
		else if (in[pc].a == RG_F_CMSG)
			strip_list(p, pc, ev, d->strip_cmsg);
	}
}

static bool rule_matches(const struct rg_rule *r, const struct rg_event *ev, bool *doubt)
{
	*doubt = false;
	return !r->ir || rg_ir_eval(r->ir, ev, doubt);
}

/* Decide by one policy whose scope matched. */
static void decide_one(const struct rg_pol *pol, const struct rg_event *ev, struct rg_decision *d)
{
	struct rg_index_cursor cur;
	uint32_t i = 0;
	bool doubt;

	d->policy = pol->name;
	d->audit = pol->audit;
	d->action = pol->dflt;
	d->err_no = pol->dflt_errno;
	if (pol->index)
		rg_index_start(pol->index, ev, &cur);
	for (;; i++) {
		const struct rg_rule *r;

		if (pol->index)
			i = rg_index_next(pol->index, &cur);
		if (i >= pol->n_rules)
			return;
		r = &pol->rules[i];
		if (!rule_matches(r, ev, &doubt))
			continue;
		if (r->action == RG_ACT_LOG && !d->log_rule) {
			d->log_rule = r->name;
			d->log_policy = pol->name;
		}
		if (r->action == RG_ACT_LOG)
			continue;
		d->action = r->action;
		d->err_no = r->err_no;
		d->rule = r->name;
		d->doubt = doubt;
		if (r->action == RG_ACT_STRIP)
			strip_marks(r->ir, ev, d);
		return;
	}
}

/* Two policies that strip take away what either names. */
static void merge_strips(struct rg_decision *to, const struct rg_decision *from)
{
	for (int i = 0; i < RG_STRIP_WORDS; i++) {
		to->strip_fd[i] |= from->strip_fd[i];
		to->strip_cmsg[i] |= from->strip_cmsg[i];
	}
}

void rg_policy_decide(const struct rg_policy *p, const struct rg_event *ev, struct rg_decision *ret)
{
	*ret = (struct rg_decision){.action = RG_ACT_ALLOW};
	for (unsigned i = 0; i < p->n; i++) {
		const struct rg_pol *pol = &p->pols[i];
		struct rg_decision d = {.action = RG_ACT_ALLOW};
		bool first = !ret->policy;

		if (pol->scope_ir && !rg_ir_eval(pol->scope_ir, ev, NULL))
			continue;
		decide_one(pol, ev, &d);
		if (pol->tracee && !d.log_rule)
			continue; /* such a policy says nothing of events it has no rule for */
		if (pol->tracee || d.rule || d.log_rule || d.action != RG_ACT_ALLOW)
			ret->matched |= 1ull << i;
		d.matched = ret->matched;
		if (ret->log_rule || (!d.log_rule && ret->log_policy)) {
			d.log_rule = ret->log_rule;
			d.log_policy = ret->log_policy;
		}
		if (ret->action == RG_ACT_STRIP && d.action == RG_ACT_STRIP && ret->audit == d.audit) {
			merge_strips(ret, &d);
		} else if (first || strictness(&d) > strictness(ret)) {
			*ret = d;
			continue;
		}
		ret->log_rule = d.log_rule;
		ret->log_policy = d.log_policy;
	}
}

const char *rg_policy_name(const struct rg_policy *p, unsigned i)
{
	return i < p->n ? p->pols[i].name : NULL;
}

unsigned rg_policy_count(const struct rg_policy *p)
{
	return p->n;
}

static void set_text(struct rg_event *ev, enum rg_field f, const char *s)
{
	if (s)
		rg_set_str(ev, f, s, (uint32_t)strlen(s), RG_TAG_K);
	else
		ev->tag[f] = RG_TAG_NONE;
}

void rg_event_set_verdict(struct rg_event *ev, const struct rg_decision *d, const char *backend)
{
	bool logged = d->log_rule && !d->rule && d->action == RG_ACT_ALLOW;

	set_text(ev, RG_F_VERDICT_POLICY, logged ? d->log_policy : d->policy);
	set_text(ev, RG_F_VERDICT_RULE, logged ? d->log_rule : d->rule);
	set_text(ev, RG_F_VERDICT_BACKEND, backend);
	rg_set_i(ev, RG_F_VERDICT_ACTION, logged ? RG_ACT_LOG : d->action, RG_TAG_K);
	ev->tag[RG_F_VERDICT_ERRNO] = RG_TAG_NONE;
	if (d->action == RG_ACT_DENY)
		rg_set_i(ev, RG_F_VERDICT_ERRNO, d->err_no, RG_TAG_K);
	if (!d->policy)
		set_text(ev, RG_F_VERDICT_REASON, "no policy is about this process");
	else if (d->doubt)
		set_text(
			ev, RG_F_VERDICT_REASON,
			"the rule could not be decided from what is known of the message: in doubt it holds");
	else if (d->audit && d->action != RG_ACT_ALLOW && d->action != RG_ACT_LOG)
		set_text(ev, RG_F_VERDICT_REASON, "audit: reported, not enforced");
	else if (d->rule || logged)
		set_text(ev, RG_F_VERDICT_REASON, "the rule matched");
	else
		set_text(ev, RG_F_VERDICT_REASON, "no rule matched: the policy's default");
}
