/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * DNS (RFC 1035), mDNS and LLMNR: id, question, response code, number of answers and the first address. On
 * any UDP port when it has the shape of DNS with exactly one question; on the known ports also without.
 */
#include "decode/dissect/dissector.h"

#define HEADER	     12
#define NAME_MAX_LEN 255
#define JUMPS_MAX    64

static const struct rg_name rr_types[] = {
	{1, "A"},      {2, "NS"},      {5, "CNAME"},  {6, "SOA"},   {12, "PTR"},   {13, "HINFO"},
	{15, "MX"},    {16, "TXT"},    {28, "AAAA"},  {29, "LOC"},  {33, "SRV"},   {35, "NAPTR"},
	{37, "CERT"},  {39, "DNAME"},  {41, "OPT"},   {43, "DS"},   {44, "SSHFP"}, {46, "RRSIG"},
	{47, "NSEC"},  {48, "DNSKEY"}, {50, "NSEC3"}, {52, "TLSA"}, {64, "SVCB"},  {65, "HTTPS"},
	{251, "IXFR"}, {252, "AXFR"},  {255, "ANY"},  {257, "CAA"}, {0, NULL}};
static const struct rg_name rcodes[] = {{0, "NOERROR"}, {1, "FORMERR"}, {2, "SERVFAIL"}, {3, "NXDOMAIN"},
					{4, "NOTIMP"},	{5, "REFUSED"}, {6, "YXDOMAIN"}, {7, "YXRRSET"},
					{8, "NXRRSET"}, {9, "NOTAUTH"}, {10, "NOTZONE"}, {0, NULL}};
static const struct rg_name opcodes[] = {{1, "iquery"}, {2, "status"}, {4, "notify"},
					 {5, "update"}, {6, "dso"},    {0, NULL}};

static bool known_port(const struct rg_dissect_ctx *c)
{
	return rg_ctx_port(c, 53) || rg_ctx_port(c, 5353) || rg_ctx_port(c, 5355);
}

static void text_label(struct rg_text *t, const uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (p[i] == '.')
			rg_text_add(t, "\\.", 2);
		else
			rg_text_escaped(t, p + i, 1);
}

/*
 * A name at `at`. Compression pointers may only point backwards and are bounded in number, names in length,
 * so that no payload makes this loop. t NULL: only walked. Returns where the next field is, 0: malformed or
 * not whole.
 */
static size_t name(const struct rg_payload *p, size_t at, struct rg_text *t)
{
	size_t total = 0, after = 0;

	for (int jumps = 0; rg_pl_has(p, at, 1);) {
		uint8_t n = p->p[at];

		if (n >= 0xc0) {
			size_t to;

			if (!rg_pl_has(p, at, 2) || ++jumps > JUMPS_MAX)
				return 0;
			to = rg_be16(p->p + at) & 0x3fff;
			after = after ? after : at + 2;
			if (to >= at)
				return 0;
			at = to;
			continue;
		}
		if (n > 63 || !rg_pl_has(p, at + 1, n) || (total += n + 1u) > NAME_MAX_LEN)
			return 0;
		if (!n) {
			if (t && total == 1)
				rg_text_char(t, '.');
			return after ? after : at + 1;
		}
		if (t && total > n + 1u)
			rg_text_char(t, '.');
		if (t)
			text_label(t, p->p + at + 1, n);
		at += 1u + n;
	}
	return 0;
}

static void text_type(struct rg_text *t, uint16_t type)
{
	const char *s = rg_name_of(rr_types, type);

	rg_text_char(t, ' ');
	if (s) {
		rg_text_str(t, s);
	} else {
		rg_text_str(t, "TYPE");
		rg_text_u64(t, type);
	}
}

/* The first A or AAAA among the answers. */
static void text_first_address(struct rg_text *t, const struct rg_payload *p, size_t at, unsigned answers)
{
	for (; answers && answers < 4096; answers--) {
		uint16_t type, len;

		at = name(p, at, NULL);
		if (!at || !rg_pl_has(p, at, 10))
			return;
		type = rg_be16(p->p + at);
		len = rg_be16(p->p + at + 8);
		at += 10;
		if (!rg_pl_has(p, at, len))
			return;
		if ((type == 1 && len == 4) || (type == 28 && len == 16)) {
			rg_text_str(t, " (");
			if (type == 1)
				rg_text_ip4(t, p->p + at);
			else
				rg_text_ip6(t, p->p + at);
			rg_text_str(t, answers > 1 ? ", ...)" : ")");
			return;
		}
		at += len;
	}
}

static void text_kind(struct rg_text *t, const struct rg_dissect_ctx *c, const struct rg_payload *p)
{
	const char *opcode = rg_name_of(opcodes, p->p[2] >> 3 & 15);

	rg_text_str(t, rg_ctx_port(c, 5353) ? "mDNS " : rg_ctx_port(c, 5355) ? "LLMNR " : "DNS ");
	if (opcode) {
		rg_text_str(t, opcode);
		rg_text_char(t, ' ');
	}
	rg_text_str(t, p->p[2] & 0x80 ? "response " : "query ");
	rg_text_hex(t, rg_be16(p->p));
}

static void text_answers(struct rg_text *t, const struct rg_payload *p, size_t at)
{
	unsigned answers = rg_be16(p->p + 6);
	const char *rcode = rg_name_of(rcodes, p->p[3] & 15);

	rg_text_char(t, ' ');
	if (rcode)
		rg_text_str(t, rcode);
	else
		rg_text_u64(t, p->p[3] & 15);
	rg_text_char(t, ' ');
	rg_text_u64(t, answers);
	rg_text_str(t, answers == 1 ? " answer" : " answers");
	if (at)
		text_first_address(t, p, at, answers);
	if (p->p[2] & 2)
		rg_text_str(t, " truncated");
}

/* Message without the length that precedes it on TCP. */
static bool dns(const struct rg_dissect_ctx *c, const struct rg_payload *p, struct rg_text *t)
{
	unsigned questions;
	size_t at = HEADER;

	if (!rg_pl_has(p, 0, HEADER))
		return false;
	questions = rg_be16(p->p + 4);
	text_kind(t, c, p);
	if (questions) {
		size_t before = t->len + 1;

		rg_text_char(t, ' ');
		at = name(p, at, t);
		if (at && rg_pl_has(p, at, 4)) {
			text_type(t, rg_be16(p->p + at));
			at += 4;
		} else if (!rg_pl_cut(p) && !known_port(c)) {
			return false;
		} else {
			if (!at)
				t->len = before;
			rg_text_str(t,
				    rg_pl_cut(p) ? "(question not captured whole)" : "(malformed question)");
			at = 0;
		}
		if (questions > 1) {
			rg_text_str(t, " and ");
			rg_text_u64(t, questions - 1);
			rg_text_str(t, " more");
			at = 0;
		}
	}
	if (p->p[2] & 0x80)
		text_answers(t, p, at);
	return true;
}

static bool tcp_prefixed(const struct rg_dissect_ctx *c)
{
	return c->type == SOCK_STREAM;
}

static bool shaped(const struct rg_payload *p)
{
	size_t at;

	if (!rg_pl_has(p, 0, HEADER + 5) || p->p[2] >> 3 & 15 || p->p[3] & 0x40 || rg_be16(p->p + 4) != 1 ||
	    rg_be16(p->p + 6) > 256 || rg_be16(p->p + 8) > 256 || rg_be16(p->p + 10) > 256)
		return false;
	at = name(p, HEADER, NULL);
	return at && rg_pl_has(p, at, 4) && rg_name_of(rr_types, rg_be16(p->p + at)) &&
	       (rg_be16(p->p + at + 2) & 0x7fff) == 1;
}

static bool match(const struct rg_dissect_ctx *c, const struct rg_payload *p)
{
	if (!rg_ctx_inet(c))
		return false;
	if (tcp_prefixed(c))
		return rg_ctx_port(c, 53) && rg_pl_has(p, 0, 2 + HEADER) && rg_be16(p->p) >= HEADER;
	return c->type == SOCK_DGRAM && (known_port(c) ? rg_pl_has(p, 0, HEADER) : shaped(p));
}

static bool summary(const struct rg_dissect_ctx *c, const struct rg_payload *p, struct rg_text *t)
{
	struct rg_payload rest = *p;

	if (tcp_prefixed(c)) {
		rest.p += 2;
		rest.len -= 2;
		rest.full -= 2;
	}
	return dns(c, &rest, t);
}

const struct rg_dissector rg_dissect_dns = {"dns", match, summary};
