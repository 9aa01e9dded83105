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
 * Another program attached to the same tracepoint changes the distance: so what is found is checked every
 * time, and when it is not a msghdr the values are not used and the doubt is counted (rg_stack_misses), upon
 * which user space calibrates again.
 */
#include "call.h"
#include "maps.h"

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

/* Bytes from the argument block; 0: not known. */
__s32 rg_off_msghdr[RG_SLOTS];
/*
 * Where the address of the caller's (current) user msghdr and the start of the control buffer are kept:
 * locals of those functions, in registers that a deeper frame saved, often our own program's (then the
 * distance is negative).
 */
__s32 rg_off_entry[RG_SLOTS];
__s32 rg_off_control[RG_SLOTS];
__u64 rg_stack_misses;
struct rg_calib rg_calib;

#define RG_MSGHDR_ROOM	       160
#define RG_M(buf, type, field) (*(type *)((buf) + bpf_core_field_offset(struct msghdr, field)))

struct rg_kmsg {
	__u64 name, control, controllen, iov_offset, count, ubuf, iocb;
	__u32 namelen, flags, nr_segs;
	bool single; /* one buffer: ubuf is its start */
};

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
	if (m->single && ret > 0 && m->iov_offset > ret)
		return false;
	/* io_uring's kiocb is in its request */
	if (shape == RG_SHAPE_READ)
		return !is_user && !m->name && (rg_on_stack(m->iocb, base, top) || (req && m->iocb == req));
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
	m->iocb = RG_M(raw, __u64, msg_iocb);
	m->iov_offset = RG_M(raw, __u64, msg_iter.iov_offset);
	m->count = RG_M(raw, __u64, msg_iter.count);
	m->nr_segs = RG_M(raw, __u64, msg_iter.nr_segs);
	m->ubuf = RG_M(raw, __u64, msg_iter.__iov);
	m->single = RG_M(raw, __u8, msg_iter.iter_type) == bpf_core_enum_value(enum iter_type, ITER_UBUF);
}

/* A msghdr at a calibrated place, if there is one now. */
rg_inline bool rg_kmsg_try(struct rg_kmsg *m, __u64 base, __u64 top, int shape, __u32 slot, long ret,
			   __u64 req)
{
	__s32 off = rg_off_msghdr[slot & (RG_SLOTS - 1)];
	char raw[RG_MSGHDR_ROOM];

	if (off <= 0 || base + off + RG_MSGHDR_ROOM > top ||
	    bpf_probe_read_kernel(raw, sizeof(raw), (void *)base + off))
		return false;
	rg_kmsg_take(m, raw);
	return rg_kmsg_plausible(m, raw, shape, base, top, ret, req);
}

/* The kernel's msghdr of the call that ends here; false when it is not known or not sure. *slot: where it was
 * found. */
rg_inline bool rg_kmsg_read(struct rg_kmsg *m, __u64 base, __u64 top, int shape, __u32 *slot, long ret,
			    __u64 req)
{
	if (shape < 0 || shape >= RG_SHAPE__COUNT)
		return false;
	if (rg_kmsg_try(m, base, top, shape, *slot, ret, req))
		return true;
	if (shape == RG_SHAPE_RECVMMSG) {
		*slot += RG_SHAPE_RECVMMSG1 - RG_SHAPE_RECVMMSG;
		if (rg_kmsg_try(m, base, top, shape, *slot, ret, req))
			return true;
	}
	__sync_fetch_and_add(&rg_stack_misses, 1);
	return false;
}

/* A word of the stack at a calibrated place; 0 when unknown. */
rg_inline __u64 rg_stack_word(__u64 base, __u64 top, __s32 off)
{
	__u64 w = 0;

	if (off && base + off + sizeof(w) <= top)
		bpf_probe_read_kernel(&w, sizeof(w), (void *)base + off);
	return w;
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
