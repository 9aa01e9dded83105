/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdlib.h>
#include <string.h>

#include "cli.h"

static const char *verb_choice(const void *arg, unsigned i)
{
	unsigned seen = 0;

	for (const struct cli_verb *const *v = cli_verbs; *v; v++)
		if (!(*v)->hidden && seen++ == i)
			return (*v)->name;
	return NULL;
}

/* The second words of the verbs that start with the first: arg. */
static const char *second_choice(const void *arg, unsigned i)
{
	size_t len = strlen(arg);
	unsigned seen = 0;

	for (const struct cli_verb *const *v = cli_verbs; *v; v++)
		if (!strncmp((*v)->name, arg, len) && (*v)->name[len] == ' ' && seen++ == i)
			return (*v)->name + len + 1;
	return NULL;
}

/* `policy` alone, or with a second word that no verb has. */
static int unknown_second(const char *first, const char *second)
{
	const char *near = second && *second != '-' ? cli_nearest(second, second_choice, first) : NULL;
	const char *c;

	if (near) {
		fprintf(stderr,
			"recvguard: unknown verb '%s %s'; did you mean '%s %s'? (recvguard help %s)\n", first,
			second, first, near, first);
		return CLI_USAGE;
	}
	fprintf(stderr, "recvguard: %s what? One of:", first);
	for (unsigned i = 0; (c = second_choice(first, i)); i++)
		fprintf(stderr, "%s %s", i ? "," : "", c);
	fprintf(stderr, " (recvguard help %s)\n", first);
	return CLI_USAGE;
}

static int unknown_verb(const char *word, const char *next)
{
	const char *near = cli_nearest(word, verb_choice, NULL);

	if (second_choice(word, 0))
		return unknown_second(word, next);

	if (near)
		fprintf(stderr, "recvguard: unknown verb '%s'; did you mean '%s'? (recvguard help)\n", word,
			near);
	else
		fprintf(stderr, "recvguard: unknown verb '%s'; `recvguard help` lists them\n", word);
	return CLI_USAGE;
}

static bool wants_help(int n, char *const *words)
{
	for (int i = 0; i < n && strcmp(words[i], "--") != 0; i++)
		if (!strcmp(words[i], "--help") || !strcmp(words[i], "-h"))
			return true;
	return false;
}

static int run_verb(const struct cli_verb *v, int n, char *const *words)
{
	void *opts = calloc(1, v->opts_size ? v->opts_size : 1);
	struct cli_call call = {.verb = v};
	struct rg_err err = {0};
	int status;

	if (!opts) {
		cli_say(v, "out of memory");
		return CLI_FAILED;
	}
	if (v->defaults)
		memcpy(opts, v->defaults, v->opts_size);
	if (cli_parse(v, n, words, opts, &call, &err) < 0)
		status = cli_usage(v, "%s", err.msg);
	else
		status = v->run(&call, opts);
	cli_parse_free(v, opts, &call);
	free(opts);
	return status;
}

int main(int argc, char **argv)
{
	const struct cli_verb *v;
	int used;

	cli_no_sigpipe();
	if (argc < 2) {
		cli_help_all(stderr, cli_width(2));
		return CLI_USAGE;
	}
	if (!strcmp(argv[1], "--version") || !strcmp(argv[1], "-V")) {
		cli_version(stdout);
		return cli_finish(NULL, CLI_OK);
	}
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h")) {
		cli_help_all(stdout, cli_width(1));
		return cli_finish(NULL, CLI_OK);
	}
	if (second_choice(argv[1], 0) && argc == 3 && wants_help(1, argv + 2)) {
		char *words[] = {"help", argv[1], NULL};

		return run_verb(cli_verb_find(1, words, &used), 1, words + 1);
	}
	v = cli_verb_find(argc - 1, argv + 1, &used);
	if (!v)
		return unknown_verb(argv[1], argv[2]);
	if (wants_help(argc - 1 - used, argv + 1 + used)) {
		cli_help(stdout, v, cli_width(1));
		return cli_finish(v, CLI_OK);
	}
	return run_verb(v, argc - 1 - used, argv + 1 + used);
}
