/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RECVGUARD_TRACE_H
#define RECVGUARD_TRACE_H

#include <stdbool.h>
#include <stdint.h>

#include <recvguard/error.h>
#include <recvguard/event.h>

/*
 * Capture: load the kernel side of the best tier that this kernel allows, select, decode, enrich, deliver.
 * One trace is driven by one thread: rg_trace_open, rg_trace_run (any number of times), rg_trace_close.
 */

struct rg_trace;
struct rg_expr;	  /* policy.h */
struct rg_policy; /* policy.h */

enum rg_tier { RG_TIER_AUTO, RG_TIER_TRAMPOLINE, RG_TIER_TRACEPOINT, RG_TIER_LEGACY, RG_TIER__COUNT };
extern const char *const rg_tier_names[RG_TIER__COUNT];

enum rg_direction { RG_WAY_RECV = 1, RG_WAY_SEND = 2, RG_WAY_BOTH = 3 };

enum rg_on_full { RG_FULL_DROP, RG_FULL_SAMPLE };

/*
 * Which messages: kinds are ANDed, several entries of one kind are ORed, an empty kind admits all. All of it
 * is decided in the kernel. Strings are borrowed for the time of rg_trace_open.
 */
struct rg_select {
	const int *pids;
	unsigned n_pids; /* processes, and what they fork from now on */
	const char *const *comms;
	unsigned n_comms;
	const uint32_t *uids;
	unsigned n_uids;
	const char *const *cgroups;
	unsigned n_cgroups; /* paths below (or in) the cgroup2 mount */
	const char *const *containers;
	unsigned n_containers; /* ids (at least 6 characters of the prefix) */
	const char *const *exes;
	unsigned n_exes; /* paths: compared by device and inode */
	const char *const *sockets;
	unsigned n_sockets; /* unix:PATH, @ABSTRACT, udp:ADDR:PORT, tcp:ADDR:PORT, inode:N, cookie:N */
	const int *fds;
	unsigned n_fds;
	const int *families;
	unsigned n_families; /* AF_* */
};

struct rg_trace_opts {
	struct rg_select select;
	enum rg_tier tier;
	enum rg_direction direction;
	enum rg_on_full on_full;
	bool errors;	/* also calls that failed before reaching a socket (EBADF, ENOTSOCK, EFAULT...) */
	bool duration;	/* duration and wait, also where they cost a system-call tracepoint */
	bool no_enrich; /* nothing from /proc */
	/* Only who received how much on which socket, by one hook: the fields without RG_TAG_FULL. Not with
	 * errors, duration, sends, nor with a filter or policy that asks for more: -EINVAL. */
	bool metadata;
	uint32_t snaplen; /* payload bytes kept per message; UINT32_MAX: all */
	/* What the kernel can decide of these is decided there, so that what is not wanted costs little; the
	 * rest is the caller's: it still asks rg_expr_match, rg_policy_decide. policy: messages of which no
	 * policy's scope holds (of Tracee's policies: that no rule matches) are not wanted. NULL: none.
	 * Borrowed for the time of rg_trace_open. */
	const struct rg_expr *filter;
	const struct rg_policy *policy;
	uint32_t ring_kib; /* ring buffer, KiB, 0: default (64 MiB); rounded up to a power of two */
	char *const *argv; /* command to start and follow, NULL: none */
	bool stdout_aside; /* what it prints goes to standard error: standard output is for events */
};
#define RG_SNAPLEN_DEFAULT 256

struct rg_trace_stats {
	uint64_t messages, bytes, peeks, errors; /* that came out of the kernel */
	uint64_t rejected; /* left out in the kernel by filter or policy; on the trampoline tier a call that
			      waits in vain and is repeated counts each time */
	uint64_t lost[RG_LOSS__COUNT];
};

/* What can be said against opts without any privilege: -EINVAL. rg_trace_open says it too. */
int rg_trace_check(const struct rg_trace_opts *opts, struct rg_err *err);

/* Load and attach. When argv is set the command is started and held before its first instruction until
 * rg_trace_run. Errors: -EPERM (not root), -EOPNOTSUPP (no tier loads: err says what each lacked),
 * -EINVAL (a selection that cannot be met, named), -ENOENT (command or path not found). */
int rg_trace_open(const struct rg_trace_opts *opts, struct rg_trace **ret, struct rg_err *err);

/* What is said at start: tier, why not a better one, hooks that cost other system calls. One line each,
 * NULL-terminated, owned by the trace. */
const char *const *rg_trace_notes(const struct rg_trace *t);
enum rg_tier rg_trace_tier(const struct rg_trace *t);

/* Called for every event, in order of delivery per thread; ev is valid during the call. Non-zero stops
 * rg_trace_run, which then returns it. */
typedef int (*rg_event_fn)(void *arg, struct rg_event *ev);

/* Deliver events for at most timeout_ms (-1: until the command ends or rg_trace_stop).
 * 0: time is over; 1: the command ended and all of its events were delivered, or stopped; < 0: error. */
int rg_trace_run(struct rg_trace *t, int timeout_ms, rg_event_fn fn, void *arg, struct rg_err *err);
/* Make rg_trace_run return 1 after draining what is in the ring. Async-signal-safe. */
void rg_trace_stop(struct rg_trace *t);

/* Wait status of the command as wait(2) gives it, -1 while it runs or when there is none. */
int rg_trace_status(const struct rg_trace *t);
void rg_trace_stats(const struct rg_trace *t, struct rg_trace_stats *ret);
/* Detach and free. A command that still runs is left running. NULL is allowed. */
void rg_trace_close(struct rg_trace *t);

#endif
