/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RG_ENRICH_LRU_H
#define RG_ENRICH_LRU_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * A cache of at most `cap` entries keyed by a pair of numbers; the one that was not asked for longest goes
 * first. All memory is taken at the start. An entry begins with struct rg_lru_link.
 */
struct rg_lru_key {
	uint64_t a, b;
};
struct rg_lru_link {
	struct rg_lru_key key;
	uint32_t chain;	       /* next in the same bucket */
	uint32_t newer, older; /* order of use */
};

struct rg_lru {
	char *entries;
	uint32_t *buckets;
	size_t entry_size;
	uint32_t cap, used, n_buckets; /* n_buckets: a power of two */
	uint32_t newest, oldest;
	void (*drop)(void *entry); /* free what the entry holds, not the entry */
};

int rg_lru_init(struct rg_lru *l, uint32_t cap, size_t entry_size, void (*drop)(void *entry)); /* -ENOMEM */
void rg_lru_free(struct rg_lru *l);
/* The entry of this key, now the newest. When there was none: one whose bytes after the link are zero, and
 * *fresh is set. Pointers stay valid until the entry is evicted by a later call. */
void *rg_lru_get(struct rg_lru *l, struct rg_lru_key key, bool *fresh);

#endif
