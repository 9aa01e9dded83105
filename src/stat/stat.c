/* SPDX-License-Identifier: BSD-2-Clause */
/* Events added up: rg_stat_add is where each goes. */
#include <recvguard/stat.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "sink/json.h"
#include "stat/key.h"
#include "stat/table.h"

#define ROWS	    1024
#define MESSAGES    16
#define BYTES	    (32u << 20)
#define MESSAGE_MAX (16u << 10)

const char *const rg_stat_by_names[] = {"process", "socket", "peer", "container", NULL};
const char *const rg_stat_time_names[] = {"wait", "duration", "latency", NULL};
const char *const rg_stat_key_names[] = {"rate",   "byte-rate", "messages", "bytes", "fds",  "p50", "p99",
					 "errors", "truncated", "denied",   "lost",  "name", NULL};
_Static_assert(RG_ARRAY_LEN(rg_stat_by_names) == RG_BY__COUNT + 1, "every table has its name");
_Static_assert(RG_ARRAY_LEN(rg_stat_time_names) == RG_TIME__COUNT + 1, "every time has its name");
_Static_assert(RG_ARRAY_LEN(rg_stat_key_names) == RG_KEY__COUNT + 1, "every key has its name");

struct rg_stat {
	struct table t[RG_BY__COUNT];
	struct row total;
	/* messages kept, oldest first: those beyond max give way */
	struct message *oldest, *newest;
	size_t bytes, bytes_max;
	struct rg_json json;
	struct rg_buf key, text;
};

int rg_stat_new(const struct rg_stat_opts *opts, struct rg_stat **ret, struct rg_err *err)
{
	unsigned rows = opts && opts->rows ? opts->rows : ROWS;
	unsigned ring = opts && opts->messages ? opts->messages : MESSAGES;
	struct rg_stat *s = calloc(1, sizeof(*s));
	int r = s ? 0 : -ENOMEM;

	for (int i = 0; i < RG_BY__COUNT && !r; i++)
		r = table_init(&s->t[i], rows, ring);
	if (r) {
		rg_stat_free(s);
		return rg_fail(err, r, "out of memory");
	}
	s->bytes_max = opts && opts->bytes ? opts->bytes : BYTES;
	*ret = s;
	return 0;
}

void rg_stat_free(struct rg_stat *s)
{
	if (!s)
		return;
	while (s->oldest) {
		struct message *m = s->oldest;

		s->oldest = m->newer;
		message_drop(m);
	}
	for (int i = 0; i < RG_BY__COUNT; i++)
		if (s->t[i].slots)
			table_free(&s->t[i]);
	for (int i = 0; i < RG_TIME__COUNT; i++)
		free(s->total.times[i]);
	rg_buf_free(&s->key);
	rg_buf_free(&s->text);
	free(s);
}

/* ---- messages ---- */

/* The list of all holds a reference too; what it lets go of may stay in a row, without its text. */
static void give_way(struct rg_stat *s)
{
	while (s->oldest && s->bytes > s->bytes_max) {
		struct message *m = s->oldest;

		s->oldest = m->newer;
		if (!s->oldest)
			s->newest = NULL;
		s->bytes -= m->len + sizeof(*m);
		free(RG_TAKE(m->json));
		message_drop(m);
	}
}

static struct message *keep_message(struct rg_stat *s, const struct rg_event *ev)
{
	struct message *m;

	rg_buf_reset(&s->text);
	if (rg_json_event(&s->json, &s->text, ev) || s->text.len > MESSAGE_MAX)
		return NULL;
	m = calloc(1, sizeof(*m));
	if (!m || !(m->json = malloc(s->text.len + 1))) {
		free(m);
		return NULL;
	}
	m->len = (uint32_t)s->text.len;
	memcpy(m->json, s->text.data, m->len);
	m->json[m->len] = '\0';
	m->refs = 1;
	*(s->newest ? &s->newest->newer : &s->oldest) = m;
	s->newest = m;
	s->bytes += m->len + sizeof(*m);
	give_way(s);
	return s->newest == m ? m : NULL;
}

static void into_ring(struct row *r, unsigned ring, struct message *m)
{
	if (!m)
		return;
	message_drop(r->ring[r->at]);
	r->ring[r->at] = m;
	r->at = (r->at + 1) % ring;
	m->refs++;
}

unsigned rg_stat_messages(const struct rg_stat *s, enum rg_stat_by by, uint64_t id, struct rg_stat_message *v,
			  unsigned max)
{
	const struct table *t = &s->t[by];
	const struct row *r = table_by_id(t, id);
	unsigned n = 0;

	for (unsigned i = 1; r && i <= t->ring && n < max; i++) {
		const struct message *m = r->ring[(r->at + t->ring - i) % t->ring];

		if (m && m->json)
			v[n++] = (struct rg_stat_message){m->json, m->len};
	}
	return n;
}

/* ---- counting ---- */

static const enum rg_field time_fields[] = {RG_F_WAIT, RG_F_DURATION, RG_F_MSG_LATENCY};
_Static_assert(RG_ARRAY_LEN(time_fields) == RG_TIME__COUNT, "every time has its field");

static unsigned count_list(const struct rg_event *ev, enum rg_field f)
{
	unsigned n = 0;

	for (const struct rg_node *o = rg_has(ev, f) ? ev->v[f].node : NULL; o; o = o->next)
		n++;
	return n;
}

static bool is_set(const struct rg_event *ev, enum rg_field f)
{
	return rg_has(ev, f) && ev->v[f].u;
}

static bool is_denied(const struct rg_event *ev)
{
	int64_t a = rg_has(ev, RG_F_VERDICT_ACTION) ? ev->v[RG_F_VERDICT_ACTION].i : RG_ACT_ALLOW;

	return a != RG_ACT_ALLOW && a != RG_ACT_LOG;
}

/* What one event adds. */
static struct rg_stat_row of_event(const struct rg_event *ev)
{
	struct rg_stat_row v = {.messages = 1};
	int64_t ret = rg_has(ev, RG_F_RET) ? ev->v[RG_F_RET].i : 0;

	v.bytes = ret > 0 ? (uint64_t)ret : 0;
	v.errors = ret < 0;
	v.fds = count_list(ev, RG_F_FD);
	v.truncated = is_set(ev, RG_F_MSG_TRUNCATED) || is_set(ev, RG_F_MSG_CTRUNCATED) ||
		      is_set(ev, RG_F_MSG_FDS_LOST);
	v.denied = is_denied(ev);
	v.metadata = rg_has(ev, RG_F_DETAIL);
	return v;
}

static void add_times(struct row *r, const struct rg_event *ev)
{
	for (int i = 0; i < RG_TIME__COUNT; i++) {
		if (!rg_has(ev, time_fields[i]))
			continue;
		if (!r->times[i])
			r->times[i] = calloc(1, sizeof(*r->times[i]));
		if (r->times[i])
			hist_add(r->times[i], ev->v[time_fields[i]].u);
	}
}

static void add_to(struct row *r, const struct rg_stat_row *what, const struct rg_event *ev)
{
	row_sum(&r->v, what);
	add_times(r, ev);
	if (rg_has(ev, RG_F_TIME))
		r->v.last = ev->v[RG_F_TIME].u;
}

static int name_row(struct rg_stat *s, struct row *r, enum rg_stat_by by, const struct rg_event *ev)
{
	rg_buf_reset(&s->text);
	stat_name(&s->text, by, ev);
	rg_buf_cstr(&s->text);
	r->v.name = s->text.oom ? NULL : strdup(s->text.data);
	return r->v.name ? 0 : -ENOMEM;
}

static int add_by(struct rg_stat *s, enum rg_stat_by by, const struct rg_stat_row *what,
		  const struct rg_event *ev, struct message *m)
{
	struct row *r;
	bool fresh;

	rg_buf_reset(&s->key);
	stat_key(&s->key, by, ev);
	if (!s->key.len)
		return 0;
	r = table_row(&s->t[by], s->key.data, s->key.len, &fresh);
	if (!r)
		return -ENOMEM;
	if (!r->v.name && name_row(s, r, by, ev))
		return -ENOMEM;
	add_to(r, what, ev);
	into_ring(r, s->t[by].ring, m);
	return 0;
}

/* A loss knows at most a process's number, not when it was started. */
static struct row *process_of_loss(const struct rg_stat *s, const struct rg_event *ev)
{
	struct row *r = s->t[RG_BY_PROCESS].newest;
	uint64_t pid;

	if (!rg_has(ev, RG_F_PROC_PID))
		return NULL;
	for (; r; r = r->older) {
		memcpy(&pid, r->key, sizeof(pid));
		if (pid == ev->v[RG_F_PROC_PID].u)
			break;
	}
	return r;
}

static void add_loss(struct rg_stat *s, const struct rg_event *ev)
{
	uint64_t n = rg_has(ev, RG_F_LOST_COUNT) ? ev->v[RG_F_LOST_COUNT].u : 0;
	struct row *process = process_of_loss(s, ev), *sock = NULL;

	s->total.v.lost += n;
	if (process)
		process->v.lost += n;
	if (rg_has(ev, RG_F_SOCK_COOKIE))
		sock = table_find(&s->t[RG_BY_SOCKET], &ev->v[RG_F_SOCK_COOKIE].u, sizeof(uint64_t));
	if (sock)
		sock->v.lost += n;
}

int rg_stat_add(struct rg_stat *s, const struct rg_event *ev)
{
	struct rg_stat_row what;
	struct message *m;
	int r = 0;

	if (ev->v[RG_F_EVENT].i == RG_EV_LOST) {
		add_loss(s, ev);
		return 0;
	}
	if (is_set(ev, RG_F_PEEK))
		return 0;
	what = of_event(ev);
	add_to(&s->total, &what, ev);
	m = keep_message(s, ev);
	for (int by = 0; by < RG_BY__COUNT; by++) {
		int one = add_by(s, by, &what, ev, m);

		if (one)
			r = one;
	}
	return r;
}

static void tick_row(struct row *r, double seconds)
{
	r->v.message_rate = (double)(r->v.messages - r->messages_before) / seconds;
	r->v.byte_rate = (double)(r->v.bytes - r->bytes_before) / seconds;
	r->messages_before = r->v.messages;
	r->bytes_before = r->v.bytes;
}

void rg_stat_tick(struct rg_stat *s, double seconds)
{
	if (seconds <= 0)
		return;
	tick_row(&s->total, seconds);
	for (int i = 0; i < RG_BY__COUNT; i++)
		for (struct row *r = s->t[i].newest; r; r = r->older)
			tick_row(r, seconds);
}

/* ---- asking ---- */

static void fill_times(struct rg_stat_row *v, struct histogram *const *times)
{
	for (int i = 0; i < RG_TIME__COUNT; i++) {
		if (!times[i])
			continue;
		v->counted[i] = times[i]->count;
		v->p50[i] = hist_at(times[i], 500);
		v->p99[i] = hist_at(times[i], 990);
	}
}

struct order {
	enum rg_stat_key key;
	enum rg_stat_time time;
	bool reverse;
};

static double number_of(const struct rg_stat_row *v, const struct order *o)
{
	switch (o->key) {
	case RG_KEY_MESSAGE_RATE: return v->message_rate;
	case RG_KEY_BYTE_RATE: return v->byte_rate;
	case RG_KEY_BYTES: return (double)v->bytes;
	case RG_KEY_FDS: return (double)v->fds;
	case RG_KEY_P50: return (double)v->p50[o->time];
	case RG_KEY_P99: return (double)v->p99[o->time];
	case RG_KEY_ERRORS: return (double)v->errors;
	case RG_KEY_TRUNCATED: return (double)v->truncated;
	case RG_KEY_DENIED: return (double)v->denied;
	case RG_KEY_LOST: return (double)v->lost;
	default: return (double)v->messages;
	}
}

/* Ties: more messages first, then the row that is older, so that rows do not change places for nothing. */
static int compare(const void *pa, const void *pb, void *arg)
{
	const struct rg_stat_row *a = pa, *b = pb;
	const struct order *o = arg;
	double x, y;
	int c;

	if (o->key == RG_KEY_NAME) {
		c = strcmp(a->name, b->name);
	} else {
		x = number_of(a, o);
		y = number_of(b, o);
		c = (x < y) - (x > y);
		c = c ? c : (a->messages < b->messages) - (a->messages > b->messages);
	}
	c = o->reverse ? -c : c;
	return c ? c : (a->id > b->id) - (a->id < b->id);
}

unsigned rg_stat_rows(const struct rg_stat *s, enum rg_stat_by by, enum rg_stat_key key,
		      enum rg_stat_time time, bool reverse, struct rg_stat_row *rows, unsigned max)
{
	struct order o = {key, time, reverse};
	rg_auto_free struct rg_stat_row *all = calloc(s->t[by].n + 1, sizeof(*all));
	unsigned n = 0;

	for (const struct row *r = s->t[by].newest; all && r; r = r->older) {
		all[n] = r->v;
		fill_times(&all[n++], r->times);
	}
	if (n)
		qsort_r(all, n, sizeof(*all), compare, &o);
	n = n < max ? n : max;
	if (n)
		memcpy(rows, all, n * sizeof(*rows));
	return n;
}

void rg_stat_total(const struct rg_stat *s, struct rg_stat_row *ret)
{
	*ret = s->total.v;
	ret->name = "all";
	fill_times(ret, s->total.times);
}

unsigned rg_stat_count(const struct rg_stat *s, enum rg_stat_by by)
{
	return s->t[by].n;
}

uint64_t rg_stat_forgotten(const struct rg_stat *s, enum rg_stat_by by, struct rg_stat_row *ret)
{
	if (ret) {
		*ret = s->t[by].gone;
		ret->name = "(forgotten)";
	}
	return s->t[by].forgotten;
}
