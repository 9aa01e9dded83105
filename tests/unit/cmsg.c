/* SPDX-License-Identifier: BSD-2-Clause */
/* Control messages: walking and the shapes that are wrong. Types byte by byte: cmsg_types.c. */
#include "tests/lib/unit.h"

#include <string.h>
#include <sys/socket.h>

#include "decode/cmsg.h"

static void descriptors_are_found_in_both_abis(void **state)
{
	uint8_t p[64] = {0};
	int fds[4] = {-1, -1, -1, -1};

	memcpy(p, (uint32_t[]){24, 0, 1, 1, 7, 9}, 24);
	assert_int_equal(rg_cmsg_fds(p, 24, false, fds, 4), 2);
	assert_int_equal(fds[0], 7);
	assert_int_equal(fds[1], 9);
	memcpy(p, (uint32_t[]){20, 1, 1, 3, 4, 16, 1, 4, 8}, 36);
	assert_int_equal(rg_cmsg_fds(p, 36, true, fds, 1), 2);
	assert_int_equal(fds[0], 3);
	assert_true(rg_cmsg_pidfd(p, 36, true, fds));
	assert_int_equal(fds[0], 8);
	assert_false(rg_cmsg_pidfd(p, 20, true, fds));
	assert_int_equal(rg_cmsg_fds(NULL, 0, false, fds, 4), 0);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(descriptors_are_found_in_both_abis),
};
RG_UNIT_MAIN(tests)
