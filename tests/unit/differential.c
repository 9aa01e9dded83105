/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Same event, same verdict: expressions and events made at random, decided by an oracle of this file's own (a
 * walk over its own tree in four-valued logic: no, absent, doubt, yes; it shares no code with the compiler)
 * and by the evaluator in its three uses, the kernel's match program (reference interpreter) and classic BPF.
 * RG_SEED and RG_PAIRS choose another run.
 */
#include "tests/lib/unit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "policy/expr.h"
#include "policy/lower/cbpf.h"
#include "policy/lower/match.h"
#include "tests/unit/differential_model.h"
#include "tests/unit/early.h"

/* ---- expressions: a tree, its text, its meaning */

enum tv { NO, ABSENT, DOUBT, YES };
enum kind {
	OR,
	AND,
	NOT,
	NUM,
	NUMSET,
	COMM,
	COMMSET,
	CIDR,
	FLAG,
	SLICE,
	PREFIX,
	CONTAINS,
	BE16,
	SIZE,
	QUANT,
	EXISTS,
	N_KINDS
};

struct node {
	enum kind kind;
	int a, b, op, quant;
	int64_t k[4];
	uint8_t bytes[4];
	int n;
	struct node *l, *r;
};

static struct node pool[256];
static int n_pool;
static const char *const ops[] = {"==", "!=", "<", "<=", ">", ">="};

static struct node *gen(int depth, bool payload)
{
	struct node *x = &pool[n_pool++];
	static const enum kind data_kinds[] = {SLICE, PREFIX, BE16, SIZE};

	*x = (struct node){.kind = NUM};
	if (depth && rnd(3)) {
		x->kind = (enum kind)rnd(3);
		x->l = gen(depth - 1, payload);
		x->r = x->kind == NOT ? NULL : gen(depth - 1, payload);
		return x;
	}
	x->kind = payload ? data_kinds[rnd(4)] : (enum kind)(NUM + rnd(N_KINDS - NUM));
	x->a = (int)rnd(7);
	x->op = (int)rnd(6);
	x->quant = (int)rnd(3);
	x->n = 1 + (int)rnd(3);
	for (int i = 0; i < 4; i++) {
		x->k[i] = (int)rnd(12) - (nums[x->a].sign && x->kind <= NUMSET && rnd(3) == 0 ? 4 : 0);
		x->bytes[i] = (uint8_t)rnd(3);
	}
	x->b = (int)rnd(6);
	return x;
}

static void hex(FILE *f, const struct node *x)
{
	fputs("x\"", f);
	for (int i = 0; i < x->n; i++)
		fprintf(f, "%02x", x->bytes[i]);
	fputc('"', f);
}

static int64_t mid(const struct node *x)
{
	return x->k[1] + (x->k[2] > 0 ? x->k[2] : 0); /* end of a range, never below its beginning */
}

static void print(FILE *f, const struct node *x)
{
	static const char *const q[] = {"any", "all", "none"}, *const modes[] = {"any", "all", "none"};

	switch (x->kind) {
	case OR:
	case AND:
		fputc('(', f);
		print(f, x->l);
		fputs(x->kind == OR ? " or " : " and ", f);
		print(f, x->r);
		fputc(')', f);
		break;
	case NOT:
		fputs("not (", f);
		print(f, x->l);
		fputc(')', f);
		break;
	case NUM: fprintf(f, "%s %s %lld", nums[x->a].name, ops[x->op], (long long)x->k[0]); break;
	case NUMSET:
		fprintf(f, "%s %sin {%lld, %lld..%lld", nums[x->a].name, x->op & 1 ? "not " : "",
			(long long)x->k[0], (long long)x->k[1], (long long)mid(x));
		for (int i = 0; i < (x->op > 3 ? 12 : 0); i++)
			fprintf(f, ", %d", 100 + i);
		fputc('}', f);
		break;
	case COMM:
		fprintf(f, "proc.comm %s \"%.*s\"",
			x->op < 3    ? (x->op == 1 ? "!=" : "==")
			: x->op == 3 ? "startswith"
			: x->op == 4 ? "endswith"
				     : "contains",
			x->op < 3 ? 99 : x->n, comms[x->a % 5]);
		break;
	case COMMSET: fprintf(f, "proc.comm in {\"%s\", \"%s\"}", comms[x->a % 5], comms[x->b % 5]); break;
	case CIDR:
		fputs(x->a % 3 == 0   ? "sock.remote.addr in 10.0.0.0/8"
		      : x->a % 3 == 1 ? "sock.remote.addr in {10.1.0.0/16, 11.0.0.0..11.1.255.255}"
				      : "sock.remote.addr in fe80::/16",
		      f);
		break;
	case FLAG: fprintf(f, "msg.flags has %s {MSG_PEEK, MSG_DONTWAIT}", modes[x->quant]); break;
	case SLICE:
		fprintf(f, "msg.data[%d:%d] %s ", x->a, x->a + x->b, x->op & 1 ? "!=" : "==");
		hex(f, x);
		break;
	case PREFIX:
		fputs("msg.data startswith ", f);
		hex(f, x);
		break;
	case CONTAINS:
		fputs("msg.data contains ", f);
		hex(f, x);
		break;
	case BE16:
		fprintf(f, "%s16(msg.data, %d) %s %lld", x->quant ? "be" : "le", x->b, ops[x->op],
			(long long)(x->k[0] * 64));
		break;
	case SIZE: fprintf(f, "len(msg.data) %s %lld", ops[x->op], (long long)x->k[0]); break;
	case QUANT:
		fprintf(f, "%s(fd, kind %s %s or fd == %d)", q[x->quant],
			x->op & 1 ? "!=" : "==", kinds[x->a % 3], x->b);
		break;
	default: fprintf(f, "%s exists", nums[x->a].name); break;
	}
}

static bool cmp(int64_t a, int op, int64_t b)
{
	switch (op) {
	case 0: return a == b;
	case 1: return a != b;
	case 2: return a < b;
	case 3: return a <= b;
	case 4: return a > b;
	default: return a >= b;
	}
}

static enum tv tv(bool b)
{
	return b ? YES : NO;
}

/* msg.data was not captured although the call returned bytes: doubt */
static enum tv no_data(const struct model *m)
{
	return m->num[2] > 0 ? DOUBT : ABSENT;
}

static enum tv data_leaf(const struct node *x, const struct model *m)
{
	uint32_t from = (uint32_t)x->a, to = (uint32_t)(x->a + x->b), n = (uint32_t)x->n;

	if (!m->has_data)
		return no_data(m);
	switch (x->kind) {
	case SIZE: return tv(cmp(m->full, x->op, x->k[0]));
	case BE16: {
		uint32_t at = (uint32_t)x->b, v;

		if (at + 2 > m->full)
			return ABSENT;
		if (at + 2 > m->len)
			return DOUBT;
		v = x->quant ? (uint32_t)m->data[at] << 8 | m->data[at + 1]
			     : (uint32_t)m->data[at + 1] << 8 | m->data[at];
		return tv(cmp(v, x->op, x->k[0] * 64));
	}
	case SLICE: {
		bool eq;

		from = from < m->full ? from : m->full;
		to = to < m->full ? to : m->full;
		if (to > m->len)
			return DOUBT;
		eq = to - from == n && !memcmp(m->data + from, x->bytes, n);
		return tv(eq != (x->op & 1));
	}
	case PREFIX:
		if (n > m->full)
			return NO;
		for (uint32_t i = 0; i < n && i < m->len; i++)
			if (m->data[i] != x->bytes[i])
				return NO;
		return n <= m->len ? YES : DOUBT;
	default:
		if (n > m->full)
			return NO;
		for (uint32_t i = 0; i + n <= m->len; i++)
			if (!memcmp(m->data + i, x->bytes, n))
				return YES;
		return m->len < m->full ? DOUBT : NO;
	}
}

static bool in_cidr(const struct node *x, const struct model *m)
{
	const uint8_t *v4 = m->ip_len == 4			     ? m->ip
			    : m->ip[10] == 0xff && m->ip[11] == 0xff ? m->ip + 12
								     : NULL;

	if (x->a % 3 == 2)
		return m->ip_len == 16 && m->ip[0] == 0xfe && m->ip[1] == 0x80;
	if (!v4)
		return false;
	if (x->a % 3 == 0)
		return v4[0] == 10;
	return (v4[0] == 10 && v4[1] == 1) || (v4[0] == 11 && v4[1] <= 1);
}

static bool fd_body(const struct node *x, const struct model *m, int i)
{
	return (m->kinds[i] == x->a % 3) != (x->op & 1) || i == x->b;
}

static bool quant(const struct node *x, const struct model *m)
{
	int hits = 0;

	for (int i = 0; i < m->n_fds; i++)
		hits += fd_body(x, m, i);
	return x->quant == 0 ? hits > 0 : x->quant == 1 ? hits == m->n_fds : hits == 0;
}

static bool comm_leaf(const struct node *x, const struct model *m)
{
	char part[32];
	size_t n, len = strlen(m->comm);

	snprintf(part, sizeof(part), "%.*s", x->op < 3 ? 99 : x->n, comms[x->a % 5]);
	n = strlen(part);
	switch (x->op) {
	case 0:
	case 2: return !strcmp(m->comm, part);
	case 1: return strcmp(m->comm, part) != 0;
	case 3: return !strncmp(m->comm, part, n);
	case 4: return len >= n && !strcmp(m->comm + len - n, part);
	default: return strstr(m->comm, part) != NULL;
	}
}

/* strict: `not` of absent is absent; else (rules that restrict) absent tests are false, != and not in true.
 */
static enum tv leaf(const struct node *x, const struct model *m, bool strict)
{
	bool negative = (x->kind == NUM && x->op == 1) || (x->kind == NUMSET && x->op & 1) ||
			(x->kind == SLICE && x->op & 1) || (x->kind == BE16 && x->op == 1) ||
			(x->kind == SIZE && x->op == 1);
	enum tv r = ABSENT;
	int64_t v = m->num[x->a];
	uint64_t f = m->flags & (MSG_PEEK | MSG_DONTWAIT);

	switch (x->kind) {
	case NUM:
		if (m->has[x->a])
			r = tv(cmp(v, x->op, x->k[0]));
		break;
	case NUMSET:
		if (m->has[x->a])
			r = tv((v == x->k[0] || (v >= x->k[1] && v <= mid(x))) != (x->op & 1));
		break;
	case COMM: r = tv(comm_leaf(x, m)); break;
	case COMMSET: r = tv(!strcmp(m->comm, comms[x->a % 5]) || !strcmp(m->comm, comms[x->b % 5])); break;
	case CIDR:
		if (m->ip_len)
			r = tv(in_cidr(x, m));
		break;
	case FLAG:
		r = tv(x->quant == 0 ? f != 0 : x->quant == 1 ? f == (MSG_PEEK | MSG_DONTWAIT) : f == 0);
		break;
	case QUANT: return tv(quant(x, m));
	case EXISTS: return tv(m->has[x->a]);
	default: r = data_leaf(x, m); break;
	}
	return r == ABSENT && !strict ? tv(negative) : r;
}

/* not (a and b) is not a or not b: with doubt beside absence the two ways of saying it must agree, so the
 * logic is defined by the tests and their own negations (docs/expressions.md). */
static enum tv eval_neg(const struct node *x, const struct model *m, bool strict, bool neg)
{
	enum tv a, b;

	switch (x->kind) {
	case OR:
	case AND:
		a = eval_neg(x->l, m, strict, neg);
		b = eval_neg(x->r, m, strict, neg);
		return ((x->kind == OR) != neg) == (a > b) ? a : b;
	case NOT: return eval_neg(x->l, m, strict, !neg);
	default: a = leaf(x, m, strict); return !neg ? a : a == YES ? NO : a == NO ? YES : a;
	}
}

static enum tv eval(const struct node *x, const struct model *m, bool strict)
{
	return eval_neg(x, m, strict, false);
}

/* ---- the test */

static uint64_t seed;
static char text[65536];

static void describe(const struct node *x)
{
	FILE *f = fmemopen(text, sizeof(text), "w");

	print(f, x);
	fclose(f);
}

static bool constants_possible(const struct node *x)
{
	if (x->kind == OR || x->kind == AND)
		return constants_possible(x->l) && constants_possible(x->r);
	if (x->kind == NOT)
		return constants_possible(x->l);
	return true;
}

static struct rg_ir *compile(enum rg_use use)
{
	struct rg_err err = {0};
	struct rg_ir *ir = NULL;
	struct rg_comp c;

	assert_int_equal(rg_comp_init(&c, &err), 0);
	if (rg_compile_ir(&c, rg_src_new(&c, "gen", text, strlen(text)), use, &ir))
		fail_msg("seed %llu: %s", (unsigned long long)seed, err.msg);
	rg_comp_done(&c);
	assert_int_equal((uintptr_t)rg_ir_data(ir) % 8, 0); /* ranges and tables are read in place */
	return ir;
}

#define EVENTS_PER_EXPR 8

/* What rg_front says of the thread's own values, the program says too. */
static bool front_is_wrong(const struct rg_match *m, const struct rg_rec_msg *rec, unsigned *asked)
{
	const struct rg_front *f = &m->front;
	uint64_t v = f->kind == RG_FRONT_PID   ? rec->pid
		     : f->kind == RG_FRONT_TID ? rec->h.tid
		     : f->kind == RG_FRONT_UID ? rec->uid
					       : rec->gid,
		 comm[2] = {0};
	bool holds = v >= f->imm[0] && v <= f->imm[1];

	if (f->kind == RG_FRONT_NONE)
		return false;
	memcpy(comm, rec->comm, strnlen(rec->comm, sizeof(comm)));
	if (f->kind == RG_FRONT_COMM)
		holds = (comm[0] & f->mask[0]) == f->imm[0] && (comm[1] & f->mask[1]) == f->imm[1];
	for (uint32_t i = 0; i < m->n_ints && f->set && f->kind != RG_FRONT_COMM; i++)
		if ((holds = m->ints[i].set == f->set && m->ints[i].value == v))
			break;
	for (uint32_t i = 0; i < m->n_comms && f->set && f->kind == RG_FRONT_COMM; i++)
		if ((holds = m->comms[i].set == f->set && !memcmp(m->comms[i].comm, comm, sizeof(comm))))
			break;
	holds ^= f->negate != 0;
	++*asked;
	if (!holds)
		return rg_match_run(m, rec, RG_KNOWN_TASK) || rg_match_run(m, rec, RG_KNOWN_ALL);
	return f->whole && !rg_match_run(m, rec, RG_KNOWN_ALL);
}

static void evaluator_and_match_program(void **state)
{
	unsigned pairs = getenv("RG_PAIRS") ? (unsigned)atoi(getenv("RG_PAIRS")) : 20000, exact = 0,
		 rejected = 0, yes = 0, early = 0, fronts = 0;
	struct rg_event *ev = rg_event_new();
	struct rg_rec_msg *rec = calloc(1, sizeof(*rec));

	for (unsigned i = 0; i < pairs / EVENTS_PER_EXPR; i++) {
		struct rg_ir *ir[3];
		struct rg_match match;
		struct rg_err err;
		struct node *x;
		struct model m;

		n_pool = 0;
		x = gen(4, false);
		if (!constants_possible(x))
			continue;
		describe(x);
		for (int u = 0; u < 3; u++)
			ir[u] = compile((enum rg_use)u);
		assert_int_equal(rg_lower_match(ir[0], &match, &err), 0);
		for (int k = 0; k < EVENTS_PER_EXPR; k++) {
			enum tv strict, loose;
			bool want[3], kernel;

			gen_model(&m);
			fill_event(&m, ev);
			fill_record(&m, rec);
			strict = eval(x, &m, true);
			loose = eval(x, &m, false);
			want[RG_USE_FILTER] = strict >= DOUBT;
			want[RG_USE_PERMIT] = strict == YES;
			want[RG_USE_RESTRICT] = loose >= DOUBT;
			for (int u = 0; u < 3; u++)
				if (rg_ir_eval(ir[u], ev, NULL) != want[u])
					fail_msg("seed %llu, expression %u, event %d, use %d: oracle says "
						 "%d: %s",
						 (unsigned long long)seed, i, k, u, want[u], text);
			kernel = rg_match_run(&match, rec, RG_KNOWN_ALL);
			if (early_is_wrong(&match, rec, kernel, &early))
				fail_msg("seed %llu, expression %u, event %d: rejected too early: %s",
					 (unsigned long long)seed, i, k, text);
			if (front_is_wrong(&match, rec, &fronts))
				fail_msg("seed %llu, expression %u, event %d: the first test is not the "
					 "program's: %s",
					 (unsigned long long)seed, i, k, text);
			/* never less than the expression; exactly it when every part is there */
			if ((!kernel && want[0]) || (match.exact && kernel && !want[0] && m.has[5]))
				fail_msg("seed %llu, expression %u, event %d: match program says %d, oracle "
					 "%d (exact %d): %s",
					 (unsigned long long)seed, i, k, kernel, want[0], match.exact, text);
			exact += match.exact;
			rejected += !kernel;
			yes += want[0];
		}
		rg_match_free(&match);
		for (int u = 0; u < 3; u++)
			free(ir[u]);
	}
	printf("# seed %llu: %u pairs, %u true, %u in exact match programs, %u rejected by them, %u early, "
	       "%u "
	       "with a front\n",
	       (unsigned long long)seed, pairs, yes, exact, rejected, early, fronts);
	assert_true(fronts > pairs / 100 && early > pairs / 50 && yes > pairs / 10 && yes < pairs * 9 / 10 &&
		    exact > pairs / 50 && rejected > pairs / 50);
	free(rec);
	rg_event_free(ev);
}

/* The filter on a real socket pair: is the message delivered? */
/* Found by fuzzing: the lowering writes as many bytes as the range says an address has. */
static void an_address_has_4_or_16_bytes(void **state)
{
	struct rg_err err = {0};
	struct rg_ir *ir;
	struct rg_ir_addr_range *r;

	(void)state;
	strcpy(text, "sock.remote.addr in 10.1.0.0/16");
	ir = compile(RG_USE_FILTER);
	r = (void *)(uintptr_t)(rg_ir_data(ir) + rg_ir_consts(ir)[0].off);
	assert_int_equal(rg_ir_consts(ir)[0].kind, RG_K_ADDRS);
	assert_int_equal(rg_ir_verify(ir, ir->size, &err), 0);
	r->family_len = 82;
	assert_int_equal(rg_ir_verify(ir, ir->size, &err), -EINVAL);
	free(ir);
}

static bool delivered(const struct rg_cbpf *f, const void *p, size_t len)
{
	struct sock_fprog prog = {(unsigned short)f->n, (struct sock_filter *)(uintptr_t)f->insn};
	int sv[2];
	char buf[64];
	bool r;

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, sv), 0);
	assert_int_equal(setsockopt(sv[1], SOL_SOCKET, SO_ATTACH_FILTER, &prog, sizeof(prog)), 0);
	(void)!send(sv[0], p, len, MSG_DONTWAIT);
	r = recv(sv[1], buf, sizeof(buf), MSG_DONTWAIT) == (ssize_t)len;
	close(sv[0]);
	close(sv[1]);
	return r;
}

static void socket_filters(void **state)
{
	struct rg_event *ev = rg_event_new();
	struct rg_cbpf *f = malloc(sizeof(*f));
	unsigned kept = 0, real = 0;

	for (unsigned i = 0; i < 1500; i++) {
		struct rg_err err = {0};
		struct rg_ir *ir;
		struct node *x;

		n_pool = 0;
		x = gen(3, true);
		describe(x);
		ir = compile(RG_USE_RESTRICT);
		if (rg_lower_cbpf(ir, f, &err))
			fail_msg("seed %llu: %s: %s", (unsigned long long)seed, text, err.msg);
		for (int k = 0; k < EVENTS_PER_EXPR; k++) {
			struct model m;
			bool want, got;

			gen_model(&m);
			m.full = m.len = m.full ? m.full : 1; /* a filter can't keep nothing of nothing */
			m.has_data = true;
			fill_event(&m, ev);
			want = eval(x, &m, false) >= DOUBT;
			got = rg_cbpf_run(f, m.data, m.len) == m.len;
			if (got != want)
				fail_msg("seed %llu, expression %u: interpreter says %d, oracle %d: %s",
					 (unsigned long long)seed, i, got, want, text);
			kept += got;
			if (i % 10 == 0) {
				real++;
				if (delivered(f, m.data, m.len) != want)
					fail_msg("seed %llu, expression %u: the kernel says %d: %s",
						 (unsigned long long)seed, i, !want, text);
			}
		}
		free(ir);
	}
	printf("# seed %llu: %u pairs, %u kept, %u on real sockets\n", (unsigned long long)seed,
	       1500 * EVENTS_PER_EXPR, kept, real);
	assert_true(kept > 1000 && kept < 11000);
	free(f);
	rg_event_free(ev);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(an_address_has_4_or_16_bytes),
					   cmocka_unit_test(evaluator_and_match_program),
					   cmocka_unit_test(socket_filters)};

	for (int i = 0; i < 3; i++)
		if (rg_name_value(rg_names_fdkinds, kinds[i], strlen(kinds[i]), &kind_values[i]))
			return 1;
	seed = getenv("RG_SEED") ? strtoull(getenv("RG_SEED"), NULL, 0) : 20261126;
	rng_state = seed;
	printf("# seed %llu\n", (unsigned long long)seed);
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
