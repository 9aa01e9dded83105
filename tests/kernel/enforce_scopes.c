/* SPDX-License-Identifier: BSD-2-Clause */
/* To whom a policy applies: who is in its scope is refused, who is not is untouched. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "enforce.h"

#define RULES "    - {name: it, when: 'sock.family == unix', then: deny ENOMSG}\n"
#define IN    "docker-1111111111111111111111111111111111111111111111111111111111111111.scope"
#define OUT   "docker-2222222222222222222222222222222222222222222222222222222222222222.scope"
#define COPY  "/tmp/ktest-copy"

enum { GOT, REFUSED, ELSE };

static int receive(int fd)
{
	char b;

	return recv(fd, &b, 1, MSG_DONTWAIT) == 1 ? GOT : errno == ENOMSG ? REFUSED : ELSE;
}

int k_receive_main(const char *fd)
{
	return receive(atoi(fd));
}

int k_try_main(const char *comm)
{
	int pair[2];

	k_pair(K_STREAM, pair);
	k_send(pair[0], "x", 1);
	k_name(comm);
	return receive(pair[1]);
}

/* Into a control group, which is made: its path below the root. */
static void enter(const char *group)
{
	char path[300];
	FILE *f;

	snprintf(path, sizeof(path), "/sys/fs/cgroup/%s/cgroup.procs", group);
	f = fopen(path, "w");
	if (!f || fprintf(f, "0\n") < 0 || fclose(f))
		_exit(ELSE);
}

struct who {
	const char *group, *comm, *exe;
	uid_t uid;
};

/* One that is so receives: what came of it. */
static int as(const struct who *w)
{
	int pair[2], status = 0;
	char fd[16];
	pid_t pid;

	k_pair(K_DGRAM, pair);
	k_send(pair[0], "x", 1);
	pid = fork();
	if (!pid) {
		if (w->group)
			enter(w->group);
		if (w->uid && setuid(w->uid))
			_exit(ELSE);
		if (w->comm)
			k_name(w->comm);
		if (!w->exe)
			_exit(receive(pair[1]));
		snprintf(fd, sizeof(fd), "%d", pair[1]);
		execl(w->exe, w->exe, "receive", fd, NULL);
		_exit(ELSE);
	}
	waitpid(pid, &status, 0);
	k_close(pair);
	return WIFEXITED(status) ? WEXITSTATUS(status) : ELSE;
}

/* A scope, by options (NULL: none) beside the policy's own. */
static void both(const char *entry, const char *options, struct who in, struct who also, struct who out)
{
	char args[300];
	int r, a, b, c;

	snprintf(args, sizeof(args), "--no-wait %s", options ? options : "");
	r = k_enforce_in(entry, RULES, args);
	a = as(&in), b = as(&also), c = as(&out);
	k_result(!r && a == REFUSED && b == REFUSED && c == GOT,
		 "scope %s%s%s: in it refused, out of it untouched", entry, options ? ", " : "",
		 options ? options : "");
	if (a != REFUSED || b != REFUSED || c != GOT)
		printf("# %d %d %d\n", a, b, c);
}

static void scope(const char *entry, struct who in, struct who also, struct who out)
{
	both(entry, NULL, in, also, out);
}

static void option(const char *options, struct who in, struct who also, struct who out)
{
	both("global", options, in, also, out);
}

/* Below a process: itself, who was there before, who is forked later, who has lost his parent. */
struct family {
	int ask[2], say[2], pair[2];
};

static void tell(const struct family *f)
{
	char b = (char)('0' + receive(f->pair[1]));

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

static void tree(void)
{
	struct family f;
	char args[64], got[3] = "";
	pid_t pid;
	int r;

	k_pair(K_DGRAM, f.pair);
	(void)!pipe(f.ask);
	(void)!pipe(f.say);
	k_send(f.pair[0], "xyz", 3);
	k_send(f.pair[0], "xyz", 3);
	k_send(f.pair[0], "xyz", 3);
	pid = fork();
	if (!pid)
		first(&f);
	snprintf(args, sizeof(args), "--no-wait --tree %d", pid);
	r = k_enforce(RULES, args);
	(void)!write(f.ask[1], "gg", 2);
	waitpid(pid, NULL, 0);
	while (strlen(got) < 2 && read(f.say[0], got + strlen(got), 1) == 1)
		;
	k_result(
		!r && got[0] == '1' && got[1] == '1' && receive(f.pair[1]) == GOT,
		"--tree: the process, and a grandchild of later without a parent, refused; others untouched");
	if (strcmp(got, "11"))
		printf("# %d %s\n", r, got);
	close(f.ask[0]), close(f.ask[1]), close(f.say[0]), close(f.say[1]);
	k_close(f.pair);
}

/* More below --tree than there is room for: that they go uncovered is told. */
static void too_many(void)
{
	char args[64];
	int go[2], r;
	pid_t pid;
	char b;

	(void)!pipe(go);
	pid = fork();
	if (!pid) {
		(void)!read(go[0], &b, 1);
		for (int i = 0; i < 4; i++)
			if (!fork()) {
				usleep(300000);
				_exit(0);
			}
		while (wait(NULL) > 0)
			;
		_exit(0);
	}
	k_stop();
	setenv("RECVGUARD_FORCE", "few-pids", 1);
	snprintf(args, sizeof(args), "--no-wait --tree %d", pid);
	r = k_enforce(RULES, args);
	unsetenv("RECVGUARD_FORCE");
	k_result(!r, "--tree, room for two processes");
	(void)!write(go[1], "g", 1);
	waitpid(pid, NULL, 0);
	k_result(k_status_has("uncovered", " 3 processes forked below --tree's, more than can be followed"),
		 "of its four children three are told as not covered");
	close(go[0]), close(go[1]);
	k_stop();
}

/* --pid: the process, each of its threads, and none that it forks. */
static void *thread(void *fd)
{
	return (void *)(intptr_t)receive((int)(intptr_t)fd);
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
	struct family f;
	char args[64], got[4] = "";
	pid_t pid;
	int r;

	k_pair(K_DGRAM, f.pair);
	(void)!pipe(f.ask);
	(void)!pipe(f.say);
	k_send(f.pair[0], "xyz", 3);
	k_send(f.pair[0], "xyz", 3);
	pid = fork();
	if (!pid)
		alone(&f);
	snprintf(args, sizeof(args), "--no-wait --pid %d --pid 1", pid);
	r = k_enforce(RULES, args);
	(void)!write(f.ask[1], "g", 1);
	waitpid(pid, NULL, 0);
	while (strlen(got) < 3 && read(f.say[0], got + strlen(got), 1) == 1)
		;
	k_result(!r && !strcmp(got, "110") && receive(f.pair[1]) == GOT,
		 "--pid: the process and its thread refused, what it forks and others untouched");
	if (strcmp(got, "110"))
		printf("# %d %s\n", r, got);
	snprintf(args, sizeof(args), "pid=%d pid=1, beside the policies' own", pid);
	k_result(k_status_has("scope     ", args), "the status tells the scope");
	close(f.ask[0]), close(f.ask[1]), close(f.say[0]), close(f.say[1]);
	k_close(f.pair);
}

static void options(void)
{
	const struct who nobody = {.uid = 65534}, root = {.comm = "ktest-root"},
			 victim = {.comm = "ktest-victim"};

	option("--uid 65534", nobody, nobody, root);
	option("--uid 65534 --uid 1", nobody, (struct who){.uid = 1}, root);
	option("--comm ktest-victim", victim, (struct who){.comm = "ktest-victim", .uid = 1},
	       (struct who){.comm = "ktest-victimX"});
	option("--exe " COPY, (struct who){.exe = COPY}, (struct who){.exe = COPY, .uid = 65534},
	       (struct who){.exe = "/proc/self/exe"});
	option("--cgroup /ktest", (struct who){.group = "ktest"}, (struct who){.group = "ktest/sub"},
	       (struct who){.group = "ktest2"});
	option("--cgroup /sys/fs/cgroup/ktest --cgroup /ktest2", (struct who){.group = "ktest/sub"},
	       (struct who){.group = "ktest2"}, root);
	option("--container 1111111111", (struct who){.group = IN}, (struct who){.group = IN "/sub"},
	       (struct who){.group = OUT});
	option("--uid 65534 --comm ktest-victim", (struct who){.uid = 65534, .comm = "ktest-victim"},
	       (struct who){.uid = 65534, .comm = "ktest-victim"}, nobody);
	both("comm=ktest-victim", "--uid 65534", (struct who){.uid = 65534, .comm = "ktest-victim"},
	     (struct who){.uid = 65534, .comm = "ktest-victim"}, victim);
	both("'comm=ktest-victim,ktest-root'", "--cgroup /ktest",
	     (struct who){.group = "ktest", .comm = "ktest-root"},
	     (struct who){.group = "ktest/sub", .comm = "ktest-victim"}, root);
	one_process();
}

void enforce_scopes(void)
{
	const struct who nobody = {.uid = 65534}, root = {.comm = "ktest-root"};
	char cmd[300];

	snprintf(cmd, sizeof(cmd),
		 "cd /sys/fs/cgroup && mkdir -p %s/sub %s ktest/sub ktest2 && cp /proc/%d/exe %s && chmod "
		 "755 %s",
		 IN, OUT, getpid(), COPY, COPY);
	if (system(cmd))
		k_result(false, "control groups and a copy of this program can be made");
	scope("uid=65534", nobody, nobody, root);
	scope("comm=ktest-victim", (struct who){.comm = "ktest-victim"},
	      (struct who){.comm = "ktest-victim", .uid = 1}, (struct who){.comm = "ktest-victimX"});
	scope("exe=" COPY, (struct who){.exe = COPY}, (struct who){.exe = COPY, .uid = 65534},
	      (struct who){.exe = "/proc/self/exe"});
	scope("cgroup=/ktest", (struct who){.group = "ktest"}, (struct who){.group = "ktest/sub"},
	      (struct who){.group = "ktest2"});
	scope("container=111111111111", (struct who){.group = IN}, (struct who){.group = IN "/sub"},
	      (struct who){.group = OUT});
	tree();
	too_many();
	options();
	/* nobody needs a scope but who is named; two entries must both hold */
	k_result(!k_enforce_in("uid=65534, comm=ktest-victim", RULES, "--no-wait") &&
			 as(&(struct who){.uid = 65534, .comm = "ktest-victim"}) == REFUSED &&
			 as(&nobody) == GOT && as(&(struct who){.comm = "ktest-victim"}) == GOT,
		 "scope of two entries: only who meets both is refused");
	k_stop();
}
