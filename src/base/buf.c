/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void rg_buf_free(struct rg_buf *b)
{
	free(b->data);
	*b = (struct rg_buf){0};
}

bool rg_buf_grow(struct rg_buf *b, size_t n)
{
	size_t cap = b->cap ? b->cap : 256;
	char *data;

	while (cap - b->len < n) {
		if (cap > SIZE_MAX / 2)
			goto oom;
		cap *= 2;
	}
	data = realloc(b->data, cap);
	if (!data)
		goto oom;
	b->data = data;
	b->cap = cap;
	return true;
oom:
	b->oom = true;
	return false;
}

void rg_buf_u64(struct rg_buf *b, uint64_t u)
{
	char tmp[20];
	int n = sizeof(tmp);

	do {
		tmp[--n] = (char)('0' + u % 10);
		u /= 10;
	} while (u);
	rg_buf_add(b, tmp + n, sizeof(tmp) - (size_t)n);
}

void rg_buf_i64(struct rg_buf *b, int64_t i)
{
	if (i < 0) {
		rg_buf_char(b, '-');
		rg_buf_u64(b, 0 - (uint64_t)i);
	} else {
		rg_buf_u64(b, (uint64_t)i);
	}
}

void rg_buf_hex(struct rg_buf *b, uint64_t u)
{
	char tmp[16];
	int n = sizeof(tmp);

	do {
		tmp[--n] = "0123456789abcdef"[u & 15];
		u >>= 4;
	} while (u);
	rg_buf_add(b, tmp + n, sizeof(tmp) - (size_t)n);
}

void rg_buf_printf(struct rg_buf *b, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n < 0 || !rg_buf_room(b, (size_t)n + 1))
		return;
	va_start(ap, fmt);
	vsnprintf(b->data + b->len, (size_t)n + 1, fmt, ap);
	va_end(ap);
	b->len += (size_t)n;
}

const char *rg_buf_cstr(struct rg_buf *b)
{
	if (!rg_buf_room(b, 1))
		return "";
	b->data[b->len] = '\0';
	return b->data;
}
