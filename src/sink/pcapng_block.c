/* SPDX-License-Identifier: BSD-2-Clause */
#include "sink/pcapng_block.h"

void rg_ng_u16(struct rg_buf *b, uint16_t v)
{
	rg_buf_add(b, &v, sizeof(v));
}

void rg_ng_u32(struct rg_buf *b, uint32_t v)
{
	rg_buf_add(b, &v, sizeof(v));
}

void rg_ng_time(struct rg_buf *b, uint64_t ns)
{
	rg_ng_u32(b, (uint32_t)(ns >> 32));
	rg_ng_u32(b, (uint32_t)ns);
}

void rg_ng_pad(struct rg_buf *b, size_t start)
{
	static const char zero[4];

	rg_buf_add(b, zero, (4 - ((b->len - start) & 3)) & 3);
}

size_t rg_ng_begin(struct rg_buf *b, enum rg_ng_block type)
{
	size_t start = b->len;

	rg_ng_u32(b, (uint32_t)type);
	rg_ng_u32(b, 0); /* length, known at the end */
	return start;
}

void rg_ng_opt(struct rg_buf *b, enum rg_ng_opt code, const void *p, size_t len)
{
	size_t start = b->len;

	if (len > UINT16_MAX)
		len = UINT16_MAX;
	rg_ng_u16(b, (uint16_t)code);
	rg_ng_u16(b, (uint16_t)len);
	rg_buf_add(b, p, len);
	rg_ng_pad(b, start);
}

void rg_ng_opt_str(struct rg_buf *b, enum rg_ng_opt code, const char *s)
{
	rg_ng_opt(b, code, s, strlen(s));
}

void rg_ng_opt_u32(struct rg_buf *b, enum rg_ng_opt code, uint32_t v)
{
	rg_ng_opt(b, code, &v, sizeof(v));
}

void rg_ng_opt_u64(struct rg_buf *b, enum rg_ng_opt code, uint64_t v)
{
	rg_ng_opt(b, code, &v, sizeof(v));
}

void rg_ng_end(struct rg_buf *b, size_t start)
{
	uint32_t len;

	rg_ng_u32(b, RG_NG_END);
	len = (uint32_t)(b->len - start) + 4;
	rg_ng_u32(b, len);
	if (!b->oom)
		memcpy(b->data + start + 4, &len, sizeof(len));
}
