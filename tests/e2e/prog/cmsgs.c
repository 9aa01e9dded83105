/* SPDX-License-Identifier: BSD-2-Clause */
/* Control messages that this kernel can produce on loopback, each with its room swept byte by byte. */
#include <errno.h>
#include <time.h>

#include <linux/errqueue.h>
#include <linux/net_tstamp.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "oracle.h"

#ifndef SO_RCVMARK
#define SO_RCVMARK 75
#endif
#ifndef SO_RCVPRIORITY
#define SO_RCVPRIORITY 82
#endif
#ifndef SO_INQ
#define SO_INQ 84
#endif

struct option {
	const char *name;
	int level, opt, value;
	size_t payload; /* of the message it brings */
};

static const struct option inet_options[] = {
	{"SO_TIMESTAMP_OLD", SOL_SOCKET, SO_TIMESTAMP_OLD, 1, 16},
	{"SO_TIMESTAMPNS_OLD", SOL_SOCKET, SO_TIMESTAMPNS_OLD, 1, 16},
	{"SO_TIMESTAMP_NEW", SOL_SOCKET, SO_TIMESTAMP_NEW, 1, 16},
	{"SO_TIMESTAMPNS_NEW", SOL_SOCKET, SO_TIMESTAMPNS_NEW, 1, 16},
	{"SO_TIMESTAMPING_OLD", SOL_SOCKET, SO_TIMESTAMPING_OLD,
	 SOF_TIMESTAMPING_RX_SOFTWARE | SOF_TIMESTAMPING_SOFTWARE, 48},
	{"SO_TIMESTAMPING_NEW", SOL_SOCKET, SO_TIMESTAMPING_NEW,
	 SOF_TIMESTAMPING_RX_SOFTWARE | SOF_TIMESTAMPING_SOFTWARE, 48},
	{"SO_MARK", SOL_SOCKET, SO_RCVMARK, 1, 4},
	{"SO_PRIORITY", SOL_SOCKET, SO_RCVPRIORITY, 1, 4},
};
static const struct option ip4_options[] = {
	{"IP_TOS", SOL_IP, IP_RECVTOS, 1, 1},
	{"IP_TTL", SOL_IP, IP_RECVTTL, 1, 4},
	{"IP_PKTINFO", SOL_IP, IP_PKTINFO, 1, 12},
	{"IP_ORIGDSTADDR", SOL_IP, IP_RECVORIGDSTADDR, 1, 16},
};
static const struct option ip6_options[] = {
	{"IPV6_PKTINFO", SOL_IPV6, IPV6_RECVPKTINFO, 1, 20},
	{"IPV6_2292PKTINFO", SOL_IPV6, IPV6_2292PKTINFO, 1, 20},
	{"IPV6_HOPLIMIT", SOL_IPV6, IPV6_RECVHOPLIMIT, 1, 4},
	{"IPV6_2292HOPLIMIT", SOL_IPV6, IPV6_2292HOPLIMIT, 1, 4},
	{"IPV6_TCLASS", SOL_IPV6, IPV6_RECVTCLASS, 1, 4},
	{"IPV6_ORIGDSTADDR", SOL_IPV6, IPV6_RECVORIGDSTADDR, 1, 28},
};

static void arrive(int fd)
{
	struct pollfd p = {fd, POLLIN, 0};

	if (poll(&p, 1, 2000) != 1)
		o_die("poll");
}

/* One option on a fresh UDP socket; every room from 0 to more than enough. */
static void sweep(int family, const struct option *o)
{
	struct sockaddr_storage to, from;
	socklen_t len, fromlen;
	int r = O_OK(inet_socket(family, SOCK_DGRAM, 0, &to, &len)),
	    s = O_OK(inet_socket(family, SOCK_DGRAM, 0, &from, &fromlen));
	int mark = 0x1234;

	if (setsockopt(r, o->level, o->opt, &o->value, sizeof(o->value))) {
		o_skip(o->name, "setsockopt: %s", strerror(errno));
	} else {
		setsockopt(s, SOL_SOCKET, SO_MARK, &mark, sizeof(mark));
		for (size_t room = 0; room <= CMSG_SPACE(o->payload) + 8; room++) {
			o_case("%s %s, every control room", family == AF_INET ? "inet" : "inet6", o->name);
			O_OK(sendto(s, "stamped", 7, 0, (void *)&to, len));
			arrive(r);
			o_take(r, 20, room, 0);
		}
	}
	close(r);
	close(s);
}

/* All of them in one receive. */
static void together(int family, const struct option *own, size_t n)
{
	struct sockaddr_storage to, from;
	socklen_t len, fromlen;
	int r = O_OK(inet_socket(family, SOCK_DGRAM, 0, &to, &len)),
	    s = O_OK(inet_socket(family, SOCK_DGRAM, 0, &from, &fromlen));

	o_case("%s, many control messages at once", family == AF_INET ? "inet" : "inet6");
	on(r, SOL_SOCKET, SO_TIMESTAMPNS_OLD);
	for (size_t i = 0; i < n; i++)
		setsockopt(r, own[i].level, own[i].opt, &own[i].value, sizeof(own[i].value));
	O_OK(sendto(s, "all", 3, 0, (void *)&to, len));
	arrive(r);
	o_take(r, 20, 1024, 0);
	close(r);
	close(s);
}

static void gro(void)
{
	struct sockaddr_storage to, from;
	socklen_t len, fromlen;
	int r = O_OK(inet_socket(AF_INET, SOCK_DGRAM, 0, &to, &len)),
	    s = O_OK(inet_socket(AF_INET, SOCK_DGRAM, 0, &from, &fromlen)), seg = 100;

	o_case("UDP_GRO");
	on(r, SOL_UDP, 104 /* UDP_GRO */);
	O_OK(setsockopt(s, SOL_UDP, 103 /* UDP_SEGMENT */, &seg, sizeof(seg)));
	O_OK(sendto(s, pattern(450), 450, 0, (void *)&to, len));
	arrive(r);
	while (o_take(r, 1000, 64, MSG_DONTWAIT) > 0)
		;
	close(r);
	close(s);
}

static void inq(void)
{
	struct sockaddr_storage ss;
	socklen_t len;
	int l = O_OK(inet_socket(AF_INET, SOCK_STREAM, 0, &ss, &len)),
	    c = O_OK(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)), one = 1, sv[2];

	O_OK(listen(l, 1));
	O_OK(connect(c, (void *)&ss, len));
	int a = O_OK(accept4(l, NULL, NULL, SOCK_CLOEXEC));
	o_case("TCP_CM_INQ");
	on(a, IPPROTO_TCP, 36 /* TCP_INQ */);
	put(c, pattern(100), 100);
	arrive(a);
	o_take(a, 30, 64, 0);
	o_take(a, 100, 64, 0);
	pair(SOCK_STREAM, sv);
	if (setsockopt(sv[0], SOL_SOCKET, SO_INQ, &one, sizeof(one))) {
		o_skip("SCM_INQ", "SO_INQ: %s", strerror(errno));
	} else {
		o_case("SCM_INQ");
		put(sv[1], pattern(100), 100);
		o_take(sv[0], 30, 64, 0);
	}
	close(a);
	close(c);
	close(l);
	close(sv[0]);
	close(sv[1]);
}

static void netlink(void)
{
	struct sockaddr_nl sa = {.nl_family = AF_NETLINK};
	struct {
		struct nlmsghdr h;
		struct ifinfomsg i;
	} req = {{sizeof(req), RTM_GETLINK, NLM_F_REQUEST | NLM_F_DUMP, 7, 0}, {0}};
	int s = O_OK(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));

	o_case("NETLINK_PKTINFO");
	O_OK(bind(s, (void *)&sa, sizeof(sa)));
	on(s, SOL_NETLINK, NETLINK_PKTINFO);
	on(s, SOL_SOCKET, SO_PASSCRED);
	O_OK(send(s, &req, sizeof(req), 0));
	O_HINT(.how = "kernel");
	o_take(s, 65536, 256, MSG_DONTWAIT);
	close(s);
}

/* Transmit stamps and zero-copy completions come back on the error queue. */
static void completions(void)
{
	struct sockaddr_storage to, from;
	socklen_t len, fromlen;
	int r = O_OK(inet_socket(AF_INET, SOCK_DGRAM, 0, &to, &len)),
	    s = O_OK(inet_socket(AF_INET, SOCK_DGRAM, 0, &from, &fromlen));
	int how = SOF_TIMESTAMPING_TX_SOFTWARE | SOF_TIMESTAMPING_SOFTWARE | SOF_TIMESTAMPING_OPT_ID;
	struct pollfd p = {s, 0, 0};

	o_case("transmit timestamp on the error queue");
	O_OK(setsockopt(s, SOL_SOCKET, SO_TIMESTAMPING_OLD, &how, sizeof(how)));
	O_OK(sendto(s, "stamp me", 8, 0, (void *)&to, len));
	if (poll(&p, 1, 2000) == 1)
		o_take(s, 100, 512, MSG_ERRQUEUE);
	else
		o_skip("transmit timestamp", "no stamp came within 2 s");
	o_case("zero-copy completion on the error queue");
	on(s, SOL_SOCKET, SO_ZEROCOPY);
	O_OK(sendto(s, pattern(1000), 1000, MSG_ZEROCOPY, (void *)&to, len));
	if (poll(&p, 1, 2000) == 1)
		while (o_take(s, 2000, 512, MSG_ERRQUEUE) >= 0)
			;
	close(r);
	close(s);
}

int main(void)
{
	for (unsigned i = 0; i < sizeof(inet_options) / sizeof(inet_options[0]); i++)
		sweep(AF_INET, &inet_options[i]);
	for (unsigned i = 0; i < sizeof(ip4_options) / sizeof(ip4_options[0]); i++)
		sweep(AF_INET, &ip4_options[i]);
	for (unsigned i = 0; i < sizeof(ip6_options) / sizeof(ip6_options[0]); i++)
		sweep(AF_INET6, &ip6_options[i]);
	together(AF_INET, ip4_options, sizeof(ip4_options) / sizeof(ip4_options[0]));
	together(AF_INET6, ip6_options, sizeof(ip6_options) / sizeof(ip6_options[0]));
	gro();
	inq();
	netlink();
	completions();
	return 0;
}
