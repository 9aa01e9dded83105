/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Waiting. A receive that found nothing is parked: its socket goes into one epoll set, edge-triggered (a
 * queued error keeps EPOLLERR up), and nobody waits for anybody else. A parked caller sleeps killably:
 * signals do not wake it, so that it is looked at by and by whether one is pending.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/signalfd.h>
#include <sys/time.h>
#include <sys/timerfd.h>

#include "broker/broker.h"
#include "broker/plain.h"
#include "broker/sys.h"

#define LOOK_FIRST 2000000u  /* ns: a caller is first asked for signals after this */
#define LOOK_MAX   16000000u /* ... and at last this often */

enum { TAG_LISTENER = 1, TAG_TIMER, TAG_SIGNAL, TAG_WATCH };

static int watch(struct rg_broker *b, int fd, uint32_t events, uint64_t data)
{
	struct epoll_event e = {.events = events, .data.u64 = data};

	return epoll_ctl(b->epfd, EPOLL_CTL_ADD, fd, &e) < 0 ? -errno : 0;
}

int rg_park_init(struct rg_broker *b, struct rg_err *err)
{
	sigset_t set;

	b->slots = calloc(b->max_parked, sizeof(*b->slots));
	b->epfd = epoll_create1(EPOLL_CLOEXEC);
	b->timerfd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	sigemptyset(&set);
	sigaddset(&set, SIGHUP);
	b->sigfd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (!b->slots || b->epfd < 0 || b->timerfd < 0 || b->sigfd < 0)
		return rg_fail(err, -errno, "cannot start the supervisor: %s", strerror(errno));
	/* No EPOLLIN for the listener: calls are taken by the thread that blocks in NOTIF_RECV. */
	if (watch(b, b->listener, 0, TAG_LISTENER) < 0 || watch(b, b->timerfd, EPOLLIN, TAG_TIMER) < 0 ||
	    watch(b, b->sigfd, EPOLLIN, TAG_SIGNAL) < 0)
		return rg_fail(err, -EIO, "cannot start the supervisor: epoll: %s", strerror(errno));
	if (b->watchfd >= 0)
		watch(b, b->watchfd, EPOLLIN, TAG_WATCH);
	return 0;
}

void rg_park_due(struct rg_broker *b, uint64_t at)
{
	struct itimerspec it = {.it_value = {(time_t)(at / 1000000000u), (long)(at % 1000000000u)}};

	if (b->armed && b->armed <= at)
		return;
	b->armed = at;
	timerfd_settime(b->timerfd, TFD_TIMER_ABSTIME, &it, NULL);
}

/* When the wait began: from then on SO_RCVTIMEO counts. */
static void set_deadline(struct rg_call *c)
{
	struct timeval tv = {0};
	socklen_t n = sizeof(tv);

	c->has_deadline = true;
	c->deadline = 0;
	if (c->kind != RG_CALL_MMSG || c->waits)
		getsockopt(c->sock, SOL_SOCKET, SO_RCVTIMEO, &tv, &n);
	if (tv.tv_sec || tv.tv_usec)
		c->deadline = rg_now() + (uint64_t)tv.tv_sec * 1000000000u + (uint64_t)tv.tv_usec * 1000u;
}

int rg_park(struct rg_broker *b, struct rg_call *c)
{
	uint64_t due;
	unsigned i;

	if (!c->has_deadline)
		set_deadline(c);
	if (c->parked)
		return 0;
	if (b->n_parked >= b->max_parked)
		return -ENOBUFS;
	for (i = b->free_slot; b->slots[i]; i = (i + 1) % b->max_parked)
		;
	b->free_slot = (i + 1) % b->max_parked;
	c->slot = i;
	c->gen = ++b->gen & 0x7fffffffu;
	if (watch(b, c->sock, EPOLLIN | EPOLLPRI | EPOLLRDHUP | EPOLLET,
		  (uint64_t)1 << 63 | (uint64_t)c->gen << 32 | i) < 0)
		return -ENOBUFS;
	b->slots[i] = c;
	c->parked = true;
	c->next = b->parked;
	c->prev = NULL;
	if (c->next)
		c->next->prev = c;
	b->parked = c;
	b->n_parked++;
	c->look_step = LOOK_FIRST;
	c->next_look = due = rg_now() + LOOK_FIRST;
	if (c->deadline && c->deadline < due)
		due = c->deadline;
	rg_park_due(b, due);
	return 0;
}

void rg_unpark(struct rg_broker *b, struct rg_call *c)
{
	if (!c->parked)
		return;
	/* The file stays open in the program: closing our duplicate would not take it out of the set. */
	epoll_ctl(b->epfd, EPOLL_CTL_DEL, c->sock, NULL);
	b->slots[c->slot] = NULL;
	if (c->prev)
		c->prev->next = c->next;
	else
		b->parked = c->next;
	if (c->next)
		c->next->prev = c->prev;
	c->parked = false;
	b->n_parked--;
}

static void sock_ready(struct rg_broker *b, uint64_t data)
{
	unsigned slot = (uint32_t)data, gen = (unsigned)(data >> 32 & 0x7fffffffu);
	struct rg_call *c = slot < b->max_parked ? b->slots[slot] : NULL;

	if (c && c->gen == gen)
		rg_after(b, c, rg_call_step(b, c, false));
}

/* Is a signal to be answered for? A signal for the whole group may be another thread's: only one that stays
 * is taken for this thread's, and then it is made sure of. */
static bool look(struct rg_broker *b, struct rg_call *c)
{
	switch (rg_task_signal(c->task)) {
	case RG_SIG_PENDING: return true;
	case RG_SIG_SHARED:
		if (c->saw_shared) {
			c->seized = rg_task_seize(c->task);
			return true;
		}
		c->saw_shared = true;
		c->look_step = LOOK_FIRST;
		return false;
	case RG_SIG_NONE: c->saw_shared = false; return false;
	}
	return false;
}

static void due_call(struct rg_broker *b, struct rg_call *c, uint64_t now)
{
	if (c->deadline && now >= c->deadline) {
		rg_after(b, c, rg_call_step(b, c, true));
		return;
	}
	if (now < c->next_look)
		return;
	if (ioctl(b->listener, SECCOMP_IOCTL_NOTIF_ID_VALID, &c->id) < 0) {
		rg_call_free(b, c); /* the caller is gone */
		return;
	}
	if (look(b, c)) {
		rg_interrupt(b, c);
		return;
	}
	c->next_look = now + c->look_step;
	if (c->look_step < LOOK_MAX)
		c->look_step *= 2;
}

static void timer(struct rg_broker *b)
{
	uint64_t ticks, now = rg_now(), due = UINT64_MAX, helpers;
	struct rg_call *next;

	(void)!read(b->timerfd, &ticks, sizeof(ticks));
	b->armed = 0;
	for (struct rg_call *c = b->parked; c; c = next) {
		next = c->next;
		due_call(b, c, now);
	}
	/* What the looks cost in all is bounded: with many waiting each is asked less often. */
	for (struct rg_call *c = b->parked; c; c = c->next) {
		if (c->deadline && c->deadline < due)
			due = c->deadline;
		if (c->next_look < due)
			due = c->next_look;
	}
	helpers = rg_helpers_look(b, now);
	if (helpers < due)
		due = helpers;
	if (b->n_parked > 64 && due < now + b->n_parked * 100000ull && due > now)
		due = now + b->n_parked * 100000ull;
	if (due != UINT64_MAX)
		rg_park_due(b, due > now ? due : now + 100000);
}

static void signals(struct rg_broker *b)
{
	struct signalfd_siginfo si;

	while (read(b->sigfd, &si, sizeof(si)) == (ssize_t)sizeof(si))
		rg_reload(b, "SIGHUP");
}

void rg_park_loop(struct rg_broker *b)
{
	struct epoll_event ev[64];

	for (;;) {
		int n = epoll_wait(b->epfd, ev, 64, -1);

		if (n < 0 && errno != EINTR)
			return;
		pthread_mutex_lock(&b->lock);
		for (int i = 0; i < n; i++) {
			uint64_t d = ev[i].data.u64;

			if (d >> 63)
				sock_ready(b, d);
			else if (d == TAG_TIMER)
				timer(b);
			else if (d == TAG_SIGNAL)
				signals(b);
			else if (d == TAG_WATCH)
				rg_reload_watch(b);
			else if (ev[i].events & (EPOLLHUP | EPOLLERR)) {
				pthread_mutex_unlock(&b->lock);
				return; /* the last process is gone */
			}
		}
		pthread_mutex_unlock(&b->lock);
	}
}
