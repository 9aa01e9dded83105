/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RG_REPORT_REPORT_H
#define RG_REPORT_REPORT_H

#include <recvguard/graph.h>
#include <recvguard/report.h>

#include "base/buf.h"
#include "graph/map.h"
#include "sink/json.h"

/* ---- over time: as many buckets, as wide as the events need (series.c) ---- */

#define BUCKETS 480

enum { FAM_UNIX, FAM_INET, FAM_NETLINK, FAM_OTHER, FAM__COUNT };

struct bucket {
	uint64_t messages[FAM__COUNT], bytes, sent, fds, truncated, denied,
		lost; /* messages, bytes: received */
};

struct series {
	uint64_t base, width; /* ns; width 0: empty */
	uint32_t n;	      /* buckets up to the last used one */
	struct bucket b[BUCKETS];
};

/* The bucket of a time; others may be merged or moved for it. */
struct bucket *series_at(struct series *s, uint64_t time);

/* ---- distributions: buckets a quarter of a power of two wide (dist.c) ---- */

#define DIST_BUCKETS 256

struct dist {
	uint64_t count, sum, min, max;
	uint64_t n[DIST_BUCKETS];
};

void dist_add(struct dist *h, uint64_t v);
/* First value of bucket i. */
uint64_t dist_from(unsigned i);
/* {"count":..,"min":..,"p50":..,"buckets":[[from,count],...]} */
void dist_json(struct rg_buf *b, const struct dist *h);

/* ---- counted by what they say (counts.c) ---- */

#define COUNTS_MAX 500

struct counts { /* rows of columns; the columns of a row are its key */
	struct map map;
	struct rg_buf text; /* the columns as JSON, one row after the other */
	struct count_row {
		size_t at, len;
		uint64_t n, v[2], first;
	} rows[COUNTS_MAX];
	uint32_t n_rows;
	uint64_t others; /* in rows beyond the limit */
};

/* The row whose columns are key (JSON values separated by commas), NULL beyond the limit. -ENOMEM. */
int counts_at(struct counts *c, const char *key, size_t len, uint64_t time, struct count_row **ret);
/* {"rows":[[n,v0,v1,first,columns...],...],"others":N}, most first. */
void counts_json(struct rg_buf *b, struct counts *c);
void counts_free(struct counts *c);

/* ---- the messages that are shown (rows.c) ---- */

struct rows {
	uint64_t max, seen;
	bool last, closed;
	struct row {
		char *p;
		size_t len;
	} * v;
	uint64_t first, n, room; /* a ring when last */
	size_t bytes;
};

int rows_add(struct rows *r, struct rg_json *j, const struct rg_event *ev);
/* All of them, deflated, in base64. */
int rows_packed(const struct rows *r, struct rg_buf *b);
void rows_free(struct rows *r);

struct rg_report {
	struct rg_report_opts opts;
	char *source, *filter;
	struct rg_graph *graph;
	struct series series;
	struct dist size, sent_size, latency, duration, wait;
	struct counts denials, truncations, protocols, errors, losses;
	struct rows rows;
	struct rg_json json;
	struct rg_buf key;
	uint64_t messages, received, bytes, sent, sent_bytes, peeks, failed, fds, truncated, denied, lost,
		first, last;
};

/* The page's data, a JSON object in which no '<' stands. */
int rg_report_data(struct rg_report *r, struct rg_buf *b, struct rg_err *err);

/* The page as the build made it: pieces of text, each followed by what is named. */
struct page_piece {
	const char *text;
	size_t len;
	const char *then; /* "title", "data"..., NULL at the end */
};
extern const struct page_piece rg_report_page[];

#endif
