/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Embedding recvguard's expressions and policies: compile, evaluate, explain, free.
 *
 *   cc embed.c -lrecvguard -o embed && ./embed 'proc.comm == "nc"' policy.yaml < events.jsonl
 *
 * Prints, for each event (a line of native JSON), whether the expression matches and what the policy decides.
 */
#include <stdio.h>
#include <stdlib.h>

#include <recvguard/json.h>
#include <recvguard/policy.h>

static int each_event(const struct rg_expr *expr, const struct rg_policy *policy, struct rg_event *ev)
{
	char *line = NULL;
	size_t cap = 0;
	struct rg_err err;
	ssize_t len;
	int r = 0;

	while (!r && (len = getline(&line, &cap, stdin)) > 0) {
		struct rg_decision d;

		r = rg_event_from_json(ev, line, (size_t)len, &err);
		if (r) {
			fprintf(stderr, "%s\n", err.msg);
			break;
		}
		rg_policy_decide(policy, ev, &d);
		printf("%s, %s by %s\n", rg_expr_match(expr, ev) ? "matches" : "does not match",
		       rg_name_of(rg_names_actions, d.action), d.rule ? d.rule : "default");
	}
	free(line);
	return r;
}

int main(int argc, char **argv)
{
	struct rg_policy *policy = NULL;
	struct rg_expr *expr = NULL;
	struct rg_event *ev = NULL;
	char *words = NULL;
	struct rg_err err;
	int r = 1;

	if (argc != 3) {
		fprintf(stderr, "usage: embed EXPRESSION POLICY < EVENTS\n");
		return 2;
	}
	if (rg_expr_compile(argv[1], "expression", &expr, &err) ||
	    rg_policy_load((const char *const *)argv + 2, 1, &policy, &err) ||
	    rg_policy_explain(policy, &words, &err)) {
		fprintf(stderr, "%s\n", err.msg);
	} else {
		fputs(words, stdout);
		ev = rg_event_new();
		r = ev ? each_event(expr, policy, ev) != 0 : 1;
	}
	rg_event_free(ev);
	free(words);
	rg_policy_free(policy);
	rg_expr_free(expr);
	return r;
}
