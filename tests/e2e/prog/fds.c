/* SPDX-License-Identifier: BSD-2-Clause */
/* Passed descriptors: every kind, 1 to 253 of them, too little room, EMFILE, PEEK, credentials beside. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "oracle.h"

#define ROOM(n) CMSG_SPACE((n) * sizeof(int))

static int sealed_memfd(void)
{
	int fd = O_OK(memfd_create("sealed \x1b[31m", MFD_CLOEXEC | MFD_ALLOW_SEALING));

	O_OK(ftruncate(fd, 4096));
	O_OK(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE));
	return fd;
}

static int temp_file(int flags)
{
	char path[] = "/tmp/rg-oracle-file-XXXXXX";
	int fd = O_OK(mkostemp(path, O_CLOEXEC)), again;

	if (write(fd, "content", 7) != 7)
		o_die("write");
	again = O_OK(open(path, flags | O_CLOEXEC));
	close(fd);
	unlink(path);
	return again;
}

static int tcp_listener(void)
{
	struct sockaddr_storage ss;
	socklen_t len;
	int fd = O_OK(inet_socket(AF_INET, SOCK_STREAM, 0, &ss, &len));

	O_OK(listen(fd, 1));
	return fd;
}

static int signal_fd(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	return O_OK(signalfd(-1, &set, SFD_CLOEXEC));
}

/* A memfd's name does not make one, on whatever file system (a tmpfs where /dev/shm or /tmp is one). */
static int file_as_memfd(void)
{
	int fd = open("/dev/shm/memfd:oracle", O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	if (fd >= 0) {
		unlink("/dev/shm/memfd:oracle");
		return fd;
	}
	fd = O_OK(open("/tmp/memfd:oracle", O_RDWR | O_CREAT | O_CLOEXEC, 0600));
	unlink("/tmp/memfd:oracle");
	return fd;
}

static int make(const char *kind)
{
	int p[2];

	if (!strcmp(kind, "file"))
		return O_OK(open("/etc/passwd", O_RDONLY | O_CLOEXEC));
	if (!strcmp(kind, "deleted file, O_RDWR|O_APPEND"))
		return temp_file(O_RDWR | O_APPEND);
	if (!strcmp(kind, "directory"))
		return O_OK(open("/usr/share/doc", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	if (!strcmp(kind, "O_PATH"))
		return O_OK(open("/usr/share/doc", O_PATH | O_CLOEXEC));
	if (!strcmp(kind, "root directory"))
		return O_OK(open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	if (!strcmp(kind, "character device"))
		return O_OK(open("/dev/null", O_WRONLY | O_CLOEXEC));
	if (!strcmp(kind, "memfd"))
		return O_OK(memfd_create("plain", MFD_CLOEXEC));
	if (!strcmp(kind, "file named as a memfd"))
		return file_as_memfd();
	if (!strcmp(kind, "sealed memfd"))
		return sealed_memfd();
	if (!strcmp(kind, "pipe")) {
		O_OK(pipe2(p, O_CLOEXEC | O_NONBLOCK));
		close(p[1]);
		return p[0];
	}
	if (!strcmp(kind, "eventfd"))
		return O_OK(eventfd(0, EFD_CLOEXEC));
	if (!strcmp(kind, "epoll"))
		return O_OK(epoll_create1(EPOLL_CLOEXEC));
	if (!strcmp(kind, "timerfd"))
		return O_OK(timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC));
	if (!strcmp(kind, "signalfd"))
		return signal_fd();
	if (!strcmp(kind, "inotify"))
		return O_OK(inotify_init1(IN_CLOEXEC));
	if (!strcmp(kind, "pidfd"))
		return O_OK(syscall(SYS_pidfd_open, getpid(), 0));
	if (!strcmp(kind, "tcp listener"))
		return tcp_listener();
	if (!strcmp(kind, "unix socket")) {
		pair(SOCK_STREAM, p);
		close(p[1]);
		return p[0];
	}
	errno = EINVAL;
	o_die(kind);
}

static void kinds(void)
{
	static const char *const kind[] = {"file",	     "deleted file, O_RDWR|O_APPEND",
					   "directory",	     "O_PATH",
					   "root directory", "character device",
					   "memfd",	     "file named as a memfd",
					   "sealed memfd",   "pipe",
					   "eventfd",	     "epoll",
					   "timerfd",	     "signalfd",
					   "inotify",	     "pidfd",
					   "tcp listener",   "unix socket"};
	int sv[2];

	pair(SOCK_STREAM, sv);
	for (unsigned i = 0; i < sizeof(kind) / sizeof(kind[0]); i++) {
		o_case("fd kind %s", kind[i]);
		int fd = make(kind[i]);
		put_fds(sv[1], "d", 1, &fd, 1);
		close(fd);
		O_HINT(.fds_sent = 1, .sender = getpid(), .how = "connect");
		o_take(sv[0], 10, ROOM(1), i & 1 ? MSG_CMSG_CLOEXEC : 0);
	}
	close(sv[0]);
	close(sv[1]);
}

static void counts(int type, const char *name)
{
	static const int n[] = {1, 2, 3, 9, 64, 253};
	int fds[253], sv[2];

	pair(type, sv);
	for (int i = 0; i < 253; i++)
		fds[i] = O_OK(i & 1 ? eventfd(0, EFD_CLOEXEC) : open("/etc/passwd", O_RDONLY | O_CLOEXEC));
	for (unsigned i = 0; i < sizeof(n) / sizeof(n[0]); i++) {
		o_case("%s, %d descriptors", name, n[i]);
		put_fds(sv[1], "many", 4, fds, n[i]);
		O_HINT(.fds_sent = n[i]);
		o_take(sv[0], 10, ROOM(253), 0);
	}
	o_case("%s, descriptors peeked at, then received", name);
	put_fds(sv[1], "twice", 5, fds, 2);
	O_HINT(.fds_sent = 2);
	o_take(sv[0], 10, ROOM(253), MSG_PEEK);
	O_HINT(.fds_sent = 2);
	o_take(sv[0], 10, ROOM(253), 0);
	o_case("%s, descriptors lost to read", name);
	put_fds(sv[1], "lost", 4, fds, 3);
	O_HINT(.fds_sent = 3);
	o_read(sv[0], o_edge(4), 4);
	for (int i = 0; i < 253; i++)
		close(fds[i]);
	close(sv[0]);
	close(sv[1]);
}

/* Every control length up to room for all of three descriptors and credentials. */
static void sweep(void)
{
	int fds[3] = {make("file"), make("memfd"), make("eventfd")}, sv[2];

	pair(SOCK_DGRAM, sv);
	for (int cred = 0; cred < 2; cred++) {
		if (cred)
			on(sv[0], SOL_SOCKET, SO_PASSCRED);
		size_t top = ROOM(3) + (cred ? CMSG_SPACE(sizeof(struct ucred)) : 0);
		for (size_t room = 0; room <= top; room++) {
			o_case("control room %zu of %zu%s", room, top, cred ? ", credentials first" : "");
			put_fds(sv[1], "three", 5, fds, 3);
			O_HINT(.fds_sent = 3);
			o_take(sv[0], 10, room, 0);
		}
	}
	for (int i = 0; i < 3; i++)
		close(fds[i]);
	close(sv[0]);
	close(sv[1]);
}

static void emfile(void)
{
	struct rlimit old, low;
	int fds[4], sv[2];

	pair(SOCK_STREAM, sv);
	for (int i = 0; i < 4; i++)
		fds[i] = make("eventfd");
	O_OK(getrlimit(RLIMIT_NOFILE, &old));
	for (int left = 0; left < 4; left++) {
		o_case("EMFILE with room for %d of 4 descriptors", left);
		put_fds(sv[1], "four", 4, fds, 4);
		int top = O_OK(dup(0)); /* lowest free number */
		close(top);
		low = old;
		low.rlim_cur = top + left;
		O_OK(setrlimit(RLIMIT_NOFILE, &low));
		static struct o_buf b;
		struct msghdr *m = o_msg(&b, 10, ROOM(4));
		struct o_call c;
		O_HINT(.fds_sent = 4);
		/* asked before the limit would hide it */
		o_begin(&c, "recvmsg", sv[0], 0, true);
		ssize_t n = recvmsg(sv[0], m, 0);
		int err = errno;
		O_OK(setrlimit(RLIMIT_NOFILE, &old));
		c.iov = m->msg_iov;
		c.n_iov = 1;
		c.msg = m;
		o_end(&c, n, err);
		o_close_fds(m);
	}
	for (int i = 0; i < 4; i++)
		close(fds[i]);
	close(sv[0]);
	close(sv[1]);
}

static void two_lists(void)
{
	char control[ROOM(1) + ROOM(2)] = {0};
	struct iovec iov = {(void *)"x", 1};
	struct msghdr m = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control)};
	int fds[3] = {make("file"), make("pipe"), make("epoll")}, sv[2];
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);

	o_case("two SCM_RIGHTS sent, one received");
	pair(SOCK_SEQPACKET, sv);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), fds, sizeof(int));
	c = CMSG_NXTHDR(&m, c);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(2 * sizeof(int));
	memcpy(CMSG_DATA(c), fds + 1, 2 * sizeof(int));
	O_OK(sendmsg(sv[1], &m, 0));
	O_HINT(.fds_sent = 3);
	o_take(sv[0], 10, ROOM(3), MSG_CMSG_CLOEXEC);
	for (int i = 0; i < 3; i++)
		close(fds[i]);
	close(sv[0]);
	close(sv[1]);
}

int main(void)
{
	raise_nofile();
	kinds();
	counts(SOCK_STREAM, "stream");
	counts(SOCK_SEQPACKET, "seqpacket");
	sweep();
	emfile();
	two_lists();
	return 0;
}
