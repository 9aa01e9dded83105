/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Picking a few strings out of the runtimes' JSON files. Not a validator: it walks over values it does not
 * want and stops (nothing found) where the text is not what JSON allows there.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "enrich/container.h"

struct cur {
	const char *p, *end;
};

static void skip_space(struct cur *c)
{
	while (c->p < c->end && strchr(" \t\r\n", *c->p) && *c->p)
		c->p++;
}

static bool eat(struct cur *c, char ch)
{
	skip_space(c);
	if (c->p >= c->end || *c->p != ch)
		return false;
	c->p++;
	return true;
}

/* Over a string, quotes included. */
static bool skip_string(struct cur *c)
{
	if (!eat(c, '"'))
		return false;
	while (c->p < c->end && *c->p != '"')
		c->p += *c->p == '\\' ? 2 : 1;
	if (c->p >= c->end)
		return false;
	c->p++;
	return true;
}

/* Over any value: brackets are counted, strings stepped over, so depth needs no recursion. */
static bool skip_value(struct cur *c)
{
	unsigned depth = 0;

	do {
		skip_space(c);
		if (c->p >= c->end)
			return false;
		switch (*c->p) {
		case '{':
		case '[':
			depth++;
			c->p++;
			break;
		case '}':
		case ']':
			if (!depth)
				return false;
			depth--;
			c->p++;
			break;
		case '"':
			if (!skip_string(c))
				return false;
			break;
		case ',':
		case ':':
			if (!depth)
				return false;
			c->p++;
			break;
		default:
			while (c->p < c->end && !strchr(",:]}[{\" \t\r\n", *c->p))
				c->p++;
			if (c->p < c->end && !*c->p)
				return false;
		}
	} while (depth);
	return true;
}

static int hex4(const char *p)
{
	int v = 0;

	for (int i = 0; i < 4; i++) {
		char d = p[i];

		if (d >= '0' && d <= '9')
			v = v << 4 | (d - '0');
		else if ((d | 32) >= 'a' && (d | 32) <= 'f')
			v = v << 4 | ((d | 32) - 'a' + 10);
		else
			return -1;
	}
	return v;
}

static char *put_utf8(char *o, unsigned cp)
{
	if (cp < 0x80) {
		*o++ = (char)cp;
	} else if (cp < 0x800) {
		*o++ = (char)(0xc0 | cp >> 6);
		*o++ = (char)(0x80 | (cp & 63));
	} else {
		*o++ = (char)(0xe0 | cp >> 12);
		*o++ = (char)(0x80 | (cp >> 6 & 63));
		*o++ = (char)(0x80 | (cp & 63));
	}
	return o;
}

/* The string from begin (after its quote) to end (its closing quote), unescaped. */
static char *unescape(const char *p, const char *end)
{
	static const char from[] = "bfnrt", to[] = "\b\f\n\r\t";
	char *text = malloc((size_t)(end - p) + 1), *o = text;

	while (text && p < end) {
		const char *known;
		int cp;

		if (*p != '\\') {
			*o++ = *p++;
			continue;
		}
		p++;
		if (*p == 'u' && end - p > 4 && (cp = hex4(p + 1)) >= 0) {
			o = put_utf8(o, (unsigned)cp);
			p += 5;
			continue;
		}
		known = strchr(from, *p);
		*o++ = known && *p ? to[known - from] : *p;
		p++;
	}
	if (text)
		*o = 0;
	return text;
}

/* c stands before an object: move to the value of key. */
static bool enter(struct cur *c, const char *key)
{
	if (!eat(c, '{'))
		return false;
	while (!eat(c, '}')) {
		const char *name;
		size_t len;

		skip_space(c);
		name = c->p + 1;
		if (!skip_string(c))
			return false;
		len = (size_t)(c->p - 1 - name);
		if (!eat(c, ':'))
			return false;
		if (len == strlen(key) && !memcmp(name, key, len))
			return true;
		if (!skip_value(c))
			return false;
		eat(c, ',');
	}
	return false;
}

char *rg_json_string(const char *json, size_t len, const char *const *path)
{
	struct cur c = {json, json + len};
	const char *begin;

	for (; *path; path++)
		if (!enter(&c, *path))
			return NULL;
	skip_space(&c);
	begin = c.p + 1;
	if (!skip_string(&c))
		return NULL;
	return unescape(begin, c.p - 1);
}

bool rg_json_element(const char *json, size_t len, unsigned n, const char **ret, size_t *ret_len)
{
	struct cur c = {json, json + len};

	if (!eat(&c, '['))
		return false;
	for (unsigned i = 0;; i++) {
		skip_space(&c);
		*ret = c.p;
		if (!skip_value(&c))
			return false;
		*ret_len = (size_t)(c.p - *ret);
		if (i == n)
			return true;
		if (!eat(&c, ','))
			return false;
	}
}
