/* SPDX-License-Identifier: BSD-2-Clause */
/* The messages that the page shows: a line of native JSON each. */
#include <errno.h>
#include <stdlib.h>
#include <zlib.h>

#include "base/cleanup.h"
#include "report/report.h"
#include "sink/put.h"

static void drop_first(struct rows *r)
{
	struct row *row = &r->v[r->first];

	r->bytes -= row->len;
	free(RG_TAKE(row->p));
	r->first = (r->first + 1) % r->max;
	r->n--;
}

static bool room(struct rows *r)
{
	uint64_t more = r->room ? 2 * r->room : 256;
	struct row *v;

	if (r->n < r->room || r->room == r->max)
		return true;
	more = more < r->max ? more : r->max;
	v = realloc(r->v, more * sizeof(*v));
	if (!v)
		return false;
	memset(v + r->room, 0, (more - r->room) * sizeof(*v));
	r->v = v;
	r->room = more;
	return true;
}

int rows_add(struct rows *r, struct rg_json *j, const struct rg_event *ev)
{
	rg_auto_buf b = {0};
	struct row *row;

	r->seen++;
	if (r->closed)
		return 0;
	if (!room(r) || rg_json_event(j, &b, ev) < 0)
		return -ENOMEM;
	if (!r->last && (r->n == r->max || r->bytes + b.len > RG_REPORT_ROWS_BYTES)) {
		r->closed = true; /* the first ones, without a gap */
		return 0;
	}
	while (r->n && (r->n == r->max || r->bytes + b.len > RG_REPORT_ROWS_BYTES))
		drop_first(r);
	row = &r->v[(r->first + r->n) % r->max];
	/* the buffer is far larger than the line */
	row->p = malloc(b.len ? b.len : 1);
	if (!row->p)
		return -ENOMEM;
	memcpy(row->p, b.data, b.len);
	row->len = b.len;
	r->bytes += b.len;
	r->n++;
	return 0;
}

static int deflate_rows(const struct rows *r, struct rg_buf *out)
{
	z_stream z = {0};
	int rc = deflateInit(&z, 6);

	for (uint64_t i = 0; rc == Z_OK && i <= r->n; i++) {
		const struct row *row = i < r->n ? &r->v[(r->first + i) % r->max] : NULL;

		z.next_in = row ? (unsigned char *)row->p : NULL;
		z.avail_in = row ? (unsigned)row->len : 0;
		do {
			if (!rg_buf_room(out, 65536)) {
				rc = Z_MEM_ERROR;
				break;
			}
			z.next_out = (unsigned char *)out->data + out->len;
			z.avail_out = 65536;
			rc = deflate(&z, row ? Z_NO_FLUSH : Z_FINISH);
			out->len += 65536 - z.avail_out;
		} while (rc == Z_OK && (z.avail_in || !row));
		rc = rc == Z_BUF_ERROR && row ? Z_OK : rc; /* nothing left to do */
	}
	deflateEnd(&z);
	return rc == Z_STREAM_END ? 0 : -ENOMEM;
}

int rows_packed(const struct rows *r, struct rg_buf *b)
{
	rg_auto_buf packed = {0};
	int rc = deflate_rows(r, &packed);
	size_t n = 4 * ((packed.len + 2) / 3);

	if (rc < 0 || !rg_buf_room(b, n + 1))
		return -ENOMEM;
	rg_put_base64(b->data + b->len, packed.data, packed.len);
	b->len += n;
	return 0;
}

void rows_free(struct rows *r)
{
	while (r->n)
		drop_first(r);
	free(r->v);
}
