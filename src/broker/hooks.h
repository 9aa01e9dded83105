/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RG_BROKER_HOOKS_H
#define RG_BROKER_HOOKS_H

#include <recvguard/broker.h>

/* What the broker asks of rooms that it may not name (src/pipeline/run.c gives it). Both are called in the
 * supervisor, one at a time. */
struct rg_broker_hooks {
	/* Before privileges go. */
	int (*begin)(void *arg, struct rg_err *err);
	/* Add to ev what is known of process pid (as the supervisor numbers it), which is blocked in the
	 * call. */
	void (*enrich)(void *arg, struct rg_event *ev, int pid);
	void *arg;
};

/* rg_run, with hooks (copied; NULL: none). */
int rg_broker_run(const struct rg_run_opts *opts, const struct rg_broker_hooks *hooks, struct rg_err *err);

#endif
