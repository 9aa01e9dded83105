/* SPDX-License-Identifier: BSD-2-Clause */
/* SOL_MISDN, which is 0: the kernel's include/linux/mISDNif.h. */
#include <sys/socket.h>

#include "decode/cmsg/row.h"

#define CM_LEVEL "SOL_MISDN", 0

/* clang-format off */
static const struct rg_cmsg_field stamp[] = {
	CM_F("time", TIMEVAL64, 0, TIME, "ns", "When the packet came in; 64 bits also for 32-bit programs: the kernel does not convert it"),
};
/* clang-format on */

/* clang-format off */
static const struct rg_cm_row rows[] = {
	CM_ROW("MISDN_TIME_STAMP", 1, CM_R, CM_U, CM_SIZE(16), stamp, "", "MISDN_TIME_STAMP", "Time"),
};
/* clang-format on */
CM_LEVEL_DEF(misdn, AF_ISDN);
