/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RG_TESTS_FUZZ_H
#define RG_TESTS_FUZZ_H

/*
 * A fuzz target is one file tests/fuzz/NAME.c that defines LLVMFuzzerTestOneInput; tests/fuzz/run.sh finds it
 * there. Beside it, where they help: seeds/NAME/ (small files), NAME.dict. It links the library as shipped.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What must hold whatever the input: a failure is a finding. */
#define FUZZ_CHECK(cond)                                                                          \
	do {                                                                                      \
		if (!(cond)) {                                                                    \
			fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #cond); \
			abort();                                                                  \
		}                                                                                 \
	} while (0)

/* A copy of exactly this size, so that the address sanitizer sees one byte too many. Freed by the caller. */
static inline uint8_t *fuzz_copy(const uint8_t *data, size_t size)
{
	uint8_t *p = malloc(size ? size : 1);

	if (!p)
		abort();
	if (size)
		memcpy(p, data, size);
	return p;
}

#endif
