/* SPDX-License-Identifier: BSD-2-Clause */
/* Reading recordings (sqlite.c writes them). What is in the file is input that may be damaged or made up. */
#include <recvguard/recording.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>
#include <zstd.h>

#include "base/cleanup.h"
#include "sink/pack.h"
#include "sink/sqlite.h"

#define DATA_MAX     (256u << 20) /* payload of one message: beyond it the file is not believed */
#define FIRST_COLUMN 5		  /* of the fields in rec_select */
#define FIELDS_MAX   256

struct rg_recording {
	sqlite3 *db;
	sqlite3_stmt *next;
	char *path;
	int64_t last;		     /* number of the message read last */
	int map[FIELDS_MAX];	     /* our field for each of the file's, -1 unknown */
	bool have[RG_F__COUNT];	     /* fields that the file has */
	uint8_t column[RG_F__COUNT]; /* those that are columns, in their order */
	unsigned n_columns;
	struct rg_buf data; /* payload, unpacked */
};

static int fail(struct rg_recording *r, int rc, struct rg_err *err)
{
	int e = r->db ? sqlite3_system_errno(r->db) : 0;

	switch (rc & 0xff) {
	case SQLITE_NOTADB:
	case SQLITE_CORRUPT:
		return rg_fail(err, -EBADMSG, "'%s' is damaged or no recording: %s", r->path,
			       sqlite3_errmsg(r->db));
	case SQLITE_NOMEM: return rg_fail(err, -ENOMEM, "out of memory reading '%s'", r->path);
	case SQLITE_BUSY: return rg_fail(err, -EBUSY, "'%s' is locked by another program", r->path);
	default: return rg_fail(err, e ? -e : -EIO, "cannot read '%s': %s", r->path, sqlite3_errmsg(r->db));
	}
}

static int damaged(struct rg_recording *r, const char *what, struct rg_err *err)
{
	return rg_fail(err, -EBADMSG, "'%s' is damaged at message %lld: %s", r->path, (long long)r->last,
		       what);
}

/* ---- opening ---- */

static int check_file(const char *file, struct rg_err *err)
{
	rg_auto_close int fd = open(file, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	char magic[16];
	ssize_t n;

	if (fd < 0)
		return rg_fail(err, -errno, "cannot open recording '%s': %s", file, strerror(errno));
	n = read(fd, magic, sizeof(magic));
	if (n < 0)
		return rg_fail(err, -errno, "cannot read recording '%s': %s", file, strerror(errno));
	if (n != sizeof(magic) || memcmp(magic, "SQLite format 3", 16) != 0)
		return rg_fail(err, -EBADMSG, "'%s' is not a recording (recvguard record makes SQLite files)",
			       file);
	return 0;
}

static int one_number(struct rg_recording *r, const char *sql, int64_t *ret)
{
	sqlite3_stmt *st = NULL;
	int rc = sqlite3_prepare_v2(r->db, sql, -1, &st, NULL);

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

static int check_format(struct rg_recording *r, struct rg_err *err)
{
	int64_t format = 0;
	int rc = one_number(r, "SELECT value FROM recording WHERE key = 'format'", &format);

	if (rc == SQLITE_ERROR || rc == SQLITE_EMPTY)
		return rg_fail(err, -EBADMSG, "'%s' is an SQLite file, and no recording", r->path);
	if (rc != SQLITE_OK)
		return fail(r, rc, err);
	if (format != REC_FORMAT)
		return rg_fail(err, -EPROTO,
			       "'%s' is a recording of format %lld: this recvguard reads format %d", r->path,
			       (long long)format, REC_FORMAT);
	return 0;
}

static int load_fields(struct rg_recording *r, struct rg_err *err)
{
	sqlite3_stmt *st = NULL;
	int rc = sqlite3_prepare_v2(r->db, "SELECT n, name, type FROM field", -1, &st, NULL);

	for (int i = 0; i < FIELDS_MAX; i++)
		r->map[i] = -1;
	while (rc == SQLITE_OK && (rc = sqlite3_step(st)) == SQLITE_ROW) {
		int64_t n = sqlite3_column_int64(st, 0);
		const char *name = (const char *)sqlite3_column_text(st, 1);
		int f = name ? rg_field_find(name, strlen(name)) : -1;

		if (n >= 0 && n < FIELDS_MAX && f >= 0 &&
		    sqlite3_column_int(st, 2) == (int)rg_fields[f].type) {
			r->map[n] = f;
			r->have[f] = true;
		}
		rc = SQLITE_OK;
	}
	sqlite3_finalize(st);
	return rc == SQLITE_DONE ? 0 : fail(r, rc, err);
}

static int prepare_next(struct rg_recording *r, struct rg_err *err)
{
	rg_auto_buf sql = {0};
	int rc;

	for (int f = 0; f < RG_F__COUNT; f++)
		if (r->have[f] && rec_table_of(f) != REC_LISTS)
			r->column[r->n_columns++] = (uint8_t)f;
	rec_select(&sql, r->have);
	rc = sqlite3_prepare_v2(r->db, rg_buf_cstr(&sql), -1, &r->next, NULL);
	if (rc == SQLITE_ERROR)
		return rg_fail(err, -EBADMSG, "'%s' is damaged: %s", r->path, sqlite3_errmsg(r->db));
	return rc == SQLITE_OK ? 0 : fail(r, rc, err);
}

/* payload("msg.data", data_zstd): the bytes as they were received. */
static void sql_payload(sqlite3_context *ctx, int n, sqlite3_value **v)
{
	sqlite3_int64 size = sqlite3_value_int64(v[1]);
	rg_auto_free char *p = NULL;

	if (sqlite3_value_type(v[1]) == SQLITE_NULL) {
		sqlite3_result_value(ctx, v[0]);
		return;
	}
	p = size >= 0 && size <= DATA_MAX ? malloc((size_t)size + 1) : NULL;
	if (!p || ZSTD_decompress(p, (size_t)size, sqlite3_value_blob(v[0]),
				  (size_t)sqlite3_value_bytes(v[0])) != (size_t)size)
		sqlite3_result_error(ctx, "payload: not what recvguard compressed", -1);
	else
		sqlite3_result_blob(ctx, p, (int)size, SQLITE_TRANSIENT);
}

static int open_db(struct rg_recording *r)
{
	int rc = sqlite3_open_v2(r->path, &r->db, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, NULL);

	if (rc != SQLITE_OK)
		return rc;
	sqlite3_extended_result_codes(r->db, 1);
	sqlite3_busy_timeout(r->db, 2000);
	/* defensive: the schema itself comes from the file */
	sqlite3_db_config(r->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
	sqlite3_db_config(r->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	return sqlite3_create_function(r->db, "payload", 2,
				       SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_INNOCUOUS, NULL,
				       sql_payload, NULL, NULL);
}

int rg_recording_open(const char *file, struct rg_recording **ret, struct rg_err *err)
{
	struct rg_recording *r;
	int rc = check_file(file, err);

	*ret = NULL;
	if (rc)
		return rc;
	r = calloc(1, sizeof(*r));
	if (!r || !(r->path = strdup(file))) {
		free(r);
		return rg_fail(err, -ENOMEM, "out of memory reading '%s'", file);
	}
	rc = open_db(r);
	rc = rc == SQLITE_OK ? check_format(r, err) : fail(r, rc, err);
	rc = rc ? rc : load_fields(r, err);
	rc = rc ? rc : prepare_next(r, err);
	if (rc) {
		rg_recording_close(r);
		return rc;
	}
	*ret = r;
	return 0;
}

void rg_recording_close(struct rg_recording *r)
{
	if (!r)
		return;
	sqlite3_finalize(r->next);
	sqlite3_close(r->db);
	rg_buf_free(&r->data);
	free(r->path);
	free(r);
}

int64_t rg_recording_count(struct rg_recording *r, struct rg_err *err)
{
	int64_t n = 0;
	int rc = one_number(r, "SELECT coalesce(max(n), 0) FROM message", &n);

	return rc == SQLITE_OK ? n : fail(r, rc, err);
}

/* ---- one message ---- */

static void get_span(sqlite3_stmt *st, int i, struct rg_value *v)
{
	const void *p = sqlite3_column_type(st, i) == SQLITE_BLOB ? sqlite3_column_blob(st, i)
								  : (const void *)sqlite3_column_text(st, i);

	v->p = p ? p : "";
	v->len = (uint32_t)sqlite3_column_bytes(st, i);
	v->full = v->len;
}

/* IP addresses are had back from their text, scope left out, so that expressions can compare them. */
static int get_addr(sqlite3_stmt *st, int i, struct rg_event *ev, int f)
{
	struct rg_addr *a = rg_event_alloc(ev, sizeof(*a));
	char text[64] = "";
	struct rg_value v;
	size_t n;

	if (!a)
		return -ENOMEM;
	get_span(st, i, &v);
	*a = (struct rg_addr){.text = v.p, .text_len = v.len};
	if (rg_has(ev, RG_F_SOCK_FAMILY))
		a->family = (uint16_t)ev->v[RG_F_SOCK_FAMILY].i;
	ev->v[f].addr = a;
	if (v.len >= sizeof(text) || (a->family != AF_INET && a->family != AF_INET6))
		return 0;
	memcpy(text, v.p, v.len);
	n = strcspn(text, "%");
	text[n] = '\0';
	if (inet_pton(AF_INET, text, a->ip) == 1)
		a->ip_len = 4;
	else if (inet_pton(AF_INET6, text, a->ip) == 1)
		a->ip_len = 16;
	return 0;
}

static int get_enum(sqlite3_stmt *st, int i, struct rg_event *ev, int f)
{
	const struct rg_name *names = rg_event_names(ev, f);
	uint64_t value;
	struct rg_value v;

	if (sqlite3_column_type(st, i) == SQLITE_INTEGER) {
		ev->v[f].i = sqlite3_column_int64(st, i);
		return 0;
	}
	get_span(st, i, &v);
	if (rg_name_value(names, v.p, v.len, &value))
		return -EBADMSG;
	ev->v[f].u = value;
	return 0;
}

static int get_data(struct rg_recording *r, int i, struct rg_event *ev)
{
	struct rg_value *v = &ev->v[RG_F_MSG_DATA];
	int64_t size;
	size_t n;

	get_span(r->next, i, v);
	if (sqlite3_column_type(r->next, 3) != SQLITE_NULL) {
		size = sqlite3_column_int64(r->next, 3);
		rg_buf_reset(&r->data);
		if (size < 0 || size > DATA_MAX || !rg_buf_room(&r->data, (size_t)size + 1))
			return -EBADMSG;
		n = ZSTD_decompress(r->data.data, (size_t)size, v->p, v->len);
		if (n != (size_t)size)
			return -EBADMSG;
		v->p = r->data.data;
		v->len = (uint32_t)size;
		v->full = v->len;
	}
	if (sqlite3_column_type(r->next, 2) != SQLITE_NULL)
		v->full = (uint32_t)sqlite3_column_int64(r->next, 2);
	return 0;
}

static int get_field(struct rg_recording *r, int i, struct rg_event *ev, int f)
{
	sqlite3_stmt *st = r->next;

	switch (rg_fields[f].type) {
	case RG_T_ENUM: return get_enum(st, i, ev, f);
	case RG_T_ADDR: return get_addr(st, i, ev, f);
	case RG_T_STR: get_span(st, i, &ev->v[f]); return 0;
	case RG_T_BYTES:
		if (f == RG_F_MSG_DATA)
			return get_data(r, i, ev);
		get_span(st, i, &ev->v[f]);
		return 0;
	default:
		if (sqlite3_column_type(st, i) != SQLITE_INTEGER)
			return -EBADMSG;
		ev->v[f].i = sqlite3_column_int64(st, i);
		return 0;
	}
}

static void get_tags(struct rg_recording *r, struct rg_event *ev)
{
	const uint8_t *tags = sqlite3_column_blob(r->next, 1);
	int n = sqlite3_column_bytes(r->next, 1);

	for (int i = 0; i < n && i < FIELDS_MAX; i++)
		if (r->map[i] >= 0) {
			ev->tag[r->map[i]] = tags[i];
			ev->v[r->map[i]] = (struct rg_value){{0}};
		}
}

static int get_message(struct rg_recording *r, struct rg_event *ev, struct rg_err *err)
{
	int rc = 0;

	rg_event_reset(ev);
	get_tags(r, ev);
	for (unsigned i = 0; i < r->n_columns; i++) {
		int f = r->column[i];

		rc = ev->tag[f] ? get_field(r, FIRST_COLUMN + (int)i, ev, f) : 0;
		if (rc) {
			ev->tag[f] = 0;
			return rc == -ENOMEM ? rg_fail(err, rc, "out of memory for a message")
					     : damaged(r, rg_fields[f].name, err);
		}
	}
	rc = rg_unpack_lists(ev, sqlite3_column_blob(r->next, 4), (size_t)sqlite3_column_bytes(r->next, 4),
			     r->map, FIELDS_MAX);
	return rc ? damaged(r, "its lists", err) : 1;
}

int rg_recording_next(struct rg_recording *r, struct rg_event *ev, struct rg_err *err)
{
	int rc;

	if (!sqlite3_stmt_busy(r->next))
		sqlite3_bind_int64(r->next, 1, r->last);
	rc = sqlite3_step(r->next);
	if (rc == SQLITE_ROW) {
		r->last = sqlite3_column_int64(r->next, 0);
		return get_message(r, ev, err);
	}
	sqlite3_reset(r->next);
	return rc == SQLITE_DONE ? 0 : fail(r, rc, err);
}

/* ---- questions in SQL ---- */

static void get_cell(sqlite3_stmt *st, int i, struct rg_cell *c)
{
	struct rg_value v;

	*c = (struct rg_cell){.type = RG_CELL_NULL};
	switch (sqlite3_column_type(st, i)) {
	case SQLITE_INTEGER:
		c->type = RG_CELL_INT;
		c->i = sqlite3_column_int64(st, i);
		break;
	case SQLITE_FLOAT:
		c->type = RG_CELL_REAL;
		c->real = sqlite3_column_double(st, i);
		break;
	case SQLITE_TEXT:
	case SQLITE_BLOB:
		c->type = sqlite3_column_type(st, i) == SQLITE_TEXT ? RG_CELL_TEXT : RG_CELL_BLOB;
		get_span(st, i, &v);
		c->p = v.p;
		c->len = v.len;
		break;
	default: break;
	}
}

static int rows(struct rg_recording *r, sqlite3_stmt *st, rg_row_fn fn, void *arg, struct rg_err *err)
{
	int n = sqlite3_column_count(st), rc = SQLITE_ROW, stop = 0;
	rg_auto_free struct rg_cell *cells = calloc((size_t)n + 1, sizeof(*cells));
	rg_auto_free const char **names = calloc((size_t)n + 1, sizeof(*names));

	if (!cells || !names)
		return rg_fail(err, -ENOMEM, "out of memory for a query");
	for (uint64_t row = 0; !stop && (rc = sqlite3_step(st)) == SQLITE_ROW; row++) {
		for (int i = 0; i < n; i++) {
			names[i] = sqlite3_column_name(st, i);
			get_cell(st, i, &cells[i]);
		}
		stop = fn(arg, row, n, names, cells);
	}
	if (rc == SQLITE_ERROR)
		return rg_fail(err, -EINVAL, "%s", sqlite3_errmsg(r->db));
	return rc == SQLITE_DONE || rc == SQLITE_ROW ? stop : fail(r, rc, err);
}

int rg_recording_sql(struct rg_recording *r, const char *sql, rg_row_fn fn, void *arg, struct rg_err *err)
{
	sqlite3_stmt *st = NULL;
	const char *tail = NULL;
	int rc = sqlite3_prepare_v2(r->db, sql, -1, &st, &tail);

	if (rc == SQLITE_ERROR)
		rc = rg_fail(err, -EINVAL, "%s", sqlite3_errmsg(r->db));
	else if (rc != SQLITE_OK)
		rc = fail(r, rc, err);
	else if (!st)
		rc = rg_fail(err, -EINVAL, "empty SQL statement");
	else if (tail[strspn(tail, " \t\r\n;")])
		rc = rg_fail(err, -EINVAL, "one SQL statement at a time: what follows is '%.40s'", tail);
	else if (!sqlite3_stmt_readonly(st))
		rc = rg_fail(err, -EROFS, "recordings are read only: that statement would write");
	else
		rc = rows(r, st, fn, arg, err);
	sqlite3_finalize(st);
	return rc;
}
