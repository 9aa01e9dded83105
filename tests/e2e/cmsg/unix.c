/* SPDX-License-Identifier: BSD-2-Clause */
/* AF_UNIX: descriptors, credentials, pidfds, what is left to read; and every form of time on a datagram. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "make.h"

static int pair(struct state *s, int type)
{
	int fd[2];

	if (socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, fd))
		return cannot(s, "socketpair");
	s->tx = fd[0];
	s->rx = fd[1];
	return 0;
}

static int send_fds(struct state *s, int n)
{
	union {
		struct cmsghdr h;
		char room[CMSG_SPACE(4 * sizeof(int))];
	} c = {.h = {.cmsg_len = CMSG_LEN((size_t)n * sizeof(int)),
		     .cmsg_level = SOL_SOCKET,
		     .cmsg_type = SCM_RIGHTS}};
	struct iovec iov = {(void *)"x", 1};
	struct msghdr m = {.msg_iov = &iov,
			   .msg_iovlen = 1,
			   .msg_control = &c,
			   .msg_controllen = CMSG_SPACE((size_t)n * sizeof(int))};

	for (int i = 0; i < n; i++)
		memcpy(CMSG_DATA(&c.h) + (size_t)i * sizeof(int), &s->tx, sizeof(int));
	return sendmsg(s->tx, &m, 0) == 1 ? 0 : cannot(s, "sendmsg");
}

static void expect_credentials(struct state *s)
{
	expect(s, "{level=SOL_SOCKET type=SCM_CREDENTIALS len=%u pid=%d uid=%u gid=%u}", LEN(12), getpid(),
	       getuid(), getgid());
}

static int setup_rights(struct state *s)
{
	return pair(s, SOCK_DGRAM);
}
static int send_rights(struct state *s)
{
	return send_fds(s, 3);
}
static void expect_rights(struct state *s)
{
	expect(s, "{level=SOL_SOCKET type=SCM_RIGHTS len=%u fds=[%d %d %d]}", LEN(12), s->next_fd,
	       s->next_fd + 1, s->next_fd + 2);
}

static int setup_credentials(struct state *s)
{
	return pair(s, SOCK_SEQPACKET) || ON(s->rx, SOL_SOCKET, SO_PASSCRED);
}

static int setup_pidfd(struct state *s)
{
	return pair(s, SOCK_DGRAM) || ON(s->rx, SOL_SOCKET, N_PASSPIDFD);
}
static void expect_pidfd(struct state *s)
{
	expect(s, "{level=SOL_SOCKET type=SCM_PIDFD len=%u pidfd=%d process=%%d}", LEN(4), s->next_fd);
}

/* Two bytes sent, one received: one is left. The rest is taken away before the next send. */
static int setup_inq(struct state *s)
{
	return pair(s, SOCK_STREAM) || ON(s->rx, SOL_SOCKET, N_INQ);
}
static int send_inq(struct state *s)
{
	char rest[16];

	while (recv(s->rx, rest, sizeof(rest), MSG_DONTWAIT) > 0)
		;
	return send(s->tx, "four", 4, 0) == 4 ? 0 : cannot(s, "send");
}
static void expect_inq(struct state *s)
{
	expect(s, "{level=SOL_SOCKET type=SCM_INQ len=%u unread=3}", LEN(4));
}

static int setup_all(struct state *s)
{
	return pair(s, SOCK_STREAM) || ON(s->rx, SOL_SOCKET, SO_PASSCRED) ||
	       ON(s->rx, SOL_SOCKET, N_PASSPIDFD) || ON(s->rx, SOL_SOCKET, N_INQ);
}
static int send_all(struct state *s)
{
	return send_fds(s, 2);
}
static void expect_all(struct state *s)
{
	expect_credentials(s);
	expect(s, "{level=SOL_SOCKET type=SCM_RIGHTS len=%u fds=[%d %d]}", LEN(8), s->next_fd,
	       s->next_fd + 1);
	expect(s, "{level=SOL_SOCKET type=SCM_PIDFD len=%u pidfd=%d process=%%d}", LEN(4), s->next_fd + 2);
	expect(s, "{level=SOL_SOCKET type=SCM_INQ len=%u unread=0}", LEN(4));
}

/* --- every form of time: the program's own clock brackets it */
/* Stamping is switched on behind the call's back (a static key, by a worker): wait until it works. */
static int await_stamps(struct state *s)
{
	char data, control[256];
	struct iovec iov = {&data, 1};

	for (int i = 0; i < 2000; i++) {
		struct msghdr m = {.msg_iov = &iov,
				   .msg_iovlen = 1,
				   .msg_control = control,
				   .msg_controllen = sizeof(control)};

		if (send_byte(s) || recvmsg(s->rx, &m, 0) != 1)
			return cannot(s, "a first datagram");
		if (m.msg_controllen)
			return 0;
		usleep(1000);
	}
	errno = ETIME;
	return cannot(s, "stamps");
}
static int setup_stamp(struct state *s, int option, int value, const char *name)
{
	return udp_pair(s, AF_INET) || turn_on(s, s->rx, SOL_SOCKET, option, value, name) || await_stamps(s);
}
static void expect_stamp(struct state *s, const char *type, unsigned len, const char *field)
{
	/* microseconds are cut off, and the stamp may have been taken on another CPU */
	expect(s, "{level=SOL_SOCKET type=%s len=%u %s=%%<%llu:%llu>}", type, len, field,
	       (unsigned long long)s->before - 1000, (unsigned long long)s->after);
}
#define STAMP(sym, option, value, type, len, field)         \
	static int setup_##sym(struct state *s)             \
	{                                                   \
		return setup_stamp(s, option, value, type); \
	}                                                   \
	static void expect_##sym(struct state *s)           \
	{                                                   \
		expect_stamp(s, type, len, field);          \
	}
#define RX_SOFTWARE (1 << 3 | 1 << 4)
STAMP(timestamp, N_TIMESTAMP_OLD, 1, "SO_TIMESTAMP_OLD", LONGS(2), "time")
STAMP(timestampns, N_TIMESTAMPNS_OLD, 1, "SO_TIMESTAMPNS_OLD", LONGS(2), "time")
STAMP(timestamping, N_TIMESTAMPING_OLD, RX_SOFTWARE, "SO_TIMESTAMPING_OLD", LONGS(6), "software")
STAMP(timestamp_new, N_TIMESTAMP_NEW, 1, "SO_TIMESTAMP_NEW", LEN(16), "time")
STAMP(timestampns_new, N_TIMESTAMPNS_NEW, 1, "SO_TIMESTAMPNS_NEW", LEN(16), "time")
STAMP(timestamping_new, N_TIMESTAMPING_NEW, RX_SOFTWARE, "SO_TIMESTAMPING_NEW", LEN(48), "software")

static int setup_dgram_stamp(struct state *s)
{
	return pair(s, SOCK_DGRAM) || turn_on(s, s->rx, SOL_SOCKET, N_TIMESTAMPNS_OLD, 1, "SO_TIMESTAMPNS") ||
	       ON(s->rx, SOL_SOCKET, SO_PASSCRED);
}
static void expect_dgram_stamp(struct state *s)
{
	expect_timestampns(s);
	expect_credentials(s);
}

#define SOCK(type) "SOL_SOCKET/" type
const struct scene unix_scenes[] = {
	{"unix rights", SOCK("SCM_RIGHTS"), AF_UNIX, false, setup_rights, send_rights, expect_rights},
	{"unix credentials", SOCK("SCM_CREDENTIALS"), AF_UNIX, false, setup_credentials, send_byte,
	 expect_credentials},
	{"unix pidfd", SOCK("SCM_PIDFD"), AF_UNIX, false, setup_pidfd, send_byte, expect_pidfd},
	{"unix inq", SOCK("SCM_INQ"), AF_UNIX, false, setup_inq, send_inq, expect_inq},
	{"unix all at once", "", AF_UNIX, false, setup_all, send_all, expect_all},
	{"unix time and credentials", "", AF_UNIX, false, setup_dgram_stamp, send_byte, expect_dgram_stamp},
	{"timestamp", SOCK("SO_TIMESTAMP_OLD"), AF_INET, false, setup_timestamp, send_byte, expect_timestamp},
	{"timestampns", SOCK("SO_TIMESTAMPNS_OLD"), AF_INET, false, setup_timestampns, send_byte,
	 expect_timestampns},
	{"timestamping", SOCK("SO_TIMESTAMPING_OLD"), AF_INET, false, setup_timestamping, send_byte,
	 expect_timestamping},
	{"timestamp new", SOCK("SO_TIMESTAMP_NEW"), AF_INET, false, setup_timestamp_new, send_byte,
	 expect_timestamp_new},
	{"timestampns new", SOCK("SO_TIMESTAMPNS_NEW"), AF_INET, false, setup_timestampns_new, send_byte,
	 expect_timestampns_new},
	{"timestamping new", SOCK("SO_TIMESTAMPING_NEW"), AF_INET, false, setup_timestamping_new, send_byte,
	 expect_timestamping_new},
	{NULL, NULL, 0, false, NULL, NULL, NULL}};
