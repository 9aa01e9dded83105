/* SPDX-License-Identifier: BSD-2-Clause */
#include <recvguard/sink.h>

#include "sink/json.h"
#include "sink/pen.h"

static char *taken(struct rg_buf *b)
{
	rg_buf_cstr(b);
	if (!b->oom)
		return b->data;
	rg_buf_free(b);
	return NULL;
}

char *rg_bytes_json(const char *p, size_t len)
{
	struct rg_buf b = {0};

	rg_json_bytes(&b, p, len);
	return taken(&b);
}

char *rg_bytes_shown(const char *p, size_t len)
{
	struct rg_buf b = {0};

	rg_show(&b, p, len, false, false, 0);
	return taken(&b);
}
