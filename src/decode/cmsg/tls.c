/* SPDX-License-Identifier: BSD-2-Clause */
/* SOL_TLS: Documentation/networking/tls.rst, linux/tls.h. */
#include "decode/cmsg/row.h"

#define CM_LEVEL "SOL_TLS", 282

/* clang-format off */
static const struct rg_name records[] = {{20, "change_cipher_spec"}, {21, "alert"},	{22, "handshake"},
					 {23, "application_data"},   {24, "heartbeat"}, {0, NULL}};
static const struct rg_cmsg_field record[] = {
	CM_FN("record", U8, 0, ENUM, records, "Type of the TLS record"),
};
/* clang-format on */

/* clang-format off */
static const struct rg_cm_row rows[] = {
	CM_ROW("TLS_SET_RECORD_TYPE", 1, CM_S, CM_U, CM_SIZE(1), record, "4.13", "sent only", "Record type to send"),
	CM_ROW("TLS_GET_RECORD_TYPE", 2, CM_R, CM_UM, CM_SIZE(1), record, "4.17", "always, once TLS_RX is set", "Record type received"),
};
/* clang-format on */
CM_LEVEL_DEF(tls, 0);
