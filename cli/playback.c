/* SPDX-License-Identifier: BSD-2-Clause */
#include "playback.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <unistd.h>

#include <recvguard/policy.h>

#include "outputs.h"
#include "progress.h"

struct playing {
	const struct cli_playback *p;
	struct rg_recording *rec;
	struct rg_expr *filter;
	struct rg_event *ev;
	struct cli_sinks sinks;
	uint64_t read, shown, damaged;
	struct rg_err damage; /* the first */
	struct cli_progress progress;
};

static volatile sig_atomic_t interrupted;

static void on_signal(int sig)
{
	interrupted = sig;
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

		if (r == -EBADMSG) { /* what is behind it may be good */
			if (!g->damaged++)
				g->damage = *err;
			continue;
		}
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
		cli_progress(&g->progress, g->read);
	}
	return 0;
}

static int say_damage(const struct playing *g)
{
	if (!g->damaged)
		return CLI_OK;
	cli_say(g->p->verb, "%s (%" PRIu64 " message%s can be read, %" PRIu64 " place%s cannot)",
		g->damage.msg, g->read, g->read == 1 ? "" : "s", g->damaged, g->damaged == 1 ? "" : "s");
	return CLI_FAILED;
}

static int play(struct playing *g)
{
	struct rg_err err = {0};
	int64_t total = rg_recording_count(g->rec, NULL);
	int status = CLI_OK, r;

	cli_progress_start(&g->progress, total > 0 ? (uint64_t)total : 0, "messages", g->p->quiet);
	if (g->p->taker) /* nothing is shown meanwhile */
		g->progress.on = !g->p->quiet && isatty(STDERR_FILENO);
	r = loop(g, &err);
	cli_progress_end(&g->progress);
	if (r < 0)
		status = cli_fail(g->p->verb, &err);
	if (cli_sinks_close(&g->sinks, &err) < 0 && r >= 0)
		status = cli_fail(g->p->verb, &err);
	status = status ?: say_damage(g);
	return interrupted && status == CLI_OK ? 128 + interrupted : status;
}

int cli_play(const struct cli_playback *p)
{
	struct playing g = {.p = p};
	struct sigaction sa = {.sa_handler = on_signal};
	struct rg_err err = {0};
	unsigned count = 0;
	int status;

	while (p->files[count])
		count++;
	sigaction(SIGINT, &sa, NULL);
	sigaction(SIGTERM, &sa, NULL);
	if (p->filter && rg_expr_compile(p->filter, p->origin, &g.filter, &err) < 0)
		status = cli_fail(p->verb, &err) + 1; /* the command line's fault: 2 */
	else if (rg_recording_open_files(p->files, count, &g.rec, &err) < 0 ||
		 cli_sinks_open(&g.sinks, p->outputs, p->redact, p->opts, p->taker, &err) < 0)
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
