/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Prints what receiving does in many corners, one line each. Run with and without the broker, and as a 32-bit
 * program: the output must be the same, byte by byte. Nothing random, nothing that depends on time.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static char *guard_page; /* unmapped page right after a mapped one */
static int sv[2];

static void pair(int type)
{
	if (sv[0]) {
		close(sv[0]);
		close(sv[1]);
	}
	if (socketpair(AF_UNIX, type, 0, sv) < 0)
		abort();
}

static void put(const char *text, size_t n, int n_fds)
{
	int fds[16];
	char ctl[CMSG_SPACE(sizeof(fds))];
	struct iovec v = {(void *)(uintptr_t)text, n};
	struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1};

	memset(ctl, 0, sizeof(ctl));
	for (int i = 0; i < n_fds; i++)
		fds[i] = 0;
	if (n_fds) {
		struct cmsghdr *c;

		m.msg_control = ctl;
		m.msg_controllen = CMSG_LEN((size_t)n_fds * sizeof(int));
		c = CMSG_FIRSTHDR(&m);
		c->cmsg_len = CMSG_LEN((size_t)n_fds * sizeof(int));
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		memcpy(CMSG_DATA(c), fds, (size_t)n_fds * sizeof(int));
	}
	if (sendmsg(sv[0], &m, 0) != (ssize_t)n)
		printf("send failed: %s\n", strerror(errno));
}

static void hex(const char *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		printf("%02x", (unsigned char)p[i]);
}

/* recvmsg with everything that it may change shown, the caller's bytes beyond included. */
static void take(const char *what, size_t len, size_t controllen, int flags, bool show_control)
{
	static char buf[4096], ctl[1024];
	char name[128];
	struct iovec v[2] = {{buf, len / 2}, {buf + len / 2, len - len / 2}};
	struct msghdr m = {name,
			   sizeof(name),
			   v,
			   2,
			   controllen == (size_t)-1 ? NULL : ctl,
			   controllen == (size_t)-1 ? 64 : controllen,
			   0x5555};
	ssize_t n;

	memset(buf, 0xee, sizeof(buf));
	memset(ctl, 0xee, sizeof(ctl));
	memset(name, 0xee, sizeof(name));
	errno = 0;
	n = recvmsg(sv[1], &m, flags);
	printf("%s: %zd %s namelen %d controllen %zu flags %x data ", what, n, n < 0 ? strerror(errno) : "",
	       (int)m.msg_namelen, (size_t)m.msg_controllen, (unsigned)m.msg_flags);
	hex(buf, len < 24 ? len + 2 : 24);
	if (show_control && n >= 0) {
		printf(" control ");
		hex(ctl, m.msg_controllen + 8 < 80 ? m.msg_controllen + 8 : 80);
	}
	putchar('\n');
	for (struct cmsghdr *c = n >= 0 ? CMSG_FIRSTHDR(&m) : NULL; c; c = CMSG_NXTHDR(&m, c))
		for (size_t i = 0;
		     c->cmsg_type == SCM_RIGHTS && CMSG_LEN((i + 1) * sizeof(int)) <= c->cmsg_len; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(fd));
			printf("  fd %d cloexec %d\n", fd, fcntl(fd, F_GETFD));
			close(fd);
		}
}

static void control_lengths(void)
{
	static const size_t lens[] = {0, 8, 12, 15, 16, 19, 20, 23, 24, 27, 28, 31, 32, 64};

	for (size_t i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
		pair(SOCK_DGRAM);
		put("abc", 3, 3);
		take("3 fds", 16, lens[i], i & 1 ? MSG_CMSG_CLOEXEC : 0, true);
	}
	put("abc", 3, 2);
	take("no control buffer", 16, (size_t)-1, 0, false);
}

static void creds(void)
{
	int one = 1;
	static const size_t lens[] = {0, 12, 15, 16, 20, 23, 24, 28, 32, 40, 48, 64, 128};

	pair(SOCK_DGRAM);
	setsockopt(sv[1], SOL_SOCKET, SO_PASSCRED, &one, sizeof(one));
	for (size_t i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
		put("cred", 4, 2);
		take("creds and fds", 16, lens[i], 0, false);
	}
}

static void timestamps(void)
{
	int one = 1, s = socket(AF_INET, SOCK_DGRAM, 0);
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	socklen_t l = sizeof(a);
	static const size_t lens[] = {0, 12, 16, 20, 24, 28, 32, 40, 64, 128};

	setsockopt(s, SOL_SOCKET, SO_TIMESTAMP, &one, sizeof(one));
	setsockopt(s, IPPROTO_IP, IP_RECVTTL, &one, sizeof(one));
	setsockopt(s, IPPROTO_IP, IP_RECVTOS, &one, sizeof(one));
	bind(s, (struct sockaddr *)&a, sizeof(a));
	getsockname(s, (struct sockaddr *)&a, &l);
	for (size_t i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
		char buf[8], ctl[128];
		struct iovec v = {buf, 8};
		struct sockaddr_in from;
		struct msghdr m = {&from, sizeof(from), &v, 1, ctl, lens[i], 0};
		ssize_t n;

		sendto(s, "tick", 4, 0, (struct sockaddr *)&a, sizeof(a));
		n = recvmsg(s, &m, 0);
		printf("timestamps %zu: %zd controllen %zu flags %x name %d own port %d:", lens[i], n,
		       (size_t)m.msg_controllen, (unsigned)m.msg_flags, (int)m.msg_namelen,
		       from.sin_port == a.sin_port);
		for (struct cmsghdr *c = CMSG_FIRSTHDR(&m); c; c = CMSG_NXTHDR(&m, c))
			printf(" %d/%d/%zu", c->cmsg_level, c->cmsg_type, (size_t)c->cmsg_len);
		putchar('\n');
	}
	close(s);
}

static void truncation(void)
{
	char big[300];

	memset(big, 'x', sizeof(big));
	pair(SOCK_DGRAM);
	put(big, 300, 0);
	take("cut", 10, 64, 0, false);
	put(big, 300, 0);
	take("cut, MSG_TRUNC", 10, 64, MSG_TRUNC, false);
	put(big, 300, 0);
	take("peek", 10, 64, MSG_PEEK | MSG_TRUNC, false);
	take("after peek", 400, 64, 0, false);
	put("", 0, 0);
	take("empty", 10, 64, 0, false);
	take("nothing", 10, 64, MSG_DONTWAIT, false);
	put("zero", 4, 0);
	take("no room", 0, 64, 0, false);
	take("gone", 10, 64, MSG_DONTWAIT, false);
	put("fds", 3, 2);
	take("peeked fds", 10, 64, MSG_PEEK, true);
	take("taken fds", 10, 64, 0, true);
	take("errqueue", 10, 64, MSG_ERRQUEUE | MSG_DONTWAIT, false);
	take("oob", 10, 64, MSG_OOB, false);
	pair(SOCK_SEQPACKET);
	put(big, 300, 0);
	take("seqpacket cut", 10, 64, 0, false);
	put("a", 1, 0);
	take("seqpacket next", 10, 64, 0, false);
	close(sv[0]);
	sv[0] = dup(1);
	take("seqpacket end", 10, 64, 0, false);
}

static void streams(void)
{
	char buf[64];
	ssize_t n;
	int one = 1;

	pair(SOCK_STREAM);
	put("one", 3, 0);
	put("two", 3, 1);
	put("three", 5, 0);
	take("stream stops after fds", 40, 64, 0, true);
	take("stream goes on", 40, 64, MSG_DONTWAIT, false);
	put("hello world", 11, 0);
	take("peek", 5, 64, MSG_PEEK, false);
	take("part", 5, 64, 0, false);
	printf("recv %zd", recv(sv[1], buf, 3, 0));
	printf(" read %zd", read(sv[1], buf, 64));
	printf(" empty %zd", recv(sv[1], buf, 3, MSG_DONTWAIT));
	printf(" %s\n", strerror(errno));
	send(sv[0], "abc", 3, MSG_OOB);
	take("before the mark", 10, 64, 0, false);
	n = recv(sv[1], buf, 4, MSG_OOB);
	printf("oob %zd %s\n", n, n < 0 ? strerror(errno) : "");
	setsockopt(sv[1], SOL_SOCKET, SO_PEEK_OFF, &(int){0}, sizeof(int));
	put("123456", 6, 0);
	take("peek off", 2, 64, MSG_PEEK, false);
	take("peek off again", 2, 64, MSG_PEEK, false);
	take("consume", 3, 64, 0, false);
	take("peek off later", 8, 64, MSG_PEEK, false);
	take("rest", 8, 64, 0, false);
	setsockopt(sv[1], SOL_SOCKET, SO_PASSCRED, &one, sizeof(one));
	put("cred", 4, 0);
	take("stream creds", 8, 64, 0, false);
	shutdown(sv[0], SHUT_WR);
	take("end", 8, 64, 0, false);
	printf("readv end %zd\n", readv(sv[1], &(struct iovec){buf, 8}, 1));
}

/* Messages with descriptors, read in pieces smaller than they are: each descriptor comes once, and with its
 * own message. */
static void pieces(void)
{
	static char big[300];
	char buf[64];

	memset(big, 'p', sizeof(big));
	pair(SOCK_STREAM);
	put(big, 300, 2);
	put(big, 40, 0);
	put(big, 100, 1);
	put(big, 20, 0);
	for (int i = 0; i < 8; i++)
		take("piece", 64, 64, MSG_DONTWAIT, true);
	put(big, 64, 0);
	put(big, 64, 1);
	take("exactly one", 64, 64, MSG_DONTWAIT, true);
	printf("the next by read: %zd\n", read(sv[1], buf, 10));
	take("its rest", 64, 64, MSG_DONTWAIT, true);
	put(big, 64, 0);
	put(big, 64, 1);
	printf("one by read: %zd\n", read(sv[1], buf, 64));
	take("the next", 64, 64, MSG_DONTWAIT, true);
}

static void faults(void)
{
	char *edge = guard_page - 4, name[32];
	struct iovec v = {edge, 16};
	struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1};
	ssize_t n;
	char buf[16];

#define SHOW(what, call)                                                       \
	do {                                                                   \
		errno = 0;                                                     \
		n = (call);                                                    \
		printf("%s: %zd %s\n", what, n, n < 0 ? strerror(errno) : ""); \
	} while (0)
	pair(SOCK_DGRAM);
	put("long enough", 11, 0);
	SHOW("dgram into a bad page", recvmsg(sv[1], &m, 0));
	SHOW("it is lost", recv(sv[1], buf, 16, MSG_DONTWAIT));
	put("abc", 3, 0);
	SHOW("short one fits", recvmsg(sv[1], &m, 0));
	put("abc", 3, 0);
	SHOW("bad buffer", recv(sv[1], guard_page, 8, 0));
	SHOW("bad header", recvmsg(sv[1], (struct msghdr *)guard_page, MSG_DONTWAIT));
	put("kept", 4, 0);
	m = (struct msghdr){.msg_iov = (struct iovec *)guard_page, .msg_iovlen = 1};
	SHOW("bad vector", recvmsg(sv[1], &m, 0));
	SHOW("still there", recv(sv[1], buf, 16, 0));
	m = (struct msghdr){.msg_iov = &(struct iovec){buf, 16}, .msg_iovlen = 1025};
	SHOW("1025 pieces", recvmsg(sv[1], &m, MSG_DONTWAIT));
	m.msg_iovlen = 1;
	m.msg_name = name;
	m.msg_namelen = (socklen_t)-1;
	put("name", 4, 0);
	SHOW("namelen -1", recvmsg(sv[1], &m, MSG_DONTWAIT));
	m.msg_namelen = 8;
	m.msg_control = guard_page;
	m.msg_controllen = 64;
	SHOW("bad control, none to write", recvmsg(sv[1], &m, MSG_DONTWAIT));
	put("fds", 3, 2);
	m.msg_controllen = 64;
	SHOW("bad control with fds", recvmsg(sv[1], &m, MSG_DONTWAIT));
	printf("  flags %x controllen %zu\n", (unsigned)m.msg_flags, (size_t)m.msg_controllen);
	SHOW("not a socket", recv(0, buf, 1, 0));
	SHOW("no descriptor", recv(999, buf, 1, 0));
	SHOW("read nothing", read(sv[1], buf, 0));
	SHOW("read no descriptor", read(999, buf, 1));
	SHOW("bit 31", recvmsg(sv[1], &m, (int)0x80000000 | MSG_DONTWAIT));
	pair(SOCK_STREAM);
	put("stream", 6, 0);
	SHOW("stream into a bad page", recv(sv[1], guard_page, 8, 0));
	SHOW("stream kept", recv(sv[1], buf, 16, 0));
	SHOW("pread", pread(sv[1], buf, 4, 0));
	put("xy", 2, 0);
	SHOW("preadv2", preadv2(sv[1], &(struct iovec){buf, 4}, 1, -1, 0));
	SHOW("preadv2 NOWAIT", preadv2(sv[1], &(struct iovec){buf, 4}, 1, -1, RWF_NOWAIT));
}

static void *later(void *arg)
{
	const char **texts = arg;

	for (; *texts; texts++) {
		usleep(30000);
		send(sv[0], *texts, strlen(*texts), 0);
	}
	return NULL;
}

static void after(const char **texts, pthread_t *t)
{
	pthread_create(t, NULL, later, texts);
}

static void waiting(void)
{
	struct timeval tv = {0, 50000};
	const char *parts[] = {"ab", "cd", "ef", NULL}, *one[] = {"late", NULL};
	char buf[64];
	pthread_t t;
	ssize_t n;

	pair(SOCK_STREAM);
	after(parts, &t);
	SHOW("waitall", recv(sv[1], buf, 6, MSG_WAITALL));
	pthread_join(t, NULL);
	setsockopt(sv[1], SOL_SOCKET, SO_RCVLOWAT, &(int){4}, sizeof(int));
	after(parts, &t);
	n = recv(sv[1], buf, 64, 0);
	printf("low-water mark: %s\n", n >= 4 ? "reached" : "not reached");
	pthread_join(t, NULL);
	recv(sv[1], buf, 64, MSG_DONTWAIT);
	pair(SOCK_DGRAM);
	after(one, &t);
	SHOW("blocking", recv(sv[1], buf, 64, 0));
	pthread_join(t, NULL);
	setsockopt(sv[1], SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
	SHOW("timeout", recv(sv[1], buf, 64, 0));
	SHOW("read timeout", read(sv[1], buf, 64));
	fcntl(sv[1], F_SETFL, O_NONBLOCK);
	SHOW("nonblocking", recv(sv[1], buf, 64, 0));
	SHOW("nonblocking read", read(sv[1], buf, 64));
	printf("flags still %s\n", fcntl(sv[1], F_GETFL) & O_NONBLOCK ? "nonblocking" : "blocking");
}

static void batches(void)
{
	char buf[4][8];
	struct iovec v[4];
	struct mmsghdr mm[4];
	struct timespec ts = {0, 60000000};
	ssize_t n;

	for (int i = 0; i < 4; i++) {
		v[i] = (struct iovec){buf[i], 8};
		mm[i] = (struct mmsghdr){{.msg_iov = &v[i], .msg_iovlen = 1, .msg_controllen = 99}, 77};
	}
	pair(SOCK_DGRAM);
	put("1", 1, 0);
	put("22", 2, 0);
	SHOW("batch, WAITFORONE", recvmmsg(sv[1], mm, 4, MSG_WAITFORONE, NULL));
	printf("  %u %u %u\n", mm[0].msg_len, mm[1].msg_len, mm[2].msg_len);
	put("333", 3, 0);
	SHOW("batch, DONTWAIT", recvmmsg(sv[1], mm, 4, MSG_DONTWAIT, NULL));
	SHOW("batch, nothing", recvmmsg(sv[1], mm, 4, MSG_DONTWAIT, NULL));
	SHOW("batch of none", recvmmsg(sv[1], mm, 0, 0, NULL));
	put("1", 1, 0);
	ts = (struct timespec){0, 0};
	SHOW("batch, no time", recvmmsg(sv[1], mm, 4, 0, &ts));
	ts.tv_nsec = 1000000000;
	SHOW("batch, bad time", recvmmsg(sv[1], mm, 4, 0, &ts));
	put("1", 1, 0);
	v[1].iov_base = guard_page;
	put("22", 2, 0);
	SHOW("batch, second faults", recvmmsg(sv[1], mm, 4, MSG_DONTWAIT, NULL));
}

static volatile int alarms;

static void on_alarm(int sig)
{
	alarms++;
}

static void interrupted(void)
{
	struct sigaction sa = {.sa_handler = on_alarm};
	struct itimerval it = {{0, 0}, {0, 30000}};
	const char *one[] = {"late", NULL};
	char buf[8];
	pthread_t t;
	ssize_t n;

	pair(SOCK_DGRAM);
	sigaction(SIGALRM, &sa, NULL);
	setitimer(ITIMER_REAL, &it, NULL);
	SHOW("EINTR", recv(sv[1], buf, 8, 0));
	sa.sa_flags = SA_RESTART;
	sigaction(SIGALRM, &sa, NULL);
	setitimer(ITIMER_REAL, &it, NULL);
	const char *slow[] = {"", "late", NULL};
	(void)one;
	if (fork() == 0) {
		usleep(120000);
		send(sv[0], "late", 4, 0);
		_exit(0);
	}
	(void)slow;
	(void)t;
	SHOW("SA_RESTART", recv(sv[1], buf, 8, 0));
	wait(NULL);
	setsockopt(sv[1], SOL_SOCKET, SO_RCVTIMEO, &(struct timeval){1, 0}, sizeof(struct timeval));
	setitimer(ITIMER_REAL, &it, NULL);
	SHOW("SA_RESTART with a timeout", recv(sv[1], buf, 8, 0));
	printf("alarms %d\n", alarms);
}

static void full_table(void)
{
	struct stat st;
	int limit = 64, first;

	pair(SOCK_DGRAM);
	first = dup(0);
	close(first);
	if (setrlimit(RLIMIT_NOFILE, &(struct rlimit){(rlim_t)first + 2, 64}) < 0)
		printf("no limit\n");
	(void)limit;
	(void)st;
	put("many", 4, 5);
	take("descriptor table full", 8, 200, 0, true);
	setrlimit(RLIMIT_NOFILE, &(struct rlimit){64, 64});
}

int main(void)
{
	struct stat st;

	setvbuf(stdout, NULL, _IONBF, 0);
	for (int fd = 3; fd < 64; fd++)
		if (fstat(fd, &st) == 0)
			close(fd);
	guard_page = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	guard_page += 4096;
	munmap(guard_page, 4096);
	control_lengths();
	creds();
	timestamps();
	truncation();
	streams();
	pieces();
	faults();
	waiting();
	batches();
	interrupted();
	full_table();
	return 0;
}
