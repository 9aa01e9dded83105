/* SPDX-License-Identifier: BSD-2-Clause */
#include "sink/utf8.h"

#include "base/cleanup.h"

unsigned rg_utf8_decode(const char *s, size_t n, uint32_t *cp)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	const unsigned char *u = (const unsigned char *)s;
	unsigned len;
	uint32_t c;

	if (n == 0)
		return 0;
	if (u[0] < 0x80) {
		*cp = u[0];
		return 1;
	}
	if (u[0] < 0xc2 || u[0] > 0xf4)
		return 0;
	len = u[0] < 0xe0 ? 2 : u[0] < 0xf0 ? 3 : 4;
	if (n < len)
		return 0;
	c = u[0] & (0xffu >> (len + 1));
	for (unsigned i = 1; i < len; i++) {
		if ((u[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (u[i] & 0x3f);
	}
	if (c < least[len] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
		return 0;
	*cp = c;
	return len;
}

bool rg_utf8_valid(const char *s, size_t n)
{
	uint32_t cp;

	for (size_t i = 0; i < n;) {
		unsigned len;

		if (!(s[i] & 0x80)) {
			i++;
			continue;
		}
		len = rg_utf8_decode(s + i, n - i, &cp);
		if (!len)
			return false;
		i += len;
	}
	return true;
}

struct range {
	uint32_t first, last;
};

static bool in_ranges(const struct range *r, size_t n, uint32_t cp)
{
	for (size_t i = 0; i < n; i++)
		if (cp >= r[i].first && cp <= r[i].last)
			return true;
	return false;
}

bool rg_utf8_hidden(uint32_t cp)
{
	/* Unicode general categories Cc, Cf, Zl, Zp, the noncharacters, and private use (its look is
	 * anyone's) */
	static const struct range hidden[] = {
		{0x0, 0x1f},	    {0x7f, 0x9f},	{0xad, 0xad},	     {0x600, 0x605},
		{0x61c, 0x61c},	    {0x6dd, 0x6dd},	{0x70f, 0x70f},	     {0x180e, 0x180e},
		{0x200b, 0x200f},   {0x2028, 0x202e},	{0x2060, 0x206f},    {0xe000, 0xf8ff},
		{0xfdd0, 0xfdef},   {0xfeff, 0xfeff},	{0xfff0, 0xfffb},    {0xfffe, 0xffff},
		{0x1d173, 0x1d17a}, {0xe0000, 0xe0fff}, {0xf0000, 0x10ffff},
	};

	if (cp >= 0x20 && cp < 0x7f)
		return false;
	return in_ranges(hidden, RG_ARRAY_LEN(hidden), cp);
}

unsigned rg_utf8_width(uint32_t cp)
{
	/* The blocks that terminals draw in two columns (Unicode East Asian Width W and F, emoji), and those
	 * of combining marks; coarse on purpose: an error shifts a column, no more. */
	static const struct range wide[] = {
		{0x1100, 0x115f},   {0x2e80, 0x303e},	{0x3041, 0x33ff},   {0x3400, 0x4dbf},
		{0x4e00, 0x9fff},   {0xa000, 0xa4cf},	{0xac00, 0xd7a3},   {0xf900, 0xfaff},
		{0xfe30, 0xfe6f},   {0xff00, 0xff60},	{0xffe0, 0xffe6},   {0x1f300, 0x1f64f},
		{0x1f680, 0x1f6ff}, {0x1f900, 0x1f9ff}, {0x20000, 0x3fffd},
	};
	static const struct range none[] = {{0x300, 0x36f},   {0x483, 0x489},	{0x591, 0x5bd},
					    {0x64b, 0x65f},   {0x1ab0, 0x1aff}, {0x1dc0, 0x1dff},
					    {0x20d0, 0x20ff}, {0xfe00, 0xfe0f}, {0xfe20, 0xfe2f}};

	if (cp < 0x300)
		return 1;
	if (in_ranges(none, RG_ARRAY_LEN(none), cp))
		return 0;
	return in_ranges(wide, RG_ARRAY_LEN(wide), cp) ? 2 : 1;
}
