/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/lib/unit.h"

#include <arpa/inet.h>
#include <linux/atm.h>
#include <linux/ax25.h>
#include <linux/can.h>
#include <linux/if_alg.h>
#include <linux/if_packet.h>
#include <linux/if_pppox.h>
#include <linux/if_xdp.h>
#include <linux/llc.h>
#include <linux/mctp.h>
#include <linux/netlink.h>
#include <linux/nfc.h>
#include <linux/phonet.h>
#include <linux/qrtr.h>
#include <linux/rose.h>
#include <linux/rxrpc.h>
#include <linux/tipc.h>
#include <linux/vm_sockets.h>
#include <linux/x25.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "decode/sockaddr.h"
#include "decode/sockaddr_layouts.h"
#include "tests/lib/edge.h"
#include "tests/lib/nodes.h"

/* The layouts against the kernel's headers: the offset that the table gives for a member is the struct's. */
static const struct rg_sa_row *row_of(uint16_t family, size_t size, const char *name)
{
	for (size_t i = 0; i < rg_sa_n_layouts; i++)
		for (int r = 0; r < 8; r++) {
			const struct rg_sa_layout *l = &rg_sa_layouts[i];

			if (l->family == family && (!size || l->size == size) && l->rows[r].name &&
			    !strcmp(l->rows[r].name, name))
				return &l->rows[r];
		}
	fail_msg("no row %s of family %u", name, family);
	return NULL;
}

#define AT_SIZE(af, lsize, name, strct, member)                                                \
	do {                                                                                   \
		const struct rg_sa_row *r_ = row_of(af, lsize, name);                          \
		assert_int_equal(r_->off, offsetof(strct, member));                            \
		if (r_->kind != RG_SA_INET && r_->kind != RG_SA_CALLS && r_->kind != RG_SA_HW) \
			assert_int_equal(r_->size, sizeof(((strct *)0)->member));              \
	} while (0)
#define AT(af, name, strct, member) AT_SIZE(af, 0, name, strct, member)

static void layouts_are_the_kernels_a(void **state)
{
	AT(AF_INET, "addr", struct sockaddr_in, sin_addr);
	AT(AF_INET, "port", struct sockaddr_in, sin_port);
	AT(AF_INET6, "addr", struct sockaddr_in6, sin6_addr);
	AT(AF_INET6, "port", struct sockaddr_in6, sin6_port);
	AT(AF_INET6, "flowinfo", struct sockaddr_in6, sin6_flowinfo);
	AT(AF_INET6, "scope", struct sockaddr_in6, sin6_scope_id);
	AT(AF_NETLINK, "pid", struct sockaddr_nl, nl_pid);
	AT(AF_NETLINK, "groups", struct sockaddr_nl, nl_groups);
	AT(AF_PACKET, "ifindex", struct sockaddr_ll, sll_ifindex);
	AT(AF_PACKET, "protocol", struct sockaddr_ll, sll_protocol);
	AT(AF_PACKET, "hatype", struct sockaddr_ll, sll_hatype);
	AT(AF_PACKET, "pkttype", struct sockaddr_ll, sll_pkttype);
	AT(AF_PACKET, "hwaddr", struct sockaddr_ll, sll_addr);
	assert_int_equal(row_of(AF_PACKET, 0, "hwaddr")->aux, offsetof(struct sockaddr_ll, sll_halen));
	assert_int_equal(rg_sa_layout_pkt.rows[1].off, offsetof(struct sockaddr_pkt, spkt_device));
	assert_int_equal(rg_sa_layout_pkt.rows[2].off, offsetof(struct sockaddr_pkt, spkt_protocol));
	AT(AF_VSOCK, "cid", struct sockaddr_vm, svm_cid);
	AT(AF_VSOCK, "port", struct sockaddr_vm, svm_port);
	AT(AF_CAN, "ifindex", struct sockaddr_can, can_ifindex);
	AT(AF_CAN, "rx_id", struct sockaddr_can, can_addr.tp.rx_id);
	AT(AF_CAN, "tx_id", struct sockaddr_can, can_addr.tp.tx_id);
	AT(AF_CAN, "j1939_name", struct sockaddr_can, can_addr.j1939.name);
	AT(AF_CAN, "pgn", struct sockaddr_can, can_addr.j1939.pgn);
	AT(AF_CAN, "j1939_addr", struct sockaddr_can, can_addr.j1939.addr);
	AT(AF_TIPC, "addrtype", struct sockaddr_tipc, addrtype);
	AT(AF_TIPC, "tipc_scope", struct sockaddr_tipc, scope);
	AT(AF_TIPC, "lower", struct sockaddr_tipc, addr.nameseq.lower);
	AT(AF_TIPC, "instance", struct sockaddr_tipc, addr.name.name.instance);
	AT(AF_TIPC, "domain", struct sockaddr_tipc, addr.name.domain);
	AT(AF_TIPC, "node", struct sockaddr_tipc, addr.id.node);
	AT(AF_TIPC, "ref", struct sockaddr_tipc, addr.id.ref);
	AT(AF_RXRPC, "service", struct sockaddr_rxrpc, srx_service);
	AT(AF_RXRPC, "transport", struct sockaddr_rxrpc, transport_type);
	AT(AF_RXRPC, "addr", struct sockaddr_rxrpc, transport);
	AT(AF_QIPCRTR, "node", struct sockaddr_qrtr, sq_node);
	AT(AF_QIPCRTR, "port", struct sockaddr_qrtr, sq_port);
}

static void layouts_are_the_kernels_b(void **state)
{
	AT(AF_XDP, "ifindex", struct sockaddr_xdp, sxdp_ifindex);
	AT(AF_XDP, "queue", struct sockaddr_xdp, sxdp_queue_id);
	AT(AF_XDP, "shared_fd", struct sockaddr_xdp, sxdp_shared_umem_fd);
	AT(AF_LLC, "hwaddr", struct sockaddr_llc, sllc_mac);
	AT(AF_LLC, "sap", struct sockaddr_llc, sllc_sap);
	AT(AF_AX25, "call", struct full_sockaddr_ax25, fsa_ax25.sax25_call);
	AT(AF_AX25, "digis", struct full_sockaddr_ax25, fsa_digipeater);
	assert_int_equal(row_of(AF_AX25, 0, "digis")->aux, offsetof(struct sockaddr_ax25, sax25_ndigis));
	AT(AF_ROSE, "rose_addr", struct full_sockaddr_rose, srose_addr);
	AT(AF_ROSE, "call", struct full_sockaddr_rose, srose_call);
	AT(AF_ROSE, "digis", struct full_sockaddr_rose, srose_digis);
	assert_int_equal(row_of(AF_ROSE, 0, "digis")->aux, offsetof(struct full_sockaddr_rose, srose_ndigis));
	AT(AF_X25, "x121", struct sockaddr_x25, sx25_addr);
	AT(AF_ATMPVC, "itf", struct sockaddr_atmpvc, sap_addr.itf);
	AT(AF_ATMPVC, "vci", struct sockaddr_atmpvc, sap_addr.vci);
	AT(AF_ATMSVC, "nsap", struct sockaddr_atmsvc, sas_addr.prv);
	AT(AF_ATMSVC, "e164", struct sockaddr_atmsvc, sas_addr.pub);
	AT(AF_ATMSVC, "lij_id", struct sockaddr_atmsvc, sas_addr.lij_id);
	AT(AF_PPPOX, "session", struct sockaddr_pppox, sa_addr.pppoe.sid);
	AT(AF_PPPOX, "hwaddr", struct sockaddr_pppox, sa_addr.pppoe.remote);
	AT(AF_PPPOX, "dev", struct sockaddr_pppox, sa_addr.pppoe.dev);
	AT(AF_PPPOX, "call_id", struct sockaddr_pppox, sa_addr.pptp.call_id);
	AT(AF_PPPOX, "addr", struct sockaddr_pppox, sa_addr.pptp.sin_addr);
	AT(AF_PHONET, "obj", struct sockaddr_pn, spn_obj);
	AT(AF_PHONET, "phonet_dev", struct sockaddr_pn, spn_dev);
	AT(AF_PHONET, "resource", struct sockaddr_pn, spn_resource);
	AT(AF_NFC, "nfc_dev", struct sockaddr_nfc, dev_idx);
	AT(AF_NFC, "nfc_protocol", struct sockaddr_nfc, nfc_protocol);
	AT(AF_NFC, "dsap", struct sockaddr_nfc_llcp, dsap);
	AT(AF_NFC, "service_name", struct sockaddr_nfc_llcp, service_name);
	AT(AF_ALG, "alg_type", struct sockaddr_alg, salg_type);
	AT(AF_ALG, "alg_name", struct sockaddr_alg, salg_name);
	AT(AF_ALG, "alg_feat", struct sockaddr_alg, salg_feat);
	AT(AF_MCTP, "net", struct sockaddr_mctp, smctp_network);
	AT(AF_MCTP, "eid", struct sockaddr_mctp, smctp_addr);
	AT(AF_MCTP, "tag", struct sockaddr_mctp, smctp_tag);
	AT_SIZE(AF_MCTP, 20, "ifindex", struct sockaddr_mctp_ext, smctp_ifindex);
	AT_SIZE(AF_MCTP, 20, "hwaddr", struct sockaddr_mctp_ext, smctp_haddr);
	assert_int_equal(row_of(AF_MCTP, 20, "hwaddr")->aux, offsetof(struct sockaddr_mctp_ext, smctp_halen));
}

/* One address of each family and form, as bytes, and everything that must come out of it. Numbers in the
 * machine's order are written for little endian. */
struct sample {
	const char *what;
	int sock_family, type, protocol; /* -1 unknown */
	const char *bytes;
	uint16_t len;
	uint16_t need; /* shorter ones are malformed */
	const char *expect;
	const char *addr; /* text of rg_sockaddr_addr, NULL none */
	int32_t port;
};
#define B(lit) lit, sizeof(lit) - 1

static const struct sample samples[] = {
	{"inet", AF_INET, 1, 6, B("\x02\0\x00\x35\x7f\0\0\x01\0\0\0\0\0\0\0\0"), 16,
	 "family=inet addr=127.0.0.1 port=53 text=127.0.0.1:53", "127.0.0.1", 53},
	{"inet on mptcp, rds, smc", 43, 1, 0, B("\x02\0\x1f\x90\x0a\x01\x02\x03\0\0\0\0\0\0\0\0"), 16,
	 "family=inet addr=10.1.2.3 port=8080 text=10.1.2.3:8080", "10.1.2.3", 8080},
	{"unspec with an address on an inet socket", AF_INET, 2, 17,
	 B("\0\0\x00\x35\x7f\0\0\x01\0\0\0\0\0\0\0\0"), 0,
	 "family=unspec addr=127.0.0.1 port=53 text=127.0.0.1:53", "127.0.0.1", 53},
	{"unspec: nobody", AF_INET, 2, 17, B("\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"), 0,
	 "family=unspec text=unspec bytes=0000000000000000000000000000", NULL, -1},
	{"inet6 with scope and flow", AF_INET6, 2, 17,
	 B("\x0a\0\x00\x35\x00\x01\x23\x45\xfe\x80\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\x02\0\0\0"), 28,
	 "family=inet6 addr=fe80::1 port=53 flowinfo=74565 scope=2 text=[fe80::1%2]:53 flowinfo 0x12345",
	 "fe80::1%2", 53},
	{"inet6 v4-mapped", AF_INET6, 2, 17,
	 B("\x0a\0\x01\xbb\0\0\0\0\0\0\0\0\0\0\0\0\0\0\xff\xff\x0a\0\0\x02\0\0\0\0"), 28,
	 "family=inet6 addr=::ffff:10.0.0.2 port=443 flowinfo=0 scope=0 text=[::ffff:10.0.0.2]:443",
	 "::ffff:10.0.0.2", 443},
	{"netlink from the kernel", AF_NETLINK, 3, 0, B("\x10\0\0\0\0\0\0\0\x11\0\0\0"), 12,
	 "family=netlink pid=0 groups=17 text=netlink pid 0 groups 0x11", "netlink pid 0 groups 0x11", -1},
	{"netlink", AF_NETLINK, 3, 0, B("\x10\0\0\0\xd2\x04\0\0\0\0\0\0"), 12,
	 "family=netlink pid=1234 groups=0 text=netlink pid 1234", "netlink pid 1234", -1},
	{"packet", AF_PACKET, 3, -1, B("\x11\0\x08\x00\x03\0\0\0\x01\0\x02\x06\x00\x11\x22\x33\x44\x55\0\0"),
	 18,
	 "family=packet ifindex=3 protocol=ip hatype=ether pkttype=multicast hwaddr=00:11:22:33:44:55 "
	 "text=packet if 3 protocol ip multicast 00:11:22:33:44:55",
	 "packet if 3 protocol ip multicast 00:11:22:33:44:55", -1},
	{"SOCK_PACKET, whose family is a device type", AF_PACKET, 10, -1,
	 B("\x01\0lo\0\0\0\0\0\0\0\0\0\0\0\0\x08\x06"), 18,
	 "family=packet hatype=ether dev=lo protocol=arp text=packet dev lo protocol arp", NULL, -1},
	{"vsock", AF_VSOCK, 1, 0, B("\x28\0\0\0\0\x04\0\0\x02\0\0\0\0\0\0\0"), 16,
	 "family=vsock cid=2 port=1024 vsock_flags=0 text=vsock host:1024", "host", 1024},
	{"can raw", AF_CAN, 3, 1, B("\x1d\0\0\0\x04\0\0\0"), 8, "family=can ifindex=4 text=can if 4",
	 "can if 4", -1},
	{"can raw of old kernels", AF_CAN, 3, 1, B("\x1d\0\0\0\x04\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"), 8,
	 "family=can ifindex=4 text=can if 4", "can if 4", -1},
	{"can isotp by length", AF_CAN, -1, -1, B("\x1d\0\0\0\x04\0\0\0\x23\x01\0\0\x21\x03\0\0"), 8,
	 "family=can ifindex=4 rx_id=291 tx_id=801 text=can if 4 rx 0x123 tx 0x321",
	 "can if 4 rx 0x123 tx 0x321", -1},
	{"j1939", AF_CAN, 2, 7, B("\x1d\0\0\0\x04\0\0\0\x01\0\0\0\0\0\0\x80\x00\xee\x01\0\x20\0\0\0"), 21,
	 "family=can ifindex=4 j1939_name=9223372036854775809 pgn=126464 j1939_addr=32 "
	 "text=j1939 if 4 name 0x8000000000000001 pgn 0x1ee00 addr 0x20",
	 "j1939 if 4 name 0x8000000000000001 pgn 0x1ee00 addr 0x20", -1},
	{"bluetooth l2cap", AF_BLUETOOTH, 5, 0, B("\x1f\0\x19\x00\x66\x55\x44\x33\x22\x11\x40\x00\x01\0"), 13,
	 "family=bluetooth bdaddr=11:22:33:44:55:66 psm=25 l2_cid=64 bdaddr_type=le_public "
	 "text=l2cap 11:22:33:44:55:66 psm 25 cid 64 le_public",
	 "11:22:33:44:55:66", 25},
	{"bluetooth hci by length", AF_BLUETOOTH, 3, -1, B("\x1f\0\xff\xff\x03\x00"), 6,
	 "family=bluetooth hci_dev=65535 hci_channel=control text=hci dev none channel control",
	 "hci dev none channel control", -1},
	{"bluetooth sco by length", AF_BLUETOOTH, 5, -1, B("\x1f\0\x66\x55\x44\x33\x22\x11"), 6,
	 "family=bluetooth bdaddr=11:22:33:44:55:66 text=sco 11:22:33:44:55:66", "11:22:33:44:55:66", -1},
	{"bluetooth rfcomm by length", AF_BLUETOOTH, 1, -1, B("\x1f\0\x66\x55\x44\x33\x22\x11\x07\0"), 6,
	 "family=bluetooth bdaddr=11:22:33:44:55:66 channel=7 text=rfcomm 11:22:33:44:55:66 channel 7",
	 "11:22:33:44:55:66", 7},
	{"bluetooth iso broadcast", AF_BLUETOOTH, 5, 8,
	 B("\x1f\0\x66\x55\x44\x33\x22\x11\x02\x01\0\0\0\0\x0a\x00\x05\x02\x01\x02"), 9,
	 "family=bluetooth bdaddr=11:22:33:44:55:66 bdaddr_type=le_random bc_bdaddr=0a:00:00:00:00:01 "
	 "bc_sid=5 "
	 "bc_num_bis=2 text=iso 11:22:33:44:55:66 le_random",
	 "11:22:33:44:55:66", -1},
	{"tipc service range", AF_TIPC, 4, 0, B("\x1e\0\x01\x02\x10\x27\0\0\x01\0\0\0\x09\0\0\0"), 16,
	 "family=tipc addrtype=service_range service=10000 lower=1 upper=9 tipc_scope=2 "
	 "text=tipc service 10000 range 1-9",
	 "tipc service 10000 range 1-9", -1},
	{"tipc socket and group member", AF_TIPC, 4, 0,
	 B("\x1e\0\x03\0\x07\0\0\0\x01\x10\x00\x01\0\0\0\0\x1e\0\x02\x03\x10\x27\0\0\x05\0\0\0\0\0\0\0"), 16,
	 "family=tipc addrtype=socket ref=7 node=16781313 tipc_scope=0 "
	 "member={addrtype=service service=10000 instance=5 domain=0 tipc_scope=3} "
	 "text=tipc node 0x1001001 socket 7",
	 "tipc node 0x1001001 socket 7", -1},
	{"tipc of an unknown kind", AF_TIPC, 4, 0, B("\x1e\0\x09\0\x07\0\0\0"), 3,
	 "family=tipc text=<F> 090007000000 bytes=090007000000", NULL, -1},
	{"rxrpc", AF_RXRPC, 2, 2,
	 B("\x21\0\x34\x12\x02\0\x10\0\x02\0\x1b\x58\x7f\0\0\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"),
	 16,
	 "family=rxrpc service=4660 transport=dgram addr=127.0.0.1 port=7000 "
	 "text=rxrpc service 4660 127.0.0.1:7000",
	 "127.0.0.1", -1},
	{"rxrpc: no family", AF_RXRPC, 2, 2, B("\0\0\1\0\2\0\x10\0\2\0\0\5\1\2\3\4\0\0\0\0\0\0\0\0"), 0,
	 "family=unspec service=1 transport=dgram addr=1.2.3.4 port=5 text=rxrpc service 1 1.2.3.4:5",
	 "1.2.3.4", -1},
	{"qrtr", AF_QIPCRTR, 2, 0, B("\x2a\0\0\0\x01\0\0\0\x09\0\0\0"), 12,
	 "family=qipcrtr node=1 port=9 text=qrtr node 1 port 9", "node 1", 9},
	{"xdp", AF_XDP, 3, 0, B("\x2c\0\x02\0\x03\0\0\0\x01\0\0\0\xff\xff\xff\xff"), 16,
	 "family=xdp ifindex=3 queue=1 xdp_flags=2 shared_fd=-1 text=xdp if 3 queue 1 flags 0x2",
	 "xdp if 3 queue 1 flags 0x2", -1},
	{"llc", AF_LLC, 2, 0, B("\x1a\0\x01\0\0\x01\0\x42\x00\x11\x22\x33\x44\x55\0\0"), 14,
	 "family=llc hwaddr=00:11:22:33:44:55 sap=66 hatype=ether test=0 xid=1 ua=0 "
	 "text=llc 00:11:22:33:44:55 sap 0x42",
	 "00:11:22:33:44:55", 66},
	{"ax25 via two digipeaters", AF_AX25, 2, 0,
	 B("\x03\0\x9c\x60\x86\x82\x98\x98\x02\0\0\0\x02\0\0\0\xa4\x8a\x98\x82\xb2\x40\x04"
	   "\xae\x92\x88\x8a\x40\x40\x00"),
	 30, "family=ax25 call=N0CALL-1 digis=[RELAY-2 WIDE-0] text=ax25 N0CALL-1 via RELAY-2,WIDE-0",
	 "N0CALL-1", -1},
	{"netrom", AF_NETROM, 5, 0, B("\x06\0\x9c\x60\x86\x82\x98\x98\x00\0\0\0\0\0\0\0"), 16,
	 "family=netrom call=N0CALL-0 digis=[] text=netrom N0CALL-0 ", "N0CALL-0", -1},
	{"rose", AF_ROSE, 5, 0,
	 B("\x0b\0\x20\x80\x12\x34\x56\x9c\x60\x86\x82\x98\x98\x02\0\0\x01\0\0\0\xa4\x8a\x98\x82\xb2\x40"
	   "\x04"),
	 27,
	 "family=rose rose_addr=2080123456 call=N0CALL-1 digis=[RELAY-2] text=rose 2080123456 N0CALL-1 via "
	 "RELAY-2",
	 "2080123456", -1},
	{"x25", AF_X25, 5, 0,
	 B("\x09\0"
	   "23421234567\0\0\0\0\0"),
	 18, "family=x25 x121=23421234567 text=x25 23421234567", "23421234567", -1},
	{"appletalk", AF_APPLETALK, 2, 0, B("\x05\0\x80\0\xff\x01\x2a\0\0\0\0\0\0\0\0\0"), 8,
	 "family=appletalk net=65281 node=42 port=128 text=appletalk 65281.42:128", "65281.42", 128},
	{"atm pvc", AF_ATMPVC, 2, 0, B("\x08\0\0\0\x00\0\x08\0\x23\0\0\0"), 12,
	 "family=atmpvc itf=0 vpi=8 vci=35 text=atm 0.8.35", "0.8.35", -1},
	{"atm svc", AF_ATMSVC, 2, 0,
	 B("\x14\0\0\0\x47\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01"
	   "491234\0\0\0\0\0\0\0"
	   "\0\0\0\x07\0\0\0"),
	 44,
	 "family=atmsvc nsap=4700000000000000000000000000000000000001 e164=491234 lij_type=0 lij_id=7 "
	 "text=atm 4700000000000000000000000000000000000001 e164 491234",
	 "atm 4700000000000000000000000000000000000001 e164 491234", -1},
	{"pppoe", AF_PPPOX, 2, 0,
	 B("\x18\0\0\0\0\0\x12\x34\x00\x11\x22\x33\x44\x55"
	   "eth0\0\0\0\0\0\0\0\0\0\0\0\0"),
	 30,
	 "family=pppox pppox_protocol=pppoe session=4660 hwaddr=00:11:22:33:44:55 dev=eth0 "
	 "text=pppoe 00:11:22:33:44:55 session 4660 dev eth0",
	 "pppoe 00:11:22:33:44:55 session 4660 dev eth0", -1},
	{"pptp", AF_PPPOX, 2, 2, B("\x18\0\x02\0\0\0\x07\0\0\0\x0a\0\0\x01"), 14,
	 "family=pppox pppox_protocol=pptp call_id=7 addr=10.0.0.1 text=pptp 10.0.0.1 call 7",
	 "pptp 10.0.0.1 call 7", -1},
	{"phonet", AF_PHONET, 2, 0, B("\x23\0\x40\x6c\x10\0\0\0\0\0\0\0\0\0\0\0"), 5,
	 "family=phonet obj=64 phonet_dev=108 resource=16 text=phonet dev 0x6c obj 0x40 resource 0x10",
	 "phonet dev 0x6c obj 0x40 resource 0x10", -1},
	{"ieee802154 short", AF_IEEE802154, 2, 0, B("\x24\0\0\0\x02\0\0\0\xcd\xab\x34\x12\0\0\0\0\0\0\0\0"),
	 12, "family=ieee802154 addrtype=short pan=43981 short_addr=4660 text=wpan pan 0xabcd short 0x1234",
	 "wpan pan 0xabcd short 0x1234", -1},
	{"ieee802154 long", AF_IEEE802154, 2, 0,
	 B("\x24\0\0\0\x03\0\0\0\xcd\xab\x01\x02\x03\x04\x05\x06\x07\x08\0\0"), 18,
	 "family=ieee802154 addrtype=long pan=43981 hwaddr=01:02:03:04:05:06:07:08 "
	 "text=wpan pan 0xabcd 01:02:03:04:05:06:07:08",
	 "wpan pan 0xabcd 01:02:03:04:05:06:07:08", -1},
	{"ieee802154 none", AF_IEEE802154, 2, 0, B("\x24\0\0\0\0\0\0\0"), 8,
	 "family=ieee802154 addrtype=none text=wpan none", "wpan none", -1},
	{"iucv", AF_IUCV, 1, 0,
	 B("\x20\0\0\0\0\0\0\0        "
	   "LNXGUEST"
	   "APP     "),
	 32, "family=iucv user_id=LNXGUEST iucv_name=APP node_id= text=iucv user LNXGUEST name APP",
	 "iucv user LNXGUEST name APP", -1},
	{"isdn", AF_ISDN, 3, 0, B("\x22\0\x01\x02\x03\x7f"), 6,
	 "family=isdn isdn_dev=1 channel=2 sapi=3 tei=127 text=isdn dev 1 channel 2 sapi 3 tei 127",
	 "isdn dev 1 channel 2 sapi 3 tei 127", -1},
	{"nfc", AF_NFC, 5, 0, B("\x27\0\0\0\x01\0\0\0\x02\0\0\0\x03\0\0\0"), 16,
	 "family=nfc nfc_dev=1 nfc_target=2 nfc_protocol=3 text=nfc dev 1 target 2 protocol 3",
	 "nfc dev 1 target 2 protocol 3", -1},
	{"mctp", AF_MCTP, 2, 0, B("\x2d\0\0\0\x01\0\0\0\x0a\x05\x08\0"), 11,
	 "family=mctp net=1 eid=10 mctp_type=5 tag=8 text=mctp net 1 eid 10 type 0x5 tag 0x8",
	 "mctp net 1 eid 10 type 0x5 tag 0x8", -1},
	{"mctp extended", AF_MCTP, 2, 0, B("\x2d\0\0\0\x01\0\0\0\x0a\x05\x08\0\x03\0\0\0\x01\0\0\0\x1d"), 11,
	 "family=mctp net=1 eid=10 mctp_type=5 tag=8 ifindex=3 hwaddr=1d "
	 "text=mctp net 1 eid 10 type 0x5 tag 0x8 if 3 1d",
	 "mctp net 1 eid 10 type 0x5 tag 0x8 if 3 1d", -1},
	{"unix path", AF_UNIX, 1, 0, B("\x01\0/run/x\0"), 0, "family=unix path=/run/x text=/run/x", "/run/x",
	 -1},
	{"unix path without a NUL", AF_UNIX, 1, 0, B("\x01\0/run/x"), 0,
	 "family=unix path=/run/x text=/run/x", "/run/x", -1},
	{"unix abstract", AF_UNIX, 1, 0, B("\x01\0\0name"), 0, "family=unix path=@name text=@name", "@name",
	 -1},
	{"unix abstract, empty", AF_UNIX, 1, 0, B("\x01\0\0"), 0, "family=unix path=@ text=@", "@", -1},
	{"unix unnamed", AF_UNIX, 1, 0, B("\x01\0"), 0, "family=unix text=(unnamed)", NULL, -1},
	{"unix without any bytes", AF_UNIX, 1, 0, B(""), 0, "family=unix text=(unnamed)", NULL, -1},
	{"unix path that looks abstract", AF_UNIX, 1, 0, B("\x01\0@x\0"), 0,
	 "family=unix path=./@x text=./@x", "./@x", -1},
	{"unix path that looks unnamed", AF_UNIX, 1, 0, B("\x01\0(unnamed)\0"), 0,
	 "family=unix path=./(unnamed) text=./(unnamed)", "./(unnamed)", -1},
	{"a family without a layout", AF_KCM, 2, 0, B("\x29\0\x01\x02\x03\x04"), 0,
	 "family=kcm text=<F> 01020304 bytes=01020304", NULL, -1},
	{"a family that does not exist", 77, 2, 0, B("\x4d\0\x01\x02"), 0,
	 "family=77 text=<F> 0102 bytes=0102", NULL, -1},
};

static void setup_event(struct rg_event *ev, const struct sample *s)
{
	rg_event_reset(ev);
	rg_set_i(ev, RG_F_SOCK_FAMILY, s->sock_family, RG_TAG_K);
	if (s->type >= 0)
		rg_set_i(ev, RG_F_SOCK_TYPE, s->type, RG_TAG_K);
	if (s->protocol >= 0)
		rg_set_i(ev, RG_F_SOCK_PROTOCOL, s->protocol, RG_TAG_K);
}

static const char *decode(struct rg_event *ev, const struct sample *s, size_t len, struct rg_buf *out)
{
	struct rg_builder b;

	setup_event(ev, s);
	rg_build_field(&b, ev, RG_F_MSG_NAME, RG_TAG_K);
	rg_decode_sockaddr(edge(s->bytes, len), len, (uint16_t)s->sock_family, &b);
	rg_buf_reset(out);
	nodes_text(out, ev->v[RG_F_MSG_NAME].node);
	return rg_buf_cstr(out);
}

/* The expected line; <F>: how a family is printed that may not be in the table of names. */
static bool as_expected(const char *got, const struct sample *s)
{
	const char *name = rg_name_of(rg_names_families, (uint8_t)s->bytes[0]);
	const char *want = strchr(s->expect, ' '), *f = want ? strstr(want, "<F>") : NULL;
	rg_auto_buf line = {0};

	got = strchr(got, ' '); /* the family itself is compared as a number */
	if (f) {
		rg_buf_add(&line, want, (size_t)(f - want));
		if (name)
			rg_buf_str(&line, name);
		else
			rg_buf_printf(&line, "family %u", (uint8_t)s->bytes[0]);
		want = f + 3;
	}
	rg_buf_str(&line, want);
	return got && !strcmp(got, rg_buf_cstr(&line));
}

static void every_family_is_decoded(void **state)
{
	struct rg_event *ev = rg_event_new();
	rg_auto_buf out = {0};

	for (size_t i = 0; i < RG_ARRAY_LEN(samples); i++) {
		const struct sample *s = &samples[i];
		const char *got = decode(ev, s, s->len, &out);

		if (!as_expected(got, s))
			fail_msg("%s: got\n  %s\nexpected\n  %s", s->what, got, s->expect);
		assert_int_equal(ev->v[RG_F_MSG_NAME].node->v.i, s->type == 10 ? AF_PACKET
								 : s->len < 2  ? s->sock_family
									       : (uint8_t)s->bytes[0]);
	}
	rg_event_free(ev);
}

static void every_length_is_read_to_its_end_and_no_further(void **state)
{
	struct rg_event *ev = rg_event_new();
	rg_auto_buf out = {0};

	for (size_t i = 0; i < RG_ARRAY_LEN(samples); i++)
		for (size_t len = 0; len <= samples[i].len; len++) {
			const char *got = decode(ev, &samples[i], len, &out);
			bool bad = rg_node_find(ev->v[RG_F_MSG_NAME].node, "malformed") != NULL;
			bool want = len == 1 || (len >= 2 && len < samples[i].need);
			int32_t port;

			/* a length inside the address that now goes past its end is another thing to say */
			if (bad != want && !(bad && strstr(got, "goes past")))
				fail_msg("%s cut to %zu: %s", samples[i].what, len, got);
			if (bad && len > 2)
				assert_int_equal(rg_node_find(ev->v[RG_F_MSG_NAME].node, "bytes")->v.len,
						 len - 2);
			rg_sockaddr_addr(ev, edge(samples[i].bytes, len), len, &port);
		}
	rg_event_free(ev);
}

static void addresses_for_expressions(void **state)
{
	struct rg_event *ev = rg_event_new();

	for (size_t i = 0; i < RG_ARRAY_LEN(samples); i++) {
		const struct sample *s = &samples[i];
		const struct rg_addr *a;
		int32_t port = 4711;

		if (s->type == 10) /* not an address a socket is bound or connected to */
			continue;
		setup_event(ev, s);
		a = rg_sockaddr_addr(ev, edge(s->bytes, s->len), s->len, &port);
		if (!s->addr) {
			assert_null(a);
			continue;
		}
		assert_non_null(a);
		if (a->text_len != strlen(s->addr) || memcmp(a->text, s->addr, a->text_len))
			fail_msg("%s: %.*s instead of %s", s->what, (int)a->text_len, a->text, s->addr);
		assert_int_equal(port, s->port);
	}
	rg_event_free(ev);
}

static void ip_addresses_carry_their_bytes(void **state)
{
	struct rg_event *ev = rg_event_new();
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f000001)};
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
	const struct rg_addr *a = rg_sockaddr_addr(ev, (uint8_t *)&in, sizeof(in), NULL);

	assert_int_equal(a->family, AF_INET);
	assert_int_equal(a->ip_len, 4);
	assert_memory_equal(a->ip, &in.sin_addr, 4);
	a = rg_sockaddr_addr(ev, (uint8_t *)&in6, sizeof(in6), NULL);
	assert_int_equal(a->family, AF_INET6);
	assert_int_equal(a->ip_len, 16);
	assert_memory_equal(a->ip, &in6.sin6_addr, 16);
	rg_event_free(ev);
}

static void names_cut_by_the_caller_say_so(void **state)
{
	struct rg_event *ev = rg_event_new();
	rg_auto_buf out = {0};
	struct rg_builder b;

	rg_set_u(ev, RG_F_MSG_NAMELEN, 16, RG_TAG_K);
	rg_build_field(&b, ev, RG_F_MSG_NAME, RG_TAG_K);
	rg_decode_sockaddr(edge("\x02\0\0\x35", 4), 4, AF_INET, &b);
	nodes_text(&out, ev->v[RG_F_MSG_NAME].node);
	assert_string_equal(rg_buf_cstr(&out),
			    "family=inet port=53 text=?:53 malformed=cut: 4 of 16 bytes bytes=0035");
	assert_int_equal(rg_node_find(ev->v[RG_F_MSG_NAME].node, "bytes")->v.full, 14);
	/* msg.namelen is not about addresses elsewhere, as in control messages */
	rg_build_field(&b, ev, RG_F_CMSG, RG_TAG_K);
	rg_decode_sockaddr(edge("\x10\0\0\0\0\0\0\0\0\0\0\0", 12), 12, AF_INET, &b);
	assert_null(rg_node_find(ev->v[RG_F_CMSG].node, "malformed"));
	rg_event_free(ev);
}

static void lengths_inside_that_lie(void **state)
{
	static const struct sample lies[] = {
		{"packet halen", AF_PACKET, 3, -1,
		 B("\x11\0\x08\x00\x03\0\0\0\x01\0\x02\xff\x00\x11\x22\x33"), 0, "hwaddr"},
		{"packet halen above the most there is", AF_PACKET, 3, -1,
		 B("\x11\0\x08\x00\x03\0\0\0\x01\0\x02\x21"
		   "0123456789abcdef0123456789abcdefX"),
		 0, "hwaddr"},
		{"ax25 digis", AF_AX25, 2, 0, B("\x03\0\x9c\x60\x86\x82\x98\x98\x02\0\0\0\x09\0\0\0"), 0,
		 "digis"},
		{"ax25 huge", AF_AX25, 2, 0, B("\x03\0\x9c\x60\x86\x82\x98\x98\x02\0\0\0\xff\xff\xff\xff"), 0,
		 "digis"},
		{"rxrpc transport", AF_RXRPC, 2, 2, B("\x21\0\x34\x12\x02\0\x04\0\x02\0\x1b\x58\x7f\0\0\x01"),
		 0, "addr"},
		{"rxrpc inside itself", AF_RXRPC, 2, 2,
		 B("\x21\0\x34\x12\x02\0\x10\0\x21\0\x1b\x58\x7f\0\0\x01\0\0\0\0\0\0\0\0"), 0, "addr"},
		{"mctp halen", AF_MCTP, 2, 0, B("\x2d\0\0\0\x01\0\0\0\x0a\x05\x08\0\x03\0\0\0\x21\0\0\0\x1d"),
		 0, "hwaddr"},
	};
	struct rg_event *ev = rg_event_new();
	rg_auto_buf out = {0};

	for (size_t i = 0; i < RG_ARRAY_LEN(lies); i++) {
		const struct rg_node *bad;

		decode(ev, &lies[i], lies[i].len, &out);
		bad = rg_node_find(ev->v[RG_F_MSG_NAME].node, "malformed");
		if (!bad || strncmp(bad->v.p, lies[i].expect, strlen(lies[i].expect)))
			fail_msg("%s: %s", lies[i].what, rg_buf_cstr(&out));
	}
	rg_event_free(ev);
}

static void unix_names_may_hold_any_byte(void **state)
{
	struct rg_event *ev = rg_event_new();
	static const char raw[] = "\x01\0\0a\0b\xff\n";
	uint8_t longest[200] = {1};
	const struct rg_addr *a = rg_sockaddr_addr(ev, edge(raw, 8), 8, NULL);
	rg_auto_buf out = {0};
	struct rg_builder b;

	assert_int_equal(a->text_len, 6);
	assert_memory_equal(a->text, "@a\0b\xff\n", 6);
	memset(longest + 2, 'x', sizeof(longest) - 2);
	for (size_t len = 3; len <= sizeof(longest); len++) {
		rg_build_field(&b, ev, RG_F_MSG_NAME, RG_TAG_K);
		rg_decode_sockaddr(edge(longest, len), len, AF_UNIX, &b);
		assert_int_equal(rg_node_find(ev->v[RG_F_MSG_NAME].node, "path")->v.len, len - 2);
		assert_int_equal(rg_node_find(ev->v[RG_F_MSG_NAME].node, "malformed") != NULL, len > 111);
		rg_event_reset(ev);
	}
	rg_event_free(ev);
}

/* What decoders give is what expressions and schemas were promised. */
static void decoded_fields_are_those_of_the_table(void **state)
{
	struct rg_event *ev = rg_event_new();
	rg_auto_buf out = {0};

	for (size_t i = 0; i < RG_ARRAY_LEN(samples); i++) {
		decode(ev, &samples[i], samples[i].len, &out);
		for (const struct rg_node *n = ev->v[RG_F_MSG_NAME].node; n; n = n->next) {
			const struct rg_elem_info *e = NULL;

			for (size_t j = 0; j < rg_field_elem_count(RG_F_MSG_NAME) && !e; j++)
				if (!strcmp(rg_field_elem(RG_F_MSG_NAME, j)->name, n->name))
					e = rg_field_elem(RG_F_MSG_NAME, j);
			if (!e || e->type != n->type)
				fail_msg("%s: %s is not in elems.def, or of another type", samples[i].what,
					 n->name);
		}
	}
	rg_event_free(ev);
}

static void ip_text_is_that_of_inet_ntop(void **state)
{
	uint8_t ip[16];
	char want[64], got[64];

	srandom(1);
	for (int i = 0; i < 200000; i++) {
		struct rg_text t = {.p = got, .cap = sizeof(got)};

		for (int j = 0; j < 8; j++) {
			uint16_t v = (uint16_t)(random() >> 3 & 3 ? 0 : random() >> (random() & 15));

			ip[2 * j] = (uint8_t)(v >> 8);
			ip[2 * j + 1] = (uint8_t)v;
		}
		if (i % 7 == 0)
			memcpy(ip, "\0\0\0\0\0\0\0\0\0\0\xff\xff", 12);
		else if (!memcmp(ip, "\0\0\0\0\0\0\0\0\0\0\0",
				 12)) /* ::1.2.3.4: glibc's own, deprecated form */
			ip[0] = 0x20;
		rg_text_ip6(&t, ip);
		assert_non_null(inet_ntop(AF_INET6, ip, want, sizeof(want)));
		assert_int_equal(t.len, strlen(want));
		assert_memory_equal(got, want, t.len);
	}
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(layouts_are_the_kernels_a),
	cmocka_unit_test(layouts_are_the_kernels_b),
	cmocka_unit_test(every_family_is_decoded),
	cmocka_unit_test(every_length_is_read_to_its_end_and_no_further),
	cmocka_unit_test(addresses_for_expressions),
	cmocka_unit_test(ip_addresses_carry_their_bytes),
	cmocka_unit_test(names_cut_by_the_caller_say_so),
	cmocka_unit_test(lengths_inside_that_lie),
	cmocka_unit_test(unix_names_may_hold_any_byte),
	cmocka_unit_test(decoded_fields_are_those_of_the_table),
	cmocka_unit_test(ip_text_is_that_of_inet_ntop),
};
RG_UNIT_MAIN(tests)
