/* SPDX-License-Identifier: BSD-2-Clause */
/* Words of a command line -> the verb's option struct, by its table. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"

const struct cli_opt cli_common_opts[] = {
	{"help", 'h', NULL, NULL, 0, "Show this help"},
	{0},
};

struct parser {
	const struct cli_verb *verb;
	char *dest;
	char *const *words;
	int n, at; /* words[at] is the next one */
	struct rg_err *err;
};

static const char *opt_choice(const void *arg, unsigned i)
{
	const struct cli_verb *v = arg;
	unsigned n = 0;

	for (const struct cli_opt *o = v->opts; o && o->name; o++)
		if (n++ == i)
			return o->name;
	return i == n ? cli_common_opts[0].name : NULL;
}

static int unknown_opt(struct parser *p, const char *name, int len)
{
	char word[64];
	const char *near;

	snprintf(word, sizeof(word), "%.*s", len, name);
	near = cli_nearest(word, opt_choice, p->verb);
	if (near)
		return rg_fail(p->err, -EINVAL, "unknown option --%s; did you mean --%s?", word, near);
	return rg_fail(p->err, -EINVAL, "unknown option --%s", word);
}

static const struct cli_opt *opt_named(const struct cli_verb *v, const char *name, size_t len)
{
	for (const struct cli_opt *o = v->opts; o && o->name; o++)
		if (strlen(o->name) == len && !memcmp(o->name, name, len))
			return o;
	return NULL;
}

static const struct cli_opt *opt_lettered(const struct cli_verb *v, char letter)
{
	for (const struct cli_opt *o = v->opts; o && o->name; o++)
		if (o->letter && o->letter == letter)
			return o;
	return NULL;
}

static int take(struct parser *p, const struct cli_opt *o, const char *text)
{
	int r = o->type->parse(o, text, p->dest + o->at, p->err);

	if (r < 0)
		rg_err_wrap(p->err, "--%s%s%s", o->name, text ? " " : "", text ? text : "");
	return r;
}

/* The word after an option that needs an argument. */
static int take_next(struct parser *p, const struct cli_opt *o)
{
	if (p->at >= p->n)
		return rg_fail(p->err, -EINVAL, "--%s needs an argument: %s", o->name, o->arg);
	return take(p, o, p->words[p->at++]);
}

static int parse_long(struct parser *p, const char *word)
{
	size_t len = strcspn(word, "=");
	const struct cli_opt *o = opt_named(p->verb, word, len);

	if (!o)
		return unknown_opt(p, word, (int)len);
	if (!o->arg)
		return word[len] ? rg_fail(p->err, -EINVAL, "--%s takes no argument", o->name)
				 : take(p, o, NULL);
	return word[len] ? take(p, o, word + len + 1) : take_next(p, o);
}

/* -x, -xVALUE, and several letters in one word: -xq. */
static int parse_short(struct parser *p, const char *word)
{
	for (const char *c = word; *c; c++) {
		const struct cli_opt *o = opt_lettered(p->verb, *c);
		int r;

		if (!o)
			return rg_fail(p->err, -EINVAL, "unknown option -%c", *c);
		if (o->arg)
			return c[1] ? take(p, o, c + 1) : take_next(p, o);
		r = take(p, o, NULL);
		if (r < 0)
			return r;
	}
	return 0;
}

static int check_args(const struct cli_verb *v, const struct cli_call *c, struct rg_err *err)
{
	if (c->n_args > v->max_args && v->max_args == 0 && v->takes_command)
		return rg_fail(err, -EINVAL, "unexpected '%s'; a command comes after --: recvguard %s -- %s",
			       c->args[0], v->name, c->args[0]);
	if (c->n_args > v->max_args)
		return rg_fail(err, -EINVAL, "unexpected '%s'; it takes: %s", c->args[v->max_args],
			       v->synopsis[0] ? v->synopsis : "no arguments");
	if (c->n_args < v->min_args)
		return rg_fail(err, -EINVAL, "something is missing; it takes: %s", v->synopsis);
	return 0;
}

static int parse_words(struct parser *p, char **args, struct cli_call *ret)
{
	int r = 0;

	while (r >= 0 && p->at < p->n) {
		char *word = p->words[p->at++];

		if (!strcmp(word, "--")) {
			if (!p->verb->takes_command) {
				while (p->at < p->n)
					args[ret->n_args++] = p->words[p->at++];
			} else if (p->at == p->n) {
				return rg_fail(p->err, -EINVAL, "no command after --");
			} else {
				ret->command = p->words + p->at;
			}
			break;
		}
		if (!strncmp(word, "--", 2))
			r = parse_long(p, word + 2);
		else if (word[0] == '-' && word[1])
			r = parse_short(p, word + 1);
		else
			args[ret->n_args++] = word;
	}
	return r;
}

int cli_parse(const struct cli_verb *v, int n, char *const *words, void *opts, struct cli_call *ret,
	      struct rg_err *err)
{
	struct parser p = {.verb = v, .dest = opts, .words = words, .n = n, .err = err};
	char **args = calloc((size_t)n + 1, sizeof(*args));
	int r;

	if (!args)
		return rg_fail(err, -ENOMEM, "out of memory");
	*ret = (struct cli_call){.verb = v, .args = args};
	r = parse_words(&p, args, ret);
	return r < 0 ? r : check_args(v, ret, err);
}

void cli_parse_free(const struct cli_verb *v, void *opts, struct cli_call *call)
{
	for (const struct cli_opt *o = v->opts; o && o->name; o++)
		if (o->type->release)
			o->type->release((char *)opts + o->at);
	free((void *)call->args);
	*call = (struct cli_call){.verb = v};
}
