/* SPDX-License-Identifier: BSD-2-Clause */
/* From one control message to one element: which row, is it whole, its fields. */
#include <errno.h>

#include "decode/cmsg/row.h"

/* Level 0 is several protocols' own: those that ask for their family stand before the one that does not. */
static const struct rg_cm_level *const levels[] = {
	&rg_cm_socket,
};

static const struct rg_cm_level *level_find(int32_t nr, uint16_t family)
{
	for (size_t i = 0; i < RG_ARRAY_LEN(levels); i++)
		if (levels[i]->self[0].value == (uint64_t)nr &&
		    (!levels[i]->family || levels[i]->family == family))
			return levels[i];
	return NULL;
}

/* A few types mean something else on the way out: such a row stands beside its twin, with the other
 * direction. */
static const struct rg_cm_row *row_find(const struct rg_cm_level *level, int32_t type, uint8_t dir)
{
	const struct rg_cm_row *other = NULL;

	for (size_t i = 0; level && i < level->n_rows; i++)
		if (level->rows[i].t.type_nr == type) {
			if (level->rows[i].t.dirs & dir)
				return &level->rows[i];
			other = &level->rows[i];
		}
	return other;
}

size_t rg_cmsg_type_count(void)
{
	size_t n = 0;

	for (size_t i = 0; i < RG_ARRAY_LEN(levels); i++)
		n += levels[i]->n_rows;
	return n;
}

const struct rg_cmsg_type *rg_cmsg_type_at(size_t index)
{
	for (size_t i = 0; i < RG_ARRAY_LEN(levels); i++) {
		if (index < levels[i]->n_rows)
			return &levels[i]->rows[index].t;
		index -= levels[i]->n_rows;
	}
	return NULL;
}

static bool same(const char *name, const char *s, size_t len)
{
	return strlen(name) == len && !memcmp(name, s, len);
}

int rg_cmsg_level_value(const char *name, size_t len, int32_t *ret)
{
	for (size_t i = 0; i < RG_ARRAY_LEN(levels); i++)
		if (same(levels[i]->self[0].name, name, len)) {
			*ret = (int32_t)levels[i]->self[0].value;
			return 0;
		}
	return -ENOENT;
}

int rg_cmsg_type_value(const char *name, size_t len, int32_t *ret_level, int32_t *ret_type)
{
	const struct rg_cmsg_type *t;

	for (size_t i = 0; (t = rg_cmsg_type_at(i)); i++)
		if (same(t->name, name, len)) {
			*ret_level = t->level_nr;
			*ret_type = t->type_nr;
			return 0;
		}
	return -ENOENT;
}

/* "what: N bytes, NAME has M" without the printf family: this is the event's path. */
struct words {
	char text[128];
	size_t n;
};

static void say(struct words *w, const char *s)
{
	while (*s && w->n < sizeof(w->text))
		w->text[w->n++] = *s++;
}

static void say_number(struct words *w, uint64_t u)
{
	char digits[21], *d = digits + sizeof(digits) - 1;

	*d = 0;
	do
		*--d = (char)('0' + u % 10);
	while (u /= 10);
	say(w, d);
}

static void add_words(struct rg_builder *b, const struct words *w)
{
	rg_add_str(b, "malformed", w->text, w->n);
}

static void wrong_size(struct rg_cm_in *in, const char *what, size_t want)
{
	struct words w = {.n = 0};

	say(&w, what);
	say_number(&w, in->len);
	say(&w, " bytes, ");
	say(&w, in->row->t.name);
	say(&w, " has ");
	say_number(&w, want);
	add_words(in->out, &w);
	rg_add_bytes(in->out, "data", in->p, in->len, in->len);
}

/* Too short for the type. Where the kernel ran out of room (put_cmsg) it fills the room to its last byte:
 * then it is cut, and what is whole of it is decoded; otherwise it is nothing the kernel writes. */
static void decode_short(struct rg_cm_in *in, size_t min, bool at_end)
{
	if (at_end && !in->ctx->send) {
		rg_cm_fields(in, 0);
		rg_add_bool(in->out, "cut", true);
		rg_add_bytes(in->out, "data", in->p, in->len, min);
	} else {
		wrong_size(in, "too short: ", min);
	}
}

static void decode_payload(struct rg_cm_in *in, bool at_end)
{
	const struct rg_cmsg_type *t = &in->row->t;
	size_t min = in->ctx->compat ? t->min32 : t->min64, max = in->ctx->compat ? t->max32 : t->max64;
	struct words w = {.n = 0};

	if (in->len < min) {
		decode_short(in, min, at_end);
		return;
	}
	if (in->row->decode)
		in->row->decode(in);
	else
		rg_cm_fields(in, 0);
	if (in->bad) {
		say(&w, in->bad);
		add_words(in->out, &w);
		rg_add_bytes(in->out, "data", in->p, in->len, in->len);
	} else if (max != RG_CMSG_ANY && in->len > max) {
		wrong_size(in, "too long: ", max);
	}
}

static void decode_one(const struct rg_cmsg_view *v, const struct rg_cmsg_ctx *ctx, struct rg_builder *list)
{
	struct rg_builder obj;
	struct rg_node *element = rg_add_object(list, NULL, &obj);
	const struct rg_cm_level *level = v->header ? level_find(v->level, ctx->family) : NULL;
	const struct rg_cm_row *row = row_find(level, v->type, ctx->send ? RG_CMSG_SEND : RG_CMSG_RECV);
	struct rg_cm_in in = {.p = v->data, .len = v->len, .ctx = ctx, .row = row, .out = &obj};

	if (element)
		element->tag = ctx->tag;
	if (v->header) {
		rg_add_enum(&obj, "level", v->level, level ? level->self : NULL);
		rg_add_enum(&obj, "type", v->type, row ? row->self : NULL);
		rg_add_u(&obj, "len", RG_T_SIZE, v->cmsg_len);
	}
	if (v->bad) {
		rg_add_str(&obj, "malformed", v->bad, strlen(v->bad));
		rg_add_bytes(&obj, "data", v->data, v->len, v->len);
	} else if (!row) {
		rg_add_bytes(&obj, "data", v->data, v->len, v->len);
	} else {
		decode_payload(&in, v->at_end);
	}
	list->full |= obj.full;
}

unsigned rg_decode_cmsgs(const uint8_t *p, size_t len, const struct rg_cmsg_ctx *ctx, struct rg_builder *list)
{
	struct rg_cmsg_walk w;
	struct rg_cmsg_view v;
	unsigned n = 0;

	rg_cmsg_walk(&w, p, len, ctx->compat);
	while (rg_cmsg_next(&w, &v)) {
		decode_one(&v, ctx, list);
		if (list->full)
			break;
		n++;
	}
	return n;
}
