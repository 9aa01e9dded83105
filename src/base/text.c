/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/text.h"

static const char digits[] = "0123456789abcdef";

void rg_text_add(struct rg_text *t, const void *p, size_t n)
{
	size_t room = t->cap - t->len;

	if (n > room) {
		t->cut = true;
		n = room;
	}
	if (n)
		memcpy(t->p + t->len, p, n);
	t->len += n;
}

void rg_text_u64(struct rg_text *t, uint64_t u)
{
	char tmp[20];
	size_t n = sizeof(tmp);

	do {
		tmp[--n] = (char)('0' + u % 10);
		u /= 10;
	} while (u);
	rg_text_add(t, tmp + n, sizeof(tmp) - n);
}

void rg_text_i64(struct rg_text *t, int64_t i)
{
	if (i < 0)
		rg_text_char(t, '-');
	rg_text_u64(t, i < 0 ? 0 - (uint64_t)i : (uint64_t)i);
}

static void hex_bare(struct rg_text *t, uint64_t u)
{
	char tmp[16];
	size_t n = sizeof(tmp);

	do {
		tmp[--n] = digits[u & 15];
		u >>= 4;
	} while (u);
	rg_text_add(t, tmp + n, sizeof(tmp) - n);
}

void rg_text_hex(struct rg_text *t, uint64_t u)
{
	rg_text_add(t, "0x", 2);
	hex_bare(t, u);
}

void rg_text_hexbytes(struct rg_text *t, const void *p, size_t n, char sep)
{
	const uint8_t *b = p;

	for (size_t i = 0; i < n && !t->cut; i++) {
		if (i && sep)
			rg_text_char(t, sep);
		rg_text_char(t, digits[b[i] >> 4]);
		rg_text_char(t, digits[b[i] & 15]);
	}
}

void rg_text_escaped(struct rg_text *t, const void *p, size_t n)
{
	const uint8_t *b = p;

	for (size_t i = 0; i < n && !t->cut; i++) {
		char esc[4] = {'\\', 'x', digits[b[i] >> 4], digits[b[i] & 15]};

		if (b[i] == '\\')
			rg_text_add(t, "\\\\", 2);
		else if (b[i] >= ' ' && b[i] < 0x7f)
			rg_text_char(t, (char)b[i]);
		else
			rg_text_add(t, esc, 4);
	}
}

void rg_text_ip4(struct rg_text *t, const uint8_t ip[4])
{
	for (int i = 0; i < 4; i++) {
		if (i)
			rg_text_char(t, '.');
		rg_text_u64(t, ip[i]);
	}
}

/* The longest run of two or more zero groups, the first of equals (RFC 5952, 4.2): start, or 8. */
static int zero_run(const uint8_t ip[16], int *ret_len)
{
	int best = 8, best_len = 1;

	for (int i = 0, n = 0; i < 8; i++) {
		n = ip[2 * i] || ip[2 * i + 1] ? 0 : n + 1;
		if (n > best_len) {
			best_len = n;
			best = i - n + 1;
		}
	}
	*ret_len = best_len;
	return best;
}

void rg_text_ip6(struct rg_text *t, const uint8_t ip[16])
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
	int len, run = zero_run(ip, &len);

	if (!memcmp(ip, mapped, sizeof(mapped))) {
		rg_text_str(t, "::ffff:");
		rg_text_ip4(t, ip + 12);
		return;
	}
	for (int i = 0; i < 8; i++) {
		if (i == run) {
			rg_text_add(t, "::", 2);
			i += len - 1;
			continue;
		}
		if (i && i != run + len)
			rg_text_char(t, ':');
		hex_bare(t, (uint64_t)ip[2 * i] << 8 | ip[2 * i + 1]);
	}
}
