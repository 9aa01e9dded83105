/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/arena.h"

#include <stdlib.h>

#define CHUNK_MIN 16384

struct chunk {
	struct chunk *next;
	size_t size, used;
	_Alignas(8) char data[];
};

struct rg_arena {
	struct chunk *first, *cur;
	size_t limit, held;
};

struct rg_arena *rg_arena_new(size_t limit)
{
	struct rg_arena *a = calloc(1, sizeof(*a));

	if (a)
		a->limit = limit;
	return a;
}

void rg_arena_free(struct rg_arena *a)
{
	struct chunk *c, *next;

	if (!a)
		return;
	for (c = a->first; c; c = next) {
		next = c->next;
		free(c);
	}
	free(a);
}

void rg_arena_reset(struct rg_arena *a)
{
	a->cur = a->first;
	if (a->cur)
		a->cur->used = 0;
}

static struct chunk *chunk_add(struct rg_arena *a, size_t size)
{
	size_t want = size > CHUNK_MIN ? size : CHUNK_MIN;
	struct chunk *c;

	if (want > a->limit - a->held)
		return NULL;
	c = malloc(sizeof(*c) + want);
	if (!c)
		return NULL;
	c->size = want;
	c->used = 0;
	if (a->cur) {
		c->next = a->cur->next;
		a->cur->next = c;
	} else {
		c->next = NULL;
		a->first = c;
	}
	a->held += want;
	return c;
}

void *rg_arena_alloc(struct rg_arena *a, size_t size)
{
	struct chunk *c = a->cur;
	void *p;

	if (size > a->limit)
		return NULL;
	size = (size + 7) & ~(size_t)7;
	while (!c || c->size - c->used < size) {
		if (c && c->next) {
			c = c->next;
			c->used = 0;
		} else {
			c = chunk_add(a, size);
			if (!c)
				return NULL;
		}
		a->cur = c;
	}
	p = c->data + c->used;
	c->used += size;
	return p;
}
