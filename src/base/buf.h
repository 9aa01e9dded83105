/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RG_BASE_BUF_H
#define RG_BASE_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/*
 * A growing byte buffer. Appending never fails loudly: when memory runs out `oom` is set, the buffer keeps
 * what it has, and whoever consumes it checks oom once. Zero-initialised is a valid empty buffer.
 */
struct rg_buf {
	char *data;
	size_t len, cap;
	bool oom;
};

void rg_buf_free(struct rg_buf *b);
/* Make room for n more bytes; false (and oom) when there is no memory. */
bool rg_buf_grow(struct rg_buf *b, size_t n);

static inline bool rg_buf_room(struct rg_buf *b, size_t n)
{
	return b->cap - b->len >= n || rg_buf_grow(b, n);
}
static inline void rg_buf_add(struct rg_buf *b, const void *p, size_t n)
{
	if (n && rg_buf_room(b, n)) {
		memcpy(b->data + b->len, p, n);
		b->len += n;
	}
}
static inline void rg_buf_str(struct rg_buf *b, const char *s)
{
	rg_buf_add(b, s, strlen(s));
}
static inline void rg_buf_char(struct rg_buf *b, char c)
{
	if (rg_buf_room(b, 1))
		b->data[b->len++] = c;
}
static inline void rg_buf_reset(struct rg_buf *b)
{
	b->len = 0;
}
/* Decimal and 0x-less hexadecimal, written by hand: this is the event writers' hot path. */
void rg_buf_u64(struct rg_buf *b, uint64_t u);
void rg_buf_i64(struct rg_buf *b, int64_t i);
void rg_buf_hex(struct rg_buf *b, uint64_t u);
void rg_buf_printf(struct rg_buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* NUL-terminate without counting the NUL; returns data, or "" when out of memory. */
const char *rg_buf_cstr(struct rg_buf *b);

#define rg_auto_buf __attribute__((cleanup(rg_buf_free))) struct rg_buf

#endif
