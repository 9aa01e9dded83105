/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Every way to receive, tried on a socket that holds one message "EVIL", which the policy refuses with
 * EMSGSIZE. TAP: ok when the call failed and no byte came.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

static int n, sv[2];
static char *buf; /* below 4 GiB, for the i386 entry */

static void arm(int type)
{
	if (sv[0]) {
		close(sv[0]);
		close(sv[1]);
	}
	if (socketpair(AF_UNIX, type, 0, sv) < 0 || send(sv[0], "EVIL", 4, 0) != 4)
		abort();
	memset(buf, 0, 4096);
}

static void ok(const char *what, long r, int expect)
{
	int e = r < 0 ? errno : 0;
	int good = r < 0 && e == expect && !memmem(buf, 4096, "EVIL", 4);

	printf("%sok %d - %s: %s\n", good ? "" : "not ", ++n, what, r < 0 ? strerror(e) : "succeeded");
}

static long int80(long nr, long a, long b, long c, long d, long e)
{
	long r;

	/* A sixth argument of 0; nothing of the stack is touched that the compiler may use. */
	__asm__ volatile(
		"sub $128, %%rsp; push %%rbp; xor %%ebp, %%ebp; int $0x80; pop %%rbp; add $128, %%rsp"
		: "=a"(r)
		: "a"(nr), "b"(a), "c"(b), "d"(c), "S"(d), "D"(e)
		: "memory", "cc", "r8", "r9", "r10", "r11");
	r = (int)r;
	if (r < 0) {
		errno = (int)-r;
		return -1;
	}
	return r;
}

static bool has_i386;

/* ok() by that entry. */
#define OK32(text, call, expect)                                                                            \
	do {                                                                                                \
		if (has_i386)                                                                               \
			ok(text, call, expect);                                                             \
		else                                                                                        \
			printf("ok %d - %s # SKIP this kernel has no i386 entry (ia32_emulation=0)\n", ++n, \
			       text);                                                                       \
	} while (0)

/* Does the kernel know that entry? With ia32_emulation=0 it is a fault. */
static bool has_int80(void)
{
	int status = 0;
	pid_t pid = fork();

	if (!pid) {
		int80(20, 0, 0, 0, 0, 0); /* getpid */
		_exit(0);
	}
	waitpid(pid, &status, 0);
	return WIFEXITED(status);
}

/* A vector, a header and a vector of headers as the i386 entry has them. */
static long iov32(void)
{
	uint32_t *v = (uint32_t *)(buf + 1024);

	v[0] = (uint32_t)(uintptr_t)buf;
	v[1] = 64;
	return (long)v;
}

static long msg32(void)
{
	uint32_t *m = (uint32_t *)(buf + 1536);

	m[2] = (uint32_t)iov32();
	m[3] = 1;
	return (long)m;
}

static long socketcall32(int call, long a1, long a2, long a3)
{
	uint32_t *args = (uint32_t *)(buf + 2048);

	args[0] = (uint32_t)sv[1];
	args[1] = (uint32_t)a1;
	args[2] = (uint32_t)a2;
	args[3] = (uint32_t)a3;
	args[4] = args[5] = 0;
	return int80(102, call, (long)args, 0, 0, 0);
}

static void each(int type, const char *name)
{
	struct iovec v = {buf, 64};
	struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1};
	struct mmsghdr mm = {.msg_hdr = m};
	char what[100];

#define TRY(text, call)                                             \
	do {                                                        \
		arm(type);                                          \
		snprintf(what, sizeof(what), "%s: %s", name, text); \
		ok(what, call, EMSGSIZE);                           \
	} while (0)
#define TRY32(text, call)                                                                                  \
	do {                                                                                               \
		if (has_i386)                                                                              \
			TRY(text, call);                                                                   \
		else                                                                                       \
			printf("ok %d - %s: %s # SKIP this kernel has no i386 entry (ia32_emulation=0)\n", \
			       ++n, name, text);                                                           \
	} while (0)
	TRY("recvmsg", recvmsg(sv[1], &m, 0));
	TRY("recvmsg, peek", recvmsg(sv[1], &m, MSG_PEEK));
	TRY("recvmmsg", recvmmsg(sv[1], &mm, 1, 0, NULL));
	TRY("recvfrom", recvfrom(sv[1], buf, 64, 0, NULL, NULL));
	TRY("read", read(sv[1], buf, 64));
	TRY("readv", readv(sv[1], &v, 1));
	TRY("preadv2", preadv2(sv[1], &v, 1, -1, 0));
	TRY32("i386 read", int80(3, sv[1], (long)buf, 64, 0, 0));
	TRY32("i386 recvfrom", int80(371, sv[1], (long)buf, 64, 0, 0));
	TRY32("i386 readv", int80(145, sv[1], iov32(), 1, 0, 0));
	TRY32("i386 preadv2", int80(378, sv[1], iov32(), 1, -1, -1));
	TRY32("i386 recvmsg", int80(372, sv[1], msg32(), 0, 0, 0));
	TRY32("i386 recvmmsg", int80(337, sv[1], msg32(), 1, 0, 0));
	TRY32("i386 recvmmsg_time64", int80(417, sv[1], msg32(), 1, 0, 0));
	TRY32("i386 socketcall(recv)", socketcall32(10, (long)buf, 64, 0));
	TRY32("i386 socketcall(recvfrom)", socketcall32(12, (long)buf, 64, 0));
	TRY32("i386 socketcall(recvmsg)", socketcall32(17, msg32(), 0, 0));
	TRY32("i386 socketcall(recvmmsg)", socketcall32(19, msg32(), 1, 0));
}

static void moved(void)
{
	int p[2], file = memfd_create("out", 0);

	if (pipe(p) < 0)
		abort();
	arm(SOCK_STREAM);
	ok("splice from a stream", splice(sv[1], NULL, p[1], NULL, 64, SPLICE_F_NONBLOCK), EINVAL);
	ok("sendfile from a stream to a pipe", sendfile(p[1], sv[1], NULL, 64), EINVAL);
	ok("sendfile from a stream to a file", sendfile(file, sv[1], NULL, 64), EINVAL);
	ok("tee from a stream", tee(sv[1], p[1], 64, SPLICE_F_NONBLOCK), EINVAL);
	ok("copy_file_range from a stream", copy_file_range(sv[1], NULL, file, NULL, 64, 0), EINVAL);
	OK32("i386 splice", int80(313, sv[1], 0, p[1], 0, 64), EINVAL);
	OK32("i386 sendfile", int80(187, p[1], sv[1], 0, 64, 0), EINVAL);
	OK32("i386 sendfile64", int80(239, p[1], sv[1], 0, 64, 0), EINVAL);
}

static void rings(void)
{
	unsigned long ctx = 0;
	char params[256] = {0};

	ok("io_uring_setup", syscall(SYS_io_uring_setup, 4, params), ENOSYS);
	ok("io_uring_enter", syscall(SYS_io_uring_enter, 3, 1, 0, 0, NULL, 0), ENOSYS);
	ok("io_uring_register", syscall(SYS_io_uring_register, 3, 0, NULL, 0), ENOSYS);
	ok("io_setup", syscall(SYS_io_setup, 4, &ctx), ENOSYS);
	ok("io_submit", syscall(SYS_io_submit, 0, 0, NULL), ENOSYS);
	OK32("i386 io_uring_setup", int80(425, 4, (long)buf, 0, 0, 0), ENOSYS);
	ok("x32 recvfrom", syscall(0x40000000 | 517, sv[1], buf, 64, 0, NULL, NULL), ENOSYS);
	ok("x32 read", syscall(0x40000000, sv[1], buf, 64), ENOSYS);
}

static void mapped(void)
{
	char zc[64] = {0};
	socklen_t len = sizeof(zc);
	uint32_t *args = (uint32_t *)(buf + 2048);
	int tcp = socket(AF_INET, SOCK_STREAM, 0);

	memset(buf, 0, 4096);
	ok("TCP_ZEROCOPY_RECEIVE", getsockopt(tcp, IPPROTO_TCP, 35, zc, &len), ENOPROTOOPT);
	OK32("TCP_ZEROCOPY_RECEIVE by i386 getsockopt", int80(365, tcp, 6, 35, (long)buf, (long)(buf + 1024)),
	     ENOPROTOOPT);
	OK32("PACKET_RX_RING by i386 setsockopt", int80(366, tcp, 263, 5, (long)buf, 16), ENOPROTOOPT);
	args[0] = (uint32_t)tcp;
	args[1] = 6;
	args[2] = 35;
	args[3] = (uint32_t)(uintptr_t)buf;
	args[4] = (uint32_t)(uintptr_t)(buf + 1024);
	buf[1024] = 64;
	OK32("TCP_ZEROCOPY_RECEIVE by i386 socketcall", int80(102, 15, (long)args, 0, 0, 0), ENOPROTOOPT);
	ok("PACKET_RX_RING", setsockopt(tcp, 263, 5, zc, sizeof(zc)), ENOPROTOOPT);
	ok("SOL_XDP", setsockopt(tcp, 283, 2, zc, sizeof(zc)), ENOPROTOOPT);
	args[2] = 5;
	args[1] = 263;
	args[4] = 16;
	OK32("PACKET_RX_RING by i386 socketcall", int80(102, 14, (long)args, 0, 0, 0), ENOPROTOOPT);
}

static void i386_options(void)
{
	uint32_t *args = (uint32_t *)(buf + 2048);
	int good;

	memset(buf, 0, 4096);
	args[0] = (uint32_t)sv[1];
	args[1] = SOL_SOCKET;
	args[2] = SO_TYPE;
	args[3] = (uint32_t)(uintptr_t)buf;
	args[4] = (uint32_t)(uintptr_t)(buf + 1024);
	buf[1024] = 4;
	if (!has_i386) {
		printf("ok %d - other options by i386 socketcall still work # SKIP this kernel has no i386 "
		       "entry "
		       "(ia32_emulation=0)\n",
		       ++n);
		return;
	}
	good = int80(102, 15, (long)args, 0, 0, 0) == 0 && *(int *)buf == SOCK_STREAM;
	printf("%sok %d - other options by i386 socketcall still work\n", good ? "" : "not ", ++n);
}

static void children(void)
{
	int status;

	arm(SOCK_DGRAM);
	if (fork() == 0)
		_exit(recv(sv[1], buf, 64, 0) < 0 ? errno : 0);
	wait(&status);
	errno = WEXITSTATUS(status);
	ok("a child", errno ? -1 : 0, EMSGSIZE);
	arm(SOCK_DGRAM);
	if (vfork() == 0)
		_exit(recv(sv[1], buf, 64, 0) < 0 ? errno : 0);
	wait(&status);
	errno = WEXITSTATUS(status);
	ok("a vforked child", errno ? -1 : 0, EMSGSIZE);
}

int main(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	buf = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
	puts("1..80");
	has_i386 = has_int80();
	each(SOCK_DGRAM, "dgram");
	each(SOCK_SEQPACKET, "seqpacket");
	each(SOCK_STREAM, "stream");
	moved();
	rings();
	mapped();
	i386_options();
	children();
	return 0;
}
