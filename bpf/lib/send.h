/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RG_BPF_SEND_H
#define RG_BPF_SEND_H

/* A send ends (sock_send_length). What was sent is read back from the caller's memory: U, TOCTOU. */
#include "finish.h"
#include "flow.h"

/* The caller's name and control data: what it asked the kernel to send. */
rg_inline void rg_send_msg(struct rg_state *st, struct rg_umsghdr *u)
{
	struct rg_rec_msg *rec = &st->rec;
	__u32 n = u->namelen < RG_NAME_MAX ? u->namelen : RG_NAME_MAX, at = RG_PAD8(rec->data_len);

	rec->namelen = u->namelen;
	at &= RG_TAIL_ROOM / 2 - 1;
	barrier_var(n);
	if (u->name && n && n <= RG_NAME_MAX && !bpf_probe_read_user(st->tail + at, n, (void *)u->name)) {
		rec->name_len = n;
		rec->has |= RG_HAS_UNAME;
	}
	rec->controllen = u->controllen;
	rec->control_given = u->controllen;
	if (u->control && u->controllen)
		rg_control_user(RG_PASS(st), u->control, u->controllen);
}

rg_inline void rg_send_args(struct rg_state *st, struct rg_call *c, struct pt_regs *regs, long ret)
{
	struct rg_rec_msg *rec = &st->rec;
	struct rg_umsghdr u = {};

	if (c->is_msg) {
		if (!rg_umsg_read(&u, c->msg, c->compat))
			return;
		rg_iov_user(RG_PASS(rec), u.iov, u.iovlen, c->compat);
	} else if (c->route == RG_RT_WRITEV || c->route == RG_RT_PWRITEV2) {
		rg_iov_user(RG_PASS(rec), c->msg, c->len, c->compat);
	} else {
		rec->iov[0].base = c->msg;
		rec->iov[0].len = c->len;
		rec->n_iov = 1;
		rec->has |= RG_HAS_IOV | RG_HAS_IOV_K;
		if (c->route == RG_RT_SENDTO && !c->compat) {
			u.name = RG_LOAD(regs, r8);
			u.namelen = u.name ? RG_LOAD(regs, r9) : 0;
		}
	}
	if (ret > 0 && rg_config.snaplen)
		rg_data_user(RG_PASS(st), ret);
	rg_send_msg(st, &u);
}

/* False: the filter does not want it. */
rg_inline bool rg_send_end(struct rg_state *st, struct task_struct *t, struct sock *sk, long ret, __u32 flags)
{
	struct pt_regs *regs = rg_regs(t);
	struct rg_rec_msg *rec = &st->rec;
	struct rg_call c;

	rg_forget(st);
	rg_begin(st, t, bpf_ktime_get_ns());
	rec->mflags |= RG_MF_SEND;
	rec->batch = ~0u;
	rg_call_read(&c, t, regs);
	rec->syscall_nr = c.nr;
	rec->route = c.route;
	rec->fd = c.fd;
	if (rec->mflags & RG_MF_URING || c.route < RG_RT_SENDMSG || !rg_call_is_on(t, sk, c.fd)) {
		c.route = RG_RT_UNKNOWN;
		rec->route = RG_RT_UNKNOWN;
		rec->fd = -1;
		if (RG_LOAD(t, io_uring))
			rg_uring_find(rec, sk, true);
		else if (rec->mflags & RG_MF_KTHREAD)
			rec->route = RG_RT_KERNEL;
	}
	rec->ret = ret;
	rg_fill_sock(rec, sk, true);
	rec->data_total = ret > 0 ? ret : 0;
	rg_flow_send(rec, sk, ret);
	rg_udp_send_over(st, rec, sk);
	rec->flags = c.route && c.has_flags ? c.flags : flags & ~RG_MSG_CMSG_COMPAT;
	rec->has |= RG_HAS_FLAGS;
	if (!rg_filter_end(st))
		return false;
	rec->user_msg = c.msg;
	/* of a batch, which message is sent is not known here: its bytes are not guessed */
	if (c.route && c.route != RG_RT_SENDMMSG && c.route != RG_RT_SOCKETCALL_SENDMMSG)
		rg_send_args(st, &c, regs, ret);
	else if (ret > 0)
		rec->cut |= RG_CUT_DATA;
	return true;
}

#endif
