/* SPDX-License-Identifier: BSD-2-Clause */
#include "kernel/calibrate.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"

/* A kernel stack is 16 KiB on x86-64 and arm64. */
#define STACK_SPAN 16384

/* How often each shape is tried: what is not at the same place every time is not it. */
#define ROUNDS 4

struct bench {
	const struct rg_calib_io *io;
	int send, recv; /* a socket pair */
	char buf[64];
	char control[ROUNDS][128]; /* its address changes from round to round */
	struct iovec iov;
	struct mmsghdr batch[3];
	unsigned round;
};

/* Places (word indexes) that held the wanted value in every round so far. */
struct places {
	uint8_t ok[RG_STACK_WORDS];
};

static void places_keep(struct places *p, const struct rg_calib *c, uint64_t want, bool first)
{
	for (unsigned i = 0; i < RG_STACK_WORDS; i++)
		p->ok[i] = (first || p->ok[i]) && c->words[i] == want;
}

/* The first place at or after word `from`; -1: none. */
static int places_next(const struct places *p, int from)
{
	for (int i = from; i < RG_STACK_WORDS; i++)
		if (p->ok[i])
			return i;
	return -1;
}

/* As distance in bytes from the argument block, 0: none. */
static int32_t places_first(const struct places *p)
{
	int i = places_next(p, 0);

	return i < 0 ? 0 : (i - RG_STACK_BELOW) * 8;
}

static int bench_open(struct bench *b, const struct rg_calib_io *io)
{
	int fds[2], one = 1;

	memset(b, 0, sizeof(*b));
	b->io = io;
	if (socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, fds))
		return -errno;
	b->send = fds[0];
	b->recv = fds[1];
	/* credentials make the kernel write a control message, so that where it began is not where it ends */
	if (setsockopt(b->recv, SOL_SOCKET, SO_PASSCRED, &one, sizeof(one)))
		return -errno;
	return 0;
}

static void bench_close(struct bench *b)
{
	close(b->send);
	close(b->recv);
}

/* Make one call of the shape in this round; the kernel side copies the stack of its last message. */
static int bench_call(struct bench *b, int shape)
{
	struct msghdr h = {.msg_iov = &b->iov, .msg_iovlen = 1};
	long r = -1;

	b->iov = (struct iovec){b->buf + b->round, 16 + b->round};
	h.msg_control = b->control[b->round];
	h.msg_controllen = sizeof(b->control[0]);
	memset(b->io->calib->words, 0, sizeof(b->io->calib->words));
	for (unsigned i = 0; i < 3; i++)
		if (send(b->send, "calibrate", 9, 0) != 9)
			return -errno;
	b->io->calib->tid = (uint32_t)syscall(SYS_gettid);
	switch (shape) {
	case RG_SHAPE_RECVMSG: r = recvmsg(b->recv, &h, MSG_DONTWAIT); break;
	case RG_SHAPE_RECVMMSG:
		for (unsigned i = 0; i < 3; i++)
			b->batch[i].msg_hdr = h;
		/* the last message of the batch is the one whose stack is seen */
		r = recvmmsg(b->recv, b->batch, 2 + b->round % 2, MSG_DONTWAIT, NULL);
		break;
	case RG_SHAPE_RECVFROM: r = recv(b->recv, b->iov.iov_base, b->iov.iov_len, MSG_DONTWAIT); break;
	case RG_SHAPE_READ: r = read(b->recv, b->iov.iov_base, b->iov.iov_len); break;
	}
	b->io->calib->tid = 0;
	while (recv(b->recv, b->buf, 1, MSG_DONTWAIT) >= 0)
		;
	return r < 0 ? -errno : 0;
}

/* Where msg_control points after the credentials were written: 16 of header, 12 of payload, padded. */
#define CONTROL_WRITTEN 32

/*
 * Several words may hold the pointer (copies of the iterator, saved registers). The msghdr's is the lowest
 * above the argument block in front of which, where msg_name stands, is NULL (recv, read) or an address on
 * this stack (recvmsg keeps the sender's address in a neighbouring local).
 */
static int32_t msghdr_place(const struct rg_calib_io *io, const struct places *hdr, uint32_t member)
{
	int words = (int)member / 8;

	for (int i = places_next(hdr, RG_STACK_BELOW + words); i >= 0; i = places_next(hdr, i + 1)) {
		uint64_t name = io->calib->words[i - words];

		if (!name || (name > io->calib->base && name < io->calib->base + STACK_SPAN))
			return (i - words - RG_STACK_BELOW) * 8;
	}
	return 0;
}

static int shape_find(struct bench *b, int shape)
{
	struct places hdr, entry, control;
	const struct rg_calib_io *io = b->io;
	bool has_control = shape <= RG_SHAPE_RECVMMSG;

	for (b->round = 0; b->round < ROUNDS; b->round++) {
		uint64_t start = (uintptr_t)b->control[b->round];
		int r = bench_call(b, shape);

		if (r)
			return r;
		places_keep(&hdr, io->calib,
			    has_control ? start + CONTROL_WRITTEN : (uintptr_t)b->iov.iov_base,
			    b->round == 0);
		places_keep(&control, io->calib, start, b->round == 0);
		places_keep(&entry, io->calib, (uintptr_t)&b->batch[1 + b->round % 2], b->round == 0);
	}
	io->off_control[shape] = has_control ? places_first(&control) : 0;
	io->off_entry[shape] = shape == RG_SHAPE_RECVMMSG ? places_first(&entry) : 0;
	io->off_msghdr[shape] = msghdr_place(io, &hdr, has_control ? io->layout.control : io->layout.ubuf);
	return io->off_msghdr[shape] != 0;
}

int rg_calibrate(const struct rg_calib_io *io, struct rg_err *err)
{
	struct bench b;
	int found = 0, r = bench_open(&b, io);

	if (r)
		return rg_fail(err, r, "calibration: %s", strerror(-r));
	for (int shape = 0; shape < RG_SHAPE__COUNT; shape++) {
		r = shape_find(&b, shape);
		if (r < 0) {
			bench_close(&b);
			return rg_fail(err, r, "calibration: %s", strerror(-r));
		}
		found += r;
	}
	bench_close(&b);
	return found;
}
