/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>

#include "base/cleanup.h"
#include "broker/plain.h"
#include "broker/sys.h"

#define CHUNK	    (1u << 20)
#define HELPERS_MAX 256u

/* A read that may block for ever, in a thread of its own. Owned by the thread; listed under the lock. */
struct rg_helper {
	struct rg_broker *b;
	struct rg_call *c;
	pthread_t thread;
	struct rg_helper *prev, *next;
	bool poke; /* a signal waits for the caller, or it is gone: stop reading */
};

static enum rg_step result(struct rg_call *c, int64_t ret)
{
	c->ret = ret;
	return RG_STEP_DONE;
}

/* Write n bytes that were read; what the target's memory did not take is given back where the file has a
 * position. */
static int64_t hand_on(struct rg_call *c, const char *buf, size_t n)
{
	ssize_t w = n ? rg_task_scatter(c->task, c->d.iov, c->d.n_iov, c->got, buf, n) : 0;

	if (w < (ssize_t)n)
		lseek(c->sock, (w > 0 ? w : 0) - (off_t)n, SEEK_CUR);
	if (w <= 0 && n)
		return c->got ? (int64_t)c->got : -EFAULT;
	c->got += (size_t)w;
	return (size_t)w < n ? (int64_t)c->got : -EAGAIN; /* -EAGAIN: may go on */
}

/* One read after another until done, as one read of a regular file returns all that is asked for. */
static int64_t read_all(struct rg_call *c, char *buf, size_t cap, int rwf)
{
	for (;;) {
		size_t room = c->d.total - c->got;
		struct iovec v = {buf, room < cap ? room : cap};
		ssize_t n = preadv2(c->sock, &v, 1, -1, rwf);
		int64_t r;

		if (n < 0)
			return c->got ? (int64_t)c->got : -errno;
		r = hand_on(c, buf, (size_t)n);
		if (r != -EAGAIN)
			return r;
		if ((size_t)n < v.iov_len || c->got >= c->d.total)
			return (int64_t)c->got;
	}
}

/* sendfile in the program's place. Descriptors in registers are looked up once, here; a socket as input was
 * refused before. */
static int64_t send_file(struct rg_call *c)
{
	bool narrow = c->compat && !c->wide;
	int64_t offset = 0;
	ssize_t n;

	if (c->offset_at && rg_task_read_all(c->task, &offset, c->offset_at, narrow ? 4 : 8) < 0)
		return -EFAULT;
	n = sendfile(c->out, c->sock, c->offset_at ? &offset : NULL, c->count);
	if (n < 0 && errno == EPIPE)
		rg_pidfd_signal(c->task->pidfd, SIGPIPE); /* ours is ignored: theirs is due */
	if (n < 0)
		return -errno;
	if (c->offset_at && rg_task_write_all(c->task, c->offset_at, &offset, narrow ? 4 : 8) < 0)
		return -EFAULT;
	return n;
}

static void unlist(struct rg_helper *h)
{
	if (h->prev)
		h->prev->next = h->next;
	else
		h->b->helpers = h->next;
	if (h->next)
		h->next->prev = h->prev;
	h->b->n_helpers--;
}

static void *helper(void *arg)
{
	struct rg_helper *h = arg;
	struct rg_broker *b = h->b;
	char *buf = malloc(CHUNK);
	int64_t r;

	do
		r = !buf ? -ENOMEM : h->c->out >= 0 ? send_file(h->c) : read_all(h->c, buf, CHUNK, 0);
	while (r == -EINTR && !h->poke);
	free(buf);
	pthread_mutex_lock(&b->lock);
	unlist(h);
	if (r == -EINTR)
		rg_interrupt(b, h->c);
	else
		rg_answer(b, h->c, r);
	pthread_mutex_unlock(&b->lock);
	free(h);
	return NULL;
}

static enum rg_step in_helper(struct rg_broker *b, struct rg_call *c)
{
	struct rg_helper *h = b->n_helpers < HELPERS_MAX ? calloc(1, sizeof(*h)) : NULL;
	pthread_attr_t attr;
	int rc;

	if (!h) {
		b->stats.refused++;
		rg_notice(b, "more than %u reads of files wait at a time: refused with ENOBUFS", HELPERS_MAX);
		return result(c, -ENOBUFS);
	}
	*h = (struct rg_helper){.b = b, .c = c, .next = b->helpers};
	if (h->next)
		h->next->prev = h;
	b->helpers = h;
	b->n_helpers++;
	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&attr, 128u << 10);
	rc = pthread_create(&h->thread, &attr, helper, h);
	pthread_attr_destroy(&attr);
	if (rc) {
		unlist(h);
		free(h);
		return result(c, -ENOMEM);
	}
	rg_park_due(b, rg_now() + 2000000);
	return RG_STEP_HANDED;
}

uint64_t rg_helpers_look(struct rg_broker *b, uint64_t now)
{
	for (struct rg_helper *h = b->helpers; h; h = h->next) {
		bool gone = ioctl(b->listener, SECCOMP_IOCTL_NOTIF_ID_VALID, &h->c->id) < 0;

		if (gone || rg_task_signal(h->c->task) == RG_SIG_PENDING) {
			h->poke = true;
			pthread_kill(h->thread, SIGUSR1);
		}
	}
	return b->helpers ? now + 16000000 : UINT64_MAX;
}

/* Files whose read depends on who reads: the supervisor cannot do it for the program. */
static bool personal(int fd)
{
	char to[64];

	if (rg_fd_link(fd, to, sizeof(to)) <= 0)
		return true;
	return !strcmp(to, "anon_inode:[signalfd]") || !strcmp(to, "anon_inode:[userfaultfd]");
}

static enum rg_step emulate(struct rg_broker *b, struct rg_call *c)
{
	int fl = fcntl(c->sock, F_GETFL);
	int64_t r;

	b->stats.emulated++;
	if (fl < 0 || fl & O_PATH || (fl & O_ACCMODE) == O_WRONLY)
		return result(c, -EBADF);
	if (c->no_memory)
		return result(c, c->no_memory);
	if (c->rwf & ~(RWF_NOWAIT | RWF_HIPRI))
		return result(c, -EOPNOTSUPP);
	if (personal(c->sock)) {
		rg_notice(b,
			  "process %d reads a signalfd or userfaultfd in one of several threads: refused "
			  "(EINVAL), "
			  "the supervisor cannot read it for it",
			  c->task->tid);
		return result(c, -EINVAL);
	}
	if (c->d.total <= 4 * CHUNK) {
		r = read_all(c, b->rx.data, CHUNK, RWF_NOWAIT);
		if (r != -EAGAIN && r != -EOPNOTSUPP)
			return result(c, r);
		if (c->rwf & RWF_NOWAIT)
			return result(c, r);
		if (fl & O_NONBLOCK)
			return result(c, read_all(c, b->rx.data, CHUNK, 0));
	}
	return in_helper(b, c);
}

enum rg_step rg_plain_read(struct rg_broker *b, struct rg_call *c)
{
	if (rg_task_alone(&b->tasks, c->task)) {
		b->stats.passed_on++;
		return RG_STEP_CONTINUE;
	}
	return emulate(b, c);
}

bool rg_is_move(const struct seccomp_notif *n)
{
	int nr = n->data.nr;

	return n->data.arch == AUDIT_ARCH_I386 ? nr == 313 || nr == 187 || nr == 239 : nr == 275 || nr == 40;
}

enum rg_step rg_plain_move(struct rg_broker *b, struct rg_call *c, const struct seccomp_notif *n)
{
	bool splice = n->data.nr == (n->data.arch == AUDIT_ARCH_I386 ? 313 : 275);
	int from = (int)n->data.args[splice ? 0 : 1], v;
	socklen_t len = sizeof(v);

	c->sock = rg_task_fd(&b->tasks, &c->task, from);
	if (c->sock < 0)
		return result(c, c->sock);
	if (getsockopt(c->sock, SOL_SOCKET, SO_TYPE, &v, &len) == 0)
		return result(c, -EINVAL);
	if (rg_task_alone(&b->tasks, c->task))
		return RG_STEP_CONTINUE;
	if (splice)
		return result(c, -EINVAL);
	c->compat = n->data.arch == AUDIT_ARCH_I386;
	c->wide = n->data.nr == 239;
	c->offset_at = n->data.args[2];
	c->count = n->data.args[3];
	c->out = rg_task_fd(&b->tasks, &c->task, (int)n->data.args[0]);
	b->stats.emulated++;
	return c->out < 0 ? result(c, c->out) : in_helper(b, c);
}
