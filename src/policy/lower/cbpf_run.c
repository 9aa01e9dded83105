/* SPDX-License-Identifier: BSD-2-Clause */
/* Classic BPF: an interpreter for the operations that cbpf.c writes, and the disassembly. */
#include "policy/lower/cbpf.h"

struct mach {
	const uint8_t *pkt;
	uint32_t len, a, x, mem[BPF_MEMWORDS];
	bool fault;
};

static void load(struct mach *m, const struct sock_filter *in)
{
	unsigned size = BPF_SIZE(in->code) == BPF_W ? 4 : BPF_SIZE(in->code) == BPF_H ? 2 : 1;
	uint64_t off = in->k;

	if (BPF_MODE(in->code) == BPF_LEN) {
		m->a = m->len;
		return;
	}
	if (BPF_MODE(in->code) == BPF_IND)
		off += m->x;
	if (off + size > m->len) {
		m->fault = true;
		return;
	}
	m->a = 0;
	for (unsigned i = 0; i < size; i++)
		m->a = m->a << 8 | m->pkt[off + i];
}

static void alu(struct mach *m, const struct sock_filter *in)
{
	uint32_t v = BPF_SRC(in->code) == BPF_X ? m->x : in->k;

	switch (BPF_OP(in->code)) {
	case BPF_SUB: m->a -= v; break;
	case BPF_OR: m->a |= v; break;
	case BPF_XOR: m->a ^= v; break;
	case BPF_LSH: m->a <<= v & 31; break;
	default: m->fault = true; break;
	}
}

static bool jumps(const struct mach *m, const struct sock_filter *in)
{
	switch (BPF_OP(in->code)) {
	case BPF_JEQ: return m->a == in->k;
	case BPF_JGT: return m->a > in->k;
	default: return m->a >= in->k;
	}
}

uint32_t rg_cbpf_run(const struct rg_cbpf *f, const void *pkt, uint32_t len)
{
	struct mach m = {.pkt = pkt, .len = len};

	for (unsigned pc = 0; pc < f->n && !m.fault; pc++) {
		const struct sock_filter *in = &f->insn[pc];

		switch (BPF_CLASS(in->code)) {
		case BPF_LD: load(&m, in); break;
		case BPF_LDX: m.x = m.mem[in->k & (BPF_MEMWORDS - 1)]; break;
		case BPF_ST: m.mem[in->k & (BPF_MEMWORDS - 1)] = m.a; break;
		case BPF_ALU: alu(&m, in); break;
		case BPF_MISC: m.x = m.a; break;
		case BPF_RET: return in->k < len ? in->k : len;
		default:
			if (BPF_OP(in->code) == BPF_JA)
				pc += in->k;
			else
				pc += jumps(&m, in) ? in->jt : in->jf;
		}
	}
	return 0;
}

static const char *load_name(const struct sock_filter *in)
{
	return BPF_SIZE(in->code) == BPF_W ? "ld" : BPF_SIZE(in->code) == BPF_H ? "ldh" : "ldb";
}

static void one(const struct sock_filter *in, unsigned pc, struct rg_buf *out)
{
	static const char *const alus[] = {"add", "sub", "mul", "div", "or", "and",
					   "lsh", "rsh", "neg", "mod", "xor"};
	static const char *const jmps[] = {"ja", "jeq", "jgt", "jge", "jset"};

	switch (BPF_CLASS(in->code)) {
	case BPF_LD:
		if (BPF_MODE(in->code) == BPF_LEN)
			rg_buf_str(out, "ld len");
		else
			rg_buf_printf(out, BPF_MODE(in->code) == BPF_IND ? "%s [x + %u]" : "%s [%u]",
				      load_name(in), in->k);
		break;
	case BPF_LDX: rg_buf_printf(out, "ldx M[%u]", in->k); break;
	case BPF_ST: rg_buf_printf(out, "st M[%u]", in->k); break;
	case BPF_ALU:
		rg_buf_printf(out, "%s ", alus[BPF_OP(in->code) >> 4]);
		if (BPF_SRC(in->code) == BPF_X)
			rg_buf_str(out, "x");
		else
			rg_buf_printf(out, "#0x%x", in->k);
		break;
	case BPF_MISC: rg_buf_str(out, "tax"); break;
	case BPF_RET: rg_buf_printf(out, "ret #%u", in->k); break;
	default:
		if (BPF_OP(in->code) == BPF_JA)
			rg_buf_printf(out, "ja %u", pc + 1 + in->k);
		else
			rg_buf_printf(out, "%s #0x%x, %u, %u", jmps[BPF_OP(in->code) >> 4], in->k,
				      pc + 1 + in->jt, pc + 1 + in->jf);
	}
}

void rg_cbpf_disasm(const struct rg_cbpf *f, struct rg_buf *out)
{
	for (unsigned i = 0; i < f->n; i++) {
		rg_buf_printf(out, "%3u  ", i);
		one(&f->insn[i], i, out);
		rg_buf_char(out, '\n');
	}
}
