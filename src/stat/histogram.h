/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RG_STAT_HISTOGRAM_H
#define RG_STAT_HISTOGRAM_H

#include <stdint.h>

/* Counts of values by size: eight buckets for each power of two, so that a percentile is within a sixteenth
 * of the true value, in memory that does not depend on how many there were. */
#define HIST_EXACT   16u /* values below have a bucket each */
#define HIST_OCTAVES 40u /* up to 2^44: five hours in ns; what is above counts there */
#define HIST_BUCKETS (HIST_EXACT + HIST_OCTAVES * 8)

struct histogram {
	uint64_t count;
	uint32_t n[HIST_BUCKETS];
};

void hist_add(struct histogram *h, uint64_t value);
/* The value below or at which per_mille of all are; 0 when there are none. */
uint64_t hist_at(const struct histogram *h, unsigned per_mille);

#endif
