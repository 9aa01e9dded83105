/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RG_BPF_ENF_CONTENT_H
#define RG_BPF_ENF_CONTENT_H

/* Tests of a queued message's bytes: the socket filter that src/policy/lower/cbpf.c made, interpreted. */
#include "enf_maps.h"
#include "frags.h"

struct rg_enf_bytes { /* where the message stands */
	__u64 data, frags, vmemmap, direct;
	__u32 linear, len, n_frags, page_size;
};

struct rg_enf_run {
	struct rg_enf_bytes b;
	__u32 a, x, m, pc, end;
	__s32 ret; /* 1 yes, 0 no, -1 unknown; 2: not yet */
};

/* skip: bytes before the message, where the hook's view begins at the network header. */
rg_inline void rg_enf_bytes_of(struct rg_enf_bytes *b, struct sk_buff *skb, __u32 skip)
{
	struct skb_shared_info *si =
		(struct skb_shared_info *)(BPF_CORE_READ(skb, head) + BPF_CORE_READ(skb, end));

	b->data = (__u64)BPF_CORE_READ(skb, data) + skip;
	b->len = BPF_CORE_READ(skb, len) - skip;
	b->linear = b->len - BPF_CORE_READ(skb, data_len);
	b->frags = (__u64)&si->frags;
	b->n_frags = BPF_CORE_READ(si, nr_frags);
	b->page_size = bpf_core_type_size(struct page);
	b->vmemmap = b->direct = 0;
	if (b->n_frags && &vmemmap_base && &page_offset_base) {
		bpf_probe_read_kernel(&b->vmemmap, sizeof(b->vmemmap), &vmemmap_base);
		bpf_probe_read_kernel(&b->direct, sizeof(b->direct), &page_offset_base);
	}
}

/* Where size bytes at off stand; 0: nowhere that can be read, or across a boundary. */
rg_inline __u64 rg_enf_place(const struct rg_enf_bytes *b, __u32 off, __u32 size)
{
	struct rg_frag f;

	if (off + size <= b->linear)
		return b->data + off;
	if (off < b->linear || !b->direct || !b->page_size)
		return 0;
	off -= b->linear;
	for (__u32 i = 0; i < 17; i++) { /* MAX_SKB_FRAGS */
		if (i >= b->n_frags ||
		    bpf_probe_read_kernel(&f, sizeof(f), (void *)(b->frags + i * sizeof(f))))
			return 0;
		if (off < f.len)
			return off + size > f.len
				       ? 0
				       : b->direct + ((f.page - b->vmemmap) / b->page_size << RG_PAGE_SHIFT) +
						 f.offset + off;
		off -= f.len;
	}
	return 0;
}

/* size bytes, high byte first: a load beyond the message is "no", as the kernel's filters have it. */
rg_inline void rg_enf_load(struct rg_enf_run *r, __u32 off, __u32 size)
{
	__u32 v = 0;
	__u64 at;

	if (off + size > r->b.len || off + size < off) {
		r->ret = 0;
		return;
	}
	at = rg_enf_place(&r->b, off, size);
	if (!at || bpf_probe_read_kernel(&v, size, (void *)at))
		r->ret = -1;
	else
		r->a = __builtin_bswap32(v) >> (32 - 8 * size);
}

rg_inline void rg_enf_jump(struct rg_enf_run *r, const struct rg_enf_code *c)
{
	bool t = false;

	switch (c->code) {
	case 0x05: r->pc += c->k; return;	  /* ja */
	case 0x15: t = r->a == c->k; break;	  /* jeq */
	case 0x25: t = r->a > c->k; break;	  /* jgt */
	case 0x35: t = r->a >= c->k; break;	  /* jge */
	case 0x45: t = (r->a & c->k) != 0; break; /* jset */
	default: r->ret = -1; return;
	}
	r->pc += t ? c->jt : c->jf;
}

static long rg_enf_one(__u32 i, void *arg)
{
	struct rg_enf_run *r = arg;
	struct rg_enf_code *c;
	__u32 pc = r->pc;

	c = pc < r->end ? bpf_map_lookup_elem(&enf_code, &pc) : NULL;
	if (!c) {
		r->ret = -1;
		return 1;
	}
	r->pc = pc + 1;
	switch (c->code) {
	case 0x20: /* ld [k]: word, half, byte */
	case 0x28:
	case 0x30:
	case 0x40: /* ld [x + k] */
	case 0x48:
	case 0x50:
		rg_enf_load(r, c->k + (c->code & 0x40 ? r->x : 0), c->code & 0x10 ? 1 : c->code & 8 ? 2 : 4);
		break;
	case 0x80: r->a = r->b.len; break;
	case 0x14: r->a -= c->k; break;
	case 0x64: r->a <<= c->k & 31; break;
	case 0x4c: r->a |= r->x; break;
	case 0xa4: r->a ^= c->k; break;
	case 0x02: r->m = r->a; break;
	case 0x61: r->x = r->m; break;
	case 0x07: r->x = r->a; break;
	case 0x06: r->ret = c->k != 0; break; /* ret k */
	default: rg_enf_jump(r, c); break;
	}
	return r->ret != 2;
}

/* 1: the content is as the clause demands, 0: it is not, -1: it cannot be read. */
rg_sub int rg_enf_content(__u64 skb, __u32 skip, __u32 at, __u32 n)
{
	struct rg_enf_run r = {.ret = 2};

	if (!skb)
		return -1;
	rg_enf_bytes_of(&r.b, (struct sk_buff *)skb, skip);
	r.a = RG_UNKNOWN(0);
	r.x = RG_UNKNOWN(0);
	r.m = RG_UNKNOWN(0);
	r.pc = RG_UNKNOWN(at);
	r.end = at + n;
	r.ret = RG_UNKNOWN(2);
	bpf_loop(RG_ENF_CODE, rg_enf_one, &r, 0);
	return r.ret == 1 ? 1 : r.ret == 0 ? 0 : -1;
}

#endif
