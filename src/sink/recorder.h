/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RG_SINK_RECORDER_H
#define RG_SINK_RECORDER_H

#include <pthread.h>
#include <zstd.h>

#include <recvguard/error.h>

#include "sink/intern.h"
#include "sink/json.h"
#include "sink/sqlite.h"

#define REC_FD_MAX 64
#define REC_PAGE   8192

/* Carries what is in the write-ahead log of a recording to the disk, in a thread of its own: the recorder
 * never waits for a disk. */
struct rec_keeper;
int rec_keeper_start(const char *path, struct rec_keeper **ret, struct rg_err *err);
void rec_keeper_stop(struct rec_keeper *k); /* NULL is allowed */

/* Indexes, then everything into the one file, on the disk. Nobody writes to it any more; readers may be
 * there. */
int rec_finish(const char *path, struct rg_err *err);

/* The same for a file that was put aside, in a thread of its own. */
struct rec_finisher {
	pthread_t thread;
	bool running;
	char *path;
	struct rg_err err; /* the first that failed */
};
void rec_finisher_start(struct rec_finisher *f, const char *path);
void rec_finisher_wait(struct rec_finisher *f);

/* Space on the disk that is given back when there is no other: room for the word that messages are missing.
 * -1: the file system has no such thing. */
int rec_reserve(const char *path);

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
	int64_t message;	   /* number of the last one inserted; goes on from file to file */
	uint64_t written, pending; /* messages committed; inserted since */
	uint64_t pending_bytes;	   /* about what those take */
	int64_t kept;		   /* of message: committed */
	uint64_t seen_id, last_id; /* of the event inserted last, and of the one committed last */
	bool open;		   /* a transaction is */
	struct rec_keeper *keeper;
	/* a failure, and what it cost */
	struct rg_err failed;
	const char *why; /* of failed, without the counts */
	uint64_t lost;	 /* messages given and not recorded */
	int64_t loss;	 /* number of the message that says so, 0: none */
	int reserve;
	/* rotation */
	sqlite3_stmt *size;
	char run[20];	   /* the same in all files of one run */
	uint64_t began_ns; /* CLOCK_MONOTONIC, of this file */
	unsigned aside,
		oldest; /* number of the file put aside last, and of the oldest that is left; 0: none */
	struct rec_finisher finisher;
};

/* Insert an event into the open transaction. An SQLite result code. */
int rec_message(struct recorder *r, const struct rg_event *ev);

/* sqlite_file.c: the file and its statements. The path is set. */
int rec_create(struct recorder *r, const char *host, struct rg_err *err);
int rec_open(struct recorder *r, const char *host, struct rg_err *err);
void rec_close(struct recorder *r);
int rec_put_aside(struct recorder *r, struct rg_err *err);
/* The oldest files go until those that are left, and two of size next, are no more than max. */
void rec_make_space(struct recorder *r, uint64_t max, uint64_t next);
int rec_errno(sqlite3 *db, int rc);

#endif
