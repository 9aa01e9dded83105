/* SPDX-License-Identifier: BSD-2-Clause */
/* What top shows: keys change the view, events the numbers. Nothing here knows how it is drawn. */
#include "top.h"

#include <curses.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { ESC = 27, CTRL_U = 21, BACKSPACE = 8, DEL = 127, PAGE = 10 };

static void drop_messages(struct top_view *v)
{
	while (v->n_json)
		free(v->json[--v->n_json]);
}

static void take_messages(struct top *t)
{
	struct rg_stat_message m[TOP_MESSAGES];
	struct top_view *v = &t->view;
	unsigned n = rg_stat_messages(t->stat, v->by, v->row_id, m, TOP_MESSAGES);

	drop_messages(v);
	for (unsigned i = 0; i < n; i++) {
		v->json[v->n_json] = strndup(m[i].json, m[i].len);
		v->n_json += v->json[v->n_json] != NULL;
	}
	if (v->message >= v->n_json)
		v->message = v->n_json ? v->n_json - 1 : 0;
}

void top_view_free(struct top_view *v)
{
	drop_messages(v);
	free(v->error);
	v->error = NULL;
}

void top_refresh(struct top *t)
{
	struct top_view *v = &t->view;

	if (v->mode == TOP_LIST)
		take_messages(t);
	v->n = rg_stat_rows(t->stat, v->by, v->key, v->time, v->reverse, v->rows, TOP_ROWS);
	rg_stat_total(t->stat, &v->total);
	v->forgotten = rg_stat_forgotten(t->stat, v->by, &v->gone);
	if (v->selected >= v->n)
		v->selected = v->n ? v->n - 1 : 0;
}

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static void set_error(struct top_view *v, const char *text)
{
	free(v->error);
	v->error = text ? strdup(text) : NULL;
}

/* Of --metadata no field can be asked that only the full record has. */
static bool can_ask(const struct top *t, const struct rg_expr *filter, struct rg_err *err)
{
	struct rg_trace_opts to = {.metadata = t->o->trace.metadata, .filter = filter};

	return rg_trace_check(&to, err) == 0;
}

bool top_set_filter(struct top *t, const char *text)
{
	struct rg_stat *fresh = NULL;
	struct rg_expr *filter = NULL;
	struct rg_err err = {0};

	set_error(&t->view, NULL);
	if ((*text && rg_expr_compile(text, "filter", &filter, &err) < 0) || !can_ask(t, filter, &err) ||
	    rg_stat_new(NULL, &fresh, &err) < 0) {
		rg_expr_free(filter);
		set_error(&t->view, err.msg);
		return false;
	}
	rg_expr_free(t->filter);
	rg_stat_free(t->stat);
	t->filter = filter;
	t->stat = fresh;
	t->since = now_ns();
	snprintf(t->filter_text, sizeof(t->filter_text), "%s", text);
	top_refresh(t);
	return true;
}

/* ---- typing a filter ---- */

/* Whether it is one is said while it is typed. */
static void check_typed(struct top_view *v)
{
	struct rg_expr *e = NULL;
	struct rg_err err = {0};

	set_error(v, NULL);
	if (v->typed[0] && rg_expr_compile(v->typed, "filter", &e, &err) < 0)
		set_error(v, err.msg);
	rg_expr_free(e);
}

static void type(struct top *t, int key)
{
	struct top_view *v = &t->view;
	size_t len = strlen(v->typed);

	switch (key) {
	case '\n':
	case '\r':
	case KEY_ENTER: v->typing = !top_set_filter(t, v->typed); return;
	case ESC:
		v->typing = false;
		set_error(v, NULL);
		return;
	case CTRL_U: v->typed[0] = '\0'; break;
	case KEY_BACKSPACE:
	case BACKSPACE:
	case DEL:
		while (len && (v->typed[--len] & 0xc0) == 0x80) /* the rest of a character */
			;
		v->typed[len] = '\0';
		break;
	default:
		if (key >= ' ' && key < 256 && len + 1 < sizeof(v->typed)) {
			v->typed[len] = (char)key;
			v->typed[len + 1] = '\0';
		}
	}
	check_typed(v);
}

/* ---- moving ---- */

/* By is added, within 0..n-1. */
static void move_in(unsigned *at, unsigned n, int by)
{
	int64_t to = (int64_t)*at + by;

	*at = n == 0 || to < 0 ? 0 : to >= n ? n - 1 : (unsigned)to;
}

static int step_of(int key)
{
	switch (key) {
	case KEY_UP:
	case 'k': return -1;
	case KEY_DOWN:
	case 'j': return 1;
	case KEY_PPAGE: return -PAGE;
	case KEY_NPAGE: return PAGE;
	case KEY_HOME: return -TOP_ROWS * 64;
	case KEY_END: return TOP_ROWS * 64;
	default: return 0;
	}
}

static void look_into(struct top *t)
{
	struct top_view *v = &t->view;

	if (v->selected >= v->n)
		return;
	v->row_id = v->rows[v->selected].id;
	snprintf(v->row_name, sizeof(v->row_name), "%s", v->rows[v->selected].name);
	v->message = v->first = 0;
	v->mode = TOP_LIST;
	take_messages(t);
}

/* The next column of the table is sorted by. */
static void next_key(struct top_view *v, int by)
{
	int n = 0, at = 0;

	for (; top_columns[n].title; n++)
		if (top_columns[n].key == v->key)
			at = n;
	v->key = top_columns[(at + by + n) % n].key;
}

static void look_by(struct top_view *v, enum rg_stat_by by)
{
	v->by = by;
	v->selected = v->scroll = 0;
}

static void table_key(struct top *t, int key)
{
	struct top_view *v = &t->view;

	switch (key) {
	case '1':
	case '2':
	case '3':
	case '4': look_by(v, (enum rg_stat_by)(key - '1')); break;
	case '\t': look_by(v, (v->by + 1) % RG_BY__COUNT); break;
	case '>':
	case KEY_RIGHT: next_key(v, 1); break;
	case '<':
	case KEY_LEFT: next_key(v, -1); break;
	case 'r': v->reverse = !v->reverse; break;
	case 't': v->time = (v->time + 1) % RG_TIME__COUNT; break;
	case 'f':
	case '/':
		v->typing = true;
		snprintf(v->typed, sizeof(v->typed), "%s", t->filter_text);
		break;
	case '\n':
	case '\r':
	case KEY_ENTER: look_into(t); return;
	case 'q':
	case ESC: t->quit = key == 'q'; return;
	default: move_in(&v->selected, v->n, step_of(key)); return;
	}
	if (!v->typing)
		top_refresh(t);
}

static void list_key(struct top *t, int key)
{
	struct top_view *v = &t->view;

	switch (key) {
	case 'q':
	case ESC: v->mode = TOP_TABLE; break;
	case '\n':
	case '\r':
	case KEY_ENTER:
		v->first = 0;
		v->mode = v->n_json ? TOP_DETAIL : TOP_LIST;
		break;
	default: move_in(&v->message, v->n_json, step_of(key));
	}
}

void top_key(struct top *t, int key)
{
	struct top_view *v = &t->view;

	if (v->typing)
		return type(t, key);
	if (key == ' ') {
		v->frozen = !v->frozen;
		if (!v->frozen && v->mode == TOP_TABLE)
			top_refresh(t);
		return;
	}
	if (key == 'h' || key == '?') {
		v->mode = v->mode == TOP_HELP ? TOP_TABLE : TOP_HELP;
		return;
	}
	switch (v->mode) {
	case TOP_TABLE: table_key(t, key); break;
	case TOP_LIST: list_key(t, key); break;
	case TOP_DETAIL:
		if (key == 'q' || key == ESC)
			v->mode = TOP_LIST;
		else
			move_in(&v->first, TOP_ROWS, step_of(key));
		break;
	case TOP_HELP: v->mode = TOP_TABLE; break;
	}
}
