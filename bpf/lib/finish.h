/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RG_BPF_FINISH_H
#define RG_BPF_FINISH_H

/* The last hook of a message: put together what is known and write the record. */
#include "call.h"
#include "files.h"
#include "filter.h"
#include "select.h"
#include "sock.h"
#include "stack.h"
#include "task.h"
#include "uring.h"

struct rg_umsghdr { /* struct user_msghdr, linux/socket.h */
	__u64 name;
	__u32 namelen, pad;
	__u64 iov, iovlen, control, controllen;
	__u32 flags, pad2;
};
struct rg_umsghdr32 { /* struct compat_msghdr, net/compat.h */
	__u32 name, namelen, iov, iovlen, control, controllen, flags;
};

/* The caller's msghdr as it stands in user memory now. */
rg_inline bool rg_umsg_read(struct rg_umsghdr *u, __u64 addr, bool compat)
{
	struct rg_umsghdr32 c;

	if (!compat)
		return !bpf_probe_read_user(u, sizeof(*u), (void *)addr);
	if (bpf_probe_read_user(&c, sizeof(c), (void *)addr))
		return false;
	*u = (struct rg_umsghdr){.name = c.name,
				 .namelen = c.namelen,
				 .iov = c.iov,
				 .iovlen = c.iovlen,
				 .control = c.control,
				 .controllen = c.controllen,
				 .flags = c.flags};
	return true;
}

/* iovecs from user memory; several buffers only, one buffer is known from the kernel's own iterator. */
rg_sub int rg_iov_user(RG_REC_ARG, __u64 addr, __u64 n, bool compat)
{
	RG_REC_GET(rec);
	__u32 kept = n < RG_IOV_KEPT ? n : RG_IOV_KEPT;

	if (!rec || !n || n > 1024)
		return 0;
	if (compat) {
		struct {
			__u32 base, len;
		} v[RG_IOV_KEPT] = {}; /* before 6.3 no helper takes stack that was not written */

		if (bpf_probe_read_user(v, kept * sizeof(v[0]), (void *)addr))
			return 0;
		for (int i = 0; i < RG_IOV_KEPT; i++) {
			rec->iov[i].base = v[i].base;
			rec->iov[i].len = v[i].len;
		}
	} else if (bpf_probe_read_user(rec->iov, kept * sizeof(rec->iov[0]), (void *)addr)) {
		return 0;
	}
	rec->n_iov = n;
	rec->has |= RG_HAS_IOV;
	return 0;
}

/* The loop's argument holds nothing that changes: what does is in the state, where the verifier does not
 * follow its values from round to round. */
struct rg_user_loop {
	struct rg_state *st;
};

/* Part of the payload beyond what the record itself holds, from user memory. */
rg_inline bool rg_user_part(struct rg_state *st, __u64 addr, __u32 n)
{
	struct rg_rec_data *d = bpf_ringbuf_reserve(&ring, sizeof(*d) + RG_PART_DATA, 0);
	struct rg_rec_msg *rec = &st->rec;
	bool ok;

	if (!d) {
		rg_lost(RG_LOSS_PART, rec->pid, rec->cookie);
		return false;
	}
	d->h.type = RG_REC_DATA;
	d->h.version = RG_ABI_VERSION;
	d->h.len = sizeof(*d) + n;
	d->h.msg_no = rec->h.msg_no;
	d->h.tid = rec->h.tid;
	d->h.cpu = bpf_get_smp_processor_id();
	d->offset = st->walk.pos;
	d->len = n;
	d->pad = 0;
	barrier_var(n);
	ok = n <= RG_PART_DATA && !bpf_probe_read_user(d->bytes, n, (void *)addr);
	if (ok)
		bpf_ringbuf_submit(d, BPF_RB_NO_WAKEUP);
	else
		bpf_ringbuf_discard(d, BPF_RB_NO_WAKEUP);
	return ok;
}

/* One piece: as much as fits of the current buffer. */
static long rg_data_user_step(__u32 i, void *arg)
{
	struct rg_user_loop *l = arg;
	struct rg_state *st = l->st;
	__u64 base, n, room;
	__u32 at, take;

	if (!st)
		return 1;
	at = st->walk.pos;
	if (st->walk.pos >= st->walk.limit || st->walk.iov >= RG_IOV_KEPT || st->walk.iov >= st->rec.n_iov)
		return 1;
	base = st->rec.iov[st->walk.iov & (RG_IOV_KEPT - 1)].base + st->walk.in;
	n = st->rec.iov[st->walk.iov & (RG_IOV_KEPT - 1)].len - st->walk.in;
	if (!n) {
		st->walk.iov++;
		st->walk.in = 0;
		return 0;
	}
	if (n > st->walk.limit - st->walk.pos)
		n = st->walk.limit - st->walk.pos;
	room = st->walk.pos < RG_INLINE_DATA ? RG_INLINE_DATA - st->walk.pos : RG_PART_DATA;
	take = n < room ? n : room;
	barrier_var(take);
	if (st->walk.pos < RG_INLINE_DATA) {
		barrier_var(at);
		if (at >= RG_INLINE_DATA || take > RG_INLINE_DATA)
			return 1;
		if (bpf_probe_read_user(st->tail + at, take, (void *)base)) {
			st->walk.failed = 1;
			return 1;
		}
		st->rec.data_len = at + take;
	} else if (!rg_user_part(st, base, take)) {
		st->walk.failed = 1;
		return 1;
	}
	st->walk.pos += take;
	st->walk.in += take;
	return 0;
}

#ifdef RG_LEGACY
rg_sub int rg_data_user_round(RG_ST_ARG)
{
	RG_ST_GET(st);
	struct rg_user_loop l = {.st = st};

	return rg_data_user_step(0, &l);
}
#endif

/* Pieces at most: 2 MiB of payload in parts, and every buffer once. */
#define RG_USER_PIECES (64 + 2 * RG_IOV_KEPT)

/* All of it in one buffer and in the record's own room, as most is: no loop. st->walk.limit bytes of total.
 */
rg_inline bool rg_data_user_one(struct rg_state *st, __u64 total)
{
	__u32 n = st->walk.limit;

	if (st->walk.limit > RG_INLINE_DATA || st->rec.n_iov != 1 || st->rec.iov[0].len < st->walk.limit)
		return false;
	barrier_var(n);
	if (!n || n > RG_INLINE_DATA)
		return false;
	if (bpf_probe_read_user(st->tail, n, (void *)st->rec.iov[0].base)) {
		st->rec.cut |= RG_CUT_FAULT | RG_CUT_DATA;
	} else {
		st->rec.data_len = n;
		if (n < total)
			st->rec.cut |= RG_CUT_DATA;
	}
	st->rec.has |= RG_HAS_UDATA;
	return true;
}

/* Payload from the caller's buffers, where no hook saw the kernel copy it. */
rg_sub int rg_data_user(RG_ST_ARG, __u64 total)
{
	RG_ST_GET(st);

	if (!st)
		return 0;
	st->walk = (struct rg_walk){.limit = rg_config.snaplen < total ? rg_config.snaplen : total};
	if (rg_data_user_one(st, total))
		return 0;
#ifdef RG_LEGACY
	RG_ROUNDS(RG_USER_PIECES, rg_data_user_round(0));
#else
	struct rg_user_loop l = {.st = st};

	bpf_loop(RG_USER_PIECES, rg_data_user_step, &l, 0);
#endif
	if (st->walk.failed)
		st->rec.cut |= RG_CUT_FAULT;
	if (st->walk.pos < total)
		st->rec.cut |= RG_CUT_DATA;
	st->rec.has |= RG_HAS_UDATA;
	return 0;
}

/* Append name_len bytes of the sender's address from the kernel's own copy. */
rg_sub int rg_name_take(RG_ST_ARG, __u64 addr, __u32 len)
{
	RG_ST_GET(st);
	struct rg_rec_msg *rec;
	__u32 at;

	if (!st)
		return 0;
	rec = &st->rec;
	at = RG_PAD8(rec->data_len);
	rec->namelen = len;
	if (!addr || !len)
		return 0;
	if (len > RG_NAME_MAX)
		len = RG_NAME_MAX;
	at &= RG_TAIL_ROOM / 2 - 1;
#ifdef RG_PLAIN_LOADS
	if (len <= RG_PLAIN_NAME)
		rg_plain_copy(st->tail + at, addr, RG_PLAIN_NAME);
	else
#endif
		if (bpf_probe_read_kernel(st->tail + at, len, (void *)addr))
		return 0;
	rec->name_len = len;
	rec->has |= RG_HAS_NAME;
	return 0;
}

/* Append the control bytes that the kernel wrote at addr. */
rg_sub int rg_control_user(RG_ST_ARG, __u64 addr, __u64 len)
{
	RG_ST_GET(st);
	struct rg_rec_msg *rec;
	__u32 at, n;

	if (!st)
		return 0;
	rec = &st->rec;
	at = RG_PAD8(rec->data_len) + RG_PAD8(rec->name_len);
	if (len > RG_CONTROL_MAX) {
		rec->cut |= RG_CUT_CONTROL;
		len = RG_CONTROL_MAX;
	}
	n = len;
	at &= RG_TAIL_ROOM / 2 - 1;
	barrier_var(n);
	if (!n || n > RG_CONTROL_MAX)
		return 0;
	if (bpf_probe_read_user(st->tail + at, n, (void *)addr)) {
		rec->cut |= RG_CUT_FAULT;
		return 0;
	}
	rec->control_len = n;
	rec->has |= RG_HAS_UCONTROL;
	return 0;
}

/* Is this message left out on purpose? */
rg_inline bool rg_sampled_out(struct rg_state *st)
{
	if (!rg_config.sample || !(st->msg_no % RG_SAMPLE_ONE_IN))
		return false;
	return bpf_ringbuf_query(&ring, BPF_RB_AVAIL_DATA) > bpf_ringbuf_query(&ring, BPF_RB_RING_SIZE) / 2;
}

/* Words of a section into the tail; at stays within by its own bound. */
rg_inline void rg_tail_words(struct rg_state *st, __u32 at, const void *src, int from, int to)
{
	const __u64 *w = src;

	barrier_var(at);
	if (at > RG_TAIL_SECTIONS + 2 * RG_NAME_MAX + 16 * RG_IOV_KEPT)
		return;
	for (int i = from; i < to; i++)
		*(__u64 *)(st->tail + at + i * 8) = w[i];
}

/* An end point, as long as it is: most are absent or short. */
rg_inline __u32 rg_tail_addr(struct rg_state *st, __u32 at, const struct rg_rec_addr *a, __u16 *len)
{
	*len = a->len;
	if (!a->len)
		return at;
	rg_tail_words(st, at, a->sa, 0, 4);
	if (a->len > 32)
		rg_tail_words(st, at, a->sa, 4, RG_NAME_MAX / 8);
	return at + RG_PAD8(a->len);
}

/* The sections that stand before the header while the record is made. Returns the tail's length. */
rg_inline __u32 rg_tail_finish(struct rg_state *st)
{
	struct rg_rec_msg *rec = &st->rec;
	__u32 at = RG_PAD8(rec->data_len) + RG_PAD8(rec->name_len) + RG_PAD8(rec->control_len), n;

	at = rg_tail_addr(st, at, &rec->local, &rec->local_len);
	at = rg_tail_addr(st, at, &rec->remote, &rec->remote_len);
	n = rec->has & RG_HAS_IOV ? rec->n_iov : 0;
	rec->iov_len = 0;
	if (n) {
		rg_tail_words(st, at, rec->iov, 0, 2);
		if (n > 1) {
			n = n < RG_IOV_KEPT ? n : RG_IOV_KEPT;
			rg_tail_words(st, at, rec->iov, 2, 2 * RG_IOV_KEPT);
		}
		rec->iov_len = n * sizeof(rec->iov[0]);
		at += n * sizeof(rec->iov[0]);
	}
	rg_tail_words(st, at, rec->uts, 0, 2);
	if (rec->uts_len > 16)
		rg_tail_words(st, at, rec->uts, 2, RG_UTS_LEN / 8);
	return at + rec->uts_len;
}

/* Write the record. */
rg_inline void rg_emit_into(struct rg_state *st)
{
	struct rg_rec_msg *rec = &st->rec;
	__u32 len;

	st->emitted++;
	if (rg_sampled_out(st)) {
		rg_lost(RG_LOSS_SAMPLED, rec->pid, rec->cookie);
		return;
	}
	rg_emit_proc(st);
	rec->h.type = RG_REC_MSG;
	rec->h.version = RG_ABI_VERSION;
	rec->h.cpu = bpf_get_smp_processor_id();
	len = rg_tail_finish(st);
	if (len > RG_TAIL_MAX)
		len = RG_TAIL_MAX;
	len += RG_MSG_FIXED;
	rec->h.len = len;
	barrier_var(len);
	if (len > RG_MSG_FIXED + RG_TAIL_MAX)
		return;
	if (bpf_ringbuf_output(&ring, &rec->h, len, BPF_RB_NO_WAKEUP))
		rg_lost(RG_LOSS_RING_FULL, rec->pid, rec->cookie);
}

rg_sub int rg_emit_sub(RG_ST_ARG)
{
	RG_ST_GET(st);

	if (st)
		rg_emit_into(st);
	return 0;
}

rg_inline void rg_emit(struct rg_state *st, struct task_struct *t)
{
	rg_emit_sub(RG_PASS(st));
}

/* Make the state ready for the thread's next message, also when this one was not wanted. */
rg_inline void rg_forget(struct rg_state *st)
{
	st->msg_no++;
	st->skb_len = 0;
	st->skb_data = 0;
	st->skb_msg_len = 0;
	st->n_files = 0;
	st->has = 0;
	st->cut = 0;
	st->sender_cookie = 0;
	st->sender_sk = 0;
	st->sender_peer = 0;
	st->cred_comm[0] = 0;
}

/* The fixed part that every record has, from the state collected so far. */
rg_inline void rg_begin_into(struct rg_state *st, struct task_struct *t, __u64 now)
{
	struct rg_rec_msg *rec = &st->rec;

	rec->h.msg_no = st->msg_no + 1;
	rec->has = st->has;
	rec->cut = st->cut;
	rec->ts = now;
	rec->ts_entry = st->ts_entry;
	rec->wait_ns = st->wait_ns;
	if (st->ts_entry)
		rec->has |= RG_HAS_ENTRY;
	rec->batch = 0;
	rec->flags = 0;
	rec->out_flags = 0;
	rec->user_msg = 0;
	rec->controllen = 0;
	rec->control_given = 0;
	rec->namelen = 0;
	rec->n_iov = 0;
	rec->msg_id = 0;
	rec->send_ts = 0;
	rec->name_len = 0;
	rec->control_len = 0;
	rec->data_len = 0;
	rec->data_total = 0;
	rec->msg_len = st->skb_msg_len;
	rec->n_files = st->n_files;
	rec->cred_pid = st->cred_pid;
	rec->cred_uid = st->cred_uid;
	rec->cred_gid = st->cred_gid;
	rec->peer_comm[0] = 0;
	rg_fill_task(rec, &st->who, t);
}

rg_sub int rg_begin_sub(RG_ST_ARG, __u64 now)
{
	RG_ST_GET(st);
	if (st)
		rg_begin_into(st, rg_current(), now);
	return 0;
}

/* A call costs ten nanoseconds and more where returns are guarded (AMD); older verifiers need it. */
rg_inline void rg_begin(struct rg_state *st, struct task_struct *t, __u64 now)
{
#ifdef RG_PLAIN_LOADS
	rg_begin_into(st, t, now);
#else
	rg_begin_sub(RG_PASS(st), now);
#endif
}

#endif
