/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * usage: check [families] MAKE...    MAKE: make.c built for either ABI
 *
 * Decodes what MAKE received from the kernel and compares it with what MAKE knows. With room for everything
 * the list must be as expected; with less it must be what put_cmsg() and scm_detach_fds() leave in that room,
 * each message whole, cut or missing. Prints TAP: one line for each scene, then one for the table's claim of
 * what is received live.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "decode/cmsg.h"
#include "make.h"
#include "tests/lib/edge.h"
#include "tests/lib/show.h"

#define CANNOT_RUN 77
static unsigned n_tests, n_bad;
static bool families;	   /* in a machine that has them all: every scene is played */
static char excused[8192]; /* types of the scenes that could not be played, with the ABI before them */
static uint8_t *seen[2];   /* by row of the table and ABI */

/* Does text match pattern (make.h)? */
static bool matches(const char *text, const char *pattern)
{
	unsigned long long v, lo, hi;
	char *end;
	int n;

	for (; *pattern; pattern++, text++) {
		if (pattern[0] != '%') {
			if (*text != *pattern)
				return false;
			continue;
		}
		if (pattern[1] == '*') {
			do
				if (matches(text, pattern + 2))
					return true;
			while (*text++);
			return false;
		}
		if (*text < '0' || *text > '9')
			return false;
		v = strtoull(text, &end, 10);
		if (pattern[1] == '<') {
			if (sscanf(pattern, "%%<%llu:%llu>%n", &lo, &hi, &n) != 2 || v < lo || v > hi)
				return false;
			pattern += n - 1;
		} else {
			pattern++;
		}
		text = end - 1;
	}
	return !*text;
}

/* What must be at one place of the list. */
struct want {
	char line[TEXT_MAX];
	bool cut;
};

static void row_seen(const char *line, bool compat)
{
	const struct rg_cmsg_type *t;
	char start[128];

	for (size_t i = 0; (t = rg_cmsg_type_at(i)); i++) {
		snprintf(start, sizeof(start), "{level=%s type=%s len", t->level, t->name);
		if (t->dirs & RG_CMSG_RECV && !strncmp(line, start, strlen(start)))
			seen[compat][i] = 1;
	}
}

static size_t len_of(const char *line, const struct shot_head *h, size_t whole)
{
	const char *p = strstr(line, " len=");

	return !p || p[5] == '%' ? whole : strtoul(p + 5, NULL, 10);
}

/* The descriptors that fit: as many as the room holds (scm_max_fds). 0: none, and no message. */
static size_t fit_rights(struct want *w, const char *line, size_t room, size_t head)
{
	size_t n = room > head ? (room - head) / 4 : 0, have = 1;
	char *end;

	for (const char *p = strchr(line, '['); p && *p && *p != ']'; p++)
		have += *p == ' ';
	if (n > have)
		n = have;
	if (!n)
		return 0;
	snprintf(w->line, sizeof(w->line), "{level=SOL_SOCKET type=SCM_RIGHTS len=%zu fds=%s", head + 4 * n,
		 strchr(line, '['));
	end = strchr(w->line, '[');
	for (size_t i = 0; i < n; i++)
		end += strcspn(end + 1, " ]") + 1;
	strcpy(end, "]}");
	return head + 4 * n;
}

/* What the kernel leaves of the expected list in the room given. Returns how many; *lost: some is not whole.
 */
static size_t fit(const struct shot_head *h, char *text, size_t opt_len, struct want *w, bool *lost)
{
	size_t head = h->compat ? 12 : 16, align = h->compat ? 4 : 8, room = h->given, n = 0;

	*lost = false;
	for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
		size_t whole = len_of(line, h, opt_len), len = whole, space;

		w[n].cut = false;
		snprintf(w[n].line, sizeof(w[n].line), "%s", line);
		if (strstr(line, "type=SCM_RIGHTS ")) {
			len = fit_rights(&w[n], line, room, head);
		} else if (room < head || (strstr(line, "type=SCM_PIDFD ") && room < whole)) {
			len = 0;
		} else if (room < whole) {
			len = room;
			w[n].cut = true;
			snprintf(strstr(w[n].line, " len=") + 5, 100, "%zu", len);
		}
		*lost |= len < whole;
		if (!len)
			continue;
		space = (len + align - 1) & ~(align - 1);
		room -= space < room ? space : room;
		n++;
	}
	return n;
}

/* Types whose own length may end where they are cut: nothing can tell then. */
static bool may_look_whole(const char *line)
{
	return strstr(line, "IP_RECVOPTS") || strstr(line, "IP_RETOPTS") || strstr(line, "OPT_STATS") ||
	       strstr(line, "IP_RECVERR") || strstr(line, "IPV6_RECVERR") || strstr(line, "TIPC_RETDATA");
}

static bool element_ok(const struct rg_node *e, const struct want *w)
{
	rg_auto_buf shown = {0};
	const char *text;

	rg_buf_char(&shown, '{');
	rg_show_chain(&shown, e->v.node);
	rg_buf_char(&shown, '}');
	text = rg_buf_cstr(&shown);
	if (w->cut ? !strncmp(text, w->line, strlen(w->line)) &&
			     (rg_node_find(e->v.node, "cut") || may_look_whole(text)) &&
			     !rg_node_find(e->v.node, "malformed")
		   : matches(text, w->line))
		return true;
	printf("# got  %s\n# want %s%s\n", text, w->line, w->cut ? " and cut" : "");
	return false;
}

static bool check_shot(const struct shot_head *h, const uint8_t *control, char *text, size_t opt_len)
{
	static struct want want[16];
	static struct rg_event *ev;
	struct rg_cmsg_ctx ctx = {.compat = h->compat,
				  .family = h->family,
				  .errqueue = h->errqueue,
				  .tag = RG_TAG_U,
				  .sender_pid = 1};
	struct rg_builder list;
	bool lost, ok;
	size_t n = fit(h, text, opt_len, want, &lost);
	const struct rg_node *e;

	if (!ev)
		ev = rg_event_new();
	rg_event_reset(ev);
	rg_build_field(&list, ev, RG_F_CMSG, RG_TAG_U);
	ok = rg_decode_cmsgs(edge(control, h->controllen), h->controllen, &ctx, &list) == n;
	e = ev->v[RG_F_CMSG].node;
	for (size_t i = 0; i < n && e; i++, e = e->next) {
		ok &= element_ok(e, &want[i]);
		if (ok && !want[i].cut)
			row_seen(want[i].line, h->compat);
	}
	if (h->family == AF_TIPC && !h->given)
		lost = false; /* it does not say so where no room is given at all */
	if (lost != !!(h->flags & MSG_CTRUNC) || e || !ok) {
		rg_auto_buf all = {0};

		rg_show_chain(&all, ev->v[RG_F_CMSG].node);
		printf("# room %u, controllen %u, flags 0x%x, %zu expected: %s\n", h->given, h->controllen,
		       h->flags, n, rg_buf_cstr(&all));
		ok = false;
	}
	return ok;
}

/* Scenes come shot by shot; a line of TAP when one ends. */
struct progress {
	char scene[32];
	bool open, ok, compat;
	unsigned shots;
	size_t opt_len; /* of SCM_TIMESTAMPING_OPT_STATS, from the shot with room for all */
};

static void finish(struct progress *p)
{
	if (!p->open)
		return;
	n_tests++;
	n_bad += !p->ok;
	printf("%sok %u - %s%s: %u control lengths\n", p->ok ? "" : "not ", n_tests, p->scene,
	       p->compat ? ", 32-bit" : "", p->shots);
	p->open = false;
}

static void begin(struct progress *p, const struct shot_head *h)
{
	finish(p);
	*p = (struct progress){.open = true, .ok = true, .compat = h->compat};
	memcpy(p->scene, h->scene, sizeof(p->scene));
}

static void skipped(struct progress *p, const struct shot_head *h, const char *why)
{
	size_t used = strlen(excused), n;

	finish(p);
	n_tests++;
	n_bad += families;
	printf("%sok %u - %s%s # %s%s\n", families ? "not " : "", n_tests, h->scene,
	       h->compat ? ", 32-bit" : "", families ? "" : "SKIP ", why);
	for (const char *t = h->types; *t; t += n) {
		n = strcspn(t, " ");
		if (n && used + n + 4 < sizeof(excused)) {
			excused[used++] = (char)('0' + h->compat);
			excused[used++] = ':';
			memcpy(excused + used, t, n);
			used += n;
			excused[used++] = ' ';
		}
		n += t[n] == ' ';
	}
}

/* The length of the attributes, from the bytes of the shot with room for all: level 1, type 54. */
static size_t stats_len(const struct shot_head *h, const uint8_t *control)
{
	struct rg_cmsg_walk w;
	struct rg_cmsg_view v;

	rg_cmsg_walk(&w, control, h->controllen, h->compat);
	while (rg_cmsg_next(&w, &v))
		if (v.level == SOL_SOCKET && v.type == 54)
			return (size_t)v.cmsg_len;
	return 0;
}

static bool take(FILE *in, void *p, size_t n)
{
	return fread(p, 1, n, in) == n;
}

static bool read_shots(FILE *in)
{
	static char text[TEXT_MAX + 1];
	static uint8_t control[CONTROL_MAX];
	struct progress p = {.open = false};
	struct shot_head h;

	while (take(in, &h, sizeof(h))) {
		bool skip = h.given == UINT32_MAX;

		if (h.text_len > TEXT_MAX || h.controllen > CONTROL_MAX ||
		    (!skip && !take(in, control, h.controllen)) || !take(in, text, h.text_len))
			return false;
		text[h.text_len] = 0;
		if (skip) {
			skipped(&p, &h, text);
			continue;
		}
		if (!p.open || strcmp(p.scene, h.scene))
			begin(&p, &h);
		if (h.given == CONTROL_MAX)
			p.opt_len = stats_len(&h, control);
		p.shots++;
		p.ok &= check_shot(&h, control, text, p.opt_len);
	}
	finish(&p);
	return true;
}

static int run(const char *make)
{
	int fd[2], status = 0;
	pid_t pid;
	FILE *in;
	bool whole;

	if (access(make, X_OK) || pipe(fd) || (pid = fork()) < 0) {
		printf("# %s: %s\n", make, strerror(errno));
		return -1;
	}
	if (!pid) {
		dup2(fd[1], 1);
		close(fd[0]);
		close(fd[1]);
		execl(make, make, families ? "families" : NULL, (char *)NULL);
		_exit(errno == ENOEXEC || errno == ENOENT ? CANNOT_RUN
							  : 1); /* no such ABI, or no loader for it */
	}
	close(fd[1]);
	in = fdopen(fd[0], "r");
	whole = in && read_shots(in);
	if (in)
		fclose(in);
	waitpid(pid, &status, 0);
	if (WIFEXITED(status) && WEXITSTATUS(status) == CANNOT_RUN)
		return CANNOT_RUN;
	return whole && !status ? 0 : -1;
}

/* The table says of a type that it is received live: then it was, unless its scene said why not. */
static void check_claims(bool compat, bool ran)
{
	uint8_t claim = families ? (compat ? RG_CMSG_MACHINE32 : RG_CMSG_MACHINE)
				 : (compat ? RG_CMSG_LIVE32 : RG_CMSG_LIVE);
	const struct rg_cmsg_type *t;
	bool ok = true;
	char name[128];
	unsigned n = 0;

	for (size_t i = 0; ran && (t = rg_cmsg_type_at(i)); i++) {
		if (!(t->tests & claim))
			continue;
		snprintf(name, sizeof(name), "%d:%s/%s ", compat, t->level, t->name);
		n += seen[compat][i];
		if (!seen[compat][i] && !strstr(excused, name)) {
			printf("# never received: %s\n", name);
			ok = false;
		}
	}
	n_tests++;
	n_bad += !ok;
	printf("%sok %u - what the table calls %s is received%s: %u types%s\n", ok ? "" : "not ", n_tests,
	       families ? "tried in a machine" : "live", compat ? ", 32-bit" : "", n,
	       ran ? "" : " # SKIP 32-bit programs do not run here");
}

int main(int argc, char **argv)
{
	int first = argc > 1 && !strcmp(argv[1], "families") ? 2 : 1;

	families = first == 2;
	seen[0] = calloc(rg_cmsg_type_count(), 1);
	seen[1] = calloc(rg_cmsg_type_count(), 1);
	for (int i = first; i < argc; i++) {
		int rc = run(argv[i]);

		if (rc < 0 || (rc && i == first)) { /* the native one always runs */
			n_bad++;
			printf("not ok %u - %s ends well\n", ++n_tests, argv[i]);
		}
		check_claims(i > first, rc != CANNOT_RUN);
	}
	if (argc == first + 1)
		printf("ok %u - 32-bit # SKIP this compiler makes no 32-bit programs (gcc-multilib)\n",
		       ++n_tests);
	printf("1..%u\n", n_tests);
	free(seen[0]);
	free(seen[1]);
	return n_bad != 0;
}
