/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RG_TESTS_UNIT_H
#define RG_TESTS_UNIT_H

/* Every unit test includes this first: cmocka with what it needs, and TAP as output. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define RG_UNIT_MAIN(tests)                                       \
	int main(void)                                            \
	{                                                         \
		cmocka_set_message_output(CM_OUTPUT_TAP);         \
		return cmocka_run_group_tests(tests, NULL, NULL); \
	}

#endif
