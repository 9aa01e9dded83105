/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a filter costs that the kernel decides: ns per receive in the programs of the capture tier, less those
 * of a hook that does nothing, attached to the same tracepoint for the same receives (kernel.bpf_stats counts
 * both alike, its own cost included). By shape of test and number of values, each filter rejecting; and the
 * same without a filter. usage: bench-match OBJECT [ROUNDS [SHAPE]] OBJECT: tests/e2e/match/match.bpf.o
 */
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "kernel/capture.h"
#include "policy/expr.h"
#include "policy/lower/match.h"

#define RECEIVES 500 /* a round: short, so that the best ones are not disturbed by others */

static const struct {
	const char *name, *head, *item; /* item: quotes around the value, "/" for a prefix */
} shapes[] = {{"pid", "proc.pid == ", ""},	    {"uid", "proc.uid == ", ""},
	      {"comm", "proc.comm == ", "\""},	    {"path", "sock.path == ", "\""},
	      {"port", "sock.remote.port == ", ""}, {"prefix", "sock.remote.addr in ", "/"}};
static const unsigned counts[] = {1, 10, 100, 1000};
#define N(a) (sizeof(a) / sizeof((a)[0]))

static void die(const char *what)
{
	fprintf(stderr, "bench-match: %s\n", what);
	exit(1);
}

static void filter(size_t shape, unsigned n, struct rg_match *ret)
{
	rg_auto_buf text = {0};
	struct rg_err err = {0};
	struct rg_expr *e;

	for (unsigned i = 0; i < n; i++) {
		rg_buf_printf(&text, "%s%s", i ? " or " : "", shapes[shape].head);
		if (shapes[shape].item[0] == '/')
			rg_buf_printf(&text, "10.%u.%u.0/24", i / 100, i % 100 * 2);
		else
			rg_buf_printf(&text, "%s%u%s", shapes[shape].item, 40000 + i * 7, shapes[shape].item);
	}
	if (rg_expr_compile(rg_buf_cstr(&text), "bench", &e, &err) || rg_lower_match(e->ir, ret, &err))
		die(err.msg);
	if (!ret->prog.n)
		die("the kernel does not decide this filter");
	rg_expr_free(e);
}

/* Receives datagrams on demand, in a process that is not this one (which the capture leaves out). */
struct worker {
	pid_t pid;
	int ctl;
};

static void open_pair(bool inet, int sv[2])
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct sockaddr_un name = {.sun_family = AF_UNIX,
				   .sun_path = "\0recvguard-bench/a/name/as/long/as/usual"};
	socklen_t len = sizeof(to);

	sv[0] = socket(inet ? AF_INET : AF_UNIX, SOCK_DGRAM, 0);
	sv[1] = socket(inet ? AF_INET : AF_UNIX, SOCK_DGRAM, 0);
	if (!inet) {
		if (bind(sv[1], (void *)&name, sizeof(name)) || connect(sv[0], (void *)&name, sizeof(name)))
			_exit(1);
		return;
	}
	if (bind(sv[1], (void *)&to, sizeof(to)) || getsockname(sv[1], (void *)&to, &len) ||
	    connect(sv[0], (void *)&to, len))
		_exit(1);
	len = sizeof(to);
	if (getsockname(sv[0], (void *)&to, &len) || connect(sv[1], (void *)&to, len))
		_exit(1);
}

static void work(bool inet, int ctl)
{
	int sv[2];
	char byte;

	open_pair(inet, sv);
	while (read(ctl, &byte, 1) == 1) {
		for (unsigned i = 0; i < RECEIVES; i++)
			if (send(sv[0], &byte, 1, 0) != 1 || recv(sv[1], &byte, 1, 0) != 1)
				_exit(1);
		if (write(ctl, &byte, 1) != 1)
			break;
	}
	_exit(0);
}

static struct worker start(bool inet)
{
	struct worker w;
	int ctl[2];

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, ctl))
		die("socketpair");
	w = (struct worker){fork(), ctl[0]};
	if (w.pid < 0)
		die("fork");
	if (!w.pid) {
		close(ctl[0]);
		work(inet, ctl[1]);
	}
	close(ctl[1]);
	return w;
}

static void receive(struct worker *w)
{
	char byte = 'x';

	if (write(w->ctl, &byte, 1) != 1 || read(w->ctl, &byte, 1) != 1)
		die("the receiving process died");
}

static void stop(struct worker *w)
{
	close(w->ctl);
	waitpid(w->pid, NULL, 0);
}

struct sum {
	double ns, runs;
};

static struct sum stats_of(struct bpf_object *o, const char *name)
{
	struct bpf_program *p = bpf_object__find_program_by_name(o, name);
	struct bpf_prog_info info = {0};
	uint32_t len = sizeof(info);

	if (!p || bpf_program__fd(p) < 0 || bpf_obj_get_info_by_fd(bpf_program__fd(p), &info, &len))
		return (struct sum){0, 0};
	return (struct sum){(double)info.run_time_ns, (double)info.run_cnt};
}

/* ns a receive of both hooks that a datagram passes, over as many runs of the empty one. */
static double one(struct bpf_object *ours, struct bpf_object *empty, struct worker *w)
{
	static const char *const hooks[] = {"rg_skb_copy", "rg_recv_length"};
	struct sum before[2], none = stats_of(empty, "nothing"), now;
	double ns = 0, each;

	for (size_t i = 0; i < 2; i++)
		before[i] = stats_of(ours, hooks[i]);
	receive(w);
	now = stats_of(empty, "nothing");
	if (now.runs <= none.runs)
		die("the empty hook did not run");
	each = (now.ns - none.ns) / (now.runs - none.runs);
	for (size_t i = 0; i < 2; i++) {
		struct sum s = stats_of(ours, hooks[i]);

		if (s.runs > before[i].runs)
			ns += (s.ns - before[i].ns) / (s.runs - before[i].runs) - each;
	}
	if (getenv("RG_BENCH_PARTS"))
		fprintf(stderr, "nothing %.1f", each);
	for (size_t i = 0; i < 2 && getenv("RG_BENCH_PARTS"); i++) {
		struct sum s = stats_of(ours, hooks[i]);
		fprintf(stderr, " %s %.1f", hooks[i], (s.ns - before[i].ns) / (s.runs - before[i].runs));
	}
	if (getenv("RG_BENCH_PARTS"))
		fputc(10, stderr);
	return ns;
}

static int drop(void *arg, const struct rg_rec_hdr *rec, size_t size)
{
	return 0;
}

static double measure(const struct rg_match *m, struct bpf_object *empty, bool inet, int rounds)
{
	struct rg_trace_opts opts = {.direction = RG_WAY_RECV,
				     .snaplen = RG_SNAPLEN_DEFAULT,
				     .tier = RG_TIER_TRACEPOINT,
				     .ring_kib = 65536};
	struct rg_capture *c;
	struct rg_err err = {0};
	struct worker w = start(inet);
	double best = 1e9;

	if (rg_capture_open(&opts, m, drop, NULL, &c, &err))
		die(err.msg);
	for (int i = 0; i < rounds; i++) {
		double ns = one(c->obj, empty, &w);

		best = ns < best ? ns : best;
		rg_capture_consume(c);
	}
	if (m && rg_capture_rejected(c) < (uint64_t)RECEIVES * (unsigned)rounds)
		die("the filter did not reject");
	rg_capture_close(c);
	stop(&w);
	return best;
}

static int quiet(enum libbpf_print_level level, const char *fmt, va_list ap)
{
	return 0;
}

int main(int argc, char **argv)
{
	int rounds = argc > 2 ? atoi(argv[2]) : 100, on;
	struct bpf_object *empty;
	struct bpf_program *p;
	struct bpf_link *link;

	libbpf_set_print(quiet);
	if (argc < 2 || geteuid())
		die(argc < 2 ? "usage: bench-match OBJECT [ROUNDS [SHAPE]]"
			     : "loading BPF programs needs root");
	on = bpf_enable_stats(BPF_STATS_RUN_TIME);
	empty = bpf_object__open_file(argv[1], NULL);
	if (on < 0 || !empty || bpf_object__load(empty))
		die("statistics or the empty hook can't be had");
	p = bpf_object__find_program_by_name(empty, "nothing");
	link = p ? bpf_program__attach(p) : NULL;
	if (!link)
		die("the empty hook does not attach");
	printf("ns a receive in the kernel over an empty hook, best of %d rounds of %d (tracepoint tier)\n",
	       rounds, RECEIVES);
	printf("no filter, unix %.1f, udp %.1f\n%-24s", measure(NULL, empty, false, rounds),
	       measure(NULL, empty, true, rounds), "rejecting filter, values");
	for (size_t k = 0; k < N(counts); k++)
		printf(" %8u", counts[k]);
	putchar('\n');
	for (size_t s = 0; s < N(shapes); s++) {
		if (argc > 3 && strcmp(argv[3], shapes[s].name))
			continue;
		printf("%-24s", shapes[s].name);
		for (size_t k = 0; k < N(counts); k++) {
			struct rg_match m = {.exact = false};

			filter(s, counts[k], &m);
			printf(" %8.1f", measure(&m, empty, s > 3, rounds));
			fflush(stdout);
			rg_match_free(&m);
		}
		putchar('\n');
	}
	bpf_link__destroy(link);
	bpf_object__close(empty);
	close(on);
	return 0;
}
