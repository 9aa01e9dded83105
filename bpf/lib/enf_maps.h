/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RG_BPF_ENF_MAPS_H
#define RG_BPF_ENF_MAPS_H

/* The tables of enforcement (abi/enforce.h). All are pinned: they outlive whoever loaded them. */
#include "common.h"
#include "maps.h"

#include "abi/enforce.h"

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct rg_enf_ctl);
} enf_ctl SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, RG_ENF_SETS);
	__type(key, __u32);
	__type(value, struct rg_enf_set);
} enf_sets SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 2 * RG_ENF_ROWS);
	__type(key, __u32);
	__type(value, struct rg_enf_row);
} enf_rows SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, RG_ENF_SETS *RG_ENF_BITS);
	__type(key, __u32);
	__type(value, struct rg_enf_clause);
} enf_clauses SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 2 * RG_ENF_RULES);
	__type(key, __u32);
	__type(value, struct rg_enf_rule);
} enf_rules SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 2 * RG_ENF_CODE);
	__type(key, __u32);
	__type(value, struct rg_enf_code);
} enf_code SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, RG_ENF_KEYS);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct rg_enf_key);
	__type(value, __u32);
} enf_keys SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, RG_ENF_KEYS);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct rg_enf_lpm);
	__type(value, __u32);
} enf_lpms SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, RG_ENF_KEYS);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct rg_enf_path);
	__type(value, __u32);
} enf_paths SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, RG_ENF_KEYS);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct rg_enf_path);
	__type(value, __u32);
} enf_path_lpms SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, RG_EC__COUNT);
	__type(key, __u32);
	__type(value, __u64);
} enf_counts SEC(".maps");

/* Processes below the one that --tree named: tgid. Kept by fork and exit. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 65536);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u32);
	__type(value, __u32);
} enf_tree SEC(".maps");

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

	if (n)
		*n += 1;
}

#endif
