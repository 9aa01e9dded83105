/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RG_BPF_ENF_WHO_H
#define RG_BPF_ENF_WHO_H

/* The values of the dimensions, looked up one after the other; what is cheap and selective first. */
#include "call.h"
#include "enf_emit.h"

#define RG_NEED(set, d) ((set)->need & RG_D_BIT(d))
#define RG_D_SUBJECT	((RG_D_BIT(RG_D_COMPAT + 1) - 1))
#define RG_D_RARE                                                                                        \
	(RG_D_BIT(RG_D_TREE) | RG_D_BIT(RG_D_CGTREE) | RG_D_BIT(RG_D_CGTREE1) | RG_D_BIT(RG_D_CGTREE2) | \
	 RG_D_BIT(RG_D_CGTREE3) | RG_D_BIT(RG_D_MNTNS) | RG_D_BIT(RG_D_PIDNS) | RG_D_BIT(RG_D_EXE) |     \
	 RG_D_BIT(RG_D_COMPAT))
#define RG_D_ADDRS \
	(RG_D_BIT(RG_D_LADDR4) | RG_D_BIT(RG_D_LADDR6) | RG_D_BIT(RG_D_RADDR4) | RG_D_BIT(RG_D_RADDR6))

/* Those that enf_front.h asks of a socket. */
#define RG_D_SOCKET \
	(RG_D_BIT(RG_D_LPORT) | RG_D_BIT(RG_D_RPORT) | RG_D_BIT(RG_D_PATH) | RG_D_BIT(RG_D_RADDR4))

/* On which kind of socket it would matter that a recvmmsg brings more than one message. */
rg_inline __u32 rg_enf_batch_of(__u16 family)
{
	return family == AF_UNIX ? RG_BATCH_UNIX : RG_BATCH_INET;
}

/* Is this evaluated at all? The set, or NULL. */
rg_inline struct rg_enf_set *rg_enf_start(struct rg_enf_eval *e, struct task_struct *t, __u32 stage)
{
	struct rg_enf_ctl *ctl;
	struct rg_enf_set *s;
	__u32 zero = 0, set;

	if (t && (t->flags & RG_PF_KTHREAD) && !(t->flags & RG_PF_IO_WORKER))
		return NULL;
	ctl = bpf_map_lookup_elem(&enf_ctl, &zero);
	if (!ctl)
		return NULL;
	/* a loader that looks whether it is called, and wants to be known */
	if (t && ctl->probe && ctl->probe == t->pid) {
		rg_enf_count(RG_EC_PROBE);
		ctl->self_start = t->group_leader->start_boottime;
		return NULL;
	}
	if (!ctl->on || (ctl->deadline && bpf_ktime_get_boot_ns() > ctl->deadline))
		return NULL;
	set = RG_ENF_SET(ctl->gen & 1, stage);
	s = bpf_map_lookup_elem(&enf_sets, &set);
	if (!s || !s->sum)
		return NULL;
	if (t && ctl->self == t->tgid && t->group_leader->start_boottime == ctl->self_start)
		return NULL;
	e->set = set;
	e->sum = s->sum;
	e->n = 0;
	return s;
}

rg_inline __u64 rg_enf_ancestor(struct task_struct *t, __u32 level)
{
	return level ? bpf_get_current_ancestor_cgroup_id(level - 1) : 0;
}

/* Seldom used: kept out of the way. */
static __attribute__((noinline)) __u32 rg_enf_rare(struct rg_enf_eval *e, struct rg_enf_set *s,
						   struct task_struct *t)
{
	struct inode *exe;

	if (RG_NEED(s, RG_D_TREE) &&
	    !rg_enf_number(e, RG_D_TREE, (rg_enf_kin(t) & RG_TREE_BIT(RG_ENF_GEN(e->set))) != 0))
		return 0;
#pragma unroll
	for (int i = 0; i < 4; i++)
		if (RG_NEED(s, RG_D_CGTREE + i) &&
		    !rg_enf_number(e, RG_D_CGTREE + i, rg_enf_ancestor(t, s->level[i])))
			return 0;
	if (RG_NEED(s, RG_D_MNTNS) && !rg_enf_number(e, RG_D_MNTNS, t->nsproxy->mnt_ns->ns.inum))
		return 0;
	if (RG_NEED(s, RG_D_PIDNS)) {
		struct pid *pid = t->thread_pid;
		struct upid up = {};

		bpf_probe_read_kernel(&up, sizeof(up), &pid->numbers[pid->level & 31]);
		if (!rg_enf_number(e, RG_D_PIDNS, BPF_CORE_READ(up.ns, ns.inum)))
			return 0;
	}
	if (RG_NEED(s, RG_D_EXE)) {
		exe = t->mm->exe_file->f_inode;
		if (!(exe ? rg_enf_step(e, RG_D_EXE, __builtin_bswap64(exe->i_ino),
					__builtin_bswap64(exe->i_sb->s_dev))
			  : rg_enf_none(e, RG_D_EXE)))
			return 0;
	}
	if (RG_NEED(s, RG_D_COMPAT) && !rg_enf_number(e, RG_D_COMPAT, rg_is_compat(t)))
		return 0;
	return e->sum;
}

rg_inline __u32 rg_enf_who(struct rg_enf_eval *e, struct rg_enf_set *s, struct task_struct *t)
{
	if (!(s->need & RG_D_SUBJECT))
		return e->sum;
	if (RG_NEED(s, RG_D_PID) && !rg_enf_number(e, RG_D_PID, t->tgid))
		return 0;
	if (RG_NEED(s, RG_D_TID) && !rg_enf_number(e, RG_D_TID, t->pid))
		return 0;
	if (RG_NEED(s, RG_D_PPID) && !rg_enf_number(e, RG_D_PPID, t->real_parent->tgid))
		return 0;
	if (RG_NEED(s, RG_D_UID) && !rg_enf_number(e, RG_D_UID, t->cred->uid.val))
		return 0;
	if (RG_NEED(s, RG_D_GID) && !rg_enf_number(e, RG_D_GID, t->cred->gid.val))
		return 0;
	if (RG_NEED(s, RG_D_COMM)) {
		/* io_uring's own threads have names of their own */
		struct task_struct *named = t->flags & RG_PF_IO_WORKER ? t->group_leader : t;
		__u64 w[2], z;

		bpf_probe_read_kernel(w, sizeof(w), named->comm);
		/* zero from the first NUL on: what follows it may be left from an older name */
		z = (w[0] - 0x0101010101010101ull) & ~w[0] & 0x8080808080808080ull;
		if (z) {
			w[0] &= ((z & -z) >> 7) - 1;
			w[1] = 0;
		} else {
			z = (w[1] - 0x0101010101010101ull) & ~w[1] & 0x8080808080808080ull;
			if (z)
				w[1] &= ((z & -z) >> 7) - 1;
		}
		if (!rg_enf_step(e, RG_D_COMM, w[0], w[1]))
			return 0;
	}
	if (RG_NEED(s, RG_D_CGROUP) && !rg_enf_number(e, RG_D_CGROUP, t->cgroups->dfl_cgrp->kn->id))
		return 0;
	if (s->need & RG_D_RARE)
		return rg_enf_rare(e, s, t);
	return e->sum;
}

/* dim: the one for IPv4, the next is the one for IPv6. */
rg_inline __u32 rg_enf_addr(struct rg_enf_eval *e, __u32 dim, __u16 family, __u32 v4,
			    const struct in6_addr *v6)
{
	__u64 w[2];

	if (family == AF_INET)
		return rg_enf_number(e, dim, __builtin_bswap32(v4));
	__builtin_memcpy(w, v6, sizeof(w));
	return rg_enf_step(e, dim + 1, w[0], w[1]);
}

/* Addresses and ports of the socket itself. */
static __attribute__((noinline)) __u32 rg_enf_ends(struct rg_enf_eval *e, struct rg_enf_set *s,
						   struct sock *sk)
{
	__u16 family = sk->__sk_common.skc_family, rport = sk->__sk_common.skc_dport;
	bool inet = family == AF_INET || family == AF_INET6, remote;
	struct in6_addr in6;
	__u32 in4;

	if (RG_NEED(s, RG_D_LPORT) &&
	    !(inet ? rg_enf_number(e, RG_D_LPORT, sk->__sk_common.skc_num) : rg_enf_none(e, RG_D_LPORT)))
		return 0;
	if (RG_NEED(s, RG_D_LADDR4)) {
		in4 = sk->__sk_common.skc_rcv_saddr;
		BPF_CORE_READ_INTO(&in6, sk, __sk_common.skc_v6_rcv_saddr);
		if (!(inet ? rg_enf_addr(e, RG_D_LADDR4, family, in4, &in6)
		      : family == AF_UNIX && BPF_CORE_READ((struct unix_sock *)sk, addr)
			      ? rg_enf_number(e, RG_D_LADDR4, ~0ull) /* a name */
			      : rg_enf_none(e, RG_D_LADDR4)))
			return 0;
	}
	remote = inet && (rport || (family == AF_INET && sk->__sk_common.skc_daddr));
	if (RG_NEED(s, RG_D_RPORT) &&
	    !(remote ? rg_enf_number(e, RG_D_RPORT, __builtin_bswap16(rport)) : rg_enf_none(e, RG_D_RPORT)))
		return 0;
	if (RG_NEED(s, RG_D_RADDR4)) {
		struct sock *peer = family == AF_UNIX ? BPF_CORE_READ((struct unix_sock *)sk, peer) : NULL;

		in4 = sk->__sk_common.skc_daddr;
		BPF_CORE_READ_INTO(&in6, sk, __sk_common.skc_v6_daddr);
		if (!(remote ? rg_enf_addr(e, RG_D_RADDR4, family, in4, &in6)
		      : peer && BPF_CORE_READ((struct unix_sock *)peer, addr)
			      ? rg_enf_number(e, RG_D_RADDR4, ~0ull)
			      : rg_enf_none(e, RG_D_RADDR4)))
			return 0;
	}
	return e->sum;
}

/* The path it is bound to, else the one its peer is bound to. */
static __attribute__((noinline)) __u32 rg_enf_unix_path(struct rg_enf_eval *e, struct sock *sk)
{
	struct unix_address *a;
	struct sock *peer;
	__u32 len = 0;

	if (sk->__sk_common.skc_family != AF_UNIX)
		return rg_enf_none(e, RG_D_PATH);
	a = BPF_CORE_READ((struct unix_sock *)sk, addr);
	len = a ? BPF_CORE_READ(a, len) : 0;
	if (len <= 2) {
		peer = BPF_CORE_READ((struct unix_sock *)sk, peer);
		a = peer ? BPF_CORE_READ((struct unix_sock *)peer, addr) : NULL;
		len = a ? BPF_CORE_READ(a, len) : 0;
	}
	if (len <= 2)
		return rg_enf_none(e, RG_D_PATH);
	return rg_enf_path(e, rg_scalar(&a->name) + 2, len - 2);
}

/* before: what was left before the values that can change during a call. */
rg_inline __u32 rg_enf_socket(struct rg_enf_eval *e, struct rg_enf_set *s, struct sock *sk, __u32 *before)
{
	if (RG_NEED(s, RG_D_FAMILY) && !rg_enf_number(e, RG_D_FAMILY, sk->__sk_common.skc_family))
		return 0;
	if (RG_NEED(s, RG_D_TYPE) && !rg_enf_number(e, RG_D_TYPE, sk->sk_type))
		return 0;
	if (RG_NEED(s, RG_D_PROTOCOL) && !rg_enf_number(e, RG_D_PROTOCOL, sk->sk_protocol))
		return 0;
	if (RG_NEED(s, RG_D_COOKIE) && !rg_enf_number(e, RG_D_COOKIE, sk->__sk_common.skc_cookie.counter))
		return 0;
	if (RG_NEED(s, RG_D_NETNS) && !rg_enf_number(e, RG_D_NETNS, sk->__sk_common.skc_net.net->ns.inum))
		return 0;
	*before = e->sum;
	if (s->need & (RG_D_ADDRS | RG_D_BIT(RG_D_LPORT) | RG_D_BIT(RG_D_RPORT)) && !rg_enf_ends(e, s, sk))
		return 0;
	if (RG_NEED(s, RG_D_PATH))
		return rg_enf_unix_path(e, sk);
	return e->sum;
}

#endif
