/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RG_EVENT_NAMES_NETLINK_H
#define RG_EVENT_NAMES_NETLINK_H

#include <recvguard/event.h>

/* Message types of the netlink protocols: generated (tools/names.spec). */
extern const struct rg_name rg_names_rtnetlink[], rg_names_sock_diag[], rg_names_xfrm[], rg_names_audit[],
	rg_names_nfnetlink[], rg_names_nftables[], rg_names_conntrack[], rg_names_genl_ctrl[],
	rg_names_crypto_msgs[];

#endif
