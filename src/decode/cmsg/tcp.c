/* SPDX-License-Identifier: BSD-2-Clause */
/* SOL_TCP: tcp(7), linux/tcp.h. MPTCP sockets use the same level. */
#include "decode/cmsg/row.h"

#define CM_LEVEL "SOL_TCP", 6

/* clang-format off */
static const struct rg_cmsg_field inq[] = {
	CM_F("unread", S32, 0, INT, "bytes", "Bytes still queued after this receive"),
};
/* clang-format on */

/* clang-format off */
static const struct rg_cm_row rows[] = {
	CM_ROW("TCP_CM_INQ", 36, CM_R, CM_ALL, CM_SIZE(4), inq, "4.18", "TCP_INQ", "What is left to read"),
};
/* clang-format on */
CM_LEVEL_DEF(tcp, 0);
