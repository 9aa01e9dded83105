/* SPDX-License-Identifier: BSD-2-Clause */
/* `recvguard events`: what the seed of this project was for one event, for every event, from the tables. */
#include <errno.h>

#include <recvguard/events.h>

#include "base/cleanup.h"
#include "sink/json.h"
#include "sink/page.h"

static const struct {
	const char *name, *doc;
} tags[] = {
	{"K", "originated from kernel space: the kernel's own copy"},
	{"U", "originated from user space: read from the program's memory"},
	{"TOCTOU", "vulnerable to a change by the program between the kernel's use and our reading (time of "
		   "check, time of use)"},
	{"LATE", "read after the event, for example from /proc: may show a later state"},
	{"OPT", "optional: absent where it does not apply or could not be had"},
	{"FULL", "of the full record: absent, and nothing known of it, in events recorded with --metadata"},
};

char *rg_events_list(struct rg_err *err)
{
	static const char *const titles[] = {[RG_DIR_RECV] = "Messages received",
					     [RG_DIR_SEND] = "Messages sent",
					     [RG_DIR_NONE] = "About the trace itself"};
	static const enum rg_dir order[] = {RG_DIR_RECV, RG_DIR_SEND, RG_DIR_NONE};
	rg_auto_buf b = {0};

	for (size_t d = 0; d < RG_ARRAY_LEN(order); d++) {
		rg_buf_str(&b, d ? "\n" : "");
		rg_buf_str(&b, titles[order[d]]);
		rg_buf_char(&b, '\n');
		for (int e = 0; e < RG_EV__COUNT; e++) {
			if (rg_events[e].dir != order[d])
				continue;
			rg_buf_str(&b, "  ");
			page_padded(&b, rg_events[e].name, 10);
			rg_buf_str(&b, rg_events[e].summary);
			rg_buf_char(&b, '\n');
		}
	}
	return page_take(&b, err);
}

static int event_find(const char *name, struct rg_err *err)
{
	rg_auto_buf known = {0};

	for (int e = 0; e < RG_EV__COUNT; e++) {
		if (!strcmp(rg_events[e].name, name))
			return e;
		rg_buf_str(&known, e ? ", " : "");
		rg_buf_str(&known, rg_events[e].name);
	}
	return rg_fail(err, -ENOENT, "no event '%.64s': there are %s", name, rg_buf_cstr(&known));
}

static void numbers(struct rg_buf *b, const struct rg_event_info *ev)
{
	rg_buf_str(b, "  ");
	if (ev->nr64 < 0 && ev->nr32 < 0) {
		rg_buf_str(b, "Not a system call: recvguard's own.\n");
		return;
	}
	rg_buf_str(b, "System call ");
	if (ev->nr64 >= 0) {
		rg_buf_i64(b, ev->nr64);
		rg_buf_str(b, " on x86-64");
	}
	if (ev->nr32 >= 0) {
		rg_buf_str(b, ev->nr64 >= 0 ? ", " : "");
		rg_buf_i64(b, ev->nr32);
		rg_buf_str(b, " on i386");
	}
	rg_buf_str(b, ".\n");
}

static void routes(struct rg_buf *b, int e)
{
	for (int r = 0; r < RG_RT__COUNT; r++) {
		if ((int)rg_routes[r].event != e || rg_events[e].dir == RG_DIR_NONE)
			continue;
		rg_buf_str(b, "  ");
		page_padded(b, rg_routes[r].name, 22);
		rg_buf_str(b, rg_routes[r].doc);
		rg_buf_char(b, '\n');
	}
}

/* Which fields an event of this kind can have. */
static bool applies(int e, int f)
{
	const char *name = rg_fields[f].name;
	bool of_lost = !strncmp(name, "lost.", 5);

	if (e != RG_EV_LOST)
		return !of_lost && !(f == RG_F_BATCH && e != RG_EV_RECVMMSG && e != RG_EV_SENDMMSG);
	return of_lost || f == RG_F_EVENT || f == RG_F_ID || f == RG_F_TIME || f == RG_F_CPU ||
	       !strncmp(name, "proc.", 5) || !strncmp(name, "sock.", 5);
}

static void elements(struct rg_buf *b, enum rg_field f)
{
	for (size_t i = 0; i < rg_field_elem_count(f); i++) {
		const struct rg_elem_info *el = rg_field_elem(f, i);

		rg_buf_str(b, "      ");
		page_padded(b, el->name, 20);
		page_type(b, el->type, el->unit);
		rg_buf_char(b, '\n');
		page_wrap(b, 10, el->doc);
		if (el->type == RG_T_ENUM)
			page_names(b, 10, el->names);
	}
}

static void field(struct rg_buf *b, int e, int f)
{
	const struct rg_field_info *i = &rg_fields[f];
	uint8_t t = i->tags;

	if (e == RG_EV_LOST && f != RG_F_EVENT && f != RG_F_ID && f != RG_F_TIME)
		t |= RG_TAG_OPT;
	rg_buf_str(b, "  ");
	page_padded(b, i->name, 24);
	page_type(b, i->type, i->unit);
	rg_buf_str(b, "  [");
	rg_tag_text(b, t);
	rg_buf_str(b, "]\n");
	page_wrap(b, 6, i->doc);
	if (i->type == RG_T_ENUM && f != RG_F_EVENT && f != RG_F_ROUTE)
		page_names(b, 6, i->names);
	elements(b, f);
}

static void flags(struct rg_buf *b, enum rg_dir dir)
{
	for (const struct rg_msgflag_info *i = rg_msgflags; i->name; i++) {
		uint8_t given = dir == RG_DIR_SEND ? RG_MSGFLAG_SEND : RG_MSGFLAG_IN;

		if (!(i->dirs & (given | (dir == RG_DIR_RECV ? RG_MSGFLAG_OUT : 0))))
			continue;
		rg_buf_str(b, "  ");
		page_padded(b, i->name, 24);
		rg_buf_str(b, "0x");
		rg_buf_hex(b, i->value);
		rg_buf_char(b, '\n');
		if (i->dirs & given && *i->given) {
			rg_buf_str(b, "      given: ");
			rg_buf_str(b, i->given);
			rg_buf_char(b, '\n');
		}
		if (dir == RG_DIR_RECV && i->dirs & RG_MSGFLAG_OUT && *i->returned) {
			rg_buf_str(b, "      returned: ");
			rg_buf_str(b, i->returned);
			rg_buf_char(b, '\n');
		}
	}
}

static void related(struct rg_buf *b, const struct rg_event_info *ev)
{
	const char *s = ev->related;

	while (*s) {
		size_t n = strcspn(s, " ");

		for (int e = 0; e < RG_EV__COUNT; e++) {
			const struct rg_event_info *other = &rg_events[e];

			if (strlen(other->name) != n || memcmp(other->name, s, n) != 0)
				continue;
			rg_buf_str(b, "  ");
			page_padded(b, other->name, 10);
			rg_buf_str(b, other->dir != ev->dir ? "(opposite) " : "");
			rg_buf_str(b, other->summary);
			rg_buf_char(b, '\n');
		}
		s += n + strspn(s + n, " ");
	}
}

static void fields_and_flags(struct rg_buf *b, int e)
{
	page_heading(b, "FIELDS");
	page_wrap(b, 2,
		  "Names as in expressions and, nested, in JSON. In brackets the best that a value's origin "
		  "can be; "
		  "what it was for one event stands in that event's own tags.");
	for (int f = 0; f < RG_F__COUNT; f++)
		if (applies(e, f))
			field(b, e, f);
	if (rg_events[e].dir == RG_DIR_NONE)
		return;
	page_heading(b, "FLAGS (msg.flags, msg.out_flags)");
	flags(b, rg_events[e].dir);
}

char *rg_events_page(const char *name, struct rg_err *err)
{
	int e = event_find(name, err);
	const struct rg_event_info *ev = &rg_events[e < 0 ? 0 : e];
	rg_auto_buf b = {0};

	if (e < 0)
		return NULL;
	rg_buf_printf(&b, "%s - %s\n\n", ev->name, ev->summary);
	numbers(&b, ev);
	page_heading(&b, "PURPOSE");
	page_wrap(&b, 2, ev->purpose);
	if (ev->dir != RG_DIR_NONE) {
		page_heading(&b, "ROUTES (entries of the kernel that bring it)");
		routes(&b, e);
	}
	fields_and_flags(&b, e);
	page_heading(&b, "EXAMPLE");
	rg_buf_printf(&b, "  %s\n", ev->example);
	if (*ev->related) {
		page_heading(&b, "RELATED EVENTS");
		related(&b, ev);
	}
	page_heading(&b, "KNOWN LIMITS");
	page_wrap(&b, 2, *ev->limits ? ev->limits : "None known.");
	page_heading(&b, "TAGS");
	for (size_t i = 0; i < RG_ARRAY_LEN(tags); i++) {
		rg_buf_str(&b, "  ");
		page_padded(&b, tags[i].name, 8);
		rg_buf_printf(&b, "%s\n", tags[i].doc);
	}
	return page_take(&b, err);
}
