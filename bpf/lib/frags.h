/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RG_BPF_FRAGS_H
#define RG_BPF_FRAGS_H

/*
 * Payload that stands in pages, on kernels where bpf_dynptr_from_skb cannot be called (before 6.12): each
 * page's address in the kernel's direct map is worked out from the two variables that the memory model of
 * x86-64 has.
 */
#include "maps.h"

extern const void vmemmap_base __ksym __weak;
extern const void page_offset_base __ksym __weak;

#define RG_SEGMENTS   96 /* steps: places of at most RG_PART_DATA bytes */
#define RG_PAGE_SHIFT 12

struct rg_frag { /* skb_frag_t: struct bio_vec, since 6.9 a struct of its own with the same layout */
	__u64 page;
	__u32 len, offset;
};

/* One piece of payload that stands in one place: into the record's own room while there is some, then as
 * parts. */
rg_inline void rg_take_piece(struct rg_state *st, struct rg_frags *l, __u64 src, __u32 n)
{
	struct rg_rec_data *d;
	__u32 at = l->pos, take = 0;

	if (at < RG_INLINE_DATA && st->skb_data == l->pos) {
		take = n < RG_INLINE_DATA - at ? n : RG_INLINE_DATA - at;
		barrier_var(take);
		barrier_var(at);
		if (take > RG_INLINE_DATA || at >= RG_INLINE_DATA)
			return;
		if (bpf_probe_read_kernel(st->tail + at, take, (void *)src)) {
			st->cut |= RG_CUT_PART;
			return;
		}
		st->skb_data += take;
	}
	n -= take;
	barrier_var(n);
	if (!n)
		return;
	if (n > RG_PART_DATA) {
		st->cut |= RG_CUT_PART;
		return;
	}
	d = bpf_ringbuf_reserve(&ring, sizeof(*d) + RG_PART_DATA, 0);
	if (!d) {
		st->cut |= RG_CUT_PART;
		rg_lost(RG_LOSS_PART, l->tgid, 0);
		return;
	}
	d->h.type = RG_REC_DATA;
	d->h.version = RG_ABI_VERSION;
	d->h.len = sizeof(*d) + n;
	d->h.msg_no = st->msg_no + 1;
	d->h.tid = l->tid;
	d->h.cpu = l->cpu;
	d->offset = l->pos + take;
	d->len = n;
	d->pad = 0;
	bpf_probe_read_kernel(d->bytes, n, (void *)(src + take));
	bpf_ringbuf_submit(d, BPF_RB_NO_WAKEUP);
}

rg_inline void rg_frags_enter(struct rg_frags *l, struct sk_buff *skb)
{
	struct skb_shared_info *si =
		(struct skb_shared_info *)(BPF_CORE_READ(skb, head) + BPF_CORE_READ(skb, end));

	l->head = (__u64)BPF_CORE_READ(skb, data);
	l->head_len = BPF_CORE_READ(skb, len) - BPF_CORE_READ(skb, data_len);
	l->frags = (__u64)&si->frags;
	l->n_frags = BPF_CORE_READ(si, nr_frags);
	l->at = 0;
}

/* Where the next bytes stand, and how many. False: no more. */
rg_inline bool rg_frags_place(struct rg_frags *l, __u64 *addr, __u32 *len)
{
	struct rg_frag f;

	if (!l->at) {
		*addr = l->head;
		*len = l->head_len;
		return true;
	}
	if (l->at <= l->n_frags) {
		if (bpf_probe_read_kernel(&f, sizeof(f), (void *)(l->frags + (l->at - 1) * sizeof(f))))
			return false;
		*addr = l->direct + ((f.page - l->vmemmap) / l->page_size << RG_PAGE_SHIFT) + f.offset;
		*len = f.len;
		return true;
	}
	if (!l->next)
		return false;
	struct sk_buff *skb = (struct sk_buff *)l->next;

	l->next = (__u64)BPF_CORE_READ(skb, next);
	rg_frags_enter(l, skb);
	*addr = l->head;
	*len = l->head_len;
	return true;
}

rg_inline long rg_frags_round(struct rg_state *st, struct rg_frags *l)
{
	__u64 addr = 0;
	__u32 len = 0, n;

	if (!st || !l->want || !rg_frags_place(l, &addr, &len))
		return 1;
	if (l->off >= len) {
		l->off -= len;
		l->at++;
		return 0;
	}
	n = len - l->off;
	if (n > l->want)
		n = l->want;
	if (n > RG_PART_DATA)
		n = RG_PART_DATA;
	rg_take_piece(st, l, addr + l->off, n);
	l->off += n;
	l->want -= n;
	l->pos += n;
	return 0;
}

#ifdef RG_LEGACY
rg_sub int rg_frags_round_sub(RG_ST_ARG)
{
	RG_ST_GET(st);

	return st ? rg_frags_round(st, &st->frags) : 1;
}
#else
struct rg_frags_loop {
	struct rg_state *st;
	struct rg_frags f;
};

static long rg_frags_step(__u32 i, void *arg)
{
	struct rg_frags_loop *l = arg;

	return rg_frags_round(l->st, &l->f);
}
#endif

/* want bytes at off of the buffer's data; pos: of the message. */
rg_inline void rg_take_paged_at(struct rg_state *st, struct task_struct *t, struct sk_buff *skb, __u32 off,
				__u32 want, __u64 pos)
{
#ifdef RG_LEGACY
	struct rg_frags *f = &st->frags;
#else
	struct rg_frags_loop l = {.st = st};
	struct rg_frags *f = &l.f;
#endif
	struct skb_shared_info *si;

	f->pos = pos;
	f->off = off;
	f->want = want;
	f->tid = RG_LOAD(t, pid);
	f->tgid = RG_LOAD(t, tgid);
	f->cpu = bpf_get_smp_processor_id();
	f->page_size = bpf_core_type_size(struct page);
	if (!&vmemmap_base || !&page_offset_base || !f->page_size ||
	    bpf_probe_read_kernel(&f->vmemmap, sizeof(f->vmemmap), &vmemmap_base) ||
	    bpf_probe_read_kernel(&f->direct, sizeof(f->direct), &page_offset_base)) {
		st->cut |= RG_CUT_PART;
		return;
	}
	rg_frags_enter(f, skb);
	si = (struct skb_shared_info *)(BPF_CORE_READ(skb, head) + BPF_CORE_READ(skb, end));
	f->next = (__u64)BPF_CORE_READ(si, frag_list);
	f->at = RG_UNKNOWN(f->at);
	f->off = RG_UNKNOWN(f->off);
#ifdef RG_LEGACY
	RG_ROUNDS(RG_SEGMENTS, rg_frags_round_sub(0));
#else
	bpf_loop(RG_SEGMENTS, rg_frags_step, &l, 0);
#endif
	if (f->want)
		st->cut |= RG_CUT_PART;
}

#ifdef RG_FPROBE /* where it is no rare case: dynptrs are not to be had */
rg_sub int rg_take_paged_sub(RG_ST_ARG, __u64 skb, __u32 off, __u32 want, __u64 pos)
{
	if (st)
		rg_take_paged_at(st, rg_current(), (struct sk_buff *)skb, off, want, pos);
	return 0;
}
#define rg_take_paged(st, t, skb, off, want, pos) rg_take_paged_sub(st, rg_scalar(skb), off, want, pos)
#else
#define rg_take_paged rg_take_paged_at
#endif

#endif
