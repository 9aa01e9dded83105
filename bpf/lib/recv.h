/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RG_BPF_RECV_H
#define RG_BPF_RECV_H

/* A receive ends (sock_recv_length and its kin). */
#include "finish.h"
#include "flow.h"
#include "skb.h"
#if defined(RG_PLAIN_LOADS) && !defined(RG_FPROBE) /* the tracepoint tier */
#include "udp.h"
#else
#define rg_udp_received(st, sk, n)
#endif

/* Values of the kernel's msghdr into the record. */
rg_inline void rg_recv_kmsg(struct rg_state *st, const struct rg_kmsg *m)
{
	struct rg_rec_msg *rec = &st->rec;

	rec->has |= RG_HAS_MSGHDR;
	rec->out_flags = m->flags & ~RG_MSG_OWN;
	if (m->single) {
		rec->iov[0].base = m->ubuf;
		rec->iov[0].len = m->count + m->iov_offset;
		rec->n_iov = 1;
		rec->has |= RG_HAS_IOV | RG_HAS_IOV_K;
	}
}

/* Above what net.core.optmem_max lets anybody send, far below what a wrong pointer would give. */
#define RG_CONTROL_SANE (1u << 20)

/* Where the caller's buffers are, and where the control bytes begin (0: unknown): from the kernel's stack, or
 * else from the caller's msghdr or iovec as it stands now. */
rg_inline __u64 rg_recv_buffers(struct rg_state *st, const struct rg_kmsg *m, const struct rg_call *c,
				const struct rg_kmsg_at *at)
{
	struct rg_rec_msg *rec = &st->rec;
	struct rg_umsghdr u;
	__u64 start;

	if (!c->is_msg) {
		if (!m->single && c->route)
			rg_iov_user(RG_PASS(rec), c->msg, c->len, c->compat);
		return 0;
	}
	if (!m->control) {
		/* no buffer was given, so nothing was written: no need to ask the caller's memory */
		rec->has |= RG_HAS_CONTROLLEN;
		if (m->single)
			return 0;
	}
	start = m->control ? rg_stack_word(at, rg_off_control) : 0;
	if (start && start <= m->control && m->control - start <= RG_CONTROL_SANE)
		rec->has |= RG_HAS_CONTROLLEN;
	if ((rec->has & RG_HAS_CONTROLLEN) && m->single)
		return start;
	if (!rg_umsg_read(&u, c->msg, c->compat))
		return rec->has & RG_HAS_CONTROLLEN ? start : 0;
	if (!m->single)
		rg_iov_user(RG_PASS(rec), u.iov, u.iovlen, c->compat);
	return rec->has & RG_HAS_CONTROLLEN ? start : u.control;
}

rg_inline void rg_recv_control(struct rg_state *st, const struct rg_kmsg *m, __u64 start)
{
	struct rg_rec_msg *rec = &st->rec;

	if (!start || !m->control || start > m->control || m->control - start > RG_CONTROL_SANE)
		return;
	rec->controllen = m->control - start;
	rec->control_given = rec->controllen + m->controllen;
	rg_control_user(RG_PASS(st), start, rec->controllen);
}

rg_inline void rg_recv_payload_into(struct rg_state *st, long ret)
{
	struct rg_rec_msg *rec = &st->rec;
	__u64 total = ret > 0 ? ret : 0;

	/* MSG_TRUNC given: ret is the message's length, not what was copied */
	if ((rec->flags & RG_MSG_TRUNC) && (st->has & RG_HAS_DATA))
		total = st->skb_len;
	rec->data_total = total;
	if ((st->cut & RG_CUT_PART) && st->skb_len == total &&
	    st->skb_data < rg_min(rg_min(total, RG_INLINE_DATA), rg_config.snaplen)) {
		/* the buffer could not be read (a list of fragments): the caller's memory then */
		rec->has &= ~RG_HAS_DATA;
		rec->cut &= ~(RG_CUT_PART | RG_CUT_DATA);
	} else if (st->has & RG_HAS_DATA) {
		if (st->skb_len == total || ret < 0) {
			rec->data_len = st->skb_data;
			return;
		}
		/* what was copied is not what was delivered: another reader (tun, vhost) used the hook */
		rec->has &= ~(RG_HAS_DATA | RG_HAS_CRED | RG_HAS_FILES | RG_HAS_MSGLEN);
		rec->n_files = 0;
		rec->cut = 0;
	}
	if (total && (rec->has & RG_HAS_IOV) && rg_config.snaplen)
		rg_data_user(RG_PASS(st), total);
	else if (total)
		rec->cut |= RG_CUT_DATA;
}

#ifdef RG_LEGACY
rg_sub int rg_recv_payload_sub(RG_ST_ARG, long ret)
{
	RG_ST_GET(st);

	if (st)
		rg_recv_payload_into(st, ret);
	return 0;
}
#define rg_recv_payload(st, ret) rg_recv_payload_sub(0, ret)
#else
#define rg_recv_payload rg_recv_payload_into
#endif

/* Index in the batch: which msghdr of the caller's array this is. */
rg_inline void rg_recv_batch(struct rg_rec_msg *rec, struct rg_call *c, const struct rg_kmsg_at *at)
{
	__u64 entry = rg_stack_word(at, rg_off_entry);
	__u32 size = c->compat ? 32 : 64;

	rec->batch = ~0u;
	if (entry >= c->msg && entry - c->msg < (__u64)c->len * size) {
		rec->batch = (entry - c->msg) / size;
		c->msg = entry;
	}
}

/* The route; the io_uring request when it is one and only one can have been. */
rg_inline struct rg_uring_op *rg_recv_route(struct rg_state *st, struct task_struct *t, struct sock *sk,
					    struct rg_call *c)
{
	struct rg_rec_msg *rec = &st->rec;

	rec->syscall_nr = c->nr;
	rec->route = c->route;
	rec->fd = c->fd;
	if (!(rec->mflags & RG_MF_URING) && c->route && c->route < RG_RT_SENDMSG &&
	    rg_call_is_on(t, sk, c->fd))
		return NULL;
	c->route = RG_RT_UNKNOWN;
	rec->route = RG_RT_UNKNOWN;
	rec->fd = -1;
	if (RG_LOAD(t, io_uring) || rec->mflags & RG_MF_URING)
		return rg_uring_find(rec, sk, false);
	if (rec->mflags & RG_MF_KTHREAD)
		rec->route = RG_RT_KERNEL;
	return NULL;
}

/* Flags as the program gave them: the socket sees the kernel's own MSG_DONTWAIT too. */
rg_inline void rg_recv_flags(struct rg_rec_msg *rec, const struct rg_call *c, const struct rg_uring_op *op,
			     __u32 flags)
{
	if (flags & RG_MSG_PEEK)
		rec->mflags |= RG_MF_PEEK;
	if (c->route)
		rec->flags = c->flags;
	else if (op && rg_uring_is_net(op->route))
		rec->flags = op->flags;
	else
		return; /* not known, or none can be given */
	if (c->has_flags || !c->route)
		rec->has |= RG_HAS_FLAGS;
}

/* io_uring's own first try without waiting: the request is put aside until there is something, its program
 * never sees this EAGAIN. It does where it asked not to wait; O_NONBLOCK does not ask that of a socket's
 * request. */
rg_inline bool rg_uring_again(const struct rg_rec_msg *rec, struct sock *sk, __u32 flags)
{
	struct rg_uring_key key = {};
	struct rg_uring_op *op;

	if (rec->ret != -RG_EAGAIN || !(flags & RG_MSG_DONTWAIT) || !(rec->mflags & RG_MF_URING))
		return false;
	if (rg_uring_is_net(rec->route))
		return (rec->has & RG_HAS_FLAGS) && !(rec->flags & RG_MSG_DONTWAIT);
	key.file = rg_scalar(sk->sk_socket->file);
	op = bpf_map_lookup_elem(&uring_ops, &key);
	return op && !op->nowait;
}

/* With the kernel's msghdr: everything that it tells. */
rg_inline void rg_recv_full(struct rg_state *st, const struct rg_kmsg *m, __u64 start, long ret)
{
	struct rg_rec_msg *rec = &st->rec;

	rg_recv_payload(st, ret);
	if (m->name)
		rg_name_take(RG_PASS(st), m->name, m->namelen);
	else
		rec->namelen = m->namelen;
	rg_recv_control(st, m, start);
}

/* RECV and RECVMSG of io_uring. */
rg_inline bool rg_recv_uring(struct rg_state *st, struct sock *sk, struct rg_uring_op *op, long ret)
{
	struct rg_rec_msg *rec = &st->rec;
	struct rg_kmsg *m = &st->kmsg;
	struct rg_umsghdr u;
	__u64 start = 0;

	rec->user_msg = op->buf;
	if (!rg_uring_kmsg(st, op, sk, &start))
		return false;
	rg_recv_kmsg(st, m);
	if (ret < 0)
		return true;
	if (start)
		rec->has |= RG_HAS_CONTROLLEN;
	else if (op->route == RG_RT_URING_RECVMSG && rg_umsg_read(&u, op->buf, rec->mflags & RG_MF_COMPAT))
		start = u.control;
	rg_recv_full(st, m, start, ret);
	return true;
}

/* Instead of a shape: the filter does not want it. */
#define RG_LEFT_OUT (-2)

/* base: scalar address of the tracepoint's argument block. flags: as the socket saw them. Returns the shape
 * of the call. */
rg_inline int rg_recv_end(struct rg_state *st, struct task_struct *t, struct sock *sk, long ret, __u32 flags,
			  __u64 base)
{
	struct pt_regs *regs = rg_regs(t);
	struct rg_kmsg_at at = {.base = base, .top = (__u64)RG_LOAD(t, stack) + RG_STACK_SPAN, .ret = ret};
	struct rg_rec_msg *rec = &st->rec;
	struct rg_uring_op *op;
	struct rg_kmsg *m = &st->kmsg;
	struct rg_call c;

	rg_begin(st, t, bpf_ktime_get_ns());
	rg_call_read(&c, t, regs);
	op = rg_recv_route(st, t, sk, &c);
	rec->ret = ret;
	rg_fill_sock(rec, sk, false);
	if (st->sender_cookie)
		rec->peer_cookie = st->sender_cookie;
	if (st->has & RG_HAS_CRED)
		__builtin_memcpy(rec->peer_comm, st->cred_comm, RG_COMM_LEN);
	rg_recv_flags(rec, &c, op, flags);
	rg_flow_recv(rec, sk, ret, st->sender_sk, st->sender_peer);
	rg_udp_received(st, sk, ret);
	if (!rg_filter_end(st))
		return RG_LEFT_OUT;
	rec->user_msg = c.route ? c.msg : 0;
	if (op && rg_recv_uring(st, sk, op, ret))
		return -1;
	at.shape = rg_shape_of(rec->route);
	at.place = rg_slot_of(at.shape, rec->route, c.compat);
	at.req = op ? op->req : 0;
	if (!rg_kmsg_read(st, &at)) {
		if (ret >= 0)
			rg_recv_payload(st, ret);
		return at.shape;
	}
	if (at.shape == RG_SHAPE_RECVMMSG) {
		rg_recv_batch(rec, &c, &at);
		rec->user_msg = c.msg;
	}
	rg_recv_kmsg(st, m);
	if (ret >= 0)
		rg_recv_full(st, m, rg_recv_buffers(st, m, &c, &at), ret);
	return at.shape;
}

#endif
