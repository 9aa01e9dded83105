/* SPDX-License-Identifier: BSD-2-Clause */
/* The IR verifier, and the evaluator and the targets on whatever passes it. Input: a binary program. */
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "policy/ir.h"
#include "policy/lower/cbpf.h"
#include "policy/lower/match.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct rg_event *ev;
	static struct rg_cbpf filter;
	struct rg_err err = {0};
	struct rg_buf out = {0};
	struct rg_match m;
	void *block = malloc(size ? size : 1); /* aligned, and guarded by the sanitizer */

	if (!ev) {
		struct rg_builder list, o;

		ev = rg_event_new();
		rg_set_bytes(ev, RG_F_MSG_DATA, "GET / HTTP/1.1\r\n", 16, 40, RG_TAG_K);
		rg_build_field(&list, ev, RG_F_FD, RG_TAG_K);
		rg_add_object(&list, NULL, &o);
		rg_add_i(&o, "fd", 3);
	}
	if (size)
		memcpy(block, data, size);
	if (!rg_ir_verify(block, size, &err)) {
		rg_ir_eval(block, ev, NULL);
		rg_ir_disasm(block, &out);
		if (!rg_lower_match(block, &m, &err))
			rg_match_free(&m);
		rg_lower_cbpf(block, &filter, &err);
	}
	rg_buf_free(&out);
	free(block);
	return 0;
}
