/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/libbpf.h"

#include <bpf/libbpf.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

static char said[512];
static libbpf_print_fn_t before;

static int keep(enum libbpf_print_level level, const char *fmt, va_list ap)
{
	const char *log = getenv("RECVGUARD_BPF_LOG");
	rg_auto_fclose FILE *f = log && *log ? fopen(log, "ae") : NULL;
	va_list copy;

	if (f) {
		va_copy(copy, ap);
		vfprintf(f, fmt, copy);
		va_end(copy);
	}
	if (level == LIBBPF_WARN && !said[0])
		vsnprintf(said, sizeof(said), fmt, ap);
	return 0;
}

void rg_libbpf_listen(void)
{
	rg_libbpf_forget();
	before = libbpf_set_print(keep);
	libbpf_set_strict_mode(LIBBPF_STRICT_ALL);
}

void rg_libbpf_unlisten(void)
{
	libbpf_set_print(before);
}

void rg_libbpf_forget(void)
{
	said[0] = '\0';
}

const char *rg_libbpf_said(void)
{
	said[strcspn(said, "\n")] = '\0';
	return said;
}
