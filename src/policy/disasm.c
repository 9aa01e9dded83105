/* SPDX-License-Identifier: BSD-2-Clause */
/* IR as text, one instruction a line: docs/ir.md. */
#include <arpa/inet.h>
#include <string.h>
#include <sys/socket.h>

#include "policy/ast.h"
#include "policy/ir.h"
#include "policy/regex.h"

static const char *const op_names[RG_IR__COUNT] = {
#define RG_IR_OP(ID, name, args) [RG_IR_##ID] = name,
#include "policy/ir.def"
#undef RG_IR_OP
};

static void value(const struct rg_ir *p, unsigned i, struct rg_buf *out)
{
	const struct rg_ir_val *v = &rg_ir_vals(p)[i];
	const char *field = rg_fields[v->field].name, *name = rg_ir_data(p) + v->name;

	switch (v->kind) {
	case RG_V_FIELD: rg_buf_printf(out, " %s", field); break;
	case RG_V_ELEM: rg_buf_printf(out, " .%s", name); break;
	case RG_V_SUB: rg_buf_printf(out, " %s.%s", field, name); break;
	default: rg_buf_printf(out, " %s.count", field); break;
	}
	switch (v->view) {
	case RG_VIEW_LEN: rg_buf_str(out, ".len"); break;
	case RG_VIEW_SLICE:
		rg_buf_printf(out, "[%u:", v->from);
		if (v->to != UINT32_MAX)
			rg_buf_u64(out, v->to);
		rg_buf_char(out, ']');
		break;
	case RG_VIEW_INT:
		rg_buf_printf(out, "@%u.%s%ce%u", v->from, v->order & 2 ? "i" : "", v->order & 1 ? 'b' : 'l',
			      v->width * 8);
		break;
	default: break;
	}
}

static void text(struct rg_buf *out, const char *s, uint32_t len)
{
	rg_buf_str(out, " \"");
	for (uint32_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)s[i];

		if (c < ' ' || c > '~' || c == '"' || c == '\\')
			rg_buf_printf(out, "\\x%02x", c);
		else
			rg_buf_char(out, (char)c);
	}
	rg_buf_char(out, '"');
}

static void ranges(const struct rg_ir_range *r, uint32_t n, bool sign, struct rg_buf *out)
{
	uint64_t flip = sign ? 1ull << 63 : 0;

	rg_buf_str(out, " {");
	for (uint32_t i = 0; i < n; i++) {
		rg_buf_str(out, i ? ", " : "");
		rg_buf_i64(out, (int64_t)(r[i].lo ^ flip));
		if (r[i].lo == r[i].hi)
			continue;
		rg_buf_str(out, "..");
		rg_buf_i64(out, (int64_t)(r[i].hi ^ flip));
	}
	rg_buf_char(out, '}');
}

static void addrs(const struct rg_ir_addr_range *r, uint32_t n, struct rg_buf *out)
{
	char tmp[INET6_ADDRSTRLEN];

	rg_buf_str(out, " {");
	for (uint32_t i = 0; i < n; i++) {
		int af = r[i].family_len == 16 ? AF_INET6 : AF_INET;

		rg_buf_printf(out, "%s%s", i ? ", " : "", inet_ntop(af, r[i].lo, tmp, sizeof(tmp)));
		if (memcmp(r[i].lo, r[i].hi, 16))
			rg_buf_printf(out, "..%s", inet_ntop(af, r[i].hi, tmp, sizeof(tmp)));
	}
	rg_buf_char(out, '}');
}

static void strset(const char *base, uint32_t n, struct rg_buf *out)
{
	const struct rg_ir_slot *s = (const void *)base;
	bool first = true;

	rg_buf_str(out, " {");
	for (uint32_t i = 0; i < n; i++) {
		if (!s[i].off)
			continue;
		rg_buf_str(out, first ? "" : ",");
		first = false;
		text(out, base + s[i].off, s[i].len);
	}
	rg_buf_char(out, '}');
}

static void constant(const struct rg_ir *p, const struct rg_ir_insn *in, struct rg_buf *out)
{
	const struct rg_ir_const *k = &rg_ir_consts(p)[in->k];
	const char *data = rg_ir_data(p) + k->off;
	const struct rg_dfa *d = (const void *)data;
	const uint64_t *t = (const void *)data;

	switch (k->kind) {
	case RG_K_STR: text(out, data, k->len); break;
	case RG_K_RANGES: ranges((const void *)data, k->n, in->b, out); break;
	case RG_K_ADDRS: addrs((const void *)data, k->n, out); break;
	case RG_K_STRSET: strset(data, k->n, out); break;
	case RG_K_INTSET:
		rg_buf_str(out, " hash{");
		for (uint32_t i = 0; i < k->n; i++)
			if (t[i * 2ul]) {
				rg_buf_char(out, ' ');
				rg_buf_i64(out, (int64_t)(t[i * 2ul + 1] ^ (in->b ? 1ull << 63 : 0)));
			}
		rg_buf_str(out, " }");
		break;
	default: rg_buf_printf(out, " automaton of %u states, %u classes", d->n_states, d->n_classes); break;
	}
}

static void operands(const struct rg_ir *p, const struct rg_ir_insn *in, struct rg_buf *out)
{
	value(p, in->a, out);
	switch (in->op) {
	case RG_IR_CMP:
		rg_buf_printf(out, " %s ", rg_cmp_names[in->sub]);
		if (in->b)
			rg_buf_i64(out, (int64_t)in->imm);
		else
			rg_buf_u64(out, in->imm);
		break;
	case RG_IR_CMPV:
		rg_buf_printf(out, " %s", rg_cmp_names[in->sub]);
		value(p, in->b, out);
		break;
	case RG_IR_FLAGS:
		rg_buf_printf(out, " has %s 0x%llx", rg_mode_names[in->sub], (unsigned long long)in->imm);
		break;
	case RG_IR_STRV:
	case RG_IR_ADDRV:
		rg_buf_printf(out, " %s", in->op == RG_IR_ADDRV ? "==" : rg_strop_names[in->sub]);
		value(p, in->b, out);
		break;
	case RG_IR_STR:
		rg_buf_printf(out, " %s", rg_strop_names[in->sub]);
		constant(p, in, out);
		break;
	case RG_IR_EXISTS:
	case RG_IR_TRUE: break;
	default: constant(p, in, out); break;
	}
}

static void one(const struct rg_ir *p, uint32_t pc, struct rg_buf *out)
{
	const struct rg_ir_insn *in = &rg_ir_insns(p)[pc];

	rg_buf_printf(out, "%3u  ", pc);
	if (in->op == RG_IR_RET) {
		rg_buf_printf(out, "ret %s\n", in->imm ? "true" : "false");
		return;
	}
	rg_buf_printf(out, "%s%s", in->flags & RG_IRF_NEG ? "not " : "", op_names[in->op]);
	if (in->op == RG_IR_LOOP)
		rg_buf_printf(out, " %s %s to %u", rg_mode_names[in->sub], rg_fields[in->a].name, in->k);
	else
		operands(p, in, out);
	rg_buf_printf(out, "  ? %u : %u", in->jt, in->jf);
	if (in->flags & RG_IRF_ABSENT)
		rg_buf_str(out, "  absent=true");
	if (!(in->flags & RG_IRF_DOUBT) && in->op != RG_IR_LOOP)
		rg_buf_str(out, "  doubt=false");
	rg_buf_char(out, '\n');
}

void rg_ir_disasm(const struct rg_ir *p, struct rg_buf *out)
{
	for (uint32_t pc = 0; pc < p->n_insns; pc++)
		one(p, pc, out);
}
