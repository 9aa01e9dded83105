/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The layouts of every address family, from the kernel's user-space headers and, where there is none
 * (bluetooth, ieee802154, iucv, mISDN), from include/net and net/ of Linux 6.18. Offsets are asserted against
 * those headers by tests/unit/sockaddr.c.
 */
#include "decode/sockaddr_layouts.h"

#include <sys/socket.h>

#include "base/cleanup.h"

static const struct rg_name tipc_types[] = {{1, "service_range"}, {2, "service"}, {3, "socket"}, {0, NULL}};
static const struct rg_name wpan_types[] = {{0, "none"}, {2, "short"}, {3, "long"}, {0, NULL}};
static const struct rg_name bdaddr_types[] = {{0, "bredr"}, {1, "le_public"}, {2, "le_random"}, {0, NULL}};
static const struct rg_name hci_channels[] = {{0, "raw"},     {1, "user"},    {2, "monitor"},
					      {3, "control"}, {4, "logging"}, {0, NULL}};
static const struct rg_name hci_devs[] = {{0xffff, "none"}, {0, NULL}};
static const struct rg_name vsock_cids[] = {
	{0, "hypervisor"}, {1, "local"}, {2, "host"}, {0xffffffff, "any"}, {0, NULL}};
static const struct rg_name pppox_protos[] = {{0, "pppoe"}, {1, "l2tp"}, {2, "pptp"}, {0, NULL}};

/* clang-format off */
#define ROW(name, kind, off, ...) {name, RG_SA_##kind, off, __VA_ARGS__}

#define AX25_ROWS { \
	ROW("call",   CALL,  2, 7), \
	ROW("digis",  CALLS, 16, 8, 12) }

const struct rg_sa_layout rg_sa_layouts[] = {
	{.family = AF_INET, .size = 16, .protocol = RG_SA_ANY, .port = 1, .name = "sockaddr_in",
	 .text = "{0}:{1}", .addr = "{0}",
	 .rows = {ROW("addr", IP4, 4, 4), ROW("port", BE, 2, 2)}},
	{.family = AF_INET6, .size = 28, .protocol = RG_SA_ANY, .port = 1, .name = "sockaddr_in6",
	 .text = "[{0}?3{%{3}}]:{1}?2{ flowinfo {2}}", .addr = "{0}?3{%{3}}",
	 .rows = {ROW("addr", IP6, 8, 16), ROW("port", BE, 2, 2), ROW("flowinfo", FLOW, 4, 4),
		  ROW("scope", U, 24, 4)}},
	{.family = AF_NETLINK, .size = 12, .protocol = RG_SA_ANY, .port = -1, .name = "sockaddr_nl",
	 .text = "netlink pid {0}?1{ groups {1}}",
	 .rows = {ROW("pid", U, 4, 4), ROW("groups", X, 8, 4)}},
	{.family = AF_PACKET, .size = 12, .protocol = RG_SA_ANY, .port = -1, .name = "sockaddr_ll",
	 .text = "packet if {0} protocol {1} {3} {4}",
	 .rows = {ROW("ifindex", I, 4, 4), ROW("protocol", ENUMBE, 2, 2, 0, rg_names_etherprotos),
		  ROW("hatype", ENUM, 8, 2, 0, rg_names_hatypes), ROW("pkttype", ENUM, 10, 1, 0, rg_names_pkttypes),
		  ROW("hwaddr", HW, 12, 32, 11)}},
	{.family = AF_VSOCK, .size = 16, .protocol = RG_SA_ANY, .port = 1, .name = "sockaddr_vm",
	 .text = "vsock {0}:{1}", .addr = "{0}",
	 .rows = {ROW("cid", U, 8, 4, 0, vsock_cids), ROW("port", U, 4, 4), ROW("vsock_flags", X, 12, 1)}},

	/* The kernel returns as many bytes as the protocol has members: raw and bcm 8 (24 before 5.12), isotp 16,
	 * j1939 24. Protocols: linux/can.h. */
	{.family = AF_CAN, .size = 8, .protocol = 1, .port = -1, .name = "sockaddr_can",
	 .text = "can if {0}", .rows = {ROW("ifindex", I, 4, 4)}},
	{.family = AF_CAN, .size = 8, .protocol = 2, .port = -1, .name = "sockaddr_can",
	 .text = "can if {0}", .rows = {ROW("ifindex", I, 4, 4)}},
	{.family = AF_CAN, .size = 16, .protocol = 6, .port = -1, .name = "sockaddr_can",
	 .text = "can if {0} rx {1} tx {2}",
	 .rows = {ROW("ifindex", I, 4, 4), ROW("rx_id", X, 8, 4), ROW("tx_id", X, 12, 4)}},
	{.family = AF_CAN, .size = 21, .protocol = 7, .port = -1, .name = "sockaddr_can",
	 .text = "j1939 if {0} name {1} pgn {2} addr {3}",
	 .rows = {ROW("ifindex", I, 4, 4), ROW("j1939_name", X, 8, 8), ROW("pgn", X, 16, 4),
		  ROW("j1939_addr", X, 20, 1)}},

	/* Protocols: BTPROTO_* of net/bluetooth/bluetooth.h */
	{.family = AF_BLUETOOTH, .size = 13, .protocol = 0, .port = 1, .name = "sockaddr_l2",
	 .text = "l2cap {0} psm {1} cid {2} {3}", .addr = "{0}",
	 .rows = {ROW("bdaddr", BDADDR, 4, 6), ROW("psm", LE, 2, 2), ROW("l2_cid", LE, 10, 2),
		  ROW("bdaddr_type", ENUM, 12, 1, 0, bdaddr_types)}},
	{.family = AF_BLUETOOTH, .size = 6, .protocol = 1, .port = -1, .name = "sockaddr_hci",
	 .text = "hci dev {0} channel {1}",
	 .rows = {ROW("hci_dev", U, 2, 2, 0, hci_devs), ROW("hci_channel", ENUM, 4, 2, 0, hci_channels)}},
	{.family = AF_BLUETOOTH, .size = 8, .protocol = 2, .port = -1, .name = "sockaddr_sco",
	 .text = "sco {0}", .addr = "{0}", .rows = {ROW("bdaddr", BDADDR, 2, 6)}},
	{.family = AF_BLUETOOTH, .size = 9, .protocol = 3, .port = 1, .name = "sockaddr_rc",
	 .text = "rfcomm {0} channel {1}", .addr = "{0}",
	 .rows = {ROW("bdaddr", BDADDR, 2, 6), ROW("channel", U, 8, 1)}},
	{.family = AF_BLUETOOTH, .size = 9, .protocol = 8, .port = -1, .name = "sockaddr_iso",
	 .text = "iso {0} {1}", .addr = "{0}",
	 .rows = {ROW("bdaddr", BDADDR, 2, 6), ROW("bdaddr_type", ENUM, 8, 1, 0, bdaddr_types),
		  ROW("bc_bdaddr", BDADDR, 9, 6), ROW("bc_sid", U, 16, 1), ROW("bc_num_bis", U, 17, 1)}},

	{.family = AF_TIPC, .size = 16, .protocol = RG_SA_ANY, .sel_off = 2, .sel_size = 1, .sel_val = 1, .port = -1,
	 .name = "sockaddr_tipc", .text = "tipc service {1} range {2}-{3}",
	 .rows = {ROW("addrtype", ENUM, 2, 1, 0, tipc_types), ROW("service", U, 4, 4), ROW("lower", U, 8, 4),
		  ROW("upper", U, 12, 4), ROW("tipc_scope", I, 3, 1)}},
	{.family = AF_TIPC, .size = 16, .protocol = RG_SA_ANY, .sel_off = 2, .sel_size = 1, .sel_val = 2, .port = -1,
	 .name = "sockaddr_tipc", .text = "tipc service {1} instance {2} domain {3}",
	 .rows = {ROW("addrtype", ENUM, 2, 1, 0, tipc_types), ROW("service", U, 4, 4), ROW("instance", U, 8, 4),
		  ROW("domain", X, 12, 4), ROW("tipc_scope", I, 3, 1)}},
	{.family = AF_TIPC, .size = 16, .protocol = RG_SA_ANY, .sel_off = 2, .sel_size = 1, .sel_val = 3, .port = -1,
	 .name = "sockaddr_tipc", .text = "tipc node {2} socket {1}",
	 .rows = {ROW("addrtype", ENUM, 2, 1, 0, tipc_types), ROW("ref", U, 4, 4), ROW("node", X, 8, 4),
		  ROW("tipc_scope", I, 3, 1)}},

	{.family = AF_RXRPC, .size = 8, .protocol = RG_SA_ANY, .port = -1, .name = "sockaddr_rxrpc",
	 .text = "rxrpc service {0} {2}",
	 .rows = {ROW("service", U, 2, 2), ROW("transport", ENUM, 4, 2, 0, rg_names_socktypes),
		  ROW("addr", INET, 8, 28, 6)}},
	{.family = AF_QIPCRTR, .size = 12, .protocol = RG_SA_ANY, .port = 1, .name = "sockaddr_qrtr",
	 .text = "qrtr node {0} port {1}", .addr = "node {0}",
	 .rows = {ROW("node", U, 4, 4), ROW("port", U, 8, 4)}},
	{.family = AF_XDP, .size = 16, .protocol = RG_SA_ANY, .port = -1, .name = "sockaddr_xdp",
	 .text = "xdp if {0} queue {1} flags {2}",
	 .rows = {ROW("ifindex", I, 4, 4), ROW("queue", U, 8, 4), ROW("xdp_flags", X, 2, 2),
		  ROW("shared_fd", I, 12, 4)}},
	{.family = AF_LLC, .size = 14, .protocol = RG_SA_ANY, .port = 1, .name = "sockaddr_llc",
	 .text = "llc {0} sap {1}", .addr = "{0}",
	 .rows = {ROW("hwaddr", MAC, 8, 6), ROW("sap", X, 7, 1), ROW("hatype", ENUM, 2, 2, 0, rg_names_hatypes),
		  ROW("test", U, 4, 1), ROW("xid", U, 5, 1), ROW("ua", U, 6, 1)}},

	{.family = AF_AX25, .size = 16, .protocol = RG_SA_ANY, .port = -1, .name = "sockaddr_ax25",
	 .text = "ax25 {0} {1}", .addr = "{0}", .rows = AX25_ROWS},
	{.family = AF_NETROM, .size = 16, .protocol = RG_SA_ANY, .port = -1, .name = "sockaddr_ax25",
	 .text = "netrom {0} {1}", .addr = "{0}", .rows = AX25_ROWS},
	{.family = AF_ROSE, .size = 20, .protocol = RG_SA_ANY, .port = -1, .name = "sockaddr_rose",
	 .text = "rose {0} {1} {2}", .addr = "{0}",
	 .rows = {ROW("rose_addr", HEX, 2, 5), ROW("call", CALL, 7, 7), ROW("digis", CALLS, 20, 6, 16)}},
	{.family = AF_X25, .size = 18, .protocol = RG_SA_ANY, .port = -1, .name = "sockaddr_x25",
	 .text = "x25 {0}", .addr = "{0}", .rows = {ROW("x121", STR, 2, 16)}},
	{.family = AF_APPLETALK, .size = 8, .protocol = RG_SA_ANY, .port = 2, .name = "sockaddr_at",
	 .text = "appletalk {0}.{1}:{2}", .addr = "{0}.{1}",
	 .rows = {ROW("net", BE, 4, 2), ROW("node", U, 6, 1), ROW("port", U, 2, 1)}},
	{.family = AF_ATMPVC, .size = 12, .protocol = RG_SA_ANY, .port = -1, .name = "sockaddr_atmpvc",
	 .text = "atm {0}.{1}.{2}", .addr = "{0}.{1}.{2}",
	 .rows = {ROW("itf", I, 4, 2), ROW("vpi", I, 6, 2), ROW("vci", I, 8, 4)}},
	{.family = AF_ATMSVC, .size = 44, .protocol = RG_SA_ANY, .port = -1, .name = "sockaddr_atmsvc",
	 .text = "atm {0} e164 {1}",
	 .rows = {ROW("nsap", HEX, 4, 20), ROW("e164", STR, 24, 13), ROW("lij_type", U, 37, 1),
		  ROW("lij_id", U, 40, 4)}},
	/* linux/if_pppox.h: packed */
	{.family = AF_PPPOX, .size = 30, .protocol = 0, .sel_off = 2, .sel_size = 4, .sel_val = 0, .port = -1,
	 .name = "sockaddr_pppox", .text = "pppoe {2} session {1} dev {3}",
	 .rows = {ROW("pppox_protocol", ENUM, 2, 4, 0, pppox_protos), ROW("session", BE, 6, 2), ROW("hwaddr", MAC, 8, 6),
		  ROW("dev", STR, 14, 16)}},
	{.family = AF_PPPOX, .size = 14, .protocol = 2, .sel_off = 2, .sel_size = 4, .sel_val = 2, .port = -1,
	 .name = "sockaddr_pppox", .text = "pptp {2} call {1}",
	 .rows = {ROW("pppox_protocol", ENUM, 2, 4, 0, pppox_protos), ROW("call_id", U, 6, 2), ROW("addr", IP4, 10, 4)}},
	{.family = AF_PHONET, .size = 5, .protocol = RG_SA_ANY, .port = -1, .name = "sockaddr_pn",
	 .text = "phonet dev {1} obj {0} resource {2}",
	 .rows = {ROW("obj", X, 2, 1), ROW("phonet_dev", X, 3, 1), ROW("resource", X, 4, 1)}},
	{.family = AF_IEEE802154, .size = 12, .protocol = RG_SA_ANY, .sel_off = 4, .sel_size = 4, .sel_val = 2, .port = -1,
	 .name = "sockaddr_ieee802154", .text = "wpan pan {1} short {2}",
	 .rows = {ROW("addrtype", ENUM, 4, 4, 0, wpan_types), ROW("pan", X, 8, 2), ROW("short_addr", X, 10, 2)}},
	{.family = AF_IEEE802154, .size = 18, .protocol = RG_SA_ANY, .sel_off = 4, .sel_size = 4, .sel_val = 3, .port = -1,
	 .name = "sockaddr_ieee802154", .text = "wpan pan {1} {2}",
	 .rows = {ROW("addrtype", ENUM, 4, 4, 0, wpan_types), ROW("pan", X, 8, 2), ROW("hwaddr", MAC, 10, 8)}},
	{.family = AF_IEEE802154, .size = 8, .protocol = RG_SA_ANY, .sel_off = 4, .sel_size = 4, .sel_val = 0, .port = -1,
	 .name = "sockaddr_ieee802154", .text = "wpan none",
	 .rows = {ROW("addrtype", ENUM, 4, 4, 0, wpan_types)}},
	{.family = AF_IUCV, .size = 32, .protocol = RG_SA_ANY, .port = -1, .name = "sockaddr_iucv",
	 .text = "iucv user {0} name {1}",
	 .rows = {ROW("user_id", STR, 16, 8), ROW("iucv_name", STR, 24, 8), ROW("node_id", STR, 8, 8)}},
	{.family = AF_ISDN, .size = 6, .protocol = RG_SA_ANY, .port = -1, .name = "sockaddr_mISDN",
	 .text = "isdn dev {0} channel {1} sapi {2} tei {3}",
	 .rows = {ROW("isdn_dev", U, 2, 1), ROW("channel", U, 3, 1), ROW("sapi", U, 4, 1), ROW("tei", U, 5, 1)}},
	{.family = AF_NFC, .size = 16, .protocol = 0, .port = -1, .name = "sockaddr_nfc",
	 .text = "nfc dev {0} target {1} protocol {2}",
	 .rows = {ROW("nfc_dev", U, 4, 4), ROW("nfc_target", U, 8, 4), ROW("nfc_protocol", U, 12, 4)}},
	{.family = AF_NFC, .size = 96, .protocol = 1, .port = -1, .name = "sockaddr_nfc_llcp",
	 .text = "nfc dev {0} target {1} protocol {2} dsap {3} ssap {4} service {5}",
	 .rows = {ROW("nfc_dev", U, 4, 4), ROW("nfc_target", U, 8, 4), ROW("nfc_protocol", U, 12, 4),
		  ROW("dsap", U, 16, 1), ROW("ssap", U, 17, 1), ROW("service_name", STR, 18, 63)}},
	{.family = AF_ALG, .size = 88, .protocol = RG_SA_ANY, .port = -1, .name = "sockaddr_alg",
	 .text = "alg {0} {1}",
	 .rows = {ROW("alg_type", STR, 2, 14), ROW("alg_name", STR, 24, 64), ROW("alg_feat", X, 16, 4),
		  ROW("alg_mask", X, 20, 4)}},
	{.family = AF_MCTP, .size = 11, .protocol = RG_SA_ANY, .port = -1, .name = "sockaddr_mctp",
	 .text = "mctp net {0} eid {1} type {2} tag {3}",
	 .rows = {ROW("net", U, 4, 4), ROW("eid", U, 8, 1), ROW("mctp_type", X, 9, 1), ROW("tag", X, 10, 1)}},
	{.family = AF_MCTP, .size = 20, .protocol = RG_SA_ANY, .port = -1, .name = "sockaddr_mctp_ext",
	 .text = "mctp net {0} eid {1} type {2} tag {3} if {4} {5}",
	 .rows = {ROW("net", U, 4, 4), ROW("eid", U, 8, 1), ROW("mctp_type", X, 9, 1), ROW("tag", X, 10, 1),
		  ROW("ifindex", I, 12, 4), ROW("hwaddr", HW, 20, 32, 16)}},
};
const size_t rg_sa_n_layouts = RG_ARRAY_LEN(rg_sa_layouts);

const struct rg_sa_layout rg_sa_layout_pkt = {
	.family = AF_PACKET, .size = 18, .protocol = RG_SA_ANY, .port = -1, .name = "sockaddr_pkt",
	.text = "packet dev {1} protocol {2}",
	.rows = {ROW("hatype", ENUM, 0, 2, 0, rg_names_hatypes), ROW("dev", STR, 2, 14),
		 ROW("protocol", ENUMBE, 16, 2, 0, rg_names_etherprotos)}};
/* clang-format on */
