/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RECVGUARD_JSON_H
#define RECVGUARD_JSON_H

#include <stddef.h>

#include <recvguard/error.h>
#include <recvguard/event.h>

/* Read one event from one line of native JSON, as `-o json` writes it. ev is reset first; its values live
 * until the next reset. Fields that are missing are absent; tags default to K. A payload shorter than ret
 * counts as captured in part. Errors: -EINVAL (not JSON, an unknown field, a value of the wrong type: err
 * names it). */
int rg_event_from_json(struct rg_event *ev, const char *line, size_t len, struct rg_err *err);

#endif
