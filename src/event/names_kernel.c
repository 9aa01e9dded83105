/* SPDX-License-Identifier: BSD-2-Clause */
/* Names of the kernel's numbers. Values from the kernel's user-space headers (linux-libc-dev). */
#include <linux/fcntl.h>
#include <linux/memfd.h>
#include <sys/socket.h>

#include <recvguard/event.h>

const struct rg_name rg_names_families[] = {{AF_UNSPEC, "unspec"},   {AF_UNIX, "unix"},	    {AF_INET, "inet"},
					    {AF_INET6, "inet6"},     {AF_NETLINK, "netlink"}, {AF_PACKET, "packet"},
					    {AF_VSOCK, "vsock"},     {0, NULL}};
const struct rg_name rg_names_socktypes[] = {{SOCK_STREAM, "stream"}, {SOCK_DGRAM, "dgram"},
					     {SOCK_RAW, "raw"},	      {SOCK_RDM, "rdm"},
					     {SOCK_SEQPACKET, "seqpacket"}, {0, NULL}};
const struct rg_name rg_names_msgflags[] = {{MSG_OOB, "MSG_OOB"},     {MSG_PEEK, "MSG_PEEK"},
					    {MSG_CTRUNC, "MSG_CTRUNC"}, {MSG_TRUNC, "MSG_TRUNC"},
					    {MSG_DONTWAIT, "MSG_DONTWAIT"}, {0, NULL}};
const struct rg_name rg_names_errnos[] = {{11, "EAGAIN"}, {0, NULL}};
const struct rg_name rg_names_ipprotos[] = {{6, "tcp"}, {17, "udp"}, {0, NULL}};
const struct rg_name rg_names_netlink_protos[] = {{0, "route"}, {0, NULL}};
const struct rg_name rg_names_etherprotos[] = {{0, NULL}};
const struct rg_name rg_names_fdkinds[] = {{0, NULL}};
const struct rg_name rg_names_openflags[] = {{0, NULL}};
const struct rg_name rg_names_seals[] = {{0, NULL}};
