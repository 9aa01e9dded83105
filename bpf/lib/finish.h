/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RG_BPF_FINISH_H
#define RG_BPF_FINISH_H

/* The last hook of a message: put together what is known and write the record. */
#include "call.h"
#include "files.h"
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
rg_inline void rg_iov_user(struct rg_rec_msg *rec, __u64 addr, __u64 n, bool compat)
{
	__u32 kept = n < RG_IOV_KEPT ? n : RG_IOV_KEPT;

	if (!n || n > 1024)
		return;
	if (compat) {
		struct {
			__u32 base, len;
		} v[RG_IOV_KEPT];

		if (bpf_probe_read_user(v, kept * sizeof(v[0]), (void *)addr))
			return;
		for (int i = 0; i < RG_IOV_KEPT; i++) {
			rec->iov[i].base = v[i].base;
			rec->iov[i].len = v[i].len;
		}
	} else if (bpf_probe_read_user(rec->iov, kept * sizeof(rec->iov[0]), (void *)addr)) {
		return;
	}
	rec->n_iov = n;
	rec->has |= RG_HAS_IOV;
}

struct rg_user_loop {
	struct rg_state *st;
	__u64 left;
	__u32 limit, at;
};

static long rg_data_user_step(__u32 i, void *arg)
{
	struct rg_user_loop *l = arg;
	struct rg_state *st = l->st;
	__u32 at = l->at, take;
	__u64 n;

	if (!st || !l->left)
		return 1;
	n = st->rec.iov[i & (RG_IOV_KEPT - 1)].len;
	if (n > l->left)
		n = l->left;
	l->left -= n;
	if (at >= RG_INLINE_DATA || at >= l->limit || !n)
		return 0;
	take = n < l->limit - at ? n : l->limit - at;
	barrier_var(take);
	if (take > RG_INLINE_DATA)
		return 1;
	if (bpf_probe_read_user(st->tail + at, take, (void *)st->rec.iov[i & (RG_IOV_KEPT - 1)].base)) {
		st->rec.cut |= RG_CUT_FAULT;
		return 1;
	}
	l->at = at + take;
	return 0;
}

/* Payload from the caller's buffers, where no hook saw the kernel copy it. */
rg_inline void rg_data_user(struct rg_state *st, __u64 total)
{
	struct rg_rec_msg *rec = &st->rec;
	struct rg_user_loop l = {.st = st, .left = total};

	l.limit = rg_config.snaplen < RG_INLINE_DATA ? rg_config.snaplen : RG_INLINE_DATA;
	bpf_loop(rec->n_iov < RG_IOV_KEPT ? rec->n_iov : RG_IOV_KEPT, rg_data_user_step, &l, 0);
	rec->data_len = l.at;
	if (l.at < total)
		rec->cut |= RG_CUT_DATA;
	rec->has |= RG_HAS_UDATA;
}

/* Append name_len bytes of the sender's address from the kernel's own copy. */
rg_inline void rg_name_take(struct rg_state *st, __u64 addr, __u32 len)
{
	struct rg_rec_msg *rec = &st->rec;
	__u32 at = RG_PAD8(rec->data_len);

	rec->namelen = len;
	if (!addr || !len)
		return;
	if (len > RG_NAME_MAX)
		len = RG_NAME_MAX;
	at &= RG_TAIL_ROOM / 2 - 1;
	if (bpf_probe_read_kernel(st->tail + at, len, (void *)addr))
		return;
	rec->name_len = len;
	rec->has |= RG_HAS_NAME;
}

/* Append the control bytes that the kernel wrote at addr. */
rg_inline void rg_control_user(struct rg_state *st, __u64 addr, __u64 len)
{
	struct rg_rec_msg *rec = &st->rec;
	__u32 at = RG_PAD8(rec->data_len) + RG_PAD8(rec->name_len), n;

	if (len > RG_CONTROL_MAX) {
		rec->cut |= RG_CUT_CONTROL;
		len = RG_CONTROL_MAX;
	}
	n = len;
	at &= RG_TAIL_ROOM / 2 - 1;
	barrier_var(n);
	if (!n || n > RG_CONTROL_MAX)
		return;
	if (bpf_probe_read_user(st->tail + at, n, (void *)addr)) {
		rec->cut |= RG_CUT_FAULT;
		return;
	}
	rec->control_len = n;
	rec->has |= RG_HAS_UCONTROL;
}

/* Write the record. */
rg_inline void rg_emit(struct rg_state *st, struct task_struct *t)
{
	struct rg_rec_msg *rec = &st->rec;
	__u32 len = RG_PAD8(rec->data_len) + RG_PAD8(rec->name_len) + RG_PAD8(rec->control_len);

	st->emitted++;
	rg_emit_proc(st, t);
	rec->h.type = RG_REC_MSG;
	rec->h.version = RG_ABI_VERSION;
	rec->h.cpu = bpf_get_smp_processor_id();
	if (len > RG_TAIL_MAX)
		len = RG_TAIL_MAX;
	len += sizeof(struct rg_rec_msg);
	rec->h.len = len;
	barrier_var(len);
	if (len > sizeof(struct rg_rec_msg) + RG_TAIL_MAX)
		return;
	if (bpf_ringbuf_output(&ring, rec, len, BPF_RB_NO_WAKEUP))
		rg_lost(RG_LOSS_RING_FULL, rec->pid, rec->cookie);
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
rg_inline void rg_begin(struct rg_state *st, struct task_struct *t, __u64 now)
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
	rg_fill_task(rec, t);
}

#endif
