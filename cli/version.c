/* SPDX-License-Identifier: BSD-2-Clause */
/* --version: what was built, from what, by what. */
#include "version.inc"
#include "build_facts.inc"
#include "cli.h"

static const struct {
	const char *what, *value;
} facts[] = {
	{"commit", RG_BUILD_COMMIT},
	{"built for", RG_BUILD_TARGET},
	{"compiler", RG_BUILD_COMPILER},
	{"build type", RG_BUILD_TYPE},
	{"libraries", RG_BUILD_LIBRARIES},
	{"licence", "BSD-2-Clause; the programs loaded into the kernel GPL-2.0-or-later"},
};

void cli_version(FILE *f)
{
	fprintf(f, "recvguard %s\n", RG_VERSION);
	for (unsigned i = 0; i < sizeof(facts) / sizeof(facts[0]); i++)
		fprintf(f, "  %-11s %s\n", facts[i].what, facts[i].value);
}
