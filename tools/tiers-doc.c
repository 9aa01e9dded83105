/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Prints docs/tiers.md from the tables that the program itself goes by: tiers.def, capabilities.def,
 * fields.def, routes.def. With a file as argument: TAP, whether that file is what would be printed; to bring
 * it up to date:
 *
 *     build/tests/golden/tiers-doc > docs/tiers.md
 */
#include <stdio.h>
#include <string.h>

#include <recvguard/doctor.h>
#include <recvguard/tiers.h>

#include "doc.h"

static const char intro[] =
	"# What each capture tier gives, and cannot give\n"
	"\n"
	"Printed by `tools/tiers-doc.c` from the tables that the program goes by "
	"(`include/recvguard/tiers.def`,\n"
	"`capabilities.def`, `fields.def`, `routes.def`); a test checks that it is. That the tables are true "
	"is "
	"checked on every\n"
	"kernel of the matrix by the programs that know what they receive (`tests/e2e/tiers.py`): a value or "
	"a tag "
	"that its\n"
	"column does not have fails, and so does a best tag that never comes.\n"
	"\n"
	"**K**: the kernel's own copy. **U**: read from the program's memory, which it could have changed "
	"meanwhile "
	"(in events:\n"
	"`U,TOCTOU`). **–**: never there. Every event says of each of its values which it is (`tags`).\n";

static void columns(struct rg_buf *b, const char *first, const char *last)
{
	rg_buf_printf(b, "\n| %s |", first);
	for (enum rg_tier t = RG_TIER_AUTO + 1; t < RG_TIER__COUNT; t++)
		rg_buf_printf(b, " %s |", rg_tier_names[t]);
	rg_buf_printf(b, " %s |\n|---|", last);
	for (enum rg_tier t = RG_TIER_AUTO + 1; t < RG_TIER__COUNT; t++)
		rg_buf_str(b, "---|");
	rg_buf_str(b, "---|\n");
}

/* ---- which kernels ---- */

static void version_text(struct rg_buf *b, unsigned since)
{
	if (since)
		rg_buf_printf(b, "%u.%u", since / 100, since % 100);
	else
		rg_buf_str(b, "any");
}

static unsigned tier_since(enum rg_tier t)
{
	unsigned since = 0;

	for (int c = 0; c < RG_CAP__COUNT; c++)
		if (rg_capabilities[c].tiers & 1u << t && rg_capabilities[c].since > since)
			since = rg_capabilities[c].since;
	return since;
}

static void kernels_text(struct rg_buf *b)
{
	rg_buf_str(
		b,
		"\n## On which kernels\n"
		"\n"
		"The best tier that loads and attaches is used, in this order; `recvguard doctor` says which "
		"and why not a better\n"
		"one, `--tier` forces one. Nothing is decided by version: each need is tried "
		"(`RECVGUARD_PROBE_DENY` takes them away).\n"
		"The versions are those that first have it; a distribution may have it earlier, a "
		"locked-down "
		"machine never.\n");
	columns(b, "needs", "since Linux");
	for (int c = 0; c < RG_CAP__COUNT; c++) {
		const struct rg_cap_info *i = &rg_capabilities[c];

		if (!i->tiers)
			continue;
		rg_buf_printf(b, "| `%s`: %s |", i->name, i->what);
		for (enum rg_tier t = RG_TIER_AUTO + 1; t < RG_TIER__COUNT; t++)
			rg_buf_str(b, i->tiers & 1u << t ? " yes |" : " |");
		rg_buf_str(b, " ");
		version_text(b, i->since);
		rg_buf_str(b, " |\n");
	}
	rg_buf_str(b, "| **so, since Linux** |");
	for (enum rg_tier t = RG_TIER_AUTO + 1; t < RG_TIER__COUNT; t++) {
		rg_buf_str(b, " **");
		version_text(b, tier_since(t));
		rg_buf_str(b, "** |");
	}
	rg_buf_str(b, " |\n");
}

static const char preempt_text[] =
	"\n"
	"## On kernels that preempt\n"
	"\n"
	"Where the kernel can take the processor from a thread inside it (`preempt=full` or `lazy`; on x86 "
	"always since Linux 7),\n"
	"it takes it from BPF programs at trampolines too, since Linux 7 also at typed tracepoints, and "
	"until that thread goes on it leaves the\n"
	"same program out for everybody else on that processor. Several threads that receive on one "
	"processor lose much then: of four\n"
	"busy ones in an emulated machine more than half. What is taken there:\n"
	"\n"
	"| kernel | tier | why nothing is left out |\n"
	"|---|---|---|\n"
	"| since Linux 6.14 | trampoline, its programs at fprobe (kprobe.multi) and perf's tracepoints "
	"(`bpf/lib/held.h`) | the kernel holds preemption off while those run |\n"
	"| 6.3 to 6.13 | tracepoint | so it does at tracepoints before Linux 7; fprobe had no room for many "
	"threads that wait in a function |\n"
	"| older, and `--tier` | as asked for | it is left out: said at the start, and counted as lost, "
	"reason `skipped`: runs of programs, not messages, of which one may need several |\n"
	"\n"
	"At fprobe everything is as in the column of the trampoline tier, but for `seq`, which is as in the "
	"legacy tier's, and `sock.cookie`, which can be absent from a socket's\n"
	"first message. It costs more (instructions added on Linux 7.2 by cost-capture, at trampolines in "
	"brackets: stream of 64 bytes 5,457 (3,210), UDP with a control message 5,941 (3,422), a descriptor "
	"8,953 (7,502), `--metadata` 1,146 (1,264), a call that receives nothing 0 (0)), needs tracefs, and "
	"root can switch it off in the middle of a trace "
	"(`kernel.ftrace_enabled=0`). tests/kernel/preempt.sh holds that of 16,000 "
	"messages of four busy receivers 16,000 come, each with its own values.\n";

/* ---- what ---- */

static void features_text(struct rg_buf *b)
{
	rg_buf_str(b, "\n## Features\n");
	columns(b, "feature", "where not, why");
	for (int f = 0; f < RG_CAN__COUNT; f++) {
		rg_buf_printf(b, "| %s |", rg_tier_features[f].what);
		for (enum rg_tier t = RG_TIER_AUTO + 1; t < RG_TIER__COUNT; t++)
			rg_buf_str(b, rg_tier_features[f].has[t] ? " yes |" : " no |");
		rg_buf_printf(b, " %s |\n", rg_tier_features[f].note);
	}
}

static const char *tags_text(uint8_t tags)
{
	static const char *const text[] = {
		[0] = "–", [RG_TAG_K] = "K", [RG_TAG_U] = "U", [RG_TAG_K | RG_TAG_U] = "K, U"};

	return text[tags & (RG_TAG_K | RG_TAG_U)];
}

static void fields_text(struct rg_buf *b, bool send)
{
	rg_buf_printf(b, "\n## Values of %s messages\n", send ? "sent" : "received");
	columns(b, "field", "which when");
	for (const struct rg_tier_field *f = rg_tier_fields; f->field; f++) {
		if (f->send != send)
			continue;
		rg_buf_printf(b, "| `%s` |", f->field);
		for (enum rg_tier t = RG_TIER_AUTO + 1; t < RG_TIER__COUNT; t++)
			rg_buf_printf(b, " %s |", tags_text(f->tags[t]));
		rg_buf_printf(b, " %s |\n", f->note);
	}
}

static bool has_row(const char *field)
{
	for (const struct rg_tier_field *f = rg_tier_fields; f->field; f++)
		if (!strcmp(f->field, field))
			return true;
	return false;
}

static void name_text(struct rg_buf *b, const char *name, size_t *line)
{
	size_t n = strlen(name) + 3;

	if (*line + n > 110) {
		rg_buf_str(b, "\n");
		*line = 0;
	}
	rg_buf_printf(b, "%s`%s`", *line ? " " : "", name);
	*line += n;
}

/* Those that are the same in every tier. */
static void others_text(struct rg_buf *b)
{
	size_t line = 0;

	rg_buf_str(
		b,
		"\nEvery other field is the same in all tiers: K where it is there, LATE where it was looked "
		"up afterwards.\n"
		"`recvguard events NAME` says of each what it is:\n\n");
	for (int f = 0; f < RG_F__COUNT; f++)
		if (!has_row(rg_fields[f].name))
			name_text(b, rg_fields[f].name, &line);
	rg_buf_str(b, "\n");
}

static void metadata_text(struct rg_buf *b)
{
	size_t line = 0;

	rg_buf_str(b,
		   "\n## With `--metadata`\n"
		   "\n"
		   "Who received how much on which socket, by what fires once a message, as the "
		   "receive ends, and a\n"
		   "record of 232 bytes (392 where a unix socket has a name): on Linux 6.3 and later the "
		   "tracepoint `sock_recv_length` alone,\n"
		   "before, the ends of `____sys_recvmsg` and `sock_recvmsg` (the legacy tier refuses it: it "
		   "would miss receives of io_uring). Every "
		   "such event has `detail` `metadata`. It has\n"
		   "none of the following fields, and that it has none says nothing: no descriptors may have "
		   "been passed, or ten.\n"
		   "A filter or policy that asks for one of them is refused, and so are `--errors`, "
		   "`--duration`, `--snaplen`, sends, and\n"
		   "outputs made of what is not there (tracee, tracee-v1beta1, pcapng):\n\n");
	for (int f = 0; f < RG_F__COUNT; f++)
		if (rg_fields[f].tags & RG_TAG_FULL)
			name_text(b, rg_fields[f].name, &line);
	rg_buf_str(
		b,
		"\n\n`proc.exe` is by /proc alone (LATE), and absent where the process is gone by then. Of "
		"io_uring only that it was io_uring is\n"
		"known: `route` is `io_uring`, `sock.fd` and `msg.flags` are absent. Filters are decided in "
		"the kernel by what process and socket are;\n"
		"the legacy tier decides none there, and has no `--socket`.\n");
}

static void routes_text(struct rg_buf *b)
{
	static const char *const text[] = {
		[RG_SEEN_YES] = "yes", [RG_SEEN_CALLS] = "with `--errors` or `--duration`"};
	bool first = true;

	rg_buf_str(b, "\n## Routes\n");
	columns(b, "route", "why");
	for (int r = 0; r < RG_RT__COUNT; r++) {
		const struct rg_tier_route *i = &rg_tier_routes[r];

		if (!i->listed)
			continue;
		rg_buf_printf(b, "| `%s` |", rg_routes[r].name);
		for (enum rg_tier t = RG_TIER_AUTO + 1; t < RG_TIER__COUNT; t++)
			rg_buf_printf(b, " %s |", text[i->seen[t]]);
		rg_buf_printf(b, " %s |\n", i->note);
	}
	rg_buf_str(b, "\nSeen in every tier:");
	for (int r = 0; r < RG_RT__COUNT; r++) {
		if (rg_tier_routes[r].listed)
			continue;
		rg_buf_printf(b, "%s%s`%s`", first ? "" : ",", r % 6 ? " " : "\n", rg_routes[r].name);
		first = false;
	}
	rg_buf_str(b, ".\n");
}

static void whole_text(struct rg_buf *b)
{
	rg_buf_str(b, intro);
	kernels_text(b);
	rg_buf_str(b, preempt_text);
	features_text(b);
	fields_text(b, false);
	fields_text(b, true);
	others_text(b);
	metadata_text(b);
	routes_text(b);
}

int main(int argc, char **argv)
{
	rg_auto_buf b = {0};

	whole_text(&b);
	return doc_main(&b, "tiers-doc", "tiers.md", argc, argv);
}
