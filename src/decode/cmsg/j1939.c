/* SPDX-License-Identifier: BSD-2-Clause */
/* SOL_CAN_J1939: Documentation/networking/j1939.rst, linux/can/j1939.h. */
#include "decode/cmsg/row.h"

#define CM_LEVEL "SOL_CAN_J1939", 107

/* clang-format off */
static const struct rg_cmsg_field dest_addr[] = {
	CM_F("addr", U8, 0, UINT, "", "Destination address"),
};
static const struct rg_cmsg_field dest_name[] = {
	CM_F("name", U64, 0, UINT, "", "Destination name (64 bits, SAE J1939-81)"),
};
static const struct rg_cmsg_field prio[] = {
	CM_F("priority", U8, 0, UINT, "", "Priority in the CAN id: 0 is the most urgent, 7 the least"),
};
/* clang-format on */

/* clang-format off */
static const struct rg_cm_row rows[] = {
	CM_ROW("SCM_J1939_DEST_ADDR", 1, CM_R, CM_UM, CM_SIZE(1), dest_addr, "5.4", "always, where there is one", "Destination address"),
	CM_ROW("SCM_J1939_DEST_NAME", 2, CM_R, CM_U, CM_SIZE(8), dest_name, "5.4", "always, where there is one", "Destination name"),
	CM_ROW("SCM_J1939_PRIO", 3, CM_R, CM_UM, CM_SIZE(1), prio, "5.4", "always", "Priority"),
	CM_ERRQUEUE("SCM_J1939_ERRQUEUE", 4, CM_U, 16, "5.4", "SO_J1939_ERRQUEUE; MSG_ERRQUEUE", "Progress or end of a session"),
};
/* clang-format on */
CM_LEVEL_DEF(j1939, 0);
