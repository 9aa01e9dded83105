/* SPDX-License-Identifier: BSD-2-Clause */
#include "playback.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

#include <recvguard/policy.h>

#include "outputs.h"

struct playing {
	const struct cli_playback *p;
	struct rg_recording *rec;
	struct rg_expr *filter;
	struct rg_event *ev;
	struct cli_sinks sinks;
	uint64_t read, shown, total;
	double began;
	bool progress; /* a line is on the terminal */
};

static volatile sig_atomic_t interrupted;

static void on_signal(int sig)
{
	interrupted = sig;
}

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec * 1e-9;
}

/* Long work says how far it is, on a terminal that is not busy showing the events themselves. */
static void progress(struct playing *g, bool last)
{
	double t;

	if (g->p->quiet || !isatty(STDERR_FILENO) || isatty(STDOUT_FILENO) || (!last && g->read % 4096))
		return;
	t = now() - g->began;
	if (!last && t > 0.5 && g->total) {
		fprintf(stderr, "\r%3" PRIu64 "%% of %" PRIu64 " messages", g->read * 100 / g->total,
			g->total);
		g->progress = true;
	} else if (last && g->progress) {
		fprintf(stderr, "\r\033[K");
	}
}

static int one(struct playing *g, struct rg_err *err)
{
	int r;

	g->read++;
	if (g->filter && !rg_expr_match(g->filter, g->ev))
		return 0;
	r = cli_sinks_write(&g->sinks, g->ev, err);
	if (r < 0)
		return r;
	g->shown++;
	return g->p->count && g->shown >= g->p->count;
}

/* 0: all is shown; negative errno. */
static int loop(struct playing *g, struct rg_err *err)
{
	while (!interrupted) {
		int r = rg_recording_next(g->rec, g->ev, err);

		if (r < 0)
			return r;
		if (r == 0) {
			r = cli_sinks_flush(&g->sinks, err);
			if (r < 0 || !g->p->follow)
				return r;
			usleep(100000);
			continue;
		}
		r = one(g, err);
		if (r)
			return r < 0 ? r : 0;
		progress(g, false);
	}
	return 0;
}

static int play(struct playing *g)
{
	struct rg_err err = {0};
	int status = CLI_OK, r;

	g->began = now();
	if (rg_recording_count(g->rec, NULL) > 0)
		g->total = (uint64_t)rg_recording_count(g->rec, NULL);
	r = loop(g, &err);
	progress(g, true);
	if (r < 0)
		status = cli_fail(g->p->verb, &err);
	if (cli_sinks_close(&g->sinks, &err) < 0 && r >= 0)
		status = cli_fail(g->p->verb, &err);
	return interrupted && status == CLI_OK ? 128 + interrupted : status;
}

int cli_play(const struct cli_playback *p)
{
	struct playing g = {.p = p};
	struct sigaction sa = {.sa_handler = on_signal};
	struct rg_err err = {0};
	int status;

	sigaction(SIGINT, &sa, NULL);
	sigaction(SIGTERM, &sa, NULL);
	if (p->filter && rg_expr_compile(p->filter, p->origin, &g.filter, &err) < 0)
		status = cli_fail(p->verb, &err) + 1; /* the command line's fault: 2 */
	else if (rg_recording_open(p->file, &g.rec, &err) < 0 ||
		 cli_sinks_open(&g.sinks, p->outputs, p->opts, &err) < 0)
		status = cli_fail(p->verb, &err);
	else if (!(g.ev = rg_event_new()))
		status = (cli_say(p->verb, "out of memory"), CLI_FAILED);
	else
		status = play(&g);
	rg_event_free(g.ev);
	rg_recording_close(g.rec);
	rg_expr_free(g.filter);
	return status;
}
