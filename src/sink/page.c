/* SPDX-License-Identifier: BSD-2-Clause */
#include "sink/page.h"

#include <errno.h>

#include "sink/json.h"

void page_spaces(struct rg_buf *b, unsigned n)
{
	while (n--)
		rg_buf_char(b, ' ');
}

void page_wrap(struct rg_buf *b, unsigned indent, const char *s)
{
	unsigned col = 0;

	while (*s) {
		size_t n = strcspn(s, " ");

		if (col && col + 1 + n > PAGE_WIDTH) {
			rg_buf_char(b, '\n');
			col = 0;
		}
		if (col) {
			rg_buf_char(b, ' ');
			col++;
		} else {
			page_spaces(b, indent);
			col = indent;
		}
		rg_buf_add(b, s, n);
		col += (unsigned)n;
		s += n + strspn(s + n, " ");
	}
	rg_buf_char(b, '\n');
}

void page_padded(struct rg_buf *b, const char *s, unsigned width)
{
	size_t n = strlen(s);

	rg_buf_add(b, s, n);
	page_spaces(b, n < width ? width - (unsigned)n : 1);
}

void page_heading(struct rg_buf *b, const char *s)
{
	rg_buf_char(b, '\n');
	rg_buf_str(b, s);
	rg_buf_char(b, '\n');
}

void page_type(struct rg_buf *b, enum rg_type type, const char *unit)
{
	static const char *const names[RG_T__COUNT] = {
		[RG_T_BOOL] = "true or false",
		[RG_T_INT] = "integer",
		[RG_T_UINT] = "unsigned integer",
		[RG_T_SIZE] = "size",
		[RG_T_TIME] = "time",
		[RG_T_DURATION] = "duration",
		[RG_T_ENUM] = "name",
		[RG_T_FLAGS] = "set of flags",
		[RG_T_STR] = "text",
		[RG_T_BYTES] = "bytes",
		[RG_T_ADDR] = "address",
		[RG_T_OBJECT] = "object",
		[RG_T_LIST] = "list",
	};

	rg_buf_str(b, names[type]);
	if (unit && *unit) {
		rg_buf_str(b, ", ");
		rg_buf_str(b, unit);
	}
}

void page_names(struct rg_buf *b, unsigned indent, const struct rg_name *names)
{
	rg_auto_buf line = {0};
	unsigned n = 0, total = 0;

	while (names && names[total].name)
		total++;
	for (; names && names->name; names++, n++) {
		if (total > 40 && n >= 16) {
			rg_buf_str(&line, ", ...");
			break;
		}
		rg_buf_str(&line, n ? ", " : "one of ");
		rg_buf_str(&line, names->name);
	}
	if (n)
		page_wrap(b, indent, rg_buf_cstr(&line));
}

char *page_take(struct rg_buf *b, struct rg_err *err)
{
	char *text;

	rg_buf_cstr(b);
	if (b->oom) {
		rg_fail(err, -ENOMEM, "out of memory for a page");
		return NULL;
	}
	text = b->data;
	*b = (struct rg_buf){0};
	return text;
}
