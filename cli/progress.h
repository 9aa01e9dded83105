/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RG_CLI_PROGRESS_H
#define RG_CLI_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

/*
 * How far long work is: one line on standard error that is written over, after half a second, and only on a
 * terminal that is not busy showing results on standard output.
 */
struct cli_progress {
	const char *what; /* is counted: "messages" */
	uint64_t total;	  /* 0: not known */
	double began, next;
	bool on, shown;
};

void cli_progress_start(struct cli_progress *p, uint64_t total, const char *what, bool quiet);
/* Cheap: looks at the clock now and then. */
void cli_progress(struct cli_progress *p, uint64_t done);
/* Take the line away. */
void cli_progress_end(struct cli_progress *p);

#endif
