/* SPDX-License-Identifier: BSD-2-Clause */
/* The files of a recording: made, opened, put aside, deleted. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "sink/recorder.h"

#define STRING_(x) #x
#define STRING(x)  STRING_(x)

static const char *const suffixes[] = {"", "-wal", "-shm", "-journal"}; /* a database and its companions */

int rec_errno(sqlite3 *db, int rc)
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
	int code = rec_errno(r->db, rc);

	return rg_fail(err, code, "cannot record to %s: %s", r->path,
		       code == -ENOSPC ? strerror(ENOSPC)
		       : r->db	       ? sqlite3_errmsg(r->db)
				       : strerror(-code));
}

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

/* ---- making and opening ---- */

static int named(char *name, const char *path, const char *suffix, struct rg_err *err)
{
	if (snprintf(name, PATH_MAX, "%s%s", path, suffix) < PATH_MAX)
		return 0;
	return rg_fail(err, -ENAMETOOLONG, "cannot record to '%s': the name is too long", path);
}

/* The folder in which path is: dup of nothing, caller closes. */
static int folder_of(const char *path)
{
	const char *slash = strrchr(path, '/');
	rg_auto_free char *folder = slash ? strndup(path, (size_t)(slash - path) + 1) : strdup(".");

	return folder ? open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
}

/* A recording replaces what was there, its companions included; others may not read it. */
static int make_file(const char *path, struct rg_err *err)
{
	rg_auto_close int fd = -1, folder = -1;
	char name[PATH_MAX];

	for (size_t i = 0; i < RG_ARRAY_LEN(suffixes); i++) {
		int rc = named(name, path, suffixes[i], err);

		if (rc)
			return rc;
		if (unlink(name) && errno != ENOENT)
			return rg_fail(err, -errno, "cannot replace '%s': %s", name, strerror(errno));
	}
	fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return rg_fail(err, -errno, "cannot record to '%s': %s", path, strerror(errno));
	folder = folder_of(path);
	if (folder >= 0)
		fsync(folder); /* the name survives a power cut; where that cannot be, nothing is lost by it
				*/
	return 0;
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

	/* A commit is an append to the log, checksummed: whole after a kill -9, whole or not at all after a
	 * power cut. The keeper brings the log to the disk and into the file. */
	rg_buf_str(&sql, "PRAGMA page_size=" STRING(
				 REC_PAGE) "; PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; "
					   "PRAGMA wal_autocheckpoint=0; PRAGMA temp_store=MEMORY; PRAGMA "
					   "cache_size=-32768;\nBEGIN;\n");
	rec_ddl(&sql);
	meta = sqlite3_mprintf("INSERT INTO recording VALUES('format', %d), ('host', %Q), ('started', %lld), "
			       "('run', %Q), ('part', %u);\nCOMMIT;\n",
			       REC_FORMAT, host, (long long)time(NULL), r->run, r->aside + 1);
	rg_buf_str(&sql, meta ? meta : "");
	sqlite3_free(meta);
	rc = sqlite3_exec(r->db, rg_buf_cstr(&sql), NULL, NULL, NULL);
	if (rc == SQLITE_OK) /* the schema is in the file itself, on the disk */
		rc = sqlite3_wal_checkpoint_v2(r->db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
	return sql.oom ? SQLITE_NOMEM : rc;
}

int rec_open(struct recorder *r, const char *host, struct rg_err *err)
{
	int rc = sqlite3_open_v2(r->path, &r->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);

	if (rc == SQLITE_OK)
		sqlite3_db_config(r->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
	rc = rc == SQLITE_OK ? make_schema(r, host) : rc;
	rc = rc == SQLITE_OK ? prepare_all(r) : rc;
	rc = rc == SQLITE_OK ? sqlite3_prepare_v2(r->db, "PRAGMA page_count", -1, &r->size, NULL) : rc;
	r->began_ns = now_ns();
	if (rc != SQLITE_OK)
		return fail(r, rc, err);
	r->reserve = rec_reserve(r->path);
	return rec_keeper_start(r->path, &r->keeper, err);
}

int rec_create(struct recorder *r, const char *host, struct rg_err *err)
{
	uint64_t random;

	if (!r->run[0]) {
		if (getrandom(&random, sizeof(random), 0) != sizeof(random))
			random = now_ns() ^ (uint64_t)getpid() << 40;
		snprintf(r->run, sizeof(r->run), "%016llx", (unsigned long long)random);
	}
	return make_file(r->path, err) ?: rec_open(r, host, err);
}

void rec_close(struct recorder *r)
{
	rec_keeper_stop(RG_TAKE(r->keeper));
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
	if (r->reserve > 0)
		close(r->reserve);
	r->reserve = -1;
}

int rec_reserve(const char *path)
{
	enum { SIZE = 256 << 10 };
	rg_auto_close int folder = folder_of(path), fd = -1;

	if (folder >= 0)
		fd = openat(folder, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	return fd >= 0 && fallocate(fd, 0, 0, SIZE) == 0 ? RG_TAKE_FD(fd) : -1;
}

/* ---- rotation ---- */

static int name_aside(const struct recorder *r, unsigned number, const char *suffix, char *name)
{
	return snprintf(name, PATH_MAX, "%s.%u%s", r->path, number, suffix);
}

/* The companions of a database get their second names first: killed at any moment, there is one name under
 * which the database has its log. Where files cannot have two names only the moment between renames is left.
 */
static int name_twice(const struct recorder *r, const char *suffix, struct rg_err *err)
{
	char from[PATH_MAX], to[PATH_MAX];
	int e = 0;

	if (named(from, r->path, suffix, err))
		return -ENAMETOOLONG;
	name_aside(r, r->aside, suffix, to);
	unlink(to); /* of a recorder that was killed in here */
	if (link(from, to))
		e = errno;
	if ((e == EPERM || e == EOPNOTSUPP || e == EMLINK) && rename(from, to) == 0)
		e = 0;
	return e && e != ENOENT ? rg_fail(err, -e, "cannot put '%s' aside as '%s': %s", from, to, strerror(e))
				: 0;
}

static int name_once(const struct recorder *r, const char *suffix, struct rg_err *err)
{
	char from[PATH_MAX];

	if (named(from, r->path, suffix, err))
		return -ENAMETOOLONG;
	return unlink(from) && errno != ENOENT
		       ? rg_fail(err, -errno, "cannot remove '%s': %s", from, strerror(errno))
		       : 0;
}

/* The database is closed. What belongs to it moves with it: a reader may have it open, and shares its log and
 * its locks with whoever opens it by the new name. */
int rec_put_aside(struct recorder *r, struct rg_err *err)
{
	char to[PATH_MAX];
	int rc;

	do
		name_aside(r, ++r->aside, "", to);
	while (access(to, F_OK) == 0); /* of an earlier run: left alone */
	rc = name_twice(r, "-wal", err) ?: name_twice(r, "-shm", err);
	if (rc)
		return rc;
	if (rename(r->path, to))
		return rg_fail(err, -errno, "cannot put '%s' aside as '%s': %s", r->path, to,
			       strerror(errno));
	rc = name_once(r, "-wal", err) ?: name_once(r, "-shm", err);
	if (rc)
		return rc;
	r->oldest = r->oldest ? r->oldest : r->aside;
	rec_finisher_start(&r->finisher, to);
	return 0;
}

static uint64_t size_aside(const struct recorder *r, unsigned number)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < RG_ARRAY_LEN(suffixes); i++) {
		char name[PATH_MAX];
		struct stat st;

		name_aside(r, number, suffixes[i], name);
		sum += stat(name, &st) == 0 ? (uint64_t)st.st_size : 0;
	}
	return sum;
}

void rec_make_space(struct recorder *r, uint64_t max, uint64_t next)
{
	uint64_t sum = 2 * next; /* the file put aside just now, once it is finished, and the one begun now */

	for (unsigned i = r->oldest; i && i < r->aside; i++)
		sum += size_aside(r, i);
	while (max && r->oldest && r->oldest < r->aside && sum > max) {
		uint64_t size = size_aside(r, r->oldest);

		for (size_t i = 0; i < RG_ARRAY_LEN(suffixes); i++) {
			char name[PATH_MAX];

			name_aside(r, r->oldest, suffixes[i], name);
			unlink(name);
		}
		sum -= size < sum ? size : sum;
		r->oldest++;
	}
}
