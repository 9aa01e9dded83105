/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
#ifndef RECVGUARD_ABI_CONFIG_H
#define RECVGUARD_ABI_CONFIG_H

/*
 * What user space tells the kernel side: read-only globals (struct rg_config, set before load) and the keys
 * of the selection maps. Kinds of selection are ANDed, entries of one kind are ORed.
 */

#ifndef __VMLINUX_H__
#include <linux/types.h>
#endif

#include "match.h"

#define RG_SEL_PID    (1u << 0)
#define RG_SEL_COMM   (1u << 1)
#define RG_SEL_UID    (1u << 2)
#define RG_SEL_CGROUP (1u << 3)
#define RG_SEL_EXE    (1u << 4)
#define RG_SEL_SOCKET (1u << 5)
#define RG_SEL_FD     (1u << 6)
#define RG_SEL_FAMILY (1u << 7)
/* any of these needs the task only */
#define RG_SEL_TASK (RG_SEL_PID | RG_SEL_COMM | RG_SEL_UID | RG_SEL_CGROUP | RG_SEL_EXE)

/* Slots of rg_sel_hint (bpf/lib/maps.h), and what stands there for processes that are to be looked up. */
#define RG_SEL_HINTS 16384u
#define RG_SEL_SOME  (~0u)

#define RG_WAY_BIT_RECV 1u
#define RG_WAY_BIT_SEND 2u

#define RG_SEL_FDS_MAX	   16
#define RG_SEL_SOCKETS_MAX 8
#define RG_CGROUP_LEVELS   16

enum rg_sock_rule_kind {
	RG_SR_INODE = 1, /* .number */
	RG_SR_COOKIE,	 /* .number */
	RG_SR_UNIX,	 /* .name: sun_path bytes (abstract: with the leading NUL), .len */
	RG_SR_INET,	 /* .protocol (0 any), .addr/.addr_len (0 any), .port (0 any): local or remote end */
};

struct rg_sock_rule {
	__u32 kind;
	__u16 protocol;
	__u16 port; /* host order */
	__u64 number;
	__u32 len;
	__u32 pad;
	__u8 name[112]; /* sun_path, or 4 or 16 bytes of IP address, network order; zero-padded */
};

struct rg_config {
	__u32 select; /* RG_SEL_* */
	__u32 way;    /* RG_WAY_BIT_* */
	__u32 snaplen;
	__u32 self; /* our own tgid, never traced */
	__u32 n_fds, n_rules;
	__u64 families; /* bit per AF_* */
	__s32 fds[RG_SEL_FDS_MAX];
	struct rg_sock_rule rules[RG_SEL_SOCKETS_MAX];
	__u8 errors, duration, msg_ids, sample;
	__u32 match_at, match_need; /* the filter: rg_match_prog's at and need; 0: none */
	struct rg_front front;
	__u32 wake_bytes; /* wake the reader when this much is unread, 0: never (it polls) */
};

struct rg_exe_key {
	__u64 ino;
	__u32 dev; /* major << 20 | minor */
	__u32 pad;
};

/* What was not recorded, as far as it is known of whom: key of the map `losses`, value a __u64 count. */
struct rg_loss_key {
	__u32 reason; /* enum rg_loss */
	__u32 cpu;
	__u32 tgid;
	__u32 pad;
	__u64 cookie; /* of the socket, 0 unknown */
};

/*
 * Where the kernel keeps its msghdr, as distance from the tracepoint's argument block on the kernel stack,
 * per route (enum rg_route); 0 unknown. Found out at start by calls of our own (src/kernel/calibrate.c) and
 * checked at every use.
 */
#define RG_STACK_ROUTES 32
#define RG_STACK_BELOW \
	128 /* words below the argument block (our own program's frame) that calibration sees */
#define RG_STACK_WORDS (RG_STACK_BELOW + 128)

struct rg_calib {
	__u32 tid;  /* whose calls to look at, 0: none */
	__u32 hits; /* times the stack was captured */
	__u64 base; /* address of the argument block */
	__u64 words[RG_STACK_WORDS];
};

#endif
