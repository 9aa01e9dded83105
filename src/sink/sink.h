/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RG_SINK_SINK_H
#define RG_SINK_SINK_H

#include <recvguard/sink.h>

#include "sink/out.h"

/*
 * What an output is made of. A format either renders: `event` appends one event to s->out.buf, and the common
 * writer does the rest; or it keeps a file of its own (a database): then own_file is set and it has `event`
 * return what writing gave, `flush` and `close`.
 */
struct rg_format {
	bool own_file;
	bool lines;							      /* rg_out.lines */
	size_t state_size;						      /* bytes of s->state, zeroed */
	int (*open)(struct rg_sink *s, const char *file, struct rg_err *err); /* NULL: nothing to prepare */
	int (*event)(struct rg_sink *s, const struct rg_event *ev, struct rg_err *err);
	int (*flush)(struct rg_sink *s, struct rg_err *err);
	int (*close)(struct rg_sink *s,
		     struct rg_err *err);	   /* also after a failed open; frees what state holds */
	uint64_t (*lost)(const struct rg_sink *s); /* NULL: not counted */
};

struct rg_sink {
	const struct rg_format *format;
	struct rg_sink_opts opts;
	char *host; /* copy behind opts.host */
	struct rg_out out;
	bool out_open;
	void *state;
};

#define RG_FORMAT(symbol, name, full, doc) extern const struct rg_format rg_format_##symbol;
#include "sink/formats.def"
#undef RG_FORMAT

#endif
