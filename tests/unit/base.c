/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/lib/unit.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

#include <recvguard/error.h>

#include "base/arena.h"
#include "base/buf.h"

static void numbers_are_exact(void **state)
{
	rg_auto_buf b = {0};

	rg_buf_u64(&b, 0);
	rg_buf_char(&b, ' ');
	rg_buf_u64(&b, UINT64_MAX);
	rg_buf_char(&b, ' ');
	rg_buf_i64(&b, INT64_MIN);
	rg_buf_char(&b, ' ');
	rg_buf_hex(&b, 0xdeadbeef01);
	rg_buf_printf(&b, " %d", 7);
	assert_string_equal(rg_buf_cstr(&b), "0 18446744073709551615 -9223372036854775808 deadbeef01 7");
	assert_false(b.oom);
}

static void errors_keep_code_and_context(void **state)
{
	struct rg_err err = {0};

	assert_int_equal(rg_fail(&err, -ENOENT, "no file '%s'", "x"), -ENOENT);
	assert_int_equal(rg_err_wrap(&err, "policy %d", 3), -ENOENT);
	assert_string_equal(err.msg, "policy 3: no file 'x'");
	assert_int_equal(rg_fail(NULL, -EIO, "ignored"), -EIO);
}

static void arena_respects_its_limit_and_is_reusable(void **state)
{
	struct rg_arena *a = rg_arena_new(100000);

	for (int round = 0; round < 3; round++) {
		size_t got = 0;
		char *p;

		while ((p = rg_arena_alloc(a, 1001))) {
			assert_int_equal((uintptr_t)p % 8, 0);
			memset(p, round, 1001);
			got += 1001;
		}
		assert_in_range(got, 80000, 100000);
		rg_arena_reset(a);
	}
	assert_null(rg_arena_alloc(a, SIZE_MAX - 3));
	rg_arena_free(a);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(numbers_are_exact),
	cmocka_unit_test(errors_keep_code_and_context),
	cmocka_unit_test(arena_respects_its_limit_and_is_reusable),
};
RG_UNIT_MAIN(tests)
