/* SPDX-License-Identifier: BSD-2-Clause */
/* Write a checked message into the target: data, address, control messages, descriptors, header. */
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>

#include "base/cleanup.h"
#include "broker/broker.h"
#include "broker/cmsg_out.h"
#include "broker/creds.h"
#include "broker/sys.h"

struct writer {
	struct rg_broker *b;
	struct rg_call *c;
};

static int add_fd(struct writer *w, int fd, bool cloexec)
{
	struct seccomp_notif_addfd add = {
		.id = w->c->id, .srcfd = (uint32_t)fd, .newfd_flags = cloexec ? O_CLOEXEC : 0};
	int n;

	do
		n = ioctl(w->b->listener, SECCOMP_IOCTL_NOTIF_ADDFD, &add);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n;
}

static bool is_pidfd(const struct writer *w, unsigned index)
{
	return index >= w->b->rx.n_fds - w->b->rx.n_pidfds;
}

static unsigned install(void *arg, size_t at, const unsigned *index, unsigned n, int *ret)
{
	struct writer *w = arg;
	int none[RG_RX_FDS + 3] = {0};
	unsigned i;

	/* The numbers' place must be writable before a descriptor appears in the target: natively one that
	 * could not be told is not installed. What stands there is written back. */
	rg_task_read(w->c->task, none, w->c->d.control + at, n * sizeof(int));
	if (rg_task_write_all(w->c->task, w->c->d.control + at, none, n * sizeof(int)) < 0)
		return 0;
	for (i = 0; i < n; i++) {
		bool cloexec = w->c->flags & MSG_CMSG_CLOEXEC || is_pidfd(w, index[i]);

		ret[i] = add_fd(w, w->b->rx.fd[index[i]], cloexec);
		if (ret[i] < 0)
			break;
	}
	w->b->stats.descriptors += i;
	return i;
}

static void creds(void *arg, struct ucred *uc)
{
	rg_creds_translate(((struct writer *)arg)->c->task->tid, uc);
}

/* recvfrom: the room for the address is read only now, as the kernel does. */
static int put_name(struct rg_broker *b, struct rg_call *c)
{
	const struct rg_rx *rx = &b->rx;
	int32_t room;

	if (!c->d.name)
		return 0;
	if (rg_task_read_all(c->task, &room, c->d.namelen_at, sizeof(room)) < 0)
		return -EFAULT;
	if (room < 0)
		return -EINVAL;
	if ((uint32_t)room > rx->namelen)
		room = (int32_t)rx->namelen;
	if (rg_task_write_all(c->task, c->d.name, rx->name, (size_t)room) < 0)
		return -EFAULT;
	return rg_task_write_all(c->task, c->d.namelen_at, &rx->namelen, 4);
}

/* The fields of msghdr that a receive writes: msg_controllen and msg_flags stand together. */
struct tail {
	char bytes[12];
	unsigned len, at;
};

static struct tail header_tail(const struct rg_call *c, size_t controllen, int flags)
{
	struct tail t = {.len = c->compat ? 8 : 12, .at = c->compat ? 20 : 40};

	memcpy(t.bytes, &controllen, c->compat ? 4 : 8);
	memcpy(t.bytes + t.len - 4, &flags, 4);
	return t;
}

/* Everything piece by piece, each failing as it would natively. Data is at *data (already written when >= 0).
 */
static int64_t slowly(struct rg_broker *b, struct rg_call *c, const struct rg_cmsg_out *o,
		      const struct tail *t, int64_t data)
{
	struct rg_rx *rx = &b->rx;
	struct tail none = *t;
	size_t room = c->d.namelen < 0 ? 0 : (size_t)c->d.namelen;

	if (data < 0) {
		data = rg_task_scatter(c->task, c->d.iov, c->d.n_iov, c->got, rx->data, rx->n);
		if (data < (int64_t)rx->n && (!c->stream || data <= 0))
			return -EFAULT;
	}
	if (rg_task_write_all(c->task, c->d.control, o->buf, o->written) < 0) {
		/* put_cmsg's failure is nobody's: no message, no flag */
		memset(none.bytes, 0, none.len - 4);
		t = &none;
	}
	if (c->d.name) {
		if (rg_task_write_all(c->task, c->d.name, rx->name, room < rx->namelen ? room : rx->namelen) <
			    0 ||
		    rg_task_write_all(c->task, c->d.namelen_at, &rx->namelen, 4) < 0)
			return -EFAULT;
	}
	if (rg_task_write_all(c->task, c->d.hdr + t->at, t->bytes, t->len) < 0)
		return -EFAULT;
	return data;
}

/* The common case: all of it in one system call. False when something did not fit, or faulted. */
static bool at_once(struct rg_broker *b, struct rg_call *c, const struct rg_cmsg_out *o, const struct tail *t)
{
	struct rg_rx *rx = &b->rx;
	struct iovec l[5], r[16];
	unsigned nl = 0, nr = 0;
	size_t skip = c->got, rest = rx->n, sum = 0;

	if (c->d.n_iov > 8)
		return false;
	for (unsigned i = 0; i < c->d.n_iov && rest; i++) {
		struct iovec v = c->d.iov[i];

		if (skip >= v.iov_len) {
			skip -= v.iov_len;
			continue;
		}
		v.iov_base = (char *)v.iov_base + skip;
		v.iov_len = v.iov_len - skip < rest ? v.iov_len - skip : rest;
		rest -= v.iov_len;
		skip = 0;
		r[nr++] = v;
	}
	if (rx->n)
		l[nl++] = (struct iovec){rx->data, rx->n - rest};
#define ADD(base, local, n)                                                \
	do {                                                               \
		l[nl++] = (struct iovec){(void *)(uintptr_t)(local), (n)}; \
		r[nr++] = (struct iovec){(void *)(uintptr_t)(base), (n)};  \
	} while (0)
	if (o->written)
		ADD(c->d.control, o->buf, o->written);
	if (c->d.name) {
		size_t n = (size_t)c->d.namelen < rx->namelen ? (size_t)c->d.namelen : rx->namelen;

		if (n)
			ADD(c->d.name, rx->name, n);
		ADD(c->d.namelen_at, &rx->namelen, 4);
	}
	ADD(c->d.hdr + t->at, t->bytes, t->len);
#undef ADD
	for (unsigned i = 0; i < nr; i++)
		sum += r[i].iov_len;
	return process_vm_writev(c->task->tid, l, nl, r, nr, 0) == (ssize_t)sum;
}

/* read, recv, recvfrom: data and perhaps an address. */
static int64_t deliver_plain(struct rg_broker *b, struct rg_call *c)
{
	struct rg_rx *rx = &b->rx;
	ssize_t w = rx->n ? rg_task_scatter(c->task, c->d.iov, c->d.n_iov, c->got, rx->data, rx->n) : 0;
	int rc;

	if (w < (ssize_t)rx->n && (!c->stream || w <= 0))
		return -EFAULT;
	rc = put_name(b, c);
	return rc < 0 ? rc : w;
}

static int64_t deliver_msg(struct rg_broker *b, struct rg_call *c, const struct rg_decision *d)
{
	struct rg_rx *rx = &b->rx;
	struct writer w = {b, c};
	size_t room = c->d.controllen;
	struct rg_cmsg_out o = {.buf = b->packed,
				.room = room,
				.compat = c->compat,
				.install = install,
				.creds = creds,
				.arg = &w};
	int flags = rx->flags & ~(c->flags & MSG_CMSG_CLOEXEC ? 0 : MSG_CMSG_CLOEXEC);
	int64_t data = -1;
	struct tail t;

	if (d->action == RG_ACT_STRIP && !d->audit) {
		o.strip_fd = d->strip_fd;
		o.strip_cmsg = d->strip_cmsg;
	}
	if (rx->n_fds) { /* first the data: when it cannot be written no descriptor is installed */
		data = rg_task_scatter(c->task, c->d.iov, c->d.n_iov, c->got, rx->data, rx->n);
		if (data < (int64_t)rx->n && (!c->stream || data <= 0))
			return -EFAULT;
	}
	rg_cmsg_pack(&o, rx->control, rx->controllen);
	t = header_tail(c, o.used, flags | (o.ctrunc ? MSG_CTRUNC : 0));
	if (data < 0 && at_once(b, c, &o, &t))
		return (int64_t)rx->n;
	return slowly(b, c, &o, &t, data);
}

int64_t rg_deliver(struct rg_broker *b, struct rg_call *c, const struct rg_decision *d)
{
	int64_t w;

	if (ioctl(b->listener, SECCOMP_IOCTL_NOTIF_ID_VALID, &c->id) < 0)
		return -ESRCH; /* nobody waits for it any more: write nothing to whoever has that number now
				*/
	w = c->d.hdr ? deliver_msg(b, c, d) : deliver_plain(b, c);
	if (w >= 0) {
		b->stats.messages++;
		b->stats.bytes += (uint64_t)w;
	}
	return w;
}

void rg_rx_close(struct rg_broker *b)
{
	for (unsigned i = 0; i < b->rx.n_fds; i++)
		if (b->rx.fd[i] >= 0)
			rg_reap(b, b->rx.fd[i]);
	b->rx.n_fds = b->rx.n_pidfds = 0;
}
