/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RG_BASE_HEXDUMP_H
#define RG_BASE_HEXDUMP_H

#include "base/buf.h"

/*
 * Append lines of 16 bytes: indent, offset (4 hexadecimal digits, 8 from 64 KiB on), the bytes in hexadecimal
 * with a gap after the eighth, and the same as ASCII, '.' for what is not printable. Nothing for len 0.
 */
void rg_hexdump(struct rg_buf *b, const void *p, size_t len, const char *indent);

#endif
