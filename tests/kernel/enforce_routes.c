/* SPDX-License-Identifier: BSD-2-Clause */
/* Every way to receive that the tests of enforcement try. */
#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "enforce.h"

static char buf[4096];

static long sys(long r)
{
	return r < 0 ? -errno : r;
}

/* ---- sockets */

const char *const k_kind_names[K_KINDS] = {"unix stream", "unix dgram", "unix seqpacket",
					   "udp",	  "udp6",	"tcp"};

static void inet_pair(int family, int type, int pair[2])
{
	struct sockaddr_in6 a6 = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
	struct sockaddr_in a4 = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct sockaddr *a = family == AF_INET ? (void *)&a4 : (void *)&a6;
	socklen_t len = family == AF_INET ? sizeof(a4) : sizeof(a6);
	int l = socket(family, type, 0);

	if (bind(l, a, len) || getsockname(l, a, &len))
		perror("# bind");
	pair[0] = socket(family, type, 0);
	if (type == SOCK_DGRAM) {
		pair[1] = l;
		connect(pair[0], a, len);
		return;
	}
	listen(l, 1);
	connect(pair[0], a, len);
	pair[1] = accept(l, NULL, NULL);
	close(l);
}

void k_pair(enum k_kind kind, int pair[2])
{
	static const int types[] = {SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET,
				    SOCK_DGRAM,	 SOCK_DGRAM, SOCK_STREAM};

	pair[0] = pair[1] = -1;
	if (kind <= K_SEQPACKET) {
		if (socketpair(AF_UNIX, types[kind], 0, pair))
			perror("# socketpair");
		return;
	}
	inet_pair(kind == K_UDP6 ? AF_INET6 : AF_INET, types[kind], pair);
}

void k_close(int pair[2])
{
	close(pair[0]);
	close(pair[1]);
}

void k_send(int fd, const void *data, size_t len)
{
	if (send(fd, data, len, 0) != (ssize_t)len)
		perror("# send");
}

bool k_readable(int fd)
{
	struct pollfd p = {fd, POLLIN, 0};

	return poll(&p, 1, 5000) == 1;
}

/* ---- routes */

static long r_recvmsg_flags(int fd, int flags)
{
	static char ctl[256], name[128];
	struct iovec iov = {buf, sizeof(buf)};
	struct msghdr m = {name, sizeof(name), &iov, 1, ctl, sizeof(ctl), 0};

	return sys(recvmsg(fd, &m, flags | MSG_DONTWAIT));
}

static long r_recvmsg(int fd)
{
	return r_recvmsg_flags(fd, 0);
}

static long r_peek(int fd)
{
	return r_recvmsg_flags(fd, MSG_PEEK);
}

static long r_recvfrom(int fd)
{
	struct sockaddr_storage a;
	socklen_t len = sizeof(a);

	return sys(recvfrom(fd, buf, sizeof(buf), MSG_DONTWAIT, (void *)&a, &len));
}

static long r_recv(int fd)
{
	return sys(recv(fd, buf, sizeof(buf), MSG_DONTWAIT));
}

static long r_read(int fd)
{
	return sys(read(fd, buf, sizeof(buf)));
}

static long r_readv(int fd)
{
	return sys(readv(fd, &(struct iovec){buf, sizeof(buf)}, 1));
}

static long r_preadv2(int fd)
{
	return sys(preadv2(fd, &(struct iovec){buf, sizeof(buf)}, 1, -1, 0));
}

static long batch(int fd, unsigned n)
{
	struct iovec iov[2] = {{buf, 100}, {buf + 100, 100}};
	struct mmsghdr m[2] = {{.msg_hdr = {.msg_iov = &iov[0], .msg_iovlen = 1}},
			       {.msg_hdr = {.msg_iov = &iov[1], .msg_iovlen = 1}}};
	long r = sys(recvmmsg(fd, m, n, MSG_DONTWAIT, NULL));

	for (long i = 1; i < r; i++)
		m[0].msg_len += m[i].msg_len;
	return r <= 0 ? r : (long)m[0].msg_len;
}

static long r_recvmmsg(int fd)
{
	return batch(fd, 1);
}

static long r_batch(int fd)
{
	return batch(fd, 2);
}

/* The kernel takes the lower half of the number alone. */
static long r_high_number(int fd)
{
	struct iovec iov[2] = {{buf, 100}, {buf + 100, 100}};
	struct mmsghdr m[2] = {{.msg_hdr = {.msg_iov = &iov[0], .msg_iovlen = 1}},
			       {.msg_hdr = {.msg_iov = &iov[1], .msg_iovlen = 1}}};
	long r = sys(syscall(SYS_recvmmsg | K_HIGH, fd, m, 2, MSG_DONTWAIT, NULL));

	return r <= 0 ? r : (long)(m[0].msg_len + (r > 1 ? m[1].msg_len : 0));
}

static long r_splice(int fd)
{
	int p[2];
	long r;

	if (pipe(p))
		return -errno;
	r = sys(splice(fd, NULL, p[1], NULL, 100, SPLICE_F_NONBLOCK));
	close(p[0]);
	close(p[1]);
	return r;
}

static long r_sendfile(int fd)
{
	int out = open("/dev/null", O_WRONLY | O_CLOEXEC);
	long r = sys(sendfile(out, fd, NULL, 5));

	close(out);
	return r;
}

static long r_zerocopy(int fd)
{
	struct tcp_zerocopy_receive z = {.copybuf_address = (uint64_t)(uintptr_t)buf,
					 .copybuf_len = sizeof(buf)};
	socklen_t len = sizeof(z);
	void *map = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
	long r;

	if (map == MAP_FAILED)
		return -errno;
	z.address = (uint64_t)(uintptr_t)map;
	z.length = 4096;
	r = sys(getsockopt(fd, IPPROTO_TCP, TCP_ZEROCOPY_RECEIVE, &z, &len));
	munmap(map, 4096);
	return r < 0 ? r : (long)z.length + z.copybuf_len;
}

/* ---- io_uring; fd -1: what it gives is not known */

static long uring(int fd, void (*prep)(struct io_uring_sqe *s, int fd), unsigned setup, unsigned sqe_flags)
{
	struct io_uring ring;
	struct io_uring_cqe *cqe = NULL;
	struct io_uring_sqe *s;
	long r;

	if (io_uring_queue_init(4, &ring, setup) < 0)
		return -ENOSYS;
	s = io_uring_get_sqe(&ring);
	prep(s, fd);
	s->flags |= (uint8_t)sqe_flags;
	r = io_uring_submit_and_wait(&ring, 1);
	r = r < 0 ? r : io_uring_wait_cqe(&ring, &cqe);
	r = r < 0 ? r : cqe->res;
	io_uring_queue_exit(&ring);
	return r;
}

static struct iovec u_iov = {buf, sizeof(buf)};
static struct msghdr u_msg = {.msg_iov = &u_iov, .msg_iovlen = 1};
static int u_pipe[2];

static void prep_recv(struct io_uring_sqe *s, int fd)
{
	io_uring_prep_recv(s, fd, buf, sizeof(buf), 0);
}

static void prep_recvmsg(struct io_uring_sqe *s, int fd)
{
	io_uring_prep_recvmsg(s, fd, &u_msg, 0);
}

static void prep_read(struct io_uring_sqe *s, int fd)
{
	io_uring_prep_read(s, fd, buf, sizeof(buf), 0);
}

static void prep_splice(struct io_uring_sqe *s, int fd)
{
	io_uring_prep_splice(s, fd, -1, u_pipe[1], -1, 100, 0);
}

static long r_uring_recv(int fd)
{
	return uring(fd, prep_recv, 0, 0);
}

static long r_uring_recvmsg(int fd)
{
	return uring(fd, prep_recvmsg, 0, 0);
}

static long r_uring_read(int fd)
{
	return uring(fd, prep_read, 0, 0);
}

static long r_uring_async(int fd)
{
	return uring(fd, prep_recv, 0, IOSQE_ASYNC);
}

static long r_uring_sqpoll(int fd)
{
	return uring(fd, prep_recv, IORING_SETUP_SQPOLL, 0);
}

static long r_uring_splice(int fd)
{
	long r;

	if (pipe(u_pipe))
		return -errno;
	r = uring(fd, prep_splice, 0, 0);
	close(u_pipe[0]);
	close(u_pipe[1]);
	return r;
}

/* ---- the i386 entry of a 64-bit program: every pointer must be below 4 GiB */

static long int80(long nr, long a, long b, long c, long d)
{
	long ret;

	__asm__ volatile("int $0x80"
			 : "=a"(ret)
			 : "a"(nr), "b"(a), "c"(b), "d"(c), "S"(d)
			 : "memory", "r8", "r9", "r10", "r11");
	return (int)ret;
}

static unsigned *low;

static unsigned *low_page(void)
{
	if (!low)
		low = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1,
			   0);
	memset(low, 0, 4096);
	return low;
}

static unsigned at(const void *p)
{
	return (unsigned)(uintptr_t)p;
}

static void msg32(unsigned *m, unsigned *iov)
{
	iov[0] = at(low) + 4096;
	iov[1] = 100;
	m[2] = at(iov);
	m[3] = 1;
}

static long r_i386_recvmsg(int fd)
{
	unsigned *m = low_page();

	msg32(m, m + 16);
	return int80(372, fd, (long)at(m), MSG_DONTWAIT, 0);
}

static long r_i386_read(int fd)
{
	low_page();
	return int80(3, fd, (long)at(low) + 4096, 100, 0);
}

static long r_i386_socketcall(int fd)
{
	unsigned *a = low_page();

	a[0] = (unsigned)fd;
	a[1] = at(low) + 4096;
	a[2] = 100;
	a[3] = MSG_DONTWAIT;
	return int80(102, 10, (long)at(a), 0, 0);
}

static long i386_batch(long nr, int fd)
{
	unsigned *m = low_page();
	long r;

	msg32(m, m + 64);
	msg32(m + 8, m + 66); /* struct compat_mmsghdr: 32 bytes */
	r = int80(nr, fd, (long)at(m), 2, MSG_DONTWAIT);
	return r <= 0 ? r : (long)(m[7] + (r > 1 ? m[15] : 0));
}

static long r_i386_recvmmsg(int fd)
{
	return i386_batch(337, fd);
}

static long r_i386_time64(int fd)
{
	return i386_batch(417, fd);
}

static long r_i386_socketcall_batch(int fd)
{
	unsigned *m = low_page(), *a = m + 128;
	long r;

	msg32(m, m + 64);
	msg32(m + 8, m + 66);
	a[0] = (unsigned)fd;
	a[1] = at(m);
	a[2] = 2;
	a[3] = MSG_DONTWAIT;
	r = int80(102, 19, (long)at(a), 0, 0);
	return r <= 0 ? r : (long)(m[7] + (r > 1 ? m[15] : 0));
}

const struct k_route k_routes[] = {
	{"recvmsg", r_recvmsg, .tcp_only = false},
	{"recvmsg MSG_PEEK", r_peek, .tcp_only = false},
	{"recvfrom", r_recvfrom, .tcp_only = false},
	{"recv", r_recv, .tcp_only = false},
	{"read", r_read, .tcp_only = false},
	{"readv", r_readv, .tcp_only = false},
	{"preadv2", r_preadv2, .tcp_only = false},
	{"recvmmsg of one", r_recvmmsg, .tcp_only = false},
	{"recvmmsg of two", r_batch, .datagrams = true},
	{"recvmmsg of two by a number beyond 32 bits", r_high_number, .datagrams = true},
	{"splice", r_splice, .stream_only = true},
	{"sendfile", r_sendfile, .stream_only = true},
	{"TCP_ZEROCOPY_RECEIVE", r_zerocopy, .tcp_only = true},
	{"io_uring RECV", r_uring_recv, .tcp_only = false},
	{"io_uring RECVMSG", r_uring_recvmsg, .tcp_only = false},
	{"io_uring READ", r_uring_read, .tcp_only = false},
	{"io_uring RECV, async", r_uring_async, .tcp_only = false},
	{"io_uring RECV, SQPOLL", r_uring_sqpoll, .tcp_only = false},
	{"io_uring SPLICE", r_uring_splice, .stream_only = true},
	{"i386 recvmsg", r_i386_recvmsg, .tcp_only = false},
	{"i386 read", r_i386_read, .tcp_only = false},
	{"i386 socketcall recv", r_i386_socketcall, .tcp_only = false},
	{"i386 recvmmsg of two", r_i386_recvmmsg, .datagrams = true},
	{"i386 recvmmsg_time64 of two", r_i386_time64, .datagrams = true},
	{"i386 socketcall recvmmsg of two", r_i386_socketcall_batch, .datagrams = true},
};
const unsigned k_n_routes = sizeof(k_routes) / sizeof(k_routes[0]);
