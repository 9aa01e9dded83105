/* SPDX-License-Identifier: BSD-2-Clause */
/* SOL_IP: ip(7), linux/in.h; options RFC 791, 2113, 1393. */
#include "decode/cmsg/row.h"

#define CM_LEVEL "SOL_IP", 0

const struct rg_name rg_cm_ecn[] = {{0, "not-ect"}, {1, "ect1"}, {2, "ect0"}, {3, "ce"}, {0, NULL}};

/* One byte on a receive, four from getsockopt(IP_PKTOPTIONS) and on a send: host order puts the value's byte
 * first on a little-endian machine only, so the width decides. */
static const struct rg_cmsg_field tos[] = {
	CM_D("tos", UINT, "", NULL, "Type of service byte"),
	CM_D("dscp", UINT, "", NULL, "Its differentiated services code point"),
	CM_D("ecn", ENUM, "", rg_cm_ecn, "Its congestion notification bits"),
};
static void decode_tos(struct rg_cm_in *in)
{
	uint32_t v = in->len >= 4 ? rg_cm_u32(in->p) : in->p[0];

	if (in->len == 2 || in->len == 3) {
		in->bad = "neither a byte nor an int";
		return;
	}
	rg_add_u(in->out, "tos", RG_T_UINT, v);
	rg_add_u(in->out, "dscp", RG_T_UINT, v >> 2 & 63);
	rg_add_enum(in->out, "ecn", v & 3, rg_cm_ecn);
}

static const struct rg_cmsg_field ttl[] = {
	CM_F("ttl", S32, 0, INT, "", "Time to live of the packet as it came in"),
};
static const struct rg_cmsg_field security[] = {
	CM_F("label", TEXT, 0, STR, "", "Security label of the packet's sender"),
};
static const struct rg_cmsg_field pktinfo[] = {
	CM_F("ifindex", S32, 0, INT, "", "Interface the packet came in by"),
	CM_F("spec_dst", IP4, 4, ADDR, "", "Local address of the packet: what to reply from"),
	CM_F("addr", IP4, 8, ADDR, "", "Destination address in the packet's header"),
};
static const struct rg_cmsg_field origdst[] = {
	CM_F("addr", IP4, 4, ADDR, "", "Destination before the packet was redirected"),
	CM_F("port", BE16, 2, UINT, "", "Port of that destination"),
};
static const struct rg_cmsg_field checksum[] = {
	CM_F("checksum", U32, 0, UINT, "", "Sum over the packet as the device computed it, not folded"),
};
static const struct rg_cmsg_field fragsize[] = {
	CM_F("fragsize", S32, 0, INT, "bytes", "Largest fragment the datagram was put together from"),
};
static const struct rg_cmsg_field protocol[] = {
	CM_FN("protocol", S32, 0, ENUM, rg_names_ipprotos, "Protocol of the packet to send"),
};

static const struct rg_name option_names[] = {{0, "eol"},    {1, "nop"},    {7, "rr"},	    {68, "ts"},
					      {130, "sec"},  {131, "lsrr"}, {134, "cipso"}, {136, "sid"},
					      {137, "ssrr"}, {148, "ra"},   {0, NULL}};
enum { OPT_EOL, OPT_NOP, OPT_RR = 7, OPT_TS = 68, OPT_LSRR = 131, OPT_SSRR = 137, OPT_RA = 148 };
static const struct rg_cmsg_field options[] = {
	CM_D("options", LIST, "", NULL,
	     "Each option: option, len and, by kind, pointer, addrs, overflow, flag, value or data"),
};

static void decode_addrs(struct rg_builder *o, const uint8_t *p, size_t len)
{
	struct rg_builder addrs;

	rg_add_u(o, "pointer", RG_T_UINT, p[2]);
	rg_add_list(o, "addrs", &addrs);
	for (size_t i = 3; i + 4 <= len; i += 4)
		rg_cm_add_ip4(&addrs, NULL, p + i);
	o->full |= addrs.full;
}

/* One option of len bytes, type and length bytes included. */
static void decode_option(struct rg_builder *list, const uint8_t *p, size_t len)
{
	struct rg_builder o;

	rg_add_object(list, NULL, &o);
	rg_add_enum(&o, "option", p[0], option_names);
	rg_add_u(&o, "len", RG_T_SIZE, len);
	if ((p[0] == OPT_RR || p[0] == OPT_LSRR || p[0] == OPT_SSRR) && len >= 3) {
		decode_addrs(&o, p, len);
	} else if (p[0] == OPT_TS && len >= 4) {
		rg_add_u(&o, "pointer", RG_T_UINT, p[2]);
		rg_add_u(&o, "overflow", RG_T_UINT, p[3] >> 4);
		rg_add_u(&o, "flag", RG_T_UINT, p[3] & 15);
		rg_add_bytes(&o, "data", p + 4, len - 4, len - 4);
	} else if (p[0] == OPT_RA && len == 4) {
		rg_add_u(&o, "value", RG_T_UINT, rg_cm_be16(p + 2));
	} else if (len > 2) {
		rg_add_bytes(&o, "data", p + 2, len - 2, len - 2);
	}
	list->full |= o.full;
}

static void decode_options(struct rg_cm_in *in)
{
	struct rg_builder list;
	size_t len;

	rg_add_list(in->out, "options", &list);
	for (size_t at = 0; at < in->len; at += len) {
		len = in->p[at] <= OPT_NOP ? 1 : at + 1 < in->len ? in->p[at + 1] : 2;
		if (in->p[at] > OPT_NOP && len < 2) {
			in->bad = "an option's length is wrong";
			break;
		}
		if (len > in->len - at) {
			in->want = at + len;
			break;
		}
		decode_option(&list, in->p + at, len);
		if (in->p[at] == OPT_EOL)
			break; /* padding from here on */
	}
	in->out->full |= list.full;
}

/* clang-format off */
static const struct rg_cm_row rows[] = {
	CM_ROWFN("IP_TOS", 1, CM_RS, CM_ALL, CM_RANGE(1, 4), tos, decode_tos, "", "IP_RECVTOS", "Type of service"),
	CM_ROW("IP_TTL", 2, CM_RS, CM_ALL, CM_SIZE(4), ttl, "", "IP_RECVTTL", "Time to live"),
	CM_ROW("SCM_SECURITY", 3, CM_R, CM_U, CM_RANGE(0, RG_CMSG_ANY), security, "2.6.17", "IP_PASSSEC, and labelled networking", "Security label"),
	CM_ROWFN("IP_RECVOPTS", 6, CM_R, CM_ALL, CM_RANGE(0, 40), options, decode_options, "", "IP_RECVOPTS, where the packet has options", "IP options as they came"),
	CM_ROWFN("IP_RETOPTS", 7, CM_RS, CM_ALL, CM_RANGE(0, 40), options, decode_options, "", "IP_RETOPTS, where the packet has options", "IP options turned round for the reply"),
	CM_ROW("IP_PKTINFO", 8, CM_RS, CM_ALL, CM_SIZE(12), pktinfo, "2.2", "IP_PKTINFO", "Interface and destination address"),
	CM_ERRQUEUE("IP_RECVERR", 11, CM_ALL, 32, "2.2", "IP_RECVERR, SO_TIMESTAMPING or SO_ZEROCOPY; MSG_ERRQUEUE", "An error, a transmit stamp or a completion"),
	CM_ROW("IP_ORIGDSTADDR", 20, CM_R, CM_ALL, CM_SIZE(16), origdst, "2.6.29", "IP_RECVORIGDSTADDR", "Destination before redirection"),
	CM_ROW("IP_CHECKSUM", 23, CM_R, CM_ALL, CM_SIZE(4), checksum, "4.0", "IP_CHECKSUM, where the device summed", "Checksum of the packet"),
	CM_ROW("IP_RECVFRAGSIZE", 25, CM_R, CM_ALL, CM_SIZE(4), fragsize, "4.10", "IP_RECVFRAGSIZE, where put together from fragments", "Size of the fragments"),
	CM_ROW("IP_PROTOCOL", 52, CM_S, CM_U, CM_SIZE(4), protocol, "6.2", "sent only", "Protocol, raw sockets"),
};
/* clang-format on */
CM_LEVEL_DEF(ip, 0);
