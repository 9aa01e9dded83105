/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bench-broker RECVGUARD [ROUNDS [MESSAGES]]: one process that sends to itself and receives, natively, under
 * the broker's filter with every answer "allow", under bare notify + continue, under the broker, and under
 * strace, in interleaved rounds of one run. Medians; look at the ratios.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "broker/filter.h"
#include "broker/sys.h"

enum { NATIVE, FILTER, CONTINUE_, BROKER, POLICY, STRACE, N_ARMS };
static const char *const arms[N_ARMS] = {"native", "filter only",    "notify+continue",
					 "broker", "broker, policy", "strace"};
enum { PAIR, STREAM, ONE_FD, BIG, READ, GETPID, N_KINDS };
static const char *const kinds[N_KINDS] = {"send+recvmsg 64 B", "the same, stream", "... +1 descriptor",
					   "... 16 KiB",	"read of a file",   "getpid"};
#define ROUNDS_MAX 64

static const char policy[] =
	"apiVersion: recvguard/v1\nkind: Policy\nmetadata: {name: bench}\nspec:\n  default: allow\n"
	"  rules:\n    - {name: size, when: 'msg.size > 64KiB', then: deny EMSGSIZE}\n"
	"    - {name: memfd, when: 'any(fd, kind != memfd)', then: strip}\n";

static void pair_once(const int *sv, size_t size, int fd)
{
	static char buf[16384];
	char ctl[CMSG_SPACE(sizeof(int))];
	struct iovec v = {buf, size};
	struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1};

	if (fd >= 0) {
		m.msg_control = ctl;
		m.msg_controllen = sizeof(ctl);
		*CMSG_FIRSTHDR(&m) = (struct cmsghdr){CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS};
		memcpy(CMSG_DATA(CMSG_FIRSTHDR(&m)), &fd, sizeof(fd));
	}
	if (sendmsg(sv[0], &m, 0) < 0)
		_exit(3);
	m.msg_control = ctl;
	m.msg_controllen = sizeof(ctl);
	if (recvmsg(sv[1], &m, 0) != (ssize_t)size)
		_exit(4);
	if (fd >= 0) {
		memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&m)), sizeof(fd));
		close(fd);
	}
}

static int work(int kind, unsigned n)
{
	int sv[2], fd = kind == ONE_FD ? memfd_create("bench", 0) : -1, zero = open("/dev/zero", O_RDONLY);
	uint64_t start = 0;
	char buf[64];

	socketpair(AF_UNIX, kind == STREAM ? SOCK_STREAM : SOCK_DGRAM, 0, sv);
	for (unsigned i = 0; i < n + n / 10; i++) {
		if (i == n / 10)
			start = rg_now();
		if (kind == GETPID)
			syscall(SYS_getppid);
		else if (kind == READ)
			(void)!read(zero, buf, sizeof(buf));
		else
			pair_once(sv, kind == BIG ? 16384 : 64, fd);
	}
	printf("%.1f\n", (double)(rg_now() - start) / n);
	return 0;
}

static void passes_on(int listener)
{
	struct seccomp_notif n;

	for (;;) {
		struct seccomp_notif_resp r = {.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE};

		memset(&n, 0, sizeof(n));
		if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &n) < 0) {
			struct pollfd p = {listener, POLLIN, 0};

			if (errno != ENOENT || (poll(&p, 1, 0) > 0 && p.revents & POLLHUP))
				_exit(0);
			continue;
		}
		r.id = n.id;
		ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &r);
	}
}

/* The broker's own filter; allow: with every question answered in the filter. */
static void filtered(char *const *argv, bool allow)
{
	struct sock_filter prog[RG_FILTER_MAX];
	int n = rg_filter_build(&(struct rg_filter_opts){true, true}, prog), fd, number[2], ready[2];
	struct pollfd p;
	pid_t me = getpid();

	for (int i = 0; allow && i < n; i++)
		if (prog[i].code == (BPF_RET | BPF_K) && prog[i].k == SECCOMP_RET_USER_NOTIF)
			prog[i].k = SECCOMP_RET_ALLOW;
	if (pipe(number) < 0 || pipe(ready) < 0)
		_exit(5);
	if (!allow && fork() == 0) {
		if (fork() || read(number[0], &fd, sizeof(fd)) != sizeof(fd))
			_exit(0);
		fd = rg_pidfd_getfd(rg_pidfd_open(me, 0), fd);
		ioctl(fd, SECCOMP_IOCTL_NOTIF_SET_FLAGS, SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP);
		close_range(0, 2, 0);
		(void)!write(ready[1], "x", 1);
		passes_on(fd);
	}
	fd = rg_filter_install(prog, (unsigned)n);
	if (fd < 0 || write(number[1], &fd, sizeof(fd)) != sizeof(fd))
		_exit(6);
	p = (struct pollfd){ready[0], POLLIN, 0};
	if (!allow)
		poll(&p, 1, 10000);
	close(fd);
	execv(argv[0], argv);
	_exit(7);
}

static double once(int arm, char *self, char *recvguard, char *file, int kind, unsigned n)
{
	char k[16], c[16], text[64] = {0};
	char *own[] = {self, (char *)"work", k, c, NULL};
	char *under[] = {recvguard, (char *)"run", (char *)"-q", (char *)"--", self, (char *)"work", k,
			 c,	    NULL};
	char *policed[] = {recvguard,
			   (char *)"run",
			   (char *)"-q",
			   (char *)"-p",
			   file,
			   (char *)"--",
			   self,
			   (char *)"work",
			   k,
			   c,
			   NULL};
	char *traced[] = {(char *)"strace",
			  (char *)"-f",
			  (char *)"-o",
			  (char *)"/dev/null",
			  (char *)"-e",
			  (char *)"trace=recvmsg,read",
			  self,
			  (char *)"work",
			  k,
			  c,
			  NULL};
	int out[2];
	pid_t p;

	snprintf(k, sizeof(k), "%d", kind);
	snprintf(c, sizeof(c), "%u", arm == STRACE ? n / 20 : n);
	if (pipe(out) < 0)
		return -1;
	p = fork();
	if (p == 0) {
		dup2(out[1], 1);
		close(out[0]);
		close(out[1]);
		if (arm == FILTER || arm == CONTINUE_)
			filtered(own, arm == FILTER);
		execvp(arm == NATIVE   ? self
		       : arm == STRACE ? "strace"
				       : recvguard,
		       arm == NATIVE   ? own
		       : arm == STRACE ? traced
		       : arm == POLICY ? policed
				       : under);
		_exit(8);
	}
	close(out[1]);
	(void)!read(out[0], text, sizeof(text) - 1);
	close(out[0]);
	waitpid(p, NULL, 0);
	return atof(text);
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

int main(int argc, char **argv)
{
	static double v[N_ARMS][N_KINDS][ROUNDS_MAX];
	int rounds = argc > 2 ? atoi(argv[2]) : 5;
	unsigned n = argc > 3 ? (unsigned)atoi(argv[3]) : 20000;
	char self[4096] = {0}, file[] = "/tmp/rg-bench-XXXXXX";
	int fd;

	if (argc == 4 && !strcmp(argv[1], "work"))
		return work(atoi(argv[2]), (unsigned)atoi(argv[3]));
	if (argc < 2 || rounds < 1 || rounds > ROUNDS_MAX ||
	    readlink("/proc/self/exe", self, sizeof(self) - 1) < 0) {
		fprintf(stderr, "usage: bench-broker RECVGUARD [ROUNDS [MESSAGES]]\n");
		return 2;
	}
	fd = mkstemp(file);
	if (fd < 0 || write(fd, policy, sizeof(policy) - 1) < 0)
		return 1;
	for (int r = 0; r < rounds; r++)
		for (int k = 0; k < N_KINDS; k++)
			for (int a = 0; a < N_ARMS; a++)
				v[a][k][r] = once(a, self, argv[1], file, k, k == GETPID ? 10 * n : n);
	unlink(file);
	printf("ns each, median of %d interleaved rounds of %u\n%-18s", rounds, n, "");
	for (int a = 0; a < N_ARMS; a++)
		printf("%17s", arms[a]);
	for (int k = 0; k < N_KINDS; k++) {
		double base = 0;

		printf("\n%-18s", kinds[k]);
		for (int a = 0; a < N_ARMS; a++) {
			double m;

			qsort(v[a][k], (size_t)rounds, sizeof(double), by_value);
			m = v[a][k][rounds / 2];
			if (a == NATIVE)
				base = m;
			printf("%9.0f %6.2fx", m, base > 0 ? m / base : 0);
		}
	}
	putchar('\n');
	return 0;
}
