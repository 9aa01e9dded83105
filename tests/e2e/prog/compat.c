/* SPDX-License-Identifier: BSD-2-Clause */
/* i386 tasks: direct calls and socketcall, 12-byte control headers, old and new time formats. Built with
 * -m32. */
#include <errno.h>
#include <fcntl.h>
#include <linux/net.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "oracle.h"

static const char *by;
static bool old; /* by socketcall */

static long call(int direct, int sub, long a, long b, long c, long d, long e, long f)
{
	unsigned long args[6] = {a, b, c, d, e, f};

	return old ? syscall(SYS_socketcall, sub, args) : syscall(direct, a, b, c, d, e, f);
}

static void routed(const char *sub, const char *direct)
{
	static char name[64];

	snprintf(name, sizeof(name), old ? "socketcall:%s" : "%s", old ? sub : direct);
	o_hint.route = name;
}

static void msg(int fd, size_t len, size_t controllen, int flags)
{
	static struct o_buf b;
	struct msghdr *m = o_msg(&b, len, controllen);
	struct o_call c;

	routed("recvmsg", "recvmsg");
	o_begin(&c, "recvmsg", fd, flags, true);
	long n = call(SYS_recvmsg, SYS_RECVMSG, fd, (long)m, flags, 0, 0, 0);
	int err = errno;
	c.iov = m->msg_iov;
	c.n_iov = 1;
	c.msg = m;
	o_end(&c, n, err);
	if (n >= 0)
		o_close_fds(m);
}

static void from(int fd, int flags)
{
	char buf[64];
	struct iovec iov = {buf, sizeof(buf)};
	struct o_call c;

	routed("recvfrom", "recvfrom");
	o_begin(&c, "recvfrom", fd, flags, true);
	long n = call(SYS_recvfrom, SYS_RECVFROM, fd, (long)buf, sizeof(buf), flags, 0, 0);
	int err = errno;
	c.iov = &iov;
	c.n_iov = 1;
	o_end(&c, n, err);
}

static void recv_by_socketcall(int fd)
{
	char buf[64];
	struct iovec iov = {buf, sizeof(buf)};
	struct o_call c;

	routed("recv", "recv");
	o_begin(&c, "recv", fd, 0, true);
	long n = call(0, SYS_RECV, fd, (long)buf, sizeof(buf), 0, 0, 0);
	int err = errno;
	c.iov = &iov;
	c.n_iov = 1;
	o_end(&c, n, err);
}

static void batch(int fd)
{
	char buf[2][20];
	struct iovec iov[2] = {{buf[0], 20}, {buf[1], 20}};
	struct mmsghdr v[2] = {{.msg_hdr = {.msg_iov = &iov[0], .msg_iovlen = 1}},
			       {.msg_hdr = {.msg_iov = &iov[1], .msg_iovlen = 1}}};
	struct o_hint hint;
	struct o_call c, one;

	routed("recvmmsg", "recvmmsg");
	hint = o_hint;
	o_begin(&c, "recvmmsg", fd, MSG_DONTWAIT, true);
	long n = call(SYS_recvmmsg, SYS_RECVMMSG, fd, (long)v, 2, MSG_DONTWAIT, 0, 0);
	if (n != 2)
		o_die("recvmmsg");
	for (int i = 0; i < n; i++) {
		one = c;
		o_hint = hint;
		one.batch = i;
		one.iov = &iov[i];
		one.n_iov = 1;
		one.msg = &v[i].msg_hdr;
		o_end(&one, v[i].msg_len, 0);
	}
}

static void all(void)
{
	int sv[2], fd = O_OK(open("/etc/passwd", O_RDONLY | O_CLOEXEC));
	char buf[32];

	by = old ? "socketcall" : "direct call";
	pair(SOCK_SEQPACKET, sv);
	o_case("i386 recvmsg by %s", by);
	put(sv[1], "thirty-two", 10);
	msg(sv[0], 100, 0, 0);
	o_case("i386 recvmsg with a descriptor and credentials by %s", by);
	on(sv[0], SOL_SOCKET, SO_PASSCRED);
	put_fds(sv[1], "fd", 2, &fd, 1);
	O_HINT(.fds_sent = 1, .sender = getpid(), .how = "message");
	msg(sv[0], 100, 200, MSG_CMSG_CLOEXEC);
	for (size_t room = 0; room <= 40; room++) {
		o_case("i386 control room %zu by %s", room, by);
		put_fds(sv[1], "fd", 2, &fd, 1);
		O_HINT(.fds_sent = 1);
		msg(sv[0], 100, room, 0);
	}
	o_case("i386 recvfrom by %s", by);
	put(sv[1], "from", 4);
	from(sv[0], MSG_DONTWAIT);
	o_case("i386 recvmmsg by %s", by);
	put(sv[1], "one", 3);
	put(sv[1], "two", 3);
	batch(sv[0]);
	if (old) {
		o_case("i386 recv by %s", by);
		put(sv[1], "recv", 4);
		recv_by_socketcall(sv[0]);
	} else {
		o_case("i386 read");
		put(sv[1], "read", 4);
		o_read(sv[0], buf, sizeof(buf));
	}
	close(fd);
	close(sv[0]);
	close(sv[1]);
}

int main(void)
{
	all();
	old = true;
	all();
	return 0;
}
