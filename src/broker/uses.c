/* SPDX-License-Identifier: BSD-2-Clause */
/* Which fields the loaded policies look at: the others are filled in only for a verdict that is reported. */
#include <string.h>

#include "broker/event.h"
#include "policy/policy.h"

static void mark(bool *want, const struct rg_ir *ir)
{
	for (uint32_t i = 0; ir && i < ir->n_vals; i++)
		if (rg_ir_vals(ir)[i].field < RG_F__COUNT)
			want[rg_ir_vals(ir)[i].field] = true;
	for (uint32_t i = 0; ir && i < ir->n_insns; i++)
		if (rg_ir_insns(ir)[i].op == RG_IR_LOOP && rg_ir_insns(ir)[i].a < RG_F__COUNT)
			want[rg_ir_insns(ir)[i].a] = true;
}

/* Is more asked of a descriptor than its kind? */
static bool beyond_kind(const struct rg_ir *ir)
{
	for (uint32_t i = 0; ir && i < ir->n_vals; i++) {
		const struct rg_ir_val *v = &rg_ir_vals(ir)[i];

		if (v->field == RG_F_FD && v->kind == RG_V_ELEM && strcmp(rg_ir_data(ir) + v->name, "kind"))
			return true;
	}
	return false;
}

void rg_event_uses(struct rg_broker *b)
{
	memset(b->want, b->opts.all_events, sizeof(b->want));
	b->want_fd_all = b->opts.all_events;
	for (unsigned i = 0; b->policy && i < b->policy->n; i++) {
		const struct rg_pol *p = &b->policy->pols[i];

		mark(b->want, p->scope_ir);
		for (unsigned r = 0; r < p->n_rules; r++)
			mark(b->want, p->rules[r].ir);
		for (unsigned r = 0; r < p->n_rules && !b->want_fd_all; r++)
			b->want_fd_all = beyond_kind(p->rules[r].ir);
		b->want_fd_all |= beyond_kind(p->scope_ir);
	}
}
