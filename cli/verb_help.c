/* SPDX-License-Identifier: BSD-2-Clause */
/* The verbs about the program itself: help, and the hidden ones that the build and packages use. */
#include <string.h>

#include "cli.h"

static const struct cli_opt none[] = {{0}};

static const char *verb_choice(const void *arg, unsigned i)
{
	return cli_verbs[i] ? cli_verbs[i]->name : NULL;
}

/* "policy" alone: the verbs that start with it. */
static bool help_family(const char *word)
{
	size_t len = strlen(word);
	bool any = false;

	for (const struct cli_verb *const *v = cli_verbs; *v; v++)
		if (!strncmp((*v)->name, word, len) && (*v)->name[len] == ' ') {
			printf("%s  recvguard %-20s %s\n", any ? "" : "usage:\n", (*v)->name, (*v)->summary);
			any = true;
		}
	return any;
}

static const struct cli_verb *verb_named(const struct cli_call *call)
{
	int used;
	const struct cli_verb *v = cli_verb_find((int)call->n_args, call->args, &used);

	return v && used == (int)call->n_args ? v : NULL;
}

static int unknown(const struct cli_call *call)
{
	const char *near = cli_nearest(call->args[0], verb_choice, NULL);

	cli_say(call->verb, "no verb is called '%s'%s%s%s", call->args[0], near ? "; did you mean '" : "",
		near ? near : "", near ? "'?" : "");
	return CLI_USAGE;
}

static int help_run(const struct cli_call *call, const void *opts)
{
	const struct cli_verb *v;

	if (call->n_args == 0) {
		cli_help_all(stdout, cli_width(1));
		return cli_finish(call->verb, CLI_OK);
	}
	v = verb_named(call);
	if (v)
		cli_help(stdout, v, cli_width(1));
	else if (call->n_args != 1 || !help_family(call->args[0]))
		return unknown(call);
	return cli_finish(call->verb, CLI_OK);
}

const struct cli_verb cli_verb_help = {
	.name = "help",
	.synopsis = "[VERB]",
	.summary = "show what a verb does, its options and examples",
	.about = "Without a verb, lists them all.",
	.opts = none,
	.examples = (const struct cli_example[]){{"recvguard help trace", "the options of trace"}, {0}},
	.max_args = 2,
	.run = help_run,
};

static int man_run(const struct cli_call *call, const void *opts)
{
	const struct cli_verb *v = call->n_args ? verb_named(call) : NULL;

	if (call->n_args && !v)
		return unknown(call);
	cli_man(stdout, v);
	return cli_finish(call->verb, CLI_OK);
}

const struct cli_verb cli_verb_man = {
	.name = "__man",
	.synopsis = "[VERB]",
	.summary = "print a manual page as roff",
	.about = "Used by the build: recvguard(1) without a verb, else the verb's page.",
	.opts = none,
	.examples =
		(const struct cli_example[]){{"recvguard __man trace | man -l -", "read the page of trace"},
					     {0}},
	.max_args = 2,
	.hidden = true,
	.run = man_run,
};

static int completion_run(const struct cli_call *call, const void *opts)
{
	if (cli_completion(stdout, call->args[0]) < 0)
		return cli_usage(call->verb, "unknown shell '%s'; known are bash, zsh and fish",
				 call->args[0]);
	return cli_finish(call->verb, CLI_OK);
}

const struct cli_verb cli_verb_completion = {
	.name = "__completion",
	.synopsis = "bash|zsh|fish",
	.summary = "print the completion of a shell",
	.about = "Used by the build and by packages.",
	.opts = none,
	.examples =
		(const struct cli_example[]){
			{"source <(recvguard __completion bash)", "complete in this shell"}, {0}},
	.min_args = 1,
	.max_args = 1,
	.hidden = true,
	.run = completion_run,
};
