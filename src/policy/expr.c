/* SPDX-License-Identifier: BSD-2-Clause */
/* The compiler's passes, in order, and the public calls for one expression. */
#include "policy/expr.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

int rg_compile_tree(struct rg_comp *c, const struct rg_src *src, struct rg_ast **ret)
{
	int r = rg_parse(c, src, ret);

	r = r ? r : rg_pass_names(c, ret);
	r = r ? r : rg_pass_types(c, *ret);
	r = r ? r : rg_pass_fold(c, ret);
	return r;
}

int rg_compile_ir(struct rg_comp *c, const struct rg_src *src, enum rg_use use, struct rg_ir **ret)
{
	struct rg_ast *n = NULL;
	int r = rg_compile_tree(c, src, &n);

	return r ? r : rg_lower_ir(c, n, use, ret);
}

int rg_expr_compile(const char *text, const char *origin, struct rg_expr **ret, struct rg_err *err)
{
	struct rg_expr *e = calloc(1, sizeof(*e));
	struct rg_src *src;
	struct rg_comp c;
	int r;

	*ret = NULL;
	if (!e)
		return rg_fail(err, -ENOMEM, "out of memory");
	r = rg_comp_init(&c, err);
	src = r ? NULL : rg_src_new(&c, origin ? origin : "expression", text, strlen(text));
	if (!r)
		r = src ? rg_compile_ir(&c, src, RG_USE_FILTER, &e->ir) : -ENOMEM;
	rg_comp_done(&c);
	if (r) {
		rg_expr_free(e);
		return r;
	}
	*ret = e;
	return 0;
}

void rg_expr_free(struct rg_expr *e)
{
	if (!e)
		return;
	free(e->ir);
	free(e);
}

bool rg_expr_match(const struct rg_expr *e, const struct rg_event *ev)
{
	return rg_ir_eval(e->ir, ev, NULL);
}
