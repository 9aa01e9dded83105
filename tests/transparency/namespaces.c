/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who sent it, as seen from inside: credentials and pidfds across pid and user namespaces, chroot and mount
 * namespaces; and descriptor tables of threads and many processes. One line each; run with and without the
 * broker the output must be the same. Process ids outside of new namespaces are printed by name.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef SO_PASSPIDFD
#define SO_PASSPIDFD 76
#endif
#ifndef SCM_PIDFD
#define SCM_PIDFD 4
#endif

static pid_t top;   /* the first process, as numbered outside */
static bool inside; /* in a pid namespace of our own: its numbers are the same every time */
static uid_t uid;
static gid_t gid;

static const char *name_of(int pid)
{
	static char text[32];

	if (inside || pid <= 0)
		snprintf(text, sizeof(text), "%d", pid);
	else
		snprintf(text, sizeof(text), "%s",
			 pid == getpid()    ? "self"
			 : pid == top	    ? "top"
			 : pid == getppid() ? "parent"
					    : "another");
	return text;
}

static void pass(int sock)
{
	int one = 1;

	setsockopt(sock, SOL_SOCKET, SO_PASSCRED, &one, sizeof(one));
}

static void pidfd_line(int fd)
{
	char path[64], text[1024], *p, *end;
	int in;
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	in = open(path, O_RDONLY);
	n = in < 0 ? -1 : read(in, text, sizeof(text) - 1);
	if (in >= 0)
		close(in);
	if (n < 0) {
		printf(" pidfd (no /proc)");
		return;
	}
	text[n] = 0;
	p = strstr(text, "\nPid:");
	printf(" pidfd of %s", p ? name_of((int)strtol(p + 5, &end, 10)) : "nobody");
}

static void show(const char *what, int sock, int flags)
{
	char buf[64], ctl[256];
	struct iovec v = {buf, sizeof(buf)};
	struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1, .msg_control = ctl, .msg_controllen = sizeof(ctl)};
	ssize_t n = recvmsg(sock, &m, flags);

	printf("%s: %zd %s flags %x:", what, n, n < 0 ? strerror(errno) : "", (unsigned)m.msg_flags);
	for (struct cmsghdr *c = n < 0 ? NULL : CMSG_FIRSTHDR(&m); c; c = CMSG_NXTHDR(&m, c)) {
		struct ucred uc;
		int fd;

		if (c->cmsg_type == SCM_CREDENTIALS) {
			memcpy(&uc, CMSG_DATA(c), sizeof(uc));
			printf(" pid %s uid %d gid %d", name_of(uc.pid), (int)uc.uid, (int)uc.gid);
		} else if (c->cmsg_type == SCM_PIDFD || c->cmsg_type == SCM_RIGHTS) {
			memcpy(&fd, CMSG_DATA(c), sizeof(fd));
			if (c->cmsg_type == SCM_PIDFD && fd >= 0)
				pidfd_line(fd);
			else
				printf(" type %d number %d", c->cmsg_type, fd);
			close(fd);
		}
	}
	putchar('\n');
}

static void peer(const char *what, int sock)
{
	struct ucred uc;
	socklen_t n = sizeof(uc);

	if (getsockopt(sock, SOL_SOCKET, SO_PEERCRED, &uc, &n) == 0)
		printf("%s: peer pid %s uid %d gid %d\n", what, name_of(uc.pid), (int)uc.uid, (int)uc.gid);
}

static void put_file(const char *path, const char *fmt, ...)
{
	char text[100];
	va_list ap;
	int fd = open(path, O_WRONLY);

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		printf("%s: %s\n", path, strerror(errno));
	close(fd);
}

/* A user namespace in which we are root and nobody else is anybody. */
static void new_users(int more)
{
	if (unshare(CLONE_NEWUSER | more) < 0) {
		printf("unshare: %s\n", strerror(errno));
		exit(0);
	}
	put_file("/proc/self/setgroups", "deny");
	put_file("/proc/self/uid_map", "0 %d 1", (int)uid);
	put_file("/proc/self/gid_map", "0 %d 1", (int)gid);
}

/* In a child; the parent waits. */
static void in_child(void (*f)(int), int sock)
{
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		f(sock);
		fflush(stdout);
		_exit(0);
	}
	waitpid(pid, NULL, 0);
}

/* The child speaks and stays until it was heard. In a pid namespace of its own a sender that is gone has no
 * number for the broker: docs/broker.md, "Known differences". */
static void heard_while_it_lives(const char *what, void (*f)(int), int to, int at)
{
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		f(to);
		fflush(stdout);
		for (;;)
			pause();
	}
	show(what, at, 0);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static int sv[2];

static void fresh(int type)
{
	if (sv[0] || sv[1]) {
		close(sv[0]);
		close(sv[1]);
	}
	if (socketpair(AF_UNIX, type, 0, sv) < 0)
		abort();
	pass(sv[0]);
	pass(sv[1]);
}

static void say(int sock)
{
	if (send(sock, "hello", 5, 0) != 5)
		printf("send: %s\n", strerror(errno));
}

static void say_as(int sock)
{
	if (setresgid(1234, 1234, 1234) < 0 || setresuid(1234, 1234, 1234) < 0)
		printf("not root\n");
	say(sock);
}

static void hear(int sock)
{
	show("in a child", sock, 0);
	peer("in a child", sock);
}

static void hear_as_root_of_a_user_namespace(int sock)
{
	new_users(0);
	show("user namespace", sock, 0);
	show("user namespace, the sender unknown there", sock, 0);
	peer("user namespace", sock);
	say(sv[0]);
	show("user namespace, from itself", sock, 0);
}

static void grandchild(int sock)
{
	say(sv[0]);
	show("from its own, in the grandchild", sock, 0);
	peer("grandchild", sock);
	fflush(stdout); /* then it may be ended */
	say(sock);
}

static void first_of_a_pid_namespace(int sock)
{
	int one = 1;

	inside = true;
	show("pid namespace, from outside", sock, 0);
	peer("pid namespace", sock);
	say(sv[0]);
	show("pid namespace, from itself", sock, 0);
	heard_while_it_lives("pid namespace, from a child", say, sv[0], sock);
	heard_while_it_lives("pid namespace, what the grandchild said", grandchild, sock, sv[0]);
	if (setsockopt(sock, SOL_SOCKET, SO_PASSPIDFD, &one, sizeof(one)) < 0)
		printf("no SO_PASSPIDFD\n");
	if (mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("proc", "/proc", "proc", 0, NULL) < 0)
		printf("proc: %s\n", strerror(errno));
	say(sv[0]);
	show("with its own /proc, a pidfd of itself", sock, 0);
	say(sock); /* to the outside */
}

static void hear_in_a_pid_namespace(int sock)
{
	new_users(CLONE_NEWPID | CLONE_NEWNS);
	in_child(first_of_a_pid_namespace, sock);
}

static void hear_without_root(int sock)
{
	char dir[] = "/tmp/rg-ns-XXXXXX";

	new_users(0);
	if (!mkdtemp(dir) || chroot(dir) < 0 || chdir("/") < 0)
		printf("chroot: %s\n", strerror(errno));
	show("in an empty root", sock, 0);
	say(sv[0]);
	show("in an empty root, from itself", sock, 0);
}

static void people(void)
{
	static const int types[] = {SOCK_DGRAM, SOCK_STREAM, SOCK_SEQPACKET};

	for (int i = 0; i < 3; i++) {
		printf("type %d\n", types[i]);
		fresh(types[i]);
		say(sv[0]);
		show("from itself", sv[1], 0);
		in_child(say, sv[0]);
		show("from a child that is gone", sv[1], 0);
		say(sv[0]);
		in_child(hear, sv[1]);
		if (!uid)
			in_child(say_as, sv[0]), show("from another user", sv[1], 0);
		say(sv[0]);
		if (!uid)
			in_child(say_as, sv[0]);
		else
			say(sv[0]);
		in_child(hear_as_root_of_a_user_namespace, sv[1]);
		fresh(types[i]);
		say(sv[0]);
		in_child(hear_in_a_pid_namespace, sv[1]);
		show("from a pid namespace that is gone", sv[0], 0);
		fresh(types[i]);
		say(sv[0]);
		in_child(hear_without_root, sv[1]);
	}
}

static void kernel_speaks(void)
{
	struct {
		struct nlmsghdr h;
		char body[16];
	} q = {.h = {sizeof(q), 16 /* RTM_NEWLINK: refused, so answered */, NLM_F_REQUEST | NLM_F_ACK, 1, 0}};
	int s = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE), one = 1;

	pass(s);
	setsockopt(s, SOL_NETLINK, NETLINK_PKTINFO, &one, sizeof(one));
	send(s, &q, sizeof(q), 0);
	show("netlink", s, 0);
	close(s);
}

/* A thread with a descriptor table of its own gets descriptors there. */
static void *own_table(void *arg)
{
	int *sock = arg;

	(void)sock;
	if (unshare(CLONE_FILES) < 0)
		printf("unshare: %s\n", strerror(errno));
	for (int i = 0; i < 5; i++)
		close(dup(0));
	close(0);
	show("a thread with its own table", sv[1], 0);
	printf("its lowest free number: %d\n", dup(1));
	return NULL;
}

static void give(int sock, int fd)
{
	char ctl[CMSG_SPACE(sizeof(int))] = {0};
	struct iovec v = {(char[]){"fd"}, 2};
	struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1, .msg_control = ctl, .msg_controllen = sizeof(ctl)};

	*CMSG_FIRSTHDR(&m) = (struct cmsghdr){CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS};
	memcpy(CMSG_DATA(CMSG_FIRSTHDR(&m)), &fd, sizeof(fd));
	if (sendmsg(sock, &m, 0) != 2)
		printf("sendmsg: %s\n", strerror(errno));
}

static void tables(void)
{
	pthread_t t;

	fresh(SOCK_DGRAM);
	give(sv[0], 1);
	pthread_create(&t, NULL, own_table, &sv[1]);
	pthread_join(t, NULL);
	printf("0 is still open here: %d\n", fcntl(0, F_GETFD) >= 0);
	give(sv[0], 1);
	show("the first thread, its table", sv[1], 0);
}

/* Many processes, each with its own socket, at once. */
static void crowd(void)
{
	enum { N = 200, EACH = 10 };
	int good = 0, status, socks[N];

	for (int i = 0; i < N; i++) {
		int p[2];

		if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, p) < 0)
			abort();
		if (fork() == 0) {
			char buf[8], ctl[64];
			struct iovec v = {buf, sizeof(buf)};
			int right = 0;

			for (int k = 0; k < EACH; k++) {
				struct msghdr m = {.msg_iov = &v,
						   .msg_iovlen = 1,
						   .msg_control = ctl,
						   .msg_controllen = sizeof(ctl)};

				right += recvmsg(p[1], &m, 0) == 2 && CMSG_FIRSTHDR(&m) &&
					 !(m.msg_flags & MSG_CTRUNC);
			}
			_exit(right == EACH ? 0 : 1);
		}
		close(p[1]);
		socks[i] = p[0];
	}
	for (int k = 0; k < EACH; k++)
		for (int i = 0; i < N; i++)
			give(socks[i], 0);
	while (wait(&status) > 0)
		good += status == 0;
	for (int i = 0; i < N; i++)
		close(socks[i]);
	printf("%d of %d processes got %d descriptors each\n", good, N, EACH);
}

int main(void)
{
	setvbuf(stdout, NULL, _IOFBF, 1 << 16);
	for (int fd = 3; fd < 64; fd++)
		close(fd);
	top = getpid();
	uid = getuid();
	gid = getgid();
	people();
	kernel_speaks();
	tables();
	crowd();
	return 0;
}
