/* SPDX-License-Identifier: BSD-2-Clause */
/* IR to match program (abi/match.h). The IR is free of negation above its tests, so a test that the kernel
 * can't decide may be taken as true: the program then accepts more than the expression, never less. */
#include "policy/lower/match.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "policy/ast.h"
#include "policy/regex.h"

#define CHAIN_MAX 6 /* ranges tried one by one; more numbers become a set */

#define ENDS   (RG_HAS_SOCK | RG_KNOWN_ENDS)
#define REC(m) offsetof(struct rg_rec_msg, m), sizeof(((struct rg_rec_msg *)0)->m)

/* Where the kernel's record has an event's values. */
static const struct place {
	enum rg_field field;
	size_t off, width;
	uint32_t has;	/* RG_HAS_*, RG_KNOWN_* */
	uint8_t flags;	/* RG_MF_* */
	uint8_t need;	/* RG_MN_* */
	uint16_t truth; /* RG_MF_BOOL: mask */
} places[] = {
	{RG_F_PROC_PID, REC(pid), 0, 0, 0, 0},
	{RG_F_PROC_TID, REC(h.tid), 0, 0, 0, 0},
	{RG_F_PROC_PPID, REC(ppid), RG_KNOWN_TASK, 0, RG_MN_PARENT, 0},
	{RG_F_PROC_UID, REC(uid), 0, 0, 0, 0},
	{RG_F_PROC_GID, REC(gid), 0, 0, 0, 0},
	{RG_F_PROC_NS_PID, REC(ns_pid), 0, 0, RG_MN_NS, 0},
	{RG_F_PROC_NS_TID, REC(ns_tid), 0, 0, RG_MN_NS, 0},
	{RG_F_PROC_NS_PPID, REC(ns_ppid), RG_KNOWN_TASK, 0, RG_MN_NS | RG_MN_PARENT, 0},
	{RG_F_PROC_NS_MNTNS, REC(ns_mnt), 0, 0, RG_MN_NS, 0},
	{RG_F_PROC_NS_PIDNS, REC(ns_pidns), 0, 0, RG_MN_NS, 0},
	{RG_F_PROC_CGROUP_ID, REC(cgroup_id), RG_KNOWN_TASK, 0, RG_MN_CGROUP, 0},
	{RG_F_PROC_COMPAT, REC(mflags), RG_KNOWN_CALL, RG_MF_BOOL, 0, RG_MF_COMPAT},
	{RG_F_PEEK, REC(mflags), RG_KNOWN_CALL, RG_MF_BOOL, 0, RG_MF_PEEK},
	{RG_F_ROUTE, REC(route), RG_KNOWN_CALL, 0, 0, 0},
	{RG_F_RET, REC(ret), RG_KNOWN_CALL, RG_MF_SIGNED, RG_MN_RET, 0},
	{RG_F_SOCK_FD, REC(fd), RG_KNOWN_CALL, RG_MF_SIGNED, 0, 0},
	{RG_F_SOCK_COOKIE, REC(cookie), RG_HAS_SOCK | RG_KNOWN_CALL, 0, 0, 0},
	{RG_F_SOCK_NETNS, REC(netns), RG_HAS_SOCK, 0, RG_MN_SOCK, 0},
	{RG_F_SOCK_FAMILY, REC(family), RG_HAS_SOCK, 0, RG_MN_SOCK, 0},
	{RG_F_SOCK_TYPE, REC(type), RG_HAS_SOCK, 0, RG_MN_SOCK, 0},
	{RG_F_SOCK_PROTOCOL, REC(protocol), RG_HAS_SOCK, 0, RG_MN_SOCK, 0},
	{RG_F_MSG_FLAGS, REC(flags), RG_HAS_FLAGS | RG_KNOWN_CALL, 0, 0, 0},
	{RG_F_SENDER_PID, REC(cred_pid), RG_HAS_CRED | RG_KNOWN_CALL, 0, RG_MN_RET, 0},
	{RG_F_SENDER_UID, REC(cred_uid), RG_HAS_CRED | RG_KNOWN_CALL, 0, RG_MN_RET, 0},
	{RG_F_SENDER_GID, REC(cred_gid), RG_HAS_CRED | RG_KNOWN_CALL, 0, RG_MN_RET, 0},
	{RG_F_SOCK_LOCAL_PORT, REC(local), ENDS, 0, RG_MN_SOCK | RG_MN_ENDS, 0},
	{RG_F_SOCK_REMOTE_PORT, REC(remote), ENDS, 0, RG_MN_SOCK | RG_MN_ENDS, 0},
	{RG_F_SOCK_LOCAL_ADDR, REC(local), ENDS, 0, RG_MN_SOCK | RG_MN_ENDS, 0},
	{RG_F_SOCK_REMOTE_ADDR, REC(remote), ENDS, 0, RG_MN_SOCK | RG_MN_ENDS, 0},
	{RG_F_SOCK_PATH, REC(local), ENDS, 0, RG_MN_SOCK | RG_MN_ENDS, 0},
	{RG_F_PROC_COMM, REC(comm), RG_KNOWN_TASK, 0, RG_MN_COMM, 0},
};

static const struct place *place_of(int field)
{
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++)
		if ((int)places[i].field == field)
			return &places[i];
	return NULL;
}

const char *rg_match_at(unsigned off)
{
	static const struct {
		size_t off;
		const char *name;
	} more[] = {{offsetof(struct rg_rec_msg, has), "what is known"},
		    {offsetof(struct rg_rec_msg, mflags), "how it came"},
		    {offsetof(struct rg_rec_msg, local), "the local end"},
		    {offsetof(struct rg_rec_msg, remote), "the remote end"},
		    {offsetof(struct rg_rec_msg, peer_pid), "the peer's pid"},
		    {offsetof(struct rg_rec_msg, peer_uid), "the peer's uid"},
		    {offsetof(struct rg_rec_msg, peer_gid), "the peer's gid"}};

	for (size_t i = 0; i < sizeof(more) / sizeof(more[0]); i++)
		if (more[i].off == off)
			return more[i].name;
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++)
		if (places[i].off == off)
			return rg_fields[places[i].field].name;
	return NULL;
}

static bool is_port(int f)
{
	return f == RG_F_SOCK_LOCAL_PORT || f == RG_F_SOCK_REMOTE_PORT;
}

/* A jump's target while building: a test of the IR, or a test of the match program. */
#define LOCAL(i) (0x80000000u | (i))

struct tmp {
	struct rg_match_insn m;
	uint32_t jt, jf;
};

struct gen {
	const struct rg_ir *p;
	struct rg_match *out;
	struct tmp *t;
	uint32_t n, max;
	uint32_t *first; /* of each IR instruction: its first test, or UINT32_MAX: taken as true */
	struct rg_buf ints, comms, paths, addrs;
	bool full;
};

static struct rg_match_insn base(const struct place *pl, const struct rg_ir_insn *in, unsigned op)
{
	struct rg_match_insn m = {.op = (uint8_t)op, .has = pl->has, .off = (uint16_t)pl->off};

	m.width = pl->width <= 8 ? (uint8_t)pl->width : 0;
	m.flags = pl->flags;
	if (in->flags & RG_IRF_ABSENT)
		m.flags |= RG_MF_ABSENT;
	if (in->flags & RG_IRF_NEG)
		m.flags |= RG_MF_NEGATE;
	if (pl->flags & RG_MF_BOOL)
		m.imm[1] = pl->truth;
	return m;
}

static void put(struct gen *g, struct rg_match_insn m, uint32_t jt, uint32_t jf)
{
	if (g->n >= g->max) {
		g->full = true;
		return;
	}
	g->t[g->n++] = (struct tmp){m, jt, jf};
}

static uint32_t absent_way(const struct rg_ir_insn *in)
{
	return in->flags & RG_IRF_ABSENT ? in->jt : in->jf;
}

/* ---- sets */

static uint32_t new_set(struct gen *g)
{
	return ++g->out->n_sets;
}

static void set_int(struct gen *g, uint32_t set, uint64_t v)
{
	struct rg_match_int k = {.set = set, .value = v};

	rg_buf_add(&g->ints, &k, sizeof(k));
}

static bool set_text(struct gen *g, enum rg_field f, uint32_t set, const char *s, size_t len)
{
	struct rg_match_comm c = {.set = set};
	struct rg_match_path p = {.set = set, .len = (uint32_t)len};

	if (f == RG_F_PROC_COMM) {
		if (len < sizeof(c.comm) && !memchr(s, 0, len)) {
			memcpy(c.comm, s, len);
			rg_buf_add(&g->comms, &c, sizeof(c));
		}
		return true; /* a longer one is never met */
	}
	if (!len || len > RG_MATCH_PATH || memchr(s, '\\', len))
		return false; /* the event's text may be an escaped form */
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)s[i] < ' ' || (unsigned char)s[i] > '~')
			return false;
	memcpy(p.path, s, len);
	rg_buf_add(&g->paths, &p, sizeof(p));
	return true;
}

static void set_prefix(struct gen *g, uint32_t set, unsigned len, const uint8_t *ip, unsigned bits)
{
	struct rg_match_addr k = {.prefixlen = 64 + bits, .set = set, .len = (uint8_t)len};

	memcpy(k.ip, ip, len);
	rg_buf_add(&g->addrs, &k, sizeof(k));
}

static bool all_ones_from(const uint8_t *ip, unsigned len, unsigned bit, bool ones)
{
	for (unsigned b = bit; b < len * 8; b++)
		if ((ip[b / 8] >> (7 - b % 8) & 1) != ones)
			return false;
	return true;
}

/* The range as prefixes: largest first that begins at lo and stays within hi. */
static void set_addr_range(struct gen *g, uint32_t set, const struct rg_ir_addr_range *r)
{
	uint8_t lo[16], last[16];
	unsigned len = r->family_len;

	memcpy(lo, r->lo, 16);
	for (int guard = 0; guard < 256; guard++) {
		unsigned bits = len * 8;
		int i;

		for (unsigned b = len * 8; b-- > 0;) {
			memcpy(last, lo, 16);
			for (unsigned k = b; k < len * 8; k++)
				last[k / 8] |= (uint8_t)(0x80 >> k % 8);
			if (!all_ones_from(lo, len, b, false) || memcmp(last, r->hi, len) > 0)
				break;
			bits = b;
		}
		set_prefix(g, set, len, lo, bits);
		memcpy(last, lo, 16);
		for (unsigned k = bits; k < len * 8; k++)
			last[k / 8] |= (uint8_t)(0x80 >> k % 8);
		if (!memcmp(last, r->hi, len))
			return;
		for (i = (int)len - 1; i >= 0 && ++last[i] == 0; i--)
			;
		memcpy(lo, last, 16);
	}
}

/* ---- tests; false: can't be decided here */

static bool put_cmp(struct gen *g, const struct place *pl, const struct rg_ir_insn *in)
{
	struct rg_match_insn m = base(pl, in, RG_M_CMP);
	uint64_t k = in->imm;

	if (in->b && (int64_t)k < 0 && !(pl->flags & RG_MF_SIGNED))
		return false;
	m.sub = in->sub;
	m.imm[0] = k;
	if (is_port(pl->field)) {
		m.op = RG_M_PORT;
		m.imm[0] = in->sub == RG_GT ? k + 1 : in->sub == RG_LT || in->sub == RG_LE ? 0 : k;
		m.imm[1] = in->sub == RG_LT ? k - 1 : in->sub == RG_GT || in->sub == RG_GE ? UINT64_MAX : k;
		if (in->sub == RG_NE || (in->sub == RG_LT && !k) || (in->sub == RG_GT && k == UINT64_MAX))
			return false;
	}
	put(g, m, in->jt, in->jf);
	return true;
}

static bool put_ranges(struct gen *g, const struct place *pl, const struct rg_ir_insn *in,
		       const struct rg_ir_range *r, uint32_t n)
{
	bool neg = in->flags & RG_IRF_NEG;

	if (pl->flags & RG_MF_BOOL)
		return false;
	for (uint32_t i = 0; i < n; i++) {
		struct rg_match_insn m = base(pl, in, is_port(pl->field) ? RG_M_PORT : RG_M_RANGE);
		uint32_t next = LOCAL(g->n + 1);

		m.imm[0] = in->b ? r[i].lo ^ 1ull << 63 : r[i].lo;
		m.imm[1] = in->b ? r[i].hi ^ 1ull << 63 : r[i].hi;
		if (i + 1 == n)
			put(g, m, in->jt, in->jf);
		else
			put(g, m, neg ? next : in->jt, neg ? in->jf : next);
	}
	return true;
}

static bool put_int_set(struct gen *g, const struct place *pl, const struct rg_ir_insn *in,
			const struct rg_ir_const *k)
{
	const struct rg_ir_range *r = (const void *)(rg_ir_data(g->p) + k->off);
	const uint64_t *t = (const void *)r, flip = in->b ? 1ull << 63 : 0;
	struct rg_match_insn m = base(pl, in, is_port(pl->field) ? RG_M_PORTS : RG_M_INTS);

	if (pl->flags & RG_MF_BOOL)
		return false;
	if (k->kind == RG_K_RANGES && k->n <= CHAIN_MAX)
		return put_ranges(g, pl, in, r, k->n);
	for (uint32_t i = 0; k->kind == RG_K_RANGES && i < k->n; i++)
		if (r[i].lo != r[i].hi)
			return false;
	m.set = new_set(g);
	for (uint32_t i = 0; i < k->n; i++)
		if (k->kind == RG_K_RANGES)
			set_int(g, m.set, r[i].lo ^ flip);
		else if (t[i * 2ul])
			set_int(g, m.set, t[i * 2ul + 1] ^ flip);
	put(g, m, in->jt, in->jf);
	return true;
}

static bool put_flags(struct gen *g, const struct place *pl, const struct rg_ir_insn *in)
{
	struct rg_match_insn m = base(pl, in, RG_M_BITS);

	if (is_port(pl->field) || (pl->flags & RG_MF_BOOL))
		return false;
	m.sub = in->sub == RG_ALL;
	m.imm[0] = in->imm;
	put(g, m, in->jt, in->jf);
	return true;
}

/* comm == "x", comm startswith "x" */
static bool put_comm(struct gen *g, const struct place *pl, const struct rg_ir_insn *in, const char *s,
		     size_t len)
{
	struct rg_match_insn m = base(pl, in, RG_M_COMM);
	uint8_t want[16] = {0}, mask[16];

	if (in->sub != RG_S_EQ && in->sub != RG_S_STARTS)
		return false;
	memset(mask, in->sub == RG_S_EQ ? 0xff : 0, sizeof(mask));
	if (len >= sizeof(want) || memchr(s, 0, len)) { /* never met */
		m.imm[0] = 1;
	} else {
		memcpy(want, s, len);
		memset(mask, 0xff, len);
		memcpy(m.imm, want, 16);
		memcpy(m.mask, mask, 16);
	}
	put(g, m, in->jt, in->jf);
	return true;
}

static bool put_text(struct gen *g, const struct place *pl, const struct rg_ir_insn *in)
{
	const struct rg_ir_const *k = &rg_ir_consts(g->p)[in->k];
	const char *data = rg_ir_data(g->p) + k->off;
	const struct rg_ir_slot *slot = (const void *)data;
	struct rg_match_insn m = base(pl, in, pl->field == RG_F_PROC_COMM ? RG_M_COMMS : RG_M_PATHS);

	if (pl->field != RG_F_PROC_COMM && pl->field != RG_F_SOCK_PATH)
		return false;
	if (in->op == RG_IR_STR && pl->field == RG_F_PROC_COMM)
		return put_comm(g, pl, in, data, k->len);
	if (in->op == RG_IR_STR && in->sub != RG_S_EQ)
		return false;
	m.set = new_set(g);
	if (in->op == RG_IR_STR && !set_text(g, pl->field, m.set, data, k->len))
		return false;
	for (uint32_t i = 0; in->op == RG_IR_STRSET && i < k->n; i++)
		if (slot[i].off && !set_text(g, pl->field, m.set, data + slot[i].off, slot[i].len))
			return false;
	put(g, m, in->jt, in->jf);
	return true;
}

static bool put_addrs(struct gen *g, const struct place *pl, const struct rg_ir_insn *in)
{
	const struct rg_ir_const *k = &rg_ir_consts(g->p)[in->k];
	const struct rg_ir_addr_range *r = (const void *)(rg_ir_data(g->p) + k->off);
	struct rg_match_insn m = base(pl, in, RG_M_ADDRS);

	if (pl->field != RG_F_SOCK_LOCAL_ADDR && pl->field != RG_F_SOCK_REMOTE_ADDR)
		return false;
	m.set = new_set(g);
	for (uint32_t i = 0; i < k->n; i++)
		set_addr_range(g, m.set, &r[i]);
	put(g, m, in->jt, in->jf);
	return true;
}

static bool put_leaf(struct gen *g, const struct place *pl, const struct rg_ir_insn *in)
{
	bool number = pl->width <= 8 || is_port(pl->field);
	struct rg_ir_insn one;

	switch (in->op) {
	case RG_IR_CMP: return number && put_cmp(g, pl, in);
	case RG_IR_TRUE:
		one = *in;
		one.sub = RG_NE;
		one.imm = 0;
		one.b = 0;
		return number && !is_port(pl->field) && put_cmp(g, pl, &one);
	case RG_IR_INTSET: return number && put_int_set(g, pl, in, &rg_ir_consts(g->p)[in->k]);
	case RG_IR_FLAGS: return number && put_flags(g, pl, in);
	case RG_IR_STR:
	case RG_IR_STRSET: return put_text(g, pl, in);
	case RG_IR_ADDRS: return put_addrs(g, pl, in);
	default: return false;
	}
}

static struct rg_match_insn has_bit(uint32_t bit)
{
	return (struct rg_match_insn){
		.op = RG_M_BITS, .width = 4, .off = offsetof(struct rg_rec_msg, has), .imm = {bit, 0}};
}

/* sender.*: the message's own credentials, else (on a receipt) those of the connection, else found later. */
static bool put_sender(struct gen *g, const struct place *pl, const struct rg_ir_insn *in)
{
	struct rg_match_insn send = {.op = RG_M_BITS,
				     .width = 2,
				     .off = offsetof(struct rg_rec_msg, mflags),
				     .has = RG_KNOWN_CALL,
				     .imm = {RG_MF_SEND, 0}};
	struct place peer = *pl;
	uint32_t at = g->n, second;

	put(g, has_bit(RG_HAS_CRED), LOCAL(at + 1), LOCAL(at + 1));
	if (!put_leaf(g, pl, in))
		return false;
	second = g->n;
	g->t[at].jf = LOCAL(second);
	put(g, has_bit(RG_HAS_PEER), LOCAL(second + 1), in->jt);
	put(g, send, in->jt, LOCAL(second + 2));
	peer.has = RG_HAS_PEER | RG_KNOWN_CALL;
	peer.off += offsetof(struct rg_rec_msg, peer_pid) - offsetof(struct rg_rec_msg, cred_pid);
	return put_leaf(g, &peer, in);
}

/* event is told by the route; where that is unknown, user space decides. */
static bool put_event(struct gen *g, const struct rg_ir_insn *in)
{
	const struct place *pl = place_of(RG_F_ROUTE);
	struct rg_match_insn m = base(pl, in, RG_M_CMP), set = base(pl, in, RG_M_INTS);
	const struct rg_ir_const *k = in->op == RG_IR_INTSET ? &rg_ir_consts(g->p)[in->k] : NULL;
	const struct rg_ir_range *r = k ? (const void *)(rg_ir_data(g->p) + k->off) : NULL;

	if ((in->op != RG_IR_CMP || in->sub != RG_EQ) && (!k || k->kind != RG_K_RANGES))
		return false;
	m.flags = 0;
	m.imm[0] = RG_RT_UNKNOWN;
	put(g, m, in->jt, LOCAL(g->n + 1));
	set.set = new_set(g);
	for (unsigned i = 0; i < RG_RT__COUNT; i++) {
		uint64_t ev = (uint64_t)rg_routes[i].event;
		bool in_set = !k && ev == in->imm;

		for (uint32_t j = 0; k && j < k->n; j++)
			in_set |= rg_ir_bias((int64_t)ev) >= r[j].lo && rg_ir_bias((int64_t)ev) <= r[j].hi;
		if (in_set)
			set_int(g, set.set, i);
	}
	put(g, set, in->jt, in->jf);
	return true;
}

static bool put_insn(struct gen *g, const struct rg_ir_insn *in)
{
	const struct rg_ir_val *v;
	const struct place *pl;

	if (in->op == RG_IR_LOOP || in->op == RG_IR_CMPV || in->op == RG_IR_STRV || in->op == RG_IR_ADDRV)
		return false;
	v = &rg_ir_vals(g->p)[in->a];
	if (v->kind != RG_V_FIELD || v->view != RG_VIEW_NONE)
		return false;
	if (v->field == RG_F_EVENT) {
		return put_event(g, in);
	}
	pl = place_of(v->field);
	if (!pl)
		return false;
	g->out->prog.need |= pl->need;
	g->out->fields[v->field / 64] |= 1ull << v->field % 64;
	if (v->field == RG_F_SOCK_FD) { /* -1: the call had none */
		struct rg_match_insn m = {.op = RG_M_CMP,
					  .width = 4,
					  .off = (uint16_t)pl->off,
					  .has = pl->has,
					  .flags = RG_MF_SIGNED,
					  .sub = RG_GE};

		put(g, m, LOCAL(g->n + 1), absent_way(in));
	}
	if (v->field == RG_F_SENDER_PID || v->field == RG_F_SENDER_UID || v->field == RG_F_SENDER_GID)
		return put_sender(g, pl, in);
	return put_leaf(g, pl, in);
}

/* ---- whole programs */

static uint32_t resolve(const struct gen *g, uint32_t to)
{
	if (to & 0x80000000u)
		return to & 0x7fffffffu;
	for (;;) {
		const struct rg_ir_insn *in = &rg_ir_insns(g->p)[to];

		if (in->op == RG_IR_RET)
			return in->imm ? RG_MATCH_ACCEPT : RG_MATCH_REJECT;
		if (g->first[to] != UINT32_MAX)
			return g->first[to];
		to = in->jt; /* taken as true */
	}
}

/* Tests that can be reached from the first, in order; the others go. */
static void link_tests(struct gen *g)
{
	uint32_t start = resolve(g, 0), map[RG_MATCH_INSNS * 4], n = 0;
	bool live[RG_MATCH_INSNS * 4] = {false};
	struct rg_match_prog *p = &g->out->prog;

	if (start >= RG_MATCH_ACCEPT) {
		/* always the same: one test that says so, or none */
		p->n = start == RG_MATCH_REJECT;
		p->insn[0] =
			(struct rg_match_insn){.op = RG_M_TRUE, .jt = RG_MATCH_REJECT, .jf = RG_MATCH_REJECT};
		return;
	}
	live[start] = true;
	for (uint32_t i = start; i < g->n; i++) {
		g->t[i].jt = resolve(g, g->t[i].jt);
		g->t[i].jf = resolve(g, g->t[i].jf);
		if (!live[i])
			continue;
		map[i] = n++;
		if (g->t[i].jt < RG_MATCH_ACCEPT)
			live[g->t[i].jt] = true;
		if (g->t[i].jf < RG_MATCH_ACCEPT)
			live[g->t[i].jf] = true;
	}
	if (n > RG_MATCH_INSNS) {
		g->full = true;
		return;
	}
	for (uint32_t i = start; i < g->n; i++) {
		struct rg_match_insn *m;

		if (!live[i])
			continue;
		m = &p->insn[p->n++];
		*m = g->t[i].m;
		m->jt = (uint8_t)(g->t[i].jt >= RG_MATCH_ACCEPT ? g->t[i].jt : map[g->t[i].jt]);
		m->jf = (uint8_t)(g->t[i].jf >= RG_MATCH_ACCEPT ? g->t[i].jf : map[g->t[i].jf]);
	}
}

static void accept_all(struct rg_match *m, const char *why)
{
	memset(&m->prog, 0, sizeof(m->prog));
	m->exact = false;
	m->why = why;
}

static void gen_all(struct gen *g)
{
	const struct rg_ir_insn *in = rg_ir_insns(g->p);

	g->out->exact = true;
	for (uint32_t pc = 0; pc < g->p->n_insns && !g->full; pc++) {
		uint32_t at = g->n;

		g->first[pc] = UINT32_MAX;
		if (in[pc].op == RG_IR_RET)
			continue;
		if (put_insn(g, &in[pc])) {
			unsigned f = rg_ir_vals(g->p)[in[pc].a].field;

			g->out->fields[f / 64 & 1] |= 1ull << f % 64;
			g->first[pc] = at;
			continue;
		}
		g->n = at;
		g->out->exact = false;
		g->out->why = "a part of it is not in the kernel's record";
		if (in[pc].op == RG_IR_LOOP)
			for (uint32_t end = in[pc].k; pc + 1 < end; pc++)
				g->first[pc + 1] = UINT32_MAX;
	}
	if (!g->full)
		link_tests(g);
	if (g->full)
		accept_all(g->out, "it has more tests than a kernel program takes");
	rg_match_place(g->out);
}

int rg_lower_match(const struct rg_ir *p, struct rg_match *ret, struct rg_err *err)
{
	struct gen g = {.p = p, .out = ret, .max = RG_MATCH_INSNS * 3};
	bool oom;

	*ret = (struct rg_match){.exact = true};
	g.t = calloc(g.max, sizeof(*g.t));
	g.first = calloc(p->n_insns, sizeof(*g.first));
	if (g.t && g.first)
		gen_all(&g);
	oom = !g.t || !g.first || g.ints.oom || g.comms.oom || g.paths.oom || g.addrs.oom;
	free(g.t);
	free(g.first);
	ret->ints = (void *)g.ints.data;
	ret->comms = (void *)g.comms.data;
	ret->paths = (void *)g.paths.data;
	ret->addrs = (void *)g.addrs.data;
	ret->n_ints = (uint32_t)(g.ints.len / sizeof(*ret->ints));
	ret->n_comms = (uint32_t)(g.comms.len / sizeof(*ret->comms));
	ret->n_paths = (uint32_t)(g.paths.len / sizeof(*ret->paths));
	ret->n_addrs = (uint32_t)(g.addrs.len / sizeof(*ret->addrs));
	if (!oom)
		return 0;
	rg_match_free(ret);
	return rg_fail(err, -ENOMEM, "out of memory");
}
