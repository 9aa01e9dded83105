/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RG_BPF_FLOW_H
#define RG_BPF_FLOW_H

/*
 * --direction both: the same msg_id on a send and on its receipt, where both ends are on this machine.
 *
 * A flow is what one socket sends. It remembers where its last sends ended: on a stream in bytes (TCP: in
 * sequence numbers, which both ends know), else in messages. A receipt asks which send its first byte or
 * message belongs to. A receipt may come before the hook of its send (which fires when the call is over): it
 * then belongs to the send after the last one known.
 *
 * Unix flows are counted from the first send seen; when messages were already under way then, or when the
 * sender is not connected to the receiver (several receivers then share the count), no ids are given.
 *
 * Tasks outside the selection are counted too: a socket may be shared with one (rg_sel_seen). What still
 * upsets the order: two threads that receive from one socket at once, whose hooks fire in another order than
 * they took their messages; a splice from a unix stream on the tracepoint tier. So these ids are tagged
 * TOCTOU.
 *
 * UDP datagrams may be lost between the two, so nothing is counted: on its way through this machine a
 * datagram stays one and the same buffer. Its address, ends and length are noted as it is sent and looked up
 * as it is received (which one that is: udp.h for the tracepoint tier).
 */
#include "maps.h"

#define RG_FLOW_KEPT 32

struct rg_flow_key {
	__u64 sk;	    /* unix: address of the sending socket; TCP: 0 */
	__u64 addr[4];	    /* TCP: source, destination */
	__u16 sport, dport; /* host order */
	__u32 netns;
};
struct rg_flow {
	__u64 serial; /* in the high half of the ids: unique per flow */
	__u64 cookie; /* of the sending socket once known: another one at the same address is another flow */
	__u32 sent;   /* sends counted */
	__u32 skewed; /* counted from the middle: no ids */
	__u64 sent_end; /* bytes or messages sent */
	__u64 received; /* bytes or messages received of them */
	__u64 end[RG_FLOW_KEPT], ts[RG_FLOW_KEPT];
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 8192);
	__type(key, struct rg_flow_key);
	__type(value, struct rg_flow);
} flows SEC(".maps");

/* A fresh flow is made from here: too large for the stack. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct rg_flow);
} flow_zero SEC(".maps");

/* What tells a socket from another one at the same address. */
#ifdef RG_NO_SK
#define RG_FLOW_SOCK(rec) ((rec)->sock_ino)
#else
#define RG_FLOW_SOCK(rec) ((rec)->cookie)
#endif

/* Numbers that no other CPU gives. */
#ifdef RG_LEGACY
#define RG_NUMBERS_EACH (1u << 22) /* of a CPU, before they begin anew */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} flow_numbers SEC(".maps");

rg_inline __u32 rg_flow_number(void)
{
	__u32 zero = 0;
	__u64 *n = bpf_map_lookup_elem(&flow_numbers, &zero);

	return n ? bpf_get_smp_processor_id() * RG_NUMBERS_EACH + (++*n & (RG_NUMBERS_EACH - 1)) + 1 : 0;
}
#define RG_FLOW_NEXT(counter) rg_flow_number()
#else
#define RG_FLOW_NEXT(counter) (__sync_fetch_and_add(&(counter), 1) + 1)
#endif

__u64 rg_flow_serial;

/* Is a end of `a` at or before `b`? TCP sequence numbers wrap. */
rg_inline bool rg_flow_le(__u64 a, __u64 b, bool wraps)
{
	return wraps ? (__s32)((__u32)a - (__u32)b) <= 0 : a <= b;
}

rg_inline void rg_flow_tcp_key(struct rg_flow_key *k, struct sock *sk, bool sender)
{
	__u16 lport = BPF_CORE_READ(sk, __sk_common.skc_num);
	__u16 rport = __builtin_bswap16(BPF_CORE_READ(sk, __sk_common.skc_dport));
	__u64 *mine = sender ? &k->addr[0] : &k->addr[2], *other = sender ? &k->addr[2] : &k->addr[0];

	k->sport = sender ? lport : rport;
	k->dport = sender ? rport : lport;
	k->netns = BPF_CORE_READ(sk, __sk_common.skc_net.net, ns.inum);
	if (BPF_CORE_READ(sk, __sk_common.skc_family) == AF_INET) {
		mine[0] = BPF_CORE_READ(sk, __sk_common.skc_rcv_saddr);
		other[0] = BPF_CORE_READ(sk, __sk_common.skc_daddr);
		return;
	}
	bpf_probe_read_kernel(mine, 16, &sk->__sk_common.skc_v6_rcv_saddr);
	bpf_probe_read_kernel(other, 16, &sk->__sk_common.skc_v6_daddr);
}

rg_inline bool rg_flow_is_tcp(const struct rg_rec_msg *rec)
{
	return (rec->family == AF_INET || rec->family == AF_INET6) && rec->protocol == RG_IPPROTO_TCP;
}

rg_inline struct rg_flow *rg_flow_new(struct rg_flow_key *key)
{
	__u32 zero = 0;
	struct rg_flow *f = bpf_map_lookup_elem(&flow_zero, &zero);

	if (!f || bpf_map_update_elem(&flows, key, f, BPF_NOEXIST))
		return NULL;
	f = bpf_map_lookup_elem(&flows, key);
	if (f)
		f->serial = RG_FETCH_INC(&rg_flow_serial) + 1;
	return f;
}

/* Were messages under way to the peer before the first send that is seen? */
rg_inline bool rg_flow_skewed(struct sock *sk)
{
	struct sock *peer = BPF_CORE_READ((struct unix_sock *)sk, peer);

	return !peer || BPF_CORE_READ(peer, sk_receive_queue.qlen) > 1;
}

/* A send of n bytes is over. */
rg_sub int rg_flow_send_sub(RG_REC_ARG, __u64 addr, long n)
{
	RG_REC_GET(rec);
	struct sock *sk = (struct sock *)addr;
	struct rg_flow_key key = {};
	struct rg_flow *f;
	__u32 at;
	bool tcp;

	if (!rec)
		return 0;
	tcp = rg_flow_is_tcp(rec);
	if (!rg_config.msg_ids || n < 0 || (rec->family != AF_UNIX && !tcp) || (rec->type == 1 && !n))
		return 0;
	if (tcp)
		rg_flow_tcp_key(&key, sk, true);
	else
		key.sk = addr;
	f = bpf_map_lookup_elem(&flows, &key);
	if (f && f->cookie && f->cookie != RG_FLOW_SOCK(rec)) {
		bpf_map_delete_elem(&flows, &key);
		f = NULL;
	}
	if (!f) {
		f = rg_flow_new(&key);
		if (!f)
			return 0;
		f->skewed = !tcp && rg_flow_skewed(sk);
	}
	f->cookie = RG_FLOW_SOCK(rec);
	at = f->sent & (RG_FLOW_KEPT - 1);
	f->sent_end = tcp ? BPF_CORE_READ((struct tcp_sock *)sk, write_seq)
			  : f->sent_end + (rec->type == 1 ? n : 1);
	f->end[at] = f->sent_end;
	f->ts[at] = rec->ts;
	f->sent++;
	if (!f->skewed)
		rec->msg_id = f->serial << 32 | f->sent;
	return 0;
}

rg_inline void rg_flow_send(struct rg_rec_msg *rec, struct sock *sk, long n)
{
	if (rg_config.msg_ids)
		rg_flow_send_sub(RG_PASS(rec), rg_scalar(sk), n);
}

struct rg_flow_search {
	struct rg_flow *f;
	__u64 pos;
	__u32 first, found;
	bool wraps;
};

/* Oldest kept send whose end is beyond pos. */
static long rg_flow_step(__u32 i, void *arg)
{
	struct rg_flow_search *s = arg;

	if (!s->f)
		return 1;
	if (rg_flow_le(s->f->end[(s->first + i) & (RG_FLOW_KEPT - 1)], s->pos, s->wraps))
		return 0;
	s->found = s->first + i + 1;
	return 1;
}

rg_inline void rg_flow_find(struct rg_rec_msg *rec, struct rg_flow *f, __u64 pos, bool tcp)
{
	struct rg_flow_search s = {.f = f, .pos = pos, .wraps = tcp};
	__u32 kept = f->sent < RG_FLOW_KEPT ? f->sent : RG_FLOW_KEPT;

	s.first = f->sent - kept;
#ifdef RG_LEGACY
	for (__u32 i = 0; i < RG_FLOW_KEPT && i < kept; i++)
		if (rg_flow_step(i, &s))
			break;
#else
	bpf_loop(kept, rg_flow_step, &s, 0);
#endif
	/* the oldest kept one may hide an older one that is meant: only sure when nothing was pushed out */
	if (s.found == s.first + 1 && s.first)
		return;
	if (!s.found)
		s.found = f->sent + 1; /* its send is not over yet */
	else if (rec->ts >= f->ts[(s.found - 1) & (RG_FLOW_KEPT - 1)])
		rec->send_ts = f->ts[(s.found - 1) & (RG_FLOW_KEPT - 1)];
	rec->msg_id = f->serial << 32 | s.found;
}

/* A receipt of n bytes is over; sender, sender_peer: addresses of the unix socket it came from and of the one
 * that is connected to. */
rg_sub int rg_flow_recv_sub(RG_REC_ARG, __u64 addr, long n, __u64 sender, __u64 sender_peer)
{
	RG_REC_GET(rec);
	struct sock *sk = (struct sock *)addr;
	struct rg_flow_key key = {};
	struct rg_flow *f;
	bool tcp, peek;
	__u64 pos;

	if (!rec)
		return 0;
	tcp = rg_flow_is_tcp(rec);
	peek = rec->mflags & RG_MF_PEEK;
	if (!rg_config.msg_ids || n < 0 || (rec->type == 1 && !n))
		return 0;
	if (tcp)
		rg_flow_tcp_key(&key, sk, false);
	else if (rec->family == AF_UNIX && sender && sender_peer == addr)
		key.sk = sender;
	else
		return 0;
	f = bpf_map_lookup_elem(&flows, &key);
	if (!f && !tcp)
		f = rg_flow_new(&key); /* its first send is not over yet */
	if (!f)
		return 0;
	if (tcp) {
		pos = BPF_CORE_READ((struct tcp_sock *)sk, copied_seq) - (peek ? 0 : (__u32)n);
	} else {
		pos = f->received;
		if (!peek)
			f->received += rec->type == 1 ? n : 1;
	}
	if (!f->skewed)
		rg_flow_find(rec, f, pos, tcp);
	return 0;
}

rg_inline void rg_flow_recv(struct rg_rec_msg *rec, struct sock *sk, long n, __u64 sender, __u64 sender_peer)
{
	if (rg_config.msg_ids)
		rg_flow_recv_sub(RG_PASS(rec), rg_scalar(sk), n, sender, sender_peer);
}

/* ---- UDP ---- */

struct rg_udp_note {
	__u64 id, ts;
	__u64 ends; /* addresses, ports and length: the buffer's memory may be another datagram's by now */
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, __u64); /* address of the sk_buff */
	__type(value, struct rg_udp_note);
} udp_sent SEC(".maps");

__u64 rg_udp_count;

/* What tells one datagram from another that later lies at the same address: 0 when it is no UDP. */
rg_inline __u64 rg_udp_ends(struct sk_buff *skb)
{
	unsigned char *head = BPF_CORE_READ(skb, head);
	unsigned char *ip = head + BPF_CORE_READ(skb, network_header);
	__u64 udp = 0, addrs[4] = {}, sum = 0;
	__u8 first = 0, proto = 0;

	if (bpf_probe_read_kernel(&first, 1, ip))
		return 0;
	if (first >> 4 == 4) {
		bpf_probe_read_kernel(&proto, 1, ip + 9);
		bpf_probe_read_kernel(addrs, 8, ip + 12);
	} else {
		bpf_probe_read_kernel(&proto, 1, ip + 6);
		bpf_probe_read_kernel(addrs, 32, ip + 8);
	}
	if (proto != RG_IPPROTO_UDP && proto != RG_IPPROTO_UDPLITE)
		return 0;
	/* ports and length; not the checksum, which is filled in on the way */
	if (bpf_probe_read_kernel(&udp, 6, head + BPF_CORE_READ(skb, transport_header)))
		return 0;
	for (int i = 0; i < 4; i++)
		sum = (sum ^ addrs[i]) * 0x9e3779b97f4a7c15ull;
	return (sum ^ udp) | 1;
}

/* This thread hands a datagram to IP. */
rg_sub int rg_udp_sent_sub(RG_ST_ARG, __u64 addr)
{
	RG_ST_GET(st);
	struct sk_buff *skb = (struct sk_buff *)addr;
	struct rg_udp_note note = {.ends = rg_udp_ends(skb)};

	if (!note.ends)
		return 0;
	/* below 2^32: flows have their serial in the high half */
	note.id = (__u32)RG_FLOW_NEXT(rg_udp_count);
	note.ts = bpf_ktime_get_ns();
	bpf_map_update_elem(&udp_sent, &addr, &note, BPF_ANY);
	if (st) {
		st->udp_sk = (__u64)BPF_CORE_READ(skb, sk);
		st->udp_sent = note.id;
	}
	return 0;
}

/* The send that was under way is over: its id. */
rg_inline void rg_udp_send_over(struct rg_state *st, struct rg_rec_msg *rec, struct sock *sk)
{
	if (st->udp_sent && st->udp_sk == rg_scalar(sk))
		rec->msg_id = st->udp_sent;
	st->udp_sent = 0;
}

/* This thread takes a datagram from its socket's queue. */
rg_sub int rg_udp_taken(RG_ST_ARG, __u64 addr, int peek)
{
	RG_ST_GET(st);
	struct rg_udp_note *note = bpf_map_lookup_elem(&udp_sent, &addr);

	if (!st || !note || note->ends != rg_udp_ends((struct sk_buff *)addr))
		return 0;
	st->udp_id = note->id;
	st->udp_ts = note->ts;
	if (!peek)
		bpf_map_delete_elem(&udp_sent, &addr);
	return 0;
}

#endif
