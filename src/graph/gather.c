/* SPDX-License-Identifier: BSD-2-Clause */
/* Events to actors and links. */
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "graph/graph.h"

#define ARENA_MAX  ((size_t)256 << 20)
#define ACTORS_MAX 50000u  /* beyond it ports, then addresses and processes, are no longer told apart */
#define LINKS_MAX  100000u /* beyond it sockets between the same two are not */
#define NAME_BYTES 4096u   /* kept of a name */

const char *const rg_graph_by_names[] = {"process", "exe", "container", NULL};
_Static_assert(sizeof(rg_graph_by_names) / sizeof(char *) == RG_BY__COUNT + 1, "each grouping has its name");

int rg_graph_new(const struct rg_graph_opts *opts, struct rg_graph **ret, struct rg_err *err)
{
	struct rg_graph *g = calloc(1, sizeof(*g));

	*ret = NULL;
	if (g) {
		g->arena = rg_arena_new(ARENA_MAX);
		g->joints = calloc(JOINTS, sizeof(*g->joints));
	}
	if (!g || !g->arena || !g->joints) {
		rg_graph_free(g);
		return rg_fail(err, -ENOMEM, "out of memory for a graph");
	}
	if (opts)
		g->opts = *opts;
	g->opts.max_nodes = g->opts.max_nodes ? g->opts.max_nodes : RG_GRAPH_NODES;
	g->opts.max_edges = g->opts.max_edges ? g->opts.max_edges : RG_GRAPH_EDGES;
	g->max_actors = ACTORS_MAX;
	g->max_links = LINKS_MAX;
	*ret = g;
	return 0;
}

void rg_graph_free(struct rg_graph *g)
{
	if (!g)
		return;
	free(g->actors);
	free(g->links);
	free(g->pool);
	free(g->joints);
	map_free(&g->by_key);
	map_free(&g->by_link);
	map_free(&g->names);
	rg_arena_free(g->arena);
	free(g);
}

/* ---- names: one copy of each ---- */

static bool grow(void **v, size_t *room, size_t n, size_t size)
{
	size_t more = *room ? 2 * *room : 64;
	void *p;

	if (n < *room)
		return true;
	p = realloc(*v, more * size);
	if (!p)
		return false;
	*v = p;
	*room = more;
	return true;
}

/* When there is no more room for names the old one stays: programs that rename themselves without end cannot
 * make this grow without end. */
static int keep(struct rg_graph *g, const char *p, uint32_t len, struct span *ret)
{
	bool fresh;
	uint32_t *at;
	char *copy;

	if (len > NAME_BYTES)
		len = NAME_BYTES;
	if (ret->p && ret->len == len && !memcmp(ret->p, p, len))
		return 0;
	if (!grow((void **)&g->pool, &g->room_pool, g->n_pool, sizeof(*g->pool)))
		return -ENOMEM;
	at = map_at(&g->names, p, len, &fresh);
	if (!at)
		return -ENOMEM;
	if (fresh) {
		copy = rg_arena_alloc(g->arena, len + 1);
		g->merged |= !copy;
		if (copy)
			memcpy(copy, p, len);
		*at = (uint32_t)g->n_pool;
		g->pool[g->n_pool++] = (struct span){copy, copy ? len : 0};
	}
	if (g->pool[*at].p)
		*ret = g->pool[*at];
	return 0;
}

static int keep_field(struct rg_graph *g, const struct rg_event *ev, enum rg_field f, struct span *ret)
{
	return rg_has(ev, f) ? keep(g, ev->v[f].p, ev->v[f].len, ret) : 0;
}

/* ---- actors ---- */

struct actor_key {
	uint64_t n, netns;
	uint32_t kind, family, protocol, port;
	uint8_t ip[16];
};

/* The actor of a key, made when it is new. Errors: -ENOMEM. */
static int actor_at(struct rg_graph *g, const void *key, size_t len, struct actor **ret)
{
	bool fresh;
	uint32_t *at;

	if (!grow((void **)&g->actors, &g->room_actors, g->n_actors, sizeof(*g->actors)))
		return -ENOMEM;
	at = map_at(&g->by_key, key, len, &fresh);
	if (!at)
		return -ENOMEM;
	if (fresh) {
		*at = (uint32_t)g->n_actors++;
		g->actors[*at] = (struct actor){.family = -1};
	}
	*ret = &g->actors[*at];
	return fresh;
}

static int plain_actor(struct rg_graph *g, enum actor_kind kind, int family)
{
	struct actor_key key = {.kind = kind, .family = (uint32_t)family};
	struct actor *a;
	int r = actor_at(g, &key, sizeof(key), &a);

	if (r < 0)
		return r;
	a->kind = kind;
	a->family = family;
	return (int)(a - g->actors);
}

static bool full(struct rg_graph *g)
{
	if (g->n_actors < g->max_actors)
		return false;
	g->merged = true;
	return true;
}

/* Start times are reckoned from the clock of the moment, which is slewed: the same one differs a little. */
static bool same_start(uint64_t a, uint64_t b)
{
	return !a || !b || (a > b ? a - b : b - a) < 2000000000u;
}

/* A process by number. Another start time is another process, by a number used again; one that was known only
 * as the other end gets its start time when it is seen itself. */
static int process(struct rg_graph *g, uint64_t pid, uint64_t start)
{
	struct actor_key key = {.kind = ACTOR_PROCESS, .n = pid};
	const uint32_t *known = map_find(&g->by_key, &key, sizeof(key));
	bool again = known && !same_start(g->actors[*known].start, start), fresh;
	uint32_t *at;

	if (!known || again) {
		if (full(g))
			return plain_actor(g, ACTOR_REST, -1);
		if (!grow((void **)&g->actors, &g->room_actors, g->n_actors, sizeof(*g->actors)))
			return -ENOMEM;
		at = map_at(&g->by_key, &key, sizeof(key), &fresh);
		if (!at)
			return -ENOMEM;
		*at = (uint32_t)g->n_actors++;
		g->actors[*at] = (struct actor){.kind = ACTOR_PROCESS, .pid = pid, .family = -1};
		known = at;
	}
	if (!g->actors[*known].start)
		g->actors[*known].start = start;
	return (int)*known;
}

static int own_process(struct rg_graph *g, const struct rg_event *ev)
{
	uint64_t start = rg_has(ev, RG_F_PROC_LEADER_START) ? ev->v[RG_F_PROC_LEADER_START].u : 0;
	int i = rg_has(ev, RG_F_PROC_PID) ? process(g, ev->v[RG_F_PROC_PID].u, start)
					  : plain_actor(g, ACTOR_UNKNOWN, -1);
	struct actor *a;
	int r = 0;

	if (i < 0 || g->actors[i].kind != ACTOR_PROCESS)
		return i;
	a = &g->actors[i];
	/* threads name themselves; the process is called as its first thread is */
	if (!a->seen || ev->v[RG_F_PROC_TID].u == ev->v[RG_F_PROC_PID].u)
		r = keep_field(g, ev, RG_F_PROC_COMM, &a->comm);
	a->seen = true;
	r = r ? r : keep_field(g, ev, RG_F_PROC_EXE, &a->exe);
	r = r ? r : keep_field(g, ev, RG_F_CONTAINER_ID, &a->container);
	r = r ? r : keep_field(g, ev, RG_F_CONTAINER_NAME, &a->container);
	return r ? r : i;
}

static int other_process(struct rg_graph *g, const struct rg_event *ev)
{
	int i = process(g, ev->v[RG_F_SENDER_PID].u, 0), r = 0;
	struct actor *a;

	if (i < 0 || g->actors[i].kind != ACTOR_PROCESS)
		return i;
	a = &g->actors[i];
	if (!a->seen) {
		r = keep_field(g, ev, RG_F_SENDER_COMM, &a->comm);
		r = r ? r : keep_field(g, ev, RG_F_SENDER_EXE, &a->exe);
	}
	return r ? r : i;
}

/* ---- the other end ---- */

/* An address in the form to compare by: IPv4 inside IPv6 as IPv4. */
void rg_graph_ip(const struct rg_addr *a, struct actor_ip *ret)
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};

	*ret = (struct actor_ip){.len = a->ip_len};
	if (a->ip_len == 16 && !memcmp(a->ip, mapped, 12)) {
		ret->len = 4;
		memcpy(ret->b, a->ip + 12, 4);
	} else {
		memcpy(ret->b, a->ip, a->ip_len <= 16 ? a->ip_len : 16);
	}
}

/* Where the message came from (or went to), by its name, else by what the socket is connected to. */
static const struct rg_addr *remote_addr(const struct rg_event *ev, uint64_t *port)
{
	const struct rg_node *name = rg_has(ev, RG_F_MSG_NAME) ? ev->v[RG_F_MSG_NAME].node : NULL;
	const struct rg_node *addr = rg_node_find(name, "addr"), *p = rg_node_find(name, "port");

	if (addr && addr->type == RG_T_ADDR) {
		*port = p ? p->v.u : 0;
		return addr->v.addr;
	}
	if (!rg_has(ev, RG_F_SOCK_REMOTE_ADDR))
		return NULL;
	*port = rg_has(ev, RG_F_SOCK_REMOTE_PORT) ? ev->v[RG_F_SOCK_REMOTE_PORT].u : 0;
	return ev->v[RG_F_SOCK_REMOTE_ADDR].addr;
}

static int number(const struct rg_event *ev, enum rg_field f)
{
	return rg_has(ev, f) ? (int)ev->v[f].i : -1;
}

static int endpoint(struct rg_graph *g, const struct rg_event *ev, const struct rg_addr *addr, uint64_t port)
{
	struct actor_key key = {.kind = ACTOR_ENDPOINT, .protocol = (uint32_t)number(ev, RG_F_SOCK_PROTOCOL)};
	struct actor_ip ip;
	struct actor *a;
	int r;

	rg_graph_ip(addr, &ip);
	memcpy(key.ip, ip.b, sizeof(key.ip));
	key.family = ip.len;
	if (!full(g)) {
		key.port = (uint32_t)port;
		key.netns = rg_has(ev, RG_F_SOCK_NETNS) ? ev->v[RG_F_SOCK_NETNS].u : 0;
	} else if (g->n_actors >= 2 * g->max_actors && !map_find(&g->by_key, &key, sizeof(key))) {
		return plain_actor(g, ACTOR_REST, -1);
	}
	r = actor_at(g, &key, sizeof(key), &a);
	if (r <= 0)
		return r < 0 ? r : (int)(a - g->actors);
	a->kind = ACTOR_ENDPOINT;
	a->family = number(ev, RG_F_SOCK_FAMILY);
	a->protocol = (int)key.protocol;
	a->port = key.port;
	a->netns = key.netns;
	a->ip = ip;
	r = keep(g, addr->text, addr->text_len, &a->addr);
	return r ? r : (int)(a - g->actors);
}

static bool from_kernel(const struct rg_event *ev, int family)
{
	const struct rg_node *pid;

	if (number(ev, RG_F_SENDER_HOW) == RG_HOW_KERNEL)
		return true;
	if (family != AF_NETLINK)
		return false;
	pid = rg_node_find(rg_has(ev, RG_F_MSG_NAME) ? ev->v[RG_F_MSG_NAME].node : NULL, "pid");
	return !pid || pid->v.u == 0;
}

static int other_end(struct rg_graph *g, const struct rg_event *ev)
{
	int family = number(ev, RG_F_SOCK_FAMILY);
	const struct rg_addr *addr;
	uint64_t port = 0;

	if (rg_has(ev, RG_F_SENDER_PID) && ev->v[RG_F_SENDER_PID].u &&
	    number(ev, RG_F_SENDER_HOW) != RG_HOW_KERNEL)
		return other_process(g, ev);
	if (from_kernel(ev, family))
		return plain_actor(g, ACTOR_KERNEL, -1);
	addr = remote_addr(ev, &port);
	if (addr && addr->ip_len)
		return endpoint(g, ev, addr, port);
	return plain_actor(g, ACTOR_UNKNOWN, family);
}

/* ---- links ---- */

struct link_key {
	uint32_t from, to;
	int family;
	int16_t type, send;
	uint64_t cookie;
};

static int link_at(struct rg_graph *g, struct link_key *key, struct link **ret)
{
	bool fresh;
	uint32_t *at;

	if (!grow((void **)&g->links, &g->room_links, g->n_links, sizeof(*g->links)))
		return -ENOMEM;
	if (g->n_links >= g->max_links && !map_find(&g->by_link, key, sizeof(*key))) {
		g->merged = true;
		key->cookie = 0;
	}
	at = map_at(&g->by_link, key, sizeof(*key), &fresh);
	if (!at)
		return -ENOMEM;
	if (fresh) {
		*at = (uint32_t)g->n_links++;
		g->links[*at] = (struct link){.from = key->from,
					      .to = key->to,
					      .send = key->send,
					      .family = key->family,
					      .type = key->type};
	}
	*ret = &g->links[*at];
	return fresh;
}

static void port_seen(uint32_t *at, uint64_t port, bool fresh)
{
	if (fresh)
		*at = (uint32_t)port;
	else if (*at != port)
		*at = 0;
}

static int describe(struct rg_graph *g, struct link *l, const struct rg_event *ev, bool fresh)
{
	uint64_t port = 0;
	int r = 0;

	remote_addr(ev, &port);
	port_seen(&l->remote_port, port, fresh);
	port_seen(&l->local_port, rg_has(ev, RG_F_SOCK_LOCAL_PORT) ? ev->v[RG_F_SOCK_LOCAL_PORT].u : 0,
		  fresh);
	if (!fresh)
		return 0;
	l->protocol = number(ev, RG_F_SOCK_PROTOCOL);
	l->netns = rg_has(ev, RG_F_SOCK_NETNS) ? ev->v[RG_F_SOCK_NETNS].u : 0;
	if (rg_has(ev, RG_F_SOCK_LOCAL_ADDR))
		rg_graph_ip(ev->v[RG_F_SOCK_LOCAL_ADDR].addr, &l->local);
	r = keep_field(g, ev, RG_F_SOCK_PATH, &l->path);
	return r;
}

static int count_fds(struct rg_graph *g, struct tally *t, const struct rg_event *ev, bool send)
{
	const struct rg_node *n = rg_has(ev, RG_F_FD) ? ev->v[RG_F_FD].node : NULL;

	for (; n; n = n->next) {
		/* a recording may be made up: what is of another type is not what it is called */
		const struct rg_node *fd = n->type == RG_T_OBJECT ? n->v.node : NULL;
		const struct rg_node *kind = rg_node_find(fd, "kind"), *path = rg_node_find(fd, "path");
		const struct rg_node *lost = rg_node_find(fd, "lost");
		int64_t k = kind ? kind->v.i : RG_FDK_UNKNOWN;

		if (lost && lost->v.u) {
			t->fds_lost++;
			continue;
		}
		if (send) {
			t->sent.fds++; /* what they are is told by the receipt */
			continue;
		}
		t->received.fds++;
		t->kinds[k >= 0 && k < RG_FDK__COUNT ? k : RG_FDK_UNKNOWN]++;
		if (path && path->type == RG_T_STR && t->n_paths < PATHS_MAX) {
			struct span s = {0};
			bool known = false;

			if (keep(g, path->v.p, path->v.len, &s) < 0)
				return -ENOMEM;
			for (unsigned i = 0; i < t->n_paths; i++)
				known |= t->paths[i].p == s.p;
			if (s.p && !known)
				t->paths[t->n_paths++] = s;
		}
	}
	return 0;
}

static bool denied(const struct rg_event *ev)
{
	int64_t a = rg_has(ev, RG_F_VERDICT_ACTION) ? ev->v[RG_F_VERDICT_ACTION].i : RG_ACT_ALLOW;

	return a == RG_ACT_DENY || a == RG_ACT_DROP || a == RG_ACT_STRIP || a == RG_ACT_KILL;
}

static bool yes(const struct rg_event *ev, enum rg_field f)
{
	return rg_has(ev, f) && ev->v[f].u;
}

static void count(struct tally *t, const struct rg_event *ev, bool send)
{
	struct way *w = send ? &t->sent : &t->received;
	uint64_t time = rg_has(ev, RG_F_TIME) ? ev->v[RG_F_TIME].u : 0;

	t->denied += denied(ev);
	t->first = !t->first || time < t->first ? time : t->first;
	t->last = time > t->last ? time : t->last;
	if (yes(ev, RG_F_PEEK)) {
		t->peeks++;
	} else if (ev->v[RG_F_RET].i >= 0) {
		w->messages++;
		t->truncated += yes(ev, RG_F_MSG_TRUNCATED) || yes(ev, RG_F_MSG_CTRUNCATED);
		w->bytes += (uint64_t)ev->v[RG_F_RET].i;
	}
}

static void peer_seen(struct link *l, uint32_t peer)
{
	l->several_peers |= l->peer && l->peer != peer + 1;
	l->peer = peer + 1;
}

/* A send says little of the other end, and the credentials of a connection are those of whoever connected:
 * where both ends of a message are seen, each tells the other. */
static void join(struct rg_graph *g, const struct rg_event *ev, uint32_t me, struct link *l)
{
	uint64_t id = rg_has(ev, RG_F_MSG_ID) ? ev->v[RG_F_MSG_ID].u : 0;
	struct joint *j = &g->joints[(id ^ id >> 32) % JOINTS];
	struct link *other = &g->links[j->link];

	if (!id)
		return;
	if (j->id != id) { /* the first of the two; what stood there is old */
		*j = (struct joint){.id = id, .link = (uint32_t)(l - g->links), .actor = me};
	} else if (other->send != l->send) {
		peer_seen(other, me);
		peer_seen(l, j->actor);
	}
}

static int add_link(struct rg_graph *g, const struct rg_event *ev, uint32_t me, bool send)
{
	int other = other_end(g, ev), r;
	struct link *l;
	struct link_key key;

	if (other < 0)
		return other;
	key = (struct link_key){.from = send ? me : (uint32_t)other,
				.to = send ? (uint32_t)other : me,
				.family = number(ev, RG_F_SOCK_FAMILY),
				.type = (int16_t)number(ev, RG_F_SOCK_TYPE),
				.send = send,
				.cookie = rg_has(ev, RG_F_SOCK_COOKIE) ? ev->v[RG_F_SOCK_COOKIE].u : 0};
	r = link_at(g, &key, &l);
	if (r < 0)
		return r;
	l->owner = me;
	join(g, ev, me, l);
	r = describe(g, l, ev, r > 0);
	count(&l->t, ev, send);
	return r ? r : count_fds(g, &l->t, ev, send);
}

int rg_graph_add(struct rg_graph *g, const struct rg_event *ev, struct rg_err *err)
{
	int64_t id = rg_has(ev, RG_F_EVENT) ? ev->v[RG_F_EVENT].i : -1;
	bool send = id >= 0 && id < RG_EV__COUNT && rg_events[id].dir == RG_DIR_SEND;
	int me, r = 0;

	if (id == RG_EV_LOST) {
		int64_t why = rg_has(ev, RG_F_LOST_REASON) ? ev->v[RG_F_LOST_REASON].i : RG_LOSS_RING_FULL;

		g->lost[why >= 0 && why < RG_LOSS__COUNT ? why : RG_LOSS_RING_FULL] +=
			rg_has(ev, RG_F_LOST_COUNT) ? ev->v[RG_F_LOST_COUNT].u : 0;
		return 0;
	}
	me = own_process(g, ev);
	if (me >= 0 && rg_has(ev, RG_F_RET) && ev->v[RG_F_RET].i < 0)
		g->actors[me].errors++;
	if (me >= 0 && rg_has(ev, RG_F_RET) && (ev->v[RG_F_RET].i >= 0 || denied(ev)))
		r = add_link(g, ev, (uint32_t)me, send);
	if (me < 0 || r < 0)
		return rg_fail(err, -ENOMEM, "out of memory for a graph");
	return 0;
}
