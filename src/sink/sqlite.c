/* SPDX-License-Identifier: BSD-2-Clause */
/* -o sqlite=FILE: recordings. */
#include <errno.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "sink/recorder.h"
#include "sink/sink.h"

#define ROW_BYTES 256 /* about what a message takes beside its payload */
#define COMMIT_EVERY \
	1024 /* messages in a transaction: what a disk that fills up takes back; flushing commits too */

/* ---- failing ---- */

static void say(struct recorder *r)
{
	rg_fail(&r->failed, r->failed.code,
		"cannot record to %s: %s (%llu messages are in it, %llu could not be kept)", r->path, r->why,
		(unsigned long long)r->written, (unsigned long long)r->lost);
}

static int give_back(struct recorder *r, struct rg_err *err)
{
	if (err)
		*err = r->failed;
	return r->failed.code;
}

static int exec(struct recorder *r, const char *sql)
{
	return sqlite3_exec(r->db, sql, NULL, NULL, NULL);
}

/* The recording says itself what is missing: an event of kind lost, in room that was kept for it. */
static void record_loss(struct recorder *r)
{
	struct rg_event *ev = rg_event_new();
	struct timespec ts;

	if (r->reserve > 0 && ftruncate(r->reserve, 0) == 0) {
		close(r->reserve);
		r->reserve = -1;
	}
	if (!ev || exec(r, "BEGIN") != SQLITE_OK) {
		rg_event_free(ev);
		return;
	}
	clock_gettime(CLOCK_REALTIME, &ts);
	rg_set_i(ev, RG_F_EVENT, RG_EV_LOST, RG_TAG_K);
	rg_set_u(ev, RG_F_ID, r->last_id + 1, RG_TAG_K);
	rg_set_u(ev, RG_F_TIME, (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec, RG_TAG_K);
	rg_set_u(ev, RG_F_LOST_COUNT, r->lost, RG_TAG_K);
	rg_set_i(ev, RG_F_LOST_REASON, RG_LOSS_SINK, RG_TAG_K);
	if (rec_message(r, ev) == SQLITE_OK && exec(r, "COMMIT") == SQLITE_OK)
		r->loss = r->message;
	else
		exec(r, "ROLLBACK");
	rg_event_free(ev);
}

/* More was refused since that was written. */
static void correct_loss(struct recorder *r)
{
	char sql[128];

	if (!r->loss)
		return;
	snprintf(sql, sizeof(sql), "UPDATE message SET \"lost.count\" = %llu WHERE n = %lld",
		 (unsigned long long)r->lost, (long long)r->loss);
	exec(r, sql);
}

static int fail(struct recorder *r, int rc, struct rg_err *err)
{
	if (r->failed.code)
		return give_back(r, err);
	r->failed.code = rec_errno(r->db, rc);
	r->why = r->failed.code == -ENOSPC ? strerror(ENOSPC) : sqlite3_errstr(rc);
	exec(r, "ROLLBACK");
	r->open = false;
	r->message = r->kept;
	r->lost = r->pending + 1;
	r->pending = 0;
	r->pending_bytes = 0;
	for (int t = 0; t < REC_SHARED; t++) /* rows that were rolled back are unknown again */
		intern_forget(&r->known[t]);
	intern_forget(&r->tags);
	record_loss(r);
	say(r);
	return give_back(r, err);
}

/* ---- the sink ---- */

static int commit(struct recorder *r, struct rg_err *err)
{
	int rc;

	if (r->failed.code)
		return give_back(r, err);
	if (!r->open)
		return 0;
	rc = exec(r, "COMMIT");
	if (rc != SQLITE_OK) {
		r->pending -= r->pending > 0; /* no message is at hand beside those */
		return fail(r, rc, err);
	}
	r->open = false;
	r->written += r->pending;
	r->pending = 0;
	r->pending_bytes = 0;
	r->kept = r->message;
	r->last_id = r->seen_id;
	return 0;
}

static int columns(struct recorder *r, struct rg_err *err)
{
	for (int f = 0; f < RG_F__COUNT; f++) {
		enum rec_table t = rec_table_of(f);

		if (f == RG_F_MSG_DATA)
			r->data_at = 7 + r->n_order[t];
		if (t != REC_LISTS)
			r->order[t][r->n_order[t]++] = (uint8_t)f;
	}
	r->n_fd_names = (int)rg_field_elem_count(RG_F_FD);
	if (r->n_fd_names > REC_FD_MAX)
		return rg_fail(err, -EOVERFLOW,
			       "more kinds of descriptor fields than a recording is made for");
	for (int i = 0; i < r->n_fd_names; i++)
		r->fd_names[i] = rg_field_elem(RG_F_FD, (size_t)i)->name;
	return 0;
}

static int sqlite_open_sink(struct rg_sink *s, const char *file, struct rg_err *err)
{
	struct recorder *r = s->state;

	r->reserve = -1;
	if (!file || !strcmp(file, "-"))
		return rg_fail(err, -EINVAL, "output format 'sqlite' needs a file: sqlite=FILE");
	r->path = strdup(file);
	r->zstd = ZSTD_createCCtx();
	if (!r->path || !r->zstd)
		return rg_fail(err, -ENOMEM, "out of memory for a recording");
	return columns(r, err) ?: rec_create(r, s->opts.host, err);
}

static void free_all(struct recorder *r)
{
	rec_close(r);
	rec_finisher_wait(&r->finisher);
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
	bool opened = r->keeper != NULL;
	int rc = opened ? commit(r, err) : r->failed.code ? give_back(r, err) : 0;

	if (opened && r->lost) {
		correct_loss(r);
		say(r);
		rc = give_back(r, err);
	}
	rec_close(r);
	if (opened && rc == 0)
		rc = rec_finish(r->path, err);
	else if (opened)
		rec_finish(r->path, NULL);
	rec_finisher_wait(&r->finisher);
	if (!rc && r->finisher.err.code) {
		rc = r->finisher.err.code;
		if (err)
			*err = r->finisher.err;
	}
	free_all(r);
	return rc;
}

/* ---- rotation ---- */

static uint64_t age_ns(const struct recorder *r)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec - r->began_ns;
}

/* The next file is begun at once; indexes and all else that takes time follow beside it. */
static int rotate(struct rg_sink *s, uint64_t size, struct rg_err *err)
{
	struct recorder *r = s->state;
	uint64_t next = s->opts.rotate_bytes ? s->opts.rotate_bytes : size;
	int rc;

	rec_close(r);
	rc = rec_put_aside(r, &r->failed);
	if (!rc) {
		rec_make_space(r, s->opts.max_bytes, next + next / 4); /* indexes come to it */
		rc = rec_create(r, s->opts.host, &r->failed);
	}
	return rc ? give_back(r, err) : 0;
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
		size = (uint64_t)sqlite3_column_int64(r->size, 0) * REC_PAGE;
	sqlite3_reset(r->size);
	if ((o->rotate_bytes && size >= o->rotate_bytes) || (o->rotate_ns && age_ns(r) >= o->rotate_ns))
		return rotate(s, size, err);
	if (o->max_bytes && !o->rotate_bytes && !o->rotate_ns && size >= o->max_bytes) {
		rg_fail(&r->failed, -EFBIG,
			"recording ended: '%s' has reached its largest size, %llu messages are in it",
			r->path, (unsigned long long)r->written);
		return give_back(r, err);
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

/* Sizes are looked at after a commit: it comes before what waits is much of the size that is allowed. */
static bool is_due(const struct rg_sink *s)
{
	const struct recorder *r = s->state;
	uint64_t limit = s->opts.rotate_bytes ? s->opts.rotate_bytes : s->opts.max_bytes;

	return r->pending >= COMMIT_EVERY || (limit && r->pending_bytes >= limit / 8);
}

static int sqlite_event(struct rg_sink *s, const struct rg_event *ev, struct rg_err *err)
{
	struct recorder *r = s->state;
	int rc;

	if (r->failed.code) {
		r->lost += r->failed.code != -EFBIG; /* that end was asked for */
		return give_back(r, err);
	}
	if (!r->open) {
		rc = exec(r, "BEGIN");
		if (rc != SQLITE_OK)
			return fail(r, rc, err);
		r->open = true;
	}
	rc = rec_message(r, ev);
	if (rc != SQLITE_OK)
		return fail(r, rc, err);
	if (rg_has(ev, RG_F_ID))
		r->seen_id = ev->v[RG_F_ID].u;
	r->pending++;
	r->pending_bytes += ROW_BYTES + (rg_has(ev, RG_F_MSG_DATA) ? ev->v[RG_F_MSG_DATA].len : 0);
	return is_due(s) ? sqlite_flush(s, err) : 0;
}

static uint64_t sqlite_lost(const struct rg_sink *s)
{
	return ((const struct recorder *)s->state)->lost;
}

const struct rg_format rg_format_sqlite = {
	.own_file = true,
	.state_size = sizeof(struct recorder),
	.open = sqlite_open_sink,
	.event = sqlite_event,
	.flush = sqlite_flush,
	.close = sqlite_close,
	.lost = sqlite_lost,
};
