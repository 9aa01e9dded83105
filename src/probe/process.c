/* SPDX-License-Identifier: BSD-2-Clause */
/* What the broker and guard need: seccomp, pidfds, another process's memory. Tried on a child. */
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "probe/probe.h"

#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV /* linux/seccomp.h of 5.19 */
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1UL << 5)
#endif
#ifndef SECCOMP_IOCTL_NOTIF_SET_FLAGS /* linux/seccomp.h of 6.6 */
#define SECCOMP_IOCTL_NOTIF_SET_FLAGS	   SECCOMP_IOW(4, __u64)
#define SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP (1UL << 0)
#endif
#ifndef PIDFD_THREAD /* linux/pidfd.h of 6.9 */
#define PIDFD_THREAD O_EXCL
#endif

/* Run fn in a child that nothing else happens in; its answer: 0 or a negative errno. */
static int in_child(int (*fn)(void), struct rg_err *err, const char *what)
{
	int status, code;
	pid_t pid = fork();

	if (pid == 0)
		_exit(-fn() & 0xff);
	if (pid < 0)
		return rg_fail(err, -errno, "fork: %s", strerror(errno));
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return rg_fail(err, -errno, "wait: %s", strerror(errno));
	code = WIFEXITED(status) ? WEXITSTATUS(status) : EIO;
	return code ? rg_fail(err, -code, "%s: %s", what, strerror(code)) : 0;
}

/* A filter that allows everything, with a listener. */
static int listener(unsigned long flags)
{
	struct sock_filter allow = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	struct sock_fprog prog = {1, &allow};
	long fd;

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -errno;
	fd = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER | flags, &prog);
	return fd < 0 ? -errno : (int)fd;
}

static int try_notify(void)
{
	int fd = listener(0);

	return fd < 0 ? fd : 0;
}

static int try_wait_killable(void)
{
	int fd = listener(SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV);

	return fd < 0 ? fd : 0;
}

static int try_sync(void)
{
	int fd = listener(0);

	if (fd < 0)
		return fd;
	return ioctl(fd, SECCOMP_IOCTL_NOTIF_SET_FLAGS, SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP) < 0 ? -errno : 0;
}

/* No notification has this id: a kernel that knows the request looks for it and says ENOENT. */
static int try_addfd(void)
{
	struct seccomp_notif_addfd add = {.id = ~0ull, .srcfd = 0};
	int fd = listener(0);

	if (fd < 0)
		return fd;
	return ioctl(fd, SECCOMP_IOCTL_NOTIF_ADDFD, &add) < 0 && errno != ENOENT ? -errno : 0;
}

int rg_probe_notify(struct rg_err *err)
{
	return in_child(try_notify, err, "a filter with a listener");
}

int rg_probe_wait_killable(struct rg_err *err)
{
	return in_child(try_wait_killable, err, "a filter with WAIT_KILLABLE_RECV");
}

int rg_probe_sync_wake_up(struct rg_err *err)
{
	return in_child(try_sync, err, "SECCOMP_IOCTL_NOTIF_SET_FLAGS");
}

int rg_probe_addfd(struct rg_err *err)
{
	return in_child(try_addfd, err, "SECCOMP_IOCTL_NOTIF_ADDFD");
}

int rg_probe_socket_filter(struct rg_err *err)
{
	struct sock_filter allow = BPF_STMT(BPF_RET | BPF_K, UINT32_MAX);
	struct sock_fprog prog = {1, &allow};
	int one = 1, s[2], r = 0;

	if (socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, s) < 0)
		return rg_fail(err, -errno, "socketpair: %s", strerror(errno));
	if (setsockopt(s[0], SOL_SOCKET, SO_ATTACH_FILTER, &prog, sizeof(prog)) < 0)
		r = rg_fail(err, -errno, "SO_ATTACH_FILTER: %s", strerror(errno));
	else if (setsockopt(s[0], SOL_SOCKET, SO_LOCK_FILTER, &one, sizeof(one)) < 0)
		r = rg_fail(err, -errno, "SO_LOCK_FILTER: %s", strerror(errno));
	close(s[0]);
	close(s[1]);
	return r;
}

/* A child that sleeps until it is killed. */
static pid_t sleeper(void)
{
	pid_t pid = fork();

	if (pid == 0)
		for (;;)
			pause();
	return pid;
}

static void end_sleeper(pid_t pid)
{
	if (pid > 0) {
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
	}
}

static int getfd_of(pid_t pid, int theirs, struct rg_err *err)
{
	rg_auto_close int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	rg_auto_close int fd = -1;

	if (pidfd < 0)
		return rg_fail(err, -errno, "pidfd_open: %s", strerror(errno));
	fd = (int)syscall(SYS_pidfd_getfd, pidfd, theirs, 0);
	return fd < 0 ? rg_fail(err, -errno, "pidfd_getfd: %s", strerror(errno)) : 0;
}

int rg_probe_pidfd_getfd(struct rg_err *err)
{
	rg_auto_close int mine = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	pid_t pid = sleeper();
	int r;

	if (pid < 0)
		return rg_fail(err, -errno, "fork: %s", strerror(errno));
	r = getfd_of(pid, mine, err);
	end_sleeper(pid);
	return r;
}

int rg_probe_pidfd_thread(struct rg_err *err)
{
	rg_auto_close int fd = (int)syscall(SYS_pidfd_open, (pid_t)syscall(SYS_gettid), PIDFD_THREAD);

	return fd < 0 ? rg_fail(err, -errno, "pidfd_open with PIDFD_THREAD: %s", strerror(errno)) : 0;
}

/* The child has a copy of this variable at the same address. */
static volatile int in_both = 1;

int rg_probe_process_vm(struct rg_err *err)
{
	int value = 2;
	struct iovec mine = {&value, sizeof(value)}, theirs = {(void *)&in_both, sizeof(value)};
	pid_t pid = sleeper();
	int r = 0;

	if (pid < 0)
		return rg_fail(err, -errno, "fork: %s", strerror(errno));
	if (process_vm_writev(pid, &mine, 1, &theirs, 1, 0) != sizeof(value))
		r = rg_fail(err, -errno, "process_vm_writev: %s", strerror(errno));
	value = 0;
	if (r == 0 && process_vm_readv(pid, &mine, 1, &theirs, 1, 0) != sizeof(value))
		r = rg_fail(err, -errno, "process_vm_readv: %s", strerror(errno));
	else if (r == 0 && (value != 2 || in_both != 1))
		r = rg_fail(err, -EIO, "what was written was not what was read");
	end_sleeper(pid);
	return r;
}
