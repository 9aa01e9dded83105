/* SPDX-License-Identifier: BSD-2-Clause */
/* SOL_VSOCK: vsock(7), linux/vm_sockets.h. */
#include "decode/cmsg/row.h"

#define CM_LEVEL "SOL_VSOCK", 287

/* clang-format off */
static const struct rg_cm_row rows[] = {
	CM_ERRQUEUE("VSOCK_RECVERR", 1, CM_UM, 16, "6.7", "SO_ZEROCOPY; MSG_ERRQUEUE", "A zero-copy completion"),
};
/* clang-format on */
CM_LEVEL_DEF(vsock, 0);
