/* SPDX-License-Identifier: BSD-2-Clause */
/* Children, grandchildren, exec, threads, comm changes, pid and uid changes are followed. */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "oracle.h"

static void one(const char *what)
{
	int sv[2];

	pair(SOCK_SEQPACKET, sv);
	o_case("%s", what);
	put(sv[1], what, strlen(what));
	o_take(sv[0], 200, 0, 0);
	close(sv[0]);
	close(sv[1]);
}

static void reap(pid_t pid)
{
	int status;

	O_OK(waitpid(pid, &status, 0));
	if (status)
		o_die("child");
}

static void *in_thread(void *arg)
{
	prctl(PR_SET_NAME, arg);
	one(arg);
	return NULL;
}

static void threads(void)
{
	static char names[4][16] = {"thread-0", "thread-1", "thr\x1b[31m", "thread \xff"};
	pthread_t th[4];

	for (int i = 0; i < 4; i++) {
		O_OK(-pthread_create(&th[i], NULL, in_thread, names[i]));
		pthread_join(th[i], NULL);
	}
}

static void forks(void)
{
	pid_t pid = O_OK(fork());

	if (pid) {
		reap(pid);
		return;
	}
	one("child");
	pid = O_OK(fork());
	if (pid == 0) {
		one("grandchild");
		if (setgid(65534) || setuid(65534))
			_exit(1);
		one("grandchild as another user");
		_exit(0);
	}
	reap(pid);
	_exit(0);
}

static void vforked_exec(char *self)
{
	pid_t pid = vfork();

	if (pid == 0) {
		execl(self, self, "exec", NULL);
		_exit(127);
	}
	reap(pid);
}

static void own_pid_namespace(void)
{
	pid_t pid = O_OK(fork());

	if (pid) {
		reap(pid);
		return;
	}
	if (unshare(CLONE_NEWPID)) {
		o_skip("pid namespace", "unshare: %s", strerror(errno));
		_exit(0);
	}
	pid = O_OK(fork());
	if (pid == 0) {
		one("pid 1 of its own namespace");
		_exit(0);
	}
	reap(pid);
	_exit(0);
}

static void fork_burst(void)
{
	for (int i = 0; i < 50; i++) {
		pid_t pid = O_OK(fork());
		if (pid == 0) {
			one("burst of children");
			_exit(0);
		}
		reap(pid);
	}
}

int main(int argc, char **argv)
{
	if (argc > 1) {
		one("after exec");
		return 0;
	}
	one("the program itself");
	threads();
	forks();
	vforked_exec("/proc/self/exe");
	own_pid_namespace();
	fork_burst();
	return 0;
}
