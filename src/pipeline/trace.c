/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The event's way: rg_capture (ring) → on_record → rg_decode_msg → rg_enrich_event → the caller's
 * rg_event_fn. The only file that knows capture, decoder and enrichment together.
 */
#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <recvguard/doctor.h>
#include <recvguard/tiers.h>
#include <recvguard/trace.h>

#include "base/cleanup.h"
#include "base/forced.h"
#include "base/number.h"
#include "decode/record.h"
#include "enrich/enrich.h"
#include "kernel/capture.h"
#include "pipeline/child.h"
#include "pipeline/exes.h"
#include "pipeline/metadata.h"
#include "pipeline/senders.h"
#include "policy/expr.h"
#include "policy/lower/match.h"

/* The ring is read when something is in it, and looked at this often: wake-ups by the kernel cost the traced
 * program 1.5 µs each, a look costs nobody anything. Doubled while nothing comes. */
#define POLL_MIN_NS 2000000l
#define POLL_MAX_NS 32000000l
/* How often losses are fetched and stated in the stream. */
#define TEND_NS 250000000l

struct rg_trace {
	struct rg_capture *cap;
	struct rg_parts *parts;
	struct rg_exes *exes;
	struct rg_enrich *enrich;   /* NULL: --no-enrich */
	struct rg_senders *senders; /* NULL: not --direction both */
	struct rg_event *ev;
	struct rg_child child;
	char *name; /* of the command */
	struct rg_clock clock;
	struct rg_trace_stats stats;
	uint64_t next_id;
	int64_t next_tend;
	atomic_bool stop;
	bool done; /* the command ended and the ring was drained after it */
	/* during rg_trace_run */
	rg_event_fn fn;
	void *arg;
	int fn_said;
};

static int64_t now_ns(clockid_t id)
{
	struct timespec t;

	clock_gettime(id, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* The offset of the wall clock, read without a pause in between; without that, or when it is the same but for
 * the noise of reading, the old one: start times are made by it, and a process has one. */
static int64_t clock_offset(clockid_t id, int64_t old)
{
	enum { TRIES = 8, PAUSE_NS = 20000, NOISE_NS = 1000000 };

	for (int i = 0; i < TRIES || !old; i++) {
		int64_t before = now_ns(id), wall = now_ns(CLOCK_REALTIME), after = now_ns(id);
		int64_t offset = wall - (before + (after - before) / 2);

		if (after - before > PAUSE_NS && (old || i < TRIES))
			continue;
		return old && offset - old < NOISE_NS && old - offset < NOISE_NS ? old : offset;
	}
	return old;
}

static void clock_set(struct rg_clock *c)
{
	c->mono = clock_offset(CLOCK_MONOTONIC, c->mono);
	c->boot = clock_offset(CLOCK_BOOTTIME, c->boot);
}

static int deliver(struct rg_trace *t)
{
	rg_set_u(t->ev, RG_F_ID, ++t->next_id, RG_TAG_K);
	t->fn_said = t->fn(t->arg, t->ev);
	return t->fn_said;
}

/* State a loss in the stream. cookie, pid 0: not known. */
static void deliver_loss(struct rg_trace *t, unsigned reason, uint64_t n, const struct rg_loss_key *key)
{
	struct rg_event *ev = t->ev;

	t->stats.lost[reason < RG_LOSS__COUNT ? reason : RG_LOSS_BAD_RECORD] += n;
	if (!t->fn || t->fn_said)
		return;
	rg_event_reset(ev);
	rg_set_i(ev, RG_F_EVENT, RG_EV_LOST, RG_TAG_K);
	rg_set_u(ev, RG_F_TIME, (uint64_t)now_ns(CLOCK_REALTIME), RG_TAG_K);
	if (key) {
		rg_set_u(ev, RG_F_CPU, key->cpu, RG_TAG_K);
		if (key->tgid)
			rg_set_u(ev, RG_F_PROC_PID, key->tgid, RG_TAG_K);
		if (key->cookie)
			rg_set_u(ev, RG_F_SOCK_COOKIE, key->cookie, RG_TAG_K);
	}
	rg_set_u(ev, RG_F_LOST_COUNT, n, RG_TAG_K);
	rg_set_i(ev, RG_F_LOST_REASON, reason, RG_TAG_K);
	deliver(t);
}

static void on_loss(void *arg, const struct rg_loss_key *key, uint64_t n)
{
	/* of what was left out nobody knows where */
	deliver_loss(arg, key->reason, n, key->reason == RG_LOSS_SKIPPED ? NULL : key);
}

static void count(struct rg_trace *t, int64_t ret, unsigned mflags)
{
	t->stats.messages++;
	if (ret < 0)
		t->stats.errors++;
	else if (mflags & RG_MF_PEEK)
		t->stats.peeks++;
	else
		t->stats.bytes += (uint64_t)ret;
}

static void enrich(struct rg_trace *t, const struct rg_rec_msg *m)
{
	struct rg_raw_who who = {
		.pid = m->pid,
		.leader_start = m->leader_start,
		.exe_ino = m->exe_ino,
		.exe_dev = m->exe_dev,
		.sender_pid = m->has & RG_HAS_CRED   ? m->cred_pid
			      : m->has & RG_HAS_PEER ? m->peer_pid
						     : 0,
		.cgroup_id = m->cgroup_id,
		.now = m->ts + (uint64_t)(t->clock.mono - t->clock.boot),
	};

	rg_enrich_event(t->enrich, t->ev, &who);
}

static int on_message(struct rg_trace *t, const struct rg_rec_hdr *rec, size_t size)
{
	const struct rg_rec_msg *m = rg_rec_msg_of(rec);
	unsigned lost = 0;

	if (rg_decode_msg(rec, size, t->parts, &t->clock, t->ev, &lost)) {
		deliver_loss(t, RG_LOSS_BAD_RECORD, 1, NULL);
		return t->fn_said;
	}
	count(t, m->ret, m->mflags);
	if (lost && m->cut & RG_CUT_PART)
		lost = 0; /* counted by the kernel side */
	t->stats.lost[RG_LOSS_PART] += lost;
	rg_exes_event(t->exes, m, t->ev);
	if (t->enrich)
		enrich(t, m);
	if (t->senders && m->ret >= 0)
		rg_senders_event(t->senders, t->ev, m->mflags & RG_MF_SEND);
	return deliver(t);
}

/* A record of --metadata. */
static int on_meta(struct rg_trace *t, const struct rg_rec_hdr *rec, size_t size)
{
	const struct rg_rec_meta *m = (const struct rg_rec_meta *)rec;

	if (rg_decode_meta(rec, size, &t->clock, t->ev)) {
		deliver_loss(t, RG_LOSS_BAD_RECORD, 1, NULL);
		return t->fn_said;
	}
	count(t, m->ret, m->mflags);
	if (t->enrich) {
		struct rg_raw_who who = {
			.pid = m->pid,
			.leader_start = m->leader_start,
			.exe_ino = m->exe_ino,
			.exe_dev = m->exe_dev,
			.cgroup_id = m->cgroup_id,
			.now = m->ts + (uint64_t)(t->clock.mono - t->clock.boot),
		};

		rg_enrich_event(t->enrich, t->ev, &who);
	}
	return deliver(t);
}

static int on_record(void *arg, const struct rg_rec_hdr *rec, size_t size)
{
	struct rg_trace *t = arg;

	if (size >= sizeof(*rec) && rec->type == RG_REC_MSG)
		return on_message(t, rec, size);
	if (size >= sizeof(*rec) && rec->type == RG_REC_META)
		return on_meta(t, rec, size);
	if (size >= sizeof(*rec) && rec->type == RG_REC_PROC) {
		if (rg_exes_add(t->exes, rec, size))
			deliver_loss(t, RG_LOSS_BAD_RECORD, 1, NULL);
	} else if (size < sizeof(*rec) || rg_parts_add(t->parts, rec, size)) {
		deliver_loss(t, RG_LOSS_BAD_RECORD, 1, NULL);
	}
	return t->fn_said;
}

static void tend(struct rg_trace *t)
{
	rg_capture_losses(t->cap, on_loss, t);
	rg_capture_tend(t->cap);
	/* the wall clock may have been set */
	clock_set(&t->clock);
	t->next_tend = now_ns(CLOCK_MONOTONIC) + TEND_NS;
}

int rg_trace_check(const struct rg_trace_opts *opts, struct rg_err *err)
{
	return rg_metadata_check(opts, err);
}

/* RECVGUARD_PROBE_DENY makes this kernel poorer than it is: take the best tier that is left (each is tested
 * on every kernel so). */
static int poorer_tier(struct rg_trace_opts *o, struct rg_err *err)
{
	int r = -EOPNOTSUPP;

	if (!getenv("RECVGUARD_PROBE_DENY"))
		return 0;
	if (rg_probe_check_deny(err))
		return -EINVAL;
	if (o->tier != RG_TIER_AUTO)
		return rg_probe_tier(o->tier, err);
	for (enum rg_tier t = RG_TIER_AUTO + 1; r && t < RG_TIER__COUNT; t++) {
		r = rg_probe_tier(t, err);
		if (!r)
			o->tier = t;
	}
	return r;
}

static int check_pids(const struct rg_select *s, struct rg_err *err)
{
	for (unsigned i = 0; i < s->n_pids; i++)
		if (kill(s->pids[i], 0) && errno == ESRCH)
			return rg_fail(err, -ESRCH, "there is no process %d", s->pids[i]);
	return 0;
}

/* A receipt's sender is known by its send: none may be left out in the kernel where somebody asks for it. */
static bool sends_needed(const struct rg_trace_opts *opts)
{
	return opts->direction == RG_WAY_BOTH && (rg_senders_asked(opts->filter ? opts->filter->ir : NULL) ||
						  rg_senders_asked_by(opts->policy));
}

/* What the kernel decides of filter and policy. *ret has no tests when that is nothing. */
static int lower(const struct rg_trace_opts *opts, struct rg_match *ret, struct rg_err *err)
{
	struct rg_match scope = {.exact = true};
	int r = 0;

	*ret = (struct rg_match){.exact = true};
	if (rg_forced("no-match"))
		return 0;
	if (sends_needed(opts)) {
		ret->why = "sender is known by the send, which may be another's";
		return 0;
	}
	if (opts->filter)
		r = rg_lower_match(opts->filter->ir, ret, err);
	if (!r && opts->policy)
		r = rg_match_of_policy(opts->policy, &scope, err);
	return r ? r : rg_match_join(ret, &scope, true, err);
}

static void note_match(struct rg_trace *t, const struct rg_trace_opts *opts, struct rg_match *m)
{
	rg_auto_buf text = {0};

	if (!rg_tier_features[RG_CAN_EARLY].has[rg_trace_tier(t)])
		m->prog.at &= RG_MA_END | RG_MA_ASKED;
	if (opts->metadata) {
		m->exact = m->exact && !(m->prog.at & RG_MA_ASKED);
		m->prog.at &= RG_MA_SOCK;
		m->prog.n = m->prog.at ? m->prog.n : 0;
		m->why = "with --metadata the kernel decides by process and socket alone";
	}
	if (!opts->filter && !opts->policy)
		return;
	if (rg_forced("no-match"))
		rg_buf_str(&text, "decided in user space: forced");
	else
		rg_match_words(m, &text);
	rg_capture_note(t->cap, "%s: %s", opts->filter ? "filter" : "scope of the policy",
			rg_buf_cstr(&text));
}

static int open_capture(struct rg_trace *t, const struct rg_trace_opts *opts, struct rg_err *err)
{
	struct rg_match m;
	int r = lower(opts, &m, err);

	if (!r)
		r = rg_capture_open(opts, m.prog.n ? &m : NULL, on_record, t, &t->cap, err);
	if (!r)
		note_match(t, opts, &m);
	if (!r && opts->metadata)
		rg_capture_note(t->cap, "%s", rg_metadata_note);
	rg_match_free(&m);
	return r;
}

int rg_trace_open(const struct rg_trace_opts *asked, struct rg_trace **ret, struct rg_err *err)
{
	struct rg_trace_opts poorer = *asked, *opts = &poorer;
	int r = rg_trace_check(asked, err) ?: check_pids(&asked->select, err) ?: poorer_tier(&poorer, err);
	struct rg_trace *t = r ? NULL : calloc(1, sizeof(*t));

	if (!t)
		return r ? r : rg_fail(err, -ENOMEM, "out of memory");
	t->child.status = -1;
	t->child.go = t->child.failed = -1;
	clock_set(&t->clock);
	t->ev = rg_event_new();
	t->parts = rg_parts_new();
	t->exes = rg_exes_new();
	if (opts->direction == RG_WAY_BOTH)
		t->senders = rg_senders_new();
	if (!t->ev || !t->parts || !t->exes || (opts->direction == RG_WAY_BOTH && !t->senders))
		r = rg_fail(err, -ENOMEM, "out of memory");
	if (!r && opts->select.n_pids && rg_number_is_local())
		r = rg_fail(err, -EOPNOTSUPP,
			    "process %u: in this pid namespace processes have other numbers than in the "
			    "kernel; run recvguard in the initial one (docker: --pid=host, Kubernetes: "
			    "hostPID), or select by command name, user or control group",
			    (unsigned)opts->select.pids[0]);
	if (!r && !opts->no_enrich)
		r = rg_enrich_new(NULL, &t->enrich, err);
	/* the child is forked before anything is opened: it inherits none of it */
	if (!r && opts->argv) {
		r = rg_child_hold(&t->child, opts->argv, opts->stdout_aside, err);
		t->name = strdup(opts->argv[0]);
	}
	if (!r)
		r = open_capture(t, opts, err);
	if (!r && t->child.pid > 0)
		r = rg_capture_follow(t->cap, (int)t->child.number, err);
	if (r) {
		rg_trace_close(t);
		return r;
	}
	*ret = t;
	return 0;
}

const char *const *rg_trace_notes(const struct rg_trace *t)
{
	return (const char *const *)t->cap->notes;
}

enum rg_tier rg_trace_tier(const struct rg_trace *t)
{
	return t->cap->impl->tier;
}

static void nap(long ns)
{
	struct timespec ts = {0, ns};

	nanosleep(&ts, NULL);
}

/* One round: read what is there. < 0: error or what fn said; else the number of records. */
static int round_once(struct rg_trace *t)
{
	int n = rg_capture_consume(t->cap);

	if (!t->fn_said && now_ns(CLOCK_MONOTONIC) >= t->next_tend)
		tend(t);
	return t->fn_said ? t->fn_said : n;
}

int rg_trace_run(struct rg_trace *t, int timeout_ms, rg_event_fn fn, void *arg, struct rg_err *err)
{
	int64_t until = timeout_ms < 0 ? INT64_MAX : now_ns(CLOCK_MONOTONIC) + timeout_ms * 1000000ll;
	long sleep_ns = POLL_MIN_NS;
	int r = rg_child_go(&t->child, t->name, err);

	if (r)
		return r;
	t->fn = fn;
	t->arg = arg;
	t->fn_said = 0;
	for (;;) {
		/* asked before reading: what came before the end is then read after it */
		bool last = t->done || atomic_load(&t->stop) || rg_child_ended(&t->child);
		int n = round_once(t);

		if (t->fn_said)
			return t->fn_said;
		if (n < 0)
			return rg_fail(err, n, "reading the ring buffer: %s", strerror(-n));
		if (last) {
			tend(t);
			t->done = true;
			return t->fn_said ? t->fn_said : 1;
		}
		if (now_ns(CLOCK_MONOTONIC) >= until)
			return 0;
		sleep_ns = n ? POLL_MIN_NS : sleep_ns * 2 > POLL_MAX_NS ? POLL_MAX_NS : sleep_ns * 2;
		nap(sleep_ns);
	}
}

void rg_trace_stop(struct rg_trace *t)
{
	atomic_store(&t->stop, true);
}

int rg_trace_status(const struct rg_trace *t)
{
	return t->child.status;
}

void rg_trace_stats(const struct rg_trace *t, struct rg_trace_stats *ret)
{
	*ret = t->stats;
	ret->rejected = rg_capture_rejected(t->cap);
}

void rg_trace_close(struct rg_trace *t)
{
	if (!t)
		return;
	rg_child_drop(&t->child);
	rg_capture_close(t->cap);
	rg_enrich_free(t->enrich);
	rg_parts_free(t->parts);
	rg_exes_free(t->exes);
	rg_senders_free(t->senders);
	rg_event_free(t->ev);
	free(t->name);
	free(t);
}
