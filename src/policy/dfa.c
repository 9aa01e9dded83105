/* SPDX-License-Identifier: BSD-2-Clause */
/* Tree to states, states to a deterministic automaton (subset construction), and matching with it. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "policy/nfa.h"

int rg_regex_too_big(struct rg_regex_err *e)
{
	*e = (struct rg_regex_err){
		0, "it needs too many states or too long to build; make repetitions smaller or split it"};
	return -E2BIG;
}

/* Is it too much? A pattern of a few bytes can ask for hours: ((((){200}){200}){200}){200}. */
static bool worked(struct rg_nfa *n, int more)
{
	if (n->work < RG_NFA_WORK)
		n->work += more;
	return n->work >= RG_NFA_WORK;
}

static int state(struct rg_nfa *n, int op, int a, int b)
{
	if (n->n_states >= RG_NFA_STATES || a < -1 || b < -1)
		return -2;
	n->st[n->n_states] = (struct rg_nfa_state){.op = (uint8_t)op, .a = (int16_t)a, .b = (int16_t)b};
	return n->n_states++;
}

static int emit(struct rg_nfa *n, int t, int next);

static int emit_loop(struct rg_nfa *n, int t, int next)
{
	int s = state(n, RG_N_SPLIT, -1, next), a;

	if (s < 0)
		return -2;
	a = emit(n, t, s);
	if (a < 0)
		return -2;
	n->st[s].a = (int16_t)a;
	return s;
}

static int emit_repeat(struct rg_nfa *n, const struct rg_re_tree *t, int next)
{
	int s = next, end = next;

	if (t->hi < 0)
		s = emit_loop(n, t->a, next);
	else
		for (int i = t->lo; i < t->hi && s >= 0; i++) {
			s = emit(n, t->a, s);
			s = s < 0 ? -2 : state(n, RG_N_SPLIT, s, end);
		}
	for (int i = 0; i < t->lo && s >= 0; i++)
		s = emit(n, t->a, s);
	return s;
}

/* States for tree t that continue at next; the first of them, or -2. */
static int emit(struct rg_nfa *n, int t, int next)
{
	const struct rg_re_tree *tr = &n->trees[t];
	int s;

	if (next < 0 || worked(n, 1))
		return -2;
	switch (tr->kind) {
	case RG_RE_EMPTY: return next;
	case RG_RE_CLASS:
		s = state(n, RG_N_CLASS, next, -1);
		if (s >= 0)
			n->st[s].cls = t;
		return s;
	case RG_RE_BOL: return state(n, RG_N_BOL, next, -1);
	case RG_RE_EOL: return state(n, RG_N_EOL, next, -1);
	case RG_RE_CAT: return emit(n, tr->a, emit(n, tr->b, next));
	case RG_RE_ALT:
		s = emit(n, tr->a, next);
		return s < 0 ? -2 : state(n, RG_N_SPLIT, s, emit(n, tr->b, next));
	default: return emit_repeat(n, tr, next);
	}
}

int rg_nfa_build(struct rg_nfa *n, int tree, bool search)
{
	int s = state(n, RG_N_MATCH, -1, -1), loop, any;

	s = emit(n, tree, s);
	if (s < 0)
		return -1;
	n->start = s;
	if (!search)
		return 0;
	if (n->n_trees >= RG_NFA_TREES)
		return -1;
	n->trees[n->n_trees] = (struct rg_re_tree){.kind = RG_RE_CLASS};
	memset(n->trees[n->n_trees].cls, 0xff, sizeof(n->trees[0].cls));
	loop = state(n, RG_N_SPLIT, -1, s);
	any = loop < 0 ? -2 : state(n, RG_N_CLASS, loop, -1);
	if (any < 0)
		return -1;
	n->st[any].cls = n->n_trees++;
	n->st[loop].a = (int16_t)any;
	n->start = loop;
	return 0;
}

#define WORDS (RG_NFA_STATES / 64)
typedef uint64_t set_t[WORDS];

struct build {
	struct rg_nfa *n;
	set_t *sets; /* of each DFA state */
	uint8_t *end;
	uint16_t *next; /* n_classes per state */
	int *hash;	/* open addressing over sets, -1 free */
	int n_states, n_classes;
	uint8_t cls[256], sample[256];
	int16_t stack[RG_NFA_STATES];
};
#define HASH_SLOTS (RG_DFA_STATES * 4)

static bool has(const uint64_t *s, int i)
{
	return s[i / 64] >> (i % 64) & 1;
}

/* Add state i and all that is reached from it without a byte. */
static void close_over(struct build *b, uint64_t *s, int i, bool at_start, bool at_end)
{
	int n = 0;

	b->stack[n++] = (int16_t)i;
	while (n) {
		const struct rg_nfa_state *st;

		b->n->work++;
		i = b->stack[--n];
		if (has(s, i))
			continue;
		s[i / 64] |= 1ull << (i % 64);
		st = &b->n->st[i];
		if (st->op == RG_N_SPLIT && !has(s, st->b))
			b->stack[n++] = st->b;
		if ((st->op == RG_N_SPLIT || (st->op == RG_N_BOL && at_start) ||
		     (st->op == RG_N_EOL && at_end)) &&
		    !has(s, st->a))
			b->stack[n++] = st->a;
	}
}

/* Does the set match when the text ends here? at_start: the text is empty. */
static bool accepts_at_end(struct build *b, const uint64_t *s, bool at_start)
{
	set_t all = {0};

	for (int i = 0; i < b->n->n_states; i++)
		if (has(s, i))
			close_over(b, all, i, at_start, true);
	return has(all, 0); /* state 0 is MATCH */
}

/* Number of the DFA state for this set; -1: too many. */
static int intern(struct build *b, const uint64_t *s, bool at_start)
{
	uint64_t h = at_start ? 0x9e3779b97f4a7c15ull : 1469598103934665603ull;
	bool empty = true;

	for (int i = 0; i < WORDS; i++) {
		h = (h ^ s[i]) * 1099511628211ull;
		h ^= h >> 29;
		empty &= !s[i];
	}
	if (empty)
		return RG_DFA_DEAD;
	if (has(s, 0))
		return RG_DFA_ACCEPT;
	for (uint64_t k = h % HASH_SLOTS;; k = (k + 1) % HASH_SLOTS) {
		int id = b->hash[k];

		if (id >= 0 && (at_start || memcmp(b->sets[id], s, sizeof(set_t))))
			continue;
		if (id >= 0)
			return id;
		if (b->n_states >= RG_DFA_STATES)
			return -1;
		id = b->n_states++;
		b->hash[k] = at_start ? -1 : id; /* the first state has passed ^: nothing leads back to it */
		memcpy(b->sets[id], s, sizeof(set_t));
		b->end[id] = accepts_at_end(b, s, at_start);
		return id;
	}
}

/* Bytes that no class tells apart are one class. */
static void byte_classes(struct build *b)
{
	int remap[256][2];

	b->n_classes = 1;
	for (int t = 0; t < b->n->n_trees; t++) {
		int n = 0, seen[256];

		if (b->n->trees[t].kind != RG_RE_CLASS)
			continue;
		memset(remap, 0xff, sizeof(remap));
		for (int c = 0; c < 256; c++) {
			int in = b->n->trees[t].cls[c / 32] >> (c % 32) & 1, *to = &remap[b->cls[c]][in];

			if (*to < 0)
				*to = n++;
			seen[c] = *to;
		}
		for (int c = 0; c < 256; c++)
			b->cls[c] = (uint8_t)seen[c];
		b->n_classes = n;
	}
	for (int c = 255; c >= 0; c--)
		b->sample[b->cls[c]] = (uint8_t)c;
}

/* The states after byte c. Few of many states are in a set: whole words are passed over. */
static void step(struct build *b, const uint64_t *from, int c, uint64_t *to)
{
	for (int w = 0; w < WORDS; w++)
		for (uint64_t m = from[w]; m; m &= m - 1) {
			const struct rg_nfa_state *st = &b->n->st[w * 64 + __builtin_ctzll(m)];

			if (st->op == RG_N_CLASS && (b->n->trees[st->cls].cls[c / 32] >> (c % 32) & 1))
				close_over(b, to, st->a, false, false);
		}
}

static int expand(struct build *b)
{
	set_t s = {0};
	int id;

	memset(b->hash, 0xff, HASH_SLOTS * sizeof(int));
	b->n_states = 2;
	b->end[RG_DFA_ACCEPT] = 1;
	for (int k = 0; k < b->n_classes; k++)
		b->next[RG_DFA_ACCEPT * b->n_classes + k] = RG_DFA_ACCEPT;
	close_over(b, s, b->n->start, true, false);
	id = intern(b, s, true);
	for (int d = 2; d < b->n_states; d++)
		for (int k = 0; k < b->n_classes; k++) {
			int c = b->sample[k], to;

			memset(s, 0, sizeof(s));
			step(b, b->sets[d], c, s);
			to = intern(b, s, false);
			if (to < 0 || worked(b->n, WORDS / 8))
				return -1;
			b->next[d * b->n_classes + k] = (uint16_t)to;
		}
	return id;
}

/* States from which no text leads to a match are the dead state: what follows them need not be looked at. */
static int prune(struct build *b)
{
	uint8_t alive[RG_DFA_STATES] = {[RG_DFA_ACCEPT] = 1};
	bool more = true;

	for (int d = 2; d < b->n_states; d++)
		alive[d] = b->end[d];
	while (more) {
		more = false;
		if (worked(b->n, b->n_states * b->n_classes / 16))
			return -1;
		for (int d = b->n_states - 1; d >= 2; d--)
			for (int k = 0; k < b->n_classes && !alive[d]; k++)
				if (alive[b->next[d * b->n_classes + k]])
					alive[d] = more = true;
	}
	for (int i = 0; i < b->n_states * b->n_classes; i++)
		if (!alive[b->next[i]])
			b->next[i] = RG_DFA_DEAD;
	return 0;
}

static int write_dfa(const struct build *b, int start, struct rg_buf *out)
{
	size_t n_end = ((size_t)b->n_states + 1) & ~(size_t)1,
	       n_next = (size_t)b->n_states * (size_t)b->n_classes * 2;
	struct rg_dfa h = {.n_states = (uint16_t)b->n_states,
			   .n_classes = (uint16_t)b->n_classes,
			   .start = (uint16_t)start};

	h.size = (uint32_t)((sizeof(h) + n_end + n_next + 3) & ~(size_t)3);
	memcpy(h.cls, b->cls, sizeof(h.cls));
	rg_buf_add(out, &h, sizeof(h));
	rg_buf_add(out, b->end, n_end);
	rg_buf_add(out, b->next, n_next);
	rg_buf_add(out, "\0\0\0", h.size - (sizeof(h) + n_end + n_next));
	return out->oom ? -ENOMEM : 0;
}

int rg_regex_compile(const char *p, size_t len, bool glob, struct rg_buf *out, struct rg_regex_err *e)
{
	rg_auto_free struct rg_nfa *n = calloc(1, sizeof(*n));
	rg_auto_free struct build *b = calloc(1, sizeof(*b));
	rg_auto_free void *sets = calloc(RG_DFA_STATES, sizeof(set_t));
	rg_auto_free void *end = calloc(RG_DFA_STATES + 1, 1);
	rg_auto_free void *next = NULL, *hash = malloc(HASH_SLOTS * sizeof(int));
	int r;

	*e = (struct rg_regex_err){0, "out of memory"};
	if (!n || !b || !sets || !end || !hash)
		return -ENOMEM;
	r = rg_nfa_parse(n, p, len, glob, e);
	if (r)
		return r;
	b->n = n;
	byte_classes(b);
	next = calloc((size_t)RG_DFA_STATES * (size_t)b->n_classes, 2);
	if (!next)
		return -ENOMEM;
	b->sets = sets;
	b->end = end;
	b->next = next;
	b->hash = hash;
	r = expand(b);
	if (r < 0 || prune(b))
		return rg_regex_too_big(e);
	return write_dfa(b, r, out);
}

int rg_regex_check(const char *p, size_t len, bool glob, struct rg_regex_err *e)
{
	rg_auto_buf out = {0};

	return rg_regex_compile(p, len, glob, &out, e);
}

static size_t dfa_size(const struct rg_dfa *d)
{
	size_t n = d->n_states;

	return (sizeof(*d) + ((n + 1) & ~(size_t)1) + n * d->n_classes * 2 + 3) & ~(size_t)3;
}

static const uint16_t *dfa_next(const struct rg_dfa *d)
{
	return (const uint16_t *)(const void *)(d->tail + ((d->n_states + 1u) & ~1u));
}

bool rg_dfa_verify(const void *p, size_t len)
{
	const struct rg_dfa *d = p;
	const uint16_t *next;

	if (len < sizeof(*d) || d->n_states < 2 || !d->n_classes || d->n_classes > 256 ||
	    d->start >= d->n_states || d->size > len || dfa_size(d) != d->size)
		return false;
	for (int c = 0; c < 256; c++)
		if (d->cls[c] >= d->n_classes)
			return false;
	next = dfa_next(d);
	for (size_t i = 0; i < (size_t)d->n_states * d->n_classes; i++)
		if (next[i] >= d->n_states)
			return false;
	return true;
}

int rg_dfa_run(const void *p, const char *s, size_t len, bool cut)
{
	const struct rg_dfa *d = p;
	const uint16_t *next = dfa_next(d);
	unsigned st = d->start;

	for (size_t i = 0; i < len && st > RG_DFA_ACCEPT; i++)
		st = next[st * d->n_classes + d->cls[(uint8_t)s[i]]];
	return cut && st > RG_DFA_ACCEPT ? -1 : d->tail[st] != 0;
}
