/* SPDX-License-Identifier: BSD-2-Clause */
/* SOL_SOCKET: unix(7), socket(7), Documentation/networking/timestamping.rst, asm-generic/socket.h. */
#include "decode/cmsg/row.h"

#define CM_LEVEL "SOL_SOCKET", 1

static const struct rg_cmsg_field rights[] = {
	CM_D("fds", LIST, "", NULL, "Numbers of the descriptors installed in the receiver"),
};
static void decode_rights(struct rg_cm_in *in)
{
	struct rg_builder fds;

	rg_add_list(in->out, "fds", &fds);
	for (size_t i = 0; i + 4 <= in->len; i += 4)
		rg_add_i(&fds, NULL, (int32_t)rg_cm_u32(in->p + i));
	in->out->full |= fds.full;
	if (in->len % 4)
		in->bad = "the descriptors are not a whole number of ints";
}

static const struct rg_cmsg_field credentials[] = {
	CM_F("pid", S32, 0, INT, "",
	     "Process id of the sender, as the receiver's pid namespace shows it; 0: outside, or the kernel"),
	CM_F("uid", U32, 4, UINT, "", "User id of the sender, as the receiver's user namespace shows it"),
	CM_F("gid", U32, 8, UINT, "", "Group id of the sender, as the receiver's user namespace shows it"),
};

static const struct rg_cmsg_field security[] = {
	CM_F("label", TEXT, 0, STR, "", "Security label of the sender (SELinux, Smack or AppArmor context)"),
};

static const struct rg_cmsg_field pidfd[] = {
	CM_D("pidfd", INT, "", NULL, "Descriptor, in the receiver, of the sending process"),
	CM_D("process", UINT, "", NULL,
	     "Process that the descriptor stands for: the sender by the message's own credentials, as "
	     "sender.pid"),
	CM_D("errno", ENUM, "", rg_names_errnos, "Why the kernel had no pidfd to give"),
};
static void decode_pidfd(struct rg_cm_in *in)
{
	int32_t fd = (int32_t)rg_cm_u32(in->p);

	if (fd >= 0)
		rg_add_i(in->out, "pidfd", fd);
	if (fd >= 0 && in->ctx->sender_pid)
		rg_add_u(in->out, "process", RG_T_UINT, in->ctx->sender_pid);
	if (fd < 0)
		rg_add_enum(in->out, "errno", -(int64_t)fd, rg_names_errnos);
}

#define STAMP_DOC "When the packet came in, by the kernel's real-time clock"
static const struct rg_cmsg_field timestamp[] = {CM_F("time", TIMEVAL, 0, TIME, "ns", STAMP_DOC)};
static const struct rg_cmsg_field timestampns[] = {CM_F("time", TIMESPEC, 0, TIME, "ns", STAMP_DOC)};
static const struct rg_cmsg_field timestamp64[] = {CM_F("time", TIMEVAL64, 0, TIME, "ns", STAMP_DOC)};
static const struct rg_cmsg_field timestampns64[] = {CM_F("time", TIMESPEC64, 0, TIME, "ns", STAMP_DOC)};

#define SOFT_DOC   "Stamp taken by the kernel, real-time clock"
#define LEGACY_DOC "Second stamp of the three, no longer used by the kernel"
#define HARD_DOC   "Stamp taken by the device, by the device's own clock"
static const struct rg_cmsg_field timestamping[] = {
	CM_OPT("software", TIMESPEC, 0, 0, TIME, "ns", SOFT_DOC),
	CM_OPT("legacy", TIMESPEC, 16, 8, TIME, "ns", LEGACY_DOC),
	CM_OPT("hardware", TIMESPEC, 32, 16, TIME, "ns", HARD_DOC),
};
static const struct rg_cmsg_field timestamping64[] = {
	CM_OPT("software", TIMESPEC64, 0, 0, TIME, "ns", SOFT_DOC),
	CM_OPT("legacy", TIMESPEC64, 16, 16, TIME, "ns", LEGACY_DOC),
	CM_OPT("hardware", TIMESPEC64, 32, 32, TIME, "ns", HARD_DOC),
};

static const struct rg_cmsg_field ts_pktinfo[] = {
	CM_F("ifindex", U32, 0, UINT, "", "Interface whose device took the stamp"),
	CM_F("pkt_length", U32, 4, SIZE, "bytes", "Length of the packet at layer 2"),
};
static const struct rg_cmsg_field drops[] = {
	CM_F("drops", U32, 0, UINT, "", "Messages the socket has dropped for want of room since it was made"),
};
static const struct rg_cmsg_field wifi[] = {
	CM_F("acked", S32, 0, BOOL, "", "The frame was acknowledged by the other station"),
};
static const struct rg_cmsg_field mark[] = {
	CM_F("mark", U32, 0, UINT, "", "Firewall mark of the packet"),
};
static const struct rg_cmsg_field priority[] = {
	CM_F("priority", U32, 0, UINT, "", "Priority of the packet"),
};
static const struct rg_cmsg_field devmem[] = {
	CM_F("frag_offset", U64, 0, UINT, "bytes",
	     "Where in the dma-buf (or, linear, in the buffer) the payload lies"),
	CM_F("frag_size", U32, 8, SIZE, "bytes", "Its size"),
	CM_F("frag_token", U32, 12, UINT, "", "Token to give the fragment back by SO_DEVMEM_DONTNEED"),
	CM_F("dmabuf_id", U32, 16, UINT, "", "Which bound dma-buf"),
	CM_F("flags", U32, 20, UINT, "", "Unused so far"),
};
static const struct rg_cmsg_field inq[] = {
	CM_F("unread", S32, 0, INT, "bytes", "Bytes still queued after this receive"),
};
static const struct rg_cmsg_field txtime[] = {
	CM_F("txtime", U64, 0, UINT, "ns", "When to send, by the clock chosen with SO_TXTIME"),
};
static const struct rg_cmsg_field ts_opt_id[] = {
	CM_F("key", U32, 0, UINT, "", "Key the transmit stamp shall carry"),
};

static const struct rg_name tsflags[] = {{1 << 0, "TX_HARDWARE"},    {1 << 1, "TX_SOFTWARE"},
					 {1 << 2, "RX_HARDWARE"},    {1 << 3, "RX_SOFTWARE"},
					 {1 << 4, "SOFTWARE"},	     {1 << 5, "SYS_HARDWARE"},
					 {1 << 6, "RAW_HARDWARE"},   {1 << 7, "OPT_ID"},
					 {1 << 8, "TX_SCHED"},	     {1 << 9, "TX_ACK"},
					 {1 << 10, "OPT_CMSG"},	     {1 << 11, "OPT_TSONLY"},
					 {1 << 12, "OPT_STATS"},     {1 << 13, "OPT_PKTINFO"},
					 {1 << 14, "OPT_TX_SWHW"},   {1 << 15, "BIND_PHC"},
					 {1 << 16, "OPT_ID_TCP"},    {1 << 17, "OPT_RX_FILTER"},
					 {1 << 18, "TX_COMPLETION"}, {0, NULL}};
static const struct rg_cmsg_field tx_request[] = {
	CM_FN("flags", U32, 0, FLAGS, tsflags, "Stamps wanted for this message (SOF_TIMESTAMPING_*)"),
};

/* clang-format off */
static const struct rg_cm_row rows[] = {
	CM_ROWFN("SCM_RIGHTS", 1, CM_RS, CM_ALL, CM_RANGE(0, 4 * 253), rights, decode_rights, "", "always, on unix sockets (SO_PASSRIGHTS=0 refuses)", "Descriptors passed along"),
	CM_ROW("SCM_CREDENTIALS", 2, CM_RS, CM_ALL, CM_SIZE(12), credentials, "2.2", "SO_PASSCRED", "The sending process, by its own word checked by the kernel"),
	CM_ROW("SCM_SECURITY", 3, CM_R, CM_U, CM_RANGE(0, RG_CMSG_ANY), security, "2.6.17", "SO_PASSSEC, and a security module that labels", "Security label of the sender"),
	CM_ROWFN("SCM_PIDFD", RG_SCM_PIDFD, CM_R, CM_ALL, CM_SIZE(4), pidfd, decode_pidfd, "6.5", "SO_PASSPIDFD", "The sending process as a pidfd"),
	CM_ROW("SO_TIMESTAMP_OLD", 29, CM_R, CM_ALL, CM_SIZES(16, 8), timestamp, "", "SO_TIMESTAMP", "Time of receipt, microseconds"),
	CM_ROW("SO_TIMESTAMPNS_OLD", 35, CM_R, CM_ALL, CM_SIZES(16, 8), timestampns, "2.6.22", "SO_TIMESTAMPNS", "Time of receipt, nanoseconds"),
	CM_ROW("SO_TIMESTAMPING_OLD", 37, CM_R, CM_ALL, CM_SIZES(48, 24), timestamping, "2.6.30", "SO_TIMESTAMPING", "Times of receipt or of sending, by kernel and device"),
	CM_ROW("SO_TIMESTAMP_NEW", 63, CM_R, CM_ALL, CM_SIZE(16), timestamp64, "5.1", "SO_TIMESTAMP_NEW", "Time of receipt, microseconds, 64 bits in both ABIs"),
	CM_ROW("SO_TIMESTAMPNS_NEW", 64, CM_R, CM_ALL, CM_SIZE(16), timestampns64, "5.1", "SO_TIMESTAMPNS_NEW", "Time of receipt, nanoseconds, 64 bits in both ABIs"),
	CM_ROW("SO_TIMESTAMPING_NEW", 65, CM_R, CM_ALL, CM_SIZE(48), timestamping64, "5.1", "SO_TIMESTAMPING_NEW", "Times of receipt or of sending, 64 bits in both ABIs"),
	CM_ROW("SO_TIMESTAMPING_OLD", 37, CM_S, CM_U, CM_SIZE(4), tx_request, "4.6", "sent", "Stamps wanted for this message"),
	CM_ROW("SO_TIMESTAMPING_NEW", 65, CM_S, CM_U, CM_SIZE(4), tx_request, "", "sent", "Stamps wanted for this message"),
	CM_ROW_("SCM_TIMESTAMPING_OPT_STATS", 54, CM_R, CM_ALL, CM_RANGE(4, RG_CMSG_ANY), rg_cm_opt_stats_fields, RG_CM_OPT_STATS_FIELDS, rg_cm_opt_stats, "4.10", "SOF_TIMESTAMPING_OPT_STATS with OPT_TSONLY, MSG_ERRQUEUE", "State of the TCP connection (or J1939 session) when the stamp was taken"),
	CM_ROW("SCM_TIMESTAMPING_PKTINFO", 58, CM_R, CM_U, CM_SIZE(16), ts_pktinfo, "4.13", "SOF_TIMESTAMPING_OPT_PKTINFO and a device stamp", "Which device stamped, and the packet's length there"),
	CM_ROW("SO_RXQ_OVFL", 40, CM_R, CM_ALL, CM_SIZE(4), drops, "2.6.33", "SO_RXQ_OVFL, once something was dropped", "Messages dropped before this one"),
	CM_ROW("SCM_WIFI_STATUS", 41, CM_R, CM_U, CM_SIZE(4), wifi, "3.3", "SO_WIFI_STATUS", "Fate of a sent 802.11 frame"),
	CM_ROW("SO_MARK", 36, CM_RS, CM_ALL, CM_SIZE(4), mark, "5.19", "SO_RCVMARK", "Firewall mark"),
	CM_ROW("SO_PRIORITY", 12, CM_RS, CM_ALL, CM_SIZE(4), priority, "6.14", "SO_RCVPRIORITY", "Packet priority"),
	CM_ROW("SCM_DEVMEM_LINEAR", 78, CM_R, CM_U, CM_SIZE(24), devmem, "6.12", "the call's flag MSG_SOCK_DEVMEM", "Payload that was copied to the buffer"),
	CM_ROW("SCM_DEVMEM_DMABUF", 79, CM_R, CM_U, CM_SIZE(24), devmem, "6.12", "the call's flag MSG_SOCK_DEVMEM", "Payload that lies in device memory"),
	CM_ROW("SCM_INQ", 84, CM_R, CM_ALL, CM_SIZE(4), inq, "6.17", "SO_INQ, unix stream", "What is left to read"),
	CM_ROW("SCM_TXTIME", 61, CM_S, CM_U, CM_SIZE(8), txtime, "4.19", "sent only", "When to send"),
	CM_ROW("SCM_TS_OPT_ID", 81, CM_S, CM_U, CM_SIZE(4), ts_opt_id, "6.13", "sent only", "Key for the transmit stamp"),
};
/* clang-format on */
CM_LEVEL_DEF(socket, 0);
