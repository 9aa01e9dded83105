/* SPDX-License-Identifier: BSD-2-Clause */
/* What --metadata cannot go with: whatever asks for a field that only the full record has (RG_TAG_FULL). */
#include "pipeline/metadata.h"

#include <errno.h>

#include "policy/expr.h"
#include "policy/ir.h"
#include "policy/policy.h"

const char rg_metadata_note[] =
	"metadata only: nothing is known of senders, payload, control messages, descriptors, truncation and "
	"order (recvguard events: fields marked FULL), nor which operation of io_uring it was";

/* A field of that kind that the program reads, -1: none. */
static int full_field(const struct rg_ir *p)
{
	const struct rg_ir_insn *in = p ? rg_ir_insns(p) : NULL;
	const struct rg_ir_val *v = p ? rg_ir_vals(p) : NULL;

	for (uint32_t i = 0; p && i < p->n_vals; i++)
		if (rg_fields[v[i].field].tags & RG_TAG_FULL)
			return v[i].field;
	for (uint32_t i = 0; p && i < p->n_insns; i++)
		if (in[i].op == RG_IR_LOOP && rg_fields[in[i].a].tags & RG_TAG_FULL)
			return in[i].a;
	return -1;
}

static int check_policy(const struct rg_policy *p, struct rg_err *err)
{
	for (unsigned i = 0; i < p->n; i++) {
		const struct rg_pol *pol = &p->pols[i];
		int f = full_field(pol->scope_ir);

		if (f >= 0)
			return rg_fail(err, -EINVAL,
				       "--metadata: the scope of policy %s asks for %s, which only the full "
				       "record has",
				       pol->name, rg_fields[f].name);
		for (unsigned r = 0; r < pol->n_rules; r++) {
			f = full_field(pol->rules[r].ir);
			if (f >= 0)
				return rg_fail(err, -EINVAL,
					       "--metadata: rule '%s' of policy %s asks for %s, which only "
					       "the full record has",
					       pol->rules[r].name, pol->name, rg_fields[f].name);
		}
	}
	return 0;
}

int rg_metadata_check(const struct rg_trace_opts *o, struct rg_err *err)
{
	int f;

	if (!o->metadata)
		return 0;
	if (o->errors)
		return rg_fail(err, -EINVAL, "--metadata: no failed calls are recorded with it (--errors)");
	if (o->duration)
		return rg_fail(err, -EINVAL,
			       "--metadata: the beginning of a call is not seen with it (--duration)");
	if (o->direction & RG_WAY_SEND)
		return rg_fail(err, -EINVAL, "--metadata: of received messages only (--direction recv)");
	f = o->filter ? full_field(o->filter->ir) : -1;
	if (f >= 0)
		return rg_fail(err, -EINVAL,
			       "--metadata: the filter asks for %s, which only the full record has",
			       rg_fields[f].name);
	return o->policy ? check_policy(o->policy, err) : 0;
}
