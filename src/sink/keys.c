/* SPDX-License-Identifier: BSD-2-Clause */
#include "sink/keys.h"

#include <pthread.h>
#include <string.h>

#include "base/cleanup.h"

/* The longest key and the deepest transition fit into a piece. */
#define RG_FIELD(ID, name, type, unit, tags, names, doc) \
	_Static_assert(sizeof(name) + 16 < RG_PIECE, "field name too long for a key piece: " name);
#include <recvguard/fields.def>
#undef RG_FIELD

static struct rg_keys keys;
static struct rg_quick_names quick_pool[16];
static unsigned n_quick;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void piece_add(struct rg_piece *c, const char *s, size_t n)
{
	memcpy(c->text + c->len, s, n);
	c->len = (uint8_t)(c->len + n);
}

static uint8_t group_of(const char *path, size_t len)
{
	unsigned g;

	for (g = 0; g < keys.n_groups; g++)
		if (keys.groups[g].path_len == len && !memcmp(keys.groups[g].path, path, len))
			return (uint8_t)g;
	keys.groups[g].path = path;
	keys.groups[g].path_len = (uint8_t)len;
	keys.n_groups++;
	return (uint8_t)g;
}

/* How many objects deep a path is: "" 0, "proc" 1, "proc.ns" 2. */
static unsigned depth_of(const char *path, size_t len)
{
	unsigned d = len > 0;

	for (size_t i = 0; i < len; i++)
		d += path[i] == '.';
	return d;
}

/* Bytes of path that two groups share as whole objects. */
static size_t shared(unsigned a, unsigned b)
{
	const char *pa = keys.groups[a].path, *pb = keys.groups[b].path;
	size_t la = keys.groups[a].path_len, lb = keys.groups[b].path_len, n = 0;

	for (size_t i = 0; i < la && i < lb && pa[i] == pb[i]; i++)
		if ((i + 1 == la || pa[i + 1] == '.') && (i + 1 == lb || pb[i + 1] == '.'))
			n = i + 1;
	return n;
}

/* "a":{"b":{ for what path has beyond its first `from` bytes. */
static void piece_open(struct rg_piece *c, const char *path, size_t from, size_t len)
{
	for (size_t i = from; i < len;) {
		const char *dot;
		size_t n;

		i += path[i] == '.';
		dot = memchr(path + i, '.', len - i);
		n = dot ? (size_t)(dot - path) - i : len - i;
		piece_add(c, "\"", 1);
		piece_add(c, path + i, n);
		piece_add(c, "\":{", 3);
		i += n;
	}
}

static void pieces_of_groups(unsigned a)
{
	unsigned da = depth_of(keys.groups[a].path, keys.groups[a].path_len);

	piece_add(&keys.first[a], "{", 1);
	piece_open(&keys.first[a], keys.groups[a].path, 0, keys.groups[a].path_len);
	piece_add(&keys.last[a], "}}}}", da);
	for (unsigned b = 0; b < keys.n_groups; b++) {
		size_t n = shared(a, b);
		struct rg_piece *c = &keys.between[a][b];

		piece_add(c, "}}}}", da - depth_of(keys.groups[a].path, n));
		piece_add(c, ",", 1);
		piece_open(c, keys.groups[b].path, n, keys.groups[b].path_len);
	}
}

static const struct rg_quick_names *quick_names(const struct rg_name *names)
{
	struct rg_quick_names *q = &quick_pool[n_quick];

	for (int f = 0; f < RG_F__COUNT; f++)
		if (keys.quick[f] && rg_fields[f].names == names)
			return keys.quick[f];
	if (n_quick == RG_ARRAY_LEN(quick_pool))
		return NULL;
	n_quick++;
	for (; names->name; names++) {
		size_t n = strlen(names->name);

		if (names->value >= RG_QUICK_ENUM || n + 2 > sizeof(q->v[0].text) || q->v[names->value].len)
			continue;
		q->v[names->value].text[0] = '"';
		memcpy(q->v[names->value].text + 1, names->name, n);
		q->v[names->value].text[n + 1] = '"';
		q->v[names->value].len = (uint8_t)(n + 2);
	}
	return q;
}

static void keys_make(void)
{
	group_of("", 0);
	for (int f = 0; f < RG_F__COUNT; f++) {
		const char *name = rg_fields[f].name, *dot = strrchr(name, '.');

		keys.group[f] = group_of(name, dot ? (size_t)(dot - name) : 0);
		piece_add(&keys.key[f], ",\"", 2);
		piece_add(&keys.key[f], dot ? dot + 1 : name, strlen(dot ? dot + 1 : name));
		piece_add(&keys.key[f], "\":", 2);
		if (rg_fields[f].type == RG_T_ENUM && rg_fields[f].names)
			keys.quick[f] = quick_names(rg_fields[f].names);
	}
	for (unsigned g = 0; g < keys.n_groups; g++)
		pieces_of_groups(g);
}

const struct rg_keys *rg_keys_get(void)
{
	pthread_once(&once, keys_make);
	return &keys;
}
