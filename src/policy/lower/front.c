/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The short way past the tables (abi/enforce.h): which cheap dimensions rule every clause out when their
 * value is none that an entry names. Nothing is decided here: what is flagged without need is looked up as
 * before.
 */
#include <endian.h>
#include <string.h>

#include "policy/lower/classes.h"
#include "policy/lower/enforce.h"

/* The most selective first. */
static const uint8_t dims[] = {RG_D_PID, RG_D_TID,   RG_D_COMM,	 RG_D_CGROUP, RG_D_EXE,	  RG_D_UID,
			       RG_D_GID, RG_D_RPORT, RG_D_LPORT, RG_D_PATH,   RG_D_RADDR4};
#define N_DIMS (sizeof(dims) / sizeof(dims[0]))

static const struct rg_enf_row *row_of(const struct rg_enf_image *img, uint32_t row)
{
	return (const struct rg_enf_row *)(const void *)img->rows.data + row;
}

static void add(struct rg_enf_row *to, const struct rg_enf_row *r)
{
	for (unsigned i = 0; i < RG_ENF_WORDS; i++)
		to->w[i] |= r->w[i];
}

/* and: r &= by. Returns whether anything is left; *less: whether anything went. */
static bool keep(struct rg_enf_row *r, const struct rg_enf_row *by, bool *less)
{
	uint64_t left = 0;

	*less = false;
	for (unsigned i = 0; i < RG_ENF_WORDS; i++) {
		*less |= (r->w[i] & ~by->w[i]) != 0;
		r->w[i] &= by->w[i];
		left |= r->w[i];
	}
	return left;
}

static bool covers(const struct rg_enf_row *base, const struct rg_enf_row *r)
{
	uint64_t out = 0;

	for (unsigned i = 0; i < RG_ENF_WORDS; i++)
		out |= r->w[i] & ~base->w[i];
	return !out;
}

/* Of the value's bits, those that every look-up of this dimension compares. */
static uint64_t common_mask(const struct rg_enf_dimension *d)
{
	uint64_t m = d->n_masks ? ~0ull : 0;

	for (unsigned i = 0; i < d->n_masks; i++)
		m &= d->mask[i][0];
	return m;
}

/* What the kernel hashes is the number itself; of a name its bytes as they stand. */
static uint64_t value_of(unsigned dim, uint64_t v)
{
	return dim == RG_D_COMM ? v : be64toh(v);
}

static bool is_whole(unsigned dim, uint64_t mask)
{
	unsigned bits = rg_dim_bits(dim);

	return be64toh(mask) == (bits >= 64 ? ~0ull : (1ull << bits) - 1);
}

/* Can the kernel hash this dimension? base: the clauses that are left when nothing is flagged. */
static bool usable(const struct rg_enf_image *img, unsigned dim, struct rg_enf_row *base)
{
	const struct rg_enf_set *s = &img->set[RG_ST_RECV];
	const struct rg_enf_dimension *d = &s->dim[dim];
	uint64_t mask = common_mask(d);

	if (!(s->need & RG_D_BIT(dim)))
		return false;
	*base = *row_of(img, d->absent);
	if (dim == RG_D_PATH) /* a name is always looked up */
		return true;
	add(base, row_of(img, d->dflt));
	return dim == RG_D_COMM || dim == RG_D_RADDR4 ? mask != 0 : is_whole(dim, mask);
}

static void flag(struct rg_enf_front *f, unsigned dim, uint64_t v)
{
	f->flag[RG_FRONT_HASH(dim, v)] = 1;
}

/* io_uring's own threads have names of their own, and count by their process's: the long way. */
static void flag_workers(struct rg_enf_front *f)
{
	static const char *const names[] = {"iou-wrk-", "iou-sqp-"};

	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		uint64_t v;

		memcpy(&v, names[i], sizeof(v));
		flag(f, RG_D_COMM, v & f->comm);
	}
}

static void flag_entries(struct rg_enf_image *img, unsigned dim, const struct rg_enf_row *base)
{
	const struct rg_enf_key_entry *e = (const void *)img->keys.data;
	uint64_t mask = value_of(dim, common_mask(&img->set[RG_ST_RECV].dim[dim]));

	if (dim == RG_D_COMM) {
		img->front.comm = mask;
		flag_workers(&img->front);
	}
	if (dim == RG_D_RADDR4)
		img->front.raddr = (uint32_t)mask;
	for (size_t i = 0; i < img->keys.len / sizeof(*e); i++)
		if (e[i].key.set == RG_ST_RECV && e[i].key.dim == dim && !covers(base, row_of(img, e[i].row)))
			flag(&img->front, dim, value_of(dim, e[i].key.v[0]) & mask);
}

/* Families for which nothing can hold whatever the rest is. */
static void families(struct rg_enf_image *img)
{
	const struct rg_enf_set *s = &img->set[RG_ST_RECV];
	const struct rg_enf_dimension *d = &s->dim[RG_D_FAMILY];
	const struct rg_enf_key_entry *e = (const void *)img->keys.data;

	img->front.families = ~0ull;
	if (!(s->need & RG_D_BIT(RG_D_FAMILY)) || !is_whole(RG_D_FAMILY, common_mask(d)) ||
	    row_of(img, d->dflt)->sum || row_of(img, d->absent)->sum)
		return;
	img->front.families = 0;
	for (size_t i = 0; i < img->keys.len / sizeof(*e); i++)
		if (e[i].key.set == RG_ST_RECV && e[i].key.dim == RG_D_FAMILY && row_of(img, e[i].row)->sum)
			img->front.families |= 1ull << (be64toh(e[i].key.v[0]) & 63);
	img->front_only = RG_FRONT_SOME;
}

uint32_t rg_enf_changes(unsigned dim)
{
	switch (dim) {
	case RG_D_RPORT: return RG_BATCH_INET;
	case RG_D_PATH: return RG_BATCH_UNIX;
	case RG_D_RADDR4: return RG_BATCH_INET | RG_BATCH_UNIX;
	default: return 0;
	}
}

/* The dimensions that together leave no clause; false: there are none. */
static bool choose(const struct rg_enf_image *img, bool *use, struct rg_enf_row *base)
{
	struct rg_enf_row left;
	bool less;

	memset(&left, 0xff, sizeof(left));
	for (unsigned i = 0; i < N_DIMS; i++) {
		if (!usable(img, dims[i], &base[i]))
			continue;
		if (!keep(&left, &base[i], &less)) {
			use[i] = true;
			return true;
		}
		use[i] = less;
	}
	return false;
}

/* Leave out what the others do without. */
static void thin(bool *use, const struct rg_enf_row *base)
{
	for (unsigned i = 0; i < N_DIMS; i++) {
		struct rg_enf_row left;
		bool any = true, less;

		if (!use[i])
			continue;
		memset(&left, 0xff, sizeof(left));
		for (unsigned k = 0; k < N_DIMS && any; k++)
			if (use[k] && k != i)
				any = keep(&left, &base[k], &less);
		if (!any)
			use[i] = false;
	}
}

void rg_enf_front_make(struct rg_enf_image *img)
{
	bool use[N_DIMS] = {false};
	struct rg_enf_row base[N_DIMS];
	unsigned only;

	memset(&img->front, 0, sizeof(img->front));
	img->front_only = 0;
	if (!img->set[RG_ST_RECV].sum)
		return;
	families(img);
	if (!choose(img, use, base))
		return;
	thin(use, base);
	for (unsigned i = 0; i < N_DIMS; i++) {
		if (!use[i])
			continue;
		img->front.dims |= RG_D_BIT(dims[i]);
		img->front.batch |= rg_enf_changes(dims[i]) & img->set[RG_ST_RECV].refuse_batch;
		if (dims[i] != RG_D_PATH)
			flag_entries(img, dims[i], &base[i]);
	}
	only = (unsigned)__builtin_ctzll(img->front.dims);
	img->front_only =
		img->front.dims == RG_D_BIT(only) && img->front.families == ~0ull && only <= RG_D_COMM
			? only + 1
			: RG_FRONT_SOME;
}
