/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RG_SINK_PUT_H
#define RG_SINK_PUT_H

/*
 * Writing at a cursor: p is where the next byte goes, every function returns where it stopped. Fixed-size
 * pieces need no check of their own: whoever starts an event makes sure of PUT_SLACK bytes behind the cursor,
 * and whoever writes something of variable size restores that with rg_put_room. This keeps the event writers'
 * hot path free of calls and of bounds checks per piece.
 */
#include "base/buf.h"

#define PUT_SLACK 16384

extern const char rg_put_digits[200]; /* "000102...99" */

/* At least n + PUT_SLACK bytes behind *p, which may move. False without memory: then b->oom is set and what
 * is behind *p is as large as before. */
bool rg_put_room_slow(struct rg_buf *b, char **p, size_t n);
static inline bool rg_put_room(struct rg_buf *b, char **p, size_t n)
{
	if (__builtin_expect(b->cap - (size_t)(*p - b->data) >= n + PUT_SLACK, 1))
		return true;
	return rg_put_room_slow(b, p, n);
}

static inline char *rg_put(char *p, const char *s, size_t n)
{
	memcpy(p, s, n);
	return p + n;
}
#define rg_put_lit(p, lit) rg_put(p, lit, sizeof(lit) - 1)

static inline char *rg_put_2(char *p, unsigned u)
{
	memcpy(p, rg_put_digits + 2 * u, 2);
	return p + 2;
}
/* Exactly 9 digits. */
static inline char *rg_put_9(char *p, uint32_t u)
{
	uint32_t high = u / 100000, low = u % 100000; /* 4 and 5 digits */

	p = rg_put_2(p, high / 100);
	p = rg_put_2(p, high % 100);
	*p++ = (char)('0' + low / 10000);
	low %= 10000;
	p = rg_put_2(p, low / 100);
	return rg_put_2(p, low % 100);
}
char *rg_put_u64_long(char *p, uint64_t u);
static inline char *rg_put_u64(char *p, uint64_t u)
{
	if (u < 10) {
		*p = (char)('0' + u);
		return p + 1;
	}
	if (u < 100)
		return rg_put_2(p, (unsigned)u);
	return rg_put_u64_long(p, u);
}
static inline char *rg_put_i64(char *p, int64_t i)
{
	if (i >= 0)
		return rg_put_u64(p, (uint64_t)i);
	*p = '-';
	return rg_put_u64(p + 1, 0 - (uint64_t)i);
}
/* Lower case, no prefix, no leading zeros. */
char *rg_put_hex(char *p, uint64_t u);
/* YYYY-MM-DDThh:mm:ss of seconds since the epoch; 19 characters (more past the year 9999). */
char *rg_put_second(char *p, uint64_t sec);

/* A JSON string (with its quotes) or, where the bytes are not UTF-8, {"base64":"..."}. Needs no slack: it
 * makes its own room. */
char *rg_put_json_bytes(struct rg_buf *b, char *p, const char *s, size_t len);
/* Always a string: bytes that are not UTF-8 become U+FFFD. */
char *rg_put_json_lossy(struct rg_buf *b, char *p, const char *s, size_t len);
/* 4 * ((len + 2) / 3) characters; the caller has room. */
char *rg_put_base64(char *p, const char *s, size_t len);

#endif
