/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RG_SINK_TRACEE_H
#define RG_SINK_TRACEE_H

#include <recvguard/event.h>

#include "sink/json.h"

/*
 * What both of Tracee's JSON forms share: which arguments a system call has there, under which names, and
 * where their values come from. Names and types as in Tracee 0.24.
 */
enum tracee_source {
	TRACEE_FD,
	TRACEE_POINTER, /* the buffer, msghdr, iovec or mmsghdr pointer as passed */
	TRACEE_MSG,	/* the same, for which the decoded message is shown */
	TRACEE_LEN,	/* sum of the buffers given */
	TRACEE_FLAGS,
	TRACEE_ADDR,
	TRACEE_IOVCNT,
	TRACEE_UNKNOWN, /* not recorded: null */
	TRACEE_LOST,	/* recvguard's own event */
	TRACEE_REASON,
};

struct tracee_arg {
	const char *name;
	const char *type;
	enum tracee_source source;
};

/* Arguments of the event, ends with a NULL name. */
const struct tracee_arg *tracee_args(enum rg_event_id event);
/* Which of our events it is; RG_EV_RECVMSG where the number is unknown. */
enum rg_event_id tracee_event(const struct rg_event *ev);
/* The system call that was running, by name; "" where none was. */
const char *tracee_syscall(const struct rg_event *ev);
/* Tracee's id of a task: murmur3 (32 bit, its seed) over thread id and start time. */
uint32_t tracee_entity(uint32_t tid, uint64_t start_ns);
uint32_t tracee_murmur3(const void *key, size_t len, uint32_t seed);

uint64_t tracee_u(const struct rg_event *ev, enum rg_field f); /* 0 when absent */
uint64_t tracee_len(const struct rg_event *ev);
uint64_t tracee_iovcnt(const struct rg_event *ev);

/* "MSG_PEEK|MSG_DONTWAIT" in quotes, "0" when none is set. */
void tracee_flags(struct rg_buf *b, uint64_t flags);
/* A text field as a JSON string, "" when absent. */
void tracee_text(struct rg_buf *b, const struct rg_event *ev, enum rg_field f);
/* {"sa_family":"AF_INET",...}; port numbers quoted in the old form. null without an address. */
void tracee_sockaddr(struct rg_json *j, struct rg_buf *b, const struct rg_event *ev, bool quoted);
/* The msghdr as an object: msg_name, msg_iov, msg_control, msg_flags, and what came with it. */
void tracee_msghdr(struct rg_json *j, struct rg_buf *b, const struct rg_event *ev);

#endif
