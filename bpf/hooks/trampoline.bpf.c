// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The trampoline tier: fentry and fexit on the functions that a receive passes (docs/kernels.md says which
 * exist where). Nothing is hooked that a call which receives nothing would pass.
 *
 *   ____sys_recvmsg          recvmsg, recvmmsg (each message), io_uring RECVMSG: beginning and end
 *   sock_recvmsg             every other receive: beginning and end
 *   skb_copy_datagram_iovec  (tracepoint) the kernel copies payload; skb_consume_udp for linear UDP datagrams
 *   put_cmsg, scm_detach_fds, receive_fd   control messages and descriptor numbers as they are written
 *   move_addr_to_user        the sender's address of recvmsg and recvmmsg
 *   io_recv, io_recvmsg      which io_uring operation receives
 *   ip_send_skb, ip6_send_skb  UDP sends, with --direction both: which buffer a send became
 *   unix_stream_splice_read, tcp_splice_read   splice and sendfile from a stream
 *   sock_recv_length         (tracepoint, 6.3+) --metadata, alone; before: the ends of ____sys_recvmsg and
 *                            sock_recvmsg
 *   sock_send_length         (tracepoint, 6.3+) sends; before: unix_stream_sendmsg and its like (lib/sends.h)
 */
#include "lib/common.h"
#include "lib/meta.h"
#ifndef RG_FPROBE
#include "lib/sends.h"
#endif
#include "lib/tramp.h"

char LICENSE[] SEC("license") = "GPL";

#ifdef RG_LEGACY
__u64 rg_own_nr; /* the call in which recvguard itself received last */
#endif

/* sock_recvmsg's end is seen: what settling asks for (src/kernel/functions.c, legacy.c). */
rg_inline void rg_own_try(void)
{
	rg_tries++;
#ifdef RG_LEGACY
	struct task_struct *t = rg_current();
	struct pt_regs *regs = rg_regs(t);

	if (RG_LOAD(t, tgid) == rg_config.self)
		rg_own_nr = RG_LOAD(regs, orig_ax);
#endif
}

/* The state of a receive under way; NULL when there is none or it is not wanted. */
rg_inline struct rg_state *rg_under_way(struct task_struct *t)
{
	struct rg_state *st = rg_state_find(t);

	return st && st->tr.in != RG_IN_NONE ? st : NULL;
}

/* The same while the filter has not left the message out. */
rg_inline struct rg_state *rg_collecting(struct task_struct *t)
{
	struct rg_state *st = rg_under_way(t);

	return st && st->tr.filter != RG_TF_LEFT_OUT ? st : NULL;
}

rg_inline struct rg_state *rg_wanted(struct task_struct *t, struct sock *sk, __u32 room)
{
	struct rg_state *st = NULL;

	if (!sk || !rg_sel_seen(t, &st) || !rg_sel_family(RG_LOAD(sk, __sk_common.skc_family)))
		return NULL;
	if (rg_filter_can(RG_MA_BEGIN) && !rg_filter_early(room, t, sk, 0)) {
		st = rg_state_find(t);
		/* an outer function is counted for both */
		if (!st || st->tr.in == RG_IN_NONE)
			rg_filter_count();
		if (st)
			st->emitted++;
		return NULL;
	}
	return rg_state_seen(t, st);
}

/* A message is there, the wait is over: is it wanted? Asked once. */
rg_inline struct rg_state *rg_copying(struct task_struct *t, __u32 room)
{
	struct rg_state *st = rg_collecting(t);

	if (!st || !rg_filter_can(RG_MA_SOCK) || st->tr.filter)
		return st;
	st->tr.filter = rg_filter_early_at(room, t, st->tr.sk, RG_KNOWN_TASK | RG_KNOWN_ENDS)
				? RG_TF_WANTED
				: RG_TF_LEFT_OUT;
	return st->tr.filter == RG_TF_WANTED ? st : NULL;
}

/* A receive begins. user_msg, flags: for its end alone. */
rg_inline int rg_begins(struct socket *sock, struct msghdr *msg, const void *user_msg, __u32 flags, int in,
			__u32 room)
{
	struct task_struct *t = rg_current();
	struct rg_state *st = rg_wanted(t, sock ? sock->sk : NULL, room);

	if (!st || (in == RG_IN_SOCK_RECVMSG && st->tr.in == RG_IN_RECVMSG))
		return 0;
	rg_tramp_begin(st, sock->sk, msg, in);
#ifdef RG_FPROBE
	st->tr.kept.sock = RG_NUMBER(st, sock);
	st->tr.kept.msg = RG_NUMBER(st, msg);
	st->tr.kept.user_msg = (__u64)user_msg;
	st->tr.kept.flags = flags;
#endif
	return 0;
}

/* sock_recvmsg ends. */
rg_inline void rg_sock_recvmsg_over(struct rg_state *st, struct task_struct *t, struct sock *sk,
				    struct msghdr *msg, __u32 flags, int ret)
{
	if (ret >= 0)
		rg_tramp_name(st, RG_LOAD(msg, msg_name), RG_LOAD(msg, msg_namelen));
	rg_tramp_end(st, t, sk, msg, flags, ret, 0);
}

RG_AT(____sys_recvmsg)
int RG_PROG(rg_recvmsg_in, struct socket *sock, struct msghdr *msg, void *user_msg, void *uaddr,
	    unsigned int flags)
{
	return rg_begins(RG_TYPED(sock), RG_TYPED(msg), user_msg, flags, RG_IN_RECVMSG, RG_FR_RECVMSG);
}

RG_AT(sock_recvmsg)
int RG_PROG(rg_sock_recvmsg_in, struct socket *sock, struct msghdr *msg, int flags)
{
	return rg_begins(RG_TYPED(sock), RG_TYPED(msg), NULL, flags, RG_IN_SOCK_RECVMSG, RG_FR_SOCK_RECVMSG);
}

#ifdef RG_FPROBE

RG_END(____sys_recvmsg)
int BPF_KRETPROBE(rg_recvmsg_out, int ret)
{
	struct task_struct *t = rg_current();
	struct rg_state *st = rg_under_way(t);

	if (st)
		rg_tramp_end(st, t, RG_KEPT(st, sock, struct socket)->sk, RG_KEPT(st, msg, struct msghdr),
			     st->tr.kept.flags, ret, st->tr.kept.user_msg);
	return 0;
}

RG_END(sock_recvmsg)
int BPF_KRETPROBE(rg_sock_recvmsg_out, int ret)
{
	struct task_struct *t = rg_current();
	struct rg_state *st = rg_under_way(t);

	rg_own_try();
	if (st && st->tr.in == RG_IN_SOCK_RECVMSG)
		rg_sock_recvmsg_over(st, t, RG_KEPT(st, sock, struct socket)->sk,
				     RG_KEPT(st, msg, struct msghdr), st->tr.kept.flags, ret);
	return 0;
}

/* No helper makes a socket's cookie for the programs of this kind. */
rg_inline int rg_cookie_of(struct sock *sk)
{
	if (sk && !sk->__sk_common.skc_cookie.counter)
		bpf_get_socket_cookie(sk);
	return 0;
}

SEC("fentry/sock_recvmsg")
int BPF_PROG(rg_cookie, struct socket *sock)
{
	return sock ? rg_cookie_of(sock->sk) : 0;
}

SEC("tp_btf/sock_send_length")
int BPF_PROG(rg_cookie_sent, struct sock *sk)
{
	return rg_cookie_of(sk);
}

#else

RG_END(____sys_recvmsg)
int RG_PROG(rg_recvmsg_out, struct socket *sock, struct msghdr *msg, void *user_msg, void *uaddr,
	    unsigned int flags, int nosec, int ret)
{
	struct task_struct *t = rg_current();
	struct rg_state *st = rg_under_way(t);

	if (st && sock)
		rg_tramp_end(st, t, sock->sk, msg, flags, ret, RG_NUMBER(st, user_msg));
	return 0;
}

RG_END(sock_recvmsg)
int RG_PROG(rg_sock_recvmsg_out, struct socket *sock, struct msghdr *msg, int flags, int ret)
{
	struct task_struct *t = rg_current();
	struct rg_state *st = rg_under_way(t);

	rg_own_try();
	if (st && sock && st->tr.in == RG_IN_SOCK_RECVMSG)
		rg_sock_recvmsg_over(st, t, sock->sk, msg, flags, ret);
	return 0;
}

#endif

RG_AT(move_addr_to_user)
int RG_PROG(rg_move_addr, void *kaddr, int klen)
{
	struct rg_state *st = rg_collecting(rg_current());

	if (st && st->tr.in == RG_IN_RECVMSG)
		rg_tramp_name(st, kaddr, klen);
	return 0;
}

RG_AT(put_cmsg)
int RG_PROG(rg_put_cmsg, struct msghdr *msg, int level, int type, int len, void *data)
{
	struct rg_state *st = rg_collecting(rg_current());

	if (st && st->tr.in == RG_IN_RECVMSG && len >= 0)
		rg_ctl_message(st, RG_TYPED(msg), level, type, len, data);
	return 0;
}

RG_AT(scm_detach_fds)
int RG_PROG(rg_detach_in, struct msghdr *msg)
{
	struct rg_state *st = rg_collecting(rg_current());

	if (st) {
		st->tr.detaching = 1;
		st->tr.detach_fds = 0;
		st->tr.detach_head = RG_TYPED(msg)->msg_flags & RG_MSG_CMSG_COMPAT ? sizeof(struct rg_cmsg32)
										   : sizeof(struct rg_cmsg);
	}
	return 0;
}

RG_END(scm_detach_fds)
int RG_PROG(rg_detach_out)
{
	struct rg_state *st = rg_collecting(rg_current());

	if (st && st->tr.detaching) {
		st->tr.detaching = 0;
		rg_ctl_fds(st);
	}
	return 0;
}

rg_inline int rg_installed(int fd)
{
	struct rg_state *st = rg_collecting(rg_current());

	if (!st || !st->tr.detaching || fd < 0)
		return 0;
	rg_ctl_put(st, st->tr.controls + st->tr.detach_head + st->tr.detach_fds * 4, &fd, sizeof(fd));
	st->tr.detach_fds++;
	return 0;
}

#ifdef RG_FPROBE
RG_END(receive_fd)
int BPF_KRETPROBE(rg_receive_fd, int ret)
{
	return rg_installed(ret);
}
#else
/* 6.6 ("file: remove __receive_fd()") made the two one. */
RG_END(receive_fd)
int RG_PROG(rg_receive_fd, struct file *file, int *ufd, unsigned int flags, int ret)
{
	return rg_installed(ret);
}

RG_END(__receive_fd)
int RG_PROG(rg_receive_fd_6, struct file *file, int *ufd, unsigned int flags, int ret)
{
	return rg_installed(ret);
}
#endif

#ifdef RG_LEGACY
/* Its arguments before 5.12. */
RG_END(__receive_fd)
int RG_PROG(rg_receive_fd_5, int replaced, struct file *file, int *ufd, unsigned int flags, int ret)
{
	return rg_installed(ret);
}
#endif

rg_inline int rg_copied(struct sk_buff *skb, int len)
{
	struct task_struct *t = rg_current();
	struct rg_state *st = rg_copying(t, RG_FR_COPY);

	if (st)
		rg_take_copy(st, t, skb, (struct sock *)st->tr.sk, len);
	return 0;
}

#ifdef RG_FPROBE
SEC("tp/skb/skb_copy_datagram_iovec")
int rg_skb_copy(struct trace_event_raw_skb_copy_datagram_iovec___rg *ctx)
{
	return rg_copied(RG_TYPED(ctx->skbaddr), ctx->len);
}
#else
SEC("tp_btf/skb_copy_datagram_iovec")
int BPF_PROG(rg_skb_copy, struct sk_buff *skb, int len)
{
	return rg_copied(skb, len);
}
#endif

rg_inline int rg_consumed(struct sock *sk, struct sk_buff *skb, int len)
{
	struct task_struct *t = rg_current();
	struct rg_state *st = rg_copying(t, RG_FR_LINEAR);
	__s32 off = 0;

	if (!st)
		return 0;
	if (rg_config.msg_ids)
		rg_udp_taken(RG_PASS(st), rg_scalar(skb), len < 0);
	if (st->outside || (st->has & RG_HAS_DATA) || RG_LOAD(skb, data_len))
		return 0;
	if (len < 0) { /* peeked */
		len = -len;
		off = RG_LOAD(sk, sk_peek_off);
		if (off < 0)
			off = 0;
	}
	rg_take_linear(st, t, skb, off, len);
	return 0;
}

RG_AT(skb_consume_udp)
int RG_PROG(rg_consume_udp, struct sock *sk, struct sk_buff *skb, int len)
{
	return rg_consumed(RG_TYPED(sk), RG_TYPED(skb), len);
}

/* ---- UDP sends, with --direction both: the buffer that the receiver will take (lib/flow.h) ---- */

rg_inline int rg_udp_sends(struct sk_buff *skb)
{
	struct task_struct *t = rg_current();
	struct rg_state *st = NULL;

	if (rg_sel_seen(t, &st))
		rg_state_of(t); /* it may be the thread's first call */
	return rg_udp_sent_sub(RG_PASS(rg_state_find(t)), rg_scalar(skb));
}

RG_AT(ip_send_skb)
int RG_PROG(rg_udp_sent, struct net *net, struct sk_buff *skb)
{
	return rg_udp_sends(skb);
}

RG_AT(ip6_send_skb)
int RG_PROG(rg_udp6_sent, struct sk_buff *skb)
{
	return rg_udp_sends(skb);
}

/* ---- splice: the bytes go to a pipe, no hook sees them ---- */

rg_inline int rg_splice_out(struct socket *sock, long ret)
{
	struct task_struct *t = rg_current();
	struct rg_state *st = rg_under_way(t);

#ifdef RG_FPROBE
	if (st)
		sock = RG_KEPT(st, sock, struct socket);
#endif
	if (st && sock && st->tr.in == RG_IN_SPLICE)
		rg_tramp_end(st, t, sock->sk, NULL, 0, ret, 0);
	return 0;
}

RG_AT(unix_stream_splice_read)
int RG_PROG(rg_unix_splice_in, struct socket *sock)
{
	return rg_begins(RG_TYPED(sock), NULL, NULL, 0, RG_IN_SPLICE, RG_FR_UNIX_SPLICE);
}

RG_AT(tcp_splice_read)
int RG_PROG(rg_tcp_splice_in, struct socket *sock)
{
	return rg_begins(RG_TYPED(sock), NULL, NULL, 0, RG_IN_SPLICE, RG_FR_TCP_SPLICE);
}

#ifdef RG_FPROBE
RG_END(unix_stream_splice_read)
int BPF_KRETPROBE(rg_unix_splice_out, long ret)
{
	return rg_splice_out(NULL, ret);
}

RG_END(tcp_splice_read)
int BPF_KRETPROBE(rg_tcp_splice_out, long ret)
{
	return rg_splice_out(NULL, ret);
}
#else
RG_END(unix_stream_splice_read)
int RG_PROG(rg_unix_splice_out, struct socket *sock, void *pos, void *pipe, unsigned long len,
	    unsigned int flags, long ret)
{
	return rg_splice_out(sock, ret);
}

RG_END(tcp_splice_read)
int RG_PROG(rg_tcp_splice_out, struct socket *sock, void *pos, void *pipe, unsigned long len,
	    unsigned int flags, long ret)
{
	return rg_splice_out(sock, ret);
}
#endif

/* ---- io_uring: which operation ---- */

rg_inline int rg_uring_in(struct io_kiocb *req, __u16 route)
{
	struct task_struct *t = rg_current();
	struct rg_state *st = NULL;

	if (!rg_sel_seen(t, &st))
		return 0;
	st = rg_state_of(t);
	if (st) {
		st->tr.uring_route = route;
		st->tr.uring_asked = rg_uring_is_net(route) ? rg_uring_asked(req) : 0;
	}
	return 0;
}

rg_inline int rg_uring_out(void)
{
	struct rg_state *st = rg_state_find(rg_current());

	if (st)
		st->tr.uring_route = 0;
	return 0;
}

RG_AT(io_recv)
int RG_PROG(rg_io_recv_in, struct io_kiocb *req)
{
	return rg_uring_in(RG_TYPED(req), RG_RT_URING_RECV);
}

RG_END(io_recv)
int RG_PROG(rg_io_recv_out)
{
	return rg_uring_out();
}

RG_AT(io_recvmsg)
int RG_PROG(rg_io_recvmsg_in, struct io_kiocb *req)
{
	return rg_uring_in(RG_TYPED(req), RG_RT_URING_RECVMSG);
}

RG_END(io_recvmsg)
int RG_PROG(rg_io_recvmsg_out)
{
	return rg_uring_out();
}

#ifdef RG_LEGACY
/* READ and its kin, where io_uring's tracepoints do not pass the request. */
RG_AT(io_read)
int RG_PROG(rg_io_read_in, struct io_kiocb *req)
{
	__u32 send;

	return rg_uring_in(req, rg_uring_route(BPF_CORE_READ(req, opcode), &send));
}

RG_END(io_read)
int RG_PROG(rg_io_read_out)
{
	return rg_uring_out();
}
#endif

/* ---- --metadata ---- */

rg_inline int rg_meta_end(struct socket *sock, long ret, __u32 flags, __u32 room)
{
	struct sock *sk = sock ? sock->sk : NULL;

	return sk ? rg_meta_over(sk, ret, flags, room) : 0;
}

#ifdef RG_FPROBE

/* A splice begins: its socket is kept in the thread's state. */
rg_inline int rg_meta_begin(struct socket *sock)
{
	struct task_struct *t = rg_current();
	struct rg_state *st = NULL;

	if (!rg_sel_task(t, &st))
		return 0;
	st = rg_state_of(t);
	if (st)
		st->tr.kept.sock = (__u64)sock;
	return 0;
}

rg_inline int rg_meta_kept(long ret, __u32 room)
{
	struct rg_state *st = rg_state_find(rg_current());

	if (!st || !st->tr.kept.sock)
		return 0;
	rg_meta_end(RG_KEPT(st, sock, struct socket), ret, 0, room);
	st->tr.kept.sock = 0;
	return 0;
}

RG_AT(unix_stream_splice_read)
int RG_PROG(rg_meta_unix_splice_in, struct socket *sock)
{
	return rg_meta_begin(sock);
}

RG_END(unix_stream_splice_read)
int BPF_KRETPROBE(rg_meta_unix_splice, long ret)
{
	return rg_meta_kept(ret, RG_FR_UNIX_SPLICE);
}

RG_AT(tcp_splice_read)
int RG_PROG(rg_meta_tcp_splice_in, struct socket *sock)
{
	return rg_meta_begin(sock);
}

RG_END(tcp_splice_read)
int BPF_KRETPROBE(rg_meta_tcp_splice, long ret)
{
	return rg_meta_kept(ret, RG_FR_TCP_SPLICE);
}

#else

RG_END(____sys_recvmsg)
int RG_PROG(rg_meta_recvmsg, struct socket *sock, struct msghdr *msg, void *user_msg, void *uaddr,
	    unsigned int flags, int nosec, int ret)
{
	return rg_meta_end(sock, ret, flags, RG_FR_RECVMSG);
}

RG_END(sock_recvmsg)
int RG_PROG(rg_meta_sock_recvmsg, struct socket *sock, struct msghdr *msg, int flags, int ret)
{
	rg_own_try();
	/* what came by ____sys_recvmsg is told at its end */
	return BPF_CORE_READ_BITFIELD(msg, msg_control_is_user)
		       ? 0
		       : rg_meta_end(sock, ret, flags, RG_FR_SOCK_RECVMSG);
}

RG_END(unix_stream_splice_read)
int RG_PROG(rg_meta_unix_splice, struct socket *sock, void *pos, void *pipe, unsigned long len,
	    unsigned int flags, long ret)
{
	return rg_meta_end(sock, ret, 0, RG_FR_UNIX_SPLICE);
}

RG_END(tcp_splice_read)
int RG_PROG(rg_meta_tcp_splice, struct socket *sock, void *pos, void *pipe, unsigned long len,
	    unsigned int flags, long ret)
{
	return rg_meta_end(sock, ret, 0, RG_FR_TCP_SPLICE);
}

#endif
