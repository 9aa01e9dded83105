/* SPDX-License-Identifier: BSD-2-Clause */
/* IP addresses inside control messages: as values that expressions compare, and as text (RFC 5952). */
#include <sys/socket.h>

#include "decode/cmsg/row.h"

static char *put_decimal(char *t, unsigned v)
{
	if (v >= 100)
		*t++ = (char)('0' + v / 100);
	if (v >= 10)
		*t++ = (char)('0' + v / 10 % 10);
	*t++ = (char)('0' + v % 10);
	return t;
}

static char *put_ip4(char *t, const uint8_t ip[4])
{
	for (int i = 0; i < 4; i++) {
		if (i)
			*t++ = '.';
		t = put_decimal(t, ip[i]);
	}
	return t;
}

static char *put_group(char *t, unsigned g)
{
	static const char hex[] = "0123456789abcdef";

	for (int shift = 12, seen = 0; shift >= 0; shift -= 4)
		if (seen || g >> shift || !shift) {
			*t++ = hex[g >> shift & 15];
			seen = 1;
		}
	return t;
}

/* The first longest run of at least two zero groups: where `::` goes; *len 0 without one. */
static int zero_run(const uint8_t ip[16], int *len)
{
	int best = -1, run = 0;

	*len = 0;
	for (int i = 0; i < 8; i++) {
		run = ip[2 * i] || ip[2 * i + 1] ? 0 : run + 1;
		if (run > 1 && run > *len) {
			*len = run;
			best = i - run + 1;
		}
	}
	return best;
}

static char *put_ip6(char *t, const uint8_t ip[16])
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
	int len, at = zero_run(ip, &len);

	if (!memcmp(ip, mapped, sizeof(mapped))) {
		memcpy(t, "::ffff:", 7);
		return put_ip4(t + 7, ip + 12);
	}
	for (int i = 0; i < 8; i++) {
		if (i == at) {
			*t++ = ':';
			if (i + len == 8)
				*t++ = ':';
			i += len - 1;
			continue;
		}
		if (i)
			*t++ = ':';
		t = put_group(t, rg_cm_be16(ip + 2 * i));
	}
	return t;
}

static void add_addr(struct rg_builder *b, const char *name, uint16_t family, const uint8_t *ip, uint8_t len)
{
	char text[48];
	struct rg_addr a = {.family = family, .ip_len = len, .text = text};

	memcpy(a.ip, ip, len);
	a.text_len = (uint32_t)((len == 4 ? put_ip4(text, ip) : put_ip6(text, ip)) - text);
	rg_add_addr(b, name, &a);
}

void rg_cm_add_ip4(struct rg_builder *b, const char *name, const uint8_t ip[4])
{
	add_addr(b, name, AF_INET, ip, 4);
}

void rg_cm_add_ip6(struct rg_builder *b, const char *name, const uint8_t ip[16])
{
	add_addr(b, name, AF_INET6, ip, 16);
}
