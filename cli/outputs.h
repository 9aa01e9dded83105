/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RG_CLI_OUTPUTS_H
#define RG_CLI_OUTPUTS_H

/* The sinks of one run: what -o asked for, text on standard output when it asked for nothing. */
#include <recvguard/sink.h>

#include "cli.h"

enum { CLI_OUTPUTS_MAX = 16 };

struct cli_sinks {
	struct rg_sink *v[CLI_OUTPUTS_MAX];
	unsigned n;
};

/* opts: color, width, ascii, header and host are filled here, for each sink by where it writes. */
int cli_sinks_open(struct cli_sinks *s, const struct cli_str_list *specs, struct rg_sink_opts opts,
		   struct rg_err *err);
int cli_sinks_write(struct cli_sinks *s, const struct rg_event *ev, struct rg_err *err);
int cli_sinks_flush(struct cli_sinks *s, struct rg_err *err);
/* Finish all; err tells of the first failure. */
int cli_sinks_close(struct cli_sinks *s, struct rg_err *err);

#endif
