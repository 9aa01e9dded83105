/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RG_BPF_SENDS_H
#define RG_BPF_SENDS_H

/*
 * Sends where there is no tracepoint sock_send_length (before 6.3): the ends of the families' own sendmsg.
 * The kernel calls them by pointer, so none is inlined, and of a send just one is passed (sock_sendmsg and
 * the functions above it are inlined here and there). Sends of other families are not seen.
 */
#include "watch.h"

#define RG_SOCK_SEQPACKET 5

rg_inline int rg_family_sent(struct socket *sock, int ret, __u32 room)
{
	struct sock *sk = sock ? sock->sk : NULL;

	return sk ? rg_send_over(sk, ret, 0, room) : 0;
}

#define RG_SENT(name, NAME, function)                                                              \
	SEC("fexit/" #function)                                                                    \
	int BPF_PROG(rg_sent_##name, struct socket *sock, struct msghdr *msg, size_t len, int ret) \
	{                                                                                          \
		return rg_family_sent(sock, ret, RG_FR_SENT_##NAME);                               \
	}

RG_SENT(stream, STREAM, unix_stream_sendmsg)
RG_SENT(seqpacket, SEQPACKET, unix_seqpacket_sendmsg)
RG_SENT(inet, INET, inet_sendmsg)
RG_SENT(inet6, INET6, inet6_sendmsg)
RG_SENT(netlink, NETLINK, netlink_sendmsg)
RG_SENT(packet, PACKET, packet_sendmsg)

SEC("fexit/unix_dgram_sendmsg")
int BPF_PROG(rg_sent_dgram, struct socket *sock, struct msghdr *msg, size_t len, int ret)
{
	/* a SOCK_SEQPACKET one comes from unix_seqpacket_sendmsg */
	return sock && sock->type == RG_SOCK_SEQPACKET ? 0 : rg_family_sent(sock, ret, RG_FR_SENT_DGRAM);
}

#endif
