/* SPDX-License-Identifier: BSD-2-Clause */
/* Rows by key, bounded: the one idle longest makes room. */
#include "stat/table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

/* FNV-1a. Keys are made of what watched programs do: many of one hash cost time, bounded by the row limit. */
static uint64_t hash_of(const uint8_t *key, size_t len)
{
	uint64_t h = 0xcbf29ce484222325u;

	for (size_t i = 0; i < len; i++)
		h = (h ^ key[i]) * 0x100000001b3u;
	return h;
}

int table_init(struct table *t, unsigned max, unsigned ring)
{
	unsigned slots = 16;

	while (slots < max * 2)
		slots *= 2;
	*t = (struct table){.n_slots = slots, .max = max, .ring = ring};
	t->slots = calloc(slots, sizeof(struct row *));
	return t->slots ? 0 : -ENOMEM;
}

void message_drop(struct message *m)
{
	if (!m || --m->refs)
		return;
	free(m->json);
	free(m);
}

static void row_free(struct row *r, unsigned ring)
{
	for (unsigned i = 0; r->ring && i < ring; i++)
		message_drop(r->ring[i]);
	for (int i = 0; i < RG_TIME__COUNT; i++)
		free(r->times[i]);
	free(r->ring);
	free((char *)r->v.name);
	free(r);
}

void table_free(struct table *t)
{
	while (t->oldest) {
		struct row *r = t->oldest;

		t->oldest = r->newer;
		row_free(r, t->ring);
	}
	free(RG_TAKE(t->slots));
}

static void unlink_row(struct table *t, struct row *r)
{
	*(r->older ? &r->older->newer : &t->oldest) = r->newer;
	*(r->newer ? &r->newer->older : &t->newest) = r->older;
}

static void link_newest(struct table *t, struct row *r)
{
	r->older = t->newest;
	r->newer = NULL;
	*(t->newest ? &t->newest->newer : &t->oldest) = r;
	t->newest = r;
}

void row_sum(struct rg_stat_row *a, const struct rg_stat_row *b)
{
	a->messages += b->messages;
	a->bytes += b->bytes;
	a->fds += b->fds;
	a->errors += b->errors;
	a->truncated += b->truncated;
	a->metadata += b->metadata;
	a->denied += b->denied;
	a->lost += b->lost;
}

static void forget_oldest(struct table *t)
{
	struct row *r = t->oldest, **at = &t->slots[r->hash & (t->n_slots - 1)];

	while (*at != r)
		at = &(*at)->next;
	*at = r->next;
	unlink_row(t, r);
	row_sum(&t->gone, &r->v);
	t->forgotten++;
	t->n--;
	row_free(r, t->ring);
}

static struct row *find(const struct table *t, const void *key, size_t len, uint64_t hash)
{
	struct row *r = t->slots[hash & (t->n_slots - 1)];

	while (r && (r->hash != hash || r->key_len != len || memcmp(r->key, key, len) != 0))
		r = r->next;
	return r;
}

struct row *table_find(const struct table *t, const void *key, size_t len)
{
	len = len < STAT_KEY_MAX ? len : STAT_KEY_MAX;
	return find(t, key, len, hash_of(key, len));
}

struct row *table_row(struct table *t, const void *key, size_t len, bool *fresh)
{
	uint64_t hash;
	struct row *r;

	len = len < STAT_KEY_MAX ? len : STAT_KEY_MAX;
	hash = hash_of(key, len);
	r = find(t, key, len, hash);
	*fresh = !r;
	if (r) {
		unlink_row(t, r);
		link_newest(t, r);
		return r;
	}
	if (t->n >= t->max)
		forget_oldest(t);
	r = calloc(1, sizeof(*r));
	if (!r || !(r->ring = calloc(t->ring, sizeof(struct message *)))) {
		free(r);
		return NULL;
	}
	r->hash = hash;
	r->key_len = (unsigned)len;
	memcpy(r->key, key, len);
	r->v.id = ++t->next_id;
	r->next = t->slots[hash & (t->n_slots - 1)];
	t->slots[hash & (t->n_slots - 1)] = r;
	link_newest(t, r);
	t->n++;
	return r;
}

struct row *table_by_id(const struct table *t, uint64_t id)
{
	struct row *r = t->newest;

	while (r && r->v.id != id)
		r = r->older;
	return r;
}
