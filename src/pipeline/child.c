/* SPDX-License-Identifier: BSD-2-Clause */
#include "pipeline/child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/number.h"

/* In the child: wait for the word, then become the command. */
static _Noreturn void held(int go, int failed, char *const *argv, bool aside)
{
	uint32_t number = rg_number_of_process();
	sigset_t none;
	char c;
	int e;

	if (write(failed, &number, sizeof(number)) != sizeof(number) || read(go, &c, 1) != 1)
		_exit(125); /* the parent gave up */
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	if (aside)
		dup2(STDERR_FILENO, STDOUT_FILENO);
	execvp(argv[0], argv);
	e = errno;
	if (write(failed, &e, sizeof(e)) != sizeof(e))
		_exit(126);
	_exit(127);
}

int rg_child_hold(struct rg_child *c, char *const *argv, bool aside, struct rg_err *err)
{
	int go[2], failed[2];

	*c = (struct rg_child){.go = -1, .failed = -1, .status = -1};
	if (pipe2(go, O_CLOEXEC))
		return rg_fail(err, -errno, "pipe: %s", strerror(errno));
	if (pipe2(failed, O_CLOEXEC)) {
		int e = errno;

		close(go[0]);
		close(go[1]);
		return rg_fail(err, -e, "pipe: %s", strerror(e));
	}
	c->pid = fork();
	if (c->pid == 0) {
		close(go[1]);
		held(go[0], failed[1], argv, aside);
	}
	close(go[0]);
	close(failed[1]);
	c->go = go[1];
	c->failed = failed[0];
	if (c->pid < 0) {
		int e = errno;

		c->pid = 0;
		rg_child_drop(c);
		return rg_fail(err, -e, "cannot start a process: %s", strerror(e));
	}
	if (read(c->failed, &c->number, sizeof(c->number)) != sizeof(c->number)) {
		rg_child_drop(c);
		return rg_fail(err, -ECHILD, "the process that was started ended at once");
	}
	return 0;
}

int rg_child_go(struct rg_child *c, const char *name, struct rg_err *err)
{
	int e = 0;
	ssize_t n;

	if (c->go < 0)
		return 0;
	n = write(c->go, "g", 1);
	close(RG_TAKE_FD(c->go));
	if (n != 1)
		return rg_fail(err, -EPIPE, "%s: the process that was to run it is gone", name);
	/* closed by a successful exec: then nothing is read */
	do
		n = read(c->failed, &e, sizeof(e));
	while (n < 0 && errno == EINTR);
	close(RG_TAKE_FD(c->failed));
	if (n != sizeof(e))
		return 0;
	waitpid(c->pid, &c->status, 0);
	c->pid = 0;
	return rg_fail(err, -e, "cannot run %s: %s", name, strerror(e));
}

bool rg_child_ended(struct rg_child *c)
{
	if (c->pid <= 0)
		return c->status != -1;
	if (waitpid(c->pid, &c->status, WNOHANG) != c->pid)
		return false;
	c->pid = 0;
	return true;
}

void rg_child_drop(struct rg_child *c)
{
	bool waiting = c->go >= 0;

	if (c->go >= 0)
		close(RG_TAKE_FD(c->go));
	if (c->failed >= 0)
		close(RG_TAKE_FD(c->failed));
	if (waiting && c->pid > 0)
		waitpid(c->pid, &c->status, 0);
	c->pid = 0;
}
