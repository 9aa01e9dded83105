/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <linux/audit.h>
#include <string.h>
#include <sys/mman.h>

#include "broker/compat.h"
#include "broker/creds.h"
#include "broker/sys.h"

#define SC_SETSOCKOPT 14
#define SC_GETSOCKOPT 15
#define OPT_MAX	      (64u << 10)
#define SO_PEERPIDFD_ 77

bool rg_is_socketcall_opt(const struct seccomp_notif *n)
{
	return n->data.arch == AUDIT_ARCH_I386 && n->data.nr == 102 &&
	       (n->data.args[0] == SC_SETSOCKOPT || n->data.args[0] == SC_GETSOCKOPT);
}

/* The i386 entry, from a 64-bit process: pointers must lie below 4 GiB. */
static long int80(long nr, long a, long b, long c, long d, long e)
{
	long r;

	__asm__ volatile("int $0x80"
			 : "=a"(r)
			 : "a"(nr), "b"(a), "c"(b), "d"(c), "S"(d), "D"(e)
			 : "memory", "r8", "r9", "r10", "r11");
	return (int)r;
}

/* Memory below 4 GiB: option value, then its length. */
static char *low_memory(void)
{
	static char *page;

	if (!page) {
		page = mmap(NULL, OPT_MAX + 4096, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
		if (page == MAP_FAILED)
			page = NULL;
	}
	return page;
}

/* Options by which received data would be mapped instead of copied; and those whose value points on. */
static int closed(bool set, int level, int name)
{
	if (!set && level == SOL_SOCKET && name == SO_PEERPIDFD_)
		return -ENOPROTOOPT; /* a descriptor, which would be the supervisor's */
	if (!set)
		return level == 6 && name == 35 ? -ENOPROTOOPT : 0; /* TCP_ZEROCOPY_RECEIVE */
	if ((level == 263 && name == 5) || level == 283)	    /* PACKET_RX_RING, SOL_XDP */
		return -ENOPROTOOPT;
	if (level == SOL_SOCKET && (name == SO_ATTACH_FILTER || name == SO_ATTACH_REUSEPORT_CBPF))
		return -EOPNOTSUPP;
	return 0;
}

static int64_t set_option(struct rg_call *c, const uint32_t *a)
{
	char *page = low_memory();

	if ((int32_t)a[4] < 0)
		return -EINVAL;
	if (!page || a[4] > OPT_MAX)
		return -ENOMEM;
	if (a[4] && rg_task_read_all(c->task, page, a[3], a[4]) < 0)
		return -EFAULT;
	return int80(366, c->sock, (int)a[1], (int)a[2], (long)page, (int)a[4]);
}

static int64_t get_option(struct rg_call *c, const uint32_t *a)
{
	char *page = low_memory();
	int32_t len;
	long r;

	if (rg_task_read_all(c->task, &len, a[4], sizeof(len)) < 0)
		return -EFAULT;
	if (len < 0)
		return -EINVAL;
	if (!page)
		return -ENOMEM;
	if (len > (int32_t)OPT_MAX)
		len = OPT_MAX;
	if (rg_task_read(c->task, page, a[3], (size_t)len) < 0 && len)
		return -EFAULT; /* some options read their value first */
	memcpy(page + OPT_MAX, &len, sizeof(len));
	r = int80(365, c->sock, (int)a[1], (int)a[2], (long)page, (long)(page + OPT_MAX));
	if (r < 0)
		return r;
	memcpy(&len, page + OPT_MAX, sizeof(len));
	if (a[1] == SOL_SOCKET && a[2] == SO_PEERCRED && len == (int32_t)sizeof(struct ucred))
		rg_creds_translate(c->task->tid, (struct ucred *)page);
	if (rg_task_write_all(c->task, a[3], page, (size_t)len) < 0 ||
	    rg_task_write_all(c->task, a[4], &len, sizeof(len)) < 0)
		return -EFAULT;
	return 0;
}

enum rg_step rg_socketcall_opt(struct rg_broker *b, struct rg_call *c, const struct seccomp_notif *n)
{
	bool set = n->data.args[0] == SC_SETSOCKOPT;
	uint32_t a[5];
	int rc = rg_task_read_all(c->task, a, n->data.args[1], sizeof(a));

	c->compat = true;
	if (rc == 0)
		rc = c->sock = rg_task_fd(&b->tasks, &c->task, (int)a[0]);
	if (rc >= 0)
		rc = closed(set, (int)a[1], (int)a[2]);
	if (rc >= 0 && set)
		rg_fact_option(b, (int)a[1], (int)a[2]);
	c->ret = rc < 0 ? rc : set ? set_option(c, a) : get_option(c, a);
	return RG_STEP_DONE;
}
