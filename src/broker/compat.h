/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RG_BROKER_COMPAT_H
#define RG_BROKER_COMPAT_H

#include "broker/broker.h"

struct seccomp_notif;

/*
 * i386 socketcall(SYS_GETSOCKOPT, SYS_SETSOCKOPT): which option is meant stands in memory, where another
 * thread could change it after it was looked at. So the supervisor takes the arguments once and makes the
 * call itself, by the i386 entry, on a duplicate.
 */
bool rg_is_socketcall_opt(const struct seccomp_notif *n);
enum rg_step rg_socketcall_opt(struct rg_broker *b, struct rg_call *c, const struct seccomp_notif *n);

#endif
