/* SPDX-License-Identifier: BSD-2-Clause */
/* The reference interpreter of match programs, and their disassembly. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "policy/ast.h"
#include "policy/lower/match.h"

static uint64_t number(const struct rg_rec_msg *rec, const struct rg_match_insn *in)
{
	const uint8_t *p = (const uint8_t *)rec + in->off;
	uint64_t v = 0;

	if (in->off > sizeof(*rec) - 8)
		return 0;
	memcpy(&v, p, in->width <= 8 ? in->width : 8); /* little-endian, as both targets are */
	if (in->flags & RG_MF_SIGNED && in->width == 4)
		v = (uint64_t)(int64_t)(int32_t)v;
	if (in->flags & RG_MF_BOOL)
		v = (v & in->imm[1]) != 0;
	return v;
}

static bool cmp(const struct rg_match_insn *in, uint64_t v)
{
	int o;

	if (in->flags & RG_MF_SIGNED)
		o = (int64_t)v < (int64_t)in->imm[0] ? -1 : (int64_t)v > (int64_t)in->imm[0];
	else
		o = v < in->imm[0] ? -1 : v > in->imm[0];
	switch (in->sub) {
	case RG_EQ: return o == 0;
	case RG_NE: return o != 0;
	case RG_LT: return o < 0;
	case RG_LE: return o <= 0;
	case RG_GT: return o > 0;
	default: return o >= 0;
	}
}

static bool in_range(const struct rg_match_insn *in, uint64_t v)
{
	if (in->flags & RG_MF_SIGNED)
		return (int64_t)v >= (int64_t)in->imm[0] && (int64_t)v <= (int64_t)in->imm[1];
	return v >= in->imm[0] && v <= in->imm[1];
}

static bool in_ints(const struct rg_match *m, uint32_t set, uint64_t v)
{
	for (uint32_t i = 0; i < m->n_ints; i++)
		if (m->ints[i].set == set && m->ints[i].value == v)
			return true;
	return false;
}

static void comm(const struct rg_rec_msg *rec, const struct rg_match_insn *in, char *ret)
{
	memset(ret, 0, RG_COMM_LEN);
	if (in->off <= sizeof(*rec) - RG_COMM_LEN) {
		const char *p = (const char *)rec + in->off;

		memcpy(ret, p, strnlen(p, RG_COMM_LEN));
	}
}

static bool in_comms(const struct rg_match *m, uint32_t set, const char *c)
{
	for (uint32_t i = 0; i < m->n_comms; i++)
		if (m->comms[i].set == set && !memcmp(m->comms[i].comm, c, RG_COMM_LEN))
			return true;
	return false;
}

static bool prefix_matches(const struct rg_match_addr *k, const uint8_t *ip)
{
	for (unsigned b = 0; b + 64 < k->prefixlen; b++)
		if ((k->ip[b / 8] ^ ip[b / 8]) >> (7 - b % 8) & 1)
			return false;
	return true;
}

static bool in_addrs(const struct rg_match *m, uint32_t set, unsigned len, const uint8_t *ip)
{
	for (uint32_t i = 0; i < m->n_addrs; i++)
		if (m->addrs[i].set == set && m->addrs[i].len == len && prefix_matches(&m->addrs[i], ip))
			return true;
	return false;
}

static const struct rg_rec_addr *end_of(const struct rg_rec_msg *rec, const struct rg_match_insn *in)
{
	return in->off == offsetof(struct rg_rec_msg, local) ? &rec->local : &rec->remote;
}

static int family_of(const struct rg_rec_addr *a)
{
	uint16_t f;

	memcpy(&f, a->sa, 2);
	return a->len < 2 ? -1 : f;
}

/* The outcome of a test on an address's port or IP: absent for unix, unknown (true) for other families. */
static int end_test(const struct rg_match *m, const struct rg_rec_msg *rec, const struct rg_match_insn *in)
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
	const struct rg_rec_addr *a = end_of(rec, in);
	int family = family_of(a);
	uint64_t port = (uint64_t)a->sa[2] << 8 | a->sa[3];

	if (family < 0)
		return -1;
	if (family == AF_UNIX)
		return in->op == RG_M_ADDRS && a->len > 2 ? 0 : -1;
	if (family != AF_INET && family != AF_INET6)
		return -2;
	if (in->op == RG_M_PORT)
		return in_range(in, port);
	if (in->op == RG_M_PORTS)
		return in_ints(m, in->set, port);
	if (family == AF_INET)
		return in_addrs(m, in->set, 4, a->sa + 4);
	return in_addrs(m, in->set, 16, a->sa + 8) ||
	       (!memcmp(a->sa + 8, mapped, 12) && in_addrs(m, in->set, 4, a->sa + 20));
}

static int path_test(const struct rg_match *m, const struct rg_rec_msg *rec, const struct rg_match_insn *in)
{
	const struct rg_rec_addr *a = rec->local.len > 2 ? &rec->local : &rec->remote;
	uint8_t path[RG_MATCH_PATH] = {0};
	size_t len;

	if (rec->family != AF_UNIX || a->len <= 2)
		return -1;
	len = a->len - 2u < RG_MATCH_PATH ? a->len - 2u : RG_MATCH_PATH;
	if (a->sa[2])
		len = strnlen((const char *)a->sa + 2, len);
	memcpy(path, a->sa + 2, len);
	if (!path[0])
		path[0] = '@';
	for (uint32_t i = 0; i < m->n_paths; i++)
		if (m->paths[i].set == in->set && m->paths[i].len == len &&
		    !memcmp(m->paths[i].path, path, RG_MATCH_PATH))
			return 1;
	return 0;
}

static bool test(const struct rg_match *m, const struct rg_rec_msg *rec, const struct rg_match_insn *in,
		 uint32_t known)
{
	bool absent = in->flags & RG_MF_ABSENT ? true : false;
	uint64_t c[2], v;
	int r;

	if (((rec->has | known) & in->has) != in->has)
		return true; /* may be found later */
	switch (in->op) {
	case RG_M_CMP: r = cmp(in, number(rec, in)); break;
	case RG_M_RANGE: r = in_range(in, number(rec, in)); break;
	case RG_M_BITS:
		v = number(rec, in) & in->imm[0];
		r = in->sub ? v == in->imm[0] : v != 0;
		break;
	case RG_M_INTS: r = in_ints(m, in->set, number(rec, in)); break;
	case RG_M_COMM:
		comm(rec, in, (char *)c);
		r = (c[0] & in->mask[0]) == in->imm[0] && (c[1] & in->mask[1]) == in->imm[1];
		break;
	case RG_M_COMMS:
		comm(rec, in, (char *)c);
		r = in_comms(m, in->set, (char *)c);
		break;
	case RG_M_PORT:
	case RG_M_PORTS:
	case RG_M_ADDRS: r = end_test(m, rec, in); break;
	case RG_M_PATHS: r = path_test(m, rec, in); break;
	default: return true;
	}
	if (r < 0)
		return r == -1 ? absent : true;
	return in->flags & RG_MF_NEGATE ? !r : r;
}

bool rg_match_run(const struct rg_match *m, const struct rg_rec_msg *rec, uint32_t known)
{
	unsigned pc = 0;

	if (!m->prog.n)
		return true;
	for (int i = 0; i < RG_MATCH_INSNS && pc < m->prog.n; i++) {
		const struct rg_match_insn *in = &m->prog.insn[pc];

		pc = test(m, rec, in, known) ? in->jt : in->jf;
	}
	return pc != RG_MATCH_REJECT;
}

static void target(struct rg_buf *out, unsigned to)
{
	if (to == RG_MATCH_ACCEPT)
		rg_buf_str(out, "accept");
	else if (to == RG_MATCH_REJECT)
		rg_buf_str(out, "reject");
	else
		rg_buf_printf(out, "%u", to);
}

void rg_match_disasm(const struct rg_match *m, struct rg_buf *out)
{
	static const char *const names[RG_M__COUNT] = {"true",	"cmp",	"range", "bits",  "ints", "comm",
						       "comms", "port", "ports", "addrs", "paths"};

	rg_buf_printf(out,
		      "match program: %u tests, %u sets (%u numbers, %u comms, %u paths, %u prefixes), %s\n",
		      m->prog.n, m->n_sets, m->n_ints, m->n_comms, m->n_paths, m->n_addrs,
		      m->exact ? "exact" : "accepts more than the expression");
	rg_buf_str(out, "  ");
	rg_match_words(m, out);
	rg_buf_char(out, '\n');
	for (uint32_t i = 0; i < m->prog.n; i++) {
		const struct rg_match_insn *in = &m->prog.insn[i];

		const char *at = rg_match_at(in->off);

		rg_buf_printf(out, "%3u  %s%-6s %s", i, in->flags & RG_MF_NEGATE ? "not " : "",
			      in->op < RG_M__COUNT ? names[in->op] : "?", at ? at : "");
		if (in->op == RG_M_CMP)
			rg_buf_printf(out, " %s %lld", rg_cmp_names[in->sub], (long long)in->imm[0]);
		else if (in->op == RG_M_RANGE || in->op == RG_M_PORT)
			rg_buf_printf(out, " in %lld..%lld", (long long)in->imm[0], (long long)in->imm[1]);
		else if (in->op == RG_M_BITS)
			rg_buf_printf(out, " %s 0x%llx", in->sub ? "all" : "any",
				      (unsigned long long)in->imm[0]);
		else if (in->op == RG_M_COMM)
			rg_buf_printf(out, " \"%.16s\"", (const char *)in->imm);
		if (in->set)
			rg_buf_printf(out, " set %u", in->set);
		rg_buf_str(out, "  ? ");
		target(out, in->jt);
		rg_buf_str(out, " : ");
		target(out, in->jf);
		rg_buf_char(out, '\n');
	}
}
