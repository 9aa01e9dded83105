/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RG_BASE_ARENA_H
#define RG_BASE_ARENA_H

#include <stddef.h>

/* Memory given out piece by piece and taken back all at once; chunks are kept for reuse. */
struct rg_arena;

/* limit: bytes the arena may hold in all. NULL when out of memory. */
struct rg_arena *rg_arena_new(size_t limit);
void rg_arena_free(struct rg_arena *a);
void rg_arena_reset(struct rg_arena *a);
/* Aligned to 8, not zeroed; NULL past the limit or when out of memory. */
void *rg_arena_alloc(struct rg_arena *a, size_t size);

#endif
