/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RG_BPF_MATCH_H
#define RG_BPF_MATCH_H

/*
 * Runs a match program (abi/match.h) over a record. Include after vmlinux.h and bpf_helpers.h. The includer
 * calls rg_match(rec, known), or rg_match_by(program, rec, known) for one of several programs that share the
 * sets: rec must be a pointer the verifier knows to have at least sizeof(struct rg_rec_msg) bytes; known is
 * RG_KNOWN_*: what of it is filled in beside what rec->has tells. Set sizes are given by user space before
 * loading (bpf_map__set_max_entries; src/kernel/match.c).
 */
#include "abi/match.h"

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct rg_match_prog);
} rg_match_prog SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, struct rg_match_int);
	__type(value, __u8);
} rg_match_ints SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, struct rg_match_comm);
	__type(value, __u8);
} rg_match_comms SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, struct rg_match_path);
	__type(value, __u8);
} rg_match_paths SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct rg_match_addr);
	__type(value, __u8);
} rg_match_addrs SEC(".maps");

#define RG_M_REC(rec, off, type) (*(const type *)((const __u8 *)(rec) + (off)))

static __always_inline __u64 rg_m_number(const struct rg_rec_msg *rec, const struct rg_match_insn *in)
{
	__u64 off = in->off, v;

	if (off > sizeof(*rec) - 8)
		return 0;
	switch (in->width) {
	case 1: v = RG_M_REC(rec, off, __u8); break;
	case 2: v = RG_M_REC(rec, off, __u16); break;
	case 4: v = RG_M_REC(rec, off, __u32); break;
	default: return RG_M_REC(rec, off, __u64);
	}
	if (in->flags & RG_MF_SIGNED && in->width == 4)
		v = (__u64)(__s64)(__s32)v;
	if (in->flags & RG_MF_BOOL)
		v = (v & in->imm[1]) != 0;
	return v;
}

static __always_inline bool rg_m_cmp(const struct rg_match_insn *in, __u64 v)
{
	__u64 flip = in->flags & RG_MF_SIGNED ? 1ull << 63 : 0, k = in->imm[0] ^ flip;

	v ^= flip;
	switch (in->sub) {
	case 0: return v == k;
	case 1: return v != k;
	case 2: return v < k;
	case 3: return v <= k;
	case 4: return v > k;
	default: return v >= k;
	}
}

static __always_inline bool rg_m_range(const struct rg_match_insn *in, __u64 v)
{
	__u64 flip = in->flags & RG_MF_SIGNED ? 1ull << 63 : 0;

	return (v ^ flip) >= (in->imm[0] ^ flip) && (v ^ flip) <= (in->imm[1] ^ flip);
}

/* The 16 bytes of a comm, zero from the first NUL on. */
static __always_inline void rg_m_comm_words(__u64 first, __u64 second, __u64 *ret)
{
	__u64 x = first, z;

	ret[0] = ret[1] = 0;
	for (int i = 0; i < 2; i++, x = second) {
		z = (x - 0x0101010101010101ull) & ~x & 0x8080808080808080ull;
		if (z) {
			ret[i] = x & (((z & -z) >> 7) - 1);
			return;
		}
		ret[i] = x;
	}
}

static __always_inline void rg_m_comm(const struct rg_rec_msg *rec, __u64 off, __u64 *ret)
{
	ret[0] = ret[1] = 0;
	if (off <= sizeof(*rec) - 16)
		rg_m_comm_words(RG_M_REC(rec, off, __u64), RG_M_REC(rec, off + 8, __u64), ret);
}

static __always_inline bool rg_m_comm_set(const struct rg_match_insn *in, const __u64 *comm)
{
	struct rg_match_comm key = {.set = in->set};

	__builtin_memcpy(key.comm, comm, sizeof(key.comm));
	return bpf_map_lookup_elem(&rg_match_comms, &key) != 0;
}

static __always_inline bool rg_m_int_set(const struct rg_match_insn *in, __u64 v)
{
	struct rg_match_int key = {.set = in->set, .value = v};

	return bpf_map_lookup_elem(&rg_match_ints, &key) != 0;
}

static __always_inline const struct rg_rec_addr *rg_m_end(const struct rg_rec_msg *rec,
							  const struct rg_match_insn *in)
{
	return in->off == offsetof(struct rg_rec_msg, local) ? &rec->local : &rec->remote;
}

/* 1 a port, 0 none, -1 a family of which this program knows nothing */
static __always_inline int rg_m_port(const struct rg_rec_addr *a, __u64 *ret)
{
	__u16 family = *(const __u16 *)a->sa;

	if (a->len < 2 || family == 1)
		return 0;
	if (family != 2 && family != 10)
		return -1;
	*ret = __builtin_bswap16(*(const __u16 *)(a->sa + 2));
	return 1;
}

static __always_inline int rg_m_addr(const struct rg_rec_addr *a, const struct rg_match_insn *in)
{
	__u16 family = *(const __u16 *)a->sa;
	struct rg_match_addr key = {.set = in->set, .len = 4, .prefixlen = 96};

	if (a->len < 2)
		return 0;
	if (family == 2) {
		__builtin_memcpy(key.ip, a->sa + 4, 4);
		return bpf_map_lookup_elem(&rg_match_addrs, &key) ? 2 : 1;
	}
	if (family != 10)
		return family != 1 ? -1 : a->len > 2; /* a name is in no set of addresses */
	__builtin_memcpy(key.ip, a->sa + 8, 16);
	key.len = 16;
	key.prefixlen = 192;
	if (bpf_map_lookup_elem(&rg_match_addrs, &key))
		return 2;
	if (*(const __u64 *)(a->sa + 8) || *(const __u32 *)(a->sa + 16) != 0xffff0000)
		return 1;
	/* IPv4 inside IPv6 */
	__builtin_memset(key.ip, 0, sizeof(key.ip));
	__builtin_memcpy(key.ip, a->sa + 20, 4);
	key.len = 4;
	key.prefixlen = 96;
	return bpf_map_lookup_elem(&rg_match_addrs, &key) ? 2 : 1;
}

/* 0 no path, 1 not in the set, 2 in it */
static __always_inline int rg_m_path(const struct rg_rec_msg *rec, const struct rg_match_insn *in)
{
	const struct rg_rec_addr *a = rec->local.len > 2 ? &rec->local : &rec->remote;
	struct rg_match_path key = {.set = in->set};
	__u32 len = a->len, done = 0;

	if (rec->family != 1 || len <= 2)
		return 0;
	len -= 2;
	if (len > RG_MATCH_PATH)
		len = RG_MATCH_PATH;
	/* without a branch per byte, which the verifier would follow one by one */
	for (__u32 i = 0; i < RG_MATCH_PATH; i++) {
		__u32 c = a->sa[2 + i], nul = (c - 1) >> 31, named = (0 - (__u32)a->sa[2]) >> 31;

		done |= ((len - 1 - i) >> 31) | (nul & named);
		key.path[i] = (__u8)(c & (done - 1));
		key.len += 1 - done;
	}
	if (!key.path[0])
		key.path[0] = '@';
	return bpf_map_lookup_elem(&rg_match_paths, &key) ? 2 : 1;
}

/* One test: 1 true, 0 false; absent and unknown are settled here. */
static __always_inline int rg_m_test_of(const struct rg_rec_msg *rec, const struct rg_match_insn *in,
					__u32 known)
{
	__u64 v = 0, comm[2];
	int absent, neg, r = 0;

	if (!rec || !in)
		return 1;
	absent = (in->flags & RG_MF_ABSENT) != 0;
	neg = in->flags & RG_MF_NEGATE;
	if (((rec->has | known) & in->has) != in->has)
		return 1; /* may be found later */
	switch (in->op) {
	case RG_M_CMP: r = rg_m_cmp(in, rg_m_number(rec, in)); break;
	case RG_M_RANGE: r = rg_m_range(in, rg_m_number(rec, in)); break;
	case RG_M_BITS:
		v = rg_m_number(rec, in) & in->imm[0];
		r = in->sub ? v == in->imm[0] : v != 0;
		break;
	case RG_M_INTS: r = rg_m_int_set(in, rg_m_number(rec, in)); break;
	case RG_M_COMM:
		rg_m_comm(rec, in->off, comm);
		r = (comm[0] & in->mask[0]) == in->imm[0] && (comm[1] & in->mask[1]) == in->imm[1];
		break;
	case RG_M_COMMS:
		rg_m_comm(rec, in->off, comm);
		r = rg_m_comm_set(in, comm);
		break;
	case RG_M_PORT:
	case RG_M_PORTS:
		r = rg_m_port(rg_m_end(rec, in), &v);
		if (r <= 0)
			return r ? 1 : absent;
		r = in->op == RG_M_PORT ? rg_m_range(in, v) : rg_m_int_set(in, v);
		break;
	case RG_M_ADDRS:
	case RG_M_PATHS:
		r = in->op == RG_M_ADDRS ? rg_m_addr(rg_m_end(rec, in), in) : rg_m_path(rec, in);
		if (r <= 0)
			return r ? 1 : absent;
		r--;
		break;
	default: return 1;
	}
	return neg ? !r : r;
}

/* A global function: the verifier looks at it once and not once for each round of the loop below. */
#ifdef RG_LEGACY
rg_sub int rg_m_test_at(RG_REC_ARG, __u32 pc, __u32 known)
{
	RG_REC_GET(rec);
	__u32 zero = 0;
	const struct rg_match_prog *p = bpf_map_lookup_elem(&rg_match_prog, &zero);

	return !p || pc >= RG_MATCH_INSNS || rg_m_test_of(rec, &p->insn[pc], known);
}
#define RG_M_TEST(rec, in, pc, known) rg_m_test_at(0, pc, known)
#else
int rg_m_test(const struct rg_rec_msg *rec, const struct rg_match_insn *in, __u32 known);
__attribute__((noinline)) int rg_m_test(const struct rg_rec_msg *rec, const struct rg_match_insn *in,
					__u32 known)
{
	return rg_m_test_of(rec, in, known);
}
#define RG_M_TEST(rec, in, pc, known) rg_m_test(rec, in, known)
#endif

/* Is the message wanted? Anything unexpected is accepted: user space decides again. */
static __always_inline bool rg_match_by(const struct rg_match_prog *p, const struct rg_rec_msg *rec,
					__u32 known)
{
	__u32 pc = 0;

	if (!p->n)
		return true;
	for (int i = 0; i < RG_MATCH_INSNS; i++) {
		const struct rg_match_insn *in;

		if (pc >= RG_MATCH_INSNS)
			break;
		in = &p->insn[pc];
		pc = RG_M_TEST(rec, in, pc, known) ? in->jt : in->jf;
	}
	return pc != RG_MATCH_REJECT;
}

static __always_inline bool rg_match(const struct rg_rec_msg *rec, __u32 known)
{
	__u32 zero = 0;
	const struct rg_match_prog *p = bpf_map_lookup_elem(&rg_match_prog, &zero);

	return !p || rg_match_by(p, rec, known);
}

#endif
