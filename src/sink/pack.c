/* SPDX-License-Identifier: BSD-2-Clause */
#include "sink/pack.h"

#include <errno.h>

#define NO_NAME	  255
#define MAX_DEPTH 8
#define MAX_FLAGS 64

static void put_varint(struct rg_buf *b, uint64_t u)
{
	for (; u >= 0x80; u >>= 7)
		rg_buf_char(b, (char)(u | 0x80));
	rg_buf_char(b, (char)u);
}

/* Small negative numbers stay short. */
static uint64_t zigzag(int64_t i)
{
	return (uint64_t)i << 1 ^ (i < 0 ? UINT64_MAX : 0);
}
static int64_t unzigzag(uint64_t u)
{
	return (int64_t)(u >> 1 ^ (0 - (u & 1)));
}

static void put_name(struct rg_buf *b, const char *s)
{
	size_t n = s ? strlen(s) : NO_NAME;

	if (n > NO_NAME - 1)
		s = NULL;
	rg_buf_char(b, (char)(s ? n : NO_NAME));
	if (s)
		rg_buf_add(b, s, n + 1);
}

static void put_flags(struct rg_buf *b, uint64_t u, const struct rg_name *names)
{
	uint64_t rest = u;

	put_varint(b, u);
	for (; names && names->name; names++) {
		if (names->value ? (rest & names->value) != names->value : u != 0)
			continue;
		rest &= ~names->value;
		put_varint(b, names->value);
		put_name(b, names->name);
	}
	put_varint(b, 0);
	put_name(b, NULL);
}

static void put_chain(struct rg_buf *b, const struct rg_node *n);

static void put_value(struct rg_buf *b, const struct rg_node *n)
{
	switch ((enum rg_type)n->type) {
	case RG_T_INT: put_varint(b, zigzag(n->v.i)); break;
	case RG_T_ENUM:
		put_varint(b, zigzag(n->v.i));
		put_name(b, rg_name_of(n->names, (uint64_t)n->v.i));
		break;
	case RG_T_FLAGS: put_flags(b, n->v.u, n->names); break;
	case RG_T_STR:
	case RG_T_BYTES:
		put_varint(b, n->v.len);
		put_varint(b, n->v.full);
		rg_buf_add(b, n->v.p, n->v.len);
		break;
	case RG_T_ADDR:
		put_varint(b, n->v.addr->family);
		rg_buf_char(b, (char)n->v.addr->ip_len);
		rg_buf_add(b, n->v.addr->ip, n->v.addr->ip_len);
		put_varint(b, n->v.addr->text_len);
		rg_buf_add(b, n->v.addr->text, n->v.addr->text_len);
		break;
	case RG_T_OBJECT:
	case RG_T_LIST: put_chain(b, n->v.node); break;
	default: put_varint(b, n->v.u); break;
	}
}

static void put_chain(struct rg_buf *b, const struct rg_node *n)
{
	for (; n; n = n->next) {
		rg_buf_char(b, (char)(n->type + 1)); /* 0 ends the chain */
		rg_buf_char(b, (char)n->tag);
		put_name(b, n->name);
		put_value(b, n);
	}
	rg_buf_char(b, 0);
}

void rg_pack_lists(struct rg_buf *b, const struct rg_event *ev)
{
	for (int f = 0; f < RG_F__COUNT; f++) {
		if (!ev->tag[f] || (rg_fields[f].type != RG_T_LIST && rg_fields[f].type != RG_T_OBJECT))
			continue;
		put_varint(b, (uint64_t)f);
		put_chain(b, ev->v[f].node);
	}
}

/* ---- and back ---- */

struct in {
	const unsigned char *p, *end;
	struct rg_event *ev;
	int fail; /* 0 or negative errno: the first thing that was wrong */
};

static void bad(struct in *in, int code)
{
	if (!in->fail)
		in->fail = code;
	in->p = in->end;
}

static uint8_t get_byte(struct in *in)
{
	if (in->p == in->end) {
		bad(in, -EBADMSG);
		return 0;
	}
	return *in->p++;
}

static uint64_t get_varint(struct in *in)
{
	uint64_t u = 0;

	for (unsigned shift = 0; shift < 64; shift += 7) {
		uint8_t c = get_byte(in);

		u |= (uint64_t)(c & 0x7f) << shift;
		if (!(c & 0x80))
			return u;
	}
	bad(in, -EBADMSG);
	return 0;
}

static const char *get_span(struct in *in, uint64_t len)
{
	const char *p = (const char *)in->p;

	if (len > (uint64_t)(in->end - in->p)) {
		bad(in, -EBADMSG);
		return "";
	}
	in->p += len;
	return p;
}

static const char *get_name(struct in *in)
{
	uint8_t n = get_byte(in);
	const char *p;

	if (n == NO_NAME)
		return NULL;
	p = get_span(in, (uint64_t)n + 1);
	if (!in->fail && memchr(p, '\0', (size_t)n + 1) != p + n)
		bad(in, -EBADMSG);
	return in->fail ? NULL : p;
}

static void *get_memory(struct in *in, size_t n)
{
	void *p = in->fail ? NULL : rg_event_alloc(in->ev, n);

	if (!p)
		bad(in, -ENOMEM);
	return p;
}

static void get_enum(struct in *in, struct rg_node *n)
{
	struct rg_name *names;
	const char *name;

	n->v.i = unzigzag(get_varint(in));
	name = get_name(in);
	names = name ? get_memory(in, 2 * sizeof(*names)) : NULL;
	if (!names)
		return;
	names[0] = (struct rg_name){(uint64_t)n->v.i, name};
	names[1] = (struct rg_name){0, NULL};
	n->names = names;
}

static void get_flags(struct in *in, struct rg_node *n)
{
	struct rg_name found[MAX_FLAGS + 1] = {{0, NULL}}, *names;
	unsigned k = 0;

	n->v.u = get_varint(in);
	while (!in->fail) {
		uint64_t value = get_varint(in);
		const char *name = get_name(in);

		if (!name)
			break;
		if (k == MAX_FLAGS)
			bad(in, -EBADMSG);
		else
			found[k++] = (struct rg_name){value, name};
	}
	found[k] = (struct rg_name){0, NULL};
	names = get_memory(in, (k + 1) * sizeof(*names));
	if (names)
		n->names = memcpy(names, found, (k + 1) * sizeof(*names));
}

static void get_addr(struct in *in, struct rg_node *n)
{
	struct rg_addr *a = get_memory(in, sizeof(*a));
	uint64_t family = get_varint(in), len;
	uint8_t ip_len = get_byte(in);
	const char *ip;

	if (ip_len != 0 && ip_len != 4 && ip_len != 16)
		bad(in, -EBADMSG);
	ip = get_span(in, ip_len);
	len = get_varint(in);
	if (in->fail)
		return;
	*a = (struct rg_addr){.family = (uint16_t)family, .ip_len = ip_len};
	memcpy(a->ip, ip, ip_len);
	a->text = get_span(in, len);
	a->text_len = (uint32_t)len;
	n->v.addr = a;
}

static struct rg_node *get_chain(struct in *in, unsigned depth);

static void get_value(struct in *in, struct rg_node *n, unsigned depth)
{
	uint64_t len;

	switch ((enum rg_type)n->type) {
	case RG_T_INT: n->v.i = unzigzag(get_varint(in)); break;
	case RG_T_ENUM: get_enum(in, n); break;
	case RG_T_FLAGS: get_flags(in, n); break;
	case RG_T_STR:
	case RG_T_BYTES:
		len = get_varint(in);
		n->v.full = (uint32_t)get_varint(in);
		n->v.p = get_span(in, len);
		n->v.len = (uint32_t)len;
		break;
	case RG_T_ADDR: get_addr(in, n); break;
	case RG_T_OBJECT:
	case RG_T_LIST: n->v.node = get_chain(in, depth + 1); break;
	default: n->v.u = get_varint(in); break;
	}
}

static struct rg_node *get_chain(struct in *in, unsigned depth)
{
	struct rg_node *first = NULL, **tail = &first;

	if (depth > MAX_DEPTH)
		bad(in, -EBADMSG);
	while (!in->fail) {
		uint8_t type = get_byte(in);
		struct rg_node *n;

		if (type == 0)
			break;
		if (type > RG_T__COUNT)
			bad(in, -EBADMSG);
		n = get_memory(in, sizeof(*n));
		if (!n)
			break;
		*n = (struct rg_node){.type = (uint8_t)(type - 1), .tag = get_byte(in)};
		n->name = get_name(in);
		get_value(in, n, depth);
		*tail = n;
		tail = &n->next;
	}
	return first;
}

/* Objects name their members: writers and expressions rely on it. */
static bool named(const struct rg_node *n, bool object)
{
	for (; n; n = n->next) {
		if (object && !n->name)
			return false;
		if ((n->type == RG_T_OBJECT || n->type == RG_T_LIST) &&
		    !named(n->v.node, n->type == RG_T_OBJECT))
			return false;
	}
	return true;
}

static const struct {
	uint8_t field, type;
	const char *name;
} declared[] = {
#define RG_ELEM(FIELD, name, type, names, unit, doc) {RG_F_##FIELD, RG_T_##type, name},
#include <recvguard/elems.def>
#undef RG_ELEM
};

/* Types that are more than a number: what reads such a value follows its pointer. */
static bool same_kind(uint8_t as, uint8_t type)
{
	switch ((enum rg_type)as) {
	case RG_T_STR:
	case RG_T_BYTES: return type == RG_T_STR || type == RG_T_BYTES;
	case RG_T_ADDR: return type == RG_T_ADDR;
	case RG_T_OBJECT:
	case RG_T_LIST: return type == RG_T_OBJECT || type == RG_T_LIST;
	default: return true;
	}
}

static bool members_as_declared(enum rg_field f, const struct rg_node *n)
{
	for (; n; n = n->next)
		for (size_t i = 0; i < sizeof(declared) / sizeof(declared[0]); i++)
			if (declared[i].field == f && !same_kind(declared[i].type, n->type) &&
			    !strcmp(declared[i].name, n->name))
				return false;
	return true;
}

/* Writers take a value to be of the type that the tables give it. */
static bool as_declared(enum rg_field f, const struct rg_node *n)
{
	if (rg_fields[f].type == RG_T_OBJECT)
		return members_as_declared(f, n);
	for (; n; n = n->next)
		if (n->type != RG_T_OBJECT || !members_as_declared(f, n->v.node))
			return false;
	return true;
}

int rg_unpack_lists(struct rg_event *ev, const void *p, size_t len, const int *map, size_t n_map)
{
	struct in in = {.p = p, .end = (const unsigned char *)p + len, .ev = ev};

	while (in.p < in.end && !in.fail) {
		uint64_t f = get_varint(&in);
		struct rg_node *chain = get_chain(&in, 0);
		int field = f < n_map ? map[f] : -1;

		if (in.fail || field < 0)
			continue;
		if ((rg_fields[field].type != RG_T_LIST && rg_fields[field].type != RG_T_OBJECT) ||
		    !named(chain, rg_fields[field].type == RG_T_OBJECT) || !as_declared(field, chain))
			return -EBADMSG;
		ev->v[field].node = chain;
	}
	return in.fail;
}
