/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RG_CLI_OUTPUTS_H
#define RG_CLI_OUTPUTS_H

/* The sinks of one run: what -o asked for, text on standard output when it asked for nothing. */
#include <recvguard/redact.h>
#include <recvguard/sink.h>

#include "cli.h"

enum { CLI_OUTPUTS_MAX = 16 };

/* Takes the events in place of outputs: graph, report. */
struct cli_taker {
	int (*take)(void *arg, const struct rg_event *ev, struct rg_err *err);
	void *arg;
};

struct cli_sinks {
	struct rg_sink *v[CLI_OUTPUTS_MAX];
	unsigned n;
	const struct cli_taker *taker; /* NULL: none */
	struct rg_redact *redact;      /* NULL: nothing is hidden */
};

/* Does one of these (FORMAT[=FILE]) write to standard output? */
bool cli_on_stdout(const struct cli_str_list *specs);
/* And does it write what programs read? Lines of a traced command in between would spoil it. */
bool cli_data_on_stdout(const struct cli_str_list *specs);

/* redact: patterns, NULL for none. taker: events go to it and no output is opened. opts: color, width, ascii,
 * header and host are filled here, for each sink by where it writes. */
int cli_sinks_open(struct cli_sinks *s, const struct cli_str_list *specs, const struct cli_str_list *redact,
		   struct rg_sink_opts opts, const struct cli_taker *taker, struct rg_err *err);
/* What redact says is hidden in ev itself. */
int cli_sinks_write(struct cli_sinks *s, struct rg_event *ev, struct rg_err *err);
int cli_sinks_flush(struct cli_sinks *s, struct rg_err *err);
/* Finish all; err tells of the first failure. */
int cli_sinks_close(struct cli_sinks *s, struct rg_err *err);

#endif
