/* SPDX-License-Identifier: BSD-2-Clause */
/* One event as rows of a recording. */
#include "base/cleanup.h"
#include "sink/pack.h"
#include "sink/recorder.h"
#include "sink/utf8.h"

#define ZSTD_FROM 512 /* bytes of payload from which compression is tried */

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

/* The column of an element's member. Members mostly come in the order of the table: the search goes on from
 * the one found last. */
static int fd_column(const struct recorder *r, const char *name, int *at)
{
	for (int k = 0; k < r->n_fd_names; k++) {
		int i = (*at + k) % r->n_fd_names;

		if (!strcmp(r->fd_names[i], name)) {
			*at = i + 1;
			return i;
		}
	}
	return -1;
}

static int fd_row(struct recorder *r, const struct rg_node *o, int i)
{
	int rc = SQLITE_OK, at = 0;

	sqlite3_bind_int64(r->fd, 1, r->message);
	sqlite3_bind_int(r->fd, 2, i);
	for (const struct rg_node *n = o->v.node; n && rc == SQLITE_OK; n = n->next) {
		int k = fd_column(r, n->name, &at);

		if (k >= 0)
			rc = bind_value(r->fd, 3 + k, n->type, &n->v, n->names);
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

int rec_message(struct recorder *r, const struct rg_event *ev)
{
	sqlite3_stmt *st = r->insert[REC_MESSAGE];
	int extras = 7 + r->n_order[REC_MESSAGE], rc = SQLITE_OK;
	int64_t number;

	for (int t = 0; t < REC_SHARED && rc == SQLITE_OK; t++) {
		rc = shared(r, t, ev, &number);
		if (number)
			sqlite3_bind_int64(st, 2 + t, number);
	}
	if (rc == SQLITE_OK)
		rc = tagset(r, ev, &number);
	sqlite3_bind_int64(st, 1, r->message + 1);
	sqlite3_bind_int64(st, 6, number);
	if (rc == SQLITE_OK)
		rc = bind_fields(r, st, REC_MESSAGE, 7, ev);
	if (rc == SQLITE_OK)
		rc = bind_data(r, st, r->data_at, extras, ev);
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
	r->message++;
	if (rc == SQLITE_OK)
		rc = elements(r, ev, RG_F_FD, fd_row);
	return rc == SQLITE_OK ? elements(r, ev, RG_F_CMSG, cmsg_row) : rc;
}
