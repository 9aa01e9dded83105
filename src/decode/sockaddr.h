/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RG_DECODE_SOCKADDR_H
#define RG_DECODE_SOCKADDR_H

#include <recvguard/event.h>

/*
 * Socket addresses of every family. The families whose layout depends on the protocol or socket type
 * (bluetooth, can, pppox, SOCK_PACKET) use sock.type and sock.protocol of the event where they are already
 * set, and the length otherwise: set the socket's fields first. No byte at or past sa + len is ever read.
 */

/*
 * Decode a raw sockaddr (len bytes, as the kernel returned or keeps it) into the chain of b (the msg.name
 * object, or an object inside a control message; fields of elems.def). sock_family tells what AF_UNSPEC or
 * family-less forms mean. An address shorter than its layout (or, for msg.name, than msg.namelen) gives the
 * fields that are whole, "malformed" and "bytes".
 */
void rg_decode_sockaddr(const uint8_t *sa, size_t len, uint16_t sock_family, struct rg_builder *b);

/*
 * The address part that expressions compare: for sock.local.addr etc. NULL when there is none (unnamed, cut
 * before it, no family). *ret_port (NULL allowed): host order, negative when there is none (or above
 * INT32_MAX: vsock and qrtr wildcards). Memory from the event. IPv4-mapped IPv6 addresses stay 16 bytes long.
 * Families without a port of their own give their whole text.
 */
const struct rg_addr *rg_sockaddr_addr(struct rg_event *ev, const uint8_t *sa, size_t len, int32_t *ret_port);

/*
 * One-line text of any sockaddr: 127.0.0.1:53, [fe80::1%2]:53, /run/x, @abstract, (unnamed), ... Returns its
 * length (at most cap; not NUL-terminated). Raw: a unix name may hold any byte, writers escape. A path that
 * begins with '@' or '(' is shown as "./@..." so that it cannot be taken for an abstract name or for
 * "(unnamed)".
 */
#define RG_SOCKADDR_TEXT_MAX 384
size_t rg_sockaddr_text(const uint8_t *sa, size_t len, uint16_t sock_family, char *out, size_t cap);

#endif
