/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Receiving in the caller's place. Every receive is done with MSG_DONTWAIT: the file description, and so
 * O_NONBLOCK, belongs to the program; waiting is park.c's.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/time.h>

#include "broker/broker.h"
#include "broker/parse.h"
#include "broker/sys.h"

#ifndef SCM_PIDFD
#define SCM_PIDFD 4
#endif
#ifndef SO_PEEK_OFF
#define SO_PEEK_OFF 42
#endif

/* Flags that are not for the kernel's receive: waiting is ours, and bit 31 (MSG_CMSG_COMPAT) nobody's. */
#define OWN_FLAGS ((unsigned)(MSG_WAITALL | MSG_WAITFORONE) | 0x80000000u)

static int opt(int sock, int level, int name, int otherwise)
{
	int v;
	socklen_t n = sizeof(v);

	return getsockopt(sock, level, name, &v, &n) == 0 ? v : otherwise;
}

/* The descriptors that the control data brought: from here on rx owns them. */
static void own_fds(struct rg_rx *rx)
{
	struct msghdr m = {.msg_control = rx->control, .msg_controllen = rx->controllen};

	for (struct cmsghdr *c = CMSG_FIRSTHDR(&m); c; c = CMSG_NXTHDR(&m, c)) {
		unsigned n = (unsigned)((c->cmsg_len - CMSG_LEN(0)) / sizeof(int));

		if (c->cmsg_level != SOL_SOCKET || (c->cmsg_type != SCM_RIGHTS && c->cmsg_type != SCM_PIDFD))
			continue;
		for (unsigned i = 0; i < n; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(fd));
			if (rx->n_fds < sizeof(rx->fd) / sizeof(rx->fd[0]))
				rx->fd[rx->n_fds++] = fd, rx->n_pidfds += c->cmsg_type == SCM_PIDFD;
		}
	}
}

static ssize_t take(struct rg_broker *b, struct rg_call *c, size_t want, int extra)
{
	struct rg_rx *rx = &b->rx;
	struct iovec iov = {rx->data, want};
	struct msghdr m = {
		.msg_name = rx->name, .msg_namelen = sizeof(rx->name), .msg_iov = &iov, .msg_iovlen = 1};
	int flags = (int)(((unsigned)c->flags & ~OWN_FLAGS) | MSG_DONTWAIT | (unsigned)extra);
	ssize_t n;

	rg_rx_close(b);
	/* Without a control buffer some protocols answer otherwise (kernel TLS): offer one where the caller
	 * does, and on unix sockets, for the policy to see what a plain read loses. */
	if (c->d.controllen || c->family == AF_UNIX) {
		m.msg_control = rx->control;
		m.msg_controllen = RG_RX_CONTROL;
	}
	if (c->family == AF_UNIX)
		flags |= MSG_CMSG_CLOEXEC; /* never elsewhere: AF_PACKET answers EINVAL */
	n = recvmsg(c->sock, &m, flags);
	if (n < 0)
		return -errno;
	rx->full = (size_t)n;
	rx->n = (size_t)n < want ? (size_t)n : want;
	rx->flags = m.msg_flags;
	rx->namelen = m.msg_namelen;
	rx->controllen = m.msg_control ? m.msg_controllen : 0;
	if (rx->controllen)
		own_fds(rx);
	return n;
}

static bool may_wait(const struct rg_call *c)
{
	int fl;

	if (c->flags & (MSG_DONTWAIT | MSG_ERRQUEUE))
		return false;
	if (c->stream && (c->flags & MSG_OOB))
		return false;
	if (c->kind == RG_CALL_READ && (c->rwf & RWF_NOWAIT))
		return false;
	fl = fcntl(c->sock, F_GETFL);
	return fl >= 0 && !(fl & O_NONBLOCK);
}

static enum rg_step done(struct rg_call *c, int64_t ret)
{
	c->ret = ret;
	return RG_STEP_DONE;
}

/* Nothing there: wait, or answer what has come so far. */
static enum rg_step nothing(struct rg_call *c, bool timed_out)
{
	if (timed_out || (!c->waits && !may_wait(c)))
		return done(c, c->got ? (int64_t)c->got : -EAGAIN);
	c->waits = true;
	return RG_STEP_WAIT;
}

/* Take the message that was only looked at off the queue. */
static void discard(struct rg_broker *b, struct rg_call *c)
{
	char byte;

	if (c->flags & MSG_PEEK)
		(void)!recv(c->sock, &byte, 1, MSG_DONTWAIT);
}

/* A look with an offset (SO_PEEK_OFF), which moves by what is returned: asked for the whole length UDP would
 * move, and answer, by that, whatever was copied. So the length is asked for by a second look from the same
 * place. */
static ssize_t take_at_offset(struct rg_broker *b, struct rg_call *c, size_t want, int offset)
{
	int after, flags = c->flags;
	char byte;
	ssize_t full, n;

	c->flags &= ~MSG_TRUNC;
	n = take(b, c, want, 0);
	c->flags = flags;
	if (n < 0)
		return n;
	b->rx.n = b->rx.full = (size_t)n;
	if (!(b->rx.flags & MSG_TRUNC))
		return n;
	after = opt(c->sock, SOL_SOCKET, SO_PEEK_OFF, offset);
	setsockopt(c->sock, SOL_SOCKET, SO_PEEK_OFF, &offset, sizeof(offset));
	full = recv(c->sock, &byte, 1, MSG_PEEK | MSG_TRUNC | MSG_DONTWAIT);
	setsockopt(c->sock, SOL_SOCKET, SO_PEEK_OFF, &after, sizeof(after));
	if (full > n)
		b->rx.full = (size_t)full;
	return (ssize_t)b->rx.full;
}

/* One message, its whole length as the result. */
static ssize_t take_message(struct rg_broker *b, struct rg_call *c, size_t want)
{
	int offset;

	if (c->flags & MSG_ERRQUEUE)
		return take(b, c, want, 0);
	offset = c->flags & MSG_PEEK ? opt(c->sock, SOL_SOCKET, SO_PEEK_OFF, -1) : -1;
	return offset < 0 ? take(b, c, want, MSG_TRUNC) : take_at_offset(b, c, want, offset);
}

static enum rg_step message_step(struct rg_broker *b, struct rg_call *c, bool timed_out)
{
	size_t want = c->d.total < RG_RX_DATA ? c->d.total : RG_RX_DATA;
	struct rg_decision d;
	int64_t w;

	for (;;) {
		ssize_t n = take_message(b, c, want);

		if (n == -EAGAIN)
			return nothing(c, timed_out);
		if (n < 0)
			return done(c, n);
		switch (rg_judge(b, c, &d)) {
		case RG_J_DROP: discard(b, c); continue;
		case RG_J_REFUSE: return done(c, -d.err_no);
		case RG_J_KILL: return RG_STEP_KILLED;
		case RG_J_DELIVER: break;
		}
		w = rg_deliver(b, c, &d);
		if (w < 0)
			return done(c, w); /* the message is lost, as it is natively */
		return done(c, c->flags & MSG_TRUNC ? n : w);
	}
}

/* Streams. */

static bool same_writer(struct rg_call *c, const struct rg_rx *rx)
{
	struct msghdr m = {.msg_control = (void *)rx->control, .msg_controllen = rx->controllen};
	struct ucred uc;

	for (struct cmsghdr *h = CMSG_FIRSTHDR(&m); h; h = CMSG_NXTHDR(&m, h)) {
		if (h->cmsg_level != SOL_SOCKET || h->cmsg_type != SCM_CREDENTIALS)
			continue;
		memcpy(&uc, CMSG_DATA(h), sizeof(uc));
		if (c->has_cred && memcmp(&uc, &c->cred, sizeof(uc)))
			return false;
		c->cred = uc;
		c->has_cred = true;
	}
	return true;
}

/* Bytes that a blocking receive waits for: sock_rcvlowat(). */
static size_t target_of(const struct rg_broker *b, struct rg_call *c)
{
	int low;

	if (!c->target) {
		if (c->flags & MSG_WAITALL) {
			c->target = c->d.total;
		} else {
			low = b->low_marks ? opt(c->sock, SOL_SOCKET, SO_RCVLOWAT, 1) : 1;
			c->target = low > 0 && (size_t)low < c->d.total ? (size_t)low : c->d.total;
			if (low <= 1)
				c->target = 1;
		}
	}
	return c->target;
}

/* Can the bytes be looked at, and taken after they were written? Else they are taken at once. */
static bool two_steps(const struct rg_broker *b, const struct rg_call *c)
{
	if (c->flags & (MSG_PEEK | MSG_OOB | MSG_ERRQUEUE) || !c->d.total)
		return false;
	if (c->flags & MSG_TRUNC && c->family != AF_UNIX)
		return false;
	if (c->family != AF_UNIX && c->family != AF_INET && c->family != AF_INET6 && c->family != AF_VSOCK)
		return false;
	return !b->peek_offsets || opt(c->sock, SOL_SOCKET, SO_PEEK_OFF, -1) < 0;
}

/* Take n bytes off the stream that were delivered already. They are what was looked at unless somebody
 * outside reads the same socket: then what was really taken goes to rx (*changed) and has to be judged and
 * written. */
static size_t consume(struct rg_broker *b, struct rg_call *c, size_t n, bool *changed)
{
	size_t k = 0;

	*changed = false;
	while (k < n) {
		ssize_t r = recv(c->sock, b->rx.scratch + k, n - k, MSG_DONTWAIT);

		if (r <= 0)
			break;
		k += (size_t)r;
	}
	if (memcmp(b->rx.scratch, b->rx.data, k)) {
		memcpy(b->rx.data, b->rx.scratch, k);
		b->rx.n = b->rx.full = k;
		b->rx.controllen = 0;
		rg_rx_close(b); /* those of the first look were given */
		*changed = true;
	}
	return k;
}

/* Deliver what rx holds and take it off the queue. Bytes, or -errno; *stop: return to the caller now. */
static int64_t hand_over(struct rg_broker *b, struct rg_call *c, bool peeked, const struct rg_decision *first,
			 bool *stop)
{
	struct rg_decision d = *first;
	int64_t w = rg_deliver(b, c, &d);
	bool changed;
	size_t k;

	if (w < 0)
		return w;
	*stop = (size_t)w < b->rx.n || b->rx.n_fds || b->rx.flags & MSG_OOB;
	if (!peeked)
		return w;
	k = consume(b, c, (size_t)w, &changed);
	if (k < (size_t)w)
		*stop = true;
	if (!changed)
		return (int64_t)k;
	*stop = true;
	if (rg_judge(b, c, &d) != RG_J_DELIVER)
		return d.err_no ? -d.err_no : -EIO;
	return rg_deliver(b, c, &d);
}

static enum rg_step refused(struct rg_broker *b, struct rg_call *c, const struct rg_decision *d, bool peeked)
{
	bool changed;

	if (c->got) /* what was admitted first; the refused bytes stay, for the next call */
		return done(c, (int64_t)c->got);
	if (peeked)
		consume(b, c, b->rx.n, &changed);
	return done(c, -d->err_no);
}

/* The next bytes. *peeked: look at them only; they are taken after they were written.
 * A look that fills its room brings the descriptors of the message behind it too, of which it shows no byte
 * (af_unix goes on to the next message before it asks whether there is room): then they are taken at once,
 * which is exact. */
static ssize_t next_bytes(struct rg_broker *b, struct rg_call *c, size_t want, bool *peeked)
{
	ssize_t n = take(b, c, want, *peeked ? MSG_PEEK : 0);

	if (!*peeked || n < 0 || (size_t)n < want || !b->rx.n_fds)
		return n;
	*peeked = false;
	return take(b, c, want, 0);
}

static enum rg_step stream_step(struct rg_broker *b, struct rg_call *c, bool timed_out)
{
	bool two = two_steps(b, c), stop = false;
	struct rg_decision d;

	for (;;) {
		size_t room = c->d.total - c->got, want = room < RG_RX_STREAM ? room : RG_RX_STREAM;
		bool peeked = two;
		ssize_t n;
		int64_t w;

		if (c->flags & MSG_PEEK)
			want = room < RG_RX_DATA ? room : RG_RX_DATA;
		n = next_bytes(b, c, want, &peeked);
		if (n == -EAGAIN)
			return c->got && (stop || c->got >= target_of(b, c)) ? done(c, (int64_t)c->got)
									     : nothing(c, timed_out);
		if (n < 0)
			return done(c, c->got ? (int64_t)c->got : n);
		if (c->got && (n == 0 || !same_writer(c, &b->rx)))
			return done(c, (int64_t)c->got);
		if (c->flags & MSG_PEEK && (size_t)n < target_of(b, c) && n && !timed_out && may_wait(c)) {
			struct pollfd p = {c->sock, POLLRDHUP, 0};

			if (poll(&p, 1, 0) == 0)
				return RG_STEP_WAIT;
		}
		same_writer(c, &b->rx);
		if (n == 0) { /* the end, or no room */
			b->rx.n = 0;
			w = rg_deliver(b, c, &(struct rg_decision){0});
			return done(c, w < 0 ? w : 0);
		}
		if (c->flags & MSG_TRUNC &&
		    c->family != AF_UNIX) { /* bytes thrown away, not seen by anyone */
			b->rx.n = 0;
			w = rg_deliver(b, c, &(struct rg_decision){0});
			return done(c, w < 0 ? w : n);
		}
		switch (rg_judge(b, c, &d)) {
		case RG_J_DROP: /* refused for streams when the policy is compiled */
		case RG_J_REFUSE: return refused(b, c, &d, peeked);
		case RG_J_KILL: return RG_STEP_KILLED;
		case RG_J_DELIVER: break;
		}
		w = hand_over(b, c, peeked, &d, &stop);
		if (w < 0)
			return done(c, c->got ? (int64_t)c->got : w);
		c->got += (size_t)w;
		if (stop || c->flags & (MSG_PEEK | MSG_OOB | MSG_ERRQUEUE) || c->got >= c->d.total)
			return done(c, (int64_t)c->got);
		if ((size_t)n < want && !(c->flags & MSG_WAITALL) && c->got >= target_of(b, c))
			return done(c, (int64_t)c->got);
	}
}

static enum rg_step one_step(struct rg_broker *b, struct rg_call *c, bool timed_out)
{
	return c->stream ? stream_step(b, c, timed_out) : message_step(b, c, timed_out);
}

/* recvmmsg. */

static void write_timeout(struct rg_call *c, uint64_t left)
{
	int64_t t[2] = {(int64_t)(left / 1000000000u), (int64_t)(left % 1000000000u)};

	if (c->timeout32) {
		int32_t w[2] = {(int32_t)t[0], (int32_t)t[1]};

		if (rg_task_write_all(c->task, c->timeout_at, w, sizeof(w)) < 0)
			c->ret = -EFAULT;
	} else if (rg_task_write_all(c->task, c->timeout_at, t, sizeof(t)) < 0) {
		c->ret = -EFAULT;
	}
}

static enum rg_step batch_end(struct rg_call *c, int err)
{
	uint64_t now;

	c->ret = c->done ? (int64_t)c->done : err;
	if (c->done && c->has_timeout) {
		now = rg_now();
		write_timeout(c, c->end > now ? c->end - now : 0);
	}
	return RG_STEP_DONE;
}

/* After a first message an error is left on the socket for the next call, as recvmmsg(2) says. */
static bool error_waits(const struct rg_call *c)
{
	struct pollfd p = {c->sock, 0, 0};

	return !(c->flags & MSG_ERRQUEUE) && poll(&p, 1, 0) > 0 && p.revents & POLLERR;
}

static enum rg_step batch_step(struct rg_broker *b, struct rg_call *c, bool timed_out)
{
	const size_t hdr = c->compat ? 28 : 56, each = c->compat ? 32 : 64;

	while (c->done < c->vlen) {
		uint64_t at = c->vec + c->done * each;
		uint32_t len;
		enum rg_step s;
		int rc = 0;

		if (c->done && !c->waits && error_waits(c))
			break;
		if (!c->loaded)
			rc = rg_dest_msghdr(c, at);
		if (rc < 0)
			return batch_end(c, rc);
		c->loaded = true;
		s = one_step(b, c, timed_out);
		if (s != RG_STEP_DONE)
			return s;
		if (c->ret < 0)
			return batch_end(c, (int)c->ret);
		len = (uint32_t)c->ret;
		if (rg_task_write_all(c->task, at + hdr, &len, sizeof(len)) < 0)
			return batch_end(c, -EFAULT);
		c->done++;
		c->loaded = c->has_cred = false;
		c->got = c->target = 0;
		if (c->flags & MSG_WAITFORONE)
			c->flags |= MSG_DONTWAIT;
		c->waits = c->has_deadline = false; /* asked anew for the next message */
		if ((c->has_timeout && rg_now() >= c->end) || b->rx.flags & MSG_OOB)
			break;
	}
	return batch_end(c, 0);
}

enum rg_step rg_call_step(struct rg_broker *b, struct rg_call *c, bool timed_out)
{
	if (c->kind == RG_CALL_MMSG)
		return batch_step(b, c, timed_out);
	if (c->kind == RG_CALL_READ && !c->d.total)
		return done(c, 0); /* as System V: read(2) of nothing touches no message */
	return one_step(b, c, timed_out);
}
