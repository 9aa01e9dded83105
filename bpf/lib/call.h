/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RG_BPF_CALL_H
#define RG_BPF_CALL_H

/* Which system call the task is in and what it was given, from the registers saved at its entry. */
#include "maps.h"

#define RG_NR_MAX 512

/* How to read the arguments of one system call. */
enum { RG_A_BUF, RG_A_MSG, RG_A_MMSG, RG_A_IOV, RG_A_SPLICE, RG_A_SENDFILE, RG_A_SOCKETCALL };

struct rg_nr_row {
	__u8 route, args;
	__s8 flags; /* which argument holds MSG_* flags, -1 none */
	__u8 pad;
};

rg_inline struct rg_nr_row rg_row64(__u32 nr)
{
	switch (nr) {
	case 0: return (struct rg_nr_row){RG_RT_READ, RG_A_BUF, -1};
	case 1: return (struct rg_nr_row){RG_RT_WRITE, RG_A_BUF, -1};
	case 19: return (struct rg_nr_row){RG_RT_READV, RG_A_IOV, -1};
	case 20: return (struct rg_nr_row){RG_RT_WRITEV, RG_A_IOV, -1};
	case 40: return (struct rg_nr_row){RG_RT_SENDFILE, RG_A_SENDFILE, -1};
	case 44: return (struct rg_nr_row){RG_RT_SENDTO, RG_A_BUF, 3};
	case 45: return (struct rg_nr_row){RG_RT_RECVFROM, RG_A_BUF, 3};
	case 46: return (struct rg_nr_row){RG_RT_SENDMSG, RG_A_MSG, 2};
	case 47: return (struct rg_nr_row){RG_RT_RECVMSG, RG_A_MSG, 2};
	case 275: return (struct rg_nr_row){RG_RT_SPLICE, RG_A_SPLICE, -1};
	case 295: return (struct rg_nr_row){RG_RT_PREADV, RG_A_IOV, -1};
	case 299: return (struct rg_nr_row){RG_RT_RECVMMSG, RG_A_MMSG, 3};
	case 307: return (struct rg_nr_row){RG_RT_SENDMMSG, RG_A_MMSG, 3};
	case 327: return (struct rg_nr_row){RG_RT_PREADV2, RG_A_IOV, -1};
	case 328: return (struct rg_nr_row){RG_RT_PWRITEV2, RG_A_IOV, -1};
	}
	return (struct rg_nr_row){RG_RT_UNKNOWN, RG_A_BUF, -1};
}

rg_inline struct rg_nr_row rg_row32(__u32 nr)
{
	switch (nr) {
	case 3: return (struct rg_nr_row){RG_RT_READ, RG_A_BUF, -1};
	case 4: return (struct rg_nr_row){RG_RT_WRITE, RG_A_BUF, -1};
	case 102: return (struct rg_nr_row){RG_RT_UNKNOWN, RG_A_SOCKETCALL, -1};
	case 145: return (struct rg_nr_row){RG_RT_READV, RG_A_IOV, -1};
	case 146: return (struct rg_nr_row){RG_RT_WRITEV, RG_A_IOV, -1};
	case 187: /* sendfile, sendfile64 */
	case 239: return (struct rg_nr_row){RG_RT_SENDFILE, RG_A_SENDFILE, -1};
	case 291: return (struct rg_nr_row){RG_RT_RECV, RG_A_BUF, 3};
	case 313: return (struct rg_nr_row){RG_RT_SPLICE, RG_A_SPLICE, -1};
	case 333: return (struct rg_nr_row){RG_RT_PREADV, RG_A_IOV, -1};
	case 337: /* recvmmsg, recvmmsg_time64 */
	case 417: return (struct rg_nr_row){RG_RT_RECVMMSG, RG_A_MMSG, 3};
	case 345: return (struct rg_nr_row){RG_RT_SENDMMSG, RG_A_MMSG, 3};
	case 369: return (struct rg_nr_row){RG_RT_SENDTO, RG_A_BUF, 3};
	case 370: return (struct rg_nr_row){RG_RT_SENDMSG, RG_A_MSG, 2};
	case 371: return (struct rg_nr_row){RG_RT_RECVFROM, RG_A_BUF, 3};
	case 372: return (struct rg_nr_row){RG_RT_RECVMSG, RG_A_MSG, 2};
	case 378: return (struct rg_nr_row){RG_RT_PREADV2, RG_A_IOV, -1};
	case 379: return (struct rg_nr_row){RG_RT_PWRITEV2, RG_A_IOV, -1};
	}
	return (struct rg_nr_row){RG_RT_UNKNOWN, RG_A_BUF, -1};
}

/* socketcall(2)'s own numbers, linux/net.h */
rg_inline struct rg_nr_row rg_row_socketcall(__u32 call)
{
	switch (call) {
	case 9: return (struct rg_nr_row){RG_RT_SOCKETCALL_SEND, RG_A_BUF, 3};
	case 10: return (struct rg_nr_row){RG_RT_SOCKETCALL_RECV, RG_A_BUF, 3};
	case 11: return (struct rg_nr_row){RG_RT_SOCKETCALL_SENDTO, RG_A_BUF, 3};
	case 12: return (struct rg_nr_row){RG_RT_SOCKETCALL_RECVFROM, RG_A_BUF, 3};
	case 16: return (struct rg_nr_row){RG_RT_SOCKETCALL_SENDMSG, RG_A_MSG, 2};
	case 17: return (struct rg_nr_row){RG_RT_SOCKETCALL_RECVMSG, RG_A_MSG, 2};
	case 19: return (struct rg_nr_row){RG_RT_SOCKETCALL_RECVMMSG, RG_A_MMSG, 3};
	case 20: return (struct rg_nr_row){RG_RT_SOCKETCALL_SENDMMSG, RG_A_MMSG, 3};
	}
	return (struct rg_nr_row){RG_RT_UNKNOWN, RG_A_BUF, -1};
}

rg_inline void rg_call_take(struct rg_call *c, struct rg_nr_row row, const __u64 *a)
{
	c->route = row.route;
	c->fd = row.args == RG_A_SENDFILE ? (__s32)a[1] : (__s32)a[0];
	c->msg = a[1];
	c->len = a[2];
	c->is_msg = row.args == RG_A_MSG || row.args == RG_A_MMSG;
	c->has_flags = row.flags >= 0;
	c->flags = row.flags == 2 ? (__u32)a[2] : (__u32)a[3];
	if (!c->has_flags)
		c->flags = 0;
}

/* From user registers; c->route stays UNKNOWN when the call is none of ours. */
rg_inline void rg_call_into(struct rg_call *c, struct task_struct *t, struct pt_regs *regs)
{
	__u64 a[4];

	*c = (struct rg_call){.nr = -1, .fd = -1};
#if defined(__TARGET_ARCH_x86)
	c->nr = RG_LOAD(regs, orig_ax);
	c->compat = RG_LOAD(t, thread_info.status) & RG_TS_COMPAT;
	if (!c->compat) {
		a[0] = RG_LOAD(regs, di), a[1] = RG_LOAD(regs, si), a[2] = RG_LOAD(regs, dx),
		a[3] = RG_LOAD(regs, r10);
		rg_call_take(c, rg_row64(c->nr), a);
		return;
	}
	a[0] = (__u32)RG_LOAD(regs, bx), a[1] = (__u32)RG_LOAD(regs, cx), a[2] = (__u32)RG_LOAD(regs, dx),
	a[3] = (__u32)RG_LOAD(regs, si);
	struct rg_nr_row row = rg_row32(c->nr);

	if (row.args == RG_A_SOCKETCALL) {
		__u32 u[4] = {};

		/* the argument block is in user memory: the kernel copied it at entry, we read it again */
		row = rg_row_socketcall(a[0]);
		bpf_probe_read_user(u, sizeof(u), (void *)a[1]);
		a[0] = u[0], a[1] = u[1], a[2] = u[2], a[3] = u[3];
	}
	rg_call_take(c, row, a);
#else
	/* arm64: the generic table differs; the route is left to the socket's own hooks */
	c->nr = -1;
#endif
}

#ifdef RG_LEGACY
rg_sub int rg_call_sub(RG_ST_ARG)
{
	RG_ST_GET(st);
	struct task_struct *t = rg_current();

	if (st)
		rg_call_into(&st->call, t, rg_regs(t));
	return 0;
}

rg_inline void rg_call_read(struct rg_call *c, struct task_struct *t, struct pt_regs *regs)
{
	struct rg_state *st;

	rg_call_sub(0);
	st = rg_state_find(t);
	if (st)
		*c = st->call;
	else
		*c = (struct rg_call){.nr = -1, .fd = -1};
}
#else
#define rg_call_read rg_call_into
#endif

/* Is this the socket that the call's descriptor names? False for io_uring work done during another call. */
rg_inline bool rg_call_is_on(struct task_struct *t, struct sock *sk, __s32 fd)
{
	struct fdtable *fdt = RG_LOAD(t, files, fdt);
	__u64 f;

	if (fd < 0 || (__u32)fd >= RG_LOAD(fdt, max_fds))
		return false;
	f = rg_kernel_word((__u64)RG_LOAD(fdt, fd) + (__u64)fd * sizeof(f));
	return f && f == (__u64)sk->sk_socket->file;
}

#endif
