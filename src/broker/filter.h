/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RG_BROKER_FILTER_H
#define RG_BROKER_FILTER_H

#include <linux/filter.h>
#include <stdbool.h>
#include <stddef.h>

/*
 * The seccomp program: which system calls are brought to the supervisor, which are closed, on every entry.
 * Numbers, and arguments in registers, are all it can see; what depends on memory is the supervisor's.
 */

#define RG_FILTER_MAX 512

struct rg_filter_opts {
	bool thread_pidfd;  /* PIDFD_THREAD works: threads may have descriptor tables of their own */
	bool keep_dumpable; /* the supervisor has no CAP_SYS_PTRACE: the program must stay readable for it */
};

/* Instructions written to prog, at most RG_FILTER_MAX; their number, or -E2BIG. */
int rg_filter_build(const struct rg_filter_opts *o, struct sock_filter *prog);

/* Put it on the calling thread. Returns the listener (O_CLOEXEC), or -errno: -EBUSY a supervisor exists
 * already, -EINVAL no WAIT_KILLABLE_RECV (before 5.19), -EACCES/-EPERM. Sets no_new_privs. */
int rg_filter_install(const struct sock_filter *prog, unsigned len);

#endif
