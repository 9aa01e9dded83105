/* SPDX-License-Identifier: BSD-2-Clause */
/* The values of one message of a recording. What is in the file is input that may be damaged or made up. */
#include "sink/recording.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <zstd.h>

#include "base/cleanup.h"
#include "sink/pack.h"

#define DATA_MAX (256u << 20) /* payload of one message: beyond it the file is not believed */

static int damaged(struct rec_part *r, const char *what, struct rg_err *err)
{
	return rg_fail(err, -EBADMSG, "'%s' is damaged at message %lld: %s", r->path, (long long)r->last,
		       what);
}

void rec_sql_payload(sqlite3_context *ctx, int n, sqlite3_value **v)
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

void rec_span(sqlite3_stmt *st, int i, struct rg_value *v)
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
	rec_span(st, i, &v);
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
	rec_span(st, i, &v);
	if (rg_name_value(names, v.p, v.len, &value))
		return -EBADMSG;
	ev->v[f].u = value;
	return 0;
}

static int get_data(struct rec_part *r, int i, struct rg_event *ev)
{
	struct rg_value *v = &ev->v[RG_F_MSG_DATA];
	int64_t size;
	size_t n;

	rec_span(r->next, i, v);
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

static int get_field(struct rec_part *r, int i, struct rg_event *ev, int f)
{
	sqlite3_stmt *st = r->next;

	switch (rg_fields[f].type) {
	case RG_T_ENUM: return get_enum(st, i, ev, f);
	case RG_T_ADDR: return get_addr(st, i, ev, f);
	case RG_T_STR: rec_span(st, i, &ev->v[f]); return 0;
	case RG_T_BYTES:
		if (f == RG_F_MSG_DATA)
			return get_data(r, i, ev);
		rec_span(st, i, &ev->v[f]);
		return 0;
	default:
		if (sqlite3_column_type(st, i) != SQLITE_INTEGER)
			return -EBADMSG;
		ev->v[f].i = sqlite3_column_int64(st, i);
		return 0;
	}
}

static void get_tags(struct rec_part *r, struct rg_event *ev)
{
	const uint8_t *tags = sqlite3_column_blob(r->next, 1);
	int n = sqlite3_column_bytes(r->next, 1);

	for (int i = 0; i < n && i < REC_FIELDS_MAX; i++)
		if (r->map[i] >= 0) {
			ev->tag[r->map[i]] = tags[i];
			ev->v[r->map[i]] = (struct rg_value){{0}};
		}
}

int rec_message_read(struct rec_part *r, struct rg_event *ev, struct rg_err *err)
{
	int rc = 0;

	rg_event_reset(ev);
	get_tags(r, ev);
	for (unsigned i = 0; i < r->n_columns; i++) {
		int f = r->column[i];

		rc = ev->tag[f] ? get_field(r, REC_FIRST_COLUMN + (int)i, ev, f) : 0;
		if (rc) {
			ev->tag[f] = 0;
			return rc == -ENOMEM ? rg_fail(err, rc, "out of memory for a message")
					     : damaged(r, rg_fields[f].name, err);
		}
	}
	rc = rg_unpack_lists(ev, sqlite3_column_blob(r->next, 4), (size_t)sqlite3_column_bytes(r->next, 4),
			     r->map, REC_FIELDS_MAX);
	return rc ? damaged(r, "its lists", err) : 1;
}
