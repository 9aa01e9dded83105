/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "broker/filter.h"
#include "broker/sys.h"

#define X32_BIT 0x40000000u

/* What happens to one system call. */
enum verb {
	NOTIFY,	 /* to the supervisor */
	FAIL,	 /* fails with `err`: what the program would see on a kernel without it */
	PRETEND, /* returns 0 and does nothing */
};

enum when {
	ALWAYS,
	ARG_EQ,	  /* low half of argument `arg` == value */
	ARG2_EQ,  /* ... and argument `arg`+1 == value2 */
	ARG_ANY,  /* argument `arg` has a bit of value */
	ARG_SHARE /* argument `arg` has all bits of value and none of value2 */
};

enum need { ALL, NO_THREAD_PIDFD, KEEP_DUMPABLE };

struct rule {
	int nr64, nr32; /* -1: not on this entry */
	enum verb verb;
	int err;
	enum when when;
	unsigned arg;
	uint32_t value, value2;
	enum need need;
};

#define CLONE_FILES_  0x400u
#define CLONE_THREAD_ 0x10000u

/* clang-format off */
static const struct rule rules[] = {
	/* Receives: the supervisor does them. pread64 and preadv cannot reach a socket (ESPIPE); preadv2 can with
	 * offset -1 (on i386 both halves: the low one decides to ask). */
	{  0,   3, NOTIFY},                                        /* read */
	{ 19, 145, NOTIFY},                                        /* readv */
	{327, 378, NOTIFY, .when = ARG_EQ, .arg = 3, .value = 0xffffffffu}, /* preadv2 */
	{ 45, 371, NOTIFY},                                        /* recvfrom */
	{ 47, 372, NOTIFY},                                        /* recvmsg */
	{299, 337, NOTIFY},                                        /* recvmmsg */
	{ -1, 417, NOTIFY},                                        /* recvmmsg_time64 */
	{ -1, 102, NOTIFY, .when = ARG_EQ, .arg = 0, .value = 10}, /* socketcall: recv */
	{ -1, 102, NOTIFY, .when = ARG_EQ, .arg = 0, .value = 12}, /*   recvfrom */
	{ -1, 102, NOTIFY, .when = ARG_EQ, .arg = 0, .value = 14}, /*   setsockopt: its arguments are in memory */
	{ -1, 102, NOTIFY, .when = ARG_EQ, .arg = 0, .value = 15}, /*   getsockopt */
	{ -1, 102, NOTIFY, .when = ARG_EQ, .arg = 0, .value = 17}, /*   recvmsg */
	{ -1, 102, NOTIFY, .when = ARG_EQ, .arg = 0, .value = 19}, /*   recvmmsg */
	{275, 313, NOTIFY},                                        /* splice */
	{ 40, 187, NOTIFY},                                        /* sendfile */
	{ -1, 239, NOTIFY},                                        /* sendfile64 */
	/* Rings: nothing submitted to one is seen by a filter. */
	{425, 425, FAIL, ENOSYS},                                  /* io_uring_setup */
	{426, 426, FAIL, ENOSYS},                                  /* io_uring_enter: a ring that was inherited */
	{427, 427, FAIL, ENOSYS},                                  /* io_uring_register */
	{206, 245, FAIL, ENOSYS},                                  /* io_setup: IOCB_CMD_PREAD reads sockets */
	{209, 248, FAIL, ENOSYS},                                  /* io_submit */
	/* Received data mapped instead of copied. */
	{ 55, 365, FAIL, ENOPROTOOPT, ARG2_EQ, 1, 6, 35},          /* getsockopt TCP_ZEROCOPY_RECEIVE */
	{ 54, 366, FAIL, ENOPROTOOPT, ARG2_EQ, 1, 263, 5},         /* setsockopt PACKET_RX_RING */
	{ 54, 366, FAIL, ENOPROTOOPT, ARG_EQ, 1, 283},             /* setsockopt SOL_XDP */
	/* Options that receives of streams depend on: reported, so that none needs to ask for them each time. */
	{ 54, 366, NOTIFY, .when = ARG2_EQ, .arg = 1, .value = SOL_SOCKET, .value2 = 42}, /* SO_PEEK_OFF */
	{ 54, 366, NOTIFY, .when = ARG2_EQ, .arg = 1, .value = SOL_SOCKET, .value2 = SO_RCVLOWAT},
	/* Descriptor tables shared between processes: reported, so that no read is taken for race-free. clone3
	 * has its flags in memory; C libraries and runtimes fall back to clone. */
	{ 56, 120, NOTIFY, .when = ARG_SHARE, .arg = 0, .value = CLONE_FILES_, .value2 = CLONE_THREAD_},
	{435, 435, FAIL, ENOSYS},                                  /* clone3 */
	/* Before 6.9 the supervisor can only reach the descriptor table of a thread group's leader. */
	{272, 310, FAIL, EINVAL, ARG_ANY, 0, CLONE_FILES_, .need = NO_THREAD_PIDFD}, /* unshare */
	{436, 436, FAIL, EINVAL, ARG_ANY, 2, 2, .need = NO_THREAD_PIDFD}, /* close_range CLOSE_RANGE_UNSHARE */
	{ 56, 120, FAIL, EINVAL, ARG_SHARE, 0, CLONE_THREAD_, CLONE_FILES_, NO_THREAD_PIDFD},
	/* Without this an unprivileged supervisor could no longer reach the program, which would then receive
	 * nothing at all. */
	{157, 172, PRETEND, 0, ARG2_EQ, 0, PR_SET_DUMPABLE, 0, KEEP_DUMPABLE},
};
/* clang-format on */

struct out {
	struct sock_filter *p;
	unsigned n;
};

static void emit(struct out *o, uint16_t code, uint32_t k, unsigned jt, unsigned jf)
{
	if (o->n < RG_FILTER_MAX)
		o->p[o->n] = (struct sock_filter){code, (uint8_t)jt, (uint8_t)jf, k};
	o->n++;
}

static void load(struct out *o, size_t offset)
{
	emit(o, BPF_LD | BPF_W | BPF_ABS, (uint32_t)offset, 0, 0);
}

static void load_arg(struct out *o, unsigned arg)
{
	load(o, offsetof(struct seccomp_data, args) + 8 * arg); /* low half: little-endian only */
}

static void verdict(struct out *o, const struct rule *r)
{
	uint32_t k = r->verb == NOTIFY ? SECCOMP_RET_USER_NOTIF
				       : SECCOMP_RET_ERRNO | (r->verb == FAIL ? (uint32_t)r->err : 0);

	emit(o, BPF_RET | BPF_K, k, 0, 0);
}

/* One rule, entered with the system call number in A; falls through with the number in A again. */
static void rule_emit(struct out *o, const struct rule *r, uint32_t nr)
{
	static const unsigned body[] = {
		[ALWAYS] = 1, [ARG_EQ] = 4, [ARG2_EQ] = 6, [ARG_ANY] = 4, [ARG_SHARE] = 5};

	emit(o, BPF_JMP | BPF_JEQ | BPF_K, nr, 0, body[r->when]);
	if (r->when == ALWAYS) {
		verdict(o, r);
		return;
	}
	load_arg(o, r->arg);
	switch (r->when) {
	case ARG_EQ: emit(o, BPF_JMP | BPF_JEQ | BPF_K, r->value, 0, 1); break;
	case ARG2_EQ:
		emit(o, BPF_JMP | BPF_JEQ | BPF_K, r->value, 0, 3);
		load_arg(o, r->arg + 1);
		emit(o, BPF_JMP | BPF_JEQ | BPF_K, r->value2, 0, 1);
		break;
	case ARG_ANY: emit(o, BPF_JMP | BPF_JSET | BPF_K, r->value, 0, 1); break;
	default: /* ARG_SHARE */
		emit(o, BPF_ALU | BPF_AND | BPF_K, r->value | r->value2, 0, 0);
		emit(o, BPF_JMP | BPF_JEQ | BPF_K, r->value, 0, 1);
		break;
	}
	verdict(o, r);
	load(o, offsetof(struct seccomp_data, nr));
}

static bool wanted(const struct rule *r, const struct rg_filter_opts *o)
{
	return r->need == ALL || (r->need == NO_THREAD_PIDFD && !o->thread_pidfd) ||
	       (r->need == KEEP_DUMPABLE && o->keep_dumpable);
}

static void entry_emit(struct out *o, const struct rg_filter_opts *opts, bool compat)
{
	for (size_t i = 0; i < RG_ARRAY_LEN(rules); i++) {
		int nr = compat ? rules[i].nr32 : rules[i].nr64;

		if (nr >= 0 && wanted(&rules[i], opts))
			rule_emit(o, &rules[i], (uint32_t)nr);
	}
	emit(o, BPF_RET | BPF_K, SECCOMP_RET_ALLOW, 0, 0);
}

int rg_filter_build(const struct rg_filter_opts *opts, struct sock_filter *prog)
{
	struct out o = {.p = prog};
	unsigned to_compat;

	load(&o, offsetof(struct seccomp_data, arch));
	emit(&o, BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 3, 0);
	emit(&o, BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_I386, 1, 0);
	emit(&o, BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS, 0, 0);
	to_compat = o.n;
	emit(&o, BPF_JMP | BPF_JA, 0, 0, 0);
	load(&o, offsetof(struct seccomp_data, nr));
	emit(&o, BPF_JMP | BPF_JEQ | BPF_K, 0xffffffffu, 2, 0); /* -1: skipped by a tracer */
	emit(&o, BPF_JMP | BPF_JGE | BPF_K, X32_BIT, 0, 1);
	emit(&o, BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS, 0, 0); /* x32 */
	entry_emit(&o, opts, false);
	if (o.n < RG_FILTER_MAX)
		prog[to_compat].k = o.n - to_compat - 1;
	load(&o, offsetof(struct seccomp_data, nr));
	entry_emit(&o, opts, true);
	return o.n <= RG_FILTER_MAX ? (int)o.n : -E2BIG;
}

int rg_filter_install(const struct sock_filter *prog, unsigned len)
{
	struct sock_fprog fprog = {.len = (unsigned short)len, .filter = (struct sock_filter *)prog};
	long fd;

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -errno;
	fd = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
		     SECCOMP_FILTER_FLAG_NEW_LISTENER | SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV, &fprog);
	return fd < 0 ? -errno : (int)fd;
}
