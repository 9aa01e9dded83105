/* SPDX-License-Identifier: BSD-2-Clause */
#include "kernel/calibrate.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/number.h"

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
	struct rg_call32 c32;
	unsigned round;
	int entry, shape;
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

/* Below 4 GiB, so that the i386 calls can be given the same buffers. NULL: errno. */
static struct bench *bench_open(const struct rg_calib_io *io)
{
#ifdef MAP_32BIT
	int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT;
#else
	int flags = MAP_PRIVATE | MAP_ANONYMOUS;
#endif
	struct bench *b = mmap(NULL, sizeof(*b), PROT_READ | PROT_WRITE, flags, -1, 0);
	int fds[2], one = 1;

	if (b == MAP_FAILED)
		return NULL;
	if (socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, fds)) {
		munmap(b, sizeof(*b));
		return NULL;
	}
	b->io = io;
	b->send = fds[0];
	b->recv = fds[1];
	/* credentials make the kernel write a control message, so that where it began is not where it ends */
	setsockopt(b->recv, SOL_SOCKET, SO_PASSCRED, &one, sizeof(one));
	return b;
}

static void bench_close(struct bench *b)
{
	close(b->send);
	close(b->recv);
	munmap(b, sizeof(*b));
}

/* The last message of a batch is the one whose stack is seen. */
static unsigned batch_len(const struct bench *b)
{
	return b->shape == RG_SHAPE_RECVMMSG1 ? 1 : 2 + b->round % 2;
}

static long call_native(struct bench *b, int shape)
{
	struct msghdr h = {.msg_iov = &b->iov, .msg_iovlen = 1};

	h.msg_control = b->control[b->round];
	h.msg_controllen = sizeof(b->control[0]);
	switch (shape) {
	case RG_SHAPE_RECVMSG: return recvmsg(b->recv, &h, MSG_DONTWAIT);
	case RG_SHAPE_RECVMMSG:
	case RG_SHAPE_RECVMMSG1:
		for (unsigned i = 0; i < 3; i++)
			b->batch[i].msg_hdr = h;
		return recvmmsg(b->recv, b->batch, batch_len(b), MSG_DONTWAIT, NULL);
	case RG_SHAPE_RECVFROM: return recv(b->recv, b->iov.iov_base, b->iov.iov_len, MSG_DONTWAIT);
	default: return read(b->recv, b->iov.iov_base, b->iov.iov_len);
	}
}

static long call_compat(struct bench *b, int shape)
{
	struct rg_call32 *c = &b->c32;
	long r;

	c->iov.base = (uint32_t)(uintptr_t)b->iov.iov_base;
	c->iov.len = (uint32_t)b->iov.iov_len;
	memset(c->msg, 0, sizeof(c->msg));
	for (unsigned i = 0; i < 3; i++) {
		c->msg[i].iov = (uint32_t)(uintptr_t)&c->iov;
		c->msg[i].iovlen = 1;
		c->msg[i].control = (uint32_t)(uintptr_t)b->control[b->round];
		c->msg[i].controllen = sizeof(b->control[0]);
	}
	r = rg_call32(c, b->entry, shape, b->recv, batch_len(b));
	if (r < 0)
		errno = (int)-r;
	return r;
}

/* Make one call of the shape in this round; the kernel side copies the stack of its last message. */
static int bench_call(struct bench *b, int shape)
{
	long r;
	int e;

	b->iov = (struct iovec){b->buf + b->round, 16 + b->round};
	memset(b->io->calib->words, 0, sizeof(b->io->calib->words));
	for (unsigned i = 0; i < 3; i++)
		if (send(b->send, "calibrate", 9, 0) != 9)
			return -errno;
	b->io->calib->tid = rg_number_of_thread();
	r = b->entry == RG_ENTRY_NATIVE ? call_native(b, shape) : call_compat(b, shape);
	e = errno;
	b->io->calib->tid = 0;
	while (recv(b->recv, b->buf, 1, MSG_DONTWAIT) >= 0)
		;
	return r < 0 ? -e : 0;
}

/* Where msg_control points after the credentials were written: a header of 16 (i386: 12) and 12 of payload,
 * padded to 8 (4). */
static uint64_t control_written(const struct bench *b)
{
	return b->entry == RG_ENTRY_NATIVE ? 32 : 24;
}

static uint64_t batch_entry(const struct bench *b)
{
	unsigned last = batch_len(b) - 1;

	return b->entry == RG_ENTRY_NATIVE ? (uintptr_t)&b->batch[last] : (uintptr_t)&b->c32.msg[last];
}

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
	bool is_batch = shape == RG_SHAPE_RECVMMSG || shape == RG_SHAPE_RECVMMSG1;
	bool has_control = shape == RG_SHAPE_RECVMSG || is_batch;
	int slot = b->entry * RG_SHAPE__COUNT + shape;

	b->shape = shape;
	for (b->round = 0; b->round < ROUNDS; b->round++) {
		uint64_t start = (uintptr_t)b->control[b->round];
		int r = bench_call(b, shape);

		if (r)
			return r;
		places_keep(&hdr, io->calib,
			    has_control ? start + control_written(b) : (uintptr_t)b->iov.iov_base,
			    b->round == 0);
		places_keep(&control, io->calib, start, b->round == 0);
		places_keep(&entry, io->calib, batch_entry(b), b->round == 0);
	}
	io->off_control[slot] = has_control ? places_first(&control) : 0;
	io->off_entry[slot] = is_batch ? places_first(&entry) : 0;
	io->off_msghdr[slot] = msghdr_place(io, &hdr, has_control ? io->layout.control : io->layout.ubuf);
	return io->off_msghdr[slot] != 0;
}

/* All shapes by one entry: how many were found. */
static int entry_find(struct bench *b, int entry)
{
	int found = 0;

	b->entry = entry;
	for (int shape = 0; shape < RG_SHAPE__COUNT; shape++) {
		int r = shape_find(b, shape);

		if (r < 0)
			return r;
		found += r;
	}
	return found;
}

/* Where no program may enter as i386 (ia32_emulation=0), `int $0x80` is a fault: no crash to be logged or
 * dumped. */
static void no_entry(int sig)
{
	(void)sig;
	_exit(127);
}

/* In a child: what it finds it writes to the shared globals; its exit status says how much. */
static int find_in_child(struct bench *b, int entry)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		int r;

		signal(SIGSEGV, no_entry);
		*b->io->quiet_tgid = rg_number_of_process();
		r = entry_find(b, entry);
		_exit(r < 0 ? 127 : r);
	}
	if (pid < 0)
		return -errno;
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	*b->io->quiet_tgid = 0;
	if (WIFSIGNALED(status) || WEXITSTATUS(status) == 127)
		return -ENOSYS;
	return WEXITSTATUS(status);
}

int rg_calibrate(const struct rg_calib_io *io, int *found, int *tried, struct rg_err *err)
{
	struct bench *b = bench_open(io);
	int r;

	if (!b)
		return rg_fail(err, -errno, "calibration: %s", strerror(errno));
	r = entry_find(b, RG_ENTRY_NATIVE);
	*found = r;
	*tried = RG_SHAPE__COUNT;
	for (int entry = RG_ENTRY_COMPAT; r >= 0 && entry < RG_ENTRY__COUNT; entry++) {
		int n = find_in_child(b, entry);

		if (n < 0)
			break; /* no i386 here */
		*found += n;
		*tried += RG_SHAPE__COUNT;
	}
	bench_close(b);
	return r < 0 ? rg_fail(err, r, "calibration: %s", strerror(-r)) : 0;
}
