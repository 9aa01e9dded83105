/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Policies loaded, unloaded and replaced many times in one process, while another floods a receiver with what
 * every one of them drops: nothing of that arrives, and no program, map, link, descriptor or memory is left.
 * usage: ktest-reload [BACKEND LOADS REPLACEMENTS KILLS]; without: as many as a machine of the matrix has
 * time for. Prints TAP.
 */
#include <bpf/bpf.h>
#include <dirent.h>
#include <errno.h>
#include <malloc.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <recvguard/enforce.h>

#include "enforce.h"
#include "reload.h"

struct shared *seen;
int udp[2], dgram[2];
char pins[96];
enum rg_enforce_backend backend;

static char work[64], group[320], policy[3][96];
static const char *in_root; /* the group as --cgroup has it */
static char home[600];	    /* the group it came from */

double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* ---- where it happens */

/* All drop BAD; the second has tables of another size, by the third nobody receives from seqpacket sockets.
 */
static void write_policy(unsigned i)
{
	FILE *f;

	snprintf(policy[i], sizeof(policy[i]), "%s/%u.yaml", work, i);
	f = fopen(policy[i], "w");
	if (!f)
		return;
	fprintf(f, "apiVersion: recvguard/v1\nkind: Policy\nmetadata: {name: reload%u}\nspec:\n  rules:\n",
		i);
	for (unsigned k = 0; i != NOBODY && k < 40 * i; k++)
		fprintf(f,
			"    - {name: r%u, when: 'sock.family == inet and sock.type == dgram and "
			"sock.local.port == %u', then: drop}\n",
			k, 1 + k);
	fprintf(f, "    - {name: bad, when: 'sock.family in {unix, inet} and sock.type == dgram and "
		   "msg.data[0:3] == \"BAD\"', then: drop}\n");
	if (i == NOBODY)
		fprintf(f, "    - {name: nobody, when: 'sock.family == unix and sock.type == seqpacket', "
			   "then: deny ENOMSG}\n");
	fclose(f);
}

static bool find_cgroup2(char (*at)[256])
{
	FILE *f = fopen("/proc/self/mounts", "r");
	char kind[64];
	bool found = false;

	while (f && !found && fscanf(f, "%*s %255s %63s %*[^\n]", *at, kind) == 2)
		found = !strcmp(kind, "cgroup2");
	if (f)
		fclose(f);
	return found;
}

static bool find_home(const char *root)
{
	FILE *f = fopen("/proc/self/cgroup", "r");
	char line[320];
	bool found = false;

	while (f && !found && fgets(line, sizeof(line), f)) {
		found = !strncmp(line, "0::", 3);
		line[strcspn(line, "\n")] = '\0';
		snprintf(home, sizeof(home), "%s%s", root, line + 3);
	}
	if (f)
		fclose(f);
	return found;
}

/* This process into a control group. */
static bool enter(const char *dir)
{
	char path[340];
	FILE *f;

	snprintf(path, sizeof(path), "%s/cgroup.procs", dir);
	f = fopen(path, "w");
	return f && fprintf(f, "%d", getpid()) > 0 && !fclose(f);
}

/* A bpf file system and a control group of its own; NULL, or what is missing. */
static const char *prepare(void)
{
	char root[256];

	seen = mmap(NULL, sizeof(*seen), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	snprintf(work, sizeof(work), "/tmp/ktest-reload.XXXXXX");
	if (seen == MAP_FAILED || !mkdtemp(work))
		return "a folder";
	snprintf(pins, sizeof(pins), "%s/bpf", work);
	if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) || mkdir(pins, 0700) ||
	    mount("bpf", pins, "bpf", 0, NULL))
		return "a bpf file system (needs root)";
	strcat(pins, "/recvguard");
	write_policy(0);
	write_policy(1);
	write_policy(NOBODY);
	if (!find_cgroup2(&root))
		return "a control group hierarchy of version 2";
	snprintf(group, sizeof(group), "%s/recvguard-reload-%d", root, getpid());
	in_root = group + strlen(root);
	if (!find_home(root))
		return "the control group of this process";
	return mkdir(group, 0755) ? "a control group of its own" : NULL;
}

static void clean_up(void)
{
	char cmd[200];

	(void)!setresuid(0, 0, 0);
	rmdir(group);
	snprintf(cmd, sizeof(cmd), "umount -l %s/bpf; rm -rf %s", work, work);
	if (system(cmd))
		printf("# %s is left\n", work);
}

/* ---- what must not arrive */

static void receive_one(int fd)
{
	char b[64];
	ssize_t n = recv(fd, b, sizeof(b), MSG_DONTWAIT);

	if (n >= 3 && !memcmp(b, "BAD", 3))
		seen->bad++;
	else if (n > 0)
		seen->good++;
}

void make_sockets(void)
{
	if (!enter(group))
		printf("# %s: cannot be entered\n", group);
	k_pair(K_UDP, udp);
	k_pair(K_DGRAM, dgram);
}

void leave_group(void)
{
	if (!enter(home))
		printf("# %s: cannot be left\n", group);
}

/* The receiver has the sockets, and is in the group in which they were made. */
pid_t start_receiver(void)
{
	pid_t pid;

	make_sockets();
	pid = fork();
	if (!pid) {
		struct pollfd p[2] = {{udp[1], POLLIN, 0}, {dgram[1], POLLIN, 0}};

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		while (!seen->over) {
			poll(p, 2, 50);
			receive_one(udp[1]);
			receive_one(dgram[1]);
		}
		_exit(0);
	}
	close(udp[1]);
	close(dgram[1]);
	leave_group();
	return pid;
}

void send_both(const char *text)
{
	if (send(udp[0], text, strlen(text), 0) > 0 && send(dgram[0], text, strlen(text), MSG_DONTWAIT) > 0)
		seen->sent++;
}

/* What is sent now arrives; so what was sent before has arrived or never will. */
bool all_through(void)
{
	unsigned long want = seen->good + 2;

	send_both("ok");
	for (double until = now() + 20; seen->good < want && now() < until;)
		usleep(50);
	return seen->good == want;
}

pid_t start_flood(void)
{
	pid_t pid = fork();

	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	while (!seen->over)
		send_both("BAD");
	_exit(0);
}

void end(pid_t pid)
{
	seen->over = true;
	waitpid(pid, NULL, 0);
	seen->over = false;
}

/* ---- what is left */

/* The user that this process is by its real id alone, so that what it loads can be told from all else. */
#define NOBODY_ELSE (4000000u + (unsigned)getpid())

/* A program of ours? Its maps: those that it uses. */
static bool is_ours(int fd, unsigned *n_maps)
{
	struct bpf_prog_info i = {0};
	__u32 len = sizeof(i);
	bool ours = fd >= 0 && !bpf_obj_get_info_by_fd(fd, &i, &len) && i.created_by_uid == NOBODY_ELSE;

	if (ours && n_maps)
		*n_maps += i.nr_map_ids;
	return ours;
}

static unsigned programs(unsigned *n_maps)
{
	unsigned n = 0;

	for (__u32 id = 0; !bpf_prog_get_next_id(id, &id);) {
		int fd = bpf_prog_get_fd_by_id(id);

		n += is_ours(fd, n_maps);
		close(fd);
	}
	return n;
}

static unsigned links(void)
{
	unsigned n = 0;

	for (__u32 id = 0; !bpf_link_get_next_id(id, &id);) {
		struct bpf_link_info i = {0};
		__u32 len = sizeof(i);
		int fd = bpf_link_get_fd_by_id(id), prog = -1;

		if (fd >= 0 && !bpf_obj_get_info_by_fd(fd, &i, &len))
			prog = bpf_prog_get_fd_by_id(i.prog_id);
		n += is_ours(prog, NULL);
		close(prog);
		close(fd);
	}
	return n;
}

static unsigned descriptors(void)
{
	DIR *d = opendir("/proc/self/fd");
	unsigned n = 0;

	while (d && readdir(d))
		n++;
	if (d)
		closedir(d);
	return n;
}

struct left count(void)
{
	struct left l = {.links = links(), .descriptors = descriptors(), .memory = mallinfo2().uordblks};

	l.programs = programs(&l.maps);
	return l;
}

/* The kernel frees a moment after the last reference went. */
bool back_to(const struct left *was, struct left *is)
{
	for (double until = now() + 60; now() < until; usleep(20000)) {
		*is = count();
		if (is->programs <= was->programs && is->maps <= was->maps && is->links <= was->links)
			break;
	}
	/* blocks that a thread keeps for its next request (tcache) count as used: up to a quarter of a MiB */
	return is->programs <= was->programs && is->maps <= was->maps && is->links <= was->links &&
	       is->descriptors <= was->descriptors && is->memory <= was->memory + 262144;
}

/* ---- the tests */

int load(unsigned i)
{
	const char *const files[] = {policy[i]};
	const struct rg_scope_demand only = {.name = "cgroup", .text = in_root};
	struct rg_enforce_opts o = {.policies = files,
				    .n_policies = 1,
				    .dir = pins,
				    .backend = backend,
				    .scope = &only,
				    .n_scope = backend == RG_ENFORCE_CGROUP};
	struct rg_err err = {0};
	int r = rg_enforce_load(&o, NULL, &err);

	if (r)
		printf("# %s\n", err.msg);
	return r;
}

int unload(void)
{
	struct rg_err err = {0};
	int r = rg_enforce_stop(pins, &err);

	if (r)
		printf("# %s\n", err.msg);
	return r;
}

static double took[3]; /* loading, sending, unloading */

static bool round_trip(unsigned i)
{
	double t[4] = {now()};
	bool ok = !load(i & 1);

	t[1] = now();
	send_both("BAD");
	ok = ok && all_through();
	t[2] = now();
	ok = ok && !unload();
	t[3] = now();
	for (int k = 0; k < 3; k++)
		took[k] += t[k + 1] - t[k];
	return ok;
}

static void report(const char *what, unsigned n, double all, const struct left *was, const struct left *is)
{
	printf("# %s: %u in %.1f s, %.1f ms each; programs %u→%u, maps %u→%u, links %u→%u, descriptors "
	       "%u→%u, "
	       "memory %+zd bytes; %lu dropped pairs sent, %lu arrived\n",
	       what, n, all, all * 1000 / n, was->programs, is->programs, was->maps, is->maps, was->links,
	       is->links, was->descriptors, is->descriptors, is->memory - was->memory,
	       (unsigned long)seen->sent, (unsigned long)seen->bad);
}

static void loads(unsigned n)
{
	struct stat st;
	pid_t receiver = start_receiver();
	bool ok = round_trip(1); /* what is allocated once */
	struct left was = count(), is = was;
	double from = now();

	memset(took, 0, sizeof(took));
	for (unsigned i = 0; ok && i < n; i++)
		ok = round_trip(i);
	from = now() - from;
	printf("# of one: loading %.0f ms, a message through it %.1f ms, unloading %.0f ms\n",
	       took[0] * 1000 / n, took[1] * 1000 / n, took[2] * 1000 / n);
	ok &= back_to(&was, &is);
	report("load and unload", n, from, &was, &is);
	k_result(ok && !seen->bad,
		 "loaded and unloaded %u times: each time nothing unchecked arrives, and nothing is left", n);
	k_result(stat(pins, &st) && errno == ENOENT, "nor anything pinned");
	end(receiver);
	k_close((int[]){udp[0], dgram[0]});
}

static void replacements(unsigned n)
{
	pid_t receiver = start_receiver(), flood;
	struct left before = count(), was, is = before;
	bool ok = !load(0) && !load(1) && !load(0), all;
	double from;

	was = count();
	flood = start_flood();
	from = now();
	for (unsigned i = 1; ok && i <= n; i++)
		ok = !load(i & 1);
	from = now() - from;
	kill(flood, SIGKILL);
	waitpid(flood, NULL, 0);
	all = all_through();
	ok &= all && back_to(&was, &is);
	report("replace under load", n, from, &was, &is);
	k_result(ok && seen->sent && !seen->bad,
		 "replaced %u times under load: nothing that both drop arrives, and nothing is left", n);
	end(receiver);
	k_close((int[]){udp[0], dgram[0]});
	k_result(!unload() && back_to(&before, &is), "and nothing when it is unloaded");
}

/* What a receive from that socket gives: 0 or a negative errno. */
static int receives(int fd)
{
	char b[8];

	return recv(fd, b, sizeof(b), MSG_DONTWAIT) < 0 ? -errno : 0;
}

static int no_verdict(void *arg, struct rg_event *ev)
{
	return 0;
}

/* Another loads in its place and is gone: then who reads the verdicts is not asked. */
static void reader(void)
{
	struct rg_enforce *e = NULL;
	struct rg_err err = {0};
	int sv[2], before, after, status = 0;
	bool ok;
	pid_t pid;

	k_pair(K_SEQPACKET, sv);
	k_send(sv[0], "one", 3);
	pid = fork();
	if (!pid)
		_exit(load(NOBODY) != 0);
	waitpid(pid, &status, 0);
	before = receives(sv[1]);
	ok = !status && !rg_enforce_open(pins, &e, &err) && !rg_enforce_run(e, 300, no_verdict, NULL, &err);
	after = receives(sv[1]);
	k_result(ok && before == -ENOMSG && after == 0,
		 "after one that only loads, the one that reads is not asked");
	if (!ok || before != -ENOMSG || after)
		printf("# before %d, after %d; %s\n", before, after, err.msg);
	rg_enforce_close(e);
	k_close(sv);
}

/* Who loaded is never asked, whatever it loaded; and nobody else for that. */
static void self(void)
{
	int sv[2], mine, status = 0;
	bool ok = !load(NOBODY);
	pid_t pid;

	k_pair(K_SEQPACKET, sv);
	k_send(sv[0], "one", 3);
	k_send(sv[0], "two", 3);
	pid = fork();
	if (!pid)
		_exit(-receives(sv[1]));
	waitpid(pid, &status, 0);
	mine = receives(sv[1]);
	k_result(ok && WEXITSTATUS(status) == ENOMSG && mine == 0,
		 "the process that loaded a policy for everybody is not asked, its child is");
	if (WEXITSTATUS(status) != ENOMSG || mine)
		printf("# child %d, itself %d\n", -WEXITSTATUS(status), mine);
	k_close(sv);
	reader();
	k_result(!unload(), "and unloads it");
}

int main(int argc, char **argv)
{
	/* a whole load and unload takes seconds where the processor is emulated */
	unsigned n_loads = argc > 2 ? (unsigned)atoi(argv[2]) : 2;
	unsigned n_replaced = argc > 3 ? (unsigned)atoi(argv[3]) : 40;
	const char *missing = prepare();

	setvbuf(stdout, NULL, _IOLBF, 0);
	for (unsigned i = 0; argc > 1 && rg_enforce_backend_names[i]; i++)
		if (!strcmp(argv[1], rg_enforce_backend_names[i]))
			backend = (enum rg_enforce_backend)i;
	if (!missing && setresuid(NOBODY_ELSE, 0, 0))
		missing = "a user id of its own";
	if (missing) {
		k_skip("reload", missing);
		clean_up();
		return k_end();
	}
	if (load(0)) {
		k_skip("reload", "this kernel has not what the programs need (said above)");
	} else {
		unload();
		loads(n_loads);
		replacements(n_replaced);
		reload_races(argc > 4 ? (unsigned)atoi(argv[4]) : 1);
		if (backend != RG_ENFORCE_CGROUP) /* which asks nobody */
			self();
	}
	clean_up();
	return k_end();
}
