/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RG_POLICY_WHY_H
#define RG_POLICY_WHY_H

/* What a back-end makes of a rule, with its reason in words. */
#include "policy/policy.h"

struct rg_why {
	char *p;
	size_t size;
};

/* Returns s; the reason goes to w. */
enum rg_support rg_why_say(struct rg_why *w, enum rg_support s, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

#endif
