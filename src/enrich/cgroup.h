/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RG_ENRICH_CGROUP_H
#define RG_ENRICH_CGROUP_H

#include <stdint.h>

/* Control group id -> path below the cgroup2 mount. */
struct rg_cgroups {
	char *root;	    /* the mount, "" none */
	int root_fd;	    /* -1 none */
	int by_handle;	    /* 1: ids can be opened as file handles (kernel 5.5+, CAP_DAC_READ_SEARCH) */
	uint64_t last_walk; /* CLOCK_MONOTONIC ns */
};

/* root NULL: the first cgroup2 mount in proc_root's self/mounts. */
void rg_cgroups_init(struct rg_cgroups *g, const char *proc_root, const char *root);
void rg_cgroups_free(struct rg_cgroups *g);
/* "/" for the root, "/a/b" below; NULL: no such group (any more) or not found within the bounds of one walk.
 * To be freed. */
char *rg_cgroups_path(struct rg_cgroups *g, uint64_t id);

/* The path of the process's group in the cgroup2 hierarchy, or, where it is a container's, of another
 * hierarchy: from /proc/PID/cgroup (text). To be freed. */
char *rg_cgroup_of_text(const char *text);

#endif
