/* SPDX-License-Identifier: BSD-2-Clause */
/* syslog: RFC 5424, RFC 3164, and the form of syslog(3), which has no host. */
#include "decode/dissect/syslog.h"

#include "decode/dissect/dissector.h"

static const char *const facilities[] = {"kern",   "user",   "mail",   "daemon", "auth",     "syslog",
					 "lpr",	   "news",   "uucp",   "cron",	 "authpriv", "ftp",
					 "ntp",	   "audit",  "alert",  "clock",	 "local0",   "local1",
					 "local2", "local3", "local4", "local5", "local6",   "local7"};
static const char *const severities[] = {"emerg",   "alert",  "crit", "err",
					 "warning", "notice", "info", "debug"};

void rg_text_severity(struct rg_text *t, unsigned severity)
{
	rg_text_str(t, severities[severity & 7]);
}

void rg_text_facility(struct rg_text *t, unsigned facility)
{
	if (facility < sizeof(facilities) / sizeof(facilities[0]))
		rg_text_str(t, facilities[facility]);
	else
		rg_text_u64(t, facility);
}

/* "<N>", N up to 191: where it ends, 0: not one. */
static size_t priority(const struct rg_payload *p, unsigned *ret)
{
	size_t at = 1;
	unsigned v = 0;

	if (p->len < 3 || p->p[0] != '<')
		return 0;
	for (; at < p->len && at < 5 && p->p[at] >= '0' && p->p[at] <= '9'; at++)
		v = 10 * v + p->p[at] - '0';
	if (at == 1 || at >= p->len || p->p[at] != '>' || v > 191)
		return 0;
	*ret = v;
	return at + 1;
}

/* One word at *at, up to a blank; moves behind the blank. */
static struct rg_payload word(const struct rg_payload *p, size_t *at)
{
	bool found;
	size_t n = rg_pl_until(p, *at, ' ', &found);
	struct rg_payload w = rg_pl_sub(p, *at, n);

	*at += n + (found ? 1 : 0);
	return w;
}

/* VERSION SP TIMESTAMP SP HOST SP APP SP PROCID SP MSGID SP STRUCTURED-DATA [SP MSG] */
static void rfc5424(const struct rg_payload *p, size_t at, struct rg_text *t)
{
	struct rg_payload host, app, procid;
	bool in = false;

	(void)word(p, &at);
	(void)word(p, &at);
	host = word(p, &at);
	app = word(p, &at);
	procid = word(p, &at);
	(void)word(p, &at);
	/* structured data: '-', or [...] elements whose quoted values may hold blanks */
	if (at < p->len && p->p[at] == '[') {
		for (; at < p->len && (in || p->p[at] != ' '); at++) {
			if (p->p[at] == '\\')
				at++;
			else if (p->p[at] == '[' || p->p[at] == ']')
				in = p->p[at] == '[';
		}
		at++;
	} else {
		(void)word(p, &at);
	}
	rg_text_char(t, ' ');
	rg_pl_text(t, app.p, app.len, 48);
	if (procid.len && procid.p[0] != '-') {
		rg_text_char(t, '[');
		rg_pl_text(t, procid.p, procid.len, 20);
		rg_text_char(t, ']');
	}
	if (host.len && host.p[0] != '-') {
		rg_text_str(t, " on ");
		rg_pl_text(t, host.p, host.len, 48);
	}
	if (at >= p->len)
		return;
	rg_text_str(t, ": ");
	if (rg_pl_sub(p, at, 3).len == 3 && !memcmp(p->p + at, "\xef\xbb\xbf", 3)) /* byte order mark */
		at += 3;
	rg_pl_text(t, p->p + at, p->len - at, 120);
}

/* "Mmm dd hh:mm:ss " */
static bool stamp(const struct rg_payload *p, size_t at)
{
	return rg_pl_has(p, at, 16) && p->p[at + 3] == ' ' && p->p[at + 6] == ' ' && p->p[at + 9] == ':' &&
	       p->p[at + 12] == ':' && p->p[at + 15] == ' ';
}

static bool summary(const struct rg_dissect_ctx *c, const struct rg_payload *p, struct rg_text *t)
{
	unsigned pri = 0;
	size_t at = priority(p, &pri), end = p->len;

	rg_text_str(t, "syslog ");
	rg_text_facility(t, pri >> 3);
	rg_text_char(t, '.');
	rg_text_severity(t, pri & 7);
	if (rg_pl_has(p, at, 2) && p->p[at] == '1' && p->p[at + 1] == ' ') {
		rfc5424(p, at, t);
		return true;
	}
	if (stamp(p, at))
		at += 16;
	while (end > at && (p->p[end - 1] == '\n' || !p->p[end - 1]))
		end--;
	rg_text_char(t, ' ');
	rg_pl_text(t, p->p + at, end - at, 160);
	return true;
}

static bool match(const struct rg_dissect_ctx *c, const struct rg_payload *p)
{
	unsigned pri;

	return p->p[0] == '<' && (c->family == AF_UNIX || rg_ctx_inet(c)) && priority(p, &pri);
}

const struct rg_dissector rg_dissect_syslog = {"syslog", match, summary};
