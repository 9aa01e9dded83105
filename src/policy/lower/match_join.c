/* SPDX-License-Identifier: BSD-2-Clause */
/* Match programs as a whole: where they can reject, two of them as one, what they decide in words. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "policy/lower/match.h"
#include "policy/policy.h"

#define AT_BEGIN RG_HAS_SOCK
#define AT_TASK	 RG_KNOWN_TASK
#define AT_SOCK	 (RG_HAS_SOCK | RG_KNOWN_TASK | RG_KNOWN_ENDS)
#define AT_END	 0xffffffffu

/* Does a way lead to a rejection when only these groups are known? A test on another is true. */
static bool can_reject(const struct rg_match_prog *p, uint32_t known)
{
	bool reached[RG_MATCH_INSNS + 1] = {true};

	for (uint32_t i = 0; i < p->n; i++) {
		const struct rg_match_insn *in = &p->insn[i];
		bool unknown = in->has & ~known;

		if (!reached[i])
			continue;
		if (in->jt == RG_MATCH_REJECT || (!unknown && in->jf == RG_MATCH_REJECT))
			return true;
		if (in->jt < p->n)
			reached[in->jt] = true;
		if (!unknown && in->jf < p->n)
			reached[in->jf] = true;
	}
	return false;
}

static bool reads_has(const struct rg_match_insn *in)
{
	return in->op == RG_M_BITS && in->off == offsetof(struct rg_rec_msg, has);
}

/* The first test as rg_front, when all that is accepted meets it and it is about the thread alone. */
static void place_front(struct rg_match *m)
{
	static const struct {
		unsigned off, width;
		enum rg_front_kind kind;
	} fields[] = {{offsetof(struct rg_rec_msg, pid), 4, RG_FRONT_PID},
		      {offsetof(struct rg_rec_msg, h.tid), 4, RG_FRONT_TID},
		      {offsetof(struct rg_rec_msg, uid), 4, RG_FRONT_UID},
		      {offsetof(struct rg_rec_msg, gid), 4, RG_FRONT_GID},
		      {offsetof(struct rg_rec_msg, comm), 0, RG_FRONT_COMM}};
	const struct rg_match_insn *in = m->prog.insn;
	struct rg_front f = {.negate = (in->flags & RG_MF_NEGATE) != 0, .set = in->set};

	m->front = (struct rg_front){.kind = RG_FRONT_NONE};
	if (!m->prog.n || in->jf != RG_MATCH_REJECT || in->has & ~RG_KNOWN_TASK ||
	    in->flags & (RG_MF_SIGNED | RG_MF_BOOL))
		return;
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		if (fields[i].off == in->off && (!fields[i].width || fields[i].width == in->width))
			f.kind = (uint8_t)fields[i].kind;
	memcpy(f.imm, in->imm, sizeof(f.imm));
	memcpy(f.mask, in->mask, sizeof(f.mask));
	if (f.kind == RG_FRONT_COMM ? in->op != RG_M_COMM && in->op != RG_M_COMMS
	    : in->op == RG_M_CMP    ? in->sub > 1
				    : in->op != RG_M_RANGE && in->op != RG_M_INTS)
		return;
	if (in->op == RG_M_CMP) {
		f.imm[1] = f.imm[0];
		f.negate ^= in->sub == 1;
	}
	f.whole = m->prog.n == 1 && in->jt == RG_MATCH_ACCEPT;
	m->front = f;
}

void rg_match_place(struct rg_match *m)
{
	struct rg_match_prog *p = &m->prog;

	p->at = (can_reject(p, AT_BEGIN) ? RG_MA_BEGIN : 0) | (can_reject(p, AT_TASK) ? RG_MA_TASK : 0) |
		(can_reject(p, AT_SOCK) ? RG_MA_SOCK : 0) | (can_reject(p, AT_END) ? RG_MA_END : 0);
	for (uint32_t i = 0; i < p->n && p->at; i++)
		if (p->insn[i].has & ~AT_SOCK || reads_has(&p->insn[i]))
			p->at |= RG_MA_ASKED;
	place_front(m);
	if (p->at)
		return;
	p->n = p->need = 0;
	m->front = (struct rg_front){.kind = RG_FRONT_NONE};
	if (!m->why)
		m->why = "it lets everything pass";
}

void rg_match_free(struct rg_match *m)
{
	free(m->ints);
	free(m->comms);
	free(m->paths);
	free(m->addrs);
	*m = (struct rg_match){.exact = false};
}

/* ---- joining */

static int append(void **to, uint32_t *n, const void *from, uint32_t more, size_t size)
{
	void *both;

	if (!more)
		return 0;
	both = realloc(*to, (*n + more) * size);
	if (!both)
		return -ENOMEM;
	memcpy((char *)both + *n * size, from, more * size);
	*to = both;
	*n += more;
	return 0;
}

/* b's sets behind those of a. */
static int join_sets(struct rg_match *a, struct rg_match *b)
{
	for (uint32_t i = 0; i < b->n_ints; i++)
		b->ints[i].set += a->n_sets;
	for (uint32_t i = 0; i < b->n_comms; i++)
		b->comms[i].set += a->n_sets;
	for (uint32_t i = 0; i < b->n_paths; i++)
		b->paths[i].set += a->n_sets;
	for (uint32_t i = 0; i < b->n_addrs; i++)
		b->addrs[i].set += a->n_sets;
	for (uint32_t i = 0; i < b->prog.n; i++)
		if (b->prog.insn[i].set)
			b->prog.insn[i].set += a->n_sets;
	a->n_sets += b->n_sets;
	if (append((void **)&a->ints, &a->n_ints, b->ints, b->n_ints, sizeof(*a->ints)) ||
	    append((void **)&a->comms, &a->n_comms, b->comms, b->n_comms, sizeof(*a->comms)) ||
	    append((void **)&a->paths, &a->n_paths, b->paths, b->n_paths, sizeof(*a->paths)) ||
	    append((void **)&a->addrs, &a->n_addrs, b->addrs, b->n_addrs, sizeof(*a->addrs)))
		return -ENOMEM;
	return 0;
}

/* Where a ends with `end` it goes on to b. */
static void join_tests(struct rg_match_prog *a, const struct rg_match_prog *b, unsigned end)
{
	uint32_t n = a->n;

	for (uint32_t i = 0; i < n; i++) {
		if (a->insn[i].jt == end)
			a->insn[i].jt = (uint8_t)n;
		if (a->insn[i].jf == end)
			a->insn[i].jf = (uint8_t)n;
	}
	for (uint32_t i = 0; i < b->n; i++) {
		struct rg_match_insn *in = &a->insn[a->n++];

		*in = b->insn[i];
		if (in->jt < RG_MATCH_ACCEPT)
			in->jt = (uint8_t)(in->jt + n);
		if (in->jf < RG_MATCH_ACCEPT)
			in->jf = (uint8_t)(in->jf + n);
	}
	a->need |= b->need;
}

static void accept_all(struct rg_match *m, const char *why)
{
	memset(&m->prog, 0, sizeof(m->prog));
	memset(m->fields, 0, sizeof(m->fields));
	m->exact = false;
	m->why = why;
}

static void swap(struct rg_match *a, struct rg_match *b)
{
	struct rg_match t = *a;

	*a = *b;
	*b = t;
}

int rg_match_join(struct rg_match *a, struct rg_match *b, bool both, struct rg_err *err)
{
	static const char many[] = "it has more tests than a kernel program takes";
	bool exact = a->exact && b->exact;
	const char *why = a->why ? a->why : b->why;
	int r = 0;

	if (both && !a->prog.n)
		swap(a, b);
	if (!both && (!a->prog.n || !b->prog.n)) {
		accept_all(a, why);
	} else if (b->prog.n && a->prog.n + b->prog.n > RG_MATCH_INSNS) {
		if (!both)
			accept_all(a, many);
		exact = false;
		why = many;
	} else if (b->prog.n) {
		r = join_sets(a, b);
		join_tests(&a->prog, &b->prog, both ? RG_MATCH_ACCEPT : RG_MATCH_REJECT);
		for (size_t i = 0; i < 2; i++)
			a->fields[i] |= b->fields[i];
	}
	a->exact = exact;
	a->why = why;
	rg_match_place(a);
	rg_match_free(b);
	return r ? rg_fail(err, r, "out of memory") : 0;
}

/* ---- what a policy's audit shows */

/* NULL: everything. */
static int lower_or_all(const struct rg_ir *ir, struct rg_match *ret, struct rg_err *err)
{
	*ret = (struct rg_match){.exact = true};
	return ir ? rg_lower_match(ir, ret, err) : 0;
}

static int any_rule(const struct rg_pol *pol, struct rg_match *ret, struct rg_err *err)
{
	struct rg_match one;
	int r = pol->n_rules ? lower_or_all(pol->rules[0].ir, ret, err) : lower_or_all(NULL, ret, err);

	for (unsigned k = 1; k < pol->n_rules && !r; k++) {
		r = lower_or_all(pol->rules[k].ir, &one, err);
		if (!r)
			r = rg_match_join(ret, &one, false, err);
	}
	return r;
}

static int of_pol(const struct rg_pol *pol, struct rg_match *ret, struct rg_err *err)
{
	struct rg_match rules;
	int r = lower_or_all(pol->scope_ir, ret, err);

	if (r || !pol->tracee)
		return r;
	r = any_rule(pol, &rules, err);
	return r ? r : rg_match_join(ret, &rules, true, err);
}

int rg_match_of_policy(const struct rg_policy *p, struct rg_match *ret, struct rg_err *err)
{
	struct rg_match one;
	int r = 0;

	*ret = (struct rg_match){.exact = true};
	for (unsigned i = 0; i < p->n && !r; i++) {
		r = of_pol(&p->pols[i], i ? &one : ret, err);
		if (i && !r)
			r = rg_match_join(ret, &one, false, err);
	}
	if (r)
		rg_match_free(ret);
	return r;
}

/* ---- in words */

static void fields(const struct rg_match *m, struct rg_buf *out)
{
	const char *between = "";

	for (unsigned f = 0; f < RG_F__COUNT; f++)
		if (m->fields[f / 64] >> f % 64 & 1) {
			rg_buf_printf(out, "%s%s", between, rg_fields[f].name);
			between = ", ";
		}
}

void rg_match_words(const struct rg_match *m, struct rg_buf *out)
{
	if (!m->prog.n) {
		rg_buf_printf(out, "decided in user space: %s", m->why ? m->why : "it lets everything pass");
		return;
	}
	rg_buf_str(out,
		   m->exact ? "decided in the kernel by " : "the kernel leaves out what is ruled out by ");
	fields(m, out);
	rg_buf_str(out, m->prog.at & RG_MA_TASK	  ? ", before the message is looked at"
			: m->prog.at & RG_MA_SOCK ? ", before the message is read"
						  : ", at the end of the receive");
	if (!m->exact)
		rg_buf_str(out, "; the rest is decided in user space");
}
