/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RG_TESTS_EDGE_H
#define RG_TESTS_EDGE_H

/*
 * Bytes that end where a page that cannot be read begins: reading one byte too many is a SIGSEGV, in every
 * build. One area, reused by each call.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define EDGE_AREA ((size_t)256 * 1024)

static inline uint8_t *edge(const void *p, size_t len)
{
	static uint8_t *area;

	if (!area) {
		area = mmap(NULL, EDGE_AREA + 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
			    0);
		if (area == MAP_FAILED || mprotect(area + EDGE_AREA, 4096, PROT_NONE) || len > EDGE_AREA)
			abort();
	}
	if (len)
		memcpy(area + EDGE_AREA - len, p, len);
	return area + EDGE_AREA - len;
}

#endif
