/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RECVGUARD_RECORDING_H
#define RECVGUARD_RECORDING_H

#include <stdbool.h>
#include <stdint.h>

#include <recvguard/error.h>
#include <recvguard/event.h>

/*
 * Reading recordings: the SQLite files that `recvguard record` and `-o sqlite=FILE` write. Readable while it
 * is still being written, and after a kill -9 of the writer. Not thread-safe.
 */

struct rg_recording;

/* -ENOENT, -EACCES...: the file; -EBADMSG: not a recording; -EPROTO: of a newer format. */
int rg_recording_open(const char *file, struct rg_recording **ret, struct rg_err *err);

/* The next event in the order of recording: the same values and tags as were written. 1: ev holds it until
 * the next call, 0: no more (a later call sees what was recorded since), -EBADMSG: the file is damaged here
 * (err says where). */
int rg_recording_next(struct rg_recording *r, struct rg_event *ev, struct rg_err *err);

/* Events in the file now. Negative errno on error. */
int64_t rg_recording_count(struct rg_recording *r, struct rg_err *err);

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

/* Run one SQL statement that only reads. -EINVAL: what SQLite says of it; -EROFS: it would write. */
int rg_recording_sql(struct rg_recording *r, const char *sql, rg_row_fn fn, void *arg, struct rg_err *err);

/* NULL is allowed. */
void rg_recording_close(struct rg_recording *r);

#endif
