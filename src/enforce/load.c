/* SPDX-License-Identifier: BSD-2-Clause */
/* An image in force: the first one, or in place of another without a gap. */
#include "enforce/load.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"

static uint64_t now_ns(clockid_t id)
{
	struct timespec t;

	clock_gettime(id, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* From here on the new generation decides. */
static int flip(const struct rg_pins *p, const struct rg_enf_fds *f, struct rg_enf_ctl *ctl, uint32_t gen,
		const struct rg_enf_load *l, struct rg_err *err)
{
	int r;

	ctl->gen = gen;
	ctl->on = 1;
	ctl->audit = l->audit;
	ctl->tree = (uint32_t)l->tree;
	ctl->tree_start = l->tree_start;
	/* the path under which it was first: there it is looked for when the folder is gone */
	if (ctl->home_fs != p->fs || ctl->home_ino != p->ino)
		ctl->home = rg_pins_home(p);
	ctl->home_fs = p->fs;
	ctl->home_ino = p->ino;
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
		r = rg_enf_tree_begin(f, ctl, gen, l->tree, &l->tree_start, err);
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
	if (ctl->backend != RG_EB_CGROUP)
		rg_enf_tree_end(f, gen);
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
