/* SPDX-License-Identifier: BSD-2-Clause */
/* From one notification to its answer. */
#include <errno.h>
#include <linux/audit.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

#include "broker/broker.h"
#include "broker/compat.h"
#include "broker/parse.h"
#include "broker/plain.h"
#include "broker/sys.h"

struct rg_call *rg_call_new(struct rg_broker *b)
{
	struct rg_call *c = b->free_calls;

	if (c)
		b->free_calls = c->next;
	else
		c = malloc(sizeof(*c));
	if (!c)
		return NULL;
	memset(c, 0, offsetof(struct rg_call, d));
	memset((char *)c + offsetof(struct rg_call, target), 0,
	       sizeof(*c) - offsetof(struct rg_call, target));
	c->d = (struct rg_dest){0};
	c->sock = c->out = -1;
	return c;
}

void rg_call_free(struct rg_broker *b, struct rg_call *c)
{
	rg_unpark(b, c);
	if (c->sock >= 0)
		close(c->sock);
	if (c->out >= 0)
		close(c->out);
	rg_dest_clear(&c->d);
	rg_task_put(c->task);
	c->next = b->free_calls;
	b->free_calls = c;
}

static void send_answer(struct rg_broker *b, struct rg_call *c, const struct seccomp_notif_resp *r)
{
	/* Our duplicate goes first: when the caller closes its own next, that must be the last one. */
	rg_unpark(b, c);
	if (c->sock >= 0)
		close(c->sock);
	if (c->out >= 0)
		close(c->out);
	c->sock = c->out = -1;
	ioctl(b->listener, SECCOMP_IOCTL_NOTIF_SEND, r); /* ENOENT: the caller is gone */
	rg_call_free(b, c);
}

void rg_answer(struct rg_broker *b, struct rg_call *c, int64_t ret)
{
	struct seccomp_notif_resp r = {
		.id = c->id, .val = ret < 0 ? 0 : ret, .error = ret < 0 ? (int32_t)ret : 0};

	send_answer(b, c, &r);
}

void rg_answer_continue(struct rg_broker *b, struct rg_call *c)
{
	struct seccomp_notif_resp r = {.id = c->id, .flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE};

	send_answer(b, c, &r);
}

void rg_after(struct rg_broker *b, struct rg_call *c, enum rg_step s)
{
	int rc;

	switch (s) {
	case RG_STEP_DONE: rg_answer(b, c, c->ret); break;
	case RG_STEP_CONTINUE: rg_answer_continue(b, c); break;
	case RG_STEP_HANDED: break;
	case RG_STEP_KILLED:
		rg_pidfd_signal(c->task->pidfd, SIGKILL);
		rg_answer(b, c, -EPERM); /* not seen: the kill is there first */
		break;
	case RG_STEP_WAIT:
		rc = rg_park(b, c);
		if (rc == 0)
			break;
		b->stats.refused++;
		rg_notice(b, "more than %u receives wait at a time: refused with ENOBUFS (--max-blocked)",
			  b->max_parked);
		rg_answer(b, c, rc);
		break;
	}
	rg_rx_close(b);
}

void rg_interrupt(struct rg_broker *b, struct rg_call *c)
{
	pid_t tid = c->task->tid;
	bool seized = c->seized;
	int64_t ret = -RG_ERESTARTSYS;

	if (c->got)
		ret = (int64_t)c->got; /* as a receive that was interrupted half-way */
	else if (c->kind == RG_CALL_MMSG && c->done)
		ret = c->done;
	else if (c->deadline)
		ret = -EINTR; /* never restarted with SO_RCVTIMEO: signal(7) */
	rg_answer(b, c, ret);
	if (seized)
		rg_task_release(tid);
}

static enum rg_step refuse(struct rg_call *c, int err)
{
	c->ret = err;
	return RG_STEP_DONE;
}

/* A receive, or a read that may be one. */
static enum rg_step receive(struct rg_broker *b, struct rg_call *c, const struct seccomp_notif *n)
{
	int rc;

	rc = rg_call_parse(b, c, n);
	if (rc == -EBADF || rc == -ENOSYS || rc == -ESRCH)
		return refuse(c, rc);
	if (rc < 0) {
		rg_notice(b, "process %d cannot be reached (%s): its receives fail",
			  c->task ? c->task->tid : 0, strerror(-rc));
		return refuse(c, rc == -EMFILE ? -ENOBUFS : -EACCES);
	}
	rc = rg_fact(b, c);
	if (rc < 0)
		return c->kind == RG_CALL_READ ? rg_plain_read(b, c) : refuse(c, rc);
	if (c->family == AF_UNIX || c->family == AF_NETLINK)
		c->flags &= ~MSG_ERRQUEUE; /* they have none, and ignore it */
	if (c->no_memory)
		return refuse(c, c->no_memory);
	if (c->kind == RG_CALL_READ && c->rwf & ~(RWF_NOWAIT | RWF_HIPRI))
		return refuse(c, -EOPNOTSUPP);
	/* Bit 31 is the kernel's own (MSG_CMSG_COMPAT); received device memory is not seen by anyone here. */
	if (!c->compat && (c->d.hdr || c->kind == RG_CALL_MMSG) && c->flags < 0)
		return refuse(c, -EINVAL);
	if (c->flags & 0x2000000)
		return refuse(c, -EINVAL);
	return rg_call_step(b, c, false);
}

static bool is_setsockopt(const struct seccomp_notif *n)
{
	return n->data.nr == (n->data.arch == AUDIT_ARCH_I386 ? 366 : 54);
}

static bool is_clone(const struct seccomp_notif *n)
{
	return n->data.nr == (n->data.arch == AUDIT_ARCH_I386 ? 120 : 56);
}

/* preadv2 with an offset: no socket can be read so, whatever stands at that number meanwhile. */
static bool has_offset(const struct seccomp_notif *n)
{
	if (n->data.arch == AUDIT_ARCH_I386)
		return n->data.nr == 378 && (uint32_t)n->data.args[4] != 0xffffffffu;
	return n->data.nr == 327 && n->data.args[3] != UINT64_MAX;
}

static enum rg_step dispatch(struct rg_broker *b, struct rg_call *c, const struct seccomp_notif *n)
{
	if (is_clone(n)) {
		b->tasks.tables_shared =
			true; /* the flags are in a register: what was asked is what happens */
		return RG_STEP_CONTINUE;
	}
	if (is_setsockopt(n)) { /* noted before it happens; from registers, so that it is what happens */
		rg_fact_option(b, (int)n->data.args[1], (int)n->data.args[2]);
		return RG_STEP_CONTINUE;
	}
	if (has_offset(n))
		return RG_STEP_CONTINUE;
	if (rg_is_move(n))
		return rg_plain_move(b, c, n);
	if (rg_is_socketcall_opt(n))
		return rg_socketcall_opt(b, c, n);
	return receive(b, c, n);
}

static void notified(struct rg_broker *b, const struct seccomp_notif *n)
{
	struct seccomp_notif_resp none = {.id = n->id, .error = -ENOBUFS};
	struct rg_call *c = rg_call_new(b);

	b->stats.calls++;
	if (c)
		c->task = rg_task_get(&b->tasks, (pid_t)n->pid);
	if (!c || !c->task) {
		if (ioctl(b->listener, SECCOMP_IOCTL_NOTIF_SEND, &none) == 0)
			rg_notice(b, "process %d cannot be reached: its receives fail", (int)n->pid);
		if (c)
			rg_call_free(b, c);
		return;
	}
	c->id = n->id;
	rg_after(b, c, dispatch(b, c, n));
}

void *rg_listen_loop(void *broker)
{
	struct rg_broker *b = broker;
	struct seccomp_notif n;

	for (;;) {
		memset(&n, 0, sizeof(n));
		if (ioctl(b->listener, SECCOMP_IOCTL_NOTIF_RECV, &n) < 0) {
			if (errno == ENOENT || errno == EINTR)
				continue; /* the caller was killed first; or nobody is left, which the other
					     thread sees */
			return NULL;
		}
		pthread_mutex_lock(&b->lock);
		notified(b, &n);
		pthread_mutex_unlock(&b->lock);
	}
}
