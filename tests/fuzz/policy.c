/* SPDX-License-Identifier: BSD-2-Clause */
/* The YAML loader, both kinds of policies, decisions and explanations. Input: a policy file. */
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

#include <recvguard/policy.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1), *out = NULL;
	struct rg_policy *p = NULL;
	struct rg_err err = {0};
	struct rg_decision d;

	memcpy(text, data, size);
	text[size] = 0;
	if (!rg_policy_parse(text, "fuzz.yaml", &p, &err)) {
		struct rg_event *ev = rg_event_new();

		rg_policy_decide(p, ev, &d);
		rg_event_set_verdict(ev, &d, "fuzz");
		FUZZ_CHECK(!rg_policy_explain(p, &out, &err));
		rg_event_free(ev);
		rg_policy_free(p);
	} else {
		FUZZ_CHECK(err.msg[0]);
	}
	free(out);
	free(text);
	return 0;
}
