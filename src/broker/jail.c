/* SPDX-License-Identifier: BSD-2-Clause */
/* The supervisor's own seccomp filter: what it needs to serve, and nothing else. */
#include <errno.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <linux/sched.h>
#include <seccomp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "broker/jail.h"

#define NO_ARG	   6u /* no argument is looked at */
#define WRITES	   (O_WRONLY | O_RDWR | O_CREAT | O_TRUNC)
#define THREAD	   (CLONE_VM | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD)
#define NAMESPACES (CLONE_NEWNS | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS)
#define ONLY(n)	   (n), UINT64_MAX /* the argument must be n */

/* One call that stays open. With `arg`: (argument & mask) == value. Calls on every message's way look at no
 * argument: the kernel then answers from a bitmap, without running the filter. */
static const struct allow {
	int nr;
	unsigned arg;
	uint64_t value, mask;
	bool files; /* only for outputs that open files while they run */
} allows[] = {
	/* a message's way */
	{SCMP_SYS(ioctl), NO_ARG},
	{SCMP_SYS(pidfd_getfd), NO_ARG},
	{SCMP_SYS(process_vm_readv), NO_ARG},
	{SCMP_SYS(process_vm_writev), NO_ARG},
	{SCMP_SYS(recvmsg), NO_ARG},
	{SCMP_SYS(recvfrom), NO_ARG},
	{SCMP_SYS(getsockopt), NO_ARG},
	{SCMP_SYS(close), NO_ARG},
	{SCMP_SYS(futex), NO_ARG},
	/* waiting, and the program's threads */
	{SCMP_SYS(epoll_wait), NO_ARG},
	{SCMP_SYS(epoll_pwait), NO_ARG},
	{SCMP_SYS(epoll_ctl), NO_ARG},
	{SCMP_SYS(timerfd_settime), NO_ARG},
	{SCMP_SYS(poll), NO_ARG},
	{SCMP_SYS(ppoll), NO_ARG},
	{SCMP_SYS(pidfd_open), NO_ARG},
	{SCMP_SYS(pidfd_send_signal), NO_ARG},
	{SCMP_SYS(wait4), NO_ARG},
	{SCMP_SYS(ptrace), 0, ONLY(PTRACE_SEIZE)},
	{SCMP_SYS(ptrace), 0, ONLY(PTRACE_INTERRUPT)},
	{SCMP_SYS(ptrace), 0, ONLY(PTRACE_DETACH)},
	/* reading for the program, /proc, policies; outputs that are open */
	{SCMP_SYS(read), NO_ARG},
	{SCMP_SYS(readv), NO_ARG},
	{SCMP_SYS(pread64), NO_ARG},
	{SCMP_SYS(preadv2), NO_ARG},
	{SCMP_SYS(write), NO_ARG},
	{SCMP_SYS(writev), NO_ARG},
	{SCMP_SYS(lseek), NO_ARG},
	/* an output's end: on the disk, and without half a line when the disk is full */
	{SCMP_SYS(fsync), NO_ARG},
	{SCMP_SYS(ftruncate), NO_ARG},
	{SCMP_SYS(sendfile), NO_ARG},
	{SCMP_SYS(openat), 2, 0, WRITES},
	{SCMP_SYS(open), 1, 0, WRITES},
	{SCMP_SYS(stat), NO_ARG},
	{SCMP_SYS(lstat), NO_ARG},
	{SCMP_SYS(fstat), NO_ARG},
	{SCMP_SYS(newfstatat), NO_ARG},
	{SCMP_SYS(statx), NO_ARG},
	{SCMP_SYS(statfs), NO_ARG},
	{SCMP_SYS(fstatfs), NO_ARG},
	{SCMP_SYS(access), NO_ARG},
	{SCMP_SYS(faccessat), NO_ARG},
	{SCMP_SYS(faccessat2), NO_ARG},
	{SCMP_SYS(readlink), NO_ARG},
	{SCMP_SYS(readlinkat), NO_ARG},
	{SCMP_SYS(getdents64), NO_ARG},
	{SCMP_SYS(getcwd), NO_ARG},
	{SCMP_SYS(fcntl), NO_ARG},
	{SCMP_SYS(fadvise64), NO_ARG},
	{SCMP_SYS(getsockname), NO_ARG},
	{SCMP_SYS(getpeername), NO_ARG},
	/* memory that is never executed */
	{SCMP_SYS(mmap), 2, 0, PROT_EXEC},
	{SCMP_SYS(mprotect), 2, 0, PROT_EXEC},
	{SCMP_SYS(munmap), NO_ARG},
	{SCMP_SYS(mremap), NO_ARG},
	{SCMP_SYS(madvise), NO_ARG},
	{SCMP_SYS(brk), NO_ARG},
	/* threads of its own, never a process */
	{SCMP_SYS(clone), 0, THREAD, THREAD | NAMESPACES},
	{SCMP_SYS(set_robust_list), NO_ARG},
	{SCMP_SYS(rseq), NO_ARG},
	{SCMP_SYS(rt_sigaction), NO_ARG},
	{SCMP_SYS(rt_sigprocmask), NO_ARG},
	{SCMP_SYS(rt_sigreturn), NO_ARG},
	{SCMP_SYS(sigaltstack), NO_ARG},
	{SCMP_SYS(restart_syscall), NO_ARG},
	{SCMP_SYS(sched_yield), NO_ARG},
	{SCMP_SYS(sched_getaffinity), NO_ARG},
	{SCMP_SYS(getcpu), NO_ARG},
	{SCMP_SYS(clock_gettime), NO_ARG},
	{SCMP_SYS(clock_nanosleep), NO_ARG},
	{SCMP_SYS(nanosleep), NO_ARG},
	{SCMP_SYS(getpid), NO_ARG},
	{SCMP_SYS(gettid), NO_ARG},
	{SCMP_SYS(getuid), NO_ARG},
	{SCMP_SYS(geteuid), NO_ARG},
	{SCMP_SYS(getrandom), NO_ARG},
	{SCMP_SYS(uname), NO_ARG},
	{SCMP_SYS(sysinfo), NO_ARG},
	{SCMP_SYS(exit), NO_ARG},
	{SCMP_SYS(exit_group), NO_ARG},
	/* a recording: SQLite opens, syncs and renames its files as it goes */
	{SCMP_SYS(openat), .arg = NO_ARG, .files = true},
	{SCMP_SYS(open), .arg = NO_ARG, .files = true},
	{SCMP_SYS(pwrite64), .arg = NO_ARG, .files = true},
	{SCMP_SYS(fdatasync), .arg = NO_ARG, .files = true},
	{SCMP_SYS(fallocate), .arg = NO_ARG, .files = true},
	{SCMP_SYS(unlink), .arg = NO_ARG, .files = true},
	{SCMP_SYS(link), .arg = NO_ARG, .files = true},
	{SCMP_SYS(rename), .arg = NO_ARG, .files = true},
	{SCMP_SYS(fchmod), .arg = NO_ARG, .files = true},
	{SCMP_SYS(fchown), .arg = NO_ARG, .files = true},
};

/* By the i386 entry: options of a program that calls socketcall (compat.c), and nothing else. */
static const int narrow[] = {SCMP_SYS(getsockopt), SCMP_SYS(setsockopt)};

static int fill(scmp_filter_ctx f, pid_t self, bool files)
{
	int rc = 0;

	for (size_t i = 0; i < RG_ARRAY_LEN(allows) && rc == 0; i++) {
		const struct allow *a = &allows[i];

		if (a->files && !files)
			continue;
		if (a->arg == NO_ARG)
			rc = seccomp_rule_add(f, SCMP_ACT_ALLOW, a->nr, 0);
		else
			rc = seccomp_rule_add(f, SCMP_ACT_ALLOW, a->nr, 1,
					      SCMP_CMP(a->arg, SCMP_CMP_MASKED_EQ, a->mask, a->value));
		if (rc == -EEXIST)
			rc = 0; /* open as it is */
	}
	/* Helpers are woken, nobody else is signalled by number; abort() ends this process. */
	if (rc == 0)
		rc = seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1,
				      SCMP_CMP(0, SCMP_CMP_EQ, (scmp_datum_t)self));
	/* A look with an offset is put back where it was. */
	if (rc == 0)
		rc = seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(setsockopt), 2,
				      SCMP_CMP(1, SCMP_CMP_EQ, SOL_SOCKET),
				      SCMP_CMP(2, SCMP_CMP_EQ, SO_PEEK_OFF));
	/* Is there a ring? (bypass.c) */
	if (rc == 0)
		rc = seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(setsockopt), 2,
				      SCMP_CMP(1, SCMP_CMP_EQ, SOL_PACKET),
				      SCMP_CMP(2, SCMP_CMP_EQ, PACKET_VERSION));
	/* C libraries fall back to clone, whose flags can be looked at. */
	if (rc == 0)
		rc = seccomp_rule_add(f, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
	return rc;
}

static int fill_narrow(scmp_filter_ctx f)
{
	int rc = seccomp_arch_add(f, SCMP_ARCH_X86);

	if (rc == 0)
		rc = seccomp_arch_remove(f, SCMP_ARCH_X86_64);
	for (size_t i = 0; i < RG_ARRAY_LEN(narrow) && rc == 0; i++)
		rc = seccomp_rule_add_exact(f, SCMP_ACT_ALLOW, narrow[i], 0);
	return rc;
}

int rg_jail(bool files)
{
	scmp_filter_ctx wide = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	scmp_filter_ctx low = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	int rc = wide && low ? 0 : -ENOMEM;

	if (rc == 0)
		rc = fill(wide, getpid(), files);
	if (rc == 0)
		rc = fill_narrow(low);
	if (rc == 0) {
		rc = seccomp_merge(wide, low);
		if (rc == 0)
			low = NULL; /* it went into the other */
	}
	if (rc == 0)
		rc = seccomp_attr_set(wide, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	if (rc == 0)
		rc = seccomp_load(wide);
	if (wide)
		seccomp_release(wide);
	if (low)
		seccomp_release(low);
	return rc;
}
