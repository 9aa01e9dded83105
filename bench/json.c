/* SPDX-License-Identifier: BSD-2-Clause */
/* Nanoseconds per event of the native JSON writer. usage: bench-json [EVENTS [ONLY]] */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "sink/json.h"
#include "tests/lib/fabricate.h"

#define ROUNDS 40

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts); /* the machine may be busy */
	return (double)ts.tv_sec * 1e9 + (double)ts.tv_nsec;
}

static void measure(const char *what, struct rg_event *ev, unsigned long n)
{
	struct rg_json j = {0};
	rg_auto_buf b = {0};
	size_t bytes = 0;
	double best = 1e18;
	unsigned fields = 0;

	for (int f = 0; f < RG_F__COUNT; f++)
		fields += rg_has(ev, f);
	for (int round = 0; round < ROUNDS; round++) {
		double t = now();

		for (unsigned long i = 0; i < n; i++) {
			ev->v[RG_F_ID].u = i;
			ev->v[RG_F_TIME].u += 1717;
			rg_json_event(&j, &b, ev);
			bytes = b.len;
			if (i % 64 == 63)
				rg_buf_reset(&b);
		}
		t = (now() - t) / (double)n;
		best = t < best ? t : best;
		rg_buf_reset(&b);
		rg_json_event(&j, &b, ev);
		bytes = b.len;
		rg_buf_reset(&b);
	}
	printf("%-14s %3u fields %5zu bytes  %7.1f ns/event (best of %d rounds)\n", what, fields, bytes, best,
	       ROUNDS);
}

int main(int argc, char **argv)
{
	unsigned long n = argc > 1 ? strtoul(argv[1], NULL, 10) : 20000;
	struct rg_event *ev = rg_event_new();

	for (unsigned i = 0; i < fab_count() && n; i++) {
		if (argc > 2 && strcmp(argv[2], fab_name(i)) != 0)
			continue;
		fab_event(i, ev);
		measure(fab_name(i), ev, i == FAB_TYPICAL ? n : n / 10 + 1);
	}
	rg_event_free(ev);
	return 0;
}
