/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RECVGUARD_ENFORCE_H
#define RECVGUARD_ENFORCE_H

#include <stdbool.h>
#include <stdint.h>

#include <recvguard/error.h>
#include <recvguard/event.h>
#include <recvguard/policy.h>
#include <recvguard/trace.h>

/*
 * Policies enforced by the kernel itself (docs/enforce.md): BPF LSM programs, fmod_ret where `bpf` is not
 * among the active LSMs, or, where the kernel refuses trampolines, a control group's ingress hook (UDP) and
 * filters on unix datagram and seqpacket sockets, which can only drop. Programs, tables and links are pinned
 * in a folder of a bpf file system: they hold until they are taken away, whoever loaded them. Needs root
 * (CAP_BPF, CAP_PERFMON, CAP_SYS_ADMIN). One folder, one enforcement.
 */
#define RG_ENFORCE_DIR "/sys/fs/bpf/recvguard"

enum rg_enforce_backend { RG_ENFORCE_NONE, RG_ENFORCE_LSM, RG_ENFORCE_FMOD_RET, RG_ENFORCE_CGROUP };

struct rg_enforce_opts {
	const char *const *policies; /* files and folders, as rg_policy_load */
	unsigned n_policies;
	const char *dir;		 /* NULL: RG_ENFORCE_DIR */
	bool audit;			 /* decide and report, let everything through */
	uint64_t for_ns;		 /* the kernel stops by itself after this long; 0: never */
	int tree;			 /* only the process of this id and what it starts; 0: everybody */
	enum rg_enforce_backend backend; /* NONE: the best that can be had */
	/* Whom the policies are narrowed to, as rg_policy_narrow; what a back-end can't carry out, or what
	 * names nothing that exists, is refused. A control group ("cgroup") is also that whose sockets CGROUP
	 * covers, of which there can be one; NULL: it covers all. */
	const struct rg_scope_demand *scope;
	unsigned n_scope;
};

/* What became of loading. */
struct rg_enforce_loaded {
	enum rg_enforce_backend backend;
	char unknown[1024]; /* names in the policies that stand for nothing now (executables, control
			       groups), or "" */
	char why[640];	    /* why not a better back-end, or "" */
	bool leaky; /* FMOD_RET on a kernel that preempts: receives can pass unchecked, and are counted */
	char unguarded[200];	/* why other programs are not kept from what is pinned, or "" */
	unsigned filters, bare; /* CGROUP: unix sockets with our filter; left without, as they have another */
};

struct rg_enforce_status {
	enum rg_enforce_backend backend;
	bool on; /* tables hold; false when the deadline has passed */
	bool audit;
	bool guarded;	   /* other programs are kept from what is pinned */
	uint64_t left_ns;  /* until the deadline; 0: none, or passed */
	uint64_t loaded;   /* UTC ns of the last change */
	uint64_t revision; /* counted up by each change */
	unsigned rules, clauses[3],
		hooks; /* clauses: at queueing, at receiving, at installing descriptors; hooks attached */
	uint64_t unchecked; /* runs of programs that the kernel left out, as it preempted one: what they would
			       have decided passed. BPF LSM's are never */
	uint64_t denied, killed, dropped, stripped, audited, logged,
		lost,	    /* since they were loaded; lost: reports only */
		unforked,   /* forks below --tree's process that were refused: more than can be followed */
		unfollowed; /* processes forked there that the policies do not reach, as they only report */
	char policies[512]; /* names, separated by ", " */
	char hook_names[256];
	char scope[256]; /* to whom they were narrowed when loaded (NAME=VALUE ...); ends in ... when cut; ""
			    when to none */
	/* CGROUP, as of the last change */
	unsigned filters, bare; /* struct rg_enforce_loaded */
	char group[256];	/* the control group's folder */
	bool group_gone;	/* it was removed since */
};

/* Load, or replace without a gap, what is enforced. ret may be NULL. Errors: as rg_policy_load; -EOPNOTSUPP:
 * a rule that no hook can enforce soundly (err names the back-end that can), or a kernel without the hooks;
 * -E2BIG; -EPERM; -EBUSY: another recvguard is at it, or another back-end holds. On errors what was enforced
 * before still is. */
int rg_enforce_load(const struct rg_enforce_opts *o, struct rg_enforce_loaded *ret, struct rg_err *err);
extern const char *const rg_enforce_backend_names[]; /* by enum, as --backend has them */
/* -ENOENT: nothing is enforced. */
int rg_enforce_status(const char *dir, struct rg_enforce_status *ret, struct rg_err *err);
/* Take everything away. -ENOENT: nothing is enforced. */
int rg_enforce_stop(const char *dir, struct rg_err *err);

/* Verdicts, as events with verdict.* set (backend lsm, fmod_ret, cgroup or filter). Those not yet read when a
 * reader ended are read by the next. */
struct rg_enforce;
int rg_enforce_open(const char *dir, struct rg_enforce **ret, struct rg_err *err);
/* Deliver for at most timeout_ms (< 0: until something else ends it). 0: time is over, or a signal came; 1:
 * enforcement was stopped; else what fn returned, or a negative errno with err. The event is valid during the
 * call. */
int rg_enforce_run(struct rg_enforce *e, int timeout_ms, rg_event_fn fn, void *arg, struct rg_err *err);
void rg_enforce_close(struct rg_enforce *e);

#endif
