/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RG_PIPELINE_SENDERS_H
#define RG_PIPELINE_SENDERS_H

#include <stdbool.h>

#include <recvguard/event.h>
#include <recvguard/policy.h>

#include "policy/ir.h"

/*
 * --direction both: who sent a message, by the send that was seen of it (msg.id). Surer than the peer at
 * connect time, which may have handed its socket on, and all there is of internet sockets. The sends kept are
 * the last 4,096, in memory of fixed size; of an older one the receipt says what it said without.
 */
struct rg_senders;
/* NULL: out of memory. */
struct rg_senders *rg_senders_new(void);
void rg_senders_free(struct rg_senders *s);
/* Remember a send; set sender.* of a receipt (sender.how "send") unless the message brought its own
 * credentials. What is set points into s until the next call. */
void rg_senders_event(struct rg_senders *s, struct rg_event *ev, bool send);
/* Does this program, or anything of the policy, ask for sender.*? NULL: no. */
bool rg_senders_asked(const struct rg_ir *p);
bool rg_senders_asked_by(const struct rg_policy *p);

#endif
