/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RECVGUARD_BROKER_H
#define RECVGUARD_BROKER_H

#include <stdbool.h>
#include <stdint.h>

#include <recvguard/error.h>
#include <recvguard/event.h>

/*
 * The broker: run a command so that every message it receives was received, checked and handed on by a
 * supervisor (seccomp user notification; no privileges; Linux 5.19 and newer). docs/broker.md has the
 * promise.
 */

struct rg_run_stats {
	uint64_t calls;	   /* receives and reads brought to the supervisor */
	uint64_t messages; /* messages delivered */
	uint64_t bytes;
	uint64_t descriptors;
	uint64_t verdict[8]; /* by enum rg_action */
	uint64_t passed_on;  /* reads of non-sockets left to the kernel, proven free of races */
	uint64_t emulated;   /* reads of non-sockets done by the supervisor */
	uint64_t refused;    /* calls refused because a bound was reached */
};

struct rg_run_opts {
	char *const *argv;	     /* the command, found by PATH; NULL-terminated */
	const char *const *policies; /* files and folders; none: everything is allowed */
	unsigned n_policies;
	bool audit;	   /* decide and report, never act */
	bool reload;	   /* follow changes of the policy files even where the program could make them */
	bool all_events;   /* report every message, not only those a rule or default other than allow met */
	bool keep_stdout;  /* an event sink writes to standard output: the supervisor holds it open */
	bool stdout_aside; /* what the command prints goes to standard error: standard output is for events */
	bool opens_files;  /* an event sink opens, renames or removes files while it runs (a recording): else
			    * the supervisor's own filter forbids it to */
	unsigned max_blocked; /* receives waiting at a time; 0: what the descriptor limit allows */

	/* All are called in the supervisor, a process of its own, one at a time (notice also before it is
	 * started, by the caller of rg_run); any may be NULL.
	 * begin: before the command starts, and before privileges go: open outputs here; an error ends
	 * rg_run. event: a verdict, before it takes effect; ev is valid during the call. notice: one line for
	 * people. */
	int (*begin)(void *arg, struct rg_err *err);
	void (*event)(void *arg, struct rg_event *ev);
	void (*notice)(void *arg, const char *line);
	/* The last process of the command is gone. */
	void (*end)(void *arg, const struct rg_run_stats *stats);
	void *arg;
};

/*
 * Start the supervisor as a process of its own (not a child of this one), put the filter on the calling
 * thread and execute the command in place of this program, as env(1) does: process id, exit status, signals
 * and terminal are the command's own. Returns only when that fails; then nothing is left running. Errors:
 * -ENOSYS (no user notification, or not this architecture), -EBUSY (a supervisor is above already), -EPERM
 * (the supervisor may not reach the program), -ENOENT, -EACCES, -ENOEXEC... (of exec), -EINVAL (policy).
 */
int rg_run(const struct rg_run_opts *opts, struct rg_err *err);

/*
 * Put the rules that a socket filter can hold onto a socket of a running process, and lock it: what a `drop`
 * rule matches is never queued, and neither that process nor this one can take the filter off again.
 */
struct rg_guard_opts {
	int pid, fd;
	const char *const *policies;
	unsigned n_policies;
	bool partial;	     /* leave out restricting rules that do not fit, instead of refusing */
	bool no_descriptors; /* unix sockets: senders may pass no descriptors either (SO_PASSRIGHTS, 6.16) */
};
struct rg_guard_result {
	unsigned rules, left_out, instructions;
	bool queued; /* something waited already: it was not filtered */
};
/* left_out(arg, line): why a rule was left out (partial); may be NULL. Errors: -ESRCH, -EPERM (process not
 * reachable, or the socket has a locked filter), -ENOTSOCK, -EBADF, -EOPNOTSUPP (a stream; a rule that does
 * not fit, named), -EINVAL (policy). On error the socket is as it was. */
int rg_guard(const struct rg_guard_opts *o, void (*left_out)(void *arg, const char *line), void *arg,
	     struct rg_guard_result *ret, struct rg_err *err);

#endif
