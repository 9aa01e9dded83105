/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RG_POLICY_POLICY_H
#define RG_POLICY_POLICY_H

#include <recvguard/policy.h>

#include "policy/ast.h"
#include "policy/ir.h"
#include "policy/yaml.h"

/* A loaded policy: rules as trees (for explaining and lowering) and as IR (for deciding). */
struct rg_rule {
	const char *name;
	struct rg_loc loc;	   /* of its `when` */
	const struct rg_src *when; /* NULL: always */
	const struct rg_ast *tree; /* folded; NULL: always */
	struct rg_ir *ir;	   /* NULL: always */
	enum rg_action action;
	int err_no;
};

struct rg_pol {
	const char *name;
	const char *doc; /* metadata.annotations.description, or NULL */
	const char *file;
	bool tracee, audit;
	const struct rg_ast *scope; /* NULL: everything */
	struct rg_ir *scope_ir;
	const char *scope_text; /* as an expression */
	struct rg_rule *rules;
	unsigned n_rules, cap_rules;
	enum rg_action dflt;
	int dflt_errno;
	struct rg_def *defs;	/* macros and lists that its rules see */
	struct rg_index *index; /* over rules; NULL: none worth having */
};

struct rg_policy {
	struct rg_comp c; /* trees and texts live here */
	struct rg_pol *pols;
	unsigned n, cap;
	unsigned depth; /* of includes, while loading */
};

/* load.c, for tracee.c */
struct rg_pol *rg_pol_add(struct rg_policy *p);
struct rg_rule *rg_rule_add(struct rg_comp *c, struct rg_pol *pol);
/* Text as if it stood at node n: compile it. */
int rg_pol_compile(struct rg_yaml *y, const struct rg_src *src, enum rg_use use, const struct rg_ast **tree,
		   struct rg_ir **ir);
/* tracee.c */
int rg_tracee_load(struct rg_policy *p, struct rg_yaml *y, const yaml_node_t *root);
/* scope.c: one entry of Tracee's scope grammar as an expression, appended to out in parentheses. */
int rg_scope_entry(struct rg_yaml *y, const yaml_node_t *n, struct rg_buf *out);
int rg_scope_load(struct rg_yaml *y, const yaml_node_t *n, struct rg_pol *pol);
/* scope.c: compile a text that recvguard made of node n. */
int rg_scope_compile(struct rg_yaml *y, const yaml_node_t *n, struct rg_buf *text, enum rg_use use,
		     const struct rg_ast **tree, struct rg_ir **ir, const char **ret_text);

/* scope.c: the same for a value that is taken as it stands, without stars and commas. -EINVAL: no such name,
 * or its values are not of that kind. */
int rg_scope_is(const struct rg_scope_demand *d, struct rg_buf *out);

/* One test of Tracee's grammar: NAME OP VALUES. */
struct rg_tfilter {
	char name[64], op[3];
	const char *values; /* NULL: only a name */
};
int rg_tfilter_parse(struct rg_yaml *y, const yaml_node_t *n, const char *text, struct rg_tfilter *ret);
enum rg_tkind { RG_TK_NUM, RG_TK_TEXT, RG_TK_FLAGS, RG_TK_IOVLEN };
int rg_tfilter_emit(struct rg_yaml *y, const yaml_node_t *n, const struct rg_tfilter *f, const char *field,
		    enum rg_tkind kind, struct rg_buf *out);

/* index.c: which rules can match, found by one look-up per field. */
struct rg_index *rg_index_build(const struct rg_pol *pol);
void rg_index_free(struct rg_index *x);
#define RG_INDEX_LISTS 12
/* The first rule at or after `from` that may match; n_rules when none. */
struct rg_index_cursor {
	uint32_t next_plain; /* position in the plain rules */
	struct {
		const uint32_t *at, *end;
	} list[RG_INDEX_LISTS];
	unsigned n;
};
void rg_index_start(const struct rg_index *x, const struct rg_event *ev, struct rg_index_cursor *cur);
uint32_t rg_index_next(const struct rg_index *x, struct rg_index_cursor *cur);

#endif
