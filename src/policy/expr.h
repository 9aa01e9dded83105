/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RG_POLICY_EXPR_H
#define RG_POLICY_EXPR_H

#include "policy/ast.h"
#include "policy/ir.h"

struct rg_expr {
	struct rg_ir *ir;
};

/* Parse, names, types, fold. */
int rg_compile_tree(struct rg_comp *c, const struct rg_src *src, struct rg_ast **ret);
/* ... and IR; *ret is freed with free(). */
int rg_compile_ir(struct rg_comp *c, const struct rg_src *src, enum rg_use use, struct rg_ir **ret);

#endif
