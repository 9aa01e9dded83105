/* SPDX-License-Identifier: BSD-2-Clause */
/* systemd's datagrams: the journal's native protocol (systemd.io/JOURNAL_NATIVE_PROTOCOL) and sd_notify(3).
 */
#include "decode/dissect/dissector.h"
#include "decode/dissect/syslog.h"

#define FIELDS_MAX 64 /* looked through */

static bool key_char(uint8_t ch)
{
	return (ch >= 'A' && ch <= 'Z') || (ch >= '0' && ch <= '9') || ch == '_';
}

static uint64_t le64(const uint8_t *p)
{
	uint64_t v = 0;

	for (int i = 7; i >= 0; i--)
		v = v << 8 | p[i];
	return v;
}

/*
 * The field at *at: "KEY=value\n", or "KEY\n", the value's length (64-bit little endian), the value, "\n".
 * Moves to the next one. false at the end or when it is not a field.
 */
static bool field(const struct rg_payload *p, size_t *at, struct rg_payload *ret_key,
		  struct rg_payload *ret_value)
{
	size_t start = *at, n, i = start;
	bool found;

	while (i < p->len && key_char(p->p[i]))
		i++;
	if (i == start || i >= p->len)
		return false;
	*ret_key = rg_pl_sub(p, start, i - start);
	if (p->p[i] == '=') {
		n = rg_pl_until(p, i + 1, '\n', &found);
		*ret_value = rg_pl_sub(p, i + 1, n);
		*at = i + 1 + n + 1;
		return true;
	}
	if (p->p[i] != '\n' || !rg_pl_has(p, i + 1, 8))
		return false;
	*ret_value = rg_pl_sub(p, i + 9, p->len);
	if (le64(p->p + i + 1) < ret_value->len)
		ret_value->len = (size_t)le64(p->p + i + 1);
	*at = i + 9 + ret_value->len + 1;
	return true;
}

static bool is(const struct rg_payload *s, const char *text)
{
	return s->len == strlen(text) && !memcmp(s->p, text, s->len);
}

static void journal_line(struct rg_text *t, const struct rg_payload *message, const struct rg_payload *ident,
			 const struct rg_payload *priority)
{
	rg_text_str(t, "journal ");
	if (priority->len == 1 && priority->p[0] >= '0' && priority->p[0] <= '7') {
		rg_text_severity(t, priority->p[0] - '0');
		rg_text_char(t, ' ');
	}
	if (ident->len) {
		rg_pl_text(t, ident->p, ident->len, 48);
		rg_text_str(t, ": ");
	}
	rg_pl_text(t, message->p, message->len, 160);
}

static bool journal_summary(const struct rg_dissect_ctx *c, const struct rg_payload *p, struct rg_text *t)
{
	struct rg_payload key, value, message = {0}, ident = {0}, priority = {0};
	size_t at = 0, n = 0;

	for (; n < FIELDS_MAX && at < p->len && field(p, &at, &key, &value); n++) {
		if (is(&key, "MESSAGE") && !message.p)
			message = value;
		else if (is(&key, "SYSLOG_IDENTIFIER"))
			ident = value;
		else if (is(&key, "PRIORITY"))
			priority = value;
	}
	if (!n)
		return false;
	if (!message.p && rg_pl_cut(p))
		message = (struct rg_payload){(const uint8_t *)"(MESSAGE= not captured)", 23, 23};
	else if (!message.p)
		message = (struct rg_payload){(const uint8_t *)"(no MESSAGE=)", 13, 13};
	journal_line(t, &message, &ident, &priority);
	return true;
}

static bool journal_match(const struct rg_dissect_ctx *c, const struct rg_payload *p)
{
	if (c->family != AF_UNIX || c->type != SOCK_DGRAM || p->p[0] < 'A' || p->p[0] > '_')
		return false;
	return rg_ctx_path_ends(c, "/journal/socket") || RG_PL_STARTS(p, "PRIORITY=") ||
	       RG_PL_STARTS(p, "MESSAGE=");
}

const struct rg_dissector rg_dissect_journal = {"journal", journal_match, journal_summary};

/* sd_notify: assignments, one a line; all are short. */
static bool notify_summary(const struct rg_dissect_ctx *c, const struct rg_payload *p, struct rg_text *t)
{
	struct rg_payload key, value;
	size_t at = 0, n = 0;

	rg_text_str(t, "notify ");
	for (; n < 8 && at < p->len && field(p, &at, &key, &value); n++) {
		if (n)
			rg_text_str(t, ", ");
		rg_pl_text(t, key.p, key.len, 40);
		rg_text_char(t, '=');
		rg_pl_text(t, value.p, value.len, 80);
	}
	if (n && at < p->len)
		rg_text_str(t, ", ...");
	return n;
}

static bool notify_match(const struct rg_dissect_ctx *c, const struct rg_payload *p)
{
	static const char *const first[] = {"READY=1",	 "STATUS=",	"WATCHDOG=",	       "MAINPID=",
					    "FDSTORE",	 "RELOADING=1", "STOPPING=1",	       "ERRNO=",
					    "BUSERROR=", "BARRIER=1",	"EXTEND_TIMEOUT_USEC="};

	if (c->family != AF_UNIX || c->type != SOCK_DGRAM || p->p[0] < 'A' || p->p[0] > 'Z')
		return false;
	if (rg_ctx_path_ends(c, "/notify"))
		return true;
	for (size_t i = 0; i < sizeof(first) / sizeof(first[0]); i++)
		if (rg_pl_starts(p, first[i], strlen(first[i])))
			return true;
	return false;
}

const struct rg_dissector rg_dissect_notify = {"notify", notify_match, notify_summary};
