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
	int32_t *off_msghdr, *off_entry, *off_control; /* [RG_SHAPE__COUNT = 4], 0: not found */
	struct rg_msghdr_layout layout;
};

/* Shapes in the order of bpf/lib/stack.h. */
enum { RG_SHAPE_RECVMSG, RG_SHAPE_RECVMMSG, RG_SHAPE_RECVFROM, RG_SHAPE_READ, RG_SHAPE__COUNT };

/* Try every shape; number of shapes found (0..4), or -errno when the calls themselves fail. */
int rg_calibrate(const struct rg_calib_io *io, struct rg_err *err);

#endif
