/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RG_KERNEL_CALIBRATE_H
#define RG_KERNEL_CALIBRATE_H

#include <stdbool.h>
#include <stdint.h>

#include <recvguard/error.h>

#include "abi/config.h"

/*
 * Finding where the kernel's msghdr stands on the stack (bpf/lib/stack.h): calls of our own with known
 * pointers, of which the BPF side shows us the stack.
 */

/* Offsets of members of the running kernel's struct msghdr (from its BTF), bytes. */
struct rg_msghdr_layout {
	uint32_t control, ubuf;
};

/* Shared with the BPF side: its globals. */
struct rg_calib_io {
	struct rg_calib *calib;
	int32_t *off_msghdr, *off_entry, *off_control; /* one set of RG_SLOTS, 0: not found */
	uint32_t *quiet_tgid;			       /* a process never to be traced */
	struct rg_msghdr_layout layout;
};

/* Shapes in the order of bpf/lib/stack.h. */
enum {
	RG_SHAPE_RECVMSG,
	RG_SHAPE_RECVMMSG,
	RG_SHAPE_RECVFROM,
	RG_SHAPE_READ,
	RG_SHAPE_RECVMMSG1,
	RG_SHAPE__COUNT
};

/* Entries of the kernel: the functions around a call differ. */
enum { RG_ENTRY_NATIVE, RG_ENTRY_COMPAT, RG_ENTRY_SOCKETCALL, RG_ENTRY__COUNT };
/* slot = entry * RG_SHAPE__COUNT + shape (bpf/lib/stack.h); a power of two for the kernel side's mask */
#define RG_SLOTS 16
/* Two sets of places: our program is alone at the tracepoint, or one of several (bpf/lib/stack.h). */
#define RG_SET_SHARED RG_SLOTS

/*
 * Try every shape by every entry. *found of *tried slots. The i386 entries are tried in a child process: a
 * kernel without them kills it, and then they are not counted. -errno when the calls themselves fail.
 */
int rg_calibrate(const struct rg_calib_io *io, int *found, int *tried, struct rg_err *err);

/*
 * calibrate32.c: the receives of i386, by int $0x80, from memory below 4 GiB. entry: RG_ENTRY_COMPAT or
 * RG_ENTRY_SOCKETCALL. -ENOSYS on machines that have none.
 */
struct rg_call32 {
	struct {
		uint32_t name, namelen, iov, iovlen, control, controllen, flags, len;
	} msg[3]; /* struct compat_mmsghdr */
	struct {
		uint32_t base, len;
	} iov;
	uint32_t args[6];
};
long rg_call32(struct rg_call32 *c, int entry, int shape, int fd, unsigned vlen);

#endif
