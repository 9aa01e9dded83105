/* SPDX-License-Identifier: BSD-2-Clause */
/* -o sqlite=FILE: recordings. */
#include "sink/recorder.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "sink/sink.h"

#define COMMIT_EVERY \
	1024 /* messages in a transaction: what a disk that fills up takes back; flushing commits too */
#define PAGE	   8192
#define STRING_(x) #x
#define STRING(x)  STRING_(x)

static int sqlite_errno(sqlite3 *db, int rc)
{
	int e = db ? sqlite3_system_errno(db) : 0;

	switch (rc & 0xff) {
	case SQLITE_FULL: return -ENOSPC;
	case SQLITE_NOMEM: return -ENOMEM;
	case SQLITE_CANTOPEN: return e ? -e : -ENOENT;
	case SQLITE_READONLY: return -EROFS;
	case SQLITE_BUSY: return -EBUSY;
	default: return e ? -e : -EIO;
	}
}

static int fail(struct recorder *r, int rc, struct rg_err *err)
{
	int code = sqlite_errno(r->db, rc);

	if (!r->failed.code) {
		if (r->db)
			sqlite3_exec(r->db, "ROLLBACK", NULL, NULL, NULL);
		r->open = false;
		rg_fail(&r->failed, code,
			"cannot record to %s: %s (%llu messages are in it, %llu could not be kept)", r->path,
			code == -ENOSPC ? strerror(ENOSPC) : sqlite3_errmsg(r->db),
			(unsigned long long)r->written, (unsigned long long)r->pending + 1);
	}
	if (err)
		*err = r->failed;
	return r->failed.code;
}

static int commit(struct recorder *r, struct rg_err *err)
{
	int rc;

	if (r->failed.code)
		return fail(r, 0, err);
	if (!r->open)
		return 0;
	rc = sqlite3_exec(r->db, "COMMIT", NULL, NULL, NULL);
	if (rc != SQLITE_OK)
		return fail(r, rc, err);
	r->open = false;
	r->written += r->pending;
	r->pending = 0;
	return 0;
}

/* ---- opening and closing ---- */

/* A recording replaces what was there, its companions included; others may not read it. */
static int make_file(const char *path, struct rg_err *err)
{
	static const char *const suffixes[] = {"", "-wal", "-shm", "-journal"};
	rg_auto_close int fd = -1;
	char name[PATH_MAX];

	for (size_t i = 0; i < RG_ARRAY_LEN(suffixes); i++) {
		if (snprintf(name, sizeof(name), "%s%s", path, suffixes[i]) >= (int)sizeof(name))
			return rg_fail(err, -ENAMETOOLONG, "cannot record to '%s': the name is too long",
				       path);
		if (unlink(name) && errno != ENOENT)
			return rg_fail(err, -errno, "cannot replace '%s': %s", name, strerror(errno));
	}
	fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	return fd < 0 ? rg_fail(err, -errno, "cannot record to '%s': %s", path, strerror(errno)) : 0;
}

static int prepare(struct recorder *r, struct rg_buf *sql, sqlite3_stmt **ret)
{
	int rc = sqlite3_prepare_v3(r->db, rg_buf_cstr(sql), -1, SQLITE_PREPARE_PERSISTENT, ret, NULL);

	rg_buf_reset(sql);
	return rc;
}

static int prepare_all(struct recorder *r)
{
	rg_auto_buf sql = {0};
	int rc = SQLITE_OK;

	for (int t = 0; t < REC_TABLES && rc == SQLITE_OK; t++) {
		rec_insert(&sql, t);
		rc = prepare(r, &sql, &r->insert[t]);
	}
	rg_buf_str(&sql, "INSERT INTO tagset VALUES(?,?)");
	rc = rc == SQLITE_OK ? prepare(r, &sql, &r->tagset) : rc;
	rg_buf_reset(&sql);
	rg_buf_str(&sql, "INSERT INTO cmsg VALUES(?,?,?,?,?,?)");
	rc = rc == SQLITE_OK ? prepare(r, &sql, &r->cmsg) : rc;
	rg_buf_reset(&sql);
	rg_buf_str(&sql, "INSERT INTO fd VALUES(?,?");
	for (size_t i = 0; i < rg_field_elem_count(RG_F_FD); i++)
		rg_buf_str(&sql, ",?");
	rg_buf_str(&sql, ")");
	return rc == SQLITE_OK ? prepare(r, &sql, &r->fd) : rc;
}

static int make_schema(struct recorder *r, const char *host)
{
	rg_auto_buf sql = {0};
	char *meta;
	int rc;

	/* The log keeps every commit whole through a kill -9; the disk is waited for only at the end. */
	rg_buf_str(&sql, "PRAGMA page_size=" STRING(
				 PAGE) "; PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF; "
				       "PRAGMA wal_autocheckpoint=8192; PRAGMA temp_store=MEMORY; PRAGMA "
				       "cache_size=-32768;\nBEGIN;\n");
	rec_ddl(&sql);
	meta = sqlite3_mprintf(
		"INSERT INTO recording VALUES('format', %d), ('host', %Q), ('started', %lld);\nCOMMIT;",
		REC_FORMAT, host, (long long)time(NULL));
	rg_buf_str(&sql, meta ? meta : "");
	sqlite3_free(meta);
	rc = sqlite3_exec(r->db, rg_buf_cstr(&sql), NULL, NULL, NULL);
	return sql.oom ? SQLITE_NOMEM : rc;
}

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

/* The file is there, and empty. */
static int open_db(struct rg_sink *s, struct rg_err *err)
{
	struct recorder *r = s->state;
	int rc = sqlite3_open_v2(r->path, &r->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);

	rc = rc == SQLITE_OK ? make_schema(r, s->opts.host) : rc;
	rc = rc == SQLITE_OK ? prepare_all(r) : rc;
	rc = rc == SQLITE_OK ? sqlite3_prepare_v2(r->db, "PRAGMA page_count", -1, &r->size, NULL) : rc;
	r->began_ns = now_ns();
	return rc == SQLITE_OK ? 0 : fail(r, rc, err);
}

static int sqlite_open_sink(struct rg_sink *s, const char *file, struct rg_err *err)
{
	struct recorder *r = s->state;
	int rc;

	if (!file || !strcmp(file, "-"))
		return rg_fail(err, -EINVAL, "output format 'sqlite' needs a file: sqlite=FILE");
	rc = make_file(file, err);
	if (rc)
		return rc;
	r->path = strdup(file);
	r->zstd = ZSTD_createCCtx();
	if (!r->path || !r->zstd)
		return rg_fail(err, -ENOMEM, "out of memory for a recording");
	for (int f = 0; f < RG_F__COUNT; f++) {
		enum rec_table t = rec_table_of(f);

		if (f == RG_F_MSG_DATA)
			r->data_at = 6 + r->n_order[t];
		if (t != REC_LISTS)
			r->order[t][r->n_order[t]++] = (uint8_t)f;
	}
	r->n_fd_names = (int)rg_field_elem_count(RG_F_FD);
	for (int i = 0; i < r->n_fd_names && i < REC_FD_MAX; i++)
		r->fd_names[i] = rg_field_elem(RG_F_FD, (size_t)i)->name;
	if (r->n_fd_names > REC_FD_MAX)
		return rg_fail(err, -EOVERFLOW,
			       "more kinds of descriptor fields than a recording is made for");
	return open_db(s, err);
}

/* Indexes, then everything from the log into the one file, on the disk. */
static int finish(struct recorder *r, struct rg_err *err)
{
	static const char tidy[] = "PRAGMA synchronous=FULL; PRAGMA journal_mode=DELETE;";
	int rc = sqlite3_exec(r->db, rec_indexes, NULL, NULL, NULL);

	if (rc == SQLITE_OK)
		rc = sqlite3_exec(r->db, "INSERT INTO recording VALUES('finished', 1)", NULL, NULL, NULL);
	if (rc == SQLITE_OK) {
		sqlite3_finalize(RG_TAKE(r->size)); /* a statement that was stepped holds the log open */
		rc = sqlite3_exec(r->db, tidy, NULL, NULL, NULL);
	}
	return rc == SQLITE_OK ? 0 : fail(r, rc, err);
}

static void close_db(struct recorder *r)
{
	for (int t = 0; t < REC_TABLES; t++)
		sqlite3_finalize(RG_TAKE(r->insert[t]));
	sqlite3_finalize(RG_TAKE(r->tagset));
	sqlite3_finalize(RG_TAKE(r->fd));
	sqlite3_finalize(RG_TAKE(r->cmsg));
	sqlite3_finalize(RG_TAKE(r->size));
	sqlite3_close(RG_TAKE(r->db));
	for (int t = 0; t < REC_SHARED; t++)
		intern_free(&r->known[t]);
	intern_free(&r->tags);
}

static void free_all(struct recorder *r)
{
	close_db(r);
	rg_buf_free(&r->key);
	rg_buf_free(&r->lists);
	rg_buf_free(&r->text);
	rg_buf_free(&r->packed);
	ZSTD_freeCCtx(r->zstd);
	free(r->path);
}

static int sqlite_close(struct rg_sink *s, struct rg_err *err)
{
	struct recorder *r = s->state;
	int rc = r->failed.code;

	if (rc && err)
		*err = r->failed;
	if (!rc && r->insert[REC_MESSAGE])
		rc = commit(r, err);
	if (!rc && r->insert[REC_MESSAGE])
		rc = finish(r, err);
	free_all(r);
	return rc;
}

/* ---- rotation ---- */

static void name_aside(const struct recorder *r, unsigned number, char *name, size_t size)
{
	snprintf(name, size, "%s.%u", r->path, number);
}

/* The oldest files go until what is left, and one more like this, fits. */
static void make_space(struct recorder *r, uint64_t max, uint64_t size)
{
	char name[PATH_MAX];
	struct stat st;

	while (max && r->oldest && r->oldest < r->aside && r->aside_bytes + size > max) {
		name_aside(r, r->oldest++, name, sizeof(name));
		if (stat(name, &st) == 0 && unlink(name) == 0)
			r->aside_bytes -=
				(uint64_t)st.st_size < r->aside_bytes ? (uint64_t)st.st_size : r->aside_bytes;
	}
}

static int rotate(struct rg_sink *s, uint64_t size, struct rg_err *err)
{
	struct recorder *r = s->state;
	char name[PATH_MAX];
	int rc = finish(r, err);

	if (rc)
		return rc;
	close_db(r);
	do
		name_aside(r, ++r->aside, name, sizeof(name));
	while (access(name, F_OK) == 0); /* of an earlier run: left alone */
	if (rename(r->path, name))
		return rg_fail(&r->failed, -errno, "cannot put '%s' aside as '%s': %s", r->path, name,
			       strerror(errno));
	r->oldest = r->oldest ? r->oldest : r->aside;
	r->aside_bytes += size;
	make_space(r, s->opts.max_bytes, s->opts.rotate_bytes ? s->opts.rotate_bytes : size);
	rc = make_file(r->path, &r->failed);
	return rc ? rc : open_db(s, err);
}

/* After a commit: is the file full, or old enough? */
static int bounds(struct rg_sink *s, struct rg_err *err)
{
	const struct rg_sink_opts *o = &s->opts;
	struct recorder *r = s->state;
	uint64_t size = 0;

	if (!o->rotate_bytes && !o->rotate_ns && !o->max_bytes)
		return 0;
	if (sqlite3_step(r->size) == SQLITE_ROW)
		size = (uint64_t)sqlite3_column_int64(r->size, 0) * PAGE;
	sqlite3_reset(r->size);
	if ((o->rotate_bytes && size >= o->rotate_bytes) ||
	    (o->rotate_ns && now_ns() - r->began_ns >= o->rotate_ns))
		return rotate(s, size, err);
	if (o->max_bytes && !o->rotate_bytes && !o->rotate_ns && size >= o->max_bytes) {
		rg_fail(&r->failed, -EFBIG,
			"recording ended: '%s' has reached its largest size, %llu messages are in it",
			r->path, (unsigned long long)r->written);
		finish(r, NULL);
		if (err)
			*err = r->failed;
		return r->failed.code;
	}
	return 0;
}

static int sqlite_flush(struct rg_sink *s, struct rg_err *err)
{
	struct recorder *r = s->state;
	bool open = r->open;
	int rc = commit(r, err);

	return rc || !open ? rc : bounds(s, err);
}

static int sqlite_event(struct rg_sink *s, const struct rg_event *ev, struct rg_err *err)
{
	struct recorder *r = s->state;
	int rc;

	if (r->failed.code)
		return fail(r, 0, err);
	if (!r->open) {
		rc = sqlite3_exec(r->db, "BEGIN", NULL, NULL, NULL);
		if (rc != SQLITE_OK)
			return fail(r, rc, err);
		r->open = true;
	}
	rc = rec_message(r, ev);
	if (rc != SQLITE_OK)
		return fail(r, rc, err);
	r->pending++;
	return r->pending >= COMMIT_EVERY ? sqlite_flush(s, err) : 0;
}

const struct rg_format rg_format_sqlite = {
	.own_file = true,
	.state_size = sizeof(struct recorder),
	.open = sqlite_open_sink,
	.event = sqlite_event,
	.flush = sqlite_flush,
	.close = sqlite_close,
};
