/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RG_POLICY_KEYS_H
#define RG_POLICY_KEYS_H

#include "policy/policy.h"

#define RG_POLICY_API	  "recvguard/v1"
#define RG_TRACEE_API	  "tracee.aquasec.com/v1beta1"
#define RG_TRACEE_OLD_API "aquasecurity.github.io/v1beta1" /* with kind TraceePolicy, until 0.20 */
#define RG_POLICY_MAX	  64 /* as Tracee; struct rg_decision.matched has a bit for each */
#define RG_INCLUDE_DEPTH  8

/* The keys of recvguard's policy files: the loader and the JSON Schema read the same tables. */
extern const struct rg_yaml_key rg_keys_policy[], rg_keys_library[], rg_keys_metadata[], rg_keys_spec[],
	rg_keys_rule[];

int rg_policy_new(struct rg_policy **ret, struct rg_err *err);
int rg_policy_text(struct rg_policy *p, const char *origin, const char *text, size_t len);
int rg_policy_file(struct rg_policy *p, const char *path);
int rg_policy_finish(struct rg_policy *p);
/* kind.c: a document of recvguard's own kind. */
int rg_policy_doc(struct rg_policy *p, struct rg_yaml *y, const yaml_node_t *root);
/* An action as written: "allow", "deny EACCES"... */
int rg_action_parse(struct rg_yaml *y, const yaml_node_t *n, enum rg_action *action, int *err_no);

#endif
