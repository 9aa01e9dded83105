/* SPDX-License-Identifier: BSD-2-Clause */
/* The page put together: what the build made of src/report/page/, with the data between. */
#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "report/report.h"
#include "sink/out.h"
#include "sink/pen.h"

static void put_html(struct rg_buf *b, const char *s)
{
	rg_auto_buf shown = {0};

	rg_show(&shown, s, strlen(s), false, false, 0);
	for (s = rg_buf_cstr(&shown); *s; s++)
		switch (*s) {
		case '<': rg_buf_str(b, "&lt;"); break;
		case '>': rg_buf_str(b, "&gt;"); break;
		case '&': rg_buf_str(b, "&amp;"); break;
		case '"': rg_buf_str(b, "&quot;"); break;
		default: rg_buf_char(b, *s);
		}
	b->oom |= shown.oom;
}

/* The picture as Graphviz wrote it, without what only a file of its own needs. */
static int put_svg(struct rg_report *r, struct rg_buf *b, struct rg_err *err)
{
	rg_auto_free char *svg = NULL;
	const char *from;
	size_t len;
	int rc = rg_graph_render(r->graph, RG_GRAPH_SVG, &svg, &len, err);

	if (rc < 0)
		return rc;
	from = strstr(svg, "<svg");
	if (!from)
		return rg_fail(err, -EIO, "Graphviz made no picture of the graph");
	rg_buf_str(b, from);
	return 0;
}

static int put(struct rg_report *r, const char *what, struct rg_buf *b, struct rg_err *err)
{
	if (!strcmp(what, "title"))
		put_html(b, r->source ? r->source : "messages");
	else if (!strcmp(what, "graph"))
		return put_svg(r, b, err);
	else if (!strcmp(what, "data"))
		return rg_report_data(r, b, err);
	else if (!strcmp(what, "rows"))
		return rows_packed(&r->rows, b) < 0
			       ? rg_fail(err, -ENOMEM, "out of memory for the report's messages")
			       : 0;
	return 0;
}

int rg_report_write(struct rg_report *r, const char *file, struct rg_err *err)
{
	rg_auto_buf page = {0};
	struct rg_out out;
	int rc = 0;

	/* all of it is made before the file is replaced */
	for (const struct page_piece *p = rg_report_page; rc == 0; p++) {
		rg_buf_add(&page, p->text, p->len);
		if (!p->then)
			break;
		rc = put(r, p->then, &page, err);
	}
	if (rc == 0 && page.oom)
		rc = rg_fail(err, -ENOMEM, "out of memory for a report");
	if (rc < 0)
		return rc;
	rc = rg_out_open(&out, file, err);
	if (rc < 0)
		return rc;
	rg_buf_add(&out.buf, page.data, page.len);
	return rg_out_close(&out, err);
}
