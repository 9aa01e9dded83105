/* SPDX-License-Identifier: BSD-2-Clause */
/* Policies to the kernel: rg_policy_load, narrowed to whom the caller names, rg_lower_enforce → rg_enf_load.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <recvguard/enforce.h>
#include <recvguard/policy.h>

#include "base/cleanup.h"
#include "base/number.h"
#include "base/preempt.h"
#include "enforce/load.h"
#include "pipeline/enforce_names.h"

/* One way of carrying the policies out: compiled, or why it cannot be. */
struct way {
	struct rg_policy *p;
	struct rg_enf_image *img; /* NULL: err says why */
	struct rg_err err;
};

struct loading {
	const struct rg_enforce_opts *o;
	struct rg_scope_demand *scope; /* of o, control groups by their path in the hierarchy */
	struct rg_enf_names names;
	struct rg_enf_load l;
	/* A control group that the caller names is a demand on who receives to the hooks; to the cgroup
	 * back-end it is where its hook goes. So without trampolines other tables hold than with them. */
	struct way hooks, group;
	const char *group_name; /* of --cgroup; NULL: none */
};

/* ---- to whom */

static bool is(const struct rg_scope_demand *d, const char *name)
{
	return !strcmp(d->name, name);
}

/* The text of a demand that the kernel side has an object for must name one: else it would hold for nobody,
 * unnoticed. */
static int check_demand(const struct loading *ld, const struct rg_scope_demand *d, struct rg_err *err)
{
	uint64_t one[1][2];

	if (is(d, "pid") && rg_number_is_local())
		return rg_fail(err, -EOPNOTSUPP,
			       "--pid %u: in this pid namespace processes have other numbers than in the "
			       "kernel; run "
			       "recvguard in the initial one (docker: --pid=host, Kubernetes: hostPID)",
			       d->number);
	if (is(d, "pid") && kill((pid_t)d->number, 0) && errno == ESRCH)
		return rg_fail(err, -ESRCH, "there is no process %u", d->number);
	if (is(d, "comm") && strlen(d->text) > 15)
		return rg_fail(err, -EINVAL, "--comm %s: a command's name has at most 15 bytes", d->text);
	if (is(d, "container") && strlen(d->text) < 6)
		return rg_fail(err, -EINVAL, "--container %s: give at least 6 characters of the id", d->text);
	if (is(d, "container") && !ld->names.cgroup(NULL, d->text, true, one, 1))
		return rg_fail(err, -ENOENT,
			       "--container %s: no control group (version 2) is of such a container",
			       d->text);
	if (is(d, "cgroup") && !ld->names.cgroup(NULL, d->text, false, one, 1))
		return rg_fail(err, -ENOENT, "%s: there is no such control group (version 2)", d->text);
	if (is(d, "exe") && !ld->names.exe(NULL, d->text, one, 1))
		return rg_fail(err, -ENOENT, "--exe %s: no such file, or its path does not begin at the root",
			       d->text);
	return 0;
}

static int take_scope(struct loading *ld, struct rg_err *err)
{
	unsigned n = ld->o->n_scope;

	ld->scope = calloc(n + 1, sizeof(*ld->scope));
	if (!ld->scope)
		return rg_fail(err, -ENOMEM, "out of memory");
	for (unsigned i = 0; i < n; i++) {
		ld->scope[i] = ld->o->scope[i];
		if (is(&ld->scope[i], "cgroup"))
			ld->scope[i].text = rg_enforce_group_path(ld->scope[i].text);
	}
	return 0;
}

/* Which control group the cgroup back-end is to take: it has one hook. */
static void find_group(struct loading *ld)
{
	for (unsigned i = 0; i < ld->o->n_scope; i++) {
		if (!is(&ld->scope[i], "cgroup"))
			continue;
		if (ld->group_name)
			rg_fail(&ld->group.err, -EOPNOTSUPP,
				"the cgroup back-end has one hook: give one control group, not several");
		ld->group_name = ld->scope[i].text;
	}
}

/* NAME=VALUE of each, for people; cut where it gets too long. */
static void describe(const struct loading *ld, bool with_group, struct rg_buf *out)
{
	for (unsigned i = 0; i < ld->o->n_scope; i++) {
		const struct rg_scope_demand *d = &ld->scope[i];

		if (is(d, "cgroup") && !with_group)
			continue;
		rg_buf_printf(out, "%s%s=", out->len ? " " : "", d->name);
		if (!d->text)
			rg_buf_printf(out, "%u", d->number);
		for (const char *s = d->text; s && *s; s++)
			rg_buf_printf(out, *s > ' ' && *s <= '~' && *s != '\\' ? "%c" : "\\x%02x",
				      (unsigned char)*s);
	}
	if (ld->o->tree)
		rg_buf_printf(out, "%stree=%d", out->len ? " " : "", ld->o->tree);
}

/* ---- compiling */

static int narrow(struct way *w, const struct loading *ld, bool with_group)
{
	rg_auto_free struct rg_scope_demand *d = calloc(ld->o->n_scope + 1, sizeof(*d));
	unsigned n = 0;

	if (!d)
		return rg_fail(&w->err, -ENOMEM, "out of memory");
	for (unsigned i = 0; i < ld->o->n_scope; i++)
		if (with_group || !is(&ld->scope[i], "cgroup"))
			d[n++] = ld->scope[i];
	return rg_policy_narrow(w->p, d, n, &w->err);
}

static void compile(struct way *w, const struct loading *ld, enum rg_backend be)
{
	const struct rg_enforce_opts *o = ld->o;
	bool with_group = be != RG_BACKEND_CGROUP;
	rg_auto_buf whom = {0};
	int r = rg_policy_load(o->policies, o->n_policies, &w->p, &w->err);

	/* what is refused as it stands is so for its own sake */
	if (!r)
		r = rg_enf_check(w->p, be, &w->err);
	if (!r)
		r = narrow(w, ld, with_group);
	if (!r && rg_lower_enforce(w->p, be, &ld->names, &w->img, &w->err)) {
		describe(ld, with_group, &whom);
		if (whom.len)
			rg_err_wrap(&w->err, "narrowed to %s", rg_buf_cstr(&whom));
		w->img = NULL;
	}
}

/* ---- loading */

/* The tables of the back-end that there is; not every one can do what they were made for. */
static int admit(void *arg, enum rg_enf_backend be, const char *why, struct rg_err *err)
{
	struct loading *ld = arg;
	bool group = be == RG_EB_CGROUP;
	const struct way *w = group && ld->group_name ? &ld->group : &ld->hooks;
	struct rg_err reason = w->err;

	ld->l.img = w->img;
	if (w->img && (!group || (!rg_policy_check(w->p, RG_BACKEND_CGROUP, &reason) &&
				  !rg_enf_queue_default(w->p, &reason))))
		return 0;
	return rg_fail(err, reason.code, "%s%s%s%s", reason.msg,
		       group && why[0] ? " (not to be had here: " : "", group ? why : "",
		       group && why[0] ? ")" : "");
}

static int put(struct loading *ld, struct rg_enforce_loaded *ret, struct rg_err *err)
{
	char group[4096];
	bool there = rg_enforce_group(ld->group_name, group, sizeof(group));
	rg_auto_buf whom = {0};
	struct rg_pins pins;
	int r = rg_pins_init(&pins, ld->o->dir, err);

	describe(ld, true, &whom);
	ld->l = (struct rg_enf_load){.img = ld->hooks.img,
				     .audit = ld->o->audit,
				     .for_ns = ld->o->for_ns,
				     .tree = ld->o->tree,
				     .want = (enum rg_enf_backend)ld->o->backend,
				     .group = there ? group : NULL,
				     .scope = rg_buf_cstr(&whom),
				     .admit = admit,
				     .arg = ld};
	if (!r)
		r = rg_enf_load(&pins, &ld->l, err);
	if (r || !ret)
		return r;
	*ret = (struct rg_enforce_loaded){.backend = (enum rg_enforce_backend)ld->l.backend,
					  .filters = ld->l.filters,
					  .bare = ld->l.bare};
	snprintf(ret->why, sizeof(ret->why), "%s", ld->l.why);
	ret->leaky = ld->l.backend == RG_EB_FMOD_RET && rg_preempt() == RG_PREEMPT_YES;
	snprintf(ret->unguarded, sizeof(ret->unguarded), "%s", ld->l.unguarded);
	snprintf(ret->unknown, sizeof(ret->unknown), "%.*s", (int)ld->l.img->unknown.len,
		 ld->l.img->unknown.len ? ld->l.img->unknown.data : "");
	return 0;
}

/* The ways that the back-ends asked for can need. At least one must be there. */
static int compile_all(struct loading *ld, struct rg_err *err)
{
	bool only = ld->o->backend == RG_ENFORCE_CGROUP;

	if (!only || !ld->group_name)
		compile(&ld->hooks, ld, only ? RG_BACKEND_CGROUP : RG_BACKEND_LSM);
	if (ld->group_name && !ld->group.err.code)
		compile(&ld->group, ld, RG_BACKEND_CGROUP);
	if (ld->hooks.err.code && ld->group.img) {
		struct rg_err was = ld->hooks.err;

		ld->hooks.err.code = 0;
		rg_fail(&ld->hooks.err, was.code,
			"%s; --backend cgroup can, by the sockets made in that group", was.msg);
	}
	if (ld->hooks.img ||
	    (ld->group.img && ld->o->backend != RG_ENFORCE_LSM && ld->o->backend != RG_ENFORCE_FMOD_RET))
		return 0;
	*err = only && ld->group_name ? ld->group.err : ld->hooks.err;
	return err->code;
}

static void way_free(struct way *w)
{
	rg_enf_image_free(w->img);
	rg_policy_free(w->p);
}

int rg_enforce_load(const struct rg_enforce_opts *o, struct rg_enforce_loaded *ret, struct rg_err *err)
{
	struct loading ld = {.o = o};
	int r;

	rg_enforce_names(&ld.names);
	ld.names.tree = o->tree != 0;
	r = take_scope(&ld, err);
	find_group(&ld);
	for (unsigned i = 0; i < o->n_scope && !r; i++)
		r = check_demand(&ld, &ld.scope[i], err);
	if (!r)
		r = compile_all(&ld, err);
	if (!r)
		r = put(&ld, ret, err);
	way_free(&ld.hooks);
	way_free(&ld.group);
	free(ld.scope);
	return r;
}
