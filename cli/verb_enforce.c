/* SPDX-License-Identifier: BSD-2-Clause */
/* enforce: policies that the kernel itself enforces. */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <recvguard/enforce.h>
#include <recvguard/sink.h>

#include "cli.h"
#include "outputs.h"

struct enforce_opts {
	struct cli_str_list policies, outputs, redact;
	struct cli_u32_list pids, uids;
	struct cli_str_list comms, cgroups, containers, exes;
	bool audit, no_wait, quiet;
	uint64_t for_ns;
	uint32_t tree, count;
	const char *dir;
	int backend;
};

static const char *const backends[] = {"auto", "lsm", "fmod_ret", "cgroup",
				       NULL}; /* enum rg_enforce_backend */

#define DIR_OPTION(type)                                                                               \
	{                                                                                              \
		"dir", 0, "DIR", &cli_dir, offsetof(type, dir),                                        \
			"Where it is pinned: a folder in a bpf file system (" RG_ENFORCE_DIR ")", NULL \
	}

#define AT(member) offsetof(struct enforce_opts, member)
static const struct cli_opt options[] = {
	{"policy", 'p', "FILE", &cli_files, offsetof(struct enforce_opts, policies),
	 "Policy file, or folder of policies; without any the verdicts of what is enforced already are shown",
	 "--policy machine.yaml --for 10m"},
	{"output", 'o', "FORMAT[=FILE]", &cli_outputs, offsetof(struct enforce_opts, outputs),
	 "Where verdicts go, as in `recvguard trace`; several may be given",
	 "-p machine.yaml -o json=verdicts.json"},
	{"redact", 0, "PATTERN", &cli_redact, offsetof(struct enforce_opts, redact),
	 "Hide in the verdicts what this regular expression matches, or a set of patterns (@SET)",
	 "-p machine.yaml --redact 'sess-\\w+' -o json"},
	{"audit", 0, NULL, &cli_flag, offsetof(struct enforce_opts, audit),
	 "Decide and report, but let everything through: the first step with every policy",
	 "--audit -p machine.yaml"},
	{"for", 0, "DURATION", &cli_duration, offsetof(struct enforce_opts, for_ns),
	 "The kernel stops enforcing by itself after this long, whatever became of recvguard",
	 "--for 5m -p machine.yaml"},
	{"tree", 0, "PID", &cli_pid, offsetof(struct enforce_opts, tree),
	 "Only that process and whatever it starts, now and later (beyond 131,072 threads at once, forks "
	 "there fail: enforce status, unforked); refused in a pid namespace, where numbers are others than "
	 "in "
	 "the kernel",
	 "--tree 4711 -p machine.yaml"},
	{"pid", 0, "PID", &cli_pids, AT(pids),
	 "Only this process, not what it starts (--tree); refused in a pid namespace, as that is",
	 "--pid 4711 -p machine.yaml"},
#include "who.def"
	{"backend", 0, "NAME", &cli_choice, offsetof(struct enforce_opts, backend),
	 "Which hooks to use; auto is the best that can be had", "--backend cgroup -p udp.yaml", backends},
	{"no-wait", 0, NULL, &cli_flag, offsetof(struct enforce_opts, no_wait),
	 "Load and return; verdicts are kept for whoever asks for them", NULL},
	{"count", 'n', "N", &cli_u32, offsetof(struct enforce_opts, count), "End after so many verdicts",
	 NULL},
	{"quiet", 'q', NULL, &cli_flag, offsetof(struct enforce_opts, quiet), "No notices on standard error",
	 NULL},
	DIR_OPTION(struct enforce_opts),
	{0},
};

struct watching {
	const struct enforce_opts *o;
	struct cli_sinks sinks;
	struct rg_err err;
	uint64_t shown;
};

static volatile sig_atomic_t signalled;

static void on_signal(int sig)
{
	signalled = sig;
}

static int on_verdict(void *arg, struct rg_event *ev)
{
	struct watching *w = arg;
	int r = cli_sinks_write(&w->sinks, ev, &w->err);

	w->shown++;
	if (r < 0)
		return r;
	return w->o->count && w->shown >= w->o->count ? 2 : 0;
}

static const char *const told[] = {"nothing", "BPF LSM", "fmod_ret",
				   "the control group's hook and socket filters"};

/* What the back-end without trampolines leaves open. */
static void say_uncovered(const struct cli_call *call, const struct rg_enforce_loaded *l, const char *group)
{
	if (l->why[0])
		cli_say(call->verb, "better hooks cannot be had here: %s", l->why);
	cli_say(call->verb,
		"covered: UDP sockets made in %s, and %u unix datagram and seqpacket sockets that its "
		"processes hold "
		"now",
		group, l->filters);
	if (l->bare)
		cli_say(call->verb, "%u unix sockets have a filter of their own and are left to it", l->bare);
	cli_say(call->verb, "not covered: sockets made outside and handed in, unix sockets made from now on "
			    "(load again, or "
			    "`recvguard run`), streams, what was queued before, and every rule but drop");
}

static void say_loaded(const struct cli_call *call, const struct enforce_opts *o,
		       const struct rg_enforce_loaded *l)
{
	struct rg_enforce_status s;
	struct rg_err err;

	if (l->unknown[0])
		cli_say(call->verb,
			"there is no such thing now, and rules about it hold for nobody: %s; load the policy "
			"again when it exists",
			l->unknown);
	if (l->unguarded[0])
		cli_say(call->verb, "what is pinned can't be guarded from other programs here: %s",
			l->unguarded);
	if (o->quiet || rg_enforce_status(o->dir, &s, &err))
		return;
	cli_say(call->verb,
		"%s: %u rules by %s (%s)%s%s%s; it holds after recvguard ends, `recvguard enforce stop` ends "
		"it",
		s.audit ? "auditing, nothing is refused" : "enforcing", s.rules, told[s.backend],
		s.hooks	    ? s.hook_names
		: s.filters ? "filters alone"
			    : "no hook is needed",
		s.scope[0] ? ", for " : "", s.scope, s.left_ns ? ", until the time given is over" : "");
	if (l->backend == RG_ENFORCE_CGROUP)
		say_uncovered(call, l, s.group);
	if (l->leaky)
		cli_say(call->verb,
			"not covered: this kernel preempts fmod_ret's programs and leaves out others' runs "
			"of them meanwhile, which pass unchecked (`enforce status` counts them); BPF "
			"LSM has not that hole (lsm=...,bpf)");
}

static int watch_loop(struct watching *w, struct rg_enforce *e, struct rg_err *err)
{
	for (;;) {
		int r = rg_enforce_run(e, 200, on_verdict, w, err);

		if (r < 0 && w->err.code)
			*err = w->err;
		if (r >= 0 && cli_sinks_flush(&w->sinks, err) < 0)
			return err->code;
		if (r || signalled)
			return r;
	}
}

static int watch(const struct cli_call *call, const struct enforce_opts *o)
{
	struct rg_sink_opts so = {.hex = false};
	struct watching w = {.o = o};
	struct sigaction sa = {.sa_handler = on_signal};
	struct rg_enforce *e = NULL;
	struct rg_err err = {0};
	int r = rg_enforce_open(o->dir, &e, &err);

	if (r)
		return cli_fail(call->verb, &err);
	r = cli_sinks_open(&w.sinks, &o->outputs, &o->redact, so, NULL, &err);
	if (!r) {
		sigaction(SIGINT, &sa, NULL);
		sigaction(SIGTERM, &sa, NULL);
		r = watch_loop(&w, e, &err);
		if (cli_sinks_close(&w.sinks, r < 0 ? NULL : &err) < 0 && r >= 0)
			r = err.code;
	}
	rg_enforce_close(e);
	if (r < 0)
		return cli_fail(call->verb, &err);
	if (r == 1 && !o->quiet)
		cli_say(call->verb, "enforcement was stopped");
	else if (!o->quiet)
		cli_say(call->verb,
			"what was loaded goes on being enforced; `recvguard enforce stop` ends it");
	return cli_finish(call->verb, CLI_OK);
}

/* sd_notify(3): the service that runs us counts as started when the policies hold. */
static void tell_ready(void)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	size_t len = path ? strlen(path) : 0;
	int fd;

	if (!len || len >= sizeof(a.sun_path))
		return;
	memcpy(a.sun_path, path, len);
	if (path[0] == '@')
		a.sun_path[0] = '\0';
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return;
	sendto(fd, "READY=1", 7, MSG_NOSIGNAL, (struct sockaddr *)&a,
	       (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len));
	close(fd);
}

/* The options that say whom it holds for: named as the entries of a scope. */
static const struct {
	const char *name;
	size_t at;
	bool number;
} whom[] = {{"pid", AT(pids), true},
	    {"uid", AT(uids), true},
	    {"comm", AT(comms), false},
	    {"cgroup", AT(cgroups), false},
	    {"container", AT(containers), false},
	    {"exe", AT(exes), false}};
#define N_WHOM (sizeof(whom) / sizeof(whom[0]))

/* Both kinds of lists: a pointer and a count. */
static const struct cli_u32_list *numbers(const struct enforce_opts *o, size_t i)
{
	return (const void *)((const char *)o + whom[i].at);
}

static const struct cli_str_list *texts(const struct enforce_opts *o, size_t i)
{
	return (const void *)((const char *)o + whom[i].at);
}

static int narrow(const struct enforce_opts *o, struct rg_scope_demand **ret, unsigned *ret_n,
		  struct rg_err *err)
{
	unsigned n = 0, at = 0;

	for (size_t i = 0; i < N_WHOM; i++)
		n += whom[i].number ? numbers(o, i)->n : texts(o, i)->n;
	*ret = calloc(n + 1, sizeof(**ret));
	if (!*ret)
		return rg_fail(err, -ENOMEM, "out of memory");
	for (size_t i = 0; i < N_WHOM; i++) {
		for (unsigned k = 0; whom[i].number && k < numbers(o, i)->n; k++)
			(*ret)[at++] = (struct rg_scope_demand){whom[i].name, NULL, numbers(o, i)->v[k]};
		for (unsigned k = 0; !whom[i].number && k < texts(o, i)->n; k++)
			(*ret)[at++] = (struct rg_scope_demand){whom[i].name, texts(o, i)->v[k], 0};
	}
	*ret_n = n;
	return 0;
}

static int run(const struct cli_call *call, const void *opts)
{
	const struct enforce_opts *o = opts;
	struct rg_enforce_opts eo = {.policies = o->policies.v,
				     .n_policies = o->policies.n,
				     .dir = o->dir,
				     .audit = o->audit,
				     .for_ns = o->for_ns,
				     .tree = (int)o->tree,
				     .backend = (enum rg_enforce_backend)o->backend};
	struct rg_enforce_loaded loaded;
	struct rg_scope_demand *scope = NULL;
	struct rg_err err = {0};
	int r = narrow(o, &scope, &eo.n_scope, &err);

	eo.scope = scope;
	if (!r && !o->policies.n &&
	    (o->audit || o->for_ns || o->tree || o->no_wait || o->backend || eo.n_scope)) {
		free(scope);
		return cli_usage(call->verb,
				 "--audit, --for, --backend, --no-wait, --tree and what else says whom "
				 "it holds for go with --policy");
	}
	if (!r && o->policies.n)
		r = rg_enforce_load(&eo, &loaded, &err);
	free(scope);
	if (r < 0)
		return cli_fail(call->verb, &err);
	if (o->policies.n)
		say_loaded(call, o, &loaded);
	tell_ready();
	return o->no_wait ? cli_finish(call->verb, CLI_OK) : watch(call, o);
}

/* ---- status, stop */

struct dir_opts {
	const char *dir;
};

static const struct cli_opt dir_options[] = {
	DIR_OPTION(struct dir_opts),
	{0},
};

static void print_time(uint64_t ns)
{
	time_t t = (time_t)(ns / 1000000000u);
	struct tm tm;
	char text[32];

	gmtime_r(&t, &tm);
	strftime(text, sizeof(text), "%FT%TZ", &tm);
	printf("loaded    %s\n", text);
}

static int status_run(const struct cli_call *call, const void *opts)
{
	const struct dir_opts *o = opts;
	struct rg_enforce_status s;
	struct rg_err err = {0};

	if (rg_enforce_status(o->dir, &s, &err) < 0)
		return cli_fail(call->verb, &err);
	printf("state     %s\n", !s.on ? "over: the time given by --for has passed, everything is let through"
				 : s.audit ? "auditing: decided and reported, everything is let through"
					   : "enforcing");
	if (s.left_ns)
		printf("until     %" PRIu64 " s from now\n", s.left_ns / 1000000000u);
	printf("by        %s\n", told[s.backend]);
	if (s.backend == RG_ENFORCE_CGROUP) {
		printf("group     %s%s\n", s.group,
		       s.group_gone ? " (removed since: its UDP sockets are let through)" : "");
		printf("filters   on %u unix sockets, %u left to filters of their own, when it was loaded\n",
		       s.filters, s.bare);
	}
	printf("policies  %s\n", s.policies);
	printf("scope     %s%s\n", s.scope, s.scope[0] ? ", beside the policies' own" : "the policies' own");
	if (s.unchecked)
		printf("unchecked %" PRIu64
		       " times a program was left out: the kernel had preempted it in another thread\n",
		       s.unchecked);
	if (s.unforked)
		printf("unforked  %" PRIu64
		       " forks below --tree's process refused (EAGAIN): more than can be followed\n",
		       s.unforked);
	if (s.unfollowed)
		printf("uncovered %" PRIu64 " processes forked below --tree's, more than can be followed\n",
		       s.unfollowed);
	printf("rules     %u (alternatives: %u at queueing, %u at receiving, %u at installing descriptors)\n",
	       s.rules, s.clauses[0], s.clauses[1], s.clauses[2]);
	printf("hooks     %s\n", s.hooks ? s.hook_names : "none");
	printf("guarded   %s\n", s.guarded ? "yes: other programs can't change what is pinned" : "no");
	print_time(s.loaded);
	printf("revision  %" PRIu64 "\n", s.revision);
	printf("verdicts  %" PRIu64 " denied, %" PRIu64 " killed, %" PRIu64 " dropped, %" PRIu64
	       " stripped, %" PRIu64 " audited, %" PRIu64 " logged; %" PRIu64 " reports lost\n",
	       s.denied, s.killed, s.dropped, s.stripped, s.audited, s.logged, s.lost);
	return cli_finish(call->verb, CLI_OK);
}

static int stop_run(const struct cli_call *call, const void *opts)
{
	const struct dir_opts *o = opts;
	struct rg_err err = {0};

	if (rg_enforce_stop(o->dir, &err) < 0)
		return cli_fail(call->verb, &err);
	return cli_finish(call->verb, CLI_OK);
}

static const struct cli_example examples[] = {
	{"recvguard enforce --audit -p machine.yaml -o text",
	 "see what a policy would refuse, refusing nothing"},
	{"recvguard enforce --for 5m -p machine.yaml",
	 "enforce it, and be let out by the kernel after five minutes"},
	{"recvguard enforce -p machine.yaml --no-wait",
	 "enforce it for good; a second call replaces the policy without a gap"},
	{"recvguard enforce --cgroup /system.slice/web.service -p machine.yaml",
	 "for one service; --uid, --comm, --exe, --container and --pid likewise"},
	{"recvguard enforce -o json", "show the verdicts of what is enforced"},
	{0},
};

const struct cli_verb cli_verb_enforce = {
	.name = "enforce",
	.synopsis = "",
	.summary = "let the kernel refuse, system-wide, what a policy does not admit",
	.about = "Compiles policies into tables that programs at the kernel's own hooks (BPF LSM, or "
		 "fmod_ret) look up before a "
		 "process receives: by process, user, command, executable, control group, socket, peer and "
		 "flags (deny, kill, "
		 "log); by the real file of each passed descriptor (strip); by content, size, sender and "
		 "number of descriptors as "
		 "a unix datagram or UDP message is queued (drop). A rule that no hook can enforce soundly "
		 "is refused when "
		 "loading, with the reason and who can; `recvguard policy explain` tells it beforehand.\n\n"
		 "--tree, --pid, --comm, --uid, --cgroup, --container and --exe narrow every policy beside "
		 "its "
		 "own scope; options of one kind select either, of different kinds both. What can't be "
		 "decided "
		 "for them alone is refused, and so is what names nothing that exists.\n\n"
		 "Programs, tables and links are pinned: enforcement outlives recvguard. Loading again "
		 "replaces the policy in one "
		 "step. With --for the kernel itself stops after that time. To get out: `recvguard enforce "
		 "stop`, or restart the machine (nothing is pinned across that; where the service loads it "
		 "again, boot with systemd.mask=recvguard-enforce.service). Other programs, root's too, are "
		 "kept from what is pinned.\n\n"
		 "Where the kernel refuses trampolines, datagrams can still be dropped: UDP by a control "
		 "group's "
		 "ingress hook (of --cgroup, or the root), unix datagram and seqpacket sockets that exist "
		 "already "
		 "by filters on them. "
		 "Every other rule is refused there, and at the start it is said what is not covered.\n\n"
		 "docs/enforce.md says what is promised path by path, and what no hook sees. Needs root and "
		 "Linux 6.1 or newer (without trampolines: 6.2).",
	.opts = options,
	.examples = examples,
	.see_also = "policy run guard doctor",
	.opts_size = sizeof(struct enforce_opts),
	.run = run,
};

const struct cli_verb cli_verb_enforce_status = {
	.name = "enforce status",
	.synopsis = "",
	.summary = "tell what the kernel enforces, and what it has refused so far",
	.about = "Reads it back from the kernel; the exit status is 1 when nothing is enforced.",
	.opts = dir_options,
	.examples = (const struct cli_example[]){{"recvguard enforce status", "what is enforced now"}, {0}},
	.see_also = "enforce",
	.opts_size = sizeof(struct dir_opts),
	.run = status_run,
};

const struct cli_verb cli_verb_enforce_stop = {
	.name = "enforce stop",
	.synopsis = "",
	.summary = "end enforcement: detach the hooks and forget the policies",
	.about = "Receives are unchecked from then on. The exit status is 1 when nothing is enforced.",
	.opts = dir_options,
	.examples =
		(const struct cli_example[]){{"recvguard enforce stop", "let everything through again"}, {0}},
	.see_also = "enforce",
	.opts_size = sizeof(struct dir_opts),
	.run = stop_run,
};
