/* SPDX-License-Identifier: BSD-2-Clause */
/* Events per second into a recording and out of it. usage: bench-record FILE [EVENTS] */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include <recvguard/recording.h>
#include <recvguard/sink.h>

#include "sink/json.h"
#include "tests/lib/fabricate.h"

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts); /* the machine may be busy */
	return (double)ts.tv_sec + (double)ts.tv_nsec * 1e-9;
}

static int complain(const struct rg_err *err)
{
	fprintf(stderr, "bench-record: %s\n", err->msg);
	return 1;
}

static int write_all(const char *file, unsigned long n, struct rg_event *ev, struct rg_err *err)
{
	struct rg_sink *s;
	char spec[512];
	double t = now();
	int r;

	snprintf(spec, sizeof(spec), "sqlite=%s", file);
	r = rg_sink_open(spec, NULL, &s, err);
	for (unsigned long i = 0; r == 0 && i < n; i++) {
		if (i % 16 == 0)
			fab_event(FAB_TYPICAL + (i % 160 == 0),
				  ev); /* every tenth group passes descriptors */
		ev->v[RG_F_ID].u = i + 1;
		ev->v[RG_F_TIME].u += 3000;
		ev->v[RG_F_SEQ].u = i;
		r = rg_sink_write(s, ev, err);
	}
	if (r)
		return r;
	printf("written   %8.0f events/s of CPU\n", (double)n / (now() - t));
	r = rg_sink_close(s, err);
	printf("finished  %8.0f events/s, indexes and disk included\n", (double)n / (now() - t));
	return r;
}

int main(int argc, char **argv)
{
	unsigned long n = argc > 2 ? strtoul(argv[2], NULL, 10) : 300000, got = 0;
	struct rg_event *ev = rg_event_new();
	struct rg_json j = {0};
	rg_auto_buf b = {0};
	struct rg_recording *rec;
	struct rg_err err = {0};
	struct stat st;
	double t;

	if (argc < 2 || !ev)
		return 2;
	if (write_all(argv[1], n, ev, &err) || stat(argv[1], &st) || rg_recording_open(argv[1], &rec, &err))
		return complain(&err);
	t = now();
	while (rg_recording_next(rec, ev, &err) == 1) {
		rg_buf_reset(&b);
		rg_json_event(&j, &b, ev);
		got++;
	}
	printf("replayed  %8.0f events/s as JSON\n", (double)got / (now() - t));
	printf("file      %8.1f bytes an event\n", (double)st.st_size / (double)n);
	rg_recording_close(rec);
	rg_event_free(ev);
	return got == n ? 0 : 1;
}
