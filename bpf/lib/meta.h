/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RG_BPF_META_H
#define RG_BPF_META_H

/*
 * --metadata: one hook, where the receive is over, and a small record (struct rg_rec_meta) that is made in
 * the ring itself. Nothing is kept from hook to hook or from message to message, no state of the thread or
 * of the socket: what is not known at this moment by loads alone is not told.
 */
#include "call.h"
#include "filter.h"
#include "select.h"
#include "sock.h"
#include "task.h"

__u32 rg_meta_n; /* for --on-full sample; counted without care: processors may count one for two */

/* Which call it was, as far as one hook knows: of io_uring only that it was. */
struct rg_meta_call {
	__u64 msg;
	__u32 flags;
	__s32 fd;
	__u16 route, mflags, has_flags;
};

rg_inline void rg_meta_call(struct rg_meta_call *to, struct task_struct *t, struct sock *sk, __u32 flags)
{
	__u32 pf = RG_LOAD(t, flags);
	struct rg_call c;

	*to = (struct rg_meta_call){.fd = -1, .mflags = flags & RG_MSG_PEEK ? RG_MF_PEEK : 0};
	rg_call_read(&c, t, rg_regs(t));
	if (c.compat)
		to->mflags |= RG_MF_COMPAT;
	if (pf & RG_PF_KTHREAD)
		to->mflags |= RG_MF_KTHREAD;
	if (!(pf & RG_PF_IO_WORKER) && c.route && c.route < RG_RT_SENDMSG && rg_call_is_on(t, sk, c.fd)) {
		to->route = c.route;
		to->fd = c.fd;
		to->msg = c.msg;
		to->flags = c.flags;
		to->has_flags = c.has_flags;
	} else if (pf & RG_PF_IO_WORKER || RG_LOAD(t, io_uring)) {
		to->mflags |= RG_MF_URING;
		to->route = RG_RT_URING_OTHER;
	} else if (pf & RG_PF_KTHREAD) {
		to->route = RG_RT_KERNEL;
	}
}

rg_inline void rg_meta_task(struct rg_rec_meta *m, struct task_struct *t)
{
	struct task_struct *leader = RG_LOAD(t, group_leader),
			   *parent = RG_LOAD(t, real_parent, group_leader);
	RG_CHARS(comm, RG_COMM_LEN, t, comm);
	struct inode *exe = RG_LOAD(t, mm, exe_file, f_inode); /* a kernel thread has none: 0 then */

	m->h.tid = RG_LOAD(t, pid);
	m->pid = RG_LOAD(t, tgid);
	m->ppid = RG_LOAD(parent, pid);
	m->uid = RG_LOAD(t, cred, uid.val);
	m->gid = RG_LOAD(t, cred, gid.val);
	m->start = RG_LOAD(t, start_boottime);
	m->leader_start = RG_LOAD(leader, start_boottime);
	m->parent_start = RG_LOAD(parent, start_boottime);
	m->cgroup_id = RG_LOAD(t, cgroups, dfl_cgrp, kn, id);
	m->exe_ino = RG_LOAD(exe, i_ino);
	m->exe_dev = RG_LOAD(exe, i_sb, s_dev);
	((__u64 *)m->comm)[0] = RG_WORD(comm, 0);
	((__u64 *)m->comm)[1] = RG_WORD(comm, 1);
}

rg_inline void rg_meta_sock(struct rg_rec_meta *m, struct sock *sk)
{
	m->netns = RG_LOAD(sk, __sk_common.skc_net.net, ns.inum);
	m->cookie = RG_LOAD(sk, __sk_common.skc_cookie.counter);
	if (!m->cookie) /* one is made as it is asked for */
		m->cookie = rg_sock_cookie(sk);
	m->sock_ino = RG_LOAD(sk, sk_socket, file, f_inode, i_ino);
	m->family = RG_LOAD(sk, __sk_common.skc_family);
	m->type = RG_LOAD(sk, sk_type);
	m->protocol = RG_LOAD(sk, sk_protocol);
	m->local_len = 0;
	m->remote_len = 0;
}

/* Everything but the ends. slot: bytes of each of theirs. */
rg_inline void rg_meta_fill(struct rg_rec_meta *m, struct task_struct *t, struct sock *sk, long ret,
			    const struct rg_meta_call *c, __u32 slot)
{
	m->h.type = RG_REC_META;
	m->h.version = RG_ABI_VERSION;
	m->h.len = sizeof(*m) + 2 * slot;
	m->h.msg_no = 0;
	m->h.cpu = bpf_get_smp_processor_id();
	m->ts = bpf_ktime_get_ns();
	m->ret = ret;
	m->user_msg = c->msg;
	m->flags = c->flags;
	m->fd = c->fd;
	m->route = c->route;
	m->mflags = c->mflags;
	m->has_flags = c->has_flags;
	rg_meta_task(m, t);
	rg_meta_sock(m, sk);
}

/* The ends of a socket that has no names. */
rg_inline void rg_meta_ends(struct rg_rec_meta *m, struct sock *sk)
{
	__u16 family = m->family, lport, rport;
	struct sockaddr_in *l = (void *)(m + 1), *r = (void *)(m + 1) + RG_META_SHORT;
	struct sockaddr_in6 *l6 = (void *)l, *r6 = (void *)r;

	if (family == AF_NETLINK && bpf_core_field_exists(((struct netlink_sock *)0)->portid)) {
		struct sockaddr_nl *nl = (void *)l;

		*(__u64 *)nl = AF_NETLINK;
		nl->nl_pid = BPF_CORE_READ((struct netlink_sock *)sk, portid);
		nl->nl_groups = 0;
		m->local_len = sizeof(*nl);
	}
	if (family != AF_INET && family != AF_INET6)
		return;
	lport = __builtin_bswap16(RG_LOAD(sk, __sk_common.skc_num));
	rport = RG_LOAD(sk, __sk_common.skc_dport);
	*(__u64 *)l = *(__u64 *)r = 0;
	l->sin_family = r->sin_family = family;
	l->sin_port = lport;
	r->sin_port = rport;
	if (family == AF_INET) {
		l->sin_addr.s_addr = RG_LOAD(sk, __sk_common.skc_rcv_saddr);
		r->sin_addr.s_addr = RG_LOAD(sk, __sk_common.skc_daddr);
		((__u64 *)l)[1] = ((__u64 *)r)[1] = 0;
		m->local_len = sizeof(*l);
		if (rport || r->sin_addr.s_addr)
			m->remote_len = sizeof(*r);
		return;
	}
	l6->sin6_scope_id = r6->sin6_scope_id = RG_LOAD(sk, __sk_common.skc_bound_dev_if);
	for (int i = 0; i < 4; i++) {
		l6->sin6_addr.in6_u.u6_addr32[i] =
			RG_LOAD(sk, __sk_common.skc_v6_rcv_saddr.in6_u.u6_addr32[i]);
		r6->sin6_addr.in6_u.u6_addr32[i] = RG_LOAD(sk, __sk_common.skc_v6_daddr.in6_u.u6_addr32[i]);
	}
	m->local_len = sizeof(*l6);
	if (rport)
		m->remote_len = sizeof(*r6);
}

/* A unix socket's name of len bytes (0: it has none) into its slot. Returns the length. */
rg_inline __u16 rg_meta_name(void *slot, struct unix_address *a, __u32 len)
{
	if (len > 110)
		len = 110;
	barrier_var(len);
	if (!len || len > 110)
		return 0;
#ifdef RG_PLAIN_LOADS
	if (len <= RG_PLAIN_NAME) {
		rg_plain_copy(slot, (__u64)&a->name, RG_PLAIN_NAME);
		return len;
	}
#endif
	return bpf_probe_read_kernel(slot, len, &a->name) ? 0 : len;
}

#define RG_META_RESERVE(slot) bpf_ringbuf_reserve(&ring, sizeof(struct rg_rec_meta) + 2 * (slot), 0)

/* Two programs' worth of the same: the verifier wants each reservation's size where it is used. */
rg_inline bool rg_meta_unnamed(struct task_struct *t, struct sock *sk, long ret, const struct rg_meta_call *c)
{
	struct rg_rec_meta *m = RG_META_RESERVE(RG_META_SHORT);

	if (!m)
		return false;
	rg_meta_fill(m, t, sk, ret, c, RG_META_SHORT);
	rg_meta_ends(m, sk);
	bpf_ringbuf_submit(m, BPF_RB_NO_WAKEUP);
	return true;
}

rg_inline bool rg_meta_named(struct task_struct *t, struct sock *sk, long ret, const struct rg_meta_call *c,
			     struct unix_address *local, __u32 local_len, struct unix_address *remote,
			     __u32 remote_len)
{
	struct rg_rec_meta *m = RG_META_RESERVE(RG_META_LONG);

	if (!m)
		return false;
	rg_meta_fill(m, t, sk, ret, c, RG_META_LONG);
	m->local_len = rg_meta_name(m + 1, local, local_len);
	m->remote_len = rg_meta_name((void *)(m + 1) + RG_META_LONG, remote, remote_len);
	bpf_ringbuf_submit(m, BPF_RB_NO_WAKEUP);
	return true;
}

rg_inline bool rg_meta_emit(struct task_struct *t, struct sock *sk, long ret, const struct rg_meta_call *c)
{
	struct unix_address *local, *remote;
	__u32 local_len, remote_len;
	struct sock *peer;

	if (RG_LOAD(sk, __sk_common.skc_family) != AF_UNIX)
		return rg_meta_unnamed(t, sk, ret, c);
	/* of what is not there (NULL) 0 is read */
	local = BPF_CORE_READ((struct unix_sock *)sk, addr);
	local_len = BPF_CORE_READ(local, len);
	peer = BPF_CORE_READ((struct unix_sock *)sk, peer);
	remote = BPF_CORE_READ((struct unix_sock *)peer, addr);
	remote_len = BPF_CORE_READ(remote, len);
	if (!(local_len | remote_len))
		return rg_meta_unnamed(t, sk, ret, c);
	return rg_meta_named(t, sk, ret, c, local, local_len, remote, remote_len);
}

#ifdef RG_LEGACY
#define rg_meta_by_sock(sk, room) true /* src/kernel/legacy.c refuses that selection */
#else
/* --socket: over a record of its own. */
rg_inline bool rg_meta_by_sock(struct sock *sk, __u32 room)
{
	struct rg_rec_msg *rec;

	if (!(rg_config.select & RG_SEL_SOCKET))
		return true;
	rec = rg_filter_room(room);
	if (!rec)
		return true;
	rec->cookie = rg_sock_cookie(sk);
	rec->sock_ino = RG_LOAD(sk, sk_socket, file, f_inode, i_ino);
	rec->protocol = RG_LOAD(sk, sk_protocol);
	rec->local.len = 0;
	rec->remote.len = 0;
	rg_sock_names_sub(RG_PASS(rec), rg_scalar(sk));
	return rg_sel_sock(RG_PASS(rec));
}
#endif

rg_inline bool rg_meta_sampled_out(void)
{
	if (!rg_config.sample || !(rg_meta_n++ % RG_SAMPLE_ONE_IN))
		return false;
	return bpf_ringbuf_query(&ring, BPF_RB_AVAIL_DATA) > bpf_ringbuf_query(&ring, BPF_RB_RING_SIZE) / 2;
}

/* A receive is over. flags: as the socket saw them. room: the program's own. */
rg_inline int rg_meta_over(struct sock *sk, long ret, __u32 flags, __u32 room)
{
	struct task_struct *t = rg_current();
	struct rg_state *st = NULL;
	struct rg_meta_call c;

	rg_regs_learn(t);
	if (ret < 0 || !rg_sel_task(t, &st) || !rg_sel_family(RG_LOAD(sk, __sk_common.skc_family)))
		return 0;
	if (rg_filter_can(RG_MA_SOCK) && !rg_filter_early(room, t, sk, RG_KNOWN_TASK | RG_KNOWN_ENDS)) {
		rg_filter_count();
		return 0;
	}
#ifdef RG_LEGACY
	if (!rg_state_of(t)) /* the call is read into it */
		return 0;
#endif
	rg_meta_call(&c, t, sk, flags);
	if (!rg_sel_fd(c.fd) || !rg_meta_by_sock(sk, room))
		return 0;
	if (rg_meta_sampled_out())
		rg_lost(RG_LOSS_SAMPLED, RG_LOAD(t, tgid), RG_LOAD(sk, __sk_common.skc_cookie.counter));
	else if (!rg_meta_emit(t, sk, ret, &c))
		rg_lost(RG_LOSS_RING_FULL, RG_LOAD(t, tgid), RG_LOAD(sk, __sk_common.skc_cookie.counter));
	return 0;
}

#ifdef RG_FPROBE
SEC("tp/sock/sock_recv_length")
int rg_meta(struct trace_event_raw_sock_msg_length___rg *ctx)
{
	return rg_meta_over(RG_TYPED(ctx->sk), ctx->ret, ctx->flags, RG_FR_RECV);
}
#else
SEC("tp_btf/sock_recv_length")
int BPF_PROG(rg_meta, struct sock *sk, int ret, int flags)
{
	return rg_meta_over(sk, ret, flags, RG_FR_RECV);
}
#endif

#endif
