/* SPDX-License-Identifier: BSD-2-Clause */
/* netlink and packet sockets. */
#include <errno.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/net_namespace.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "make.h"

#define SCENE_END                                      \
	{                                              \
		NULL, NULL, 0, false, NULL, NULL, NULL \
	}
#define GROUP 3
#define NSID  42

static int netlink(struct state *s, int protocol, uint32_t groups)
{
	struct sockaddr_nl a = {.nl_family = AF_NETLINK, .nl_groups = groups};
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol);

	if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof(a)))
		cannot(s, "netlink");
	return fd;
}

/* One socket multicasts, another listens. */
static int setup_group(struct state *s)
{
	s->rx = netlink(s, NETLINK_USERSOCK, 1 << (GROUP - 1));
	s->tx = netlink(s, NETLINK_USERSOCK, 0);
	return s->why[0] || ON(s->rx, SOL_NETLINK, NETLINK_PKTINFO) || ON(s->rx, SOL_SOCKET, SO_PASSCRED) ? -1
													  : 0;
}
static int send_group(struct state *s)
{
	struct sockaddr_nl to = {.nl_family = AF_NETLINK, .nl_groups = 1 << (GROUP - 1)};
	struct nlmsghdr h = {.nlmsg_len = sizeof(h), .nlmsg_type = NLMSG_NOOP};

	/* Besides the group there is the kernel's own socket, port 0: nobody is there, but the group has it.
	 */
	if (sendto(s->tx, &h, sizeof(h), 0, (struct sockaddr *)&to, sizeof(to)) != sizeof(h) &&
	    errno != ECONNREFUSED)
		return cannot(s, "multicast");
	return 0;
}
static void expect_group(struct state *s)
{
	expect(s, "{level=SOL_NETLINK type=NETLINK_PKTINFO len=%u group=%d}", LEN(4), GROUP);
	expect(s, "{level=SOL_SOCKET type=SCM_CREDENTIALS len=%u pid=%d uid=%u gid=%u}", LEN(12), getpid(),
	       getuid(), getgid());
}

/* A second network namespace, known here as NSID: news of its loopback come with that id. */
static int give_id(struct state *s, int ns)
{
	struct {
		struct nlmsghdr h;
		struct rtgenmsg g;
		char pad[3];
		struct nlattr fd;
		int32_t fd_value;
		struct nlattr id;
		int32_t id_value;
	} m = {.h = {.nlmsg_len = sizeof(m),
		     .nlmsg_type = RTM_NEWNSID,
		     .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK},
	       .fd = {8, NETNSA_FD},
	       .fd_value = ns,
	       .id = {8, NETNSA_NSID},
	       .id_value = NSID};
	struct {
		struct nlmsghdr h;
		struct nlmsgerr e;
		char more[256];
	} answer;
	int fd = netlink(s, NETLINK_ROUTE, 0);
	bool ok = send(fd, &m, sizeof(m), 0) == sizeof(m) && recv(fd, &answer, sizeof(answer), 0) > 0 &&
		  answer.h.nlmsg_type == NLMSG_ERROR;

	close(fd);
	errno = ok ? -answer.e.error : errno;
	return ok && !answer.e.error ? 0 : cannot(s, "RTM_NEWNSID");
}

static int setup_nsid(struct state *s)
{
	int here = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC), there, rc = -1;

	s->rx = netlink(s, NETLINK_ROUTE, RTMGRP_LINK);
	if (here < 0 || s->rx < 0 || ON(s->rx, SOL_NETLINK, NETLINK_LISTEN_ALL_NSID))
		goto out;
	if (unshare(CLONE_NEWNET)) {
		cannot(s, "a network namespace");
		goto out;
	}
	there = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	s->tx = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (!setns(here, CLONE_NEWNET))
		rc = give_id(s, there);
	s->extra = there;
out:
	close(here);
	return rc;
}
/* Up and down by turns; each is one message in the link group. */
static int send_nsid(struct state *s)
{
	struct ifreq r = {.ifr_name = "lo"};
	char drain[8192];

	while (recv(s->rx, drain, sizeof(drain), MSG_DONTWAIT) > 0)
		;
	r.ifr_flags = s->value++ % 2 ? 0 : IFF_UP;
	return ioctl(s->tx, SIOCSIFFLAGS, &r) ? cannot(s, "the other loopback") : 0;
}
static void expect_nsid(struct state *s)
{
	expect(s, "{level=SOL_NETLINK type=NETLINK_LISTEN_ALL_NSID len=%u nsid=%d}", LEN(4), NSID);
}

/* --- packets: 43 bytes on the wire: Ethernet 14, IP 20, UDP 8, data 1. Only the ones that come in. */
static int packet(struct state *s, int type)
{
	struct sockaddr_ll a = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_IP)};
	int fd = socket(AF_PACKET, type | SOCK_CLOEXEC, 0), one = 1;

	a.sll_ifindex = (int)if_nametoindex("lo");
	if (fd < 0 || setsockopt(fd, SOL_PACKET, 23 /* PACKET_IGNORE_OUTGOING */, &one, sizeof(one)) ||
	    bind(fd, (struct sockaddr *)&a, sizeof(a)))
		cannot(s, "packet socket");
	return fd;
}
static int setup_auxdata(struct state *s)
{
	int sink;

	if (udp_pair(s, AF_INET))
		return -1;
	sink = s->rx;
	s->extra = sink;
	s->rx = packet(s, SOCK_RAW);
	return s->why[0] || ON(s->rx, SOL_PACKET, PACKET_AUXDATA) ? -1 : 0;
}
static void expect_auxdata(struct state *s)
{
	expect(s,
	       "{level=SOL_PACKET type=PACKET_AUXDATA len=%u status=USER%%* pktlen=43 snaplen=43 mac=0 "
	       "net=14 vlan_tci=0 "
	       "vlan_tpid=0}",
	       LEN(20));
}

static int setup_packet_tx(struct state *s)
{
	s->rx = packet(s, SOCK_DGRAM);
	return s->why[0] || turn_on(s, s->rx, SOL_SOCKET, N_TIMESTAMPING_OLD,
				    1 << 1 | 1 << 4 | 1 << 7 | 1 << 11, "SO_TIMESTAMPING")
		       ? -1
		       : 0;
}
static int send_packet(struct state *s)
{
	struct sockaddr_ll to = {.sll_family = AF_PACKET, .sll_protocol = htons(0x88b5), .sll_halen = 6};

	to.sll_ifindex = (int)if_nametoindex("lo");
	return sendto(s->rx, "x", 1, 0, (struct sockaddr *)&to, sizeof(to)) == 1 ? 0
										 : cannot(s, "send a packet");
}
static void expect_packet_tx(struct state *s)
{
	expect(s, "{level=SOL_SOCKET type=SO_TIMESTAMPING_OLD len=%u software=%%<%llu:%llu>}", LONGS(6),
	       (unsigned long long)s->before, (unsigned long long)s->after);
	expect(s,
	       "{level=SOL_PACKET type=PACKET_TX_TIMESTAMP len=%u errno=ENOMSG origin=timestamping ee_type=0 "
	       "ee_code=0 "
	       "ee_info=0 ee_data=%u stamp=sent key=%u}",
	       LEN(16), s->value, s->value);
	s->value++;
}

const struct scene other_scenes[] = {{"netlink group", "SOL_NETLINK/NETLINK_PKTINFO", AF_NETLINK, false,
				      setup_group, send_group, expect_group},
				     {"netlink namespace", "SOL_NETLINK/NETLINK_LISTEN_ALL_NSID", AF_NETLINK,
				      false, setup_nsid, send_nsid, expect_nsid},
				     {"packet auxdata", "SOL_PACKET/PACKET_AUXDATA", AF_PACKET, false,
				      setup_auxdata, send_byte, expect_auxdata},
				     {"packet sent", "SOL_PACKET/PACKET_TX_TIMESTAMP", AF_PACKET, true,
				      setup_packet_tx, send_packet, expect_packet_tx},
				     SCENE_END};
