/* SPDX-License-Identifier: BSD-2-Clause */
/* run: a command receives only what a policy admits. */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <recvguard/broker.h>
#include <recvguard/redact.h>
#include <recvguard/sink.h>

#include "cli.h"
#include "outputs.h"

struct run_opts {
	struct cli_str_list policies, outputs, redact;
	bool audit, reload, all, quiet, stats;
	uint32_t max_blocked;
	const char *pid_file;
};

static const struct cli_opt options[] = {
	{"policy", 'p', "FILE", &cli_files, offsetof(struct run_opts, policies),
	 "Policy file, or folder of policies; without any everything is allowed",
	 "--policy client.yaml -- myclient"},
	{"output", 'o', "FORMAT[=FILE]", &cli_outputs, offsetof(struct run_opts, outputs),
	 "Where verdicts go, as in `recvguard trace`; several may be given. Where another format than text "
	 "goes "
	 "to standard output, what the command prints goes to standard error",
	 "-p p.yaml -o json=verdicts.json -- myclient"},
	{"redact", 0, "PATTERN", &cli_redact, offsetof(struct run_opts, redact),
	 "Hide what this pattern (PCRE2) matches in payloads, control messages and names of sockets and "
	 "files: in outputs each byte becomes *; or what a set hides",
	 NULL},
	{"all", 'a', NULL, &cli_flag, offsetof(struct run_opts, all),
	 "Report every message, not only those that a rule met", "-a -o text -- dbus-send --print-reply ..."},
	{"audit", 0, NULL, &cli_flag, offsetof(struct run_opts, audit),
	 "Decide and report, but deliver everything", "--audit -p p.yaml -o text -- myclient"},
	{"reload", 0, NULL, &cli_flag, offsetof(struct run_opts, reload),
	 "Follow changes of the policy files even where the program itself could make them", NULL},
	{"max-blocked", 0, "N", &cli_u32, offsetof(struct run_opts, max_blocked),
	 "Receives that may wait at a time; more fail with ENOBUFS", NULL},
	{"pid-file", 0, "FILE", &cli_file, offsetof(struct run_opts, pid_file),
	 "Write the supervisor's process id there (it takes SIGHUP)", NULL},
	{"stats", 0, NULL, &cli_flag, offsetof(struct run_opts, stats),
	 "Say at the end what was brought to the supervisor", NULL},
	{"quiet", 'q', NULL, &cli_flag, offsetof(struct run_opts, quiet), "No notices on standard error",
	 NULL},
	{0},
};

#define SINKS_MAX 16

/* Lives in the supervisor. */
struct outputs {
	const struct cli_verb *verb;
	const struct run_opts *o;
	struct rg_sink *sink[SINKS_MAX];
	unsigned n;
	struct rg_redact *redact;
};

static int write_pid(const char *path, struct rg_err *err)
{
	FILE *f = fopen(path, "we");

	if (!f || fprintf(f, "%d\n", (int)getpid()) < 0 || fflush(f)) {
		rg_fail(err, -errno, "%s: %s", path, strerror(errno));
		if (f)
			fclose(f);
		return err->code;
	}
	fclose(f);
	return 0;
}

/* The supervisor leaves this folder, and a recording opens its file again: name it from the root. */
static const char *from_root(const char *spec, char *buf, size_t cap)
{
	static const char sqlite[] = "sqlite=";
	const char *file = spec + sizeof(sqlite) - 1;
	char here[PATH_MAX];

	if (strncmp(spec, sqlite, sizeof(sqlite) - 1) || *file == '/' || !getcwd(here, sizeof(here)))
		return spec;
	return snprintf(buf, cap, "%s%s/%s", sqlite, here, file) < (int)cap ? buf : spec;
}

static int begin(void *arg, struct rg_err *err)
{
	struct outputs *out = arg;
	char host[256] = "", spec[2 * PATH_MAX];
	struct rg_sink_opts so = {.color = cli_color(1), .width = cli_width(1), .host = host};

	if (out->o->pid_file && write_pid(out->o->pid_file, err) < 0)
		return err->code;
	gethostname(host, sizeof(host) - 1);
	if (out->o->redact.n && rg_redact_new(out->o->redact.v, out->o->redact.n, &out->redact, err) < 0)
		return err->code;
	for (unsigned i = 0; i < out->o->outputs.n; i++)
		if (rg_sink_open(from_root(out->o->outputs.v[i], spec, sizeof(spec)), &so,
				 &out->sink[out->n++], err) < 0) {
			out->n--;
			return err->code;
		}
	return 0;
}

/* Written out before the verdict takes effect: what a reader finds is never behind the program. */
static void event(void *arg, struct rg_event *ev)
{
	struct outputs *out = arg;
	struct rg_err err = {0};

	if (out->redact)
		rg_redact_event(out->redact, ev);
	for (unsigned i = 0; i < out->n; i++)
		if (rg_sink_write(out->sink[i], ev, &err) < 0 || rg_sink_flush(out->sink[i], &err) < 0) {
			cli_fail(out->verb, &err);
			rg_sink_close(out->sink[i], NULL);
			out->sink[i--] = out->sink[--out->n];
		}
}

static void notice(void *arg, const char *line)
{
	struct outputs *out = arg;

	if (!out->o->quiet)
		cli_say(out->verb, "%s", line);
}

static void end(void *arg, const struct rg_run_stats *s)
{
	struct outputs *out = arg;
	struct rg_err err = {0};

	for (unsigned i = 0; i < out->n; i++)
		if (rg_sink_close(out->sink[i], &err) < 0)
			cli_fail(out->verb, &err);
	rg_redact_free(out->redact);
	if (out->o->stats)
		cli_say(out->verb,
			"%" PRIu64 " calls, %" PRIu64 " messages, %" PRIu64 " bytes, %" PRIu64
			" descriptors; %" PRIu64 " denied, %" PRIu64 " dropped, %" PRIu64
			" stripped, %" PRIu64 " killed; reads of files: %" PRIu64 " passed on, %" PRIu64
			" done for the program; %" PRIu64 " refused at a bound",
			s->calls, s->messages, s->bytes, s->descriptors, s->verdict[RG_ACT_DENY],
			s->verdict[RG_ACT_DROP], s->verdict[RG_ACT_STRIP], s->verdict[RG_ACT_KILL],
			s->passed_on, s->emulated, s->refused);
}

static bool records(const struct cli_str_list *l)
{
	for (unsigned i = 0; i < l->n; i++)
		if (!strncmp(l->v[i], "sqlite", 6))
			return true;
	return false;
}

static int run(const struct cli_call *call, const void *opts)
{
	const struct run_opts *o = opts;
	struct outputs out = {.verb = call->verb, .o = o};
	struct rg_err err = {0};
	struct rg_run_opts ro = {
		.argv = call->command,
		.policies = o->policies.v,
		.n_policies = o->policies.n,
		.audit = o->audit,
		.reload = o->reload,
		.all_events = o->all,
		.keep_stdout = cli_on_stdout(&o->outputs),
		.stdout_aside = cli_data_on_stdout(&o->outputs),
		.opens_files = records(&o->outputs),
		.max_blocked = o->max_blocked,
		.begin = begin,
		.event = o->outputs.n ? event : NULL,
		.notice = notice,
		.end = end,
		.arg = &out,
	};

	if (!call->command || !call->command[0])
		return cli_usage(call->verb, "no command: put it after --");
	if (o->outputs.n > SINKS_MAX)
		return cli_usage(call->verb, "more than %d outputs", SINKS_MAX);
	rg_run(&ro, &err); /* returns only when it failed */
	cli_fail(call->verb, &err);
	return err.code == -ENOENT ? 127 : err.code == -EACCES || err.code == -ENOEXEC ? 126 : 125;
}

static const struct cli_example examples[] = {
	{"recvguard run -p client.yaml -- myclient", "confine a client to what client.yaml admits"},
	{"recvguard run -p client.yaml -o json=verdicts.json -- myclient", "and keep each verdict"},
	{"recvguard run -a -o text -- dig example.org", "show what a program receives, without privileges"},
	{0},
};
static const struct cli_status statuses[] = {
	{125, "recvguard itself could not start the command"},
	{126, "the command was found and could not be executed"},
	{127, "the command was not found"},
	{0},
};

const struct cli_verb cli_verb_run = {
	.name = "run",
	.synopsis = "-- COMMAND [ARG]...",
	.summary = "run a command that receives only what a policy admits",
	.about =
		"Starts a supervisor, and executes COMMAND in place of itself. Whatever COMMAND and the "
		"processes it "
		"starts receive from sockets is received by the supervisor first, checked, and then handed "
		"on: they "
		"never see an unchecked byte or descriptor. No privileges are needed (Linux 5.19 or "
		"newer).\n\n"
		"As with env(1), the process id, the terminal, job control, signals and the exit status are "
		"COMMAND's own. "
		"When the supervisor dies, receives and reads of COMMAND fail with ENOSYS. The supervisor "
		"ends with the last "
		"process that COMMAND has started.\n\n"
		"The policies are loaded anew when a file changes, and by SIGHUP to the supervisor (the "
		"process named "
		"recvguard, see --pid-file): all of them or none. A policy that is wrong, or that holds a "
		"rule "
		"which cannot be "
		"carried out here, is refused with the reason: at the start nothing is started, later the "
		"old one stays. Files "
		"that COMMAND itself could write are followed only with --reload.\n\n"
		"Without --output each refusal is a line on standard error, at most five a second; how many "
		"were suppressed is "
		"said. A stream has no messages: rules on its content see what one receive delivers.\n\n"
		"What COMMAND finds missing: io_uring, Linux AIO, clone3, and in processes with threads "
		"splice; programs fall back, as "
		"on an older kernel. It does not work inside another seccomp supervisor, where ptrace of "
		"one's own children is "
		"forbidden (kernel.yama.ptrace_scope 2 and 3, without CAP_SYS_PTRACE), and on other machines "
		"than x86-64.\n\n"
		"Set-user-id programs and file capabilities have no effect under it. docs/broker.md tells "
		"what is "
		"promised, and every known difference.",
	.opts = options,
	.examples = examples,
	.statuses = statuses,
	.see_also = "trace policy guard learn doctor",
	.opts_size = sizeof(struct run_opts),
	.takes_command = true,
	.run = run,
};
