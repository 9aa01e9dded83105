/* SPDX-License-Identifier: BSD-2-Clause */
/* What each back-end can make of a rule, and why not more. The facts behind it: docs/policies.md. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "policy/lower/cbpf.h"
#include "policy/lower/enforce.h"
#include "policy/lower/match.h"
#include "policy/policy.h"
#include "policy/why.h"

const char *const rg_backend_names[RG_BACKEND__COUNT + 1] = {"trace",  "broker", "lsm",
							     "cgroup", "filter", NULL};
const char *const rg_support_names[] = {"enforceable", "advisory", "refused"};

enum rg_support rg_why_say(struct rg_why *w, enum rg_support s, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(w->p, w->size, fmt, ap);
	va_end(ap);
	return s;
}

/* Does the tree name any field for which is(field) holds? Returns the first, or -1. */
static int uses(const struct rg_ast *n, bool (*is)(int field))
{
	if (!n)
		return -1;
	if (n->field >= 0 && is(n->field))
		return n->field;
	for (const struct rg_ast *k = n->kids; k; k = k->next) {
		int f = uses(k, is);

		if (f >= 0)
			return f;
	}
	return -1;
}

static bool is_after(int f)
{
	return f == RG_F_DURATION || f == RG_F_WAIT || f == RG_F_MSG_LATENCY || f == RG_F_MSG_ID ||
	       f == RG_F_ID || f == RG_F_SEQ || f >= RG_F_VERDICT_POLICY;
}

/* Why the broker's events never hold this field; NULL: they may. */
static const char *never_brokered(int f)
{
	if (is_after(f) || f == RG_F_MSG_CTRUNCATED || f == RG_F_MSG_FDS_LOST)
		return "known only after delivery or in a trace";
	switch (f) {
	case RG_F_ERROR: return "of receives that fail: the broker judges messages";
	case RG_F_LOST_COUNT:
	case RG_F_LOST_REASON: return "of lost events: the broker loses none";
	case RG_F_MSG_USER:
	case RG_F_MSG_IOV: return "the program's memory, which it could change meanwhile";
	case RG_F_PROC_START:
	case RG_F_PROC_LEADER_START:
	case RG_F_PROC_PARENT_START:
	case RG_F_PROC_CGROUP_ID:
	case RG_F_PROC_HOST:
	case RG_F_PROC_NS_PPID:
	case RG_F_SOCK_NETNS: return "known to a trace, not to the supervisor";
	default: return NULL;
	}
}

/* The same for the fields of list elements: the list's field, and the element's name. */
static const char *never_brokered_elem(int list, const struct rg_ast *n)
{
	static const struct {
		int list;
		const char *name;
	} after[] = {{RG_F_FD, "fd"}, {RG_F_FD, "lost"}, {RG_F_CMSG, "cut"}, {RG_F_CMSG, "partial"}};

	for (size_t i = 0; i < RG_ARRAY_LEN(after); i++)
		if (after[i].list == list && strlen(after[i].name) == n->len &&
		    !memcmp(after[i].name, n->str, n->len))
			return "known only after delivery or in a trace";
	return NULL;
}

/* The first thing in the tree that the broker never knows: its name goes to name, the reason is returned.
 * list: whose elements are in scope, or -1. */
static const char *unbrokered(const struct rg_ast *n, int list, char name[64])
{
	const char *why = NULL;

	if (!n)
		return NULL;
	if (n->kind == RG_A_ELEM && (why = never_brokered_elem(list, n)))
		snprintf(name, 64, "%s.%.*s", rg_fields[list].name, (int)n->len, n->str);
	else if (n->field >= 0 && (why = never_brokered(n->field)))
		snprintf(name, 64, "%s", rg_fields[n->field].name);
	if (n->kind == RG_A_QUANT)
		list = n->field;
	for (const struct rg_ast *k = n->kids; k && !why; k = k->next)
		why = unbrokered(k, list, name);
	return why;
}

/* Does this condition say that the socket keeps message boundaries? */
static bool says_messages(const struct rg_ast *n)
{
	const struct rg_ast *v = n->kids, *k;

	if (n->kind == RG_A_AND) {
		for (k = n->kids; k; k = k->next)
			if (says_messages(k))
				return true;
		return false;
	}
	if ((n->kind != RG_A_IN && (n->kind != RG_A_CMP || (n->op != RG_EQ && n->op != RG_NE))) ||
	    v->kind != RG_A_FIELD || v->field != RG_F_SOCK_TYPE)
		return false;
	if (n->kind == RG_A_CMP && n->op == RG_NE)
		return v->next->num == SOCK_STREAM;
	for (k = n->kind == RG_A_IN ? v->next->kids : v->next; k; k = k->next)
		if (k->kind != RG_A_INT || k->num == SOCK_STREAM)
			return false;
	return true;
}

static bool for_messages(const struct rg_pol *pol, const struct rg_rule *r)
{
	return (r->tree && says_messages(r->tree)) || (pol->scope && says_messages(pol->scope));
}

static enum rg_support on_trace(const struct rg_pol *pol, const struct rg_rule *r, struct rg_why *w)
{
	(void)r;
	return rg_why_say(w, RG_ADVISORY,
			  "reported, never enforced; decided in user space, on every message in %s",
			  pol->tracee ? "scope that a rule may match" : "scope");
}

static enum rg_support on_broker(const struct rg_pol *pol, const struct rg_rule *r, struct rg_why *w)
{
	char name[64];
	const char *never = unbrokered(r->tree, -1, name);

	if (never)
		return rg_why_say(w, RG_REFUSED, "%s is %s", name, never);
	if (pol->tracee || r->action == RG_ACT_LOG)
		return rg_why_say(w, RG_ADVISORY, "%s", "delivered and reported");
	if (r->action == RG_ACT_DROP && !for_messages(pol, r))
		return rg_why_say(
			w, RG_REFUSED, "%s",
			"drop would tear a stream: say sock.type == dgram, seqpacket or != stream in `when`");
	if (pol->audit)
		return rg_why_say(w, RG_ADVISORY, "%s", "mode: audit");
	if (r->action == RG_ACT_DENY)
		return rg_why_say(w, RG_ENFORCEABLE, "%s", "the message is consumed, the call fails");
	if (r->action == RG_ACT_STRIP)
		return rg_why_say(
			w, RG_ENFORCEABLE, "%s",
			"what matches is not delivered, MSG_CTRUNC is set (some programs mishandle that)");
	return rg_why_say(w, RG_ENFORCEABLE, "%s",
			  "decided on the supervisor's own copy, before the program sees a byte");
}

static enum rg_support on_lsm(const struct rg_pol *pol, const struct rg_rule *r, struct rg_why *w)
{
	enum rg_enf_stage stage;
	int f = uses(r->tree, is_after);

	if (f >= 0 && !pol->tracee)
		return rg_why_say(w, RG_REFUSED, "%s is known only after delivery or in a trace",
				  rg_fields[f].name);
	return rg_enf_support(pol, (unsigned)(r - pol->rules), &stage, w->p, w->size);
}

/* The same, of datagrams as they are queued alone. */
static enum rg_support on_cgroup(const struct rg_pol *pol, const struct rg_rule *r, struct rg_why *w)
{
	enum rg_support s = on_lsm(pol, r, w);

	if (s == RG_REFUSED || r->action == RG_ACT_ALLOW || pol->tracee)
		return s;
	switch (rg_enf_stage_of(r)) {
	case RG_ST_RECV:
		return rg_why_say(
			w, RG_REFUSED, "%s",
			"it is decided as a process receives, which needs trampolines: lsm can, and "
			"`recvguard run`");
	case RG_ST_FILE:
		return rg_why_say(
			w, RG_REFUSED, "%s",
			"descriptors are seen as they are installed, which needs trampolines: lsm can, and "
			"`recvguard run`");
	default: break;
	}
	return rg_why_say(w, s, "%s",
			  s == RG_ADVISORY
				  ? "reported, not enforced; decided as the message is queued"
				  : "as the message is queued: UDP sockets of a control group, and unix "
				    "datagram and seqpacket sockets that exist when it is loaded");
}

static enum rg_support on_filter(const struct rg_pol *pol, const struct rg_rule *r, struct rg_why *w)
{
	rg_auto_free struct rg_cbpf *f = malloc(sizeof(*f));
	struct rg_err err = {0};

	if (pol->tracee || pol->audit || r->action == RG_ACT_LOG)
		return rg_why_say(w, RG_REFUSED, "%s", "a socket filter can't report");
	if (r->action != RG_ACT_DROP && r->action != RG_ACT_ALLOW)
		return rg_why_say(w, RG_REFUSED, "a socket filter only keeps or drops: %s is not possible",
				  rg_name_of(rg_names_actions, r->action));
	if (r->ir && (!f || rg_lower_cbpf(r->ir, f, &err)))
		return rg_why_say(w, RG_REFUSED, "%s", f ? err.msg : "out of memory");
	return rg_why_say(
		w, RG_ENFORCEABLE, "%s",
		"on unix datagram, seqpacket and UDP sockets, also against read() and splice(); no effect "
		"on streams");
}

enum rg_support rg_policy_support(const struct rg_policy *p, unsigned policy, unsigned rule,
				  enum rg_backend b, char *why, size_t why_size)
{
	static enum rg_support (*const ask[])(const struct rg_pol *, const struct rg_rule *,
					      struct rg_why *) = {on_trace, on_broker, on_lsm, on_cgroup,
								  on_filter};
	struct rg_why w = {why, why_size};

	return ask[b](&p->pols[policy], &p->pols[policy].rules[rule], &w);
}

unsigned rg_policy_rules(const struct rg_policy *p, unsigned policy)
{
	return policy < p->n ? p->pols[policy].n_rules : 0;
}

const char *rg_policy_rule_name(const struct rg_policy *p, unsigned policy, unsigned rule)
{
	return rule < rg_policy_rules(p, policy) ? p->pols[policy].rules[rule].name : NULL;
}

int rg_policy_check(const struct rg_policy *p, enum rg_backend b, struct rg_err *err)
{
	char why[512], name[64];
	const char *never;

	for (unsigned i = 0; i < p->n; i++) {
		never = b == RG_BACKEND_BROKER ? unbrokered(p->pols[i].scope, -1, name) : NULL;
		if (never)
			return rg_fail(err, -EOPNOTSUPP,
				       "%s: the scope of policy \"%s\" can't be decided by %s: %s is %s",
				       p->pols[i].file, p->pols[i].name, rg_backend_names[b], name, never);
		for (unsigned k = 0; k < p->pols[i].n_rules; k++) {
			const struct rg_rule *r = &p->pols[i].rules[k];

			if (rg_policy_support(p, i, k, b, why, sizeof(why)) == RG_REFUSED)
				return rg_fail(err, -EOPNOTSUPP,
					       "%s:%u: rule \"%s\" can't be enforced by %s: %s",
					       p->pols[i].file, r->when ? r->when->line : 1, r->name,
					       rg_backend_names[b], why);
		}
	}
	return 0;
}

static int collect(const struct rg_pol *pol, struct rg_cbpf_rule *out, struct rg_err *err)
{
	for (unsigned i = 0; i < pol->n_rules; i++) {
		const struct rg_rule *r = &pol->rules[i];

		if (r->action != RG_ACT_ALLOW && r->action != RG_ACT_DROP)
			return rg_fail(
				err, -EOPNOTSUPP,
				"%s: rule \"%s\": a socket filter only keeps or drops: %s is not possible",
				pol->file, r->name, rg_name_of(rg_names_actions, r->action));
		out[i] = (struct rg_cbpf_rule){r->name, r->ir, r->action == RG_ACT_ALLOW};
	}
	if (pol->dflt != RG_ACT_ALLOW && pol->dflt != RG_ACT_DROP)
		return rg_fail(err, -EOPNOTSUPP, "%s: default: a socket filter only keeps or drops",
			       pol->file);
	return 0;
}

int rg_policy_filter(const struct rg_policy *p, bool udp, struct sock_filter *insns, unsigned max,
		     struct rg_err *err)
{
	rg_auto_free struct rg_cbpf *f = malloc(sizeof(*f));
	rg_auto_free struct rg_cbpf_rule *rules = NULL;
	const struct rg_pol *pol = p->pols;
	int r;

	if (p->n != 1)
		return rg_fail(err, -EOPNOTSUPP, "a socket takes one filter: give one policy, not %u", p->n);
	if (pol->audit || pol->tracee)
		return rg_fail(err, -EOPNOTSUPP,
			       "%s: a socket filter can't report: mode audit is not possible", pol->file);
	rules = calloc(pol->n_rules + 1, sizeof(*rules));
	if (!f || !rules)
		return rg_fail(err, -ENOMEM, "out of memory");
	r = collect(pol, rules, err);
	if (!r)
		r = rg_lower_cbpf_rules(rules, pol->n_rules, pol->dflt == RG_ACT_ALLOW,
					udp ? RG_CBPF_UDP : RG_CBPF_UNIX, f, err);
	if (r)
		return r;
	if (f->n > max)
		return rg_fail(err, -E2BIG, "the filter needs %u instructions, %u are possible", f->n, max);
	memcpy(insns, f->insn, f->n * sizeof(*insns));
	return (int)f->n;
}
