/* SPDX-License-Identifier: BSD-2-Clause */
/* The whole: policies to the tables that the kernel side reads. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "policy/lower/cbpf.h"
#include "policy/lower/tables.h"

static struct rg_enf_conj *conjs(const struct rg_enf_list *l, uint32_t *n)
{
	*n = (uint32_t)(l->conjs.len / sizeof(struct rg_enf_conj));
	return (struct rg_enf_conj *)(void *)l->conjs.data;
}

static struct rg_enf_lit *lits(const struct rg_enf_list *l, const struct rg_enf_conj *c)
{
	return (struct rg_enf_lit *)(void *)l->lits.data + c->lit;
}

static int too_many(struct rg_tables *t, const char *what)
{
	if (!t->r)
		t->r = rg_fail(t->err, -E2BIG, "the policies are too large for the kernel's tables: %s",
			       what);
	return t->r;
}

/* ---- content: a program of the clause's own tests, as a socket filter */

static struct rg_ir *only_content(const struct rg_enf_list *l, const struct rg_enf_conj *c)
{
	const struct rg_enf_lit *lit = lits(l, c);
	const struct rg_ir *from = NULL;
	struct rg_ir_insn in[66];
	struct rg_ir *p;
	uint32_t n = 0;

	for (uint32_t i = 0; i < c->n_lits; i++) {
		if (!lit[i].content)
			continue;
		if (from && from != lit[i].ir)
			return NULL; /* the scope speaks of content too: refused before */
		from = lit[i].ir;
		in[n++] = rg_ir_insns(from)[lit[i].pc];
	}
	p = from ? malloc(from->size + sizeof(in)) : NULL;
	if (!p)
		return NULL;
	for (uint32_t i = 0; i < n; i++) {
		in[i].jt = i + 1;
		in[i].jf = n + 1;
	}
	in[n] = (struct rg_ir_insn){.op = RG_IR_RET, .imm = 1};
	in[n + 1] = (struct rg_ir_insn){.op = RG_IR_RET, .imm = 0};
	*p = *from;
	p->n_insns = n + 2;
	memcpy(p + 1, in, p->n_insns * sizeof(in[0]));
	memcpy((char *)(p + 1) + p->n_insns * sizeof(in[0]), rg_ir_vals(from),
	       from->size - ((size_t)((const char *)rg_ir_vals(from) - (const char *)from)));
	return p;
}

static void add_code(struct rg_tables *t, const struct rg_ir *p, enum rg_cbpf_on on, struct rg_enf_clause *cl)
{
	rg_auto_free struct rg_cbpf *f = malloc(sizeof(*f));
	uint32_t at = (uint32_t)(t->img->code.len / sizeof(struct rg_enf_code));

	if (!f || (!t->r && rg_lower_cbpf_on(p, on, f, t->err))) {
		t->r = f ? -EOPNOTSUPP : rg_fail(t->err, -ENOMEM, "out of memory");
		return;
	}
	if (t->r || at + f->n > RG_ENF_CODE) {
		too_many(t, "tests of content need more than 2048 instructions");
		return;
	}
	cl->code[on] = (uint16_t)at;
	cl->code_n[on] = (uint16_t)f->n;
	rg_buf_add(&t->img->code, f->insn, f->n * sizeof(f->insn[0]));
}

static void content(struct rg_tables *t, const struct rg_enf_list *l, const struct rg_enf_conj *c,
		    struct rg_enf_clause *cl)
{
	const struct rg_enf_lit *lit = lits(l, c);
	rg_auto_free struct rg_ir *p = NULL;

	for (uint32_t i = 0; i < c->n_lits; i++)
		if (lit[i].content)
			goto some;
	return;
some:
	p = only_content(l, c);
	if (!p) {
		t->r = rg_fail(t->err, -ENOMEM, "out of memory");
		return;
	}
	add_code(t, p, RG_CBPF_UNIX, cl);
	add_code(t, p, RG_CBPF_UDP, cl);
	t->img->set[t->stage].content = 1;
}

/* ---- clauses */

static bool restricts(const struct rg_enf_clause *c)
{
	return c->action != RG_ACT_ALLOW && !(c->flags & (RG_CL_AUDIT | RG_CL_LOG));
}

/* Does it test nothing but the receiver? */
static bool by_who_alone(const struct rg_enf_list *l, const struct rg_enf_conj *c)
{
	for (uint32_t i = 0; i < c->n_lits; i++)
		if (lits(l, c)[i].content || lits(l, c)[i].dim[0] > RG_D_COMPAT)
			return false;
	return true;
}

/* Can it hold for a socket of that family? */
static bool holds_for(struct rg_tables *t, const struct rg_enf_list *l, const struct rg_enf_conj *c,
		      int family)
{
	rg_sample_number(&t->sample, RG_D_FAMILY, (rg_u128)family);
	for (uint32_t i = 0; i < c->n_lits; i++)
		if (lits(l, c)[i].dim[0] == RG_D_FAMILY && !rg_sample_test(&t->sample, &lits(l, c)[i]))
			return false;
	return true;
}

/* What the hooks must know beyond the tables. A rule that only reports needs the same hooks to see what it is
 * about; it refuses nothing for not being able to tell. */
static void notes(struct rg_tables *t, const struct rg_enf_list *l, const struct rg_enf_conj *c,
		  const struct rg_enf_clause *cl)
{
	struct rg_enf_set *set = &t->img->set[t->stage];
	const struct rg_enf_lit *lit = lits(l, c);
	bool streams = true;

	if (cl->action == RG_ACT_ALLOW)
		return;
	rg_sample_number(&t->sample, RG_D_TYPE, SOCK_STREAM);
	for (uint32_t i = 0; i < c->n_lits; i++) {
		unsigned d = lit[i].dim[0];

		if (d == RG_D_TYPE && !rg_sample_test(&t->sample, &lit[i]))
			streams = false;
		set->refuse_batch |= restricts(cl) ? rg_enf_changes(d) : 0;
	}
	set->streams |= streams;
	set->rings |= holds_for(t, l, c, AF_PACKET) || holds_for(t, l, c, AF_XDP);
	set->redirects |=
		!by_who_alone(l, c) &&
		(holds_for(t, l, c, AF_UNIX) || holds_for(t, l, c, AF_INET) || holds_for(t, l, c, AF_INET6));
}

static uint16_t rule_index(struct rg_tables *t, const struct rg_policy *p, const struct rg_enf_conj *c)
{
	const struct rg_pol *pol = &p->pols[c->policy];
	struct rg_enf_rule r = {.policy = ""}, *all = (void *)t->img->rules.data;
	size_t n = t->img->rules.len / sizeof(r);

	snprintf(r.policy, sizeof(r.policy), "%s", pol->name);
	snprintf(r.rule, sizeof(r.rule), "%s", c->rule == UINT16_MAX ? "" : pol->rules[c->rule].name);
	if (n && !memcmp(&all[n - 1], &r, sizeof(r)))
		return (uint16_t)(n - 1);
	if (n >= RG_ENF_RULES)
		too_many(t, "more than 1024 rules");
	rg_buf_add(&t->img->rules, &r, sizeof(r));
	return (uint16_t)n;
}

static void fill_clause(const struct rg_policy *p, const struct rg_enf_conj *c, struct rg_enf_clause *cl)
{
	const struct rg_pol *pol = &p->pols[c->policy];
	const struct rg_rule *r = c->rule == UINT16_MAX ? NULL : &pol->rules[c->rule];
	enum rg_action a = r ? r->action : pol->dflt;

	cl->action = (uint8_t)a;
	cl->err_no = (uint16_t)(r ? r->err_no : pol->dflt_errno);
	cl->flags = (uint8_t)((pol->audit ? RG_CL_AUDIT : 0) | (a == RG_ACT_LOG ? RG_CL_LOG : 0));
}

/* Give each clause its bit: in order, a policy's first at the beginning of a word. */
static void place(struct rg_tables *t, const struct rg_policy *p, const struct rg_enf_list *l, uint32_t *bit)
{
	struct rg_enf_clause *cl = t->img->clause[t->stage];
	unsigned next = 0, from = 0, temporary = 0;
	uint32_t n;
	const struct rg_enf_conj *c = conjs(l, &n);
	struct rg_enf_row any = {.sum = 0};

	for (uint32_t i = 0; i < n && !t->r; i++) {
		if (i && c[i].policy != c[i - 1].policy) {
			next = (next + 63) / 64 * 64;
			for (; from < next && from < RG_ENF_BITS; from++)
				cl[from].next_word = (uint16_t)(next / 64);
		}
		if (next >= RG_ENF_BITS) {
			too_many(t, "more than 2048 alternatives");
			break;
		}
		fill_clause(p, &c[i], &cl[next]);
		cl[next].rule = rule_index(t, p, &c[i]);
		content(t, l, &c[i], &cl[next]);
		notes(t, l, &c[i], &cl[next]);
		temporary += cl[next].flags & RG_CL_LOG || cl[next].code_n[0];
		t->all.w[next / 64] |= 1ull << next % 64;
		if (cl[next].action != RG_ACT_LOG &&
		    (cl[next].action != RG_ACT_ALLOW || by_who_alone(l, &c[i])))
			any.w[next / 64] |= 1ull << next % 64;
		t->img->set[t->stage].sum |= 1u << next / 64;
		bit[i] = next++;
	}
	for (; from < next; from++)
		cl[from].next_word = RG_ENF_WORDS;
	t->img->n_clauses[t->stage] = next;
	t->img->set[t->stage].any = rg_tables_row(t, &any);
	if (temporary > RG_ENF_TEMPORARY)
		too_many(t, "more than 96 alternatives that only log or that test content");
}

/* ---- dimensions */

/* Which ancestor's level a test of a control group's beginning is about is known only when it was looked up.
 */
static void find_trees(struct rg_tables *t, const struct rg_enf_list *l)
{
	struct rg_enf_lit *lit = (void *)l->lits.data;

	for (size_t i = 0; i < l->lits.len / sizeof(*lit); i++) {
		int d = lit[i].dim[0] == RG_D_CGTREE ? rg_tables_tree(t, &lit[i]) : 0;

		if (d == -2)
			t->r = rg_fail(t->err, -E2BIG,
				       "control groups at more than four depths of the hierarchy, or one "
				       "container at several, "
				       "are named: the kernel's tables take four");
		else if (d > 0)
			lit[i].dim[0] = (uint8_t)d;
	}
}

static void collect(struct rg_tables *t, const struct rg_enf_list *l, const uint32_t *bit)
{
	uint32_t n;
	const struct rg_enf_conj *c = conjs(l, &n);

	t->n_entries = 0;
	t->base = t->all;
	for (uint32_t i = 0; i < n; i++) {
		const struct rg_enf_lit *lit = lits(l, &c[i]);

		for (uint32_t k = 0; k < c[i].n_lits; k++) {
			if (lit[k].content || (lit[k].dim[0] != t->dim && lit[k].dim[1] != t->dim))
				continue;
			t->entry[t->n_entries++] = (struct rg_entry){&lit[k], bit[i]};
			t->base.w[bit[i] / 64] &= ~(1ull << bit[i] % 64);
		}
	}
}

static void dimension(struct rg_tables *t)
{
	struct rg_enf_set *set = &t->img->set[t->stage];

	if (!t->n_entries)
		return;
	set->need |= RG_D_BIT(t->dim);
	if (t->dim == RG_D_PATH)
		rg_tables_paths(t);
	else if (t->dim == RG_D_EXE || t->dim == RG_D_CGROUP ||
		 (t->dim >= RG_D_CGTREE && t->dim <= RG_D_CGTREE3))
		rg_tables_names(t);
	else
		rg_tables_numbers(t);
	rg_sample_absent(&t->sample);
	set->dim[t->dim].absent = rg_tables_sampled(t);
}

/* --tree: nothing holds for whoever is not below that process. */
static void below(struct rg_tables *t)
{
	struct rg_enf_set *set = &t->img->set[t->stage];
	struct rg_enf_row none = {.sum = 0}, all = t->all;

	if (!t->names->tree || !set->sum)
		return;
	if (t->stage == RG_ST_QUEUE) {
		t->r = rg_fail(t->err, -EOPNOTSUPP,
			       "--tree: who will receive is not known when a datagram is queued: take the "
			       "rules that drop out");
		return;
	}
	t->dim = RG_D_TREE;
	set->need |= RG_D_BIT(RG_D_TREE);
	set->dim[RG_D_TREE].dflt = set->dim[RG_D_TREE].absent = rg_tables_row(t, &none);
	rg_tables_mask(t, ~(rg_u128)0);
	rg_tables_key(t, 0, 1, rg_tables_row(t, &all));
}

static int stage(struct rg_tables *t, const struct rg_policy *p)
{
	struct rg_enf_list l;
	rg_auto_free uint32_t *bit = NULL;
	uint32_t n;

	if (rg_enf_clauses(p, t->stage, &l, t->err))
		return t->err->code;
	conjs(&l, &n);
	bit = calloc(n + 1, sizeof(*bit));
	t->entry = calloc(l.lits.len / sizeof(struct rg_enf_lit) + 1, sizeof(*t->entry));
	if (!bit || !t->entry)
		t->r = rg_fail(t->err, -ENOMEM, "out of memory");
	memset(&t->all, 0, sizeof(t->all));
	if (!t->r)
		place(t, p, &l, bit);
	if (!t->r)
		find_trees(t, &l);
	if (!t->r)
		below(t);
	for (t->dim = 0; t->dim < RG_D__COUNT && !t->r; t->dim++) {
		collect(t, &l, bit);
		dimension(t);
	}
	if (!t->r && (unsigned)__builtin_popcountll(t->img->set[t->stage].need) > RG_ENF_USED_MAX)
		too_many(t, "more than 12 different kinds of values are tested at one stage");
	free(t->entry);
	t->entry = NULL;
	rg_enf_list_free(&l);
	return t->r;
}

int rg_enf_check(const struct rg_policy *p, enum rg_backend by, struct rg_err *err)
{
	char why[512];

	for (unsigned i = 0; i < p->n; i++)
		if (rg_enf_support_policy(&p->pols[i], why, sizeof(why)) == RG_REFUSED)
			return rg_fail(err, -EOPNOTSUPP, "%s: policy %s can't be enforced by %s: %s",
				       p->pols[i].file, p->pols[i].name, rg_backend_names[by], why);
	return rg_policy_check(p, by, err);
}

int rg_lower_enforce(const struct rg_policy *p, enum rg_backend by, const struct rg_enf_names *names,
		     struct rg_enf_image **ret, struct rg_err *err)
{
	rg_auto_free struct rg_tables *t = calloc(1, sizeof(*t));
	struct rg_enf_image *img = calloc(1, sizeof(*img));
	struct rg_enf_row none = {.sum = 0};
	int r = rg_enf_check(p, by, err);

	if (t)
		*t = (struct rg_tables){.img = img, .names = names, .err = err, .sample.ev = rg_event_new()};
	if (!r && (!t || !img || !t->sample.ev))
		r = rg_fail(err, -ENOMEM, "out of memory");
	if (!r)
		rg_tables_row(t, &none); /* row 0 is empty: what the maps hold before they are written */
	for (unsigned s = 0; s < RG_ST__COUNT && !r; s++) {
		t->stage = (enum rg_enf_stage)s;
		r = stage(t, p);
	}
	if (!r && (t->oom || img->rows.oom || img->keys.oom || img->lpms.oom || img->paths.oom ||
		   img->path_lpms.oom || img->rules.oom || img->code.oom || img->unknown.oom))
		r = rg_fail(err, -ENOMEM, "out of memory");
	if (!r)
		rg_enf_front_make(img);
	if (t)
		rg_event_free(t->sample.ev);
	if (r) {
		rg_enf_image_free(img);
		return r;
	}
	*ret = img;
	return 0;
}

void rg_enf_image_free(struct rg_enf_image *img)
{
	if (!img)
		return;
	rg_buf_free(&img->rows);
	rg_buf_free(&img->keys);
	rg_buf_free(&img->lpms);
	rg_buf_free(&img->paths);
	rg_buf_free(&img->path_lpms);
	rg_buf_free(&img->rules);
	rg_buf_free(&img->code);
	rg_buf_free(&img->unknown);
	free(img);
}
