/* SPDX-License-Identifier: BSD-2-Clause */
#include "sink/pen.h"

#include "sink/put.h"
#include "sink/utf8.h"

static const char *const sgr[PEN_STYLES] = {
	[PEN_PLAIN] = "\033[0m",	[PEN_DIM] = "\033[2m",		[PEN_BOLD] = "\033[1m",
	[PEN_RECV] = "\033[36m",	[PEN_SEND] = "\033[35m",	[PEN_SIZE] = "\033[1m",
	[PEN_DATA] = "\033[32m",	[PEN_SUMMARY] = "\033[1;37m",	[PEN_FD] = "\033[33m",
	[PEN_CMSG] = "\033[34m",	[PEN_WARN] = "\033[33m",	[PEN_ERROR] = "\033[1;31m",
	[PEN_LOUD] = "\033[1;37;41m",	[PEN_PROC0] = "\033[1;32m",	[PEN_PROC0 + 1] = "\033[1;33m",
	[PEN_PROC0 + 2] = "\033[1;34m", [PEN_PROC0 + 3] = "\033[1;35m", [PEN_PROC0 + 4] = "\033[1;36m",
	[PEN_PROC0 + 5] = "\033[1;37m",
};

void pen_style(struct pen *p, enum pen_style style)
{
	if (p->color)
		rg_buf_str(p->b, sgr[style]);
}

/* One character that is safe to show. When the edge is near, an ellipsis takes its place and the rest of the
 * line is dropped. */
static void pen_char(struct pen *p, const char *s, unsigned len, unsigned width)
{
	if (p->full)
		return;
	if (p->limit && p->col + width >= p->limit) {
		rg_buf_str(p->b, p->ascii ? ">" : "…");
		p->col++;
		p->full = true;
		return;
	}
	rg_buf_add(p->b, s, len);
	p->col += width;
}

static const char *ascii_like(uint32_t cp)
{
	switch (cp) {
	case 0x2190: return "<-";
	case 0x2192: return "->";
	case 0x2194: return "<->";
	case 0x2026: return ">";
	case 0x2514: return "\\";
	case 0x2501: return "=";
	case 0xb7: return "|";
	default: return "?";
	}
}

void pen_shown(struct pen *p, const char *s, size_t len, unsigned max, bool keep_tail)
{
	unsigned width = max ? rg_shown_width(s, len) : 0, used = 0, skip;

	skip = max && width > max ? width - max + 1 : 0;
	if (skip && keep_tail)
		pen_own(p, "…");
	for (size_t i = 0, at = 0; i < len;) {
		uint32_t cp = '?';
		unsigned n = rg_utf8_decode(s + i, len - i, &cp), w = rg_utf8_width(cp);

		n = n ? n : 1;
		if (skip && !keep_tail && used + w >= max) {
			pen_own(p, "…");
			return;
		}
		if (!(skip && keep_tail && at < skip)) {
			pen_char(p, s + i, n, w);
			used += w;
		}
		at += w;
		i += n;
	}
}

void pen_own(struct pen *p, const char *s)
{
	size_t len = strlen(s);

	for (size_t i = 0; i < len;) {
		uint32_t cp = '?';
		unsigned n = rg_utf8_decode(s + i, len - i, &cp);

		n = n ? n : 1;
		if (cp < 0x80 || !p->ascii) {
			pen_char(p, s + i, n, rg_utf8_width(cp));
		} else {
			const char *like = ascii_like(cp);

			for (; *like; like++)
				pen_char(p, like, 1, 1);
		}
		i += n;
	}
}

void pen_styled(struct pen *p, enum pen_style style, const char *s)
{
	pen_style(p, style);
	pen_own(p, s);
	pen_style(p, PEN_PLAIN);
}

void pen_u64(struct pen *p, uint64_t u)
{
	char tmp[24];

	*rg_put_u64(tmp, u) = '\0';
	pen_own(p, tmp);
}

void pen_tab(struct pen *p, unsigned col)
{
	do
		pen_char(p, " ", 1, 1);
	while (p->col < col && !p->full);
}

void pen_safe(struct pen *p, const char *s, size_t len, unsigned max)
{
	rg_auto_buf b = {0};

	/* twice the columns: the tail may need none at all, and pen_shown cuts to the column */
	rg_show(&b, s, len, false, p->ascii, max ? max + 1 : 0);
	pen_shown(p, b.data, b.len, max, false);
}

void pen_end(struct pen *p)
{
	pen_style(p, PEN_PLAIN);
	rg_buf_char(p->b, '\n');
	p->col = 0;
	p->full = false;
}

/* more: s has a byte after this one. */
static unsigned show_escaped(struct rg_buf *b, const char *s, unsigned n, uint32_t cp, bool more)
{
	static const char shorts[0x20] = {['\a'] = 'a', ['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n',
					  ['\v'] = 'v', ['\f'] = 'f', ['\r'] = 'r'};
	size_t start = b->len;

	rg_buf_char(b, '\\');
	if (n == 1 && cp == 0 && *s == 0 && !(more && s[1] >= '0' && s[1] <= '7')) {
		rg_buf_char(b, '0'); /* as in C, unless a digit follows */
	} else if (n == 1 && cp < 0x20 && shorts[cp]) {
		rg_buf_char(b, shorts[cp]);
	} else if (n == 1 && (cp == '"' || cp == '\\')) {
		rg_buf_char(b, (char)cp);
	} else if (n > 1) {
		rg_buf_str(b, "u{");
		rg_buf_hex(b, cp);
		rg_buf_char(b, '}');
	} else {
		rg_buf_char(b, 'x');
		rg_buf_char(b, "0123456789abcdef"[(unsigned char)*s >> 4]);
		rg_buf_char(b, "0123456789abcdef"[*s & 15]);
	}
	return (unsigned)(b->len - start);
}

size_t rg_show(struct rg_buf *b, const char *s, size_t len, bool quote, bool ascii, unsigned max)
{
	unsigned col = 0;
	size_t i = 0;

	while (i < len && (!max || col < max)) {
		uint32_t cp = (unsigned char)s[i];
		unsigned n = rg_utf8_decode(s + i, len - i, &cp);

		if (n == 0 || rg_utf8_hidden(cp) || (ascii && n > 1) || cp == '\\' || (quote && cp == '"')) {
			n = n ? n : 1;
			col += show_escaped(b, s + i, n, cp, i + 1 < len);
		} else {
			rg_buf_add(b, s + i, n);
			col += rg_utf8_width(cp);
		}
		i += n;
	}
	return i;
}

unsigned rg_shown_width(const char *s, size_t len)
{
	unsigned w = 0;

	for (size_t i = 0; i < len;) {
		uint32_t cp = '?';
		unsigned n = rg_utf8_decode(s + i, len - i, &cp);

		w += rg_utf8_width(cp);
		i += n ? n : 1;
	}
	return w;
}
