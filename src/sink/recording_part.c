/* SPDX-License-Identifier: BSD-2-Clause */
/* One file of a recording: opening it, and going through its messages, around damage where there is some. */
#include "sink/recording.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"

#define BUSY_MS 2000 /* how long another program may hold the file locked */

int rec_part_fail(struct rec_part *p, int rc, struct rg_err *err)
{
	int e = p->db ? sqlite3_system_errno(p->db) : 0;

	switch (rc & 0xff) {
	case SQLITE_NOTADB:
	case SQLITE_CORRUPT:
		return rg_fail(err, -EBADMSG, "'%s' is damaged or no recording: %s", p->path,
			       sqlite3_errmsg(p->db));
	case SQLITE_NOMEM: return rg_fail(err, -ENOMEM, "out of memory reading '%s'", p->path);
	case SQLITE_READONLY:
		return rg_fail(
			err, -EROFS,
			"'%s' was left in the middle of a change by a recorder that was killed: replay it "
			"once "
			"as its owner, where it was recorded (a journal that another made is not trusted)",
			p->path);
	case SQLITE_BUSY: return rg_fail(err, -EBUSY, "'%s' is locked by another program", p->path);
	default: return rg_fail(err, e ? -e : -EIO, "cannot read '%s': %s", p->path, sqlite3_errmsg(p->db));
	}
}

/* ---- opening ---- */

static int check_file(struct rec_part *p, struct rg_err *err)
{
	rg_auto_close int fd = open(p->path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	char magic[16];
	struct stat st;
	ssize_t n;

	if (fd < 0 || fstat(fd, &st))
		return rg_fail(err, -errno, "cannot open recording '%s': %s", p->path, strerror(errno));
	p->dev = st.st_dev;
	p->ino = st.st_ino;
	n = read(fd, magic, sizeof(magic));
	if (n < 0)
		return rg_fail(err, -errno, "cannot read recording '%s': %s", p->path, strerror(errno));
	if (n == 0)
		return rg_fail(err, -ENODATA, "'%s' is empty: nothing was recorded to it yet", p->path);
	if (n != sizeof(magic) || memcmp(magic, "SQLite format 3", 16) != 0)
		return rg_fail(err, -EBADMSG, "'%s' is not a recording (recvguard record makes SQLite files)",
			       p->path);
	return 0;
}

int rec_part_number(struct rec_part *p, const char *sql, int64_t *ret)
{
	sqlite3_stmt *st = NULL;
	int rc = sqlite3_prepare_v2(p->db, sql, -1, &st, NULL);

	if (rc == SQLITE_OK) {
		rc = sqlite3_step(st);
		if (rc == SQLITE_ROW) {
			*ret = sqlite3_column_int64(st, 0);
			rc = SQLITE_OK;
		} else if (rc == SQLITE_DONE) {
			rc = SQLITE_EMPTY;
		}
	}
	sqlite3_finalize(st);
	return rc;
}

static int check_format(struct rec_part *p, struct rg_err *err)
{
	int64_t format = 0, tables = 1;
	int rc = rec_part_number(p, "SELECT count(*) FROM sqlite_schema", &tables);

	if (rc == SQLITE_OK && !tables)
		return rg_fail(err, -ENODATA, "'%s' is empty: nothing was recorded to it yet", p->path);
	rc = rec_part_number(p, "SELECT value FROM recording WHERE key = 'format'", &format);

	if (rc == SQLITE_ERROR || rc == SQLITE_EMPTY)
		return rg_fail(err, -EBADMSG, "'%s' is an SQLite file, and no recording", p->path);
	if (rc != SQLITE_OK)
		return rec_part_fail(p, rc, err);
	if (format != REC_FORMAT)
		return rg_fail(err, -EPROTO,
			       "'%s' is a recording of format %lld: this recvguard reads format %d", p->path,
			       (long long)format, REC_FORMAT);
	return 0;
}

static void load_run(struct rec_part *p)
{
	sqlite3_stmt *st = NULL;

	if (sqlite3_prepare_v2(p->db, "SELECT value FROM recording WHERE key = 'run'", -1, &st, NULL) ==
		    SQLITE_OK &&
	    sqlite3_step(st) == SQLITE_ROW && sqlite3_column_text(st, 0))
		snprintf(p->run, sizeof(p->run), "%s", (const char *)sqlite3_column_text(st, 0));
	sqlite3_finalize(st);
}

static int load_fields(struct rec_part *p, struct rg_err *err)
{
	sqlite3_stmt *st = NULL;
	int rc = sqlite3_prepare_v2(p->db, "SELECT n, name, type FROM field", -1, &st, NULL);

	for (int i = 0; i < REC_FIELDS_MAX; i++)
		p->map[i] = -1;
	while (rc == SQLITE_OK && (rc = sqlite3_step(st)) == SQLITE_ROW) {
		int64_t n = sqlite3_column_int64(st, 0);
		const char *name = (const char *)sqlite3_column_text(st, 1);
		int f = name ? rg_field_find(name, strlen(name)) : -1;

		if (n >= 0 && n < REC_FIELDS_MAX && f >= 0 &&
		    sqlite3_column_int(st, 2) == (int)rg_fields[f].type) {
			p->map[n] = f;
			p->have[f] = true;
		}
		rc = SQLITE_OK;
	}
	sqlite3_finalize(st);
	return rc == SQLITE_DONE ? 0 : rec_part_fail(p, rc, err);
}

static int prepare_next(struct rec_part *p, struct rg_err *err)
{
	rg_auto_buf sql = {0};
	int rc;

	for (int f = 0; f < RG_F__COUNT; f++)
		if (p->have[f] && rec_table_of(f) != REC_LISTS)
			p->column[p->n_columns++] = (uint8_t)f;
	rec_select(&sql, p->have);
	rc = sqlite3_prepare_v2(p->db, rg_buf_cstr(&sql), -1, &p->next, NULL);
	if (rc == SQLITE_ERROR)
		return rg_fail(err, -EBADMSG, "'%s' is damaged: %s", p->path, sqlite3_errmsg(p->db));
	return rc == SQLITE_OK ? 0 : rec_part_fail(p, rc, err);
}

/* In a folder of somebody else's, or where others may rename files, a name may mean another file a moment
 * later. */
static bool folder_is_safe(const char *path)
{
	const char *slash = strrchr(path, '/');
	rg_auto_free char *folder = slash ? strndup(path, (size_t)(slash - path) + 1) : strdup(".");
	struct stat st;

	return folder && stat(folder, &st) == 0 && (st.st_uid == geteuid() || st.st_uid == 0) &&
	       (!(st.st_mode & (S_IWGRP | S_IWOTH)) || st.st_mode & S_ISVTX);
}

/* May a journal be undone? SQLite deletes the file that a journal names as its super-journal: one that
 * somebody else prepared could name any. A recorder's names none, and it and the recording are their owner's
 * alone. To be asked before SQLite opens it: as root that gives it the recording's owner. */
static bool journal_is_ours(const char *path)
{
	static const uint8_t magic[8] = {0xd9, 0xd5, 0x05, 0xf9,
					 0x20, 0xa1, 0x63, 0xd7}; /* behind such a name */
	rg_auto_free char *name = NULL;
	rg_auto_close int fd = -1;
	struct stat db, st;
	uint8_t end[8];

	if (asprintf(&name, "%s-journal", path) < 0)
		return false;
	fd = open(name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	if (fd < 0 || fstat(fd, &st) || lstat(path, &db) || !S_ISREG(st.st_mode) || !S_ISREG(db.st_mode) ||
	    st.st_uid != geteuid() || db.st_uid != st.st_uid || !folder_is_safe(path))
		return false;
	return pread(fd, end, sizeof(end), st.st_size - (off_t)sizeof(end)) == sizeof(end) &&
	       memcmp(end, magic, sizeof(magic)) != 0;
}

/* A recorder that was killed while it changed the file's mode (at its beginning, at its end) leaves a journal
 * to be undone, for which the file has to be written: its owner does so once. SQLite itself makes sure that
 * nobody is still writing. */
static int undo_journal(struct rec_part *p, int flags)
{
	int64_t n;
	int rc;

	sqlite3_close(RG_TAKE(p->db));
	rc = sqlite3_open_v2(p->path, &p->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
	if (rc == SQLITE_OK) {
		sqlite3_busy_timeout(p->db, BUSY_MS);
		rec_part_number(p, "SELECT count(*) FROM sqlite_schema", &n);
	}
	sqlite3_close(RG_TAKE(p->db));
	return sqlite3_open_v2(p->path, &p->db, flags, NULL);
}

/* SQLite refuses a whole file that is shorter than its header says, unless it is told that somebody is
 * mending it: read-only as it is, that only lets through the pages that are there. */
static int open_db(struct rec_part *p)
{
	const int flags = SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX;
	bool ours = journal_is_ours(p->path);
	int rc = sqlite3_open_v2(p->path, &p->db, flags, NULL);
	int64_t n;

	if (rc == SQLITE_OK)
		sqlite3_extended_result_codes(p->db, 1);
	if (rc == SQLITE_OK &&
	    rec_part_number(p, "SELECT count(*) FROM sqlite_schema", &n) == SQLITE_READONLY_ROLLBACK && ours)
		rc = undo_journal(p, flags);
	if (rc != SQLITE_OK)
		return rc;
	sqlite3_extended_result_codes(p->db, 1);
	sqlite3_busy_timeout(p->db, BUSY_MS);
	/* defensive: the schema itself comes from the file */
	sqlite3_db_config(p->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
	sqlite3_db_config(p->db, SQLITE_DBCONFIG_DEFENSIVE, !p->salvage, NULL);
	/* else a column that is misspelt would be taken for text, and give a wrong answer */
	sqlite3_db_config(p->db, SQLITE_DBCONFIG_DQS_DML, 0, NULL);
	if (p->salvage)
		sqlite3_db_config(p->db, SQLITE_DBCONFIG_WRITABLE_SCHEMA, 1, NULL);
	return sqlite3_create_function(p->db, "payload", 2,
				       SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_INNOCUOUS, NULL,
				       rec_sql_payload, NULL, NULL);
}

static int open_part(struct rec_part *p, struct rg_err *err)
{
	int rc = open_db(p);

	rc = rc == SQLITE_OK ? check_format(p, err) : rec_part_fail(p, rc, err);
	if (rc)
		return rc;
	load_run(p);
	return load_fields(p, err) ?: prepare_next(p, err);
}

static void close_db(struct rec_part *p)
{
	sqlite3_finalize(RG_TAKE(p->next));
	sqlite3_close(RG_TAKE(p->db));
	p->n_columns = 0;
}

int rec_part_open(const char *path, struct rec_part **ret, struct rg_err *err)
{
	struct rec_part *p = calloc(1, sizeof(*p));
	struct rg_err again = {0};
	int rc;

	*ret = NULL;
	if (!p || !(p->path = strdup(path))) {
		free(p);
		return rg_fail(err, -ENOMEM, "out of memory reading '%s'", path);
	}
	rc = check_file(p, err);
	rc = rc ? rc : open_part(p, err);
	if (rc == -EBADMSG && p->db) {
		close_db(p);
		p->salvage = true;
		rc = open_part(p, &again) ? -EBADMSG : 0;
	}
	if (rc) {
		rec_part_close(p);
		return rc;
	}
	*ret = p;
	return 0;
}

void rec_part_close(struct rec_part *p)
{
	if (!p)
		return;
	close_db(p);
	rg_buf_free(&p->data);
	free(p->path);
	free(p);
}

/* ---- going on ---- */

/* Can what comes after message n be read: a message (whose number is *first), or the end (INT64_MAX)? */
static bool readable(struct rec_part *p, int64_t n, int64_t *first)
{
	int rc;

	sqlite3_reset(p->next);
	sqlite3_bind_int64(p->next, 1, n);
	rc = sqlite3_step(p->next);
	*first = rc == SQLITE_ROW ? sqlite3_column_int64(p->next, 0) : INT64_MAX;
	sqlite3_reset(p->next);
	return rc == SQLITE_ROW || rc == SQLITE_DONE;
}

/* Behind a place that cannot be read: strides that double find one that can, halving them again its start.
 * False: nothing more can. */
static bool go_behind(struct rec_part *p)
{
	int64_t bad = p->last, good, first, step = 1;

	for (;; step *= 2) {
		if (step > INT64_C(1) << 40 || bad > INT64_MAX / 2)
			return false;
		good = p->last + step;
		if (readable(p, good, &first))
			break;
		bad = good;
	}
	while (good - bad > 1) {
		int64_t middle = bad + (good - bad) / 2;

		if (readable(p, middle, &first))
			good = middle;
		else
			bad = middle;
	}
	p->last = good;
	return true;
}

static int damage(struct rec_part *p, int rc, struct rg_err *err)
{
	p->told = true;
	return rg_fail(err, -EBADMSG, "'%s' is damaged after message %lld: %s", p->path, (long long)p->last,
		       sqlite3_errstr(rc));
}

int rec_part_next(struct rec_part *p, struct rg_event *ev, struct rg_err *err)
{
	int rc;

	if (p->broken && !go_behind(p))
		return 0;
	p->broken = false;
	if (!sqlite3_stmt_busy(p->next))
		sqlite3_bind_int64(p->next, 1, p->last);
	rc = sqlite3_step(p->next);
	if (rc == SQLITE_ROW) {
		p->last = sqlite3_column_int64(p->next, 0);
		rc = rec_message_read(p, ev, err);
		p->told |= rc == -EBADMSG;
		return rc;
	}
	sqlite3_reset(p->next);
	if ((rc & 0xff) == SQLITE_CORRUPT || (rc & 0xff) == SQLITE_NOTADB || rc == SQLITE_IOERR_SHORT_READ) {
		p->broken = true;
		return damage(p, rc, err);
	}
	if (rc == SQLITE_DONE && p->salvage && !p->told)
		return damage(p, SQLITE_CORRUPT, err);
	return rc == SQLITE_DONE ? 0 : rec_part_fail(p, rc, err);
}
