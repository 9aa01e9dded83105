/* SPDX-License-Identifier: BSD-2-Clause */
/* SOL_PACKET: packet(7), linux/if_packet.h. */
#include "decode/cmsg/row.h"

#define CM_LEVEL "SOL_PACKET", 263

/* clang-format off */
static const struct rg_name statuses[] = {
	{1 << 0, "USER"},	   {1 << 1, "COPY"},	       {1 << 2, "LOSING"},
	{1 << 3, "CSUMNOTREADY"},  {1 << 4, "VLAN_VALID"},     {1 << 5, "BLK_TMO"},
	{1 << 6, "VLAN_TPID_VALID"}, {1 << 7, "CSUM_VALID"},   {1 << 8, "GSO_TCP"},
	{1 << 29, "TS_SOFTWARE"},  {1 << 30, "TS_SYS_HARDWARE"}, {UINT64_C(1) << 31, "TS_RAW_HARDWARE"},
	{0, NULL}};
static const struct rg_cmsg_field auxdata[] = {
	CM_FLAG("status", U32, 0, statuses, "State of the packet (TP_STATUS_*)"),
	CM_F("pktlen", U32, 4, SIZE, "bytes", "Length of the packet"),
	CM_F("snaplen", U32, 8, SIZE, "bytes", "Bytes of it that were captured"),
	CM_F("mac", U16, 12, SIZE, "bytes", "Where the link-layer header begins"),
	CM_F("net", U16, 14, SIZE, "bytes", "Where the network header begins"),
	CM_F("vlan_tci", U16, 16, UINT, "", "VLAN tag, where status has VLAN_VALID"),
	CM_FN("vlan_tpid", U16, 18, ENUM, rg_names_etherprotos, "Protocol of the VLAN tag, where status has VLAN_TPID_VALID"),
};
/* clang-format on */

/* clang-format off */
static const struct rg_cm_row rows[] = {
	CM_ROW("PACKET_AUXDATA", 8, CM_R, CM_ALL, CM_SIZE(20), auxdata, "2.6.21", "PACKET_AUXDATA", "Lengths, offsets, VLAN tag"),
	CM_ERRQUEUE("PACKET_TX_TIMESTAMP", 16, CM_ALL, 16, "2.6.30", "SO_TIMESTAMPING; MSG_ERRQUEUE", "A transmit stamp"),
};
/* clang-format on */
CM_LEVEL_DEF(packet, 0);
