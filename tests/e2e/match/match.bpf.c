// SPDX-License-Identifier: GPL-2.0-or-later
/* The match interpreter by itself: once per test run over a record in a map, and in the tracepoint, to be
 * timed beside a hook that does the same without it. */
#include "vmlinux.h"

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "lib/match.h"

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct rg_rec_msg);
} rec SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} known SEC(".maps");

__u64 accepted;

SEC("raw_tp")
int match_one(void *ctx)
{
	__u32 zero = 0;
	struct rg_rec_msg *r = bpf_map_lookup_elem(&rec, &zero);
	__u32 *k = bpf_map_lookup_elem(&known, &zero);

	return r && k ? rg_match(r, *k) : -1;
}

static __always_inline struct rg_rec_msg *fill(void)
{
	__u32 zero = 0;
	struct rg_rec_msg *r = bpf_map_lookup_elem(&rec, &zero);

	if (r)
		r->pid = bpf_get_current_pid_tgid() >> 32;
	return r;
}

/* bench/match.c measures against this */
SEC("tp_btf/sock_recv_length")
int nothing(void *ctx)
{
	return 0;
}

SEC("tp_btf/sock_recv_length")
int BPF_PROG(empty, void *sk, int ret, int flags)
{
	if (fill())
		accepted++;
	return 0;
}

SEC("tp_btf/sock_recv_length")
int BPF_PROG(filtered, void *sk, int ret, int flags)
{
	struct rg_rec_msg *r = fill();

	if (r && rg_match(r, RG_KNOWN_ALL))
		accepted++;
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
