/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RG_BPF_LEGACY_H
#define RG_BPF_LEGACY_H

/*
 * What kernels before 5.17 lack, in one place. hooks/legacy.bpf.c defines RG_LEGACY and is the same as the
 * trampoline tier otherwise:
 *
 *   bpf_get_current_task_btf (5.11)   the task is an address: members by helper, not by plain loads
 *   task storage (5.11)               a hash by thread
 *   socket storage in tracing (5.11)  a hash by socket
 *   pointers to global functions (5.12 "bpf: Support pointers in global func args")   numbers alone: each
 *                                     looks the thread's state up again (RG_ST_GET, RG_REC_GET)
 *   precise tracking beside subprograms (6.2 "bpf: allow precision tracking for programs with subprogs")
 *                                     every branch that leaves other constants behind is one more way through
 *                                     all that follows: so what branches is a global function of its own,
 *                                     and leaves its result in the state, where it is unknown
 *   atomics that return a value (5.12 "bpf: Add instructions for atomic_[cmp]xchg")    a load and an addition
 *   bpf_get_socket_cookie (5.12)      the cookie where something asked for it before
 *   bpf_task_pt_regs (5.15)           they stand at the end of the stack
 *   bpf_skc_to_unix_sock (5.16)       by helper
 *   bpf_loop (5.17)                   loops that the verifier walks, with their variables in the thread's
 * state, where it does not follow them from round to round
 */
/*
 * A global function: the verifier looks at it once, by itself, instead of along every path that calls it.
 * Without these, loading took 13 seconds. Arguments are numbers and pointers to memory, which must be checked
 * for NULL.
 */
#define rg_sub __attribute__((noinline))

#ifdef RG_LEGACY
#define RG_ST_ARG __u64 of_
/* used, or the compiler passes nothing, which the verifier refuses */
#define RG_OF_USED asm volatile("" ::"r"(of_))
#define RG_ST_GET(st)                                      \
	RG_OF_USED;                                        \
	struct rg_state *st = rg_state_find(rg_current()); \
	if (!st)                                           \
	return 0
#define RG_REC_ARG __u64 of_
#define RG_REC_GET(rec)                                     \
	RG_OF_USED;                                         \
	struct rg_state *st_ = rg_state_find(rg_current()); \
	if (!st_)                                           \
		return 0;                                   \
	struct rg_rec_msg *rec = &st_->rec
#define RG_PASS(p)   0
#define rg_current() ((struct task_struct *)bpf_get_current_task())
/* What the kernel leaves free at the stack's end: found by src/kernel/legacy.c. */
__u64 rg_stack_pad;
#define rg_regs(t)                                                                          \
	({                                                                                  \
		__u64 top_ = (__u64)BPF_CORE_READ(t, stack) + RG_STACK_SPAN - rg_stack_pad; \
		(struct pt_regs *)(top_ - sizeof(struct pt_regs));                          \
	})
/* A member by a chain of members. */
#define RG_LOAD(p, ...) BPF_CORE_READ(p, __VA_ARGS__)
/* A variable `name` that holds (or points to) the n bytes of a member. */
#define RG_CHARS(name, n, p, ...)                      \
	char name[n] __attribute__((aligned(8))) = {}; \
	BPF_CORE_READ_INTO(&name, p, __VA_ARGS__)
#define RG_FETCH_INC(p)                       \
	({                                    \
		__u64 was_ = *(p);            \
		__sync_fetch_and_add((p), 1); \
		was_;                         \
	})
/* At most max rounds (a constant) of an expression, until it is not 0. */
#define RG_ROUNDS(max, round)                                                                                \
	do {                                                                                                 \
		_Pragma("clang loop unroll(disable)") for (__u32 i_ = 0; i_ < (max); i_++) if (round) break; \
	} while (0)
#else
/* The first argument of a global function that works on the thread's state, or on its record. */
#define RG_ST_ARG struct rg_state *st
#define RG_ST_GET(st)
#define RG_REC_ARG struct rg_rec_msg *rec
#define RG_REC_GET(rec)
#define RG_PASS(p)		  (p)
#define rg_current()		  bpf_get_current_task_btf()
#define rg_regs(t)		  ((struct pt_regs *)bpf_task_pt_regs(t))
#define RG_LOAD(p, ...)		  ___arrow(p, __VA_ARGS__)
#define RG_CHARS(name, n, p, ...) const char *name = ___arrow(p, __VA_ARGS__)
#define RG_FETCH_INC(p)		  __sync_fetch_and_add((p), 1)
#endif

#endif
