/* SPDX-License-Identifier: BSD-2-Clause */
/* SOL_SCTP: sctp(7), RFC 6458 section 5.3, linux/sctp.h. */
#include "decode/cmsg/row.h"

#define CM_LEVEL "SOL_SCTP", 132

/* clang-format off */
static const struct rg_name sinfo_flags[] = {
	{1 << 0, "UNORDERED"}, {1 << 1, "ADDR_OVER"},  {1 << 2, "ABORT"}, {1 << 3, "SACK_IMMEDIATELY"}, {1 << 6, "SENDALL"},
	{1 << 7, "PR_SCTP_ALL"}, {1 << 9, "EOF"}, {1 << 15, "NOTIFICATION"}, {0, NULL}};
static const struct rg_name nxt_flags[] = {
	{1 << 0, "UNORDERED"}, {1 << 1, "COMPLETE"}, {1 << 2, "NOTIFICATION"}, {0, NULL}};
static const struct rg_name pr_policies[] = {
	{0, "none"}, {0x10, "ttl"}, {0x20, "rtx"}, {0x30, "prio"}, {0, NULL}};
#define STREAM	   CM_F("stream", U16, 0, UINT, "", "Stream number")
#define PPID(at)   CM_F("ppid", BE32, at, UINT, "", "Payload protocol, in network order as applications write it")
#define CONTEXT(at) CM_F("context", U32, at, UINT, "", "The sender's own value, returned with errors")
#define ASSOC(at)  CM_F("assoc_id", S32, at, INT, "", "Association")
#define TSN(at)	   CM_F("tsn", U32, at, UINT, "", "Transmission sequence number"), \
	CM_F("cumtsn", U32, at + 4, UINT, "", "Cumulative sequence number, of unordered messages")
static const struct rg_cmsg_field init[] = {
	CM_F("ostreams", U16, 0, UINT, "", "Streams wanted outbound"),
	CM_F("instreams", U16, 2, UINT, "", "Streams accepted inbound"),
	CM_F("attempts", U16, 4, UINT, "", "Attempts to connect"),
	CM_F("timeout", U16, 6, UINT, "ms", "Longest time between them"),
};
static const struct rg_cmsg_field sndrcv[] = {
	STREAM,
	CM_F("ssn", U16, 2, UINT, "", "Stream sequence number"),
	CM_FLAG("flags", U16, 4, sinfo_flags, "Flags of the message"),
	PPID(8),
	CONTEXT(12),
	CM_F("timetolive", U32, 16, UINT, "ms", "Lifetime of the message, on a send"),
	TSN(20),
	ASSOC(28),
};
static const struct rg_cmsg_field sndinfo[] = {
	STREAM,
	CM_FLAG("flags", U16, 2, sinfo_flags, "Flags of the message"),
	PPID(4),
	CONTEXT(8),
	ASSOC(12),
};
static const struct rg_cmsg_field rcvinfo[] = {
	STREAM,
	CM_F("ssn", U16, 2, UINT, "", "Stream sequence number"),
	CM_FLAG("flags", U16, 4, sinfo_flags, "Flags of the message"),
	PPID(8),
	TSN(12),
	CONTEXT(20),
	ASSOC(24),
};
static const struct rg_cmsg_field nxtinfo[] = {
	STREAM,
	CM_FLAG("flags", U16, 2, nxt_flags, "Flags of the next message"),
	PPID(4),
	CM_F("length", U32, 8, SIZE, "bytes", "Size of the next message, as far as it is here"),
	ASSOC(12),
};
static const struct rg_cmsg_field prinfo[] = {
	CM_FN("policy", U16, 0, ENUM, pr_policies, "How reliable the message is to be"),
	CM_F("value", U32, 4, UINT, "", "Lifetime, retransmissions or priority, by the policy"),
};
static const struct rg_cmsg_field authinfo[] = {
	CM_F("keynumber", U16, 0, UINT, "", "Key to authenticate the message with"),
};
static const struct rg_cmsg_field dst4[] = {
	CM_F("addr", IP4, 0, ADDR, "", "Address of the peer to send to"),
};
static const struct rg_cmsg_field dst6[] = {
	CM_F("addr", IP6, 0, ADDR, "", "Address of the peer to send to"),
};
/* clang-format on */

/* clang-format off */
static const struct rg_cm_row rows[] = {
	CM_ROW("SCTP_INIT", 0, CM_S, CM_U, CM_SIZE(8), init, "", "sent only", "Parameters of a new association"),
	CM_ROW("SCTP_SNDRCV", 1, CM_RS, CM_UM, CM_SIZE(32), sndrcv, "", "SCTP_EVENTS (data_io), deprecated", "Stream, flags and numbers of the message"),
	CM_ROW("SCTP_SNDINFO", 2, CM_S, CM_U, CM_SIZE(16), sndinfo, "3.17", "sent only", "How to send the message"),
	CM_ROW("SCTP_RCVINFO", 3, CM_R, CM_UM, CM_SIZE(28), rcvinfo, "3.17", "SCTP_RECVRCVINFO", "Stream, flags and numbers of the message"),
	CM_ROW("SCTP_NXTINFO", 4, CM_R, CM_UM, CM_SIZE(16), nxtinfo, "3.17", "SCTP_RECVNXTINFO", "The message behind this one"),
	CM_ROW("SCTP_PRINFO", 5, CM_S, CM_U, CM_SIZE(8), prinfo, "4.20", "sent only", "Partial reliability"),
	CM_ROW("SCTP_AUTHINFO", 6, CM_S, CM_U, CM_SIZE(2), authinfo, "4.20", "sent only", "Authentication key"),
	CM_ROW("SCTP_DSTADDRV4", 7, CM_S, CM_U, CM_SIZE(4), dst4, "4.20", "sent only", "Destination"),
	CM_ROW("SCTP_DSTADDRV6", 8, CM_S, CM_U, CM_SIZE(16), dst6, "4.20", "sent only", "Destination"),
};
/* clang-format on */
CM_LEVEL_DEF(sctp, 0);
