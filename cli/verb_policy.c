/* SPDX-License-Identifier: BSD-2-Clause */
/* policy check, test, explain, dump. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <recvguard/json.h>
#include <recvguard/policy.h>

#include "cli.h"

static int load(const struct cli_call *call, struct rg_policy **ret)
{
	struct rg_err err = {0};

	if (!rg_policy_load((const char *const *)call->args, call->n_args, ret, &err))
		return CLI_OK;
	/* messages that point into a file stand alone: FILE:LINE:COLUMN: ..., as compilers print them */
	if (strstr(err.msg, ": error: "))
		fprintf(stderr, "%s\n", err.msg);
	else
		return cli_fail(call->verb, &err);
	return CLI_FAILED;
}

static int put_text(const struct cli_call *call, char *text)
{
	fputs(text, stdout);
	free(text);
	return cli_finish(call->verb, CLI_OK);
}

/* ---- check */

struct check_opts {
	int backend; /* 0: none */
	bool schema;
};

static const char *const check_backends[] = {"none", "trace", "broker", "lsm", "cgroup", "filter", NULL};
static const struct cli_opt check_options[] = {
	{"backend", 'b', "NAME", &cli_choice, offsetof(struct check_opts, backend),
	 "Also fail when this back-end can't enforce a rule", "--backend broker client.yaml", check_backends},
	{"json-schema", 0, NULL, &cli_flag, offsetof(struct check_opts, schema),
	 "Print the JSON Schema of policy files, for editors", "--json-schema"},
	{0},
};

static int check_run(const struct cli_call *call, const void *opts)
{
	const struct check_opts *o = opts;
	struct rg_err err = {0};
	struct rg_policy *p;
	unsigned rules = 0;
	char *text;
	int r;

	if (o->schema)
		return rg_policy_schema(&text, &err) ? cli_fail(call->verb, &err) : put_text(call, text);
	if (!call->n_args)
		return cli_usage(call->verb, "a policy file is missing");
	r = load(call, &p);
	if (r)
		return r;
	if (o->backend && rg_policy_check(p, (enum rg_backend)(o->backend - 1), &err))
		r = cli_fail(call->verb, &err);
	for (unsigned i = 0; i < rg_policy_count(p); i++)
		rules += rg_policy_rules(p, i);
	if (!r)
		printf("%u %s, %u %s: good\n", rg_policy_count(p),
		       rg_policy_count(p) == 1 ? "policy" : "policies", rules, rules == 1 ? "rule" : "rules");
	rg_policy_free(p);
	return cli_finish(call->verb, r);
}

const struct cli_verb cli_verb_policy_check = {
	.name = "policy check",
	.synopsis = "FILE|DIR...",
	.summary = "check policy files",
	.about = "Loads recvguard's and Tracee's policy files as every other command does, and says what is "
		 "wrong with "
		 "them: file, line, column, the line itself, what was expected, the nearest name.",
	.opts = check_options,
	.opts_size = sizeof(struct check_opts),
	.examples = (const struct cli_example[]){{"recvguard policy check client.yaml", "is it well-formed?"},
						 {"recvguard policy check -b lsm client.yaml",
						  "could the kernel enforce it?"},
						 {0}},
	.see_also = "policy test, policy explain, run",
	.max_args = 64,
	.run = check_run,
};

/* ---- test */

struct test_opts {
	const char *events;
	bool expect, quiet;
};

static const struct cli_opt test_options[] = {
	{"events", 'e', "FILE", &cli_file, offsetof(struct test_opts, events),
	 "Recorded events, a JSON object per line as `-o json` writes them; - or none: standard input",
	 "client.yaml --events recorded.jsonl"},
	{"expect", 0, NULL, &cli_flag, offsetof(struct test_opts, expect),
	 "Fail where an event's own verdict (action and, where it has one, rule) differs from the decision"},
	{"quiet", 'q', NULL, &cli_flag, offsetof(struct test_opts, quiet),
	 "Only the closing line, and what differs"},
	{0},
};

struct tally {
	unsigned n, acted, audited, logged, differ;
};

static bool same_text(const struct rg_event *ev, enum rg_field f, const char *s)
{
	return !rg_has(ev, f) || (s && strlen(s) == ev->v[f].len && !memcmp(s, ev->v[f].p, ev->v[f].len));
}

static bool as_expected(const struct rg_event *ev, const struct rg_decision *d)
{
	int action = d->log_rule && !d->rule && d->action == RG_ACT_ALLOW ? RG_ACT_LOG : (int)d->action;

	if (!rg_has(ev, RG_F_VERDICT_ACTION))
		return true;
	return ev->v[RG_F_VERDICT_ACTION].i == action &&
	       (action != RG_ACT_DENY || !rg_has(ev, RG_F_VERDICT_ERRNO) ||
		ev->v[RG_F_VERDICT_ERRNO].i == d->err_no) &&
	       same_text(ev, RG_F_VERDICT_RULE, action == RG_ACT_LOG ? d->log_rule : d->rule);
}

static void put_bits(const char *what, const uint64_t *bits)
{
	for (unsigned i = 0; i < RG_STRIP_WORDS * 64; i++)
		if (bits[i / 64] >> (i % 64) & 1)
			printf(" %s[%u]", what, i);
}

static void put_decision(unsigned line, const struct rg_decision *d, bool differs)
{
	const char *errname =
		d->action == RG_ACT_DENY ? rg_name_of(rg_names_errnos, (uint64_t)d->err_no) : NULL;

	printf("%u: %s%s%s", line, rg_name_of(rg_names_actions, d->action), errname ? " " : "",
	       errname ? errname : "");
	if (d->action == RG_ACT_STRIP) {
		put_bits("fd", d->strip_fd);
		put_bits("cmsg", d->strip_cmsg);
	}
	if (!d->policy)
		printf(" (no policy applies)");
	else if (d->rule)
		printf(" by %s: %s%s", d->policy, d->rule, d->audit ? " (audit)" : "");
	else
		printf(" by %s: its default%s", d->policy, d->audit ? " (audit)" : "");
	if (d->doubt)
		printf(", in doubt");
	if (d->log_rule)
		printf("; noted by %s: %s", d->log_policy, d->log_rule);
	puts(differs ? "  <- not as expected" : "");
}

static void one_event(const struct rg_policy *p, const struct rg_event *ev, unsigned line,
		      const struct test_opts *o, struct tally *t)
{
	struct rg_decision d;
	bool differs;

	rg_policy_decide(p, ev, &d);
	differs = o->expect && !as_expected(ev, &d);
	t->n++;
	t->acted += d.action != RG_ACT_ALLOW && !d.audit;
	t->audited += d.action != RG_ACT_ALLOW && d.audit;
	t->logged += d.log_rule != NULL;
	t->differ += differs;
	if (!o->quiet || differs)
		put_decision(line, &d, differs);
}

static int test_lines(const struct cli_call *call, const struct rg_policy *p, FILE *f,
		      const struct test_opts *o, struct tally *t)
{
	struct rg_event *ev = rg_event_new();
	struct rg_err err = {0};
	char *line = NULL;
	size_t cap = 0;
	unsigned n = 0;
	ssize_t len;
	int r = ev ? CLI_OK : CLI_FAILED;

	while (!r && (len = getline(&line, &cap, f)) > 0) {
		n++;
		if (line[strspn(line, " \t\r\n")] == 0)
			continue;
		if (rg_event_from_json(ev, line, (size_t)len, &err)) {
			cli_say(call->verb, "%s:%u: %s", o->events ? o->events : "standard input", n,
				err.msg);
			r = CLI_FAILED;
		} else if (rg_has(ev, RG_F_EVENT) && ev->v[RG_F_EVENT].i == RG_EV_LOST) {
			continue;
		} else {
			one_event(p, ev, n, o, t);
		}
	}
	if (!r && ferror(f)) {
		cli_say(call->verb, "%s: %s", o->events ? o->events : "standard input", strerror(errno));
		r = CLI_FAILED;
	}
	free(line);
	rg_event_free(ev);
	return r;
}

static int test_run(const struct cli_call *call, const void *opts)
{
	const struct test_opts *o = opts;
	bool std = !o->events || !strcmp(o->events, "-");
	FILE *f = std ? stdin : fopen(o->events, "re");
	struct tally t = {0};
	struct rg_policy *p;
	int r;

	if (!f) {
		cli_say(call->verb, "%s: %s", o->events, strerror(errno));
		return CLI_FAILED;
	}
	r = load(call, &p);
	if (!r) {
		r = test_lines(call, p, f, o, &t);
		rg_policy_free(p);
	}
	if (!std)
		fclose(f);
	if (!r)
		printf("%u events: %u refused or changed, %u only reported, %u noted, %u delivered%s\n", t.n,
		       t.acted, t.audited, t.logged, t.n - t.acted, t.differ ? "; NOT as expected" : "");
	return cli_finish(call->verb, r ? r : t.differ ? CLI_FAILED : CLI_OK);
}

const struct cli_verb cli_verb_policy_test = {
	.name = "policy test",
	.synopsis = "FILE|DIR... --events FILE",
	.summary = "decide recorded events by a policy",
	.about = "For each recorded event: what would have been decided, and by which rule of which policy. "
		 "Nothing is "
		 "enforced.",
	.opts = test_options,
	.opts_size = sizeof(struct test_opts),
	.examples = (const struct cli_example[]){{"recvguard trace -o json=seen.jsonl -- myclient", "record"},
						 {"recvguard policy test client.yaml --events seen.jsonl",
						  "what would have been decided?"},
						 {0}},
	.see_also = "policy check, trace",
	.min_args = 1,
	.max_args = 64,
	.run = test_run,
};

/* ---- explain */

struct explain_opts {
	const char *expr;
};

static const struct cli_opt explain_options[] = {
	{"expr", 0, "EXPR", &cli_str, offsetof(struct explain_opts, expr),
	 "An expression, as of --filter, instead of files", "--expr 'proc.uid == 0 and fd.count > 0'"},
	{0},
};

static int explain_run(const struct cli_call *call, const void *opts)
{
	const struct explain_opts *o = opts;
	struct rg_err err = {0};
	struct rg_policy *p;
	char *text = NULL;
	int r;

	if (!o->expr == !call->n_args)
		return cli_usage(call->verb, "give policy files, or --expr EXPR");
	if (o->expr)
		return rg_expr_explain(o->expr, "--expr", &text, &err) ? cli_fail(call->verb, &err)
								       : put_text(call, text);
	r = load(call, &p);
	if (r)
		return r;
	r = rg_policy_explain(p, &text, &err);
	rg_policy_free(p);
	return r ? cli_fail(call->verb, &err) : put_text(call, text);
}

const struct cli_verb cli_verb_policy_explain = {
	.name = "policy explain",
	.synopsis = "FILE|DIR...|--expr EXPR",
	.summary = "say in words what a policy or a filter does, and where",
	.about = "Each rule in words and, for each back-end (trace, broker, lsm, filter), whether it "
		 "enforces the rule, only "
		 "reports, or refuses it, with the reason; at the end, what of the scopes a trace decides in "
		 "the kernel. The same for "
		 "an expression by --expr.",
	.opts = explain_options,
	.opts_size = sizeof(struct explain_opts),
	.examples = (const struct cli_example[]){{"recvguard policy explain client.yaml", "read it aloud"},
						 {"recvguard policy explain --expr 'sock.remote.port == 53'",
						  "what of it does the kernel decide?"},
						 {0}},
	.see_also = "policy check, policy dump",
	.max_args = 64,
	.run = explain_run,
};

/* ---- dump */

struct dump_opts {
	int stage;
	const char *expr;
};

static const struct cli_opt dump_options[] = {
	{"stage", 's', "STAGE", &cli_choice, offsetof(struct dump_opts, stage),
	 "Stage to print: tokens, ast, types, ir, bpf (the kernel's match program), cbpf (a socket filter)",
	 "--stage ir client.yaml", rg_stage_names},
	{"expr", 0, "EXPR", &cli_str, offsetof(struct dump_opts, expr), "An expression instead of files",
	 "--stage types --expr 'fd.count > 0'"},
	{0},
};

static int dump_run(const struct cli_call *call, const void *opts)
{
	const struct dump_opts *o = opts;
	struct rg_err err = {0};
	struct rg_policy *p;
	char *text = NULL;
	int r;

	if (!o->expr == !call->n_args)
		return cli_usage(call->verb, "give policy files, or --expr EXPR");
	if (o->expr) {
		r = rg_expr_dump(o->expr, "--expr", (enum rg_stage)o->stage, &text, &err);
	} else {
		r = load(call, &p);
		if (r)
			return r;
		r = rg_policy_dump(p, (enum rg_stage)o->stage, &text, &err);
		rg_policy_free(p);
	}
	return r ? cli_fail(call->verb, &err) : put_text(call, text);
}

const struct cli_verb cli_verb_policy_dump = {
	.name = "policy dump",
	.synopsis = "[--stage STAGE] FILE|DIR...",
	.summary = "print the stages of the policy compiler",
	.about = "Every rule of the policies, or one expression, at one stage on its way from text to a "
		 "target.",
	.opts = dump_options,
	.opts_size = sizeof(struct dump_opts),
	.defaults = &(const struct dump_opts){.stage = RG_STAGE_IR},
	.examples =
		(const struct cli_example[]){
			{"recvguard policy dump --stage bpf --expr 'proc.comm == \"nc\"'",
			 "what the kernel decides"},
			{0}},
	.see_also = "policy explain",
	.max_args = 64,
	.run = dump_run,
};
