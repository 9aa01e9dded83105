/* SPDX-License-Identifier: BSD-2-Clause */
/* Regular expressions and globs: pattern to automaton, and matching. Input: 'g' (a glob) or anything else,
 * the pattern, and after a newline the text. */
#include "fuzz.h"

#include <errno.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "policy/regex.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *pat = (const char *)data + 1, *text;
	rg_auto_buf dfa = {0};
	struct rg_regex_err e = {0};
	size_t len, n;
	int r, whole;

	if (size < 2)
		return 0;
	text = memchr(pat, '\n', size - 1);
	len = text ? (size_t)(text - pat) : size - 1;
	n = text ? size - 2 - len : 0;
	text = text ? text + 1 : "";
	r = rg_regex_compile(pat, len, data[0] == 'g', &dfa, &e);
	FUZZ_CHECK(r == 0 || r == -EINVAL || r == -E2BIG);
	if (r) {
		FUZZ_CHECK(e.what && e.at <= len);
		return 0;
	}
	FUZZ_CHECK(rg_dfa_verify(rg_buf_cstr(&dfa), dfa.len));
	whole = rg_dfa_run(rg_buf_cstr(&dfa), text, n, false);
	FUZZ_CHECK(whole == 0 || whole == 1);
	/* what is decided by a part of the text stays so with the rest of it */
	for (size_t part = 0; part <= n; part++) {
		int early = rg_dfa_run(rg_buf_cstr(&dfa), text, part, true);

		FUZZ_CHECK(early < 0 || early == whole);
	}
	return 0;
}
