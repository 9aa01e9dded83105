/* SPDX-License-Identifier: BSD-2-Clause */
#include "graph/map.h"

#include <stdlib.h>
#include <string.h>

struct map_slot {
	uint64_t hash; /* 0: empty */
	size_t at;
	uint32_t len, value;
};

static uint64_t hash_of(const unsigned char *p, size_t n)
{
	uint64_t h = 0xcbf29ce484222325u ^ n;

	for (size_t i = 0; i < n; i++)
		h = (h ^ p[i]) * 0x100000001b3u;
	h ^= h >> 29;
	return h ? h : 1;
}

/* The slot of key, or the empty one where it belongs. There is always an empty one. */
static struct map_slot *slot_of(const struct map *m, uint64_t hash, const void *key, size_t len)
{
	for (size_t i = hash & (m->n_slots - 1);; i = (i + 1) & (m->n_slots - 1)) {
		struct map_slot *s = &m->slots[i];

		if (!s->hash || (s->hash == hash && s->len == len && !memcmp(m->keys.data + s->at, key, len)))
			return s;
	}
}

static bool grow(struct map *m)
{
	struct map bigger = {.n_slots = m->n_slots ? 2 * m->n_slots : 64};

	bigger.slots = calloc(bigger.n_slots, sizeof(*bigger.slots));
	if (!bigger.slots)
		return false;
	for (size_t i = 0; i < m->n_slots; i++) {
		size_t j = m->slots[i].hash & (bigger.n_slots - 1);

		if (!m->slots[i].hash)
			continue;
		while (bigger.slots[j].hash)
			j = (j + 1) & (bigger.n_slots - 1);
		bigger.slots[j] = m->slots[i];
	}
	free(m->slots);
	m->slots = bigger.slots;
	m->n_slots = bigger.n_slots;
	return true;
}

uint32_t *map_at(struct map *m, const void *key, size_t len, bool *fresh)
{
	uint64_t hash = hash_of(key, len);
	struct map_slot *s;

	*fresh = false;
	if (2 * m->used >= m->n_slots && !grow(m))
		return NULL;
	s = slot_of(m, hash, key, len);
	if (s->hash)
		return &s->value;
	if (!rg_buf_room(&m->keys, len + 1))
		return NULL;
	*s = (struct map_slot){.hash = hash, .at = m->keys.len, .len = (uint32_t)len};
	rg_buf_add(&m->keys, key, len);
	m->used++;
	*fresh = true;
	return &s->value;
}

const uint32_t *map_find(const struct map *m, const void *key, size_t len)
{
	struct map_slot *s = m->n_slots ? slot_of(m, hash_of(key, len), key, len) : NULL;

	return s && s->hash ? &s->value : NULL;
}

void map_free(struct map *m)
{
	free(m->slots);
	rg_buf_free(&m->keys);
	*m = (struct map){0};
}
