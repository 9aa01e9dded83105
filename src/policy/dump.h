/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RG_POLICY_DUMP_H
#define RG_POLICY_DUMP_H

#include "policy/ast.h"
#include "policy/ir.h"

/* One stage of one expression, appended to out. */
int rg_dump_src(struct rg_comp *c, const struct rg_src *src, enum rg_use use, enum rg_stage stage,
		struct rg_buf *out);

#endif
