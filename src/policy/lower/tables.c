/* SPDX-License-Identifier: BSD-2-Clause */
/* Clauses to tables: for each dimension that is used, which clauses a value leaves possible. */
#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "policy/lower/classes.h"
#include "policy/lower/tables.h"

#define TESTS_MAX 40000000u /* over which a policy is refused rather than compiled for minutes */

static int too_big(struct rg_tables *t, const char *what)
{
	if (!t->r)
		t->r = rg_fail(t->err, -E2BIG, "the policies are too large for the kernel's tables: %s",
			       what);
	return t->r;
}

/* ---- rows */

static uint64_t row_hash(const struct rg_enf_row *r)
{
	uint64_t h = 1469598103934665603u;

	for (int i = 0; i < RG_ENF_WORDS; i++)
		h = (h ^ r->w[i]) * 1099511628211u, h ^= h >> 29;
	return h;
}

/* Index of the row, the same for the same bits. */
uint32_t rg_tables_row(struct rg_tables *t, struct rg_enf_row *row)
{
	struct rg_enf_row *rows;
	uint32_t n = (uint32_t)(t->img->rows.len / sizeof(*rows)),
		 at = (uint32_t)row_hash(row) % RG_ROW_SLOTS;

	row->sum = 0;
	row->pad = 0;
	for (unsigned i = 0; i < RG_ENF_WORDS; i++)
		row->sum |= row->w[i] ? 1u << i : 0;
	for (; t->slot[at]; at = (at + 1) % RG_ROW_SLOTS) {
		rows = (void *)t->img->rows.data;
		if (!memcmp(&rows[t->slot[at] - 1], row, sizeof(*row)))
			return t->slot[at] - 1;
	}
	if (n >= RG_ENF_ROWS) {
		too_big(t, "more than 4096 different sets of matching rules");
		return 0;
	}
	rg_buf_add(&t->img->rows, row, sizeof(*row));
	t->slot[at] = n + 1;
	return n;
}

static void set_bit(struct rg_enf_row *row, unsigned bit, bool on)
{
	if (on)
		row->w[bit / 64] |= 1ull << bit % 64;
	else
		row->w[bit / 64] &= ~(1ull << bit % 64);
}

/* The tests of the entries [from, to), all of one clause: does the sample meet them? */
static bool meets(struct rg_tables *t, uint32_t from, uint32_t to)
{
	for (uint32_t i = from; i < to; i++) {
		t->tests++;
		if (!rg_sample_test(&t->sample, t->entry[i].lit))
			return false;
	}
	return true;
}

/* Over the whole dimension. */
static void full_row(struct rg_tables *t, struct rg_enf_row *row)
{
	*row = t->base;
	for (uint32_t i = 0, k; i < t->n_entries && !t->r; i = k) {
		for (k = i + 1; k < t->n_entries && t->entry[k].bit == t->entry[i].bit; k++)
			;
		set_bit(row, t->entry[i].bit, meets(t, i, k));
	}
	if (t->tests > TESTS_MAX)
		too_big(t, "too many combinations of values and rules");
}

uint32_t rg_tables_sampled(struct rg_tables *t)
{
	struct rg_enf_row row;

	full_row(t, &row);
	return rg_tables_row(t, &row);
}

/* The same when a row for nearly the same value is known and only the entries whose lits are named can
 * differ. */
static uint32_t changed_row(struct rg_tables *t, const struct rg_enf_row *dflt, const struct rg_cut *cut,
			    size_t n)
{
	struct rg_enf_row row = *dflt;

	for (size_t i = 0; i < n; i++) {
		uint32_t e = cut[i].lit, from = e, to = e + 1; /* lit: index of an entry here */

		while (from && t->entry[from - 1].bit == t->entry[e].bit)
			from--;
		while (to < t->n_entries && t->entry[to].bit == t->entry[e].bit)
			to++;
		set_bit(&row, t->entry[e].bit, meets(t, from, to));
	}
	return rg_tables_row(t, &row);
}

/* ---- keys */

static void key_bytes(unsigned dim, rg_u128 v, void *out)
{
	uint64_t w[2] = {htobe64((uint64_t)v), 0};

	if (rg_dim_bits(dim) == 128) {
		w[0] = htobe64((uint64_t)(v >> 64));
		w[1] = htobe64((uint64_t)v);
	}
	memcpy(out, w, sizeof(w));
}

void rg_tables_key(struct rg_tables *t, unsigned mask, rg_u128 v, uint32_t row)
{
	struct rg_enf_key_entry e = {
		.key = {.set = (uint8_t)t->stage, .dim = (uint8_t)t->dim, .mask = (uint8_t)mask}, .row = row};

	key_bytes(t->dim, v, e.key.v);
	rg_buf_add(&t->img->keys, &e, sizeof(e));
}

void rg_tables_mask(struct rg_tables *t, rg_u128 mask)
{
	struct rg_enf_dimension *d = &t->img->set[t->stage].dim[t->dim];

	key_bytes(t->dim, mask, d->mask[d->n_masks++]);
}

static rg_u128 ones(unsigned bits)
{
	return bits >= 128 ? ~(rg_u128)0 : ((rg_u128)1 << bits) - 1;
}

/* The first n of the dimension's bits. */
static rg_u128 prefix_mask(unsigned dim, unsigned n)
{
	unsigned bits = rg_dim_bits(dim);

	return n ? ones(bits) & ~ones(bits - n) : 0;
}

/* ---- dimensions of numbers */

static int by_value(const void *a, const void *b)
{
	const struct rg_cut *x = a, *y = b;

	return x->at < y->at ? -1 : x->at > y->at ? 1 : x->lit < y->lit ? -1 : x->lit > y->lit;
}

/* A value that is none of the points. */
static rg_u128 other_than(const struct rg_cut *c, size_t n, unsigned dim)
{
	rg_u128 v = dim == RG_D_COMM ? (rg_u128)1 << 120 : 0, step = dim == RG_D_COMM ? (rg_u128)1 << 112 : 1;

	for (size_t i = 0; i < n; i++)
		if (c[i].at == v)
			v += step;
	return v;
}

static void sample(struct rg_tables *t, rg_u128 v)
{
	char text[17] = {0};

	if (t->dim != RG_D_COMM) {
		rg_sample_number(&t->sample, t->dim, v);
		return;
	}
	for (int i = 0; i < 16; i++)
		text[i] = (char)(v >> 8 * (15 - i));
	rg_sample_text(&t->sample, t->dim, text);
}

static void do_points(struct rg_tables *t, struct rg_cut *c, size_t n)
{
	struct rg_enf_dimension *d = &t->img->set[t->stage].dim[t->dim];
	struct rg_enf_row dflt;

	if (n)
		qsort(c, n, sizeof(*c), by_value);
	sample(t, other_than(c, n, t->dim));
	full_row(t, &dflt);
	d->dflt = rg_tables_row(t, &dflt);
	rg_tables_mask(t, ones(rg_dim_bits(t->dim)));
	for (size_t i = 0, k; i < n && !t->r; i = k) {
		for (k = i; k < n && c[k].at == c[i].at; k++)
			;
		sample(t, c[i].at);
		rg_tables_key(t, 0, c[i].at, changed_row(t, &dflt, c + i, k - i));
	}
}

struct span {
	rg_u128 lo, hi;
	uint32_t row;
};
struct prefix {
	rg_u128 v;
	uint32_t row, bits;
};

/* An interval as prefixes: the largest that begins at lo and stays within hi, and so on. */
static void add_prefixes(struct rg_buf *out, const struct span *s, unsigned width)
{
	rg_u128 lo = s->lo;

	for (;;) {
		unsigned n = 0;
		struct prefix p = {.v = lo, .row = s->row};

		while (n < width && !(lo & ones(n + 1)) && (lo | ones(n + 1)) <= s->hi &&
		       (n + 1 < 128 || s->hi == ~(rg_u128)0))
			n++;
		p.bits = width - n;
		rg_buf_add(out, &p, sizeof(p));
		if ((lo | ones(n)) >= s->hi)
			return;
		lo = (lo | ones(n)) + 1;
	}
}

/* A comm is zero-padded: the first value at or above v that is one. */
static rg_u128 legal_comm(rg_u128 v)
{
	for (int i = 0; i < 15; i++) {
		rg_u128 rest = ones(8 * (15 - (unsigned)i));

		if (!(v >> 8 * (15 - i) & 0xff))
			return v & rest ? (v & ~(rest | (rg_u128)0xff << 8 * (15 - i))) |
						  (rg_u128)1 << 8 * (15 - i)
					: v;
	}
	return v & ~(rg_u128)0xff;
}

static void find_spans(struct rg_tables *t, const struct rg_cut *c, size_t n, struct rg_buf *out)
{
	rg_u128 top = ones(rg_dim_bits(t->dim));

	for (size_t i = 0, k; i < n && !t->r; i = k) {
		struct span s = {.lo = c[i].at}, *last;
		rg_u128 v = t->dim == RG_D_COMM ? legal_comm(s.lo) : s.lo;

		for (k = i; k < n && c[k].at == c[i].at; k++)
			;
		s.hi = k < n ? c[k].at - 1 : top;
		if (s.lo > top)
			break;
		if (v < s.lo || v > s.hi)
			v = s.hi; /* nothing that exists is in there */
		sample(t, v);
		s.row = rg_tables_sampled(t);
		last = out->len ? (struct span *)(void *)(out->data + out->len) - 1 : NULL;
		if (last && last->row == s.row)
			last->hi = s.hi;
		else
			rg_buf_add(out, &s, sizeof(s));
	}
}

/* The row that most of the spans have: it needs no entries. */
static uint32_t common_row(const struct span *s, size_t n)
{
	uint32_t best = s[n - 1].row, best_n = 0;

	for (size_t i = 0; i < n && i < 64; i++) {
		uint32_t count = 0;

		for (size_t k = 0; k < n; k++)
			count += s[k].row == s[i].row;
		if (count > best_n + (s[i].row != s[n - 1].row))
			best = s[i].row, best_n = count;
	}
	return best;
}

static void put_prefixes(struct rg_tables *t, const struct prefix *p, size_t n)
{
	unsigned len[RG_ENF_LENS + 1], n_len = 0;

	for (size_t i = 0; i < n && n_len <= RG_ENF_LENS; i++) {
		unsigned k = 0;

		while (k < n_len && len[k] != p[i].bits)
			k++;
		if (k == n_len)
			len[n_len++] = p[i].bits;
	}
	for (unsigned k = 0; n_len <= RG_ENF_LENS && k < n_len; k++)
		rg_tables_mask(t, prefix_mask(t->dim, len[k]));
	for (size_t i = 0; i < n; i++) {
		struct rg_enf_lpm_entry e = {.key = {.prefixlen = 32 + p[i].bits,
						     .set = (uint8_t)t->stage,
						     .dim = (uint8_t)t->dim},
					     .row = p[i].row};
		unsigned k = 0;

		if (n_len > RG_ENF_LENS) {
			key_bytes(t->dim, p[i].v, e.key.v);
			rg_buf_add(&t->img->lpms, &e, sizeof(e));
			continue;
		}
		while (len[k] != p[i].bits)
			k++;
		rg_tables_key(t, k, p[i].v, p[i].row);
	}
}

static void do_ranges(struct rg_tables *t, struct rg_cut *c, size_t n)
{
	rg_auto_buf spans = {0}, prefixes = {0};
	const struct span *s;
	uint32_t dflt;
	size_t n_spans;

	qsort(c, n, sizeof(*c), by_value);
	find_spans(t, c, n, &spans);
	s = (void *)spans.data;
	n_spans = spans.len / sizeof(*s);
	if (t->r || !n_spans)
		return;
	dflt = common_row(s, n_spans);
	t->img->set[t->stage].dim[t->dim].dflt = dflt;
	for (size_t i = 0; i < n_spans; i++)
		if (s[i].row != dflt)
			add_prefixes(&prefixes, &s[i], rg_dim_bits(t->dim));
	t->oom |= spans.oom | prefixes.oom;
	if (!t->oom)
		put_prefixes(t, (void *)prefixes.data, prefixes.len / sizeof(struct prefix));
}

static void do_flags(struct rg_tables *t)
{
	uint64_t mask = 0;

	for (uint32_t i = 0; i < t->n_entries; i++) {
		const struct rg_ir_insn *in = &rg_ir_insns(t->entry[i].lit->ir)[t->entry[i].lit->pc];

		if (in->op == RG_IR_FLAGS)
			mask |= in->imm;
		else if (in->op == RG_IR_TRUE && t->dim == RG_D_FLAGS)
			mask |= MSG_PEEK;
		else if (in->op != RG_IR_EXISTS)
			t->r = rg_fail(t->err, -EOPNOTSUPP,
				       "flags of a descriptor are compared as a number and by `has` in one "
				       "policy: the "
				       "kernel's tables take one of them");
	}
	if (__builtin_popcountll(mask) > 8) {
		too_big(t, "more than 8 different flags of one kind are tested");
		return;
	}
	rg_tables_mask(t, mask);
	for (uint64_t m = mask; !t->r; m = (m - 1) & mask) {
		sample(t, m);
		rg_tables_key(t, 0, m, rg_tables_sampled(t));
		if (!m)
			break;
	}
	t->img->set[t->stage].dim[t->dim].dflt = 0;
}

static bool by_flags(const struct rg_tables *t)
{
	if (t->dim == RG_D_FLAGS)
		return true;
	for (uint32_t i = 0; t->dim == RG_D_FFLAGS && i < t->n_entries; i++)
		if (rg_ir_insns(t->entry[i].lit->ir)[t->entry[i].lit->pc].op == RG_IR_FLAGS)
			return true;
	return false;
}

void rg_tables_numbers(struct rg_tables *t)
{
	rg_auto_buf cuts = {0};
	const rg_u128 zero = 0;
	bool points = true;

	if (by_flags(t)) {
		do_flags(t);
		return;
	}
	for (uint32_t i = 0; i < t->n_entries && points; i++)
		points = rg_cuts_points(t->entry[i].lit, t->dim, i, &cuts);
	if (points) {
		do_points(t, (void *)cuts.data, cuts.len / sizeof(struct rg_cut));
	} else {
		struct rg_cut first = {zero, 0};

		rg_buf_reset(&cuts);
		rg_buf_add(&cuts, &first, sizeof(first));
		for (uint32_t i = 0; i < t->n_entries; i++)
			rg_cuts_ranges(t->entry[i].lit, t->dim, i, &cuts);
		if (!cuts.oom)
			do_ranges(t, (void *)cuts.data, cuts.len / sizeof(struct rg_cut));
	}
	t->oom |= cuts.oom;
}
