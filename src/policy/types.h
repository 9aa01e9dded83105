/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RG_POLICY_TYPES_H
#define RG_POLICY_TYPES_H

#include "policy/ast.h"

/* Shared by types.c and consts.c. All return 0 or -EINVAL with the error set. */
bool rg_ast_is_const(const struct rg_ast *n);
int rg_type_value(struct rg_comp *c, struct rg_ast *n);
/* Give the constant n the type of the value it is compared with. Afterwards n is INT, STR, BYTES, ADDR, RANGE
 * or NAME (a name that is looked up in the element's own table). */
int rg_type_const(struct rg_comp *c, struct rg_ast *n, const struct rg_ast *value);
/* A comparison of two constants. */
int rg_type_consts(struct rg_comp *c, struct rg_ast *cmp);
/* Check a glob or regular expression. */
int rg_type_pattern(struct rg_comp *c, struct rg_ast *n, enum rg_strop op);
void rg_cmsg_field_near(struct rg_near *near);

#endif
