/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The scenarios of Falco's recvmsg and recvmmsg driver tests (facts: peers.md): TCP v4/v6 and UDP v4, short
 * and longer than a snap length, no address buffer, no data buffer, bad descriptor with no msghdr, unix
 * stream with a descriptor; then each again by recvmmsg, and two one-byte messages as two events.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "oracle.h"

#define SHORT "Hello, how are you?"

static bool mm; /* by recvmmsg */

static void take(int fd, struct msghdr *m)
{
	struct mmsghdr v = {.msg_hdr = m ? *m : (struct msghdr){0}};
	struct pollfd p = {fd, POLLIN, 0};

	if (fd >= 0 && poll(&p, 1, 2000) != 1)
		o_die("poll");
	if (mm) {
		o_recvmmsg(fd, m ? &v : NULL, m ? 1 : 0, 0, NULL);
		if (m)
			o_close_fds(&v.msg_hdr);
	} else {
		o_recvmsg(fd, m, 0);
		if (m)
			o_close_fds(m);
	}
}

static void pair_udp(int fd[2])
{
	struct sockaddr_storage a, b;
	socklen_t len;

	fd[0] = O_OK(inet_socket(AF_INET, SOCK_DGRAM, 0, &a, &len));
	fd[1] = O_OK(inet_socket(AF_INET, SOCK_DGRAM, 0, &b, &len));
	O_OK(connect(fd[1], (void *)&a, len));
}

static void scenario(const char *what, int fd[2], size_t len, bool no_name, bool no_buffer)
{
	static struct o_buf b;
	struct msghdr *m = o_msg(&b, 600, 256);

	o_case("%s: %s", mm ? "recvmmsg" : "recvmsg", what);
	if (no_name) {
		m->msg_name = NULL;
		m->msg_namelen = 0;
	}
	if (no_buffer) {
		m->msg_iov = NULL;
		m->msg_iovlen = 0;
	}
	put(fd[1], len == strlen(SHORT) + 1 ? SHORT : pattern(len), len);
	if (no_buffer && fd[1] >= 0)
		O_HINT(.size = (long)len);
	take(fd[0], m);
	close(fd[0]);
	close(fd[1]);
}

static void inet(void)
{
	int fd[2];

	for (int i = 0; i < 2; i++) {
		int family = i ? AF_INET6 : AF_INET;
		tcp_pair(family, fd);
		scenario(i ? "TCP v6, short" : "TCP v4, short", fd, strlen(SHORT) + 1, false, false);
		tcp_pair(family, fd);
		scenario(i ? "TCP v6, longer than a snap length" : "TCP v4, longer than a snap length", fd,
			 500, false, false);
		tcp_pair(family, fd);
		scenario(i ? "TCP v6, no address asked for" : "TCP v4, no address asked for", fd, 20, true,
			 false);
	}
	pair_udp(fd);
	scenario("UDP, short", fd, strlen(SHORT) + 1, false, false);
	pair_udp(fd);
	scenario("UDP, longer than a snap length", fd, 500, false, false);
	pair_udp(fd);
	scenario("UDP, no address asked for", fd, 20, true, false);
	pair_udp(fd);
	scenario("UDP, no buffer", fd, 20, false, true);
}

static void unix_fd(void)
{
	static struct o_buf b;
	int sv[2], fd = O_OK(open("/dev/null", O_RDONLY | O_CLOEXEC));

	o_case("%s: unix stream with a descriptor", mm ? "recvmmsg" : "recvmsg");
	pair(SOCK_STREAM, sv);
	put_fds(sv[1], SHORT, sizeof(SHORT), &fd, 1);
	O_HINT(.fds_sent = 1);
	take(sv[0], o_msg(&b, 600, 256));
	close(fd);
	close(sv[0]);
	close(sv[1]);
}

static void two_messages(void)
{
	char buf[2][1];
	struct iovec iov[2] = {{buf[0], 1}, {buf[1], 1}};
	struct mmsghdr v[2] = {{.msg_hdr = {.msg_iov = &iov[0], .msg_iovlen = 1}},
			       {.msg_hdr = {.msg_iov = &iov[1], .msg_iovlen = 1}}};
	int fd[2];

	o_case("recvmmsg: two one-byte messages are two events");
	pair_udp(fd);
	put(fd[1], "a", 1);
	put(fd[1], "b", 1);
	if (o_recvmmsg(fd[0], v, 2, 0, NULL) != 2)
		o_die("two messages");
	close(fd[0]);
	close(fd[1]);
}

int main(void)
{
	for (int i = 0; i < 2; i++) {
		mm = i;
		inet();
		o_case("%s: descriptor -1, no message", mm ? "recvmmsg" : "recvmsg");
		take(-1, NULL);
		unix_fd();
	}
	two_messages();
	return 0;
}
