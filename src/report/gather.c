/* SPDX-License-Identifier: BSD-2-Clause */
/* Events to figures. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "report/report.h"

int rg_report_new(const struct rg_report_opts *opts, struct rg_report **ret, struct rg_err *err)
{
	struct rg_report *r = calloc(1, sizeof(*r));
	struct rg_graph_opts g = {.max_nodes = opts && opts->max_nodes ? opts->max_nodes : RG_REPORT_NODES,
				  .max_edges = RG_REPORT_EDGES};
	bool ok = r != NULL;

	*ret = NULL;
	if (ok && opts) {
		r->opts = *opts;
		r->source = opts->source ? strdup(opts->source) : NULL;
		r->filter = opts->filter ? strdup(opts->filter) : NULL;
		ok = (r->source || !opts->source) && (r->filter || !opts->filter);
	}
	if (!ok || rg_graph_new(&g, &r->graph, err) < 0) {
		rg_report_free(r);
		return rg_fail(err, -ENOMEM, "out of memory for a report");
	}
	r->rows.max = r->opts.rows ? r->opts.rows : RG_REPORT_ROWS;
	r->rows.last = r->opts.last;
	*ret = r;
	return 0;
}

void rg_report_free(struct rg_report *r)
{
	if (!r)
		return;
	rg_graph_free(r->graph);
	counts_free(&r->denials);
	counts_free(&r->truncations);
	counts_free(&r->protocols);
	counts_free(&r->errors);
	counts_free(&r->losses);
	rows_free(&r->rows);
	rg_buf_free(&r->key);
	free(r->source);
	free(r->filter);
	free(r);
}

/* ---- keys of the counts: JSON values separated by commas ---- */

static struct rg_buf *begin(struct rg_report *r)
{
	rg_buf_reset(&r->key);
	return &r->key;
}

static void column(struct rg_buf *b)
{
	if (b->len)
		rg_buf_char(b, ',');
}

static void put_str(struct rg_buf *b, const struct rg_event *ev, enum rg_field f)
{
	column(b);
	if (rg_has(ev, f))
		rg_json_lossy(b, ev->v[f].p, ev->v[f].len);
	else
		rg_buf_str(b, "null");
}

static void put_enum(struct rg_buf *b, const struct rg_event *ev, enum rg_field f)
{
	const struct rg_name *names = rg_event_names(ev, f);
	const char *name = rg_has(ev, f) && names ? rg_name_of(names, ev->v[f].u) : NULL;

	column(b);
	if (name)
		rg_buf_printf(b, "\"%s\"", name);
	else if (rg_has(ev, f))
		rg_buf_i64(b, ev->v[f].i);
	else
		rg_buf_str(b, "null");
}

static void put_u(struct rg_buf *b, const struct rg_event *ev, enum rg_field f)
{
	column(b);
	if (rg_has(ev, f))
		rg_buf_u64(b, ev->v[f].u);
	else
		rg_buf_str(b, "null");
}

static void put_who(struct rg_buf *b, const struct rg_event *ev)
{
	put_str(b, ev, RG_F_PROC_COMM);
	put_u(b, ev, RG_F_PROC_PID);
	put_enum(b, ev, RG_F_SOCK_FAMILY);
	put_str(b, ev, RG_F_SOCK_PATH);
}

static int count(struct rg_report *r, struct counts *c, uint64_t time, struct count_row **ret)
{
	if (r->key.oom)
		return -ENOMEM;
	return counts_at(c, r->key.data, r->key.len, time, ret);
}

/* ---- one event ---- */

static bool yes(const struct rg_event *ev, enum rg_field f)
{
	return rg_has(ev, f) && ev->v[f].u;
}

static uint64_t time_of(const struct rg_event *ev)
{
	return rg_has(ev, RG_F_TIME) ? ev->v[RG_F_TIME].u : 0;
}

static int family_of(const struct rg_event *ev)
{
	switch (rg_has(ev, RG_F_SOCK_FAMILY) ? ev->v[RG_F_SOCK_FAMILY].i : -1) {
	case AF_UNIX: return FAM_UNIX;
	case AF_INET:
	case AF_INET6: return FAM_INET;
	case AF_NETLINK: return FAM_NETLINK;
	default: return FAM_OTHER;
	}
}

static uint64_t fds_of(const struct rg_event *ev)
{
	const struct rg_node *n = rg_has(ev, RG_F_FD) ? ev->v[RG_F_FD].node : NULL;
	uint64_t count_ = 0;

	for (; n; n = n->next) {
		const struct rg_node *fd = n->type == RG_T_OBJECT ? n->v.node : NULL;
		const struct rg_node *lost = rg_node_find(fd, "lost");

		count_ += !lost || !lost->v.u;
	}
	return count_;
}

static int add_loss(struct rg_report *r, const struct rg_event *ev, struct bucket *at)
{
	uint64_t n = rg_has(ev, RG_F_LOST_COUNT) ? ev->v[RG_F_LOST_COUNT].u : 0;
	struct count_row *row;
	struct rg_buf *b = begin(r);
	int rc;

	at->lost += n;
	r->lost += n;
	put_enum(b, ev, RG_F_LOST_REASON);
	put_who(b, ev);
	rc = count(r, &r->losses, time_of(ev), &row);
	if (row)
		row->v[0] += n;
	return rc;
}

static int add_denial(struct rg_report *r, const struct rg_event *ev, struct bucket *at)
{
	int64_t a = rg_has(ev, RG_F_VERDICT_ACTION) ? ev->v[RG_F_VERDICT_ACTION].i : RG_ACT_ALLOW;
	struct count_row *row;
	struct rg_buf *b;

	if (a != RG_ACT_DENY && a != RG_ACT_DROP && a != RG_ACT_STRIP && a != RG_ACT_KILL)
		return 0;
	at->denied++;
	r->denied++;
	b = begin(r);
	put_enum(b, ev, RG_F_VERDICT_ACTION);
	put_enum(b, ev, RG_F_VERDICT_ERRNO);
	put_str(b, ev, RG_F_VERDICT_POLICY);
	put_str(b, ev, RG_F_VERDICT_RULE);
	put_str(b, ev, RG_F_VERDICT_BACKEND);
	put_who(b, ev);
	return count(r, &r->denials, time_of(ev), &row);
}

static int add_truncation(struct rg_report *r, const struct rg_event *ev, struct bucket *at)
{
	bool data = yes(ev, RG_F_MSG_TRUNCATED), control = yes(ev, RG_F_MSG_CTRUNCATED);
	uint64_t lost = rg_has(ev, RG_F_MSG_FDS_LOST) ? ev->v[RG_F_MSG_FDS_LOST].u : 0;
	struct count_row *row;
	struct rg_buf *b;
	int rc;

	if (!data && !control && !lost)
		return 0;
	at->truncated++;
	r->truncated++;
	b = begin(r);
	rg_buf_printf(b, "\"%s\"", data && control ? "data and control" : data ? "data" : "control");
	put_who(b, ev);
	rc = count(r, &r->truncations, time_of(ev), &row);
	if (row) {
		uint64_t size = rg_has(ev, RG_F_MSG_SIZE) ? ev->v[RG_F_MSG_SIZE].u : 0;

		row->v[0] += lost;
		row->v[1] = size > row->v[1] ? size : row->v[1];
	}
	return rc;
}

static int add_protocol(struct rg_report *r, const struct rg_event *ev)
{
	struct count_row *row;
	struct rg_buf *b = begin(r);
	int rc;

	if (!rg_has(ev, RG_F_MSG_PROTOCOL))
		return 0;
	put_str(b, ev, RG_F_MSG_PROTOCOL);
	rc = count(r, &r->protocols, time_of(ev), &row);
	if (row && ev->v[RG_F_RET].i > 0)
		row->v[0] += ev->v[RG_F_RET].u;
	return rc;
}

static int add_error(struct rg_report *r, const struct rg_event *ev)
{
	struct count_row *row;
	struct rg_buf *b = begin(r);

	r->failed++;
	put_enum(b, ev, RG_F_ERROR);
	put_who(b, ev);
	return count(r, &r->errors, time_of(ev), &row);
}

static uint64_t size_of(const struct rg_event *ev)
{
	return rg_has(ev, RG_F_MSG_SIZE) ? ev->v[RG_F_MSG_SIZE].u : ev->v[RG_F_RET].u;
}

static void distributions(struct rg_report *r, const struct rg_event *ev)
{
	static const enum rg_field fields[] = {RG_F_MSG_LATENCY, RG_F_DURATION, RG_F_WAIT};
	struct dist *to[] = {&r->latency, &r->duration, &r->wait};

	for (int i = 0; i < 3; i++)
		if (rg_has(ev, fields[i]))
			dist_add(to[i], ev->v[fields[i]].u);
	dist_add(&r->size, size_of(ev));
}

static void add_sent(struct rg_report *r, const struct rg_event *ev, struct bucket *at)
{
	at->sent++;
	r->sent++;
	r->sent_bytes += ev->v[RG_F_RET].u;
	dist_add(&r->sent_size, size_of(ev));
}

static int add_received(struct rg_report *r, const struct rg_event *ev, struct bucket *at)
{
	uint64_t fds = fds_of(ev), n = ev->v[RG_F_RET].u;
	int rc;

	at->messages[family_of(ev)]++;
	at->bytes += n;
	at->fds += fds;
	r->received++;
	r->bytes += n;
	r->fds += fds;
	distributions(r, ev);
	rc = add_truncation(r, ev, at);
	return rc < 0 ? rc : add_protocol(r, ev);
}

static int add_message(struct rg_report *r, const struct rg_event *ev, struct bucket *at)
{
	int64_t id = rg_has(ev, RG_F_EVENT) ? ev->v[RG_F_EVENT].i : -1;
	int rc = add_denial(r, ev, at);

	r->messages++;
	if (rc < 0 || !rg_has(ev, RG_F_RET))
		return rc;
	if (ev->v[RG_F_RET].i < 0)
		return add_error(r, ev);
	if (yes(ev, RG_F_PEEK)) {
		r->peeks++;
		return 0;
	}
	if (id >= 0 && id < RG_EV__COUNT && rg_events[id].dir == RG_DIR_SEND) {
		add_sent(r, ev, at);
		return 0;
	}
	return add_received(r, ev, at);
}

int rg_report_add(struct rg_report *r, const struct rg_event *ev, struct rg_err *err)
{
	uint64_t time = time_of(ev);
	struct bucket *at = series_at(&r->series, time);
	int rc = rg_graph_add(r->graph, ev, err);

	if (rc < 0)
		return rc;
	r->first = !r->first || time < r->first ? time : r->first;
	r->last = time > r->last ? time : r->last;
	if (rg_has(ev, RG_F_EVENT) && ev->v[RG_F_EVENT].i == RG_EV_LOST)
		rc = add_loss(r, ev, at);
	else
		rc = add_message(r, ev, at);
	rc = rc < 0 ? rc : rows_add(&r->rows, &r->json, ev);
	return rc < 0 ? rg_fail(err, -ENOMEM, "out of memory for a report") : 0;
}

void rg_report_counts(const struct rg_report *r, uint64_t *messages, uint64_t *shown)
{
	*messages = r->messages;
	*shown = r->rows.n;
}
