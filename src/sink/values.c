/* SPDX-License-Identifier: BSD-2-Clause */
/* Every value of an event as a line for people: name, value, tags. */
#include <recvguard/sink.h>

#include <errno.h>

#include "base/cleanup.h"
#include "sink/json.h"
#include "sink/pen.h"

#define DEPTH_MAX 8

struct values {
	rg_value_fn fn;
	void *arg;
	struct rg_json json;
	struct rg_buf name, text, tags;
};

/* Bytes as they are shown everywhere, not as JSON: base64 is nothing to read. */
static void one_value(struct values *s, enum rg_type type, const struct rg_value *v,
		      const struct rg_name *names)
{
	rg_buf_reset(&s->text);
	if (type == RG_T_STR || type == RG_T_BYTES) {
		rg_buf_char(&s->text, '"');
		rg_show(&s->text, v->p, v->len, true, false, 0);
		rg_buf_char(&s->text, '"');
		if (type == RG_T_BYTES && v->full > v->len)
			rg_buf_printf(&s->text, "... (%u of %u bytes)", v->len, v->full);
	} else {
		rg_json_value(&s->json, &s->text, type, v, names);
	}
}

static int call(struct values *s, uint8_t tag)
{
	rg_buf_reset(&s->tags);
	if (tag & ~RG_TAG_K)
		rg_tag_text(&s->tags, tag);
	rg_buf_cstr(&s->name);
	rg_buf_cstr(&s->text);
	rg_buf_cstr(&s->tags);
	if (s->name.oom || s->text.oom || s->tags.oom)
		return -ENOMEM;
	return s->fn(s->arg, s->name.data, s->text.data, s->tags.len ? s->tags.data : NULL);
}

static int nodes(struct values *s, const struct rg_node *n, bool list, uint8_t tag, int depth)
{
	size_t len = s->name.len;
	int r = 0;

	for (unsigned i = 0; n && !r; n = n->next, i++) {
		uint8_t own = n->tag ? n->tag : tag;

		s->name.len = len;
		if (list)
			rg_buf_printf(&s->name, "[%u]", i);
		else
			rg_buf_printf(&s->name, ".%s", n->name ? n->name : "?");
		if ((n->type == RG_T_OBJECT || n->type == RG_T_LIST) && depth < DEPTH_MAX) {
			r = nodes(s, n->v.node, n->type == RG_T_LIST, own, depth + 1);
			continue;
		}
		one_value(s, n->type, &n->v, n->names);
		r = call(s, own);
	}
	s->name.len = len;
	return r;
}

static int field(struct values *s, const struct rg_event *ev, int f)
{
	rg_buf_reset(&s->name);
	rg_buf_str(&s->name, rg_fields[f].name);
	if (rg_fields[f].type == RG_T_LIST || rg_fields[f].type == RG_T_OBJECT)
		return nodes(s, ev->v[f].node, rg_fields[f].type == RG_T_LIST, ev->tag[f], 0);
	one_value(s, rg_fields[f].type, &ev->v[f], rg_event_names(ev, f) ?: rg_fields[f].names);
	return call(s, ev->tag[f]);
}

int rg_event_values(const struct rg_event *ev, rg_value_fn fn, void *arg)
{
	struct values s = {.fn = fn, .arg = arg};
	int r = 0;

	for (int f = 0; f < RG_F__COUNT && !r; f++)
		if (rg_has(ev, f))
			r = field(&s, ev, f);
	rg_buf_free(&s.name);
	rg_buf_free(&s.text);
	rg_buf_free(&s.tags);
	return r;
}
