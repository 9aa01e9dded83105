/* SPDX-License-Identifier: BSD-2-Clause */
#include "report/report.h"

#define WIDTH_MIN 1000000u /* 1 ms */

static void add(struct bucket *to, const struct bucket *b)
{
	for (int i = 0; i < FAM__COUNT; i++)
		to->messages[i] += b->messages[i];
	to->bytes += b->bytes;
	to->sent += b->sent;
	to->fds += b->fds;
	to->truncated += b->truncated;
	to->denied += b->denied;
	to->lost += b->lost;
}

/* Two buckets become one. */
static void widen(struct series *s)
{
	for (uint32_t i = 0; i < s->n; i++) {
		struct bucket b = s->b[i];

		s->b[i] = (struct bucket){0};
		add(&s->b[i / 2], &b);
	}
	s->n = (s->n + 1) / 2;
	s->width *= 2;
}

/* Make room for an event from before the first: events of several CPUs are not quite in order. */
static void shift(struct series *s, uint64_t time)
{
	uint64_t by = (s->base - time - 1) / s->width + 1;

	while (by + s->n > BUCKETS) {
		widen(s);
		by = (s->base - time - 1) / s->width + 1;
	}
	memmove(s->b + by, s->b, s->n * sizeof(*s->b));
	memset(s->b, 0, by * sizeof(*s->b));
	s->n += (uint32_t)by;
	s->base = by > s->base / s->width ? 0 : s->base - by * s->width;
}

struct bucket *series_at(struct series *s, uint64_t time)
{
	uint64_t i;

	if (!s->width) {
		s->width = WIDTH_MIN;
		s->base = time;
	}
	if (time < s->base)
		shift(s, time);
	while ((time - s->base) / s->width >= BUCKETS)
		widen(s);
	i = (time - s->base) / s->width;
	if (i >= s->n)
		s->n = (uint32_t)i + 1;
	return &s->b[i];
}
