/* SPDX-License-Identifier: BSD-2-Clause */
/* Lexer, grammar, passes, lowering to every target, evaluator. Input: an expression. */
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "policy/expr.h"
#include "policy/lower/cbpf.h"
#include "policy/lower/match.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct rg_event *ev;
	static struct rg_cbpf filter;
	static struct rg_rec_msg rec;
	struct rg_err err = {0};
	struct rg_ir *ir = NULL;
	struct rg_match m;
	struct rg_comp c;

	if (!ev) {
		ev = rg_event_new();
		rg_set_u(ev, RG_F_PROC_PID, 5, RG_TAG_K);
		rg_set_bytes(ev, RG_F_MSG_DATA, "GET / HTTP/1.1\r\n", 16, 40, RG_TAG_K);
		rg_set_str(ev, RG_F_PROC_COMM, "nc", 2, RG_TAG_K);
	}
	if (rg_comp_init(&c, &err))
		return 0;
	for (int use = 0; use < 3; use++) {
		struct rg_src *src = rg_src_new(&c, "fuzz", (const char *)data, size);

		if (!src || rg_compile_ir(&c, src, (enum rg_use)use, &ir)) {
			FUZZ_CHECK(err.msg[0]);
			break;
		}
		rg_ir_eval(ir, ev, NULL);
		if (!rg_lower_match(ir, &m, &err)) {
			rg_match_run(&m, &rec, RG_KNOWN_ALL);
			rg_match_free(&m);
		}
		if (!rg_lower_cbpf(ir, &filter, &err))
			rg_cbpf_run(&filter, "GET / HTTP/1.1", 14);
		free(ir);
		ir = NULL;
	}
	rg_comp_done(&c);
	return 0;
}
