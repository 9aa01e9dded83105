/* SPDX-License-Identifier: BSD-2-Clause */
/* SOL_RXRPC: Documentation/networking/rxrpc.rst, linux/rxrpc.h. */
#include "decode/cmsg/row.h"

#define CM_LEVEL "SOL_RXRPC", 272

/* clang-format off */
static const struct rg_cmsg_field call_id[] = {
	CM_F("call_id", ULONG, 0, UINT, "", "The program's own id of the call"),
};
static const struct rg_cmsg_field abort_code[] = {
	CM_F("abort_code", S32, 0, INT, "", "Code the call was aborted with"),
};
static const struct rg_cmsg_field error[] = {
	CM_FN("errno", S32, 0, ENUM, rg_names_errnos, "The error"),
};
static const struct rg_cmsg_field tx_length[] = {
	CM_F("tx_length", S64, 0, INT, "bytes", "Size of the whole request or reply"),
};
static const struct rg_cmsg_field timeouts[] = {
	CM_F("hard", U32, 0, UINT, "s", "Longest time the call may take"),
	CM_F("idle", U32, 4, UINT, "ms", "Longest time without a packet"),
	CM_F("normal", U32, 8, UINT, "ms", "Longest time without progress"),
};
static const struct rg_cmsg_field oob_id[] = {
	CM_F("oob_id", U64, 0, UINT, "", "Id to respond with"),
};
static const struct rg_cmsg_field challenge[] = {
	CM_F("service_id", U16, 0, UINT, "", "Service that challenges"),
	CM_F("security_index", U8, 2, UINT, "", "Kind of security"),
	CM_F("enctype", U32, 4, UINT, "", "rxgk: Kerberos encryption type"),
};
static const struct rg_cmsg_field appdata[] = {
	CM_F("appdata", REST, 0, BYTES, "", "Data for the response packet"),
};
/* clang-format on */

/* clang-format off */
static const struct rg_cm_row rows[] = {
	CM_ROW("RXRPC_USER_CALL_ID", 1, CM_RS, CM_UM, CM_SIZES(8, 4), call_id, "2.6.22", "always", "Which call"),
	CM_ROW("RXRPC_ABORT", 2, CM_RS, CM_UM, CM_SIZE(4), abort_code, "2.6.22", "at the end of a call", "The call was aborted"),
	CM_EMPTY("RXRPC_ACK", 3, CM_R, CM_UM, "2.6.22", "at the end of a service call", "The reply was acknowledged"),
	CM_ROW("RXRPC_NET_ERROR", 5, CM_R, CM_U, CM_SIZE(4), error, "2.6.22", "at the end of a call", "The network failed"),
	CM_EMPTY("RXRPC_BUSY", 6, CM_R, CM_U, "2.6.22", "no longer sent by Linux", "The server is busy"),
	CM_ROW("RXRPC_LOCAL_ERROR", 7, CM_R, CM_U, CM_SIZE(4), error, "2.6.22", "at the end of a call", "An error on this machine"),
	CM_EMPTY("RXRPC_NEW_CALL", 8, CM_R, CM_U, "2.6.22", "no longer sent by Linux", "A call has come in"),
	CM_EMPTY("RXRPC_ACCEPT", 9, CM_S, CM_U, "2.6.22", "sent only", "Accept a call"),
	CM_EMPTY("RXRPC_EXCLUSIVE_CALL", 10, CM_S, CM_U, "4.9", "sent only", "Use a connection of its own"),
	CM_EMPTY("RXRPC_UPGRADE_SERVICE", 11, CM_S, CM_U, "4.13", "sent only", "Ask for the newer service"),
	CM_ROW("RXRPC_TX_LENGTH", 12, CM_S, CM_U, CM_SIZE(8), tx_length, "4.13", "sent only", "Size of what will be sent"),
	CM_ROW("RXRPC_SET_CALL_TIMEOUT", 13, CM_S, CM_U, CM_RANGE(4, 12), timeouts, "4.16", "sent only", "Timeouts of the call"),
	CM_EMPTY("RXRPC_CHARGE_ACCEPT", 14, CM_S, CM_U, "5.10", "sent only", "Make an id ready for a call to come"),
	CM_ROW("RXRPC_OOB_ID", 15, CM_RS, CM_U, CM_SIZE(8), oob_id, "6.16", "RXRPC_MANAGE_RESPONSE", "Which out-of-band message"),
	CM_ROW("RXRPC_CHALLENGED", 16, CM_R, CM_U, CM_RANGE(4, 8), challenge, "6.16", "RXRPC_MANAGE_RESPONSE", "The server asks for proof"),
	CM_EMPTY("RXRPC_RESPOND", 17, CM_S, CM_U, "6.16", "sent only", "Answer a challenge"),
	CM_EMPTY("RXRPC_RESPONDED", 18, CM_R, CM_U, "6.16", "not sent by Linux so far", "A challenge was answered"),
	CM_ROW("RXRPC_RESP_RXGK_APPDATA", 19, CM_S, CM_U, CM_RANGE(0, RG_CMSG_ANY), appdata, "6.16", "sent only", "Data for the response"),
};
/* clang-format on */
CM_LEVEL_DEF(rxrpc, 0);
