/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RG_KERNEL_FUNCTIONS_H
#define RG_KERNEL_FUNCTIONS_H

#include "kernel/capture.h"

/*
 * The two tiers that hook kernel functions (trampoline, legacy): the same programs by name
 * (bpf/hooks/trampoline.bpf.c), in two objects.
 */

struct btf;

/* Parameters of the running kernel's function, -1: it has none of that name. */
int rg_hook_args(const struct btf *btf, const char *function);
/* Leave a program out before load; load true changes nothing. */
void rg_hook_load(struct bpf_object *obj, const char *program, bool load);
/* Leave, of the programs that see messages, those of --metadata or all but those. */
void rg_hooks_metadata(struct bpf_object *obj, bool metadata);
/* Leave out the programs whose function this kernel does not have, and what the options do not ask for. */
int rg_hooks_prepare(struct bpf_object *obj, const struct btf *btf, const struct rg_trace_opts *opts,
		     struct rg_err *err);
/* The compiler may have inlined sock_recvmsg into its callers in this kernel: calls of our own tell. tries:
 * how often its end was seen, counted by the object's programs. */
int rg_hooks_settle(struct rg_capture *c, const volatile unsigned long long *tries, struct rg_err *err);

#endif
