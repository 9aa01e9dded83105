/* SPDX-License-Identifier: BSD-2-Clause */
/* Policies for a process alone, or for it and what it starts. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "enforce.h"

#define RULES "    - {name: it, when: 'sock.family == unix', then: deny ENOMSG}\n"
#define MORE  "    - {name: other, when: 'sock.family == inet6', then: deny ENOMSG}\n"

/* Below a process: itself, who was there before, who is forked later, who has lost his parent. */
struct family {
	int ask[2], say[2], pair[2];
};

static void tell(const struct family *f)
{
	char b = (char)('0' + k_try(f->pair[1]));

	(void)!write(f->say[1], &b, 1);
}

/* Forks one when the policy has come, and ends. */
static void second(const struct family *f)
{
	char b;

	(void)!read(f->ask[0], &b, 1);
	if (!fork()) {
		while (getppid() != 1)
			usleep(1000);
		tell(f);
	}
	_exit(0);
}

static void first(const struct family *f)
{
	char b;

	if (!fork())
		second(f);
	(void)!read(f->ask[0], &b, 1);
	tell(f);
	_exit(0);
}

/* A process that does that, a policy for it by this option and more, and what those of whom
 * something is wanted told. Returns the process, 0: the policy does not load. */
static pid_t ask(void (*does)(const struct family *), const char *option, const char *more, const char *want)
{
	struct family f;
	char args[64], got[8] = "";
	pid_t pid;
	int r;

	k_pair(K_DGRAM, f.pair);
	(void)!pipe(f.ask);
	(void)!pipe(f.say);
	for (int i = 0; i < 3; i++)
		k_send(f.pair[0], "xyz", 3);
	pid = fork();
	if (!pid)
		does(&f);
	snprintf(args, sizeof(args), "--no-wait %s %d%s", option, pid, more);
	r = k_enforce(RULES, args);
	(void)!write(f.ask[1], "gg", 2);
	waitpid(pid, NULL, 0);
	while (strlen(got) < strlen(want) && read(f.say[0], got + strlen(got), 1) == 1)
		;
	r = r || strcmp(got, want) || k_try(f.pair[1]) != K_GOT;
	if (r)
		printf("# %s\n", got);
	close(f.ask[0]), close(f.ask[1]), close(f.say[0]), close(f.say[1]);
	k_close(f.pair);
	return r ? 0 : pid;
}

static void tree(void)
{
	k_result(
		ask(first, "--tree", "", "11"),
		"--tree: the process, and a grandchild of later without a parent, refused; others untouched");
}

/* Who ends makes room, when the kernel lets go of him: six, one after the other. */
static bool later(void)
{
	int made = 0;

	for (int i = 0; made < 6 && i < 500; i++) {
		pid_t child = fork();

		if (!child)
			_exit(0);
		if (child > 0)
			made++;
		else
			usleep(20000);
		while (wait(NULL) > 0)
			;
	}
	return made == 6;
}

/* More below --tree than there is room for: those are not forked. */
static void too_many(void)
{
	char args[64];
	int go[2], r, status = 0;
	pid_t pid;
	char b;

	(void)!pipe(go);
	pid = fork();
	if (!pid) {
		int refused = 0;

		(void)!read(go[0], &b, 1);
		for (int i = 0; i < 4; i++) {
			pid_t child = fork();

			if (!child) {
				usleep(300000);
				_exit(0);
			}
			refused += child < 0 && errno == EAGAIN;
		}
		while (wait(NULL) > 0)
			;
		_exit(later() ? refused : 99);
	}
	k_stop();
	setenv("RECVGUARD_FORCE", "few-pids", 1);
	snprintf(args, sizeof(args), "--no-wait --tree %d", pid);
	r = k_enforce(RULES, args);
	unsetenv("RECVGUARD_FORCE");
	k_result(!r, "--tree, room for two processes");
	(void)!write(go[1], "g", 1);
	waitpid(pid, &status, 0);
	k_result(WIFEXITED(status) && WEXITSTATUS(status) == 2,
		 "of its four forks two are refused, later ones not (%d)", WEXITSTATUS(status));
	k_result(!system("recvguard enforce status | grep -q '^unforked *[1-9].* refused'"), "which is told");
	close(go[0]), close(go[1]);
	k_stop();
}

/* --pid: the process, each of its threads, and none that it forks. */
static void *thread(void *fd)
{
	return (void *)(intptr_t)k_try((int)(intptr_t)fd);
}

static void alone(const struct family *f)
{
	void *other = NULL;
	pthread_t t;
	char b;

	(void)!read(f->ask[0], &b, 1);
	tell(f);
	if (pthread_create(&t, NULL, thread, (void *)(intptr_t)f->pair[1]))
		_exit(1);
	pthread_join(t, &other);
	b = (char)('0' + (intptr_t)other);
	(void)!write(f->say[1], &b, 1);
	if (!fork()) {
		tell(f);
		_exit(0);
	}
	wait(NULL);
	_exit(0);
}

static void one_process(void)
{
	char scope[64];
	pid_t pid = ask(alone, "--pid", " --pid 1", "110");

	k_result(pid, "--pid: the process and its thread refused, what it forks and others untouched");
	snprintf(scope, sizeof(scope), "pid=%d pid=1, beside the policies' own", pid);
	k_result(k_status_has("scope     ", scope), "the status tells the scope");
}

/* Two receive all the time as policies for their tree are loaded again and again: one that forks for each
 * try, and one that has lost its parent since the first load. */
#define RELOADS 6
struct tally {
	volatile unsigned tries[2], passed[2], ready;
};

static _Noreturn void try_on(struct tally *t, int who, int fd)
{
	for (;;) {
		pid_t child = who ? 0 : fork();

		if (!child) {
			t->passed[who] += k_try(fd) == K_GOT;
			t->tries[who]++;
			if (!who)
				_exit(0);
		}
		if (!who)
			waitpid(child, NULL, 0);
	}
}

/* Below it: the one that forks is there as the policy is loaded, the other one has no parent by then. */
static _Noreturn void top(struct tally *t, int fd, int go)
{
	char b;

	(void)!read(go, &b, 1);
	if (!fork()) {
		if (!fork()) {
			while (getppid() != 1)
				usleep(1000);
			t->ready = 1;
			try_on(t, 1, fd);
		}
		_exit(0);
	}
	wait(NULL);
	try_on(t, 0, fd);
}

static void replaced(void)
{
	struct tally *t = mmap(NULL, sizeof(*t), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int pair[2], go[2], r;
	unsigned loads = 0;
	char args[64];
	pid_t pid;

	k_pair(K_DGRAM, pair);
	(void)!pipe(go);
	for (int i = 0; i < 8; i++)
		k_send(pair[0], "x", 1);
	pid = fork();
	if (!pid) {
		setpgid(0, 0);
		top(t, pair[1], go[0]);
	}
	setpgid(pid, pid);
	snprintf(args, sizeof(args), "--no-wait --tree %d", pid);
	r = k_enforce(RULES, args);
	(void)!write(go[1], "g", 1);
	while (!r && !t->ready)
		usleep(1000);
	for (; loads < RELOADS && !r; loads++)
		r = k_enforce(loads % 2 ? RULES : RULES MORE, args);
	k_result(
		!r && t->tries[0] > loads && t->tries[1] > loads && !t->passed[0] && !t->passed[1],
		"--tree, loaded %u times again: of %u tries by forked ones %u passed, of %u by one without a "
		"parent %u",
		loads, t->tries[0], t->passed[0], t->tries[1], t->passed[1]);
	kill(-pid, SIGKILL);
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	munmap(t, sizeof(*t));
	close(go[0]), close(go[1]);
	k_close(pair);
	k_stop();
}

void enforce_tree(void)
{
	tree();
	too_many();
	replaced();
	one_process();
}
