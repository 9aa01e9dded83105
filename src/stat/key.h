/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RG_STAT_KEY_H
#define RG_STAT_KEY_H

#include <recvguard/stat.h>

#include "base/buf.h"

/* What an event is counted under: bytes that tell rows apart, appended to b; nothing when the event does not
 * say. */
void stat_key(struct rg_buf *b, enum rg_stat_by by, const struct rg_event *ev);
/* How that is called, escaped for a terminal. */
void stat_name(struct rg_buf *b, enum rg_stat_by by, const struct rg_event *ev);

#endif
