/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
#ifndef RECVGUARD_ABI_ENFORCE_H
#define RECVGUARD_ABI_ENFORCE_H

/*
 * Policies as the kernel evaluates them (docs/enforce.md, "How rules are matched").
 *
 * A rule is a list of clauses (alternatives), each of which is a number of demands, one per dimension: who,
 * which socket, how large. Every clause is one bit. For each dimension one look-up of the value at hand gives
 * a row: the bits of the clauses whose demand on this dimension that value meets. The AND of the rows is the
 * set of clauses that match; the lowest bit is the first rule in order. So the cost does not grow with the
 * number of rules, but with the number of dimensions that are used at all.
 *
 * Written by src/policy/lower/tables.c, read by bpf/lib/enf_match.h; the rows are the reference evaluator's
 * own answers, tabulated.
 *
 * Two generations stand side by side in the same maps: a new policy is written beside the old one, and one
 * word (rg_enf_ctl.gen) makes it hold.
 */

#ifndef __VMLINUX_H__
#include <linux/types.h>
#endif

#include "record.h"

#define RG_ENF_ABI 7

/* When a clause is decided. */
enum rg_enf_stage {
	RG_ST_QUEUE, /* a datagram is about to be queued at the socket */
	RG_ST_RECV,  /* a process is about to receive, before it waits */
	RG_ST_FILE,  /* a passed descriptor is about to be installed */
	RG_ST__COUNT
};
#define RG_ENF_SETS	       8 /* generation * 4 + stage */
#define RG_ENF_SET(gen, stage) ((gen)*4 + (stage))
#define RG_ENF_GEN(set)	       ((set) >> 2 & 1)
#define RG_ENF_WORDS	       32
#define RG_ENF_BITS	       (RG_ENF_WORDS * 64)
#define RG_ENF_ROWS	       4096 /* of each generation */
#define RG_ENF_RULES	       1024 /* of each generation */
#define RG_ENF_KEYS	       (256 * 1024)
#define RG_ENF_CODE	       2048 /* instructions of content programs, of each generation */
#define RG_ENF_PATH	       112
#define RG_ENF_LENS	       4
#define RG_ENF_TEMPORARY       96 /* clauses after which evaluation goes on (log, content) */
#define RG_ENF_EVENTS_RING     (1u << 20)

/* The dimensions, in the order in which they are looked up. */
enum rg_enf_dim {
	RG_D_PID,
	RG_D_TID,
	RG_D_PPID,
	RG_D_UID,
	RG_D_GID,
	RG_D_COMM,   /* 16 bytes, zero-padded */
	RG_D_CGROUP, /* the group itself */
	RG_D_TREE,   /* 1: below the process that --tree named */
	RG_D_CGTREE, /* an ancestor of the group: four levels (rg_enf_set.level) */
	RG_D_CGTREE1,
	RG_D_CGTREE2,
	RG_D_CGTREE3,
	RG_D_MNTNS,
	RG_D_PIDNS,
	RG_D_EXE, /* inode, device */
	RG_D_COMPAT,
	RG_D_FLAGS,
	RG_D_FAMILY,
	RG_D_TYPE,
	RG_D_PROTOCOL,
	RG_D_COOKIE,
	RG_D_NETNS,
	RG_D_LPORT,
	RG_D_RPORT,
	RG_D_LADDR4,
	RG_D_LADDR6,
	RG_D_RADDR4,
	RG_D_RADDR6,
	RG_D_PATH,
	RG_D_SIZE,
	RG_D_FDS,
	RG_D_SPID,
	RG_D_SUID,
	RG_D_SGID,
	RG_D_SADDR4,
	RG_D_SADDR6,
	RG_D_SPORT,
	RG_D_KIND,
	RG_D_INO,
	RG_D_DEV,
	RG_D_RDEV,
	RG_D_MODE,
	RG_D_FSIZE,
	RG_D_FFLAGS,
	RG_D__COUNT
};
#define RG_D_BIT(d)	(1ull << (d))
#define RG_ENF_USED_MAX 12 /* dimensions that one set may use */

/* How one dimension of one set is looked up. */
struct rg_enf_dimension {
	__u32 dflt;   /* row of every value without an entry */
	__u32 absent; /* row when there is no such value */
	__u8 n_masks; /* hash look-ups, one per mask, the first that finds something counts; 0: the LPM trie
		       */
	__u8 pad[7];
	__u64 mask[RG_ENF_LENS][2];
};

#define RG_BATCH_UNIX (1u << 0)
#define RG_BATCH_INET (1u << 1)

struct rg_enf_set {
	__u64 need;	    /* RG_D_BIT of the dimensions used; 0 and sum 0: nothing is ever decided */
	__u32 sum;	    /* words in use: bit w, clauses 64w ... 64w + 63 */
	__u32 content;	    /* some clauses have content programs */
	__u32 level[4];	    /* RG_D_CGTREE: ancestor levels */
	__u32 refuse_batch; /* RG_BATCH_*: on such sockets recvmmsg for more than one message is refused: what
			       its rules test can change between them */
	__u32 streams;	    /* some restricting rule can apply to stream sockets (splice, zero-copy) */
	__u32 rings;	    /* the same: to packet and XDP sockets */
	__u32 redirects;    /* the same: to unix and IP sockets, and by what the socket is */
	__u32 any;	    /* row: clauses that refuse on some socket; that allow on whatever socket */
	__u32 pad;
	struct rg_enf_dimension dim[RG_D__COUNT];
};

struct rg_enf_row {
	__u32 sum; /* bit w: word w is not 0 */
	__u32 pad;
	__u64 w[RG_ENF_WORDS];
};

/* rg_enf_clause.flags */
#define RG_CL_AUDIT (1u << 0)
#define RG_CL_LOG   (1u << 1)

struct rg_enf_clause {
	__u16 rule;  /* index in the rules' map, of its generation */
	__u8 action; /* enum rg_action */
	__u8 flags;
	__u16 err_no;
	__u16 code[2], code_n[2]; /* content programs: unix, UDP; code_n 0: no test of content */
	__u16 next_word;	  /* where the next policy's clauses begin */
};

struct rg_enf_rule {
	char policy[64];
	char rule[64];
};

/* Keys. Numbers are written high byte first. */
struct rg_enf_key {
	__u8 set, dim, mask, pad[5];
	__u64 v[2];
};
struct rg_enf_lpm {
	__u32 prefixlen; /* 32 + bits */
	__u8 set, dim, pad[2];
	__u8 v[16];
};
struct rg_enf_path {	 /* of the trie; of the hash, where prefixlen is always RG_ENF_PATH_WHOLE */
	__u32 prefixlen; /* 32 + bits */
	__u8 set, pad[3];
	__u8 path[RG_ENF_PATH]; /* zero-padded; '@' first when abstract */
};
#define RG_ENF_PATH_WHOLE (32 + 8 * RG_ENF_PATH)

struct rg_enf_code { /* struct sock_filter */
	__u16 code;
	__u8 jt, jf;
	__u32 k;
};

/*
 * The short way (bpf/lib/enf_front.h): before anything is looked up, a few cheap values are hashed into a
 * table. When none of them is flagged, the rows that they stand for have no clause in common, and the receive
 * is let through. A flag too many costs the long way, never a verdict.
 */
#define RG_FRONT_FLAGS 65536
/* Ports as they stand; the rest by one multiplier (odd) for each dimension: of what has no more than 32 bits,
 * those, else all 64. Ports and addresses are hashed as a socket has them, high byte first. */
#define RG_FRONT_IS_PORT(dim) ((dim) == RG_D_RPORT || (dim) == RG_D_LPORT)
#define RG_FRONT_IS_WIDE(dim) \
	((dim) == RG_D_COMM || (dim) == RG_D_PATH || (dim) == RG_D_CGROUP || (dim) == RG_D_EXE)
#define RG_FRONT_HASH(dim, v)                                                                          \
	(RG_FRONT_IS_PORT(dim) ? (__u16)(v)                                                            \
	 : RG_FRONT_IS_WIDE(dim)                                                                       \
		 ? (__u32)((__u64)(v) * (0x9e3779b97f4a7c15ull + 0x632be59bd9b4e01aull * (dim)) >> 48) \
		 : (__u32)(v) * (0x9e3779b1u + 0x632be59au * (dim)) >> 16)
#define RG_FRONT_FAMILIES 64 /* families modulo this */
/* What is asked about a socket of one family. The ones with a name are RG_FW_ANY of that dimension, asked
 * sooner. */
enum rg_front_way {
	RG_FW_LONG,   /* nothing helps: the tables */
	RG_FW_PASS,   /* nothing: no clause can hold */
	RG_FW_RPORT,  /* the remote port, and whether it is a batch */
	RG_FW_RADDR4, /* the remote IPv4 address, and whether it is a batch */
	RG_FW_ANY     /* rg_enf_front.dims */
};
#define RG_FRONT_BATCH \
	(1ull << 63)	     /* of dims: a batch takes the long way, as what is hashed can change in it */
#define RG_FRONT_PATH_MIN 10 /* an address no shorter has eight bytes of path; others are looked up */
#define RG_FRONT_GEN	  0x20000 /* size of what follows: one bit, so that it tells the generation in now */
struct rg_enf_front {
	__u32 now, unused;	       /* of the first alone: RG_FRONT_NOW; 0: none holds */
	__u64 comm;		       /* of a command's first eight bytes, those that count */
	__u64 path;		       /* the same of a path; what is hashed is those and, if */
	__u32 path_len;		       /* this is all ones, the length of the address (struct unix_address) */
	__u32 raddr;		       /* of the remote address's bits, those that count, high byte first */
	__u64 dims[RG_FRONT_FAMILIES]; /* RG_D_BIT of what must not be flagged */
	__u8 way[RG_FRONT_FAMILIES];   /* enum rg_front_way */
	__u8 flag[RG_FRONT_FLAGS];
	__u8 pad[RG_FRONT_GEN - RG_FRONT_FLAGS - 32 - 9 * RG_FRONT_FAMILIES];
};
/* Which generation holds, and what is asked (only): one dimension of the receiver's, plus one; or one of
 * these. As signed numbers, so that each is told by one comparison. */
#define RG_FRONT_NOW(gen, only) (2u | (gen) * (__u32)RG_FRONT_GEN | (__u32)(only) << 24)
#define RG_FRONT_SOME		0x40u /* what the socket's family says */
#define RG_FRONT_PATH \
	0x80u /* the path of unix sockets: rules name whole ones, of RG_FRONT_PATH_MIN at least */
struct rg_enf_fronts {
	struct rg_enf_front gen[2];
};
_Static_assert(sizeof(struct rg_enf_front) == RG_FRONT_GEN, "abi: rg_enf_front");
_Static_assert(RG_D__COUNT < RG_FRONT_SOME, "abi: rg_enf_front.now");

/* Up to home, members keep their places in every version (since 4): another one's filters can be stopped. */
struct rg_enf_ctl {
	__u32 abi; /* RG_ENF_ABI */
	__u32 gen; /* 0 or 1 */
	__u32 on;  /* 0: everything is allowed */
	__u32 audit;
	__u64 deadline;	  /* CLOCK_BOOTTIME ns after which everything is allowed; 0 none */
	__u32 self;	  /* who loaded and reads: never checked */
	__u32 backend;	  /* enum rg_enf_backend */
	__u64 self_start; /* of it, so that no later process of that number is: learned from a receive of
			     probe's */
	__u64 loaded;	  /* CLOCK_REALTIME ns of the last change */
	__u64 revision;	  /* of the policy: counted up by each change */
	__u32 probe;	  /* thread whose receives are counted in rg_enf_counts.probe, and not checked */
	__u32 home;	  /* hash of the folder where it is pinned: socket filters outlive the pins */
	/* RG_EB_CGROUP: unix sockets with our filter, and sockets left without, when it was loaded */
	__u32 filters, bare;
	char group[256]; /* the control group's folder */
	__u64 home_fs;	 /* st_dev of home: another file system has another under the same path */
	__u64 home_ino;	 /* its st_ino: a bind mount gives it another path */
	char scope[256]; /* to whom the policies were narrowed; for people */
	__u32 tree;	 /* --tree's process, 0 none, and when it started (clock ticks since boot) */
	__u32 pad;
	__u64 tree_start;
};
/* In the values of enf_tree and enf_kin: for whose rules the process is one of --tree's. */
#define RG_TREE_BIT(gen) (1u << (gen))

/* Who may change what is pinned (bpf/hooks/guard.bpf.c). */
struct rg_enf_exe { /* an executable by its folder and its name: an upgrade has the same */
	__u64 dir_ino;
	__u32 dir_dev, pad; /* as the kernel has it */
	char name[64];
};
struct rg_enf_guard {
	__u32 on;
	__u32 learn; /* thread whose programs and maps are ours, and whose executable is to be written here */
	__u64 deadline; /* as in rg_enf_ctl */
	__u64 pins_ino;
	__u32 pins_dev; /* as the kernel has it */
	__u32 mntns[2]; /* mount namespaces: the first process's, the loader's */
	__u32 pad;
	struct rg_enf_exe exe;
};

/* CGROUP: cgroup ingress and socket filters */
enum rg_enf_backend { RG_EB_NONE, RG_EB_LSM, RG_EB_FMOD_RET, RG_EB_CGROUP };

enum rg_enf_count {
	RG_EC_PROBE,
	RG_EC_CHECKED,
	RG_EC_DENIED,
	RG_EC_KILLED,
	RG_EC_DROPPED,
	RG_EC_STRIPPED,
	RG_EC_AUDITED,
	RG_EC_LOGGED,
	RG_EC_LOST,
	RG_EC_UNFOLLOWED, /* children of --tree that are not followed, as the policies only report */
	RG_EC_UNFORKED,	  /* forks below --tree that were refused: enf_kin had no room */
	RG_EC__COUNT
};

/* Kinds of descriptors: the numbers of enum rg_fdkind (recvguard/event.h), which cannot be included beside
 * vmlinux.h; src/pipeline/enforce.c asserts that they agree. */
enum rg_enf_kind {
	RG_EK_UNKNOWN,
	RG_EK_FILE,
	RG_EK_DIRECTORY,
	RG_EK_CHARDEV,
	RG_EK_BLOCKDEV,
	RG_EK_SYMLINK,
	RG_EK_FIFO,
	RG_EK_PIPE,
	RG_EK_SOCKET,
	RG_EK_MEMFD,
	RG_EK_EVENTFD,
	RG_EK_EVENTPOLL,
	RG_EK_TIMERFD,
	RG_EK_SIGNALFD,
	RG_EK_INOTIFY,
	RG_EK_FANOTIFY,
	RG_EK_PIDFD,
	RG_EK_IO_URING,
	RG_EK_USERFAULTFD,
	RG_EK_BPF,
	RG_EK_PERF_EVENT,
	RG_EK_DMABUF,
	RG_EK_SYNC_FILE,
	RG_EK_NAMESPACE,
	RG_EK_SECCOMP,
	RG_EK_KVM,
	RG_EK_ANON,
};

/* Which hook spoke. */
enum rg_enf_hook {
	RG_EH_RECVMSG,
	RG_EH_READ,
	RG_EH_ZEROCOPY,
	RG_EH_QUEUE,
	RG_EH_FILE,
	/* what would let messages pass unasked is about to be set up */
	RG_EH_RING,
	RG_EH_ZCRX,
	RG_EH_REDIRECT
};
/* Why, when it was not simply the rule. */
enum rg_enf_why { RG_EW_RULE, RG_EW_BATCH, RG_EW_UNKNOWN };

/* One verdict. m.h.type RG_REC_MSG: the message as far as the hook knows it. */
struct rg_enf_event {
	__u64 revision;
	__u32 abi;
	__u16 rule;
	__u8 action, hook;
	__u16 err_no;
	__u8 audit, why;
	__u8 gen, pad[3];
	__u32 n_files, f_flags;
	/* RG_EH_FILE: the descriptor's file */
	__u64 f_ino, f_size;
	__u32 f_mode, f_dev, f_rdev, f_has; /* f_has: RG_FILE_INTERNAL */
	__u64 f_magic;
	char f_name[32];
	struct rg_enf_rule name;
	/* RG_EH_QUEUE of inet: where it came from */
	struct rg_rec_addr from;
	struct rg_rec_msg m;
};

_Static_assert(sizeof(struct rg_enf_key) == 24, "abi: rg_enf_key");
_Static_assert(sizeof(struct rg_enf_lpm) == 24, "abi: rg_enf_lpm");
_Static_assert(sizeof(struct rg_enf_path) == 120, "abi: rg_enf_path");
_Static_assert(sizeof(struct rg_enf_clause) == 16, "abi: rg_enf_clause");
_Static_assert(sizeof(struct rg_enf_row) == 264, "abi: rg_enf_row");
_Static_assert(__builtin_offsetof(struct rg_enf_event, m) % 8 == 0, "abi: rg_enf_event");

#endif
