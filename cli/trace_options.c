/* SPDX-License-Identifier: BSD-2-Clause */
/* The options of the verbs that trace, and what they ask of the library. */
#include <errno.h>
#include <string.h>

#include <recvguard/sink.h>

#include "trace.h"

/* --snaplen: a size, or `all`. */
static int parse_snaplen(const struct cli_opt *o, const char *text, void *dest, struct rg_err *err)
{
	uint64_t n;
	int r;

	if (!strcmp(text, "all")) {
		*(uint32_t *)dest = UINT32_MAX;
		return 0;
	}
	r = cli_size.parse(o, text, &n, err);
	if (r < 0)
		return rg_fail(err, r, "expected a size as in 256, 64KiB, or `all`");
	*(uint32_t *)dest = n >= UINT32_MAX ? UINT32_MAX : (uint32_t)n;
	return 0;
}
const struct cli_type cli_snaplen = {.parse = parse_snaplen};

const char *const cli_directions[] = {"recv", "send", "both", NULL}; /* enum rg_direction - 1 */
const char *const cli_fulls[] = {"drop", "sample", NULL};	     /* enum rg_on_full */
const char *const cli_tiers[] = {"auto", "trampoline", "tracepoint", "legacy", NULL}; /* enum rg_tier */
_Static_assert(sizeof(cli_tiers) / sizeof(cli_tiers[0]) == RG_TIER__COUNT + 1, "every tier has its name");

#define AT(member) offsetof(struct trace_opts, member)
const struct cli_opt cli_trace_options[] = {
#include "trace_metadata.def"
#include "trace_select.def"
	{"output", 'o', "FORMAT[=FILE]", &cli_outputs, AT(outputs),
	 "How and where to write: text to standard output unless given; files are created for their owner "
	 "only. What COMMAND prints goes to standard error where another format than text goes to standard "
	 "output",
	 "-o text -o json=messages.json -- ip link"},
	{"rotate-size", 0, "BYTES", &cli_size, AT(rotate_size),
	 "Recordings: put a file of this size aside as FILE.1, FILE.2 and so on, and begin another"},
	{"rotate-time", 0, "TIME", &cli_duration, AT(rotate_time), "Recordings: the same after this time"},
	{"max-size", 0, "BYTES", &cli_size, AT(max_size),
	 "Recordings: keep no more than this; the oldest of the files put aside go, and without rotation "
	 "recording ends"},
	{"hex", 'x', NULL, &cli_flag, AT(hex), "In text, show payloads in hexadecimal too",
	 "-x -- ping -c1 127.0.0.1"},
	{"tracee-pointers", 0, NULL, &cli_flag, AT(pointers),
	 "In the tracee formats, print msg as the bare pointer that Tracee prints"},
	{"count", 'n', "N", &cli_u64, AT(count), "Stop after so many messages shown", "--count 100"},
	{"quiet", 'q', NULL, &cli_flag, AT(quiet),
	 "No notes at the start and no summary at the end; losses are stated all the same"},
	{0},
};

const struct trace_opts cli_trace_defaults = {.snaplen = RG_SNAPLEN_DEFAULT};

static bool needs_full(const char *output)
{
	size_t n = strcspn(output, "=");

	for (const struct rg_sink_format *f = rg_sink_formats; f->name; f++)
		if (strlen(f->name) == n && !memcmp(f->name, output, n))
			return f->full;
	return false;
}

bool cli_metadata_fits(const struct trace_opts *o, struct rg_err *err)
{
	if (!o->metadata)
		return true;
	if (o->snaplen != RG_SNAPLEN_DEFAULT)
		return !rg_fail(err, -EINVAL, "--metadata keeps no payload: leave out --snaplen");
	for (unsigned i = 0; i < o->outputs.n; i++)
		if (needs_full(o->outputs.v[i]))
			return !rg_fail(err, -EINVAL,
					"--metadata: -o %s is made of what only the full record has",
					o->outputs.v[i]);
	return true;
}

void cli_trace_fill(const struct trace_opts *o, const struct cli_call *call, struct rg_trace_opts *ret)
{
	*ret = (struct rg_trace_opts){
		.select = {.pids = (const int *)o->pids.v,
			   .n_pids = o->pids.n,
			   .comms = o->comms.v,
			   .n_comms = o->comms.n,
			   .uids = o->uids.v,
			   .n_uids = o->uids.n,
			   .cgroups = o->cgroups.v,
			   .n_cgroups = o->cgroups.n,
			   .containers = o->containers.v,
			   .n_containers = o->containers.n,
			   .exes = o->exes.v,
			   .n_exes = o->exes.n,
			   .sockets = o->sockets.v,
			   .n_sockets = o->sockets.n,
			   .fds = (const int *)o->fds.v,
			   .n_fds = o->fds.n,
			   .families = (const int *)o->families.v,
			   .n_families = o->families.n},
		.tier = (enum rg_tier)o->tier,
		.direction = (enum rg_direction)(o->direction + 1),
		.on_full = (enum rg_on_full)o->on_full,
		.errors = o->errors,
		.duration = o->duration,
		.no_enrich = o->no_enrich,
		.metadata = o->metadata,
		.snaplen = o->snaplen,
		.ring_kib = (uint32_t)((o->ring + 1023) / 1024),
		.argv = call->command,
		.stdout_aside = o->data_on_stdout || cli_data_on_stdout(&o->outputs),
	};
}
