/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RG_SINK_JSON_H
#define RG_SINK_JSON_H

#include <recvguard/event.h>

#include "base/buf.h"

/* Native JSON, as rg_schema_json() describes it. */

/* What a writer remembers from event to event: whole seconds already turned into text. */
struct rg_json {
	struct {
		uint64_t key; /* second + 1, 0: empty */
		char text[24];
	} seconds[8];
};

/* Append the event as one object and a line feed. -ENOMEM: nothing is appended. */
int rg_json_event(struct rg_json *j, struct rg_buf *b, const struct rg_event *ev);

/* Append p[0..len) as a JSON value: a string where it is UTF-8, else {"base64":"..."}. */
void rg_json_bytes(struct rg_buf *b, const char *p, size_t len);
/* Append p as a string whatever it holds: what is not UTF-8 becomes U+FFFD (formats without base64). */
void rg_json_lossy(struct rg_buf *b, const char *p, size_t len);
/* Append one value of any type as native JSON. */
void rg_json_value(struct rg_json *j, struct rg_buf *b, enum rg_type type, const struct rg_value *v,
		   const struct rg_name *names);
/* Nanoseconds since the epoch as RFC 3339 in UTC, in double quotes. */
void rg_json_time(struct rg_json *j, struct rg_buf *b, uint64_t ns);
/* Append "K", "U,TOCTOU"... without quotes. */
void rg_tag_text(struct rg_buf *b, uint8_t tag);

#endif
