/* SPDX-License-Identifier: BSD-2-Clause */
/* What is enforced: its verdicts (ring → rg_decode_msg → the caller), its status, its end. */
#include <arpa/inet.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <recvguard/enforce.h>
#include <recvguard/policy.h>

#include "base/cleanup.h"
#include "base/number.h"
#include "decode/record.h"
#include "enforce/load.h"
#include "enrich/enrich.h"
#include "pipeline/enforce_names.h"

_Static_assert((int)RG_EK_ANON == (int)RG_FDK_ANON && (int)RG_EK_MEMFD == (int)RG_FDK_MEMFD &&
		       (int)RG_EK_PIDFD == (int)RG_FDK_PIDFD && (int)RG_EK_KVM == (int)RG_FDK_KVM &&
		       (int)RG_EK_SOCKET == (int)RG_FDK_SOCKET,
	       "abi: kinds of descriptors");
_Static_assert((int)RG_EB_LSM == (int)RG_ENFORCE_LSM && (int)RG_EB_FMOD_RET == (int)RG_ENFORCE_FMOD_RET &&
		       (int)RG_EB_CGROUP == (int)RG_ENFORCE_CGROUP,
	       "back-ends");

const char *const rg_enforce_backend_names[] = {"none", "lsm", "fmod_ret", "cgroup", NULL};

int rg_enforce_status(const char *dir, struct rg_enforce_status *ret, struct rg_err *err)
{
	struct rg_pins pins;
	int r = rg_pins_init(&pins, dir, err);

	return r ? r : rg_enf_status(&pins, ret, err);
}

int rg_enforce_stop(const char *dir, struct rg_err *err)
{
	struct rg_pins pins;
	int r = rg_pins_init(&pins, dir, err);

	return r ? r : rg_enf_stop(&pins, err);
}

/* ---- events */

#define LOOK_NS 500000000

struct rg_enforce {
	struct rg_pins pins;
	struct rg_enf_fds fds;
	struct ring_buffer *ring;
	struct rg_event *ev;
	struct rg_parts *parts;
	struct rg_rec_packed packed; /* what ev's values point into */
	struct rg_enrich *enrich;
	struct rg_clock clock;
	enum rg_enf_backend backend;
	uint64_t next_id, lost;
	int64_t look; /* CLOCK_MONOTONIC ns of the next look at who is not asked */
	rg_event_fn fn;
	void *arg;
	int said;
};

static int64_t now_ns(clockid_t id)
{
	struct timespec t;

	clock_gettime(id, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static const char *reason(const struct rg_enf_event *e)
{
	if (e->why == RG_EW_BATCH)
		return e->audit ? "audit: a batch (recvmmsg) would be refused: what the rules test could "
				  "change between its messages"
				: "a batch (recvmmsg) is refused: what the rules test could change between "
				  "its messages";
	if (e->audit && e->action != RG_ACT_LOG)
		return "audit: reported, not enforced";
	if (e->why == RG_EW_UNKNOWN)
		return "the content could not be read: in doubt the rule holds";
	switch (e->hook) {
	case RG_EH_QUEUE: return "as the message was queued";
	case RG_EH_FILE: return "as the descriptor was to be installed";
	case RG_EH_RING: return "a ring that messages come into unasked was to be set up on the socket";
	case RG_EH_ZCRX:
		return "receiving without copies (io_uring) was to be set up, by which no socket is asked "
		       "about";
	case RG_EH_REDIRECT:
		return "a program that takes messages to other sockets (sockmap) was to be attached";
	default:
		return e->name.rule[0] ? "the rule matched, before the wait"
				       : "the policy's default, before the wait";
	}
}

static void put_text(struct rg_event *ev, enum rg_field f, const char *s, size_t size)
{
	size_t len = strnlen(s, size);
	char *copy = len ? rg_event_alloc(ev, len) : NULL;

	if (copy)
		rg_set_str(ev, f, memcpy(copy, s, len), (uint32_t)len, RG_TAG_K);
}

static void put_verdict(const struct rg_enforce *x, struct rg_event *ev, const struct rg_enf_event *e)
{
	const char *why = reason(e), *by = rg_enforce_backend_names[x->backend];

	if (x->backend == RG_EB_CGROUP && e->m.family == AF_UNIX)
		by = "filter";

	put_text(ev, RG_F_VERDICT_POLICY, e->name.policy, sizeof(e->name.policy));
	put_text(ev, RG_F_VERDICT_RULE, e->name.rule, sizeof(e->name.rule));
	rg_set_i(ev, RG_F_VERDICT_ACTION, e->action, RG_TAG_K);
	if (e->action == RG_ACT_DENY)
		rg_set_i(ev, RG_F_VERDICT_ERRNO, e->err_no, RG_TAG_K);
	rg_set_str(ev, RG_F_VERDICT_BACKEND, by, (uint32_t)strlen(by), RG_TAG_K);
	rg_set_str(ev, RG_F_VERDICT_REASON, why, (uint32_t)strlen(why), RG_TAG_K);
}

/* The descriptor as an element of the event's list. */
static void put_file(struct rg_event *ev, const struct rg_enf_event *e)
{
	struct rg_rec_file *f = rg_event_alloc(ev, sizeof(*f));
	struct rg_builder list;

	if (!f)
		return;
	memset(f, 0, sizeof(*f));
	f->has = RG_FILE_HAS_PATH | RG_FILE_PATH_CUT | e->f_has;
	f->f_flags = e->f_flags;
	f->i_mode = e->f_mode;
	f->ino = e->f_ino;
	f->dev = e->f_dev;
	f->rdev = e->f_rdev;
	f->sb_magic = e->f_magic;
	f->size = e->f_size;
	f->seals = ~0u;
	f->path_len = (uint32_t)strnlen(e->f_name, sizeof(e->f_name) - 1) + 1;
	memcpy(f->path, e->f_name, f->path_len - 1);
	rg_build_field(&list, ev, RG_F_FD, RG_TAG_K);
	rg_decode_file(&list, f, sizeof(*f), -1, RG_TAG_K);
}

/* What a hook does not know is absent, whatever the record's zeroes say. */
static void take_out(struct rg_event *ev, const struct rg_enf_event *e)
{
	static const enum rg_field of_receiver[] = {RG_F_ROUTE, RG_F_SOCK_FD, RG_F_MSG_FLAGS, RG_F_PEEK,
						    RG_F_MSG_USER};

	ev->tag[RG_F_MSG_IOV] = RG_TAG_NONE;
	if (e->hook != RG_EH_RECVMSG)
		for (size_t i = 0; i < RG_ARRAY_LEN(of_receiver); i++)
			if (e->hook != RG_EH_READ || of_receiver[i] == RG_F_MSG_FLAGS ||
			    of_receiver[i] == RG_F_PEEK)
				ev->tag[of_receiver[i]] = RG_TAG_NONE;
	if (e->m.ret >= 0) /* nothing was received yet */
		ev->tag[RG_F_RET] = ev->tag[RG_F_MSG_SIZE] = RG_TAG_NONE;
	if (e->hook == RG_EH_QUEUE) {
		for (int f = RG_F_PROC_PID; f <= RG_F_PROC_NS_PIDNS; f++)
			ev->tag[f] = RG_TAG_NONE;
		rg_set_u(ev, RG_F_MSG_SIZE, e->m.msg_len, RG_TAG_K);
	}
}

static void put_from(struct rg_event *ev, const struct rg_enf_event *e)
{
	const uint8_t *sa = e->from.sa;
	struct rg_addr a = {.text = ""};
	struct rg_builder b;
	char text[64];
	uint16_t family;

	if (e->hook != RG_EH_QUEUE || e->from.len < 16)
		return;
	memcpy(&family, sa, sizeof(family));
	a.family = family;
	a.ip_len = family == AF_INET ? 4 : 16;
	memcpy(a.ip, sa + (family == AF_INET ? 4 : 8), a.ip_len);
	if (!inet_ntop(family, a.ip, text, sizeof(text)))
		return;
	a.text = text;
	a.text_len = (uint32_t)strlen(text);
	rg_build_field(&b, ev, RG_F_MSG_NAME, RG_TAG_K);
	rg_add_enum(&b, "family", family, rg_names_families);
	rg_add_addr(&b, "addr", &a);
	rg_add_u(&b, "port", RG_T_UINT, (uint64_t)sa[2] << 8 | sa[3]);
}

static void add_who(struct rg_enforce *x, const struct rg_rec_msg *m, const struct rg_enf_event *e)
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
		.now = m->ts + (uint64_t)(x->clock.mono - x->clock.boot),
	};

	if (e->hook == RG_EH_QUEUE)
		who.pid = 0, who.leader_start = 0, who.exe_ino = 0, who.cgroup_id = 0;
	rg_enrich_event(x->enrich, x->ev, &who);
}

static int on_event(void *arg, void *data, size_t size)
{
	struct rg_enforce *x = arg;
	const struct rg_enf_event *e = data;
	unsigned lost;

	if (size < sizeof(*e) || e->abi != RG_ENF_ABI) {
		x->lost++;
		return 0;
	}
	rg_rec_msg_pack(&e->m, &x->packed);
	if (rg_decode_msg(&x->packed.h, x->packed.size, x->parts, &x->clock, x->ev, &lost)) {
		x->lost++;
		return 0;
	}
	put_verdict(x, x->ev, e);
	take_out(x->ev, e);
	put_from(x->ev, e);
	if (e->hook == RG_EH_FILE)
		put_file(x->ev, e);
	add_who(x, &e->m, e);
	rg_set_u(x->ev, RG_F_ID, ++x->next_id, RG_TAG_K);
	x->said = x->fn(x->arg, x->ev);
	return x->said ? -ECANCELED : 0;
}

int rg_enforce_open(const char *dir, struct rg_enforce **ret, struct rg_err *err)
{
	struct rg_enforce *x = calloc(1, sizeof(*x));
	struct rg_enf_ctl ctl;
	int r;

	if (!x)
		return rg_fail(err, -ENOMEM, "out of memory");
	memset(&x->fds, -1, sizeof(x->fds));
	r = rg_pins_init(&x->pins, dir, err) ?: rg_enf_fds_open(&x->pins, &x->fds, err);
	if (!r && !rg_enf_ctl_read(&x->fds, &ctl) && ctl.backend <= RG_EB_CGROUP)
		x->backend = (enum rg_enf_backend)ctl.backend;
	x->ev = rg_event_new();
	x->parts = rg_parts_new();
	if (!r && (!x->ev || !x->parts))
		r = rg_fail(err, -ENOMEM, "out of memory");
	if (!r)
		r = rg_enrich_new(NULL, &x->enrich, err);
	if (!r && !(x->ring = ring_buffer__new(x->fds.ring, on_event, x, NULL)))
		r = rg_fail(err, -errno, "ring buffer: %s", strerror(errno));
	if (r) {
		rg_enforce_close(x);
		return r;
	}
	*ret = x;
	return 0;
}

/* Somebody took it away: the maps we hold are nobody's any more. */
static bool stopped(const struct rg_enforce *x)
{
	return !rg_pins_has(&x->pins, "", "enf_ctl");
}

/* Whoever loaded last is not asked. When it has gone, as one does that only loads, that is for who reads:
 * what it hears from its outputs' sockets is nobody's message. */
static void be_exempt(const struct rg_enforce *x)
{
	struct rg_pins pins = x->pins;
	struct rg_enf_ctl ctl;
	struct rg_err err = {0};

	if (x->backend == RG_EB_CGROUP || rg_enf_ctl_read(&x->fds, &ctl) || !ctl.on ||
	    (ctl.self && !(kill((pid_t)ctl.self, 0) && errno == ESRCH)) || rg_number_is_local())
		return;
	if (!rg_pins_lock(&pins, &err) && rg_enf_is_ours(&pins, &ctl) && !rg_enf_ctl_read(&x->fds, &ctl)) {
		rg_enf_hooks_tell_self(&x->fds, &ctl);
		rg_enf_ctl_write(&x->fds, &ctl);
	}
	rg_pins_unlock(&pins);
}

int rg_enforce_run(struct rg_enforce *x, int timeout_ms, rg_event_fn fn, void *arg, struct rg_err *err)
{
	int64_t until = timeout_ms < 0 ? INT64_MAX : now_ns(CLOCK_MONOTONIC) + timeout_ms * 1000000ll;

	x->fn = fn;
	x->arg = arg;
	x->said = 0;
	for (;;) {
		int n;

		x->clock.mono = now_ns(CLOCK_REALTIME) - now_ns(CLOCK_MONOTONIC);
		x->clock.boot = now_ns(CLOCK_REALTIME) - now_ns(CLOCK_BOOTTIME);
		n = ring_buffer__poll(x->ring, 100);
		if (x->said)
			return x->said;
		if (n == -EINTR)
			return 0;
		if (n < 0)
			return rg_fail(err, n, "reading the verdicts: %s", strerror(-n));
		if (!n && stopped(x))
			return 1;
		if (now_ns(CLOCK_MONOTONIC) >= x->look) {
			x->look = now_ns(CLOCK_MONOTONIC) + LOOK_NS;
			be_exempt(x);
		}
		if (now_ns(CLOCK_MONOTONIC) >= until)
			return 0;
	}
}

void rg_enforce_close(struct rg_enforce *x)
{
	if (!x)
		return;
	ring_buffer__free(x->ring);
	rg_enf_fds_close(&x->fds);
	rg_enrich_free(x->enrich);
	rg_parts_free(x->parts);
	rg_event_free(x->ev);
	free(x);
}
