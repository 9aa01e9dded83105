/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RG_KERNEL_CAPTURE_H
#define RG_KERNEL_CAPTURE_H

#include <stdbool.h>
#include <stdint.h>

#include <recvguard/error.h>
#include <recvguard/trace.h>

#include "abi/config.h"
#include "abi/match.h"
#include "abi/record.h"

/*
 * The kernel side, loaded: one tier's BPF object, its maps, its ring. Knows nothing of events.
 */

struct bpf_object;
struct rg_capture;

/*
 * One capture tier. A tier is a row of rg_capture_tiers (best first) and a file here; the object it loads has
 * the maps of bpf/lib/maps.h and the globals rg_config (read-only) and those of bpf/lib/stack.h.
 */
struct rg_tier_impl {
	enum rg_tier tier;
	const char *name;
	bool steady; /* its programs are never preempted */
	/* Open, not load: *obj, and where rg_config stands in its read-only data. The instance is the
	 * skeleton. */
	int (*open)(void **instance, struct bpf_object **obj, struct rg_config **config, struct rg_err *err);
	/* Switch off the programs that this kernel or these options do not need; set other read-only values.
	 */
	int (*prepare)(void *instance, const struct rg_trace_opts *opts, struct rg_err *err);
	int (*load)(void *instance);
	int (*attach)(void *instance);
	/* After attach: find out what must be found out by trying (calibration). May add a note. */
	int (*settle)(void *instance, struct rg_capture *c, struct rg_err *err);
	/* Runs of programs that were left out and are not among the programs' own recursion_misses. May be
	 * NULL.
	 */
	uint64_t (*missed)(void *instance);
	void (*destroy)(void *instance);
};
extern const struct rg_tier_impl *const rg_capture_tiers[]; /* ends with NULL */
extern const struct rg_tier_impl rg_tier_trampoline;
extern const struct rg_tier_impl rg_tier_fprobe; /* the same, where the kernel preempts */
extern const struct rg_tier_impl rg_tier_tracepoint;
extern const struct rg_tier_impl rg_tier_legacy;

/* How much of a loss was told: src/kernel/capture.c, for old kernels. */
struct rg_loss_told {
	struct rg_loss_key key;
	uint64_t n;
};

struct rg_capture {
	const struct rg_tier_impl *impl;
	void *instance;
	struct bpf_object *obj;
	const struct rg_match *match;	  /* while opening */
	const struct rg_trace_opts *opts; /* while opening */
	struct ring_buffer *ring;
	bool calibrated;
	struct rg_loss_told *told; /* owned */
	size_t n_told;
	uint64_t misses;  /* stack checks that failed when last looked at */
	uint64_t skipped; /* runs of programs that the kernel left out, as last told */
	char *notes[16];  /* lines for the start-up message, NULL-terminated, owned */
};

/* One record as it stands in the ring: valid during the call. Non-zero stops the reading. */
typedef int (*rg_record_fn)(void *arg, const struct rg_rec_hdr *rec, size_t size);

/* Load and attach the best tier that opts allows. match: the part of the filter that the kernel decides,
 * copied into it; NULL: none. Errors as rg_trace_open. */
int rg_capture_open(const struct rg_trace_opts *opts, const struct rg_match *match, rg_record_fn fn,
		    void *arg, struct rg_capture **ret, struct rg_err *err);
/* Read what is in the ring: number of records, or what fn returned. */
int rg_capture_consume(struct rg_capture *c);
/* Add a process to those selected by pid. */
int rg_capture_follow(struct rg_capture *c, int pid, struct rg_err *err);
/* Look after what changes while running: recalibrate after doubts. */
void rg_capture_tend(struct rg_capture *c);
void rg_capture_close(struct rg_capture *c);

/* What was lost since the last call: fn is called for each key with the number of new losses. */
typedef void (*rg_loss_fn)(void *arg, const struct rg_loss_key *key, uint64_t count);
void rg_capture_losses(struct rg_capture *c, rg_loss_fn fn, void *arg);
/* Messages that the filter left out in the kernel, so far. */
uint64_t rg_capture_rejected(struct rg_capture *c);

/* Add a line to c->notes. */
void rg_capture_note(struct rg_capture *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Arguments that the running kernel's tracepoint `name` passes, -1: it has none of that name (or no BTF). */
int rg_tracepoint_args(const char *name);

/* select.c: fill config and maps from what the user selected. The first before load, the second after. */
int rg_select_config(const struct rg_trace_opts *opts, const struct rg_match *match, struct rg_config *config,
		     struct rg_err *err);
/* Select one more process, also while the tier runs. */
int rg_select_pid(struct bpf_object *obj, uint32_t tgid, struct rg_err *err);
int rg_select_maps(const struct rg_trace_opts *opts, struct bpf_object *obj, struct rg_err *err);

#endif
