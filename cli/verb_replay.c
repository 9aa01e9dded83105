/* SPDX-License-Identifier: BSD-2-Clause */
/* replay: the events of a recording, as the live trace gave them. */
#include <limits.h>

#include "playback.h"

struct replay_opts {
	const char *filter;
	struct cli_str_list outputs, redact;
	uint64_t count;
	bool hex, pointers, follow, quiet;
};

#define AT(member) offsetof(struct replay_opts, member)
static const struct cli_opt options[] = {
	{"filter", 'f', "EXPR", &cli_str, AT(filter), "Show only messages that match this expression",
	 "messages.db --filter 'msg.truncated'"},
	{"output", 'o', "FORMAT[=FILE]", &cli_outputs, AT(outputs),
	 "How and where to write: text to standard output unless given", "messages.db -o json"},
	{"redact", 0, "PATTERN", &cli_redact, AT(redact),
	 "Hide what this pattern (PCRE2) matches in payloads, control messages and names of sockets and "
	 "files: each byte becomes *; or what a set hides",
	 "messages.db --redact @password -o sqlite=shared.db"},
	{"hex", 'x', NULL, &cli_flag, AT(hex), "In text, show payloads in hexadecimal too"},
	{"tracee-pointers", 0, NULL, &cli_flag, AT(pointers),
	 "In the tracee formats, print msg as the bare pointer that Tracee prints"},
	{"count", 'n', "N", &cli_u64, AT(count), "Stop after so many messages shown", "messages.db -n 10"},
	{"follow", 'F', NULL, &cli_flag, AT(follow), "At the end, wait for what is still being recorded"},
	{"quiet", 'q', NULL, &cli_flag, AT(quiet), "No progress"},
	{0},
};

static int replay_run(const struct cli_call *call, const void *opts)
{
	const struct replay_opts *o = opts;
	struct cli_playback p = {
		.verb = call->verb,
		.files = (const char *const *)call->args,
		.filter = o->filter,
		.origin = "--filter",
		.outputs = &o->outputs,
		.redact = &o->redact,
		.opts = {.hex = o->hex, .tracee_pointers = o->pointers},
		.count = o->count,
		.follow = o->follow,
		.quiet = o->quiet,
	};

	return cli_play(&p);
}

const struct cli_verb cli_verb_replay = {
	.name = "replay",
	.synopsis = "FILE...",
	.summary = "show the messages of a recording as the live trace did",
	.about = "FILE is a recording made by `recvguard record` or `-o sqlite=FILE`. The events are those "
		 "of the "
		 "trace, in its order: `replay FILE -o json` is byte for byte what `trace -o json` gave. "
		 "Works while the "
		 "recording is being made, and after its writer was killed. What was put aside by "
		 "--rotate-size "
		 "or --rotate-time (FILE.1, FILE.2...) comes before FILE by itself; several files are shown "
		 "one "
		 "after the other.\n\n"
		 "Of a damaged file what can be read is shown; one line says what could not, and the exit "
		 "status "
		 "is 1.",
	.opts = options,
	.opts_size = sizeof(struct replay_opts),
	.examples = (const struct cli_example[]){{"recvguard replay messages.db", "read it again"},
						 {"recvguard replay messages.db --filter 'fd.count > 0' -x",
						  "messages with descriptors, in hex"},
						 {"recvguard replay messages.db -o pcapng=messages.pcapng",
						  "for Wireshark"},
						 {0}},
	.see_also = "query record trace",
	.min_args = 1,
	.max_args = UINT_MAX,
	.run = replay_run,
};
