/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RECVGUARD_RECORDING_H
#define RECVGUARD_RECORDING_H

#include <stdbool.h>
#include <stdint.h>

#include <recvguard/error.h>
#include <recvguard/event.h>

/*
 * Reading recordings: the SQLite files that `recvguard record` and `-o sqlite=FILE` write. Readable while it
 * is still being written, and after a kill -9 of the writer. A recording is one file, or several that follow
 * each other: what the same run put aside by rotation (FILE.1, FILE.2...) comes before FILE by itself. Not
 * thread-safe.
 */

struct rg_recording;

/* -ENOENT, -EACCES...: the file; -ENODATA: it was just being made; -EBADMSG: not a recording, or nothing of
 * it can be read; -EPROTO: of another format. */
int rg_recording_open(const char *file, struct rg_recording **ret, struct rg_err *err);
/* Several, in this order. */
int rg_recording_open_files(const char *const *files, unsigned n, struct rg_recording **ret,
			    struct rg_err *err);
/* The files, those found by themselves included; NULL past the last. Owned by the recording. */
unsigned rg_recording_files(const struct rg_recording *r);
const char *rg_recording_file(const struct rg_recording *r, unsigned i);

/* The next event in the order of recording: the same values and tags as were written. 1: ev holds it until
 * the next call, 0: no more (a later call sees what was recorded since), -EBADMSG: a file is damaged here
 * (err says where); the next call goes on behind the damage, as far as something can be read. */
int rg_recording_next(struct rg_recording *r, struct rg_event *ev, struct rg_err *err);

/* Events in the files now. Negative errno on error. */
int64_t rg_recording_count(struct rg_recording *r, struct rg_err *err);

/* Called from time to time while rg_recording_sql works; non-zero interrupts it. */
typedef int (*rg_progress_fn)(void *arg);
void rg_recording_progress(struct rg_recording *r, rg_progress_fn fn, void *arg);

/* One value of a row of a query's result. */
enum rg_cell_type { RG_CELL_NULL, RG_CELL_INT, RG_CELL_REAL, RG_CELL_TEXT, RG_CELL_BLOB };
struct rg_cell {
	enum rg_cell_type type;
	int64_t i;
	double real;
	const char *p; /* TEXT, BLOB */
	uint32_t len;
};
/* Called for each row; row_no counts from 0. Non-zero stops and is returned. */
typedef int (*rg_row_fn)(void *arg, uint64_t row_no, int n, const char *const *names,
			 const struct rg_cell *cells);

/* Run one SQL statement that only reads; of several files the rows together. -EINVAL: what SQLite says of it;
 * -EROFS: it would write; -E2BIG: more files than SQLite opens at once; -EINTR: by the progress function. */
int rg_recording_sql(struct rg_recording *r, const char *sql, rg_row_fn fn, void *arg, struct rg_err *err);

/* NULL is allowed. */
void rg_recording_close(struct rg_recording *r);

#endif
