// SPDX-License-Identifier: GPL-2.0-or-later
/* The trampoline tier on kernels that preempt: the same programs at hooks where the kernel holds preemption
 * off (lib/held.h). */
#define RG_FPROBE
#include "trampoline.bpf.c"
