/* SPDX-License-Identifier: BSD-2-Clause */
#include "policy/lower/classes.h"

#include <string.h>
#include <sys/socket.h>

unsigned rg_dim_bits(unsigned dim)
{
	return dim == RG_D_COMM || dim == RG_D_LADDR6 || dim == RG_D_RADDR6 || dim == RG_D_SADDR6 ||
			       dim == RG_D_EXE
		       ? 128
		       : 64;
}

bool rg_dim_is_text(unsigned dim)
{
	return dim == RG_D_COMM || dim == RG_D_PATH || dim == RG_D_EXE ||
	       (dim >= RG_D_CGTREE && dim <= RG_D_CGTREE3);
}

static bool is_addr4(unsigned dim)
{
	return dim == RG_D_LADDR4 || dim == RG_D_RADDR4 || dim == RG_D_SADDR4;
}

static bool is_addr6(unsigned dim)
{
	return dim == RG_D_LADDR6 || dim == RG_D_RADDR6 || dim == RG_D_SADDR6;
}

static void cut(struct rg_buf *out, rg_u128 at, uint32_t lit)
{
	struct rg_cut c = {at, lit};

	rg_buf_add(out, &c, sizeof(c));
}

/* The number a constant stands for; false: one that no value of these dimensions has. */
static bool number(uint64_t k, bool is_signed, bool biased, uint64_t *ret)
{
	if (is_signed && biased)
		k ^= 1ull << 63;
	*ret = k;
	return !is_signed || (int64_t)k >= 0;
}

static bool set_points(const struct rg_ir *p, const struct rg_ir_insn *in, uint32_t index, struct rg_buf *out)
{
	const struct rg_ir_const *k = &rg_ir_consts(p)[in->k];
	const struct rg_ir_range *r = (const void *)(rg_ir_data(p) + k->off);
	const uint64_t *slot = (const void *)r;
	uint64_t v;

	for (uint32_t i = 0; i < k->n; i++) {
		if (k->kind == RG_K_RANGES && r[i].lo != r[i].hi)
			return false;
		if (k->kind == RG_K_RANGES ? number(r[i].lo, in->b, true, &v)
					   : slot[i * 2ul] && number(slot[i * 2ul + 1], in->b, true, &v))
			cut(out, v, index);
	}
	return true;
}

static rg_u128 big(const void *bytes, size_t len)
{
	const uint8_t *b = bytes;
	rg_u128 v = 0;

	for (size_t i = 0; i < 16; i++)
		v = v << 8 | (i < len ? b[i] : 0);
	return v;
}

/* comm: whole names are single values. */
static bool text_points(const struct rg_ir *p, const struct rg_ir_insn *in, uint32_t index,
			struct rg_buf *out)
{
	const struct rg_ir_const *k = &rg_ir_consts(p)[in->k];
	const char *data = rg_ir_data(p) + k->off;
	const struct rg_ir_slot *slot = (const void *)data;

	if (in->op == RG_IR_STR && in->sub != RG_S_EQ)
		return false;
	if (in->op == RG_IR_STR && k->len < RG_COMM_LEN)
		cut(out, big(data, k->len), index);
	for (uint32_t i = 0; in->op == RG_IR_STRSET && i < k->n; i++)
		if (slot[i].off && slot[i].len < RG_COMM_LEN)
			cut(out, big(data + slot[i].off, slot[i].len), index);
	return true;
}

bool rg_cuts_points(const struct rg_enf_lit *lit, unsigned dim, uint32_t index, struct rg_buf *out)
{
	const struct rg_ir_insn *in = &rg_ir_insns(lit->ir)[lit->pc];
	uint64_t v;

	switch (in->op) {
	case RG_IR_EXISTS: return true;
	case RG_IR_TRUE:
		if (dim == RG_D_FLAGS)
			cut(out, 0, index);
		else
			cut(out, 0, index), cut(out, 1, index);
		return true;
	case RG_IR_FLAGS: return true; /* the caller knows which bits are tested at all */
	case RG_IR_CMP:
		if (in->sub > RG_NE)
			return false;
		if (number(in->imm, in->b, false, &v))
			cut(out, v, index);
		return true;
	case RG_IR_INTSET: return set_points(lit->ir, in, index, out);
	case RG_IR_STR:
	case RG_IR_STRSET: return text_points(lit->ir, in, index, out);
	default: return false;
	}
}

static void begin_end(struct rg_buf *out, rg_u128 lo, rg_u128 hi, uint32_t index)
{
	cut(out, lo, index);
	if (hi + 1 > hi)
		cut(out, hi + 1, index);
}

static void addr_ranges(const struct rg_ir *p, const struct rg_ir_insn *in, unsigned dim, uint32_t index,
			struct rg_buf *out)
{
	static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
	const struct rg_ir_const *k = &rg_ir_consts(p)[in->k];
	const struct rg_ir_addr_range *r = (const void *)(rg_ir_data(p) + k->off);

	for (uint32_t i = 0; i < k->n; i++) {
		uint8_t lo[16], hi[16];

		if (r[i].family_len == 4) {
			memcpy(lo, mapped, 12);
			memcpy(hi, mapped, 12);
			memcpy(lo + 12, r[i].lo, 4);
			memcpy(hi + 12, r[i].hi, 4);
		} else {
			memcpy(lo, r[i].lo, 16);
			memcpy(hi, r[i].hi, 16);
		}
		if (is_addr6(dim))
			begin_end(out, big(lo, 16), big(hi, 16), index);
		else if (r[i].family_len == 4)
			begin_end(out, (uint32_t)big(lo, 16), (uint32_t)big(hi, 16), index);
	}
	if (!is_addr6(dim))
		cut(out, (rg_u128)1 << 32, index);
}

static void set_ranges(const struct rg_ir *p, const struct rg_ir_insn *in, uint32_t index, struct rg_buf *out)
{
	const struct rg_ir_const *k = &rg_ir_consts(p)[in->k];
	const struct rg_ir_range *r = (const void *)(rg_ir_data(p) + k->off);

	for (uint32_t i = 0; i < k->n; i++) {
		uint64_t lo, hi;

		if (!number(r[i].hi, in->b, true, &hi))
			continue;
		if (!number(r[i].lo, in->b, true, &lo))
			lo = 0;
		begin_end(out, lo, hi, index);
	}
}

void rg_cuts_ranges(const struct rg_enf_lit *lit, unsigned dim, uint32_t index, struct rg_buf *out)
{
	const struct rg_ir_insn *in = &rg_ir_insns(lit->ir)[lit->pc];
	const struct rg_ir_const *k = &rg_ir_consts(lit->ir)[in->k];
	struct rg_buf points = {0};
	uint64_t v;

	if (in->op == RG_IR_ADDRS) {
		addr_ranges(lit->ir, in, dim, index, out);
	} else if (rg_cuts_points(lit, dim, index, &points)) {
		const struct rg_cut *c = (const void *)points.data;

		for (size_t i = 0; i < points.len / sizeof(*c); i++)
			begin_end(out, c[i].at, c[i].at, index);
	} else if (in->op == RG_IR_CMP) {
		if (number(in->imm, in->b, false, &v))
			begin_end(out, v, v, index);
	} else if (in->op == RG_IR_INTSET) {
		set_ranges(lit->ir, in, index, out);
	} else if (k->len < RG_COMM_LEN) { /* a beginning */
		rg_u128 lo = big(rg_ir_data(lit->ir) + k->off, k->len);

		begin_end(out, lo, k->len ? lo | (((rg_u128)1 << (128 - 8 * k->len)) - 1) : ~(rg_u128)0,
			  index);
	}
	rg_buf_free(&points);
}

/* ---- values */

static const struct {
	uint8_t dim;
	uint16_t field;
} numbers[] = {
	{RG_D_PID, RG_F_PROC_PID},	     {RG_D_TID, RG_F_PROC_TID},
	{RG_D_PPID, RG_F_PROC_PPID},	     {RG_D_UID, RG_F_PROC_UID},
	{RG_D_GID, RG_F_PROC_GID},	     {RG_D_CGROUP, RG_F_PROC_CGROUP_ID},
	{RG_D_MNTNS, RG_F_PROC_NS_MNTNS},    {RG_D_PIDNS, RG_F_PROC_NS_PIDNS},
	{RG_D_COMPAT, RG_F_PROC_COMPAT},     {RG_D_FLAGS, RG_F_MSG_FLAGS},
	{RG_D_FAMILY, RG_F_SOCK_FAMILY},     {RG_D_TYPE, RG_F_SOCK_TYPE},
	{RG_D_PROTOCOL, RG_F_SOCK_PROTOCOL}, {RG_D_COOKIE, RG_F_SOCK_COOKIE},
	{RG_D_NETNS, RG_F_SOCK_NETNS},	     {RG_D_LPORT, RG_F_SOCK_LOCAL_PORT},
	{RG_D_RPORT, RG_F_SOCK_REMOTE_PORT}, {RG_D_SIZE, RG_F_MSG_SIZE},
	{RG_D_SPID, RG_F_SENDER_PID},	     {RG_D_SUID, RG_F_SENDER_UID},
	{RG_D_SGID, RG_F_SENDER_GID},
};
static const struct {
	uint8_t dim, type;
	const char *name;
} elem_numbers[] = {
	{RG_D_KIND, RG_T_ENUM, "kind"},	    {RG_D_INO, RG_T_UINT, "inode"}, {RG_D_DEV, RG_T_UINT, "dev"},
	{RG_D_RDEV, RG_T_UINT, "rdev"},	    {RG_D_MODE, RG_T_UINT, "mode"}, {RG_D_FSIZE, RG_T_SIZE, "size"},
	{RG_D_FFLAGS, RG_T_FLAGS, "flags"},
};

void rg_sample_absent(struct rg_sample *s)
{
	memset(s->ev->tag, 0, sizeof(s->ev->tag));
	s->elem = (struct rg_node){.type = RG_T_OBJECT};
}

static void put_addr(struct rg_sample *s, unsigned dim, rg_u128 v)
{
	enum rg_field f = dim == RG_D_LADDR4 || dim == RG_D_LADDR6   ? RG_F_SOCK_LOCAL_ADDR
			  : dim == RG_D_RADDR4 || dim == RG_D_RADDR6 ? RG_F_SOCK_REMOTE_ADDR
								     : RG_F_MSG_NAME;
	unsigned len = is_addr6(dim) ? 16 : v >> 32 ? 0 : 4;

	s->addr = (struct rg_addr){.family = len == 16 ? AF_INET6
					     : len     ? AF_INET
						       : AF_UNIX,
				   .ip_len = (uint8_t)len,
				   .text = "?",
				   .text_len = 1};
	for (unsigned i = 0; i < len; i++)
		s->addr.ip[i] = (uint8_t)(v >> 8 * (len - 1 - i));
	if (f != RG_F_MSG_NAME) {
		s->ev->v[f].addr = &s->addr;
	} else {
		s->child = (struct rg_node){.name = "addr", .type = RG_T_ADDR, .tag = RG_TAG_K};
		s->child.v.addr = &s->addr;
		s->ev->v[f].node = &s->child;
	}
	s->ev->tag[f] = RG_TAG_K;
}

static void put_count(struct rg_sample *s, rg_u128 v)
{
	unsigned n = v < 255 ? (unsigned)v : 255; /* a message carries 253 at most */

	for (unsigned i = 0; i < n; i++)
		s->fds[i] = (struct rg_node){.next = i + 1 < n ? &s->fds[i + 1] : NULL, .type = RG_T_OBJECT};
	s->ev->v[RG_F_FD].node = n ? &s->fds[0] : NULL;
	s->ev->tag[RG_F_FD] = RG_TAG_K;
}

static void put_child(struct rg_sample *s, struct rg_node child, bool elem)
{
	s->child = child;
	if (elem) {
		s->elem.v.node = &s->child;
	} else {
		s->ev->v[RG_F_MSG_NAME].node = &s->child;
		s->ev->tag[RG_F_MSG_NAME] = RG_TAG_K;
	}
}

void rg_sample_number(struct rg_sample *s, unsigned dim, rg_u128 v)
{
	uint64_t u = v > UINT64_MAX ? UINT64_MAX : (uint64_t)v;

	rg_sample_absent(s);
	if (is_addr4(dim) || is_addr6(dim)) {
		put_addr(s, dim, v);
		return;
	}
	if (dim == RG_D_FDS) {
		put_count(s, v);
		return;
	}
	if (dim == RG_D_SPORT) {
		put_child(s, (struct rg_node){.name = "port", .type = RG_T_UINT, .tag = RG_TAG_K, .v.u = u},
			  false);
		return;
	}
	for (size_t i = 0; i < sizeof(elem_numbers) / sizeof(elem_numbers[0]); i++)
		if (elem_numbers[i].dim == dim)
			put_child(s,
				  (struct rg_node){.name = elem_numbers[i].name,
						   .type = elem_numbers[i].type,
						   .tag = RG_TAG_K,
						   .v.u = u},
				  true);
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		if (numbers[i].dim == dim)
			rg_set_u(s->ev, (enum rg_field)numbers[i].field, u, RG_TAG_K);
	if (dim == RG_D_FLAGS)
		rg_set_u(s->ev, RG_F_PEEK, (u & MSG_PEEK) != 0, RG_TAG_K);
	if (dim == RG_D_SIZE) /* len(msg.data) is the same */
		rg_set_bytes(s->ev, RG_F_MSG_DATA, "", 0, u > UINT32_MAX ? UINT32_MAX : (uint32_t)u,
			     RG_TAG_K);
}

void rg_sample_text(struct rg_sample *s, unsigned dim, const char *text)
{
	enum rg_field f = dim == RG_D_COMM   ? RG_F_PROC_COMM
			  : dim == RG_D_PATH ? RG_F_SOCK_PATH
			  : dim == RG_D_EXE  ? RG_F_PROC_EXE
					     : RG_F_PROC_CGROUP;
	size_t len = strnlen(text, sizeof(s->text) - 1);

	rg_sample_absent(s);
	memmove(s->text, text, len);
	s->text[len] = '\0';
	rg_set_str(s->ev, f, s->text, (uint32_t)len, RG_TAG_K);
	if (f == RG_F_PROC_CGROUP)
		rg_set_str(s->ev, RG_F_CONTAINER_ID, s->text, (uint32_t)len, RG_TAG_K);
}

bool rg_sample_test(const struct rg_sample *s, const struct rg_enf_lit *lit)
{
	return rg_ir_test(lit->ir, lit->pc, s->ev, lit->elem ? &s->elem : NULL);
}
