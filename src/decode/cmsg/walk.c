/* SPDX-License-Identifier: BSD-2-Clause */
/* From control bytes to one header after the other, in both ABIs (kernel: CMSG_NXTHDR, CMSG_COMPAT_*). */
#include <string.h>
#include <sys/socket.h>

#include "decode/cmsg.h"
#include "decode/cmsg/row.h"

void rg_cmsg_walk(struct rg_cmsg_walk *w, const uint8_t *p, size_t len, bool compat)
{
	*w = (struct rg_cmsg_walk){.p = p, .end = len ? p + len : p, .compat = compat};
}

/* The rest is no control message: hand it over whole and stop. */
static bool bad_rest(struct rg_cmsg_walk *w, struct rg_cmsg_view *v, const char *why)
{
	v->bad = why;
	v->data = w->p;
	v->len = (size_t)(w->end - w->p);
	v->at_end = true;
	w->p = w->end;
	return true;
}

bool rg_cmsg_next(struct rg_cmsg_walk *w, struct rg_cmsg_view *v)
{
	size_t left = (size_t)(w->end - w->p), head = w->compat ? 12 : 16, align = w->compat ? 4 : 8, step;

	if (!left)
		return false;
	*v = (struct rg_cmsg_view){.at = w->p};
	if (left < head)
		return bad_rest(w, v, "fewer bytes than a header");
	v->header = true;
	v->cmsg_len = w->compat ? rg_cm_u32(w->p) : rg_cm_u64(w->p);
	v->level = (int32_t)rg_cm_u32(w->p + head - 8);
	v->type = (int32_t)rg_cm_u32(w->p + head - 4);
	if (v->cmsg_len < head)
		return bad_rest(w, v, "cmsg_len is smaller than the header");
	if (v->cmsg_len > left)
		return bad_rest(w, v, "cmsg_len reaches past the end of the control bytes");
	v->data = w->p + head;
	v->len = (size_t)v->cmsg_len - head;
	v->at_end = v->cmsg_len == left;
	step = ((size_t)v->cmsg_len + align - 1) & ~(align - 1);
	w->p = step < left ? w->p + step : w->end;
	return true;
}

unsigned rg_cmsg_fds(const uint8_t *p, size_t len, bool compat, int *fds, unsigned max)
{
	struct rg_cmsg_walk w;
	struct rg_cmsg_view v;
	unsigned n = 0;

	rg_cmsg_walk(&w, p, len, compat);
	while (rg_cmsg_next(&w, &v)) {
		if (v.bad || v.level != SOL_SOCKET || v.type != SCM_RIGHTS)
			continue;
		for (size_t i = 0; i + 4 <= v.len; i += 4, n++)
			if (n < max)
				fds[n] = (int)rg_cm_u32(v.data + i);
	}
	return n;
}
