/* SPDX-License-Identifier: BSD-2-Clause */
/* Sets as tables: sorted ranges, hash tables, address ranges. */
#include "policy/lower/sets.h"

#include <stdlib.h>
#include <string.h>

#define HASH_FROM 9 /* fewer numbers are found faster in a sorted list */

/* Eight bytes a round: paths are long. The constants are the policy's, a sender can't choose what collides.
 */
uint32_t rg_ir_hash(const char *s, size_t len)
{
	const uint64_t k = 0x9e3779b97f4a7c15ull;
	uint64_t h = len * k, w = 0;

	for (; len >= 8; s += 8, len -= 8) {
		memcpy(&w, s, 8);
		h = (h ^ w) * k;
		h ^= h >> 29;
	}
	w = 0;
	if (len >= 4) {
		uint32_t a, b;

		memcpy(&a, s, 4);
		memcpy(&b, s + len - 4, 4);
		w = a | (uint64_t)b << 32;
	} else if (len) {
		w = (uint64_t)(uint8_t)s[0] | (uint64_t)(uint8_t)s[len / 2] << 8 |
		    (uint64_t)(uint8_t)s[len - 1] << 16;
	}
	h = (h ^ w) * k;
	return (uint32_t)(h >> 32);
}

uint32_t rg_ir_hash_int(uint64_t u)
{
	u = (u ^ u >> 32) * 0x9e3779b97f4a7c15ull; /* numbers may differ in their upper half only */
	return (uint32_t)(u >> 32);
}

static bool is_addr_item(const struct rg_ast *it)
{
	return it->kind == RG_A_ADDR || (it->kind == RG_A_RANGE && it->kids->kind == RG_A_ADDR);
}

struct rg_set_parts rg_set_split(const struct rg_ast *set)
{
	struct rg_set_parts p = {0};

	for (const struct rg_ast *it = set->kids; it; it = it->next) {
		if (is_addr_item(it))
			p.addrs++;
		else if (it->kind == RG_A_NAME)
			p.names++;
		else if (it->kind == RG_A_STR || it->kind == RG_A_BYTES)
			p.texts++;
		else
			p.ints++;
	}
	return p;
}

static int cmp_range(const void *a, const void *b)
{
	const struct rg_ir_range *x = a, *y = b;

	return x->lo < y->lo ? -1 : x->lo > y->lo;
}

static void hash_ints(const struct rg_ir_range *r, size_t n, size_t slots, struct rg_buf *out)
{
	uint64_t *t = calloc(slots * 2, sizeof(*t)); /* pairs: used, number */

	out->oom |= !t;
	for (size_t i = 0; t && i < n; i++) {
		size_t k = rg_ir_hash_int(r[i].lo) & (slots - 1);

		while (t[k * 2])
			k = (k + 1) & (slots - 1);
		t[k * 2] = 1;
		t[k * 2 + 1] = r[i].lo;
	}
	if (t)
		rg_buf_add(out, t, slots * 2 * sizeof(*t));
	free(t);
}

static size_t slots_for(size_t n)
{
	size_t s = 4;

	while (s < n * 2)
		s *= 2;
	return s;
}

size_t rg_set_ints(const struct rg_ast *set, bool is_signed, struct rg_buf *out)
{
	struct rg_buf all = {0};
	struct rg_ir_range *r, one;
	bool points = true;
	size_t n, m = 0;

	for (const struct rg_ast *it = set->kids; it; it = it->next) {
		const struct rg_ast *lo = it->kind == RG_A_RANGE ? it->kids : it,
				    *hi = lo == it ? it : lo->next;

		if (lo->kind != RG_A_INT)
			continue;
		one.lo = is_signed ? rg_ir_bias((int64_t)lo->num) : (uint64_t)lo->num;
		one.hi = is_signed ? rg_ir_bias((int64_t)hi->num) : (uint64_t)hi->num;
		rg_buf_add(&all, &one, sizeof(one));
	}
	r = (void *)all.data;
	n = all.len / sizeof(*r);
	qsort(r, n, sizeof(*r), cmp_range);
	for (size_t i = 0; i < n; i++) {
		if (m && r[i].lo <= r[m - 1].hi + (r[m - 1].hi != UINT64_MAX && r[m - 1].lo != r[m - 1].hi)) {
			r[m - 1].hi = r[i].hi > r[m - 1].hi ? r[i].hi : r[m - 1].hi;
			continue;
		}
		r[m++] = r[i];
	}
	for (size_t i = 0; i < m; i++)
		points &= r[i].lo == r[i].hi;
	out->oom |= all.oom;
	n = points && m >= HASH_FROM ? slots_for(m) : 0;
	if (n)
		hash_ints(r, m, n, out);
	else
		rg_buf_add(out, r, m * sizeof(*r));
	rg_buf_free(&all);
	return n;
}

static bool in_table(const struct rg_ir_slot *t, size_t slots, const struct rg_buf *text, size_t base,
		     const struct rg_ast *it, size_t *k)
{
	for (*k = rg_ir_hash(it->str, it->len) & (slots - 1); t[*k].off; *k = (*k + 1) & (slots - 1))
		if (t[*k].len == it->len && !memcmp(text->data + t[*k].off - base, it->str, it->len))
			return true;
	return false;
}

size_t rg_set_strs(const struct rg_ast *set, struct rg_buf *out)
{
	size_t slots = slots_for(rg_set_split(set).texts), base = slots * sizeof(struct rg_ir_slot), k;
	struct rg_ir_slot *t = calloc(slots, sizeof(*t));
	struct rg_buf text = {0};

	out->oom |= !t;
	rg_buf_char(&text, 0);
	for (const struct rg_ast *it = set->kids; t && it; it = it->next) {
		if ((it->kind != RG_A_STR && it->kind != RG_A_BYTES) ||
		    in_table(t, slots, &text, base, it, &k))
			continue;
		t[k] = (struct rg_ir_slot){(uint32_t)(base + text.len), (uint32_t)it->len};
		rg_buf_add(&text, it->str, it->len);
		rg_buf_char(&text, 0);
	}
	if (t)
		rg_buf_add(out, t, base);
	rg_buf_add(out, text.data, text.len);
	out->oom |= text.oom;
	rg_buf_free(&text);
	free(t);
	return slots;
}

void rg_addr_bounds(const struct rg_ast *it, struct rg_ir_addr_range *r)
{
	const struct rg_ast *lo = it->kind == RG_A_RANGE ? it->kids : it, *hi = lo == it ? it : lo->next;
	unsigned bits = it->kind == RG_A_RANGE ? 0 : it->width;

	*r = (struct rg_ir_addr_range){.family_len = lo->ip_len};
	memcpy(r->lo, lo->ip, 16);
	memcpy(r->hi, hi->ip, 16);
	if (it->kind == RG_A_RANGE)
		return;
	for (unsigned b = bits; b < lo->ip_len * 8u; b++) {
		r->lo[b / 8] &= (uint8_t) ~(0x80 >> b % 8);
		r->hi[b / 8] |= (uint8_t)(0x80 >> b % 8);
	}
}

static int cmp_addr(const void *a, const void *b)
{
	const struct rg_ir_addr_range *x = a, *y = b;

	return x->family_len != y->family_len ? x->family_len - y->family_len : memcmp(x->lo, y->lo, 16);
}

size_t rg_set_addrs(const struct rg_ast *set, struct rg_buf *out)
{
	size_t from = out->len, n, m = 0;
	struct rg_ir_addr_range *r, one;

	for (const struct rg_ast *it = set->kids; it; it = it->next)
		if (is_addr_item(it)) {
			rg_addr_bounds(it, &one);
			rg_buf_add(out, &one, sizeof(one));
		}
	r = (void *)(out->data + from);
	n = (out->len - from) / sizeof(*r);
	qsort(r, n, sizeof(*r), cmp_addr);
	for (size_t i = 0; i < n; i++) {
		if (m && r[m - 1].family_len == r[i].family_len && memcmp(r[i].lo, r[m - 1].hi, 16) <= 0) {
			if (memcmp(r[i].hi, r[m - 1].hi, 16) > 0)
				memcpy(r[m - 1].hi, r[i].hi, 16);
			continue;
		}
		r[m++] = r[i];
	}
	out->len = from + m * sizeof(*r);
	return m;
}
