/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
#ifndef RECVGUARD_ABI_RECORD_H
#define RECVGUARD_ABI_RECORD_H

/*
 * What crosses the kernel line in the ring buffer. Included by bpf/ and by user space; only fixed-width
 * types, natural alignment, no implicit padding; offsets asserted below, on both sides, by the same lines.
 *
 * One received message is one rg_rec_msg (from its member h on), preceded by any number of parts with the
 * same msg_no and tid: rg_rec_data (payload beyond what rg_rec_msg holds itself) and rg_rec_file (one passed
 * descriptor each). Parts come before their message because they are written as the kernel copies; a part
 * whose message never comes (filtered out at the end, or lost) is dropped by the reader at the next message
 * of that tid. The record's own claims (n_files, data_total) tell the reader when parts are missing.
 */

#ifndef __VMLINUX_H__
#include <linux/types.h>
#ifndef _Static_assert
#include <assert.h>
#endif
#include <stddef.h>
#endif

#define RG_ABI_VERSION 2

#define RG_COMM_LEN 16
#define RG_NAME_MAX 128 /* sockaddr_storage */
/* The two below bound the state a thread has in the kernel: 7.x gives task storage at most 8 KiB an element.
 */
#define RG_CONTROL_MAX 2048 /* control bytes kept; a longer one is marked cut */
#define RG_INLINE_DATA 2048 /* payload kept in rg_rec_msg itself; more comes as rg_rec_data */
#define RG_PART_DATA   (32 * 1024)
#define RG_PATH_MAX    1024
#define RG_IOV_KEPT    16
#define RG_UTS_LEN     64

enum rg_rec_type { RG_REC_MSG = 1, RG_REC_DATA = 2, RG_REC_FILE = 3, RG_REC_PROC = 4, RG_REC_META = 5 };

struct rg_rec_hdr {
	__u16 type;    /* enum rg_rec_type */
	__u16 version; /* RG_ABI_VERSION */
	__u32 len;     /* bytes of this record that are filled, header included */
	__u64 msg_no;  /* number of the message among those of its thread: joins parts and message */
	__u32 tid;     /* initial pid namespace */
	__u32 cpu;
};

/* rg_rec_msg.has: which groups of values were obtained */
#define RG_HAS_SOCK	  (1u << 0)
#define RG_HAS_PEER	  (1u << 1)  /* unix: peer_* of the connection */
#define RG_HAS_CRED	  (1u << 2)  /* cred_*: the message's own credentials (skb) */
#define RG_HAS_MSGHDR	  (1u << 3)  /* out_flags, namelen, controllen from the kernel's msghdr: K */
#define RG_HAS_UMSGHDR	  (1u << 4)  /* the same, read back from user memory: U, TOCTOU */
#define RG_HAS_NAME	  (1u << 5)  /* name bytes from the kernel: K */
#define RG_HAS_UNAME	  (1u << 6)  /* name bytes from user memory: U, TOCTOU */
#define RG_HAS_CONTROL	  (1u << 7)  /* control bytes captured as the kernel wrote them (put_cmsg): K */
#define RG_HAS_UCONTROL	  (1u << 8)  /* control bytes read from user memory: U, TOCTOU */
#define RG_HAS_DATA	  (1u << 9)  /* payload from skb: K */
#define RG_HAS_UDATA	  (1u << 10) /* payload from user memory: U, TOCTOU */
#define RG_HAS_ENTRY	  (1u << 11) /* ts_entry is set: duration is known */
#define RG_HAS_IOV	  (1u << 12) /* iov[] */
#define RG_HAS_MSGLEN	  (1u << 13) /* msg_len: the message's full length from the skb */
#define RG_HAS_FILES	  (1u << 14) /* n_files counts what was attached to the skb: K */
#define RG_HAS_IOV_K	  (1u << 15) /* iov[] is the kernel's copy: K, else U */
#define RG_HAS_SENDER	  (1u << 16) /* sender is the peer socket's owner found by the send side (msg_id) */
#define RG_HAS_FLAGS	  (1u << 17) /* flags (as given) */
#define RG_HAS_KERNEL	  (1u << 19) /* the kernel itself sent it (netlink) */
#define RG_HAS_CONTROLLEN (1u << 18) /* controllen is the kernel's word: K */

/* rg_rec_msg.cut: what was there and did not fit or could not be read */
#define RG_CUT_DATA    (1u << 0) /* payload: by snaplen */
#define RG_CUT_CONTROL (1u << 1) /* control: longer than RG_CONTROL_MAX */
#define RG_CUT_FILES   (1u << 2)
#define RG_CUT_FAULT   (1u << 3) /* user memory could not be read (paged out or unmapped) */
#define RG_CUT_PART    (1u << 4) /* a part could not be reserved */

/* rg_rec_msg.mflags */
#define RG_MF_SEND    (1u << 0)
#define RG_MF_PEEK    (1u << 1)
#define RG_MF_COMPAT  (1u << 2) /* the call came by the i386 entry */
#define RG_MF_URING   (1u << 3)
#define RG_MF_KTHREAD (1u << 4)

/* A socket's end point: raw sockaddr as the kernel keeps it. */
struct rg_rec_addr {
	__u16 len; /* bytes of sa[] that are filled, 0: none (unnamed) */
	__u16 pad[3];
	__u8 sa[RG_NAME_MAX]; /* struct sockaddr_* */
};

struct rg_rec_iov {
	__u64 base;
	__u64 len;
};

/*
 * A message as the kernel side puts it together and as match programs see it (abi/match.h). What is sent
 * begins with h; of the members before it, which are large and seldom used whole, only what is filled is
 * sent, in the tail.
 */
struct rg_rec_msg {
	struct rg_rec_addr local, remote;
	struct rg_rec_iov iov[RG_IOV_KEPT];
	char uts[RG_UTS_LEN]; /* nodename of the UTS namespace */
	struct rg_rec_hdr h;
	/* when */
	__u64 ts;	/* CLOCK_MONOTONIC ns (bpf_ktime_get_ns) at delivery */
	__u64 ts_entry; /* the same at entry, when RG_HAS_ENTRY */
	__u64 wait_ns;	/* asleep between entry and delivery, when RG_HAS_ENTRY; ~0 unknown */
	/* who */
	__u32 pid, ppid, uid, gid;
	__u32 ns_pid, ns_tid, ns_ppid, ns_mnt;
	__u32 ns_pidns, exe_dev; /* dev_t as the kernel keeps it (major << 20 | minor) */
	__u64 exe_ino;
	__u64 cgroup_id;
	__u64 start;	    /* CLOCK_BOOTTIME ns: task->start_boottime */
	__u64 leader_start; /* of the thread group leader */
	__u64 parent_start;
	char comm[RG_COMM_LEN];
	/* route */
	__u16 route;	  /* enum rg_route (include/recvguard/routes.def) */
	__u16 mflags;	  /* RG_MF_* */
	__s32 fd;	  /* -1 unknown */
	__s32 syscall_nr; /* as in the registers, -1 none (io_uring worker) */
	__u32 batch;	  /* index in a recvmmsg or sendmmsg call */
	__s64 ret;	  /* bytes or negative errno */
	/* what was asked and answered */
	__u32 has;   /* RG_HAS_* */
	__u32 cut;   /* RG_CUT_* */
	__u32 flags; /* as given */
	__u32 out_flags;
	__u64 user_msg;	     /* the pointer argument: struct msghdr *, mmsghdr * or buffer */
	__u64 controllen;    /* as returned */
	__u64 control_given; /* room given */
	__u32 namelen;	     /* as returned */
	__u32 msg_len;	     /* full length of the message when RG_HAS_MSGLEN */
	__u64 data_total;    /* payload bytes delivered (before snaplen) */
	__u32 n_iov;	     /* iovecs given; at most RG_IOV_KEPT are kept */
	__u32 n_files;	     /* descriptors attached to the message */
	/* socket */
	__u64 cookie;
	__u64 sock_ino;
	__u32 netns;
	__u16 family, type, protocol, sk_state;
	__u32 seq;	   /* of this socket and direction */
	__u64 peer_cookie; /* unix: the connected socket, 0 none */
	__u64 msg_id;	   /* 0 none */
	__u64 send_ts; /* on a receipt: when the send with this msg_id was over, as ts; 0 unknown or not yet
			*/
	/* sender: the message's own credentials (RG_HAS_CRED), in the initial namespaces */
	__u32 cred_pid, cred_uid, cred_gid;
	/* sender: peer at connect time (RG_HAS_PEER) */
	__u32 peer_pid, peer_uid, peer_gid;
	char peer_comm[RG_COMM_LEN]; /* of the sender as told by the first of cred, peer; empty when unknown
				      */
	/* The tail: data, name, control, local, remote, iov, uts, in this order, each padded to 8 bytes. Of
	 * the last four there may be fewer bytes than the members have. */
	__u32 data_len, name_len, control_len;
	__u16 local_len, remote_len, iov_len, uts_len;
	__u32 pad0;
	/* the tail follows: in the kernel at most RG_TAIL_MAX bytes */
};

/* Bytes of rg_rec_msg that are not sent, and that are. */
#define RG_MSG_HEAD  __builtin_offsetof(struct rg_rec_msg, h)
#define RG_MSG_FIXED (sizeof(struct rg_rec_msg) - RG_MSG_HEAD)

#define RG_TAIL_SECTIONS (RG_NAME_MAX + RG_CONTROL_MAX + RG_INLINE_DATA) /* data, name, control */
#define RG_TAIL_MAX	 (RG_TAIL_SECTIONS + 2 * RG_NAME_MAX + 16 * RG_IOV_KEPT + RG_UTS_LEN)
#define RG_PAD8(n)	 (((n) + 7u) & ~7u)

/* More payload of a message: bytes [offset, offset + len). */
struct rg_rec_data {
	struct rg_rec_hdr h;
	__u64 offset;
	__u32 len;
	__u32 pad;
	__u8 bytes[];
};

/* One passed descriptor: the file, read while it was still attached to the message. */
#define RG_FILE_HAS_PATH (1u << 0)
#define RG_FILE_HAS_SOCK (1u << 1)
#define RG_FILE_PATH_CUT (1u << 2)
#define RG_FILE_INTERNAL (1u << 3) /* on a file system of the kernel's own (SB_KERNMOUNT), as a memfd is */
struct rg_rec_file {
	struct rg_rec_hdr h;
	__u32 index; /* among the message's descriptors */
	__s32 fd;  /* the receiver's number where the hook knows it, else -1: then from the control message */
	__u32 has; /* RG_FILE_HAS_* */
	__u32 f_flags; /* O_* */
	__u32 f_mode;  /* FMODE_* of the kernel */
	__u32 i_mode;  /* S_IF* and permissions */
	__u64 ino;
	__u32 dev;	/* as the kernel keeps it (major << 20 | minor) */
	__u32 rdev;	/* of device nodes */
	__u64 sb_magic; /* super block magic (linux/magic.h): tells pipe, socket, dma-buf, pidfd */
	__u64 size;
	__u32 seals;	 /* memfd: F_SEAL_*, ~0 unknown */
	__u32 pidfd_pid; /* pidfd: the process, 0 unknown */
	/* sockets */
	__u64 cookie;
	__u16 family, type, protocol, sk_state;
	struct rg_rec_addr local, remote;
	/* path: components from the file up to its root, each NUL-terminated, the file's own name first; for
	 * anonymous files the one name the kernel gives ("[eventpoll]", "memfd:name") */
	__u32 path_len;
	__u32 pad;
	char path[RG_PATH_MAX];
};

/* The executable of a process, written before the first message of each of its threads and again after exec.
 */
struct rg_rec_proc {
	struct rg_rec_hdr h;
	__u32 pid, exe_dev;
	__u64 exe_ino;
	__u32 has; /* RG_FILE_HAS_PATH, RG_FILE_PATH_CUT */
	__u32 path_len;
	char path[RG_PATH_MAX]; /* as rg_rec_file's */
};

/*
 * --metadata: who received how much on which socket, and no more (bpf/lib/meta.h). Its members mean what
 * rg_rec_msg's of the same names do. No parts come before it, and msg_no is 0.
 */
struct rg_rec_meta {
	struct rg_rec_hdr h;
	__u64 ts;
	__s64 ret;
	__u32 pid, ppid, uid, gid;
	__u64 start, leader_start, parent_start;
	__u64 cgroup_id;
	__u64 exe_ino;
	__u32 exe_dev, netns;
	char comm[RG_COMM_LEN];
	__u64 cookie, sock_ino;
	__u64 user_msg;
	__u32 flags;
	__s32 fd;
	__u16 route, mflags;
	__u16 has_flags; /* flags (as given) are known */
	__u16 family, type, protocol;
	__u16 local_len, remote_len; /* of the ends, in two slots that follow: 0 none */
};
/* Bytes of a slot: where no end is the name of a unix socket, and where one is. */
#define RG_META_SHORT 32
#define RG_META_LONG  112

/* Counters of what the kernel side could not record, per CPU: index = enum rg_loss (public event.h). */
#define RG_LOSS_SLOTS 8

_Static_assert(sizeof(struct rg_rec_hdr) == 24, "abi: rg_rec_hdr");
_Static_assert(__builtin_offsetof(struct rg_rec_msg, comm) - RG_MSG_HEAD == 128, "abi: comm");
_Static_assert(__builtin_offsetof(struct rg_rec_msg, has) - RG_MSG_HEAD == 168, "abi: has");
_Static_assert(__builtin_offsetof(struct rg_rec_msg, cookie) - RG_MSG_HEAD == 232, "abi: cookie");
_Static_assert(RG_MSG_HEAD == 592 && RG_MSG_FIXED == 352, "abi: head, fixed part");
_Static_assert(sizeof(struct rg_rec_msg) % 8 == 0, "abi: tail");
_Static_assert(sizeof(struct rg_rec_meta) == 168, "abi: rg_rec_meta");
_Static_assert(__builtin_offsetof(struct rg_rec_meta, comm) == 104, "abi: meta comm");
_Static_assert(__builtin_offsetof(struct rg_rec_meta, route) == 152, "abi: meta route");
_Static_assert(__builtin_offsetof(struct rg_rec_file, path) % 8 == 0, "abi: file path");

#endif
