/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RG_POLICY_MATCH_H
#define RG_POLICY_MATCH_H

#include "abi/match.h"
#include "policy/ir.h"

/* The part of a program that the kernel can decide, as a match program that never rejects what the whole
 * program accepts. Errors: -ENOMEM. */
int rg_lower_match(const struct rg_ir *p, struct rg_match *ret, struct rg_err *err);
void rg_match_free(struct rg_match *m);
/* Find out where the program can reject (prog.at). One that never does becomes one without tests. */
void rg_match_place(struct rg_match *m);
/* a and b, or a or b, into a; b is left empty. When the two together have more tests than a program takes, a
 * accepts more instead. Errors: -ENOMEM. */
int rg_match_join(struct rg_match *a, struct rg_match *b, bool both, struct rg_err *err);
/* What a trace shows of a policy's audit: messages that some policy's scope holds (Tracee's: that a rule of
 * it also matches). */
struct rg_policy;
int rg_match_of_policy(const struct rg_policy *p, struct rg_match *ret, struct rg_err *err);
/* One line: what of it the kernel decides, and where. */
void rg_match_words(const struct rg_match *m, struct rg_buf *out);
/* The reference interpreter: what bpf/lib/match.h does, over a record in memory. known: RG_KNOWN_*. */
bool rg_match_run(const struct rg_match *m, const struct rg_rec_msg *rec, uint32_t known);
void rg_match_disasm(const struct rg_match *m, struct rg_buf *out);
/* The value at off of the record, in words; NULL: none that is tested. */
const char *rg_match_at(unsigned off);

#endif
