/* SPDX-License-Identifier: BSD-2-Clause */
/* Regular expressions: what an oracle is wrong about, and what would take too long to build. */
#include "tests/lib/unit.h"

#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "policy/regex.h"

/* Answers known without an oracle. */
static void never_repeated(void **state)
{
	static const struct {
		const char *p, *s;
		bool want;
	} t[] = {
		{"(?:a|^.|$){0}b", "xxbyy", true},
		{"(?:a|^.|$){0}b", "xxyy", false},
		{"^a{0}$", "", true},
		{"^a{0}$", "a", false},
		{"^(?:ab|c){0,0}d$", "d", true},
		{"a{0}", "", true},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		rg_auto_buf dfa = {0};
		struct rg_regex_err e;

		assert_int_equal(rg_regex_compile(t[i].p, strlen(t[i].p), false, &dfa, &e), 0);
		assert_int_equal(rg_dfa_run(rg_buf_cstr(&dfa), t[i].s, strlen(t[i].s), false), t[i].want);
	}
}

/* A few bytes that would take hours: refused, after a bounded amount of work. */
static void made_to_be_slow(void **state)
{
	static const char *const t[] = {
		"((((){200}){200}){200}){200}",
		"((((){1,200}){1,200}){1,200}){1,200}",
		"((((((((((){200}){200}){200}){200}){200}){200}){200}){200}){200}){200}",
		"((((^){200}){200}){200}){200}",
		"(a|b)*a(a|b){20}",
		"((a*)*b*){200}c{200}(a|b|[^c]){200}",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		struct rg_regex_err e;

		assert_int_equal(rg_regex_check(t[i], strlen(t[i]), false, &e), -E2BIG);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(never_repeated),
					   cmocka_unit_test(made_to_be_slow)};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
