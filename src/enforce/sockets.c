/* SPDX-License-Identifier: BSD-2-Clause */
/* Where there are no trampolines: filters on the unix sockets that processes of a control group hold. */
#include <bpf/bpf.h>
#include <dirent.h>
#include <fts.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "enforce/load.h"

struct putting {
	int prog, guarded;
	uint32_t round, filters, bare;
};

static int option(int sock, int name)
{
	int v;
	socklen_t len = sizeof(v);

	return getsockopt(sock, SOL_SOCKET, name, &v, &len) ? -1 : v;
}

/* Somebody's filter would be lost if ours took its place. */
static bool has_filter(int sock)
{
	socklen_t len = 0;

	return getsockopt(sock, SOL_SOCKET, SO_GET_FILTER, NULL, &len) ? true : len > 0;
}

static bool put(const struct putting *w, int sock)
{
	int one = 1;

	return !has_filter(sock) && !setsockopt(sock, SOL_SOCKET, SO_ATTACH_BPF, &w->prog, sizeof(w->prog)) &&
	       !setsockopt(sock, SOL_SOCKET, SO_LOCK_FILTER, &one, sizeof(one));
}

static void one_socket(struct putting *w, int sock)
{
	uint32_t round = 0;
	int type = option(sock, SO_TYPE);

	if (option(sock, SO_DOMAIN) != AF_UNIX || (type != SOCK_DGRAM && type != SOCK_SEQPACKET))
		return;
	/* many processes may hold it; it may have the filter from an earlier time */
	if (bpf_map_lookup_elem(w->guarded, &sock, &round)) {
		if (!put(w, sock)) {
			w->bare++;
			return;
		}
	} else if (round == w->round) {
		return;
	}
	bpf_map_update_elem(w->guarded, &sock, &w->round, BPF_ANY);
	w->filters++;
}

static void one_process(struct putting *w, int pid)
{
	rg_auto_close int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	rg_auto_closedir DIR *d = NULL;
	char path[64], link[64];
	struct dirent *e;

	snprintf(path, sizeof(path), "/proc/%d/fd", pid);
	if (pidfd < 0 || !(d = opendir(path)))
		return;
	while ((e = readdir(d))) {
		ssize_t n = readlinkat(dirfd(d), e->d_name, link, sizeof(link));
		rg_auto_close int sock = n > 8 && !memcmp(link, "socket:[", 8)
						 ? (int)syscall(SYS_pidfd_getfd, pidfd, atoi(e->d_name), 0)
						 : -1;

		if (sock >= 0)
			one_socket(w, sock);
	}
}

static void one_group(struct putting *w, const char *dir)
{
	char path[4200];
	rg_auto_fclose FILE *f = NULL;
	int pid;

	snprintf(path, sizeof(path), "%s/cgroup.procs", dir);
	f = fopen(path, "re");
	while (f && fscanf(f, "%d", &pid) == 1)
		if (pid > 0 && pid != getpid())
			one_process(w, pid);
}

void rg_enf_sockets_put(const struct rg_pins *p, const struct rg_enf_fds *f, const struct rg_enf_load *l,
			struct rg_enf_ctl *ctl)
{
	char *const roots[] = {(char *)(uintptr_t)l->group, NULL};
	rg_auto_close int prog = rg_pins_get(p, "prog_", "unix_filter");
	struct putting w = {.prog = prog, .guarded = f->guarded, .round = (uint32_t)ctl->revision};
	FTS *t = NULL;
	FTSENT *e;

	if (prog >= 0 && l->group && rg_enf_concerns(l->img, AF_UNIX))
		t = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR | FTS_NOSTAT, NULL);
	while (t && (e = fts_read(t)))
		if (e->fts_info == FTS_D)
			one_group(&w, e->fts_path);
	if (t)
		fts_close(t);
	ctl->filters = w.filters;
	ctl->bare = w.bare;
}
