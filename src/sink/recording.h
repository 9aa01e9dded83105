/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RG_SINK_RECORDING_H
#define RG_SINK_RECORDING_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <recvguard/recording.h>

#include "sink/sqlite.h"

#define REC_FIELDS_MAX	 256
#define REC_FIRST_COLUMN 5 /* of the fields in rec_select */

/* One file of a recording. What is in it is input that may be damaged or made up. */
struct rec_part {
	sqlite3 *db;
	sqlite3_stmt *next;
	char *path;
	dev_t dev;
	ino_t ino;
	int64_t last;		     /* number of the message read last */
	int map[REC_FIELDS_MAX];     /* our field for each of the file's, -1 unknown */
	bool have[RG_F__COUNT];	     /* fields that the file has */
	uint8_t column[RG_F__COUNT]; /* those that are columns, in their order */
	unsigned n_columns;
	char run[20];	    /* of which run of a recorder; "": not said */
	bool salvage;	    /* SQLite calls the file malformed: what can be read is */
	bool broken;	    /* the step that came last failed: what is next must be searched */
	bool told;	    /* of damage, at least once */
	struct rg_buf data; /* payload, unpacked */
};

/* A damaged file is opened when its tables can be read at all. Errors as rg_recording_open; -ENODATA: nothing
 * was recorded to it yet. */
int rec_part_open(const char *path, struct rec_part **ret, struct rg_err *err);
void rec_part_close(struct rec_part *p);
/* As rg_recording_next. */
int rec_part_next(struct rec_part *p, struct rg_event *ev, struct rg_err *err);
/* First column of the first row. SQLITE_EMPTY: there is none. */
int rec_part_number(struct rec_part *p, const char *sql, int64_t *ret);
/* What SQLite's code means for the reader. */
int rec_part_fail(struct rec_part *p, int rc, struct rg_err *err);

/* The message that p->next stands at, into ev. 1, or negative errno. */
int rec_message_read(struct rec_part *p, struct rg_event *ev, struct rg_err *err);
/* payload(bytes, size): an SQL function. */
void rec_sql_payload(sqlite3_context *ctx, int n, sqlite3_value **v);
/* A value as the text or bytes it is. */
void rec_span(sqlite3_stmt *st, int i, struct rg_value *v);

#endif
