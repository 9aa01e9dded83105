/* SPDX-License-Identifier: BSD-2-Clause */
/* Policies for fewer than they were written for: demands of the caller's beside each policy's own scope. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "policy/expr.h"
#include "policy/policy.h"

/* Was this name's group written with an earlier demand? */
static bool seen(const struct rg_scope_demand *d, unsigned i)
{
	for (unsigned k = 0; k < i; k++)
		if (!strcmp(d[k].name, d[i].name))
			return true;
	return false;
}

/* All demands with the name of the one at i: any of them. */
static int any_of(const struct rg_scope_demand *d, unsigned i, unsigned n, struct rg_buf *out,
		  struct rg_err *err)
{
	rg_buf_char(out, '(');
	for (unsigned k = i; k < n; k++) {
		int r;

		if (strcmp(d[k].name, d[i].name))
			continue;
		if (k != i)
			rg_buf_str(out, " or ");
		r = rg_scope_is(&d[k], out);
		if (r)
			return rg_fail(err, r, "no scope can be made of %s=%s", d[k].name,
				       d[k].text ? d[k].text : "NUMBER");
	}
	rg_buf_char(out, ')');
	return 0;
}

static int compile(struct rg_policy *p, struct rg_pol *pol, const char *narrow)
{
	const struct rg_src *src;
	struct rg_ast *tree = NULL;
	struct rg_ir *ir = NULL;
	rg_auto_buf text = {0};
	int r;

	if (pol->scope_text)
		rg_buf_printf(&text, "(%s) and ", pol->scope_text);
	rg_buf_str(&text, narrow);
	src = rg_src_new(&p->c, pol->file, rg_buf_cstr(&text), text.len);
	if (text.oom || !src)
		return rg_fail(p->c.err, -ENOMEM, "out of memory");
	r = rg_compile_tree(&p->c, src, &tree) ?: rg_lower_ir(&p->c, tree, RG_USE_FILTER, &ir);
	if (r)
		return r;
	free(pol->scope_ir);
	pol->scope = tree;
	pol->scope_ir = ir;
	pol->scope_text = src->text;
	return 0;
}

int rg_policy_narrow(struct rg_policy *p, const struct rg_scope_demand *d, unsigned n, struct rg_err *err)
{
	rg_auto_buf text = {0};
	int r = 0;

	for (unsigned i = 0; i < n && !r; i++) {
		if (seen(d, i))
			continue;
		rg_buf_str(&text, text.len ? " and " : "");
		r = any_of(d, i, n, &text, err);
	}
	if (r || !n)
		return r;
	p->c.err = err;
	for (unsigned i = 0; i < p->n && !r; i++)
		r = compile(p, &p->pols[i], rg_buf_cstr(&text));
	p->c.err = NULL;
	return r;
}
