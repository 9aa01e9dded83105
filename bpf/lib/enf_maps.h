/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RG_BPF_ENF_MAPS_H
#define RG_BPF_ENF_MAPS_H

/* The tables of enforcement (abi/enforce.h). All are pinned: they outlive whoever loaded them. */
#include "common.h"
#include "maps.h"

#include "abi/enforce.h"

#define RG_ENF_MAP(name, kind, n, flags, k, v) \
	struct {                               \
		__uint(type, kind);            \
		__uint(max_entries, n);        \
		__uint(map_flags, flags);      \
		__type(key, k);                \
		__type(value, v);              \
	} name SEC(".maps")
#define RG_ENF_ARRAY(name, n, v)   RG_ENF_MAP(name, BPF_MAP_TYPE_ARRAY, n, 0, __u32, v)
#define RG_ENF_HASH(name, n, k, v) RG_ENF_MAP(name, BPF_MAP_TYPE_HASH, n, BPF_F_NO_PREALLOC, k, v)
#define RG_ENF_TRIE(name, k)	   RG_ENF_MAP(name, BPF_MAP_TYPE_LPM_TRIE, RG_ENF_KEYS, BPF_F_NO_PREALLOC, k, __u32)

RG_ENF_ARRAY(enf_ctl, 1, struct rg_enf_ctl);
RG_ENF_ARRAY(enf_sets, RG_ENF_SETS, struct rg_enf_set);
RG_ENF_ARRAY(enf_rows, 2 * RG_ENF_ROWS, struct rg_enf_row);
RG_ENF_ARRAY(enf_clauses, RG_ENF_SETS *RG_ENF_BITS, struct rg_enf_clause);
RG_ENF_ARRAY(enf_rules, 2 * RG_ENF_RULES, struct rg_enf_rule);
RG_ENF_ARRAY(enf_code, 2 * RG_ENF_CODE, struct rg_enf_code);
RG_ENF_HASH(enf_keys, RG_ENF_KEYS, struct rg_enf_key, __u32);
RG_ENF_TRIE(enf_lpms, struct rg_enf_lpm);
RG_ENF_HASH(enf_paths, RG_ENF_KEYS, struct rg_enf_path, __u32);
RG_ENF_TRIE(enf_path_lpms, struct rg_enf_path);
RG_ENF_MAP(enf_counts, BPF_MAP_TYPE_PERCPU_ARRAY, RG_EC__COUNT, 0, __u32, __u64);
/* Who is below the process that --tree named: those that were there when it was loaded, by tgid, and threads
 * and processes since, by the address of their task_struct, which they have before they run. Values:
 * RG_TREE_BIT. */
RG_ENF_HASH(enf_tree, 65536, __u32, __u32);
RG_ENF_HASH(enf_kin, 131072, __u64, __u32);

rg_inline __u32 rg_enf_kin(struct task_struct *t)
{
	__u64 at = (unsigned long)t;
	__u32 tgid = t->tgid, *old = bpf_map_lookup_elem(&enf_tree, &tgid),
	      *born = bpf_map_lookup_elem(&enf_kin, &at);

	return (old ? *old : 0) | (born ? *born : 0);
}

/* Unix sockets that have our filter: put there, and looked up, by user space. */
struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, __u32);
} enf_guarded SEC(".maps");

rg_inline void rg_enf_count(__u32 what)
{
	__u64 *n = bpf_map_lookup_elem(&enf_counts, &what);

	if (n) /* a program may be preempted between a load and a store */
		__sync_fetch_and_add(n, 1);
}

#endif
