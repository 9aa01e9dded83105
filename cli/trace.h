/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RG_CLI_TRACE_H
#define RG_CLI_TRACE_H

/* What trace and the verbs that trace too (record, top) share: the options, and the run. */
#include <recvguard/trace.h>

#include "cli.h"
#include "outputs.h"

struct trace_opts {
	struct cli_u32_list pids, uids, fds, families;
	struct cli_str_list comms, cgroups, containers, exes, sockets, outputs, policies, redact;
	const char *filter;
	int direction, tier, on_full;
	uint32_t snaplen;
	uint64_t ring, timeout, count;
	uint64_t rotate_size, rotate_time, max_size;
	bool errors, duration, metadata, no_enrich, hex, quiet, pointers;
	/* no options: where the events go in place of outputs, NULL: to these; and whether data is written to
	 * standard output beside these */
	const struct cli_taker *taker;
	bool data_on_stdout;
};

extern const struct cli_opt cli_trace_options[];
extern const struct trace_opts cli_trace_defaults;

/* For the rows of trace_select.def. */
extern const struct cli_type cli_snaplen;
extern const char *const cli_directions[], *const cli_fulls[], *const cli_tiers[];

/* Does --metadata, where it is given, go with snaplen and outputs? err says why not. */
bool cli_metadata_fits(const struct trace_opts *o, struct rg_err *err);

void cli_trace_fill(const struct trace_opts *o, const struct cli_call *call, struct rg_trace_opts *ret);

/* Trace as o says. Returns the exit status. */
int cli_trace(const struct cli_call *call, const struct trace_opts *o);

#endif
