/* SPDX-License-Identifier: BSD-2-Clause */
/* What is enforced, read back from the pinned maps; and its end. */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include <recvguard/enforce.h>

#include "base/cleanup.h"
#include "enforce/load.h"

static uint64_t boot_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_BOOTTIME, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static uint64_t count_of(const struct rg_enf_fds *f, uint32_t what)
{
	int cpus = libbpf_num_possible_cpus();
	rg_auto_free uint64_t *n = cpus > 0 ? calloc((size_t)cpus, sizeof(*n)) : NULL;
	uint64_t sum = 0;

	if (n && !bpf_map_lookup_elem(f->counts, &what, n))
		for (int i = 0; i < cpus; i++)
			sum += n[i];
	return sum;
}

static void append(char *to, size_t size, const char *word)
{
	size_t len = strlen(to), n = strlen(word);

	if (len + n + 3 > size)
		return;
	if (len) {
		memcpy(to + len, ", ", 3);
		len += 2;
	}
	memcpy(to + len, word, n + 1);
}

static void read_rules(const struct rg_enf_fds *f, uint32_t gen, struct rg_enforce_status *ret)
{
	struct rg_enf_rule r, last = {.policy = ""};

	for (uint32_t i = 0; i < RG_ENF_RULES; i++) {
		uint32_t key = gen * RG_ENF_RULES + i;

		if (bpf_map_lookup_elem(f->rules, &key, &r) || !r.policy[0])
			break;
		ret->rules++;
		if (strcmp(r.policy, last.policy))
			append(ret->policies, sizeof(ret->policies), r.policy);
		last = r;
	}
}

static void read_hooks(const struct rg_pins *p, struct rg_enforce_status *ret)
{
	rg_auto_closedir DIR *d = opendir(p->dir);
	struct dirent *e;

	while (d && (e = readdir(d)))
		if (!strncmp(e->d_name, "link_", 5)) {
			ret->hooks++;
			append(ret->hook_names, sizeof(ret->hook_names), e->d_name + 5);
		}
}

/* Linux 5.12: recursion_misses. */
static uint64_t skipped_runs(const struct rg_pins *p)
{
	rg_auto_closedir DIR *d = opendir(p->dir);
	struct dirent *e;
	uint64_t sum = 0;

	while (d && (e = readdir(d))) {
		/* without these somebody is taken to be below --tree for too long, at worst */
		bool harmless =
			!strncmp(e->d_name, "prog_tree_", 10) || !strcmp(e->d_name, "prog_mod_task_free");
		rg_auto_close int fd = strncmp(e->d_name, "prog_", 5) || harmless
					       ? -1
					       : rg_pins_get(p, "prog_", e->d_name + 5);
		struct bpf_prog_info info = {0};
		uint32_t len = sizeof(info);

		if (fd >= 0 && !bpf_obj_get_info_by_fd(fd, &info, &len))
			sum += info.recursion_misses;
	}
	return sum;
}

static unsigned bits_of(const struct rg_enf_fds *f, uint32_t set)
{
	struct rg_enf_set s;
	struct rg_enf_clause c;
	unsigned n = 0;

	if (bpf_map_lookup_elem(f->sets, &set, &s) || !s.sum)
		return 0;
	for (uint32_t i = 0; i < RG_ENF_BITS && s.sum >> i / 64; i++) {
		uint32_t key = set * RG_ENF_BITS + i;

		n += !bpf_map_lookup_elem(f->clauses, &key, &c) && c.next_word;
	}
	return n;
}

int rg_enf_status(const struct rg_pins *p, struct rg_enforce_status *ret, struct rg_err *err)
{
	struct rg_enf_fds f;
	struct rg_enf_ctl ctl;
	int r = rg_enf_fds_open(p, &f, err);

	*ret = (struct rg_enforce_status){.on = false};
	if (r)
		return r;
	r = rg_enf_ctl_read(&f, &ctl);
	if (!r) {
		uint64_t now = boot_ns();

		ret->backend = (enum rg_enforce_backend)ctl.backend;
		ret->on = ctl.on && (!ctl.deadline || ctl.deadline > now);
		ret->audit = ctl.audit;
		ret->left_ns = ret->on && ctl.deadline ? ctl.deadline - now : 0;
		ret->loaded = ctl.loaded;
		ret->revision = ctl.revision;
		ret->denied = count_of(&f, RG_EC_DENIED);
		ret->killed = count_of(&f, RG_EC_KILLED);
		ret->dropped = count_of(&f, RG_EC_DROPPED);
		ret->stripped = count_of(&f, RG_EC_STRIPPED);
		ret->audited = count_of(&f, RG_EC_AUDITED);
		ret->logged = count_of(&f, RG_EC_LOGGED);
		ret->lost = count_of(&f, RG_EC_LOST);
		ret->unchecked = skipped_runs(p);
		ret->unfollowed = count_of(&f, RG_EC_UNFOLLOWED);
		ret->unforked = count_of(&f, RG_EC_UNFORKED);
		ret->filters = ctl.filters;
		ret->bare = ctl.bare;
		snprintf(ret->group, sizeof(ret->group), "%s", ctl.group);
		snprintf(ret->scope, sizeof(ret->scope), "%s", ctl.scope);
		ret->group_gone = ctl.backend == RG_EB_CGROUP && !rg_enf_group_holds(p);
		read_rules(&f, ctl.gen, ret);
		for (unsigned s = 0; s < RG_ST__COUNT; s++)
			ret->clauses[s] = bits_of(&f, RG_ENF_SET(ctl.gen, s));
		read_hooks(p, ret);
		ret->guarded = ret->on && rg_enf_guard_is_on(p);
	} else {
		rg_fail(err, r, "%s: its control: %s", p->dir, strerror(-r));
	}
	rg_enf_fds_close(&f);
	return r;
}

int rg_enf_stop(struct rg_pins *p, struct rg_err *err)
{
	struct rg_enf_fds f;
	struct rg_enf_ctl ctl;
	struct stat st;
	int r;

	if (stat(p->dir, &st)) {
		r = -errno;
		if (r == -ENOENT && rg_enf_orphans_off(p))
			return 0;
		return rg_fail(err, r, r == -ENOENT ? "nothing is enforced (%s)" : "%s: cannot be looked at",
			       p->dir);
	}
	r = rg_pins_lock(p, err);
	if (r)
		return r;
	r = rg_enf_fds_open(p, &f, err);
	if (r == -EPERM || r == -EACCES) { /* guarded: nothing could be taken away */
		rg_pins_unlock(p);
		return r;
	}
	/* filters stay on their sockets: they let pass what comes from now on */
	if (!r) {
		if (!rg_enf_ctl_read(&f, &ctl) && rg_enf_is_ours(p, &ctl)) {
			ctl.on = 0;
			rg_enf_ctl_write(&f, &ctl);
		}
		rg_enf_guard_set(p, false, 0);
		rg_enf_fds_close(&f);
	}
	rg_enf_orphans_off(p);
	rg_pins_clear(p);
	r = stat(p->dir, &st) ? 0 : rg_fail(err, -EBUSY, "%s: not everything in it could be removed", p->dir);
	rg_pins_unlock(p);
	return r;
}
