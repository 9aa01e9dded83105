/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/lib/unit.h"

#include <string.h>

#include <recvguard/event.h>

static void every_field_is_found_by_its_name(void **state)
{
	for (int f = 0; f < RG_F__COUNT; f++) {
		assert_non_null(rg_fields[f].name);
		assert_int_equal(rg_field_find(rg_fields[f].name, strlen(rg_fields[f].name)), f);
		assert_true(rg_fields[f].tags & (RG_TAG_K | RG_TAG_U));
		assert_true(strlen(rg_fields[f].doc) > 8);
	}
	assert_int_equal(rg_field_find("proc.pi", 7), -1);
}

static void fields_of_one_object_stand_together(void **state)
{
	/* JSON nests by prefix and opens each object once: "a.b" may not return after another prefix came. */
	for (int f = 1; f < RG_F__COUNT; f++)
		for (int g = 0; g < f; g++) {
			const char *dot = strchr(rg_fields[f].name, '.');
			size_t n = dot ? (size_t)(dot - rg_fields[f].name) + 1 : 0;

			if (n && !strncmp(rg_fields[f].name, rg_fields[g].name, n))
				assert_memory_equal(rg_fields[f].name, rg_fields[f - 1].name, n);
		}
}

static void lists_are_built_in_order_and_reset(void **state)
{
	struct rg_event *ev = rg_event_new();
	struct rg_builder list, obj;

	for (int round = 0; round < 2; round++) {
		rg_build_field(&list, ev, RG_F_CMSG, RG_TAG_U);
		for (int i = 0; i < 3; i++) {
			rg_add_object(&list, NULL, &obj);
			rg_add_i(&obj, "n", i);
			rg_add_str(&obj, "s", "ab", 2);
		}
		assert_true(rg_has(ev, RG_F_CMSG));
		int i = 0;
		for (const struct rg_node *n = ev->v[RG_F_CMSG].node; n; n = n->next, i++)
			assert_int_equal(rg_node_find(n->v.node, "n")->v.i, i);
		assert_int_equal(i, 3);
		rg_event_reset(ev);
		assert_false(rg_has(ev, RG_F_CMSG));
	}
	rg_event_free(ev);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(every_field_is_found_by_its_name),
	cmocka_unit_test(fields_of_one_object_stand_together),
	cmocka_unit_test(lists_are_built_in_order_and_reset),
};
RG_UNIT_MAIN(tests)
