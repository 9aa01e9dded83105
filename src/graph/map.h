/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RG_GRAPH_MAP_H
#define RG_GRAPH_MAP_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

/* Byte strings to numbers. Zero-initialised is a valid empty map. */
struct map {
	struct map_slot *slots;
	size_t n_slots, used;
	struct rg_buf keys;
};

/* Where the number of key is kept, *fresh when it was not there (then it is 0 and the caller sets it). NULL:
 * out of memory. Valid until the next call. */
uint32_t *map_at(struct map *m, const void *key, size_t len, bool *fresh);
/* NULL when it is not there. */
const uint32_t *map_find(const struct map *m, const void *key, size_t len);
void map_free(struct map *m);

#define auto_map __attribute__((cleanup(map_free))) struct map

#endif
