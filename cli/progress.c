/* SPDX-License-Identifier: BSD-2-Clause */
#include "progress.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec * 1e-9;
}

void cli_progress_start(struct cli_progress *p, uint64_t total, const char *what, bool quiet)
{
	*p = (struct cli_progress){.what = what, .total = total, .began = now()};
	p->next = p->began + 0.5;
	p->on = !quiet && isatty(STDERR_FILENO) && !isatty(STDOUT_FILENO);
}

void cli_progress(struct cli_progress *p, uint64_t done)
{
	double t;

	if (!p->on || (p->total && done % 1024))
		return;
	t = now();
	if (t < p->next)
		return;
	p->next = t + 0.1;
	p->shown = true;
	if (p->total)
		fprintf(stderr, "\r\033[K%3" PRIu64 "%% of %" PRIu64 " %s",
			done >= p->total ? 100 : done * 100 / p->total, p->total, p->what);
	else
		fprintf(stderr, "\r\033[K%" PRIu64 " %s, %.0f s", done, p->what, t - p->began);
}

void cli_progress_end(struct cli_progress *p)
{
	if (p->shown)
		fputs("\r\033[K", stderr);
	p->shown = false;
}
