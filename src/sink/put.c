/* SPDX-License-Identifier: BSD-2-Clause */
#include "sink/put.h"

#include "sink/utf8.h"

#define D10(a) a "0" a "1" a "2" a "3" a "4" a "5" a "6" a "7" a "8" a "9"
const char rg_put_digits[200] __attribute__((nonstring)) =
	D10("0") D10("1") D10("2") D10("3") D10("4") D10("5") D10("6") D10("7") D10("8") D10("9");

bool rg_put_room_slow(struct rg_buf *b, char **p, size_t n)
{
	bool ok;

	b->len = (size_t)(*p - b->data);
	ok = rg_buf_room(b, n + PUT_SLACK);
	*p = b->data + b->len;
	return ok;
}

static char *put_8(char *p, uint32_t u)
{
	uint32_t high = u / 10000, low = u % 10000;

	p = rg_put_2(p, high / 100);
	p = rg_put_2(p, high % 100);
	p = rg_put_2(p, low / 100);
	return rg_put_2(p, low % 100);
}

static unsigned digits_upto_8(uint32_t u)
{
	if (u < 10000)
		return u < 100 ? 1 + (u >= 10) : 3 + (u >= 1000);
	return u < 1000000 ? 5 + (u >= 100000) : 7 + (u >= 10000000);
}

/* At most 8 digits, without leading zeros. */
static char *put_upto_8(char *p, uint32_t u)
{
	char *end = p + digits_upto_8(u), *q = end;

	for (; u >= 100; u /= 100)
		rg_put_2(q -= 2, u % 100);
	if (u >= 10)
		rg_put_2(q - 2, u);
	else
		q[-1] = (char)('0' + u);
	return end;
}

char *rg_put_u64_long(char *p, uint64_t u)
{
	if (u < 100000000)
		return put_upto_8(p, (uint32_t)u);
	if (u < 10000000000000000u) {
		p = put_upto_8(p, (uint32_t)(u / 100000000));
		return put_8(p, (uint32_t)(u % 100000000));
	}
	p = put_upto_8(p, (uint32_t)(u / 10000000000000000u));
	u %= 10000000000000000u;
	p = put_8(p, (uint32_t)(u / 100000000));
	return put_8(p, (uint32_t)(u % 100000000));
}

char *rg_put_hex(char *p, uint64_t u)
{
	for (int shift = u ? (63 - __builtin_clzll(u)) & ~3 : 0; shift >= 0; shift -= 4)
		*p++ = "0123456789abcdef"[u >> shift & 15];
	return p;
}

char *rg_put_second(char *p, uint64_t sec)
{
	/* Gregorian calendar from days: years counted from March, in eras of 400 years */
	uint64_t days = sec / 86400, z = days + 719468, era = z / 146097;
	uint32_t s = (uint32_t)(sec % 86400), doe = (uint32_t)(z % 146097);
	uint32_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	uint32_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100), mp = (5 * doy + 2) / 153;
	uint32_t day = doy - (153 * mp + 2) / 5 + 1, month = mp < 10 ? mp + 3 : mp - 9;
	uint64_t year = yoe + era * 400 + (month <= 2);

	p = rg_put_u64(p, year);
	*p++ = '-';
	p = rg_put_2(p, month);
	*p++ = '-';
	p = rg_put_2(p, day);
	*p++ = 'T';
	p = rg_put_2(p, s / 3600);
	*p++ = ':';
	p = rg_put_2(p, s / 60 % 60);
	*p++ = ':';
	return rg_put_2(p, s % 60);
}

char *rg_put_base64(char *p, const char *s, size_t len)
{
	static const char map[65] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const unsigned char *u = (const unsigned char *)s;

	for (; len >= 3; len -= 3, u += 3) {
		uint32_t x = (uint32_t)u[0] << 16 | (uint32_t)u[1] << 8 | u[2];

		p[0] = map[x >> 18];
		p[1] = map[x >> 12 & 63];
		p[2] = map[x >> 6 & 63];
		p[3] = map[x & 63];
		p += 4;
	}
	if (len) {
		uint32_t x = (uint32_t)u[0] << 16 | (len > 1 ? (uint32_t)u[1] << 8 : 0);

		*p++ = map[x >> 18];
		*p++ = map[x >> 12 & 63];
		*p++ = len > 1 ? map[x >> 6 & 63] : '=';
		*p++ = '=';
	}
	return p;
}

#define ONES	  0x0101010101010101u
#define HIGHS	  0x8080808080808080u
#define ZEROES(x) (((x)-ONES) & ~(x)&HIGHS)

/* Any byte of x that a JSON string cannot hold as it is: below 0x20, '"', '\\', DEL, or above ASCII. */
static inline uint64_t dirty(uint64_t x)
{
	uint64_t low = (x - ONES * 0x20) & ~x;

	return ((low | x) & HIGHS) | ZEROES(x ^ ONES * '"') | ZEROES(x ^ ONES * '\\') |
	       ZEROES(x ^ ONES * 0x7f);
}

/* Copy s up to its first byte that needs care; returns how many bytes went. */
static inline size_t put_clean(char *p, const char *s, size_t len)
{
	size_t i = 0;
	uint64_t x;

	for (; len - i >= 8; i += 8) {
		memcpy(&x, s + i, 8);
		if (__builtin_expect(dirty(x) != 0, 0))
			break;
		memcpy(p + i, &x, 8);
	}
	for (; i < len; i++) {
		unsigned char c = (unsigned char)s[i];

		if (c < 0x20 || c == '"' || c == '\\' || c >= 0x7f)
			break;
		p[i] = (char)c;
	}
	return i;
}

static char *put_unit(char *p, uint32_t u)
{
	p = rg_put_lit(p, "\\u");
	for (int shift = 12; shift >= 0; shift -= 4)
		*p++ = "0123456789abcdef"[u >> shift & 15];
	return p;
}

static char *put_escaped(char *p, uint32_t cp)
{
	static const char shorts[0x20] = {
		['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f', ['\r'] = 'r'};
	char c = cp < 0x20 ? shorts[cp] : cp == '"' || cp == '\\' ? (char)cp : '\0';

	if (c) {
		*p++ = '\\';
		*p++ = c;
		return p;
	}
	if (cp < 0x10000)
		return put_unit(p, cp);
	p = put_unit(p, 0xd7c0 + (cp >> 10));
	return put_unit(p, 0xdc00 + (cp & 0x3ff));
}

/* One character of s at the cursor; bytes that are not UTF-8 as U+FFFD. Returns the bytes consumed. */
static unsigned put_char(char **p, const char *s, size_t len)
{
	uint32_t cp;
	unsigned n = rg_utf8_decode(s, len, &cp);

	if (!n) {
		*p = rg_put_lit(*p, "\xef\xbf\xbd");
		return 1;
	}
	if (cp == '"' || cp == '\\' || rg_utf8_hidden(cp))
		*p = put_escaped(*p, cp);
	else
		*p = rg_put(*p, s, n);
	return n;
}

static char *put_rest(char *p, const char *s, size_t len)
{
	while (len) {
		size_t n = put_clean(p, s, len);

		p += n;
		s += n;
		len -= n;
		if (len) {
			n = put_char(&p, s, len);
			s += n;
			len -= n;
		}
	}
	*p++ = '"';
	return p;
}

char *rg_put_json_lossy(struct rg_buf *b, char *p, const char *s, size_t len)
{
	if (!rg_put_room(b, &p, 6 * len + 2))
		return rg_put_lit(p, "\"\"");
	*p++ = '"';
	return put_rest(p, s, len);
}

char *rg_put_json_bytes(struct rg_buf *b, char *p, const char *s, size_t len)
{
	size_t n;

	if (!rg_put_room(b, &p, 6 * len + 16)) /* a byte becomes at most \u00XX */
		return rg_put_lit(p, "null");
	n = put_clean(p + 1, s, len);
	if (__builtin_expect(n == len, 1)) {
		p[0] = '"';
		p[n + 1] = '"';
		return p + n + 2;
	}
	if (rg_utf8_valid(s + n, len - n)) {
		p[0] = '"';
		return put_rest(p + 1 + n, s + n, len - n);
	}
	p = rg_put_lit(p, "{\"base64\":\"");
	p = rg_put_base64(p, s, len);
	return rg_put_lit(p, "\"}");
}
