/* SPDX-License-Identifier: BSD-2-Clause */
#include <inttypes.h>

#include "report/report.h"

/* 0 to 3 by themselves, then four buckets for each power of two. */
static unsigned bucket_of(uint64_t v)
{
	unsigned top;

	if (v < 4)
		return (unsigned)v;
	top = 63 - (unsigned)__builtin_clzll(v);
	return (top - 1) * 4 + (unsigned)((v >> (top - 2)) & 3);
}

uint64_t dist_from(unsigned i)
{
	return i < 4 ? i : (uint64_t)(4 + i % 4) << (i / 4 - 1);
}

void dist_add(struct dist *h, uint64_t v)
{
	h->min = h->count && h->min < v ? h->min : v;
	h->max = h->max > v ? h->max : v;
	h->count++;
	h->sum = h->sum + v < h->sum ? UINT64_MAX : h->sum + v;
	h->n[bucket_of(v)]++;
}

/* The largest value of the bucket where so many per thousand lie below: at most a quarter too large. */
static uint64_t quantile(const struct dist *h, unsigned per_mille)
{
	uint64_t before = 0, want = h->count / 1000 * per_mille + h->count % 1000 * per_mille / 1000;

	for (unsigned i = 0; i < DIST_BUCKETS - 4; i++) {
		before += h->n[i];
		if (before > want) {
			uint64_t v = dist_from(i + 1) - 1;

			return v < h->max ? v : h->max;
		}
	}
	return h->max;
}

void dist_json(struct rg_buf *b, const struct dist *h)
{
	const char *sep = "";

	rg_buf_printf(b,
		      "{\"count\":%" PRIu64 ",\"sum\":%" PRIu64 ",\"min\":%" PRIu64 ",\"p50\":%" PRIu64
		      ",\"p90\":%" PRIu64 ",\"p99\":%" PRIu64 ",\"max\":%" PRIu64 ",\"buckets\":[",
		      h->count, h->sum, h->min, quantile(h, 500), quantile(h, 900), quantile(h, 990), h->max);
	for (unsigned i = 0; i < DIST_BUCKETS; i++)
		if (h->n[i]) {
			rg_buf_printf(b, "%s[%u,%" PRIu64 ",%" PRIu64 "]", sep, i, dist_from(i), h->n[i]);
			sep = ",";
		}
	rg_buf_str(b, "]}");
}
