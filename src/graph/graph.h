/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RG_GRAPH_GRAPH_H
#define RG_GRAPH_GRAPH_H

#include <recvguard/graph.h>

#include "base/arena.h"
#include "graph/map.h"

/*
 * Two stages. Gathering (gather.c) keeps what events say: actors, and a link for each socket between two of
 * them. Folding (fold.c) makes nodes and edges of it, as few as were asked for; the forms are written from
 * these. Grouping and the search for the process behind an address need all events, so they belong to the
 * second stage.
 */

struct span { /* bytes in the graph's arena; p NULL: not known */
	const char *p;
	uint32_t len;
};

struct actor_ip { /* to compare by: IPv4 inside IPv6 is IPv4 */
	uint8_t len, b[16];
};
void rg_graph_ip(const struct rg_addr *a, struct actor_ip *ret);

enum actor_kind {
	ACTOR_PROCESS,
	ACTOR_KERNEL,
	ACTOR_ENDPOINT, /* an address and port, whose process is not said */
	ACTOR_UNKNOWN,	/* nothing is known of the other end but the family */
	ACTOR_REST	/* beyond the limits */
};

struct actor {
	enum actor_kind kind;
	uint64_t pid, start;
	struct span comm, exe, container;
	bool seen; /* received or sent by itself, so that its container is known */
	uint64_t errors;
	int family, protocol; /* ENDPOINT; UNKNOWN: family */
	struct span addr;
	struct actor_ip ip;
	uint32_t port;
	uint64_t netns;
};

#define PATHS_MAX 4

struct way {
	uint64_t messages, bytes, fds;
};

struct tally {
	struct way received, sent; /* as seen by the receiver, by the sender */
	uint64_t peeks, truncated, denied, fds_lost;
	uint64_t first, last; /* ns since the epoch */
	uint32_t kinds[RG_FDK__COUNT];
	struct span paths[PATHS_MAX]; /* of descriptors, a few */
	unsigned n_paths;
};

struct link {
	uint32_t from, to;	    /* actors */
	uint32_t owner;		    /* whose socket it is: its local address */
	int family, type, protocol; /* -1: not known */
	struct span path;
	struct actor_ip local;
	uint32_t local_port, remote_port; /* 0: none, or several */
	uint64_t netns;
	bool send;     /* told by the sender */
	uint32_t peer; /* the other end as it told of the same message: actor + 1, 0 not known */
	bool several_peers;
	struct tally t;
};

/* A message that was seen at one end. */
struct joint {
	uint64_t id; /* 0: none */
	uint32_t link, actor;
};
#define JOINTS 65536

struct rg_graph {
	struct rg_graph_opts opts;
	struct rg_arena *arena; /* names */
	struct actor *actors;
	size_t n_actors, room_actors, max_actors;
	struct link *links;
	size_t n_links, room_links, max_links;
	struct map by_key, by_link, names;
	struct joint *joints;
	struct span *pool; /* of names */
	size_t n_pool, room_pool;
	uint64_t lost[RG_LOSS__COUNT];
	bool merged; /* a limit was reached */
};

enum node_kind {
	NODE_PROCESS,
	NODE_EXE,
	NODE_CONTAINER,
	NODE_KERNEL,
	NODE_REMOTE,
	NODE_UNKNOWN,
	NODE_OTHERS
};
extern const char *const node_kinds[]; /* their names, also the classes of SVG */

struct node {
	enum node_kind kind;
	const struct actor *actor; /* the first that became it */
	unsigned members;	   /* actors */
	struct way received, sent;
	uint64_t denied, truncated, errors;
	uint64_t weight; /* messages */
	uint32_t order;	 /* of appearance */
};

struct edge {
	uint32_t from, to;	 /* nodes */
	const struct link *link; /* the first: family, type, protocol, path */
	uint64_t sockets;
	uint32_t local_port, remote_port; /* common to all, 0: none, or several */
	bool by_address;		  /* an end was found by its address */
	bool several;			  /* unlike sockets that did not fit in */
	struct tally t;
	uint32_t order;
};

/* A folded graph, busiest first. */
struct drawn {
	const struct rg_graph *g;
	struct node *nodes;
	struct edge *edges;
	uint32_t n_nodes, n_edges;
	struct tally total;
	uint64_t lost;
};

int rg_graph_fold(const struct rg_graph *g, struct drawn *ret, struct rg_err *err);
void rg_drawn_free(struct drawn *d);
#define auto_drawn __attribute__((cleanup(rg_drawn_free))) struct drawn

void tally_add(struct tally *to, const struct tally *t);
/* Messages that went over it, told by the receivers, or where these were not traced by the senders. */
struct way tally_way(const struct tally *t);

/* Its local_port and remote_port are ports. */
bool has_ports(const struct link *l);

/* Names for people, foreign bytes escaped (rg_show). width: columns at most, 0: all. */
void name_node(struct rg_buf *b, const struct node *n, unsigned width);
void name_socket(struct rg_buf *b, const struct edge *e, unsigned width);
/* "3 descriptors (2 memfd, 1 file)" */
void name_fds(struct rg_buf *b, const struct tally *t);
/* "1,234 messages lost (ring_full)"; nothing when none were. */
void name_losses(struct rg_buf *b, const struct rg_graph *g);
void name_size(struct rg_buf *b, uint64_t bytes); /* 12.3 KiB */

/* The forms. They append to b. */
void rg_graph_text(struct rg_buf *b, const struct drawn *d);
void rg_graph_dot(struct rg_buf *b, const struct drawn *d);
void rg_graph_json(struct rg_buf *b, const struct drawn *d);
/* dot: text in DOT, NUL-terminated. */
int rg_graph_svg(struct rg_buf *b, const char *dot, uint32_t n_nodes, struct rg_err *err);

#endif
