/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RG_STAT_TABLE_H
#define RG_STAT_TABLE_H

#include <recvguard/stat.h>

#include "base/buf.h"
#include "stat/histogram.h"

#define STAT_KEY_MAX 128 /* bytes of a key; longer ones are cut, and may then share a row */

/* A message kept, by as many rows as it belongs to. */
struct message {
	struct message *newer; /* in the order in which they came */
	unsigned refs;
	uint32_t len;
	char *json; /* NULL: gave way to newer ones */
};
void message_drop(struct message *m); /* NULL is allowed */

struct row {
	struct row *next;	   /* of the same hash */
	struct row *older, *newer; /* by last use */
	uint64_t hash;
	uint8_t key[STAT_KEY_MAX];
	unsigned key_len;
	struct rg_stat_row v;			/* name: owned */
	uint64_t messages_before, bytes_before; /* at the last tick */
	struct histogram *times[RG_TIME__COUNT];
	struct message **ring; /* the last messages; at: where the next goes */
	unsigned at;
};

struct table {
	struct row **slots; /* a power of two */
	unsigned n_slots, n, max, ring;
	struct row *oldest, *newest;
	uint64_t next_id, forgotten;
	struct rg_stat_row gone; /* sums of what was forgotten */
};

int table_init(struct table *t, unsigned max, unsigned ring);
void table_free(struct table *t);
/* The row of a key, now the newest; made if need be, then *fresh. NULL: out of memory. */
struct row *table_row(struct table *t, const void *key, size_t len, bool *fresh);
/* The row, or NULL. */
struct row *table_find(const struct table *t, const void *key, size_t len);
struct row *table_by_id(const struct table *t, uint64_t id);
/* Add counts of b to a. */
void row_sum(struct rg_stat_row *a, const struct rg_stat_row *b);

#endif
