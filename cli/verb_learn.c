/* SPDX-License-Identifier: BSD-2-Clause */
/* learn: run a command under the broker and write the smallest policy that admits what it received. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <recvguard/broker.h>

#include "cli.h"

struct learn_opts {
	const char *write;
};

static const struct cli_opt options[] = {
	{"write", 'w', "FILE", &cli_file, offsetof(struct learn_opts, write), "Where the policy goes",
	 "-w client.yaml -- myclient"},
	{0},
};

#define SOURCES_MAX 256
#define UIDS_MAX    8

/* What was received from one kind of source: the same family, type and (unix) path. */
struct source {
	int family, type;
	char path[128];				     /* "" none, or different every time */
	uint64_t messages, max_size, max_fds, kinds; /* kinds: bit per enum rg_fdkind */
	uint64_t uids[UIDS_MAX];
	unsigned n_uids;
	bool uid_unknown, kernel, other;
};

struct learnt {
	const struct cli_verb *verb;
	const char *file, *command;
	FILE *out;
	struct source s[SOURCES_MAX];
	unsigned n;
	uint64_t messages, beyond;
};

static int begin(void *arg, struct rg_err *err)
{
	struct learnt *l = arg;

	l->out = fopen(l->file, "we");
	if (l->out)
		flock(fileno(l->out), LOCK_EX); /* until this process, the supervisor, has written it */
	return l->out ? 0 : rg_fail(err, -errno, "%s: %s", l->file, strerror(errno));
}

/* Does this look made up for one run (mkstemp(3), a process id)? Six or more letters and digits of two kinds
 * (lower, upper, digit), or three or more digits. */
static bool made_up(const char *p, size_t n)
{
	bool lower = false, upper = false, digit = false;

	for (size_t i = 0; i < n; i++) {
		lower |= p[i] >= 'a' && p[i] <= 'z';
		upper |= p[i] >= 'A' && p[i] <= 'Z';
		digit |= p[i] >= '0' && p[i] <= '9';
	}
	return (n >= 6 && lower + upper + digit >= 2) || (n >= 3 && digit && !lower && !upper);
}

/* Put * in the place of the ends of components that look made up: dbus-Iip1Dz8neD, agent.4711. Ends only,
 * behind - . or _: /run/user/1000 stays. The next run's path then matches, too. */
static void generalize(char *path)
{
	char *to = path, *start = path;
	bool separated = false;

	for (char *p = path;; p++) {
		bool end = !*p || *p == '/', sep = *p == '-' || *p == '.' || *p == '_';

		if (!end && !sep) {
			*to++ = *p;
			continue;
		}
		if (separated && made_up(start, (size_t)(to - start))) {
			to = start;
			*to++ = '*';
		}
		separated = sep;
		*to++ = *p;
		start = to;
		if (!*p)
			return;
	}
}

/* A path that can stand in a rule: printable, and not one the kernel made up (autobind: @ and five digits).
 */
static void path_of(const struct rg_event *ev, char *out, size_t cap)
{
	const struct rg_value *v = &ev->v[RG_F_SOCK_PATH];

	*out = 0;
	if (!rg_has(ev, RG_F_SOCK_PATH) || !v->len || v->len >= cap)
		return;
	for (uint32_t i = 0; i < v->len; i++)
		if (v->p[i] < 0x20 || v->p[i] == 0x7f || strchr("\"\\'*?[]", v->p[i]))
			return;
	if (v->p[0] == '@' && v->len == 6)
		return;
	memcpy(out, v->p, v->len);
	out[v->len] = 0;
	generalize(out);
}

static struct source *source_of(struct learnt *l, const struct rg_event *ev)
{
	struct source key = {.family = (int)ev->v[RG_F_SOCK_FAMILY].i, .type = (int)ev->v[RG_F_SOCK_TYPE].i};

	path_of(ev, key.path, sizeof(key.path));
	for (unsigned i = 0; i < l->n; i++)
		if (l->s[i].family == key.family && l->s[i].type == key.type &&
		    !strcmp(l->s[i].path, key.path))
			return &l->s[i];
	if (l->n == SOURCES_MAX)
		return NULL;
	l->s[l->n] = key;
	return &l->s[l->n++];
}

static void learn_sender(struct source *s, const struct rg_event *ev)
{
	uint64_t uid = ev->v[RG_F_SENDER_UID].u;

	if (rg_has(ev, RG_F_SENDER_HOW) && ev->v[RG_F_SENDER_HOW].i == RG_HOW_KERNEL)
		s->kernel = true;
	else
		s->other = true;
	if (!rg_has(ev, RG_F_SENDER_UID)) {
		s->uid_unknown = true;
		return;
	}
	for (unsigned i = 0; i < s->n_uids; i++)
		if (s->uids[i] == uid)
			return;
	if (s->n_uids == UIDS_MAX)
		s->uid_unknown = true;
	else
		s->uids[s->n_uids++] = uid;
}

static void event(void *arg, struct rg_event *ev)
{
	struct learnt *l = arg;
	struct source *s = source_of(l, ev);
	uint64_t fds = 0;

	l->messages++;
	if (!s) {
		l->beyond++;
		return;
	}
	s->messages++;
	if (ev->v[RG_F_MSG_SIZE].u > s->max_size)
		s->max_size = ev->v[RG_F_MSG_SIZE].u;
	for (const struct rg_node *n = rg_has(ev, RG_F_FD) ? ev->v[RG_F_FD].node : NULL; n;
	     n = n->next, fds++) {
		const struct rg_node *kind = rg_node_find(n->v.node, "kind");

		if (kind)
			s->kinds |= 1ull << (kind->v.i & 63);
	}
	if (fds > s->max_fds)
		s->max_fds = fds;
	learn_sender(s, ev);
}

static const char *name_or(const struct rg_name *names, uint64_t v, char *num)
{
	const char *n = rg_name_of(names, v);

	if (n)
		return n;
	sprintf(num, "%llu", (unsigned long long)v);
	return num;
}

static void write_fds(FILE *f, const struct source *s)
{
	bool first = true;
	char num[24];

	if (!s->max_fds) {
		fprintf(f, " and fd.count == 0");
		return;
	}
	fprintf(f, " and fd.count <= %llu and all(fd, kind in {", (unsigned long long)s->max_fds);
	for (unsigned k = 0; k < 64; k++)
		if (s->kinds >> k & 1) {
			fprintf(f, "%s%s", first ? "" : ", ", name_or(rg_names_fdkinds, k, num));
			first = false;
		}
	fprintf(f, "})");
}

static void write_source(FILE *f, const struct source *s)
{
	const char *family, *type;
	char a[24], b[24];
	uint64_t bound = 64;

	family = name_or(rg_names_families, (uint64_t)s->family, a);
	type = name_or(rg_names_socktypes, (uint64_t)s->type, b);
	while (bound < s->max_size)
		bound *= 2;
	fprintf(f, "    # %llu message%s, the longest %llu bytes%s\n    - name: '%s %s%s%s'\n",
		(unsigned long long)s->messages, s->messages == 1 ? "" : "s", (unsigned long long)s->max_size,
		strchr(s->path, '*') ? "; * where the path looked made up for that run" : "", family, type,
		*s->path ? " " : "", s->path);
	fprintf(f, "      when: 'sock.family == %s and sock.type == %s", family, type);
	if (*s->path)
		fprintf(f, " and sock.path %s \"%s\"", strchr(s->path, '*') ? "glob" : "==", s->path);
	if (s->family == AF_NETLINK && s->kernel && !s->other)
		fprintf(f, " and sender.how == kernel");
	if (!s->uid_unknown && s->n_uids) {
		fprintf(f, " and sender.uid in {");
		for (unsigned i = 0; i < s->n_uids; i++)
			fprintf(f, "%s%llu", i ? ", " : "", (unsigned long long)s->uids[i]);
		fprintf(f, "}");
	}
	/* How much of a stream comes at a time says nothing about it. */
	if (s->type != SOCK_STREAM)
		fprintf(f, " and msg.size <= %llu", (unsigned long long)bound);
	if (s->family == AF_UNIX)
		write_fds(f, s);
	fprintf(f, "'\n      then: allow\n");
}

static void end(void *arg, const struct rg_run_stats *stats)
{
	struct learnt *l = arg;

	fprintf(l->out,
		"# What `%s` received in one run: %llu message%s from %u kind%s of sources. Read it, and "
		"tighten it.\n",
		l->command, (unsigned long long)l->messages, l->messages == 1 ? "" : "s", l->n,
		l->n == 1 ? "" : "s");
	fprintf(l->out,
		"apiVersion: recvguard/v1\nkind: Policy\nmetadata: {name: learnt}\nspec:\n  default: deny\n  "
		"rules:%s\n",
		l->n ? "" : " []");
	for (unsigned i = 0; i < l->n; i++)
		write_source(l->out, &l->s[i]);
	if (l->beyond)
		cli_say(l->verb, "more than %d kinds of sources: %llu messages are not covered", SOURCES_MAX,
			(unsigned long long)l->beyond);
	if (ferror(l->out) | fclose(l->out))
		cli_say(l->verb, "%s: %s", l->file, strerror(errno));
}

static void notice(void *arg, const char *line)
{
	cli_say(((struct learnt *)arg)->verb, "%s", line);
}

static volatile pid_t command;

static void forward(int sig)
{
	kill(command, sig);
}

/* The command in a child: this process returns when the policy is written. Signals meant for the command
 * reach it. */
static int wait_for(pid_t child, const char *file)
{
	int status, fd;

	signal(SIGINT, SIG_IGN); /* the terminal's: the command gets them itself */
	signal(SIGQUIT, SIG_IGN);
	command = child;
	signal(SIGTERM, forward);
	signal(SIGHUP, forward);
	while (waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	fd = open(file, O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		flock(fd, LOCK_SH);
		close(fd);
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static int run(const struct cli_call *call, const void *opts)
{
	const struct learn_opts *o = opts;
	static struct learnt l;
	struct rg_err err = {0};
	pid_t child;
	struct rg_run_opts ro = {.argv = call->command,
				 .all_events = true,
				 .begin = begin,
				 .event = event,
				 .notice = notice,
				 .end = end,
				 .arg = &l};

	if (!call->command || !call->command[0] || !o->write)
		return cli_usage(call->verb, "--write FILE and a command after -- are needed");
	l = (struct learnt){.verb = call->verb, .file = o->write, .command = call->command[0]};
	child = fork();
	if (child < 0)
		return cli_fail(call->verb, &(struct rg_err){.code = -errno});
	if (child > 0)
		return wait_for(child, o->write);
	rg_run(&ro, &err); /* returns only when it failed */
	cli_fail(call->verb, &err);
	return err.code == -ENOENT ? 127 : err.code == -EACCES || err.code == -ENOEXEC ? 126 : 125;
}

static const struct cli_example examples[] = {
	{"recvguard learn -w client.yaml -- myclient", "write a policy that admits what myclient received"},
	{"recvguard run -p client.yaml -- myclient", "and run it under that"},
	{0},
};
static const struct cli_status statuses[] = {
	{125, "recvguard itself could not start the command"},
	{128, "128 + N: the command was ended by signal N"},
	{126, "the command was found and could not be executed"},
	{127, "the command was not found"},
	{0},
};

const struct cli_verb cli_verb_learn = {
	.name = "learn",
	.synopsis = "-- COMMAND [ARG]...",
	.summary = "write the smallest policy that admits what a command receives",
	.about = "Runs COMMAND under the broker, everything allowed, and notes from which kinds of sources "
		 "(family, type, unix "
		 "path, with * where it looks made up for one run, sender's user) it received what: how "
		 "long, how many descriptors of which kinds. When "
		 "its last process "
		 "has ended the policy is written: default deny, one allowing rule for each kind of "
		 "source.\n\n"
		 "A run shows what came, not what may come: read the policy before using it.",
	.opts = options,
	.examples = examples,
	.statuses = statuses,
	.see_also = "run policy",
	.opts_size = sizeof(struct learn_opts),
	.takes_command = true,
	.run = run,
};
