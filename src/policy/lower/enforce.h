/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RG_POLICY_ENFORCE_H
#define RG_POLICY_ENFORCE_H

/*
 * Policies to what the kernel's hooks evaluate (abi/enforce.h). stage.c says which rule can be decided when,
 * and why not; clauses.c makes each rule a list of clauses; tables.c tabulates the reference evaluator over
 * them.
 */
#include "abi/enforce.h"
#include "policy/policy.h"

/* One test of a program that a clause demands to be true. */
struct rg_enf_lit {
	const struct rg_ir *ir;
	uint32_t pc;
	uint8_t dim[2]; /* enum rg_enf_dim; addresses have two: IPv4 and IPv6 */
	bool content, elem;
};

struct rg_enf_conj {
	uint32_t lit, n_lits;  /* in rg_enf_list.lits */
	uint16_t policy, rule; /* rule: UINT16_MAX is the policy's default */
};

/* Everything that is decided at one stage, in order. */
struct rg_enf_list {
	struct rg_buf lits;  /* struct rg_enf_lit */
	struct rg_buf conjs; /* struct rg_enf_conj */
};

/* Which kernel objects a name stands for now, as pairs of numbers: at most max; returns how many there are, 0
 * none. */
struct rg_enf_names {
	void *arg;
	/* an executable: inode number, and device as the kernel keeps it */
	unsigned (*exe)(void *arg, const char *path, uint64_t (*ret)[2], unsigned max);
	/* a control group by its path, or (container) those of a container by the beginning of its id: id,
	 * level */
	unsigned (*cgroup)(void *arg, const char *name, bool container, uint64_t (*ret)[2], unsigned max);
	bool tree; /* everything holds below one process only (RG_D_TREE) */
};

/* The tables of one policy set, as they are written into the maps. Freed by rg_enf_image_free. */
struct rg_enf_image {
	struct rg_enf_set set[RG_ST__COUNT];
	struct rg_enf_clause clause[RG_ST__COUNT][RG_ENF_BITS];
	uint32_t n_clauses[RG_ST__COUNT];
	struct rg_enf_front front; /* of RG_ST_RECV */
	uint32_t front_only;	   /* as in RG_FRONT_NOW; 0: it leads nowhere */
	struct rg_buf rows;	   /* struct rg_enf_row */
	struct rg_buf keys, lpms, paths,
		path_lpms;     /* struct rg_enf_*_entry below; the paths both of one kind */
	struct rg_buf rules;   /* struct rg_enf_rule */
	struct rg_buf code;    /* struct rg_enf_code */
	struct rg_buf unknown; /* names without an object now: lines of text */
};
/* set holds the stage alone until the generation is known. */
struct rg_enf_key_entry {
	struct rg_enf_key key;
	uint32_t row;
};
struct rg_enf_lpm_entry {
	struct rg_enf_lpm key;
	uint32_t row;
};
struct rg_enf_path_entry {
	struct rg_enf_path key;
	uint32_t row;
};
/* Can the kernel decide rule `rule` of pol soundly? *stage: when (of an allowing rule: the last one). */
enum rg_support rg_enf_support(const struct rg_pol *pol, unsigned rule, enum rg_enf_stage *stage, char *why,
			       size_t why_size);
/* The same of the policy as a whole: its scope and default. RG_REFUSED or RG_ENFORCEABLE. */
enum rg_support rg_enf_support_policy(const struct rg_pol *pol, char *why, size_t why_size);

/* Are the policies' defaults decided as datagrams are queued, where nothing else can be hooked? -EOPNOTSUPP.
 */
int rg_enf_queue_default(const struct rg_policy *p, struct rg_err *err);

/* When a rule that is no `allow` is decided. */
enum rg_enf_stage rg_enf_stage_of(const struct rg_rule *r);

/* Why the test at pc cannot be made at that stage, NULL: it can, and *ret says by what. */
const char *rg_enf_test(const struct rg_ir *p, uint32_t pc, enum rg_enf_stage stage, struct rg_enf_lit *ret);

/* All rules of all policies that are decided at that stage. Errors: -EOPNOTSUPP, -E2BIG, -ENOMEM. */
int rg_enf_clauses(const struct rg_policy *p, enum rg_enf_stage stage, struct rg_enf_list *ret,
		   struct rg_err *err);
void rg_enf_list_free(struct rg_enf_list *l);

/* Are there rules, scopes or defaults that cannot be carried out by it? -EOPNOTSUPP. */
int rg_enf_check(const struct rg_policy *p, enum rg_backend by, struct rg_err *err);
/* by: RG_BACKEND_LSM, or RG_BACKEND_CGROUP when nothing better was asked for. Errors: as rg_policy_check
 * (-EOPNOTSUPP), -E2BIG when a bound of abi/enforce.h is met, -ENOMEM. */
int rg_lower_enforce(const struct rg_policy *p, enum rg_backend by, const struct rg_enf_names *names,
		     struct rg_enf_image **ret, struct rg_err *err);
void rg_enf_image_free(struct rg_enf_image *img);
/* front.c: fill img->front from its tables. */
void rg_enf_front_make(struct rg_enf_image *img);
/* On which sockets (RG_BATCH_*) a dimension's value can change between the messages of a recvmmsg. */
uint32_t rg_enf_changes(unsigned dim);

#endif
