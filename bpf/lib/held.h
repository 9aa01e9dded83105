/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RG_BPF_HELD_H
#define RG_BPF_HELD_H

/*
 * How programs come to their hooks, in one place. hooks/fprobe.bpf.c defines RG_FPROBE and is the same as the
 * trampoline tier otherwise, for kernels that preempt programs at trampolines and typed tracepoints, and
 * leave out others' runs of them meanwhile:
 *
 * - fprobe (kprobe.multi) instead of trampolines, perf's tracepoints instead of typed ones: the kernel holds
 *   preemption off while these run (fprobe_fgraph_entry, fprobe_return, perf_trace_*);
 * - arguments are numbers, made pointers by a kfunc of 6.2 (RG_TYPED). No helper takes those, so: numbering
 *   by socket in a hash as in the legacy tier (RG_NO_SK), and no paged reads by dynptr;
 * - at a function's end there are none: what its beginning kept in the thread's state (RG_KEPT);
 * - no helper makes a socket's cookie: two programs at trampolines do (rg_cookie), the one thing that can be
 *   absent once, when they are left out.
 */
#ifdef RG_FPROBE
#define RG_NO_SK
#define RG_PLAIN_LOADS
#define RG_AT(function)	 SEC("kprobe.multi/" #function)
#define RG_END(function) SEC("kretprobe.multi/" #function)
#define RG_PROG		 BPF_KPROBE
#define RG_TYPED(p)	 ((typeof(p))bpf_rdonly_cast((p), bpf_core_type_id_kernel(typeof(*(p)))))
#define RG_KEPT(st, what, type) \
	((type *)bpf_rdonly_cast((void *)(st)->tr.kept.what, bpf_core_type_id_kernel(type)))

/* What perf's tracepoints pass. */
struct trace_event_raw_sock_msg_length___rg {
	struct sock *sk;
	int ret, flags;
} __attribute__((preserve_access_index));
struct trace_event_raw_skb_copy_datagram_iovec___rg {
	struct sk_buff *skbaddr;
	int len;
} __attribute__((preserve_access_index));
struct trace_event_raw_io_uring_submit_req___rg {
	struct io_kiocb *req;
} __attribute__((preserve_access_index));
struct trace_event_raw_io_uring_complete___rg {
	struct io_kiocb *req;
	unsigned int cflags;
} __attribute__((preserve_access_index));
#else
#ifdef RG_LEGACY
#define RG_NO_SK
#endif
#define RG_AT(function)	 SEC("fentry/" #function)
#define RG_END(function) SEC("fexit/" #function)
#define RG_PROG		 BPF_PROG
#define RG_TYPED(p)	 (p)
#endif

#endif
