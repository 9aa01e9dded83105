/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The kernel's match interpreter beside the reference one: every operation, over random records, in this
 * kernel. Then its cost in the tracepoint: ns over a hook that does the same without it (kernel.bpf_stats),
 * by shape and number of rules. usage: match OBJECT [--bench]
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "kernel/match.h"
#include "policy/expr.h"
#include "policy/lower/match.h"

static const char *const exprs[] = {
	"proc.pid == 5",
	"proc.pid != 5",
	"proc.pid < 5 or proc.uid >= 7",
	"ret < 0",
	"ret in -3..3",
	"not ret in {-4, 2}",
	"peek",
	"not peek",
	"msg.flags has MSG_PEEK",
	"msg.flags has all {MSG_PEEK, MSG_TRUNC}",
	"proc.pid in {1,2,3,4,5,6,7,8,9,100,200}",
	"not proc.pid in {1,2,3,4,5,6,7,8,9,100,200}",
	"proc.comm == \"nc\"",
	"proc.comm startswith \"n\"",
	"proc.comm in {\"nc\", \"cat\", \"sh\"}",
	"proc.comm not in {\"nc\", \"cat\"}",
	"sock.remote.port == 3",
	"sock.remote.port in {1,2,3,4,5,6,7,8,9,10}",
	"sock.remote.port != 4",
	"sock.remote.addr in 10.0.0.0/8",
	"sock.remote.addr in {10.1.0.0/16, fe80::/10}",
	"not sock.remote.addr in 10.0.0.0/15",
	"sock.remote.addr in 10.0.0.1..10.1.0.2",
	"sock.path == \"/run/x\"",
	"sock.path in {\"/run/y\", \"@abs\"}",
	"sender.uid == 3",
	"not sender.uid in {0, 3}",
	"event == recvmsg",
	"not event in {read, recvfrom}",
	"sock.fd == 3",
	"sock.family == unix and proc.uid == 3 or proc.comm == \"nc\" and not (ret > 5 or proc.gid == 2)",
	"msg.data contains \"x\" and proc.pid == 5",
	"false",
	"true",
	"sock.type in {dgram, seqpacket}",
};

static void put_end(struct rg_rec_addr *a)
{
	static const uint8_t v4[] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
	uint16_t family;

	memset(a, 0, sizeof(*a));
	switch (rand() % 5) {
	case 0:
		family = AF_INET;
		a->len = 16;
		a->sa[4] = 10;
		a->sa[5] = (uint8_t)(rand() % 3);
		a->sa[7] = (uint8_t)(rand() % 4);
		break;
	case 1:
		family = AF_INET6;
		a->len = 28;
		a->sa[8] = rand() % 2 ? 0xfe : 0;
		a->sa[9] = 0x80;
		if (rand() % 2) {
			memcpy(a->sa + 8, v4, 12);
			a->sa[20] = 10;
		}
		break;
	case 2:
		family = AF_UNIX;
		strcpy((char *)a->sa + 2, rand() % 2 ? "/run/x" : "/run/y");
		a->len = 9;
		break;
	case 3:
		family = AF_UNIX;
		memcpy(a->sa + 2, "\0abs", 4);
		a->len = (uint16_t)(rand() % 2 ? 6 : 2);
		break;
	default: return;
	}
	memcpy(a->sa, &family, 2);
	if (family != AF_UNIX)
		a->sa[3] = (uint8_t)(rand() % 12);
}

static void random_record(struct rg_rec_msg *r)
{
	static const char *const comms[] = {"nc", "cat", "ncat", "a-15-bytes-name", ""};
	uint16_t family = 0;

	memset(r, 0, sizeof(*r));
	memset(r->comm, 'x', sizeof(r->comm)); /* what follows the NUL must not count */
	strcpy(r->comm, comms[rand() % 5]);
	r->pid = (uint32_t)(rand() % 10);
	r->uid = (uint32_t)(rand() % 10);
	r->gid = (uint32_t)(rand() % 4);
	r->ret = rand() % 12 - 5;
	r->fd = rand() % 5 - 1;
	r->flags = (uint32_t)(rand() % 64);
	r->mflags = (uint16_t)(rand() % 4);
	r->route = (uint16_t)(rand() % RG_RT__COUNT);
	r->has = (uint32_t)rand() & 0x3ffff;
	r->cred_uid = (uint32_t)(rand() % 5);
	r->peer_uid = (uint32_t)(rand() % 5);
	r->type = (uint16_t)(rand() % 6);
	put_end(&r->local);
	put_end(&r->remote);
	memcpy(&family, r->local.len > 2 ? r->local.sa : r->remote.sa, 2);
	r->family = family;
}

static void compile(const char *text, struct rg_match *m)
{
	struct rg_err err = {0};
	struct rg_expr *e = NULL;

	if (rg_expr_compile(text, "test", &e, &err) || rg_lower_match(e->ir, m, &err)) {
		printf("Bail out! %s\n", err.msg);
		exit(1);
	}
	rg_expr_free(e);
}

/* The object with the program in it; NULL: it does not load. */
static struct bpf_object *load(const char *path, const struct rg_match *m)
{
	struct bpf_object *o = bpf_object__open_file(path, NULL);
	struct rg_err err;

	if (o && !rg_match_size(o, m, &err) && !bpf_object__load(o) && !rg_match_fill(o, m, &err))
		return o;
	bpf_object__close(o);
	return NULL;
}

static int fd_of(struct bpf_object *o, const char *name)
{
	return bpf_object__find_map_fd_by_name(o, name);
}

/* Tell the program which groups of values are known. */
static uint32_t random_known(struct bpf_object *o)
{
	uint32_t known = rand() % 3 ? RG_KNOWN_ALL : (uint32_t)rand() << 29, zero = 0;

	bpf_map_update_elem(fd_of(o, "known"), &zero, &known, BPF_ANY);
	return known;
}

/* One expression, many records: both interpreters. Returns the number that differ; -1: not loadable. */
static int compare(const char *path, const char *text, unsigned n, unsigned *accepted)
{
	struct rg_rec_msg *r = calloc(1, sizeof(*r));
	struct rg_match m;
	struct bpf_object *o;
	int bad = 0;

	compile(text, &m);
	o = load(path, &m);
	if (!o)
		return -1;
	for (unsigned i = 0; i < n; i++) {
		LIBBPF_OPTS(bpf_test_run_opts, opts);
		uint32_t zero = 0;
		bool want;

		random_record(r);
		bpf_map_update_elem(fd_of(o, "rec"), &zero, r, BPF_ANY);
		want = rg_match_run(&m, r, random_known(o));
		if (bpf_prog_test_run_opts(bpf_program__fd(bpf_object__find_program_by_name(o, "match_one")),
					   &opts))
			bad++;
		else
			bad += (int)opts.retval != want;
		*accepted += want;
	}
	bpf_object__close(o);
	rg_match_free(&m);
	free(r);
	return bad;
}

/* ns per run of one program, from the kernel's own statistics. */
static double cost(struct bpf_object *o, const char *prog, unsigned n)
{
	struct bpf_program *p = bpf_object__find_program_by_name(o, prog);
	struct bpf_prog_info a = {0}, b = {0};
	uint32_t len = sizeof(a);
	struct bpf_link *l = bpf_program__attach(p);
	char byte = 0;
	int sv[2];

	if (!l || socketpair(AF_UNIX, SOCK_SEQPACKET, 0, sv))
		return -1;
	bpf_obj_get_info_by_fd(bpf_program__fd(p), &a, &len);
	for (unsigned i = 0; i < n; i++) {
		(void)!send(sv[0], &byte, 1, 0);
		(void)!recv(sv[1], &byte, 1, 0);
	}
	len = sizeof(b);
	bpf_obj_get_info_by_fd(bpf_program__fd(p), &b, &len);
	bpf_link__destroy(l);
	close(sv[0]);
	close(sv[1]);
	return (double)(b.run_time_ns - a.run_time_ns) /
	       (double)(b.run_cnt - a.run_cnt ? b.run_cnt - a.run_cnt : 1);
}

/* A filter of n rules of one shape, that rejects: ns over the same hook without it, best of five. */
static double filter_cost(const char *path, const char *head, const char *item, unsigned n)
{
	rg_auto_buf text = {0};
	struct rg_match m;
	struct bpf_object *o;
	double best = 1e9;

	for (unsigned i = 0; i < n; i++) {
		rg_buf_printf(&text, "%s%s", i ? " or " : "", head);
		if (strchr(item, '/'))
			rg_buf_printf(&text, "10.%u.%u.0/24", i / 256, i % 256);
		else
			rg_buf_printf(&text, "%s%u%s", item, 4000000 + i, item);
	}
	compile(rg_buf_cstr(&text), &m);
	o = load(path, &m);
	if (!o)
		return -1;
	for (int i = 0; i < 5; i++) {
		double e = cost(o, "empty", 20000), f = cost(o, "filtered", 20000);

		if (e >= 0 && f - e < best)
			best = f - e;
	}
	bpf_object__close(o);
	rg_match_free(&m);
	return best;
}

static int bench(const char *path)
{
	static const struct {
		const char *name, *head, *item;
	} shapes[] = {{"pid", "proc.pid == ", ""},
		      {"uid", "proc.uid == ", ""},
		      {"comm", "proc.comm == ", "\""},
		      {"path", "sock.path == ", "\""},
		      {"cidr", "sock.remote.addr in ", "/"}};
	static const unsigned counts[] = {1, 10, 100, 1000};
	int stats = bpf_enable_stats(BPF_STATS_RUN_TIME);

	printf("# ns of a rejecting filter over the empty hook\n# %-6s %8s %8s %8s %8s rules\n", "", "1",
	       "10", "100", "1000");
	for (size_t s = 0; s < 5; s++) {
		printf("# %-6s", shapes[s].name);
		for (size_t c = 0; c < 4; c++)
			printf(" %8.1f", filter_cost(path, shapes[s].head, shapes[s].item, counts[c]));
		putchar('\n');
	}
	if (stats >= 0)
		close(stats);
	return 0;
}

static int quiet(enum libbpf_print_level level, const char *fmt, va_list ap)
{
	return getenv("RG_VERBOSE") ? vfprintf(stderr, fmt, ap) : 0;
}

int main(int argc, char **argv)
{
	size_t n = sizeof(exprs) / sizeof(exprs[0]);
	unsigned seed = getenv("RG_SEED") ? (unsigned)atoi(getenv("RG_SEED")) : (unsigned)getpid(),
		 accepted = 0;
	int bad = 0;

	libbpf_set_print(quiet);
	if (argc < 2)
		return 2;
	if (geteuid()) {
		printf("1..0 # skip loading BPF programs needs root\n");
		return 0;
	}
	if (argc > 2)
		return bench(argv[1]);
	srand(seed);
	printf("# seed %u\n1..%zu\n", seed, n);
	for (size_t i = 0; i < n; i++) {
		int r = compare(argv[1], exprs[i], 300, &accepted);

		bad |= r != 0;
		printf("%s %zu - %s%s\n", r ? "not ok" : "ok", i + 1, exprs[i],
		       r < 0 ? ": does not load" : "");
	}
	printf("# %u of %zu accepted\n", accepted, n * 300);
	return bad;
}
