/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RG_BASE_FORCED_H
#define RG_BASE_FORCED_H

#include <stdbool.h>

/*
 * Is a fallback forced by the environment (RECVGUARD_FORCE, words separated by commas)? For tests, of what
 * only other kernels or far larger machines need:
 * - no-stack, no-dynptr: the tracepoint tier does without that way to its values
 * - no-fprobe: the trampoline tier at trampolines, also where the kernel preempts
 * - no-match: the filter is decided in user space alone
 * - few-pids: two processes can be followed
 * - no-lsm, no-fmod_ret: that back-end of `enforce` is not there
 */
bool rg_forced(const char *word);

#endif
