// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The tracepoint tier (6.3+): no trampoline, no hook on system calls that receive nothing.
 *
 *   skb_copy_datagram_iovec   the kernel copies payload: bytes, credentials, files from the buffer itself
 *   sock_recv_length          the socket's receive is done: everything else, and the record is written
 *   sock_send_length          the same for sends
 *   net_dev_queue, sk_data_ready   only with --direction both: which datagram is which (lib/udp.h)
 *
 * Only with --errors or --duration: sys_enter and sys_exit, which every system call of every process then
 * pays for, and with --duration sched_switch. sys_exit also where the msghdr is not found on the stack
 * (lib/exit.h).
 */
#define RG_PLAIN_LOADS /* 6.3+: bpf_rdonly_cast is there */
#include "lib/common.h"
#include "lib/files.h"
#include "lib/meta.h"
#include "lib/recv.h"
#include "lib/send.h"
#include "lib/skb.h"
#include "lib/watch.h"

char LICENSE[] SEC("license") = "GPL";

SEC("tp_btf/skb_copy_datagram_iovec")
int BPF_PROG(rg_skb_copy, struct sk_buff *skb, int len)
{
	struct task_struct *t = rg_current();
	struct sock *sk = skb->sk;
	struct rg_state *st = NULL;
	__u16 family, type, protocol;

	rg_regs_learn(t);
	if (!rg_ready || !rg_sel_seen(t, &st))
		return 0;
	if (rg_filter_can(RG_MA_TASK) && !rg_filter_early(RG_FR_COPY, t, NULL, RG_KNOWN_TASK))
		return 0;
	if (sk) {
		family = sk->__sk_common.skc_family;
		type = sk->sk_type;
		protocol = sk->sk_protocol;
	} else {
		sk = rg_called_sock(t);
		if (!sk)
			return 0;
		family = BPF_CORE_READ(sk, __sk_common.skc_family);
		type = BPF_CORE_READ(sk, sk_type);
		protocol = BPF_CORE_READ(sk, sk_protocol);
	}
	if (!rg_sel_family(family))
		return 0;
	/* which socket receives is not sure when io_uring does within other calls; its end will tell */
	if (rg_filter_can(RG_MA_SOCK) && rg_filter_needs(RG_MN_SOCK) && !t->io_uring &&
	    !rg_filter_early_at(RG_FR_COPY, t, rg_scalar(rg_called_sock(t)), RG_KNOWN_TASK | RG_KNOWN_ENDS))
		return 0;
	st = rg_state_seen(t, st);
	if (!st)
		return 0;
	rg_exit_flush(st, t);
	if (!(st->has & RG_HAS_DATA) && type != 1) {
		st->skb_msg_len = skb->len;
		st->has |= RG_HAS_MSGLEN;
	}
	if (!(st->has & RG_HAS_DATA) && (family == AF_UNIX || family == AF_NETLINK))
		rg_take_creds(st, skb, family);
	if (st->outside)
		return 0;
	if (family == AF_UNIX)
		rg_take_files(st, t, skb);
	rg_take_data(st, t, skb, rg_skb_offset(skb, sk, family, type, protocol), len);
	return 0;
}

/* recvmmsg looks for one message too many: the EAGAIN that ends a batch is not the call's result. */
rg_inline bool rg_batch_over(const struct rg_rec_msg *rec, int shape)
{
	return shape == RG_SHAPE_RECVMMSG && rec->ret == -RG_EAGAIN && rec->batch && rec->batch != ~0u;
}

SEC("tp_btf/sock_recv_length")
int BPF_PROG(rg_recv_length, struct sock *sk, int ret, int flags)
{
	struct task_struct *t = rg_current();
	struct rg_state *st = NULL;

	rg_regs_learn(t);
	if (rg_calib.tid && rg_calib.tid == t->pid) {
		rg_calib_take(rg_scalar(ctx), rg_scalar(rg_regs(t)));
		return 0;
	}
	if (!rg_ready || !rg_sel_seen(t, &st))
		return 0;
	if (rg_filter_can(RG_MA_SOCK) && !rg_filter_early(RG_FR_RECV, t, sk, RG_KNOWN_TASK | RG_KNOWN_ENDS)) {
		rg_leave_out(t);
		return 0;
	}
	st = rg_state_seen(t, st);
	if (!st)
		return 0;
	rg_exit_flush(st, t);
	if (rg_sel_family(sk->__sk_common.skc_family) && (ret >= 0 || rg_config.errors)) {
		int shape = rg_recv_end(st, t, sk, ret, flags, RG_NUMBER(st, ctx));

		if (shape == RG_LEFT_OUT) {
			rg_filter_left_out(st, t);
		} else if (rg_sel_fd(st->rec.fd) && rg_sel_by_sock(&st->rec)) {
			if (rg_exit_wants(&st->rec, shape, ret))
				rg_exit_wait(st, t);
			else if (!rg_batch_over(&st->rec, shape) && !rg_uring_again(&st->rec, sk, flags))
				rg_emit(st, t);
		}
	}
	rg_forget(st);
	return 0;
}

/* Attached for moments: so that calibration sees the stack of a tracepoint with several programs; and for
 * good where others were there first. */
SEC("tp_btf/sock_recv_length")
int BPF_PROG(rg_beside, struct sock *sk, int ret, int flags)
{
	return 0;
}
