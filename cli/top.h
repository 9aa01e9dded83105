/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RG_CLI_TOP_H
#define RG_CLI_TOP_H

/* top: what it shows (top_view.c), how it draws (top_draw.c), and the verb itself. */
#include <recvguard/policy.h>
#include <recvguard/redact.h>
#include <recvguard/stat.h>

#include "trace.h"

enum {
	TOP_ROWS = 1024, /* all that a table holds */
	TOP_MESSAGES = 16,
	TOP_LINE = 256 /* bytes of a filter */
};

struct top_opts {
	struct trace_opts trace; /* first: trace_select.def counts from it */
	const char *from;
	uint64_t interval, batch;
	int by, key, time;
	bool reverse;
};

enum top_mode { TOP_TABLE, TOP_LIST, TOP_DETAIL, TOP_HELP };

/* What is looked at. */
struct top_view {
	enum top_mode mode;
	enum rg_stat_by by;
	enum rg_stat_key key;
	enum rg_stat_time time;
	bool reverse, frozen;
	unsigned selected, scroll; /* of the table */
	unsigned message, first;   /* of the list and the detail: which message, which line is on top */
	uint64_t row_id;	   /* of the row looked into */
	char row_name[256];
	char *json[TOP_MESSAGES]; /* its last messages, newest first: copies, so that they stay while looked
				     at */
	unsigned n_json;
	/* what is on the screen: stays while it is frozen */
	struct rg_stat_row rows[TOP_ROWS], total, gone;
	unsigned n;
	uint64_t forgotten;
	/* the filter being typed */
	bool typing;
	char typed[TOP_LINE], *error;
};

struct top {
	const struct cli_verb *verb;
	const struct top_opts *o;
	struct rg_stat *stat;
	struct rg_expr *filter;
	struct rg_policy *policy;
	struct rg_redact *redact;
	struct rg_event *scratch; /* for messages looked at */
	char filter_text[TOP_LINE];
	struct top_view view;
	uint64_t since; /* ns since 1970: when counting began */
	double last_tick;
	const char *state; /* "", "ended" */
	bool quit;
};

/* The table now: rows in order, sums. */
void top_refresh(struct top *t);
/* A filter; counting begins anew with it. "" for none. False: view.error says what is wrong. */
bool top_set_filter(struct top *t, const char *text);
void top_key(struct top *t, int key);
/* Free what the view holds. */
void top_view_free(struct top_view *v);

/* A column of the table. */
struct top_column {
	const char *title;
	enum rg_stat_key key;
	unsigned width;
	unsigned from; /* shown where the terminal has so many columns */
	/* on a narrow terminal, where the name needs the room */
	const char *narrow_title; /* NULL: the same */
	unsigned narrow;	  /* its width there */
	bool spare; /* left out there while it has nothing to tell and nothing is sorted by it */
};
extern const struct top_column top_columns[]; /* ends with a row without a title; the name comes first */
void top_cell(const struct top_view *v, const struct top_column *c, const struct rg_stat_row *r,
	      char out[16]);
/* Its width on a terminal of that width, 0: not shown there. */
unsigned top_column_width(const struct top_view *v, const struct top_column *c, unsigned width);
const char *top_column_title(const struct top_column *c, unsigned width);
/* Columns left for the name at this width. */
unsigned top_name_width(const struct top_view *v, unsigned width);
/* As top_clip; of what is too long both ends are kept. */
unsigned top_clip_middle(const char *text, unsigned width, char *out, size_t size);
/* Put text at most width columns wide into out; nothing that a terminal could obey. Returns its columns. */
unsigned top_clip(const char *text, unsigned width, char *out, size_t size);
/* One message as a line, and as the lines of its detail (calls fn for each). */
void top_message_line(const struct rg_event *ev, char *out, size_t size);
typedef void (*top_line_fn)(void *arg, const char *line);
void top_message_detail(const struct rg_event *ev, top_line_fn fn, void *arg);

/* The screen (ncurses). */
int top_screen_begin(struct rg_err *err);
void top_screen_end(void);
void top_draw(const struct top *t);
/* The next key pressed, -1: none. */
int top_screen_key(void);
/* The table as lines of text. */
void top_print(const struct top *t);

#endif
