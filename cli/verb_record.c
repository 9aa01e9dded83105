/* SPDX-License-Identifier: BSD-2-Clause */
/* record: trace into a recording. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "trace.h"

enum { OUTPUTS_MAX = 16 };

static int record_run(const struct cli_call *call, const void *opts)
{
	struct trace_opts o = *(const struct trace_opts *)opts;
	const char *outputs[OUTPUTS_MAX];
	char *spec = NULL;
	int status;

	if (o.outputs.n >= OUTPUTS_MAX)
		return cli_usage(call->verb, "--output: at most %d beside the recording", OUTPUTS_MAX - 1);
	if (asprintf(&spec, "sqlite=%s", call->args[0]) < 0) {
		cli_say(call->verb, "out of memory");
		return CLI_FAILED;
	}
	outputs[0] = spec;
	if (o.outputs.n)
		memcpy(outputs + 1, o.outputs.v, o.outputs.n * sizeof(*outputs));
	o.outputs = (struct cli_str_list){.v = outputs, .n = o.outputs.n + 1};
	status = cli_trace(call, &o);
	free(spec);
	return status;
}

const struct cli_verb cli_verb_record = {
	.name = "record",
	.synopsis = "FILE [-- COMMAND [ARGUMENT]...]",
	.summary = "trace into a recording, to be replayed and queried",
	.about = "As `trace -o sqlite=FILE`, with all options of trace. FILE is one SQLite file, readable by "
		 "its owner "
		 "only; one that was there is replaced. It can be read while it is written, and after "
		 "recvguard was "
		 "killed: what was not yet committed, a tenth of a second at most, is missing then. After a "
		 "power "
		 "cut it is the last second or two. A full disk ends the recording; what is in it stays "
		 "readable, "
		 "and how much is missing is said, in the recording too.\n\n"
		 "--rotate-size and --rotate-time put files aside as FILE.1, FILE.2 and so on; with "
		 "--max-size the "
		 "oldest of them are deleted. `replay FILE` and `query FILE` find them by themselves.",
	.opts = cli_trace_options,
	.opts_size = sizeof(struct trace_opts),
	.defaults = &cli_trace_defaults,
	.examples =
		(const struct cli_example[]){
			{"recvguard record messages.db -- dbus-run-session -- true", "one command"},
			{"recvguard record all.db --rotate-size 64MiB --max-size 1GiB",
			 "everything, the last gigabyte of it"},
			{"recvguard record m.db --snaplen all -o text -p 1234",
			 "whole payloads, and a look at them now"},
			{0}},
	.see_also = "replay query trace",
	.min_args = 1,
	.max_args = 1,
	.takes_command = true,
	.run = record_run,
};
