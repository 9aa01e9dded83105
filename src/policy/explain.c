/* SPDX-License-Identifier: BSD-2-Clause */
/* Policies in words. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "policy/dump.h"
#include "policy/expr.h"
#include "policy/lower/match.h"
#include "policy/policy.h"

static void words(const struct rg_ast *n, bool nested, struct rg_buf *b);

/* The text of a node as it was written. */
static void source(const struct rg_ast *n, struct rg_buf *b)
{
	rg_buf_add(b, n->loc.src->text + n->loc.first, n->loc.last - n->loc.first);
}

static void constant(const struct rg_ast *n, struct rg_buf *b)
{
	const char *name = n->kind == RG_A_INT && n->names ? rg_name_of(n->names, (uint64_t)n->num) : NULL;

	if (name)
		rg_buf_str(b, name);
	else
		source(n, b);
}

static void set(const struct rg_ast *s, const char *sep, struct rg_buf *b)
{
	unsigned n = 0;

	for (const struct rg_ast *it = s->kids; it; it = it->next, n++) {
		if (n == 8) {
			unsigned more = 0;

			for (; it; it = it->next)
				more++;
			rg_buf_printf(b, "%s%u more", sep, more);
			return;
		}
		rg_buf_str(b, n ? sep : "");
		constant(it, b);
	}
}

static void join(const struct rg_ast *n, bool nested, struct rg_buf *b)
{
	if (nested)
		rg_buf_char(b, '(');
	for (const struct rg_ast *k = n->kids; k; k = k->next) {
		words(k, true, b);
		if (k->next)
			rg_buf_str(b, n->kind == RG_A_AND ? " and " : " or ");
	}
	if (nested)
		rg_buf_char(b, ')');
}

static void quant(const struct rg_ast *n, struct rg_buf *b)
{
	const char *what = n->field == RG_F_FD	   ? "passed descriptor"
			   : n->field == RG_F_CMSG ? "control message"
						   : "buffer";

	rg_buf_printf(b, "%s %s has: ",
		      n->op == RG_ANY	? "at least one"
		      : n->op == RG_ALL ? "every"
					: "no",
		      what);
	words(n->kids->next, true, b);
}

static void compare(const struct rg_ast *n, struct rg_buf *b)
{
	static const char *const says[] = {" is ",	   " is not ",	 " is below ",
					   " is at most ", " is above ", " is at least "};

	source(n->kids, b);
	rg_buf_str(b, says[n->op]);
	constant(n->kids->next, b);
}

static void words(const struct rg_ast *n, bool nested, struct rg_buf *b)
{
	static const char *const strops[] = {" is ",	    " contains ",      " starts with ",
					     " ends with ", " has the shape ", " matches "};

	switch (n->kind) {
	case RG_A_AND:
	case RG_A_OR: join(n, nested, b); break;
	case RG_A_NOT:
		rg_buf_str(b, "it is not so that ");
		words(n->kids, true, b);
		break;
	case RG_A_CMP: compare(n, b); break;
	case RG_A_IN:
		source(n->kids, b);
		rg_buf_str(b, n->kids->next->kids && n->kids->next->kids->next ? " is one of " : " is in ");
		set(n->kids->next, ", ", b);
		break;
	case RG_A_STROP:
		source(n->kids, b);
		rg_buf_str(b, strops[n->op]);
		constant(n->kids->next, b);
		break;
	case RG_A_HAS:
		source(n->kids, b);
		rg_buf_str(b, n->op == RG_NONE	? " has none of "
			      : n->op == RG_ANY ? " has any of "
						: " has ");
		set(n->kids->next, n->op == RG_ALL ? " and " : ", ", b);
		break;
	case RG_A_EXISTS:
		source(n->kids, b);
		rg_buf_str(b, " is known");
		break;
	case RG_A_QUANT: quant(n, b); break;
	case RG_A_BOOL: rg_buf_str(b, n->num ? "always" : "never"); break;
	default: source(n, b); break;
	}
}

static void action(enum rg_action a, int err_no, struct rg_buf *b)
{
	const char *name = rg_name_of(rg_names_errnos, (uint64_t)err_no);

	switch (a) {
	case RG_ACT_ALLOW: rg_buf_str(b, "deliver it"); break;
	case RG_ACT_DENY: rg_buf_printf(b, "fail the call with %s", name ? name : "EPERM"); break;
	case RG_ACT_DROP: rg_buf_str(b, "drop it, as if it had never been sent"); break;
	case RG_ACT_STRIP: rg_buf_str(b, "deliver the data without what matches"); break;
	case RG_ACT_KILL: rg_buf_str(b, "kill the receiver before it sees a byte"); break;
	default: rg_buf_str(b, "note it and go on"); break;
	}
}

static void explain_rule(const struct rg_policy *p, unsigned i, unsigned k, struct rg_buf *b)
{
	const struct rg_rule *r = &p->pols[i].rules[k];
	char why[512];

	rg_buf_printf(b, "  %u. %s\n     If ", k + 1, r->name);
	if (r->tree)
		words(r->tree, false, b);
	else
		rg_buf_str(b, "anything");
	rg_buf_str(b, ":\n     ");
	action(r->action, r->err_no, b);
	rg_buf_str(b, ".\n");
	for (int be = 0; be < RG_BACKEND__COUNT; be++) {
		enum rg_support s = rg_policy_support(p, i, k, (enum rg_backend)be, why, sizeof(why));

		rg_buf_printf(b, "       %-7s %-12s %s\n", rg_backend_names[be], rg_support_names[s], why);
	}
}

/* What a trace by these policies leaves out, and where. */
static int explain_scope(const struct rg_policy *p, struct rg_buf *b, struct rg_err *err)
{
	struct rg_match m;
	int r = rg_match_of_policy(p, &m, err);

	if (r)
		return r;
	rg_buf_str(b, "\nIn a trace, what is out of scope is ");
	if (m.prog.n) {
		rg_buf_str(b, "left out: ");
		rg_match_words(&m, b);
	} else {
		rg_buf_printf(b, "left out in user space: %s", m.why ? m.why : "everything is in scope");
	}
	rg_buf_str(b, ".\n");
	rg_match_free(&m);
	return 0;
}

int rg_policy_explain(const struct rg_policy *p, char **ret, struct rg_err *err)
{
	struct rg_buf b = {0};
	int r;

	for (unsigned i = 0; i < p->n; i++) {
		const struct rg_pol *pol = &p->pols[i];

		rg_buf_printf(&b, "%s%s (%s%s)\n", i ? "\n" : "", pol->name,
			      pol->tracee ? "a Tracee policy" : "policy",
			      pol->tracee  ? ""
			      : pol->audit ? ", audit: reports only"
					   : "");
		if (pol->doc)
			rg_buf_printf(&b, "  %s\n", pol->doc);
		rg_buf_str(&b, "  Applies to: ");
		if (pol->scope)
			words(pol->scope, false, &b);
		else
			rg_buf_str(&b, "every process");
		rg_buf_char(&b, '\n');
		for (unsigned k = 0; k < pol->n_rules; k++)
			explain_rule(p, i, k, &b);
		rg_buf_str(&b, pol->tracee ? "  Otherwise: nothing is reported" : "  Otherwise: ");
		if (!pol->tracee)
			action(pol->dflt, pol->dflt_errno, &b);
		rg_buf_str(&b, ".\n");
	}
	r = explain_scope(p, &b, err);
	rg_buf_cstr(&b);
	*ret = b.data;
	return r ? r : b.oom ? rg_fail(err, -ENOMEM, "out of memory") : 0;
}

int rg_expr_explain(const char *text, const char *origin, char **ret, struct rg_err *err)
{
	struct rg_buf b = {0};
	struct rg_ast *n = NULL;
	struct rg_ir *ir = NULL;
	struct rg_match m = {.exact = true};
	struct rg_src *src;
	struct rg_comp c;
	int r = rg_comp_init(&c, err);

	*ret = NULL;
	if (r)
		return r;
	src = rg_src_new(&c, origin ? origin : "expression", text, strlen(text));
	r = src ? rg_compile_tree(&c, src, &n) : -ENOMEM;
	if (!r) {
		rg_buf_str(&b, "Messages of which ");
		words(n, false, &b);
		rg_buf_str(&b, ".\nIn a trace: ");
		r = rg_lower_ir(&c, n, RG_USE_FILTER, &ir);
	}
	if (!r)
		r = rg_lower_match(ir, &m, err);
	if (!r) {
		rg_match_words(&m, &b);
		rg_buf_str(&b, ".\n");
	}
	rg_match_free(&m);
	free(ir);
	rg_comp_done(&c);
	rg_buf_cstr(&b);
	if (!r && b.oom)
		r = rg_fail(err, -ENOMEM, "out of memory");
	if (r)
		rg_buf_free(&b);
	*ret = b.data;
	return r;
}

static enum rg_use use_of(enum rg_action a)
{
	return a == RG_ACT_ALLOW ? RG_USE_PERMIT : a == RG_ACT_LOG ? RG_USE_FILTER : RG_USE_RESTRICT;
}

static int dump_rule(const struct rg_rule *r, struct rg_comp *c, enum rg_stage stage, struct rg_buf *b)
{
	struct rg_err why = {0};
	int ret;

	rg_buf_printf(b, "# rule %s\n", r->name);
	if (!r->when) {
		rg_buf_str(b, "(always)\n");
		return 0;
	}
	c->failed = false;
	c->err = &why;
	ret = rg_dump_src(c, r->when, use_of(r->action), stage, b);
	if (ret == -EOPNOTSUPP || ret == -E2BIG) {
		rg_buf_printf(b, "refused: %s\n", why.msg);
		return 0;
	}
	return ret;
}

int rg_policy_dump(const struct rg_policy *p, enum rg_stage stage, char **ret, struct rg_err *err)
{
	struct rg_buf b = {0};
	int r = 0;

	for (unsigned i = 0; i < p->n && !r; i++) {
		rg_buf_printf(&b, "# policy %s\n", p->pols[i].name);
		for (unsigned k = 0; k < p->pols[i].n_rules && !r; k++) {
			struct rg_comp c;

			r = rg_comp_init(&c, err);
			if (r)
				break;
			c.defs = p->pols[i].defs;
			r = dump_rule(&p->pols[i].rules[k], &c, stage, &b);
			rg_comp_done(&c);
		}
	}
	rg_buf_cstr(&b);
	if (!r && b.oom)
		r = rg_fail(err, -ENOMEM, "out of memory");
	if (r)
		rg_buf_free(&b);
	*ret = b.data;
	return r;
}
