/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RG_SINK_PAGE_H
#define RG_SINK_PAGE_H

#include <recvguard/error.h>
#include <recvguard/event.h>

#include "base/buf.h"

/* Writing pages of text, made from the tables. */

#define PAGE_WIDTH 100

/* s in lines of at most PAGE_WIDTH columns, each with indent spaces in front. */
void page_wrap(struct rg_buf *b, unsigned indent, const char *s);
void page_spaces(struct rg_buf *b, unsigned n);
/* s, then spaces up to width columns, at least one. */
void page_padded(struct rg_buf *b, const char *s, unsigned width);
void page_heading(struct rg_buf *b, const char *s);
/* "unsigned integer, bytes" */
void page_type(struct rg_buf *b, enum rg_type type, const char *unit);
/* The names of an enumeration in one wrapped paragraph, "values: a, b, c". */
void page_names(struct rg_buf *b, unsigned indent, const struct rg_name *names);
/* Hand the text out to be freed with free(); NULL (and err) when memory ran out. */
char *page_take(struct rg_buf *b, struct rg_err *err);

#endif
