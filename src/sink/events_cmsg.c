/* SPDX-License-Identifier: BSD-2-Clause */
/* `recvguard events --cmsg`: the control messages, from their table. */
#include <errno.h>

#include <recvguard/cmsg.h>
#include <recvguard/events.h>

#include "sink/page.h"

static void size_text(struct rg_buf *b, const struct rg_cmsg_type *t)
{
	rg_buf_u64(b, t->min64);
	if (t->max64 == RG_CMSG_ANY) {
		rg_buf_str(b, " or more");
	} else if (t->max64 != t->min64) {
		rg_buf_str(b, " to ");
		rg_buf_u64(b, t->max64);
	}
	rg_buf_str(b, t->max64 == 1 ? " byte" : " bytes");
}

static void one_field(struct rg_buf *b, const struct rg_cmsg_field *f)
{
	rg_buf_str(b, "    ");
	page_padded(b, f->name, 20);
	page_type(b, f->type, f->unit);
	rg_buf_str(b, f->optional ? "  [OPT]\n" : "\n");
	page_wrap(b, 8, f->doc);
	if (f->type == RG_T_ENUM || f->type == RG_T_FLAGS)
		page_names(b, 8, f->names);
}

static void one_page(struct rg_buf *b, const struct rg_cmsg_type *t)
{
	rg_buf_printf(b, "%s %s - level %d, type %d, ", t->level, t->name, (int)t->level_nr, (int)t->type_nr);
	size_text(b, t);
	if (!(t->dirs & RG_CMSG_RECV))
		rg_buf_str(b, ", send only");
	if (*t->since)
		rg_buf_printf(b, ", since Linux %s", t->since);
	rg_buf_char(b, '\n');
	page_wrap(b, 2, t->doc);
	if (*t->enabled)
		rg_buf_printf(b, "  sent up by: %s\n", t->enabled);
	for (size_t i = 0; i < t->n_fields; i++)
		one_field(b, &t->fields[i]);
}

static void list(struct rg_buf *b)
{
	const char *level = "";

	for (size_t i = 0; i < rg_cmsg_type_count(); i++) {
		const struct rg_cmsg_type *t = rg_cmsg_type_at(i);

		if (strcmp(level, t->level) != 0)
			rg_buf_printf(b, "%s%s\n", i ? "\n" : "", t->level);
		level = t->level;
		rg_buf_str(b, "  ");
		page_padded(b, t->name, 28);
		rg_buf_str(b, t->doc);
		rg_buf_char(b, '\n');
	}
}

char *rg_events_cmsg(const char *name, struct rg_err *err)
{
	rg_auto_buf b = {0};
	unsigned n = 0;

	if (!name) {
		list(&b);
		return page_take(&b, err);
	}
	for (size_t i = 0; i < rg_cmsg_type_count(); i++) {
		const struct rg_cmsg_type *t = rg_cmsg_type_at(i);

		if (strcmp(t->name, name) != 0 && strcmp(t->level, name) != 0)
			continue;
		rg_buf_str(&b, n++ ? "\n" : "");
		one_page(&b, t);
	}
	if (!n) {
		rg_fail(err, -ENOENT, "no control message '%.64s': `recvguard events --cmsg` lists them",
			name);
		return NULL;
	}
	return page_take(&b, err);
}
