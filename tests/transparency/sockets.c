/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * TCP and UDP corners, one line each; run with and without the broker the output must be the same: urgent
 * data, the error queue, waiting for all or for some, peeking with an offset, batches with a timeout or an
 * error in the middle, ends and resets.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/errqueue.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

static int tcp[2]; /* connected: 0 sends */
static int udp[2];

#define SHOW(what, call)                                                         \
	do {                                                                     \
		ssize_t r_;                                                      \
		errno = 0;                                                       \
		r_ = (call);                                                     \
		printf("%s: %zd %s\n", what, r_, r_ < 0 ? strerror(errno) : ""); \
	} while (0)

static struct sockaddr_in loopback(void)
{
	return (struct sockaddr_in){.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
}

static void fresh_tcp(void)
{
	struct sockaddr_in a = loopback();
	socklen_t n = sizeof(a);
	int l = socket(AF_INET, SOCK_STREAM, 0), one = 1;

	if (tcp[0]) {
		close(tcp[0]);
		close(tcp[1]);
	}
	tcp[0] = socket(AF_INET, SOCK_STREAM, 0);
	if (bind(l, (struct sockaddr *)&a, n) < 0 || listen(l, 1) < 0 ||
	    getsockname(l, (struct sockaddr *)&a, &n) < 0 || connect(tcp[0], (struct sockaddr *)&a, n) < 0)
		abort();
	tcp[1] = accept(l, NULL, NULL);
	close(l);
	setsockopt(tcp[0], IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
}

static void fresh_udp(void)
{
	if (udp[0]) {
		close(udp[0]);
		close(udp[1]);
	}
	for (int i = 0; i < 2; i++) {
		struct sockaddr_in a = loopback();

		udp[i] = socket(AF_INET, SOCK_DGRAM, 0);
		if (bind(udp[i], (struct sockaddr *)&a, sizeof(a)) < 0)
			abort();
	}
	for (int i = 0; i < 2; i++) {
		struct sockaddr_in a;
		socklen_t n = sizeof(a);

		getsockname(udp[!i], (struct sockaddr *)&a, &n);
		if (connect(udp[i], (struct sockaddr *)&a, n) < 0)
			abort();
	}
}

/* What was sent is there: readable now, so that nothing below depends on time. */
static void settle(int s, size_t n)
{
	char buf[4096];

	for (int i = 0; i < 2000 && recv(s, buf, sizeof(buf), MSG_PEEK | MSG_DONTWAIT) < (ssize_t)n; i++)
		usleep(1000);
}

static void urgent(void)
{
	char buf[16];

	fresh_tcp();
	send(tcp[0], "abc", 3, MSG_OOB);
	settle(tcp[1], 2);
	SHOW("urgent: out of band", recv(tcp[1], buf, 16, MSG_OOB));
	printf("  %c\n", buf[0]);
	SHOW("urgent: again", recv(tcp[1], buf, 16, MSG_OOB));
	SHOW("urgent: up to the mark", recv(tcp[1], buf, 16, 0));
	SHOW("urgent: at the mark", sockatmark(tcp[1]));
	setsockopt(tcp[1], SOL_SOCKET, SO_OOBINLINE, &(int){1}, sizeof(int));
	send(tcp[0], "xyz", 3, MSG_OOB);
	send(tcp[0], "more", 4, 0);
	usleep(20000);
	for (int i = 0; i < 3; i++) {
		ssize_t n = recv(tcp[1], buf, 16, MSG_DONTWAIT);

		printf("inline: %zd %.*s\n", n, n > 0 ? (int)n : 0, buf);
	}
	SHOW("inline: out of band", recv(tcp[1], buf, 16, MSG_OOB));
}

struct late {
	int sock;
	const char *texts[5];
};

static void *later(void *arg)
{
	struct late *l = arg;

	for (const char **t = l->texts; *t; t++) {
		usleep(30000);
		send(l->sock, *t, strlen(*t), 0);
	}
	usleep(30000);
	shutdown(l->sock, SHUT_WR);
	return NULL;
}

static void waiting(void)
{
	struct late l;
	char buf[64];
	pthread_t t;

	fresh_tcp();
	l = (struct late){tcp[0], {"ab", "cd", "ef", "gh", NULL}};
	pthread_create(&t, NULL, later, &l);
	SHOW("WAITALL over TCP", recv(tcp[1], buf, 6, MSG_WAITALL));
	SHOW("WAITALL, then the end", recv(tcp[1], buf, 20, MSG_WAITALL));
	SHOW("the end", recv(tcp[1], buf, 20, MSG_WAITALL));
	pthread_join(t, NULL);
	fresh_tcp();
	l.sock = tcp[0];
	setsockopt(tcp[1], SOL_SOCKET, SO_RCVLOWAT, &(int){5}, sizeof(int));
	pthread_create(&t, NULL, later, &l);
	printf("low-water mark over TCP: %s\n", recv(tcp[1], buf, 64, 0) >= 5 ? "reached" : "not reached");
	pthread_join(t, NULL);
	fresh_tcp();
	setsockopt(tcp[1], SOL_SOCKET, SO_RCVTIMEO, &(struct timeval){0, 60000}, sizeof(struct timeval));
	send(tcp[0], "abc", 3, 0);
	SHOW("WAITALL runs out of time", recv(tcp[1], buf, 10, MSG_WAITALL));
	SHOW("nothing in time", recv(tcp[1], buf, 10, 0));
	SHOW("readv, nothing in time", readv(tcp[1], &(struct iovec){buf, 9}, 1));
}

static void peeking(void)
{
	char buf[64];

	fresh_tcp();
	send(tcp[0], "0123456789", 10, 0);
	settle(tcp[1], 10);
	SHOW("peek", recv(tcp[1], buf, 4, MSG_PEEK));
	SHOW("peek all", recv(tcp[1], buf, 10, MSG_PEEK | MSG_WAITALL));
	SHOW("discarded", recv(tcp[1], NULL, 4, MSG_TRUNC));
	SHOW("rest", recv(tcp[1], buf, 64, 0));
	printf("  %.6s\n", buf);
	if (setsockopt(tcp[1], SOL_SOCKET, SO_PEEK_OFF, &(int){0}, sizeof(int)) == 0) {
		send(tcp[0], "0123456789", 10, 0);
		usleep(20000);
		for (int i = 0; i < 4; i++) {
			ssize_t n = recv(tcp[1], buf, 4, MSG_PEEK | MSG_DONTWAIT);

			printf("peek off: %zd %.*s\n", n, n > 0 ? (int)n : 0, buf);
		}
		SHOW("taken", recv(tcp[1], buf, 64, MSG_DONTWAIT));
	}
	fresh_udp();
	setsockopt(udp[1], SOL_SOCKET, SO_PEEK_OFF, &(int){2}, sizeof(int));
	send(udp[0], "abcdef", 6, 0);
	send(udp[0], "ghijkl", 6, 0);
	for (int i = 0; i < 3; i++) {
		ssize_t n = recv(udp[1], buf, 3, MSG_PEEK | MSG_DONTWAIT);

		printf("udp peek off: %zd %.*s\n", n, n > 0 ? (int)n : 0, buf);
	}
	SHOW("udp, cut, its length", recv(udp[1], buf, 2, MSG_TRUNC));
	SHOW("udp, by read", read(udp[1], buf, 2));
	setsockopt(udp[1], SOL_SOCKET, SO_PEEK_OFF, &(int){4}, sizeof(int));
	memset(buf, '-', sizeof(buf));
	send(udp[0], "abcdef", 6, 0);
	SHOW("udp peek off, the tail", recv(udp[1], buf, 20, MSG_PEEK | MSG_DONTWAIT));
	printf("  %.6s\n", buf);
	SHOW("udp, taken", recv(udp[1], buf, 20, MSG_DONTWAIT));
	SHOW("udp, nothing left", recv(udp[1], buf, 2, MSG_DONTWAIT));
}

static void error_line(const char *what, int s, int flags, size_t controllen)
{
	char buf[32], ctl[512];
	struct iovec v = {buf, 3};
	struct sockaddr_in from = {0};
	struct msghdr m = {&from, sizeof(from), &v, 1, ctl, controllen, 0};
	ssize_t n = recvmsg(s, &m, flags | MSG_DONTWAIT);

	printf("%s: %zd %s flags %x controllen %zu name %d:", what, n, n < 0 ? strerror(errno) : "",
	       (unsigned)m.msg_flags, n < 0 ? 0 : (size_t)m.msg_controllen, (int)m.msg_namelen);
	for (struct cmsghdr *c = n < 0 ? NULL : CMSG_FIRSTHDR(&m); c; c = CMSG_NXTHDR(&m, c)) {
		struct sock_extended_err e;

		printf(" %d/%d/%zu", c->cmsg_level, c->cmsg_type, (size_t)c->cmsg_len);
		if (c->cmsg_len < CMSG_LEN(sizeof(e)) || c->cmsg_type != IP_RECVERR)
			continue;
		memcpy(&e, CMSG_DATA(c), sizeof(e));
		printf(" errno %u origin %u type %u code %u", e.ee_errno, e.ee_origin, e.ee_type, e.ee_code);
	}
	putchar('\n');
}

static void *ask_nobody(void *arg)
{
	usleep(50000);
	send(*(int *)arg, "x", 1, 0);
	return NULL;
}

/* The error arrives while a receive waits. */
static void refused_while_waiting(const struct sockaddr_in *nobody)
{
	char buf[8];
	pthread_t t;
	int s = socket(AF_INET, SOCK_DGRAM, 0);

	if (connect(s, (const struct sockaddr *)nobody, sizeof(*nobody)) < 0)
		printf("connect: %s\n", strerror(errno));
	for (int i = 0; i < 3; i++) {
		pthread_create(&t, NULL, ask_nobody, &s);
		SHOW("refused while waiting", i == 1 ? read(s, buf, 8) : recv(s, buf, 8, 0));
		pthread_join(t, NULL);
	}
	close(s);
}

static void errors(void)
{
	struct sockaddr_in a = loopback();
	socklen_t n = sizeof(a);
	struct pollfd p;
	char buf[8];
	int s, dead = socket(AF_INET, SOCK_DGRAM, 0);

	bind(dead, (struct sockaddr *)&a, n);
	getsockname(dead, (struct sockaddr *)&a, &n);
	close(dead); /* nobody there: port unreachable comes back */
	s = socket(AF_INET, SOCK_DGRAM, 0);
	setsockopt(s, IPPROTO_IP, IP_RECVERR, &(int){1}, sizeof(int));
	p = (struct pollfd){s, 0, 0};
	for (int i = 0; i < 3; i++)
		sendto(s, "lost one", 8, 0, (struct sockaddr *)&a, n);
	poll(&p, 1, 1000);
	error_line("error queue", s, MSG_ERRQUEUE, 512);
	error_line("error queue, little room", s, MSG_ERRQUEUE, 20);
	error_line("error queue, peeked", s, MSG_ERRQUEUE | MSG_PEEK, 512);
	error_line("error queue, again", s, MSG_ERRQUEUE, 512);
	error_line("error queue, empty", s, MSG_ERRQUEUE, 512);
	SHOW("a plain receive", recv(s, buf, 8, MSG_DONTWAIT));
	close(s);
	s = socket(AF_INET, SOCK_DGRAM, 0);
	connect(s, (struct sockaddr *)&a, n);
	send(s, "x", 1, 0);
	p = (struct pollfd){s, 0, 0};
	poll(&p, 1, 1000);
	SHOW("refused", recv(s, buf, 8, 0));
	SHOW("then nothing", recv(s, buf, 8, MSG_DONTWAIT));
	send(s, "x", 1, 0);
	poll(&p, 1, 1000);
	SHOW("refused, by read", read(s, buf, 8));
	close(s);
	refused_while_waiting(&a);
}

static void batches(void)
{
	char buf[4][8];
	struct iovec v[4];
	struct mmsghdr mm[4];
	struct timespec ts = {0, 50000000};
	struct late l;
	pthread_t t;

	for (int i = 0; i < 4; i++) {
		v[i] = (struct iovec){buf[i], 8};
		mm[i] = (struct mmsghdr){{.msg_iov = &v[i], .msg_iovlen = 1}, 77};
	}
	fresh_udp();
	send(udp[0], "one", 3, 0);
	send(udp[0], "longer than eight", 17, 0);
	SHOW("batch, TRUNC, WAITFORONE", recvmmsg(udp[1], mm, 4, MSG_WAITFORONE | MSG_TRUNC, NULL));
	printf("  %u %u flags %x\n", mm[0].msg_len, mm[1].msg_len, (unsigned)mm[1].msg_hdr.msg_flags);
	l = (struct late){udp[0], {"a", "b", "c", "d", NULL}};
	pthread_create(&t, NULL, later, &l);
	SHOW("batch, all four come", recvmmsg(udp[1], mm, 4, 0, NULL));
	pthread_join(t, NULL);
	fresh_udp();
	l.sock = udp[0];
	pthread_create(&t, NULL, later, &l);
	ts.tv_sec = 1000;
	SHOW("batch, with time left", recvmmsg(udp[1], mm, 4, 0, &ts));
	printf("  time is left: %d\n", ts.tv_sec > 900 && ts.tv_sec < 1000);
	pthread_join(t, NULL);
	fresh_udp();
	send(udp[0], "x", 1, 0);
	usleep(5000);
	close(udp[0]);
	udp[0] = socket(AF_INET, SOCK_DGRAM, 0);
	SHOW("one before the error", recvmmsg(udp[1], mm, 1, 0, NULL));
	send(udp[1], "to nobody", 9, 0);
	poll(&(struct pollfd){udp[1], 0, 0}, 1, 1000);
	SHOW("batch, an error first", recvmmsg(udp[1], mm, 4, MSG_DONTWAIT, NULL));
	SHOW("batch, and then", recvmmsg(udp[1], mm, 4, MSG_DONTWAIT, NULL));
	fresh_tcp();
	send(tcp[0], "0123456789", 10, 0);
	shutdown(tcp[0], SHUT_WR);
	settle(tcp[1], 10);
	usleep(5000);
	SHOW("batch over a stream and its end", recvmmsg(tcp[1], mm, 4, 0, NULL));
	printf("  %u %u %u %u\n", mm[0].msg_len, mm[1].msg_len, mm[2].msg_len, mm[3].msg_len);
}

static void ends(void)
{
	char buf[8];
	struct linger now = {1, 0};
	int raw = socket(AF_INET, SOCK_STREAM, 0);

	SHOW("not connected", recv(raw, buf, 8, 0));
	SHOW("not connected, by read", read(raw, buf, 8));
	close(raw);
	fresh_tcp();
	send(tcp[0], "abc", 3, 0);
	settle(tcp[1], 3);
	setsockopt(tcp[0], SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	close(tcp[0]);
	tcp[0] = dup(1);
	poll(&(struct pollfd){tcp[1], POLLRDHUP, 0}, 1, 1000);
	SHOW("reset", recv(tcp[1], buf, 8, 0));
	SHOW("after it", recv(tcp[1], buf, 8, 0));
	fresh_tcp();
	shutdown(tcp[1], SHUT_RD);
	SHOW("shut for reading", recv(tcp[1], buf, 8, 0));
	SHOW("no room", recv(tcp[1], buf, 0, MSG_DONTWAIT));
	SHOW("write only", recv(STDIN_FILENO, buf, 0, 0));
}

int main(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	signal(SIGPIPE, SIG_IGN);
	urgent();
	waiting();
	peeking();
	errors();
	batches();
	ends();
	return 0;
}
