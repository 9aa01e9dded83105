/* SPDX-License-Identifier: BSD-2-Clause */
/* SOL_IUCV: the kernel's include/net/iucv/af_iucv.h (s390). */
#include "decode/cmsg/row.h"

#define CM_LEVEL "SOL_IUCV", 277

/* clang-format off */
static const struct rg_cmsg_field trgcls[] = {
	CM_F("class", U32, 0, UINT, "", "Target class of the message"),
};
/* clang-format on */

/* clang-format off */
static const struct rg_cm_row rows[] = {
	CM_ROW("SCM_IUCV_TRGCLS", 1, CM_RS, CM_U, CM_SIZE(4), trgcls, "3.2", "always", "Target class"),
};
/* clang-format on */
CM_LEVEL_DEF(iucv, 0);
