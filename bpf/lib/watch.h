/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RG_BPF_WATCH_H
#define RG_BPF_WATCH_H

/*
 * Programs that every tier has: sends, failed calls, waiting times, following forks. Each is switched off
 * before load where it is not asked for.
 */
#include "exit.h"
#include "files.h"
#include "recv.h"
#include "send.h"
#include "skb.h"

/* The state of a task whose messages are looked at; st: what rg_sel_seen found of it. */
rg_inline struct rg_state *rg_state_seen(struct task_struct *t, struct rg_state *st)
{
	struct rg_state *again = NULL;

	if (!st)
		st = rg_state_of(t);
	if (st)
		st->outside = rg_config.msg_ids && !rg_sel_task(t, &again);
	return st;
}

/* The socket that the running system call names; for buffers that do not know theirs (UDP). */
rg_inline struct sock *rg_called_sock(struct task_struct *t)
{
	struct rg_call c;
	struct socket *so;
	struct file *f;

	rg_call_read(&c, t, rg_regs(t));
	if (!c.route || c.fd < 0 || (__u32)c.fd >= RG_LOAD(t, files, fdt, max_fds))
		return NULL;
	f = (struct file *)rg_kernel_word((__u64)RG_LOAD(t, files, fdt, fd) + (__u64)c.fd * sizeof(f));
	if (!f || (BPF_CORE_READ(f, f_inode, i_mode) & S_IFMT) != S_IFSOCK)
		return NULL;
	so = BPF_CORE_READ(f, private_data);
	return BPF_CORE_READ(so, sk);
}

/* The filter left a message out before there was a record of it. */
rg_inline void rg_leave_out(struct task_struct *t)
{
	struct rg_state *st;

	/* By numbers that only the thread itself changes: the hook of the copy left it out too and kept
	 * nothing. And nobody looks at the ends of calls. */
	if (rg_filter_can(RG_MA_TASK) && !rg_config.match_need && !rg_exit_fill && !rg_config.errors &&
	    !rg_config.duration) {
		rg_filter_count();
		return;
	}
	st = rg_state_find(t);
	if (st)
		rg_exit_flush(st, t);
	rg_filter_left_out(st, t);
	if (st)
		rg_forget(st);
}

/* A send is over: its record. flags: as the socket saw them. room: the program's own. */
rg_inline int rg_send_over(struct sock *sk, int ret, int flags, __u32 room)
{
	struct task_struct *t = rg_current();
	struct rg_state *st = NULL;

	rg_regs_learn(t);
	if (!rg_sel_seen(t, &st) || !rg_sel_family(sk->__sk_common.skc_family) ||
	    (ret < 0 && !rg_config.errors))
		return 0;
	if (rg_filter_can(RG_MA_SOCK) && !rg_filter_early(room, t, sk, RG_KNOWN_TASK | RG_KNOWN_ENDS)) {
		rg_leave_out(t);
		return 0;
	}
	st = rg_state_seen(t, st);
	if (!st)
		return 0;
	rg_exit_flush(st, t);
	if (!rg_send_end(st, t, sk, ret, flags))
		rg_filter_left_out(st, t);
	else if (rg_sel_fd(st->rec.fd) && rg_sel_by_sock(&st->rec))
		rg_emit(st, t);
	return 0;
}

#ifdef RG_FPROBE
SEC("tp/sock/sock_send_length")
int rg_send_length(struct trace_event_raw_sock_msg_length___rg *ctx)
{
	return rg_send_over(RG_TYPED(ctx->sk), ctx->ret, ctx->flags, RG_FR_SEND);
}
#else
SEC("tp_btf/sock_send_length")
int BPF_PROG(rg_send_length, struct sock *sk, int ret, int flags)
{
	return rg_send_over(sk, ret, flags, RG_FR_SEND);
}
#endif

/* Entry: only the time and that a call of ours is under way. */
SEC("tp_btf/sys_enter")
int BPF_PROG(rg_sys_enter, struct pt_regs *regs, long nr)
{
	struct task_struct *t = rg_current();
	struct rg_nr_row row = rg_is_compat(t) ? rg_row32(nr) : rg_row64(nr);
	struct rg_state *st = NULL;

	rg_regs_learn(t);
	if ((!row.route && row.args != RG_A_SOCKETCALL) || !rg_sel_task(t, &st))
		return 0;
	st = rg_state_of(t);
	if (!st)
		return 0;
	st->ts_entry = bpf_ktime_get_ns();
	st->ts_off = 0;
	st->wait_ns = rg_config.duration ? 0 : ~0ull; /* only rg_switch knows */
	st->emitted = 0;
	st->in_call = 1;
	return 0;
}

/* Calls that failed before they reached a socket: EBADF, ENOTSOCK, EFAULT on the msghdr. read(2) and its kin
 * are left out when the descriptor is no socket: they are no receives. */
rg_inline void rg_error_end(struct rg_state *st, struct task_struct *t, struct pt_regs *regs, long ret)
{
	struct rg_rec_msg *rec = &st->rec;
	struct rg_call c;
	struct sock *sk;

	rg_call_read(&c, t, regs);
	sk = rg_called_sock(t);
	if (!c.route || (!sk && !c.has_flags))
		return;
	bool send = c.route >= RG_RT_SENDMSG;

	if (!(rg_config.way & (send ? RG_WAY_BIT_SEND : RG_WAY_BIT_RECV)) ||
	    (rg_config.select & RG_SEL_FAMILY) || (rg_config.select & RG_SEL_SOCKET) || !rg_sel_fd(c.fd))
		return;
	rg_forget(st);
	rg_begin(st, t, bpf_ktime_get_ns());
	if (send)
		rec->mflags |= RG_MF_SEND;
	rec->cookie = 0;
	rec->seq = 0;
	rec->batch = ~0u;
	rec->local.len = 0;
	rec->remote.len = 0;
	rec->syscall_nr = c.nr;
	rec->route = c.route;
	rec->fd = c.fd;
	rec->ret = ret;
	rec->flags = c.flags;
	if (c.has_flags)
		rec->has |= RG_HAS_FLAGS;
	rec->user_msg = c.msg;
	if (rg_config.match_at && !rg_filter_last(RG_PASS(rec)))
		rg_filter_count();
	else
		rg_emit(st, t);
}

/* The tracepoint tier: a splice from a socket passes none of its tracepoints. Where exits are watched anyway
 * the call itself tells how much was taken; no hook saw the bytes. */
const volatile bool rg_splice_at_exit;

/* As rg_fill_sock, of a socket known by its address only: the verifier gives no storage on that, so the
 * message has no sequence number. */
rg_sub int rg_fill_sock_at(RG_REC_ARG, __u64 addr)
{
	RG_REC_GET(rec);
	struct sock *sk = (struct sock *)addr;

	if (!rec)
		return 0;
	rg_sock_itself(rec, sk);
	rec->cookie = BPF_CORE_READ(sk, __sk_common.skc_cookie.counter);
	rec->seq = 0;
	rg_sock_names(sk, &rec->local, &rec->remote);
	return 0;
}

rg_inline void rg_splice_end(struct rg_state *st, struct task_struct *t, struct pt_regs *regs, long ret)
{
	struct rg_rec_msg *rec = &st->rec;
	struct rg_call c;
	struct sock *sk;

	rg_call_read(&c, t, regs);
	if ((c.route != RG_RT_SPLICE && c.route != RG_RT_SENDFILE) || !rg_sel_fd(c.fd))
		return;
	sk = rg_called_sock(t);
	if (!sk || !rg_sel_family(BPF_CORE_READ(sk, __sk_common.skc_family)))
		return;
	rg_forget(st);
	rg_begin(st, t, bpf_ktime_get_ns());
	rg_fill_sock_at(RG_PASS(rec), rg_scalar(sk));
	rec->syscall_nr = c.nr;
	rec->route = c.route;
	rec->fd = c.fd;
	rec->ret = ret;
	rec->data_total = ret;
	rec->cut |= RG_CUT_DATA;
	if (rg_sel_by_sock(rec))
		rg_emit(st, t);
}

SEC("tp_btf/sys_exit")
int BPF_PROG(rg_sys_exit, struct pt_regs *regs, long ret)
{
	struct task_struct *t = rg_current();
	struct rg_state *st = NULL;

	rg_regs_learn(t);
	if (!rg_sel_task(t, &st))
		return 0;
	st = rg_state_find(t);
	if (!st)
		return 0;
	rg_exit_flush(st, t);
	st->batch = 0;
	if (!st->in_call)
		return 0;
	if (ret < 0 && !st->emitted && rg_config.errors)
		rg_error_end(st, t, regs, ret);
	if (ret > 0 && rg_splice_at_exit)
		rg_splice_end(st, t, regs, ret);
	st->in_call = 0;
	st->ts_entry = 0;
	return 0;
}

/* Time asleep within a call. prev_state: 0 is running, preempted tasks do not wait. */
SEC("tp_btf/sched_switch")
int BPF_PROG(rg_switch, bool preempt, struct task_struct *prev, struct task_struct *next)
{
	struct rg_state *st;

	if (!preempt) {
		st = rg_state_find(prev);
		if (st && st->in_call)
			st->ts_off = bpf_ktime_get_ns();
	}
	st = rg_state_find(next);
	if (st && st->ts_off) {
		st->wait_ns += bpf_ktime_get_ns() - st->ts_off;
		st->ts_off = 0;
	}
	return 0;
}

/* Following: a selected process selects what it forks. */
rg_inline int rg_follow(struct task_struct *parent, struct task_struct *child)
{
	__u32 ptgid = parent->tgid, ctgid = child->tgid;
	__u8 one = 1;

	if (ptgid != ctgid && bpf_map_lookup_elem(&sel_pids, &ptgid)) {
		rg_sel_hint[ctgid & (RG_SEL_HINTS - 1)] = ctgid;
		if (bpf_map_update_elem(&sel_pids, &ctgid, &one, BPF_ANY)) {
			rg_sel_hint[ctgid & (RG_SEL_HINTS - 1)] = RG_SEL_SOME;
			rg_lost(RG_LOSS_NO_STATE, ctgid, 0);
		}
	}
	return 0;
}

rg_inline int rg_gone(struct task_struct *t)
{
	__u32 tgid = RG_LOAD(t, tgid);

	rg_state_drop(t->pid);
	if (t->signal->live.counter == 0) {
		if (rg_sel_hint[tgid & (RG_SEL_HINTS - 1)] == tgid)
			rg_sel_hint[tgid & (RG_SEL_HINTS - 1)] = RG_SEL_SOME;
		bpf_map_delete_elem(&sel_pids, &tgid);
	}
	return 0;
}

#ifdef RG_FPROBE
/* perf's tracepoint of forks does not tell processes from threads */
RG_AT(wake_up_new_task)
int RG_PROG(rg_fork, struct task_struct *child)
{
	return rg_follow(rg_current(), RG_TYPED(child));
}

SEC("tp/sched/sched_process_exit")
int rg_exit(void *ctx)
{
	return rg_gone(rg_current());
}

SEC("tp/io_uring/io_uring_submit_req")
int rg_uring_req(struct trace_event_raw_io_uring_submit_req___rg *ctx)
{
	rg_uring_submit(RG_TYPED(ctx->req));
	return 0;
}

SEC("tp/io_uring/io_uring_complete")
int rg_uring_done(struct trace_event_raw_io_uring_complete___rg *ctx)
{
	if (ctx->req)
		rg_uring_complete(ctx->req, ctx->cflags);
	return 0;
}
#else
SEC("tp_btf/sched_process_fork")
int BPF_PROG(rg_fork, struct task_struct *parent, struct task_struct *child)
{
	return rg_follow(parent, child);
}

SEC("tp_btf/sched_process_exit")
int BPF_PROG(rg_exit, struct task_struct *t)
{
	return rg_gone(t);
}

/* io_uring: requests as they are submitted and completed. Only users of io_uring pay. */
SEC("tp_btf/io_uring_submit_req")
int BPF_PROG(rg_uring_req, struct io_kiocb *req)
{
	rg_uring_submit(req);
	return 0;
}

/* its name before 6.3 */
SEC("tp_btf/io_uring_submit_sqe")
int BPF_PROG(rg_uring_sqe, struct io_kiocb *req)
{
	rg_uring_submit(req);
	return 0;
}

SEC("tp_btf/io_uring_complete")
int BPF_PROG(rg_uring_done, struct io_ring_ctx *ring_ctx, void *req, struct io_uring_cqe *cqe)
{
	if (req)
		rg_uring_complete(req, BPF_CORE_READ(cqe, flags));
	return 0;
}

/* its arguments before 6.10 */
SEC("tp_btf/io_uring_complete")
int BPF_PROG(rg_uring_done_old, void *ring_ctx, void *req, __u64 user_data, int res, unsigned int cflags)
{
	if (req)
		rg_uring_complete(req, cflags);
	return 0;
}
#endif

#endif
