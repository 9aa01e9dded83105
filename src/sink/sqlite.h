/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RG_SINK_SQLITE_H
#define RG_SINK_SQLITE_H

#include <sqlite3.h>

#include <recvguard/event.h>

#include "base/buf.h"

/*
 * The layout of a recording. What repeats from message to message (process, socket, sender, verdict, the set
 * of tags) is stored once and referred to by number; `event` is a view that puts each message together again
 * under the names of the event table. Columns are made from that table.
 */
#define REC_FORMAT 1 /* of the file, in recording.format */

enum rec_table {
	REC_PROC,
	REC_SOCK,
	REC_SENDER,
	REC_VERDICT,
	REC_SHARED,
	REC_MESSAGE = REC_SHARED,
	REC_TABLES,
	REC_LISTS = REC_TABLES
};

extern const char *const rec_table_names[REC_TABLES];

/* The table that holds a field; REC_LISTS for lists and objects, which are packed (pack.h). */
enum rec_table rec_table_of(enum rg_field f);

/* Columns of a message that are no field. They follow the fields in this order. */
#define REC_EXTRAS \
	"\"fd.count\" INTEGER, \"cmsg.count\" INTEGER, data_full INTEGER, data_zstd INTEGER, lists BLOB"

/* Statements to create everything but the indexes, and these: they are made at the end. */
void rec_ddl(struct rg_buf *b);
extern const char rec_indexes[];
/* INSERT with one parameter for each column; the fields of a table in the order of the event table. For a
 * shared table: ?1 is its number. For messages: ?1 is its number, ?2 to ?6 those of its process, socket,
 * sender, verdict and tags. */
void rec_insert(struct rg_buf *b, enum rec_table t);
/* SELECT of all messages after number ?1: its number, tags, extras, then the fields present in the file
 * (those f with have[f]), in the order of the event table. */
void rec_select(struct rg_buf *b, const bool *have);
/* Views over `main` and the n - 1 databases attached as file1, file2...: their tables as one. */
void rec_join(struct rg_buf *b, unsigned n);

#endif
