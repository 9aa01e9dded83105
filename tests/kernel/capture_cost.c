/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Guest instructions that a capture tier adds to a message, by workload: under `vm.sh --icount` one
 * nanosecond is one instruction. recvguard is started on this process and stopped (SIGSTOP) while is counted:
 * what is counted is the kernel's side alone. Prints TAP: each against the count recorded in
 * capture-cost.tsv, argument 1. Argument 2 is the tier, trampoline unless given; what is recorded of another
 * is TIER/WORKLOAD.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define RUNS   20
#define ROUNDS 50
#define SIZE   64
/* A count may grow by this much, in percent, and by SLACK instructions, before it is called a regression: the
 * compiler and the kernel's own updates move it a little. Less is welcome, and said. */
#define TOLERANCE 5
#define SLACK	  20

static const char *tier = "trampoline";
static int stream[2], udp[2], passed, n_tests, n_failed;

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void result(bool good, const char *text)
{
	printf("%sok %d - %s\n", good ? "" : "not ", ++n_tests, text);
	n_failed += !good;
}

/* ---- workloads: one message (or call) each ---- */

static char bytes[SIZE];

static void receive(int fd, void *control, size_t room)
{
	struct iovec iov = {bytes, sizeof(bytes)};
	struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = room};

	if (recvmsg(fd, &m, 0) != SIZE)
		abort();
}

static void on_stream(void)
{
	(void)!write(stream[0], bytes, SIZE);
	receive(stream[1], NULL, 0);
}

static void on_udp(void)
{
	char control[128];

	(void)!write(udp[0], bytes, SIZE);
	receive(udp[1], control, sizeof(control));
}

static void on_descriptor(void)
{
	union {
		struct cmsghdr h;
		char room[CMSG_SPACE(sizeof(int))];
	} c = {.h = {CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS}};
	struct iovec iov = {bytes, sizeof(bytes)};
	struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = &c, .msg_controllen = sizeof(c)};
	int fd;

	memcpy(CMSG_DATA(&c.h), &passed, sizeof(passed));
	if (sendmsg(stream[0], &m, 0) != SIZE)
		abort();
	receive(stream[1], &c, sizeof(c));
	memcpy(&fd, CMSG_DATA(&c.h), sizeof(fd));
	close(fd);
}

static void unrelated(void)
{
	syscall(SYS_getppid);
}

/* name, what is done, the options of the trace it is done under */
static const struct workload {
	const char *name;
	void (*once)(void);
	const char *options;
} workloads[] = {
	{"stream-64-full", on_stream, "--snaplen 64"},
	{"udp-64-pktinfo", on_udp, "--snaplen 64"},
	{"descriptor", on_descriptor, "--snaplen 64"},
	{"unrelated-call", unrelated, "--snaplen 64"},
	{"stream-64-metadata", on_stream, "--metadata"},
	{"stream-64-rejected", on_stream, "--filter 'proc.comm == \"nobody\"'"},
};
#define N ((int)(sizeof(workloads) / sizeof(workloads[0])))

/* Instructions of one; the least of several runs: a timer's interrupt adds to some. */
static long cost(void (*once)(void))
{
	double best = 1e18;

	for (int k = 0; k < RUNS; k++) {
		double from = now();

		for (int i = 0; i < ROUNDS; i++)
			once();
		from = (now() - from) / ROUNDS;
		best = from < best ? from : best;
	}
	return (long)best;
}

/* ---- the trace ---- */

static pid_t start(const char *options)
{
	char line[512], said[4096], told[64];
	size_t n = 0;
	int err[2];
	pid_t pid;

	if (pipe(err))
		abort();
	snprintf(line, sizeof(line), "exec recvguard trace --tier %s --pid %d %s -o json=/dev/null", tier,
		 getpid(), options);
	snprintf(told, sizeof(told), "tier %s", tier);
	pid = fork();
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		dup2(err[1], 2);
		execl("/bin/sh", "sh", "-c", line, NULL);
		_exit(127);
	}
	close(err[1]);
	/* it says its tier once everything is attached */
	for (ssize_t r; n + 1 < sizeof(said) && (r = read(err[0], said + n, sizeof(said) - 1 - n)) > 0;) {
		n += (size_t)r;
		said[n] = '\0';
		if (strstr(said, told))
			break;
	}
	said[n] = '\0';
	if (!strstr(said, told)) {
		printf("Bail out! recvguard did not start: %s\n", said);
		exit(1);
	}
	/* err[0] stays open: the trace writes its summary there */
	return pid;
}

static void halt(pid_t pid)
{
	int status;

	kill(pid, SIGSTOP);
	if (waitpid(pid, &status, WUNTRACED) != pid || !WIFSTOPPED(status)) {
		puts("Bail out! recvguard ended by itself");
		exit(1);
	}
}

static void end(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

/* ---- what was recorded ---- */

static long recorded(const char *path, const char *name)
{
	char line[256], found[128];
	FILE *f = fopen(path, "r");
	long n, r = -1;

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "%127s %ld", found, &n) == 2 && !strcmp(found, name))
			r = n;
	if (f)
		fclose(f);
	return r;
}

static void judge(const char *path, const char *workload, long bare, long traced)
{
	char text[256], name[64];
	long added = traced - bare, was, most;

	snprintf(name, sizeof(name), "%s%s%s", strcmp(tier, "trampoline") ? tier : "",
		 strcmp(tier, "trampoline") ? "/" : "", workload);
	was = recorded(path, name);
	most = was + was * TOLERANCE / 100 + SLACK;

	snprintf(text, sizeof(text), "%s: %ld instructions added to %ld, at most %ld (recorded: %ld)", name,
		 added, bare, most, was);
	result(was >= 0 && added >= (was ? 1 : -SLACK) && added <= most, text);
	if (added < was - was * TOLERANCE / 100 - SLACK)
		printf("# less than recorded: bring capture-cost.tsv up to date\n");
}

static void sockets(void)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t n = sizeof(a);
	int one = 1;

	passed = open("/dev/null", O_RDONLY);
	udp[0] = socket(AF_INET, SOCK_DGRAM, 0);
	udp[1] = socket(AF_INET, SOCK_DGRAM, 0);
	if (passed < 0 || socketpair(AF_UNIX, SOCK_STREAM, 0, stream) ||
	    bind(udp[1], (struct sockaddr *)&a, sizeof(a)) ||
	    getsockname(udp[1], (struct sockaddr *)&a, &n) ||
	    connect(udp[0], (struct sockaddr *)&a, sizeof(a)) ||
	    setsockopt(udp[1], IPPROTO_IP, IP_PKTINFO, &one, sizeof(one))) {
		perror("Bail out! sockets");
		exit(1);
	}
}

int main(int argc, char **argv)
{
	long bare[N];
	pid_t pid = 0;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc < 2)
		return 2;
	if (argc > 2)
		tier = argv[2];
	sockets();
	for (int i = 0; i < N; i++)
		bare[i] = cost(workloads[i].once);
	for (int i = 0; i < N; i++) {
		if (!strcmp(tier, "legacy") && !strcmp(workloads[i].options, "--metadata"))
			continue; /* refused there (guest.sh) */
		if (!i || strcmp(workloads[i].options, workloads[i - 1].options)) {
			if (pid)
				end(pid);
			pid = start(workloads[i].options);
			workloads[i].once(); /* the path of the executable goes with the first */
			halt(pid);
		}
		judge(argv[1], workloads[i].name, bare[i], cost(workloads[i].once));
	}
	end(pid);
	printf("1..%d\n", n_tests);
	return n_failed != 0;
}
