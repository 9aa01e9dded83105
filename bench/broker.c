/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bench-broker [--tsv] RECVGUARD [ROUNDS [MESSAGES]]: one process that sends to itself and receives,
 * natively, under the broker's filter with every answer "allow", under bare notify + continue, under the
 * broker without and with a policy, and under strace, in interleaved rounds of one run. A run is timed in
 * batches of 50; its figure is the median batch, which a machine's other work moves little. Look at the
 * ratios.
 *
 * --tsv: one row for each arm and kind: arm, kind, bytes, descriptors, ns (median of the rounds), best ns
 * (of any batch), rounds, messages a round.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <pthread.h>
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
enum { PAIR, STREAM, BIG, ONE_FD, FOUR_FDS, BLOCKED, READ, READ_THREADS, GETPPID, N_KINDS };
static const struct {
	const char *name;
	unsigned size, fds, slower; /* slower: so many times fewer messages */
} kinds[N_KINDS] = {
	[PAIR] = {"send+recvmsg", 64, 0, 1},
	[STREAM] = {"the same, stream", 64, 0, 1},
	[BIG] = {"... 16 KiB", 16384, 0, 1},
	[ONE_FD] = {"... 1 descriptor", 64, 1, 2},
	[FOUR_FDS] = {"... 4 descriptors", 64, 4, 4},
	[BLOCKED] = {"round trip, both wait", 64, 0, 2},
	[READ] = {"read of a file", 64, 0, 1},
	[READ_THREADS] = {"... with threads", 64, 0, 1},
	[GETPPID] = {"getppid", 0, 0, 1},
};
#define ROUNDS_MAX 64
#define BATCH	   50u

static const char policy[] =
	"apiVersion: recvguard/v1\nkind: Policy\nmetadata: {name: bench}\nspec:\n  default: allow\n"
	"  rules:\n    - {name: size, when: 'msg.size > 64KiB', then: deny EMSGSIZE}\n"
	"    - {name: memfd, when: 'any(fd, kind != memfd)', then: strip}\n";

static void pair_once(const int *sv, size_t size, int fd, unsigned fds)
{
	static char buf[16384];
	char ctl[CMSG_SPACE(4 * sizeof(int))];
	struct iovec v = {buf, size};
	struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1};
	int got[4];

	if (fds) {
		m.msg_control = ctl;
		m.msg_controllen = CMSG_SPACE(fds * sizeof(int));
		*CMSG_FIRSTHDR(&m) = (struct cmsghdr){CMSG_LEN(fds * sizeof(int)), SOL_SOCKET, SCM_RIGHTS};
		for (unsigned i = 0; i < fds; i++)
			memcpy(CMSG_DATA(CMSG_FIRSTHDR(&m)) + i * sizeof(int), &fd, sizeof(fd));
	}
	if (sendmsg(sv[0], &m, 0) < 0)
		_exit(3);
	m.msg_control = ctl;
	m.msg_controllen = sizeof(ctl);
	if (recvmsg(sv[1], &m, 0) != (ssize_t)size)
		_exit(4);
	memcpy(got, CMSG_DATA((struct cmsghdr *)ctl), fds * sizeof(int));
	for (unsigned i = 0; i < fds; i++)
		close(got[i]);
}

/* Answers each message with one: both sides wait for every message. */
static void echo(int sock)
{
	char buf[64];

	while (recv(sock, buf, sizeof(buf), 0) > 0)
		if (send(sock, buf, sizeof(buf), MSG_NOSIGNAL) < 0)
			break;
	_exit(0);
}

static void *sleeper(void *arg)
{
	pause();
	return NULL;
}

struct thing {
	int kind, sv[2], fd;
};

static void once_more(const struct thing *t)
{
	char buf[64];

	switch (t->kind) {
	case GETPPID: syscall(SYS_getppid); break;
	case READ:
	case READ_THREADS: (void)!read(t->fd, buf, sizeof(buf)); break;
	case BLOCKED:
		if (send(t->sv[0], buf, sizeof(buf), 0) < 0 || recv(t->sv[0], buf, sizeof(buf), 0) < 1)
			_exit(4);
		break;
	default: pair_once(t->sv, kinds[t->kind].size, t->fd, kinds[t->kind].fds);
	}
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static int work(int kind, unsigned n)
{
	struct thing t = {.kind = kind};
	unsigned batches = n / BATCH ? n / BATCH : 1, warm = batches / 10 + 1;
	double *v = calloc(batches, sizeof(*v));
	pthread_t other;

	t.fd = kind == ONE_FD || kind == FOUR_FDS ? memfd_create("bench", 0) : open("/dev/zero", O_RDONLY);
	if (!v || socketpair(AF_UNIX,
			     kind == STREAM    ? SOCK_STREAM
			     : kind == BLOCKED ? SOCK_SEQPACKET /* whose other end's exit is seen */
					       : SOCK_DGRAM,
			     0, t.sv) < 0)
		return 1;
	if (kind == READ_THREADS)
		pthread_create(&other, NULL, sleeper, NULL);
	if (kind == BLOCKED && fork() == 0) {
		close(t.sv[0]);
		echo(t.sv[1]);
	}
	for (unsigned i = 0; i < batches + warm; i++) {
		uint64_t start = rg_now();

		for (unsigned k = 0; k < BATCH; k++)
			once_more(&t);
		if (i >= warm)
			v[i - warm] = (double)(rg_now() - start) / BATCH;
	}
	qsort(v, batches, sizeof(*v), by_value);
	printf("%.1f %.1f\n", v[batches / 2], v[0]);
	free(v);
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

/* One arm once: the median batch, and the best. */
struct figure {
	double median, best;
};

static struct figure once(int arm, char *self, char *recvguard, char *file, int kind, unsigned n)
{
	struct figure f = {-1, -1};
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
	snprintf(c, sizeof(c), "%u", arm == STRACE ? n / 10 : n);
	if (pipe(out) < 0)
		return f;
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
	if (sscanf(text, "%lf %lf", &f.median, &f.best) != 2)
		fprintf(stderr, "%s, %s: no figure\n", arms[arm], kinds[kind].name);
	return f;
}

struct results {
	double median[N_ARMS][N_KINDS][ROUNDS_MAX], best[N_ARMS][N_KINDS];
	int rounds;
	unsigned n;
};

static double middle(struct results *r, int arm, int kind)
{
	double *v = r->median[arm][kind];

	qsort(v, (size_t)r->rounds, sizeof(*v), by_value);
	return v[r->rounds / 2];
}

static void print_tsv(struct results *r)
{
	printf("arm\tkind\tbytes\tdescriptors\tns\tbest_ns\trounds\tmessages\n");
	for (int k = 0; k < N_KINDS; k++)
		for (int a = 0; a < N_ARMS; a++)
			printf("%s\t%s\t%u\t%u\t%.0f\t%.0f\t%d\t%u\n", arms[a], kinds[k].name, kinds[k].size,
			       kinds[k].fds, middle(r, a, k), r->best[a][k], r->rounds,
			       r->n / kinds[k].slower);
}

static void print_table(struct results *r)
{
	printf("ns each: median of %d interleaved rounds (best batch of %u), and as a multiple of "
	       "native\n%-22s",
	       r->rounds, BATCH, "");
	for (int a = 0; a < N_ARMS; a++)
		printf("%22s", arms[a]);
	for (int k = 0; k < N_KINDS; k++) {
		double base = middle(r, NATIVE, k);

		printf("\n%-22s", kinds[k].name);
		for (int a = 0; a < N_ARMS; a++) {
			double m = middle(r, a, k);

			printf("%7.0f (%6.0f) %5.1fx", m, r->best[a][k], base > 0 ? m / base : 0);
		}
	}
	putchar('\n');
}

int main(int argc, char **argv)
{
	static struct results r;
	char self[4096] = {0}, file[] = "/tmp/rg-bench-XXXXXX";
	bool tsv = argc > 1 && !strcmp(argv[1], "--tsv");
	int fd;

	if (argc == 4 && !strcmp(argv[1], "work"))
		return work(atoi(argv[2]), (unsigned)atoi(argv[3]));
	argc -= tsv;
	argv += tsv;
	r.rounds = argc > 2 ? atoi(argv[2]) : 5;
	r.n = argc > 3 ? (unsigned)atoi(argv[3]) : 10000;
	if (argc < 2 || r.rounds < 1 || r.rounds > ROUNDS_MAX ||
	    readlink("/proc/self/exe", self, sizeof(self) - 1) < 0) {
		fprintf(stderr, "usage: bench-broker [--tsv] RECVGUARD [ROUNDS [MESSAGES]]\n");
		return 2;
	}
	fd = mkstemp(file);
	if (fd < 0 || write(fd, policy, sizeof(policy) - 1) < 0)
		return 1;
	for (int i = 0; i < r.rounds; i++)
		for (int k = 0; k < N_KINDS; k++)
			for (int a = 0; a < N_ARMS; a++) {
				struct figure f = once(a, self, argv[1], file, k, r.n / kinds[k].slower);

				r.median[a][k][i] = f.median;
				if (i == 0 || f.best < r.best[a][k])
					r.best[a][k] = f.best;
			}
	unlink(file);
	if (tsv)
		print_tsv(&r);
	else
		print_table(&r);
	return 0;
}
