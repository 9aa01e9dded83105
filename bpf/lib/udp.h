/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RG_BPF_UDP_H
#define RG_BPF_UDP_H

/*
 * --direction both on the tracepoint tier: which datagram a receive took. No tracepoint tells; but a UDP
 * receive takes the first of its socket's queue. So the first is noted when it comes to be that: as a
 * datagram is put into an empty queue (sk_data_ready), and as a receive that took the one before ends. What
 * was noted is what the next receive took. Where that is not sure nothing is said: the queue was not looked
 * at in between (a reader that never sleeps may be faster than sk_data_ready), what was noted is in it still,
 * or another thread received before (its receive may have begun later and ended first). Nothing is counted: a
 * datagram that is lost, or has no id, upsets nothing.
 */
#include "flow.h"
#include "select.h"

/* What is known of the queue's head, in one word, so that hooks on several CPUs do not mix what they note: */
#define RG_UF_LEN(w)	((w)&0xffff)		 /* bytes of its payload */
#define RG_UF_ID(w)	((w) >> 16 & 0xffffffff) /* its id, 0 none */
#define RG_UF_ROUND	(1ull << 48)		 /* counts the receives: what was noted before is old */
#define RG_UF_SOME	0xffffull		 /* one without id; 0: none was there */
#define RG_UF_NOTED(w)	((w) & (RG_UF_ROUND - 1))
#define RG_UF_ROUNDS(w) ((w) & ~(RG_UF_ROUND - 1))

struct rg_udp_first {
	__u64 word;
	__u64 skb; /* its address, where the time is found: only if the note there has the same id */
	__u32 tid; /* who received last */
};

struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct rg_udp_first);
} udp_firsts SEC(".maps");

rg_inline bool rg_is_udp(struct sock *sk)
{
	__u16 family = sk->__sk_common.skc_family;

	return (family == AF_INET || family == AF_INET6) &&
	       (sk->sk_protocol == RG_IPPROTO_UDP || sk->sk_protocol == RG_IPPROTO_UDPLITE);
}

/* Head of a queue at an address in the kernel: 0 when it is empty. */
rg_inline __u64 rg_queue_head(__u64 queue)
{
	__u64 first = rg_kernel_word(queue + bpf_core_field_offset(struct sk_buff_head, next));

	return first == queue ? 0 : first;
}

/* The datagram that the next receive will take: the reader's own queue comes before the one that is shared.
 */
rg_inline __u64 rg_udp_head(__u64 sk)
{
	__u64 skb = rg_queue_head(sk + bpf_core_field_offset(struct udp_sock, reader_queue));

	return skb ? skb : rg_queue_head(sk + bpf_core_field_offset(struct sock, sk_receive_queue));
}

/* What is to be noted of the head as it is now. */
rg_sub __u64 rg_udp_look(__u64 sk, struct rg_udp_first *f)
{
	__u64 addr = rg_udp_head(sk);
	struct rg_udp_note *note;
	struct sk_buff *skb = (struct sk_buff *)addr;

	if (!f || !addr)
		return 0;
	note = bpf_map_lookup_elem(&udp_sent, &addr);
	if (!note || note->ends != rg_udp_ends(skb))
		return RG_UF_SOME;
	f->skb = addr;
	return note->id << 16 | (__u16)BPF_CORE_READ(skb, len);
}

/* When it was sent; a receive that took it also clears the note away. */
rg_inline void rg_udp_joined(struct rg_rec_msg *rec, __u64 skb, __u64 id, bool peek)
{
	struct rg_udp_note *note = bpf_map_lookup_elem(&udp_sent, &skb);

	rec->msg_id = id;
	if (!note || note->id != id)
		return;
	if (note->ts <= rec->ts)
		rec->send_ts = note->ts;
	if (!peek)
		bpf_map_delete_elem(&udp_sent, &skb);
}

/* A receive of n bytes from a UDP socket is over. */
rg_inline void rg_udp_received(struct rg_state *st, struct sock *sk, long n)
{
	struct rg_rec_msg *rec = &st->rec;
	bool peek = rec->mflags & RG_MF_PEEK, same;
	struct rg_udp_first *f;
	__u64 was, now, skb;

	if (!rg_config.msg_ids || n < 0 || !rg_is_udp(sk))
		return;
	f = bpf_sk_storage_get(&udp_firsts, sk, 0, BPF_SK_STORAGE_GET_F_CREATE);
	if (!f)
		return;
	was = f->word;
	skb = f->skb;
	same = !f->tid || f->tid == rec->h.tid;
	f->tid = rec->h.tid;
	if (peek) { /* it may begin behind the first (SO_PEEK_OFF) */
		if (sk->sk_peek_off > 0)
			return;
	} else {
		now = rg_udp_look(RG_NUMBER(st, sk), f) | (RG_UF_ROUNDS(was) + RG_UF_ROUND);
		if (__sync_val_compare_and_swap(&f->word, was, now) != was) {
			f->word = RG_UF_ROUNDS(now) + RG_UF_ROUND;
			return;
		}
		if (RG_UF_ID(now) == RG_UF_ID(was))
			return; /* it is there still, or none is known */
	}
	if (same && RG_UF_ID(was) && n <= RG_UF_LEN(was))
		rg_udp_joined(rec, skb, RG_UF_ID(was), peek);
}

/* A datagram (or a packet of another kind) goes to a device, in its sender's call. */
SEC("tp_btf/net_dev_queue")
int BPF_PROG(rg_dev_queue, struct sk_buff *skb)
{
	struct task_struct *t = rg_current();
	struct sock *sk = skb->sk;
	struct rg_state *st = NULL;
	bool seen;

	if (!sk || sk->__sk_common.skc_state == 6 /* TCP_TIME_WAIT */ ||
	    sk->__sk_common.skc_state == 12 /* TCP_NEW_SYN_RECV */ || !rg_is_udp(sk))
		return 0;
	seen = rg_sel_seen(t, &st);
	rg_udp_sent_sub(RG_PASS(seen ? rg_state_of(t) : NULL), rg_scalar(skb));
	return 0;
}

SEC("tp_btf/sk_data_ready")
int BPF_PROG(rg_data_ready, struct sock *sk)
{
	struct rg_udp_first *f;
	__u64 was;

	if (!rg_is_udp(sk))
		return 0;
	f = bpf_sk_storage_get(&udp_firsts, sk, 0, BPF_SK_STORAGE_GET_F_CREATE);
	if (!f)
		return 0;
	was = f->word;
	if (!RG_UF_NOTED(was))
		__sync_val_compare_and_swap(&f->word, was, was | rg_udp_look(rg_scalar(sk), f));
	return 0;
}

#endif
