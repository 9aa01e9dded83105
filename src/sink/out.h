/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RG_SINK_OUT_H
#define RG_SINK_OUT_H

#include <stdbool.h>
#include <stdint.h>

#include <recvguard/error.h>

#include "base/buf.h"

/* A buffered file (or standard output). The first error is kept: every later call returns it again. */
struct rg_out {
	struct rg_buf buf; /* formats append whole records here, then call rg_out_poll */
	char *path;	   /* as given, for messages; NULL: standard output */
	uint64_t done;	   /* bytes handed over */
	int fd;
	bool regular; /* can be cut and synced */
	bool lively;  /* a terminal: hand over every record at once */
	bool lines;   /* records are lines: after a full disk cut the file behind the last whole one */
	struct rg_err failed; /* code 0 while all is well */
};

/* file NULL or "-": standard output. Created with mode 0600 and replaced. */
int rg_out_open(struct rg_out *o, const char *file, struct rg_err *err);
/* Hand over when enough has gathered. */
int rg_out_poll(struct rg_out *o, struct rg_err *err);
int rg_out_flush(struct rg_out *o, struct rg_err *err);
/* Flush, sync, close, free. Also after an error, which it returns. */
int rg_out_close(struct rg_out *o, struct rg_err *err);

#endif
