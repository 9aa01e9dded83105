/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RECVGUARD_GRAPH_H
#define RECVGUARD_GRAPH_H

#include <stddef.h>
#include <stdint.h>

#include <recvguard/error.h>
#include <recvguard/event.h>

/*
 * Who talks to whom: events are added one by one, from a recording or a live trace, and become nodes
 * (processes, the kernel, hosts) and edges (the sockets between them), to be drawn or read. Memory is bounded
 * by the number of processes, addresses and sockets, and by limits beyond which they are counted together.
 * Not thread-safe.
 */

struct rg_graph;

/* What becomes one node: a process, all processes of an executable, all of a container. */
enum rg_graph_by { RG_BY_PROCESS, RG_BY_EXE, RG_BY_CONTAINER, RG_BY__COUNT };
extern const char *const rg_graph_by_names[]; /* in the order of enum rg_graph_by, then NULL */

struct rg_graph_opts {
	enum rg_graph_by by;
	/* The busiest are drawn; the other nodes become one, "others", and the other edges between two nodes
	 * one. 0: RG_GRAPH_NODES, RG_GRAPH_EDGES. */
	unsigned max_nodes, max_edges;
};
#define RG_GRAPH_NODES 60
#define RG_GRAPH_EDGES 200

/* opts NULL: all zero. -ENOMEM. */
int rg_graph_new(const struct rg_graph_opts *opts, struct rg_graph **ret, struct rg_err *err);
/* NULL is allowed. */
void rg_graph_free(struct rg_graph *g);

/* Count one event. Nothing of ev is kept by reference. -ENOMEM: the event is not counted. */
int rg_graph_add(struct rg_graph *g, const struct rg_event *ev, struct rg_err *err);

/* The forms a graph can be written in; ends with a NULL name. */
enum rg_graph_form { RG_GRAPH_TEXT, RG_GRAPH_DOT, RG_GRAPH_SVG, RG_GRAPH_JSON };
struct rg_graph_format {
	const char *name;
	const char *doc;
};
extern const struct rg_graph_format rg_graph_formats[]; /* in the order of enum rg_graph_form */

/* The graph of what was added so far; *ret (NUL-terminated beyond *len) is freed with free(). No received
 * byte is in it unescaped. -ENOMEM; SVG: -ETIMEDOUT (the layout took longer than a minute: fewer nodes),
 * -EIO (what Graphviz said). */
int rg_graph_render(const struct rg_graph *g, enum rg_graph_form form, char **ret, size_t *len,
		    struct rg_err *err);

/* The same to a file: spec is FORM or FORM=FILE ("-" or none: standard output), as for rg_sink_open. -EINVAL:
 * no such form. */
int rg_graph_save(const struct rg_graph *g, const char *spec, struct rg_err *err);

#endif
