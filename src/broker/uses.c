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

void rg_event_uses(struct rg_broker *b)
{
	memset(b->want, b->opts.all_events, sizeof(b->want));
	for (unsigned i = 0; b->policy && i < b->policy->n; i++) {
		const struct rg_pol *p = &b->policy->pols[i];

		mark(b->want, p->scope_ir);
		for (unsigned r = 0; r < p->n_rules; r++)
			mark(b->want, p->rules[r].ir);
	}
}
