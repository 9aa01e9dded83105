/* SPDX-License-Identifier: BSD-2-Clause */
/* The evaluator. Runs verified programs only; allocates nothing; time is bounded by the program, the
 * message's bytes and the lists' lengths. */
#include <string.h>
#include <sys/socket.h>

#include "policy/ast.h"
#include "policy/ir.h"
#include "policy/regex.h"

enum state { OK, ABSENT, DOUBT };

struct val {
	enum state state;
	uint8_t type; /* enum rg_type */
	const struct rg_name *names;
	struct rg_value v;
};

struct run {
	const struct rg_ir *p;
	const struct rg_event *ev;
	const struct rg_node *elem;
	bool doubt;
};

/* Nobody looked (--metadata). */
static inline bool is_unasked(const struct rg_event *ev, unsigned f)
{
	return rg_has(ev, RG_F_DETAIL) && !rg_has(ev, f) && rg_fields[f].tags & RG_TAG_FULL;
}

/* A message that carried bytes of which none were captured: absent would be a lie. */
static enum state field_state(const struct rg_event *ev, unsigned f)
{
	if (rg_has(ev, f))
		return OK;
	if (is_unasked(ev, f))
		return DOUBT;
	if (f == RG_F_MSG_DATA && rg_has(ev, RG_F_RET) && ev->v[RG_F_RET].i > 0)
		return DOUBT;
	return ABSENT;
}

static void load_node(struct val *r, const struct rg_node *n, bool must)
{
	r->state = n ? OK : must ? DOUBT : ABSENT;
	if (n) {
		r->type = n->type;
		r->names = n->names;
		r->v = n->v;
	}
}

static uint64_t count_list(const struct rg_event *ev, unsigned f)
{
	uint64_t n = 0;

	if (rg_has(ev, f))
		for (const struct rg_node *e = ev->v[f].node; e; e = e->next)
			n++;
	return n;
}

static bool is_span(const struct val *v)
{
	return v->type == RG_T_STR || v->type == RG_T_BYTES;
}

static uint32_t full_len(const struct val *v)
{
	return v->v.full > v->v.len ? v->v.full : v->v.len;
}

static void view_slice(struct val *r, const struct rg_ir_val *d)
{
	uint32_t full = full_len(r), from = d->from < full ? d->from : full, to = d->to < full ? d->to : full;

	if (to > r->v.len) {
		r->state = DOUBT;
		return;
	}
	r->type = RG_T_BYTES;
	r->v.p += from;
	r->v.len = r->v.full = to - from;
}

static void view_int(struct val *r, const struct rg_ir_val *d)
{
	const uint8_t *p;
	uint64_t u = 0;

	if ((uint64_t)d->from + d->width > full_len(r)) {
		r->state = ABSENT;
		return;
	}
	if ((uint64_t)d->from + d->width > r->v.len) {
		r->state = DOUBT;
		return;
	}
	p = (const uint8_t *)r->v.p + d->from;
	for (int i = 0; i < d->width; i++)
		u = u << 8 | p[d->order & 1 ? i : d->width - 1 - i];
	r->type = RG_T_UINT;
	if (d->order & 2) {
		r->type = RG_T_INT;
		u = (uint64_t)((int64_t)(u << (64 - 8 * d->width)) >> (64 - 8 * d->width));
	}
	r->v.u = u;
}

static void view(struct val *r, const struct rg_ir_val *d)
{
	if (r->state != OK)
		return;
	if (!is_span(r)) {
		r->state = ABSENT;
		return;
	}
	switch (d->view) {
	case RG_VIEW_LEN:
		r->v.u = full_len(r);
		r->type = RG_T_SIZE;
		break;
	case RG_VIEW_SLICE: view_slice(r, d); break;
	default: view_int(r, d); break;
	}
}

static inline void load(struct run *x, unsigned i, struct val *r)
{
	const struct rg_ir_val *d = &rg_ir_vals(x->p)[i];
	const char *name = rg_ir_data(x->p) + d->name;

	r->names = NULL;
	switch (d->kind) {
	case RG_V_FIELD:
		r->state = field_state(x->ev, d->field);
		r->type = (uint8_t)rg_fields[d->field].type;
		if (r->state == OK)
			r->v = x->ev->v[d->field];
		break;
	case RG_V_ELEM:
		load_node(r,
			  x->elem && x->elem->type == RG_T_OBJECT ? rg_node_find(x->elem->v.node, name)
								  : NULL,
			  d->must);
		break;
	case RG_V_SUB:
		load_node(r, rg_has(x->ev, d->field) ? rg_node_find(x->ev->v[d->field].node, name) : NULL,
			  is_unasked(x->ev, d->field));
		break;
	default:
		r->state = is_unasked(x->ev, d->field) ? DOUBT : OK;
		r->type = RG_T_UINT;
		r->v.u = count_list(x->ev, d->field);
		break;
	}
	if (d->view)
		view(r, d);
}

static bool signed_val(const struct val *v)
{
	return v->type == RG_T_INT || v->type == RG_T_ENUM;
}

static bool is_num(const struct val *v)
{
	return v->type <= RG_T_FLAGS;
}

/* -1, 0, 1 */
static int order(uint64_t a, bool sa, uint64_t b, bool sb)
{
	bool na = sa && (int64_t)a < 0, nb = sb && (int64_t)b < 0;

	if (na != nb)
		return na ? -1 : 1;
	return a < b ? -1 : a > b; /* both negative: two's complement keeps the order */
}

static bool compare(int order, unsigned op)
{
	switch (op) {
	case RG_EQ: return order == 0;
	case RG_NE: return order != 0;
	case RG_LT: return order < 0;
	case RG_LE: return order <= 0;
	case RG_GT: return order > 0;
	default: return order >= 0;
	}
}

static bool in_ranges(const struct rg_ir_range *r, uint32_t n, uint64_t u)
{
	uint32_t lo = 0;

	while (n > 1) {
		uint32_t half = n / 2;

		if (r[lo + half].lo <= u)
			lo += half;
		n -= half;
	}
	return n && r[lo].lo <= u && u <= r[lo].hi;
}

static bool in_intset(const uint64_t *t, uint32_t slots, uint64_t u)
{
	for (uint32_t k = rg_ir_hash_int(u) & (slots - 1); t[k * 2ul]; k = (k + 1) & (slots - 1))
		if (t[k * 2ul + 1] == u)
			return true;
	return false;
}

static bool test_intset(struct run *x, const struct rg_ir_insn *in, const struct val *v)
{
	const struct rg_ir_const *k = &rg_ir_consts(x->p)[in->k];
	const void *t = rg_ir_data(x->p) + k->off;
	uint64_t u = v->v.u;

	/* a number beyond what the set's kind holds is in no set */
	if ((int64_t)u < 0 && (bool)in->b != signed_val(v))
		return false;
	if (in->b)
		u = rg_ir_bias((int64_t)u);
	return k->kind == RG_K_INTSET ? in_intset(t, k->n, u) : in_ranges(t, k->n, u);
}

/* The text of a value: bytes, text, or the printed form of an address. */
static bool span(struct val *v)
{
	if (is_span(v))
		return true;
	if (v->type != RG_T_ADDR || !v->v.addr)
		return false;
	{
		const struct rg_addr *a = v->v.addr;

		v->v.p = a->text;
		v->v.len = v->v.full = a->text_len;
	}
	return true;
}

/* Compare what was captured of v with text k; DOUBT when the part that was not captured would decide. */
static enum state text_test(const struct val *v, unsigned op, const char *k, size_t k_len, bool *ret)
{
	uint32_t len = v->v.len, full = full_len(v);
	size_t n = k_len < len ? k_len : len;

	*ret = false;
	if (k_len > full || (op == RG_S_EQ && k_len != full))
		return OK;
	switch (op) {
	case RG_S_EQ:
	case RG_S_STARTS: *ret = !memcmp(v->v.p, k, n); return *ret && n < k_len ? DOUBT : OK;
	case RG_S_ENDS:
		if (full > len)
			return DOUBT;
		*ret = !memcmp(v->v.p + len - k_len, k, k_len);
		return OK;
	default: *ret = !k_len || memmem(v->v.p, len, k, k_len); return *ret || full == len ? OK : DOUBT;
	}
}

static bool in_strset(const char *base, uint32_t slots, const char *s, uint32_t len)
{
	const struct rg_ir_slot *t = (const void *)base;

	for (uint32_t k = rg_ir_hash(s, len) & (slots - 1); t[k].off; k = (k + 1) & (slots - 1))
		if (t[k].len == len && !memcmp(base + t[k].off, s, len))
			return true;
	return false;
}

static bool in_addrs(const struct rg_ir_addr_range *r, uint32_t n, unsigned len, const uint8_t *ip)
{
	uint8_t key[17] = {(uint8_t)len};
	uint32_t lo = 0;

	memcpy(key + 1, ip, len);
	while (n > 1) {
		uint32_t half = n / 2;
		const struct rg_ir_addr_range *m = &r[lo + half];

		if (m->family_len < len || (m->family_len == len && memcmp(m->lo, key + 1, len) <= 0))
			lo += half;
		n -= half;
	}
	return n && r[lo].family_len == len && memcmp(r[lo].lo, key + 1, len) <= 0 &&
	       memcmp(key + 1, r[lo].hi, len) <= 0;
}

static const uint8_t v4_mapped[12] = {[10] = 0xff, [11] = 0xff};

/* An IPv4 address inside an IPv6 one (::ffff:a.b.c.d) counts as both. */
static bool test_addrs(struct run *x, const struct rg_ir_insn *in, const struct rg_addr *a)
{
	const struct rg_ir_const *k = &rg_ir_consts(x->p)[in->k];
	const void *r = rg_ir_data(x->p) + k->off;

	if (a->ip_len != 4 && a->ip_len != 16)
		return false;
	if (in_addrs(r, k->n, a->ip_len, a->ip))
		return true;
	return a->ip_len == 16 && !memcmp(a->ip, v4_mapped, 12) && in_addrs(r, k->n, 4, a->ip + 12);
}

static bool same_addr(const struct rg_addr *a, const struct rg_addr *b)
{
	const uint8_t *x = a->ip, *y = b->ip;
	unsigned n = a->ip_len, m = b->ip_len;

	if (n == 16 && !memcmp(x, v4_mapped, 12)) {
		x += 12;
		n = 4;
	}
	if (m == 16 && !memcmp(y, v4_mapped, 12)) {
		y += 12;
		m = 4;
	}
	if (n != m)
		return false;
	if (n)
		return !memcmp(x, y, n);
	return a->family == b->family && a->text_len == b->text_len && !memcmp(a->text, b->text, a->text_len);
}

static bool test_name(struct run *x, const struct rg_ir_insn *in, const struct val *v)
{
	const struct rg_ir_const *k = &rg_ir_consts(x->p)[in->k];
	const struct rg_ir_val *d = &rg_ir_vals(x->p)[in->a];
	const struct rg_name *names = d->kind == RG_V_FIELD ? rg_event_names(x->ev, d->field) : v->names;
	const char *text = rg_ir_data(x->p) + k->off, *name;

	if (is_span(v))
		return v->v.len == k->len && !memcmp(v->v.p, text, k->len);
	name = rg_name_of(names, v->v.u);
	return name && strlen(name) == k->len && !memcmp(name, text, k->len);
}

static enum state test_dfa(struct run *x, const struct rg_ir_insn *in, const struct val *v, bool *ret)
{
	const void *dfa = rg_ir_data(x->p) + rg_ir_consts(x->p)[in->k].off;
	int r = rg_dfa_run(dfa, v->v.p, v->v.len, full_len(v) > v->v.len);

	*ret = r > 0;
	return r < 0 ? DOUBT : OK;
}

/* A dynamic value: text that names a number (cmsg fields of kind ENUM compared with "NAME") or the reverse.
 */
static enum state test_text(struct run *x, const struct rg_ir_insn *in, struct val *v, bool *ret)
{
	const struct rg_ir_const *k = &rg_ir_consts(x->p)[in->k];
	const char *text = rg_ir_data(x->p) + k->off;

	if (in->op != RG_IR_DFA && v->type == RG_T_ENUM) {
		const char *name = rg_name_of(v->names, v->v.u);

		if (!name)
			return ABSENT;
		v->type = RG_T_STR;
		v->v.p = name;
		v->v.len = v->v.full = (uint32_t)strlen(name);
	}
	if (!span(v))
		return ABSENT;
	if (in->op == RG_IR_STR)
		return text_test(v, in->sub, text, k->len, ret);
	if (in->op == RG_IR_DFA)
		return test_dfa(x, in, v, ret);
	*ret = in_strset(text, k->n, v->v.p, v->v.len);
	return full_len(v) > v->v.len ? DOUBT : OK;
}

static enum state test_pair(struct run *x, const struct rg_ir_insn *in, struct val *a, bool *ret)
{
	struct val b;

	load(x, in->b, &b);
	if (b.state != OK)
		return b.state;
	switch (in->op) {
	case RG_IR_ADDRV:
		if (a->type != RG_T_ADDR || b.type != RG_T_ADDR)
			return ABSENT;
		*ret = same_addr(a->v.addr, b.v.addr);
		return OK;
	case RG_IR_STRV:
		if (!span(a) || !span(&b))
			return ABSENT;
		if (full_len(&b) > b.v.len)
			return DOUBT;
		return text_test(a, in->sub, b.v.p, b.v.len, ret);
	default:
		if (is_span(a) && is_span(&b) && in->sub <= RG_NE) {
			enum state s =
				full_len(&b) > b.v.len ? DOUBT : text_test(a, RG_S_EQ, b.v.p, b.v.len, ret);
			*ret ^= in->sub == RG_NE;
			return s;
		}
		if (!is_num(a) || !is_num(&b))
			return ABSENT;
		*ret = compare(order(a->v.u, signed_val(a), b.v.u, signed_val(&b)), in->sub);
		return OK;
	}
}

static enum state test(struct run *x, const struct rg_ir_insn *in, bool *ret)
{
	struct val v;

	load(x, in->a, &v);
	if (in->op == RG_IR_EXISTS) {
		*ret = v.state != ABSENT;
		return is_unasked(x->ev, rg_ir_vals(x->p)[in->a].field) ? DOUBT : OK;
	}
	if (v.state != OK)
		return v.state;
	switch (in->op) {
	case RG_IR_CMP:
		if (!is_num(&v))
			return ABSENT;
		*ret = compare(order(v.v.u, signed_val(&v), in->imm, in->b), in->sub);
		return OK;
	case RG_IR_INTSET:
		if (!is_num(&v))
			return ABSENT;
		*ret = test_intset(x, in, &v);
		return OK;
	case RG_IR_FLAGS:
		if (!is_num(&v))
			return ABSENT;
		*ret = in->sub == RG_ANY ? (v.v.u & in->imm) != 0 : (v.v.u & in->imm) == in->imm;
		return OK;
	case RG_IR_TRUE:
		if (!is_num(&v))
			return ABSENT;
		*ret = v.v.u != 0;
		return OK;
	case RG_IR_NAME: *ret = test_name(x, in, &v); return OK;
	case RG_IR_ADDRS:
		if (v.type != RG_T_ADDR)
			return ABSENT;
		*ret = test_addrs(x, in, v.v.addr);
		return OK;
	case RG_IR_STR:
	case RG_IR_DFA:
	case RG_IR_STRSET: return test_text(x, in, &v, ret);
	default: return test_pair(x, in, &v, ret);
	}
}

static bool run(struct run *x, uint32_t pc);

static bool run_loop(struct run *x, uint32_t pc)
{
	const struct rg_ir_insn *in = &rg_ir_insns(x->p)[pc];
	const struct rg_node *e = rg_has(x->ev, in->a) ? x->ev->v[in->a].node : NULL;
	bool any = in->sub == RG_ANY;

	if (is_unasked(x->ev, in->a)) {
		x->doubt = true;
		return in->flags & RG_IRF_DOUBT;
	}
	for (; e; e = e->next) {
		bool r;

		x->elem = e;
		r = run(x, pc + 1);
		if (r == any) {
			x->elem = NULL;
			return any;
		}
	}
	x->elem = NULL;
	return !any;
}

/* What a test comes to when absence, doubt and negation are settled. */
static bool outcome(struct run *x, const struct rg_ir_insn *in)
{
	bool r = false;

	switch (test(x, in, &r)) {
	case OK: r ^= (in->flags & RG_IRF_NEG) != 0; break;
	case ABSENT: r = (in->flags & RG_IRF_ABSENT) != 0; break;
	case DOUBT:
		r = (in->flags & RG_IRF_DOUBT) != 0;
		x->doubt = true;
		break;
	}
	return r;
}

bool rg_ir_test(const struct rg_ir *p, uint32_t pc, const struct rg_event *ev, const struct rg_node *elem)
{
	struct run x = {.p = p, .ev = ev, .elem = elem};

	return outcome(&x, &rg_ir_insns(p)[pc]);
}

static bool run(struct run *x, uint32_t pc)
{
	for (;;) {
		const struct rg_ir_insn *in = &rg_ir_insns(x->p)[pc];

		if (in->op == RG_IR_RET)
			return in->imm;
		if (in->op == RG_IR_LOOP) {
			pc = run_loop(x, pc) ? in->jt : in->jf;
			continue;
		}
		pc = outcome(x, in) ? in->jt : in->jf;
	}
}

bool rg_ir_eval(const struct rg_ir *p, const struct rg_event *ev, bool *doubt)
{
	struct run x = {.p = p, .ev = ev};
	bool r = run(&x, 0);

	if (doubt)
		*doubt |= x.doubt;
	return r;
}

bool rg_ir_eval_body(const struct rg_ir *p, uint32_t pc, const struct rg_event *ev,
		     const struct rg_node *elem, bool *doubt)
{
	struct run x = {.p = p, .ev = ev, .elem = elem};
	bool r = run(&x, pc + 1);

	if (doubt)
		*doubt |= x.doubt;
	return r;
}
