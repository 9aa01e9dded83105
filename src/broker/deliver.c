/* SPDX-License-Identifier: BSD-2-Clause */
/* Write a checked message into the target: data, address, control messages, descriptors, header. */
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "broker/broker.h"
#include "broker/bypass.h"
#include "broker/cmsg_out.h"
#include "broker/creds.h"
#include "broker/sys.h"

/* How long after a thread was seen waiting its number cannot have become another's: numbers are given in
 * turn, and even the smallest range (301 in a namespace) takes milliseconds to go round. */
#define FRESH	   500000u     /* ns */
#define SMALL_FILE (16u << 20) /* bytes: freeing more may take a while */

struct writer {
	struct rg_broker *b;
	struct rg_call *c;
	bool slot_proven; /* d.slot was written back, with the data: it is writable */
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

/* Can closing our duplicate not block, whoever closed the others meanwhile? Pipes, unix sockets and small
 * memory; what is on a file system, or may linger, is the reaper's. */
static bool closes_at_once(const struct rg_broker *b, const struct stat *st, int family)
{
	if (S_ISSOCK(st->st_mode))
		return family == AF_UNIX;
	return S_ISFIFO(st->st_mode) || (st->st_dev == b->memfd_dev && st->st_size <= SMALL_FILE);
}

/* Give descriptor i of the message to the program: its number there, or -errno. When it has it, our duplicate
 * must not be what keeps it open when the program closes its own. */
static int give(struct writer *w, unsigned i, bool cloexec)
{
	int fd = w->b->rx.fd[i], family, n;
	const char *bypass;
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -errno;
	bypass = rg_bypass(fd, &st, &family);
	if (bypass) {
		rg_notice(w->b, "process %d was sent %s: not handed on, what it receives cannot be checked",
			  w->c->task->tid, bypass);
		return -EPERM;
	}
	n = add_fd(w, fd, cloexec);
	if (n >= 0 && closes_at_once(w->b, &st, family)) { /* else rg_rx_close: after the answer */
		close(fd);
		w->b->rx.fd[i] = -1;
	}
	return n;
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

	uint64_t slot = w->c->d.control + at;
	struct rg_guess *g = &w->c->task->guess;
	size_t size = n * sizeof(int);

	/* The numbers' place must be writable before a descriptor appears in the target: natively one that
	 * could not be told is not installed. What stands there is written back. */
	if (!w->slot_proven || slot != w->c->d.slot_at || size > w->c->d.slot_len) {
		rg_task_read(w->c->task, none, slot, size);
		if (rg_task_write_all(w->c->task, slot, none, size) < 0)
			return 0;
		g->slot = slot;
		g->slot_len = size < RG_SLOT_MAX ? (unsigned)size : RG_SLOT_MAX;
	}
	for (i = 0; i < n; i++) {
		bool cloexec = w->c->flags & MSG_CMSG_CLOEXEC || is_pidfd(w, index[i]);

		ret[i] = give(w, index[i], cloexec);
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
static int name_room(struct rg_call *c, int32_t *room)
{
	if (rg_task_read_all(c->task, room, c->d.namelen_at, sizeof(*room)) < 0)
		return -EFAULT;
	return *room < 0 ? -EINVAL : 0;
}

static int put_name(struct rg_broker *b, struct rg_call *c, int32_t room)
{
	const struct rg_rx *rx = &b->rx;

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

/* Pieces of one process_vm_writev. */
struct batch {
	struct iovec l[6], r[16];
	unsigned nl, nr;
	size_t sum;
};

static void add(struct batch *t, uint64_t to, const void *from, size_t n)
{
	if (!n)
		return;
	t->l[t->nl++] = (struct iovec){(void *)(uintptr_t)from, n};
	t->r[t->nr++] = (struct iovec){(void *)(uintptr_t)to, n};
	t->sum += n;
}

/* The data, to where this call's data goes on. False: too many pieces. */
static bool add_data(struct batch *t, const struct rg_rx *rx, const struct rg_call *c)
{
	size_t skip = c->got, rest = rx->n;

	if (c->d.n_iov > RG_IOV_INLINE)
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
		t->r[t->nr++] = v;
	}
	if (rx->n > rest)
		t->l[t->nl++] = (struct iovec){rx->data, rx->n - rest};
	t->sum += rx->n - rest;
	return true;
}

static bool written(const struct rg_call *c, const struct batch *t)
{
	return process_vm_writev(c->task->tid, t->l, t->nl, t->r, t->nr, 0) == (ssize_t)t->sum;
}

/* The common case: all of it in one system call. False when something did not fit, or faulted. */
static bool at_once(struct rg_broker *b, struct rg_call *c, const struct rg_cmsg_out *o, const struct tail *t,
		    bool with_data)
{
	struct rg_rx *rx = &b->rx;
	struct batch w = {.nl = 0};

	if (with_data && !add_data(&w, rx, c))
		return false;
	add(&w, c->d.control, o->buf, o->written);
	if (c->d.name) {
		add(&w, c->d.name, rx->name,
		    (size_t)c->d.namelen < rx->namelen ? (size_t)c->d.namelen : rx->namelen);
		add(&w, c->d.namelen_at, &rx->namelen, 4);
	}
	add(&w, c->d.hdr + t->at, t->bytes, t->len);
	return written(c, &w);
}

/* Data, and what stands where descriptors' numbers will go: proof that both are writable. */
static bool data_and_slot(struct rg_broker *b, struct rg_call *c)
{
	struct batch w = {.nl = 0};

	if (!c->d.slot_at || !add_data(&w, &b->rx, c))
		return false;
	add(&w, c->d.slot_at, c->d.slot, c->d.slot_len);
	return written(c, &w);
}

/* read, recv, recvfrom: data and perhaps an address. */
static int64_t deliver_plain(struct rg_broker *b, struct rg_call *c)
{
	struct rg_rx *rx = &b->rx;
	struct batch all = {.nl = 0};
	int32_t room = 0;
	int rc = c->d.name ? name_room(c, &room) : 0;
	ssize_t w;

	if (c->d.name && rc == 0 && add_data(&all, rx, c)) {
		add(&all, c->d.name, rx->name, (uint32_t)room < rx->namelen ? (uint32_t)room : rx->namelen);
		add(&all, c->d.namelen_at, &rx->namelen, 4);
		if (written(c, &all))
			return (int64_t)rx->n;
	}
	w = rx->n ? rg_task_scatter(c->task, c->d.iov, c->d.n_iov, c->got, rx->data, rx->n) : 0;
	if (w < (ssize_t)rx->n && (!c->stream || w <= 0))
		return -EFAULT;
	if (c->d.name && rc == 0)
		rc = put_name(b, c, room);
	return rc < 0 ? rc : w;
}

static int64_t deliver_msg(struct rg_broker *b, struct rg_call *c, const struct rg_decision *d)
{
	struct rg_rx *rx = &b->rx;
	struct writer w = {.b = b, .c = c};
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
		w.slot_proven = data_and_slot(b, c);
		data = w.slot_proven
			       ? (int64_t)rx->n
			       : rg_task_scatter(c->task, c->d.iov, c->d.n_iov, c->got, rx->data, rx->n);
		if (data < (int64_t)rx->n && (!c->stream || data <= 0))
			return -EFAULT;
	}
	rg_cmsg_pack(&o, rx->control, rx->controllen);
	t = header_tail(c, o.used, flags | (o.ctrunc ? MSG_CTRUNC : 0));
	if ((data < 0 || data == (int64_t)rx->n) && at_once(b, c, &o, &t, data < 0))
		return (int64_t)rx->n;
	return slowly(b, c, &o, &t, data);
}

int64_t rg_deliver(struct rg_broker *b, struct rg_call *c, const struct rg_decision *d)
{
	int64_t w;

	/* Nobody waits for it any more: write nothing to whoever has that number now. */
	if (rg_now() - c->born > FRESH && ioctl(b->listener, SECCOMP_IOCTL_NOTIF_ID_VALID, &c->id) < 0)
		return -ESRCH;
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
