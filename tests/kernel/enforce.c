/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * `recvguard enforce` in this kernel: route × kind of socket × action, each cell asserted; datagrams dropped
 * as they are queued; descriptors refused as they are installed. Prints TAP. tests/kernel/enforce_races.c has
 * the races.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include "enforce.h"

#define ME	"ktest-victim"
#define OTHER	"ktest-other"
#define MESSAGE "hello"

enum want { DELIVERED, STOPPED, KILLED };

static bool applies(const struct k_route *r, enum k_kind kind)
{
	bool stream = kind == K_STREAM || kind == K_TCP;

	return !(r->stream_only && !stream) && !(r->tcp_only && kind != K_TCP) && !(r->datagrams && stream);
}

/* Does the receiver get a signal instead of an answer? */
static bool dies(long (*run)(int fd), int fd)
{
	int status = 0;
	pid_t pid = fork();

	if (!pid) {
		k_name(ME);
		run(fd);
		_exit(0);
	}
	waitpid(pid, &status, 0);
	return WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
}

/* Nothing of what was queued is gone. */
static bool still_queued(int fd, unsigned messages)
{
	char b[64];

	k_name(OTHER);
	for (unsigned i = 0; i < messages; i++)
		if (recv(fd, b, sizeof(b), MSG_DONTWAIT) < (ssize_t)strlen(MESSAGE))
			return false;
	return true;
}

static bool cell(const struct k_route *r, enum k_kind kind, enum want want, int err, long *got)
{
	unsigned messages = r->datagrams ? 2 : 1;
	int pair[2];
	bool ok;

	k_pair(kind, pair);
	for (unsigned i = 0; i < messages; i++)
		k_send(pair[0], MESSAGE, strlen(MESSAGE));
	k_readable(pair[1]);
	if (want == KILLED) {
		ok = dies(r->run, pair[1]) && still_queued(pair[1], 1);
		*got = 0;
	} else {
		k_name(ME);
		*got = r->run(pair[1]);
		k_name(OTHER);
		ok = want == DELIVERED ? *got >= (r->tcp_only ? 0 : (long)strlen(MESSAGE))
				       : *got == -err && still_queued(pair[1], messages);
	}
	k_name(OTHER);
	k_close(pair);
	return ok;
}

/* Which cells work at all here: without a policy. */
static bool usable[64][K_KINDS];

/* One line per route: the kinds of sockets together. counted: the word of `enforce status` under which each
 * message is told of; NULL: none. */
static void matrix(const char *action, enum want want, int err, const char *counted)
{
	long before = counted ? k_status(counted) : 0, after;

	for (unsigned i = 0; i < k_n_routes; i++) {
		const struct k_route *r = &k_routes[i];
		char bad[200] = "";
		unsigned cells = 0;

		for (int k = 0; k < K_KINDS; k++) {
			long got = 0;

			if (!applies(r, (enum k_kind)k) || !usable[i][k])
				continue;
			cells++;
			if (!cell(r, (enum k_kind)k, want, err, &got))
				snprintf(bad + strlen(bad), sizeof(bad) - strlen(bad), " %s: %ld (%s);",
					 k_kind_names[k], got, got < 0 ? strerror((int)-got) : "");
		}
		if (!cells)
			continue;
		k_result(!bad[0], "%s: %s is %s (%u kinds of sockets)", action, r->name,
			 want == DELIVERED ? "delivered"
			 : want == STOPPED ? "stopped, the message stays queued"
					   : "stopped, the receiver is killed",
			 cells);
		if (bad[0])
			printf("# instead:%s\n", bad);
		if (!counted)
			continue;
		after = k_status(counted);
		k_result(after - before >= cells, "%s: %s: each of them is told of (%u %s)", action, r->name,
			 (unsigned)(after - before), counted);
		before = after;
	}
}

static void try_routes(void)
{
	char list[512] = "";
	long got;

	for (unsigned i = 0; i < k_n_routes; i++)
		for (int k = 0; k < K_KINDS; k++) {
			if (!applies(&k_routes[i], (enum k_kind)k))
				continue;
			usable[i][k] = cell(&k_routes[i], (enum k_kind)k, DELIVERED, 0, &got);
			if (!usable[i][k])
				snprintf(list + strlen(list), sizeof(list) - strlen(list), " %s on %s: %ld;",
					 k_routes[i].name, k_kind_names[k], got);
		}
	if (list[0])
		printf("# this kernel has not, policy or none:%s\n", list);
	k_result(usable[0][K_STREAM] && usable[4][K_TCP], "without a policy everything is delivered");
}

static void denied_routes(void)
{
	try_routes();
	k_result(!k_enforce("    - {name: victim, when: 'proc.comm == \"" ME "\"', then: deny ENOMSG}\n",
			    "--no-wait"),
		 "a policy that denies is loaded");
	matrix("deny", STOPPED, ENOMSG, NULL);
	k_result(k_status("denied") > 0, "status counts what was denied");
}

/* Rules that only report see every route, as those that refuse do. */
static void reported(void)
{
	k_stop();
	k_result(!k_enforce("    - {name: nobody, when: 'proc.comm == \"" ME "\"', then: deny ENOMSG}\n"
			    "  mode: audit\n",
			    "--no-wait"),
		 "a policy in audit");
	matrix("mode: audit", DELIVERED, 0, "audited");
	k_stop();
	k_result(!k_enforce("    - {name: note, when: 'proc.comm == \"" ME "\"', then: log}\n", "--no-wait"),
		 "a policy that logs");
	matrix("log", DELIVERED, 0, "logged");
}

static void routes(void)
{
	denied_routes();
	k_result(!k_enforce("    - {name: nobody, when: 'proc.comm == \"" ME "\"', then: kill}\n",
			    "--no-wait"),
		 "one that kills takes its place");
	matrix("kill", KILLED, 0, NULL);
	k_result(!k_enforce("    - {name: nobody, when: 'proc.comm == \"" ME "\"', then: deny ENOMSG}\n",
			    "--no-wait --audit"),
		 "--audit takes its place");
	matrix("--audit", DELIVERED, 0, "audited");
	reported();
	k_result(!k_enforce("    - {name: first, when: 'proc.comm == \"" ME
			    "\" and sock.type != raw', then: allow}\n"
			    "    - {name: nobody, when: 'proc.comm == \"" ME "\"', then: deny ENOMSG}\n",
			    "--no-wait"),
		 "an exception before the rule");
	matrix("allow", DELIVERED, 0, NULL);
}

/* By the other way into the same hooks (fmod_ret): each route once, each stage once. */
static void brief(void)
{
	denied_routes();
	enforce_events();
	enforce_stages();
}

/* ---- conditions: who, which socket, peer, flags */

static long try_recv(int fd, int flags)
{
	char b[64];
	ssize_t n;

	k_name(ME);
	n = recv(fd, b, sizeof(b), flags | MSG_DONTWAIT);
	k_name(OTHER);
	return n < 0 ? -errno : n;
}

static void condition(const char *what, enum k_kind kind, const char *cond, int flags, bool stopped)
{
	char rules[512];
	int pair[2];
	long r;

	k_pair(kind, pair);
	k_send(pair[0], MESSAGE, 5);
	k_readable(pair[1]);
	snprintf(rules, sizeof(rules), "    - {name: it, when: '%s', then: deny ENOMSG}\n", cond);
	if (k_enforce(rules, "--no-wait")) {
		k_result(false, "loads: %s", cond);
	} else {
		r = try_recv(pair[1], flags);
		k_result(stopped ? r == -ENOMSG : r == 5, "%s: %s", what, stopped ? "stopped" : "delivered");
		if (stopped ? r != -ENOMSG : r != 5)
			printf("# %s: got %ld\n", cond, r);
	}
	k_close(pair);
}

static void conditions(void)
{
	char c[200];

	snprintf(c, sizeof(c), "proc.pid == %d", getpid());
	condition("its process id", K_DGRAM, c, 0, true);
	snprintf(c, sizeof(c), "proc.tid == %d", getpid());
	condition("its thread's id", K_UDP, c, 0, true);
	condition("its group of users", K_STREAM, "proc.gid == 0", 0, true);
	condition("its own port", K_TCP, "sock.local.port in 1024..65535", 0, true);
	snprintf(c, sizeof(c), "proc.pid in {1, 2, 3, %d}", getpid() + 1);
	condition("another's process id", K_DGRAM, c, 0, false);
	condition("a range of users", K_STREAM, "proc.uid < 1000 and proc.comm startswith \"ktest-v\"", 0,
		  true);
	condition("another range of users", K_STREAM, "proc.uid >= 1000 and proc.comm == \"" ME "\"", 0,
		  false);
	condition("the executable", K_STREAM, "proc.exe == \"/rg/bin/ktest-enforce\"", 0, true);
	condition("another executable", K_STREAM, "proc.exe == \"/rg/bin/recvguard\"", 0, false);
	condition("the kind of socket", K_UDP,
		  "proc.comm == \"" ME "\" and sock.family == inet and sock.type == dgram", 0, true);
	condition("another kind of socket", K_DGRAM, "proc.comm == \"" ME "\" and sock.family == inet", 0,
		  false);
	condition("the peer's address", K_TCP, "proc.comm == \"" ME "\" and sock.remote.addr in 127.0.0.0/8",
		  0, true);
	condition("another peer's address", K_TCP,
		  "proc.comm == \"" ME "\" and sock.remote.addr in 10.0.0.0/8", 0, false);
	condition("a range of ports", K_TCP, "proc.comm == \"" ME "\" and sock.remote.port in 1024..65535", 0,
		  true);
	condition("another range of ports", K_TCP, "proc.comm == \"" ME "\" and sock.remote.port < 1024", 0,
		  false);
	condition("no peer", K_UDP, "proc.comm == \"" ME "\" and not sock.remote.addr in 10.0.0.0/8", 0,
		  true);
	condition("the flags", K_STREAM, "proc.comm == \"" ME "\" and msg.flags has MSG_PEEK", MSG_PEEK,
		  true);
	condition("other flags", K_STREAM, "proc.comm == \"" ME "\" and msg.flags has MSG_PEEK", 0, false);
	condition("either of two", K_STREAM,
		  "proc.comm == \"nobody\" or (proc.comm == \"" ME "\" and sock.type == stream)", 0, true);
	condition("the control group", K_STREAM, "proc.comm == \"" ME "\" and proc.cgroup == \"/\"", 0, true);
	condition("a group it is not below", K_STREAM,
		  "proc.comm == \"" ME "\" and proc.cgroup startswith \"/ktest/\"", 0, false);
}

/* All 108 bytes taken, so that there is no NUL within; shorter than what is hashed; a name without a file. */
static void odd_paths(void)
{
	static const struct {
		const char *name, *cond;
		unsigned len;
	} all[] = {{"/tmp/ktest-", "sock.path startswith \"/tmp/ktest-//\"", 108},
		   {"/ktest", "sock.path == \"/ktest\"", 6},
		   {"", "sock.path == \"@////////\"", 9}};

	for (unsigned i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		struct {
			unsigned short family;
			char path[108];
		} a = {.family = AF_UNIX};
		socklen_t len = (socklen_t)(2 + all[i].len);
		int l = socket(AF_UNIX, SOCK_DGRAM, 0), s = socket(AF_UNIX, SOCK_DGRAM, 0);
		char rules[200];
		long r;

		memset(a.path, i == 1 ? 0 : '/', sizeof(a.path));
		memcpy(a.path, all[i].name, strlen(all[i].name));
		if (!all[i].name[0])
			a.path[0] = '\0';
		if (i == 0)
			a.path[107] = 'x';
		if (a.path[0])
			unlink(all[i].len == 108 ? "/tmp/ktest-/x" : all[i].name);
		snprintf(rules, sizeof(rules), "    - {name: it, when: '%s', then: deny ENOMSG}\n",
			 all[i].cond);
		if (all[i].len == 108)
			mkdir("/tmp/ktest-", 0700);
		if (bind(l, (void *)&a, len) || connect(s, (void *)&a, len) ||
		    k_enforce(rules, "--no-wait")) {
			k_result(false, "set up: a name of %u bytes: %s", all[i].len, strerror(errno));
			continue;
		}
		k_send(s, MESSAGE, 5);
		r = try_recv(l, 0);
		k_result(r == -ENOMSG, "a name of %u bytes: stopped", all[i].len);
		if (r != -ENOMSG)
			printf("# got %ld\n", r);
		close(l);
		close(s);
	}
}

static void unix_paths(void)
{
	static const char *const cond[] = {
		"sock.path == \"/tmp/ktest-sock\"", "sock.path startswith \"/tmp/kt\"",
		"sock.path in {\"/x\", \"/tmp/ktest-sock\"}", "sock.path startswith \"/tmp/ktest-s\"",
		"sock.path exists", "sock.path == \"/tmp/ktest\"",
		"sock.path startswith \"/tmp/ktest-sockets\"",
		/* as long, and with the same beginning: not told apart by the short way */
		"sock.path == \"/tmp/ktest-soc2\"", "sock.path in {\"/x\", \"/run/other-sock\"}"};
	const unsigned hold = 5;
	struct {
		unsigned short family;
		char path[108];
	} a = {AF_UNIX, "/tmp/ktest-sock"};

	for (unsigned i = 0; i < sizeof(cond) / sizeof(cond[0]); i++) {
		char rules[200];
		int l = socket(AF_UNIX, SOCK_DGRAM, 0), s = socket(AF_UNIX, SOCK_DGRAM, 0);
		long r;

		unlink(a.path);
		snprintf(rules, sizeof(rules), "    - {name: it, when: '%s', then: deny ENOMSG}\n", cond[i]);
		if (bind(l, (void *)&a, (socklen_t)(2 + strlen(a.path))) ||
		    connect(s, (void *)&a, (socklen_t)(2 + strlen(a.path))) ||
		    k_enforce(rules, "--no-wait")) {
			k_result(false, "set up: %s", cond[i]);
			continue;
		}
		k_send(s, MESSAGE, 5);
		r = try_recv(l, 0);
		k_result(i < hold ? r == -ENOMSG : r == 5, "%s: %s", cond[i],
			 i < hold ? "stopped" : "delivered");
		close(l);
		close(s);
	}
	odd_paths();
}

/* A socket with a name of its own keeps it: a batch is let through where no rule names it, by the short way
 * (whole paths of seven bytes at least) and by the tables, and stopped where one does. */
static void named_batches(void)
{
	static const char others[] =
		"/tmp/ktest-soc2\", \"/run/other-sock"; /* the first is flagged with ours */
	static const struct {
		const char *name, *rules;
		unsigned len;
	} all[] = {{"/tmp/ktest-sock", others, 15},
		   {"/tmp/ktest-sock", "/x\", \"@/run/other", 15},
		   {"/tmp/ktest-a", others, 108},
		   {"/ktest", others, 6},
		   {"", others, 9},
		   {"", "@/no/such", 9},
		   {"/tmp/ktest-sock", "/tmp/ktest-", 108},
		   {"/ktest", "/ktest1", 6}};

	for (unsigned i = 0; i < 2 * sizeof(all) / sizeof(all[0]); i++) {
		struct sockaddr_un a = {.sun_family = AF_UNIX};
		unsigned k = i / 2, len = all[k].len, own = i & 1;
		int l = socket(AF_UNIX, SOCK_DGRAM, 0), s = socket(AF_UNIX, SOCK_DGRAM, 0);
		char rules[400], shown[109] = "", b[2];
		struct iovec iov[2] = {{b, 1}, {b + 1, 1}};
		struct mmsghdr m[2] = {{{.msg_iov = iov, .msg_iovlen = 1}, 0},
				       {{.msg_iov = iov + 1, .msg_iovlen = 1}, 0}};
		long r;

		memset(a.sun_path, 'a', len);
		memcpy(a.sun_path, all[k].name, strlen(all[k].name));
		memcpy(shown, a.sun_path, len);
		if (all[k].name[0])
			unlink(shown);
		else
			a.sun_path[0] = '\0';
		shown[0] = all[k].name[0] ? '/' : '@';
		snprintf(rules, sizeof(rules),
			 "    - {name: it, when: 'sock.path in {\"%s\"%s%s%s}', then: deny ENOMSG}\n",
			 all[k].rules, own ? ", \"" : "", own ? shown : "", own ? "\"" : "");
		if (bind(l, (void *)&a, (socklen_t)(2 + len)) ||
		    connect(s, (void *)&a, (socklen_t)(2 + len)) || k_enforce(rules, "--no-wait")) {
			k_result(false, "set up: %s", shown);
			continue;
		}
		k_send(s, "x", 1);
		k_send(s, "y", 1);
		r = recvmmsg(l, m, 2, MSG_DONTWAIT, NULL);
		r = r < 0 ? -errno : r;
		k_result(own ? r == -ENOMSG : r == 2, "a batch on %.20s (%u), rules on \"%s\"%s: %ld", shown,
			 len, all[k].rules, own ? " and it" : "", r);
		if (all[k].name[0])
			unlink(shown);
		close(l);
		close(s);
	}
}

/* recvmmsg's later messages pass no hook: refused where a rule tests what can change meanwhile. By every way
 * to call it, also of whom no rule names: those get past the tables (bpf/lib/enf_front.h). */
static void batches(void)
{
	static const struct {
		enum k_kind kind;
		const char *cond;
		bool refused;
	} all[] = {
		{K_DGRAM, "proc.comm == \"" ME "\" and sock.path == \"/no/such\"", true},
		{K_DGRAM, "proc.comm == \"nobody\" and sock.path == \"/no/such\"", false},
		{K_DGRAM, "sock.path == \"/no/such/path\"", true},
		{K_UDP, "sock.path == \"/no/such/path\"", false},
		{K_UDP, "sock.remote.port == 9", true},
		{K_UDP6, "sock.remote.port == 9", true},
		{K_DGRAM, "sock.remote.port == 9", false},
		{K_UDP, "sock.remote.addr in 10.0.0.0/8", true},
		{K_DGRAM, "sock.remote.addr in 10.0.0.0/8", false}, /* a name is no address */
		{K_DGRAM, "sock.remote.addr exists", true},
	};

	for (unsigned i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		char rules[200], bad[200] = "";
		long got;

		snprintf(rules, sizeof(rules), "    - {name: it, when: '%s', then: deny ENOMSG}\n",
			 all[i].cond);
		k_enforce(rules, "--no-wait");
		for (unsigned k = 0; k < k_n_routes; k++)
			if ((k_routes[k].datagrams &&
			     !cell(&k_routes[k], all[i].kind, all[i].refused ? STOPPED : DELIVERED, EPERM,
				   &got)) ||
			    (!strcmp(k_routes[k].name, "recvmmsg of one") &&
			     !cell(&k_routes[k], all[i].kind, DELIVERED, 0, &got)))
				snprintf(bad + strlen(bad), sizeof(bad) - strlen(bad), " %s: %ld;",
					 k_routes[k].name, got);
		k_result(!bad[0], "%s, %s: batches of two are %s, one message is delivered",
			 k_kind_names[all[i].kind], all[i].cond, all[i].refused ? "refused" : "delivered");
		if (bad[0])
			printf("# instead:%s\n", bad);
	}
	named_batches();
	k_stop(); /* or what comes next finds no batches at all */
}

/* What is run: what the command line names, or what is not left to other machines or hours. */
static const struct {
	const char *name;
	void (*fn)(void);
	bool if_named;
} groups[] = {
	{"routes", routes, false},	   {"conditions", conditions, false},
	{"paths", unix_paths, false},	   {"batches", batches, false},
	{"queue", enforce_queue, false},   {"races", enforce_races, true},
	{"setups", enforce_setups, false}, {"brief", brief, true},
	{"tree", enforce_tree, false},	   {"scopes", enforce_scopes, true},
};

static bool is_asked(size_t group, int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		if (!strcmp(argv[i], groups[group].name))
			return true;
	return argc < 2 && !groups[group].if_named;
}

int main(int argc, char **argv)
{
	struct utsname u;

	if (argc == 3 && !strcmp(argv[1], "receive"))
		return k_receive_main(argv[2]);
	if (argc == 3 && !strcmp(argv[1], "try"))
		return k_try_main(argv[2]);
	uname(&u);
	setvbuf(stdout, NULL, _IOLBF, 0);
	k_name(OTHER);
	k_stop();
	if (k_enforce("    - {name: nobody, when: 'proc.comm == \"nobody\"', then: deny}\n", "--no-wait")) {
		if (!strncmp(u.release, "5.10.", 5)) {
			k_skip("enforce",
			       "5.10 has not the helpers that the programs need (said by enforce itself)");
			return k_end();
		}
		k_result(false, "enforcement loads");
		return k_end();
	}
	k_result(k_status_has("by        ", k_backend_told()), "enforcement loads, by %s", k_backend());
	k_stop();
	for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++)
		if (is_asked(i, argc, argv))
			groups[i].fn();
	k_stop();
	return k_end();
}
