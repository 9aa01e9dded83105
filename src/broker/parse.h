/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RG_BROKER_PARSE_H
#define RG_BROKER_PARSE_H

#include "broker/broker.h"

struct seccomp_notif;

/* Take the call apart and duplicate its descriptor into c->sock. 0, or -errno to answer. What was wrong with
 * the caller's memory is in c->no_memory, to be answered after the descriptor proved to be a socket. */
int rg_call_parse(struct rg_broker *b, struct rg_call *c, const struct seccomp_notif *n);

/* Snapshot a user msghdr (recvmsg, and each of recvmmsg's) into c->d. 0 or -errno. */
int rg_dest_msghdr(struct rg_call *c, uint64_t at);
void rg_dest_clear(struct rg_dest *d);

#endif
