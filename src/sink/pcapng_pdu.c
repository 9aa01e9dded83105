/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What stands before a payload so that stock Wireshark dissects it: for netlink the header of
 * LINKTYPE_NETLINK, for everything else the tags of an exported PDU (LINKTYPE_WIRESHARK_UPPER_PDU,
 * epan/exported_pdu.h of Wireshark): which dissector, addresses, ports.
 */
#include <linux/if_arp.h>
#include <linux/if_ether.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "sink/pcapng.h"

enum tag {
	TAG_END = 0,
	TAG_DISSECTOR = 12,
	TAG_TABLE = 14,
	TAG_IPV4_SRC = 20,
	TAG_IPV4_DST = 21,
	TAG_IPV6_SRC = 22,
	TAG_IPV6_DST = 23,
	TAG_PORT_TYPE = 24,
	TAG_SRC_PORT = 25,
	TAG_DST_PORT = 26,
	TAG_TABLE_NUMBER = 32,
	TAG_COL_PROTOCOL = 33,
	TAG_COL_INFO = 36,
};
enum { PORT_TYPE_TCP = 2, PORT_TYPE_UDP = 3 };

/* msg.protocol → Wireshark's dissector that takes a message out of its stream: by name, or by its place in
 * the table of ports where it has no name of its own. */
static const struct {
	const char *protocol, *dissector;
} dissectors[] = {
	{"dns", "dns"}, {"http", "http"}, {"syslog", "syslog"}, {"tls", "tls"},
	{"ssh", "ssh"}, {"json", "json"}, {"varlink", "json"},
};
#define X11_PORT 6000 /* of display 0 */

static void be16(struct rg_buf *b, uint16_t v)
{
	uint8_t p[2] = {(uint8_t)(v >> 8), (uint8_t)v};

	rg_buf_add(b, p, 2);
}

static int64_t int_of(const struct rg_event *ev, enum rg_field f, int64_t none)
{
	return rg_has(ev, f) ? ev->v[f].i : none;
}

bool rg_ng_is_send(const struct rg_event *ev)
{
	int64_t e = int_of(ev, RG_F_EVENT, -1);

	return e >= 0 && e < RG_EV__COUNT && rg_events[e].dir == RG_DIR_SEND;
}

static bool protocol_is(const struct rg_event *ev, const char *name)
{
	return rg_has(ev, RG_F_MSG_PROTOCOL) && ev->v[RG_F_MSG_PROTOCOL].len == strlen(name) &&
	       !memcmp(ev->v[RG_F_MSG_PROTOCOL].p, name, strlen(name));
}

/* ---- which part ---- */

static uint32_t dbus_u32(const uint8_t *p, size_t at)
{
	const uint8_t *q = p + at;

	return p[0] == 'B' ? (uint32_t)q[0] << 24 | (uint32_t)q[1] << 16 | (uint32_t)q[2] << 8 | q[3]
			   : (uint32_t)q[3] << 24 | (uint32_t)q[2] << 16 | (uint32_t)q[1] << 8 | q[0];
}

/* Length of the D-Bus message at p, 0: not one. *ret_header: of its header. As src/decode/dissect/dbus.c has
 * it, from the D-Bus specification. */
static uint64_t dbus_len(const uint8_t *p, size_t n, uint64_t *ret_header)
{
	if (n < 16 || (p[0] != 'l' && p[0] != 'B') || !p[1] || p[1] > 4 || p[3] != 1)
		return 0;
	*ret_header = (16 + (uint64_t)dbus_u32(p, 12) + 7) & ~UINT64_C(7);
	if (*ret_header > (64u << 20) + 24 || dbus_u32(p, 4) > 128u << 20)
		return 0;
	return *ret_header + dbus_u32(p, 4);
}

/* A whole message, or one whose body goes on in the next read: then it is a packet of which the rest is
 * missing. A handshake is no message; a header that goes on in the next read cannot be dissected. */
static uint64_t dbus_packet(const struct rg_event *ev, const struct rg_ng_packet *p)
{
	uint64_t header = 0,
		 n = p->payload && protocol_is(ev, "dbus") ? dbus_len(p->payload, p->len, &header) : 0;

	return header <= p->full ? n : 0;
}

bool rg_ng_next(const struct rg_event *ev, size_t *at, struct rg_ng_packet *ret)
{
	const struct rg_value *v = &ev->v[RG_F_MSG_DATA];
	uint64_t n;

	*ret = (struct rg_ng_packet){0};
	if (!rg_has(ev, RG_F_MSG_DATA) || !v->len)
		return (*at)++ == 0;
	if (*at >= v->len)
		return false;
	*ret = (struct rg_ng_packet){(const uint8_t *)v->p + *at, v->len - *at,
				     (v->full > v->len ? v->full : v->len) - *at};
	n = dbus_packet(ev, ret);
	if (n) {
		ret->full = (size_t)n;
		ret->len = n < ret->len ? (size_t)n : ret->len;
	}
	*at += ret->len;
	return true;
}

/* ---- netlink ---- */

/* As LINKTYPE_LINUX_SLL: direction, ARPHRD_NETLINK, ten bytes unused, the netlink protocol; big endian. */
static void netlink_header(struct rg_buf *b, const struct rg_event *ev)
{
	static const char unused[10];

	be16(b, rg_ng_is_send(ev) ? 4 : 0);
	be16(b, ARPHRD_NETLINK);
	rg_buf_add(b, unused, sizeof(unused));
	be16(b, (uint16_t)int_of(ev, RG_F_SOCK_PROTOCOL, 0));
}

/* ---- exported PDUs ---- */

static void tag(struct rg_buf *b, enum tag code, const void *p, size_t len)
{
	static const char zero[4];

	be16(b, (uint16_t)code);
	be16(b, (uint16_t)((len + 3) & ~(size_t)3));
	rg_buf_add(b, p, len);
	rg_buf_add(b, zero, (4 - (len & 3)) & 3);
}

static void tag_str(struct rg_buf *b, enum tag code, const char *s)
{
	tag(b, code, s, strlen(s));
}

static void tag_u32(struct rg_buf *b, enum tag code, uint32_t v)
{
	uint8_t p[4] = {(uint8_t)(v >> 24), (uint8_t)(v >> 16), (uint8_t)(v >> 8), (uint8_t)v};

	tag(b, code, p, 4);
}

struct end {
	const struct rg_addr *addr;
	int64_t port;
};

static struct end end_of(const struct rg_event *ev, enum rg_field addr, enum rg_field port)
{
	return (struct end){rg_has(ev, addr) ? ev->v[addr].addr : NULL, int_of(ev, port, -1)};
}

/* The other end: of this message, else of the connection. */
static struct end other_end(const struct rg_event *ev)
{
	const struct rg_node *chain = rg_has(ev, RG_F_MSG_NAME) ? ev->v[RG_F_MSG_NAME].node : NULL;
	const struct rg_node *addr = rg_node_find(chain, "addr"), *port = rg_node_find(chain, "port");

	if (addr && addr->type == RG_T_ADDR)
		return (struct end){addr->v.addr, port ? (int64_t)port->v.u : -1};
	return end_of(ev, RG_F_SOCK_REMOTE_ADDR, RG_F_SOCK_REMOTE_PORT);
}

static void tag_addr(struct rg_buf *b, const struct rg_addr *a, enum tag v4, enum tag v6)
{
	if (a && a->ip_len == 4)
		tag(b, v4, a->ip, 4);
	else if (a && a->ip_len == 16)
		tag(b, v6, a->ip, 16);
}

static void tag_ends(struct rg_buf *b, const struct rg_event *ev, uint32_t port_type)
{
	struct end local = end_of(ev, RG_F_SOCK_LOCAL_ADDR, RG_F_SOCK_LOCAL_PORT), other = other_end(ev);
	const struct end *src = rg_ng_is_send(ev) ? &local : &other,
			 *dst = rg_ng_is_send(ev) ? &other : &local;

	tag_addr(b, src->addr, TAG_IPV4_SRC, TAG_IPV6_SRC);
	tag_addr(b, dst->addr, TAG_IPV4_DST, TAG_IPV6_DST);
	if (!port_type || (src->port < 0 && dst->port < 0))
		return;
	tag_u32(b, TAG_PORT_TYPE, port_type);
	if (src->port >= 0)
		tag_u32(b, TAG_SRC_PORT, (uint32_t)src->port);
	if (dst->port >= 0)
		tag_u32(b, TAG_DST_PORT, (uint32_t)dst->port);
}

enum rg_ng_link rg_ng_link_of(const struct rg_event *ev, const struct rg_ng_packet *p)
{
	if (int_of(ev, RG_F_SOCK_FAMILY, AF_UNSPEC) == AF_NETLINK && (!p || p->len))
		return RG_LINK_NETLINK;
	return p && dbus_packet(ev, p) ? RG_LINK_DBUS : RG_LINK_UPPER_PDU;
}

static const char *known_dissector(const struct rg_event *ev)
{
	for (size_t i = 0; i < RG_ARRAY_LEN(dissectors); i++)
		if (protocol_is(ev, dissectors[i].protocol))
			return dissectors[i].dissector;
	return NULL;
}

/* Sockets that carry whole packets of a lower layer. */
static const char *raw_dissector(const struct rg_event *ev)
{
	const struct rg_node *chain = rg_has(ev, RG_F_MSG_NAME) ? ev->v[RG_F_MSG_NAME].node : NULL;
	const struct rg_node *hatype = rg_node_find(chain, "hatype"),
			     *ethertype = rg_node_find(chain, "protocol");
	int64_t type = int_of(ev, RG_F_SOCK_TYPE, 0), protocol = int_of(ev, RG_F_SOCK_PROTOCOL, -1);

	switch (int_of(ev, RG_F_SOCK_FAMILY, AF_UNSPEC)) {
	case AF_INET:
		if (type == SOCK_RAW)
			return "ip";
		return protocol == IPPROTO_ICMP ? "icmp" : NULL;
	case AF_INET6: return protocol == IPPROTO_ICMPV6 ? "icmpv6" : NULL;
	case AF_PACKET:
		if (type == SOCK_RAW && hatype &&
		    (hatype->v.u == ARPHRD_ETHER || hatype->v.u == ARPHRD_LOOPBACK))
			return "eth_withoutfcs";
		if (type == SOCK_DGRAM && ethertype && ethertype->v.u == ETH_P_IP)
			return "ip";
		if (type == SOCK_DGRAM && ethertype && ethertype->v.u == ETH_P_IPV6)
			return "ipv6";
		if (type == SOCK_DGRAM && ethertype && ethertype->v.u == ETH_P_ARP)
			return "arp";
		return NULL;
	default: return NULL;
	}
}

static uint32_t port_type_of(const struct rg_event *ev)
{
	int64_t family = int_of(ev, RG_F_SOCK_FAMILY, AF_UNSPEC);

	if (family != AF_INET && family != AF_INET6)
		return 0;
	switch (int_of(ev, RG_F_SOCK_PROTOCOL, -1)) {
	case IPPROTO_TCP:
	case IPPROTO_MPTCP: return PORT_TYPE_TCP;
	case IPPROTO_UDP:
	case IPPROTO_UDPLITE: return PORT_TYPE_UDP;
	default: return 0;
	}
}

/* UDP: Wireshark's own table of ports. The lower port is the more telling one. */
static uint32_t udp_port(const struct rg_event *ev)
{
	int64_t local = int_of(ev, RG_F_SOCK_LOCAL_PORT, 0), other = other_end(ev).port;

	if (port_type_of(ev) != PORT_TYPE_UDP)
		return 0;
	if (local <= 0 || other <= 0)
		return local > 0 ? (uint32_t)local : other > 0 ? (uint32_t)other : 0;
	return (uint32_t)(local < other ? local : other);
}

static void tag_table(struct rg_buf *b, const char *table, uint32_t number)
{
	tag_str(b, TAG_TABLE, table);
	tag_u32(b, TAG_TABLE_NUMBER, number);
}

/* X11's dissector tells the server's side by its port: 6000 + display, as over TCP, stands for the unix
 * socket. */
static void x11_header(struct rg_buf *b, const struct rg_event *ev)
{
	const struct rg_addr *local =
		rg_has(ev, RG_F_SOCK_LOCAL_ADDR) ? ev->v[RG_F_SOCK_LOCAL_ADDR].addr : NULL;
	bool server = local && local->text_len && rg_has(ev, RG_F_SOCK_PATH) &&
		      local->text_len == ev->v[RG_F_SOCK_PATH].len;

	tag_table(b, "tcp.port", X11_PORT);
	tag_u32(b, TAG_PORT_TYPE, PORT_TYPE_TCP);
	tag_u32(b, TAG_SRC_PORT, server == rg_ng_is_send(ev) ? X11_PORT : 0);
	tag_u32(b, TAG_DST_PORT, server == rg_ng_is_send(ev) ? 0 : X11_PORT);
}

/* What columns show where Wireshark has no dissector: our name of the protocol and our line. */
static void tag_plain(struct rg_buf *b, const struct rg_event *ev)
{
	const char *family = rg_name_of(rg_names_families, (uint64_t)int_of(ev, RG_F_SOCK_FAMILY, AF_UNSPEC));
	const struct rg_value *v = &ev->v[RG_F_MSG_SUMMARY];

	tag_str(b, TAG_DISSECTOR, "data");
	if (rg_has(ev, RG_F_MSG_PROTOCOL))
		tag(b, TAG_COL_PROTOCOL, ev->v[RG_F_MSG_PROTOCOL].p, ev->v[RG_F_MSG_PROTOCOL].len);
	else if (family)
		tag_str(b, TAG_COL_PROTOCOL, family);
	if (rg_has(ev, RG_F_MSG_SUMMARY)) {
		tag(b, TAG_COL_INFO, v->p, v->len);
	} else {
		rg_auto_buf line = {0};

		rg_ng_comment(&line, ev);
		tag(b, TAG_COL_INFO, line.data, line.len);
	}
}

static void pdu_header(struct rg_buf *b, const struct rg_event *ev, const struct rg_ng_packet *p)
{
	bool known = rg_has(ev, RG_F_MSG_PROTOCOL), inet = port_type_of(ev) != 0;
	const char *name = !p->len ? NULL : known ? known_dissector(ev) : raw_dissector(ev);
	uint32_t port = p->len && (!known || protocol_is(ev, "dns")) ? udp_port(ev) : 0;

	if (name &&
	    (!protocol_is(ev, "dns") || (port != 5353 && port != 5355))) /* mDNS and LLMNR go by port */
		tag_str(b, TAG_DISSECTOR, name);
	else if (port)
		tag_table(b, "udp.port", port);
	else if (p->len && protocol_is(ev, "x11") && !inet)
		x11_header(b, ev);
	else
		tag_plain(b, ev);
	if (inet || raw_dissector(ev))
		tag_ends(b, ev, port_type_of(ev));
	tag(b, TAG_END, NULL, 0);
}

void rg_ng_header(struct rg_buf *b, const struct rg_event *ev, const struct rg_ng_packet *p)
{
	switch (rg_ng_link_of(ev, p)) {
	case RG_LINK_NETLINK: netlink_header(b, ev); break;
	case RG_LINK_UPPER_PDU: pdu_header(b, ev, p); break;
	case RG_LINK_DBUS: break; /* the message itself */
	}
}
