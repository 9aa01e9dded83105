/* SPDX-License-Identifier: BSD-2-Clause */
/* -o sqlite=FILE: recordings. */
#include "sink/sqlite.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <time.h>
#include <unistd.h>
#include <zstd.h>

#include "base/cleanup.h"
#include "sink/intern.h"
#include "sink/json.h"
#include "sink/pack.h"
#include "sink/sink.h"
#include "sink/utf8.h"

#define COMMIT_EVERY 8192 /* messages in a transaction at most; flushing commits too */
#define ZSTD_FROM    512  /* bytes of payload from which compression is tried */

struct recorder {
	sqlite3 *db;
	sqlite3_stmt *insert[REC_TABLES], *tagset, *fd, *cmsg;
	struct intern known[REC_SHARED], tags;
	uint8_t table[RG_F__COUNT]; /* enum rec_table */
	uint8_t order[REC_TABLES][RG_F__COUNT], n_order[REC_TABLES];
	struct rg_buf key, lists, text, packed;
	struct rg_json json;
	ZSTD_CCtx *zstd;
	char *path;
	int64_t message;	   /* number of the last one inserted */
	uint64_t written, pending; /* messages committed; inserted since */
	bool open;		   /* a transaction is */
	struct rg_err failed;
};

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

/* ---- values ---- */

static int bind_text(sqlite3_stmt *st, int i, const char *p, uint32_t len)
{
	/* SQL's text ends at a NUL and should be UTF-8; anything else is kept as a blob */
	if (len == 0)
		return sqlite3_bind_text(st, i, "", 0, SQLITE_STATIC);
	if (memchr(p, '\0', len) || !rg_utf8_valid(p, len))
		return sqlite3_bind_blob(st, i, p, (int)len, SQLITE_STATIC);
	return sqlite3_bind_text(st, i, p, (int)len, SQLITE_STATIC);
}

static int bind_enum(sqlite3_stmt *st, int i, int64_t v, const struct rg_name *names)
{
	const char *name = rg_name_of(names, (uint64_t)v);

	return name ? sqlite3_bind_text(st, i, name, -1, SQLITE_STATIC) : sqlite3_bind_int64(st, i, v);
}

static int bind_value(sqlite3_stmt *st, int i, enum rg_type type, const struct rg_value *v,
		      const struct rg_name *names)
{
	switch (type) {
	case RG_T_ENUM: return bind_enum(st, i, v->i, names);
	case RG_T_STR: return bind_text(st, i, v->p, v->len);
	case RG_T_BYTES: return sqlite3_bind_blob(st, i, v->len ? v->p : "", (int)v->len, SQLITE_STATIC);
	case RG_T_ADDR: return bind_text(st, i, v->addr->text, v->addr->text_len);
	case RG_T_LIST:
	case RG_T_OBJECT: return SQLITE_OK;
	default: return sqlite3_bind_int64(st, i, v->i);
	}
}

static int bind_fields(struct recorder *r, sqlite3_stmt *st, enum rec_table t, int first,
		       const struct rg_event *ev)
{
	int rc = SQLITE_OK;

	for (int i = 0; i < r->n_order[t] && rc == SQLITE_OK; i++) {
		int f = r->order[t][i];

		if (!ev->tag[f] || f == RG_F_MSG_DATA)
			continue;
		rc = bind_value(st, first + i, rg_fields[f].type, &ev->v[f],
				f == RG_F_SOCK_PROTOCOL ? rg_event_names(ev, f) : rg_fields[f].names);
	}
	return rc;
}

/* ---- what repeats ---- */

static void key_add(struct rg_buf *b, int f, const struct rg_value *v)
{
	rg_buf_char(b, (char)f);
	switch (rg_fields[f].type) {
	case RG_T_STR:
	case RG_T_BYTES:
		rg_buf_add(b, &v->len, sizeof(v->len));
		rg_buf_add(b, v->p, v->len);
		break;
	case RG_T_ADDR:
		rg_buf_add(b, &v->addr->text_len, sizeof(v->addr->text_len));
		rg_buf_add(b, v->addr->text, v->addr->text_len);
		break;
	default: rg_buf_add(b, &v->u, sizeof(v->u)); break;
	}
}

static int step(sqlite3_stmt *st)
{
	int rc = sqlite3_step(st);

	sqlite3_reset(st);
	sqlite3_clear_bindings(st);
	return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

/* Number of the row of a shared table that holds these values, inserted when new. *number 0: none is present.
 */
static int shared(struct recorder *r, enum rec_table t, const struct rg_event *ev, int64_t *number)
{
	bool fresh;
	int rc;

	*number = 0;
	rg_buf_reset(&r->key);
	for (int i = 0; i < r->n_order[t]; i++)
		if (ev->tag[r->order[t][i]])
			key_add(&r->key, r->order[t][i], &ev->v[r->order[t][i]]);
	if (!r->key.len)
		return SQLITE_OK;
	*number = intern(&r->known[t], r->key.data, r->key.len, &fresh);
	if (*number < 0 || r->key.oom)
		return SQLITE_NOMEM;
	if (!fresh)
		return SQLITE_OK;
	sqlite3_bind_int64(r->insert[t], 1, *number);
	rc = bind_fields(r, r->insert[t], t, 2, ev);
	return rc == SQLITE_OK ? step(r->insert[t]) : rc;
}

static int tagset(struct recorder *r, const struct rg_event *ev, int64_t *number)
{
	bool fresh;

	*number = intern(&r->tags, ev->tag, sizeof(ev->tag), &fresh);
	if (*number < 0)
		return SQLITE_NOMEM;
	if (!fresh)
		return SQLITE_OK;
	sqlite3_bind_int64(r->tagset, 1, *number);
	sqlite3_bind_blob(r->tagset, 2, ev->tag, sizeof(ev->tag), SQLITE_STATIC);
	return step(r->tagset);
}

/* ---- elements, for questions in SQL ---- */

static int fd_row(struct recorder *r, const struct rg_node *o, int i)
{
	int rc = SQLITE_OK;

	sqlite3_bind_int64(r->fd, 1, r->message);
	sqlite3_bind_int(r->fd, 2, i);
	for (size_t k = 0; k < rg_field_elem_count(RG_F_FD) && rc == SQLITE_OK; k++) {
		const struct rg_node *n = rg_node_find(o->v.node, rg_field_elem(RG_F_FD, k)->name);

		if (n)
			rc = bind_value(r->fd, 3 + (int)k, n->type, &n->v, n->names);
	}
	return rc == SQLITE_OK ? step(r->fd) : rc;
}

static int cmsg_row(struct recorder *r, const struct rg_node *o, int i)
{
	static const char *const names[] = {"level", "type", "len"};

	sqlite3_bind_int64(r->cmsg, 1, r->message);
	sqlite3_bind_int(r->cmsg, 2, i);
	for (int k = 0; k < 3; k++) {
		const struct rg_node *n = rg_node_find(o->v.node, names[k]);

		if (n)
			bind_value(r->cmsg, 3 + k, n->type, &n->v, n->names);
	}
	rg_buf_reset(&r->text);
	rg_json_value(&r->json, &r->text, RG_T_OBJECT, &o->v, NULL);
	sqlite3_bind_text(r->cmsg, 6, r->text.data, (int)r->text.len, SQLITE_STATIC);
	return step(r->cmsg);
}

static int elements(struct recorder *r, const struct rg_event *ev, enum rg_field f,
		    int (*row)(struct recorder *r, const struct rg_node *o, int i))
{
	int i = 0, rc = SQLITE_OK;

	if (!ev->tag[f])
		return rc;
	for (const struct rg_node *n = ev->v[f].node; n && rc == SQLITE_OK; n = n->next, i++)
		if (n->type == RG_T_OBJECT)
			rc = row(r, n, i);
	return rc;
}

static int count(const struct rg_event *ev, enum rg_field f)
{
	int n = 0;

	for (const struct rg_node *o = ev->tag[f] ? ev->v[f].node : NULL; o; o = o->next)
		n++;
	return n;
}

/* ---- a message ---- */

/* Payload: compressed where that saves an eighth or more. */
static int bind_data(struct recorder *r, sqlite3_stmt *st, int at, int extras, const struct rg_event *ev)
{
	const struct rg_value *v = &ev->v[RG_F_MSG_DATA];
	size_t n;

	if (!ev->tag[RG_F_MSG_DATA])
		return SQLITE_OK;
	if (v->full != v->len)
		sqlite3_bind_int64(st, extras + 2, v->full);
	if (v->len < ZSTD_FROM)
		return bind_value(st, at, RG_T_BYTES, v, NULL);
	rg_buf_reset(&r->packed);
	if (!rg_buf_room(&r->packed, v->len))
		return SQLITE_NOMEM;
	n = ZSTD_compressCCtx(r->zstd, r->packed.data, v->len - v->len / 8, v->p, v->len, 1);
	if (ZSTD_isError(n)) /* does not fit into seven eighths */
		return bind_value(st, at, RG_T_BYTES, v, NULL);
	sqlite3_bind_int64(st, extras + 3, v->len);
	return sqlite3_bind_blob(st, at, r->packed.data, (int)n, SQLITE_STATIC);
}

static int data_position(const struct recorder *r)
{
	for (int i = 0; i < r->n_order[REC_MESSAGE]; i++)
		if (r->order[REC_MESSAGE][i] == RG_F_MSG_DATA)
			return 6 + i;
	return 6;
}

static int message(struct recorder *r, const struct rg_event *ev)
{
	sqlite3_stmt *st = r->insert[REC_MESSAGE];
	int extras = 6 + r->n_order[REC_MESSAGE], rc = SQLITE_OK;
	int64_t number;

	for (int t = 0; t < REC_SHARED && rc == SQLITE_OK; t++) {
		rc = shared(r, t, ev, &number);
		if (number)
			sqlite3_bind_int64(st, 1 + t, number);
	}
	if (rc == SQLITE_OK)
		rc = tagset(r, ev, &number);
	sqlite3_bind_int64(st, 5, number);
	if (rc == SQLITE_OK)
		rc = bind_fields(r, st, REC_MESSAGE, 6, ev);
	if (rc == SQLITE_OK)
		rc = bind_data(r, st, data_position(r), extras, ev);
	rg_buf_reset(&r->lists);
	rg_pack_lists(&r->lists, ev);
	if (r->lists.oom)
		rc = SQLITE_NOMEM;
	sqlite3_bind_int(st, extras, count(ev, RG_F_FD));
	sqlite3_bind_int(st, extras + 1, count(ev, RG_F_CMSG));
	if (r->lists.len)
		sqlite3_bind_blob(st, extras + 4, r->lists.data, (int)r->lists.len, SQLITE_STATIC);
	if (rc != SQLITE_OK) {
		sqlite3_clear_bindings(st);
		return rc;
	}
	rc = step(st);
	r->message = sqlite3_last_insert_rowid(r->db);
	if (rc == SQLITE_OK)
		rc = elements(r, ev, RG_F_FD, fd_row);
	return rc == SQLITE_OK ? elements(r, ev, RG_F_CMSG, cmsg_row) : rc;
}

static int sqlite_flush(struct rg_sink *s, struct rg_err *err)
{
	struct recorder *r = s->state;
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
	rc = message(r, ev);
	if (rc != SQLITE_OK)
		return fail(r, rc, err);
	r->pending++;
	return r->pending >= COMMIT_EVERY ? sqlite_flush(s, err) : 0;
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
	rg_buf_str(&sql, "PRAGMA page_size=8192; PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF; "
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

		if (t != REC_LISTS)
			r->order[t][r->n_order[t]++] = (uint8_t)f;
	}
	rc = sqlite3_open_v2(file, &r->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
	rc = rc == SQLITE_OK ? make_schema(r, s->opts.host) : rc;
	rc = rc == SQLITE_OK ? prepare_all(r) : rc;
	return rc == SQLITE_OK ? 0 : fail(r, rc, err);
}

/* Indexes, then everything from the log into the one file, on the disk. */
static int finish(struct recorder *r, struct rg_err *err)
{
	static const char tidy[] = "PRAGMA synchronous=FULL; PRAGMA journal_mode=DELETE;";
	int rc = sqlite3_exec(r->db, rec_indexes, NULL, NULL, NULL);

	if (rc == SQLITE_OK)
		rc = sqlite3_exec(r->db, "INSERT INTO recording VALUES('finished', 1)", NULL, NULL, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_exec(r->db, tidy, NULL, NULL, NULL);
	return rc == SQLITE_OK ? 0 : fail(r, rc, err);
}

static void free_all(struct recorder *r)
{
	for (int t = 0; t < REC_TABLES; t++)
		sqlite3_finalize(r->insert[t]);
	sqlite3_finalize(r->tagset);
	sqlite3_finalize(r->fd);
	sqlite3_finalize(r->cmsg);
	sqlite3_close(r->db);
	for (int t = 0; t < REC_SHARED; t++)
		intern_free(&r->known[t]);
	intern_free(&r->tags);
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
		rc = sqlite_flush(s, err);
	if (!rc && r->insert[REC_MESSAGE])
		rc = finish(r, err);
	free_all(r);
	return rc;
}

const struct rg_format rg_format_sqlite = {
	.own_file = true,
	.state_size = sizeof(struct recorder),
	.open = sqlite_open_sink,
	.event = sqlite_event,
	.flush = sqlite_flush,
	.close = sqlite_close,
};
