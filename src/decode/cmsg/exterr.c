/* SPDX-License-Identifier: BSD-2-Clause */
/* struct sock_extended_err and the offender behind it: ip(7), ipv6(7), linux/errqueue.h. */
#include <errno.h>
#include <sys/socket.h>

#include "decode/cmsg/row.h"

enum {
	ORIGIN_NONE,
	ORIGIN_LOCAL,
	ORIGIN_ICMP,
	ORIGIN_ICMP6,
	ORIGIN_TIMESTAMPING,
	ORIGIN_ZEROCOPY,
	ORIGIN_TXTIME
};
static const struct rg_name origins[] = {{ORIGIN_NONE, "none"},
					 {ORIGIN_LOCAL, "local"},
					 {ORIGIN_ICMP, "icmp"},
					 {ORIGIN_ICMP6, "icmp6"},
					 {ORIGIN_TIMESTAMPING, "timestamping"},
					 {ORIGIN_ZEROCOPY, "zerocopy"},
					 {ORIGIN_TXTIME, "txtime"},
					 {0, NULL}};
static const struct rg_name stamps[] = {
	{0, "sent"}, {1, "scheduled"}, {2, "acknowledged"}, {3, "completed"}, {0, NULL}};
static const struct rg_name txtime_reasons[] = {{1, "invalid_param"}, {2, "missed"}, {0, NULL}};
static const struct rg_name j1939_infos[] = {{0, "none"},   {1, "tx_abort"}, {2, "rx_rts"},
					     {3, "rx_dpo"}, {4, "rx_abort"}, {0, NULL}};

/* clang-format off */
const struct rg_cmsg_field rg_cm_exterr_fields[] = {
	CM_FN("errno", U32, 0, ENUM, rg_names_errnos, "The error; ENOMSG on a transmit stamp, 0 on a completion"),
	CM_FN("origin", U8, 4, ENUM, origins, "Who reports it"),
	CM_F("ee_type", U8, 5, UINT, "", "ICMP type"),
	CM_F("ee_code", U8, 6, UINT, "", "ICMP code; zerocopy: 1 copied"),
	CM_F("ee_info", U32, 8, UINT, "", "As it is; its meaning follows from the origin"),
	CM_F("ee_data", U32, 12, UINT, "", "As it is; its meaning follows from the origin"),
	CM_D("meaning", STR, "", NULL, "Type and code in words"),
	CM_D("mtu", UINT, "bytes", NULL, "Largest packet that would have passed"),
	CM_D("ext_offset", SIZE, "bytes", NULL, "Where in the payload the ICMP extensions begin (RFC 4884)"),
	CM_D("ext_invalid", BOOL, "", NULL, "The ICMP extensions are not valid (RFC 4884)"),
	CM_D("stamp", ENUM, "", stamps, "What the packet's time in SO_TIMESTAMPING is the time of"),
	CM_D("key", UINT, "", NULL, "Which send the stamp belongs to (SOF_TIMESTAMPING_OPT_ID)"),
	CM_D("first", UINT, "", NULL, "First of the zero-copy sends that are complete"),
	CM_D("last", UINT, "", NULL, "Last of them"),
	CM_D("copied", BOOL, "", NULL, "The kernel copied after all"),
	CM_D("reason", ENUM, "", txtime_reasons, "Why the packet was not sent at its time"),
	CM_D("txtime", UINT, "ns", NULL, "The time it was to be sent, by the clock of SO_TXTIME"),
	CM_D("j1939", ENUM, "", j1939_infos, "What happened to the J1939 session"),
	CM_D("offender", ADDR, "", NULL, "Address of the machine that reports the error; absent where it is not known"),
	CM_D("offender_port", UINT, "", NULL, "Its port, where not 0"),
	CM_D("offender_scope", UINT, "", NULL, "IPv6: interface index of a link-local offender"),
};
/* clang-format on */
_Static_assert(sizeof(rg_cm_exterr_fields) / sizeof(rg_cm_exterr_fields[0]) == RG_CM_EXTERR_FIELDS,
	       "exterr fields");

/* ICMP in words: RFC 792, 1122, 1812; RFC 4443 for version 6. Index: code. */
static const char *const unreachable4[] = {"network unreachable",
					   "host unreachable",
					   "protocol unreachable",
					   "port unreachable",
					   "fragmentation needed",
					   "source route failed",
					   "network unknown",
					   "host unknown",
					   "source host isolated",
					   "network prohibited",
					   "host prohibited",
					   "network unreachable for this service",
					   "host unreachable for this service",
					   "administratively prohibited",
					   "host precedence violation",
					   "precedence cut-off"};
static const char *const redirect4[] = {"redirect for the network", "redirect for the host",
					"redirect for the service and network",
					"redirect for the service and host"};
static const char *const exceeded4[] = {"time to live exceeded", "time for reassembly exceeded"};
static const char *const parameter4[] = {"parameter problem: pointer", "parameter problem: option missing",
					 "parameter problem: length"};
static const char *const unreachable6[] = {"no route to destination",
					   "administratively prohibited",
					   "beyond the scope of the source",
					   "address unreachable",
					   "port unreachable",
					   "source address failed policy",
					   "route rejected",
					   "error in source routing header"};
static const char *const exceeded6[] = {"hop limit exceeded", "time for reassembly exceeded"};
static const char *const parameter6[] = {"parameter problem: header field", "parameter problem: next header",
					 "parameter problem: option",
					 "parameter problem: first fragment incomplete"};

#define WORDS(version, type, list)                      \
	{                                               \
		version, type, RG_ARRAY_LEN(list), list \
	}
static const char *const quench4[] = {"source quench"}, *const big6[] = {"packet too big"};
static const struct {
	uint8_t origin, type;
	size_t n;
	const char *const *by_code;
} icmp_words[] = {
	WORDS(ORIGIN_ICMP, 3, unreachable4), WORDS(ORIGIN_ICMP, 4, quench4),
	WORDS(ORIGIN_ICMP, 5, redirect4),    WORDS(ORIGIN_ICMP, 11, exceeded4),
	WORDS(ORIGIN_ICMP, 12, parameter4),  WORDS(ORIGIN_ICMP6, 1, unreachable6),
	WORDS(ORIGIN_ICMP6, 2, big6),	     WORDS(ORIGIN_ICMP6, 3, exceeded6),
	WORDS(ORIGIN_ICMP6, 4, parameter6),
};

static void add_meaning(struct rg_cm_in *in, uint8_t origin, uint8_t type, uint8_t code)
{
	for (size_t i = 0; i < RG_ARRAY_LEN(icmp_words); i++)
		if (icmp_words[i].origin == origin && icmp_words[i].type == type && code < icmp_words[i].n)
			rg_add_str(in->out, "meaning", icmp_words[i].by_code[code],
				   strlen(icmp_words[i].by_code[code]));
}

static void decode_icmp(struct rg_cm_in *in, uint8_t origin, uint32_t info)
{
	uint8_t type = in->p[5], code = in->p[6];

	add_meaning(in, origin, type, code);
	if ((origin == ORIGIN_ICMP && type == 3 && code == 4) || (origin == ORIGIN_ICMP6 && type == 2))
		rg_add_u(in->out, "mtu", RG_T_UINT, info);
	if (rg_cm_u32(in->p + 12)) { /* struct sock_ee_data_rfc4884, where it was asked for */
		rg_add_u(in->out, "ext_offset", RG_T_SIZE, rg_cm_u16(in->p + 12));
		rg_add_bool(in->out, "ext_invalid", in->p[14] & 1);
	}
}

static void decode_meaning(struct rg_cm_in *in)
{
	uint32_t info = rg_cm_u32(in->p + 8), data = rg_cm_u32(in->p + 12);
	uint8_t origin = in->p[4], code = in->p[6];

	switch (origin) {
	case ORIGIN_LOCAL:
		if (in->ctx->family == AF_CAN)
			rg_add_enum(in->out, "j1939", info, j1939_infos);
		else if (rg_cm_u32(in->p) == EMSGSIZE)
			rg_add_u(in->out, "mtu", RG_T_UINT, info);
		break;
	case ORIGIN_ICMP:
	case ORIGIN_ICMP6: decode_icmp(in, origin, info); break;
	case ORIGIN_TIMESTAMPING:
		rg_add_enum(in->out, "stamp", info, stamps);
		rg_add_u(in->out, "key", RG_T_UINT, data);
		break;
	case ORIGIN_ZEROCOPY:
		rg_add_u(in->out, "first", RG_T_UINT, info);
		rg_add_u(in->out, "last", RG_T_UINT, data);
		rg_add_bool(in->out, "copied", code & 1);
		break;
	case ORIGIN_TXTIME:
		rg_add_enum(in->out, "reason", code, txtime_reasons);
		rg_add_u(in->out, "txtime", RG_T_UINT, (uint64_t)data << 32 | info);
		break;
	default: break;
	}
}

/* The sockaddr behind the error. Its size is the type's, whatever the family in it says. */
static void decode_offender(struct rg_cm_in *in, const uint8_t *p, size_t len)
{
	uint16_t family = rg_cm_u16(p);

	if (family == AF_INET && len >= 16) {
		rg_cm_add_ip4(in->out, "offender", p + 4);
	} else if (family == AF_INET6 && len >= 28) {
		rg_cm_add_ip6(in->out, "offender", p + 8);
		if (rg_cm_u32(p + 24))
			rg_add_u(in->out, "offender_scope", RG_T_UINT, rg_cm_u32(p + 24));
	} else if (family != AF_UNSPEC) {
		in->bad = "the offender's address family is unknown";
		return;
	}
	if (family && rg_cm_be16(p + 2))
		rg_add_u(in->out, "offender_port", RG_T_UINT, rg_cm_be16(p + 2));
}

void rg_cm_exterr(struct rg_cm_in *in)
{
	size_t whole = in->ctx->compat ? in->row->t.max32 : in->row->t.max64;

	rg_cm_fields(in, 0);
	decode_meaning(in);
	if (in->len >= whole && whole > 16)
		decode_offender(in, in->p + 16, whole - 16);
	else if (in->len > 16)
		in->want = whole; /* 16 alone is whole: kTLS and RDS report without an offender */
}
