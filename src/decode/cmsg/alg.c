/* SPDX-License-Identifier: BSD-2-Clause */
/* SOL_ALG: Documentation/crypto/userspace-if.rst, linux/if_alg.h. Sent only. */
#include "decode/cmsg/row.h"

#define CM_LEVEL "SOL_ALG", 279

/* clang-format off */
static const struct rg_name operations[] = {{0, "decrypt"}, {1, "encrypt"}, {0, NULL}};
static const struct rg_cmsg_field iv[] = {
	CM_F("iv_len", U32, 0, SIZE, "bytes", "Size of the initialisation vector; its bytes are not shown"),
};
static const struct rg_cmsg_field operation[] = {
	CM_FN("operation", U32, 0, ENUM, operations, "What to do with the data"),
};
static const struct rg_cmsg_field assoclen[] = {
	CM_F("assoc_len", U32, 0, SIZE, "bytes", "Size of the data that is authenticated only"),
};
/* clang-format on */

/* clang-format off */
static const struct rg_cm_row rows[] = {
	CM_ROW("ALG_SET_IV", 2, CM_S, CM_U, CM_RANGE(4, RG_CMSG_ANY), iv, "2.6.38", "sent only", "Initialisation vector"),
	CM_ROW("ALG_SET_OP", 3, CM_S, CM_U, CM_SIZE(4), operation, "2.6.38", "sent only", "Encrypt or decrypt"),
	CM_ROW("ALG_SET_AEAD_ASSOCLEN", 4, CM_S, CM_U, CM_SIZE(4), assoclen, "3.20", "sent only", "Associated data"),
};
/* clang-format on */
CM_LEVEL_DEF(alg, 0);
