/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RG_SINK_JSON_H
#define RG_SINK_JSON_H

#include <recvguard/event.h>

#include "base/buf.h"

/* Native JSON, as rg_schema_json() describes it. */

enum { RG_JSON_WHO_FIELDS = RG_F_CONTAINER_POD - RG_F_PROC_PID + 1 };

/* What was written of a receiver (proc and container), and what it was written from. */
struct rg_json_who {
	uint8_t n; /* fields, 0: empty */
	uint8_t field[RG_JSON_WHO_FIELDS];
	int8_t before;	  /* the object that was open */
	uint32_t strings; /* bit: that field is a string, value its length, bytes are in text_of */
	uint64_t value[RG_JSON_WHO_FIELDS];
	char text_of[512];
	uint16_t len;
	char text[1536];
};

/* What a writer remembers from event to event: whole seconds already turned into text, and receivers, which
 * are the same for most messages in turn. */
struct rg_json {
	struct {
		uint64_t key; /* second + 1, 0: empty */
		char text[24];
	} seconds[8];
	struct rg_json_who who[32]; /* by thread */
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
