/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RG_BASE_PREEMPT_H
#define RG_BASE_PREEMPT_H

#include <stdbool.h>

/*
 * Does this kernel take the processor from a thread that is in the kernel (CONFIG_PREEMPT, _LAZY, _RT; with
 * CONFIG_PREEMPT_DYNAMIC as started, preempt= of kernel-parameters)? BPF programs at trampolines are
 * preempted then, and the kernel leaves out their runs for others on that processor meanwhile
 * (__bpf_prog_enter_recur, kernel/bpf/trampoline.c); programs of BPF LSM alone are not left out.
 */
enum rg_preempt { RG_PREEMPT_NO, RG_PREEMPT_YES, RG_PREEMPT_UNKNOWN };
enum rg_preempt rg_preempt(void);
/* Can programs at tracepoints be preempted too, if any can? Linux 7. */
bool rg_preempt_tracepoints(void);

#endif
