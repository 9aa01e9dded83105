/* SPDX-License-Identifier: BSD-2-Clause */
/* SOL_CAN_RAW: Documentation/networking/can.rst, linux/can/raw.h. */
#include "decode/cmsg/row.h"

#define CM_LEVEL "SOL_CAN_RAW", 101

/* clang-format off */
static const struct rg_cm_row rows[] = {
	CM_ERRQUEUE("SCM_CAN_RAW_ERRQUEUE", 1, CM_UM, 16, "6.1", "SO_TIMESTAMPING; MSG_ERRQUEUE", "A transmit stamp"),
};
/* clang-format on */
CM_LEVEL_DEF(can_raw, 0);
