/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RG_POLICY_MATCH_H
#define RG_POLICY_MATCH_H

#include "abi/match.h"
#include "policy/ir.h"

/* The part of a program that the kernel can decide, as a match program that never rejects what the whole
 * program accepts. Errors: -ENOMEM. */
int rg_lower_match(const struct rg_ir *p, struct rg_match *ret, struct rg_err *err);
void rg_match_free(struct rg_match *m);
/* The reference interpreter: what bpf/lib/match.h does, over a record in memory. */
bool rg_match_run(const struct rg_match *m, const struct rg_rec_msg *rec);
void rg_match_disasm(const struct rg_match *m, struct rg_buf *out);
/* Can the kernel decide about this field, at least in comparisons? */
bool rg_match_knows(int field);

#endif
