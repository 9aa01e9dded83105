/* SPDX-License-Identifier: BSD-2-Clause */
/* The words of top: cells, lines of messages, and the table as plain lines. Text that came from programs is
 * escaped by the library; top_clip lets nothing through that is not printable, whatever happened before. */
#include "top.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <wchar.h>
#include <wctype.h>

#include <recvguard/json.h>
#include <recvguard/sink.h>

enum { NAME_MIN = 21, WIDE = 100 };

const struct top_column top_columns[] = {
	{"NAME", RG_KEY_NAME, NAME_MIN, 0, NULL, NAME_MIN, false},
	{"MSG/S", RG_KEY_MESSAGE_RATE, 7, 0, NULL, 5, false},
	{"BYTES/S", RG_KEY_BYTE_RATE, 7, 0, "B/S", 5, false},
	{"MSGS", RG_KEY_MESSAGES, 7, WIDE, NULL, 0, false},
	{"BYTES", RG_KEY_BYTES, 7, 110, NULL, 0, false},
	{"FDS", RG_KEY_FDS, 5, 0, NULL, 4, false},
	{"P50", RG_KEY_P50, 6, 0, NULL, 5, true},
	{"P99", RG_KEY_P99, 6, 0, NULL, 5, true},
	{"ERR", RG_KEY_ERRORS, 5, 0, NULL, 4, true},
	{"TRUNC", RG_KEY_TRUNCATED, 5, 0, NULL, 5, false},
	{"DENY", RG_KEY_DENIED, 4, 0, NULL, 4, true},
	{"LOST", RG_KEY_LOST, 5, 0, NULL, 4, false},
	{0},
};

static bool tells(const struct top_view *v, enum rg_stat_key key)
{
	switch (key) {
	case RG_KEY_P50:
	case RG_KEY_P99: return v->total.counted[v->time] > 0;
	case RG_KEY_ERRORS: return v->total.errors > 0;
	case RG_KEY_DENIED: return v->total.denied > 0;
	default: return true;
	}
}

unsigned top_column_width(const struct top_view *v, const struct top_column *c, unsigned width)
{
	if (c->from > width)
		return 0;
	if (width >= WIDE)
		return c->width;
	return c->spare && c->key != v->key && !tells(v, c->key) ? 0 : c->narrow;
}

const char *top_column_title(const struct top_column *c, unsigned width)
{
	return width < WIDE && c->narrow_title ? c->narrow_title : c->title;
}

unsigned top_name_width(const struct top_view *v, unsigned width)
{
	unsigned others = 0;

	for (const struct top_column *c = top_columns + 1; c->title; c++) {
		unsigned w = top_column_width(v, c, width);

		others += w ? w + 1 : 0;
	}
	return width > others + NAME_MIN ? width - others : NAME_MIN;
}

/* Three digits that matter: 7, 950, 1.2k, 34k, 5.6M. */
static void number(double v, unsigned k, const char *const *units, char *out, size_t size)
{
	unsigned i = 0;

	for (; v >= 999.5 && units[i + 1]; i++)
		v /= k;
	if (v >= 9.95 || i == 0)
		snprintf(out, size, "%.0f%s", v, units[i]);
	else
		snprintf(out, size, "%.1f%s", v, units[i]);
}

static void count(double v, char *out, size_t size)
{
	static const char *const units[] = {"", "k", "M", "G", "T", NULL};

	if (v > 0 && v < 9.95 && v != (double)(uint64_t)v)
		snprintf(out, size, "%.1f", v);
	else
		number(v, 1000, units, out, size);
}

static void bytes(double v, char *out, size_t size)
{
	static const char *const units[] = {"", "K", "M", "G", "T", NULL};

	number(v, 1024, units, out, size);
}

static void duration(uint64_t ns, char *out, size_t size)
{
	static const char *const units[] = {"ns", "us", "ms", "s", NULL};

	number((double)ns, 1000, units, out, size);
}

/* What only full records tell: none of those, and of the others nothing is known. */
static void known(const struct rg_stat_row *r, uint64_t n, char out[16])
{
	if (!n && r->metadata)
		memcpy(out, "-", 2);
	else
		count((double)n, out, 16);
}

void top_cell(const struct top_view *v, const struct top_column *c, const struct rg_stat_row *r, char out[16])
{
	switch (c->key) {
	case RG_KEY_MESSAGE_RATE: count(r->message_rate, out, 16); break;
	case RG_KEY_BYTE_RATE: bytes(r->byte_rate, out, 16); break;
	case RG_KEY_MESSAGES: count((double)r->messages, out, 16); break;
	case RG_KEY_BYTES: bytes((double)r->bytes, out, 16); break;
	case RG_KEY_FDS: known(r, r->fds, out); break;
	case RG_KEY_P50:
	case RG_KEY_P99:
		if (r->counted[v->time])
			duration(c->key == RG_KEY_P50 ? r->p50[v->time] : r->p99[v->time], out, 16);
		else
			memcpy(out, "-", 2);
		break;
	case RG_KEY_ERRORS: count((double)r->errors, out, 16); break;
	case RG_KEY_TRUNCATED: known(r, r->truncated, out); break;
	case RG_KEY_DENIED: count((double)r->denied, out, 16); break;
	case RG_KEY_LOST: count((double)r->lost, out, 16); break;
	default: out[0] = '\0';
	}
}

unsigned top_clip(const char *text, unsigned width, char *out, size_t size)
{
	size_t left = strlen(text), at = 0;
	mbstate_t state = {0};
	unsigned columns = 0;

	while (left) {
		wchar_t w;
		size_t n = mbrtowc(&w, text, left, &state);
		bool good = n && n <= left && iswprint((wint_t)w) && wcwidth(w) >= 0;
		unsigned wide = good ? (unsigned)wcwidth(w) : 1;

		if (!n || n > left) {
			n = 1;
			state = (mbstate_t){0};
		}
		if (columns + wide > width || at + n + 1 > size)
			break;
		if (good) {
			memcpy(out + at, text, n);
			at += n;
		} else {
			out[at++] = '?';
		}
		columns += wide;
		text += n;
		left -= n;
	}
	out[at] = '\0';
	return columns;
}

unsigned top_clip_middle(const char *text, unsigned width, char *out, size_t size)
{
	static const char gap[] = "..";
	enum { GAP = sizeof(gap) - 1, LONGEST = 1024 };
	char all[4 * LONGEST];
	unsigned columns = top_clip(text, LONGEST, all, sizeof(all)), n;
	const char *tail = all + strlen(all);

	if (columns <= width || width < 4 * GAP || size < sizeof(all) / 2)
		return top_clip(text, width, out, size);
	n = top_clip(all, (width - GAP) / 2, out, size);
	memcpy(out + strlen(out), gap, sizeof(gap));
	for (unsigned left = width - GAP - n; left; left--) /* a character is at least a column */
		do
			tail--;
		while ((*tail & 0xc0) == 0x80);
	return n + GAP + top_clip(tail, width - GAP - n, out + strlen(out), size - strlen(out));
}

/* ---- a message ---- */

struct line {
	char *out;
	size_t at, size;
};

static void add(struct line *l, const char *text)
{
	size_t n = strlen(text);

	n = l->at + n < l->size ? n : l->size - l->at - 1;
	memcpy(l->out + l->at, text, n);
	l->at += n;
	l->out[l->at] = '\0';
}

static void add_shown(struct line *l, const struct rg_value *v)
{
	char *s = rg_bytes_shown(v->p, v->len);

	add(l, s ? s : "(out of memory)");
	free(s);
}

static void add_time(struct line *l, uint64_t ns)
{
	time_t sec = (time_t)(ns / 1000000000);
	char text[32] = "";
	struct tm tm;

	if (localtime_r(&sec, &tm) && strftime(text, sizeof(text), "%H:%M:%S", &tm))
		add(l, text);
	snprintf(text, sizeof(text), ".%03u ", (unsigned)(ns / 1000000 % 1000));
	add(l, text);
}

static void add_process(struct line *l, const struct rg_event *ev, enum rg_field comm, enum rg_field pid)
{
	char text[32];

	if (rg_has(ev, comm))
		add_shown(l, &ev->v[comm]);
	snprintf(text, sizeof(text), "[%" PRIu64 "] ", rg_has(ev, pid) ? ev->v[pid].u : 0);
	add(l, text);
}

static void add_result(struct line *l, const struct rg_event *ev)
{
	const char *event = rg_name_of(rg_names_events, ev->v[RG_F_EVENT].u), *error = NULL;
	char text[64];

	if (rg_has(ev, RG_F_ERROR))
		error = rg_name_of(rg_names_errnos, ev->v[RG_F_ERROR].u);
	if (error)
		snprintf(text, sizeof(text), "%s %s ", event ? event : "?", error);
	else
		snprintf(text, sizeof(text), "%s %" PRId64 " ", event ? event : "?", ev->v[RG_F_RET].i);
	add(l, text);
}

void top_message_line(const struct rg_event *ev, char *out, size_t size)
{
	struct line l = {out, 0, size};

	out[0] = '\0';
	add_time(&l, ev->v[RG_F_TIME].u);
	add_process(&l, ev, RG_F_PROC_COMM, RG_F_PROC_PID);
	add_result(&l, ev);
	if (rg_has(ev, RG_F_SENDER_PID)) {
		add(&l, "<- ");
		add_process(&l, ev, RG_F_SENDER_COMM, RG_F_SENDER_PID);
	}
	if (rg_has(ev, RG_F_VERDICT_ACTION) && ev->v[RG_F_VERDICT_ACTION].i != RG_ACT_ALLOW) {
		add(&l, rg_name_of(rg_names_actions, ev->v[RG_F_VERDICT_ACTION].u) ?: "?");
		add(&l, " ");
	}
	if (rg_has(ev, RG_F_FD))
		add(&l, "+fd ");
	if (rg_has(ev, RG_F_MSG_SUMMARY)) {
		add_shown(&l, &ev->v[RG_F_MSG_SUMMARY]);
	} else if (rg_has(ev, RG_F_MSG_DATA)) {
		add(&l, "\"");
		add_shown(&l, &ev->v[RG_F_MSG_DATA]);
		add(&l, "\"");
	}
}

struct detail {
	top_line_fn fn;
	void *arg;
};

static int on_value(void *arg, const char *name, const char *value, const char *tags)
{
	struct detail *d = arg;
	char line[2048];

	snprintf(line, sizeof(line), "%-22s %s%s%s", name, value, tags ? "   " : "", tags ? tags : "");
	d->fn(d->arg, line);
	return 0;
}

void top_message_detail(const struct rg_event *ev, top_line_fn fn, void *arg)
{
	struct detail d = {fn, arg};

	if (rg_event_values(ev, on_value, &d) < 0)
		fn(arg, "(out of memory)");
}

/* ---- plain lines ---- */

enum { PRINT_WIDTH = 132 };

static void print_row(const struct top *t, const struct rg_stat_row *r)
{
	unsigned width = top_name_width(&t->view, PRINT_WIDTH);
	char name[1024], cell[16];
	unsigned columns = top_clip(r->name, width, name, sizeof(name));

	printf("%s%*s", name, (int)(width - columns), "");
	for (const struct top_column *c = top_columns + 1; c->title; c++) {
		top_cell(&t->view, c, r, cell);
		printf(" %*s", (int)c->width, cell);
	}
	putchar('\n');
}

void top_print(const struct top *t)
{
	const struct top_view *v = &t->view;

	printf("%-*s", (int)top_name_width(v, PRINT_WIDTH), rg_stat_by_names[v->by]);
	for (const struct top_column *c = top_columns + 1; c->title; c++)
		printf(" %*s", (int)c->width, c->title);
	putchar('\n');
	for (unsigned i = 0; i < v->n; i++)
		print_row(t, &v->rows[i]);
	if (v->forgotten)
		print_row(t, &v->gone);
	print_row(t, &v->total);
}
