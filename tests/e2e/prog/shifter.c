/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * For tests of who is selected: changes what selections go by, between messages. Reads commands (the table
 * below) on stdin, one a line, and answers each, when it is carried out, with the process's number.
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

/* Goes on when nobody is left of those who follow: not while an orphan of the child reads the commands. */
static void fork_and_follow(const char *number)
{
	int left[2];
	pid_t pid;
	char c;

	O_OK(pipe(left));
	pid = child(atoi(number));
	if (pid) {
		close(left[1]);
		O_OK(read(left[0], &c, 1));
		close(left[0]);
		O_OK(waitpid(pid, NULL, 0));
		return;
	}
	close(left[0]);
	answer();
	commands();
	_exit(0);
}

static void orphan(const char *none)
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

static void in_thread(const char *none)
{
	pthread_t t;

	O_OK(-pthread_create(&t, NULL, thread, NULL));
	pthread_join(t, NULL);
}

static void desert(const char *none)
{
	pthread_t t;

	O_OK(-pthread_create(&t, NULL, thread, NULL));
	pthread_exit(NULL);
}

static void comm(const char *name)
{
	O_OK(prctl(PR_SET_NAME, name));
}

/* By the system call: the library's function changes all threads. The saved one leads back. */
static void uid(const char *number)
{
	O_OK(syscall(SYS_setresuid, atoi(number), atoi(number), -1));
}

static void become(const char *file)
{
	O_OK(execl(file, file, NULL));
}

/* Those that begin another process or thread: what follows is its, until `end`, which whoever comes back
 * answers. */
static const struct {
	const char *name;
	void (*run)(const char *arg);
} all[] = {
	{"say", say},		   /* TEXT: receive it */
	{"comm", comm},		   /* NAME of this thread */
	{"rename", rename_first},  /* NAME of the process's first thread */
	{"uid", uid},		   /* N: this thread's user */
	{"exec", become},	   /* FILE, which is this program too; in a thread: the others end */
	{"fork", fork_and_follow}, /* [PID]: a child, of that number */
	{"orphan", orphan},	   /* a child, and the parent ends: nobody waits */
	{"thread", in_thread},	   /* another thread */
	{"desert", desert},	   /* another thread, and this one ends */
};

static void carry_out(char *line)
{
	char *arg = line + strcspn(line, " ");

	if (*arg)
		*arg++ = '\0';
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (!strcmp(line, all[i].name)) {
			all[i].run(arg);
			return;
		}
	o_die(line);
}

static void commands(void)
{
	char line[256];

	while (next(line, sizeof(line)) && strcmp(line, "end")) {
		carry_out(line);
		answer();
	}
}

int main(void)
{
	answer();
	commands();
	return 0;
}
