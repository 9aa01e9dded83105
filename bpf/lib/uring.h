/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RG_BPF_URING_H
#define RG_BPF_URING_H

/*
 * io_uring: which request is at work on a socket, learnt when it was submitted. By the file and direction;
 * while several requests are in flight on one file, only what they have in common is told.
 */
#include "maps.h"
#include "stack.h"

#define RG_REQ_F_FIXED_FILE 1ull
#define RG_CQE_F_MORE	    2u
#define RG_RECV_MULTISHOT   2u /* IORING_RECV_MULTISHOT, in sqe->ioprio */
#define RG_RWF_NOWAIT	    8
#define RG_FILE_PTR_MASK    (~7ull) /* low bits of io_rsrc_node.file_ptr are flags */

struct rg_uring_op {
	__u64 req;   /* address of the request submitted last */
	__u64 buf;   /* its buffer or user msghdr; 0 for provided buffers */
	__u32 flags; /* msg_flags as given */
	__s32 len;
	__s32 fd; /* descriptor, or index of a registered file */
	__s32 inflight;
	__u16 route;
	__u8 mixed; /* other kinds of requests are in flight too */
	__u8 fixed;
	__u8 multishot;
	__u8 nowait; /* READ, READV: RWF_NOWAIT was given */
	__u8 pad[2];
};
struct rg_uring_key {
	__u64 file;
	__u32 send, pad;
};
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, struct rg_uring_key);
	__type(value, struct rg_uring_op);
} uring_ops SEC(".maps");

rg_inline __u16 rg_uring_route(__u8 op, __u32 *send)
{
	*send = 0;
	switch (op) {
	case 1: /* READV */ return RG_RT_URING_READV;
	case 4:	 /* READ_FIXED */
	case 22: /* READ */
	case 49: /* READ_MULTISHOT, 6.7 */ return RG_RT_URING_READ;
	case 10: /* RECVMSG */ return RG_RT_URING_RECVMSG;
	case 27: /* RECV */ return RG_RT_URING_RECV;
	case 30: /* SPLICE */ return RG_RT_URING_SPLICE;
	}
	*send = 1;
	switch (op) {
	case 2: /* WRITEV */ return RG_RT_URING_WRITEV;
	case 5: /* WRITE_FIXED */
	case 23: /* WRITE */ return RG_RT_URING_WRITE;
	case 9: /* SENDMSG */
	case 48: /* SENDMSG_ZC */ return RG_RT_URING_SENDMSG;
	case 26: /* SEND */
	case 47: /* SEND_ZC */ return RG_RT_URING_SEND;
	}
	return RG_RT_UNKNOWN;
}

/* The file is looked up by the kernel only after the tracepoint: do the same here. */
rg_inline __u64 rg_uring_file(struct io_kiocb *req, __s32 fd)
{
	struct task_struct *t = rg_current();
	__u64 file = 0;

	if (fd < 0)
		return 0;
	if (BPF_CORE_READ(req, flags) & RG_REQ_F_FIXED_FILE) {
		struct io_rsrc_node **nodes, *node = NULL;

		/* 6.13: registered files became an array of nodes */
		if (!bpf_core_field_exists(((struct io_rsrc_node *)0)->file_ptr) ||
		    fd >= BPF_CORE_READ(req, ctx, file_table.data.nr))
			return 0;
		nodes = BPF_CORE_READ(req, ctx, file_table.data.nodes);
		bpf_probe_read_kernel(&node, sizeof(node), nodes + fd);
		return node ? BPF_CORE_READ(node, file_ptr) & RG_FILE_PTR_MASK : 0;
	}
	if ((__u32)fd >= BPF_CORE_READ(t, files, fdt, max_fds))
		return 0;
	bpf_probe_read_kernel(&file, sizeof(file), BPF_CORE_READ(t, files, fdt, fd) + fd);
	return file;
}

rg_inline bool rg_uring_is_net(__u16 route)
{
	return route == RG_RT_URING_RECV || route == RG_RT_URING_RECVMSG || route == RG_RT_URING_SEND ||
	       route == RG_RT_URING_SENDMSG;
}

/* msg_flags of a RECV, RECVMSG, SEND or SENDMSG as submitted. io_kiocb_to_cmd(): the command area comes
 * first. */
rg_inline __u32 rg_uring_asked(struct io_kiocb *req)
{
	return BPF_CORE_READ((struct io_sr_msg *)req, msg_flags);
}

rg_inline void rg_uring_submit(struct io_kiocb *req)
{
	struct rg_uring_key key = {};
	struct rg_uring_op op = {}, *old;

	op.route = rg_uring_route(req->opcode, &key.send);
	if (op.route == RG_RT_UNKNOWN)
		return;
	op.fd = req->cqe.fd;
	op.fixed = BPF_CORE_READ(req, flags) & RG_REQ_F_FIXED_FILE;
	key.file = rg_uring_file(req, op.fd);
	if (!key.file)
		return;
	op.req = rg_scalar(req);
	if (rg_uring_is_net(op.route)) {
		struct io_sr_msg *sr = (struct io_sr_msg *)req;

		op.flags = rg_uring_asked(req);
		op.buf = (__u64)BPF_CORE_READ(sr, buf);
		op.len = BPF_CORE_READ(sr, len);
		op.multishot = !key.send && BPF_CORE_READ(sr, flags) & RG_RECV_MULTISHOT;
	} else if (bpf_core_field_exists(((struct io_rw *)0)->flags)) {
		op.nowait = !!(BPF_CORE_READ((struct io_rw *)req, flags) & RG_RWF_NOWAIT);
	}
	op.inflight = 1;
	old = bpf_map_lookup_elem(&uring_ops, &key);
	if (old && old->inflight > 0) {
		op.inflight += old->inflight;
		op.mixed = old->mixed || old->route != op.route;
	}
	bpf_map_update_elem(&uring_ops, &key, &op, BPF_ANY);
}

rg_inline void rg_uring_complete(struct io_kiocb *req, __u32 cqe_flags)
{
	struct rg_uring_key key = {};
	struct rg_uring_op *op;

	if (cqe_flags & RG_CQE_F_MORE)
		return; /* multishot: it goes on */
	if (rg_uring_route(BPF_CORE_READ(req, opcode), &key.send) == RG_RT_UNKNOWN)
		return;
	key.file = (__u64)BPF_CORE_READ(req, file);
	op = bpf_map_lookup_elem(&uring_ops, &key);
	if (op && op->inflight > 0)
		__sync_fetch_and_add(&op->inflight, -1);
}

/* Route, descriptor and flags of a message that io_uring carried; *ret is the one request it can have been,
 * or 0. */
rg_inline struct rg_uring_op *rg_uring_find(struct rg_rec_msg *rec, struct sock *sk, bool send)
{
	struct rg_uring_key key = {.file = rg_scalar(sk->sk_socket->file), .send = send};
	struct rg_uring_op *op = bpf_map_lookup_elem(&uring_ops, &key);

	rec->mflags |= RG_MF_URING;
	rec->route = RG_RT_URING_OTHER;
	rec->fd = -1;
	if (!op || op->mixed)
		return NULL;
	rec->route = op->route;
	if (!op->fixed)
		rec->fd = op->fd;
	return op->inflight <= 1 ? op : NULL;
}

/* The msghdr of a RECV or RECVMSG request, which lives in the request's own memory. */
rg_inline bool rg_uring_kmsg(struct rg_state *st, const struct rg_uring_op *op, struct sock *sk,
			     __u64 *control_start)
{
	struct io_kiocb *req = (struct io_kiocb *)op->req;
	struct io_async_msghdr *am;
	struct rg_kmsg *m = &st->kmsg;
	__u32 send;

	/* the request may be gone and its memory another's */
	if (!rg_uring_is_net(op->route) || rg_uring_route(BPF_CORE_READ(req, opcode), &send) != op->route ||
	    (__u64)BPF_CORE_READ(req, file) != rg_scalar(sk->sk_socket->file))
		return false;
	am = BPF_CORE_READ(req, async_data);
	if (!am || bpf_probe_read_kernel(st->kmsg_raw, sizeof(st->kmsg_raw), &am->msg))
		return false;
	rg_kmsg_take(m, st->kmsg_raw);
	/* multishot keeps how much room was given: what is no longer left was written */
	if (op->multishot && m->control && BPF_CORE_READ(am, controllen) >= m->controllen)
		*control_start = m->control - (BPF_CORE_READ(am, controllen) - m->controllen);
	return true;
}

#endif
