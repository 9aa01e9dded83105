/* SPDX-License-Identifier: BSD-2-Clause */
/* What nodes and edges are called. */
#include <inttypes.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "graph/graph.h"
#include "sink/pen.h"

static void shown(struct rg_buf *b, const struct span *s, unsigned width)
{
	if (rg_show(b, s->p, s->len, false, false, width) < s->len)
		rg_buf_str(b, "…");
}

/* The end of a path tells more than its beginning. */
static void shown_tail(struct rg_buf *b, const struct span *s, unsigned width)
{
	struct span tail = *s;

	if (width && s->len > width) {
		tail.p += s->len - width;
		tail.len = width;
		/* not into the middle of a character */
		while (tail.len && (*tail.p & 0xc0) == 0x80) {
			tail.p++;
			tail.len--;
		}
		rg_buf_str(b, "…");
	}
	shown(b, &tail, 0);
}

static void name_process(struct rg_buf *b, const struct actor *a, unsigned width)
{
	if (a->comm.p)
		shown(b, &a->comm, width);
	else
		rg_buf_char(b, '?');
	rg_buf_printf(b, "[%" PRIu64 "]", a->pid);
}

static void name_unknown(struct rg_buf *b, const struct actor *a)
{
	const char *family = a->family >= 0 ? rg_name_of(rg_names_families, (uint64_t)a->family) : NULL;

	rg_buf_printf(b, "unknown%s%s", family ? ", " : "", family ? family : "");
}

void name_node(struct rg_buf *b, const struct node *n, unsigned width)
{
	const struct actor *a = n->actor;

	switch (n->kind) {
	case NODE_PROCESS: name_process(b, a, width); break;
	case NODE_EXE:
		if (a->exe.p)
			shown_tail(b, &a->exe, width);
		else if (a->comm.p)
			shown(b, &a->comm, width);
		else
			rg_buf_str(b, "unknown executable");
		break;
	case NODE_CONTAINER:
		if (a->container.p)
			shown(b, &a->container, width && width < 16 ? width : 16);
		else
			rg_buf_str(b, a->seen ? "in no container" : "not traced");
		break;
	case NODE_KERNEL: rg_buf_str(b, "kernel"); break;
	case NODE_REMOTE: shown(b, &a->addr, width); break;
	case NODE_UNKNOWN: name_unknown(b, a); break;
	case NODE_OTHERS: rg_buf_printf(b, n->members > 1 ? "%u others" : "others", n->members); break;
	}
}

static const char *protocol_of(const struct link *l)
{
	const struct rg_name *names = l->family == AF_NETLINK ? rg_names_netlink_protos
				      : l->family == AF_INET || l->family == AF_INET6 ? rg_names_ipprotos
										      : NULL;

	return names && l->protocol >= 0 ? rg_name_of(names, (uint64_t)l->protocol) : NULL;
}

void name_socket(struct rg_buf *b, const struct edge *e, unsigned width)
{
	const struct link *l = e->link;
	const char *family = l->family >= 0 ? rg_name_of(rg_names_families, (uint64_t)l->family) : NULL;
	const char *type = l->type >= 0 ? rg_name_of(rg_names_socktypes, (uint64_t)l->type) : NULL;
	const char *protocol = protocol_of(l);

	if (e->several) {
		rg_buf_str(b, "other sockets");
		return;
	}
	if (l->path.p && l->path.len) {
		shown_tail(b, &l->path, width);
		return;
	}
	rg_buf_str(b, family ? family : "socket");
	if (protocol || type) {
		rg_buf_char(b, ' ');
		rg_buf_str(b, protocol ? protocol : type);
	}
	if (!has_ports(l))
		return;
	if (e->local_port && e->remote_port)
		rg_buf_printf(b, " %u ↔ %u", e->local_port, e->remote_port);
	else if (e->local_port || e->remote_port)
		rg_buf_printf(b, " port %u", e->local_port ? e->local_port : e->remote_port);
}

void name_fds(struct rg_buf *b, const struct tally *t)
{
	const char *sep = " (";
	uint64_t n = tally_way(t).fds;

	rg_buf_printf(b, "%" PRIu64 " descriptor%s", n, n == 1 ? "" : "s");
	for (int i = 0; i < RG_FDK__COUNT; i++)
		if (t->kinds[i]) {
			rg_buf_printf(b, "%s%" PRIu32 " %s", sep, t->kinds[i],
				      rg_name_of(rg_names_fdkinds, (uint64_t)i));
			sep = ", ";
		}
	rg_buf_str(b, *sep == ',' ? ")" : "");
	if (t->fds_lost)
		rg_buf_printf(b, ", %" PRIu64 " lost", t->fds_lost);
}

void name_losses(struct rg_buf *b, const struct rg_graph *g)
{
	uint64_t n = 0;
	const char *sep = " (";

	for (int i = 0; i < RG_LOSS__COUNT; i++)
		n += g->lost[i];
	if (!n)
		return;
	rg_buf_printf(b, "%" PRIu64 " message%s LOST", n, n == 1 ? "" : "s");
	for (int i = 0; i < RG_LOSS__COUNT; i++)
		if (g->lost[i]) {
			rg_buf_printf(b, "%s%" PRIu64 " %s", sep, g->lost[i],
				      rg_name_of(rg_names_losses, (uint64_t)i));
			sep = ", ";
		}
	rg_buf_char(b, ')');
}

void name_size(struct rg_buf *b, uint64_t bytes)
{
	static const char *const units[] = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
	double v = (double)bytes;
	int i = -1;

	if (bytes < 1024) {
		rg_buf_printf(b, "%" PRIu64 " B", bytes);
		return;
	}
	for (; v >= 1024 && i < 5; i++)
		v /= 1024;
	rg_buf_printf(b, "%.1f %s", v, units[i]);
}
