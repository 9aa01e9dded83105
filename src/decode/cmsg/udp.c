/* SPDX-License-Identifier: BSD-2-Clause */
/* SOL_UDP: udp(7), linux/udp.h. */
#include "decode/cmsg/row.h"

#define CM_LEVEL "SOL_UDP", 17

/* clang-format off */
static const struct rg_cmsg_field gro[] = {
	CM_F("segment_size", S32, 0, SIZE, "bytes", "Size of each datagram that was joined into this one; the last may be shorter"),
};
static const struct rg_cmsg_field segment[] = {
	CM_F("segment_size", U16, 0, SIZE, "bytes", "Size of the datagrams to split this one into"),
};
/* clang-format on */

/* clang-format off */
static const struct rg_cm_row rows[] = {
	CM_ROW("UDP_SEGMENT", 103, CM_S, CM_U, CM_SIZE(2), segment, "4.18", "sent only", "Split into datagrams of this size"),
	CM_ROW("UDP_GRO", 104, CM_R, CM_ALL, CM_SIZE(4), gro, "5.0", "UDP_GRO", "Several datagrams received as one"),
};
/* clang-format on */
CM_LEVEL_DEF(udp, 0);
