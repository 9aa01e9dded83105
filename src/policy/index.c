/* SPDX-License-Identifier: BSD-2-Clause */
/* Which rules can match an event at all. A rule whose condition demands `field == constant`, or `field in
 * set`, is filed under those constants; an event's own value finds them with one look-up, however many rules
 * there are. Prefixes of addresses are filed by field and length: one look-up for each length that occurs.
 * All other rules are plain: always tried. Order is kept: the cursor merges both. */
#include <endian.h>
#include <stdlib.h>
#include <string.h>

#include "policy/lower/sets.h"
#include "policy/policy.h"

#define MAX_TABLES	     RG_INDEX_LISTS
#define WORTH_FROM	     8 /* fewer rules are tried faster one by one */
#define ENTRIES_PER_RULE_MAX 4096

struct entry {
	uint64_t key; /* number, or hash of the text */
	uint32_t rule;
};

struct slot {
	uint64_t key;
	uint32_t from, n; /* in rules; n 0: free */
};

struct table {
	enum rg_field field;
	enum { NUMBERS, TEXTS, PREFIXES } kind;
	uint8_t ip_len, bits; /* PREFIXES */
	struct slot *slots;
	uint32_t n_slots;
	uint32_t *rules;       /* ascending in each slot */
	struct rg_buf entries; /* while building */
};

struct rg_index {
	struct table t[MAX_TABLES];
	unsigned n;
	uint32_t *plain;
	uint32_t n_plain;
	uint32_t n_rules;
};

static bool key_type(enum rg_type t)
{
	return t == RG_T_UINT || t == RG_T_INT || t == RG_T_ENUM || t == RG_T_STR || t == RG_T_SIZE ||
	       t == RG_T_ADDR;
}

/* Constants that the test demands of a field, all of them points? */
static const struct rg_ast *demanded(const struct rg_ast *n, int *field)
{
	const struct rg_ast *v = n->kids, *k;

	if ((n->kind != RG_A_IN && (n->kind != RG_A_CMP || n->op != RG_EQ)) || v->kind != RG_A_FIELD ||
	    v->dyn || !key_type(v->type))
		return NULL;
	*field = v->field;
	k = n->kind == RG_A_IN ? v->next->kids : v->next;
	for (const struct rg_ast *it = k; it; it = it->next)
		if (it->kind != (v->type == RG_T_ADDR  ? RG_A_ADDR
				 : v->type == RG_T_STR ? RG_A_STR
						       : RG_A_INT))
			return NULL;
	return k;
}

/* Among the conditions that must all hold, the one best for filing: the fewest constants. */
static const struct rg_ast *best_demand(const struct rg_ast *n, int *field)
{
	const struct rg_ast *best = NULL, *k;
	size_t best_n = ENTRIES_PER_RULE_MAX;
	int f;

	if (!n)
		return NULL;
	if (n->kind != RG_A_AND)
		return demanded(n, field);
	for (const struct rg_ast *c = n->kids; c; c = c->next) {
		size_t count = 0;

		k = demanded(c, &f);
		for (const struct rg_ast *it = k; it; it = it->next)
			count++;
		/* event and route tell few messages apart */
		if (k && (f == RG_F_EVENT || f == RG_F_ROUTE || f == RG_F_SOCK_FAMILY || f == RG_F_SOCK_TYPE))
			count += ENTRIES_PER_RULE_MAX / 2;
		if (k && count < best_n) {
			best = k;
			best_n = count;
			*field = f;
		}
	}
	return best;
}

/* ---- keys */

/* The first `bits` bits of an address. */
static uint64_t prefix_key(const uint8_t *ip, unsigned ip_len, unsigned bits)
{
	uint64_t w[2];
	uint32_t v4;

	if (!bits)
		return 0;
	if (ip_len == 4) {
		memcpy(&v4, ip, 4);
		return be32toh(v4) >> (32 - bits);
	}
	memcpy(w, ip, sizeof(w));
	if (bits <= 64)
		return be64toh(w[0]) >> (64 - bits);
	/* up to 128 bits in 64: others with the same key are tried and found not to match */
	return w[0] ^ (be64toh(w[1]) >> (128 - bits)) * 0x9e3779b97f4a7c15ull;
}

static uint64_t key_of(const struct rg_ast *k)
{
	if (k->kind == RG_A_ADDR)
		return prefix_key(k->ip, k->ip_len, k->width);
	return k->kind == RG_A_STR ? rg_ir_hash(k->str, k->len) : (uint64_t)k->num;
}

/* The table for a constant of the field, made when there is none; NULL: there are too many. */
static struct table *table_for(struct rg_index *x, int field, const struct rg_ast *k)
{
	struct table want = {.field = (enum rg_field)field, .kind = NUMBERS};

	if (k->kind == RG_A_STR)
		want.kind = TEXTS;
	if (k->kind == RG_A_ADDR) {
		want.kind = PREFIXES;
		want.ip_len = k->ip_len;
		want.bits = (uint8_t)k->width;
	}
	for (unsigned i = 0; i < x->n; i++)
		if (x->t[i].field == want.field && x->t[i].kind == want.kind &&
		    x->t[i].ip_len == want.ip_len && x->t[i].bits == want.bits)
			return &x->t[i];
	if (x->n == MAX_TABLES)
		return NULL;
	x->t[x->n] = want;
	return &x->t[x->n++];
}

static int by_key(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;

	if (x->key != y->key)
		return x->key < y->key ? -1 : 1;
	return x->rule < y->rule ? -1 : x->rule > y->rule;
}

static struct slot *slot_find(const struct table *t, uint64_t key)
{
	uint32_t k = rg_ir_hash_int(key) & (t->n_slots - 1);

	while (t->slots[k].n && t->slots[k].key != key)
		k = (k + 1) & (t->n_slots - 1);
	return &t->slots[k];
}

static bool table_finish(struct table *t)
{
	struct entry *e = (void *)t->entries.data;
	size_t n = t->entries.len / sizeof(*e);

	t->n_slots = 4;
	while (t->n_slots < n * 2)
		t->n_slots *= 2;
	t->slots = calloc(t->n_slots, sizeof(*t->slots));
	t->rules = calloc(n, sizeof(*t->rules));
	if (!t->slots || !t->rules || t->entries.oom)
		return false;
	if (n)
		qsort(e, n, sizeof(*e), by_key);
	for (size_t i = 0; i < n; i++) {
		struct slot *s = slot_find(t, e[i].key);

		if (!s->n)
			*s = (struct slot){.key = e[i].key, .from = (uint32_t)i};
		s->n++;
		t->rules[i] = e[i].rule;
	}
	rg_buf_free(&t->entries);
	return true;
}

void rg_index_free(struct rg_index *x)
{
	if (!x)
		return;
	for (unsigned i = 0; i < x->n; i++) {
		free(x->t[i].slots);
		free(x->t[i].rules);
		rg_buf_free(&x->t[i].entries);
	}
	free(x->plain);
	free(x);
}

/* File a rule under each of its constants; false: it can't be, or not under all. */
static bool file_rule(struct rg_index *x, int field, const struct rg_ast *k, uint32_t rule)
{
	for (const struct rg_ast *it = k; it; it = it->next)
		if (!table_for(x, field, it))
			return false;
	for (; k; k = k->next) {
		struct entry e = {key_of(k), rule};

		rg_buf_add(&table_for(x, field, k)->entries, &e, sizeof(e));
	}
	return true;
}

struct rg_index *rg_index_build(const struct rg_pol *pol)
{
	struct rg_index *x;
	bool ok = true;

	if (pol->n_rules < WORTH_FROM)
		return NULL;
	x = calloc(1, sizeof(*x));
	if (!x)
		return NULL;
	x->n_rules = pol->n_rules;
	x->plain = calloc(pol->n_rules, sizeof(*x->plain));
	ok = x->plain;
	for (uint32_t i = 0; ok && i < pol->n_rules; i++) {
		int field = -1;
		const struct rg_ast *k = best_demand(pol->rules[i].tree, &field);

		if (!k || !file_rule(x, field, k, i))
			x->plain[x->n_plain++] = i;
	}
	for (unsigned i = 0; ok && i < x->n; i++)
		ok = table_finish(&x->t[i]);
	if (ok && x->n_plain < pol->n_rules)
		return x;
	rg_index_free(x);
	return NULL;
}

/* The event's value as a key of the table; false: it has none. An IPv4 address inside an IPv6 one counts as
 * both, as in the evaluator. */
static inline bool event_key(const struct table *t, const struct rg_value *v, uint64_t *key)
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
	const struct rg_addr *a = v->addr;

	switch (t->kind) {
	case NUMBERS: *key = v->u; return true;
	case TEXTS: *key = rg_ir_hash(v->p, v->len); return true;
	default:
		if (a->ip_len == t->ip_len)
			*key = prefix_key(a->ip, t->ip_len, t->bits);
		else if (a->ip_len == 16 && t->ip_len == 4 && !memcmp(a->ip, mapped, sizeof(mapped)))
			*key = prefix_key(a->ip + 12, 4, t->bits);
		else
			return false;
		return true;
	}
}

void rg_index_start(const struct rg_index *x, const struct rg_event *ev, struct rg_index_cursor *cur)
{
	cur->next_plain = 0;
	cur->n = 0;
	for (unsigned i = 0; i < x->n; i++) {
		const struct table *t = &x->t[i];
		const struct slot *s;
		uint64_t key;

		/* a demand on an absent value never holds */
		if (!rg_has(ev, t->field) || !event_key(t, &ev->v[t->field], &key))
			continue;
		s = slot_find(t, key);
		if (!s->n)
			continue;
		cur->list[cur->n].at = t->rules + s->from;
		cur->list[cur->n++].end = t->rules + s->from + s->n;
	}
}

uint32_t rg_index_next(const struct rg_index *x, struct rg_index_cursor *cur)
{
	uint32_t best = cur->next_plain < x->n_plain ? x->plain[cur->next_plain] : x->n_rules;

	for (unsigned i = 0; i < cur->n; i++)
		if (cur->list[i].at < cur->list[i].end && *cur->list[i].at < best)
			best = *cur->list[i].at;
	if (cur->next_plain < x->n_plain && x->plain[cur->next_plain] == best)
		cur->next_plain++;
	for (unsigned i = 0; i < cur->n; i++)
		while (cur->list[i].at < cur->list[i].end && *cur->list[i].at <= best)
			cur->list[i].at++;
	return best;
}
