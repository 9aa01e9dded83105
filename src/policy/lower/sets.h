/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RG_POLICY_SETS_H
#define RG_POLICY_SETS_H

#include "policy/ast.h"
#include "policy/ir.h"
#include "policy/regex.h"

/* The items of an `in` set, by what they are. */
struct rg_set_parts {
	size_t ints, texts, addrs, names;
};
struct rg_set_parts rg_set_split(const struct rg_ast *set);
/* Append the numbers: a hash table when there are many and no range among them (returns its slots), else
 * sorted ranges (returns 0). */
size_t rg_set_ints(const struct rg_ast *set, bool is_signed, struct rg_buf *out);
/* Append a hash table of the texts; returns its slots. */
size_t rg_set_strs(const struct rg_ast *set, struct rg_buf *out);
/* Append sorted, merged address ranges; returns how many. */
size_t rg_set_addrs(const struct rg_ast *set, struct rg_buf *out);
/* First and last address of an ADDR or RANGE item. */
void rg_addr_bounds(const struct rg_ast *it, struct rg_ir_addr_range *r);

#endif
