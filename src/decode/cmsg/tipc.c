/* SPDX-License-Identifier: BSD-2-Clause */
/* SOL_TIPC: linux/tipc.h. */
#include "decode/cmsg/row.h"

#define CM_LEVEL "SOL_TIPC", 271

/* clang-format off */
static const struct rg_name errors[] = {
	{0, "ok"}, {1, "no_name"}, {2, "no_port"}, {3, "no_node"}, {4, "overload"}, {5, "conn_shutdown"}, {0, NULL}};
static const struct rg_cmsg_field errinfo[] = {
	CM_FN("error", U32, 0, ENUM, errors, "Why the message came back, or the connection ended"),
	CM_F("returned", U32, 4, SIZE, "bytes", "Size of what came back"),
};
static const struct rg_cmsg_field retdata[] = {
	CM_F("returned_data", REST, 0, BYTES, "", "The message that came back"),
};
static const struct rg_cmsg_field destname[] = {
	CM_F("service", U32, 0, UINT, "", "Service type the message was sent to"),
	CM_F("lower", U32, 4, UINT, "", "First instance of the range"),
	CM_F("upper", U32, 8, UINT, "", "Last instance of the range"),
};
/* clang-format on */

/* clang-format off */
static const struct rg_cm_row rows[] = {
	CM_ROW("TIPC_ERRINFO", 1, CM_R, CM_UM, CM_SIZE(8), errinfo, "", "always", "A message that was returned"),
	CM_ROW("TIPC_RETDATA", 2, CM_R, CM_UM, CM_RANGE(0, RG_CMSG_ANY), retdata, "", "always, behind TIPC_ERRINFO", "Its data"),
	CM_ROW("TIPC_DESTNAME", 3, CM_R, CM_UM, CM_SIZE(12), destname, "", "always, where sent to a service", "The service asked for"),
};
/* clang-format on */
CM_LEVEL_DEF(tipc, 0);
