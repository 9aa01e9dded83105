/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * For tests of who is selected: changes what selections go by, between messages. Reads commands on stdin, one a line, and
 * answers each with a line when it is carried out:
 *   say TEXT     receive TEXT
 *   comm NAME    this thread's name
 *   rename NAME  the name of the process's first thread
 *   uid N        this thread's user
 *   fork [PID]   the next commands are a child's, of that number; until `end`
 *   orphan       likewise, and the parent ends: nobody waits
 *   thread       the next commands are another thread's; until `end`
 *   exec FILE    become FILE, which is this program too; in a thread: the others end
 *   desert       likewise, and the thread that came first ends
 * Answers are the process's number.
 */
#include <errno.h>
#include <linux/sched.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "oracle.h"

static void commands(void);

static void answer(void)
{
	char line[16];
	int n = snprintf(line, sizeof(line), "%d\n", getpid());

	if (write(1, line, (size_t)n) != n)
		_exit(3);
}

/* Byte by byte: what follows may be another process's. */
static bool next(char *line, size_t size)
{
	size_t n = 0;

	while (n < size - 1 && read(0, line + n, 1) == 1 && line[n] != '\n')
		n++;
	line[n] = '\0';
	return n > 0;
}

/* The thread that came first. */
static void rename_first(const char *name)
{
	char path[64];
	FILE *f;

	snprintf(path, sizeof(path), "/proc/self/task/%d/comm", getpid());
	f = fopen(path, "w");
	if (!f || fputs(name, f) < 0 || fclose(f))
		o_die(path);
}

static void say(const char *text)
{
	char got[128];
	int sv[2];

	O_OK(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, sv));
	put(sv[1], text, strlen(text));
	O_OK(recv(sv[0], got, sizeof(got), 0));
	close(sv[0]);
	close(sv[1]);
}

/* A child, of the number asked for (0: any). */
static pid_t child(pid_t number)
{
	struct clone_args a = {.exit_signal = SIGCHLD, .set_tid = (uintptr_t)&number, .set_tid_size = 1};

	return (pid_t)O_OK(number ? syscall(SYS_clone3, &a, sizeof(a)) : fork());
}

static void fork_and_follow(const char *number)
{
	pid_t pid = child(atoi(number));

	if (pid) {
		O_OK(waitpid(pid, NULL, 0));
		return;
	}
	answer();
	commands();
	_exit(0);
}

static void orphan(void)
{
	pid_t parent = getpid();

	if (child(0))
		_exit(0);
	while (getppid() == parent)
		usleep(1000);
}

static void *thread(void *arg)
{
	answer();
	commands();
	return NULL;
}

static void in_thread(void)
{
	pthread_t t;

	O_OK(-pthread_create(&t, NULL, thread, NULL));
	pthread_join(t, NULL);
}

static void desert(void)
{
	pthread_t t;

	O_OK(-pthread_create(&t, NULL, thread, NULL));
	pthread_exit(NULL);
}

static const char *after(const char *line, const char *word)
{
	size_t n = strlen(word);

	if (strncmp(line, word, n) || (line[n] && line[n] != ' '))
		return NULL;
	return line[n] ? line + n + 1 : line + n;
}

/* Until `end`, which whoever comes back answers. */
static void commands(void)
{
	char line[256];
	const char *arg;

	while (next(line, sizeof(line)) && strcmp(line, "end")) {
		if ((arg = after(line, "say")))
			say(arg);
		else if ((arg = after(line, "comm")))
			O_OK(prctl(PR_SET_NAME, arg));
		else if ((arg = after(line, "rename")))
			rename_first(arg);
		else if ((arg = after(line, "uid")))
			O_OK(syscall(SYS_setresuid, atoi(arg), atoi(arg), -1)); /* this thread's alone; the saved one leads back */
		else if ((arg = after(line, "fork")))
			fork_and_follow(arg);
		else if (after(line, "orphan"))
			orphan();
		else if (after(line, "thread"))
			in_thread();
		else if (after(line, "desert"))
			desert();
		else if ((arg = after(line, "exec")))
			O_OK(execl(arg, arg, NULL));
		else
			o_die(line);
		answer();
	}
}

int main(void)
{
	answer();
	commands();
	return 0;
}
