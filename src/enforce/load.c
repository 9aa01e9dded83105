/* SPDX-License-Identifier: BSD-2-Clause */
/* An image in force: the first one, or in place of another without a gap. */
#include "enforce/load.h"

#include <bpf/bpf.h>
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/number.h"

static uint64_t now_ns(clockid_t id)
{
	struct timespec t;

	clock_gettime(id, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* The process's parent; 0: gone. */
static int parent_of(int pid)
{
	char path[64], line[512], *end;
	rg_auto_fclose FILE *f = NULL;
	int parent = 0;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	f = fopen(path, "re");
	if (!f || !fgets(line, sizeof(line), f) || !(end = strrchr(line, ')')) ||
	    sscanf(end + 1, " %*c %d", &parent) != 1)
		return 0;
	return parent;
}

static bool is_below(int pid, int root)
{
	for (int i = 0; pid > 0 && i < 4096; i++) {
		if (pid == root)
			return true;
		pid = parent_of(pid);
	}
	return false;
}

/* Everything that is below root now. Forks are followed by the kernel side, which is attached before. */
static int fill_tree(const struct rg_enf_fds *f, int root)
{
	rg_auto_closedir DIR *d = opendir("/proc");
	struct dirent *e;
	uint32_t one = 1;

	while (d && (e = readdir(d))) {
		uint32_t pid = (uint32_t)atoi(e->d_name);

		if (pid && is_below((int)pid, root) && bpf_map_update_elem(f->tree, &pid, &one, BPF_ANY))
			return -errno;
	}
	return d ? 0 : -errno;
}

static void clear_tree(const struct rg_enf_fds *f)
{
	uint32_t pid;

	while (!bpf_map_get_next_key(f->tree, NULL, &pid) && !bpf_map_delete_elem(f->tree, &pid))
		;
}

static int set_tree(const struct rg_enf_fds *f, int root, struct rg_err *err)
{
	int r;

	clear_tree(f);
	if (!root)
		return 0;
	if (rg_number_is_local())
		return rg_fail(
			err, -EOPNOTSUPP,
			"--tree %d: in this pid namespace processes have other numbers than in the kernel; "
			"run recvguard in the initial one (docker: --pid=host, Kubernetes: hostPID)",
			root);
	if (kill(root, 0) && errno == ESRCH)
		return rg_fail(err, -ESRCH, "there is no process %d", root);
	r = fill_tree(f, root);
	/* a second time: who was forked from one not yet listed is below one that is */
	r = r ? r : fill_tree(f, root);
	return r ? rg_fail(err, r, "the processes below %d: %s", root, strerror(-r)) : 0;
}

/* From here on the new generation decides. */
static int flip(const struct rg_pins *p, const struct rg_enf_fds *f, struct rg_enf_ctl *ctl, uint32_t gen,
		const struct rg_enf_load *l, struct rg_err *err)
{
	int r;

	ctl->gen = gen;
	ctl->on = 1;
	ctl->audit = l->audit;
	ctl->home = rg_pins_home(p);
	ctl->home_fs = p->fs;
	snprintf(ctl->group, sizeof(ctl->group), "%s", l->group ? l->group : "");
	if ((size_t)snprintf(ctl->scope, sizeof(ctl->scope), "%s", l->scope ? l->scope : "") >=
	    sizeof(ctl->scope))
		memcpy(ctl->scope + sizeof(ctl->scope) - 4, "...", 4);
	ctl->deadline = l->for_ns ? now_ns(CLOCK_BOOTTIME) + l->for_ns : 0;
	ctl->loaded = now_ns(CLOCK_REALTIME);
	ctl->revision++;
	r = rg_enf_ctl_write(f, ctl);
	return r ? rg_fail(err, r, "its control: %s", strerror(-r)) : 0;
}

static int put_in_force(const struct rg_pins *p, const struct rg_enf_fds *f, struct rg_enf_ctl *ctl,
			struct rg_enf_load *l, struct rg_err *err)
{
	uint32_t old = ctl->gen, gen = ctl->on ? !old : old;
	int r = rg_enf_tables_write(f, l->img, gen, err);
	uint32_t held = 0;

	if (!r)
		r = rg_enf_hooks_attach(p, ctl->backend, l, err);
	if (!r)
		r = set_tree(f, l->tree, err);
	/* the short way is a second word: none holds while its table is written and the first is turned */
	if (!r && (r = rg_enf_front_write(f, l->img, gen, &held)))
		rg_fail(err, r, "the kernel's table of short ways: %s", strerror(-r));
	if (!r)
		rg_enf_hooks_tell_self(f, ctl);
	if (!r)
		r = flip(p, f, ctl, gen, l, err);
	if (r) {
		if (held)
			rg_enf_front_now(f, held);
		rg_enf_tables_drop(f, gen);
		return r;
	}
	rg_enf_guard_set(p, true, ctl->deadline);
	rg_enf_grace();
	if (l->img->front_only)
		rg_enf_front_now(f, RG_FRONT_NOW(gen, l->img->front_only));
	rg_enf_hooks_detach(p, ctl->backend, l);
	if (ctl->backend == RG_EB_CGROUP) {
		rg_enf_sockets_put(p, f, l, ctl);
		rg_enf_ctl_write(f, ctl);
		l->filters = ctl->filters;
		l->bare = ctl->bare;
	}
	if (gen != old)
		rg_enf_tables_drop(f, old);
	return 0;
}

static int first_load(struct rg_pins *p, struct rg_enf_fds *f, struct rg_enf_ctl *ctl, struct rg_enf_load *l,
		      struct rg_err *err)
{
	enum rg_enf_backend be;
	int r = rg_enf_hooks_load(p, l, &be, err);

	if (!r)
		r = rg_enf_fds_open(p, f, err);
	if (!r)
		r = rg_enf_ctl_read(f, ctl);
	ctl->backend = be;
	return r;
}

static const char *const backend_names[] = {"none", "lsm", "fmod_ret", "cgroup"};

/* What holds already is replaced by the same back-end: two would each decide by itself. */
static int same_backend(const struct rg_enf_load *l, const struct rg_enf_ctl *ctl, struct rg_err *err)
{
	if (l->want && l->want != ctl->backend)
		return rg_fail(err, -EBUSY, "what is enforced is so by %s: stop it before %s can take over",
			       backend_names[ctl->backend], backend_names[l->want]);
	return 0;
}

int rg_enf_load(struct rg_pins *p, struct rg_enf_load *l, struct rg_err *err)
{
	struct rg_enf_ctl ctl = {.abi = RG_ENF_ABI};
	struct rg_enf_fds f;
	bool fresh = false;
	int r = rg_pins_lock(p, err);

	if (r)
		return r;
	r = rg_enf_fds_open(p, &f, err);
	if (!r) {
		r = rg_enf_ctl_read(&f, &ctl);
		/* a loader died before its policy held: what it took up may be another's by now */
		if (!r && !rg_enf_is_ours(p, &ctl))
			r = -ENOENT;
		if (r)
			rg_enf_fds_close(&f);
	}
	if (r == -ENOENT) {
		fresh = true;
		rg_pins_empty(p);
		r = first_load(p, &f, &ctl, l, err);
	} else if (!r) {
		r = same_backend(l, &ctl, err);
		if (r)
			rg_enf_fds_close(&f);
	}
	if (!r) {
		l->backend = ctl.backend;
		r = l->admit ? l->admit(l->arg, l->backend, l->why, err) : 0;
		if (r)
			rg_enf_fds_close(&f);
	}
	if (!r) {
		r = put_in_force(p, &f, &ctl, l, err);
		rg_enf_fds_close(&f);
	}
	if (r && fresh)
		rg_pins_clear(p);
	rg_pins_unlock(p);
	return r;
}
