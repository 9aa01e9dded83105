/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RG_BPF_STACK_H
#define RG_BPF_STACK_H

/*
 * The kernel's msghdr, without a trampoline.
 *
 * When tp_btf/sock_recv_length fires, the msghdr that the protocol has just filled in (flags, name, how far
 * the control buffer was written) still stands on this task's kernel stack, in the frame of the system call's
 * function. Between that frame and the tracepoint's argument block (our ctx) lie always the same functions,
 * so the distance is a constant of the running kernel for each shape of call; it is found at start by calls
 * of our own with known values (src/kernel/calibrate.c). CONFIG_RANDOMIZE_KSTACK_OFFSET moves both together.
 * The kernel calls a tracepoint's only program directly and several through an iterating function, whose
 * frame then lies between: so there are two sets of distances, alone and shared, and other programs may come
 * and go at any time. What is found is checked every time (rg_kmsg_plausible), the set that fitted last is
 * tried first. When neither fits the values are not used and the doubt is counted (rg_stack_misses), upon
 * which user space calibrates again.
 */
#include "call.h"
#include "maps.h"

/* Sets of distances: our program is the tracepoint's only one, or one of several. */
#define RG_SET_SHARED 16
#define RG_PLACES     32

/* Shapes of calls, by the function whose frame holds the msghdr. */
#define RG_SLOTS 16
enum rg_shape {
	RG_SHAPE_RECVMSG,
	RG_SHAPE_RECVMMSG,
	RG_SHAPE_RECVFROM,
	RG_SHAPE_READ,
	RG_SHAPE_RECVMMSG1, /* the first message of a batch: it alone passes sock_recvmsg's security check */
	RG_SHAPE__COUNT
};

/* Bytes from the argument block; 0: not known. Index: slot, plus RG_SET_SHARED. */
__s32 rg_off_msghdr[RG_PLACES];
/*
 * Where the address of the caller's (current) user msghdr and the start of the control buffer are kept:
 * locals of those functions, in registers that a deeper frame saved, often our own program's (then the
 * distance is negative).
 */
__s32 rg_off_entry[RG_PLACES];
__s32 rg_off_control[RG_PLACES];
__u32 rg_stack_set; /* the set that fitted last: 0 or RG_SET_SHARED */
__u64 rg_stack_misses;
__u32 rg_ready; /* set by user space after its first calibration: nothing is recorded before */
struct rg_calib rg_calib;

#define RG_M(buf, type, field) (*(type *)((buf) + bpf_core_field_offset(struct msghdr, field)))

rg_inline int rg_shape_of(__u16 route)
{
	switch (route) {
	case RG_RT_RECVMSG:
	case RG_RT_SOCKETCALL_RECVMSG: return RG_SHAPE_RECVMSG;
	case RG_RT_RECVMMSG:
	case RG_RT_SOCKETCALL_RECVMMSG: return RG_SHAPE_RECVMMSG;
	case RG_RT_RECVFROM:
	case RG_RT_RECV:
	case RG_RT_SOCKETCALL_RECV:
	case RG_RT_SOCKETCALL_RECVFROM: return RG_SHAPE_RECVFROM;
	case RG_RT_READ:
	case RG_RT_READV:
	case RG_RT_PREADV:
	case RG_RT_PREADV2:
	case RG_RT_URING_READ:
	case RG_RT_URING_READV: return RG_SHAPE_READ;
	}
	return -1;
}

/* The i386 entries have their own functions around a call: direct calls, socketcall. */
rg_inline __u32 rg_slot_of(int shape, __u16 route, bool compat)
{
	__u32 entry = !compat								     ? 0
		      : route >= RG_RT_SOCKETCALL_RECV && route <= RG_RT_SOCKETCALL_RECVMMSG ? 2
											     : 1;

	return (entry * RG_SHAPE__COUNT + shape) & (RG_SLOTS - 1);
}

rg_inline bool rg_on_stack(__u64 p, __u64 base, __u64 top)
{
	return p > base && p < top;
}

/* A function between may align its frame to 16 bytes: then the distance depends on what entered the kernel
 * (7.2: int $0x80 and sysenter differ). */
#define RG_REALIGN 8

#define RG_COUNT_MAX 0x7ffff000ul /* MAX_RW_COUNT: no buffers are longer */
#define RG_PAGE_ONE  4096	  /* nobody's buffer is below */

/* What tells a msghdr from other words on the stack. */
rg_inline bool rg_kmsg_plausible(const struct rg_kmsg *m, const char *raw, int shape, __u64 base, __u64 top,
				 long ret, __u64 req)
{
	__u8 is_user = raw[bpf_core_field_offset(struct msghdr, msg_control) + 8] & 1;
	__u8 type = RG_M(raw, __u8, msg_iter.iter_type);

	if (RG_M(raw, __u8, msg_iter.data_source) != 0)
		return false;
	if (type != bpf_core_enum_value(enum iter_type, ITER_IOVEC) &&
	    type != bpf_core_enum_value(enum iter_type, ITER_UBUF))
		return false;
	if (m->name && !rg_on_stack(m->name, base, top))
		return false;
	if (m->flags & 0x3fff0000)
		return false;
	/* also what makes sure that the words around are not taken for it (RG_REALIGN) */
	if ((ret > 0 && m->iov_offset > ret) || m->count > RG_COUNT_MAX || (m->ubuf && m->ubuf < RG_PAGE_ONE))
		return false;
	/* io_uring's kiocb is in its request; 7.x has no pointer to it any more */
	if (shape == RG_SHAPE_READ)
		return !is_user && !m->name &&
		       (!bpf_core_field_exists(((struct msghdr *)0)->msg_iocb) ||
			rg_on_stack(m->iocb, base, top) || (req && m->iocb == req));
	if (m->iocb)
		return false;
	return shape == RG_SHAPE_RECVFROM ? !is_user && !m->control : is_user;
}

/* A struct msghdr's bytes into m. */
rg_inline void rg_kmsg_take(struct rg_kmsg *m, const char *raw)
{
	m->name = RG_M(raw, __u64, msg_name);
	m->namelen = RG_M(raw, __u32, msg_namelen);
	m->control = RG_M(raw, __u64, msg_control);
	m->controllen = RG_M(raw, __u64, msg_controllen);
	m->flags = RG_M(raw, __u32, msg_flags);
	m->iocb = 0;
	if (bpf_core_field_exists(((struct msghdr *)0)->msg_iocb))
		m->iocb = RG_M(raw, __u64, msg_iocb);
	m->iov_offset = RG_M(raw, __u64, msg_iter.iov_offset);
	m->count = RG_M(raw, __u64, msg_iter.count);
	m->nr_segs = RG_M(raw, __u64, msg_iter.nr_segs);
	m->ubuf = RG_M(raw, __u64, msg_iter.__iov);
	m->single = RG_M(raw, __u8, msg_iter.iter_type) == bpf_core_enum_value(enum iter_type, ITER_UBUF);
}

/* Where a msghdr is looked for. */
struct rg_kmsg_at {
	__u64 base, top; /* argument block, end of the stack */
	__u64 req;	 /* io_uring's request, 0 none */
	__s64 ret;	 /* of the receive */
	__s32 shape;
	__u32 place; /* index of rg_off_* */
	__s32 shift; /* 0, -RG_REALIGN, RG_REALIGN */
};

/* A msghdr at a calibrated place, if there is one now, into st->kmsg. */
rg_sub int rg_kmsg_try(struct rg_state *st, const struct rg_kmsg_at *at)
{
	const char *raw;
	__s32 off;

	if (!st || !at)
		return false;
	off = rg_off_msghdr[at->place & (RG_PLACES - 1)];
	if (off <= 0)
		return false;
	off += at->shift;
	if (at->base + off + RG_MSGHDR_ROOM > at->top)
		return false;
#ifdef RG_PLAIN_LOADS
	raw = (const char *)RG_PLAIN_AT(at->base + off);
#else
	if (bpf_probe_read_kernel(st->kmsg_raw, sizeof(st->kmsg_raw), (void *)at->base + off))
		return false;
	raw = st->kmsg_raw;
#endif
	rg_kmsg_take(&st->kmsg, raw);
	return rg_kmsg_plausible(&st->kmsg, raw, at->shape, at->base, at->top, at->ret, at->req);
}

/* By one set of distances. */
rg_inline bool rg_kmsg_by(struct rg_state *st, struct rg_kmsg_at *at, __u32 place)
{
	at->place = place;
	if (rg_kmsg_try(st, at))
		return true;
	if (at->shape != RG_SHAPE_RECVMMSG)
		return false;
	at->place = place + RG_SHAPE_RECVMMSG1 - RG_SHAPE_RECVMMSG;
	return rg_kmsg_try(st, at);
}

/* By both sets, the one that fitted last first. */
rg_inline bool rg_kmsg_shifted(struct rg_state *st, struct rg_kmsg_at *at, __u32 slot, __s32 shift)
{
	__u32 set = rg_stack_set;

	at->shift = shift;
	if (rg_kmsg_by(st, at, slot | set))
		return true;
	set ^= RG_SET_SHARED;
	if (!rg_kmsg_by(st, at, slot | set))
		return false;
	rg_stack_set = set;
	return true;
}

/* The kernel's msghdr of the call that ends here; false when it is not known or not sure. at->place: on entry
 * the slot, then where it was found. */
rg_inline bool rg_kmsg_read(struct rg_state *st, struct rg_kmsg_at *at)
{
	__u32 slot = at->place;

	if (at->shape < 0 || at->shape >= RG_SHAPE__COUNT)
		return false;
	if (rg_kmsg_shifted(st, at, slot, 0) || rg_kmsg_shifted(st, at, slot, -RG_REALIGN) ||
	    rg_kmsg_shifted(st, at, slot, RG_REALIGN))
		return true;
	__sync_fetch_and_add(&rg_stack_misses, 1);
	return false;
}

/* A word of the stack at a calibrated place; 0 when unknown. */
rg_inline __u64 rg_stack_word(const struct rg_kmsg_at *at, const __s32 *offs)
{
	__s32 off = offs[at->place & (RG_PLACES - 1)];

	return off && at->base + off + sizeof(__u64) <= at->top ? rg_kernel_word(at->base + off) : 0;
}

/* Calibration: user space asked to see the stack of its own call. */
rg_inline void rg_calib_take(__u64 base, __u64 top)
{
	__u64 from = base - RG_STACK_BELOW * 8, n = top - from;

	if (n > sizeof(rg_calib.words))
		n = sizeof(rg_calib.words);
	rg_calib.base = base;
	bpf_probe_read_kernel(rg_calib.words, n, (void *)from);
	rg_calib.hits++;
}

#endif
