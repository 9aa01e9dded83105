/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "report/report.h"

int counts_at(struct counts *c, const char *key, size_t len, uint64_t time, struct count_row **ret)
{
	const uint32_t *known = map_find(&c->map, key, len);
	bool fresh;
	uint32_t *at;

	*ret = NULL;
	if (!known && c->n_rows == COUNTS_MAX) {
		c->others++;
		return 0;
	}
	at = map_at(&c->map, key, len, &fresh);
	if (!at)
		return -ENOMEM;
	if (fresh) {
		*at = c->n_rows++;
		c->rows[*at] = (struct count_row){.at = c->text.len, .len = len, .first = time};
		rg_buf_add(&c->text, key, len);
		if (c->text.oom)
			return -ENOMEM;
	}
	*ret = &c->rows[*at];
	(*ret)->n++;
	return 0;
}

static int most(const void *a, const void *b)
{
	const struct count_row *x = a, *y = b;

	if (x->n != y->n)
		return x->n < y->n ? 1 : -1;
	return x->at < y->at ? -1 : 1;
}

void counts_json(struct rg_buf *b, struct counts *c)
{
	struct count_row rows[COUNTS_MAX];

	memcpy(rows, c->rows, c->n_rows * sizeof(*rows));
	qsort(rows, c->n_rows, sizeof(*rows), most);
	rg_buf_str(b, "{\"rows\":[");
	for (uint32_t i = 0; i < c->n_rows; i++) {
		const struct count_row *r = &rows[i];

		rg_buf_printf(b, "%s[%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",", i ? ",\n" : "", r->n, r->v[0],
			      r->v[1]);
		rg_json_time(&(struct rg_json){0}, b, r->first);
		rg_buf_char(b, ',');
		rg_buf_add(b, c->text.data + r->at, r->len);
		rg_buf_char(b, ']');
	}
	rg_buf_printf(b, "],\"others\":%" PRIu64 "}", c->others);
}

void counts_free(struct counts *c)
{
	map_free(&c->map);
	rg_buf_free(&c->text);
}
