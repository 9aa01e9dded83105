/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RG_BROKER_SYS_H
#define RG_BROKER_SYS_H

/* System calls and constants newer than Debian 12's headers, and small wrappers. */
#include <fcntl.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#ifndef PIDFD_THREAD
#define PIDFD_THREAD O_EXCL /* 6.9+ */
#endif
#ifndef SECCOMP_IOCTL_NOTIF_SET_FLAGS /* 6.6+ */
#define SECCOMP_IOCTL_NOTIF_SET_FLAGS SECCOMP_IOW(4, __u64)
#endif
#ifndef SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP
#define SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP (1UL << 0)
#endif

#define RG_ERESTARTSYS 512 /* kernel-internal: restart the call, or EINTR, as the signal's handler says */

static inline int rg_pidfd_open(pid_t pid, unsigned flags)
{
	return (int)syscall(SYS_pidfd_open, pid, flags);
}
static inline int rg_pidfd_getfd(int pidfd, int fd)
{
	return (int)syscall(SYS_pidfd_getfd, pidfd, fd, 0);
}
static inline int rg_pidfd_signal(int pidfd, int sig)
{
	return (int)syscall(SYS_pidfd_send_signal, pidfd, sig, NULL, 0);
}
static inline uint64_t rg_now(void) /* ns, CLOCK_MONOTONIC */
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}
/* What a descriptor of ours is, in the kernel's words (proc(5), /proc/PID/fd): into to, NUL-terminated, as
 * much as fits. Its length, or -1. */
static inline ssize_t rg_fd_link(int fd, char *to, size_t size)
{
	char path[64];
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	n = readlink(path, to, size - 1);
	to[n > 0 ? n : 0] = 0;
	return n;
}

#endif
