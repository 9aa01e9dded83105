/* SPDX-License-Identifier: BSD-2-Clause */
/* A graph as lines: an edge each, for terminals, grep and mail. */
#include <inttypes.h>

#include "graph/graph.h"
#include "sink/pen.h"

static void padded(struct rg_buf *b, size_t from, unsigned width)
{
	unsigned w = rg_shown_width(b->data ? b->data + from : "", b->len - from);

	do
		rg_buf_char(b, ' ');
	while (w++ < width);
}

static unsigned widest(const struct drawn *d, bool to)
{
	unsigned max = 4;

	for (uint32_t i = 0; i < d->n_edges; i++) {
		rg_auto_buf b = {0};
		unsigned w;

		name_node(&b, &d->nodes[to ? d->edges[i].to : d->edges[i].from], 40);
		w = rg_shown_width(b.data ? b.data : "", b.len);
		max = w > max ? w : max;
	}
	return max;
}

static void marks(struct rg_buf *b, const struct edge *e)
{
	if (e->sockets > 1)
		rg_buf_printf(b, ", %" PRIu64 " sockets", e->sockets);
	if (tally_way(&e->t).fds || e->t.fds_lost) {
		rg_buf_str(b, ", ");
		name_fds(b, &e->t);
	}
	if (e->t.truncated)
		rg_buf_printf(b, ", %" PRIu64 " truncated", e->t.truncated);
	if (e->t.denied)
		rg_buf_printf(b, ", %" PRIu64 " DENIED", e->t.denied);
	if (e->t.peeks)
		rg_buf_printf(b, ", %" PRIu64 " peeks", e->t.peeks);
	if (!e->t.received.messages && e->t.sent.messages)
		rg_buf_str(b, ", as sent");
	if (e->by_address)
		rg_buf_str(b, ", known by address");
}

void rg_graph_text(struct rg_buf *b, const struct drawn *d)
{
	unsigned from = widest(d, false), to = widest(d, true);

	for (uint32_t i = 0; i < d->n_edges; i++) {
		const struct edge *e = &d->edges[i];
		struct way w = tally_way(&e->t);
		size_t at = b->len;

		name_node(b, &d->nodes[e->from], 40);
		padded(b, at, from);
		rg_buf_str(b, "→ ");
		at = b->len;
		name_node(b, &d->nodes[e->to], 40);
		padded(b, at, to);
		rg_buf_printf(b, "%7" PRIu64 " message%s  ", w.messages, w.messages == 1 ? " " : "s");
		at = b->len;
		name_size(b, w.bytes);
		padded(b, at, 10);
		name_socket(b, e, 0);
		marks(b, e);
		rg_buf_char(b, '\n');
	}
	if (d->lost) {
		name_losses(b, d->g);
		rg_buf_char(b, '\n');
	}
	if (d->g->merged)
		rg_buf_str(b, "too many processes or sockets to tell all of them apart: the last ones are "
			      "counted together\n");
}
