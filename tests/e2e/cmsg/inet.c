/* SPDX-License-Identifier: BSD-2-Clause */
/* IPv4 datagrams: what the header said, options, fragments, drops, segments. */
#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/udp.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "make.h"

#ifndef IP_RECVERR_RFC4884
#define IP_RECVERR_RFC4884 26
#endif
#define SCENE_END                                      \
	{                                              \
		NULL, NULL, 0, false, NULL, NULL, NULL \
	}

static int setup_header(struct state *s)
{
	return udp_pair(s, AF_INET) || ON(s->rx, IPPROTO_IP, IP_RECVTTL) ||
	       ON(s->rx, IPPROTO_IP, IP_RECVTOS) || ON(s->rx, IPPROTO_IP, IP_PKTINFO) ||
	       ON(s->rx, IPPROTO_IP, IP_RECVORIGDSTADDR) ||
	       turn_on(s, s->tx, IPPROTO_IP, IP_TTL, 37, "IP_TTL") ||
	       turn_on(s, s->tx, IPPROTO_IP, IP_TOS, 0x2a, "IP_TOS");
}
static void expect_header(struct state *s)
{
	expect(s, "{level=SOL_IP type=IP_PKTINFO len=%u ifindex=%u spec_dst=127.0.0.1 addr=127.0.0.1}",
	       LEN(12), if_nametoindex("lo"));
	expect(s, "{level=SOL_IP type=IP_TTL len=%u ttl=37}", LEN(4));
	expect(s, "{level=SOL_IP type=IP_TOS len=%u tos=42 dscp=10 ecn=ect0}", LEN(1));
	expect(s, "{level=SOL_IP type=IP_ORIGDSTADDR len=%u addr=127.0.0.1 port=%u}", LEN(16),
	       port_of(s->rx));
}

static int setup_mark(struct state *s)
{
	return udp_pair(s, AF_INET) || ON(s->rx, SOL_SOCKET, N_RCVMARK) ||
	       turn_on(s, s->tx, SOL_SOCKET, SO_MARK, 0xbeef, "SO_MARK");
}
static void expect_mark(struct state *s)
{
	expect(s, "{level=SOL_SOCKET type=SO_MARK len=%u mark=48879}", LEN(4));
}

static int setup_priority(struct state *s)
{
	return udp_pair(s, AF_INET) || ON(s->rx, SOL_SOCKET, N_RCVPRIORITY) ||
	       turn_on(s, s->tx, SOL_SOCKET, SO_PRIORITY, 6, "SO_PRIORITY");
}
static void expect_priority(struct state *s)
{
	expect(s, "{level=SOL_SOCKET type=SO_PRIORITY len=%u priority=6}", LEN(4));
}

/* Record route: both ends of the loopback write themselves in. */
static const uint8_t route_option[] = {7, 11, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0};
static int setup_options(struct state *s)
{
	if (udp_pair(s, AF_INET) || ON(s->rx, IPPROTO_IP, IP_RECVOPTS) || ON(s->rx, IPPROTO_IP, IP_RETOPTS))
		return -1;
	if (setsockopt(s->tx, IPPROTO_IP, IP_OPTIONS, route_option, sizeof(route_option)))
		return cannot(s, "IP_OPTIONS");
	return 0;
}
static void expect_options(struct state *s)
{
	expect(s,
	       "{level=SOL_IP type=IP_RECVOPTS len=%u options=[{option=rr len=11 pointer=12 addrs=[127.0.0.1 "
	       "127.0.0.1]} "
	       "{option=eol len=1}]}",
	       LEN(12));
	expect(s,
	       "{level=SOL_IP type=IP_RETOPTS len=%u options=[{option=rr len=11 pointer=%%d addrs=[%%*]} "
	       "{option=eol "
	       "len=1}]}",
	       LEN(12));
}

static int setup_time_option(struct state *s)
{
	static const uint8_t option[] = {1, 68, 8, 5, 0, 0, 0, 0, 0, 148, 4, 0, 0, 0, 0, 0};

	if (udp_pair(s, AF_INET) || ON(s->rx, IPPROTO_IP, IP_RECVOPTS))
		return -1;
	if (setsockopt(s->tx, IPPROTO_IP, IP_OPTIONS, option, 16))
		return cannot(s, "IP_OPTIONS");
	return 0;
}
/* The sender writes the one stamp there is room for (milliseconds of the day), the receiver counts an
 * overflow. */
static void expect_time_option(struct state *s)
{
	expect(s,
	       "{level=SOL_IP type=IP_RECVOPTS len=%u options=[{option=nop len=1} {option=ts len=8 pointer=9 "
	       "overflow=1 "
	       "flag=0 data=x\"%%*\"} {option=ra len=4 value=0} {option=eol len=1}]}",
	       LEN(16));
}

/* A UDP packet built by hand on a raw socket carries no checksum offload: the kernel summed it on receipt. */
static int setup_checksum(struct state *s)
{
	if (udp_pair(s, AF_INET) || ON(s->rx, IPPROTO_IP, IP_CHECKSUM))
		return -1;
	s->extra = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_UDP);
	return s->extra < 0 ? cannot(s, "raw socket") : 0;
}
static int send_checksum(struct state *s)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct {
		struct udphdr h;
		uint8_t data[2];
	} p = {.data = "ab"};
	uint16_t port = port_of(s->rx);
	uint32_t sum = 0x7f00 + 1 + 0x7f00 + 1 + IPPROTO_UDP + 2 * sizeof(p) + 9 + port + 0x6162;

	p.h.source = htons(9);
	p.h.dest = htons(port);
	p.h.len = htons(sizeof(p));
	sum = (sum & 0xffff) + (sum >> 16);
	p.h.check = htons((uint16_t) ~((sum & 0xffff) + (sum >> 16)));
	return sendto(s->extra, &p, sizeof(p), 0, (struct sockaddr *)&to, sizeof(to)) == sizeof(p)
		       ? 0
		       : cannot(s, "raw send");
}
static void expect_checksum(struct state *s)
{
	expect(s, "{level=SOL_IP type=IP_CHECKSUM len=%u checksum=%%d}", LEN(4));
}

/* 5000 bytes over a loopback of 1400: fragments of 1400 at most, 1396 where data must be a multiple of 8. */
static int setup_fragments(struct state *s)
{
	if (lo_mtu(1400))
		return cannot(s, "loopback's MTU");
	lo_mtu(65536);
	return udp_pair(s, AF_INET) || ON(s->rx, IPPROTO_IP, IP_RECVFRAGSIZE) ||
	       turn_on(s, s->tx, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DONT, "IP_MTU_DISCOVER");
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
	expect(s, "{level=SOL_IP type=IP_RECVFRAGSIZE len=%u fragsize=1396}", LEN(4));
}

/* Flood a small buffer, drain it, send one more: the kernel tells how many were dropped up to then. */
static int setup_drops(struct state *s)
{
	return udp_pair(s, AF_INET) || ON(s->rx, SOL_SOCKET, N_RXQ_OVFL) ||
	       turn_on(s, s->rx, SOL_SOCKET, SO_RCVBUF, 1, "SO_RCVBUF");
}
static int send_drops(struct state *s)
{
	char data[512] = {0};

	for (int i = 0; i < 20; i++, s->value++)
		if (send(s->tx, data, sizeof(data), 0) < 0)
			return cannot(s, "send");
	while (recv(s->rx, data, sizeof(data), MSG_DONTWAIT) >= 0)
		s->value--;
	return send_byte(s);
}
static void expect_drops(struct state *s)
{
	expect(s, "{level=SOL_SOCKET type=SO_RXQ_OVFL len=%u drops=%u}", LEN(4), s->value);
}

/* Two datagrams of 100 bytes sent as one, received as one. */
static int setup_gro(struct state *s)
{
	return udp_pair(s, AF_INET) || ON(s->rx, IPPROTO_UDP, UDP_GRO) ||
	       turn_on(s, s->tx, IPPROTO_UDP, UDP_SEGMENT, 100, "UDP_SEGMENT");
}
static int send_gro(struct state *s)
{
	static const char data[200];

	return send(s->tx, data, sizeof(data), 0) == sizeof(data) ? 0 : cannot(s, "send");
}
static void expect_gro(struct state *s)
{
	expect(s, "{level=SOL_UDP type=UDP_GRO len=%u segment_size=100}", LEN(4));
}

/* Ten bytes sent, the program's buffer takes them all. */
static int setup_inq(struct state *s)
{
	return tcp_pair(s, AF_INET, 0) || turn_on(s, s->rx, IPPROTO_TCP, 36, 1, "TCP_INQ");
}
static int setup_mptcp_inq(struct state *s)
{
	return tcp_pair(s, AF_INET, 262) || turn_on(s, s->rx, IPPROTO_TCP, 36, 1, "TCP_INQ");
}
static int send_ten(struct state *s)
{
	return send(s->tx, "ten bytes!", 10, 0) == 10 ? 0 : cannot(s, "send");
}
static void expect_inq(struct state *s)
{
	expect(s, "{level=SOL_TCP type=TCP_CM_INQ len=%u unread=0}", LEN(4));
}

/* Everything a datagram can bring at once, in the kernel's order. */
static int setup_everything(struct state *s)
{
	return setup_header(s) || turn_on(s, s->rx, SOL_SOCKET, N_TIMESTAMPNS_NEW, 1, "SO_TIMESTAMPNS_NEW") ||
	       ON(s->rx, SOL_SOCKET, N_RCVMARK) || turn_on(s, s->tx, SOL_SOCKET, SO_MARK, 0xbeef, "SO_MARK");
}
static void expect_everything(struct state *s)
{
	expect(s, "{level=SOL_SOCKET type=SO_TIMESTAMPNS_NEW len=%u time=%%<%llu:%llu>}", LEN(16),
	       (unsigned long long)s->before, (unsigned long long)s->after);
	expect_mark(s);
	expect_header(s);
}

#define IP(t) "SOL_IP/IP_" t
const struct scene inet_scenes[] = {
	{"ip header", IP("PKTINFO ") IP("TTL ") IP("TOS ") IP("ORIGDSTADDR"), AF_INET, false, setup_header,
	 send_byte, expect_header},
	{"mark", "SOL_SOCKET/SO_MARK", AF_INET, false, setup_mark, send_byte, expect_mark},
	{"priority", "SOL_SOCKET/SO_PRIORITY", AF_INET, false, setup_priority, send_byte, expect_priority},
	{"ip options", IP("RECVOPTS ") IP("RETOPTS"), AF_INET, false, setup_options, send_byte,
	 expect_options},
	{"ip time option", "", AF_INET, false, setup_time_option, send_byte, expect_time_option},
	{"ip checksum", IP("CHECKSUM"), AF_INET, false, setup_checksum, send_checksum, expect_checksum},
	{"ip fragments", IP("RECVFRAGSIZE"), AF_INET, false, setup_fragments, send_fragments,
	 expect_fragments},
	{"drops", "SOL_SOCKET/SO_RXQ_OVFL", AF_INET, false, setup_drops, send_drops, expect_drops},
	{"udp gro", "SOL_UDP/UDP_GRO", AF_INET, false, setup_gro, send_gro, expect_gro},
	{"tcp inq", "SOL_TCP/TCP_CM_INQ", AF_INET, false, setup_inq, send_ten, expect_inq},
	{"mptcp inq", "", AF_INET, false, setup_mptcp_inq, send_ten, expect_inq},
	{"everything of a datagram", "", AF_INET, false, setup_everything, send_byte, expect_everything},
	SCENE_END};
