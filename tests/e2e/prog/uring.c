/* SPDX-License-Identifier: BSD-2-Clause */
/* io_uring: RECV, RECVMSG, READ, READV; waiting, async workers, SQPOLL, multishot, provided buffers. */
#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "oracle.h"

static struct io_uring ring;
static unsigned sqe_flags;

static int finish(void)
{
	struct io_uring_cqe *cqe;
	int r = io_uring_submit_and_wait(&ring, 1);

	if (r < 0 || io_uring_wait_cqe(&ring, &cqe) < 0)
		o_die("io_uring");
	r = cqe->res;
	io_uring_cqe_seen(&ring, cqe);
	return r;
}

static struct io_uring_sqe *sqe(void)
{
	struct io_uring_sqe *s = io_uring_get_sqe(&ring);

	if (!s)
		o_die("io_uring_get_sqe");
	return s;
}

static void done(struct o_call *c, int res)
{
	o_end(c, res < 0 ? -1 : res, res < 0 ? -res : 0);
}

static void recv_(const char *how, int fd, int flags)
{
	char buf[100];
	struct iovec iov = {buf, sizeof(buf)};
	struct io_uring_sqe *s = sqe();
	struct o_call c;

	o_case("io_uring recv, %s", how);
	O_HINT(.route = "io_uring:recv");
	o_begin(&c, "recv", fd, flags, true);
	io_uring_prep_recv(s, fd, buf, sizeof(buf), flags);
	s->flags |= sqe_flags;
	c.iov = &iov;
	c.n_iov = 1;
	done(&c, finish());
}

static void recvmsg_(const char *how, int fd, int flags)
{
	static struct o_buf b;
	struct msghdr *m = o_msg(&b, 100, 200);
	struct io_uring_sqe *s = sqe();
	struct o_call c;

	o_case("io_uring recvmsg, %s", how);
	O_HINT(.route = "io_uring:recvmsg", .fds_sent = !(flags & MSG_DONTWAIT));
	o_begin(&c, "recvmsg", fd, flags, true);
	io_uring_prep_recvmsg(s, fd, m, flags);
	s->flags |= sqe_flags;
	c.iov = &b.iov;
	c.n_iov = 1;
	c.msg = m;
	done(&c, finish());
	o_close_fds(m);
}

static void read_(const char *how, int fd, int flags)
{
	char buf[100];
	struct iovec iov = {buf, sizeof(buf)};
	struct io_uring_sqe *s = sqe();
	struct o_call c;
	int res;

	o_case("io_uring read, %s", how);
	O_HINT(.route = "io_uring:read");
	o_begin(&c, "read", fd, 0, false);
	io_uring_prep_read(s, fd, buf, sizeof(buf), 0);
	s->rw_flags = flags;
	s->flags |= sqe_flags;
	c.iov = &iov;
	c.n_iov = 1;
	res = finish();
	if (res == -EOPNOTSUPP && flags) /* before 6.5 */
		o_skip("io_uring read, told not to wait", "RWF_NOWAIT on a socket: %s", strerror(-res));
	else
		done(&c, res);
}

static void readv_(const char *how, int fd)
{
	char a[3], b[100];
	struct iovec iov[2] = {{a, sizeof(a)}, {b, sizeof(b)}};
	struct io_uring_sqe *s = sqe();
	struct o_call c;

	o_case("io_uring readv, %s", how);
	O_HINT(.route = "io_uring:readv");
	o_begin(&c, "readv", fd, 0, false);
	io_uring_prep_readv(s, fd, iov, 2, 0);
	s->flags |= sqe_flags;
	c.iov = iov;
	c.n_iov = 2;
	done(&c, finish());
}

static void all(const char *how, int type)
{
	int sv[2], fd = O_OK(open("/etc/passwd", O_RDONLY | O_CLOEXEC));

	pair(type, sv);
	put(sv[1], "by recv", 7);
	recv_(how, sv[0], 0);
	put_fds(sv[1], "by recvmsg", 10, &fd, 1);
	recvmsg_(how, sv[0], MSG_CMSG_CLOEXEC);
	put(sv[1], "by read", 7);
	read_(how, sv[0], 0);
	put(sv[1], "by readv", 8);
	readv_(how, sv[0]);
	close(fd);
	close(sv[0]);
	close(sv[1]);
}

static void waits(void)
{
	char buf[100];
	struct iovec iov = {buf, sizeof(buf)};
	struct o_call c;
	int sv[2];

	pair(SOCK_STREAM, sv);
	o_case("io_uring recv that waits for its message");
	O_HINT(.route = "io_uring:recv");
	o_begin(&c, "recv", sv[0], 0, true);
	io_uring_prep_recv(sqe(), sv[0], buf, sizeof(buf), 0);
	O_OK(io_uring_submit(&ring));
	put(sv[1], "later", 5);
	c.iov = &iov;
	c.n_iov = 1;
	done(&c, finish());
	close(sv[0]);
	close(sv[1]);
}

/* Told not to wait where there is nothing: this EAGAIN is the program's; the ring's own first try is not. */
static void would_wait(void)
{
	int sv[2];

	pair(SOCK_STREAM, sv);
	recv_("told not to wait, nothing there", sv[0], MSG_DONTWAIT);
	recvmsg_("told not to wait, nothing there", sv[0], MSG_DONTWAIT);
	read_("told not to wait, nothing there", sv[0], RWF_NOWAIT);
	close(sv[0]);
	close(sv[1]);
}

#define N_BUFS	8
#define BUF_LEN 256
static char pool[N_BUFS][BUF_LEN];
static struct io_uring_buf_ring *br;

static int give_buffers(void)
{
	struct io_uring_buf_reg reg = {.ring_entries = N_BUFS, .bgid = 3};
	static char mem[4096] __attribute__((aligned(4096)));

	reg.ring_addr = (unsigned long)mem;
	br = (void *)mem;
	int r = io_uring_register_buf_ring(&ring, &reg, 0);
	if (r)
		return r;
	io_uring_buf_ring_init(br);
	for (int i = 0; i < N_BUFS; i++)
		io_uring_buf_ring_add(br, pool[i], BUF_LEN, i, io_uring_buf_ring_mask(N_BUFS), i);
	io_uring_buf_ring_advance(br, N_BUFS);
	return 0;
}

static void provided(void)
{
	struct io_uring_cqe *cqe;
	struct o_call c;
	int sv[2], r = give_buffers();

	if (r) {
		o_skip("io_uring provided buffers", "io_uring_register_buf_ring: %s", strerror(-r));
		return;
	}
	pair(SOCK_SEQPACKET, sv);
	o_case("io_uring recv multishot into provided buffers");
	struct io_uring_sqe *s = sqe();
	io_uring_prep_recv_multishot(s, sv[0], NULL, 0, 0);
	s->flags |= IOSQE_BUFFER_SELECT;
	s->buf_group = 3;
	for (int i = 0; i < 4; i++) {
		O_HINT(.route = "io_uring:recv", .absent = "msg.flags");
		o_begin(&c, "recv", sv[0], 0, false);
		put(sv[1], pattern(64), 10 + i);
		if (io_uring_submit_and_wait(&ring, 1) < 0 || io_uring_wait_cqe(&ring, &cqe) < 0)
			o_die("multishot");
		c.data = pool[cqe->flags >> IORING_CQE_BUFFER_SHIFT];
		done(&c, cqe->res);
		bool more = cqe->flags & IORING_CQE_F_MORE;
		io_uring_cqe_seen(&ring, cqe);
		if (!more)
			o_die("multishot ended");
	}
	/* begun before the close: that is what ends it, and the kernel receives the end as close returns */
	O_HINT(.route = "io_uring:recv");
	o_begin(&c, "recv", sv[0], 0, false);
	close(sv[1]);
	if (io_uring_wait_cqe(&ring, &cqe) < 0)
		o_die("multishot's end");
	c.data = pool[0];
	done(&c, cqe->res);
	io_uring_cqe_seen(&ring, cqe);
	close(sv[0]);
}

static int start(unsigned flags)
{
	struct io_uring_params p = {.flags = flags, .sq_thread_idle = 50};
	int r = io_uring_queue_init_params(16, &ring, &p);

	if (r)
		o_skip(flags ? "io_uring SQPOLL" : "io_uring", "io_uring_setup: %s", strerror(-r));
	return r;
}

int main(void)
{
	if (start(0) == 0) {
		all("inline stream", SOCK_STREAM);
		all("inline dgram", SOCK_DGRAM);
		sqe_flags = IOSQE_ASYNC;
		all("by an async worker", SOCK_STREAM);
		sqe_flags = 0;
		waits();
		would_wait();
		provided();
		io_uring_queue_exit(&ring);
	}
	if (start(IORING_SETUP_SQPOLL) == 0) {
		all("SQPOLL", SOCK_STREAM);
		io_uring_queue_exit(&ring);
	}
	return 0;
}
