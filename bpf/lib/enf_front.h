/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RG_BPF_ENF_FRONT_H
#define RG_BPF_ENF_FRONT_H

/* The short way: most receives are let through by one value that no rule names (abi/enforce.h). No look-up in
 * a map, no helper but the current task's. */
#include "enf_who.h"

struct rg_enf_fronts rg_fronts SEC(".data.front");

#define RG_FRONT_USES(dims, d) ((dims)&RG_D_BIT(d))

rg_inline bool rg_enf_flagged(const struct rg_enf_front *f, __u32 dim, __u64 v)
{
	return f->flag[RG_FRONT_HASH(dim, v)];
}

/* The first eight bytes of its name: zero-padded since 5.17 ("fs/exec: replace strlcpy with strscpy_pad in
 * __set_task_comm"), which is older than what these programs load on. Those of io_uring's threads are flagged
 * (src/policy/lower/front.c). */
rg_inline bool rg_front_comm(const struct rg_enf_front *f, struct task_struct *t)
{
	return rg_enf_flagged(f, RG_D_COMM, *(__u64 *)t->comm & f->comm);
}

rg_inline bool rg_front_task(const struct rg_enf_front *f, __u64 dims, struct task_struct *t)
{
	if (RG_FRONT_USES(dims, RG_D_PID) && rg_enf_flagged(f, RG_D_PID, t->tgid))
		return true;
	if (RG_FRONT_USES(dims, RG_D_COMM) && rg_front_comm(f, t))
		return true;
	if (RG_FRONT_USES(dims, RG_D_UID) && rg_enf_flagged(f, RG_D_UID, t->cred->uid.val))
		return true;
	if (RG_FRONT_USES(dims, RG_D_GID) && rg_enf_flagged(f, RG_D_GID, t->cred->gid.val))
		return true;
	if (RG_FRONT_USES(dims, RG_D_TID) && rg_enf_flagged(f, RG_D_TID, t->pid))
		return true;
	if (RG_FRONT_USES(dims, RG_D_CGROUP) && rg_enf_flagged(f, RG_D_CGROUP, t->cgroups->dfl_cgrp->kn->id))
		return true;
	return RG_FRONT_USES(dims, RG_D_EXE) && rg_enf_flagged(f, RG_D_EXE, t->mm->exe_file->f_inode->i_ino);
}

/* Has the socket that a unix socket is connected to a name? */
rg_inline bool rg_front_peer_named(struct sock *sk)
{
	struct unix_sock *u = bpf_skc_to_unix_sock(sk), *peer;

	if (!u || !u->peer)
		return !u;
	peer = bpf_skc_to_unix_sock(u->peer);
	return !peer || peer->addr;
}

/* Is the path flagged that the socket is bound to, else the one that its peer is? Abstract names are.
 * other: what is said of a socket that is no unix socket. */
rg_inline bool rg_front_path(const struct rg_enf_front *f, struct sock *sk, bool other)
{
	struct unix_sock *u = bpf_skc_to_unix_sock(sk);
	struct unix_address *a;
	__u64 first;
	__u32 len;

	if (!u)
		return other;
	a = u->addr;
	if (!a) {
		if (!u->peer)
			return false;
		u = bpf_skc_to_unix_sock(u->peer);
		if (!u)
			return true;
		a = u->addr;
		if (!a)
			return false;
	}
	len = a->len;
	first = *(__u64 *)a->name[0].sun_path;
	if (len < RG_FRONT_PATH_MIN || !(first & 0xff))
		return true;
	return rg_enf_flagged(f, RG_D_PATH, (first & f->path) + (len & f->path_len));
}

/* Could this call be a batch, whose later messages nobody asks about? Its number's lower half alone counts
 * for the kernel (do_syscall_64), whatever the program put above. Which numbers bring batches in any of the
 * tables (i386, x32) is flagged; the long way knows the table. */
rg_inline bool rg_enf_maybe_batch(const struct rg_enf_front *f)
{
#if defined(__TARGET_ARCH_x86)
	struct pt_regs *regs = (struct pt_regs *)bpf_task_pt_regs(bpf_get_current_task_btf());

	return rg_enf_flagged(f, RG_FRONT_CALL, (__u32)regs->orig_ax);
#else
	return true;
#endif
}

rg_inline bool rg_front_inet(const struct rg_enf_front *f, __u64 dims, struct sock *sk, __u16 family)
{
	if (RG_FRONT_USES(dims, RG_D_LPORT) && rg_enf_flagged(f, RG_D_LPORT, sk->__sk_common.skc_num))
		return true;
	if (RG_FRONT_USES(dims, RG_D_RPORT) && rg_enf_flagged(f, RG_D_RPORT, sk->__sk_common.skc_dport))
		return true;
	if (!RG_FRONT_USES(dims, RG_D_RADDR4))
		return false;
	if (family == AF_INET6) /* connected: looked up */
		return sk->__sk_common.skc_dport;
	return rg_enf_flagged(f, RG_D_RADDR4, sk->__sk_common.skc_daddr & f->raddr);
}

/* Is any of these flagged? What a family has not is not among them. Kept apart, so that the usual cases have
 * no registers to save. */
rg_noinline bool rg_front_any(const struct rg_enf_front *f, __u64 dims, struct sock *sk, __u16 family)
{
	if (dims & RG_D_SUBJECT && rg_front_task(f, dims, bpf_get_current_task_btf()))
		return true;
	if (dims & RG_FRONT_BATCH && rg_enf_maybe_batch(f))
		return true;
	if (!(dims & RG_D_SOCKET))
		return false;
	if (family != AF_UNIX)
		return rg_front_inet(f, dims, sk, family);
	if (RG_FRONT_USES(dims, RG_D_PATH) && rg_front_path(f, sk, true))
		return true;
	return RG_FRONT_USES(dims, RG_D_RADDR4) && rg_front_peer_named(sk);
}

/* By what the socket's family asks for: the usual cases read one value, or none, and are done. */
rg_inline bool rg_front_sock(const struct rg_enf_front *f, struct sock *sk)
{
	__u16 family = sk->__sk_common.skc_family;
	__u32 way = f->way[family % RG_FRONT_FAMILIES];

	if (way == RG_FW_PASS)
		return true;
	if (way == RG_FW_RPORT)
		return !rg_enf_flagged(f, RG_D_RPORT, sk->__sk_common.skc_dport) && !rg_enf_maybe_batch(f);
	if (way == RG_FW_RADDR4)
		return !rg_enf_flagged(f, RG_D_RADDR4, sk->__sk_common.skc_daddr & f->raddr) &&
		       !rg_enf_maybe_batch(f);
	return way == RG_FW_ANY && !rg_front_any(f, f->dims[family % RG_FRONT_FAMILIES], sk, family);
}

/* Is it certain that no rule holds? */
rg_inline bool rg_enf_front(struct socket *so)
{
	__u32 now = *(volatile __u32 *)&rg_fronts.now, only = now >> 24;
	const struct rg_enf_front *f = &rg_fronts.gen[now & 1];
	struct task_struct *t;
	struct sock *sk;

	if ((__s32)now < 0) { /* RG_FRONT_SOME */
		sk = so->sk;
		return sk && rg_front_sock(f, sk);
	}
	if (only == RG_D_PATH + 1) { /* other families have none */
		sk = so->sk;
		return sk && !rg_front_path(f, sk, false) && !rg_enf_maybe_batch(f);
	}
	t = bpf_get_current_task_btf();
	if (only == RG_D_COMM + 1)
		return !rg_front_comm(f, t);
	if (only == RG_D_PID + 1)
		return !rg_enf_flagged(f, RG_D_PID, (__u32)t->tgid);
	return only == RG_D_UID + 1 && !rg_enf_flagged(f, RG_D_UID, t->cred->uid.val);
}

#endif
