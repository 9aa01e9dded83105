/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RG_BASE_NUMBER_H
#define RG_BASE_NUMBER_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Processes and threads by the numbers that BPF programs know: those of the initial pid namespace
 * (pid_namespaces(7), bpf_get_current_pid_tgid of bpf-helpers(7)). In a pid namespace of its own a process
 * has another number for itself, and nothing but the kernel knows this one: a small program is run in the
 * caller's context and asked. Needs Linux 5.10 and CAP_BPF with CAP_PERFMON; without them the number is the
 * caller's own, as if there were no namespace.
 */
uint32_t rg_number_of_process(void);
uint32_t rg_number_of_thread(void);

/* Does this process count processes otherwise than the kernel's programs do? Then numbers that a user gives
 * mean nothing to these. */
bool rg_number_is_local(void);

#endif
