/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RG_BROKER_EVENT_H
#define RG_BROKER_EVENT_H

#include "broker/broker.h"

/* Describe the message in rx, as received for call c, in b->ev: everything from the supervisor's own copy or
 * from the kernel. False: it did not fit. */
bool rg_event_fill(struct rg_broker *b, struct rg_call *c, bool all);
/* After loading policies: fill b->want. Without `all` only those fields, and what costs nothing, are there.
 */
void rg_event_uses(struct rg_broker *b);
static inline bool rg_event_wants(const struct rg_broker *b, bool all, enum rg_field from, enum rg_field to)
{
	for (enum rg_field f = from; !all && f <= to; f++)
		all = b->want[f];
	return all;
}

/* event_proc.c: proc.*; event_sock.c: sock.*, sender.*; event_fd.c: the descriptors. */
void rg_event_proc(struct rg_broker *b, struct rg_call *c, bool all);
void rg_event_sock(struct rg_broker *b, struct rg_call *c, bool all);
void rg_event_sender(struct rg_broker *b, struct rg_call *c, bool all);
void rg_event_exe(struct rg_event *ev, enum rg_field f, int pid, uint8_t tag);
void rg_event_comm(struct rg_event *ev, enum rg_field f, int pid, uint8_t tag);
bool rg_event_fds(struct rg_broker *b, struct rg_call *c, bool all);

#endif
