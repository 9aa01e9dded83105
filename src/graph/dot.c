/* SPDX-License-Identifier: BSD-2-Clause */
/* A graph in DOT. Classes let a page restyle the SVG that Graphviz makes of it. */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "graph/graph.h"

#define NAME_WIDTH 34

/* Shown text as what stands between DOT's quotes: neither DOT's escapes nor HTML's entities work in it. */
static void quoted(struct rg_buf *b, const char *s)
{
	for (; *s; s++)
		switch (*s) {
		case '"':
		case '\\':
			rg_buf_char(b, '\\');
			rg_buf_char(b, *s);
			break;
		case '&': rg_buf_str(b, "&amp;"); break;
		default: rg_buf_char(b, *s);
		}
}

static const struct {
	const char *shape, *style, *fill, *line;
} looks[] = {
	[NODE_PROCESS] = {"box", "rounded,filled", "#eef3fb", "#3d6098"},
	[NODE_EXE] = {"box", "rounded,filled", "#eef3fb", "#3d6098"},
	[NODE_CONTAINER] = {"box3d", "filled", "#eaf6f1", "#2f7d62"},
	[NODE_KERNEL] = {"hexagon", "filled", "#fbf1dc", "#93701c"},
	[NODE_REMOTE] = {"ellipse", "filled", "#f2edf9", "#6d4f9c"},
	[NODE_UNKNOWN] = {"box", "rounded,dashed", "#ffffff", "#777777"},
	[NODE_OTHERS] = {"box", "rounded,dashed", "#f2f2f2", "#777777"},
};
_Static_assert(RG_ARRAY_LEN(looks) == NODE_OTHERS + 1, "each kind has its look");

static void way(struct rg_buf *b, const char *what, const struct way *w)
{
	rg_buf_printf(b, "%s %" PRIu64 " (", what, w->messages);
	name_size(b, w->bytes);
	rg_buf_char(b, ')');
}

static void put_node(struct rg_buf *b, const struct drawn *d, uint32_t i)
{
	const struct node *n = &d->nodes[i];
	rg_auto_buf name = {0}, tip = {0};

	name_node(&name, n, NAME_WIDTH);
	name_node(&tip, n, 0);
	if (n->kind == NODE_PROCESS && n->actor->exe.p) {
		struct node exe = {.kind = NODE_EXE, .actor = n->actor};

		rg_buf_str(&tip, ", ");
		name_node(&tip, &exe, 0);
	}
	way(&tip, ": received", &n->received);
	way(&tip, ", sent", &n->sent);
	rg_buf_printf(b, "\tn%u [id=\"node-%u\", class=\"%s%s\", label=\"", i, i, node_kinds[n->kind],
		      n->denied ? " denied" : "");
	quoted(b, rg_buf_cstr(&name));
	rg_buf_str(b, "\", tooltip=\"");
	quoted(b, rg_buf_cstr(&tip));
	rg_buf_printf(b, "\", shape=%s, style=\"%s\", fillcolor=\"%s\", color=\"%s\"];\n",
		      looks[n->kind].shape, looks[n->kind].style, looks[n->kind].fill, looks[n->kind].line);
}

static void edge_tip(struct rg_buf *b, const struct drawn *d, const struct edge *e)
{
	name_node(b, &d->nodes[e->from], 0);
	rg_buf_str(b, " → ");
	name_node(b, &d->nodes[e->to], 0);
	rg_buf_str(b, ", ");
	name_socket(b, e, 0);
	if (e->sockets > 1)
		rg_buf_printf(b, ", %" PRIu64 " sockets", e->sockets);
	if (e->t.received.messages)
		way(b, ", received", &e->t.received);
	if (e->t.sent.messages)
		way(b, ", sent", &e->t.sent);
	if (e->t.truncated)
		rg_buf_printf(b, ", %" PRIu64 " truncated", e->t.truncated);
	if (e->by_address)
		rg_buf_str(b, ", known by address");
}

/* What a node sends to itself over several sockets is one loop: their labels would lie on each other. */
static bool put_loop(struct rg_buf *b, const struct drawn *d, uint32_t node)
{
	struct tally t = {0};
	struct way w;
	rg_auto_buf fds = {0};
	uint64_t sockets = 0;
	unsigned n = 0;

	for (uint32_t i = 0; i < d->n_edges; i++)
		if (d->edges[i].from == node && d->edges[i].to == node) {
			tally_add(&t, &d->edges[i].t);
			sockets += d->edges[i].sockets;
			n++;
		}
	if (n < 2)
		return false;
	w = tally_way(&t);
	rg_buf_printf(b,
		      "\tn%u -> n%u [id=\"loop-%u\", class=\"messages%s\", label=\"%" PRIu64
		      " sockets\\n%" PRIu64 " · ",
		      node, node, node, t.denied ? " denied" : "", sockets, w.messages);
	name_size(b, w.bytes);
	if (w.fds) {
		name_fds(&fds, &t);
		rg_buf_str(b, "\\n");
		quoted(b, rg_buf_cstr(&fds));
	}
	if (t.denied)
		rg_buf_printf(b, "\\n✗ %" PRIu64 " denied", t.denied);
	rg_buf_printf(b, "\", tooltip=\"to itself, over %" PRIu64 " sockets of %u kinds\"%s];\n", sockets, n,
		      t.denied ? ", color=\"#b3261e\", fontcolor=\"#b3261e\"" : "");
	return true;
}

static void put_edge(struct rg_buf *b, const struct drawn *d, uint32_t i)
{
	const struct edge *e = &d->edges[i];
	struct way w = tally_way(&e->t);
	rg_auto_buf name = {0}, tip = {0};

	name_socket(&name, e, NAME_WIDTH);
	edge_tip(&tip, d, e);
	rg_buf_printf(b, "\tn%u -> n%u [id=\"edge-%u\", class=\"messages%s\", label=\"", e->from, e->to, i,
		      e->t.denied ? " denied" : "");
	quoted(b, rg_buf_cstr(&name));
	rg_buf_printf(b, "\\n%" PRIu64 " · ", w.messages);
	name_size(b, w.bytes);
	if (e->t.denied)
		rg_buf_printf(b, "\\n✗ %" PRIu64 " denied", e->t.denied);
	rg_buf_str(b, "\", tooltip=\"");
	quoted(b, rg_buf_cstr(&tip));
	rg_buf_printf(b, "\", penwidth=%.2f", 1 + log10((double)w.messages + 1) / 2);
	if (e->t.denied)
		rg_buf_str(b, ", color=\"#b3261e\", fontcolor=\"#b3261e\"");
	rg_buf_str(b, "];\n");
}

/* Descriptors that went over an edge are an edge of their own, beside it. */
static void put_fds(struct rg_buf *b, const struct drawn *d, uint32_t i)
{
	const struct edge *e = &d->edges[i];
	rg_auto_buf name = {0}, tip = {0};

	if (!tally_way(&e->t).fds && !e->t.fds_lost)
		return;
	name_fds(&name, &e->t);
	edge_tip(&tip, d, e);
	for (unsigned j = 0; j < e->t.n_paths; j++) {
		const struct actor a = {.exe = e->t.paths[j]};
		const struct node n = {.kind = NODE_EXE, .actor = &a};

		rg_buf_str(&tip, j ? ", " : "; passed: ");
		name_node(&tip, &n, 0);
	}
	rg_buf_printf(b, "\tn%u -> n%u [id=\"fds-%u\", class=\"descriptors\", label=\"", e->from, e->to, i);
	quoted(b, rg_buf_cstr(&name));
	rg_buf_str(b, "\", tooltip=\"");
	quoted(b, rg_buf_cstr(&tip));
	rg_buf_str(b, "\", style=dashed, color=\"#b05a00\", fontcolor=\"#b05a00\", arrowhead=diamond];\n");
}

static void caption(struct rg_buf *b, const struct drawn *d)
{
	struct way w = tally_way(&d->total);

	rg_buf_printf(b, "%" PRIu64 " messages, ", w.messages);
	name_size(b, w.bytes);
	if (w.fds)
		rg_buf_printf(b, ", %" PRIu64 " descriptors", w.fds);
	if (d->total.denied)
		rg_buf_printf(b, ", %" PRIu64 " denied", d->total.denied);
	if (d->lost) {
		rg_buf_str(b, ", ");
		name_losses(b, d->g);
	}
}

void rg_graph_dot(struct rg_buf *b, const struct drawn *d)
{
	rg_auto_free bool *looped = calloc(d->n_nodes + 1, sizeof(*looped));

	if (!looped) {
		b->oom = true;
		return;
	}
	rg_buf_str(b,
		   "digraph recvguard {\n\tgraph [rankdir=LR, ranksep=0.9, nodesep=0.3, bgcolor=transparent, "
		   "fontname=\"Helvetica,Arial,sans-serif\", fontsize=11, tooltip=\"who talks to whom\", "
		   "label=\"");
	caption(b, d);
	rg_buf_str(b, "\"];\n\tnode [fontname=\"Helvetica,Arial,sans-serif\", fontsize=11, height=0.35, "
		      "margin=\"0.12,0.05\"];\n\tedge [fontname=\"Helvetica,Arial,sans-serif\", fontsize=9, "
		      "color=\"#5f6b7a\", fontcolor=\"#3c4653\", arrowsize=0.7];\n");
	for (uint32_t i = 0; i < d->n_nodes; i++) {
		put_node(b, d, i);
		looped[i] = put_loop(b, d, i);
	}
	for (uint32_t i = 0; i < d->n_edges; i++) {
		if (d->edges[i].from == d->edges[i].to && looped[d->edges[i].from])
			continue;
		put_edge(b, d, i);
		put_fds(b, d, i);
	}
	rg_buf_str(b, "}\n");
}
