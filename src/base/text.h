/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RG_BASE_TEXT_H
#define RG_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/*
 * Text put together in a buffer of fixed size, without printf or malloc: the per-event path. What does not
 * fit is left out and `cut` is set. Not NUL-terminated.
 */
struct rg_text {
	char *p;
	size_t len, cap;
	bool cut;
};

void rg_text_add(struct rg_text *t, const void *p, size_t n);
static inline void rg_text_str(struct rg_text *t, const char *s)
{
	rg_text_add(t, s, strlen(s));
}
static inline void rg_text_char(struct rg_text *t, char c)
{
	if (t->len < t->cap)
		t->p[t->len++] = c;
	else
		t->cut = true;
}
void rg_text_u64(struct rg_text *t, uint64_t u);
void rg_text_i64(struct rg_text *t, int64_t i);
/* "0x1f" */
void rg_text_hex(struct rg_text *t, uint64_t u);
/* Two digits a byte; sep between bytes unless it is 0. */
void rg_text_hexbytes(struct rg_text *t, const void *p, size_t n, char sep);
/* Printable ASCII as it is, a backslash doubled, any other byte as \xNN. */
void rg_text_escaped(struct rg_text *t, const void *p, size_t n);
/* Dotted quad; RFC 5952 form. ip in network order. */
void rg_text_ip4(struct rg_text *t, const uint8_t ip[4]);
void rg_text_ip6(struct rg_text *t, const uint8_t ip[16]);

#endif
