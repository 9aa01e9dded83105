/* SPDX-License-Identifier: BSD-2-Clause */
/* Plays each scene: once with room for everything, then with every control length from 0 up to that. */
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "make.h"

void expect(struct state *s, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(s->expect + s->expect_len, TEXT_MAX - s->expect_len, fmt, ap);
	va_end(ap);
	s->expect_len += (size_t)n;
	if (s->expect_len + 2 > TEXT_MAX)
		abort();
	s->expect[s->expect_len++] = '\n';
}

int cannot(struct state *s, const char *what)
{
	snprintf(s->why, sizeof(s->why), "%s: %s", what, strerror(errno));
	return -1;
}

int turn_on(struct state *s, int fd, int level, int option, int value, const char *name)
{
	return setsockopt(fd, level, option, &value, sizeof(value)) ? cannot(s, name) : 0;
}

uint16_t port_of(int fd)
{
	struct sockaddr_in6 a;
	socklen_t len = sizeof(a);

	return getsockname(fd, (struct sockaddr *)&a, &len)
		       ? 0
		       : ntohs(a.sin6_port); /* where both families have it */
}

static int bind_loopback(int fd, int family)
{
	struct sockaddr_in a4 = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct sockaddr_in6 a6 = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};

	return family == AF_INET ? bind(fd, (struct sockaddr *)&a4, sizeof(a4))
				 : bind(fd, (struct sockaddr *)&a6, sizeof(a6));
}

static int connect_to(int fd, int other)
{
	struct sockaddr_storage a;
	socklen_t len = sizeof(a);

	return getsockname(other, (struct sockaddr *)&a, &len) ? -1 : connect(fd, (struct sockaddr *)&a, len);
}

int udp_pair(struct state *s, int family)
{
	s->rx = socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	s->tx = socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (s->rx < 0 || s->tx < 0 || bind_loopback(s->rx, family) || connect_to(s->tx, s->rx))
		return cannot(s, "UDP sockets");
	return 0;
}

int tcp_pair(struct state *s, int family, int protocol)
{
	int listener = socket(family, SOCK_STREAM | SOCK_CLOEXEC, protocol);

	s->extra = listener;
	s->tx = socket(family, SOCK_STREAM | SOCK_CLOEXEC, protocol);
	if (listener < 0 || s->tx < 0 || bind_loopback(listener, family) || listen(listener, 1) ||
	    connect_to(s->tx, listener))
		return cannot(s, "TCP sockets");
	s->rx = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	return s->rx < 0 ? cannot(s, "accept") : 0;
}

int send_byte(struct state *s)
{
	return send(s->tx, "x", 1, 0) == 1 ? 0 : cannot(s, "send");
}

int lo_mtu(int mtu)
{
	struct ifreq r = {.ifr_name = "lo", .ifr_mtu = mtu};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), rc = ioctl(fd, SIOCSIFMTU, &r);

	close(fd);
	return rc;
}

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* Room for control data that ends where a page that may not be touched begins. */
static uint8_t *room_of(size_t n)
{
	static uint8_t *end;
	uint8_t *p;

	if (!end) {
		p = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (p == MAP_FAILED || mprotect(p + 4096, 4096, PROT_NONE))
			abort();
		end = p + 4096;
	}
	memset(end - n, 0xa5, n);
	return end - n;
}

static void put(const void *p, size_t n)
{
	if (fwrite(p, 1, n, stdout) != n) {
		perror("make: stdout");
		exit(1);
	}
}

static void head_of(struct shot_head *h, const struct scene *c)
{
	*h = (struct shot_head){.family = c->family, .compat = sizeof(size_t) == 4, .errqueue = c->errqueue};
	snprintf(h->scene, sizeof(h->scene), "%s", c->name);
	snprintf(h->types, sizeof(h->types), "%s", c->types);
}

static void skip(const struct scene *c, const struct state *s)
{
	struct shot_head h;

	head_of(&h, c);
	h.given = UINT32_MAX;
	h.text_len = (uint32_t)strlen(s->why);
	put(&h, sizeof(h));
	put(s->why, h.text_len);
}

static long receive(struct state *s, const struct scene *c, struct msghdr *m)
{
	int flags = MSG_DONTWAIT | (c->errqueue ? MSG_ERRQUEUE : 0);
	struct pollfd p = {.fd = s->rx, .events = c->errqueue ? 0 : POLLIN};
	long n = recvmsg(s->rx, m, flags);

	/* Not there yet: wait for it, once. */
	return n < 0 && errno == EAGAIN && poll(&p, 1, 2000) == 1 ? recvmsg(s->rx, m, flags) : n;
}

static void close_received(const struct state *s)
{
	for (int fd = s->next_fd; fd < s->next_fd + 8; fd++)
		if (fd != s->rx && fd != s->tx && fd != s->extra)
			close(fd);
}

/* Send and receive once. Returns the control length the kernel gave back, -1 with s->why. */
static long shoot(struct state *s, const struct scene *c, size_t given)
{
	static uint8_t data[70000];
	struct sockaddr_storage name;
	struct iovec iov = {data, c->family == AF_UNIX ? 1 : sizeof(data)};
	struct msghdr m = {.msg_name = &name, .msg_namelen = sizeof(name), .msg_iov = &iov, .msg_iovlen = 1};
	struct shot_head h;

	s->expect_len = 0;
	s->name[0] = 0;
	s->before = now();
	if (c->send(s))
		return -1;
	s->next_fd = dup(0);
	close(s->next_fd);
	m.msg_control = room_of(given);
	m.msg_controllen = given;
	s->ret = receive(s, c, &m);
	s->after = now();
	if (s->ret < 0)
		return cannot(s, "receive");
	s->msg = &m;
	c->expect(s);
	head_of(&h, c);
	h.given = (uint32_t)given;
	h.controllen = (uint32_t)m.msg_controllen;
	h.flags = (uint32_t)m.msg_flags;
	h.ret = (int32_t)s->ret;
	memcpy(h.name, s->name, sizeof(h.name));
	h.text_len = (uint32_t)s->expect_len;
	put(&h, sizeof(h));
	put(m.msg_control, h.controllen);
	put(s->expect, h.text_len);
	close_received(s);
	return h.controllen;
}

static void play(const struct scene *c)
{
	struct state s = {.rx = -1, .tx = -1, .extra = -1};
	long whole = -1;

	if (!c->setup(&s))
		whole = shoot(&s, c, CONTROL_MAX);
	if (whole < 0)
		skip(c, &s);
	for (long n = 0; n <= whole; n++)
		if (shoot(&s, c, (size_t)n) < 0) {
			fprintf(stderr, "make: %s with %ld bytes: %s\n", c->name, n, s.why);
			exit(1);
		}
	for (int i = 0; i < 3; i++) {
		int fd = (int[]){s.rx, s.tx, s.extra}[i];

		if (fd >= 0)
			close(fd);
	}
}

/* A network namespace of our own: its loopback can be given any MTU. */
static void own_network(void)
{
	struct ifreq r = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};
	int fd;

	if (unshare(CLONE_NEWNET))
		return; /* not root: scenes that need more than loopback say what they miss */
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (ioctl(fd, SIOCSIFFLAGS, &r))
		perror("make: lo");
	close(fd);
}

static void play_all(const struct scene *const *all, const char *word)
{
	for (; *all; all++)
		for (const struct scene *c = *all; c->name; c++)
			if (!word || strstr(c->name, word))
				play(c);
}

/* usage: make [families] [PART-OF-A-NAME] */
int main(int argc, char **argv)
{
	static const struct scene *const here[] = {unix_scenes,	    inet_scenes,  inet6_scenes,
						   errqueue_scenes, other_scenes, NULL};
	static const struct scene *const modules[] = {family_scenes, link_scenes, NULL};
	bool families = argc > 1 && !strcmp(argv[1], "families");

	if (!families)
		own_network(); /* some of these families are the first namespace's only */
	play_all(families ? modules : here, argv[1 + families]);
	fflush(stdout);
	return 0;
}
