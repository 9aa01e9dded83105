/* SPDX-License-Identifier: BSD-2-Clause */
/* SOL_HCI, which is 0: the kernel's include/net/bluetooth/hci_sock.h. */
#include <sys/socket.h>

#include "decode/cmsg/row.h"

#define CM_LEVEL "SOL_HCI", 0

/* clang-format off */
static const struct rg_cmsg_field dir[] = {
	CM_F("incoming", S32, 0, BOOL, "", "The packet came from the controller"),
};
static const struct rg_cmsg_field stamp[] = {
	CM_F("time", TIMEVAL, 0, TIME, "ns", "When the packet passed, by the kernel's real-time clock"),
};
/* clang-format on */

/* clang-format off */
static const struct rg_cm_row rows[] = {
	CM_ROW("HCI_CMSG_DIR", 1, CM_R, CM_UM, CM_SIZE(4), dir, "", "HCI_DATA_DIR", "Direction"),
	CM_ROW("HCI_CMSG_TSTAMP", 2, CM_R, CM_UM, CM_SIZES(16, 8), stamp, "", "HCI_TIME_STAMP", "Time"),
};
/* clang-format on */
CM_LEVEL_DEF(hci, AF_BLUETOOTH);
