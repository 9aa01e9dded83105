/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RG_BPF_ENF_DECIDE_H
#define RG_BPF_ENF_DECIDE_H

/* The clauses that are left, in order, until one decides for each policy. */
#include "enf_content.h"
#include "enf_match.h"

enum { RG_ACT_ALLOW, RG_ACT_DENY, RG_ACT_DROP, RG_ACT_STRIP, RG_ACT_KILL, RG_ACT_LOG };

struct rg_enf_walk {
	struct rg_enf_eval *e;
	__u64 x, skb; /* clauses left in word w; the message */
	__u32 sum, w, udp, skip;
	__s32 best, log;
	__u32 rank, unknown;
};

/* 1: it holds, 0: it does not. */
rg_inline int rg_enf_holds(struct rg_enf_walk *k, const struct rg_enf_clause *c, __u32 *unknown)
{
	__u32 n = c->code_n[k->udp & 1];
	int r = 1;

	if (n && c->code_n[0])
		r = rg_enf_content(k->skb, k->skip, c->code[k->udp & 1] + (k->e->set >> 2) * RG_ENF_CODE, n);
	if (r >= 0)
		return r;
	*unknown = 1;
	return c->action != RG_ACT_ALLOW; /* what cannot be read is never let through by it */
}

static long rg_enf_next(__u32 i, void *arg)
{
	struct rg_enf_walk *k = arg;
	struct rg_enf_clause *c;
	__u32 at, bit, rank, unknown = 0;

	if (!k->e)
		return 1;
	if (!k->x) {
		if (!k->sum)
			return 1;
		k->w = rg_low32(k->sum);
		k->sum &= k->sum - 1;
		k->x = rg_enf_word(k->e, k->w);
		return 0;
	}
	bit = rg_low64(k->x);
	k->x &= k->x - 1;
	at = k->e->set * RG_ENF_BITS + k->w * 64 + bit;
	c = bpf_map_lookup_elem(&enf_clauses, &at);
	if (!c || !rg_enf_holds(k, c, &unknown))
		return 0;
	if (c->flags & RG_CL_LOG) {
		if (k->log < 0)
			k->log = at;
		return 0;
	}
	rank = rg_enf_rank(c->action, c->flags & RG_CL_AUDIT);
	if (k->best < 0 || rank > k->rank) {
		k->best = at;
		k->rank = rank;
		k->unknown = unknown;
	}
	/* on to the next policy */
	k->x = 0;
	k->sum &= c->next_word >= RG_ENF_WORDS ? 0 : ~0u << (c->next_word & 31);
	return 0;
}

/* skb 0: none; skip: rg_enf_bytes_of. -1 in the pick: nothing decided. */
rg_sub int rg_enf_decide(struct rg_enf_eval *e, struct rg_enf_pick *pick, __u64 skb, __u32 udp, __u32 skip)
{
	struct rg_enf_walk k = {.skb = skb};

	if (!e || !pick)
		return 0;
	k.e = e;
	k.udp = udp;
	k.skip = skip;
	k.sum = RG_UNKNOWN(e->sum);
	k.x = RG_UNKNOWN(0);
	k.w = RG_UNKNOWN(0);
	k.rank = RG_UNKNOWN(0);
	k.unknown = RG_UNKNOWN(0);
	k.best = (__s32)RG_UNKNOWN(~0u);
	k.log = (__s32)RG_UNKNOWN(~0u);
	bpf_loop(2 * RG_ENF_WORDS + 2 * RG_ENF_TEMPORARY + 64, rg_enf_next, &k, 0);
	pick->clause = k.best;
	pick->log = k.log;
	pick->unknown = k.unknown;
	return 0;
}

#endif
