/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is measured: small send+recvmsg pairs in one thread, and a call that receives nothing.
 *
 * Figures go to stdout, or to the file named by RG_BENCH_OUT.
 * usage: bench-work MODE MS [CPU|COUNT [NAME|RATE [PRODUCERS]]], MODE being
 * - pairs: every workload (or NAME) for MS milliseconds, a batch of each in turn; "NAME NS_PER_PAIR" a line
 * - cpu: as pairs, in CPU time of the thread, the best of the batches
 * - idle: only the call that receives nothing
 * - latency: every message timed for itself, for MS milliseconds a kind: the percentiles, in ns, the clock's
 * own time included; "NAME-p50 NS", "NAME-p99 NS", "NAME-p99.9 NS"
 * - flood: PRODUCERS processes (two unless given) send to themselves as fast as they can, or COUNT each, or
 * RATE a second together; "messages N" and "seconds S"
 * - sizes, sockets, processes, rates: stream pairs by size of message, by number of sockets used in turn, by
 *   number of processes that take turns, by pairs a second; "N NS_PER_PAIR"
 *
 * "cpu SECONDS" at the end is what this program and its children used themselves.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define BATCHES 25
/* What a watcher still does after it let the program start (files of /proc, first calls) is over by then. */
#define SETTLE_MS 200

struct work {
	int from, to;
	struct msghdr out, in;
	struct iovec iov_out, iov_in;
	char data[65536], room[65536];
	char control_out[64], control_in[256];
	struct sockaddr_storage name;
	size_t len, controllen;
};
static struct work first, *w = &first;

static void die(const char *what)
{
	fprintf(stderr, "bench-work: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* Time of the wall; with "cpu" what this thread ran, which a busy machine disturbs less. */
static clockid_t clock_used = CLOCK_MONOTONIC;

static uint64_t now(void)
{
	struct timespec ts;

	clock_gettime(clock_used, &ts);
	return ts.tv_sec * 1000000000ull + ts.tv_nsec;
}

static void prepare(size_t len, size_t controllen)
{
	memset(&w->out, 0, sizeof(w->out));
	w->len = len;
	w->controllen = controllen;
	w->iov_out = (struct iovec){w->data, len};
	w->iov_in = (struct iovec){w->room, sizeof(w->room)};
	w->out.msg_iov = &w->iov_out;
	w->out.msg_iovlen = 1;
}

static void unix_pair(int type, size_t len, size_t controllen)
{
	int sv[2], size = 1 << 20;

	if (socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, sv))
		die("socketpair");
	setsockopt(sv[1], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	w->to = sv[0];
	w->from = sv[1];
	prepare(len, controllen);
}

static void set_stream(void)
{
	unix_pair(SOCK_STREAM, 64, 0);
}

static void set_dgram(void)
{
	unix_pair(SOCK_DGRAM, 64, 0);
}

static void set_large(void)
{
	unix_pair(SOCK_STREAM, 16384, 0);
}

static void set_descriptor(void)
{
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	struct cmsghdr *c = (void *)w->control_out;

	unix_pair(SOCK_STREAM, 64, sizeof(w->control_in));
	*c = (struct cmsghdr){
		.cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
	memcpy(CMSG_DATA(c), &fd, sizeof(fd));
	w->out.msg_control = w->control_out;
	w->out.msg_controllen = CMSG_SPACE(sizeof(int));
}

static void set_udp(void)
{
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(in);
	int one = 1;

	w->to = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	w->from = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (bind(w->to, (void *)&in, len) || getsockname(w->to, (void *)&in, &len) ||
	    connect(w->from, (void *)&in, len))
		die("udp");
	setsockopt(w->to, SOL_IP, IP_PKTINFO, &one, sizeof(one));
	setsockopt(w->to, SOL_IP, IP_RECVTTL, &one, sizeof(one));
	setsockopt(w->to, SOL_SOCKET, SO_TIMESTAMP, &one, sizeof(one));
	prepare(64, sizeof(w->control_in));
}

static void pair_once(void)
{
	struct cmsghdr *c;

	if (sendmsg(w->from, &w->out, 0) != (ssize_t)w->len)
		die("sendmsg");
	w->in = (struct msghdr){.msg_iov = &w->iov_in,
				.msg_iovlen = 1,
				.msg_control = w->controllen ? w->control_in : NULL,
				.msg_controllen = w->controllen};
	if (w->controllen) {
		w->in.msg_name = &w->name;
		w->in.msg_namelen = sizeof(w->name);
	}
	if (recvmsg(w->to, &w->in, 0) != (ssize_t)w->len)
		die("recvmsg");
	c = w->out.msg_controllen ? CMSG_FIRSTHDR(&w->in) : NULL;
	if (c)
		close(*(int *)CMSG_DATA(c));
}

static void set_nothing(void)
{
}

static void getpid_once(void)
{
	syscall(SYS_getpid);
}

static const struct workload {
	const char *name;
	void (*set)(void);
	void (*once)(void);
	unsigned step; /* calls between two looks at the clock */
} workloads[] = {
	{"stream", set_stream, pair_once, 8},	 {"dgram", set_dgram, pair_once, 8},
	{"udp-control", set_udp, pair_once, 8},	 {"descriptor", set_descriptor, pair_once, 8},
	{"stream-16k", set_large, pair_once, 4}, {"getpid", set_nothing, getpid_once, 200},
};

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* One batch: ns per call. */
static double batch(const struct workload *l, uint64_t ns)
{
	uint64_t start = now(), end = start + ns, t;
	unsigned long n = 0;

	do {
		for (unsigned i = 0; i < l->step; i++)
			l->once();
		n += l->step;
		t = now();
	} while (t < end);
	return (double)(t - start) / (double)n;
}

/* The middle one; of CPU times, which a busy machine only lengthens, the least. */
static double summary(double *v)
{
	qsort(v, BATCHES, sizeof(v[0]), by_value);
	return clock_used == CLOCK_MONOTONIC ? v[BATCHES / 2] : v[0];
}

static void warm(const struct workload *l)
{
	for (int i = 0; i < 50; i++)
		l->once();
}

/* One batch with sockets of its own. */
static double measure_once(const struct workload *l, uint64_t ns)
{
	double v;

	l->set();
	warm(l);
	v = batch(l, ns);
	if (w->to) {
		close(w->to);
		close(w->from);
		w->to = w->from = 0;
	}
	return v;
}

static double measure(const struct workload *l, unsigned ms)
{
	double v[BATCHES];

	for (int b = 0; b < BATCHES; b++)
		v[b] = measure_once(l, ms * 1000000ull / BATCHES);
	return summary(v);
}

static size_t size_used;

static void set_size(void)
{
	unix_pair(SOCK_STREAM, size_used, 0);
}

static void measure_sizes(unsigned ms)
{
	static const size_t sizes[] = {64, 256, 1024, 4096, 16384, 65536};
	const struct workload l = {"", set_size, pair_once, 4};

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		size_used = sizes[i];
		printf("%zu %.1f\n", size_used, measure(&l, ms));
	}
}

#define MANY 1000
static int many[MANY][2];
static unsigned n_many, next_many;

static void many_once(void)
{
	w->from = many[next_many][1];
	w->to = many[next_many][0];
	next_many = (next_many + 1) % n_many;
	pair_once();
}

/* All sockets are there from the beginning, each has received before, and the points take turns: what differs
 * is how many are used. */
static void measure_sockets(unsigned ms)
{
	enum { POINTS = 4 };
	const struct workload l = {"", NULL, many_once, 10};
	double v[POINTS][BATCHES];

	for (unsigned i = 0; i < MANY; i++) {
		set_stream();
		many[i][0] = w->to;
		many[i][1] = w->from;
	}
	for (int b = 0; b < BATCHES; b++) {
		n_many = 1;
		for (int p = 0; p < POINTS; p++, n_many *= 10) {
			for (unsigned i = next_many = 0; i < n_many + 50; i++)
				many_once();
			v[p][b] = batch(&l, ms * 1000000ull / BATCHES);
		}
	}
	n_many = 1;
	for (int p = 0; p < POINTS; p++, n_many *= 10)
		printf("%u %.1f\n", n_many, summary(v[p]));
}

/* Processes that take turns, a batch of pairs each: the mean of their own times. */
static void measure_processes(unsigned ms)
{
	const struct workload l = {"", set_stream, pair_once, 8};
	double *sum = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (sum == MAP_FAILED)
		die("mmap");
	for (unsigned n = 1; n <= 100; n *= 10) {
		*sum = 0;
		for (unsigned i = 0; i < n; i++) {
			if (fork()) {
				wait(NULL);
				continue;
			}
			*sum += measure(&l, ms / n ? ms / n : 1);
			_exit(0);
		}
		printf("%u %.1f\n", n, *sum / n);
	}
}

/* Each pair for itself, so many a second: what comes seldom finds caches cold. The clock's own time is in it.
 */
static void measure_rates(unsigned ms)
{
	for (unsigned rate = 1000; rate <= 100000; rate *= 10) {
		uint64_t step = 1000000000ull / rate, next, end, t, sum = 0, n = 0;

		set_stream();
		next = now();
		for (end = next + ms * 1000000ull; next < end; next += step, n++) {
			while (now() < next)
				;
			t = now();
			pair_once();
			sum += now() - t;
		}
		close(w->to);
		close(w->from);
		printf("%u %.1f\n", rate, (double)sum / (double)n);
	}
}

/* The working memory anew, on other pages. */
static void renew(void)
{
	if (w != &first)
		munmap(w, sizeof(*w));
	w = mmap(NULL, sizeof(*w), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (w == MAP_FAILED)
		die("mmap");
}

#define MOST_TIMED 1000000

static int by_time(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static void percentiles(const struct workload *l, unsigned ms, uint32_t *took)
{
	uint64_t t, u, end = now() + ms * 1000000ull;
	size_t n = 0;

	l->set();
	warm(l);
	do { /* one at least, however slow */
		t = now();
		l->once();
		u = now() - t;
		took[n++] = u > UINT32_MAX ? UINT32_MAX : (uint32_t)u;
	} while (n < MOST_TIMED && t + u < end);
	close(w->to);
	close(w->from);
	qsort(took, n, sizeof(took[0]), by_time);
	printf("%s-p50 %u\n%s-p99 %u\n%s-p99.9 %u\n", l->name, took[n / 2], l->name, took[n - 1 - n / 100],
	       l->name, took[n - 1 - n / 1000]);
}

static void measure_latency(unsigned ms)
{
	uint32_t *took = calloc(MOST_TIMED, sizeof(*took));

	if (!took)
		die("calloc");
	for (size_t i = 0; i < sizeof(workloads) / sizeof(workloads[0]); i++)
		if (workloads[i].once == pair_once) {
			renew();
			percentiles(&workloads[i], ms, took);
		}
	free(took);
}

static double used(int who)
{
	struct rusage u;

	getrusage(who, &u);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
	       (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static int finish(void)
{
	printf("cpu %.4f\n", used(RUSAGE_SELF) + used(RUSAGE_CHILDREN));
	return 0;
}

/*
 * Batches of all workloads in turn: what disturbs the machine for a while disturbs all alike. Sockets and
 * memory are new for each batch: by where they happen to lie the same program runs up to 15 % slower or
 * faster until its end.
 */
static void measure_workloads(unsigned ms, const char *only)
{
	const size_t n = sizeof(workloads) / sizeof(workloads[0]);
	static double v[sizeof(workloads) / sizeof(workloads[0])][BATCHES];

	for (int b = 0; b < BATCHES; b++)
		for (size_t i = 0; i < n; i++) {
			if (only && strcmp(only, workloads[i].name) != 0)
				continue;
			renew();
			v[i][b] = measure_once(&workloads[i], ms * 1000000ull / BATCHES);
		}
	for (size_t i = 0; i < n; i++)
		if (!only || !strcmp(only, workloads[i].name))
			printf("%s %.1f\n", workloads[i].name, summary(v[i]));
}

static void pin(const char *cpu)
{
	cpu_set_t set;

	if (!cpu)
		return;
	CPU_ZERO(&set);
	CPU_SET(atoi(cpu), &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		die("sched_setaffinity");
}

/* Until ms are over or each producer sent count (0: no end); rate: messages a second of all, 0: no limit. */
static int flood(unsigned ms, unsigned long count, unsigned long rate, unsigned producers)
{
	uint64_t step = rate ? producers * 1000000000ull / rate : 0, next;
	unsigned long *n = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	uint64_t start = now(), end = start + ms * 1000000ull;

	if (n == MAP_FAILED)
		die("mmap");
	for (unsigned p = 0; p < producers; p++) {
		if (fork())
			continue;
		set_stream();
		next = now();
		for (; count ? n[p] < count : now() < end; n[p]++) {
			while (step && now() < next)
				;
			next += step;
			pair_once();
		}
		_exit(0);
	}
	while (wait(NULL) > 0)
		;
	for (unsigned p = 1; p < producers; p++)
		n[0] += n[p];
	printf("messages %lu\nseconds %.4f\n", n[0], (double)(now() - start) / 1e9);
	return finish();
}

int main(int argc, char **argv)
{
	unsigned ms = argc > 2 ? (unsigned)atoi(argv[2]) : 0,
		 producers = argc > 5 ? (unsigned)atoi(argv[5]) : 2;

	if (getenv("RG_BENCH_OUT") && !freopen(getenv("RG_BENCH_OUT"), "w", stdout))
		die("RG_BENCH_OUT");
	if (ms && !strcmp(argv[1], "flood") && producers && producers <= 4096 / sizeof(long))
		return flood(ms, argc > 3 ? strtoul(argv[3], NULL, 10) : 0,
			     argc > 4 ? strtoul(argv[4], NULL, 10) : 0, producers);
	if (!ms || !strcmp(argv[1], "flood")) {
		fprintf(stderr,
			"usage: bench-work pairs|latency|cpu|flood|idle|sizes|sockets|processes|rates MS "
			"[CPU|COUNT [NAME|RATE [PRODUCERS]]]\n");
		return 2;
	}
	if (!strcmp(argv[1], "cpu"))
		clock_used = CLOCK_THREAD_CPUTIME_ID;
	pin(argc > 3 ? argv[3] : NULL);
	usleep(SETTLE_MS * 1000);
	if (!strcmp(argv[1], "sizes"))
		measure_sizes(ms);
	else if (!strcmp(argv[1], "sockets"))
		measure_sockets(ms);
	else if (!strcmp(argv[1], "processes"))
		measure_processes(ms);
	else if (!strcmp(argv[1], "rates"))
		measure_rates(ms);
	else if (!strcmp(argv[1], "latency"))
		measure_latency(ms);
	else
		measure_workloads(ms, !strcmp(argv[1], "idle") ? "getpid" : argc > 4 ? argv[4] : NULL);
	return finish();
}
