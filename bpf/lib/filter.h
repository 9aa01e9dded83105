/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RG_BPF_FILTER_H
#define RG_BPF_FILTER_H

/*
 * The user's filter (abi/match.h) on a message's way through the hooks. Early runs look at a record of their
 * own that holds no more than the program asks for: what they reject costs no state, no payload, no room in
 * the ring. A hook that is run once more for the same message decides again: only the last one's word counts,
 * and what an earlier one left out although the last one wants it is taken from the caller's memory, and
 * tagged so.
 *
 * rg_config.match_at is constant once loaded: without a filter the verifier removes all of this.
 */
#include "match.h"
#include "sock.h"
#include "task.h"

/* One room for each program that runs the filter: a program is never entered twice on a CPU, two different
 * ones may be (where the kernel preempts, also while a thread waits in the middle of one). */
enum rg_filter_room {
	RG_FR_COPY,
	RG_FR_RECV,
	RG_FR_SEND,
	RG_FR_SENT_STREAM,
	RG_FR_SENT_SEQPACKET,
	RG_FR_SENT_DGRAM,
	RG_FR_SENT_INET,
	RG_FR_SENT_INET6,
	RG_FR_SENT_NETLINK,
	RG_FR_SENT_PACKET,
	RG_FR_RECVMSG,
	RG_FR_SOCK_RECVMSG,
	RG_FR_UNIX_SPLICE,
	RG_FR_TCP_SPLICE,
	RG_FR_LINEAR,
	RG_FR__COUNT
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, RG_FR__COUNT);
	__type(key, __u32);
	__type(value, struct rg_rec_msg);
} rg_filter_rooms SEC(".maps");

/* Messages that were left out, by CPU: rg_capture_rejected. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} rg_rejected SEC(".maps");

#ifdef RG_LEGACY

/* Over the whole record alone: a record of its own would be more memory than global functions can be given.
 */
#define rg_filter_can(at)		       false
#define rg_filter_early(room, t, sk, known)    true
#define rg_filter_early_at(room, t, sk, known) true

#else

rg_inline bool rg_filter_can(__u32 at)
{
	return rg_config.match_at & at;
}

rg_inline bool rg_filter_needs(__u32 what)
{
	return rg_config.match_need & what;
}

rg_inline void rg_filter_task(struct rg_rec_msg *rec, struct task_struct *t)
{
	struct task_struct *parent;
	struct rg_who who = {}; /* nothing kept from message to message */

	rec->has = 0;
	rec->h.tid = t->pid;
	rec->pid = t->tgid;
	rec->uid = t->cred->uid.val;
	rec->gid = t->cred->gid.val;
	if (rg_filter_needs(RG_MN_COMM)) {
		((__u64 *)rec->comm)[0] = RG_WORD(t->comm, 0);
		((__u64 *)rec->comm)[1] = RG_WORD(t->comm, 1);
	}
	if (rg_filter_needs(RG_MN_CGROUP))
		rec->cgroup_id = t->cgroups->dfl_cgrp->kn->id;
	if (!rg_filter_needs(RG_MN_PARENT | RG_MN_NS))
		return;
	parent = t->real_parent->group_leader;
	rec->ppid = parent->pid;
	if (rg_filter_needs(RG_MN_NS))
		rg_fill_ns(rec, &who, t, parent);
}

/* The socket; sk must be of a kind whose members can be loaded (given by the hook). */
rg_inline void rg_filter_sock(struct rg_rec_msg *rec, struct sock *sk)
{
	rec->has = RG_HAS_SOCK;
	rec->family = sk->__sk_common.skc_family;
	rec->type = sk->sk_type;
	rec->protocol = sk->sk_protocol;
	rec->netns = sk->__sk_common.skc_net.net->ns.inum;
	if (!rg_filter_needs(RG_MN_ENDS))
		return;
	rec->local.len = 0;
	rec->remote.len = 0;
	if (rec->family == AF_INET || rec->family == AF_INET6)
		rg_fill_inet(rec, sk);
	else
		rg_sock_names_sub(RG_PASS(rec), rg_scalar(sk));
}

/* The same of a socket that is only an address. */
rg_sub int rg_filter_sock_at(struct rg_rec_msg *rec, __u64 addr)
{
	struct sock *sk = (struct sock *)addr;

	if (!rec)
		return 0;
	rec->has = RG_HAS_SOCK;
	rec->family = BPF_CORE_READ(sk, __sk_common.skc_family);
	rec->type = BPF_CORE_READ(sk, sk_type);
	rec->protocol = BPF_CORE_READ(sk, sk_protocol);
	rec->netns = BPF_CORE_READ(sk, __sk_common.skc_net.net, ns.inum);
	rec->local.len = 0;
	rec->remote.len = 0;
	if (rg_filter_needs(RG_MN_ENDS))
		rg_sock_names(sk, &rec->local, &rec->remote);
	return 0;
}

rg_inline struct rg_rec_msg *rg_filter_room(__u32 room)
{
	return bpf_map_lookup_elem(&rg_filter_rooms, &room);
}

/* rg_config.front of the running thread: false, and the whole program would reject. Some loads where running
 * the program takes a hundred nanoseconds. */
rg_inline bool rg_front_holds(struct task_struct *t)
{
	__u64 v = 0, comm[2];
	bool r;

	switch (rg_config.front.kind) {
	case RG_FRONT_PID: v = t->tgid; break;
	case RG_FRONT_TID: v = t->pid; break;
	case RG_FRONT_UID: v = t->cred->uid.val; break;
	case RG_FRONT_GID: v = t->cred->gid.val; break;
	default: rg_m_comm_words(RG_WORD(t->comm, 0), RG_WORD(t->comm, 1), comm);
	}
	if (rg_config.front.kind == RG_FRONT_COMM && rg_config.front.set) {
		struct rg_match_comm key = {.set = rg_config.front.set};

		__builtin_memcpy(key.comm, comm, sizeof(key.comm));
		r = bpf_map_lookup_elem(&rg_match_comms, &key) != 0;
	} else if (rg_config.front.kind == RG_FRONT_COMM) {
		r = (comm[0] & rg_config.front.mask[0]) == rg_config.front.imm[0] &&
		    (comm[1] & rg_config.front.mask[1]) == rg_config.front.imm[1];
	} else if (rg_config.front.set) {
		struct rg_match_int key = {.set = rg_config.front.set, .value = v};

		r = bpf_map_lookup_elem(&rg_match_ints, &key) != 0;
	} else {
		r = v >= rg_config.front.imm[0] && v <= rg_config.front.imm[1];
	}
	return rg_config.front.negate ? !r : r;
}

/* Is it there, and can it be asked with what is known? Others may change a comm while a call waits. */
rg_inline bool rg_front_asked(__u32 known)
{
	return rg_config.front.kind && (rg_config.front.kind != RG_FRONT_COMM || known & RG_KNOWN_TASK);
}

/* Does it alone decide whether the message is wanted? */
rg_inline bool rg_front_decides(struct task_struct *t, __u32 known, bool *wanted)
{
	if (!rg_front_asked(known))
		return false;
	*wanted = rg_front_holds(t);
	return !*wanted || rg_config.front.whole;
}

/* Is a message wanted, as far as is known of it? sk: the receiving (sending) socket, NULL: not yet known.
 * known: RG_KNOWN_*. */
rg_inline bool rg_filter_early(__u32 room, struct task_struct *t, struct sock *sk, __u32 known)
{
	struct rg_rec_msg *rec;
	bool wanted;

	if (rg_front_decides(t, known, &wanted))
		return wanted;
	rec = rg_filter_room(room);
	if (!rec)
		return true;
	rg_filter_task(rec, t);
	if (sk && rg_filter_needs(RG_MN_SOCK))
		rg_filter_sock(rec, sk);
	return rg_match(rec, known);
}

/* The same with a socket that is only an address. */
rg_inline bool rg_filter_early_at(__u32 room, struct task_struct *t, __u64 sk, __u32 known)
{
	struct rg_rec_msg *rec;
	bool wanted;

	if (rg_front_decides(t, known, &wanted))
		return wanted;
	rec = rg_filter_room(room);
	if (!rec || !sk)
		return true;
	rg_filter_task(rec, t);
	rg_filter_sock_at(rec, sk);
	return rg_match(rec, known);
}

#endif

rg_inline void rg_filter_count(void)
{
	__u32 zero = 0;
	__u64 *n = bpf_map_lookup_elem(&rg_rejected, &zero);

	if (n)
		__sync_fetch_and_add(n, 1);
}

/* The last word in the kernel, over the whole record. A global function: once for the verifier. */
rg_sub int rg_filter_last(RG_REC_ARG)
{
	RG_REC_GET(rec);

	return !rec || rg_match(rec, RG_KNOWN_ALL);
}

rg_inline bool rg_filter_end(struct rg_state *st)
{
	struct rg_rec_msg *rec = &st->rec;

	if (st->outside)
		return false;
	if (!rg_config.match_at)
		return true;
	/* what was copied is not what was delivered: whose credentials these are will be found out later
	 * (rg_recv_payload) */
	if (rec->has & RG_HAS_CRED && rec->ret > 0 && st->skb_len != rec->ret)
		return true;
	return rg_filter_last(RG_PASS(rec));
}

/* Parts of a message that will not come are in the ring: an empty one of no message makes the reader forget
 * them. */
rg_inline void rg_filter_undo(struct rg_state *st, struct task_struct *t)
{
	struct rg_rec_data d = {.h = {.type = RG_REC_DATA, .version = RG_ABI_VERSION, .len = sizeof(d)}};

	if (!st->n_files && (st->skb_len <= RG_INLINE_DATA || rg_config.snaplen <= RG_INLINE_DATA))
		return;
	d.h.tid = RG_LOAD(t, pid);
	bpf_ringbuf_output(&ring, &d, sizeof(d), BPF_RB_NO_WAKEUP);
}

/* A message whose receive is over was left out: for what comes after it, it was there. */
rg_inline void rg_filter_left_out(struct rg_state *st, struct task_struct *t)
{
	if (st && st->outside)
		return;
	rg_filter_count();
	if (!st)
		return;
	st->emitted++; /* its error, if any, was seen */
	st->batch++;
	rg_filter_undo(st, t);
}

#endif
