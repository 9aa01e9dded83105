// SPDX-License-Identifier: GPL-2.0-or-later
/* The legacy tier: the trampoline tier's hooks with what lib/legacy.h puts in place of newer kernels'
 * helpers. */
#define RG_LEGACY
#include "trampoline.bpf.c"
