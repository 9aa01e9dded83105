/* SPDX-License-Identifier: BSD-2-Clause */
#include <string.h>

#include "cli.h"

#define RG_VERB(sym, file) extern const struct cli_verb cli_verb_##sym;
#include "verbs.def"
#undef RG_VERB

const struct cli_verb *const cli_verbs[] = {
#define RG_VERB(sym, file) &cli_verb_##sym,
#include "verbs.def"
#undef RG_VERB
	NULL};

/* How many words of the command line spell the verb's name: 0 when they do not. */
static int words_matched(const char *name, int n, char *const *words)
{
	size_t len = strcspn(name, " ");

	if (n < 1 || strlen(words[0]) != len || memcmp(words[0], name, len) != 0)
		return 0;
	if (!name[len])
		return 1;
	return n > 1 && !strcmp(words[1], name + len + 1) ? 2 : 0;
}

const struct cli_verb *cli_verb_find(int n, char *const *words, int *used)
{
	const struct cli_verb *found = NULL;
	int best = 0;

	for (const struct cli_verb *const *v = cli_verbs; *v; v++) {
		int m = words_matched((*v)->name, n, words);

		if (m > best) {
			best = m;
			found = *v;
		}
	}
	if (used)
		*used = best;
	return found;
}
