/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/forced.h"

#include <stdlib.h>
#include <string.h>

bool rg_forced(const char *word)
{
	const char *all = getenv("RECVGUARD_FORCE"), *at = all;
	size_t n = strlen(word);

	while (at && (at = strstr(at, word))) {
		if ((at == all || at[-1] == ',') && (at[n] == '\0' || at[n] == ','))
			return true;
		at += n;
	}
	return false;
}
