/* SPDX-License-Identifier: BSD-2-Clause */
/* Datagrams dropped as they are queued, descriptors refused as they are installed. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "enforce.h"

#define LARGE 40000

static char large[LARGE];

static void send_fds(int sock, const int *fds, unsigned n, const void *data, size_t len)
{
	char ctl[CMSG_SPACE(4 * sizeof(int))] = {0};
	struct iovec iov = {(void *)(uintptr_t)data, len};
	struct msghdr m = {.msg_iov = &iov,
			   .msg_iovlen = 1,
			   .msg_control = ctl,
			   .msg_controllen = CMSG_SPACE(n * sizeof(int))};
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(n * sizeof(int));
	memcpy(CMSG_DATA(c), fds, n * sizeof(int));
	if (sendmsg(sock, &m, 0) < 0)
		perror("# sendmsg");
}

/* What arrives: the first bytes of each message, joined. */
static void arrived(int fd, char *out, size_t size)
{
	static char b[LARGE + 1];
	ssize_t n;

	out[0] = '\0';
	usleep(20000);
	while ((n = recv(fd, b, LARGE, MSG_DONTWAIT)) >= 0) {
		b[n < 1 ? 0 : 1] = '\0';
		if (strlen(out) + 2 < size)
			strcat(out, b);
	}
}

/* a: short; b: begins with "bad"; c: 500 bytes; d: 40,000 bytes with a mark at 30,000 (in a page of its own);
 * e: short */
static void send_all(int fd)
{
	char c[500] = "c";

	k_send(fd, "a", 1);
	k_send(fd, "bad", 3);
	k_send(fd, c, sizeof(c));
	memset(large, 'd', sizeof(large));
	memcpy(large + 30000, "MARK", 4);
	k_send(fd, large, sizeof(large));
	k_send(fd, "e", 1);
}

static void content(enum k_kind kind, const char *socket, const char *cond, const char *want)
{
	char rules[512], got[32];
	int pair[2], r;

	k_pair(kind, pair);
	snprintf(rules, sizeof(rules), "    - {name: it, when: '%s and %s', then: drop}\n", socket, cond);
	r = k_enforce(rules, "--no-wait");
	send_all(pair[0]);
	arrived(pair[1], got, sizeof(got));
	k_result(!r && !strcmp(got, want), "%s: %s: %s arrives", k_kind_names[kind], cond, want);
	if (strcmp(got, want))
		printf("# %s arrived\n", got);
	k_close(pair);
}

static void contents(void)
{
	static const struct {
		enum k_kind kind;
		const char *socket;
	} on[] = {{K_DGRAM, "sock.family == unix and sock.type == dgram"},
		  {K_SEQPACKET, "sock.family == unix and sock.type == seqpacket"},
		  {K_UDP, "sock.family == inet and sock.type == dgram"},
		  {K_UDP6, "sock.family == inet6 and sock.type == dgram"}};

	for (unsigned i = 0; i < 4; i++) {
		content(on[i].kind, on[i].socket, "msg.size > 100", "abe");
		content(on[i].kind, on[i].socket, "msg.size in 2..10", "acde");
		content(on[i].kind, on[i].socket, "msg.data startswith \"bad\"", "acde");
		content(on[i].kind, on[i].socket, "msg.data[30000:30004] == \"MARK\"", "abce");
		content(on[i].kind, on[i].socket, "(u8(msg.data, 0) == 0x65 or msg.size == 500)", "abd");
	}
	/* the first rule that matches decides, also between content */
	content(K_DGRAM, "sock.family == unix",
		"sock.type == dgram and not msg.data startswith \"bad\" and msg.size < 1000", "bd");
}

static void first_match(void)
{
	char got[32];
	int pair[2];

	k_pair(K_DGRAM, pair);
	k_result(!k_enforce("    - {name: let it, when: 'sock.family == unix and msg.data startswith \"c\"', "
			    "then: allow}\n"
			    "    - {name: drop, when: 'sock.family == unix and sock.type == dgram and "
			    "msg.size > 2', then: drop}\n",
			    "--no-wait"),
		 "an exception by content");
	send_all(pair[0]);
	arrived(pair[1], got, sizeof(got));
	k_result(!strcmp(got, "ace"), "first match wins at queueing: %s arrives", got);
	k_result(!k_enforce("    - {name: drop, when: 'sock.family == unix and sock.type == dgram and "
			    "msg.size > 2', then: drop}\n",
			    "--no-wait --audit"),
		 "the same in audit");
	send_all(pair[0]);
	arrived(pair[1], got, sizeof(got));
	k_result(!strcmp(got, "abcde"), "audit lets all through: %s arrives", got);
	k_close(pair);
}

static void senders(void)
{
	char rules[400], got[32];
	int pair[2], status;
	pid_t pid;

	k_pair(K_DGRAM, pair);
	k_enforce("    - {name: it, when: 'sock.family == unix and sock.type == dgram and sender.uid == "
		  "65534', then: drop}\n",
		  "--no-wait");
	k_send(pair[0], "r", 1);
	pid = fork();
	if (!pid) {
		if (setuid(65534))
			_exit(1);
		k_send(pair[0], "n", 1);
		_exit(0);
	}
	waitpid(pid, &status, 0);
	arrived(pair[1], got, sizeof(got));
	k_result(!status && !strcmp(got, "r"), "unix dgram: by the sender's user: %s arrives", got);
	k_close(pair);

	k_pair(K_UDP, pair);
	{
		struct sockaddr_in a;
		socklen_t len = sizeof(a);
		int other = socket(AF_INET, SOCK_DGRAM, 0);

		getsockname(pair[0], (void *)&a, &len);
		snprintf(rules, sizeof(rules),
			 "    - {name: it, when: 'sock.family == inet and sock.type == dgram and "
			 "msg.name.port == %d and "
			 "msg.name.addr in 127.0.0.0/8', then: drop}\n",
			 ntohs(a.sin_port));
		k_result(!k_enforce(rules, "--no-wait"), "by where a datagram comes from");
		k_send(pair[0], "x", 1);
		getsockname(pair[1], (void *)&a, &len);
		sendto(other, "y", 1, 0, (void *)&a, sizeof(a));
		k_readable(pair[1]);
		arrived(pair[1], got, sizeof(got));
		k_result(!strcmp(got, "y"), "udp: by the sender's address and port: %s arrives", got);
		close(other);
	}
	k_close(pair);
}

static void fd_counts(enum k_kind kind, const char *type)
{
	int pair[2], fds[2] = {0, 1};
	char rules[300], got[32];

	k_pair(kind, pair);
	snprintf(rules, sizeof(rules),
		 "    - {name: it, when: 'sock.family == unix and sock.type == %s and fd.count > 1', then: "
		 "drop}\n",
		 type);
	k_enforce(rules, "--no-wait");
	send_fds(pair[0], fds, 1, "1", 1);
	send_fds(pair[0], fds, 2, "2", 1);
	k_send(pair[0], "0", 1);
	arrived(pair[1], got, sizeof(got));
	k_result(!strcmp(got, "10"), "%s: by the number of descriptors: %s arrives", k_kind_names[kind], got);
	k_close(pair);
}

/* ---- descriptors */

/* Which of three descriptors (memfd, file, memfd) arrive, as text; 'T' when MSG_CTRUNC is set. */
static void receive_fds(int fd, char *out)
{
	char ctl[256] __attribute__((aligned(8))), b[16];
	struct iovec iov = {b, sizeof(b)};
	struct msghdr m = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = ctl, .msg_controllen = sizeof(ctl)};
	ssize_t n = recvmsg(fd, &m, MSG_DONTWAIT);
	struct cmsghdr *c = n >= 0 ? CMSG_FIRSTHDR(&m) : NULL;
	unsigned count = 0;

	if (c && c->cmsg_type == SCM_RIGHTS) {
		int got[16];

		count = (unsigned)((c->cmsg_len - CMSG_LEN(0)) / sizeof(int));
		memcpy(got, CMSG_DATA(c), count * sizeof(int));
		for (unsigned i = 0; i < count; i++)
			close(got[i]);
	}
	sprintf(out, "%s%u%s", n < 0 ? "no message, " : "", count,
		n >= 0 && m.msg_flags & MSG_CTRUNC ? " T" : "");
}

static void strip(enum k_kind kind, const char *when, const char *want)
{
	int mem = memfd_create("m", 0), file = open("/etc/passwd", O_RDONLY | O_CLOEXEC);
	int fds[3] = {mem, file, mem}, pair[2];
	char rules[300], got[32];

	k_pair(kind, pair);
	snprintf(rules, sizeof(rules),
		 "    - {name: it, when: 'proc.comm == \"ktest-victim\" and any(fd, %s)', then: strip}\n",
		 when);
	k_result(!k_enforce(rules, "--no-wait"), "any(fd, %s)", when);
	send_fds(pair[0], fds, 3, "x", 1);
	k_name("ktest-victim");
	receive_fds(pair[1], got);
	k_name("ktest-other");
	k_result(!strcmp(got, want), "%s: %s of three descriptors arrive", k_kind_names[kind], want);
	if (strcmp(got, want))
		printf("# %s did\n", got);
	send_fds(pair[0], fds, 3, "x", 1);
	receive_fds(pair[1], got);
	k_result(!strcmp(got, "3"), "another process gets all: %s", got);
	close(mem);
	close(file);
	k_close(pair);
}

void enforce_stages(void)
{
	content(K_DGRAM, "sock.family == unix and sock.type == dgram", "msg.data startswith \"bad\"", "acde");
	content(K_UDP, "sock.family == inet and sock.type == dgram", "msg.size > 100", "abe");
	fd_counts(K_SEQPACKET, "seqpacket");
	strip(K_STREAM, "kind != memfd", "1 T");
}

void enforce_queue(void)
{
	contents();
	first_match();
	senders();
	fd_counts(K_DGRAM, "dgram");
	fd_counts(K_SEQPACKET, "seqpacket");
	strip(K_STREAM, "kind != memfd", "1 T");
	strip(K_DGRAM, "kind == memfd", "0 T");
	strip(K_SEQPACKET, "kind == socket", "3");
	strip(K_DGRAM, "kind == file and flags has none {O_WRONLY, O_RDWR}", "1 T");
}
