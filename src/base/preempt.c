/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/preempt.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include "base/cleanup.h"

bool rg_preempt_tracepoints(void)
{
	struct utsname u;

	return !uname(&u) && atoi(u.release) >= 7;
}

/* "none (voluntary) full": which of them it was started with. */
static enum rg_preempt started_with(void)
{
	rg_auto_fclose FILE *f = fopen("/sys/kernel/debug/sched/preempt", "re");
	char line[128] = "";
	size_t n = f ? fread(line, 1, sizeof(line) - 1, f) : 0;

	/* since Linux 7 there is nothing but full and lazy on x86 */
	if (!n)
		return rg_preempt_tracepoints() ? RG_PREEMPT_YES : RG_PREEMPT_UNKNOWN;
	return strstr(line, "(none)") || strstr(line, "(voluntary)") ? RG_PREEMPT_NO : RG_PREEMPT_YES;
}

enum rg_preempt rg_preempt(void)
{
	struct utsname u;

	if (uname(&u))
		return RG_PREEMPT_UNKNOWN;
	if (strstr(u.version, "PREEMPT_DYNAMIC"))
		return started_with();
	return strstr(u.version, "PREEMPT") ? RG_PREEMPT_YES : RG_PREEMPT_NO;
}
