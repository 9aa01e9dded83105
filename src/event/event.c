/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdlib.h>
#include <string.h>

#include <recvguard/event.h>

#include "base/arena.h"

/* Bound of one event's memory: a 65,535-byte payload, 253 descriptors and their paths fit many times over;
 * whole messages of a few megabytes (--snaplen) still do. */
#define EVENT_ARENA_LIMIT (64u << 20)

struct rg_event *rg_event_new(void)
{
	struct rg_event *ev = calloc(1, sizeof(*ev));

	if (!ev)
		return NULL;
	ev->arena = rg_arena_new(EVENT_ARENA_LIMIT);
	if (!ev->arena) {
		free(ev);
		return NULL;
	}
	return ev;
}

void rg_event_free(struct rg_event *ev)
{
	if (!ev)
		return;
	rg_arena_free(ev->arena);
	free(ev);
}

void rg_event_reset(struct rg_event *ev)
{
	memset(ev->tag, 0, sizeof(ev->tag));
	rg_arena_reset(ev->arena);
}

void *rg_event_alloc(struct rg_event *ev, size_t size)
{
	return rg_arena_alloc(ev->arena, size);
}

void rg_build_field(struct rg_builder *b, struct rg_event *ev, enum rg_field f, uint8_t tag)
{
	ev->v[f].node = NULL;
	ev->tag[f] = tag;
	*b = (struct rg_builder){.ev = ev, .tail = &ev->v[f].node};
}

static struct rg_node *node_add(struct rg_builder *b, const char *name, enum rg_type type)
{
	struct rg_node *n = b->full ? NULL : rg_arena_alloc(b->ev->arena, sizeof(*n));

	if (!n) {
		b->full = true;
		return NULL;
	}
	*n = (struct rg_node){.name = name, .type = (uint8_t)type};
	*b->tail = n;
	b->tail = &n->next;
	return n;
}

struct rg_node *rg_add_u(struct rg_builder *b, const char *name, enum rg_type type, uint64_t u)
{
	struct rg_node *n = node_add(b, name, type);

	if (n)
		n->v.u = u;
	return n;
}

struct rg_node *rg_add_i(struct rg_builder *b, const char *name, int64_t i)
{
	struct rg_node *n = node_add(b, name, RG_T_INT);

	if (n)
		n->v.i = i;
	return n;
}

struct rg_node *rg_add_bool(struct rg_builder *b, const char *name, bool v)
{
	return rg_add_u(b, name, RG_T_BOOL, v);
}

struct rg_node *rg_add_enum(struct rg_builder *b, const char *name, int64_t i, const struct rg_name *names)
{
	struct rg_node *n = node_add(b, name, RG_T_ENUM);

	if (n) {
		n->v.i = i;
		n->names = names;
	}
	return n;
}

struct rg_node *rg_add_flags(struct rg_builder *b, const char *name, uint64_t u, const struct rg_name *names)
{
	struct rg_node *n = node_add(b, name, RG_T_FLAGS);

	if (n) {
		n->v.u = u;
		n->names = names;
	}
	return n;
}

static struct rg_node *span_add(struct rg_builder *b, const char *name, enum rg_type type, const void *p,
				size_t len, size_t full)
{
	char *copy = b->full ? NULL : rg_arena_alloc(b->ev->arena, len ? len : 1);
	struct rg_node *n;

	if (!copy) {
		b->full = true;
		return NULL;
	}
	if (len)
		memcpy(copy, p, len);
	n = node_add(b, name, type);
	if (n) {
		n->v.p = copy;
		n->v.len = (uint32_t)len;
		n->v.full = (uint32_t)full;
	}
	return n;
}

struct rg_node *rg_add_str(struct rg_builder *b, const char *name, const char *s, size_t len)
{
	return span_add(b, name, RG_T_STR, s, len, len);
}

struct rg_node *rg_add_bytes(struct rg_builder *b, const char *name, const void *p, size_t len, size_t full)
{
	return span_add(b, name, RG_T_BYTES, p, len, full);
}

struct rg_node *rg_add_addr(struct rg_builder *b, const char *name, const struct rg_addr *a)
{
	struct rg_addr *copy = b->full ? NULL : rg_arena_alloc(b->ev->arena, sizeof(*copy) + a->text_len);
	struct rg_node *n;

	if (!copy) {
		b->full = true;
		return NULL;
	}
	*copy = *a;
	copy->text = (char *)(copy + 1);
	memcpy(copy + 1, a->text, a->text_len);
	n = node_add(b, name, RG_T_ADDR);
	if (n)
		n->v.addr = copy;
	return n;
}

static struct rg_node *chain_add(struct rg_builder *b, const char *name, enum rg_type type,
				 struct rg_builder *sub)
{
	struct rg_node *n = node_add(b, name, type);

	if (n) {
		n->v.node = NULL;
		*sub = (struct rg_builder){.ev = b->ev, .tail = &n->v.node};
	} else {
		*sub = (struct rg_builder){.ev = b->ev, .tail = NULL, .full = true};
	}
	return n;
}

struct rg_node *rg_add_object(struct rg_builder *b, const char *name, struct rg_builder *sub)
{
	return chain_add(b, name, RG_T_OBJECT, sub);
}

struct rg_node *rg_add_list(struct rg_builder *b, const char *name, struct rg_builder *sub)
{
	return chain_add(b, name, RG_T_LIST, sub);
}

const struct rg_node *rg_node_find(const struct rg_node *chain, const char *name)
{
	for (; chain; chain = chain->next)
		if (chain->name == name || (chain->name && !strcmp(chain->name, name)))
			return chain;
	return NULL;
}
