/* SPDX-License-Identifier: BSD-2-Clause */
/* Actors and links to nodes and edges. */
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "graph/graph.h"

/* The names are those of SVG's classes and of JSON. */
const char *const node_kinds[] = {"process", "exe", "container", "kernel", "remote", "unknown", "others"};
_Static_assert(sizeof(node_kinds) / sizeof(char *) == NODE_OTHERS + 1, "each kind has its name");

struct folding {
	const struct rg_graph *g;
	struct map owners, nodes, edges; /* endpoint → actor, node key → node, edge key → edge */
	uint32_t *actor_of;		 /* actor → the process behind an address, or itself */
	uint32_t *node_of;		 /* actor → node */
	uint32_t *rank;			 /* node as it was found → node as drawn */
};

void tally_add(struct tally *to, const struct tally *t)
{
	to->received.messages += t->received.messages;
	to->received.bytes += t->received.bytes;
	to->sent.messages += t->sent.messages;
	to->sent.bytes += t->sent.bytes;
	to->received.fds += t->received.fds;
	to->sent.fds += t->sent.fds;
	to->peeks += t->peeks;
	to->truncated += t->truncated;
	to->denied += t->denied;
	to->fds_lost += t->fds_lost;
	if (t->first && (!to->first || t->first < to->first))
		to->first = t->first;
	to->last = t->last > to->last ? t->last : to->last;
	for (int i = 0; i < RG_FDK__COUNT; i++)
		to->kinds[i] += t->kinds[i];
	for (unsigned i = 0; i < t->n_paths && to->n_paths < PATHS_MAX; i++) {
		bool known = false;

		for (unsigned j = 0; j < to->n_paths; j++)
			known |= to->paths[j].p == t->paths[i].p;
		if (!known)
			to->paths[to->n_paths++] = t->paths[i];
	}
}

struct way tally_way(const struct tally *t)
{
	return t->received.messages ? t->received : t->sent;
}

/* ---- the process behind an address ---- */

struct owner_key {
	uint64_t netns;
	uint32_t protocol, port, ip_len, unused; /* no padding: keys are compared as bytes */
	uint8_t ip[16];
};

static struct owner_key owner_key(uint64_t netns, int protocol, uint32_t port, const struct actor_ip *ip)
{
	struct owner_key k = {
		.netns = netns, .protocol = (uint32_t)protocol, .port = port, .ip_len = ip->len};

	memcpy(k.ip, ip->b, sizeof(k.ip));
	return k;
}

bool has_ports(const struct link *l)
{
	if (l->family != AF_INET && l->family != AF_INET6)
		return false;
	switch (l->protocol) { /* others keep something else there */
	case IPPROTO_TCP:
	case IPPROTO_UDP:
	case IPPROTO_UDPLITE:
	case IPPROTO_SCTP:
	case IPPROTO_DCCP:
	case IPPROTO_MPTCP: return true;
	default: return false;
	}
}

static bool any_ip(const struct actor_ip *ip)
{
	static const uint8_t zero[16];

	return ip->len && !memcmp(ip->b, zero, ip->len);
}

static bool loopback(const struct actor_ip *ip)
{
	static const uint8_t one[16] = {[15] = 1};

	return (ip->len == 4 && ip->b[0] == 127) || (ip->len == 16 && !memcmp(ip->b, one, 16));
}

static const struct actor_ip none;

/* Sockets bound to every address are entered without one. */
static int learn_owners(struct folding *f)
{
	for (size_t i = 0; i < f->g->n_links; i++) {
		const struct link *l = &f->g->links[i];
		const struct actor_ip *ip = any_ip(&l->local) ? &none : &l->local;
		struct owner_key k = owner_key(l->netns, l->protocol, l->local_port, ip);
		bool fresh;
		uint32_t *at;

		if (!l->local_port || !has_ports(l))
			continue;
		at = map_at(&f->owners, &k, sizeof(k), &fresh);
		if (!at)
			return -ENOMEM;
		*at = l->owner;
	}
	return 0;
}

static uint32_t behind(const struct folding *f, uint32_t i)
{
	const struct actor *a = &f->g->actors[i];
	struct owner_key k = owner_key(a->netns, a->protocol, a->port, &a->ip);
	const uint32_t *at;

	if (a->kind != ACTOR_ENDPOINT || !a->port || !a->netns)
		return i;
	at = map_find(&f->owners, &k, sizeof(k));
	if (!at && loopback(&a->ip)) {
		k = owner_key(a->netns, a->protocol, a->port, &none);
		at = map_find(&f->owners, &k, sizeof(k));
	}
	return at ? *at : i;
}

/* ---- nodes ---- */

struct node_key {
	const char *name; /* names are unique in the graph's pool */
	uint32_t kind, n;
	uint8_t ip[16];
};

static struct node_key node_key(const struct folding *f, uint32_t i)
{
	const struct actor *a = &f->g->actors[i];
	enum rg_graph_by by = f->g->opts.by;
	struct node_key k = {.kind = NODE_OTHERS};

	switch (a->kind) {
	case ACTOR_PROCESS:
		k.kind = by == RG_BY_EXE ? NODE_EXE : by == RG_BY_CONTAINER ? NODE_CONTAINER : NODE_PROCESS;
		if (by == RG_BY_EXE)
			k.name = a->exe.p ? a->exe.p : a->comm.p;
		else if (by == RG_BY_CONTAINER)
			k = (struct node_key){a->container.p, k.kind, a->seen};
		else
			k.n = i;
		break;
	case ACTOR_KERNEL: k.kind = NODE_KERNEL; break;
	case ACTOR_ENDPOINT:
		k.kind = NODE_REMOTE;
		k.n = a->ip.len;
		memcpy(k.ip, a->ip.b, sizeof(k.ip));
		break;
	case ACTOR_UNKNOWN:
		k.kind = NODE_UNKNOWN;
		k.n = (uint32_t)a->family;
		break;
	case ACTOR_REST: break;
	}
	return k;
}

static int make_nodes(struct folding *f, struct drawn *d)
{
	for (uint32_t i = 0; i < f->g->n_actors; i++) {
		bool fresh;
		struct node_key k;
		uint32_t *at;

		f->actor_of[i] = behind(f, i);
		if (f->actor_of[i] != i)
			continue;
		k = node_key(f, i);
		at = map_at(&f->nodes, &k, sizeof(k), &fresh);
		if (!at)
			return -ENOMEM;
		if (fresh) {
			*at = d->n_nodes++;
			d->nodes[*at] =
				(struct node){.kind = k.kind, .actor = &f->g->actors[i], .order = *at};
		}
		f->node_of[i] = *at;
		d->nodes[*at].members++;
		d->nodes[*at].errors += f->g->actors[i].errors;
	}
	return 0;
}

/* The two ends of a link: as the events said, or better as the other end told of the same messages. */
static void ends(const struct folding *f, const struct link *l, uint32_t *from, uint32_t *to)
{
	bool told = l->peer && !l->several_peers;

	*from = f->actor_of[told && !l->send ? l->peer - 1 : l->from];
	*to = f->actor_of[told && l->send ? l->peer - 1 : l->to];
}

static void weigh(struct folding *f, struct drawn *d)
{
	for (size_t i = 0; i < f->g->n_links; i++) {
		const struct link *l = &f->g->links[i];
		uint64_t n = tally_way(&l->t).messages + l->t.denied + l->t.peeks;
		uint32_t from, to;

		ends(f, l, &from, &to);
		d->nodes[f->node_of[from]].weight += n;
		d->nodes[f->node_of[to]].weight += n;
	}
}

static int heavier(const void *a, const void *b)
{
	const struct node *x = a, *y = b;

	if (x->weight != y->weight)
		return x->weight < y->weight ? 1 : -1;
	return x->order < y->order ? -1 : 1;
}

/* The busiest stay, the rest becomes one node. A node without any message (it only failed) is not drawn. */
static void choose_nodes(struct folding *f, struct drawn *d)
{
	uint32_t max = f->g->opts.max_nodes, n = d->n_nodes, shown = 0;

	qsort(d->nodes, n, sizeof(*d->nodes), heavier);
	while (shown < n && d->nodes[shown].weight)
		shown++;
	if (shown > max) {
		struct node others = {.kind = NODE_OTHERS, .order = UINT32_MAX};

		for (uint32_t i = max - 1; i < n; i++) {
			f->rank[d->nodes[i].order] = max - 1;
			others.members += d->nodes[i].members;
			others.errors += d->nodes[i].errors;
		}
		d->nodes[max - 1] = others;
		shown = max;
		n = max - 1;
	}
	for (uint32_t i = 0; i < n; i++)
		f->rank[d->nodes[i].order] = i;
	d->n_nodes = shown;
}

/* ---- edges ---- */

struct edge_key {
	uint32_t from, to;
	int family, type, protocol, several;
	const char *path;
};

static int add_edge(struct folding *f, struct drawn *d, const struct edge *e, bool several)
{
	struct edge_key k = {.from = e->from, .to = e->to, .several = several};
	bool fresh;
	uint32_t *at;
	struct edge *to;

	if (!several) {
		k.family = e->link->family;
		k.type = e->link->type;
		k.protocol = e->link->protocol;
		k.path = e->link->path.p;
	}
	at = map_at(&f->edges, &k, sizeof(k), &fresh);
	if (!at)
		return -ENOMEM;
	if (fresh) {
		*at = d->n_edges++;
		d->edges[*at] = *e;
		d->edges[*at].order = *at;
		d->edges[*at].several = several;
		return 0;
	}
	to = &d->edges[*at];
	to->sockets += e->sockets;
	to->by_address |= e->by_address;
	to->local_port = to->local_port == e->local_port ? to->local_port : 0;
	to->remote_port = to->remote_port == e->remote_port ? to->remote_port : 0;
	tally_add(&to->t, &e->t);
	return 0;
}

static bool by_address(const struct folding *f, const struct link *l)
{
	uint32_t other = l->send ? l->to : l->from;

	return f->actor_of[other] != other && (!l->peer || l->several_peers);
}

static int make_edges(struct folding *f, struct drawn *d)
{
	for (size_t i = 0; i < f->g->n_links; i++) {
		const struct link *l = &f->g->links[i];
		struct edge e = {.link = l,
				 .sockets = 1,
				 .local_port = l->local_port,
				 .remote_port = l->remote_port,
				 .by_address = by_address(f, l),
				 .t = l->t};
		uint32_t from, to;
		int r;

		ends(f, l, &from, &to);
		e.from = f->rank[f->node_of[from]];
		e.to = f->rank[f->node_of[to]];
		r = add_edge(f, d, &e, false);
		if (r < 0)
			return r;
		tally_add(&d->total, &l->t);
	}
	return 0;
}

static int busier(const void *a, const void *b)
{
	const struct edge *x = a, *y = b;
	uint64_t m = tally_way(&x->t).messages, n = tally_way(&y->t).messages;

	if (m != n)
		return m < n ? 1 : -1;
	return x->order < y->order ? -1 : 1;
}

/* Beyond the limit the edges between the same two nodes become one. */
static int choose_edges(struct folding *f, struct drawn *d)
{
	uint32_t n = d->n_edges, max = f->g->opts.max_edges;
	int r = 0;

	qsort(d->edges, n, sizeof(*d->edges), busier);
	if (n <= max)
		return 0;
	map_free(&f->edges);
	d->n_edges = max;
	/* each is read before its place can be written: there are never more places than were read */
	for (uint32_t i = max; i < n && r == 0; i++) {
		struct edge e = d->edges[i];

		r = add_edge(f, d, &e, true);
	}
	qsort(d->edges, d->n_edges, sizeof(*d->edges), busier);
	return r;
}

static void tell_nodes(struct drawn *d)
{
	for (uint32_t i = 0; i < d->n_edges; i++) {
		const struct edge *e = &d->edges[i];
		struct node *from = &d->nodes[e->from], *to = &d->nodes[e->to];

		to->received.messages += tally_way(&e->t).messages;
		to->received.bytes += tally_way(&e->t).bytes;
		from->sent.messages += tally_way(&e->t).messages;
		from->sent.bytes += tally_way(&e->t).bytes;
		to->denied += e->t.denied;
		to->truncated += e->t.truncated;
	}
	for (int i = 0; i < RG_LOSS__COUNT; i++)
		d->lost += d->g->lost[i];
}

static int fold(struct folding *f, struct drawn *d)
{
	int r = learn_owners(f);

	r = r ? r : make_nodes(f, d);
	if (r)
		return r;
	weigh(f, d);
	choose_nodes(f, d);
	r = make_edges(f, d);
	r = r ? r : choose_edges(f, d);
	tell_nodes(d);
	return r;
}

int rg_graph_fold(const struct rg_graph *g, struct drawn *ret, struct rg_err *err)
{
	rg_auto_free uint32_t *numbers = calloc(3 * (g->n_actors + 1), sizeof(*numbers));
	struct folding f = {.g = g};
	int r = -ENOMEM;

	*ret = (struct drawn){.g = g,
			      .nodes = calloc(g->n_actors + 1, sizeof(*ret->nodes)),
			      .edges = calloc(g->n_links + 1, sizeof(*ret->edges))};
	if (numbers && ret->nodes && ret->edges) {
		f.actor_of = numbers;
		f.node_of = numbers + g->n_actors + 1;
		f.rank = numbers + 2 * (g->n_actors + 1);
		r = fold(&f, ret);
	}
	map_free(&f.owners);
	map_free(&f.nodes);
	map_free(&f.edges);
	if (r < 0) {
		rg_drawn_free(ret);
		return rg_fail(err, r, "out of memory for a graph");
	}
	return 0;
}

void rg_drawn_free(struct drawn *d)
{
	free(d->nodes);
	free(d->edges);
	d->nodes = NULL;
	d->edges = NULL;
}
