/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RG_BPF_TRAMP_H
#define RG_BPF_TRAMP_H

/* The trampoline tier's pieces: what the kernel's own functions are given and give back. All values are K. */
#include "watch.h"

/* While a message is being received its payload is kept at the head of tail[], its control messages here. */
#define RG_AT_CONTROL (RG_INLINE_DATA + RG_NAME_MAX)

__u64 rg_tries; /* how often sock_recvmsg's end was seen: src/kernel/trampoline.c asks whether it is at all */

/* The kernel is copying len bytes of payload from the buffer to the receiver. */
rg_inline void rg_take_copy(struct rg_state *st, struct task_struct *t, struct sk_buff *skb, struct sock *sk,
			    int len)
{
	__u16 family = st->tr.family, type = st->tr.type;

	if (!(st->has & RG_HAS_DATA) && type != 1 /* SOCK_STREAM */) {
		st->skb_msg_len = skb->len;
		st->has |= RG_HAS_MSGLEN;
	}
	if (!(st->has & RG_HAS_DATA) && (family == AF_UNIX || family == AF_NETLINK))
		rg_take_creds(st, skb, family);
	if (st->outside)
		return;
	if (family == AF_UNIX)
		rg_take_files(st, t, skb);
	rg_take_data(st, t, skb, rg_skb_offset(skb, sk, family, type, st->tr.protocol), len);
}

/* ---- the kernel's msghdr ---- */

struct iov_iter___iov { /* before 6.4 ("iov_iter: overlay struct iovec and ubuf/len"): the member was called
			   iov */
	const struct iovec *iov;
} __attribute__((preserve_access_index));
struct iov_iter___type { /* before 5.14 ("iov_iter: separate direction from flavour"): one word of flags */
	unsigned int type;
} __attribute__((preserve_access_index));
#define RG_OLD_ITER_IOVEC 4 /* ITER_IOVEC in the word of flags */

enum rg_iter { RG_ITER_OTHER, RG_ITER_UBUF, RG_ITER_IOVEC };

rg_inline enum rg_iter rg_iter_kind(struct iov_iter *it)
{
	struct iov_iter___type *old = (void *)it;
	__u8 type;

	if (bpf_core_field_exists(old->type))
		return (RG_LOAD(old, type) & ~1u) == RG_OLD_ITER_IOVEC ? RG_ITER_IOVEC : RG_ITER_OTHER;
	type = RG_LOAD(it, iter_type);
	if (bpf_core_enum_value_exists(enum iter_type, ITER_UBUF) &&
	    type == bpf_core_enum_value(enum iter_type, ITER_UBUF))
		return RG_ITER_UBUF;
	return type == bpf_core_enum_value(enum iter_type, ITER_IOVEC) ? RG_ITER_IOVEC : RG_ITER_OTHER;
}

rg_inline const void *rg_iter_ptr(struct iov_iter *it)
{
	struct iov_iter___iov *old = (void *)it;

	if (bpf_core_field_exists(old->iov))
		return RG_LOAD(old, iov); /* ubuf is in the same union */
	return RG_LOAD(it, __iov);
}

/* Where the data will go, from the kernel's copy of the iovecs: at the receive's beginning. */
rg_inline void rg_tramp_iov(struct rg_state *st, struct msghdr *msg)
{
	struct iov_iter *it = &msg->msg_iter;
	struct rg_rec_iov *iov = st->rec.iov;
	enum rg_iter kind = rg_iter_kind(it);
	__u64 n;

	st->tr.n_iov = 0;
	if (kind == RG_ITER_UBUF) {
		iov[0].base = (__u64)rg_iter_ptr(it);
		iov[0].len = RG_LOAD(it, count);
		st->tr.n_iov = 1;
	} else if (kind == RG_ITER_IOVEC) {
		n = RG_LOAD(it, nr_segs);
		st->tr.n_iov = n;
		if (n > RG_IOV_KEPT)
			n = RG_IOV_KEPT;
		bpf_probe_read_kernel(iov, n * sizeof(*iov), rg_iter_ptr(it));
	}
}

/* ---- control messages, as the kernel writes them ---- */

struct rg_cmsg {
	__u64 len;
	__s32 level, type;
};
struct rg_cmsg32 {
	__u32 len;
	__s32 level, type;
};

/* Bytes into the collected control buffer, at most `room` of what the caller gave. Returns what was kept. */
rg_inline __u32 rg_ctl_put(struct rg_state *st, __u32 at, const void *src, __u32 n)
{
	at += RG_AT_CONTROL;
	barrier_var(n);
	barrier_var(at);
	if (n > RG_CONTROL_MAX || at < RG_AT_CONTROL || at > RG_AT_CONTROL + RG_CONTROL_MAX - n) {
		st->tr.control_lost = 1;
		return 0;
	}
	/* a constant bound too: 6.1's verifier does not relate the two */
	barrier_var(at);
	if (at > RG_AT_CONTROL + RG_CONTROL_MAX || bpf_probe_read_kernel(st->tail + at, n, src))
		st->tr.control_lost = 1;
	return n;
}

rg_inline __u32 rg_ctl_header(struct rg_state *st, __u32 at, bool compat, __u32 data_len, int level, int type)
{
	struct rg_cmsg h = {.len = sizeof(struct rg_cmsg) + data_len, .level = level, .type = type};
	struct rg_cmsg32 h32 = {.len = sizeof(struct rg_cmsg32) + data_len, .level = level, .type = type};

	if (compat)
		return rg_ctl_put(st, at, &h32, sizeof(h32));
#ifndef RG_LEGACY
	barrier_var(at);
	if (at <= RG_CONTROL_MAX - sizeof(h)) {
		*(struct rg_cmsg *)(st->tail + RG_AT_CONTROL + at) = h;
		return sizeof(h);
	}
#endif
	return rg_ctl_put(st, at, &h, sizeof(h));
}

/* Room still left for control messages, 0 when the caller gave none. */
rg_inline __u64 rg_ctl_room(struct rg_state *st, struct msghdr *msg)
{
	return RG_LOAD(msg, msg_control) ? RG_LOAD(msg, msg_controllen) : 0;
}

/* Times of the old kind shrink for i386 (net/compat.c put_cmsg_compat). */
#define RG_SO_TIMESTAMP	   29
#define RG_SO_TIMESTAMPNS  35
#define RG_SO_TIMESTAMPING 37

rg_inline bool rg_ctl_shrinks(int level, int type)
{
	return level == 1 /* SOL_SOCKET */ &&
	       (type == RG_SO_TIMESTAMP || type == RG_SO_TIMESTAMPNS || type == RG_SO_TIMESTAMPING);
}

/* put_cmsg(msg, level, type, len, data): the kernel cuts the last one to the room that is left. */
rg_inline void rg_ctl_message(struct rg_state *st, struct msghdr *msg, int level, int type, __u32 len,
			      void *data)
{
	bool compat = msg->msg_flags & RG_MSG_CMSG_COMPAT;
	__u32 head = compat ? sizeof(struct rg_cmsg32) : sizeof(struct rg_cmsg), at = st->tr.controls, space;
	__u64 room = rg_ctl_room(st, msg);
	__u32 narrow[6];

	if (room < head)
		return;
	if (compat && rg_ctl_shrinks(level, type)) {
		__u64 wide[6] = {};

		len = len < sizeof(wide) ? len / 2 : sizeof(narrow);
		bpf_probe_read_kernel(wide, type == RG_SO_TIMESTAMPING ? sizeof(wide) : sizeof(wide) / 3,
				      data);
		for (int i = 0; i < 6; i++)
			narrow[i] = wide[i];
		data = narrow;
	}
	space = head + ((len + (compat ? 3 : 7)) & ~(compat ? 3u : 7u));
	if (room < head + len)
		len = room - head;
	if (room < space)
		space = room;
	if (rg_ctl_header(st, at, compat, len, level, type))
		rg_ctl_put(st, at + head, data, len);
	st->tr.controls = at + space;
}

/* scm_detach_fds is over: the header for the descriptors whose numbers were collected behind it. */
rg_inline void rg_ctl_fds(struct rg_state *st)
{
	bool compat = st->tr.detach_head == sizeof(struct rg_cmsg32);
	__u32 head = compat ? sizeof(struct rg_cmsg32) : sizeof(struct rg_cmsg), at = st->tr.controls;
	__u32 len = st->tr.detach_fds * 4, space = head + ((len + (compat ? 3 : 7)) & ~(compat ? 3u : 7u));
	__u64 given = st->tr.control_given;

	if (!len)
		return;
	rg_ctl_header(st, at, compat, len, 1 /* SOL_SOCKET */, 1 /* SCM_RIGHTS */);
	st->tr.controls = at + space > given && given ? given : at + space;
}

/* ---- payload of a linear UDP datagram ---- */

/* Its copy passes no tracepoint (copy_linear_skb); paged ones pass skb_copy_datagram_iovec. */
rg_inline void rg_take_linear(struct rg_state *st, struct task_struct *t, struct sk_buff *skb, __u32 off,
			      __u32 len)
{
	__u32 want = len < rg_config.snaplen ? len : rg_config.snaplen, n = want, done;
	const unsigned char *data = skb->data;

	st->skb_len = len;
	st->skb_msg_len = skb->len;
	st->has |= RG_HAS_DATA | RG_HAS_MSGLEN;
	if (want < len)
		st->cut |= RG_CUT_DATA;
	if (n > RG_INLINE_DATA)
		n = RG_INLINE_DATA;
	barrier_var(n);
	if (n > RG_INLINE_DATA || bpf_probe_read_kernel(st->tail, n, data + off)) {
		st->cut |= RG_CUT_PART;
		return;
	}
	st->skb_data = n;
	done = n;
	if (done >= want)
		return;
	/* linear buffers hold at most 32 KiB: one part is enough */
	n = want - done;
	barrier_var(n);
	if (n > RG_PART_DATA) {
		st->cut |= RG_CUT_PART;
		return;
	}
	struct rg_rec_data *d = bpf_ringbuf_reserve(&ring, sizeof(*d) + RG_PART_DATA, 0);

	if (!d) {
		st->cut |= RG_CUT_PART;
		rg_lost(RG_LOSS_PART, RG_LOAD(t, tgid), 0);
		return;
	}
	d->h = (struct rg_rec_hdr){.type = RG_REC_DATA,
				   .version = RG_ABI_VERSION,
				   .len = sizeof(*d) + n,
				   .msg_no = st->msg_no + 1,
				   .tid = RG_LOAD(t, pid),
				   .cpu = bpf_get_smp_processor_id()};
	d->offset = done;
	d->len = n;
	d->pad = 0;
	bpf_probe_read_kernel(d->bytes, n, data + off + done);
	bpf_ringbuf_submit(d, BPF_RB_NO_WAKEUP);
}

/* ---- beginning and end of a receive ---- */

/* msg: the kernel's, NULL for splice. */
rg_inline void rg_tramp_begin(struct rg_state *st, struct sock *sk, struct msghdr *msg, int in)
{
	rg_forget(st);
	st->ts_entry = bpf_ktime_get_ns();
	st->ts_off = 0;
	st->wait_ns = rg_config.duration ? 0 : ~0ull;
	st->in_call = 1;
	st->tr.in = in;
	st->tr.filter = RG_TF_UNASKED;
	st->tr.sk = RG_NUMBER(st, sk);
	st->tr.family = RG_LOAD(sk, __sk_common.skc_family);
	st->tr.type = RG_LOAD(sk, sk_type);
	st->tr.protocol = RG_LOAD(sk, sk_protocol);
	st->tr.control = 0;
	st->tr.control_given = 0;
	st->tr.controls = 0;
	st->tr.control_lost = 0;
	st->tr.detaching = 0;
	st->tr.name_len = 0;
	st->tr.namelen = 0;
	st->tr.n_iov = 0;
	st->udp_id = 0;
	if (!msg)
		return;
	st->tr.control = RG_NUMBER(st, RG_LOAD(msg, msg_control));
	if (st->tr.control)
		st->tr.control_given = RG_LOAD(msg, msg_controllen);
	rg_tramp_iov(st, msg);
}

rg_inline void rg_tramp_name(struct rg_state *st, const void *addr, __s32 len)
{
	__u32 n = len > 0 ? len : 0;

	st->tr.namelen = n;
	if (n > RG_NAME_MAX)
		n = RG_NAME_MAX;
	barrier_var(n);
	if (!addr || n > RG_NAME_MAX || bpf_probe_read_kernel(st->tr.name, n, addr))
		return;
	st->tr.name_len = n;
}

rg_inline void rg_tramp_control(struct rg_state *st, struct msghdr *msg, bool compat)
{
	struct rg_rec_msg *rec = &st->rec;
	__u32 n = st->tr.controls, at = RG_PAD8(rec->data_len) + RG_PAD8(rec->name_len);

	rec->control_given = st->tr.control_given;
	if (st->tr.control)
		rec->controllen = RG_NUMBER(st, RG_LOAD(msg, msg_control)) - st->tr.control;
	if (n > RG_CONTROL_MAX) {
		rec->cut |= RG_CUT_CONTROL;
		n = RG_CONTROL_MAX;
	}
	/* written by a function that is not watched here: what the caller's memory holds is all there is */
	if (st->tr.control_lost || rec->controllen != st->tr.controls) {
		if (rec->controllen)
			rg_control_user(RG_PASS(st), st->tr.control, rec->controllen);
		return;
	}
	at &= RG_TAIL_ROOM / 2 - 1;
	barrier_var(n);
	if (n > RG_CONTROL_MAX)
		return;
	if (n && bpf_probe_read_kernel(st->tail + at, n, st->tail + RG_AT_CONTROL))
		return;
	rec->control_len = n;
	rec->has |= RG_HAS_CONTROL;
}

/* Which of the caller's messages this is; entry is its user address. */
rg_inline void rg_tramp_batch(struct rg_rec_msg *rec, struct rg_call *c, __u64 entry)
{
	__u32 size = c->compat ? 32 : 64; /* sizeof(struct compat_mmsghdr), sizeof(struct mmsghdr) */

	__u64 at = 0;

	if (rec->route != RG_RT_RECVMMSG && rec->route != RG_RT_SOCKETCALL_RECVMMSG)
		return;
	/* as a number: the verifier lets nothing be computed from a typed pointer */
	if (!bpf_probe_read_kernel(&at, sizeof(at), &entry) && at >= c->msg)
		rec->batch = (at - c->msg) / size;
}

rg_inline struct rg_uring_op *rg_tramp_route(struct rg_state *st, struct task_struct *t, struct sock *sk,
					     struct rg_call *c)
{
	struct rg_rec_msg *rec = &st->rec;
	struct rg_uring_op *op;

	if (!st->tr.uring_route)
		return rg_recv_route(st, t, sk, c);
	c->route = RG_RT_UNKNOWN;
	rec->syscall_nr = c->nr;
	/* io_recv or io_recvmsg is running: that is sure; descriptor and flags are those of its submission */
	op = rg_uring_find(rec, sk, false);
	rec->route = st->tr.uring_route;
	return op;
}

/* Fill the record; false: the filter does not want it. user_msg: address of the caller's msghdr where known,
 * else 0. */
rg_inline bool rg_tramp_fill(struct rg_state *st, struct task_struct *t, struct sock *sk, struct msghdr *msg,
			     __u32 flags, long ret, __u64 user_msg)
{
	struct rg_rec_msg *rec = &st->rec;
	struct rg_uring_op *op;
	struct rg_call c;

	rg_begin(st, t, bpf_ktime_get_ns());
	rg_call_read(&c, t, rg_regs(t));
	op = rg_tramp_route(st, t, sk, &c);
	rec->ret = ret;
	rg_fill_sock(rec, sk, false);
	if (st->sender_cookie)
		rec->peer_cookie = st->sender_cookie;
	if (st->has & RG_HAS_CRED)
		__builtin_memcpy(rec->peer_comm, st->cred_comm, RG_COMM_LEN);
	rg_flow_recv(rec, sk, ret, st->sender_sk, st->sender_peer);
	if (st->udp_id) {
		rec->msg_id = st->udp_id;
		rec->send_ts = st->udp_ts;
	}
	rg_recv_flags(rec, &c, op, flags);
	if (rg_uring_is_net(st->tr.uring_route)) {
		rec->flags = st->tr.uring_asked;
		rec->has |= RG_HAS_FLAGS;
	}
	if (!rg_filter_end(st))
		return false;
	rec->user_msg = user_msg ? user_msg : op ? op->buf : c.msg;
	rec->n_iov = st->tr.n_iov;
	if (rec->n_iov)
		rec->has |= RG_HAS_IOV | RG_HAS_IOV_K;
	rg_tramp_batch(rec, &c, user_msg);
	if (ret < 0)
		return true;
	if (st->tr.in != RG_IN_SPLICE) {
		rec->out_flags = RG_LOAD(msg, msg_flags) & ~RG_MSG_OWN;
		rec->has |= RG_HAS_MSGHDR;
	}
	rg_recv_payload(st, ret);
	if (st->tr.name_len)
		rg_name_take(RG_PASS(st), RG_NUMBER(st, st->tr.name), st->tr.name_len);
	rec->namelen = st->tr.namelen;
	if (st->tr.in == RG_IN_RECVMSG)
		rg_tramp_control(st, msg, c.compat);
	return true;
}

rg_inline void rg_tramp_end(struct rg_state *st, struct task_struct *t, struct sock *sk, struct msghdr *msg,
			    __u32 flags, long ret, __u64 user_msg)
{
	if (sk && (ret >= 0 || rg_config.errors)) {
		if (st->tr.filter == RG_TF_LEFT_OUT || !rg_tramp_fill(st, t, sk, msg, flags, ret, user_msg))
			rg_filter_left_out(st, t);
		/* a later message of a batch that fails ends the call without an error */
		else if (!(ret < 0 && st->rec.batch) && !rg_uring_again(&st->rec, sk, flags) &&
			 rg_sel_fd(st->rec.fd) && rg_sel_by_sock(&st->rec))
			rg_emit(st, t);
	}
	rg_forget(st);
	st->ts_entry = 0;
	if (!rg_config.errors)
		st->in_call = 0; /* else rg_sys_exit does */
	st->tr.in = RG_IN_NONE;
}

#endif
