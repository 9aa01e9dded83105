/* SPDX-License-Identifier: BSD-2-Clause */
/* trace: print every message that the selected processes receive. */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

#include <recvguard/policy.h>
#include <recvguard/trace.h>

#include "cli.h"
#include "outputs.h"
#include "trace.h"

/* One trace in progress. */
struct tracing {
	const struct cli_verb *verb;
	const struct trace_opts *o;
	struct rg_trace *trace;
	struct cli_sinks sinks;
	struct rg_expr *filter;
	struct rg_policy *policy;
	struct rg_err err;	/* of an output */
	bool draining;		/* that output counts what it cannot take */
	uint64_t shown, unkept; /* unkept: by a recording that failed */
};

enum { ENOUGH = 1 }; /* from on_event: --count is reached */

/* A message is shown unless the filter, or every policy's scope, leaves it out. Losses always are. */
static bool wanted(struct tracing *t, struct rg_event *ev)
{
	struct rg_decision d;

	if (ev->v[RG_F_EVENT].i == RG_EV_LOST)
		return true;
	if (t->policy) {
		rg_policy_decide(t->policy, ev, &d);
		if (!d.policy)
			return false;
		rg_event_set_verdict(ev, &d, "trace");
	}
	return !t->filter || rg_expr_match(t->filter, ev);
}

static int on_event(void *arg, struct rg_event *ev)
{
	struct tracing *t = arg;
	int r;

	if (!wanted(t, ev))
		return 0;
	r = cli_sinks_write(&t->sinks, ev, &t->err);
	if (r < 0 && !t->draining)
		return r;
	if (ev->v[RG_F_EVENT].i != RG_EV_LOST)
		t->shown++;
	return t->o->count && t->shown >= t->o->count ? ENOUGH : 0;
}

/* ---- signals ---- */

static volatile sig_atomic_t signalled;
static struct rg_trace *to_stop;

/* The first asks for an end (the command, which the terminal sent it too, gets a moment); the second is now.
 */
static void on_signal(int sig)
{
	if (signalled && to_stop)
		rg_trace_stop(to_stop);
	signalled = sig;
}

static void catch_signals(void)
{
	static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
	struct sigaction sa = {.sa_handler = on_signal};

	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		sigaction(signals[i], &sa, NULL);
}

/* ---- what is said on standard error ---- */

static void notes(const struct tracing *t)
{
	const char *const *n = rg_trace_notes(t->trace);

	for (; !t->o->quiet && n && *n; n++)
		fprintf(stderr, "recvguard: %s\n", *n);
}

static void say_lost(const struct rg_trace_stats *s)
{
	const char *between = "";

	for (int i = 0; i < RG_LOSS__COUNT; i++)
		if (s->lost[i]) {
			fprintf(stderr, "%s%" PRIu64 " %s", between, s->lost[i],
				rg_name_of(rg_names_losses, (uint64_t)i));
			between = ", ";
		}
}

static void summary(const struct tracing *t)
{
	struct rg_trace_stats s;
	uint64_t lost = 0;

	rg_trace_stats(t->trace, &s);
	s.lost[RG_LOSS_SINK] += t->unkept;
	for (int i = 0; i < RG_LOSS__COUNT; i++)
		lost += s.lost[i];
	if (t->o->quiet && !lost)
		return;
	fprintf(stderr, "recvguard: %" PRIu64 " message%s", s.messages, s.messages == 1 ? "" : "s");
	if (t->shown != s.messages)
		fprintf(stderr, " (%" PRIu64 " shown)", t->shown);
	fprintf(stderr, ", %" PRIu64 " bytes, %" PRIu64 " peeks, %" PRIu64 " errors; ", s.bytes, s.peeks,
		s.errors);
	if (s.rejected)
		fprintf(stderr, "%" PRIu64 " left out in the kernel by the filter; ", s.rejected);
	if (!lost) {
		fputs("nothing lost\n", stderr);
		return;
	}
	fprintf(stderr, "LOST %" PRIu64 ": ", lost);
	say_lost(&s);
	fputc('\n', stderr);
}

/* ---- the run ---- */

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

#define SLICE_MS 100	      /* outputs that gather are handed over this often */
#define LAST_NS	 500000000ull /* what a command gets to end by itself after a signal */

/* Deliver until the end. 1: ended; negative errno: err says why. */
static int loop(struct tracing *t, bool command, struct rg_err *err)
{
	uint64_t end = t->o->timeout ? now_ns() + t->o->timeout : UINT64_MAX;
	bool ending = false;

	for (;;) {
		int r = rg_trace_run(t->trace, SLICE_MS, on_event, t, err);

		if (r < 0 && t->err.code)
			*err = t->err;
		if (r != 0)
			return r;
		r = cli_sinks_flush(&t->sinks, &t->err);
		if (r < 0) {
			*err = t->err;
			return r;
		}
		if (signalled && !ending) {
			ending = true;
			end = command ? now_ns() + LAST_NS : 0;
		}
		if (now_ns() >= end)
			rg_trace_stop(t->trace);
	}
}

/* An output failed: what the kernel side has still goes to the others, and is counted by the one that cannot
 * take it. */
static void drain(struct tracing *t)
{
	struct rg_err ignored = {0};

	t->draining = true;
	rg_trace_stop(t->trace);
	rg_trace_run(t->trace, SLICE_MS, on_event, t, &ignored);
}

/* What was written, counted once more now that all is written. The message of an output that failed is the
 * one that it closes with: that has the final counts. */
static int close_sinks(struct tracing *t, int r, int status)
{
	struct rg_err err = {0};

	if (r < 0 && t->err.code)
		drain(t);
	for (unsigned i = 0; i < t->sinks.n; i++)
		t->unkept += rg_sink_lost(t->sinks.v[i]);
	if (cli_sinks_close(&t->sinks, &err) < 0)
		return r >= 0 || t->err.code ? cli_fail(t->verb, &err) : status;
	return r < 0 && t->err.code ? cli_fail(t->verb, &t->err) : status;
}

static void say_left(const struct tracing *t)
{
	cli_say(t->verb, "the command is still running; it goes on without being traced");
}

/* The command's own status; without one (or while it goes on) that of the trace. */
static int status_of(const struct tracing *t, bool command)
{
	int s = rg_trace_status(t->trace);

	if (!command)
		return CLI_OK;
	if (s == -1) {
		say_left(t);
		return signalled ? 128 + signalled : CLI_OK;
	}
	return WIFSIGNALED(s) ? 128 + WTERMSIG(s) : WEXITSTATUS(s);
}

/* As a shell: 127 there is no such command, 126 it cannot be executed. */
static int failed(const struct tracing *t, bool command, const struct rg_err *err)
{
	if (!t->err.code) /* of an output: said when it is closed */
		cli_fail(t->verb, err);
	if (command && !t->err.code && rg_trace_status(t->trace) != -1 && t->shown == 0)
		return err->code == -ENOENT			       ? 127
		       : err->code == -EACCES || err->code == -ENOEXEC ? 126
								       : CLI_FAILED;
	return CLI_FAILED;
}

static int run_open(struct tracing *t, bool command)
{
	struct rg_err err = {0};
	int status, r;

	to_stop = t->trace;
	notes(t);
	r = loop(t, command, &err);
	status = r < 0 ? failed(t, command, &err) : status_of(t, command);
	status = close_sinks(t, r, status);
	if (r < 0 && t->err.code && command && rg_trace_status(t->trace) == -1)
		say_left(t); /* what it receives from now on is in no count */
	summary(t);
	return status;
}

/* What needs no privilege is checked first: a mistake in a filter shows without root, and before any output
 * file is replaced. */
static int prepare(struct tracing *t, struct rg_err *err)
{
	const struct trace_opts *o = t->o;
	int r = 0;

	if (o->filter)
		r = rg_expr_compile(o->filter, "--filter", &t->filter, err);
	if (r == 0 && o->policies.n)
		r = rg_policy_load(o->policies.v, o->policies.n, &t->policy, err);
	return r;
}

static struct rg_sink_opts sink_opts(const struct trace_opts *o)
{
	return (struct rg_sink_opts){.hex = o->hex,
				     .tracee_pointers = o->pointers,
				     .rotate_bytes = o->rotate_size,
				     .rotate_ns = o->rotate_time,
				     .max_bytes = o->max_size};
}

int cli_trace(const struct cli_call *call, const struct trace_opts *o)
{
	struct tracing t = {.verb = call->verb, .o = o};
	struct rg_trace_opts to;
	struct rg_err err = {0};
	int status, r;

	if (o->fds.n && !o->pids.n && !call->command)
		return cli_usage(
			call->verb,
			"--fd: a descriptor number means nothing without a process; add --pid or a command");
	if (!cli_metadata_fits(o, &err))
		return cli_usage(call->verb, "%s", err.msg);
	if (o->ring > UINT32_MAX)
		return cli_usage(call->verb, "--ring: at most 2GiB");
	cli_trace_fill(o, call, &to);
	catch_signals(); /* loading takes a moment: an end asked for meanwhile is an end, not a crash */
	r = prepare(&t, &err);
	to.filter = t.filter;
	to.policy = t.policy;
	if (r == 0)
		r = rg_trace_check(&to, &err);
	if (r < 0)
		status = cli_fail(call->verb, &err) + 1; /* the command line's (or the policy's) fault: 2 */
	else if (rg_trace_open(&to, &t.trace, &err) < 0)
		status = cli_fail(call->verb, &err);
	else if (cli_sinks_open(&t.sinks, &o->outputs, &o->redact, sink_opts(o), o->taker, &err) < 0)
		status = cli_fail(call->verb, &err);
	else
		status = run_open(&t, call->command != NULL);
	to_stop = NULL;
	rg_trace_close(t.trace);
	rg_expr_free(t.filter);
	rg_policy_free(t.policy);
	return status;
}

static int trace_run(const struct cli_call *call, const void *opts)
{
	return cli_trace(call, opts);
}

const struct cli_verb cli_verb_trace = {
	.name = "trace",
	.synopsis = "[-- COMMAND [ARGUMENT]...]",
	.summary = "print every message that processes receive, decoded and attributed",
	.about = "Starts COMMAND and follows it and what it forks; without one, traces every process that "
		 "the options "
		 "select, or all of them. Each message received over a socket (recvmsg, recvmmsg, recvfrom, "
		 "recv, read, "
		 "readv, io_uring and their i386 twins) is an event: when, who, from whom, what, with which "
		 "descriptors "
		 "and control messages. `recvguard events` lists the fields.\n\n"
		 "Options of one kind select either, options of different kinds select both: --comm a --comm "
		 "b --uid 0 "
		 "is (a or b) and root. All of it is decided in the kernel, so that what is not selected "
		 "costs little; of "
		 "--filter and of the scopes of --policy what the kernel can know: a note at the start says "
		 "which part.\n\n"
		 "Values read from the program's memory, which it could have changed meanwhile, are marked: "
		 "in text by "
		 "`?`, in JSON by their tags. What could not be recorded is counted and stated, in the "
		 "stream where it is "
		 "missing and at the end. Standard error gets the notes at the start (which capture tier, "
		 "and what it "
		 "costs) and the summary; ^C ends the trace.",
	.opts = cli_trace_options,
	.opts_size = sizeof(struct trace_opts),
	.defaults = &cli_trace_defaults,
	.examples =
		(const struct cli_example[]){
			{"recvguard trace -- ip link", "what ip receives from the kernel over netlink"},
			{"recvguard trace -o json -- dbus-run-session -- true | jq .msg.size",
			 "one JSON object per message"},
			{"recvguard trace", "everything that every process receives"},
			{0}},
	.statuses =
		(const struct cli_status[]){
			{0, "the trace ended as asked; with a command: its own status, or 128 and the number "
			    "of the signal that ended it"},
			{1, "something failed; one line on standard error says what"},
			{2, "the command line, a filter or a policy cannot be understood"},
			{126, "the command cannot be executed"},
			{127, "there is no such command"},
			{0}},
	.see_also = "doctor events",
	.takes_command = true,
	.run = trace_run,
};
