/* SPDX-License-Identifier: BSD-2-Clause */
/* Figures to the page's data. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "report/report.h"

static void put_series(struct rg_buf *b, const struct series *s)
{
	rg_buf_printf(b,
		      "{\"base\":%" PRIu64 ",\"width\":%" PRIu64
		      ",\"columns\":[\"unix\",\"inet\",\"netlink\","
		      "\"other\",\"bytes\",\"sent\",\"fds\",\"truncated\",\"denied\",\"lost\"],\"rows\":[",
		      s->base, s->width);
	for (uint32_t i = 0; i < s->n; i++) {
		const struct bucket *u = &s->b[i];

		rg_buf_str(b, i ? ",[" : "[");
		for (int f = 0; f < FAM__COUNT; f++)
			rg_buf_printf(b, "%" PRIu64 ",", u->messages[f]);
		rg_buf_printf(b, "%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64 "]",
			      u->bytes, u->sent, u->fds, u->truncated, u->denied, u->lost);
	}
	rg_buf_str(b, "]}");
}

static void put_text(struct rg_buf *b, const char *name, const char *s)
{
	rg_buf_printf(b, "\"%s\":", name);
	if (s)
		rg_json_lossy(b, s, strlen(s));
	else
		rg_buf_str(b, "null");
	rg_buf_char(b, ',');
}

static void put_totals(struct rg_report *r, struct rg_buf *b)
{
	const struct {
		const char *name;
		uint64_t v;
	} totals[] = {{"messages", r->messages},
		      {"received", r->received},
		      {"bytes", r->bytes},
		      {"sent", r->sent},
		      {"sent_bytes", r->sent_bytes},
		      {"peeks", r->peeks},
		      {"failed", r->failed},
		      {"fds", r->fds},
		      {"truncated", r->truncated},
		      {"denied", r->denied},
		      {"lost", r->lost},
		      {"rows", r->rows.n},
		      {"events", r->rows.seen},
		      {"rows_max", r->rows.max}};

	for (size_t i = 0; i < RG_ARRAY_LEN(totals); i++)
		rg_buf_printf(b, "\"%s\":%" PRIu64 ",", totals[i].name, totals[i].v);
	rg_buf_printf(b, "\"last_rows\":%s,\"first\":", r->rows.last ? "true" : "false");
	rg_json_time(&r->json, b, r->first);
	rg_buf_str(b, ",\"last\":");
	rg_json_time(&r->json, b, r->last);
}

static void put_lists(struct rg_report *r, struct rg_buf *b)
{
	const struct {
		const char *name;
		const struct dist *h;
	} hists[] = {{"size", &r->size},
		     {"sent_size", &r->sent_size},
		     {"latency", &r->latency},
		     {"duration", &r->duration},
		     {"wait", &r->wait}};
	const struct {
		const char *name;
		struct counts *c;
	} counts[] = {{"denials", &r->denials},
		      {"truncations", &r->truncations},
		      {"protocols", &r->protocols},
		      {"errors", &r->errors},
		      {"losses", &r->losses}};

	for (size_t i = 0; i < RG_ARRAY_LEN(hists); i++) {
		rg_buf_printf(b, ",\n\"%s\":", hists[i].name);
		dist_json(b, hists[i].h);
	}
	for (size_t i = 0; i < RG_ARRAY_LEN(counts); i++) {
		rg_buf_printf(b, ",\n\"%s\":", counts[i].name);
		counts_json(b, counts[i].c);
	}
}

/* JSON stands in a script element, which ends at the first "</script": no '<' may occur, nor a comment's
 * beginning. All of them are inside strings. */
static void put_safe(struct rg_buf *b, const char *p, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (p[i] == '<' || p[i] == '>' || p[i] == '&')
			rg_buf_printf(b, "\\u%04x", p[i]);
		else
			rg_buf_char(b, p[i]);
}

int rg_report_data(struct rg_report *r, struct rg_buf *b, struct rg_err *err)
{
	rg_auto_free char *graph = NULL;
	rg_auto_buf all = {0};
	size_t len;
	int rc = rg_graph_render(r->graph, RG_GRAPH_JSON, &graph, &len, err);

	if (rc < 0)
		return rc;
	rg_buf_char(&all, '{');
	put_text(&all, "source", r->source);
	put_text(&all, "filter", r->filter);
	put_totals(r, &all);
	rg_buf_str(&all, ",\n\"series\":");
	put_series(&all, &r->series);
	put_lists(r, &all);
	rg_buf_str(&all, ",\n\"graph\":");
	rg_buf_add(&all, graph, len);
	rg_buf_char(&all, '}');
	put_safe(b, all.data, all.len);
	return all.oom || b->oom ? rg_fail(err, -ENOMEM, "out of memory for a report") : 0;
}
