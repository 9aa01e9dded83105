/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RG_BPF_TRAMP_STATE_H
#define RG_BPF_TRAMP_STATE_H

/* What the trampoline tier keeps of a receive between its beginning and its end. */

/* The function that is being watched from its entry to its exit. */
enum { RG_IN_NONE, RG_IN_RECVMSG, RG_IN_SOCK_RECVMSG, RG_IN_SPLICE };

enum { RG_TF_UNASKED, RG_TF_WANTED, RG_TF_LEFT_OUT };

#define RG_TRAMP_NAME_ROOM 128 /* = RG_NAME_MAX */

#ifdef RG_FPROBE
/* Arguments of the function that is being watched, as numbers: for its end (held.h). */
struct rg_kept {
	__u64 sock, msg, user_msg;
	__u32 flags;
};
#endif

struct rg_tramp {
#ifdef RG_FPROBE
	struct rg_kept kept;
#endif
	__u64 sk;	     /* of the receive under way, as a number */
	__u64 control;	     /* where the caller's control buffer begins */
	__u64 control_given; /* its room */
	__u32 controls;	     /* bytes of it that the kernel filled, as collected in tail[RG_AT_CONTROL] */
	__u32 control_lost;  /* not all were collected */
	__u32 n_iov;
	__u32 name_len, namelen;      /* bytes kept, length reported */
	__u16 in;		      /* RG_IN_* */
	__u16 uring_route;	      /* io_uring operation under way, 0 none */
	__u32 uring_asked;	      /* and the flags that its request gave */
	__u32 detach_fds;	      /* descriptors installed by the scm_detach_fds under way */
	__u8 detaching, detach_head;  /* bytes of the cmsg header before them */
	__u16 family, type, protocol; /* of sk */
	__u16 filter;		      /* RG_TF_*: what the filter said of this message */
	__u8 name[RG_TRAMP_NAME_ROOM];
};

#endif
