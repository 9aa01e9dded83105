/* SPDX-License-Identifier: BSD-2-Clause */
/* inet and inet6: tcp, mptcp, udp, udplite, raw, ping; error queue; zero-length, EOF, sizes. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/errqueue.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "oracle.h"

#define IPPROTO_MPTCP_ 262

static const char *fam(int family)
{
	return family == AF_INET ? "inet" : "inet6";
}

static void ready(int fd, short what)
{
	struct pollfd p = {fd, what, 0};

	if (poll(&p, 1, 2000) != 1)
		o_die("poll: nothing came");
}

static void stream(int family, int protocol, const char *name)
{
	struct sockaddr_storage ss;
	socklen_t len;
	int l = inet_socket(family, SOCK_STREAM, protocol, &ss, &len), c, a;

	if (l < 0) {
		o_skip(name, "%s: socket: %s", fam(family), strerror(errno));
		return;
	}
	o_case("%s %s", fam(family), name);
	O_OK(listen(l, 5));
	c = O_OK(socket(family, SOCK_STREAM | SOCK_CLOEXEC, protocol));
	O_OK(connect(c, (void *)&ss, len));
	a = O_OK(accept4(l, NULL, NULL, SOCK_CLOEXEC));
	put(c, "GET / HTTP/1.0\r\n\r\n", 18);
	ready(a, POLLIN);
	o_take(a, 100, 0, 0);
	put(a, "reply", 5);
	ready(c, POLLIN);
	char buf[10];
	o_recvfrom(c, buf, 2, MSG_PEEK, NULL, NULL);
	o_recvfrom(c, buf, 2, 0, NULL, NULL);
	o_read(c, buf, sizeof(buf));
	o_case("%s %s 40,000 bytes by WAITALL", fam(family), name);
	put(c, pattern(20000), 20000);
	put(c, pattern(20000), 20000);
	o_take(a, 40000, 0, MSG_WAITALL);
	o_case("%s %s EOF", fam(family), name);
	close(c);
	ready(a, POLLIN);
	o_take(a, 10, 0, 0);
	close(a);
	close(l);
}

static void dgram(int family, int type, int protocol, const char *name)
{
	static const int size[] = {0, 1, 100, 1400, 9000, 65507};
	struct sockaddr_storage to, from;
	socklen_t tolen, fromlen;
	int r = inet_socket(family, type, protocol, &to, &tolen);

	if (r < 0) {
		o_skip(name, "%s: socket: %s", fam(family), strerror(errno));
		return;
	}
	int s = O_OK(inet_socket(family, type, protocol, &from, &fromlen));
	for (unsigned i = 0; i < 6; i++) {
		o_case("%s %s %d bytes", fam(family), name, size[i]);
		O_OK(sendto(s, pattern(size[i]), size[i], 0, (void *)&to, tolen));
		ready(r, POLLIN);
		o_take(r, 65535, 0, 0);
	}
	o_case("%s %s TRUNC", fam(family), name);
	O_OK(sendto(s, pattern(500), 500, 0, (void *)&to, tolen));
	ready(r, POLLIN);
	O_HINT(.size = 500);
	o_take(r, 20, 0, 0);
	o_case("%s %s PEEK then recvfrom", fam(family), name);
	O_OK(sendto(s, "peeked", 6, 0, (void *)&to, tolen));
	ready(r, POLLIN);
	o_take(r, 100, 0, MSG_PEEK);
	char buf[100];
	fromlen = sizeof(from);
	o_recvfrom(r, buf, sizeof(buf), 0, &from, &fromlen);
	o_case("%s %s connected, recv", fam(family), name);
	O_OK(connect(r, (void *)&from, fromlen));
	O_OK(sendto(s, "connected", 9, 0, (void *)&to, tolen));
	ready(r, POLLIN);
	o_recvfrom(r, buf, sizeof(buf), 0, NULL, NULL);
	close(r);
	close(s);
}

static void raw(int family)
{
	struct sockaddr_storage ss = {.ss_family = family};
	int proto = 253; /* for experiments, RFC 3692 */
	int r = socket(family, SOCK_RAW | SOCK_CLOEXEC, proto);

	if (r < 0) {
		o_skip("raw", "%s: socket: %s", fam(family), strerror(errno));
		return;
	}
	o_case("%s raw", fam(family));
	socklen_t len = family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6);
	if (family == AF_INET)
		((struct sockaddr_in *)&ss)->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	else
		((struct sockaddr_in6 *)&ss)->sin6_addr = in6addr_loopback;
	O_OK(bind(r, (void *)&ss, len));
	O_OK(sendto(r, "raw bytes", 9, 0, (void *)&ss, len));
	ready(r, POLLIN);
	o_take(r, 200, 0, 0);
	close(r);
}

static void error_queue(int family)
{
	struct sockaddr_storage to, from;
	socklen_t tolen, fromlen;
	int closed = O_OK(inet_socket(family, SOCK_DGRAM, 0, &to, &tolen)),
	    s = O_OK(inet_socket(family, SOCK_DGRAM, 0, &from, &fromlen));

	o_case("%s error queue", fam(family));
	close(closed);
	on(s, family == AF_INET ? SOL_IP : SOL_IPV6, family == AF_INET ? IP_RECVERR : IPV6_RECVERR);
	O_OK(sendto(s, "nobody there", 12, 0, (void *)&to, tolen));
	ready(s, POLLERR);
	o_take(s, 100, 512, MSG_ERRQUEUE);
	o_case("%s error queue, empty", fam(family));
	o_take(s, 100, 512, MSG_ERRQUEUE);
	close(s);
}

static void ping(int family)
{
	struct sockaddr_storage to, from;
	socklen_t tolen;
	struct icmphdr echo = {.type = family == AF_INET ? ICMP_ECHO : 128};
	int s = inet_socket(family, SOCK_DGRAM, family == AF_INET ? IPPROTO_ICMP : IPPROTO_ICMPV6, &from,
			    &tolen);

	if (s < 0) {
		o_skip("ping", "%s: socket: %s", fam(family), strerror(errno));
		return;
	}
	o_case("%s ping", fam(family));
	to = from;
	((struct sockaddr_in *)&to)->sin_port = 0;
	O_OK(sendto(s, &echo, sizeof(echo), 0, (void *)&to, tolen));
	ready(s, POLLIN);
	o_take(s, 200, 0, 0);
	close(s);
}

/* Ping sockets need a group range: set in a network namespace of our own, not on the machine. */
static void in_own_netns(void)
{
	struct ifreq ifr = {.ifr_name = "lo", .ifr_flags = IFF_UP};
	pid_t pid = O_OK(fork());

	if (pid) {
		int status;
		O_OK(waitpid(pid, &status, 0));
		if (status)
			o_die("child in its own network namespace");
		return;
	}
	if (unshare(CLONE_NEWNET)) {
		o_skip("ping", "unshare: %s", strerror(errno));
		_exit(0);
	}
	int s = O_OK(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)),
	    f = open("/proc/sys/net/ipv4/ping_group_range", O_WRONLY | O_CLOEXEC);
	O_OK(ioctl(s, SIOCSIFFLAGS, &ifr));
	close(s);
	if (f < 0 || write(f, "0 2147483647", 12) != 12) {
		o_skip("ping", "ping_group_range: %s", strerror(errno));
		_exit(0);
	}
	close(f);
	ping(AF_INET);
	ping(AF_INET6);
	_exit(0);
}

int main(void)
{
	static const int families[] = {AF_INET, AF_INET6};

	for (int i = 0; i < 2; i++) {
		stream(families[i], 0, "tcp");
		stream(families[i], IPPROTO_MPTCP_, "mptcp");
		dgram(families[i], SOCK_DGRAM, 0, "udp");
		dgram(families[i], SOCK_DGRAM, IPPROTO_UDPLITE, "udplite");
		raw(families[i]);
		error_queue(families[i]);
	}
	in_own_netns();
	return 0;
}
