/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RECVGUARD_POLICY_H
#define RECVGUARD_POLICY_H

#include <stdbool.h>
#include <stdint.h>

#include <recvguard/error.h>
#include <recvguard/event.h>

/* Expressions over events, and policies made of them. Compiled objects are immutable: any number of threads
 * may evaluate the same one. Evaluation allocates nothing. */

struct rg_expr;

/* Compile text. origin names it in errors ("--filter", a file). Errors: -EINVAL, with line, column, caret. */
int rg_expr_compile(const char *text, const char *origin, struct rg_expr **ret, struct rg_err *err);
void rg_expr_free(struct rg_expr *e);
/* Does the event match? A comparison with an absent value is false (and so is its negation's operand true). */
bool rg_expr_match(const struct rg_expr *e, const struct rg_event *ev);

struct rg_policy;

/* Load policy files and directories (every *.yaml, *.yml in them, sorted by name), recvguard's kind and
 * Tracee's. Errors: -EINVAL with file, line, column, caret; -errno of reading. */
int rg_policy_load(const char *const *paths, unsigned n_paths, struct rg_policy **ret, struct rg_err *err);
void rg_policy_free(struct rg_policy *p);

#define RG_STRIP_WORDS 4 /* 256 bits: SCM_MAX_FD is 253 */

struct rg_decision {
	enum rg_action action;
	int err_no;	    /* deny: positive errno */
	bool audit;	    /* decide and report only */
	const char *policy; /* names live as long as the policy; NULL: no policy's scope matched */
	const char *rule;   /* NULL: the policy's default */
	/* strip: elements of the event's fd and cmsg lists, by index, that are not to be delivered */
	uint64_t strip_fd[RG_STRIP_WORDS], strip_cmsg[RG_STRIP_WORDS];
};

/* Decide about one event. `log` rules are noted (in log_rule) and evaluation goes on to the deciding rule. */
void rg_policy_decide(const struct rg_policy *p, const struct rg_event *ev, struct rg_decision *ret);
/* Put a decision into the event's verdict.* fields. backend: a literal. */
void rg_event_set_verdict(struct rg_event *ev, const struct rg_decision *d, const char *backend);

#endif
