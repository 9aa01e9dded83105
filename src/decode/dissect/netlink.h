/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RG_DECODE_DISSECT_NETLINK_H
#define RG_DECODE_DISSECT_NETLINK_H

#include "decode/dissect/dissector.h"

/* Name the object of a rtnetlink message (link, address, route, neighbour, rule...). false: nothing to name.
 */
bool rg_rtnetlink_item(struct rg_text *t, uint16_t type, const struct rg_payload *body);

#endif
