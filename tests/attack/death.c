/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * death RECVGUARD: supervisors killed at random points while messages flow, the program must fail closed;
 * receivers killed at random points, the supervisor must keep nothing of theirs; a second listener.
 * RG_DEATH_ROUNDS: supervisors killed, default 12.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SIZE	 64
#define NURSLING 150 /* receivers killed */
#define KEPT	 400 /* pidfds and /proc folders of the dead that may wait for the next sweep */

static struct shared {
	atomic_ulong good, evil, enosys, after, children;
	atomic_int phase, stop;
} * s;

static const char policy[] =
	"apiVersion: recvguard/v1\nkind: Policy\nmetadata: {name: death}\nspec:\n  default: allow\n"
	"  rules:\n    - {name: no evil, when: 'msg.data contains \"EVIL\"', then: deny EMSGSIZE}\n";

/* Receive until the supervisor is gone, then see that nothing comes through any more. */
static void *receiver(void *arg)
{
	int sock = *(int *)arg;
	bool gone = false;

	for (unsigned i = 0, later = 0; later < 200 && !(s->stop && !gone); i++) {
		char buf[SIZE] = {0}, ctl[CMSG_SPACE(sizeof(int))];
		struct iovec v = {buf, SIZE};
		struct msghdr m = {
			.msg_iov = &v, .msg_iovlen = 1, .msg_control = ctl, .msg_controllen = sizeof(ctl)};
		ssize_t n = i % 3 == 0	 ? recvmsg(sock, &m, MSG_CMSG_CLOEXEC)
			    : i % 3 == 1 ? read(sock, buf, SIZE)
					 : recv(sock, buf, SIZE, MSG_DONTWAIT);

		if (i % 3 == 0 && n >= 0 && m.msg_controllen) {
			int fd;

			memcpy(&fd, CMSG_DATA((struct cmsghdr *)ctl), sizeof(fd));
			close(fd);
		}
		if (memmem(buf, SIZE, "EVIL", 4))
			s->evil++;
		else if (memmem(buf, SIZE, "GOOD", 4))
			gone ? s->after++ : s->good++;
		if (n < 0 && errno == ENOSYS) {
			s->enosys++;
			gone = true;
		}
		later += gone;
	}
	return NULL;
}

static void crowd(int sock, unsigned n)
{
	struct timeval tv = {0, 100000};
	pthread_t t[3];

	setsockopt(sock, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv)); /* to see `stop` */
	for (unsigned i = 0; i < n; i++)
		pthread_create(&t[i], NULL, receiver, &sock);
	for (unsigned i = 0; i < n; i++)
		pthread_join(t[i], NULL);
}

/* Children that receive, each killed somewhere in between. */
static void nursery(int sock)
{
	unsigned x = (unsigned)getpid();

	while (!s->good && !s->stop) {
		char buf[SIZE];

		s->good += recv(sock, buf, SIZE, 0) > 0;
	}
	s->phase = 1;
	while (s->phase == 1 && !s->stop)
		usleep(1000);
	for (int i = 0; i < NURSLING; i++) {
		pid_t p = fork();

		if (p == 0) {
			crowd(sock, 2);
			_exit(0);
		}
		x = x * 1103515245u + 12345u;
		usleep(x >> 16 & 4095);
		kill(p, SIGKILL);
		waitpid(p, NULL, 0);
		s->children++;
	}
	s->phase = 3;
	while (!s->stop)
		usleep(1000);
}

/* A listener of one's own, to answer one's own receives with. */
static void second_listener(void)
{
	struct sock_filter all = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF);
	struct sock_fprog prog = {1, &all};

	s->after =
		syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &prog) >= 0;
	s->enosys = errno == EBUSY;
}

static void sender(int sock)
{
	char buf[SIZE] = {0}, ctl[CMSG_SPACE(sizeof(int))];
	struct iovec v = {buf, SIZE};
	struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1, .msg_control = ctl, .msg_controllen = sizeof(ctl)};
	int memfd = memfd_create("death", 0);
	struct timeval tv = {0, 50000};

	setsockopt(sock, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv));
	*CMSG_FIRSTHDR(&m) = (struct cmsghdr){CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS};
	memcpy(CMSG_DATA(CMSG_FIRSTHDR(&m)), &memfd, sizeof(memfd));
	for (unsigned i = 0; !s->stop; i++) {
		memcpy(buf, i * 2654435761u >> 31 ? "EVIL" : "GOOD", 4);
		if (sendmsg(sock, &m, MSG_NOSIGNAL) < 0 && errno != EAGAIN)
			break;
		if (i % 256 > 192) /* now and then nothing is there, and all wait */
			usleep(200);
	}
	_exit(0);
}

struct play {
	pid_t victim, sender, super;
	int sock[2];
};

static bool start(struct play *p, const char *recvguard, const char *role)
{
	char self[4096] = {0}, number[16], path[] = "/tmp/rg-death-XXXXXX", text[32] = {0};
	int fd = mkstemp(path);

	memset(s, 0, sizeof(*s));
	if (fd < 0 || readlink("/proc/self/exe", self, 4095) < 0 ||
	    socketpair(AF_UNIX, SOCK_DGRAM, 0, p->sock))
		return false;
	snprintf(number, sizeof(number), "%d", p->sock[1]);
	p->sender = fork();
	if (p->sender == 0) {
		close(p->sock[1]);
		sender(p->sock[0]);
	}
	p->victim = fork();
	if (p->victim == 0) {
		execl(recvguard, recvguard, "run", "-q", "--pid-file", path, "-p", getenv("RG_DEATH_POLICY"),
		      "--", self, role, number, getenv("RG_DEATH_SHM"), NULL);
		_exit(126);
	}
	for (int i = 0; i < 1000 && !(s->good && !s->phase) && s->phase != 1 && !s->after && !s->enosys; i++)
		usleep(10000);
	if (pread(fd, text, sizeof(text) - 1, 0) > 0)
		p->super = atoi(text);
	close(fd);
	unlink(path);
	return p->super > 0;
}

/* Exit status of the victim, -1: it hung. */
static int end(struct play *p)
{
	int status = -1, i = 0;

	for (; i < 1000 && waitpid(p->victim, &status, WNOHANG) == 0; i++)
		usleep(10000);
	if (i == 1000) {
		kill(p->victim, SIGKILL);
		waitpid(p->victim, NULL, 0);
		status = -1;
	}
	s->stop = 1;
	waitpid(p->sender, NULL, 0);
	close(p->sock[0]);
	close(p->sock[1]);
	return status;
}

static int n, failed;

static void ok(bool good, const char *what)
{
	printf("%sok %d - %s: %lu good, %lu evil, %lu ENOSYS, %lu after that\n", good ? "" : "not ", ++n,
	       what, s->good, s->evil, s->enosys, s->after);
	fflush(stdout);
	failed += !good;
}

static void unharmed(const char *recvguard)
{
	struct play p = {0};
	bool good = start(&p, recvguard, "crowd");

	usleep(100000);
	s->stop = 1;
	good = end(&p) == 0 && good && s->good > 10 && !s->evil && !s->enosys;
	ok(good, "control: a supervisor that lives answers everything");
}

static void closed(const char *recvguard, int rounds)
{
	unsigned long good = 0, evil = 0, enosys = 0, after = 0;
	unsigned x = (unsigned)time(NULL);
	bool fine = true;

	for (int i = 0; i < rounds && fine; i++) {
		struct play p = {0};

		fine = start(&p, recvguard, "crowd");
		x = x * 1103515245u + 12345u;
		usleep(x >> 16 & 16383);
		if (p.super > 0)
			kill(p.super, SIGKILL);
		fine = end(&p) == 0 && fine && s->enosys >= 3;
		good += s->good;
		evil += s->evil;
		enosys += s->enosys;
		after += s->after;
	}
	s->good = good;
	s->evil = evil;
	s->enosys = enosys;
	s->after = after;
	ok(fine && !evil && !after,
	   "a supervisor killed at a random point, again and again: ENOSYS, and not one byte");
}

struct count {
	unsigned sockets, files, others;
};

/* What the supervisor holds open. False: it cannot be seen. */
static bool holds(pid_t super, struct count *c)
{
	char path[64], to[256];
	DIR *d;

	*c = (struct count){0};
	snprintf(path, sizeof(path), "/proc/%d/fd", super);
	d = opendir(path);
	if (!d)
		return false;
	for (struct dirent *e; (e = readdir(d));) {
		ssize_t k = readlinkat(dirfd(d), e->d_name, to, sizeof(to) - 1);

		if (k <= 0)
			continue;
		to[k] = 0;
		c->sockets += !strncmp(to, "socket:", 7);
		c->files += !strncmp(to, "/memfd:", 7);
		c->others++;
	}
	closedir(d);
	return true;
}

static void kept_nothing(const char *recvguard)
{
	static const char what[] =
		"150 receivers killed at random points: the supervisor keeps nothing of theirs";
	struct count before = {0}, now = {0};
	struct play p = {0};
	bool seen = start(&p, recvguard, "nursery"), clean = false;

	if (seen)
		seen = holds(p.super, &before);
	s->phase = 2;
	for (int i = 0; i < 6000 && s->phase != 3; i++)
		usleep(10000);
	for (int i = 0; seen && i < 300 && !clean; i++) {
		usleep(10000);
		holds(p.super, &now);
		clean = now.sockets <= before.sockets && now.files <= before.files &&
			now.others <= before.others + KEPT;
	}
	s->stop = 1;
	if (end(&p) == 0 && !seen) {
		printf("ok %d - %s # SKIP /proc/%d/fd of the supervisor can be read by root only\n", ++n,
		       what, p.super);
		return;
	}
	ok(clean && s->children == NURSLING && !s->evil, what);
	printf("# before: %u sockets, %u files, %u in all; after: %u, %u, %u\n", before.sockets, before.files,
	       before.others, now.sockets, now.files, now.others);
}

static void one_listener(const char *recvguard)
{
	struct play p = {0};

	start(&p, recvguard, "second");
	s->stop = 1;
	ok(end(&p) == 0 && s->enosys == 1 && !s->after,
	   "a listener of the program's own is refused with EBUSY");
}

static int victim(char **argv)
{
	int sock = atoi(argv[2]);

	s = mmap(NULL, sizeof(*s), PROT_READ | PROT_WRITE, MAP_SHARED, atoi(argv[3]), 0);
	if (!strcmp(argv[1], "crowd"))
		crowd(sock, 3);
	else if (!strcmp(argv[1], "nursery"))
		nursery(sock);
	else
		second_listener();
	return 0;
}

int main(int argc, char **argv)
{
	const char *rounds = getenv("RG_DEATH_ROUNDS");
	char path[] = "/tmp/rg-death-XXXXXX", number[16];
	int shm, fd;

	if (argc == 4)
		return victim(argv);
	shm = memfd_create("shared", 0);
	fd = mkstemp(path);
	if (argc != 2 || shm < 0 || ftruncate(shm, sizeof(*s)) < 0 || fd < 0 ||
	    write(fd, policy, sizeof(policy) - 1) < 0)
		return 2;
	close(fd);
	snprintf(number, sizeof(number), "%d", shm);
	setenv("RG_DEATH_SHM", number, 1);
	setenv("RG_DEATH_POLICY", path, 1);
	s = mmap(NULL, sizeof(*s), PROT_READ | PROT_WRITE, MAP_SHARED, shm, 0);
	printf("1..4\n");
	unharmed(argv[1]);
	closed(argv[1], rounds ? atoi(rounds) : 12);
	kept_nothing(argv[1]);
	one_listener(argv[1]);
	unlink(path);
	return failed > 0;
}
