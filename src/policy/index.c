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
	free(x);
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
		struct table *t = k ? table_for(x, field) : NULL;

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
	if (ok && x->n_plain < pol->n_rules)
		return x;
	rg_index_free(x);
	return NULL;
}

void rg_index_start(const struct rg_index *x, const struct rg_event *ev, struct rg_index_cursor *cur)
{
	cur->next_plain = 0;
	cur->n = 0;
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
