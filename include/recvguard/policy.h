/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RECVGUARD_POLICY_H
#define RECVGUARD_POLICY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <recvguard/error.h>
#include <recvguard/event.h>

/* Expressions over events, and policies made of them. Compiled objects are immutable: any number of threads
 * may evaluate the same one. Evaluation allocates nothing. */

struct rg_expr;

/* Compile text. origin names it in errors ("--filter", a file). Errors: -EINVAL, with line, column, caret. */
int rg_expr_compile(const char *text, const char *origin, struct rg_expr **ret, struct rg_err *err);
void rg_expr_free(struct rg_expr *e);
/* Does the event match? A test of an absent value matches neither as it stands nor negated (`sender.uid ==
 * 0`, `not sender.uid == 0`): what is not known is found by `exists`. A test that can't be decided because a
 * part of the payload was not captured counts as a match. Loss events (event == lost) are the caller's to let
 * through. */
bool rg_expr_match(const struct rg_expr *e, const struct rg_event *ev);

/* An expression in words, and which part of it a trace decides in the kernel: text, freed with free().
 * Errors: as rg_expr_compile. */
int rg_expr_explain(const char *text, const char *origin, char **ret, struct rg_err *err);

/* The compiler's stages, and their names ("tokens"...), NULL-terminated. */
enum rg_stage {
	RG_STAGE_TOKENS,
	RG_STAGE_AST,
	RG_STAGE_TYPES,
	RG_STAGE_IR,
	RG_STAGE_BPF,
	RG_STAGE_CBPF,
	RG_STAGE__COUNT
};
extern const char *const rg_stage_names[RG_STAGE__COUNT + 1];
/* One stage of an expression as text, freed with free(). Errors: as rg_expr_compile; -EOPNOTSUPP when the
 * target can't do it, err says why. */
int rg_expr_dump(const char *text, const char *origin, enum rg_stage stage, char **ret, struct rg_err *err);

struct rg_policy;

/* Load policy files and directories (every *.yaml, *.yml in them, sorted by name), recvguard's kind and
 * Tracee's. Errors: -EINVAL with file, line, column, caret; -errno of reading. */
int rg_policy_load(const char *const *paths, unsigned n_paths, struct rg_policy **ret, struct rg_err *err);
/* The same for a text; origin names it in errors, and includes are relative to it. */
int rg_policy_parse(const char *text, const char *origin, struct rg_policy **ret, struct rg_err *err);
void rg_policy_free(struct rg_policy *p);

/* One entry of a scope, NAME=VALUE: the value is taken as it stands, without the stars and commas that
 * `scope:` in a policy knows. name: "pid", "uid" (number), "comm", "exe", "cgroup", "container" (text), and
 * what else scopes have. */
struct rg_scope_demand {
	const char *name;
	const char *text; /* NULL: a number */
	uint32_t number;
};
/* Narrow every policy: it applies where its own scope holds and these do, of those with one name any.
 * Compiled as `scope:` is, so that each back-end carries it out or refuses it (rg_policy_check). Errors:
 * -EINVAL. */
int rg_policy_narrow(struct rg_policy *p, const struct rg_scope_demand *d, unsigned n, struct rg_err *err);

#define RG_STRIP_WORDS 4 /* 256 bits: SCM_MAX_FD is 253 */

struct rg_decision {
	enum rg_action action; /* allow, deny, drop, strip, kill */
	int err_no;	       /* deny: positive errno */
	bool audit;	       /* report only, don't act */
	bool doubt;	       /* the deciding test could not be decided and was taken to hold */
	const char *policy;    /* names live as long as the policy; NULL: no policy's scope matched */
	const char *rule;      /* NULL: the policy's default */
	const char *log_policy, *log_rule; /* the first matching `log` rule, NULL: none */
	uint64_t matched; /* bit i: policy i (rg_policy_name) had a matching rule or a default that acts */
	/* strip: elements of the event's fd and cmsg lists, by index, that are not to be delivered */
	uint64_t strip_fd[RG_STRIP_WORDS], strip_cmsg[RG_STRIP_WORDS];
};

/*
 * Decide about one event. Within a policy the first matching rule decides; `log` rules are noted and
 * evaluation goes on. Of several policies whose scope matches, the strictest decision holds (kill, deny,
 * drop, strip, allow); what two policies strip is joined; a policy in audit mode never hides one that acts.
 * In rules that restrict (deny, drop, strip, kill) the negation of a test on an absent value holds (`not
 * sender.uid in {0}` also catches an unknown sender) and a test in doubt holds; in rules that allow neither
 * does.
 */
void rg_policy_decide(const struct rg_policy *p, const struct rg_event *ev, struct rg_decision *ret);
/* Put a decision into the event's verdict.* fields. backend: a literal. */
void rg_event_set_verdict(struct rg_event *ev, const struct rg_decision *d, const char *backend);

/* Policies in the order loaded (at most 64), and their names; NULL past the last. */
unsigned rg_policy_count(const struct rg_policy *p);
const char *rg_policy_name(const struct rg_policy *p, unsigned i);

/* What can carry out a rule. */
enum rg_backend {
	RG_BACKEND_TRACE,
	RG_BACKEND_BROKER,
	RG_BACKEND_LSM,
	RG_BACKEND_CGROUP, /* enforce where there are no trampolines */
	RG_BACKEND_FILTER,
	RG_BACKEND__COUNT
};
enum rg_support { RG_ENFORCEABLE, RG_ADVISORY, RG_REFUSED };
extern const char *const rg_backend_names[RG_BACKEND__COUNT + 1], *const rg_support_names[];

unsigned rg_policy_rules(const struct rg_policy *p, unsigned policy);
const char *rg_policy_rule_name(const struct rg_policy *p, unsigned policy, unsigned rule);
/* Can this back-end carry out this rule soundly? why: one line, valid until p is freed or the next call with
 * the same buffer. */
enum rg_support rg_policy_support(const struct rg_policy *p, unsigned policy, unsigned rule,
				  enum rg_backend b, char *why, size_t why_size);
/* The first rule that b refuses: -EOPNOTSUPP with file, line and reason; 0 when there is none. */
int rg_policy_check(const struct rg_policy *p, enum rg_backend b, struct rg_err *err);

/* Texts, freed with free(). explain: every rule in words and what each back-end makes of it. dump: one stage
 * of every rule. schema: the JSON Schema of policy files. */
int rg_policy_explain(const struct rg_policy *p, char **ret, struct rg_err *err);
int rg_policy_dump(const struct rg_policy *p, enum rg_stage stage, char **ret, struct rg_err *err);
int rg_policy_schema(char **ret, struct rg_err *err);

/* The whole of the policies (rules in order, default) as one classic BPF program for a socket filter: insns,
 * at most max (4096 is the kernel's own limit). udp: the filter is for a UDP socket, else for a unix datagram
 * or seqpacket one. Returns the number of instructions; -EOPNOTSUPP (err names the rule and why), -E2BIG. */
struct sock_filter;
int rg_policy_filter(const struct rg_policy *p, bool udp, struct sock_filter *insns, unsigned max,
		     struct rg_err *err);

#endif
