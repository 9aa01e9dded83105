/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RG_BPF_ENF_FRONT_H
#define RG_BPF_ENF_FRONT_H

/* The short way: most receives are let through by one value that no rule names (abi/enforce.h). No look-up in
 * a map, no helper but the current task's. */
#include "enf_who.h"

struct rg_enf_fronts rg_fronts SEC(".data.front");

#define RG_FRONT_USES(f, d) ((f)->dims & RG_D_BIT(d))

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

rg_inline bool rg_front_task(const struct rg_enf_front *f, struct task_struct *t)
{
	if (RG_FRONT_USES(f, RG_D_PID) && rg_enf_flagged(f, RG_D_PID, t->tgid))
		return true;
	if (RG_FRONT_USES(f, RG_D_COMM) && rg_front_comm(f, t))
		return true;
	if (RG_FRONT_USES(f, RG_D_UID) && rg_enf_flagged(f, RG_D_UID, t->cred->uid.val))
		return true;
	if (RG_FRONT_USES(f, RG_D_GID) && rg_enf_flagged(f, RG_D_GID, t->cred->gid.val))
		return true;
	if (RG_FRONT_USES(f, RG_D_TID) && rg_enf_flagged(f, RG_D_TID, t->pid))
		return true;
	if (RG_FRONT_USES(f, RG_D_CGROUP) && rg_enf_flagged(f, RG_D_CGROUP, t->cgroups->dfl_cgrp->kn->id))
		return true;
	return RG_FRONT_USES(f, RG_D_EXE) && rg_enf_flagged(f, RG_D_EXE, t->mm->exe_file->f_inode->i_ino);
}

/* Has a unix socket, or the one it is connected to, a name? */
rg_inline bool rg_enf_is_named(struct sock *sk, bool own)
{
	struct unix_sock *u = bpf_skc_to_unix_sock(sk), *peer;

	if (!u)
		return false;
	if (own && u->addr)
		return true;
	if (!u->peer)
		return false;
	peer = bpf_skc_to_unix_sock(u->peer);
	return !peer || peer->addr;
}

/* Could this call be a batch, whose later messages nobody asks about? */
rg_inline bool rg_enf_maybe_batch(struct task_struct *t)
{
#if defined(__TARGET_ARCH_x86)
	/* its lower half is what the kernel goes by (do_syscall_64), whatever the program put above */
	__u32 nr = ((struct pt_regs *)bpf_task_pt_regs(t))->orig_ax;

	/* recvmmsg; and every call of the other tables, which have their own numbers (i386, x32) */
	return t->thread_info.status & RG_TS_COMPAT || nr == 299 || nr & RG_X32_BIT;
#else
	return true;
#endif
}

rg_inline bool rg_front_sock(const struct rg_enf_front *f, struct task_struct *t, struct sock *sk,
			     __u16 family)
{
	__u32 v4 = sk->__sk_common.skc_daddr;
	__u16 rport = sk->__sk_common.skc_dport;

	if (f->batch & rg_enf_batch_of(family) && rg_enf_maybe_batch(t))
		return true;
	if (family == AF_UNIX) /* no ports; named ones are looked up */
		return f->dims & (RG_D_BIT(RG_D_PATH) | RG_D_BIT(RG_D_RADDR4)) &&
		       rg_enf_is_named(sk, RG_FRONT_USES(f, RG_D_PATH));
	if (family != AF_INET && family != AF_INET6)
		return false;
	if (RG_FRONT_USES(f, RG_D_LPORT) && rg_enf_flagged(f, RG_D_LPORT, sk->__sk_common.skc_num))
		return true;
	if (family == AF_INET6 ? !rport : !rport && !v4)
		return false; /* not connected */
	if (RG_FRONT_USES(f, RG_D_RPORT) && rg_enf_flagged(f, RG_D_RPORT, __builtin_bswap16(rport)))
		return true;
	return RG_FRONT_USES(f, RG_D_RADDR4) &&
	       (family == AF_INET6 || rg_enf_flagged(f, RG_D_RADDR4, __builtin_bswap32(v4) & f->raddr));
}

/* Several dimensions, or the socket's. */
rg_inline bool rg_front_any(const struct rg_enf_front *f, struct task_struct *t, struct sock *sk)
{
	__u16 family = sk->__sk_common.skc_family;

	if (!(f->families >> (family & 63) & 1))
		return true;
	if (!f->dims || (f->dims & RG_D_SUBJECT && rg_front_task(f, t)))
		return false;
	return !(f->dims & ~RG_D_SUBJECT) || !rg_front_sock(f, t, sk, family);
}

/* Is it certain that no rule holds? sk is asked for when it is needed alone: the usual cases hash one value
 * and are done. */
rg_inline bool rg_enf_front(struct socket *so)
{
	__u32 now = *(volatile __u32 *)&rg_fronts.now, only = now >> 8;
	const struct rg_enf_front *f = &rg_fronts.gen[now & 1];
	struct task_struct *t;
	struct sock *sk;

	if (!now)
		return false;
	t = bpf_get_current_task_btf();
	if (only == RG_D_COMM + 1)
		return !rg_front_comm(f, t);
	if (only == RG_D_PID + 1)
		return !rg_enf_flagged(f, RG_D_PID, (__u32)t->tgid);
	if (only == RG_D_UID + 1)
		return !rg_enf_flagged(f, RG_D_UID, t->cred->uid.val);
	sk = so ? so->sk : NULL;
	return sk && rg_front_any(f, t, sk);
}

#endif
