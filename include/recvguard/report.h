/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RECVGUARD_REPORT_H
#define RECVGUARD_REPORT_H

#include <stdbool.h>
#include <stdint.h>

#include <recvguard/error.h>
#include <recvguard/event.h>

/*
 * A page about events: the graph of who talks to whom, rates, distributions, findings, and the messages
 * themselves, as one HTML file that needs no network. Events are added one by one and are counted as they
 * come: memory does not grow with their number, but for the messages kept to be shown. Not thread-safe.
 */

struct rg_report;

struct rg_report_opts {
	const char *source; /* what the events are from, shown; copied. NULL: not said */
	const char *filter; /* the expression they were chosen by, shown; copied. NULL: none */
	uint64_t rows;	    /* messages kept to be shown. 0: RG_REPORT_ROWS */
	bool last;	    /* keep the last ones, not the first */
	unsigned max_nodes; /* of the graph, 0: RG_REPORT_NODES */
};
#define RG_REPORT_NODES 32
#define RG_REPORT_EDGES 80
#define RG_REPORT_ROWS	5000
#define RG_REPORT_ROWS_BYTES \
	(64u << 20) /* of their JSON; fewer are kept where they are larger, and the page says so */

/* opts NULL: all zero. -ENOMEM. */
int rg_report_new(const struct rg_report_opts *opts, struct rg_report **ret, struct rg_err *err);
/* NULL is allowed. */
void rg_report_free(struct rg_report *r);

/* Count one event. Nothing of ev is kept by reference. -ENOMEM: the event is not counted. */
int rg_report_add(struct rg_report *r, const struct rg_event *ev, struct rg_err *err);

/* Write the page of what was added so far to file ("-": standard output), mode 0600, replaced. No received
 * byte stands in it unescaped, and it forbids itself every network access. Errors: those of
 * rg_graph_render and of writing. */
int rg_report_write(struct rg_report *r, const char *file, struct rg_err *err);

/* So far: messages added, and those of them that the page will show. */
void rg_report_counts(const struct rg_report *r, uint64_t *messages, uint64_t *shown);

#endif
