/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RG_BROKER_PLAIN_H
#define RG_BROKER_PLAIN_H

#include "broker/broker.h"

struct seccomp_notif;

/*
 * read and readv of what is no socket. CONTINUE would let another thread put a socket at that number in
 * between (dup2): it is the answer only where nobody else has the descriptor table; else the supervisor
 * reads.
 */
enum rg_step rg_plain_read(struct rg_broker *b, struct rg_call *c);

/* splice, sendfile: from a socket EINVAL; else CONTINUE where race-free, or EINVAL, and programs copy
 * instead. */
enum rg_step rg_plain_move(struct rg_broker *b, struct rg_call *c, const struct seccomp_notif *n);

/* Is this call's number one of those? */
bool rg_is_move(const struct seccomp_notif *n);

/* Look after reads that block in threads of their own. Returns when to look again, UINT64_MAX: never. */
uint64_t rg_helpers_look(struct rg_broker *b, uint64_t now);

#endif
