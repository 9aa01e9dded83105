/* SPDX-License-Identifier: BSD-2-Clause */
/* "did you mean": the known word that needs the fewest edits. */
#include <string.h>

#include "cli.h"

#define WORD_MAX 40

static unsigned min3(unsigned a, unsigned b, unsigned c)
{
	unsigned m = a < b ? a : b;

	return m < c ? m : c;
}

/* Insertions, deletions, substitutions and swaps of neighbours (optimal string alignment). */
static unsigned distance(const char *a, const char *b)
{
	unsigned row[3][WORD_MAX + 1];
	unsigned na = (unsigned)strlen(a), nb = (unsigned)strlen(b);

	if (na > WORD_MAX || nb > WORD_MAX)
		return WORD_MAX;
	for (unsigned j = 0; j <= nb; j++)
		row[0][j] = j;
	for (unsigned i = 1; i <= na; i++) {
		unsigned *now = row[i % 3], *up = row[(i - 1) % 3], *upup = row[(i + 1) % 3];

		now[0] = i;
		for (unsigned j = 1; j <= nb; j++) {
			now[j] = min3(up[j] + 1, now[j - 1] + 1, up[j - 1] + (a[i - 1] != b[j - 1]));
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
			    upup[j - 2] + 1 < now[j])
				now[j] = upup[j - 2] + 1;
		}
	}
	return row[na % 3][nb];
}

const char *cli_nearest(const char *text, const char *(*choice)(const void *arg, unsigned i), const void *arg)
{
	unsigned len = (unsigned)strlen(text), best = len < 3 ? 2 : len < 6 ? 3 : 4;
	const char *found = NULL, *begins = NULL, *c;

	for (unsigned i = 0; (c = choice(arg, i)); i++) {
		unsigned d = distance(text, c);

		if (d < best) {
			best = d;
			found = c;
		}
		if (len > 1 && !begins && !strncmp(c, text, len))
			begins = c;
	}
	return found && (best == 1 || !begins) ? found : begins ? begins : found;
}
