/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RG_BPF_URING_H
#define RG_BPF_URING_H

/* io_uring: which operation is at work on a socket, learnt when it was submitted. */
#include "maps.h"

struct rg_uring_op {
	__u16 route;
	__u16 mixed; /* several kinds of operation are in flight on this socket */
	__u32 flags; /* msg_flags of the last submission */
	__s32 fd;
	__u32 pad;
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

/* At submission. The file may be fixed (registered): its number is then no descriptor. */
rg_inline void rg_uring_submit(struct io_kiocb *req)
{
	struct rg_uring_key key = {};
	struct rg_uring_op op = {}, *old;

	op.route = rg_uring_route(req->opcode, &key.send);
	if (op.route == RG_RT_UNKNOWN)
		return;
	key.file = rg_scalar(req->file);
	if (!key.file)
		return;
	op.fd = req->cqe.fd;
	old = bpf_map_lookup_elem(&uring_ops, &key);
	if (old && old->route != op.route)
		op.mixed = 1;
	bpf_map_update_elem(&uring_ops, &key, &op, BPF_ANY);
}

rg_inline void rg_uring_find(struct rg_rec_msg *rec, struct sock *sk, bool send)
{
	struct rg_uring_key key = {.file = rg_scalar(sk->sk_socket->file), .send = send};
	struct rg_uring_op *op = bpf_map_lookup_elem(&uring_ops, &key);

	rec->mflags |= RG_MF_URING;
	rec->route = op && !op->mixed ? op->route : RG_RT_URING_OTHER;
	rec->fd = -1;
}

#endif
