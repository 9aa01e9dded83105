/* SPDX-License-Identifier: BSD-2-Clause */
/* Decide about the message in rx, report the verdict, and say what is to happen. */
#include <errno.h>

#include "broker/broker.h"
#include "broker/event.h"

static bool reported(const struct rg_broker *b, const struct rg_decision *d)
{
	return b->opts.all_events || d->action != RG_ACT_ALLOW || d->log_rule;
}

static const char *named(const char *s)
{
	return s ? s : "(default)";
}

static void report(struct rg_broker *b, struct rg_call *c, const struct rg_decision *d)
{
	if (b->opts.event) {
		if (!b->opts.all_events)
			rg_event_fill(b, c, true); /* now the rest; what was decided on is the same */
		b->events++;
		rg_event_set_verdict(b->ev, d, "broker");
		b->opts.event(b->opts.arg, b->ev);
	} else if (d->action != RG_ACT_ALLOW) {
		rg_notice(b, "%s%s: process %d, %s of %zu bytes: policy %s, rule %s",
			  d->audit ? "(audit) " : "", rg_name_of(rg_names_actions, d->action), c->task->tid,
			  rg_routes[c->route].name, b->rx.full, named(d->policy), named(d->rule));
	}
}

static enum rg_judgement judgement(struct rg_call *c, struct rg_decision *d)
{
	if (d->audit)
		return RG_J_DELIVER;
	switch (d->action) {
	case RG_ACT_DENY:
		if (d->err_no <= 0 || d->err_no > 4095)
			d->err_no = EPERM;
		return RG_J_REFUSE;
	case RG_ACT_DROP:
		if (!c->stream)
			return RG_J_DROP;
		d->err_no = EPERM; /* a part of a stream cannot have never happened */
		return RG_J_REFUSE;
	case RG_ACT_KILL: return RG_J_KILL;
	default: return RG_J_DELIVER;
	}
}

enum rg_judgement rg_judge(struct rg_broker *b, struct rg_call *c, struct rg_decision *d)
{
	*d = (struct rg_decision){.action = RG_ACT_ALLOW};
	if (!b->policy && !b->opts.all_events)
		return RG_J_DELIVER;
	if (!rg_event_fill(b, c, b->opts.all_events)) {
		/* What cannot be looked at is not admitted. */
		rg_notice(b, "a message to process %d does not fit the supervisor's memory: refused (ENOMEM)",
			  c->task->tid);
		d->action = RG_ACT_DENY;
		d->err_no = ENOMEM;
		return RG_J_REFUSE;
	}
	if (b->policy)
		rg_policy_decide(b->policy, b->ev, d);
	d->audit |= b->opts.audit;
	if (!d->audit)
		b->stats.verdict[d->action]++;
	if (reported(b, d))
		report(b, c, d);
	return judgement(c, d);
}
