/* SPDX-License-Identifier: BSD-2-Clause */
/* guard: rules onto a socket of a running process. */
#include <recvguard/broker.h>

#include "cli.h"

struct guard_opts {
	uint32_t pid, fd;
	struct cli_str_list policies;
	bool partial, no_descriptors;
};

static const struct cli_opt options[] = {
	{"pid", 0, "PID", &cli_u32, offsetof(struct guard_opts, pid), "The process that has the socket",
	 NULL},
	{"fd", 0, "N", &cli_u32, offsetof(struct guard_opts, fd),
	 "Its descriptor's number (see `ls -l /proc/PID/fd`)", NULL},
	{"policy", 'p', "FILE", &cli_files, offsetof(struct guard_opts, policies), "The policy",
	 "--pid 4711 --fd 3 --policy udp.yaml"},
	{"partial", 0, NULL, &cli_flag, offsetof(struct guard_opts, partial),
	 "Leave out restricting rules that do not fit, saying why, instead of refusing", NULL},
	{"no-descriptors", 0, NULL, &cli_flag, offsetof(struct guard_opts, no_descriptors),
	 "Unix sockets: senders may pass no descriptors (SO_PASSRIGHTS, Linux 6.16)", NULL},
	{0},
};

static void left_out(void *arg, const char *line)
{
	cli_say(arg, "left out: %s", line);
}

static int run(const struct cli_call *call, const void *opts)
{
	const struct guard_opts *o = opts;
	struct rg_guard_opts go = {(int)o->pid,	  (int)o->fd, o->policies.v,
				   o->policies.n, o->partial, o->no_descriptors};
	struct rg_guard_result r;
	struct rg_err err = {0};

	if (!o->pid || !o->policies.n)
		return cli_usage(call->verb, "--pid, --fd and --policy are needed");
	if (rg_guard(&go, left_out, (void *)(uintptr_t)call->verb, &r, &err) < 0)
		return cli_fail(call->verb, &err);
	printf("%u rules, %u instructions, locked onto descriptor %u of process %u\n", r.rules,
	       r.instructions, o->fd, o->pid);
	if (r.queued)
		cli_say(call->verb, "what was queued before is delivered unfiltered");
	return cli_finish(call->verb, CLI_OK);
}

static const struct cli_example examples[] = {
	{"recvguard guard --pid 4711 --fd 3 --policy udp.yaml", "filter what a running UDP server gets"},
	{0},
};

const struct cli_verb cli_verb_guard = {
	.name = "guard",
	.synopsis = "",
	.summary = "put a policy's rules onto a socket of a running process",
	.about = "Turns the `drop` and `allow` rules of a policy into a classic socket filter, puts it onto "
		 "an existing unix "
		 "datagram, seqpacket or UDP socket, and locks it: it stays until the socket is closed, and "
		 "costs nothing per "
		 "message but itself. A filter sees the message's bytes and length; rules that speak of "
		 "more, and actions "
		 "other than drop, are refused with the reason. Stream sockets are refused: filters have no "
		 "effect there.\n\n"
		 "The process must be yours, and traceable (kernel.yama.ptrace_scope).",
	.opts = options,
	.examples = examples,
	.see_also = "run policy",
	.opts_size = sizeof(struct guard_opts),
	.run = run,
};
