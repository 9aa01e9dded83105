/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RG_DECODE_DISSECT_H
#define RG_DECODE_DISSECT_H

#include <recvguard/event.h>

#define RG_SUMMARY_MAX 320

/*
 * Say in one line what the payload is: sets msg.protocol and msg.summary from msg.data and the socket's
 * family, protocol, ports and path, which must be set before. The summary is printable ASCII (anything else
 * escaped), at most RG_SUMMARY_MAX bytes, and carries the payload's tag. Sets nothing when no dissector knows
 * the payload.
 */
void rg_dissect(struct rg_event *ev);

#endif
