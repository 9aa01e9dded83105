/* SPDX-License-Identifier: BSD-2-Clause */
/* Both directions: what was sent, and that a send and its receipt carry the same msg.id. */
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "oracle.h"

static void ways(int type, const char *name)
{
	struct iovec iov[2] = {{(void *)"send", 4}, {(void *)"msg", 3}};
	struct msghdr m = {.msg_iov = iov, .msg_iovlen = 2};
	int sv[2];

	pair(type, sv);
	o_case("%s sendmsg", name);
	o_sendmsg(sv[1], &m, MSG_NOSIGNAL);
	o_take(sv[0], 100, 0, 0);
	o_case("%s send", name);
	o_sendto(sv[1], "by send", 7, 0, NULL, 0);
	o_take(sv[0], 100, 0, 0);
	o_case("%s write", name);
	o_write(sv[1], "by write", 8);
	o_take(sv[0], 100, 0, 0);
	o_case("%s three sends, then three receives", name);
	for (int i = 0; i < 3; i++)
		o_sendto(sv[1], pattern(30), 10 + i, 0, NULL, 0);
	for (int i = 0; i < 3; i++)
		o_take(sv[0], 10 + i, 0, 0);
	close(sv[0]);
	close(sv[1]);
}

static void batch(int fd, int n)
{
	static char buf[8][100];
	struct iovec iov[8];
	struct mmsghdr v[8] = {0};

	for (int i = 0; i < n; i++) {
		iov[i] = (struct iovec){buf[i], sizeof(buf[i])};
		v[i].msg_hdr = (struct msghdr){.msg_iov = &iov[i], .msg_iovlen = 1};
	}
	if (o_recvmmsg(fd, v, n, 0, NULL) != n)
		o_die("recvmmsg");
}

static void udp(int family, const char *name)
{
	struct sockaddr_storage to, from;
	socklen_t len, fromlen;
	int r = O_OK(inet_socket(family, SOCK_DGRAM, 0, &to, &len)),
	    s = O_OK(inet_socket(family, SOCK_DGRAM, 0, &from, &fromlen));
	struct pollfd p = {r, POLLIN, 0};

	o_case("%s sendto", name);
	o_sendto(s, "datagram", 8, 0, &to, len);
	if (poll(&p, 1, 2000) != 1)
		o_die("poll");
	O_HINT(.sender = getpid(), .how = "send");
	o_take(r, 100, 0, 0);
	o_case("%s of three sizes, peeked, then received as a batch", name);
	for (int i = 0; i < 3; i++)
		o_sendto(s, pattern(30), 20 + i, 0, &to, len);
	O_HINT(.sender = getpid(), .how = "send");
	o_take(r, 100, 0, MSG_PEEK);
	batch(r, 3);
	o_case("%s without data, and one that is cut", name);
	o_sendto(s, "", 0, 0, &to, len);
	o_sendto(s, pattern(99), 99, 0, &to, len);
	o_take(r, 100, 0, 0);
	O_HINT(.size = 99);
	o_take(r, 10, 0, 0);
	close(r);
	close(s);
}

/* What finds no room is lost; what is received is none the less joined with its own send. */
static void udp_lost(void)
{
	struct sockaddr_storage to, from;
	socklen_t len, fromlen;
	int r = O_OK(inet_socket(AF_INET, SOCK_DGRAM, 0, &to, &len)),
	    s = O_OK(inet_socket(AF_INET, SOCK_DGRAM, 0, &from, &fromlen)), small = 2048, n = 0;

	o_case("udp, more than there is room for");
	O_OK(setsockopt(r, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small)));
	for (int round = 0; round < 2; round++) {
		for (int i = 0; i < 8; i++)
			o_sendto(s, pattern(1000), 800 + 8 * round + i, 0, &to, len);
		while (o_take(r, 1000, 0, MSG_DONTWAIT) > 0)
			n++;
	}
	if (n < 2 || n > 15)
		o_die("datagrams are lost, but not all");
	close(r);
	close(s);
}

/* A reader that never sleeps may be faster than what looks at the queue: then there is no id, never
 * another's. */
#define N_SPUN 100
static void udp_spun(void)
{
	struct sockaddr_storage to, from;
	socklen_t len, fromlen;
	int r = O_OK(inet_socket(AF_INET, SOCK_DGRAM, 0, &to, &len)),
	    s = O_OK(inet_socket(AF_INET, SOCK_DGRAM, 0, &from, &fromlen)), there;
	char text[16];
	pid_t pid;

	o_case("udp, a reader that never sleeps");
	pid = O_OK(fork());
	if (pid == 0) {
		for (int i = 0; i < N_SPUN; i++) {
			snprintf(text, sizeof(text), "datagram %03d", i);
			o_sendto(s, text, 12, 0, &to, len);
		}
		_exit(0);
	}
	for (int i = 0; i < N_SPUN; i++) {
		do
			O_OK(ioctl(r, FIONREAD, &there));
		while (!there);
		O_HINT(.absent = "msg.id,msg.latency");
		o_take(r, 100, 0, 0);
	}
	O_OK(waitpid(pid, NULL, 0));
	close(r);
	close(s);
}

/* A thread's first call is the send; another socket's datagrams come between. */
static void udp_others(void)
{
	struct sockaddr_storage to, from;
	socklen_t len, fromlen;
	int r = O_OK(inet_socket(AF_INET6, SOCK_DGRAM, 0, &to, &len)),
	    s = O_OK(inet_socket(AF_INET6, SOCK_DGRAM, 0, &from, &fromlen));
	pid_t pid[2];

	o_case("udp6, sent by two other processes");
	for (int i = 0; i < 2; i++) {
		pid[i] = O_OK(fork());
		if (pid[i] == 0) {
			o_sendto(s, i ? "the second" : "first", i ? 10 : 5, 0, &to, len);
			_exit(0);
		}
		O_OK(waitpid(pid[i], NULL, 0));
	}
	for (int i = 0; i < 2; i++) {
		O_HINT(.sender = pid[i], .how = "send");
		o_take(r, 100, 0, 0);
	}
	close(r);
	close(s);
}

/* No credentials travel with TCP: the send alone tells. */
static void tcp(void)
{
	struct sockaddr_storage to, from;
	socklen_t len, fromlen = sizeof(from);
	int l = O_OK(inet_socket(AF_INET, SOCK_STREAM, 0, &to, &len)),
	    c = O_OK(socket(AF_INET, SOCK_STREAM, 0)), s;
	pid_t pid;

	O_OK(listen(l, 1));
	O_OK(connect(c, (struct sockaddr *)&to, len));
	s = O_OK(accept(l, (struct sockaddr *)&from, &fromlen));
	o_case("tcp, sent by another process");
	pid = O_OK(fork());
	if (pid == 0) {
		o_sendto(c, "over tcp", 8, 0, NULL, 0);
		_exit(0);
	}
	O_OK(waitpid(pid, NULL, 0));
	O_HINT(.sender = pid, .how = "send");
	o_take(s, 100, 0, 0);
	close(l);
	close(c);
	close(s);
}

static void other_process(void)
{
	int sv[2];
	pid_t pid;

	pair(SOCK_DGRAM, sv);
	o_case("sent by another process");
	/* which is not the one that made the pair */
	pid = O_OK(fork());
	if (pid == 0) {
		o_sendto(sv[1], "from a child", 12, 0, NULL, 0);
		_exit(0);
	}
	O_OK(waitpid(pid, NULL, 0));
	O_HINT(.sender = pid, .how = "send");
	o_take(sv[0], 100, 0, 0);
	close(sv[0]);
	close(sv[1]);
}

int main(void)
{
	ways(SOCK_DGRAM, "dgram");
	ways(SOCK_SEQPACKET, "seqpacket");
	ways(SOCK_STREAM, "stream");
	udp(AF_INET, "udp");
	udp(AF_INET6, "udp6");
	udp_lost();
	udp_spun();
	udp_others();
	tcp();
	other_process();
	return 0;
}
