/* SPDX-License-Identifier: BSD-2-Clause */
/* HTTP/1 (RFC 9112): request or status line, Host and Content-Length. Also SSDP, which is HTTP over UDP; and
 * the preface of HTTP/2. */
#include <strings.h>

#include "decode/dissect/dissector.h"

static const char *const methods[] = {
	"GET ",	   "POST ",	"PUT ",	      "HEAD ",	    "DELETE ",	    "OPTIONS ", "PATCH ", "CONNECT ",
	"TRACE ",  "PROPFIND ", "PROPPATCH ", "MKCOL ",	    "COPY ",	    "MOVE ",	"LOCK ",  "UNLOCK ",
	"REPORT ", "NOTIFY ",	"M-SEARCH ",  "SUBSCRIBE ", "UNSUBSCRIBE ", "PRI "};

static const char *method_of(const struct rg_payload *p)
{
	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
		if (p->p[0] == (uint8_t)methods[i][0] && rg_pl_starts(p, methods[i], strlen(methods[i])))
			return methods[i];
	return NULL;
}

static bool match(const struct rg_dissect_ctx *c, const struct rg_payload *p)
{
	if (p->p[0] < 'C' || p->p[0] > 'U' ||
	    (c->family != AF_UNIX && c->family != AF_VSOCK && !rg_ctx_inet(c)))
		return false;
	return RG_PL_STARTS(p, "HTTP/1.") || method_of(p);
}

/* Value of a header field; at: behind the first line. */
static bool header(const struct rg_payload *p, size_t at, const char *key, struct rg_payload *ret)
{
	size_t klen = strlen(key);
	bool more = true;

	while (more && at < p->len) {
		size_t n = rg_pl_until(p, at, '\n', &more), v;

		if (n <= 1)
			return false;
		if (more && n > klen && p->p[at + klen] == ':' &&
		    !strncasecmp((const char *)p->p + at, key, klen)) {
			for (v = klen + 1; v < n && p->p[at + v] == ' '; v++)
				;
			*ret = rg_pl_sub(p, at + v, n - v - (p->p[at + n - 1] == '\r' && n > v));
			return true;
		}
		at += n + 1;
	}
	return false;
}

static void text_header(struct rg_text *t, const struct rg_payload *p, size_t at, const char *key,
			const char *label)
{
	struct rg_payload v;

	if (!header(p, at, key, &v))
		return;
	rg_text_str(t, label);
	rg_pl_text(t, v.p, v.len, 80);
}

static bool summary(const struct rg_dissect_ctx *c, const struct rg_payload *p, struct rg_text *t)
{
	bool whole, status = p->p[0] == 'H' && p->p[1] == 'T';
	size_t n = rg_pl_until(p, 0, '\n', &whole), shown;

	shown = n && p->p[n - 1] == '\r' ? n - 1 : n;
	if (!status && whole && (shown < 12 || memcmp(p->p + shown - 9, " HTTP/", 6) != 0))
		return false;
	/* A line that is not whole must at least look like text so far. */
	for (size_t i = 0; i < shown && i < 64; i++)
		if (p->p[i] < ' ')
			return false;
	if (!status)
		rg_text_str(t, "HTTP ");
	if (!whole) {
		rg_pl_text(t, p->p, shown, 200);
		rg_text_str(t,
			    rg_pl_cut(p) ? " (line not captured whole)" : " (line goes on in the next read)");
		return true;
	}
	rg_pl_text(t, p->p, shown, 200);
	if (!status)
		text_header(t, p, n + 1, "host", " host ");
	text_header(t, p, n + 1, "content-type", " ");
	text_header(t, p, n + 1, "content-length", " length ");
	return true;
}

const struct rg_dissector rg_dissect_http = {"http", match, summary};
