/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The control arm: a supervisor that looks first and then lets the kernel go on with the call. It exists to
 * leak: when it does not, the attack has proved nothing.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <stddef.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "attack.h"

static void supervise(int listener)
{
	struct seccomp_notif n;

	for (;;) {
		struct seccomp_notif_resp r = {.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE};
		char buf[SIZE];
		ssize_t got = -1;
		int pidfd, fd;

		memset(&n, 0, sizeof(n));
		if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &n) < 0) {
			struct pollfd p = {listener, POLLIN, 0};

			if (poll(&p, 1, 0) > 0 && p.revents & POLLHUP)
				return;
			continue;
		}
		r.id = n.id;
		pidfd = (int)syscall(SYS_pidfd_open, n.pid, O_EXCL /* PIDFD_THREAD */);
		fd = (int)syscall(SYS_pidfd_getfd, pidfd, (int)n.data.args[0], 0);
		if (fd >= 0)
			got = recv(fd, buf, sizeof(buf), MSG_PEEK | MSG_DONTWAIT);
		if (got > 0 && memmem(buf, (size_t)got, "EVIL", 4)) {
			recv(fd, buf, sizeof(buf), MSG_DONTWAIT);
			r.flags = 0;
			r.error = -EMSGSIZE;
		}
		close(fd);
		close(pidfd);
		ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &r);
	}
}

int naive_exec(char *const *argv)
{
#define NOTIFY(nr) \
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, nr, 0, 1), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF)
	struct sock_filter prog[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		NOTIFY(SYS_recvmsg),
		NOTIFY(SYS_recvfrom),
		NOTIFY(SYS_read),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog f = {sizeof(prog) / sizeof(prog[0]), prog};
	int pair[2], listener, number;
	pid_t pid = getpid(), child;

	if (pipe(pair) < 0)
		return -errno;
	child = fork();
	if (child == 0) {
		if (fork())
			_exit(0);
		close(pair[1]);
		if (read(pair[0], &number, sizeof(number)) != sizeof(number))
			_exit(1);
		listener = (int)syscall(SYS_pidfd_getfd, syscall(SYS_pidfd_open, pid, 0), number, 0);
		close_range(3, (unsigned)listener - 1, 0);
		supervise(listener);
		_exit(0);
	}
	waitpid(child, NULL, 0);
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	number = (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER | 1 << 5,
			      &f);
	if (number < 0 || write(pair[1], &number, sizeof(number)) != sizeof(number))
		return -errno;
	usleep(100000);
	close(pair[0]);
	close(pair[1]);
	close(number);
	execv(argv[0], argv);
	return -errno;
}
