/* SPDX-License-Identifier: BSD-2-Clause */
/* graph: who talks to whom. */
#include <errno.h>
#include <limits.h>
#include <string.h>

#include <recvguard/graph.h>
#include <recvguard/trace.h>

#include "playback.h"
#include "trace.h"

struct graph_opts {
	struct trace_opts trace; /* first: the rows of trace_select.def point into it */
	struct cli_str_list forms;
	int by;
	uint32_t max_nodes, max_edges;
};

static const char *form_choice(const struct cli_opt *o, unsigned i)
{
	return rg_graph_formats[i].name;
}

static int parse_form(const struct cli_opt *o, const char *text, void *dest, struct rg_err *err)
{
	size_t len = strcspn(text, "=");

	if (text[len] && !text[len + 1])
		return rg_fail(err, -EINVAL, "a file name is missing after '='");
	for (unsigned i = 0; rg_graph_formats[i].name; i++)
		if (strlen(rg_graph_formats[i].name) == len && !memcmp(rg_graph_formats[i].name, text, len))
			return cli_strs.parse(o, text, dest, err);
	return rg_fail(err, -EINVAL, "no form of a graph is called '%.*s'; known are text, dot, svg, json",
		       (int)(len > 64 ? 64 : len), text);
}

static void release_forms(void *dest)
{
	cli_strs.release(dest);
}
static const struct cli_type forms = {
	.parse = parse_form, .release = release_forms, .choice = form_choice, .many = true};

#define AT(member)  offsetof(struct trace_opts, member)
#define OWN(member) offsetof(struct graph_opts, member)
static const struct cli_opt options[] = {
	{"output", 'o', "FORM[=FILE]", &forms, OWN(forms),
	 "How and where to write the graph: text to standard output unless given",
	 "messages.db -o svg=graph.svg"},
	{"by", 0, "WHAT", &cli_choice, OWN(by),
	 "What becomes one node: a process, all processes of an executable, all of a container",
	 "messages.db --by exe", rg_graph_by_names},
	{"max-nodes", 0, "N", &cli_u32, OWN(max_nodes),
	 "Draw so many nodes (60 unless given), the busiest; the rest becomes one, which says how many it "
	 "is"},
	{"max-edges", 0, "N", &cli_u32, OWN(max_edges),
	 "Draw so many sockets (200 unless given); the others between the same two become one"},
#include "trace_select.def"
	{"count", 'n', "N", &cli_u64, AT(count), "Stop after so many messages"},
	{"quiet", 'q', NULL, &cli_flag, AT(quiet),
	 "No progress, notes and summary; losses are stated all the same"},
	{0},
};

static const struct graph_opts defaults = {.trace = {.snaplen = RG_SNAPLEN_DEFAULT}};

struct drawing {
	struct rg_graph *graph;
	uint64_t taken;
};

static int take(void *arg, const struct rg_event *ev, struct rg_err *err)
{
	struct drawing *d = arg;

	d->taken++;
	return rg_graph_add(d->graph, ev, err);
}

/* What of a live trace's options is given, though a recording is asked. */
static const char *only_live(const struct trace_opts *t)
{
	const unsigned n[] = {t->pids.n,       t->comms.n,    t->uids.n,	 t->cgroups.n,
			      t->containers.n, t->exes.n,     t->fds.n,		 t->sockets.n,
			      t->families.n,   t->policies.n, t->direction != 0, t->tier != 0,
			      t->timeout != 0, t->ring != 0};
	static const char *const names[] = {"pid",	 "comm", "uid",	    "cgroup", "container",
					    "exe",	 "fd",	 "socket",  "family", "policy",
					    "direction", "tier", "timeout", "ring"};

	_Static_assert(sizeof(n) / sizeof(n[0]) == sizeof(names) / sizeof(names[0]), "each has its name");
	for (size_t i = 0; i < sizeof(n) / sizeof(n[0]); i++)
		if (n[i])
			return names[i];
	return NULL;
}

static int gather(const struct cli_call *call, const struct graph_opts *o, struct drawing *d)
{
	const struct cli_taker taker = {.take = take, .arg = d};
	struct trace_opts t = o->trace;
	struct cli_playback p = {
		.verb = call->verb,
		.files = (const char *const *)call->args,
		.filter = t.filter,
		.origin = "--filter",
		.taker = &taker,
		.redact = &t.redact,
		.count = t.count,
		.quiet = t.quiet,
	};

	if (call->n_args)
		return cli_play(&p);
	t.taker = &taker;
	t.data_on_stdout = cli_data_on_stdout(&o->forms);
	return cli_trace(call, &t);
}

static int save(const struct cli_call *call, const struct graph_opts *o, const struct rg_graph *g)
{
	static const char *const text[] = {"text"};
	const struct cli_str_list plain = {(const char **)text, 1}, *specs = o->forms.n ? &o->forms : &plain;
	struct rg_err err = {0};

	for (unsigned i = 0; i < specs->n; i++)
		if (rg_graph_save(g, specs->v[i], &err) < 0)
			return cli_fail(call->verb, &err);
	return CLI_OK;
}

static int graph_run(const struct cli_call *call, const void *opts)
{
	const struct graph_opts *o = opts;
	const struct rg_graph_opts g = {
		.by = (enum rg_graph_by)o->by, .max_nodes = o->max_nodes, .max_edges = o->max_edges};
	const char *live = call->n_args ? only_live(&o->trace) : NULL;
	struct drawing d = {0};
	struct rg_err err = {0};
	int status, saved = CLI_OK;

	if (call->n_args && call->command)
		return cli_usage(call->verb, "a recording or a command, not both");
	if (live)
		return cli_usage(
			call->verb,
			"--%s is for a live trace; what to draw of a recording is chosen by --filter", live);
	if (rg_graph_new(&g, &d.graph, &err) < 0)
		return cli_fail(call->verb, &err);
	status = gather(call, o, &d);
	/* a failed command has its graph, a failed start has none */
	if (status == CLI_OK || d.taken)
		saved = save(call, o, d.graph);
	rg_graph_free(d.graph);
	return saved ? saved : status;
}

const struct cli_verb cli_verb_graph = {
	.name = "graph",
	.synopsis = "[FILE... | -- COMMAND [ARGUMENT]...]",
	.summary = "draw who talks to whom, from a recording or live",
	.about = "Processes, the kernel and other hosts are the nodes; an edge is a socket (or all like it) "
		 "between two of them, from the sender to the receiver, with the messages and bytes that "
		 "were received over it. Descriptors that were passed are an edge of their own, denials and "
		 "truncations are marked, losses are stated.\n\n"
		 "FILE is a recording. Without one the messages of a live trace are drawn, of COMMAND or of "
		 "what the options select (as for `recvguard trace`), when it ends: with the command, by "
		 "--timeout, or ^C.\n\n"
		 "The process at the other end is what the kernel said of the sender. For internet sockets "
		 "it says nothing: there the address is looked up among the sockets seen in the same "
		 "network namespace, which is marked `known by address`; else the host is drawn. "
		 "--direction both lets the sender be known by the message itself.\n\n"
		 "Forms: text is a line for each edge, svg a picture laid out by Graphviz, dot its language, "
		 "json nodes, edges and totals for other programs.",
	.opts = options,
	.opts_size = sizeof(struct graph_opts),
	.defaults = &defaults,
	.examples =
		(const struct cli_example[]){
			{"recvguard graph messages.db", "who talks to whom, a line each"},
			{"recvguard graph messages.db -o svg=graph.svg --by exe", "a picture, by executable"},
			{"recvguard graph -o svg=bus.svg -- dbus-run-session -- true", "of one command"},
			{"recvguard graph --family unix --timeout 10s -o dot",
			 "all unix sockets of the machine, for ten seconds"},
			{0}},
	.see_also = "report record trace query",
	.max_args = UINT_MAX,
	.takes_command = true,
	.run = graph_run,
};
