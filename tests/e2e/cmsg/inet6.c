/* SPDX-License-Identifier: BSD-2-Clause */
/* IPv6 datagrams: RFC 3542's control messages and RFC 2292's, extension headers, fragments, path MTU. */
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "make.h"

#define SCENE_END                                      \
	{                                              \
		NULL, NULL, 0, false, NULL, NULL, NULL \
	}
#define ON6(o) ON(s->rx, IPPROTO_IPV6, o)
enum {
	N_2292HOPOPTS = 3,
	N_2292DSTOPTS = 4,
	N_2292RTHDR = 5,
	N_FLOWINFO = 11,
	N_FLOWINFO_SEND = 33,
	N_FRAGSIZE = 77
};

static int setup_header(struct state *s)
{
	return udp_pair(s, AF_INET6) || ON6(IPV6_RECVPKTINFO) || ON6(IPV6_RECVHOPLIMIT) ||
	       ON6(IPV6_RECVTCLASS) || ON6(IPV6_RECVORIGDSTADDR) ||
	       turn_on(s, s->tx, IPPROTO_IPV6, IPV6_UNICAST_HOPS, 37, "IPV6_UNICAST_HOPS") ||
	       turn_on(s, s->tx, IPPROTO_IPV6, IPV6_TCLASS, 0xb9, "IPV6_TCLASS");
}
static void expect_header(struct state *s)
{
	expect(s, "{level=SOL_IPV6 type=IPV6_PKTINFO len=%u addr=::1 ifindex=%u}", LEN(20),
	       if_nametoindex("lo"));
	expect(s, "{level=SOL_IPV6 type=IPV6_HOPLIMIT len=%u hoplimit=37}", LEN(4));
	expect(s, "{level=SOL_IPV6 type=IPV6_TCLASS len=%u tclass=185 dscp=46 ecn=ect1}", LEN(4));
	expect(s, "{level=SOL_IPV6 type=IPV6_ORIGDSTADDR len=%u addr=::1 port=%u}", LEN(28), port_of(s->rx));
}

static int setup_old_header(struct state *s)
{
	return udp_pair(s, AF_INET6) || ON6(IPV6_2292PKTINFO) || ON6(IPV6_2292HOPLIMIT) ||
	       turn_on(s, s->tx, IPPROTO_IPV6, IPV6_UNICAST_HOPS, 37, "IPV6_UNICAST_HOPS");
}
static void expect_old_header(struct state *s)
{
	expect(s, "{level=SOL_IPV6 type=IPV6_2292PKTINFO len=%u addr=::1 ifindex=%u}", LEN(20),
	       if_nametoindex("lo"));
	expect(s, "{level=SOL_IPV6 type=IPV6_2292HOPLIMIT len=%u hoplimit=37}", LEN(4));
}

/* A flow label of the program's choice takes a lease (IPV6_FLOWLABEL_MGR); the automatic one is any number.
 */
static int setup_flow(struct state *s)
{
	return udp_pair(s, AF_INET6) || ON6(N_FLOWINFO) ||
	       turn_on(s, s->tx, IPPROTO_IPV6, IPV6_AUTOFLOWLABEL, 1, "IPV6_AUTOFLOWLABEL") ||
	       turn_on(s, s->tx, IPPROTO_IPV6, IPV6_TCLASS, 0x28, "IPV6_TCLASS");
}
static void expect_flow(struct state *s)
{
	expect(s, "{level=SOL_IPV6 type=IPV6_FLOWINFO len=%u flowlabel=%%<1:1048575> tclass=40}", LEN(4));
}

/* Hop-by-hop: a router alert; destination: an unknown option of two bytes that is to be skipped. */
static const uint8_t hop[8] = {0, 0, 5, 2, 0, 0, 1, 0}, dst[8] = {0, 0, 0x1e, 2, 0xab, 0xcd, 1, 0};
static int send_headers(struct state *s, bool both)
{
	if (setsockopt(s->tx, IPPROTO_IPV6, IPV6_HOPOPTS, hop, both ? 8 : 0) && both)
		return cannot(s, "IPV6_HOPOPTS");
	if (setsockopt(s->tx, IPPROTO_IPV6, IPV6_DSTOPTS, dst, 8))
		return cannot(s, "IPV6_DSTOPTS");
	return 0;
}
static int setup_extension(struct state *s)
{
	return udp_pair(s, AF_INET6) || ON6(IPV6_RECVHOPOPTS) || ON6(IPV6_RECVDSTOPTS) ||
	       send_headers(s, true);
}
static void expect_extension(struct state *s)
{
	expect(s,
	       "{level=SOL_IPV6 type=IPV6_HOPOPTS len=%u next_header=dstopts options=[{option=router_alert "
	       "len=4 value=0}]}",
	       LEN(8));
	expect(s,
	       "{level=SOL_IPV6 type=IPV6_DSTOPTS len=%u next_header=udp options=[{option=30 len=4 "
	       "data=x\"abcd\"}]}",
	       LEN(8));
}
static int setup_old_extension(struct state *s)
{
	return udp_pair(s, AF_INET6) || ON6(N_2292HOPOPTS) || ON6(N_2292DSTOPTS) || send_headers(s, true);
}
static void expect_old_extension(struct state *s)
{
	expect(s,
	       "{level=SOL_IPV6 type=IPV6_2292HOPOPTS len=%u next_header=dstopts "
	       "options=[{option=router_alert len=4 "
	       "value=0}]}",
	       LEN(8));
	expect(s,
	       "{level=SOL_IPV6 type=IPV6_2292DSTOPTS len=%u next_header=udp options=[{option=30 len=4 "
	       "data=x\"abcd\"}]}",
	       LEN(8));
}

/* A packet with a routing header of type 2 that has no stop left, built by hand. */
static int raw_sender(struct state *s)
{
	s->extra = socket(AF_INET6, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW);
	return s->extra < 0 ? cannot(s, "raw socket") : 0;
}
static int setup_routing(struct state *s)
{
	return udp_pair(s, AF_INET6) || ON6(IPV6_RECVRTHDR) || raw_sender(s);
}
static int setup_old_routing(struct state *s)
{
	return udp_pair(s, AF_INET6) || ON6(N_2292RTHDR) || raw_sender(s);
}

static uint16_t checksum6(const uint8_t *packet, size_t udp, size_t len)
{
	uint32_t sum = IPPROTO_UDP + (uint32_t)len;

	for (size_t i = 8; i < 40; i += 2)
		sum += (uint32_t)(packet[i] << 8 | packet[i + 1]);
	for (size_t i = 0; i < len; i += 2)
		sum += (uint32_t)(packet[udp + i] << 8 | (i + 1 < len ? packet[udp + i + 1] : 0));
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

static int send_routing(struct state *s)
{
	struct sockaddr_in6 to = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
	uint8_t p[40 + 24 + 10] = {0x60};
	uint16_t port = port_of(s->rx), sum;

	p[5] = 34; /* payload length */
	p[6] = IPPROTO_ROUTING;
	p[7] = 64;
	p[23] = p[39] = 1; /* from ::1 to ::1 */
	p[40] = IPPROTO_UDP;
	p[41] = 2;
	p[42] = 2; /* type 2, nothing left */
	memcpy(p + 48, (uint8_t[]){0x20, 1, 0xd, 0xb8}, 4);
	p[63] = 9;
	p[65] = 9; /* source port */
	p[66] = (uint8_t)(port >> 8);
	p[67] = (uint8_t)port;
	p[69] = 10;
	sum = checksum6(p, 64, 10);
	p[70] = (uint8_t)(sum >> 8);
	p[71] = (uint8_t)sum;
	return sendto(s->extra, p, sizeof(p), 0, (struct sockaddr *)&to, sizeof(to)) == sizeof(p)
		       ? 0
		       : cannot(s, "raw send");
}
static void expect_rthdr(struct state *s, const char *type)
{
	expect(s,
	       "{level=SOL_IPV6 type=%s len=%u next_header=udp routing_type=mobility segments_left=0 "
	       "addrs=[2001:db8::9]}",
	       type, LEN(24));
}
static void expect_routing(struct state *s)
{
	expect_rthdr(s, "IPV6_RTHDR");
}
static void expect_old_routing(struct state *s)
{
	expect_rthdr(s, "IPV6_2292RTHDR");
}

/* 5000 bytes over a loopback of 1400: the first fragments are 1400 less what does not divide by 8. */
static int setup_fragments(struct state *s)
{
	if (lo_mtu(1400))
		return cannot(s, "loopback's MTU");
	lo_mtu(65536);
	return udp_pair(s, AF_INET6) || ON6(N_FRAGSIZE) ||
	       turn_on(s, s->tx, IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_DONT, "IPV6_MTU_DISCOVER");
}
static int send_fragments(struct state *s)
{
	static const char data[5000];
	long n;

	lo_mtu(1400);
	n = send(s->tx, data, sizeof(data), 0);
	lo_mtu(65536);
	return n == sizeof(data) ? 0 : cannot(s, "send");
}
static void expect_fragments(struct state *s)
{
	expect(s, "{level=SOL_IPV6 type=IPV6_RECVFRAGSIZE len=%u fragsize=%%<1393:1400>}", LEN(4));
}

/* Too big, and not to be fragmented: the sender's own socket is told the path's MTU by a message without
 * data. */
static int setup_pathmtu(struct state *s)
{
	int both[2];

	if (lo_mtu(1400))
		return cannot(s, "loopback's MTU");
	lo_mtu(65536);
	if (udp_pair(s, AF_INET6))
		return -1;
	both[0] = s->rx; /* the one that sends is the one that is told */
	both[1] = s->tx;
	s->rx = both[1];
	s->tx = both[0];
	return ON6(IPV6_RECVPATHMTU) || turn_on(s, s->rx, IPPROTO_IPV6, IPV6_DONTFRAG, 1, "IPV6_DONTFRAG");
}
static int send_pathmtu(struct state *s)
{
	static const char data[5000];
	long n;

	lo_mtu(1400);
	n = send(s->rx, data, sizeof(data), 0);
	lo_mtu(65536);
	if (n < 0 && errno == EMSGSIZE)
		return 0;
	errno = n < 0 ? errno : 0;
	return cannot(s, "a send that must be too big");
}
static void expect_pathmtu(struct state *s)
{
	expect(s, "{level=SOL_IPV6 type=IPV6_PATHMTU len=%u addr=::1 mtu=1400}", LEN(32));
}

/* An IPv6 socket that receives IPv4 is given both levels. */
static int setup_dual(struct state *s)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct sockaddr_in6 any = {.sin6_family = AF_INET6};

	s->rx = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	s->tx = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (s->rx < 0 || s->tx < 0 || bind(s->rx, (struct sockaddr *)&any, sizeof(any)))
		return cannot(s, "sockets");
	to.sin_port = htons(port_of(s->rx));
	if (connect(s->tx, (struct sockaddr *)&to, sizeof(to)))
		return cannot(s, "connect");
	return ON6(IPV6_RECVPKTINFO) || ON(s->rx, IPPROTO_IP, IP_RECVTTL) ||
	       turn_on(s, s->tx, IPPROTO_IP, IP_TTL, 9, "IP_TTL");
}
static void expect_dual(struct state *s)
{
	expect(s, "{level=SOL_IPV6 type=IPV6_PKTINFO len=%u addr=::ffff:127.0.0.1 ifindex=%u}", LEN(20),
	       if_nametoindex("lo"));
	expect(s, "{level=SOL_IP type=IP_TTL len=%u ttl=9}", LEN(4));
}

#define V6(t) "SOL_IPV6/IPV6_" t
const struct scene inet6_scenes[] = {
	{"ipv6 header", V6("PKTINFO ") V6("HOPLIMIT ") V6("TCLASS ") V6("ORIGDSTADDR"), AF_INET6, false,
	 setup_header, send_byte, expect_header},
	{"ipv6 header by rfc 2292", V6("2292PKTINFO ") V6("2292HOPLIMIT"), AF_INET6, false, setup_old_header,
	 send_byte, expect_old_header},
	{"ipv6 flow", V6("FLOWINFO"), AF_INET6, false, setup_flow, send_byte, expect_flow},
	{"ipv6 extension headers", V6("HOPOPTS ") V6("DSTOPTS"), AF_INET6, false, setup_extension, send_byte,
	 expect_extension},
	{"ipv6 extension rfc 2292", V6("2292HOPOPTS ") V6("2292DSTOPTS"), AF_INET6, false,
	 setup_old_extension, send_byte, expect_old_extension},
	{"ipv6 routing header", V6("RTHDR"), AF_INET6, false, setup_routing, send_routing, expect_routing},
	{"ipv6 routing rfc 2292", V6("2292RTHDR"), AF_INET6, false, setup_old_routing, send_routing,
	 expect_old_routing},
	{"ipv6 fragments", V6("RECVFRAGSIZE"), AF_INET6, false, setup_fragments, send_fragments,
	 expect_fragments},
	{"ipv6 path mtu", V6("PATHMTU"), AF_INET6, false, setup_pathmtu, send_pathmtu, expect_pathmtu},
	{"ipv4 on ipv6", "", AF_INET6, false, setup_dual, send_byte, expect_dual},
	SCENE_END};
