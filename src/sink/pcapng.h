/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RG_SINK_PCAPNG_H
#define RG_SINK_PCAPNG_H

/* How an event becomes a packet: pcapng.c writes blocks, pcapng_pdu.c what is inside a packet. */
#include <recvguard/event.h>

#include "base/buf.h"

/* Link types, from the list at tcpdump.org. */
enum rg_ng_link { RG_LINK_DBUS = 231, RG_LINK_UPPER_PDU = 252, RG_LINK_NETLINK = 253 };

/* One packet: what stands before the payload, and which part of the payload. An event gives one, or several
 * where a stream read brought several messages and the dissector wants them one by one. */
struct rg_ng_packet {
	const uint8_t *payload; /* NULL: none was captured */
	size_t len;		/* captured */
	size_t full;		/* delivered: what snaplen cut off counts */
};

/* The part of the payload that starts at *at, and moves *at behind it. false: no more. Call first with *at 0:
 * there is always a first one. */
bool rg_ng_next(const struct rg_event *ev, size_t *at, struct rg_ng_packet *ret);
/* D-Bus messages have a link type of their own, which every Wireshark knows; its dissector has no name by
 * which an exported PDU could ask for it. Netlink too, where there is a payload. Everything else is an
 * exported PDU. p NULL: where the family's losses belong. */
enum rg_ng_link rg_ng_link_of(const struct rg_event *ev, const struct rg_ng_packet *p);
/* Append the pseudo header of that link type for this packet. */
void rg_ng_header(struct rg_buf *b, const struct rg_event *ev, const struct rg_ng_packet *p);

bool rg_ng_is_send(const struct rg_event *ev);

/* One line: who received what from whom, and what was decided. ASCII, received bytes escaped. */
void rg_ng_comment(struct rg_buf *b, const struct rg_event *ev);

#endif
