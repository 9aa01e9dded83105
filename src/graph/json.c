/* SPDX-License-Identifier: BSD-2-Clause */
/* A graph as one JSON object (docs/report.md). */
#include <inttypes.h>
#include <sys/socket.h>

#include "graph/graph.h"
#include "sink/json.h"

static void key(struct rg_buf *b, const char *name)
{
	if (b->len && b->data[b->len - 1] != '{')
		rg_buf_char(b, ',');
	rg_buf_printf(b, "\"%s\":", name);
}

static void put_u(struct rg_buf *b, const char *name, uint64_t u)
{
	key(b, name);
	rg_buf_u64(b, u);
}

static void put_some(struct rg_buf *b, const char *name, uint64_t u)
{
	if (u)
		put_u(b, name, u);
}

static void put_span(struct rg_buf *b, const char *name, const struct span *s)
{
	if (!s->p)
		return;
	key(b, name);
	rg_json_bytes(b, s->p, s->len);
}

static void put_way(struct rg_buf *b, const char *name, const struct way *w)
{
	key(b, name);
	rg_buf_printf(b, "{\"messages\":%" PRIu64 ",\"bytes\":%" PRIu64 "}", w->messages, w->bytes);
}

static void put_shown(struct rg_buf *b, const char *name, struct rg_buf *text)
{
	key(b, name);
	rg_json_lossy(b, rg_buf_cstr(text), text->len);
}

static void put_node(struct rg_buf *b, const struct drawn *d, uint32_t i)
{
	const struct node *n = &d->nodes[i];
	rg_auto_buf name = {0};

	rg_buf_char(b, '{');
	put_u(b, "id", i);
	key(b, "kind");
	rg_buf_printf(b, "\"%s\"", node_kinds[n->kind]);
	name_node(&name, n, 0);
	put_shown(b, "name", &name);
	if (n->kind == NODE_PROCESS) {
		put_u(b, "pid", n->actor->pid);
		put_span(b, "comm", &n->actor->comm);
	}
	if (n->kind == NODE_PROCESS || n->kind == NODE_EXE)
		put_span(b, "exe", &n->actor->exe);
	if (n->kind == NODE_PROCESS || n->kind == NODE_CONTAINER)
		put_span(b, "container", &n->actor->container);
	if (n->kind == NODE_REMOTE)
		put_span(b, "addr", &n->actor->addr);
	put_u(b, "members", n->members);
	put_way(b, "received", &n->received);
	put_way(b, "sent", &n->sent);
	put_some(b, "errors", n->errors);
	put_some(b, "truncated", n->truncated);
	put_some(b, "denied", n->denied);
	rg_buf_char(b, '}');
}

static void put_fds(struct rg_buf *b, const struct tally *t)
{
	if (!tally_way(t).fds && !t->fds_lost)
		return;
	key(b, "descriptors");
	rg_buf_char(b, '{');
	put_u(b, "passed", tally_way(t).fds);
	put_some(b, "lost", t->fds_lost);
	key(b, "kinds");
	rg_buf_char(b, '{');
	for (int i = 0; i < RG_FDK__COUNT; i++)
		put_some(b, rg_name_of(rg_names_fdkinds, (uint64_t)i), t->kinds[i]);
	rg_buf_char(b, '}');
	key(b, "paths");
	for (unsigned i = 0; i < t->n_paths; i++) {
		rg_buf_char(b, i ? ',' : '[');
		rg_json_bytes(b, t->paths[i].p, t->paths[i].len);
	}
	rg_buf_str(b, t->n_paths ? "]}" : "[]}");
}

static void put_enum(struct rg_buf *b, const char *field, int value, const struct rg_name *names)
{
	const char *name = value >= 0 && names ? rg_name_of(names, (uint64_t)value) : NULL;

	if (value < 0)
		return;
	key(b, field);
	if (name)
		rg_buf_printf(b, "\"%s\"", name);
	else
		rg_buf_i64(b, value);
}

static void put_socket(struct rg_buf *b, const struct edge *e)
{
	const struct link *l = e->link;

	if (e->several)
		return;
	put_enum(b, "family", l->family, rg_names_families);
	put_enum(b, "type", l->type, rg_names_socktypes);
	put_enum(b, "protocol", l->protocol,
		 l->family == AF_NETLINK			 ? rg_names_netlink_protos
		 : l->family == AF_INET || l->family == AF_INET6 ? rg_names_ipprotos
								 : NULL);
	put_span(b, "path", &l->path);
	if (has_ports(l)) {
		put_some(b, "local_port", e->local_port);
		put_some(b, "remote_port", e->remote_port);
	}
}

static void put_edge(struct rg_buf *b, struct rg_json *j, const struct edge *e)
{
	rg_auto_buf name = {0};

	rg_buf_char(b, '{');
	put_u(b, "from", e->from);
	put_u(b, "to", e->to);
	name_socket(&name, e, 0);
	put_shown(b, "name", &name);
	put_socket(b, e);
	put_u(b, "sockets", e->sockets);
	put_way(b, "received", &e->t.received);
	put_way(b, "sent", &e->t.sent);
	put_some(b, "peeks", e->t.peeks);
	put_some(b, "truncated", e->t.truncated);
	put_some(b, "denied", e->t.denied);
	put_fds(b, &e->t);
	if (e->by_address) {
		key(b, "how");
		rg_buf_str(b, "\"address\"");
	}
	key(b, "first");
	rg_json_time(j, b, e->t.first);
	key(b, "last");
	rg_json_time(j, b, e->t.last);
	rg_buf_char(b, '}');
}

static void put_totals(struct rg_buf *b, const struct drawn *d)
{
	const struct tally *t = &d->total;

	put_way(b, "received", &t->received);
	put_way(b, "sent", &t->sent);
	put_some(b, "peeks", t->peeks);
	put_some(b, "truncated", t->truncated);
	put_some(b, "denied", t->denied);
	put_some(b, "descriptors", tally_way(t).fds);
	put_some(b, "descriptors_lost", t->fds_lost);
	key(b, "lost");
	rg_buf_char(b, '{');
	for (int i = 0; i < RG_LOSS__COUNT; i++)
		put_some(b, rg_name_of(rg_names_losses, (uint64_t)i), d->g->lost[i]);
	rg_buf_char(b, '}');
}

void rg_graph_json(struct rg_buf *b, const struct drawn *d)
{
	struct rg_json j = {0};

	rg_buf_printf(b, "{\"by\":\"%s\"", rg_graph_by_names[d->g->opts.by]);
	put_totals(b, d);
	if (d->g->merged) {
		key(b, "merged");
		rg_buf_str(b, "true");
	}
	key(b, "nodes");
	rg_buf_char(b, '[');
	for (uint32_t i = 0; i < d->n_nodes; i++) {
		rg_buf_str(b, i ? ",\n" : "\n");
		put_node(b, d, i);
	}
	rg_buf_str(b, "],\n\"edges\":[");
	for (uint32_t i = 0; i < d->n_edges; i++) {
		rg_buf_str(b, i ? ",\n" : "\n");
		put_edge(b, &j, &d->edges[i]);
	}
	rg_buf_str(b, "]}\n");
}
