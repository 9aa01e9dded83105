/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RG_BPF_SKB_H
#define RG_BPF_SKB_H

/*
 * Payload and credentials from the socket buffer that the kernel is copying from: the truth, whatever the
 * program does to its own memory meanwhile.
 */
#include "frags.h"
#include "maps.h"
#include "sock.h"

/* kfunc, callable from tp_btf since 6.12 ("bpf: Allow bpf_dynptr_from_skb() for tp_btf"): reads paged
 * buffers. Weak, and never called unless the loader saw it (rg_skb_dynptr): libbpf 1.1 cannot test a kfunc's
 * address. */
#ifdef RG_NO_SK
#define RG_READ_PAGED(dst, n, skb, off) (-1)
static const bool rg_skb_dynptr = false;
#else
extern int bpf_dynptr_from_skb(struct __sk_buff *skb, __u64 flags, struct bpf_dynptr *ptr) __ksym __weak;
const volatile bool rg_skb_dynptr;
#define RG_READ_PAGED(dst, n, skb, off)                                \
	({                                                             \
		struct bpf_dynptr d_;                                  \
		bpf_dynptr_from_skb((struct __sk_buff *)(skb), 0, &d_) \
			?: bpf_dynptr_read((dst), (n), &d_, (off), 0); \
	})
#endif

/* 32 parts of 32 KiB from one buffer: above any skb (64 KiB linear, 17 or 45 frags, or a frag list) seen. */
#define RG_SKB_PARTS 32

rg_inline __u32 rg_min(__u64 a, __u64 b)
{
	return a < b ? a : b;
}

/* n bytes (n <= max, a constant) at off of the buffer's data into dst. */
#define RG_READ_SKB(dst, n, max, skb, off)                                                    \
	({                                                                                    \
		__u32 head_ = (skb)->len - (skb)->data_len;                                   \
		__u32 n_ = (n);                                                               \
		long err_ = -1;                                                               \
		barrier_var(n_);                                                              \
		if (n_ <= (max)) {                                                            \
			if ((off) + n_ <= head_) {                                            \
				err_ = bpf_probe_read_kernel((dst), n_, (skb)->data + (off)); \
			} else if (rg_skb_dynptr) {                                           \
				err_ = RG_READ_PAGED(dst, n_, skb, off);                      \
			}                                                                     \
		}                                                                             \
		err_;                                                                         \
	})

#ifndef RG_LEGACY
/* One part of the payload as a record of its own. */
rg_inline bool rg_data_part(struct rg_state *st, struct task_struct *t, struct sk_buff *skb, __u32 off,
			    __u32 n, __u64 pos)
{
	struct rg_rec_data *d = bpf_ringbuf_reserve(&ring, sizeof(*d) + RG_PART_DATA, 0);
	bool ok;

	if (!d) {
		st->cut |= RG_CUT_PART;
		rg_lost(RG_LOSS_PART, RG_LOAD(t, tgid), 0);
		return false;
	}
	d->h.type = RG_REC_DATA;
	d->h.version = RG_ABI_VERSION;
	d->h.len = sizeof(*d) + n;
	d->h.msg_no = st->msg_no + 1;
	d->h.tid = RG_LOAD(t, pid);
	d->h.cpu = bpf_get_smp_processor_id();
	d->offset = pos;
	d->len = n;
	d->pad = 0;
	ok = !RG_READ_SKB(d->bytes, n, RG_PART_DATA, skb, off);
	if (!ok) {
		st->cut |= RG_CUT_PART;
		bpf_ringbuf_discard(d, BPF_RB_NO_WAKEUP);
		return false;
	}
	bpf_ringbuf_submit(d, BPF_RB_NO_WAKEUP);
	return true;
}

struct rg_parts_loop {
	struct rg_state *st;
	struct task_struct *t;
	struct sk_buff *skb;
	__u64 pos;
	__u32 off, want;
};

/* A loop of the helper's: unrolled by 6.1's verifier it would be too long. */
static long rg_parts_step(__u32 i, void *arg)
{
	struct rg_parts_loop *l = arg;
	__u32 n = rg_min(l->want, RG_PART_DATA);

	if (!l->st || !l->t || !l->skb || !n || !rg_data_part(l->st, l->t, l->skb, l->off, n, l->pos))
		return 1;
	l->off += n;
	l->pos += n;
	l->want -= n;
	return 0;
}
#endif

/* A few bytes that stand in the buffer's linear part, which is followed by its struct skb_shared_info. at:
 * below RG_INLINE_DATA. */
rg_inline bool rg_take_short(struct rg_state *st, __u32 at, __u32 n, struct sk_buff *skb, __u32 off)
{
#ifdef RG_PLAIN_LOADS
	if (n > RG_PLAIN_DATA || off + n > skb->len - skb->data_len)
		return false;
	rg_plain_copy(st->tail + at, (__u64)skb->data + off, RG_PLAIN_DATA);
	return true;
#else
	return false;
#endif
}

/* The kernel copies len bytes from off of the buffer to the receiver: keep what snaplen wants. */
rg_inline void rg_take_data(struct rg_state *st, struct task_struct *t, struct sk_buff *skb, __u32 off,
			    __u32 len)
{
	__u64 pos = st->skb_len;
	__u32 want = len, n;

	st->skb_len += len;
	st->has |= RG_HAS_DATA;
	if (pos >= rg_config.snaplen) {
		if (len)
			st->cut |= RG_CUT_DATA;
		return;
	}
	if (want > rg_config.snaplen - pos) {
		want = rg_config.snaplen - pos;
		st->cut |= RG_CUT_DATA;
	}
#ifdef RG_LEGACY
	if (pos + want > RG_INLINE_DATA || off + want > skb->len - skb->data_len) {
#else
	if (!rg_skb_dynptr && off + want > skb->len - skb->data_len) {
#endif
		rg_take_paged(st, t, skb, off, want, pos);
		return;
	}
	if (pos < RG_INLINE_DATA && st->skb_data == pos) {
		__u32 at = pos;

		n = rg_min(want, RG_INLINE_DATA - pos);
		barrier_var(at);
		if (at < RG_INLINE_DATA && n) {
			if (!rg_take_short(st, at, n, skb, off) &&
			    RG_READ_SKB(st->tail + at, n, RG_INLINE_DATA, skb, off)) {
				st->cut |= RG_CUT_PART;
				return;
			}
			st->skb_data += n;
		}
		off += n;
		pos += n;
		want -= n;
	}
#ifndef RG_LEGACY
	struct rg_parts_loop l = {.st = st, .t = t, .skb = skb, .off = off, .want = want, .pos = pos};

	l.off = RG_UNKNOWN(off);
	if (want)
		bpf_loop(RG_SKB_PARTS, rg_parts_step, &l, 0);
	if (l.want)
		st->cut |= RG_CUT_PART;
#endif
}

/* A unix buffer's owner is the sending socket. */
rg_inline void rg_take_sender(struct rg_state *st, struct sk_buff *skb)
{
	struct sock *sk = skb->sk;

	if (!sk)
		return;
	st->sender_cookie = sk->__sk_common.skc_cookie.counter;
	if (!rg_config.msg_ids)
		return;
	st->sender_sk = RG_NUMBER(st, sk);
	st->sender_peer = (__u64)BPF_CORE_READ((struct unix_sock *)sk, peer);
}

rg_inline void rg_set_creds(struct rg_state *st, __u32 pid, __u32 uid, __u32 gid)
{
	st->cred_pid = pid;
	st->cred_uid = uid;
	st->cred_gid = gid;
	st->has |= RG_HAS_CRED;
}

/* A member of what a family keeps in skb->cb, through a typed pointer: a plain load. */
#define RG_CB(skb, type, kind, member) (*(const kind *)((skb)->cb + bpf_core_field_offset(type, member)))

/* The sender of a unix buffer, pid not NULL. By helpers: none unless credentials are passed. */
rg_sub int rg_unix_creds(RG_ST_ARG, __u64 pid, __u32 uid, __u32 gid)
{
	RG_ST_GET(st);
	if (!st)
		return 0;
	rg_set_creds(st, rg_pid_nr((struct pid *)pid), uid, gid);
	rg_pid_comm((struct pid *)pid, st->cred_comm);
	return 0;
}

/* Credentials that travel with a message in skb->cb: unix (struct unix_skb_parms), netlink
 * (netlink_skb_parms). For the first buffer of a message. */
rg_inline void rg_take_creds(struct rg_state *st, struct sk_buff *skb, __u16 family)
{
	__u32 nl_pid;
	__u64 pid;

	if (family == AF_NETLINK) {
		/* port 0 is the kernel's own */
		nl_pid = RG_CB(skb, struct netlink_skb_parms, __u32, creds.pid);
		if (!RG_CB(skb, struct netlink_skb_parms, __u32, portid))
			st->has |= RG_HAS_KERNEL;
		else if (nl_pid)
			rg_set_creds(st, nl_pid, RG_CB(skb, struct netlink_skb_parms, __u32, creds.uid),
				     RG_CB(skb, struct netlink_skb_parms, __u32, creds.gid));
		return;
	}
	pid = RG_CB(skb, struct unix_skb_parms, __u64, pid);
	if (pid) /* no PASSCRED at either end when it was sent: pid NULL, uid and gid -1 */
		rg_unix_creds(RG_PASS(st), pid, RG_CB(skb, struct unix_skb_parms, __u32, uid),
			      RG_CB(skb, struct unix_skb_parms, __u32, gid));
	rg_take_sender(st, skb);
}

/* Where in the buffer the copy starts: the tracepoint does not say, each family keeps it elsewhere. */
rg_inline __u32 rg_skb_offset(struct sk_buff *skb, struct sock *sk, __u16 family, __u16 type, __u16 protocol)
{
	if (family == AF_UNIX) {
		return type == 1 /* SOCK_STREAM */ ? RG_CB(skb, struct unix_skb_parms, __u32, consumed) : 0;
	}
	if (protocol == RG_IPPROTO_MPTCP && bpf_core_type_exists(struct mptcp_skb_cb)) {
		struct mptcp_skb_cb *cb = (struct mptcp_skb_cb *)skb->cb;

		return BPF_CORE_READ(cb, offset);
	}
	if ((family == AF_INET || family == AF_INET6) && protocol == RG_IPPROTO_TCP && sk) {
		__u32 copied = BPF_CORE_READ((struct tcp_sock *)sk, copied_seq);

		copied -= RG_CB(skb, struct tcp_skb_cb, __u32, seq);
		/* a peek walks on without moving copied_seq: later buffers start at their beginning */
		return (__s32)copied > 0 && copied < skb->len ? copied : 0;
	}
	return 0;
}

#endif
