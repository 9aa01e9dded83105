/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RG_BPF_COMMON_H
#define RG_BPF_COMMON_H

/* What every kernel-side file needs: types, helpers, constants that BTF does not carry (macros). */
#include "vmlinux.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "abi/config.h"
#include "abi/record.h"

#define rg_inline static __always_inline
/* Its own verifier scope and stack: for parts that would otherwise be unrolled into several programs. */
#define rg_noinline static __attribute__((noinline))

#define AF_UNIX	   1
#define AF_INET	   2
#define AF_INET6   10
#define AF_NETLINK 16

#define RG_MSG_PEEK	   0x2
#define RG_MSG_TRUNC	   0x20
#define RG_MSG_DONTWAIT	   0x40
#define RG_MSG_CMSG_COMPAT 0x80000000u
/* Never the program's business in returned flags; MSG_DONTWAIT stands in the msghdr of a non-blocking
 * read(2). */
#define RG_MSG_OWN (RG_MSG_CMSG_COMPAT | RG_MSG_DONTWAIT)

#define RG_IPPROTO_TCP	   6
#define RG_IPPROTO_UDP	   17
#define RG_IPPROTO_UDPLITE 136
#define RG_IPPROTO_MPTCP   262

/* THREAD_SIZE of x86-64 and arm64 without KASAN; what lies beyond is checked by the read itself */
#define RG_STACK_SPAN 16384

#define RG_EAGAIN 11

#define S_IFMT	 0170000
#define S_IFSOCK 0140000

#define RG_SB_KERNMOUNT (1ul << 22) /* linux/fs.h: mounted by the kernel for itself */

#define RG_X32_BIT	0x40000000 /* of a system call's number */
#define RG_TS_COMPAT	0x0002	   /* arch/x86: thread_info.status, an i386 system call is running */
#define RG_PF_KTHREAD	0x00200000
#define RG_PF_IO_WORKER 0x00000010

/* The numbers of user-visible enums that the kernel side sets; public event.h cannot be included beside
 * vmlinux.h. abi tests assert that they agree. */
enum rg_route {
#define RG_ROUTE(ID, name, event, doc) RG_RT_##ID,
#include "include/recvguard/routes.def"
#undef RG_ROUTE
	RG_RT__COUNT
};
enum { RG_LOSS_RING_FULL, RG_LOSS_PART, RG_LOSS_NO_STATE, RG_LOSS_SAMPLED = 5 };

/* --on-full sample: once the ring is half full, one message in this many is recorded. */
#define RG_SAMPLE_ONE_IN 16

const volatile struct rg_config rg_config;

#include "legacy.h"

#include "held.h"

#endif
