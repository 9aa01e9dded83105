/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RECVGUARD_REDACT_H
#define RECVGUARD_REDACT_H

#include <recvguard/error.h>
#include <recvguard/event.h>

/*
 * Hiding what a pattern matches before an event reaches any output: each byte becomes '*', so that lengths
 * and positions stay true, and msg.redacted counts them. Looked at is what a sender chose: payload, control
 * messages, names of unix sockets, names of passed files. The summary is made anew from the hidden payload.
 *
 * A pattern sees the captured bytes of one message: a secret that came in two reads, or was cut by the
 * snaplen before the pattern could know it, is not found.
 */

struct rg_redact;

/* The built-in sets, by name (without the '@'). Ends with a NULL name. */
struct rg_redact_set {
	const char *name, *doc, *pattern;
};
extern const struct rg_redact_set rg_redact_sets[];

/* patterns: PCRE2 over bytes, or "@NAME" for a set. Where a pattern has groups, what they caught is hidden,
 * else the whole match. Errors: -EINVAL (which pattern, where, why; an unknown set), -ENOMEM. */
int rg_redact_new(const char *const *patterns, unsigned n, struct rg_redact **ret, struct rg_err *err);
void rg_redact_free(struct rg_redact *r); /* NULL is allowed */

/* Hide. Where that cannot be decided in bounded work, or memory ends, the whole value is hidden. Losses are
 * left as they are. Not thread-safe. */
void rg_redact_event(struct rg_redact *r, struct rg_event *ev);

#endif
