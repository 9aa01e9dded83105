/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RECVGUARD_STAT_H
#define RECVGUARD_STAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <recvguard/error.h>
#include <recvguard/event.h>

/*
 * Events added up while they come: by process, socket, peer and container, with rates, percentiles of times,
 * and the last messages of each. Memory is bounded: when a table is full the row that was idle longest goes,
 * and its counts are kept in a row of their own, so that sums stay true. Not thread-safe.
 */

struct rg_stat;

enum rg_stat_by {
	RG_BY_PROCESS,	 /* the receiver (the sender, for messages sent) */
	RG_BY_SOCKET,	 /* its socket */
	RG_BY_PEER,	 /* the process at the other end where it is known, else its address */
	RG_BY_CONTAINER, /* the receiver's; "host" outside of all */
	RG_BY__COUNT
};
extern const char *const rg_stat_by_names[RG_BY__COUNT + 1];

/* What is measured in time, where the events have it. */
enum rg_stat_time {
	RG_TIME_WAIT,	  /* wait */
	RG_TIME_DURATION, /* duration */
	RG_TIME_LATENCY,  /* msg.latency */
	RG_TIME__COUNT
};
extern const char *const rg_stat_time_names[RG_TIME__COUNT + 1];

struct rg_stat_opts {
	unsigned rows;	   /* kept of each table, 0: 1024 */
	unsigned messages; /* kept of each row, 0: 16 */
	size_t bytes;	   /* of all messages kept, 0: 32 MiB */
};

struct rg_stat_row {
	uint64_t id;	  /* stays with the row */
	const char *name; /* escaped: can be shown as it is; until the next rg_stat_add */
	uint64_t messages, bytes, fds, errors, truncated, denied, lost;
	uint64_t metadata; /* messages of which --metadata kept no more: fds and truncated know nothing of
			      them */
	double message_rate, byte_rate; /* per second, of the last interval */
	/* Within a sixteenth of the true value; counted[t] 0: none was measured. */
	uint64_t counted[RG_TIME__COUNT], p50[RG_TIME__COUNT], p99[RG_TIME__COUNT];
	uint64_t last; /* time of the last message, ns since 1970 */
};

enum rg_stat_key {
	RG_KEY_MESSAGE_RATE,
	RG_KEY_BYTE_RATE,
	RG_KEY_MESSAGES,
	RG_KEY_BYTES,
	RG_KEY_FDS,
	RG_KEY_P50,
	RG_KEY_P99,
	RG_KEY_ERRORS,
	RG_KEY_TRUNCATED,
	RG_KEY_DENIED,
	RG_KEY_LOST,
	RG_KEY_NAME,
	RG_KEY__COUNT
};
extern const char *const rg_stat_key_names[RG_KEY__COUNT + 1];

/* -ENOMEM. opts NULL: the defaults. */
int rg_stat_new(const struct rg_stat_opts *opts, struct rg_stat **ret, struct rg_err *err);
void rg_stat_free(struct rg_stat *s); /* NULL is allowed */

/* Count one event. Messages looked at (MSG_PEEK) are counted when they are delivered; a loss counts in the
 * total, and at its process and socket where those are known. -ENOMEM: counted in the total only. */
int rg_stat_add(struct rg_stat *s, const struct rg_event *ev);
/* An interval of so many seconds ends: rates are those of it. */
void rg_stat_tick(struct rg_stat *s, double seconds);

/* The rows of a table, largest first by key (names: alphabetical), at most max. time: for RG_KEY_P50 and
 * RG_KEY_P99. Returns how many were written. */
unsigned rg_stat_rows(const struct rg_stat *s, enum rg_stat_by by, enum rg_stat_key key,
		      enum rg_stat_time time, bool reverse, struct rg_stat_row *rows, unsigned max);
/* Everything. */
void rg_stat_total(const struct rg_stat *s, struct rg_stat_row *ret);
/* Rows that a table holds, and those that had to go; ret may be NULL, else gets the sums of those. */
unsigned rg_stat_count(const struct rg_stat *s, enum rg_stat_by by);
uint64_t rg_stat_forgotten(const struct rg_stat *s, enum rg_stat_by by, struct rg_stat_row *ret);

/* The last messages of a row, newest first, as native JSON (rg_event_from_json reads it), at most max. Valid
 * until the next rg_stat_add. Those larger than 16 KiB are not kept. */
struct rg_stat_message {
	const char *json;
	uint32_t len;
};
unsigned rg_stat_messages(const struct rg_stat *s, enum rg_stat_by by, uint64_t id, struct rg_stat_message *v,
			  unsigned max);

#endif
