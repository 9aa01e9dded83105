/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RECVGUARD_DOCTOR_H
#define RECVGUARD_DOCTOR_H

#include <stdbool.h>

#include <recvguard/error.h>
#include <recvguard/trace.h>

/*
 * What this kernel lets recvguard do. Each capability is decided by doing it once (load and attach an empty
 * program, make a map, take a descriptor), never by version or configuration, and remembered.
 */

#define RG_NEEDED_BY(tier) (1u << RG_TIER_##tier)
#define RG_NEEDED_BY_ALL   (RG_NEEDED_BY(TRAMPOLINE) | RG_NEEDED_BY(TRACEPOINT) | RG_NEEDED_BY(LEGACY))

enum rg_capability {
#define RG_CAP(ID, name, group, tiers, since, what, without) RG_CAP_##ID,
#include <recvguard/capabilities.def>
#undef RG_CAP
	RG_CAP__COUNT
};

enum rg_cap_group { RG_CAP_GROUP_TRACE, RG_CAP_GROUP_CONTROL, RG_CAP_GROUP_BROKER };

struct rg_cap_info {
	const char *name;
	enum rg_cap_group group;
	unsigned tiers; /* RG_NEEDED_BY bits */
	unsigned since; /* the first Linux version that can have it, major * 100 + minor; 0: any */
	const char *what;
	const char *without;
};
extern const struct rg_cap_info rg_capabilities[RG_CAP__COUNT];

/* 0: this kernel has it. Negative errno: it has not, and err says why: the errno, and what the verifier said
 * where it said something. The first call tries, later ones answer from memory. Not thread-safe.
 * RECVGUARD_PROBE_DENY in the environment (names separated by commas) makes capabilities fail with -EPERM, so
 * that every fallback can be tried on every kernel. */
int rg_probe(enum rg_capability c, struct rg_err *err);
/* Are the names in RECVGUARD_PROBE_DENY known? -EINVAL: err says which is not. */
int rg_probe_check_deny(struct rg_err *err);
/* Forget all answers (tests change the environment). */
void rg_probe_reset(void);

/* Is every capability there that this tier needs? 0, or the first it lacks: negative errno and reason.
 * Whether the tier itself loads and attaches, rg_trace_open tells. */
int rg_probe_tier(enum rg_tier tier, struct rg_err *err);
/* Facts beside yes and no: settings of the machine that explain the answers. */
struct rg_machine_fact {
	const char *name;
	char value[256]; /* "unknown" where it cannot be read */
};
enum { RG_MACHINE_FACTS = 9 };
void rg_machine_facts(struct rg_machine_fact ret[RG_MACHINE_FACTS]);

#endif
