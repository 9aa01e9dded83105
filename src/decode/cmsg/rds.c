/* SPDX-License-Identifier: BSD-2-Clause */
/* SOL_RDS: linux/rds.h. */
#include "decode/cmsg/row.h"

#define CM_LEVEL "SOL_RDS", 276

static const struct rg_name statuses[] = {{0, "success"}, {1, "remote_error"}, {2, "canceled"},
					  {3, "dropped"}, {4, "other_error"},  {0, NULL}};
static const struct rg_cmsg_field args[] = {
	CM_F("cookie", U64, 0, UINT, "", "Remote memory region"),
	CM_F("remote_addr", U64, 8, UINT, "", "Where in it"),
	CM_F("remote_bytes", U64, 16, SIZE, "bytes", "How much of it"),
	CM_F("local_vec_addr", U64, 24, UINT, "", "Address of the local vectors"),
	CM_F("nr_local", U64, 32, UINT, "", "Number of them"),
	CM_F("flags", U64, 40, UINT, "", "RDS_RDMA_* flags"),
	CM_F("token", U64, 48, UINT, "", "The program's own id of the operation"),
};
static const struct rg_cmsg_field dest[] = {
	CM_F("cookie", U64, 0, UINT, "", "Memory region the peer means: key and offset"),
};
static const struct rg_cmsg_field map[] = {
	CM_F("addr", U64, 0, UINT, "", "Address of the memory to map"),
	CM_F("bytes", U64, 8, SIZE, "bytes", "Its size"),
	CM_F("cookie_addr", U64, 16, UINT, "", "Where to store the cookie"),
	CM_F("flags", U64, 24, UINT, "", "RDS_RDMA_* flags"),
};
static const struct rg_cmsg_field status[] = {
	CM_F("token", U64, 0, UINT, "", "The program's own id of the operation"),
	CM_FN("status", S32, 8, ENUM, statuses, "How it ended"),
};
static const struct rg_cmsg_field congestion[] = {
	CM_F("ports", U64, 0, UINT, "", "Mask of the ports (modulo 64) that are no longer congested"),
};
static const struct rg_cmsg_field atomic[] = {
	CM_F("arguments", REST, 0, BYTES, "", "struct rds_atomic_args"),
};
static const struct rg_cmsg_field latency[] = {
	CM_F("traces", U8, 0, UINT, "", "How many of the three are meant"),
	CM_F("pos0", U8, 1, UINT, "", "First: at which point of the receive path"),
	CM_F("latency0", U64, 8, DURATION, "ns", "First: time to it"),
	CM_F("pos1", U8, 2, UINT, "", "Second: at which point"),
	CM_F("latency1", U64, 16, DURATION, "ns", "Second: time to it"),
	CM_F("pos2", U8, 3, UINT, "", "Third: at which point"),
	CM_F("latency2", U64, 24, DURATION, "ns", "Third: time to it"),
};
static const struct rg_cmsg_field cookie[] = {
	CM_F("cookie", U32, 0, UINT, "", "Id of this zero-copy send"),
};
static const struct rg_cmsg_field completion[] = {
	CM_D("cookies", LIST, "", NULL, "Ids of the zero-copy sends that are complete"),
};
static void decode_completion(struct rg_cm_in *in)
{
	struct rg_builder list;
	uint32_t n = rg_cm_u32(in->p);

	rg_add_list(in->out, "cookies", &list);
	for (uint32_t i = 0; i < n && i < 8; i++)
		rg_add_u(&list, NULL, RG_T_UINT, rg_cm_u32(in->p + 4 + (size_t)4 * i));
	in->out->full |= list.full;
	if (n > 8)
		in->bad = "more cookies than the message holds";
}

/* clang-format off */
static const struct rg_cm_row rows[] = {
	CM_ROW("RDS_CMSG_RDMA_ARGS", 1, CM_S, CM_U, CM_SIZE(56), args, "2.6.30", "sent only", "A transfer to remote memory"),
	CM_ROW("RDS_CMSG_RDMA_DEST", 2, CM_RS, CM_U, CM_SIZE(8), dest, "2.6.30", "where the peer sent one", "Memory region of the peer"),
	CM_ROW("RDS_CMSG_RDMA_MAP", 3, CM_S, CM_U, CM_SIZE(32), map, "2.6.30", "sent only", "Memory to map"),
	CM_ROW("RDS_CMSG_RDMA_STATUS", 4, CM_R, CM_U, CM_SIZE(16), status, "2.6.30", "RDS_RECVERR or a flag of the transfer", "A transfer is complete"),
	CM_ROW("RDS_CMSG_CONG_UPDATE", 5, CM_R, CM_U, CM_SIZE(8), congestion, "2.6.30", "RDS_CONG_MONITOR", "Ports can be sent to again"),
	CM_ROW("RDS_CMSG_ATOMIC_FADD", 6, CM_S, CM_U, CM_RANGE(0, RG_CMSG_ANY), atomic, "2.6.37", "sent only", "Fetch and add"),
	CM_ROW("RDS_CMSG_ATOMIC_CSWP", 7, CM_S, CM_U, CM_RANGE(0, RG_CMSG_ANY), atomic, "2.6.37", "sent only", "Compare and swap"),
	CM_ROW("RDS_CMSG_MASKED_ATOMIC_FADD", 8, CM_S, CM_U, CM_RANGE(0, RG_CMSG_ANY), atomic, "2.6.37", "sent only", "Fetch and add, masked"),
	CM_ROW("RDS_CMSG_MASKED_ATOMIC_CSWP", 9, CM_S, CM_U, CM_RANGE(0, RG_CMSG_ANY), atomic, "2.6.37", "sent only", "Compare and swap, masked"),
	CM_ROW("RDS_CMSG_RXPATH_LATENCY", 11, CM_R, CM_UM, CM_SIZE(32), latency, "4.11", "SO_RDS_MSG_RXPATH_LATENCY", "Time spent in the receive path"),
	CM_ROW("RDS_CMSG_ZCOPY_COOKIE", 12, CM_S, CM_U, CM_SIZE(4), cookie, "4.17", "sent only", "Id of a zero-copy send"),
	CM_ROWFN("RDS_CMSG_ZCOPY_COMPLETION", 13, CM_R, CM_U, CM_SIZE(36), completion, decode_completion, "4.17", "SO_ZEROCOPY", "Zero-copy sends that are complete"),
};
/* clang-format on */
CM_LEVEL_DEF(rds, 0);
