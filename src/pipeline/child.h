/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RG_PIPELINE_CHILD_H
#define RG_PIPELINE_CHILD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <recvguard/error.h>

/* A command that is started, held before its first instruction, and let go when everything is in place. */
struct rg_child {
	pid_t pid;	 /* 0: none */
	uint32_t number; /* the same for the kernel's programs (base/number.h) */
	int go;		 /* write end: closing or writing lets it run */
	int failed;	 /* read end: errno of a failed exec */
	int status;	 /* wait status, -1 while it runs */
};

/* argv is borrowed. aside: its standard output becomes standard error. Errors: -EAGAIN, -EMFILE... of fork
 * and pipe. */
int rg_child_hold(struct rg_child *c, char *const *argv, bool aside, struct rg_err *err);
/* Let it run. -ENOENT, -EACCES...: it could not be executed (it is then reaped). */
int rg_child_go(struct rg_child *c, const char *name, struct rg_err *err);
/* Has it ended? Reaps it. */
bool rg_child_ended(struct rg_child *c);
/* Release what is held. A child still held never runs; a running one goes on. */
void rg_child_drop(struct rg_child *c);

#endif
