/* SPDX-License-Identifier: BSD-2-Clause */
/* query: questions to a recording, as an expression or in SQL. */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "playback.h"
#include "progress.h"

struct query_opts {
	const char *sql;
	struct cli_str_list outputs, redact;
	uint64_t count;
	bool hex, pointers, json, quiet;
};

#define AT(member) offsetof(struct query_opts, member)
static const struct cli_opt options[] = {
	{"sql", 0, "STATEMENT", &cli_str, AT(sql),
	 "Ask in SQL instead: the view `event` has a column for each field of `recvguard events`, by its "
	 "dotted name in "
	 "double quotes",
	 "messages.db --sql 'SELECT \"proc.comm\", count(*) FROM event GROUP BY 1'"},
	{"json", 'j', NULL, &cli_flag, AT(json), "Rows of --sql as JSON, an object per line"},
	{"output", 'o', "FORMAT[=FILE]", &cli_outputs, AT(outputs),
	 "How and where to write the messages that match an expression", "messages.db 'ret < 0' -o json"},
	{"redact", 0, "PATTERN", &cli_redact, AT(redact),
	 "Hide what this pattern (PCRE2) matches in payloads, control messages and names of sockets and "
	 "files: each byte becomes *; or what a set hides",
	 NULL},
	{"hex", 'x', NULL, &cli_flag, AT(hex), "In text, show payloads in hexadecimal too"},
	{"tracee-pointers", 0, NULL, &cli_flag, AT(pointers),
	 "In the tracee formats, print msg as the bare pointer that Tracee prints"},
	{"count", 'n', "N", &cli_u64, AT(count), "Stop after so many messages or rows"},
	{"quiet", 'q', NULL, &cli_flag, AT(quiet), "No progress, no column titles"},
	{0},
};

struct rows {
	const struct query_opts *o;
	struct cli_progress *progress;
	bool failed;
};

enum { ENOUGH = 1 };

static volatile sig_atomic_t interrupted;

static void on_signal(int sig)
{
	interrupted = sig;
}

static void put_blob(const struct rg_cell *c)
{
	fputs("x'", stdout);
	for (uint32_t i = 0; i < c->len; i++)
		printf("%02x", (unsigned char)c->p[i]);
	putchar('\'');
}

static void put_bytes(struct rows *r, const struct rg_cell *c, bool json)
{
	char *s = json ? rg_bytes_json(c->p, c->len) : rg_bytes_shown(c->p, c->len);

	r->failed |= !s;
	fputs(s ? s : "", stdout);
	free(s);
}

static void put_cell(struct rows *r, const struct rg_cell *c, bool json)
{
	switch (c->type) {
	case RG_CELL_NULL: fputs(json ? "null" : "", stdout); break;
	case RG_CELL_INT: printf("%" PRId64, c->i); break;
	case RG_CELL_REAL: printf("%.17g", c->real); break;
	case RG_CELL_BLOB:
		if (!json) {
			put_blob(c);
			break;
		}
		/* fallthrough */
	case RG_CELL_TEXT: put_bytes(r, c, json); break;
	}
}

static void put_name(struct rows *r, const char *name, bool json)
{
	struct rg_cell c = {.p = name, .len = (uint32_t)strlen(name)};

	put_bytes(r, &c, json);
}

/* Tab-separated, which every tool reads: no value holds a raw tab or line feed. */
static int on_row(void *arg, uint64_t row, int n, const char *const *names, const struct rg_cell *cells)
{
	struct rows *r = arg;

	cli_progress(r->progress, row);
	for (int i = 0; row == 0 && i < n && !r->o->json && !r->o->quiet; i++) {
		put_name(r, names[i], false);
		putchar(i + 1 < n ? '\t' : '\n');
	}
	for (int i = 0; i < n; i++) {
		if (r->o->json) {
			putchar(i ? ',' : '{');
			put_name(r, names[i], true);
			putchar(':');
		} else if (i) {
			putchar('\t');
		}
		put_cell(r, &cells[i], r->o->json);
	}
	fputs(r->o->json ? "}\n" : "\n", stdout);
	if (ferror(stdout) || r->failed)
		return ENOUGH;
	return r->o->count && row + 1 >= r->o->count ? ENOUGH : 0;
}

/* Long statements bring no rows for a while; this says that they work, and lets ^C through. */
static int on_progress(void *arg)
{
	struct cli_progress *p = arg;

	cli_progress(p, 0);
	return interrupted;
}

static int query_sql(const struct cli_call *call, const struct query_opts *o)
{
	struct cli_progress progress;
	struct rows r = {.o = o, .progress = &progress};
	struct rg_recording *rec;
	struct rg_err err = {0};
	int code, status = CLI_OK;

	if (rg_recording_open_files((const char *const *)call->args, call->n_args, &rec, &err) < 0)
		return cli_fail(call->verb, &err);
	signal(SIGINT, on_signal);
	cli_progress_start(&progress, 0, "rows", o->quiet);
	rg_recording_progress(rec, on_progress, &progress);
	code = rg_recording_sql(rec, o->sql, on_row, &r, &err);
	cli_progress_end(&progress);
	if (code < 0) {
		cli_say(call->verb, "%s%s", code == -EINVAL ? "--sql: " : "", err.msg);
		status = code == -EINVAL || code == -EROFS ? CLI_USAGE
			 : interrupted			   ? 128 + interrupted
							   : CLI_FAILED;
	}
	if (r.failed) {
		cli_say(call->verb, "out of memory");
		status = CLI_FAILED;
	}
	rg_recording_close(rec);
	return cli_finish(call->verb, status);
}

/* The last word is the expression, the others are files. */
static int query_expr(const struct cli_call *call, const struct query_opts *o)
{
	const char **files = calloc(call->n_args, sizeof(*files));
	struct cli_playback p = {
		.verb = call->verb,
		.files = files,
		.filter = call->args[call->n_args - 1],
		.origin = "EXPR",
		.outputs = &o->outputs,
		.redact = &o->redact,
		.opts = {.hex = o->hex, .tracee_pointers = o->pointers},
		.count = o->count,
		.quiet = o->quiet,
	};
	int status;

	if (!files) {
		cli_say(call->verb, "out of memory");
		return CLI_FAILED;
	}
	for (unsigned i = 0; i + 1 < call->n_args; i++)
		files[i] = call->args[i];
	status = cli_play(&p);
	free(files);
	return status;
}

static int query_run(const struct cli_call *call, const void *opts)
{
	const struct query_opts *o = opts;

	if (o->sql && call->n_args > 1 && access(call->args[call->n_args - 1], F_OK))
		return cli_usage(call->verb, "an expression or --sql, not both");
	if (o->sql && o->outputs.n)
		return cli_usage(call->verb,
				 "--output is for expressions; rows of --sql are text, or JSON by --json");
	if (o->sql && o->redact.n)
		return cli_usage(call->verb,
				 "--redact is for expressions; record or replay with it to ask in SQL");
	if (o->sql)
		return query_sql(call, o);
	if (call->n_args < 2)
		return cli_usage(call->verb, "an expression, or --sql STATEMENT, is missing");
	if (o->json)
		return cli_usage(call->verb, "--json is for --sql; for messages: -o json");
	return query_expr(call, o);
}

const struct cli_verb cli_verb_query = {
	.name = "query",
	.synopsis = "FILE... [EXPR]",
	.summary = "ask a recording, by an expression or in SQL",
	.about = "EXPR is an expression as in `trace --filter`: the messages that match are shown as "
		 "`replay` shows "
		 "them.\n\n"
		 "--sql runs one statement that only reads. `event` has a row for each message and a column "
		 "for each "
		 "field, by the same dotted names; `fd` and `cmsg` have a row for each descriptor and "
		 "control message. For "
		 "common questions there are `conversation` (who talks to whom, how much), `descriptor` "
		 "(what was passed, by "
		 "whom), `process` (how much each received), `finding` (truncations), `denial` and `loss`. "
		 "Times are nanoseconds since 1970. "
		 "Payloads of 512 "
		 "bytes and more may be compressed: payload(\"msg.data\", data_zstd) has them plain. Any "
		 "other SQLite tool "
		 "reads the file too.\n\n"
		 "What was put aside by rotation (FILE.1, FILE.2...) belongs to FILE by itself; in SQL at "
		 "most 11 "
		 "files at once.",
	.opts = options,
	.opts_size = sizeof(struct query_opts),
	.examples =
		(const struct cli_example[]){
			{"recvguard query messages.db 'sock.family == unix and fd.count > 0'",
			 "messages that passed descriptors"},
			{"recvguard query messages.db --sql 'SELECT * FROM conversation LIMIT 10'",
			 "the ten busiest"},
			{"recvguard query messages.db --sql 'SELECT kind, path FROM fd' --json",
			 "descriptors, as JSON"},
			{0}},
	.see_also = "replay record events",
	.min_args = 1,
	.max_args = UINT_MAX,
	.run = query_run,
};
