/* SPDX-License-Identifier: BSD-2-Clause */
/* Messages that point at the text: where, what, the line, a caret, and the nearest name. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "policy/ast.h"

#define SHOWN_COLUMNS 100

void rg_loc_linecol(struct rg_loc loc, unsigned *line, unsigned *col)
{
	unsigned l = 0, start = 0;

	for (uint32_t i = 0; i < loc.first && i < loc.src->len; i++)
		if (loc.src->text[i] == '\n') {
			l++;
			start = i + 1;
		}
	if (loc.src->inexact) {
		*line = loc.src->line;
		*col = loc.src->col;
		return;
	}
	*line = loc.src->line + l;
	*col = loc.first - start + (l ? loc.src->indent + 1 : loc.src->col);
}

/* Append the line around loc and carets below it. */
static void show_line(struct rg_buf *b, struct rg_loc loc)
{
	const char *t = loc.src->text;
	size_t begin = loc.first < loc.src->len ? loc.first : loc.src->len, end = begin, last = loc.last;

	while (begin && t[begin - 1] != '\n' && loc.first - begin < SHOWN_COLUMNS / 2)
		begin--;
	while (end < loc.src->len && t[end] != '\n' && end - begin < SHOWN_COLUMNS)
		end++;
	rg_buf_str(b, "\n  ");
	for (size_t i = begin; i < end; i++)
		rg_buf_char(b, (unsigned char)t[i] < ' ' || t[i] == 0x7f ? (t[i] == '\t' ? ' ' : '?') : t[i]);
	rg_buf_str(b, "\n  ");
	for (size_t i = begin; i < loc.first; i++)
		if (((unsigned char)t[i] & 0xc0) != 0x80)
			rg_buf_char(b, ' ');
	rg_buf_char(b, '^');
	for (size_t i = loc.first + 1; i < last && i < end; i++)
		if (((unsigned char)t[i] & 0xc0) != 0x80)
			rg_buf_char(b, '~');
}

int rg_diag(struct rg_comp *c, struct rg_loc loc, const char *fmt, ...)
{
	rg_auto_buf b = {0};
	unsigned line, col;
	char what[512];
	va_list ap;

	if (c->failed)
		return -EINVAL;
	c->failed = true;
	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	rg_loc_linecol(loc, &line, &col);
	rg_buf_printf(&b, "%s:%u:%u: error: %s", loc.src->origin, line, col, what);
	show_line(&b, loc);
	return rg_fail(c->err, -EINVAL, "%s", rg_buf_cstr(&b));
}

/* Edit distance with transpositions, bounded: names are short. */
static unsigned distance(const char *a, size_t n, const char *b, size_t m)
{
	unsigned row[3][64];

	if (n > 60 || m > 60)
		return ~0u;
	for (size_t j = 0; j <= m; j++)
		row[0][j] = (unsigned)j;
	for (size_t i = 1; i <= n; i++) {
		unsigned *cur = row[i % 3], *up = row[(i + 2) % 3], *up2 = row[(i + 1) % 3];

		cur[0] = (unsigned)i;
		for (size_t j = 1; j <= m; j++) {
			unsigned d = up[j - 1] + (a[i - 1] != b[j - 1]);

			d = up[j] + 1 < d ? up[j] + 1 : d;
			d = cur[j - 1] + 1 < d ? cur[j - 1] + 1 : d;
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
			    up2[j - 2] + 1 < d)
				d = up2[j - 2] + 1;
			cur[j] = d;
		}
	}
	return row[n % 3][m];
}

void rg_near_try(struct rg_near *n, const char *candidate)
{
	size_t len = strlen(candidate);
	const char *dot = memrchr(candidate, '.', len);
	unsigned d = distance(n->name, n->len, candidate, len);

	/* "uid" is as near as can be to "proc.uid" */
	if (dot && !memchr(n->name, '.', n->len) && strlen(dot + 1) == n->len &&
	    !memcmp(dot + 1, n->name, n->len))
		d = 0;
	if (d < n->dist) {
		n->dist = d;
		n->best = candidate;
	}
}

void rg_near_names(struct rg_near *n, const struct rg_name *names)
{
	for (; names && names->name; names++)
		rg_near_try(n, names->name);
}

const char *rg_near_hint(const struct rg_near *n, char *buf, size_t size)
{
	if (!n->best || n->dist > 1 + n->len / 3)
		return "";
	snprintf(buf, size, "; did you mean \"%s\"?", n->best);
	return buf;
}
