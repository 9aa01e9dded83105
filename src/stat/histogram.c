/* SPDX-License-Identifier: BSD-2-Clause */
#include "stat/histogram.h"

/* From 16 on: the power of two, then the three bits below the highest. */
static unsigned bucket_of(uint64_t v)
{
	unsigned power, at;

	if (v < HIST_EXACT)
		return (unsigned)v;
	power = 63 - (unsigned)__builtin_clzll(v);
	at = HIST_EXACT + (power - 4) * 8 + (unsigned)(v >> (power - 3) & 7);
	return at < HIST_BUCKETS ? at : HIST_BUCKETS - 1;
}

/* The middle of a bucket. */
static uint64_t value_of(unsigned bucket)
{
	unsigned power;
	uint64_t low;

	if (bucket < HIST_EXACT)
		return bucket;
	power = (bucket - HIST_EXACT) / 8 + 4;
	low = (uint64_t)(8 + (bucket - HIST_EXACT) % 8) << (power - 3);
	return low + ((uint64_t)1 << (power - 3)) / 2;
}

void hist_add(struct histogram *h, uint64_t value)
{
	h->n[bucket_of(value)]++;
	h->count++;
}

uint64_t hist_at(const struct histogram *h, unsigned per_mille)
{
	uint64_t rank = (h->count * per_mille + 999) / 1000, seen = 0;

	for (unsigned i = 0; i < HIST_BUCKETS && h->count; i++) {
		seen += h->n[i];
		if (seen >= rank && h->n[i])
			return value_of(i);
	}
	return 0;
}
