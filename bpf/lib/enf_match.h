/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RG_BPF_ENF_MATCH_H
#define RG_BPF_ENF_MATCH_H

/* Which clause decides: rows of the dimensions, ANDed (abi/enforce.h). */
#include "enf_maps.h"

/* One evaluation. */
struct rg_enf_eval {
	__u32 set, sum, n;
	__u32 row[RG_ENF_USED_MAX + 1];
};

/* What was decided: clause is -1 when none did. */
struct rg_enf_pick {
	__s32 clause, log; /* indices in enf_clauses */
	__u32 unknown;	   /* its content could not be read: it holds in doubt */
};

/* The clauses that row leaves: 0 none. */
rg_inline __u32 rg_enf_and(struct rg_enf_eval *e, __u32 row)
{
	struct rg_enf_row *r;
	__u32 n = e->n;

	row += (e->set >> 2) * RG_ENF_ROWS;
	r = bpf_map_lookup_elem(&enf_rows, &row);
	if (!r || n > RG_ENF_USED_MAX)
		return e->sum;
	e->row[n] = row;
	e->n = n + 1;
	e->sum &= r->sum;
	return e->sum;
}

/* One dimension with a value at hand; v0, v1: high byte first. 0: no clause is left. */
rg_sub __u32 rg_enf_step(struct rg_enf_eval *e, __u32 dim, __u64 v0, __u64 v1)
{
	struct rg_enf_dimension *d;
	struct rg_enf_key key = {};
	struct rg_enf_lpm lpm = {};
	struct rg_enf_set *s;
	__u32 *row = NULL, set;

	if (!e || dim >= RG_D__COUNT)
		return 0;
	set = e->set;
	s = bpf_map_lookup_elem(&enf_sets, &set);
	if (!s)
		return 0;
	d = &s->dim[dim];
	if (!d->n_masks) {
		lpm.set = set;
		lpm.dim = dim;
		lpm.prefixlen = 32 + 128;
		__builtin_memcpy(lpm.v, &v0, 8);
		__builtin_memcpy(lpm.v + 8, &v1, 8);
		row = bpf_map_lookup_elem(&enf_lpms, &lpm);
		return rg_enf_and(e, row ? *row : d->dflt);
	}
	key.set = set;
	key.dim = dim;
	for (__u32 i = 0; i < RG_ENF_LENS; i++) {
		if (i >= d->n_masks)
			break;
		key.mask = i;
		key.v[0] = v0 & d->mask[i][0];
		key.v[1] = v1 & d->mask[i][1];
		row = bpf_map_lookup_elem(&enf_keys, &key);
		if (row)
			break;
	}
	return rg_enf_and(e, row ? *row : d->dflt);
}

rg_inline __u32 rg_enf_number(struct rg_enf_eval *e, __u32 dim, __u64 v)
{
	return rg_enf_step(e, dim, __builtin_bswap64(v), 0);
}

/* One dimension of which there is no value. */
rg_sub __u32 rg_enf_none(struct rg_enf_eval *e, __u32 dim)
{
	struct rg_enf_set *s;
	__u32 set;

	if (!e || dim >= RG_D__COUNT)
		return 0;
	set = e->set;
	s = bpf_map_lookup_elem(&enf_sets, &set);
	return s ? rg_enf_and(e, s->dim[dim].absent) : 0;
}

/* addr: of a struct sockaddr_un as the kernel keeps it; len: of the path in it, with the NUL that the kernel
 * puts behind it though all 108 bytes are taken. */
rg_sub __u32 rg_enf_path(struct rg_enf_eval *e, __u64 addr, __u32 len)
{
	struct rg_enf_path key = {.prefixlen = RG_ENF_PATH_WHOLE};
	struct rg_enf_set *s;
	__u32 *row, set;

	if (!e)
		return 0;
	set = e->set;
	s = bpf_map_lookup_elem(&enf_sets, &set);
	if (!s)
		return 0;
	if (!len || len > 109)
		return rg_enf_and(e, s->dim[RG_D_PATH].absent);
	if (bpf_probe_read_kernel(key.path, len, (void *)addr))
		return rg_enf_and(e, s->dim[RG_D_PATH].absent);
	if (!key.path[0])
		key.path[0] = '@';
	key.set = set;
	row = s->dim[RG_D_PATH].n_masks ? bpf_map_lookup_elem(&enf_paths, &key)
					: bpf_map_lookup_elem(&enf_path_lpms, &key);
	return rg_enf_and(e, row ? *row : s->dim[RG_D_PATH].dflt);
}

/* Position of the lowest bit; x is not 0. By a product of which five bits tell it: the verifier would follow
 * every outcome of a comparison on its own. */
const __u8 rg_low_at[32] = {0,	1,  28, 2,  29, 14, 24, 3, 30, 22, 20, 15, 25, 17, 4,  8,
			    31, 27, 13, 23, 21, 19, 16, 7, 26, 12, 18, 6,  11, 5,  10, 9};

rg_inline __u32 rg_low32(__u32 x)
{
	return rg_low_at[(__u32)((x & -x) * 0x077cb531u) >> 27];
}

rg_inline __u32 rg_low64(__u64 x)
{
	__u32 lo = x, high = lo ? 0 : 32;

	return high + rg_low32(lo ? lo : x >> 32);
}

/* Word w of all rows. */
rg_sub __u64 rg_enf_word(struct rg_enf_eval *e, __u32 w)
{
	__u64 x = ~0ull;

	if (!e || w >= RG_ENF_WORDS)
		return 0;
	for (__u32 i = 0; i <= RG_ENF_USED_MAX; i++) {
		struct rg_enf_row *r;
		__u32 row;

		if (i >= e->n)
			break;
		row = e->row[i];
		r = bpf_map_lookup_elem(&enf_rows, &row);
		if (!r)
			return 0;
		x &= r->w[w];
	}
	return x;
}

/* Kill, deny, drop, strip, allow: the stricter one holds; what is audited never hides what acts. */
rg_inline __u32 rg_enf_rank(__u32 action, bool audit)
{
	static const __u32 rank[] = {0, 3, 2, 1, 4, 0};
	__u32 r = rank[action < 6 ? action : 1];

	return r && !audit ? r + 8 : r;
}

#endif
