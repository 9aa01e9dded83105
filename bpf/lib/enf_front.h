/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RG_BPF_ENF_FRONT_H
#define RG_BPF_ENF_FRONT_H

/* The short way: most receives are let through by one value that no rule names (abi/enforce.h). No look-up in
 * a map, no helper but the current task's. */
#include "enf_who.h"

struct rg_enf_fronts rg_fronts SEC(".data.front");

/* Where there is this kfunc (6.2), it takes fewer instructions than the helper. By programs of their own: a
 * constant that the loader sets would be read each time. */
extern void *bpf_rdonly_cast(const void *obj__ign, __u32 btf_id__k) __ksym __weak;

#define RG_CAST_UNIX(sk) \
	((struct unix_sock *)bpf_rdonly_cast((sk), bpf_core_type_id_kernel(struct unix_sock)))

#define RG_FRONT_USES(dims, d) ((dims)&RG_D_BIT(d))

/* Hidden from the compiler, which would make the address anew for each use. */
rg_inline const struct rg_enf_front *rg_front_all(void)
{
	const struct rg_enf_front *all = rg_fronts.gen;

	asm volatile("" : "+r"(all));
	return all;
}

/* Read again, and judged again, where a helper came between: to keep it costs more. */
rg_inline __s32 rg_front_now(const struct rg_enf_front *all)
{
	return *(const volatile __s32 *)&all->now;
}

rg_inline const struct rg_enf_front *rg_front_of(const struct rg_enf_front *all, __s32 now)
{
	const char *at = (const char *)all + (now & RG_FRONT_GEN);

	asm volatile("" : "+r"(at));
	return (const struct rg_enf_front *)(const void *)at;
}

/* Not a function: the dimension is to be known before anything is joined. */
#define rg_enf_flagged(f, dim, v) ((f)->flag[RG_FRONT_HASH(dim, v)])

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

/* The first eight bytes of a path, by one load: its place in the name is not aligned, so the compiler would
 * make it of four. */
rg_inline __u64 rg_front_first(struct unix_address *a)
{
	const char *at = a->name[0].sun_path;

	asm volatile("" : "+r"(at));
	return *(const __u64 *)at;
}

/* Is the path flagged that the socket is bound to, else the one that its peer is? Abstract names are. */
rg_inline bool rg_front_path(const struct rg_enf_front *f, struct sock *sk)
{
	struct unix_sock *u = bpf_skc_to_unix_sock(sk);
	struct unix_address *a;
	__u64 first;
	__u32 len;

	if (!u)
		return true;
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
	first = rg_front_first(a);
	if (len < RG_FRONT_PATH_MIN || !(first & 0xff))
		return true;
	return rg_enf_flagged(f, RG_D_PATH, (first & f->path) + (len & f->path_len));
}

/* Could this call be a batch, whose later messages nobody asks about? Its number's lower half alone counts
 * for the kernel (do_syscall_64), whatever the program put above. Below 64 are no batches in any table (read,
 * readv, recvfrom and recvmsg of x86-64 are); the long way knows the tables. */
rg_inline bool rg_enf_maybe_batch(void)
{
#if defined(__TARGET_ARCH_x86)
	struct pt_regs *regs = (struct pt_regs *)bpf_task_pt_regs(bpf_get_current_task_btf());
	__u32 nr = (__u32)regs->orig_ax;

	if (nr < 64)
		return false;
	nr &= ~RG_X32_BIT;
	/* recvmmsg of x86-64, i386 (two, and by socketcall), x32 */
	return nr == 299 || nr == 337 || nr == 417 || nr == 102 || nr == 537;
#else
	return true;
#endif
}

/* Of RG_FRONT_PATH. A shorter name has other bytes behind it, which make it one that is not named, or looked
 * up. */
rg_inline bool rg_front_named(struct unix_address *a)
{
	const struct rg_enf_front *all = rg_front_all();
	__s32 now = rg_front_now(all);
	__u32 len = a->len;

	return now >= 0 || rg_enf_flagged(rg_front_of(all, now), RG_D_PATH, rg_front_first(a) + len);
}

/* Other families have no path. A name of its own never changes: no batch sees another. A peer's can come to
 * be, or another peer. */
rg_inline bool rg_front_by_path(struct sock *sk)
{
	struct unix_sock *u = bpf_skc_to_unix_sock(sk);
	struct unix_address *a;

	if (!u)
		return true;
	a = u->addr;
	if (a)
		return !rg_front_named(a);
	u = bpf_skc_to_unix_sock(u->peer);
	a = u ? u->addr : NULL;
	return !(a && rg_front_named(a)) && !rg_enf_maybe_batch();
}

/* The same. A peer is a unix socket too; of none 0 is read. */
rg_inline bool rg_front_by_path_cast(struct sock *sk)
{
	struct unix_address *a;
	struct unix_sock *u;

	if (sk->__sk_common.skc_family != AF_UNIX)
		return true;
	u = RG_CAST_UNIX(sk);
	a = u->addr;
	if (a)
		return !rg_front_named(a);
	u = RG_CAST_UNIX(u->peer);
	a = u->addr;
	return !(a && rg_front_named(a)) && !rg_enf_maybe_batch();
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
rg_noinline bool rg_front_any(const struct rg_enf_front *f, __u64 dims, struct sock *sk)
{
	__u16 family;

	if (dims & RG_D_SUBJECT && rg_front_task(f, dims, bpf_get_current_task_btf()))
		return true;
	if (dims & RG_FRONT_BATCH && rg_enf_maybe_batch())
		return true;
	if (!(dims & RG_D_SOCKET))
		return false;
	family = sk->__sk_common.skc_family;
	if (family != AF_UNIX)
		return rg_front_inet(f, dims, sk, family);
	if (RG_FRONT_USES(dims, RG_D_PATH) && rg_front_path(f, sk))
		return true;
	return RG_FRONT_USES(dims, RG_D_RADDR4) && rg_front_peer_named(sk);
}

/* One comparison after the other: the compiler would make a tree of them, longer for the usual cases. */
rg_inline bool rg_front_is(__u32 *way, enum rg_front_way w)
{
	asm volatile("" : "+r"(*way));
	return *way == w;
}

/* By what the socket's family asks for: the usual cases read one value, or none, and are done. */
rg_inline bool rg_front_sock(const struct rg_enf_front *f, struct sock *sk)
{
	__u32 family = sk->__sk_common.skc_family % RG_FRONT_FAMILIES, way = f->way[family];

	if (rg_front_is(&way, RG_FW_PASS))
		return true;
	if (rg_front_is(&way, RG_FW_RADDR4))
		return !rg_enf_flagged(f, RG_D_RADDR4, sk->__sk_common.skc_daddr & f->raddr) &&
		       !rg_enf_maybe_batch();
	if (rg_front_is(&way, RG_FW_RPORT))
		return !rg_enf_flagged(f, RG_D_RPORT, sk->__sk_common.skc_dport) && !rg_enf_maybe_batch();
	return way == RG_FW_ANY && !rg_front_any(f, f->dims[family], sk);
}

/* By the receiver's pid, command or user. */
rg_inline bool rg_front_receiver(struct task_struct *t)
{
	const struct rg_enf_front *all = rg_front_all();
	__s32 now = rg_front_now(all);
	const struct rg_enf_front *f = rg_front_of(all, now);
	__u32 only = (__u32)now >> 24;

	if (only == RG_D_PID + 1)
		return !rg_enf_flagged(f, RG_D_PID, t->tgid);
	if (only == RG_D_COMM + 1)
		return !rg_front_comm(f, t);
	return only == RG_D_UID + 1 && !rg_enf_flagged(f, RG_D_UID, t->cred->uid.val);
}

/* Is it certain that no rule holds? is_old: a kernel (6.1) that lets a socket be taken for one with a sock.
 * Of none 0 is read, and nothing can be received from it. */
rg_inline bool rg_enf_front(struct socket *so, bool cast, bool is_old)
{
	const struct rg_enf_front *all = rg_front_all();
	__s32 now = rg_front_now(all);
	struct sock *sk;

	if (now < 0) {
		sk = so->sk;
		return (is_old || sk) && (cast ? rg_front_by_path_cast(sk) : rg_front_by_path(sk));
	}
	if (now >= (__s32)(RG_FRONT_SOME << 24)) {
		sk = so->sk;
		return (is_old || sk) && rg_front_sock(rg_front_of(all, now), sk);
	}
	return rg_front_receiver(bpf_get_current_task_btf());
}

#endif
