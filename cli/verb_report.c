/* SPDX-License-Identifier: BSD-2-Clause */
/* report: a recording as a page. */
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include <recvguard/report.h>

#include "playback.h"

struct report_opts {
	const char *output, *filter;
	struct cli_str_list redact;
	uint64_t rows;
	uint32_t max_nodes;
	bool last, quiet;
};

#define AT(member) offsetof(struct report_opts, member)
static const struct cli_opt options[] = {
	{"output", 'o', "FILE", &cli_file, AT(output),
	 "The page to write, for its owner only (FILE.html unless given, without its .db; `-` for standard "
	 "output)",
	 "messages.db -o report.html"},
	{"filter", 'f', "EXPR", &cli_str, AT(filter), "Report only messages that match this expression",
	 "messages.db --filter 'sock.family == unix'"},
	{"redact", 0, "PATTERN", &cli_redact, AT(redact),
	 "Hide what this pattern (PCRE2) matches in payloads, control messages and names of sockets and "
	 "files: each byte becomes *; or what a set hides",
	 "messages.db --redact @http --redact @password"},
	{"rows", 'n', "N", &cli_u64, AT(rows),
	 "Put so many messages into the page's table (5000 unless given); all are counted",
	 "messages.db --rows 20000"},
	{"last", 0, NULL, &cli_flag, AT(last), "The last messages in the table, not the first"},
	{"max-nodes", 0, "N", &cli_u32, AT(max_nodes),
	 "Draw so many nodes in the graph (32 unless given), the busiest; the rest becomes one"},
	{"quiet", 'q', NULL, &cli_flag, AT(quiet), "No progress, and nothing said of what was written"},
	{0},
};

static int take(void *arg, const struct rg_event *ev, struct rg_err *err)
{
	return rg_report_add(arg, ev, err);
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* messages.db becomes messages.html. */
static size_t stem(const char *path)
{
	size_t len = strlen(path);

	return len > 3 && !strcmp(path + len - 3, ".db") && path[len - 4] != '/' ? len - 3 : len;
}

static int gather(const struct cli_call *call, const struct report_opts *o, struct rg_report *r)
{
	const struct cli_taker taker = {.take = take, .arg = r};
	const struct cli_playback p = {
		.verb = call->verb,
		.files = (const char *const *)call->args,
		.filter = o->filter,
		.origin = "--filter",
		.taker = &taker,
		.redact = &o->redact,
		.quiet = o->quiet,
	};

	return cli_play(&p);
}

static int write_page(const struct cli_call *call, const struct report_opts *o, struct rg_report *r)
{
	uint64_t messages, shown;
	struct rg_err err = {0};
	char *named = NULL;
	const char *file = o->output;
	int status = CLI_OK;

	if (!file && asprintf(&named, "%.*s.html", (int)stem(call->args[0]), call->args[0]) < 0) {
		cli_say(call->verb, "out of memory");
		return CLI_FAILED;
	}
	file = file ? file : named;
	rg_report_counts(r, &messages, &shown);
	if (rg_report_write(r, file, &err) < 0)
		status = cli_fail(call->verb, &err);
	else if (!o->quiet && strcmp(file, "-") != 0)
		printf("%s: %" PRIu64 " messages, %" PRIu64 " of them in its table\n", file, messages, shown);
	free(named);
	return cli_finish(call->verb, status);
}

static int report_run(const struct cli_call *call, const void *opts)
{
	const struct report_opts *o = opts;
	const struct rg_report_opts ro = {.source = base_name(call->args[0]),
					  .filter = o->filter,
					  .rows = o->rows,
					  .last = o->last,
					  .max_nodes = o->max_nodes};
	struct rg_report *r;
	struct rg_err err = {0};
	uint64_t messages, shown;
	int status;

	if (rg_report_new(&ro, &r, &err) < 0)
		return cli_fail(call->verb, &err);
	status = gather(call, o, r);
	rg_report_counts(r, &messages, &shown);
	/* of a damaged recording what can be read is shown */
	if (status == CLI_OK || (status == CLI_FAILED && messages)) {
		int wrote = write_page(call, o, r);

		status = wrote ? wrote : status;
	}
	rg_report_free(r);
	return status;
}

const struct cli_verb cli_verb_report = {
	.name = "report",
	.synopsis = "FILE...",
	.summary = "make one page of a recording: graph, rates, findings, messages",
	.about =
		"FILE is a recording. The page is one HTML file that opens from the disk and loads nothing "
		"from the network: who talks to whom, rates over time, distributions of sizes and latencies, "
		"descriptors passed, denials, truncations, losses, the busiest, and a table of messages that "
		"can be searched and shows each decoded.\n\n"
		"All messages are counted; the table holds the first (or --last) of them, and the page says "
		"how many. `recvguard query` finds the others. Latencies are there when the recording was "
		"made with --direction both, durations with --duration.\n\n"
		"The page holds what was received: share it as you would share the recording.",
	.opts = options,
	.opts_size = sizeof(struct report_opts),
	.examples =
		(const struct cli_example[]){
			{"recvguard report messages.db -o report.html", "a page of everything"},
			{"recvguard report messages.db --filter 'proc.comm == \"dbus-daemon\"' --last",
			 "of one program, its last messages in the table"},
			{0}},
	.see_also = "graph query record",
	.min_args = 1,
	.max_args = UINT_MAX,
	.run = report_run,
};
