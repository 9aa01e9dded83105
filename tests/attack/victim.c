/* SPDX-License-Identifier: BSD-2-Clause */
/* What the confined program tries. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "attack.h"

struct job {
	struct shared *s;
	int sock;
	bool plain; /* read(2) instead of recvmsg(2) */
};

/* Look at what arrived. */
static void judge(struct shared *s, const char *buf)
{
	if (memmem(buf, SIZE, "EVIL", 4))
		s->got_evil++;
	else if (!memcmp(buf, "GOOD", 4))
		s->got_good++;
}

static bool over(struct shared *s, ssize_t n)
{
	static __thread int empty;

	if (n < 0 && errno == EMSGSIZE)
		s->refused++;
	else if (n < 0 && errno != EAGAIN && errno != EINTR && errno != EFAULT && errno != EBADF) {
		s->odd = errno;
		s->odd_errno++;
	}
	/* Twice: what found nothing may have begun before the last messages were sent. */
	empty = s->stop && n < 0 && errno == EAGAIN ? empty + 1 : 0;
	return empty >= 2;
}

static void *receiver(void *arg)
{
	struct job *j = arg;
	char buf[SIZE];
	struct timeval tv = {0, 100000};

	setsockopt(j->sock, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
	for (;;) {
		struct iovec v = {buf, SIZE};
		struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1};
		ssize_t n;

		memset(buf, 0, sizeof(buf));
		n = j->plain ? read(j->sock, buf, SIZE) : recvmsg(j->sock, &m, 0);
		judge(j->s, buf);
		if (over(j->s, n) || n == 0)
			return NULL;
	}
}

static void crowd(struct shared *s, int sock, bool plain)
{
	struct job j = {s, sock, plain};
	pthread_t t[3];

	for (int i = 0; i < 3; i++)
		pthread_create(&t[i], NULL, receiver, &j);
	for (int i = 0; i < 3; i++)
		pthread_join(t[i], NULL);
}

/* Several threads on one queue: what one looked at another may take. */
static void heads(struct shared *s, int sock)
{
	crowd(s, sock, false);
}

static void heads_read(struct shared *s, int sock)
{
	crowd(s, sock, true);
}

/* Header, vector, buffers and control of a running receive are rewritten without pause. */
static struct {
	struct msghdr m;
	struct iovec v[2];
	char buf[4][SIZE], ctl[2][256], name[2][128];
} mem;
static atomic_int quit;

static void *flipper(void *arg)
{
	for (unsigned i = 0; !quit; i++) {
		__atomic_store_n((char **)&mem.v[0].iov_base, i & 1 ? mem.buf[0] : mem.buf[1],
				 __ATOMIC_RELAXED);
		__atomic_store_n(&mem.m.msg_iovlen, i & 2 ? 1u : 2u, __ATOMIC_RELAXED);
		__atomic_store_n((char **)&mem.m.msg_control, i & 4 ? mem.ctl[0] : mem.ctl[1],
				 __ATOMIC_RELAXED);
		__atomic_store_n((char **)&mem.m.msg_name, i & 2 ? mem.name[0] : mem.buf[3],
				 __ATOMIC_RELAXED);
		__atomic_store_n(&mem.m.msg_namelen, i & 4 ? 0u : 128u, __ATOMIC_RELAXED);
		__atomic_store_n((struct iovec **)&mem.m.msg_iov, i & 8 ? mem.v : NULL, __ATOMIC_RELAXED);
	}
	return NULL;
}

static void rewritten(struct shared *s, int sock)
{
	struct timeval tv = {0, 100000};
	pthread_t t;

	setsockopt(sock, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
	mem.v[1] = (struct iovec){mem.buf[2], SIZE};
	pthread_create(&t, NULL, flipper, NULL);
	for (;;) {
		ssize_t n;

		mem.v[0].iov_len = SIZE;
		mem.m.msg_controllen = sizeof(mem.ctl[0]);
		memset(mem.buf, 0, sizeof(mem.buf));
		n = recvmsg(sock, &mem.m, 0);
		for (int i = 0; i < 4; i++)
			judge(s, mem.buf[i]);
		if (over(s, n))
			break;
	}
	quit = 1;
	pthread_join(t, NULL);
}

/* The number that is read changes between a file and the socket. */
static int number, zero_fd;

static void *swapper(void *arg)
{
	struct job *j = arg;

	while (!quit && !j->s->stop) { /* then it is the socket, to be drained */
		dup2(zero_fd, number);
		sched_yield();
		dup2(j->sock, number);
	}
	return NULL;
}

static void read_number(struct shared *s, int sock)
{
	char buf[SIZE];

	fcntl(sock, F_SETFL, O_NONBLOCK);
	for (;;) {
		ssize_t n;

		memset(buf, 0, sizeof(buf));
		n = read(number, buf, SIZE);
		judge(s, buf);
		if (over(s, n))
			return;
	}
}

static void swap_prepare(int sock)
{
	zero_fd = open("/dev/zero", O_RDONLY);
	number = fcntl(zero_fd, F_DUPFD, 100);
}

static void swapped(struct shared *s, int sock)
{
	struct job j = {s, sock, true};
	pthread_t t;

	swap_prepare(sock);
	pthread_create(&t, NULL, swapper, &j);
	read_number(s, sock);
	quit = 1;
	pthread_join(t, NULL);
}

static int swapper_process(void *arg)
{
	swapper(arg);
	return 0;
}

/* The same by a process that shares the descriptor table without being a thread. */
static void swapped_cloned(struct shared *s, int sock)
{
	struct job j = {s, sock, true};
	static char stack[65536] __attribute__((aligned(16)));
	pid_t p;

	swap_prepare(sock);
	p = clone(swapper_process, stack + sizeof(stack), CLONE_FILES | CLONE_VM | SIGCHLD, &j);
	if (p < 0) {
		s->odd = errno;
		s->odd_errno++;
		return;
	}
	read_number(s, sock);
	quit = 1;
	while (!s->stop)
		usleep(1000);
	kill(p, SIGKILL);
}

/* A thread with a table of its own: the same number means another socket there. */
static void *unshared(void *arg)
{
	struct job *j = arg;

	if (unshare(CLONE_FILES) < 0)
		return receiver(arg); /* refused on kernels before 6.9 */
	dup2(j->sock, 200);
	close(j->sock);
	return receiver(&(struct job){j->s, 200, false});
}

static void own_table(struct shared *s, int sock)
{
	struct job j = {s, sock, false};
	pthread_t a, b;

	fcntl(sock, F_DUPFD, 300);
	pthread_create(&a, NULL, unshared, &j);
	pthread_create(&b, NULL, receiver, &j);
	pthread_join(a, NULL);
	pthread_join(b, NULL);
}

/* 10,000 signals a second. */
static struct shared *signalled;

static void on_alarm(int sig)
{
	signalled->signals++;
	if (signalled->stop) /* else the receive timeout, begun anew after each signal, never ends */
		setitimer(ITIMER_REAL, &(struct itimerval){0}, NULL);
}

static void storm(struct shared *s, int sock, int flags)
{
	struct sigaction sa = {.sa_handler = on_alarm, .sa_flags = flags};
	struct itimerval it = {{0, 100}, {0, 100}};
	struct job j = {s, sock, false};

	signalled = s;
	sigaction(SIGALRM, &sa, NULL);
	setitimer(ITIMER_REAL, &it, NULL);
	receiver(&j);
}

static void signals_restart(struct shared *s, int sock)
{
	storm(s, sock, SA_RESTART);
}

static void signals_eintr(struct shared *s, int sock)
{
	storm(s, sock, 0);
}

/* Descriptors: only memfds may arrive. */
static void descriptors(struct shared *s, int sock)
{
	struct timeval tv = {0, 100000};

	setsockopt(sock, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
	for (;;) {
		char buf[SIZE], ctl[CMSG_SPACE(4 * sizeof(int))];
		struct iovec v = {buf, SIZE};
		struct msghdr m = {
			.msg_iov = &v, .msg_iovlen = 1, .msg_control = ctl, .msg_controllen = sizeof(ctl)};
		ssize_t n = recvmsg(sock, &m, 0);

		if (over(s, n))
			return;
		for (struct cmsghdr *c = n >= 0 ? CMSG_FIRSTHDR(&m) : NULL; c; c = CMSG_NXTHDR(&m, c))
			for (size_t i = 0; CMSG_LEN((i + 1) * sizeof(int)) <= c->cmsg_len; i++) {
				struct stat st;
				int fd;

				memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(fd));
				fstat(fd, &st);
				close(fd);
				S_ISREG(st.st_mode) ? s->got_good++ : s->got_evil++;
			}
	}
}

/* Three processes on one queue. */
static void processes(struct shared *s, int sock)
{
	struct job j = {s, sock, false};
	pid_t p[3];

	for (int i = 0; i < 3; i++) {
		p[i] = fork();
		if (p[i] == 0) {
			j.plain = i == 2;
			receiver(&j);
			_exit(0);
		}
	}
	for (int i = 0; i < 3; i++)
		waitpid(p[i], NULL, 0);
}

static unsigned next(unsigned *x)
{
	*x = *x * 1103515245u + 12345u;
	return *x >> 16;
}

/* One thread executes the program anew while others receive: at any point of their calls. */
static void execs(struct shared *s, int sock)
{
	struct job j = {s, sock, false}, k = {s, sock, true};
	unsigned x = (unsigned)time(NULL) + (unsigned)s->got_good;
	pthread_t a, b;

	pthread_create(&a, NULL, receiver, &j);
	pthread_create(&b, NULL, receiver, &k);
	usleep(next(&x) % 8192);
	if (!s->stop)
		execv("/proc/self/exe", victim_argv);
	pthread_join(a, NULL);
	pthread_join(b, NULL);
}

/* Processes that share the socket, and end while their threads receive. */
static void exits(struct shared *s, int sock)
{
	struct job j = {s, sock, false};
	unsigned x = (unsigned)time(NULL);

	while (!s->stop) {
		pid_t p = fork();

		if (p == 0) {
			pthread_t t[2];

			pthread_create(&t[0], NULL, receiver, &j);
			pthread_create(&t[1], NULL, receiver, &j);
			usleep(next(&x) % 4096);
			_exit(0);
		}
		next(&x);
		waitpid(p, NULL, 0);
	}
	receiver(&j);
}

/* The number is closed, and opened again as another, while others receive from it. */
static void *closer(void *arg)
{
	struct job *j = arg;

	while (!j->s->stop) { /* then it is the socket, to be drained */
		close(number);
		dup2(zero_fd, number);
		sched_yield();
		close(number);
		dup2(j->sock, number);
		sched_yield();
	}
	return NULL;
}

static void closed(struct shared *s, int sock)
{
	struct job j = {s, sock, false};
	pthread_t t;

	swap_prepare(sock);
	pthread_create(&t, NULL, closer, &j);
	read_number(s, sock);
	pthread_join(t, NULL);
}

char **victim_argv;

const struct mode modes[] = {
	{"three threads on one datagram queue", SOCK_DGRAM, false, true, heads},
	{"three threads on one seqpacket queue, by read", SOCK_SEQPACKET, false, true, heads_read},
	{"three threads on one stream", SOCK_STREAM, false, true, heads},
	{"msghdr, iovec and control rewritten", SOCK_DGRAM, false, false, rewritten},
	{"read of a number that dup2 swaps", SOCK_DGRAM, false, false, swapped},
	{"the same by a process sharing the table", SOCK_DGRAM, false, false, swapped_cloned},
	{"a thread with a descriptor table of its own", SOCK_DGRAM, false, true, own_table},
	{"descriptors from two threads", SOCK_DGRAM, true, true, descriptors},
	{"three processes on one queue", SOCK_SEQPACKET, false, true, processes},
	{"a number that is closed and opened again", SOCK_DGRAM, false, false, closed},
	{"exec while threads receive", SOCK_DGRAM, false, false, execs},
	{"exit while threads receive", SOCK_STREAM, false, false, exits},
	{"10 kHz signals, SA_RESTART", SOCK_DGRAM, false, true, signals_restart},
	{"10 kHz signals, EINTR", SOCK_STREAM, false, true, signals_eintr},
};
const unsigned n_modes = sizeof(modes) / sizeof(modes[0]);
