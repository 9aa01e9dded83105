/* SPDX-License-Identifier: BSD-2-Clause */
/* What is inside a token: escapes, units, addresses. */
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "policy/lex.h"

int rg_lex_bad(struct rg_lex *lx, struct rg_loc *loc, const char *why)
{
	unsigned char ch = (unsigned char)lx->src->text[loc->first];

	if (why)
		rg_diag(lx->c, *loc, "%s", why);
	else if (ch >= ' ' && ch < 0x7f)
		rg_diag(lx->c, *loc, "\"%c\" has no meaning here", ch);
	else
		rg_diag(lx->c, *loc, "byte 0x%02x has no meaning here", ch);
	return RG_TOK_BAD;
}

int rg_lex_name(struct rg_lex *lx, RG_YYSTYPE *val, const char *s, size_t len)
{
	val->text.p = rg_comp_dup(lx->c, s, len);
	val->text.len = len;
	return val->text.p ? RG_TOK_NAME : RG_TOK_BAD;
}

static int hexval(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int rg_lex_hex(struct rg_lex *lx, RG_YYSTYPE *val, struct rg_loc *loc, const char *s, size_t len)
{
	char *out = rg_comp_dup(lx->c, s, len);
	size_t n = 0;

	if (!out)
		return RG_TOK_BAD;
	for (size_t i = 0; i < len; i++) {
		if (s[i] == ' ' || s[i] == ':')
			continue;
		if (i + 1 >= len || hexval(s[i]) < 0 || hexval(s[i + 1]) < 0)
			return rg_lex_bad(lx, loc, "x\"...\" takes pairs of hexadecimal digits");
		out[n++] = (char)(hexval(s[i]) << 4 | hexval(s[i + 1]));
		i++;
	}
	val->text.p = out;
	val->text.len = n;
	return RG_TOK_BYTES;
}

/* One escape after the backslash at s[*i]; -1 when unknown. */
static int escape(const char *s, size_t len, size_t *i)
{
	static const char from[] = "ntr0abfve\\\"'", to[] = "\n\t\r\0\a\b\f\v\x1b\\\"'";
	const char *at = memchr(from, s[*i], sizeof(from) - 1);

	if (at)
		return (unsigned char)to[at - from];
	if (s[*i] == 'x' && *i + 2 < len && hexval(s[*i + 1]) >= 0 && hexval(s[*i + 2]) >= 0) {
		*i += 2;
		return hexval(s[*i - 1]) << 4 | hexval(s[*i]);
	}
	return -1;
}

int rg_lex_string(struct rg_lex *lx, RG_YYSTYPE *val, struct rg_loc *loc, const char *s, size_t len)
{
	char *out = rg_comp_dup(lx->c, s, len);
	size_t n = 0;

	if (!out)
		return RG_TOK_BAD;
	for (size_t i = 0; i < len; i++) {
		int ch = (unsigned char)s[i];

		if (ch == '\\') {
			struct rg_loc at = {loc->src, loc->first + 1 + (uint32_t)i,
					    loc->first + 3 + (uint32_t)i};

			i++;
			ch = escape(s, len, &i);
			/* a pattern's own escapes (\d, \.) stay as they are */
			if (ch < 0 && s[i] == 'x')
				return rg_lex_bad(lx, &at, "\\x takes two hexadecimal digits");
			if (ch < 0) {
				out[n++] = '\\';
				ch = (unsigned char)s[i];
			}
		}
		out[n++] = (char)ch;
	}
	val->text.p = out;
	val->text.len = n;
	return RG_TOK_STR;
}

int rg_lex_addr(struct rg_lex *lx, RG_YYSTYPE *val, struct rg_loc *loc, const char *s, size_t len)
{
	const char *slash = memchr(s, '/', len);
	size_t n = slash ? (size_t)(slash - s) : len;
	bool v6 = memchr(s, ':', n);
	unsigned bits = v6 ? 128 : 32;
	char tmp[64];
	long prefix = bits;

	if (n >= sizeof(tmp))
		return rg_lex_bad(lx, loc, "not an IP address");
	memcpy(tmp, s, n);
	tmp[n] = 0;
	memset(&val->addr, 0, sizeof(val->addr));
	if (inet_pton(v6 ? AF_INET6 : AF_INET, tmp, val->addr.ip) != 1)
		return rg_lex_bad(lx, loc, "not an IP address");
	if (slash) {
		n = len - (size_t)(slash + 1 - s);
		memcpy(tmp, slash + 1, n > 7 ? 7 : n);
		tmp[n > 7 ? 7 : n] = 0;
		prefix = strtol(tmp, NULL, 10);
		if (prefix > bits)
			return rg_lex_bad(lx, loc,
					  v6 ? "an IPv6 prefix has at most 128 bits"
					     : "an IPv4 prefix has at most 32 bits");
	}
	val->addr.len = v6 ? 16 : 4;
	val->addr.prefix = (uint8_t)prefix;
	return RG_TOK_ADDR;
}

static const struct {
	const char *name;
	enum rg_unit unit;
	uint64_t factor;
} units[] = {
	{"B", RG_UNIT_SIZE, 1},
	{"kB", RG_UNIT_SIZE, 1000},
	{"KB", RG_UNIT_SIZE, 1000},
	{"MB", RG_UNIT_SIZE, 1000000},
	{"GB", RG_UNIT_SIZE, 1000000000},
	{"KiB", RG_UNIT_SIZE, 1ull << 10},
	{"MiB", RG_UNIT_SIZE, 1ull << 20},
	{"GiB", RG_UNIT_SIZE, 1ull << 30},
	{"ns", RG_UNIT_TIME, 1},
	{"us", RG_UNIT_TIME, 1000},
	{"ms", RG_UNIT_TIME, 1000000},
	{"s", RG_UNIT_TIME, 1000000000ull},
	{"min", RG_UNIT_TIME, 60 * 1000000000ull},
	{"h", RG_UNIT_TIME, 3600 * 1000000000ull},
	{"d", RG_UNIT_TIME, 86400 * 1000000000ull},
};

static int unit_find(const char *s, size_t len)
{
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
		if (strlen(units[i].name) == len && !memcmp(units[i].name, s, len))
			return (int)i;
	return -1;
}

int rg_lex_number(struct rg_lex *lx, RG_YYSTYPE *val, struct rg_loc *loc, const char *s, size_t len)
{
	unsigned base = 10;
	size_t i = 0;
	unsigned __int128 v = 0;
	int u, d;

	if (len > 2 && s[0] == '0' && strchr("xXoObB", s[1]) && hexval(s[2]) >= 0) {
		base = (s[1] | 0x20) == 'x' ? 16 : (s[1] | 0x20) == 'o' ? 8 : 2;
		i = 2;
	}
	for (; i < len; i++) {
		if (s[i] == '_')
			continue;
		d = hexval(s[i]);
		if (d < 0 || (unsigned)d >= base)
			break;
		v = v * base + (unsigned)d;
		if (v > UINT64_MAX)
			return rg_lex_bad(lx, loc, "number needs more than 64 bits");
	}
	val->num.unit = RG_UNIT_NONE;
	if (i < len) {
		u = unit_find(s + i, len - i);
		if (u < 0 || base != 10)
			return rg_lex_bad(
				lx, loc,
				"not a number; units are B KB MB GB KiB MiB GiB and ns us ms s min h d");
		v *= units[u].factor;
		val->num.unit = (uint8_t)units[u].unit;
		if (v > UINT64_MAX)
			return rg_lex_bad(lx, loc, "number needs more than 64 bits");
	}
	val->num.v = (uint64_t)v;
	return RG_TOK_INT;
}
