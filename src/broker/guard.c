/* SPDX-License-Identifier: BSD-2-Clause */
/* Rules as a locked socket filter on a running process's socket. */
#include <errno.h>
#include <linux/filter.h>
#include <netinet/in.h>
#include <recvguard/broker.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "broker/sys.h"
#include "policy/lower/cbpf.h"
#include "policy/policy.h"

#ifndef SO_PASSRIGHTS
#define SO_PASSRIGHTS 83
#endif
#define KEEP 0xffffffffu

struct guard {
	const struct rg_guard_opts *o;
	void (*left_out)(void *arg, const char *line);
	void *arg;
	enum rg_cbpf_on on;
	struct rg_cbpf one;
	unsigned n;
	struct sock_filter insn[RG_CBPF_MAX];
};

static int option(int sock, int name)
{
	int v;
	socklen_t len = sizeof(v);

	return getsockopt(sock, SOL_SOCKET, name, &v, &len) == 0 ? v : -1;
}

/* Is it a socket whose messages a filter sees one by one? */
static int check_socket(struct guard *g, int sock, struct rg_err *err)
{
	int family = option(sock, SO_DOMAIN), type = option(sock, SO_TYPE),
	    protocol = option(sock, SO_PROTOCOL);

	if (family < 0)
		return rg_fail(err, -ENOTSOCK, "descriptor %d of process %d is no socket", g->o->fd,
			       g->o->pid);
	if (type == SOCK_STREAM)
		return rg_fail(err, -EOPNOTSUPP,
			       "descriptor %d is a stream socket: a socket filter has no effect there; "
			       "run the program under `recvguard run`",
			       g->o->fd);
	if (family != AF_UNIX && ((family != AF_INET && family != AF_INET6) || protocol != IPPROTO_UDP))
		return rg_fail(err, -EOPNOTSUPP,
			       "descriptor %d is neither a unix datagram or seqpacket nor a UDP socket",
			       g->o->fd);
	if (option(sock, SO_LOCK_FILTER) == 1)
		return rg_fail(err, -EPERM, "the socket has a locked filter already");
	g->on = family == AF_UNIX ? RG_CBPF_UNIX : RG_CBPF_UDP;
	return 0;
}

static int append(struct guard *g, struct sock_filter f)
{
	if (g->n >= RG_CBPF_MAX)
		return -E2BIG;
	g->insn[g->n++] = f;
	return 0;
}

/* The rule's program behind what is there: true returns its verdict, false goes on to the next rule. */
static int add_program(struct guard *g, bool keeps)
{
	unsigned end = g->n + g->one.n;

	for (unsigned i = 0; i < g->one.n; i++) {
		struct sock_filter f = g->one.insn[i];

		if (BPF_CLASS(f.code) == BPF_RET) {
			if (f.k)
				f = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, keeps ? KEEP : 0);
			else
				f = (struct sock_filter)BPF_STMT(BPF_JMP | BPF_JA, end - g->n - 1);
		}
		if (append(g, f) < 0)
			return -E2BIG;
	}
	return 0;
}

static const char *action_reason(const struct rg_rule *r)
{
	switch (r->action) {
	case RG_ACT_ALLOW:
	case RG_ACT_DROP: return NULL;
	case RG_ACT_DENY: return "a socket filter cannot make a receive fail, only drop";
	case RG_ACT_STRIP: return "a socket filter cannot take descriptors or control messages away";
	case RG_ACT_KILL: return "a socket filter cannot kill";
	default: return "a socket filter cannot report";
	}
}

static int add_rule(struct guard *g, const struct rg_pol *p, const struct rg_rule *r,
		    struct rg_guard_result *ret, struct rg_err *err)
{
	struct rg_err why = {0};
	const char *reason = action_reason(r);
	char line[1400];
	int rc = -EOPNOTSUPP;

	if (!reason && !r->ir) { /* always */
		ret->rules++;
		return append(g, (struct sock_filter)BPF_STMT(BPF_RET | BPF_K,
							      r->action == RG_ACT_ALLOW ? KEEP : 0));
	}
	if (!reason) {
		rc = rg_lower_cbpf_on(r->ir, g->on, &g->one, &why);
		reason = why.msg;
	}
	if (rc == 0) {
		ret->rules++;
		return add_program(g, r->action == RG_ACT_ALLOW);
	}
	snprintf(line, sizeof(line), "policy %s, rule %s: %s", p->name, r->name ? r->name : "?", reason);
	/* Without an allowing rule the ones behind it would drop more than the policy says. */
	if (!g->o->partial || r->action == RG_ACT_ALLOW)
		return rg_fail(err, -EOPNOTSUPP, "%s", line);
	ret->left_out++;
	if (g->left_out)
		g->left_out(g->arg, line);
	return 0;
}

static int build(struct guard *g, const struct rg_policy *p, struct rg_guard_result *ret, struct rg_err *err)
{
	const struct rg_pol *pol = p->pols;

	if (p->n != 1)
		return rg_fail(err, -EOPNOTSUPP, "one policy can be put on a socket, here are %u", p->n);
	if (pol->scope)
		return rg_fail(
			err, -EOPNOTSUPP,
			"policy %s has a scope: the socket is named by --pid and --fd, take the scope out",
			pol->name);
	if (pol->audit)
		return rg_fail(err, -EOPNOTSUPP, "policy %s is in audit mode: a socket filter cannot report",
			       pol->name);
	for (unsigned i = 0; i < pol->n_rules; i++)
		if (add_rule(g, pol, &pol->rules[i], ret, err) < 0)
			return err->code ? err->code
					 : rg_fail(err, -E2BIG, "the policy needs more than %d instructions",
						   RG_CBPF_MAX);
	if (pol->dflt != RG_ACT_ALLOW && pol->dflt != RG_ACT_DROP)
		return rg_fail(err, -EOPNOTSUPP,
			       "policy %s: its default is deny: a socket filter can only drop", pol->name);
	if (append(g, (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, pol->dflt == RG_ACT_DROP ? 0 : KEEP)) < 0)
		return rg_fail(err, -E2BIG, "the policy needs more than %d instructions", RG_CBPF_MAX);
	ret->instructions = g->n;
	return 0;
}

static int attach(struct guard *g, int sock, struct rg_guard_result *ret, struct rg_err *err)
{
	struct sock_fprog prog = {(unsigned short)g->n, g->insn};
	int queued = 0, one = 1, zero = 0;

	/* First what may be missing: a failure leaves the socket as it was. */
	if (g->o->no_descriptors && setsockopt(sock, SOL_SOCKET, SO_PASSRIGHTS, &zero, sizeof(zero)) < 0)
		return rg_fail(err, -errno,
			       "senders cannot be kept from passing descriptors (SO_PASSRIGHTS, Linux 6.16, "
			       "unix sockets): %s",
			       strerror(errno));
	if (setsockopt(sock, SOL_SOCKET, SO_ATTACH_FILTER, &prog, sizeof(prog)) < 0)
		return rg_fail(err, -errno, "the filter was refused: %s", strerror(errno));
	if (setsockopt(sock, SOL_SOCKET, SO_LOCK_FILTER, &one, sizeof(one)) < 0) {
		int e = errno;

		setsockopt(sock, SOL_SOCKET, SO_DETACH_FILTER, &zero, sizeof(zero));
		return rg_fail(err, -e, "the filter cannot be locked: %s", strerror(e));
	}
	ret->queued = ioctl(sock, FIONREAD, &queued) == 0 && queued > 0;
	return 0;
}

int rg_guard(const struct rg_guard_opts *o, void (*left_out)(void *arg, const char *line), void *arg,
	     struct rg_guard_result *ret, struct rg_err *err)
{
	rg_auto_close int pidfd = rg_pidfd_open(o->pid, 0);
	rg_auto_close int sock = pidfd < 0 ? -1 : rg_pidfd_getfd(pidfd, o->fd);
	rg_auto_free struct guard *g = calloc(1, sizeof(*g));
	struct rg_policy *p = NULL;
	int rc;

	*ret = (struct rg_guard_result){0};
	if (pidfd < 0)
		return rg_fail(err, -errno, "process %d: %s", o->pid, strerror(errno));
	if (sock < 0)
		return rg_fail(err, -errno, "descriptor %d of process %d: %s", o->fd, o->pid,
			       strerror(errno));
	if (!g)
		return rg_fail(err, -ENOMEM, "no memory");
	*g = (struct guard){.o = o, .left_out = left_out, .arg = arg};
	rc = check_socket(g, sock, err);
	if (rc == 0)
		rc = rg_policy_load(o->policies, o->n_policies, &p, err);
	if (rc == 0)
		rc = build(g, p, ret, err);
	if (rc == 0)
		rc = attach(g, sock, ret, err);
	rg_policy_free(p);
	return rc;
}
