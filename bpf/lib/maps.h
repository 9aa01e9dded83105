/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RG_BPF_MAPS_H
#define RG_BPF_MAPS_H

#include "common.h"
#include "tramp_state.h"

/* Room for a record's tail; a power of two above RG_TAIL_MAX, so that offsets can be bounded by a mask. */
#define RG_TAIL_ROOM 8192
/* What of it there is: offsets stay below the half, RG_CONTROL_MAX bytes may follow; the control messages
 * collected by the trampoline tier stand behind data and name. */
#define RG_TAIL_SIZE 6272
#define RG_STATE_MAX \
	8000 /* since 6.19 ("bpf: Always use kmalloc_nolock for local storage") 8 KiB with its head */

/* A walk through the caller's buffers (finish.h). */
struct rg_walk {
	__u64 limit; /* of the payload, what snaplen wants */
	__u64 pos;   /* bytes taken */
	__u64 in;    /* of them, of the current buffer */
	__u32 iov, failed;
};

/* Whose numbers in a deep pid namespace the record holds (task.h). */
struct rg_who {
	__u64 start, parent_start;
	__u32 tid, ppid;
};

/* What is taken of the kernel's msghdr (stack.h). */
struct rg_kmsg {
	__u64 name, control, controllen, iov_offset, count, ubuf, iocb;
	__u32 namelen, flags, nr_segs;
	bool single; /* one buffer: ubuf is its start */
};
#define RG_MSGHDR_ROOM 160

/* Which call the thread is in (call.h). */
struct rg_call {
	__s32 nr;
	__u16 route;
	bool compat;
	bool has_flags;
	bool is_msg; /* msg points to a msghdr (or the first of several), else to a buffer or iovec */
	__s32 fd;
	__u32 flags;
	__u64 msg;
	__u64 len; /* iovlen, vlen or buffer length */
};

/* A walk up the names of a path (files.h). */
struct rg_up {
	struct dentry *d;
	struct mount *m;
	__u32 pos, has;
};

/* A walk through the pieces of a buffer (frags.h). */
struct rg_frags {
	__u64 head, frags, next; /* linear bytes, page fragments, next buffer of the list */
	__u64 vmemmap, direct, pos;
	__u32 head_len, n_frags, at; /* at: 0 the linear part, then the fragments */
	__u32 off, want, tid, tgid, cpu, page_size;
};

/*
 * What is known of the message a thread is receiving: collected by the hooks in the order in which they fire,
 * written out by the last one. Per task, because a program may be preempted between hooks and per-CPU memory
 * would then be another task's (falco 3955).
 */
struct rg_state {
	__u64 msg_no;	/* messages finished by this thread */
	__u64 skb_len;	/* payload bytes the kernel has copied since the last message */
	__u32 skb_data; /* of them, bytes kept in tail[] */
	__u32 skb_msg_len;
	__u32 n_files;
	__u32 has, cut; /* RG_HAS_*, RG_CUT_* collected so far */
	__u32 cred_pid, cred_uid, cred_gid;
	char cred_comm[RG_COMM_LEN];
	__u64 ts_entry; /* 0: not in a call, or entries are not watched */
	__u64 ts_off, wait_ns;
	__u64 sender_cookie; /* unix: the socket that sent the buffer, 0 unknown */
	__u64 sender_sk;     /* its address, 0 unknown */
	__u64 sender_peer;   /* address of the socket it is connected to */
	__u32 in_call;	     /* entries are watched: within a call of ours */
	__u32 emitted; /* messages written since entry: an error then was reported by the socket's hook */
	__u32 exe_dev; /* of the executable whose path was written */
	__u32 pending; /* the record waits for what the call writes back (exit.h) */
	__u64 exe_ino;
	__u32 batch;   /* messages of the running call, while exits are watched */
	__u32 sel_pid; /* its process was found in sel_pids: it stays there as long as this thread lives */
	__u32 outside; /* the thread is not selected: its messages are counted (flow.h), not told */
	__u64 udp_sk, udp_sent; /* flow.h: socket and id of the datagram this thread sent last */
	__u64 udp_id, udp_ts;	/* of the datagram that is being received, 0 unknown */
	__u64 scratch;		/* rg_number */
	struct rg_who who;
	struct rg_tramp tr;
#ifdef RG_LEGACY
	struct rg_call call;
	struct rg_up up;
	struct rg_frags frags;
#endif
	struct rg_walk walk;
	/* Here and not on the BPF stack: of that, programs and what they call share 512 bytes (until 6.13,
	 * "bpf: Support private stack for bpf progs"). */
	struct rg_kmsg kmsg;
	char kmsg_raw[RG_MSGHDR_ROOM];
	struct rg_rec_msg rec;
	__u8 tail[RG_TAIL_SIZE];
};
#ifndef RG_LEGACY
_Static_assert(sizeof(struct rg_state) <= RG_STATE_MAX, "task storage");
#endif

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 64 << 20); /* replaced by --ring before load */
} ring SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__type(key, struct rg_loss_key);
	__type(value, __u64);
} losses SEC(".maps");

/* Losses that found no room in `losses`. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, RG_LOSS_SLOTS);
	__type(key, __u32);
	__type(value, __u64);
} losses_rest SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 65536);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u32); /* tgid */
	__type(value, __u8);
} sel_pids SEC(".maps");

/* Who is in sel_pids, by process ids folded, so that a load tells: 0: none of these; a process id: this one
 * is, of the others one does not know. Set before a process is added; as it ends its own number is replaced
 * by RG_SEL_SOME, before it leaves sel_pids. A number that another took the place of, or that lost a race for
 * it, is looked up. A section of its own, which user space finds by its name. */
__u32 rg_sel_hint[RG_SEL_HINTS] SEC(".data.hint");

struct rg_comm_key {
	char comm[RG_COMM_LEN];
};
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct rg_comm_key);
	__type(value, __u8);
} sel_comms SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u32);
	__type(value, __u8);
} sel_uids SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16384);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u64);
	__type(value, __u8);
} sel_cgroups SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct rg_exe_key);
	__type(value, __u8);
} sel_exes SEC(".maps");

/* A pointer as a number: what is read back from a map's memory is none any more, and the verifier allows
 * arithmetic. Cheaper than rg_scalar. */
#define RG_NUMBER(st, p)                             \
	({                                           \
		volatile __u64 *s_ = &(st)->scratch; \
		*s_ = (__u64)(p);                    \
		*s_;                                 \
	})

/* A pointer as a number: read through a helper, the verifier forgets what it was and allows arithmetic. */
rg_inline __u64 rg_scalar(const void *p)
{
	const void *on_stack = p;
	__u64 v = 0;

	bpf_probe_read_kernel(&v, sizeof(v), &on_stack);
	return v;
}

/*
 * Kernel memory at any address by plain loads, a nanosecond each, where a helper call takes thirty; what
 * cannot be read gives 0. Needs a kfunc of 6.2: only programs that define RG_PLAIN_LOADS, which no older
 * kernel loads. As words: pt_regs is a type of every kernel that has nothing else.
 */
#ifdef RG_PLAIN_LOADS
extern void *bpf_rdonly_cast(const void *obj__ign, __u32 btf_id__k) __ksym __weak;
#define RG_PLAIN(addr, type) \
	((const type *)bpf_rdonly_cast((const void *)(addr), bpf_core_type_id_kernel(type)))
#define RG_PLAIN_AT(addr) ((const __u64 *)(const void *)RG_PLAIN(addr, struct pt_regs))
/* All reading by members: one cast, then loads. */
#undef BPF_CORE_READ
#define BPF_CORE_READ(src, a, ...)                                                                    \
	({                                                                                            \
		typeof(*(src)) *p_ = bpf_rdonly_cast((src), bpf_core_type_id_kernel(typeof(*(src)))); \
		___arrow(p_, a, ##__VA_ARGS__);                                                       \
	})

/* The registers of the call stand at the same place of every kernel stack: asked for once, at the head of the
 * programs, where it makes no second way through what follows. */
#ifdef RG_FPROBE
#define rg_regs_learn(t)
#else
__u64 rg_regs_off;
#undef rg_regs
#define rg_regs(t) ((struct pt_regs *)RG_PLAIN((__u64)(t)->stack + rg_regs_off, struct pt_regs))
#define rg_regs_learn(t)                                                                                \
	do {                                                                                            \
		if (!rg_regs_off)                                                                       \
			rg_regs_off = rg_scalar((const void *)bpf_task_pt_regs(t)) - (__u64)(t)->stack; \
	} while (0)
#endif

/* What plain loads copy at most; more is a helper's work. */
#define RG_PLAIN_NAME 32
#define RG_PLAIN_DATA 64

/* max bytes (a constant) from addr, of which only some are looked at. Without a branch: it would be two more
 * ways through all that follows for the verifier. to: the kernel side's own memory. */
rg_inline void rg_plain_copy(void *to, __u64 addr, int max)
{
	const __u64 *from = RG_PLAIN_AT(addr);
	__u64 *w = to;

	for (int i = 0; i < max / 8; i++)
		w[i] = from[i];
}
#else
#define rg_regs_learn(t)
#endif

/* One word of the kernel's memory; 0 where there is none. */
rg_inline __u64 rg_kernel_word(__u64 addr)
{
#ifdef RG_PLAIN_LOADS
	return *RG_PLAIN_AT(addr);
#else
	__u64 w = 0;

	bpf_probe_read_kernel(&w, sizeof(w), (void *)addr);
	return w;
#endif
}

/*
 * A value that the verifier must take for unknown. Before 6.7 ("bpf: verify callbacks as if they are called
 * unknown number of times") it followed a bpf_loop callback once only: what the caller had set to a constant
 * counted as that constant for ever, and the branches for other values, bounds checks among them, were
 * removed from the program. Every counter in a loop's context starts with this.
 */
volatile __u32 rg_zero;
#define RG_UNKNOWN(v) ((v) + rg_zero)

/* Count what could not be recorded. */
rg_inline void rg_lost(__u32 reason, __u32 tgid, __u64 cookie)
{
	struct rg_loss_key key = {
		.reason = reason, .cpu = bpf_get_smp_processor_id(), .tgid = tgid, .cookie = cookie};
	__u64 one = 1, *n = bpf_map_lookup_elem(&losses, &key);

	if (n) {
		__sync_fetch_and_add(n, 1);
		return;
	}
	if (!bpf_map_update_elem(&losses, &key, &one, BPF_NOEXIST))
		return;
	n = bpf_map_lookup_elem(&losses_rest, &reason);
	if (n)
		__sync_fetch_and_add(n, 1);
}

#include "storage.h"

#endif
