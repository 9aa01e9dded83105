/* SPDX-License-Identifier: BSD-2-Clause */
/* Names inside socket addresses. Values from linux/if_packet.h and linux/if_arp.h (linux-libc-dev). */
#include <linux/if_arp.h>
#include <linux/if_packet.h>

#include <recvguard/event.h>

const struct rg_name rg_names_pkttypes[] = {
	{PACKET_HOST, "host"},		 {PACKET_BROADCAST, "broadcast"}, {PACKET_MULTICAST, "multicast"},
	{PACKET_OTHERHOST, "otherhost"}, {PACKET_OUTGOING, "outgoing"},	  {PACKET_LOOPBACK, "loopback"},
	{PACKET_USER, "user"},		 {PACKET_KERNEL, "kernel"},	  {0, NULL}};

const struct rg_name rg_names_hatypes[] = {{ARPHRD_NETROM, "netrom"},
					   {ARPHRD_ETHER, "ether"},
					   {ARPHRD_AX25, "ax25"},
					   {ARPHRD_IEEE802, "ieee802"},
					   {ARPHRD_DLCI, "dlci"},
					   {ARPHRD_ATM, "atm"},
					   {ARPHRD_IEEE1394, "ieee1394"},
					   {ARPHRD_INFINIBAND, "infiniband"},
					   {ARPHRD_SLIP, "slip"},
					   {ARPHRD_ROSE, "rose"},
					   {ARPHRD_X25, "x25"},
					   {ARPHRD_CAN, "can"},
					   {ARPHRD_MCTP, "mctp"},
					   {ARPHRD_PPP, "ppp"},
					   {ARPHRD_HDLC, "hdlc"},
					   {ARPHRD_RAWIP, "rawip"},
					   {ARPHRD_TUNNEL, "tunnel"},
					   {ARPHRD_TUNNEL6, "tunnel6"},
					   {ARPHRD_LOOPBACK, "loopback"},
					   {ARPHRD_SIT, "sit"},
					   {ARPHRD_IPGRE, "ipgre"},
					   {ARPHRD_IEEE80211, "ieee80211"},
					   {ARPHRD_IEEE80211_PRISM, "ieee80211_prism"},
					   {ARPHRD_IEEE80211_RADIOTAP, "ieee80211_radiotap"},
					   {ARPHRD_IEEE802154, "ieee802154"},
					   {ARPHRD_IEEE802154_MONITOR, "ieee802154_monitor"},
					   {ARPHRD_PHONET, "phonet"},
					   {ARPHRD_PHONET_PIPE, "phonet_pipe"},
					   {ARPHRD_IP6GRE, "ip6gre"},
					   {ARPHRD_NETLINK, "netlink"},
					   {ARPHRD_6LOWPAN, "6lowpan"},
					   {ARPHRD_VSOCKMON, "vsockmon"},
					   {ARPHRD_VOID, "void"},
					   {ARPHRD_NONE, "none"},
					   {0, NULL}};
