/* SPDX-License-Identifier: BSD-2-Clause */
/* The type of --redact: a pattern or @SET, checked before anything is started. */
#include <stdio.h>

#include <recvguard/redact.h>

#include "cli.h"

static const char *set_choice(const struct cli_opt *o, unsigned i)
{
	static char words[16][32];
	const char *name = i < 16 ? rg_redact_sets[i].name : NULL;

	if (!name)
		return NULL;
	snprintf(words[i], sizeof(words[i]), "@%s", name);
	return words[i];
}

static int parse_redact(const struct cli_opt *o, const char *text, void *dest, struct rg_err *err)
{
	struct rg_redact *r;
	int rc = rg_redact_new(&text, 1, &r, err);

	rg_redact_free(r);
	return rc < 0 ? rc : cli_strs.parse(o, text, dest, err);
}

static void release(void *dest)
{
	cli_strs.release(dest);
}

const struct cli_type cli_redact = {
	.parse = parse_redact, .release = release, .choice = set_choice, .many = true};
