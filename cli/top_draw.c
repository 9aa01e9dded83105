/* SPDX-License-Identifier: BSD-2-Clause */
/* top on a terminal. No colours: bold and reverse, so that NO_COLOR and a monochrome terminal lose nothing.
 */
#include <curses.h>
#include <errno.h>
#include <inttypes.h>
#include <locale.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <recvguard/json.h>

#include "top.h"

enum { TOP_LINES = 3, BOTTOM_LINES = 1, LINE_MAX_BYTES = 4096, ESC_WAIT_MS = 50 };

int top_screen_begin(struct rg_err *err)
{
	setlocale(LC_CTYPE, "");
	if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
		return rg_fail(err, -ENOTTY, "needs a terminal; --batch prints lines");
	if (!newterm(NULL, stdout, stdin))
		return rg_fail(err, -ENOTTY, "the terminal '%s' is not known; set TERM, or use --batch",
			       getenv("TERM") ?: "");
	cbreak();
	noecho();
	nodelay(stdscr, TRUE);
	keypad(stdscr, TRUE);
	set_escdelay(ESC_WAIT_MS);
	curs_set(0);
	return 0;
}

void top_screen_end(void)
{
	if (stdscr && !isendwin())
		endwin();
}

int top_screen_key(void)
{
	int key = getch();

	return key == ERR ? -1 : key;
}

static unsigned width(void)
{
	return COLS > 0 ? (unsigned)COLS : 80;
}

/* A whole line, cut at the right edge. */
static void put_line(int y, int attributes, const char *text)
{
	char clipped[LINE_MAX_BYTES];

	if (y < 0 || y >= LINES)
		return;
	top_clip(text, width(), clipped, sizeof(clipped));
	attrset(attributes);
	mvaddstr(y, 0, clipped);
	if (attributes & A_REVERSE)
		hline(' ' | (chtype)attributes, COLS);
	attrset(A_NORMAL);
	clrtoeol();
}

static void put_format(int y, int attributes, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
static void put_format(int y, int attributes, const char *fmt, ...)
{
	char text[LINE_MAX_BYTES];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	put_line(y, attributes, text);
}

/* ---- the head ---- */

static void cell_of(const struct top *t, enum rg_stat_key key, char out[16])
{
	for (const struct top_column *c = top_columns; c->title; c++)
		if (c->key == key)
			top_cell(&t->view, c, &t->view.total, out);
}

static void draw_head(const struct top *t)
{
	const struct top_view *v = &t->view;
	static const enum rg_stat_key keys[] = {RG_KEY_MESSAGES, RG_KEY_MESSAGE_RATE, RG_KEY_BYTE_RATE,
						RG_KEY_FDS,	 RG_KEY_TRUNCATED,    RG_KEY_DENIED,
						RG_KEY_LOST};
	char c[sizeof(keys) / sizeof(keys[0])][16], clock[16] = "", line[256];
	time_t now = time(NULL), since = (time_t)(t->since / 1000000000);
	struct tm tm;

	if (localtime_r(&now, &tm))
		strftime(clock, sizeof(clock), "%H:%M:%S", &tm);
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		cell_of(t, keys[i], c[i]);
	snprintf(line, sizeof(line), "recvguard %s  %s msgs %s/s %sB/s  fds %s  trunc %s  deny %s  LOST %s",
		 clock, c[0], c[1], c[2], c[3], c[4], c[5], c[6]);
	/* what was lost is never cut off */
	put_line(0, A_BOLD, strlen(line) > width() ? line + strlen("recvguard ") : line);
	put_format(1, A_NORMAL, "by %s  sort %s%s  time %s  %us  rows %u%s%s%s%s%s%s",
		   rg_stat_by_names[v->by], rg_stat_key_names[v->key], v->reverse ? " (reversed)" : "",
		   rg_stat_time_names[v->time], now > since ? (unsigned)(now - since) : 0, v->n,
		   v->frozen ? "  FROZEN" : "", *t->state ? "  " : "", t->state,
		   t->filter_text[0] ? "  filter: " : "", t->filter_text, "");
}

/* ---- the table ---- */

static unsigned page_rows(void)
{
	return LINES > TOP_LINES + BOTTOM_LINES ? (unsigned)(LINES - TOP_LINES - BOTTOM_LINES) : 1;
}

static void draw_cells(const struct top *t, int y, const struct rg_stat_row *r, int attributes)
{
	unsigned name = top_name_width(&t->view, width());
	char line[LINE_MAX_BYTES], cell[16];
	unsigned columns = top_clip_middle(r->name, name, line, sizeof(line) / 2);
	size_t at = strlen(line);

	at += (size_t)snprintf(line + at, sizeof(line) - at, "%*s", (int)(name - columns), "");
	for (const struct top_column *c = top_columns + 1; c->title; c++) {
		unsigned w = top_column_width(&t->view, c, width());

		if (!w)
			continue;
		top_cell(&t->view, c, r, cell);
		at += (size_t)snprintf(line + at, sizeof(line) - at, " %*s", (int)w, cell);
	}
	put_line(y, attributes, line);
}

/* The column that is sorted by stands out. */
static void draw_titles(const struct top *t)
{
	int x = (int)top_name_width(&t->view, width());

	put_format(2, A_BOLD, "%s", rg_stat_by_names[t->view.by]);
	for (const struct top_column *c = top_columns + 1; c->title; c++) {
		int w = (int)top_column_width(&t->view, c, width());

		if (!w)
			continue;
		attrset(c->key == t->view.key ? A_BOLD | A_REVERSE : A_BOLD);
		mvprintw(2, x + 1, "%*s", w, top_column_title(c, width()));
		x += w + 1;
	}
	attrset(A_NORMAL);
}

static void draw_table(const struct top *t)
{
	const struct top_view *v = &t->view;
	unsigned rows = page_rows(), spare = v->forgotten ? 1 : 0;
	unsigned first = v->selected >= rows - spare ? v->selected - (rows - spare) + 1 : 0;
	int y = TOP_LINES;

	draw_titles(t);
	for (unsigned i = first; i < v->n && i < first + rows - spare; i++)
		draw_cells(t, y++, &v->rows[i], i == v->selected ? A_REVERSE : A_NORMAL);
	if (spare)
		draw_cells(t, y++, &v->gone, A_NORMAL);
	for (; y < LINES - BOTTOM_LINES; y++)
		put_line(y, A_NORMAL, "");
	put_line(LINES - 1, A_NORMAL,
		 "1-4 table  <> sort  r reverse  t time  f filter  Space freeze  Enter look  ?  q");
}

/* ---- messages ---- */

static bool parse(const struct top *t, unsigned i)
{
	return i < t->view.n_json &&
	       rg_event_from_json(t->scratch, t->view.json[i], strlen(t->view.json[i]), NULL) == 0;
}

static void draw_list(const struct top *t)
{
	const struct top_view *v = &t->view;
	unsigned rows = page_rows(), first = v->message >= rows ? v->message - rows + 1 : 0;
	char line[LINE_MAX_BYTES];
	int y = TOP_LINES;

	put_format(2, A_BOLD, "last messages of %s", v->row_name);
	for (unsigned i = first; i < v->n_json && y < LINES - BOTTOM_LINES; i++) {
		if (parse(t, i))
			top_message_line(t->scratch, line, sizeof(line));
		else
			snprintf(line, sizeof(line), "(cannot be shown)");
		put_line(y++, i == v->message ? A_REVERSE : A_NORMAL, line);
	}
	if (!v->n_json)
		put_line(y++, A_NORMAL, "(none is kept any more)");
	for (; y < LINES - BOTTOM_LINES; y++)
		put_line(y, A_NORMAL, "");
	put_line(LINES - 1, A_NORMAL, "Up Down choose  Enter all of it  Space freeze  q back");
}

struct pager {
	unsigned line, first;
	int y;
};

static void detail_line(void *arg, const char *line)
{
	struct pager *p = arg;

	if (p->line++ >= p->first && p->y < LINES - BOTTOM_LINES)
		put_line(p->y++, A_NORMAL, line);
}

static void draw_detail(const struct top *t)
{
	const struct top_view *v = &t->view;
	struct pager p = {.first = v->first, .y = TOP_LINES};

	put_format(2, A_BOLD, "message %u of %u of %s, from line %u", v->message + 1, v->n_json, v->row_name,
		   v->first + 1);
	if (parse(t, v->message))
		top_message_detail(t->scratch, detail_line, &p);
	for (; p.y < LINES - BOTTOM_LINES; p.y++)
		put_line(p.y, A_NORMAL, "");
	put_line(LINES - 1, A_NORMAL, "Up Down PgUp PgDn scroll  q back   (name, value, tags)");
}

static void draw_help(void)
{
	static const char *const lines[] = {
		"1 2 3 4, Tab   by process, socket, peer, container",
		"< >            sort by the column to the left, to the right",
		"r              the other way round",
		"t              P50 and P99 of: wait (asleep in the call), duration, latency;",
		"               measured by --duration, the latency by --direction both",
		"f              filter by an expression, as in trace --filter;",
		"               counting begins anew",
		"Space          freeze what is shown; counting goes on",
		"Enter          the last messages of a row; again: all of one",
		"q              back, and from the table: end",
		"",
		"ERR calls that failed   TRUNC messages, control data, descriptors cut",
		"DENY by --policy        LOST messages that could not be recorded",
		"Below 100 columns P50, P99, ERR, DENY are left out until there is one.",
		"A table keeps 1,024 rows; of what had to go the sums stay, as (forgotten).",
		NULL};
	int y = TOP_LINES;

	put_line(2, A_BOLD, "help");
	for (const char *const *l = lines; *l && y < LINES - BOTTOM_LINES; l++)
		put_line(y++, A_NORMAL, *l);
	for (; y < LINES; y++)
		put_line(y, A_NORMAL, y == LINES - 1 ? "any key: back" : "");
}

/* ---- the filter being typed ---- */

/* Over the last lines: the error above, with its caret. */
static void draw_typing(const struct top *t)
{
	const struct top_view *v = &t->view;
	const char *rest = v->error ? v->error : "";
	char line[LINE_MAX_BYTES];
	unsigned n = 0, i = 0;

	for (const char *c = rest; *c; c++)
		n += *c == '\n';
	n += *rest != 0;
	for (; *rest; i++) {
		size_t len = strcspn(rest, "\n");

		snprintf(line, sizeof(line), "%.*s", (int)len, rest);
		put_line(LINES - 1 - (int)n + (int)i, A_BOLD, line);
		rest += len + (rest[len] == '\n');
	}
	put_format(LINES - 1, A_REVERSE, "filter%s: %s_", v->error ? " (not yet one)" : "", v->typed);
}

void top_draw(const struct top *t)
{
	erase();
	draw_head(t);
	switch (t->view.mode) {
	case TOP_TABLE: draw_table(t); break;
	case TOP_LIST: draw_list(t); break;
	case TOP_DETAIL: draw_detail(t); break;
	case TOP_HELP: draw_help(); break;
	}
	if (t->view.typing)
		draw_typing(t);
	refresh();
}
