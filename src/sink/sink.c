/* SPDX-License-Identifier: BSD-2-Clause */
#include "sink/sink.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

const struct rg_sink_format rg_sink_formats[] = {
#define RG_FORMAT(symbol, name, full, doc) {name, doc, full},
#include "sink/formats.def"
#undef RG_FORMAT
	{NULL, NULL}};

static const struct rg_format *const formats[] = {
#define RG_FORMAT(symbol, name, full, doc) &rg_format_##symbol,
#include "sink/formats.def"
#undef RG_FORMAT
};

static const struct rg_format *format_find(const char *name, size_t len, struct rg_err *err)
{
	rg_auto_buf known = {0};

	for (size_t i = 0; rg_sink_formats[i].name; i++) {
		if (strlen(rg_sink_formats[i].name) == len && !memcmp(rg_sink_formats[i].name, name, len))
			return formats[i];
		rg_buf_str(&known, i ? ", " : "");
		rg_buf_str(&known, rg_sink_formats[i].name);
	}
	rg_fail(err, -EINVAL, "unknown output format '%.*s': known are %s", (int)(len > 64 ? 64 : len), name,
		rg_buf_cstr(&known));
	return NULL;
}

static int sink_start(struct rg_sink *s, const char *file, struct rg_err *err)
{
	int r;

	if (!s->format->own_file) {
		r = rg_out_open(&s->out, file, err);
		if (r)
			return r;
		s->out_open = true;
		s->out.lines = s->format->lines;
	}
	return s->format->open ? s->format->open(s, file, err) : 0;
}

int rg_sink_open(const char *spec, const struct rg_sink_opts *opts, struct rg_sink **ret, struct rg_err *err)
{
	const char *eq = strchr(spec, '=');
	const struct rg_format *format = format_find(spec, eq ? (size_t)(eq - spec) : strlen(spec), err);
	struct rg_sink *s;
	int r;

	*ret = NULL;
	if (!format)
		return -EINVAL;
	if (eq && !eq[1])
		return rg_fail(err, -EINVAL, "output '%s': no file after '='", spec);
	s = calloc(1, sizeof(*s));
	if (!s)
		return rg_fail(err, -ENOMEM, "out of memory for output");
	s->format = format;
	s->opts = opts ? *opts : (struct rg_sink_opts){0};
	s->host = strdup(s->opts.host ? s->opts.host : "");
	s->opts.host = s->host;
	s->state = calloc(1, format->state_size ? format->state_size : 1);
	r = s->host && s->state ? sink_start(s, eq ? eq + 1 : NULL, err)
				: rg_fail(err, -ENOMEM, "out of memory for output");
	if (r) {
		rg_sink_close(s, NULL);
		return r;
	}
	*ret = s;
	return 0;
}

int rg_sink_write(struct rg_sink *s, const struct rg_event *ev, struct rg_err *err)
{
	int r;

	if (s->format->own_file)
		return s->format->event(s, ev, err);
	if (s->out.failed.code)
		return rg_out_flush(&s->out, err);
	r = s->format->event(s, ev, err);
	return r ? r : rg_out_poll(&s->out, err);
}

uint64_t rg_sink_lost(const struct rg_sink *s)
{
	return s->format->lost ? s->format->lost(s) : 0;
}

int rg_sink_flush(struct rg_sink *s, struct rg_err *err)
{
	if (s->format->own_file)
		return s->format->flush(s, err);
	return rg_out_flush(&s->out, err);
}

int rg_sink_close(struct rg_sink *s, struct rg_err *err)
{
	int r = 0, r2;

	if (!s)
		return 0;
	if (s->format->close && s->state)
		r = s->format->close(s, err);
	if (s->out_open) {
		r2 = rg_out_close(&s->out, r ? NULL : err);
		r = r ? r : r2;
	}
	free(s->state);
	free(s->host);
	free(s);
	return r;
}
