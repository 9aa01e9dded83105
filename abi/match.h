/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
#ifndef RECVGUARD_ABI_MATCH_H
#define RECVGUARD_ABI_MATCH_H

/*
 * The match program: the part of an expression that is decided in the kernel, over the fixed part of struct
 * rg_rec_msg. At most RG_MATCH_INSNS tests, each of which goes on to a later test, or accepts or rejects. It
 * never rejects a message that the whole expression would accept: what can't be decided from the record is
 * compiled as true, and user space evaluates the whole expression on what was accepted.
 *
 * A program can be run at any point of a message's way, as often as one likes: whoever runs it says which
 * groups of the record are filled in by then (rec->has and `known`), a test on any other is true. So what an
 * early run rejects every later run would, and what it accepts is decided by the later ones.
 * Written by src/policy/lower/match.c, run by bpf/lib/match.h and (reference) src/policy/lower/match_run.c.
 */

#include "record.h"

#ifndef __VMLINUX_H__
#include <stdbool.h>
#endif

#define RG_MATCH_INSNS	64
#define RG_MATCH_ACCEPT 254 /* values of jt, jf beyond any test */
#define RG_MATCH_REJECT 255
#define RG_MATCH_PATH	108

enum rg_match_op {
	RG_M_TRUE,
	RG_M_CMP,   /* number at off; sub: 0 == 1 != 2 < 3 <= 4 > 5 >=; with imm[0] */
	RG_M_RANGE, /* imm[0] <= number <= imm[1] */
	RG_M_BITS,  /* number & imm[0]: sub 0 any, 1 all */
	RG_M_INTS,  /* number in set */
	RG_M_COMM,  /* (16 bytes at off & mask) == imm */
	RG_M_COMMS, /* 16 bytes at off in set */
	RG_M_PORT,  /* as RANGE, of the port of the rg_rec_addr at off */
	RG_M_PORTS, /* port in set */
	RG_M_ADDRS, /* IP address of the rg_rec_addr at off in set of prefixes */
	RG_M_PATHS, /* unix path of the socket (local if bound, else remote) in set */
	RG_M__COUNT
};

#define RG_MF_NEGATE (1u << 0) /* the outcome is turned around */
#define RG_MF_ABSENT (1u << 1) /* the outcome when the value is absent */
#define RG_MF_SIGNED (1u << 2)
#define RG_MF_BOOL   (1u << 3) /* the number counts as 0 or 1: imm[1] is the mask that makes it so */

struct rg_match_insn {
	__u8 op;    /* enum rg_match_op */
	__u8 flags; /* RG_MF_* */
	__u8 width; /* bytes of the number: 1, 2, 4, 8 */
	__u8 sub;
	__u8 jt, jf; /* next test, or RG_MATCH_ACCEPT, RG_MATCH_REJECT */
	__u16 off;   /* in struct rg_rec_msg */
	__u32 has;   /* bits of rg_rec_msg.has and RG_KNOWN_* of which all are set, else the test is true: the
			value may be found later */
	__u32 set;   /* which set */
	__u64 imm[2];
	__u64 mask[2];
};

struct rg_match_prog {
	__u32 n;    /* tests; 0: accept everything */
	__u32 need; /* RG_MN_*: which values it reads */
	__u32 at;   /* RG_MA_*: where it can reject */
	__u32 pad;
	struct rg_match_insn insn[RG_MATCH_INSNS];
};

/*
 * Groups of values beside those of rg_rec_msg.has (RG_HAS_SOCK: family, type, protocol, netns). pid, tid,
 * uid, gid and the numbers of namespaces are always known: nobody but the thread itself changes them.
 */
#define RG_KNOWN_TASK (1u << 29) /* comm, ppid, cgroup_id: others may change them while a call waits */
#define RG_KNOWN_ENDS (1u << 30) /* local, remote: with RG_HAS_SOCK */
#define RG_KNOWN_CALL (1u << 31) /* the receive is over: route, fd, ret, mflags, flags; the cookie */
#define RG_KNOWN_ALL  (RG_KNOWN_TASK | RG_KNOWN_ENDS | RG_KNOWN_CALL)

/* rg_match_prog.need: values that cost something to find out, and are left out when nobody asks */
#define RG_MN_PARENT (1u << 0) /* ppid, ns_ppid */
#define RG_MN_NS     (1u << 1) /* ns_* */
#define RG_MN_CGROUP (1u << 2)
#define RG_MN_COMM   (1u << 3)
#define RG_MN_SOCK   (1u << 4) /* RG_HAS_SOCK */
#define RG_MN_ENDS   (1u << 5) /* local, remote */
#define RG_MN_RET    (1u << 6) /* what exists only when the receive is over: ret, message credentials */

/* rg_match_prog.at: points of a message's way at which something can be rejected */
#define RG_MA_BEGIN (1u << 0) /* before the call waits: own numbers, RG_HAS_SOCK */
#define RG_MA_TASK  (1u << 1) /* a message is there: also RG_KNOWN_TASK; without the socket */
#define RG_MA_SOCK  (1u << 2) /* the same with the socket: RG_HAS_SOCK, RG_KNOWN_ENDS */
#define RG_MA_END   (1u << 3) /* RG_KNOWN_ALL, and what rec->has says */
#define RG_MA_ASKED (1u << 4) /* END can reject what SOCK has to accept */

/*
 * The test that every accepted message meets, when it is about the receiving thread alone: hooks ask it
 * before they look anything up. Constant once loaded.
 */
enum rg_front_kind { RG_FRONT_NONE, RG_FRONT_PID, RG_FRONT_TID, RG_FRONT_UID, RG_FRONT_GID, RG_FRONT_COMM };
struct rg_front {
	__u8 kind;  /* enum rg_front_kind */
	__u8 whole; /* it is all of the program */
	__u8 negate;
	__u8 pad;
	__u32 set;	       /* number or comm in this set; 0: by the values below */
	__u64 imm[2], mask[2]; /* imm[0] <= number <= imm[1]; (comm & mask) == imm */
};

/* Keys of the sets' maps; the values are one byte. set numbers start at 1. */
struct rg_match_int {
	__u32 set, pad;
	__u64 value;
};
struct rg_match_comm {
	__u32 set;
	char comm[RG_COMM_LEN]; /* zero-padded */
};
struct rg_match_path {
	__u32 set, len;
	__u8 path[RG_MATCH_PATH]; /* zero-padded; '@' first when abstract */
};
struct rg_match_addr {	 /* LPM trie */
	__u32 prefixlen; /* 64 + bits of the address */
	__u32 set;
	__u8 len, pad[3]; /* 4 or 16 */
	__u8 ip[16];
};

#ifndef __VMLINUX_H__
/* A program with its sets, as the policy compiler hands it to whoever loads it. Freed by rg_match_free. */
struct rg_match {
	struct rg_match_prog prog;
	struct rg_front front; /* of prog */
	bool exact; /* every test is in it; records that lack a part (rg_rec_msg.has) are accepted all the
		       same */
	const char *why; /* not exact, or accepts everything: one reason, a literal */
	__u64 fields[2]; /* bit per field of an event that is tested */
	struct rg_match_int *ints;
	struct rg_match_comm *comms;
	struct rg_match_path *paths;
	struct rg_match_addr *addrs;
	__u32 n_ints, n_comms, n_paths, n_addrs, n_sets;
};
#endif

_Static_assert(sizeof(struct rg_match_insn) == 48, "abi: rg_match_insn");
_Static_assert(sizeof(struct rg_match_int) == 16, "abi: rg_match_int");
_Static_assert(sizeof(struct rg_match_comm) == 20, "abi: rg_match_comm");
_Static_assert(sizeof(struct rg_match_path) == 116, "abi: rg_match_path");
_Static_assert(sizeof(struct rg_match_addr) == 28, "abi: rg_match_addr");

#endif
