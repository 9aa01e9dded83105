/* SPDX-License-Identifier: BSD-2-Clause */
/* Who sent it: credentials by message, by option, at connect time; pidfds; another process as the sender. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "oracle.h"

#ifndef SO_PASSPIDFD
#define SO_PASSPIDFD 76
#endif

static const struct {
	int type;
	const char *name;
} types[] = {{SOCK_STREAM, "stream"}, {SOCK_DGRAM, "dgram"}, {SOCK_SEQPACKET, "seqpacket"}};

/* A child that sends on fd and exits; its pid. */
static pid_t child_sends(int fd, uid_t uid, bool explicit_creds)
{
	pid_t pid = O_OK(fork());

	if (pid == 0) {
		if (uid && (setgid(uid) || setuid(uid)))
			_exit(1);
		if (explicit_creds)
			put_creds(fd, "signed", 6, getpid(), uid, uid);
		else
			put(fd, "from a child", 12);
		_exit(0);
	}
	int status;
	O_OK(waitpid(pid, &status, 0));
	if (status)
		o_die("child");
	return pid;
}

static void by_message(int type, const char *name)
{
	int sv[2];

	pair(type, sv);
	o_case("%s, PASSCRED off: the peer of the connection", name);
	child_sends(sv[1], 0, false);
	O_HINT(.sender = getpid(), .how = "connect");
	o_take(sv[0], 100, 200, 0);
	on(sv[0], SOL_SOCKET, SO_PASSCRED);
	o_case("%s, PASSCRED: the child that sent", name);
	pid_t pid = child_sends(sv[1], 0, false);
	O_HINT(.sender = pid, .how = "message");
	o_take(sv[0], 100, 200, 0);
	o_case("%s, SCM_CREDENTIALS sent explicitly by uid 65534", name);
	pid = child_sends(sv[1], 65534, true);
	O_HINT(.sender = pid, .how = "message");
	o_take(sv[0], 100, 200, 0);
	o_case("%s, credentials of pid 1, claimed by root", name);
	put_creds(sv[1], "claimed", 7, 1, 0, 0);
	O_HINT(.sender = 1, .how = "message");
	o_take(sv[0], 100, 200, 0);
	o_case("%s, credentials and descriptors", name);
	int fd = O_OK(open("/etc/passwd", O_RDONLY | O_CLOEXEC));
	put_fds(sv[1], "both", 4, &fd, 1);
	close(fd);
	O_HINT(.sender = getpid(), .how = "message", .fds_sent = 1);
	o_take(sv[0], 100, 200, 0);
	close(sv[0]);
	close(sv[1]);
}

static void pidfds(int type, const char *name)
{
	int sv[2], one = 1;

	pair(type, sv);
	if (setsockopt(sv[0], SOL_SOCKET, SO_PASSPIDFD, &one, sizeof(one))) {
		o_skip("SCM_PIDFD", "SO_PASSPIDFD: %s", strerror(errno));
	} else {
		o_case("%s, SCM_PIDFD", name);
		put(sv[1], "with a pidfd", 12);
		O_HINT(.sender = getpid());
		o_take(sv[0], 100, 200, 0);
		o_case("%s, SCM_PIDFD without room", name);
		put(sv[1], "no room", 7);
		o_take(sv[0], 100, 16, 0);
		on(sv[0], SOL_SOCKET, SO_PASSCRED);
		o_case("%s, SCM_CREDENTIALS and SCM_PIDFD", name);
		put(sv[1], "all", 3);
		o_take(sv[0], 100, 200, 0);
	}
	close(sv[0]);
	close(sv[1]);
}

/* The client is another process, connected before and gone after. */
static void client(int type, const char *name)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	int l = O_OK(socket(AF_UNIX, type | SOCK_CLOEXEC, 0));

	o_case("%s, a client that connected, sent and exited", name);
	snprintf(sun.sun_path + 1, sizeof(sun.sun_path) - 1, "rg-creds-%d-%s", getpid(), name);
	socklen_t len = offsetof(struct sockaddr_un, sun_path) + 1 + strlen(sun.sun_path + 1);
	O_OK(bind(l, (void *)&sun, len));
	O_OK(listen(l, 1));
	pid_t pid = O_OK(fork());
	if (pid == 0) {
		int c = O_OK(socket(AF_UNIX, type | SOCK_CLOEXEC, 0));
		O_OK(connect(c, (void *)&sun, len));
		put(c, "as a client", 11);
		_exit(0);
	}
	O_OK(waitpid(pid, NULL, 0));
	int a = O_OK(accept4(l, NULL, NULL, SOCK_CLOEXEC));
	/* sent before accept(2): the kernel then attaches credentials to the message itself */
	O_HINT(.sender = pid, .how = "message");
	o_take(a, 100, 0, 0);
	close(a);
	close(l);
}

/* Streams do not mix what different senders wrote once PASSCRED is on. */
static void stream_stops_at_sender(void)
{
	int sv[2];

	pair(SOCK_STREAM, sv);
	on(sv[0], SOL_SOCKET, SO_PASSCRED);
	o_case("stream stops where the sender changes");
	pid_t one = child_sends(sv[1], 0, false), two = child_sends(sv[1], 0, false);
	O_HINT(.sender = one, .how = "message");
	o_take(sv[0], 100, 200, 0);
	O_HINT(.sender = two, .how = "message");
	o_take(sv[0], 100, 200, 0);
	close(sv[0]);
	close(sv[1]);
}

int main(void)
{
	for (int i = 0; i < 3; i++) {
		by_message(types[i].type, types[i].name);
		pidfds(types[i].type, types[i].name);
		if (types[i].type != SOCK_DGRAM)
			client(types[i].type, types[i].name);
	}
	stream_stops_at_sender();
	return 0;
}
