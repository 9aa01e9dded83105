/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RG_SINK_RECORDER_H
#define RG_SINK_RECORDER_H

#include <zstd.h>

#include <recvguard/error.h>

#include "sink/intern.h"
#include "sink/json.h"
#include "sink/sqlite.h"

#define REC_FD_MAX 64

/* A recording being written. */
struct recorder {
	sqlite3 *db;
	sqlite3_stmt *insert[REC_TABLES], *tagset, *fd, *cmsg;
	struct intern known[REC_SHARED], tags;
	uint8_t order[REC_TABLES][RG_F__COUNT], n_order[REC_TABLES];
	int data_at;			  /* parameter of msg.data in the insert of a message */
	const char *fd_names[REC_FD_MAX]; /* columns of table fd */
	int n_fd_names;
	struct rg_buf key, lists, text, packed;
	struct rg_json json;
	ZSTD_CCtx *zstd;
	char *path;
	int64_t message;	   /* number of the last one inserted */
	uint64_t written, pending; /* messages committed; inserted since */
	bool open;		   /* a transaction is */
	struct rg_err failed;
	/* rotation */
	sqlite3_stmt *size;
	uint64_t began_ns; /* CLOCK_MONOTONIC, of this file */
	unsigned aside,
		oldest;	      /* number of the file put aside last, and of the oldest that is left; 0: none */
	uint64_t aside_bytes; /* of all that are left */
};

/* Insert an event into the open transaction. An SQLite result code. */
int rec_message(struct recorder *r, const struct rg_event *ev);

#endif
