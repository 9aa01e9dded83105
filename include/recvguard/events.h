/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RECVGUARD_EVENTS_H
#define RECVGUARD_EVENTS_H

#include <recvguard/error.h>

/* The documentation of the events, made from the event tables: never out of step with the code.
 * Every function returns text that the caller frees with free(), or NULL: err says why (-ENOMEM, -ENOENT). */

/* All events, a line each. */
char *rg_events_list(struct rg_err *err);
/* The page of one event: what it is, purpose, fields with type, unit, tags and documentation, flags by name,
 * example, related events, known limits, and what the tags mean. -ENOENT: no such event (err lists them). */
char *rg_events_page(const char *name, struct rg_err *err);

/* The control messages: name NULL lists all types, a level (SOL_IP) or type (SCM_RIGHTS) prints its pages.
 * -ENOENT: no such level or type. */
char *rg_events_cmsg(const char *name, struct rg_err *err);

#endif
