/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The short way past the tables (abi/enforce.h): which cheap dimensions rule every clause out when their
 * value is none that an entry names; for each family of sockets by itself, as what one has not needs no
 * question. Nothing is decided here: what is flagged without need is looked up as before.
 */
#include <endian.h>
#include <string.h>
#include <sys/socket.h>

#include "policy/lower/classes.h"
#include "policy/lower/enforce.h"

/* The most selective first. */
static const uint8_t dims[] = {RG_D_PID, RG_D_TID,   RG_D_COMM,	 RG_D_CGROUP, RG_D_EXE,	  RG_D_UID,
			       RG_D_GID, RG_D_RPORT, RG_D_LPORT, RG_D_PATH,   RG_D_RADDR4};
#define N_DIMS (sizeof(dims) / sizeof(dims[0]))

#define ANY_FAMILY RG_FRONT_FAMILIES

/* What is known and what is asked of sockets of one family. */
struct way {
	struct rg_enf_row left;		/* the clauses that can hold for it */
	struct rg_enf_row base[N_DIMS]; /* those that are left when this dimension is not flagged */
	bool can[N_DIMS], use[N_DIMS];
};

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

/* As the kernel hashes it: the number itself; of a name its bytes as they stand; ports and addresses as a
 * socket has them. */
static uint64_t value_of(unsigned dim, uint64_t v)
{
	switch (dim) {
	case RG_D_COMM: return v;
	case RG_D_RPORT: return htobe16((uint16_t)be64toh(v));
	case RG_D_RADDR4: return htobe32((uint32_t)be64toh(v));
	default: return be64toh(v);
	}
}

static bool is_whole(unsigned dim, uint64_t mask)
{
	unsigned bits = rg_dim_bits(dim);

	return be64toh(mask) == (bits >= 64 ? ~0ull : (1ull << bits) - 1);
}

/* The row of a number: as rg_enf_step (bpf/lib/enf_match.h) finds it. */
static const struct rg_enf_row *look_up(const struct rg_enf_image *img, unsigned dim, uint64_t number)
{
	const struct rg_enf_dimension *d = &img->set[RG_ST_RECV].dim[dim];
	const struct rg_enf_key_entry *k = (const void *)img->keys.data;
	const struct rg_enf_lpm_entry *l = (const void *)img->lpms.data;
	uint32_t row = d->dflt, best = 0;
	uint64_t v = htobe64(number);

	for (unsigned m = 0; m < d->n_masks; m++)
		for (size_t i = 0; i < img->keys.len / sizeof(*k); i++)
			if (k[i].key.set == RG_ST_RECV && k[i].key.dim == dim && k[i].key.mask == m &&
			    k[i].key.v[0] == (v & d->mask[m][0]))
				return row_of(img, k[i].row);
	for (size_t i = 0; !d->n_masks && i < img->lpms.len / sizeof(*l); i++) {
		uint32_t bits = l[i].key.prefixlen - 32;
		uint64_t at;

		memcpy(&at, l[i].key.v, sizeof(at));
		if (l[i].key.set != RG_ST_RECV || l[i].key.dim != dim || l[i].key.prefixlen < best ||
		    (bits && (be64toh(at) ^ number) >> (bits >= 64 ? 0 : 64 - bits)))
			continue;
		best = l[i].key.prefixlen;
		row = l[i].row;
	}
	return row_of(img, row);
}

/* ---- what can be asked */

static bool is_inet(unsigned family)
{
	return family == AF_INET || family == AF_INET6 || family == ANY_FAMILY;
}

/* A unix socket's peer with a name counts as an address that is none. */
static bool is_peer_name(unsigned dim, unsigned family)
{
	return dim == RG_D_RADDR4 && (family == AF_UNIX || family == ANY_FAMILY);
}

/* Has a socket of that family never a value there? */
static bool has_none(unsigned dim, unsigned family)
{
	switch (dim) {
	case RG_D_RPORT:
	case RG_D_LPORT: return !is_inet(family);
	case RG_D_PATH: return family != AF_UNIX && family != ANY_FAMILY;
	case RG_D_RADDR4: return !is_inet(family) && !is_peer_name(dim, family);
	default: return false;
	}
}

/* Not hashed: whether there is a value at all is asked. Of a unix socket's peer a name, of IPv6 an address.
 */
static bool only_there(unsigned dim, unsigned family)
{
	return dim == RG_D_RADDR4 && (family == AF_UNIX || family == AF_INET6);
}

/* Of a path's first eight bytes, those that every look-up compares; 0: no value can be told from others, any
 * path is looked up. */
static uint64_t path_mask(const struct rg_enf_image *img)
{
	const struct rg_enf_dimension *d = &img->set[RG_ST_RECV].dim[RG_D_PATH];
	const struct rg_enf_path_entry *e = (const void *)img->path_lpms.data;
	uint8_t bytes[8] = {0};
	uint64_t mask = ~0ull;

	if (!covers(row_of(img, d->absent), row_of(img, d->dflt)))
		return 0;
	for (size_t i = 0; !d->n_masks && i < img->path_lpms.len / sizeof(*e); i++) {
		uint32_t n = (e[i].key.prefixlen - 32) / 8;
		uint64_t m;

		if (e[i].key.set != RG_ST_RECV)
			continue;
		memset(bytes, 0, sizeof(bytes));
		memset(bytes, 0xff, n < 8 ? n : 8);
		memcpy(&m, bytes, sizeof(m));
		mask &= m;
	}
	return mask;
}

/* Can the kernel ask for this dimension? *base: the clauses that are left when nothing is flagged. */
static bool usable(const struct rg_enf_image *img, unsigned dim, unsigned family, struct rg_enf_row *base)
{
	const struct rg_enf_dimension *d = &img->set[RG_ST_RECV].dim[dim];
	uint64_t mask = common_mask(d);

	*base = *row_of(img, d->absent);
	if (only_there(dim, family) || dim == RG_D_PATH)
		return true;
	add(base, row_of(img, d->dflt));
	return dim == RG_D_COMM	    ? mask != 0
	       : dim == RG_D_RADDR4 ? (uint32_t)be64toh(mask) != 0
				    : is_whole(dim, mask);
}

/* What needs no question: the family itself, and what its sockets have not, or as good as not. */
static bool begin(const struct rg_enf_image *img, unsigned family, struct way *w)
{
	const struct rg_enf_set *s = &img->set[RG_ST_RECV];
	bool any = true, less;

	memset(w, 0, sizeof(*w));
	memset(&w->left, 0xff, sizeof(w->left));
	if (s->need & RG_D_BIT(RG_D_FAMILY) && family != ANY_FAMILY)
		any = keep(&w->left, look_up(img, RG_D_FAMILY, family), &less);
	for (unsigned i = 0; i < N_DIMS; i++) {
		struct rg_enf_row row;

		if (!(s->need & RG_D_BIT(dims[i])))
			continue;
		row = *row_of(img, s->dim[dims[i]].absent);
		if (is_peer_name(dims[i], family))
			add(&row, look_up(img, RG_D_RADDR4, ~0ull));
		if (has_none(dims[i], family) || (is_peer_name(dims[i], family) && family == AF_UNIX))
			any = keep(&w->left, &row, &less) && any;
		w->can[i] = !has_none(dims[i], family) && usable(img, dims[i], family, &w->base[i]);
	}
	return any;
}

/* The dimensions that together leave no clause; false: there are none. */
static bool choose(struct way *w)
{
	struct rg_enf_row left = w->left;
	bool less;

	for (unsigned i = 0; i < N_DIMS; i++) {
		if (!w->can[i])
			continue;
		if (!keep(&left, &w->base[i], &less)) {
			w->use[i] = true;
			return true;
		}
		w->use[i] = less;
	}
	return false;
}

/* Leave out what the others do without. */
static void thin(struct way *w)
{
	for (unsigned i = 0; i < N_DIMS; i++) {
		struct rg_enf_row left = w->left;
		bool any = true, less;

		if (!w->use[i])
			continue;
		for (unsigned k = 0; k < N_DIMS && any; k++)
			if (w->use[k] && k != i)
				any = keep(&left, &w->base[k], &less);
		if (!any)
			w->use[i] = false;
	}
}

/* ---- what is flagged */

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

/* Those whose rows hold what is not in base. */
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

/* A path as the kernel has it: with a NUL behind it, and two bytes before. */
static uint32_t address_len(const struct rg_enf_path *p)
{
	return (uint32_t)strnlen((const char *)p->path, 108) + 3;
}

static void flag_paths(struct rg_enf_image *img)
{
	const struct rg_enf_dimension *d = &img->set[RG_ST_RECV].dim[RG_D_PATH];
	const struct rg_buf *from = d->n_masks ? &img->paths : &img->path_lpms;
	const struct rg_enf_path_entry *e = (const void *)from->data;
	struct rg_enf_front *f = &img->front;

	f->path = path_mask(img);
	f->path_len = f->path && d->n_masks ? ~0u : 0;
	if (!f->path)
		flag(f, RG_D_PATH, 0);
	for (size_t i = 0; f->path && i < from->len / sizeof(*e); i++) {
		uint64_t first;

		if (e[i].key.set != RG_ST_RECV || covers(row_of(img, d->absent), row_of(img, e[i].row)))
			continue;
		memcpy(&first, e[i].key.path, sizeof(first));
		flag(f, RG_D_PATH, (first & f->path) + (address_len(&e[i].key) & f->path_len));
	}
}

/* ---- the whole */

uint32_t rg_enf_changes(unsigned dim)
{
	switch (dim) {
	case RG_D_RPORT: return RG_BATCH_INET;
	case RG_D_PATH: return RG_BATCH_UNIX;
	case RG_D_RADDR4: return RG_BATCH_INET | RG_BATCH_UNIX;
	default: return 0;
	}
}

/* On a unix socket only a name can come into being: no matter where the rules cannot tell one from none. */
static void spare_batches(struct rg_enf_image *img)
{
	struct rg_enf_set *s = &img->set[RG_ST_RECV];
	const struct rg_enf_row *name, *none;

	if (s->need & RG_D_BIT(RG_D_PATH) || !(s->need & RG_D_BIT(RG_D_RADDR4)))
		return;
	name = look_up(img, RG_D_RADDR4, ~0ull);
	none = row_of(img, s->dim[RG_D_RADDR4].absent);
	if (covers(name, none) && covers(none, name))
		s->refuse_batch &= ~RG_BATCH_UNIX;
}

static uint8_t way_of(uint64_t asked, unsigned family)
{
	asked &= ~RG_FRONT_BATCH;
	if (family != AF_UNIX && asked == RG_D_BIT(RG_D_RPORT))
		return RG_FW_RPORT;
	return family == AF_INET && asked == RG_D_BIT(RG_D_RADDR4) ? RG_FW_RADDR4 : RG_FW_ANY;
}

/* One family's way. Returns whether it leads anywhere; *hashed: the dimensions of which values are flagged.
 */
static bool family_way(struct rg_enf_image *img, unsigned family, uint64_t *hashed)
{
	struct rg_enf_front *f = &img->front;
	uint32_t batch = 0;
	struct way w;

	if (!begin(img, family, &w)) {
		f->way[family] = RG_FW_PASS;
		return true;
	}
	if (!choose(&w))
		return false;
	thin(&w);
	for (unsigned i = 0; i < N_DIMS; i++) {
		if (!w.use[i])
			continue;
		f->dims[family] |= RG_D_BIT(dims[i]);
		batch |= rg_enf_changes(dims[i]);
		if (!only_there(dims[i], family))
			*hashed |= RG_D_BIT(dims[i]);
	}
	if (batch & img->set[RG_ST_RECV].refuse_batch & (family == AF_UNIX ? RG_BATCH_UNIX : RG_BATCH_INET))
		f->dims[family] |= RG_FRONT_BATCH;
	f->way[family] = way_of(f->dims[family], family);
	return true;
}

/* One value of the receiver's that tells for every family, 0: there is none. */
static unsigned only_of(struct rg_enf_image *img)
{
	static const uint8_t plain[] = {RG_D_PID, RG_D_COMM, RG_D_UID}; /* bpf/lib/enf_front.h */
	unsigned n = 0, at = 0;
	struct way w;

	if (!begin(img, ANY_FAMILY, &w) || !choose(&w))
		return 0;
	thin(&w);
	for (unsigned i = 0; i < N_DIMS; i++)
		if (w.use[i])
			n++, at = i;
	if (n != 1 || !memchr(plain, dims[at], sizeof(plain)))
		return 0;
	flag_entries(img, dims[at], &w.base[at]);
	return dims[at] + 1;
}

/* Do rules name whole paths alone, none shorter than what is hashed of it, none abstract (the kernel has
 * those with a NUL where rules have '@', and of any length)? */
static bool by_whole_paths(const struct rg_enf_image *img)
{
	const struct rg_enf_path_entry *e = (const void *)img->paths.data;
	bool all = img->front.path == ~0ull && img->front.path_len == ~0u;

	for (size_t i = 0; i < img->paths.len / sizeof(*e); i++)
		if (e[i].key.set == RG_ST_RECV)
			all &= e[i].key.path[0] == '/' && address_len(&e[i].key) >= RG_FRONT_PATH_MIN;
	return all;
}

/* Nothing but the path of unix sockets is asked for, and it is of them. */
static bool by_path_alone(const struct rg_enf_image *img)
{
	const struct rg_enf_front *f = &img->front;
	bool all = (f->dims[AF_UNIX] & ~RG_FRONT_BATCH) == RG_D_BIT(RG_D_PATH) && by_whole_paths(img);

	for (unsigned family = 0; family < RG_FRONT_FAMILIES; family++)
		all &= family == AF_UNIX || f->way[family] == RG_FW_PASS;
	return all;
}

void rg_enf_front_make(struct rg_enf_image *img)
{
	struct rg_enf_row base;
	uint64_t hashed = 0;
	bool some = false;

	memset(&img->front, 0, sizeof(img->front));
	img->front_only = 0;
	if (!img->set[RG_ST_RECV].sum)
		return;
	spare_batches(img);
	img->front_only = only_of(img);
	if (img->front_only)
		return;
	for (unsigned family = 0; family < RG_FRONT_FAMILIES; family++)
		some |= family_way(img, family, &hashed);
	for (unsigned i = 0; i < N_DIMS; i++)
		if (dims[i] != RG_D_PATH && hashed & RG_D_BIT(dims[i]) &&
		    usable(img, dims[i], ANY_FAMILY, &base))
			flag_entries(img, dims[i], &base);
	if (hashed & RG_D_BIT(RG_D_PATH))
		flag_paths(img);
	img->front_only = by_path_alone(img) ? RG_FRONT_PATH : some ? RG_FRONT_SOME : 0;
}
