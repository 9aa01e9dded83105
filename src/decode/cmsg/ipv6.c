/* SPDX-License-Identifier: BSD-2-Clause */
/* SOL_IPV6: ipv6(7), RFC 3542, RFC 2292 (the names with 2292), linux/in6.h, linux/ipv6.h; options RFC 8200.
 */
#include "decode/cmsg/row.h"

#define CM_LEVEL "SOL_IPV6", 41

static const struct rg_cmsg_field pktinfo[] = {
	CM_F("addr", IP6, 0, ADDR, "", "Destination address in the packet's header"),
	CM_F("ifindex", S32, 16, INT, "", "Interface the packet came in by"),
};
static const struct rg_cmsg_field hoplimit[] = {
	CM_F("hoplimit", S32, 0, INT, "", "Hop limit of the packet as it came in"),
};
static const struct rg_cmsg_field tclass[] = {
	CM_F("tclass", S32, 0, INT, "", "Traffic class byte"),
	CM_BITS("dscp", U32, 0, UINT, NULL, 2, 6, "Its differentiated services code point"),
	CM_BITS("ecn", U32, 0, ENUM, rg_cm_ecn, 0, 2, "Its congestion notification bits"),
};
static const struct rg_cmsg_field flowinfo[] = {
	CM_BITS("flowlabel", BE32, 0, UINT, NULL, 0, 20, "Flow label"),
	CM_BITS("tclass", BE32, 0, UINT, NULL, 20, 8, "Traffic class byte"),
};
static const struct rg_cmsg_field origdst[] = {
	CM_F("addr", IP6, 8, ADDR, "", "Destination before the packet was redirected"),
	CM_F("port", BE16, 2, UINT, "", "Port of that destination"),
	CM_OPT("flowinfo", BE32, 4, 4, UINT, "", "Flow label and traffic class"),
	CM_OPT("scope", U32, 24, 24, UINT, "", "Interface index of a link-local address"),
};
static const struct rg_cmsg_field pathmtu[] = {
	CM_F("addr", IP6, 8, ADDR, "", "Destination the packet was for"),
	CM_OPT("port", BE16, 2, 2, UINT, "", "Port of that destination"),
	CM_OPT("scope", U32, 24, 24, UINT, "", "Interface index of a link-local address"),
	CM_F("mtu", U32, 28, UINT, "bytes", "Largest packet that passes on the way there"),
};
static const struct rg_cmsg_field fragsize[] = {
	CM_F("fragsize", S32, 0, INT, "bytes", "Largest fragment the datagram was put together from"),
};
static const struct rg_cmsg_field dontfrag[] = {
	CM_F("dontfrag", S32, 0, BOOL, "", "Do not fragment"),
};

/* Extension headers say their own length: (byte 1 + 1) * 8. */
static size_t header_len(struct rg_cm_in *in)
{
	in->want = ((size_t)in->p[1] + 1) * 8;
	return in->want < in->len ? in->want : in->len;
}

static const struct rg_name option_names[] = {
	{0, "pad1"},	{1, "padn"},   {4, "tunnel_limit"}, {5, "router_alert"},    {7, "calipso"},
	{0x31, "ioam"}, {0x63, "rpl"}, {0xc2, "jumbo"},	    {0xc9, "home_address"}, {0, NULL}};
#define NEXT CM_FN("next_header", U8, 0, ENUM, rg_names_ipprotos, "Protocol of the header behind this one")
static const struct rg_cmsg_field opthdr[] = {
	NEXT,
	CM_D("options", LIST, "", NULL, "Each option but padding: option, len and value, addr or data"),
};

static void decode_option(struct rg_builder *list, const uint8_t *p, size_t len)
{
	struct rg_builder o;

	rg_add_object(list, NULL, &o);
	rg_add_enum(&o, "option", p[0], option_names);
	rg_add_u(&o, "len", RG_T_SIZE, len);
	if (p[0] == 5 && len == 4)
		rg_add_u(&o, "value", RG_T_UINT, rg_cm_be16(p + 2));
	else if (p[0] == 0xc2 && len == 6)
		rg_add_u(&o, "value", RG_T_UINT, rg_cm_be32(p + 2));
	else if (p[0] == 4 && len == 3)
		rg_add_u(&o, "value", RG_T_UINT, p[2]);
	else if (p[0] == 0xc9 && len == 18)
		rg_cm_add_ip6(&o, "addr", p + 2);
	else
		rg_add_bytes(&o, "data", p + 2, len - 2, len - 2);
	list->full |= o.full;
}

static void decode_opthdr(struct rg_cm_in *in)
{
	size_t end = header_len(in), len;
	struct rg_builder list;

	rg_cm_fields(in, 0);
	rg_add_list(in->out, "options", &list);
	for (size_t at = 2; at < end; at += len) {
		if (!in->p[at]) {
			len = 1;
			continue;
		}
		if (at + 1 >= end || in->p[at + 1] + 2u > end - at) {
			if (in->want <= in->len) /* else it is cut, and that is said */
				in->bad = "an option reaches past its header";
			break;
		}
		len = in->p[at + 1] + 2u;
		if (in->p[at] != 1)
			decode_option(&list, in->p + at, len);
	}
	in->out->full |= list.full;
}

static const struct rg_name routing_types[] = {{0, "source"}, {1, "nimrod"},  {2, "mobility"},
					       {3, "rpl"},    {4, "segment"}, {0, NULL}};
static const struct rg_cmsg_field rthdr[] = {
	NEXT,
	CM_FN("routing_type", U8, 2, ENUM, routing_types, "Kind of routing header"),
	CM_F("segments_left", U8, 3, UINT, "", "Stops still to be visited"),
	CM_D("addrs", LIST, "", NULL, "The stops (kinds source, mobility and segment)"),
	CM_D("route", BYTES, "", NULL, "The rest of the header, for other kinds"),
};

static void decode_rthdr(struct rg_cm_in *in)
{
	size_t end = header_len(in);
	struct rg_builder list;

	rg_cm_fields(in, 0);
	if (in->p[2] == 1 || in->p[2] == 3 || in->p[2] > 4) {
		rg_add_bytes(in->out, "route", in->p + 4, end - 4, end - 4);
		return;
	}
	rg_add_list(in->out, "addrs", &list);
	for (size_t at = 8; at + 16 <= end; at += 16)
		rg_cm_add_ip6(&list, NULL, in->p + at);
	in->out->full |= list.full;
}

/* clang-format off */
#define EXT CM_RANGE(8, 2048)
static const struct rg_cm_row rows[] = {
	CM_ROW("IPV6_2292PKTINFO", 2, CM_RS, CM_ALL, CM_SIZE(20), pktinfo, "", "IPV6_2292PKTINFO", "As IPV6_PKTINFO"),
	CM_ROWFN("IPV6_2292HOPOPTS", 3, CM_RS, CM_ALL, EXT, opthdr, decode_opthdr, "", "IPV6_2292HOPOPTS", "As IPV6_HOPOPTS"),
	CM_ROWFN("IPV6_2292DSTOPTS", 4, CM_RS, CM_ALL, EXT, opthdr, decode_opthdr, "", "IPV6_2292DSTOPTS", "As IPV6_DSTOPTS"),
	CM_ROWFN("IPV6_2292RTHDR", 5, CM_RS, CM_ALL, EXT, rthdr, decode_rthdr, "", "IPV6_2292RTHDR", "As IPV6_RTHDR"),
	CM_ROW("IPV6_2292HOPLIMIT", 8, CM_RS, CM_ALL, CM_SIZE(4), hoplimit, "", "IPV6_2292HOPLIMIT", "As IPV6_HOPLIMIT"),
	CM_ROW("IPV6_FLOWINFO", 11, CM_RS, CM_ALL, CM_SIZE(4), flowinfo, "", "IPV6_FLOWINFO, where not 0", "Flow label and traffic class"),
	CM_ERRQUEUE("IPV6_RECVERR", 25, CM_ALL, 44, "2.2", "IPV6_RECVERR, SO_TIMESTAMPING or SO_ZEROCOPY; MSG_ERRQUEUE", "An error, a transmit stamp or a completion"),
	CM_ROW("IPV6_PKTINFO", 50, CM_RS, CM_ALL, CM_SIZE(20), pktinfo, "2.6.14", "IPV6_RECVPKTINFO", "Destination address and interface"),
	CM_ROW("IPV6_HOPLIMIT", 52, CM_RS, CM_ALL, CM_SIZE(4), hoplimit, "2.6.14", "IPV6_RECVHOPLIMIT", "Hop limit"),
	CM_ROWFN("IPV6_HOPOPTS", 54, CM_RS, CM_ALL, EXT, opthdr, decode_opthdr, "2.6.14", "IPV6_RECVHOPOPTS, where there are any", "Hop-by-hop options"),
	CM_ROWFN("IPV6_RTHDRDSTOPTS", 55, CM_S, CM_U, EXT, opthdr, decode_opthdr, "2.6.14", "sent only", "Destination options before the routing header"),
	CM_ROWFN("IPV6_RTHDR", 57, CM_RS, CM_ALL, EXT, rthdr, decode_rthdr, "2.6.14", "IPV6_RECVRTHDR, where there is one", "Routing header"),
	CM_ROWFN("IPV6_DSTOPTS", 59, CM_RS, CM_ALL, EXT, opthdr, decode_opthdr, "2.6.14", "IPV6_RECVDSTOPTS, one for each header", "Destination options"),
	CM_ROW("IPV6_PATHMTU", 61, CM_R, CM_ALL, CM_SIZE(32), pathmtu, "2.6.35", "IPV6_RECVPATHMTU", "A packet was too big for the path"),
	CM_ROW("IPV6_DONTFRAG", 62, CM_S, CM_U, CM_SIZE(4), dontfrag, "2.6.35", "sent only", "Do not fragment this packet"),
	CM_ROW("IPV6_TCLASS", 67, CM_RS, CM_ALL, CM_SIZE(4), tclass, "2.6.14", "IPV6_RECVTCLASS", "Traffic class"),
	CM_ROW("IPV6_ORIGDSTADDR", 74, CM_R, CM_ALL, CM_SIZE(28), origdst, "2.6.37", "IPV6_RECVORIGDSTADDR", "Destination before redirection"),
	CM_ROW("IPV6_RECVFRAGSIZE", 77, CM_R, CM_ALL, CM_SIZE(4), fragsize, "4.10", "IPV6_RECVFRAGSIZE, where put together from fragments", "Size of the fragments"),
};
/* clang-format on */
CM_LEVEL_DEF(ipv6, 0);
