/* SPDX-License-Identifier: BSD-2-Clause */
/* SOL_NETLINK: netlink(7), linux/netlink.h. */
#include "decode/cmsg/row.h"

#define CM_LEVEL "SOL_NETLINK", 270

/* clang-format off */
static const struct rg_cmsg_field pktinfo[] = {
	CM_F("group", U32, 0, UINT, "", "Multicast group the message was sent to, by number; 0: to this socket alone"),
};
static const struct rg_cmsg_field nsid[] = {
	CM_F("nsid", S32, 0, INT, "", "Id, in the receiver's network namespace, of the namespace the message is from"),
};
/* clang-format on */

/* clang-format off */
static const struct rg_cm_row rows[] = {
	CM_ROW("NETLINK_PKTINFO", 3, CM_R, CM_ALL, CM_SIZE(4), pktinfo, "", "NETLINK_PKTINFO", "Multicast group"),
	CM_ROW("NETLINK_LISTEN_ALL_NSID", 8, CM_R, CM_ALL, CM_SIZE(4), nsid, "4.2", "NETLINK_LISTEN_ALL_NSID, from other namespaces", "Which network namespace"),
};
/* clang-format on */
CM_LEVEL_DEF(netlink, 0);
