/* SPDX-License-Identifier: BSD-2-Clause */
/* Every type of the table, byte by byte in both ABIs, cut and stretched to every length, at a page's edge. */
#include "tests/lib/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "decode/cmsg.h"
#include "tests/lib/edge.h"
#include "tests/lib/show.h"

/* What differs between the ABIs: payload and fields. */
#define SAME	  NULL
#define ABI(a, b) a "\0" b
struct vector {
	const char *level, *type;
	bool send;
	uint16_t family;
	const char *hex64, *hex32, *fields;
	bool abi; /* fields holds two texts */
};
enum { R, S };
#define V(level, type, dir, family, hex64, hex32, fields) \
	{level, type, dir == S, family, hex64, hex32, fields, sizeof(fields) > strlen(fields) + 1},
static const struct vector vectors[] = {
#include "cmsg_vectors.def"
};

static size_t unhex(const char *s, uint8_t *out)
{
	size_t n = 0;
	unsigned byte;

	for (; *s; s++)
		if (*s != ' ') {
			assert_int_equal(sscanf(s++, "%2x", &byte), 1);
			out[n++] = (uint8_t)byte;
		}
	return n;
}

static const struct rg_cmsg_type *type_of(const struct vector *v)
{
	const struct rg_cmsg_type *t, *other = NULL;

	for (size_t i = 0; (t = rg_cmsg_type_at(i)); i++)
		if (!strcmp(t->level, v->level) && !strcmp(t->name, v->type)) {
			if (t->dirs & (v->send ? RG_CMSG_SEND : RG_CMSG_RECV))
				return t;
			other = t;
		}
	return other;
}

static size_t head_of(bool compat)
{
	return compat ? 12 : 16;
}

static size_t put_header(uint8_t *p, bool compat, uint64_t len, int32_t level, int32_t type)
{
	if (compat)
		memcpy(p, (uint32_t[]){(uint32_t)len}, 4);
	else
		memcpy(p, &len, 8);
	memcpy(p + head_of(compat) - 8, &level, 4);
	memcpy(p + head_of(compat) - 4, &type, 4);
	return head_of(compat);
}

static struct rg_cmsg_ctx ctx_of(const struct vector *v, bool compat)
{
	return (struct rg_cmsg_ctx){.compat = compat, .send = v->send, .family = v->family, .tag = RG_TAG_K};
}

static const struct rg_node *decode(struct rg_event *ev, const uint8_t *p, size_t len,
				    const struct rg_cmsg_ctx *ctx, unsigned *n)
{
	struct rg_builder list;

	rg_event_reset(ev);
	rg_build_field(&list, ev, RG_F_CMSG, RG_TAG_K);
	*n = rg_decode_cmsgs(edge(p, len), len, ctx, &list);
	assert_false(list.full);
	return ev->v[RG_F_CMSG].node;
}

/* The fields behind level, type and len. */
static const struct rg_node *after_head(const struct rg_node *element)
{
	const struct rg_node *n = element->v.node;

	assert_string_equal(n->name, "level");
	assert_string_equal(n->next->name, "type");
	assert_string_equal(n->next->next->name, "len");
	assert_int_equal(element->tag, RG_TAG_K);
	return n->next->next->next;
}

static const char *fields_of(const struct vector *v, bool compat)
{
	return compat && v->abi ? v->fields + strlen(v->fields) + 1 : v->fields;
}

static void check_whole(struct rg_event *ev, const struct vector *v, bool compat)
{
	const struct rg_cmsg_type *t = type_of(v);
	struct rg_cmsg_ctx ctx = ctx_of(v, compat);
	uint8_t p[512];
	size_t head, len;
	unsigned n;
	rg_auto_buf shown = {0};
	const struct rg_node *e;

	assert_non_null(t);
	head = put_header(p, compat, 0, t->level_nr, t->type_nr);
	len = head + unhex(compat && v->hex32 ? v->hex32 : v->hex64, p + head);
	put_header(p, compat, len, t->level_nr, t->type_nr);
	e = decode(ev, p, len, &ctx, &n);
	assert_int_equal(n, 1);
	assert_null(e->next);
	assert_string_equal(rg_name_of(e->v.node->names, (uint64_t)e->v.node->v.i), v->level);
	assert_string_equal(rg_name_of(e->v.node->next->names, (uint64_t)e->v.node->next->v.i), v->type);
	assert_int_equal(e->v.node->next->next->v.u, len);
	rg_show_chain(&shown, after_head(e));
	if (strcmp(rg_buf_cstr(&shown), fields_of(v, compat)))
		print_error("%s %s%s\n", v->level, v->type, compat ? " (32-bit)" : "");
	assert_string_equal(rg_buf_cstr(&shown), fields_of(v, compat));
}

static void every_type_decodes_to_its_fields_in_both_abis(void **state)
{
	struct rg_event *ev = rg_event_new();

	for (size_t i = 0; i < RG_ARRAY_LEN(vectors); i++) {
		check_whole(ev, &vectors[i], false);
		check_whole(ev, &vectors[i], true);
	}
	rg_event_free(ev);
}

static void every_row_of_the_table_has_a_vector(void **state)
{
	const struct rg_cmsg_type *t;
	bool found;

	for (size_t i = 0; (t = rg_cmsg_type_at(i)); i++) {
		found = false;
		for (size_t j = 0; j < RG_ARRAY_LEN(vectors); j++)
			found |= type_of(&vectors[j]) == t;
		if (!found)
			print_error("%s %s\n", t->level, t->name);
		assert_true(found);
		assert_true(t->tests & RG_CMSG_UNIT);
	}
}

/* What the table says of a type's fields is what its elements hold. */
static void check_documented(const struct rg_cmsg_type *t, const struct rg_node *n)
{
	for (; n; n = n->next) {
		bool found =
			!strcmp(n->name, "malformed") || !strcmp(n->name, "data") || !strcmp(n->name, "cut");

		for (size_t i = 0; i < t->n_fields && !found; i++)
			found = !strcmp(t->fields[i].name, n->name) && t->fields[i].type == n->type;
		if (!found)
			print_error("%s %s: field %s\n", t->level, t->name, n->name);
		assert_true(found);
	}
}

/* Payload of n bytes, alone at the buffer's end or with another message behind it. */
static void check_length(struct rg_event *ev, const struct vector *v, bool compat, const uint8_t *payload,
			 size_t n, size_t full, bool followed)
{
	const struct rg_cmsg_type *t = type_of(v);
	struct rg_cmsg_ctx ctx = ctx_of(v, compat);
	size_t min = compat ? t->min32 : t->min64, max = compat ? t->max32 : t->max64;
	size_t head = head_of(compat), len = head + n, align = compat ? 4 : 8;
	uint8_t p[600] = {0};
	unsigned count;
	const struct rg_node *e, *cut, *bad;

	put_header(p, compat, len, t->level_nr, t->type_nr);
	memcpy(p + head, payload, n);
	if (followed) {
		len = (len + align - 1) & ~(align - 1);
		len += put_header(p + len, compat, head, 9999, 1);
	}
	e = decode(ev, p, len, &ctx, &count);
	assert_int_equal(count, followed ? 2 : 1);
	check_documented(t, after_head(e));
	cut = rg_node_find(e->v.node, "cut");
	bad = rg_node_find(e->v.node, "malformed");
	if (n == full) {
		assert_null(cut);
		assert_null(bad);
	} else if (n < min) {
		assert_int_equal(!!cut, !followed && !v->send);
		assert_int_equal(!!bad, followed || v->send);
		assert_non_null(rg_node_find(e->v.node, "data"));
	} else if (max != RG_CMSG_ANY && n > max) {
		assert_non_null(bad);
	}
}

static void every_length_of_every_type_is_safe_and_said(void **state)
{
	struct rg_event *ev = rg_event_new();
	uint8_t payload[512];

	for (size_t i = 0; i < RG_ARRAY_LEN(vectors); i++)
		for (int compat = 0; compat < 2; compat++) {
			const struct vector *v = &vectors[i];
			size_t full;

			memset(payload, 0, sizeof(payload));
			full = unhex(compat && v->hex32 ? v->hex32 : v->hex64, payload);
			for (size_t n = 0; n <= full + 8; n++) {
				check_length(ev, v, compat, payload, n, full, false);
				check_length(ev, v, compat, payload, n, full, true);
			}
		}
	rg_event_free(ev);
}

/* cmsg_len says the whole, the buffer holds less: nothing but the bytes can be shown. */
static void a_length_past_the_buffer_is_shown_as_bytes(void **state)
{
	struct rg_event *ev = rg_event_new();
	uint8_t p[512];
	unsigned count;

	for (size_t i = 0; i < RG_ARRAY_LEN(vectors); i++)
		for (int compat = 0; compat < 2; compat++) {
			const struct rg_cmsg_type *t = type_of(&vectors[i]);
			struct rg_cmsg_ctx ctx = ctx_of(&vectors[i], compat);
			const char *hex = compat && vectors[i].hex32 ? vectors[i].hex32 : vectors[i].hex64;
			size_t len = head_of(compat) + unhex(hex, p + head_of(compat));

			put_header(p, compat, len, t->level_nr, t->type_nr);
			for (size_t n = 1; n < len; n++) {
				const struct rg_node *e = decode(ev, p, n, &ctx, &count), *data;

				assert_int_equal(count, 1);
				assert_non_null(rg_node_find(e->v.node, "malformed"));
				data = rg_node_find(e->v.node, "data");
				assert_int_equal(data->v.len, n);
				assert_memory_equal(data->v.p, p, n);
			}
		}
	rg_event_free(ev);
}

/* What every element may hold of itself: no decoded field may hide it. */
static bool taken(const char *name)
{
	static const char *const own[] = {"level", "type", "len", "cut", "partial", "malformed", "data"};

	for (size_t i = 0; i < RG_ARRAY_LEN(own); i++)
		if (!strcmp(own[i], name))
			return true;
	return false;
}

static void the_table_explains_itself(void **state)
{
	const struct rg_cmsg_type *t;
	int32_t level, type;

	for (size_t i = 0; (t = rg_cmsg_type_at(i)); i++) {
		assert_true(strlen(t->doc) > 3 && strlen(t->enabled) > 3);
		assert_true(t->dirs && t->min64 <= t->max64 && t->min32 <= t->max32);
		assert_int_equal(rg_cmsg_type_value(t->name, strlen(t->name), &level, &type), 0);
		assert_int_equal(rg_cmsg_level_value(t->level, strlen(t->level), &level), 0);
		assert_int_equal(level, t->level_nr);
		for (size_t j = 0; j < t->n_fields; j++) {
			const struct rg_cmsg_field *f = &t->fields[j];

			assert_false(taken(f->name));
			assert_true(f->name[0] && strlen(f->doc) > 5 && f->unit);
			assert_true((f->type != RG_T_FLAGS && !f->names) || f->type == RG_T_ENUM ||
				    f->type == RG_T_FLAGS);
			for (size_t k = 0; k < j; k++)
				assert_string_not_equal(t->fields[k].name, f->name);
		}
	}
	assert_true(rg_cmsg_type_count() > 100);
	assert_int_equal(rg_cmsg_type_value("SCM_NOTHING", 11, &level, &type), -2);
	assert_int_equal(rg_cmsg_level_value("SOL_NOTHING", 11, &level), -2);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(every_type_decodes_to_its_fields_in_both_abis),
	cmocka_unit_test(every_row_of_the_table_has_a_vector),
	cmocka_unit_test(every_length_of_every_type_is_safe_and_said),
	cmocka_unit_test(a_length_past_the_buffer_is_shown_as_bytes),
	cmocka_unit_test(the_table_explains_itself),
};
RG_UNIT_MAIN(tests)
