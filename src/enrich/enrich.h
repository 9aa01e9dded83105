/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RG_ENRICH_ENRICH_H
#define RG_ENRICH_ENRICH_H

/*
 * What the kernel's record does not say: the path of the executable, the user's name, the control group's
 * path, the container. Read from /proc, the cgroup2 mount and the runtimes' own files, after the event: every
 * value is tagged LATE, and K too where the kernel's own facts (start time, device and inode, control group
 * id) prove that it belongs to the process of the event. What cannot be proved or is gone stays absent.
 *
 * Nothing here fails and nothing waits: the work for one event is bounded (a few reads of /proc or of a
 * regular file on a first sight, table look-ups afterwards), no runtime socket and no NSS is ever asked. One
 * thread.
 */
#include <stdint.h>

#include <recvguard/error.h>
#include <recvguard/event.h>

struct rg_enrich;

/* Where to read. NULL members: the machine's own. Borrowed during rg_enrich_new. */
struct rg_enrich_opts {
	const char *proc_root;	 /* "/proc" */
	const char *cgroup_root; /* the cgroup2 mount; NULL: found in proc_root's self/mounts */
	const char *state_root;	 /* "": prefix of /etc/passwd, /var/lib/docker, /run/containerd... */
	uint32_t max_processes;	 /* cached at once, 0: 8192 */
	uint32_t max_cgroups;	 /* 0: 4096 */
};

/* What the kernel's record says about who; 0 where it does not. */
struct rg_raw_who {
	uint32_t pid;	       /* thread group id, initial pid namespace */
	uint64_t leader_start; /* CLOCK_BOOTTIME ns: start_boottime of the thread group leader */
	uint64_t exe_ino;
	uint32_t exe_dev; /* as the kernel keeps it: major << 20 | minor */
	uint32_t sender_pid;
	uint64_t sender_start; /* as leader_start */
	uint64_t cgroup_id;
	uint64_t now; /* CLOCK_BOOTTIME ns of the event */
};

/* -ENOMEM. A missing /proc or cgroup mount is no error: what would be read there stays unknown. */
int rg_enrich_new(const struct rg_enrich_opts *opts, struct rg_enrich **ret, struct rg_err *err);
void rg_enrich_free(struct rg_enrich *e);

/* Fill proc.exe, proc.user, proc.cgroup, container.*, sender.comm and sender.exe where they are absent. */
void rg_enrich_event(struct rg_enrich *e, struct rg_event *ev, const struct rg_raw_who *who);

/* Fill proc.user, proc.cgroup and container.* where they are absent, for a process that is held still: it is
 * blocked in a call that this process will answer, so that what /proc says of its control group is true of
 * the event (K). pid: as this process numbers it. */
void rg_enrich_held(struct rg_enrich *e, struct rg_event *ev, uint32_t pid);

/* Counts since the start, for --verbose and tests. */
struct rg_enrich_stats {
	uint64_t process_reads, process_unknown, cgroup_reads, cgroup_unknown, container_reads;
};
void rg_enrich_stats(const struct rg_enrich *e, struct rg_enrich_stats *ret);

#endif
