/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RG_BPF_EXIT_H
#define RG_BPF_EXIT_H

/*
 * Where calibration found no msghdr on the kernel's stack: what the call writes back (flags, name, control)
 * is read from the caller's memory once the call is over: at the exit of the system call or, in a batch, when
 * the kernel goes on to the next message. Everything read so is U and TOCTOU.
 */
#include "finish.h"

/* Set by user space once it knows that calibration failed; sys_exit is attached then. */
__u32 rg_exit_fill;

rg_inline bool rg_exit_wants(struct rg_rec_msg *rec, int shape, long ret)
{
	return rg_exit_fill && ret >= 0 && shape >= 0 && shape <= RG_SHAPE_RECVFROM &&
	       !(rec->has & RG_HAS_MSGHDR);
}

rg_inline void rg_exit_name(struct rg_state *st, __u64 addr, __u32 len)
{
	struct rg_rec_msg *rec = &st->rec;
	__u32 n = len < RG_NAME_MAX ? len : RG_NAME_MAX, at = RG_PAD8(rec->data_len);

	rec->namelen = len;
	at &= RG_TAIL_ROOM / 2 - 1;
	barrier_var(n);
	if (addr && n && n <= RG_NAME_MAX && !bpf_probe_read_user(st->tail + at, n, (void *)addr)) {
		rec->name_len = n;
		rec->has |= RG_HAS_UNAME;
	}
}

/* Fill in the waiting record and write it. */
rg_inline void rg_exit_flush(struct rg_state *st, struct task_struct *t)
{
	struct rg_rec_msg *rec = &st->rec;
	struct pt_regs *regs;
	struct rg_umsghdr u;
	struct rg_call c;

#ifdef RG_LEGACY
	return; /* the tracepoint tier's */
#endif
	if (!st->pending)
		return;
	st->pending = 0;
	regs = (struct pt_regs *)bpf_task_pt_regs(t);
	rg_call_read(&c, t, regs);
	if (c.is_msg) {
		if (rg_umsg_read(&u, rec->user_msg, c.compat)) {
			rec->out_flags = u.flags;
			rec->controllen = u.controllen;
			rec->has |= RG_HAS_UMSGHDR;
			rg_exit_name(st, u.name, u.namelen);
			if (u.control)
				rg_control_user(RG_PASS(st), u.control, u.controllen);
		} else {
			rec->cut |= RG_CUT_FAULT;
		}
	} else if (!c.compat && c.route == RG_RT_RECVFROM && RG_LOAD(regs, r8) && RG_LOAD(regs, r9)) {
		__u32 len = 0;

		if (!bpf_probe_read_user(&len, sizeof(len), (void *)RG_LOAD(regs, r9)))
			rg_exit_name(st, RG_LOAD(regs, r8), len);
	}
	rg_emit(st, t);
}

/* Let the record wait; with what can be had of the caller's msghdr before it is written back. */
rg_inline void rg_exit_wait(struct rg_state *st, struct task_struct *t)
{
	struct rg_rec_msg *rec = &st->rec;
	struct pt_regs *regs = rg_regs(t);
	struct rg_umsghdr u;
	struct rg_call c;

	rg_call_read(&c, t, regs);
	if (rg_shape_of(c.route) == RG_SHAPE_RECVMMSG) {
		rec->batch = st->batch++;
		rec->user_msg = c.msg + (__u64)rec->batch * (c.compat ? 32 : 64);
	}
	if (c.is_msg) {
		if (rg_umsg_read(&u, rec->user_msg, c.compat)) {
			rec->control_given = u.controllen;
			rg_iov_user(RG_PASS(rec), u.iov, u.iovlen, c.compat);
		}
	} else {
		rec->iov[0].base = c.msg;
		rec->iov[0].len = c.len;
		rec->n_iov = 1;
		rec->has |= RG_HAS_IOV | RG_HAS_IOV_K;
	}
	if (!(rec->has & RG_HAS_DATA) && rec->data_total && (rec->has & RG_HAS_IOV) && rg_config.snaplen) {
		rec->cut &= ~RG_CUT_DATA;
		rg_data_user(RG_PASS(st), rec->data_total);
	}
	st->pending = 1;
}

#endif
