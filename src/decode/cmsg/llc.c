/* SPDX-License-Identifier: BSD-2-Clause */
/* SOL_LLC: linux/llc.h. */
#include "decode/cmsg/row.h"

#define CM_LEVEL "SOL_LLC", 268

/* clang-format off */
static const struct rg_cmsg_field pktinfo[] = {
	CM_F("ifindex", S32, 0, INT, "", "Interface the frame came in by"),
	CM_F("sap", U8, 4, UINT, "", "Destination service access point"),
	CM_F("mac", MAC, 5, STR, "", "Destination address"),
};
/* clang-format on */

/* clang-format off */
static const struct rg_cm_row rows[] = {
	CM_ROW("LLC_OPT_PKTINFO", 9, CM_R, CM_UM, CM_SIZE(12), pktinfo, "2.6.35", "LLC_OPT_PKTINFO", "Interface and destination"),
};
/* clang-format on */
CM_LEVEL_DEF(llc, 0);
