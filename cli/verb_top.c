/* SPDX-License-Identifier: BSD-2-Clause */
/* top: who receives how much, live. */
#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <recvguard/recording.h>

#include "playback.h"
#include "progress.h"
#include "top.h"

#define SLICE_MS 50

#define AT(member)  offsetof(struct trace_opts, member)
#define TOP(member) offsetof(struct top_opts, member)
static const struct cli_opt options[] = {
	{"by", 'b', "TABLE", &cli_choice, TOP(by), "Begin with this table", "--by socket", rg_stat_by_names},
	{"sort", 0, "KEY", &cli_choice, TOP(key), "Begin sorted by this", "--sort bytes", rg_stat_key_names},
	{"reverse", 0, NULL, &cli_flag, TOP(reverse), "Smallest first"},
	{"time", 0, "WHAT", &cli_choice, TOP(time),
	 "P50 and P99 are those of: wait (asleep in the call), duration, latency (since the send; the first "
	 "that is shown with --direction both)",
	 "--time latency --direction both", rg_stat_time_names},
	{"interval", 'i', "TIME", &cli_duration, TOP(interval), "Refresh this often (1s unless given)",
	 "-i 5s"},
	{"batch", 0, "N", &cli_u64, TOP(batch),
	 "Print N tables as lines, an interval each, instead of drawing", "--batch 1 --by peer"},
	{"from", 0, "FILE", &cli_file, TOP(from), "Show a recording instead of what happens now",
	 "--from messages.db"},
#include "trace_metadata.def"
#include "trace_select.def"
	{0},
};
static const struct top_opts defaults = {
	.trace = {.snaplen = RG_SNAPLEN_DEFAULT}, .interval = 1000000000, .time = -1};

static volatile sig_atomic_t signalled;

static void on_signal(int sig)
{
	signalled = sig;
}

static void catch_signals(void)
{
	static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
	struct sigaction sa = {.sa_handler = on_signal};

	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		sigaction(signals[i], &sa, NULL);
}

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec * 1e-9;
}

static int on_event(void *arg, struct rg_event *ev)
{
	struct top *t = arg;
	bool lost = ev->v[RG_F_EVENT].i == RG_EV_LOST;
	struct rg_decision d;

	if (t->policy && !lost) {
		rg_policy_decide(t->policy, ev, &d);
		if (d.policy)
			rg_event_set_verdict(ev, &d, "top");
	}
	if (!lost && t->filter && !rg_expr_match(t->filter, ev))
		return 0;
	if (t->redact)
		rg_redact_event(t->redact, ev);
	rg_stat_add(t->stat, ev); /* without memory it is in the total alone */
	return 0;
}

/* ---- a recording ---- */

static int read_recording(struct top *t, struct rg_err *err)
{
	struct rg_recording *rec;
	struct cli_progress progress;
	uint64_t first = 0, last = 0, n = 0;
	int64_t total;
	int r = rg_recording_open(t->o->from, &rec, err);

	if (r < 0)
		return r;
	total = rg_recording_count(rec, NULL);
	cli_progress_start(&progress, total > 0 ? (uint64_t)total : 0, "messages", false);
	while (!signalled && (r = rg_recording_next(rec, t->scratch, err)) == 1) {
		on_event(t, t->scratch);
		last = t->scratch->v[RG_F_TIME].u;
		first = first ? first : last;
		cli_progress(&progress, ++n);
	}
	cli_progress_end(&progress);
	rg_recording_close(rec);
	rg_stat_tick(t->stat, last > first ? (double)(last - first) * 1e-9 : 1);
	t->state = "recording";
	rg_stat_total(t->stat, &t->view.total);
	if (t->o->time < 0 && t->view.total.counted[RG_TIME_LATENCY])
		t->view.time = RG_TIME_LATENCY;
	return r < 0 ? r : 0;
}

/* ---- the loop ---- */

static void show(struct top *t, bool numbers)
{
	if (numbers && !t->view.frozen)
		top_refresh(t);
	top_draw(t);
}

/* An interval is over: rates, and what is on the screen. */
static bool tick(struct top *t)
{
	double at = now(), interval = (double)t->o->interval * 1e-9;

	if (at - t->last_tick < interval)
		return false;
	if (!t->o->from)
		rg_stat_tick(t->stat, at - t->last_tick);
	t->last_tick = at;
	return true;
}

static void wait_input(void)
{
	struct timespec ts = {.tv_nsec = SLICE_MS * 1000000l};

	nanosleep(&ts, NULL);
}

/* trace NULL: there is nothing to wait for but keys. 0, or negative errno. */
static int interact(struct top *t, struct rg_trace *trace, struct rg_err *err)
{
	double end = t->o->trace.timeout ? now() + (double)t->o->trace.timeout * 1e-9 : 0;
	int r = 0;

	show(t, true);
	while (!t->quit && !signalled && (!end || now() < end)) {
		bool numbers, pressed = false;
		int key;

		if (!trace)
			wait_input();
		else if ((r = rg_trace_run(trace, SLICE_MS, on_event, t, err)) < 0)
			return r;
		if (r == 1) {
			trace = NULL;
			r = 0;
			t->state = "ended";
		}
		while ((key = top_screen_key()) >= 0) {
			top_key(t, key);
			pressed = true;
		}
		numbers = tick(t);
		if (numbers || pressed)
			show(t, numbers);
	}
	return 0;
}

static int batch(struct top *t, struct rg_trace *trace, struct rg_err *err)
{
	for (uint64_t i = 0; i < t->o->batch && !signalled; i++) {
		double end = now() + (double)t->o->interval * 1e-9;
		int r = 0;

		while (trace && r == 0 && now() < end && !signalled)
			r = rg_trace_run(trace, SLICE_MS, on_event, t, err);
		if (r < 0)
			return r;
		if (trace)
			rg_stat_tick(t->stat, now() - t->last_tick);
		t->last_tick = now();
		top_refresh(t);
		if (i)
			putchar('\n');
		top_print(t);
		if (fflush(stdout) || r == 1 || !trace)
			break;
	}
	return 0;
}

/* The command must not write over the screen. */
static int hide_output(int saved[3])
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	for (int i = 0; i < 3 && null >= 0; i++) {
		saved[i] = fcntl(i, F_DUPFD_CLOEXEC, 3);
		dup2(null, i);
	}
	if (null >= 0)
		close(null);
	return null;
}

static void show_output(const int saved[3])
{
	for (int i = 0; i < 3; i++) {
		dup2(saved[i], i);
		close(saved[i]);
	}
}

/* The whole of what is asked for. */
static void trace_opts(const struct top *t, const struct cli_call *call, struct rg_trace_opts *to)
{
	cli_trace_fill(&t->o->trace, call, to);
	to->filter = t->filter;
	to->policy = t->policy;
}

static int open_trace(const struct top *t, const struct cli_call *call, struct rg_trace **trace,
		      struct rg_err *err)
{
	bool hide = call->command && !t->o->batch;
	struct rg_trace_opts to;
	int saved[3], r;

	trace_opts(t, call, &to);
	to.policy = NULL; /* what no scope holds of is counted too */
	if (!t->o->batch) /* on the screen another filter may be typed, and what the kernel left out is gone
			   */
		to.filter = NULL;
	hide = hide && hide_output(saved) >= 0;
	r = rg_trace_open(&to, trace, err);
	if (hide)
		show_output(saved);
	return r;
}

static int run(struct top *t, struct rg_trace *trace, struct rg_err *err)
{
	int r;

	t->last_tick = now();
	if (t->o->batch)
		return batch(t, trace, err);
	r = top_screen_begin(err);
	if (r == 0)
		r = interact(t, trace, err);
	top_screen_end();
	return r;
}

static int prepare(struct top *t, const struct cli_call *call, struct rg_err *err)
{
	struct rg_trace_opts to;
	const struct trace_opts *o = &t->o->trace;
	int r = 0;

	t->scratch = rg_event_new();
	if (!t->scratch)
		return rg_fail(err, -ENOMEM, "out of memory");
	if (o->policies.n)
		r = rg_policy_load(o->policies.v, o->policies.n, &t->policy, err);
	if (r == 0 && o->redact.n)
		r = rg_redact_new(o->redact.v, o->redact.n, &t->redact, err);
	if (r == 0 && !top_set_filter(t, o->filter ? o->filter : ""))
		r = rg_fail(err, -EINVAL, "%s", t->view.error ? t->view.error : "out of memory");
	trace_opts(t, call, &to);
	return r == 0 && !t->o->from ? rg_trace_check(&to, err) : r;
}

/* What is looked at unless another is asked for: the time that is measured. */
static enum rg_stat_time first_time(const struct top_opts *o)
{
	if (o->time >= 0)
		return (enum rg_stat_time)o->time;
	return o->trace.direction + 1 == RG_WAY_BOTH ? RG_TIME_LATENCY : RG_TIME_WAIT;
}

static int top_run(const struct cli_call *call, const void *opts)
{
	const struct top_opts *o = opts;
	struct top *t = calloc(1, sizeof(*t)); /* large: the rows on the screen */
	struct rg_trace *trace = NULL;
	struct rg_err err = {0};
	int status = CLI_OK;

	if (!t) {
		cli_say(call->verb, "out of memory");
		return CLI_FAILED;
	}
	setlocale(LC_CTYPE, "");
	t->verb = call->verb;
	t->o = o;
	t->state = "";
	t->view = (struct top_view){.by = (enum rg_stat_by)o->by,
				    .key = (enum rg_stat_key)o->key,
				    .time = first_time(o),
				    .reverse = o->reverse};
	catch_signals();
	if (o->from && call->command)
		status = cli_usage(call->verb, "--from or a command, not both");
	else if (!cli_metadata_fits(&o->trace, &err))
		status = cli_usage(call->verb, "%s", err.msg);
	else if (o->interval < 1000000)
		status = cli_usage(call->verb, "--interval: at least 1ms");
	else if (prepare(t, call, &err) < 0)
		status = cli_fail(call->verb, &err) + 1;
	else if ((o->from ? read_recording(t, &err) : open_trace(t, call, &trace, &err)) < 0 ||
		 run(t, trace, &err) < 0)
		status = cli_fail(call->verb, &err);
	rg_trace_close(trace);
	rg_stat_free(t->stat);
	rg_expr_free(t->filter);
	rg_policy_free(t->policy);
	rg_redact_free(t->redact);
	rg_event_free(t->scratch);
	top_view_free(&t->view);
	free(t);
	return cli_finish(call->verb, status);
}

const struct cli_verb cli_verb_top = {
	.name = "top",
	.synopsis = "[-- COMMAND [ARGUMENT]...]",
	.summary = "show live who receives how much: by process, socket, peer, container",
	.about = "A table that is refreshed every second: messages and bytes per second, descriptors "
		 "received, "
		 "half and 99 in a hundred of the times, errors, truncations, what a policy would deny, and "
		 "losses. `?` shows the keys: other tables, sorting, freezing, a filter typed live (as in "
		 "`trace "
		 "--filter`; counting begins anew; only with --batch does the kernel leave out by it), and "
		 "the last 16 messages of each row with all that was "
		 "decoded.\n\n"
		 "Selects as trace does. The output of COMMAND is not shown. Memory is bounded: 1,024 rows "
		 "of each "
		 "table, of those that had to go the sums are kept; 32 MiB of messages. With --from it shows "
		 "a "
		 "recording, with the rates of its whole length. --batch prints tables for scripts.\n\n"
		 "With --metadata (also when it was recorded so) descriptors, truncations and times are not "
		 "known: `-` stands for them, and peers are known by their addresses alone.\n\n"
		 "Works on any terminal of 80 columns, needs no colour, and shows no byte of a message "
		 "unescaped.",
	.opts = options,
	.opts_size = sizeof(struct top_opts),
	.defaults = &defaults,
	.examples = (const struct cli_example[]){{"recvguard top", "everything on this machine"},
						 {"recvguard top --policy client.yaml --by socket",
						  "with what the policy would deny"},
						 {"recvguard top --from messages.db --batch 1 --by peer",
						  "whom the processes of a recording heard from"},
						 {0}},
	.see_also = "trace record query",
	.takes_command = true,
	.run = top_run,
};
