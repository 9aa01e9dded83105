/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RECVGUARD_SINK_H
#define RECVGUARD_SINK_H

#include <stdbool.h>
#include <stdint.h>

#include <recvguard/error.h>
#include <recvguard/event.h>

/* Where events go. One sink is one format written to one place. Not thread-safe; several may be open. */

struct rg_sink;

struct rg_sink_opts {
	bool color;	       /* only ever honoured by the text format */
	bool hex;	       /* text: payload as hex and ASCII under each line (-x) */
	bool tracee_pointers;  /* tracee formats: print msg as Tracee does, a bare pointer */
	bool ascii;	       /* text: nothing beyond ASCII (the locale is not UTF-8) */
	bool header;	       /* text: a line of column titles first */
	unsigned width;	       /* text: columns of the terminal, 0 = unlimited */
	uint64_t rotate_bytes; /* sqlite: a file of this size is put aside as FILE.1, FILE.2, ...; 0: never */
	uint64_t rotate_ns;    /* sqlite: the same after this time */
	uint64_t max_bytes; /* sqlite: keep no more in all: rotated files are deleted, oldest first; without
			     * rotation recording ends with -EFBIG; 0: no bound */
	const char *host;   /* name of this machine (tracee's hostName), borrowed */
};

/* spec is FORMAT or FORMAT=FILE ("-" or none: standard output). Files are created with mode 0600 and
 * replaced. Errors: -EINVAL unknown format (the message lists the known ones), -errno of opening. */
int rg_sink_open(const char *spec, const struct rg_sink_opts *opts, struct rg_sink **ret, struct rg_err *err);

/* Write one event. Buffered: an error may belong to an earlier event. -EPIPE: the reader is gone;
 * -ENOSPC, -EIO...: err says the file; the sink then refuses further events with the same error. */
int rg_sink_write(struct rg_sink *s, const struct rg_event *ev, struct rg_err *err);
/* Recordings: how many events were given to it and could not be kept, those refused after the failure
 * included. The recording itself says so by an event of kind lost where there is room for one. */
uint64_t rg_sink_lost(const struct rg_sink *s);
/* Hand over what is buffered. */
int rg_sink_flush(struct rg_sink *s, struct rg_err *err);
/* Finish (trailers, fsync of regular files) and free, also on error. NULL is allowed. */
int rg_sink_close(struct rg_sink *s, struct rg_err *err);

/* The names of all formats with one line of documentation each; ends with a NULL name. */
struct rg_sink_format {
	const char *name;
	const char *doc;
	bool full; /* made of what only the full record has: not with rg_trace_opts.metadata */
};
extern const struct rg_sink_format rg_sink_formats[];

/* Every value of an event in the order of the table, elements of lists by their own names (fd[0].path):
 * escaped, so that a terminal only shows it; tags NULL where it is plain K. Non-zero from fn stops, and is
 * returned. -ENOMEM. */
typedef int (*rg_value_fn)(void *arg, const char *name, const char *value, const char *tags);
int rg_event_values(const struct rg_event *ev, rg_value_fn fn, void *arg);

/* Foreign bytes for people: as a JSON value (a string, or {"base64":...}), and escaped so that a terminal
 * only shows them (\n, \x1b, \u{202e}). The caller frees them; NULL: out of memory. */
char *rg_bytes_json(const char *p, size_t len);
char *rg_bytes_shown(const char *p, size_t len);

#endif
