/* SPDX-License-Identifier: BSD-2-Clause */
/* To whom a policy applies: who is in its scope is refused, who is not is untouched. */
#include <errno.h>
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

int k_receive_main(const char *fd)
{
	return k_try(atoi(fd));
}

int k_try_main(const char *comm)
{
	int pair[2];

	k_pair(K_STREAM, pair);
	k_send(pair[0], "x", 1);
	k_name(comm);
	return k_try(pair[1]);
}

/* Into a control group, which is made: its path below the root. */
static void enter(const char *group)
{
	char path[300];
	FILE *f;

	snprintf(path, sizeof(path), "/sys/fs/cgroup/%s/cgroup.procs", group);
	f = fopen(path, "w");
	if (!f || fprintf(f, "0\n") < 0 || fclose(f))
		_exit(K_ELSE);
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
			_exit(K_ELSE);
		if (w->comm)
			k_name(w->comm);
		if (!w->exe)
			_exit(k_try(pair[1]));
		snprintf(fd, sizeof(fd), "%d", pair[1]);
		execl(w->exe, w->exe, "receive", fd, NULL);
		_exit(K_ELSE);
	}
	waitpid(pid, &status, 0);
	k_close(pair);
	return WIFEXITED(status) ? WEXITSTATUS(status) : K_ELSE;
}

/* A scope, by options (NULL: none) beside the policy's own. */
static void both(const char *entry, const char *options, struct who in, struct who also, struct who out)
{
	char args[300];
	int r, a, b, c;

	snprintf(args, sizeof(args), "--no-wait %s", options ? options : "");
	r = k_enforce_in(entry, RULES, args);
	a = as(&in), b = as(&also), c = as(&out);
	k_result(!r && a == K_REFUSED && b == K_REFUSED && c == K_GOT,
		 "scope %s%s%s: in it refused, out of it untouched", entry, options ? ", " : "",
		 options ? options : "");
	if (a != K_REFUSED || b != K_REFUSED || c != K_GOT)
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
	options();
	/* nobody needs a scope but who is named; two entries must both hold */
	k_result(!k_enforce_in("uid=65534, comm=ktest-victim", RULES, "--no-wait") &&
			 as(&(struct who){.uid = 65534, .comm = "ktest-victim"}) == K_REFUSED &&
			 as(&nobody) == K_GOT && as(&(struct who){.comm = "ktest-victim"}) == K_GOT,
		 "scope of two entries: only who meets both is refused");
	k_stop();
}
