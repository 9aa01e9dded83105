/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <linux/net.h>
#include <stddef.h>
#include <sys/socket.h>

#include "kernel/calibrate.h"

#if defined(__x86_64__)

/* arch/x86/entry/syscalls/syscall_32.tbl */
enum { NR32_READ = 3, NR32_SOCKETCALL = 102, NR32_RECVMMSG = 337, NR32_RECVFROM = 371, NR32_RECVMSG = 372 };

static long int80(uint32_t nr, const uint32_t *a)
{
	long r = nr;

	__asm__ volatile("int $0x80"
			 : "+a"(r)
			 : "b"((long)a[0]), "c"((long)a[1]), "d"((long)a[2]), "S"((long)a[3]), "D"((long)a[4])
			 : "memory", "cc", "r8", "r9", "r10", "r11");
	return (int32_t)r;
}

static uint32_t low(const void *p)
{
	return (uint32_t)(uintptr_t)p;
}

static long by_socketcall(struct rg_call32 *c, uint32_t call)
{
	uint32_t a[5] = {call, low(c->args)};

	return int80(NR32_SOCKETCALL, a);
}

long rg_call32(struct rg_call32 *c, int entry, int shape, int fd, unsigned vlen)
{
	uint32_t a[6] = {(uint32_t)fd};
	bool sc = entry == RG_ENTRY_SOCKETCALL;
	uint32_t nr = 0, call = 0;

	switch (shape) {
	case RG_SHAPE_RECVMSG:
		a[1] = low(c->msg);
		a[2] = MSG_DONTWAIT;
		nr = NR32_RECVMSG;
		call = SYS_RECVMSG;
		break;
	case RG_SHAPE_RECVMMSG:
	case RG_SHAPE_RECVMMSG1:
		a[1] = low(c->msg);
		a[2] = vlen;
		a[3] = MSG_DONTWAIT;
		nr = NR32_RECVMMSG;
		call = SYS_RECVMMSG;
		break;
	case RG_SHAPE_RECVFROM:
		a[1] = c->iov.base;
		a[2] = c->iov.len;
		a[3] = MSG_DONTWAIT;
		nr = NR32_RECVFROM;
		call = SYS_RECV;
		break;
	case RG_SHAPE_READ:
		a[1] = c->iov.base;
		a[2] = c->iov.len;
		nr = NR32_READ;
		sc = false;
		break;
	default: return -EINVAL;
	}
	for (size_t i = 0; i < 6; i++)
		c->args[i] = a[i];
	return sc ? by_socketcall(c, call) : int80(nr, a);
}

#else

long rg_call32(struct rg_call32 *c, int entry, int shape, int fd, unsigned vlen)
{
	return -ENOSYS;
}

#endif
