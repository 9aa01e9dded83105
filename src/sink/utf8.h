/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RG_SINK_UTF8_H
#define RG_SINK_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Looking at bytes that somebody else wrote: whether they are text, and what of it may be shown as it is. */

/* Decode one character of at most n bytes into *cp. Returns its length, or 0 where the bytes are not UTF-8 by
 * RFC 3629: overlong forms, surrogates, beyond U+10FFFF, cut short. */
unsigned rg_utf8_decode(const char *s, size_t n, uint32_t *cp);

bool rg_utf8_valid(const char *s, size_t n);

/* Characters that a terminal, a log or a page could obey instead of showing: C0 and C1 controls, DEL, line
 * and paragraph separators, bidirectional and other invisible format characters. Outputs escape them. */
bool rg_utf8_hidden(uint32_t cp);

/* Columns a terminal uses for cp: 0 for combining marks, 2 for wide characters, else 1. */
unsigned rg_utf8_width(uint32_t cp);

#endif
