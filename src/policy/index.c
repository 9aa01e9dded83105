/* SPDX-License-Identifier: BSD-2-Clause */
/* Which rules can match an event at all. A rule whose condition demands `field == constant`, or `field in
 * set`, is filed under those constants; an event's own value finds them with one look-up, however many rules
 * there are. All other rules are plain: always tried. Order is kept: the cursor merges both. */
#include <stdlib.h>
#include <string.h>

#include "policy/lower/sets.h"
#include "policy/policy.h"

#define MAX_FIELDS	     8
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
	bool text;
	struct slot *slots;
	uint32_t n_slots;
	uint32_t *rules;       /* ascending in each slot */
	struct rg_buf entries; /* while building */
};

struct rg_index {
	struct table t[MAX_FIELDS];
	unsigned n;
	uint32_t *plain;
	uint32_t n_plain;
	uint32_t n_rules;
	/* rules that demand an address in a prefix: ranges that don't overlap, sorted */
	struct addr_entry *addrs;
	uint32_t n_addrs;
	enum rg_field addr_field;
};

struct addr_entry {
	struct rg_ir_addr_range r;
	uint32_t rule;
};

static bool key_type(enum rg_type t)
{
	return t == RG_T_UINT || t == RG_T_INT || t == RG_T_ENUM || t == RG_T_STR || t == RG_T_SIZE;
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
		if (it->kind != RG_A_INT && it->kind != RG_A_STR)
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

/* ---- addresses */

/* The ADDR items that the rule demands of the index's address field, or NULL. */
static const struct rg_ast *demanded_addrs(const struct rg_ast *n, enum rg_field field)
{
	const struct rg_ast *v, *k;

	if (n && n->kind == RG_A_AND) {
		for (const struct rg_ast *c = n->kids; c; c = c->next) {
			k = demanded_addrs(c, field);
			if (k)
				return k;
		}
		return NULL;
	}
	if (!n || (n->kind != RG_A_IN && (n->kind != RG_A_CMP || n->op != RG_EQ)))
		return NULL;
	v = n->kids;
	if (v->kind != RG_A_FIELD || v->field != (int)field)
		return NULL;
	k = n->kind == RG_A_IN ? v->next->kids : v->next;
	for (const struct rg_ast *it = k; it; it = it->next)
		if (it->kind != RG_A_ADDR || it->ip_len != 4)
			return NULL; /* an IPv6 range may hold mapped IPv4 addresses: such rules are always
					tried */
	return k;
}

static int by_addr(const void *a, const void *b)
{
	return memcmp(((const struct addr_entry *)a)->r.lo, ((const struct addr_entry *)b)->r.lo, 16);
}

/* File what can be filed of one rule; false: it stays plain. */
static void addr_add(struct rg_buf *b, const struct rg_ast *k, uint32_t rule)
{
	for (; k; k = k->next) {
		struct addr_entry e = {.rule = rule};

		rg_addr_bounds(k, &e.r);
		rg_buf_add(b, &e, sizeof(e));
	}
}

static bool addrs_disjoint(struct addr_entry *e, size_t n)
{
	qsort(e, n, sizeof(*e), by_addr);
	for (size_t i = 1; i < n; i++)
		if (memcmp(e[i].r.lo, e[i - 1].r.hi, 4) <= 0)
			return false;
	return true;
}

/* Try to file by this address field: only when no two prefixes overlap. */
static bool addr_index(struct rg_index *x, const struct rg_pol *pol, enum rg_field field)
{
	struct rg_buf b = {0};

	for (uint32_t i = 0; i < pol->n_rules; i++)
		addr_add(&b, demanded_addrs(pol->rules[i].tree, field), i);
	x->n_addrs = (uint32_t)(b.len / sizeof(struct addr_entry));
	if (x->n_addrs < WORTH_FROM || b.oom || !addrs_disjoint((void *)b.data, x->n_addrs)) {
		x->n_addrs = 0;
		rg_buf_free(&b);
		return false;
	}
	x->addrs = (void *)b.data;
	x->addr_field = field;
	return true;
}

/* The entry that holds the address, or NULL. */
static const struct addr_entry *addr_find(const struct rg_index *x, const struct rg_addr *a)
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
	const uint8_t *ip = a->ip_len == 4				    ? a->ip
			    : a->ip_len == 16 && !memcmp(a->ip, mapped, 12) ? a->ip + 12
									    : NULL;
	uint32_t lo = 0, n = x->n_addrs;

	if (!ip)
		return NULL;
	while (n > 1) {
		uint32_t half = n / 2;

		if (memcmp(x->addrs[lo + half].r.lo, ip, 4) <= 0)
			lo += half;
		n -= half;
	}
	if (memcmp(x->addrs[lo].r.lo, ip, 4) > 0 || memcmp(ip, x->addrs[lo].r.hi, 4) > 0)
		return NULL;
	return &x->addrs[lo];
}

static struct table *table_for(struct rg_index *x, int field)
{
	for (unsigned i = 0; i < x->n; i++)
		if (x->t[i].field == (enum rg_field)field)
			return &x->t[i];
	if (x->n == MAX_FIELDS)
		return NULL;
	x->t[x->n] = (struct table){.field = (enum rg_field)field, .text = rg_fields[field].type == RG_T_STR};
	return &x->t[x->n++];
}

static uint64_t key_of(const struct rg_ast *k)
{
	return k->kind == RG_A_STR ? rg_ir_hash(k->str, k->len) : (uint64_t)k->num;
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
	free(x->addrs);
	free(x);
}

struct rg_index *rg_index_build(const struct rg_pol *pol)
{
	struct rg_index *x;
	uint32_t n_by_addr = 0;
	bool ok = true;

	if (pol->n_rules < WORTH_FROM)
		return NULL;
	x = calloc(1, sizeof(*x));
	if (!x)
		return NULL;
	x->n_rules = pol->n_rules;
	x->plain = calloc(pol->n_rules, sizeof(*x->plain));
	ok = x->plain;
	if (!addr_index(x, pol, RG_F_SOCK_REMOTE_ADDR))
		addr_index(x, pol, RG_F_SOCK_LOCAL_ADDR);
	for (uint32_t i = 0; ok && i < pol->n_rules; i++) {
		int field = -1;
		const struct rg_ast *k = best_demand(pol->rules[i].tree, &field);
		struct table *t = k ? table_for(x, field) : NULL;

		if (!t && x->n_addrs && demanded_addrs(pol->rules[i].tree, x->addr_field)) {
			n_by_addr++;
			continue;
		}
		if (!t) {
			x->plain[x->n_plain++] = i;
			continue;
		}
		for (; k; k = k->next) {
			struct entry e = {key_of(k), i};

			rg_buf_add(&t->entries, &e, sizeof(e));
		}
	}
	for (unsigned i = 0; ok && i < x->n; i++)
		ok = table_finish(&x->t[i]);
	if (!n_by_addr)
		x->n_addrs = 0;
	if (ok && x->n_plain < pol->n_rules)
		return x;
	rg_index_free(x);
	return NULL;
}

void rg_index_start(const struct rg_index *x, const struct rg_event *ev, struct rg_index_cursor *cur)
{
	const struct addr_entry *a = NULL;

	cur->next_plain = 0;
	cur->n = 0;
	if (x->n_addrs && rg_has(ev, x->addr_field))
		a = addr_find(x, ev->v[x->addr_field].addr);
	if (a) { /* a rule may be filed elsewhere as well: the cursor gives each once */
		cur->list[cur->n].at = &a->rule;
		cur->list[cur->n++].end = &a->rule + 1;
	}
	for (unsigned i = 0; i < x->n; i++) {
		const struct table *t = &x->t[i];
		const struct rg_value *v = &ev->v[t->field];
		const struct slot *s;

		if (!rg_has(ev, t->field))
			continue; /* a demand on an absent value never holds */
		s = slot_find(t, t->text ? rg_ir_hash(v->p, v->len) : v->u);
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
