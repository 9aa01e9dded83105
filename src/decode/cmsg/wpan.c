/* SPDX-License-Identifier: BSD-2-Clause */
/* SOL_IEEE802154, which is 0: the kernel's include/net/af_ieee802154.h. */
#include <sys/socket.h>

#include "decode/cmsg/row.h"

#define CM_LEVEL "SOL_IEEE802154", 0

/* clang-format off */
static const struct rg_cmsg_field lqi[] = {
	CM_F("lqi", U8, 0, UINT, "", "Link quality, 0 worst to 255 best"),
};
/* clang-format on */

/* clang-format off */
static const struct rg_cm_row rows[] = {
	CM_ROW("WPAN_WANTLQI", 3, CM_R, CM_U, CM_SIZE(1), lqi, "3.2", "WPAN_WANTLQI", "Link quality"),
};
/* clang-format on */
CM_LEVEL_DEF(wpan, AF_IEEE802154);
