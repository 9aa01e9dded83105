/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RG_POLICY_REGEX_H
#define RG_POLICY_REGEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

/*
 * Regular expressions and globs over bytes, compiled to a deterministic automaton: matching takes one table
 * look-up per byte whatever the pattern and the message are, allocates nothing, and can't be in doubt. A
 * backtracking matcher (PCRE2) bounds its work per starting position only, so a hostile payload could stall
 * the checker or push it over its limit; PCRE2 is the oracle of the tests instead. What an automaton can't do
 * (back-references, look-around, \b) is refused when the expression is compiled.
 */

struct rg_regex_err {
	size_t at; /* offset in the pattern */
	const char *what;
};

/* Only check. 0, -EINVAL, -E2BIG (too many states), -ENOMEM; e says where and what. */
int rg_regex_check(const char *p, size_t len, bool glob, struct rg_regex_err *e);
/* Append the automaton's binary form (regex_dfa.h says how it looks) to out, aligned to 4. */
int rg_regex_compile(const char *p, size_t len, bool glob, struct rg_buf *out, struct rg_regex_err *e);

/* The binary form: this header, 256 bytes of byte classes, accept-at-end flags (a byte a state), then
 * n_states * n_classes 16-bit successors. State 0 never matches, state 1 always does. */
struct rg_dfa {
	uint32_t size; /* of all of it */
	uint16_t n_states, n_classes, start, pad;
	uint8_t cls[256];
	uint8_t tail[]; /* end[n_states] padded to 2, then next[] */
};
#define RG_DFA_DEAD   0
#define RG_DFA_ACCEPT 1

/* Is this a whole automaton whose every successor exists? */
bool rg_dfa_verify(const void *p, size_t len);
/* p was verified. cut: more text followed that is not there. 1 it matches, 0 not, -1 the missing part
 * decides. */
int rg_dfa_run(const void *p, const char *s, size_t len, bool cut);

#endif
