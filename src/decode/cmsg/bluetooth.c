/* SPDX-License-Identifier: BSD-2-Clause */
/* SOL_BLUETOOTH: the kernel's include/net/bluetooth/bluetooth.h. */
#include "decode/cmsg/row.h"

#define CM_LEVEL "SOL_BLUETOOTH", 274

/* clang-format off */
static const struct rg_name statuses[] = {
	{0, "good"}, {1, "invalid"}, {2, "none"}, {3, "partial"}, {0, NULL}};
static const struct rg_cmsg_field status[] = {
	CM_FN("status", U8, 0, ENUM, statuses, "What the controller says of the packet (Packet_Status_Flag)"),
};
static const struct rg_cmsg_field seqnum[] = {
	CM_F("seqnum", U16, 0, UINT, "", "Sequence number of the packet"),
};
/* clang-format on */

/* clang-format off */
static const struct rg_cm_row rows[] = {
	CM_ROW("BT_SCM_PKT_STATUS", 3, CM_R, CM_U, CM_SIZE(1), status, "5.9", "BT_PKT_STATUS, SCO and ISO", "State of the packet"),
	CM_ERRQUEUE("BT_SCM_ERROR", 4, CM_U, 16, "6.15", "SO_TIMESTAMPING; MSG_ERRQUEUE", "A transmit stamp"),
	CM_ROW("BT_SCM_PKT_SEQNUM", 5, CM_R, CM_U, CM_SIZE(2), seqnum, "6.18", "BT_PKT_SEQNUM, ISO", "Sequence number"),
};
/* clang-format on */
CM_LEVEL_DEF(bluetooth, 0);
