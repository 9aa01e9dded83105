/* SPDX-License-Identifier: BSD-2-Clause */
#include "sink/intern.h"

#include <errno.h>
#include <stdlib.h>

#define KEYS_MAX (64u << 20)

struct intern_slot {
	uint64_t hash; /* 0: free */
	int64_t number;
	uint32_t at, len;
};

static uint64_t mix(uint64_t h, uint64_t x)
{
	__uint128_t m = (__uint128_t)(h ^ x) * 0x9e3779b97f4a7c15u;

	return (uint64_t)m ^ (uint64_t)(m >> 64);
}

/* Keys come from programs that are watched: a collision costs a probe, never a wrong number. */
static uint64_t hash_of(const void *key, size_t len)
{
	uint64_t h = 0x51ed270b9f2d8e3bu ^ len, x;
	const char *p = key;

	for (; len >= 8; len -= 8, p += 8) {
		memcpy(&x, p, 8);
		h = mix(h, x);
	}
	x = 0;
	memcpy(&x, p, len);
	h = mix(h, x);
	return h ? h : 1;
}

void intern_forget(struct intern *t)
{
	if (!t->slots)
		return;
	memset(t->slots, 0, INTERN_SLOTS * sizeof(*t->slots));
	rg_buf_reset(&t->keys);
	t->used = 0;
}

int64_t intern(struct intern *t, const void *key, size_t len, bool *fresh)
{
	uint64_t h = hash_of(key, len);
	struct intern_slot *s;

	*fresh = false;
	if (!t->slots)
		t->slots = calloc(INTERN_SLOTS, sizeof(*t->slots));
	if (!t->slots)
		return -ENOMEM;
	if (t->used >= INTERN_SLOTS / 2 || t->keys.len > KEYS_MAX)
		intern_forget(t);
	for (size_t i = h;; i++) {
		s = &t->slots[i % INTERN_SLOTS];
		if (!s->hash)
			break;
		if (s->hash == h && s->len == len && !memcmp(t->keys.data + s->at, key, len))
			return s->number;
	}
	if (!rg_buf_room(&t->keys, len))
		return -ENOMEM;
	*s = (struct intern_slot){h, ++t->next, (uint32_t)t->keys.len, (uint32_t)len};
	rg_buf_add(&t->keys, key, len);
	t->used++;
	*fresh = true;
	return s->number;
}

void intern_free(struct intern *t)
{
	free(t->slots);
	rg_buf_free(&t->keys);
	*t = (struct intern){0};
}
