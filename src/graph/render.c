/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "graph/graph.h"
#include "sink/out.h"

const struct rg_graph_format rg_graph_formats[] = {
	{"text", "a line for each edge"},
	{"dot", "the language of Graphviz"},
	{"svg", "a picture, laid out by Graphviz"},
	{"json", "one object: nodes, edges, totals"},
	{NULL, NULL},
};

static int render(struct rg_buf *b, const struct drawn *d, enum rg_graph_form form, struct rg_err *err)
{
	rg_auto_buf dot = {0};
	int r = 0;

	switch (form) {
	case RG_GRAPH_TEXT: rg_graph_text(b, d); break;
	case RG_GRAPH_DOT: rg_graph_dot(b, d); break;
	case RG_GRAPH_JSON: rg_graph_json(b, d); break;
	case RG_GRAPH_SVG:
		rg_graph_dot(&dot, d);
		rg_buf_cstr(&dot);
		b->oom |= dot.oom;
		r = dot.oom ? 0 : rg_graph_svg(b, dot.data, d->n_nodes, err);
		break;
	}
	rg_buf_cstr(b);
	return r == 0 && b->oom ? rg_fail(err, -ENOMEM, "out of memory for a graph") : r;
}

int rg_graph_render(const struct rg_graph *g, enum rg_graph_form form, char **ret, size_t *len,
		    struct rg_err *err)
{
	auto_drawn d = {0};
	rg_auto_buf b = {0};
	int r = rg_graph_fold(g, &d, err);

	*ret = NULL;
	*len = 0;
	r = r ? r : render(&b, &d, form, err);
	if (r)
		return r;
	*len = b.len;
	*ret = RG_TAKE(b.data);
	return 0;
}

static int form_find(const char *spec, size_t len, struct rg_err *err)
{
	for (int i = 0; rg_graph_formats[i].name; i++)
		if (strlen(rg_graph_formats[i].name) == len && !memcmp(rg_graph_formats[i].name, spec, len))
			return i;
	return rg_fail(err, -EINVAL, "no form of a graph is called '%.*s': there are text, dot, svg and json",
		       (int)(len > 64 ? 64 : len), spec);
}

int rg_graph_save(const struct rg_graph *g, const char *spec, struct rg_err *err)
{
	size_t n = strcspn(spec, "=");
	int form = form_find(spec, n, err), r;
	rg_auto_free char *text = NULL;
	struct rg_out out;
	size_t len;

	if (form < 0)
		return form;
	r = rg_graph_render(g, (enum rg_graph_form)form, &text, &len, err);
	if (r < 0)
		return r;
	r = rg_out_open(&out, spec[n] ? spec + n + 1 : NULL, err);
	if (r < 0)
		return r;
	rg_buf_add(&out.buf, text, len);
	if (out.buf.oom)
		r = rg_fail(err, -ENOMEM, "out of memory for a graph");
	n = (size_t)(rg_out_close(&out, r ? NULL : err) < 0);
	return r ? r : n ? -EIO : 0;
}
