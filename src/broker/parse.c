/* SPDX-License-Identifier: BSD-2-Clause */
/* From a notification's registers (and, once, the caller's memory) to a call. */
#include <errno.h>
#include <linux/audit.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "broker/broker.h"
#include "broker/parse.h"
#include "broker/sys.h"

#define MAX_RW	  0x7ffff000u /* MAX_RW_COUNT */
#define IOV_LIMIT 1024u	      /* UIO_MAXIOV */
#define USER_END  (1ull << 63)
#define PAGE	  4096u
#define NEAR	  512u /* bytes: as far apart, pieces are read as one */

/* One row per entry that may receive: where its arguments are. -1: it has none. */
struct entry {
	int nr64, nr32, socketcall;
	enum rg_route route;
	enum rg_call_kind kind;
	int8_t buf, len, flags, name, msg, vec;
};

/* clang-format off */
static const struct entry entries[] = {
	/* 64  32   sc  route              kind          buf len flg name msg vec */
	{  0,   3, -1, RG_RT_READ,         RG_CALL_READ,   1,  2, -1, -1, -1, -1},
	{ 19, 145, -1, RG_RT_READV,        RG_CALL_READ,  -1,  2, -1, -1, -1,  1},
	{327, 378, -1, RG_RT_PREADV2,      RG_CALL_READ,  -1,  2,  5, -1, -1,  1},
	{ 45, 371, -1, RG_RT_RECVFROM,     RG_CALL_RECV,   1,  2,  3,  4, -1, -1},
	{ 47, 372, -1, RG_RT_RECVMSG,      RG_CALL_RECV,  -1, -1,  2, -1,  1, -1},
	{299, 337, -1, RG_RT_RECVMMSG,     RG_CALL_MMSG,  -1, -1,  3, -1,  1, -1},
	{ -1, 417, -1, RG_RT_RECVMMSG,     RG_CALL_MMSG,  -1, -1,  3, -1,  1, -1},
	{ -1, 102, 10, RG_RT_SOCKETCALL_RECV,     RG_CALL_RECV,  1,  2,  3, -1, -1, -1},
	{ -1, 102, 12, RG_RT_SOCKETCALL_RECVFROM, RG_CALL_RECV,  1,  2,  3,  4, -1, -1},
	{ -1, 102, 17, RG_RT_SOCKETCALL_RECVMSG,  RG_CALL_RECV, -1, -1,  2, -1,  1, -1},
	{ -1, 102, 19, RG_RT_SOCKETCALL_RECVMMSG, RG_CALL_MMSG, -1, -1,  3, -1,  1, -1},
};
/* clang-format on */

void rg_dest_clear(struct rg_dest *d)
{
	if (d->iov && d->iov != d->inl)
		free(d->iov);
	*d = (struct rg_dest){0};
}

/* The n iovecs that were read, as import_iovec: lengths cut to what one call may move. */
static int own_iov(struct rg_call *c, uint64_t n)
{
	struct rg_dest *d = &c->d;

	if (!d->iov)
		d->iov = d->inl;
	for (size_t i = 0; i < n; i++) {
		struct iovec *v = &d->iov[i];

		if ((ssize_t)v->iov_len < 0)
			return -EINVAL;
		if ((uint64_t)v->iov_base + v->iov_len > USER_END)
			return -EFAULT;
		if (v->iov_len > MAX_RW - d->total)
			v->iov_len = MAX_RW - d->total;
		d->total += v->iov_len;
	}
	d->n_iov = (unsigned)n;
	return 0;
}

/* Take n iovecs at `at`. */
static int take_iov(struct rg_call *c, uint64_t at, uint64_t n, int too_many)
{
	struct rg_dest *d = &c->d;

	if (n > IOV_LIMIT)
		return too_many;
	d->iov = d->inl;
	if (n > RG_ARRAY_LEN(d->inl)) {
		d->iov = malloc(n * sizeof(*d->iov));
		if (!d->iov)
			return -ENOMEM;
	}
	if (n && rg_task_read_all(c->task, d->iov, at, n * (c->compat ? 8 : 16)) < 0)
		return -EFAULT;
	for (size_t i = n; c->compat && i-- > 0;) {
		uint32_t w[2];

		memcpy(w, (char *)d->iov + 8 * i, 8);
		d->iov[i] = (struct iovec){(void *)(uintptr_t)w[0], (size_t)(int32_t)w[1]};
	}
	return own_iov(c, n);
}

static void one_iov(struct rg_call *c, uint64_t buf, uint64_t len)
{
	c->d.iov = c->d.inl;
	c->d.inl[0] = (struct iovec){(void *)(uintptr_t)buf, len < MAX_RW ? len : MAX_RW};
	c->d.n_iov = 1;
	c->d.total = c->d.inl[0].iov_len;
}

/* Several pieces of the caller's memory in one system call; those that lie close together, as header and
 * vector on a stack do, in one piece: each costs the kernel a walk through the page tables. */
struct pieces {
	struct iovec l[3], r[3];
	unsigned n;
};

static ssize_t read_pieces(const struct rg_call *c, const struct pieces *p)
{
	uint64_t lo = UINT64_MAX, hi = 0, all = 0;
	char near[NEAR];

	for (unsigned i = 0; i < p->n; i++) {
		uint64_t at = (uint64_t)p->r[i].iov_base, end = at + p->r[i].iov_len;

		lo = at < lo ? at : lo;
		hi = end > hi ? end : hi;
		all += p->r[i].iov_len;
	}
	if (p->n == 1 || hi - lo > sizeof(near) || lo / PAGE != (hi - 1) / PAGE)
		return process_vm_readv(c->task->tid, p->l, p->n, p->r, p->n, 0);
	if (rg_task_read_all(c->task, near, lo, hi - lo) < 0)
		return -1;
	for (unsigned i = 0; i < p->n; i++)
		memcpy(p->l[i].iov_base, near + ((uint64_t)p->r[i].iov_base - lo), p->l[i].iov_len);
	return (ssize_t)all;
}

/* The header; with it, in the same system call, what it named last time. n_iov of the guess that were read.
 */
static int take_header(struct rg_call *c, uint64_t at, uint64_t w[6], unsigned *guessed)
{
	const struct rg_guess *g = &c->task->guess;
	struct rg_dest *d = &c->d;
	size_t size = c->compat ? 24 : 48, iov = g->n_iov * sizeof(struct iovec);
	struct pieces p = {.l = {{w, size}}, .r = {{(void *)(uintptr_t)at, size}}, .n = 1};
	ssize_t got;

	if (!c->compat && g->hdr == at) {
		p.l[p.n] = (struct iovec){d->inl, iov};
		p.r[p.n++] = (struct iovec){(void *)(uintptr_t)g->iov, iov};
		p.l[p.n] = (struct iovec){d->slot, g->slot_len};
		p.r[p.n] = (struct iovec){(void *)(uintptr_t)g->slot, g->slot_len};
		p.n += g->slot_len > 0;
	}
	got = read_pieces(c, &p);
	if (got < (ssize_t)size)
		return -EFAULT;
	if (p.n > 1 && got >= (ssize_t)(size + iov))
		*guessed = g->n_iov;
	if (p.n > 2 && got == (ssize_t)(size + iov + g->slot_len)) {
		d->slot_at = g->slot;
		d->slot_len = g->slot_len;
	}
	return 0;
}

int rg_dest_msghdr(struct rg_call *c, uint64_t at)
{
	struct rg_guess *g = &c->task->guess;
	struct rg_dest *d = &c->d;
	uint64_t w[6], iov, n;
	unsigned guessed = 0;

	rg_dest_clear(d);
	d->hdr = at;
	if (take_header(c, at, w, &guessed) < 0)
		return -EFAULT;
	if (c->compat) {
		uint32_t narrow[6];

		memcpy(narrow, w, sizeof(narrow));
		for (int i = 0; i < 6; i++)
			w[i] = narrow[i];
	}
	d->name = w[0];
	d->namelen = (int32_t)w[1];
	d->namelen_at = at + (c->compat ? 4 : 8);
	iov = w[2];
	n = w[3];
	d->control = w[4];
	d->controllen = w[5];
	if (d->name && d->namelen < 0)
		return -EINVAL;
	if (!d->control)
		d->controllen = 0;
	if (guessed && iov == g->iov && n == guessed)
		return own_iov(c, n);
	if (g->hdr != at)
		g->slot_len = 0;
	g->hdr = 0;
	if (n && n <= RG_ARRAY_LEN(d->inl) && !c->compat) {
		g->hdr = at;
		g->iov = iov;
		g->n_iov = (unsigned)n;
	}
	return take_iov(c, iov, n, -EMSGSIZE);
}

static int take_timeout(struct rg_call *c, uint64_t at, bool narrow)
{
	int64_t t[2];

	c->timeout_at = at;
	c->timeout32 = narrow;
	if (!at)
		return 0;
	if (narrow) {
		int32_t w[2];

		if (rg_task_read_all(c->task, w, at, sizeof(w)) < 0)
			return -EFAULT;
		t[0] = w[0];
		t[1] = w[1];
	} else if (rg_task_read_all(c->task, t, at, sizeof(t)) < 0) {
		return -EFAULT;
	}
	if (c->compat && !narrow)
		t[1] = (int32_t)t[1]; /* the upper half is padding there */
	if (t[0] < 0 || t[1] < 0 || t[1] >= 1000000000)
		return -EINVAL;
	c->has_timeout = true;
	c->end = t[0] > 1000000000 ? UINT64_MAX : rg_now() + (uint64_t)t[0] * 1000000000u + (uint64_t)t[1];
	return 0;
}

static const struct entry *find(const struct seccomp_notif *n, bool compat)
{
	for (size_t i = 0; i < RG_ARRAY_LEN(entries); i++) {
		const struct entry *e = &entries[i];

		if ((compat ? e->nr32 : e->nr64) == n->data.nr &&
		    (e->socketcall < 0 || e->socketcall == (int)n->data.args[0]))
			return e;
	}
	return NULL;
}

static int fill(struct rg_call *c, const struct entry *e, const uint64_t *a, const struct seccomp_notif *n)
{
	int rc = 0;

	if (e->vec >= 0) {
		rc = take_iov(c, a[e->vec], a[e->len], -EINVAL);
	} else if (e->buf >= 0) {
		one_iov(c, a[e->buf], a[e->len]);
		if (a[e->buf] + c->d.total > USER_END)
			rc = -EFAULT;
	}
	if (e->name >= 0) {
		c->d.name = a[e->name];
		c->d.namelen_at = a[e->name + 1];
	}
	if (e->kind == RG_CALL_MMSG) {
		c->vec = a[e->msg];
		c->vlen = (unsigned)a[2];
		rc = take_timeout(c, a[4], c->compat && n->data.nr != 417);
	} else if (e->msg >= 0) {
		rc = rg_dest_msghdr(c, a[e->msg]);
	}
	return rc;
}

int rg_call_parse(struct rg_broker *b, struct rg_call *c, const struct seccomp_notif *n)
{
	uint64_t a[6];
	const struct entry *e;

	c->compat = n->data.arch == AUDIT_ARCH_I386;
	e = find(n, c->compat);
	if (!e)
		return -ENOSYS;
	memcpy(a, n->data.args, sizeof(a));
	if (e->socketcall >= 0) {
		static const uint8_t nargs[] = {[10] = 4, [12] = 6, [17] = 3, [19] = 5};
		uint32_t w[6] = {0};

		if (rg_task_read_all(c->task, w, a[1], 4u * nargs[e->socketcall]) < 0)
			return -EFAULT;
		for (int i = 0; i < 6; i++)
			a[i] = w[i];
	}
	c->route = e->route;
	c->kind = e->kind;
	c->fd = (int)a[0];
	c->flags = e->flags >= 0 && e->kind != RG_CALL_READ ? (int)a[e->flags] : 0;
	c->rwf = e->kind == RG_CALL_READ && e->flags >= 0 ? (int)a[e->flags] : 0;
	c->no_memory = fill(c, e, a, n);
	c->born = rg_now(); /* the duplicate proves that the thread lives, and so waits, after this */
	/* The descriptor is looked at first, as the kernel does: EBADF and ENOTSOCK before EFAULT. */
	c->sock = rg_task_fd(&b->tasks, &c->task, c->fd);
	return c->sock < 0 ? c->sock : 0;
}
