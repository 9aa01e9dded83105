/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RG_POLICY_NFA_H
#define RG_POLICY_NFA_H

#include "policy/regex.h"

#define RG_NFA_TREES  4096
#define RG_NFA_STATES 2048
#define RG_DFA_STATES 2048
/* Of one pattern: states made and looked at. What fits in the states above and is not made to be slow stays
 * far below: some ten milliseconds. */
#define RG_NFA_WORK (4 << 20)

enum rg_re_kind { RG_RE_EMPTY, RG_RE_CLASS, RG_RE_BOL, RG_RE_EOL, RG_RE_CAT, RG_RE_ALT, RG_RE_REPEAT };
struct rg_re_tree {
	uint8_t kind;
	int a, b, lo, hi; /* hi -1: without end */
	uint32_t cls[8];
};

enum rg_nfa_op { RG_N_CLASS, RG_N_SPLIT, RG_N_BOL, RG_N_EOL, RG_N_MATCH };
struct rg_nfa_state {
	uint8_t op;
	int16_t a, b;
	int cls; /* tree of the class */
};

struct rg_nfa {
	struct rg_re_tree trees[RG_NFA_TREES];
	int n_trees;
	struct rg_nfa_state st[RG_NFA_STATES];
	int n_states, start;
	int work; /* of RG_NFA_WORK */
};

/* Errors as rg_regex_check. */
int rg_nfa_parse(struct rg_nfa *n, const char *p, size_t len, bool glob, struct rg_regex_err *e);
/* States for the tree; search: it may begin anywhere. -1 when there are too many. */
int rg_nfa_build(struct rg_nfa *n, int tree, bool search);
int rg_regex_too_big(struct rg_regex_err *e);

#endif
