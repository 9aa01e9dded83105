/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RG_SINK_PEN_H
#define RG_SINK_PEN_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"

/*
 * Writing for a terminal: knows the column it is at, stops at the right edge, colours where asked, and shows
 * foreign bytes without ever letting the terminal obey one.
 */
enum pen_style {
	PEN_PLAIN,
	PEN_DIM,
	PEN_BOLD,
	PEN_RECV,
	PEN_SEND,
	PEN_SIZE,
	PEN_DATA,
	PEN_SUMMARY,
	PEN_FD,
	PEN_CMSG,
	PEN_WARN,  /* worth a look: end of file, peek */
	PEN_ERROR, /* findings, errors, denials */
	PEN_LOUD,  /* losses */
	PEN_PROC0, /* and the five after it: processes, told apart by colour */
	PEN_STYLES = PEN_PROC0 + 6
};

struct pen {
	struct rg_buf *b;
	unsigned col, limit; /* limit 0: none */
	bool color, ascii, full;
};

void pen_style(struct pen *p, enum pen_style style);
/* Text of our own: UTF-8, no controls. With ascii set characters beyond ASCII are replaced by their likes. */
void pen_own(struct pen *p, const char *s);
void pen_styled(struct pen *p, enum pen_style style, const char *s); /* and back to plain */
void pen_u64(struct pen *p, uint64_t u);
/* Spaces up to the column, at least one. */
void pen_tab(struct pen *p, unsigned col);
/* Text that was made by rg_show: at most max columns (0: all); the tail is kept when keep_tail. */
void pen_shown(struct pen *p, const char *s, size_t len, unsigned max, bool keep_tail);
/* Foreign bytes, escaped, at most max columns (0: all). */
void pen_safe(struct pen *p, const char *s, size_t len, unsigned max);
/* The end of a line: back to plain, line feed, column 0. */
void pen_end(struct pen *p);

/* Append foreign bytes so that they can be shown: \n \t \xNN \u202e; quote also escapes '"' as a literal's
 * content. Stops when max columns (0: no limit) are reached; returns the bytes it took. */
size_t rg_show(struct rg_buf *b, const char *s, size_t len, bool quote, bool ascii, unsigned max);
/* Columns of shown text. */
unsigned rg_shown_width(const char *s, size_t len);

#endif
