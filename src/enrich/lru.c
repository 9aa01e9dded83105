/* SPDX-License-Identifier: BSD-2-Clause */
#include "enrich/lru.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define NONE UINT32_MAX

static struct rg_lru_link *at(const struct rg_lru *l, uint32_t i)
{
	return (struct rg_lru_link *)(l->entries + (size_t)i * l->entry_size);
}

static uint32_t bucket_of(const struct rg_lru *l, struct rg_lru_key k)
{
	uint64_t h = (k.a * 0x9e3779b97f4a7c15ull) ^ (k.b * 0xc2b2ae3d27d4eb4full);

	return (uint32_t)(h ^ h >> 32) & (l->n_buckets - 1);
}

int rg_lru_init(struct rg_lru *l, uint32_t cap, size_t entry_size, void (*drop)(void *entry))
{
	*l = (struct rg_lru){.cap = cap,
			     .entry_size = entry_size,
			     .drop = drop,
			     .n_buckets = 16,
			     .newest = NONE,
			     .oldest = NONE};
	while (l->n_buckets < cap)
		l->n_buckets *= 2;
	l->entries = calloc(cap, entry_size);
	l->buckets = malloc(l->n_buckets * sizeof(*l->buckets));
	if (!l->entries || !l->buckets) {
		rg_lru_free(l);
		return -ENOMEM;
	}
	memset(l->buckets, 0xff, l->n_buckets * sizeof(*l->buckets));
	return 0;
}

void rg_lru_free(struct rg_lru *l)
{
	for (uint32_t i = 0; i < l->used; i++)
		l->drop(at(l, i));
	free(l->entries);
	free(l->buckets);
	*l = (struct rg_lru){0};
}

static void order_remove(struct rg_lru *l, const struct rg_lru_link *e)
{
	if (e->newer != NONE)
		at(l, e->newer)->older = e->older;
	else
		l->newest = e->older;
	if (e->older != NONE)
		at(l, e->older)->newer = e->newer;
	else
		l->oldest = e->newer;
}

static void order_push(struct rg_lru *l, uint32_t i)
{
	struct rg_lru_link *e = at(l, i);

	e->newer = NONE;
	e->older = l->newest;
	if (l->newest != NONE)
		at(l, l->newest)->newer = i;
	else
		l->oldest = i;
	l->newest = i;
}

/* Make room: the oldest entry leaves its bucket and the order. */
static uint32_t evict(struct rg_lru *l)
{
	uint32_t i = l->oldest;
	uint32_t *p = &l->buckets[bucket_of(l, at(l, i)->key)];

	while (*p != i)
		p = &at(l, *p)->chain;
	*p = at(l, i)->chain;
	order_remove(l, at(l, i));
	l->drop(at(l, i));
	memset(at(l, i), 0, l->entry_size);
	return i;
}

void *rg_lru_get(struct rg_lru *l, struct rg_lru_key key, bool *fresh)
{
	uint32_t b = bucket_of(l, key), i = l->buckets[b];

	while (i != NONE && (at(l, i)->key.a != key.a || at(l, i)->key.b != key.b))
		i = at(l, i)->chain;
	*fresh = i == NONE;
	if (i != NONE) {
		if (i != l->newest) {
			order_remove(l, at(l, i));
			order_push(l, i);
		}
		return at(l, i);
	}
	i = l->used < l->cap ? l->used++ : evict(l);
	at(l, i)->key = key;
	at(l, i)->chain = l->buckets[b];
	l->buckets[b] = i;
	order_push(l, i);
	return at(l, i);
}
