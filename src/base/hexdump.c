/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/hexdump.h"

#define PER_LINE 16

static const char digits[] = "0123456789abcdef";

static void line(struct rg_buf *b, const uint8_t *p, size_t n, size_t offset, int offset_digits)
{
	char out[8 + 2 + 3 * PER_LINE + 1 + 2 + PER_LINE + 2], *o = out;

	for (int d = offset_digits - 1; d >= 0; d--)
		*o++ = digits[offset >> (4 * d) & 15];
	*o++ = ' ';
	for (size_t i = 0; i < PER_LINE; i++) {
		*o++ = ' ';
		if (i == PER_LINE / 2)
			*o++ = ' ';
		*o++ = i < n ? digits[p[i] >> 4] : ' ';
		*o++ = i < n ? digits[p[i] & 15] : ' ';
	}
	*o++ = ' ';
	*o++ = ' ';
	for (size_t i = 0; i < n; i++)
		*o++ = (char)(p[i] >= ' ' && p[i] < 0x7f ? p[i] : '.');
	*o++ = '\n';
	rg_buf_add(b, out, (size_t)(o - out));
}

void rg_hexdump(struct rg_buf *b, const void *p, size_t len, const char *indent)
{
	int offset_digits = len > 0x10000 ? 8 : 4;

	for (size_t at = 0; at < len; at += PER_LINE) {
		rg_buf_str(b, indent);
		line(b, (const uint8_t *)p + at, len - at < PER_LINE ? len - at : PER_LINE, at,
		     offset_digits);
	}
}
