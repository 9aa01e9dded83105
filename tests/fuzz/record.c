/* SPDX-License-Identifier: BSD-2-Clause */
/* Records of the kernel side: the input is a chain of records, each with its length in front (two bytes). */
#include <stdlib.h>
#include <string.h>

#include "decode/record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void one(struct rg_parts *parts, struct rg_event *ev, const uint8_t *p, size_t n)
{
	static const struct rg_clock clock;
	/* a copy of its own: 8-aligned as in the ring, and its end is the end of readable memory */
	struct rg_rec_hdr *rec = malloc(n ? n : 1);
	unsigned lost;

	memcpy(rec, p, n);
	if (n >= sizeof(*rec)) {
		if (rec->type == RG_REC_MSG)
			rg_decode_msg(rec, n, parts, &clock, ev, &lost);
		else if (rec->type == RG_REC_META)
			rg_decode_meta(rec, n, &clock, ev);
		else
			rg_parts_add(parts, rec, n);
	}
	free(rec);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct rg_parts *parts = rg_parts_new();
	struct rg_event *ev = rg_event_new();

	while (size >= 2) {
		size_t n = data[0] | (size_t)data[1] << 8;

		data += 2;
		size -= 2;
		if (n > size)
			n = size;
		one(parts, ev, data, n);
		data += n;
		size -= n;
	}
	rg_parts_free(parts);
	rg_event_free(ev);
	return 0;
}
