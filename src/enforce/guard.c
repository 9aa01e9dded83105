/* SPDX-License-Identifier: BSD-2-Clause */
/* What is pinned, guarded from other programs: bpf/hooks/guard.bpf.c, its own maps and links pinned too. */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "abi/config.h"
#include "base/cleanup.h"
#include "base/libbpf.h"
#include "base/number.h"
#include "enforce/load.h"

#include "guard.skel.h" /* its types are abi/enforce.h's */

#define MAP  "enf_guard"
#define LINK "guard_"

static int read_from(int fd, struct rg_enf_guard *ret)
{
	uint32_t zero = 0;

	return bpf_map_lookup_elem(fd, &zero, ret) ? -errno : 0;
}

static int write_to(int fd, const struct rg_enf_guard *g)
{
	uint32_t zero = 0;

	return bpf_map_update_elem(fd, &zero, g, BPF_ANY) ? -errno : 0;
}

static int fill_in(const struct rg_pins *p, struct rg_enf_guard *g)
{
	struct stat st, ns, first;

	if (stat(p->dir, &st) || stat("/proc/self/ns/mnt", &ns))
		return -errno;
	/* a service has a namespace of its own, where the machine's unmounting reaches */
	if (stat("/proc/1/ns/mnt", &first))
		first = ns;
	g->learn = rg_number_of_thread();
	g->pins_ino = st.st_ino;
	g->pins_dev = major(st.st_dev) << 20 | minor(st.st_dev);
	g->mntns[0] = (uint32_t)first.st_ino;
	g->mntns[1] = (uint32_t)ns.st_ino;
	return 0;
}

static int attach(const struct rg_pins *p, struct guard_bpf *s, struct rg_err *err)
{
	struct bpf_program *prog;

	bpf_object__for_each_program(prog, s->obj)
	{
		rg_auto_close int link = -1;
		int r;

		if (bpf_program__fd(prog) < 0)
			continue;
		link = bpf_raw_tracepoint_open(NULL, bpf_program__fd(prog));
		r = link < 0 ? -errno : rg_pins_put(p, LINK, bpf_program__name(prog), link);
		if (r)
			return rg_fail(err, r, "%s does not attach: %s", bpf_program__name(prog),
				       strerror(-r));
	}
	return 0;
}

/* Who we are is what the kernel takes us for: a file system of layers has other numbers for it than stat. */
static int learn(int fd, struct rg_enf_guard *g, struct rg_err *err)
{
	int r = write_to(fd, g) ?: read_from(fd, g);

	if (!r && !g->exe.name[0])
		return rg_fail(err, -EOPNOTSUPP, "attached, and never called");
	g->on = 1;
	r = r ?: write_to(fd, g);
	return r ? rg_fail(err, r, "its map: %s", strerror(-r)) : 0;
}

/* The guard itself is ours too, which was made before it could see that: what is opened anew, it sees. */
static void open_anew(struct guard_bpf *s)
{
	struct bpf_program *prog;
	struct bpf_map *m;

	bpf_object__for_each_program(prog, s->obj)
	{
		struct bpf_prog_info pi = {0};
		uint32_t size = sizeof(pi);
		rg_auto_close int fd = bpf_obj_get_info_by_fd(bpf_program__fd(prog), &pi, &size)
					       ? -1
					       : bpf_prog_get_fd_by_id(pi.id);
	}
	bpf_object__for_each_map(m, s->obj)
	{
		struct bpf_map_info mi = {0};
		uint32_t size = sizeof(mi);
		rg_auto_close int fd =
			bpf_obj_get_info_by_fd(bpf_map__fd(m), &mi, &size) ? -1 : bpf_map_get_fd_by_id(mi.id);
	}
}

static int begin(const struct rg_pins *p, struct guard_bpf *s, struct rg_err *err)
{
	struct rg_enf_guard g = {.on = 0};
	int r = fill_in(p, &g);

	if (r)
		return rg_fail(err, r, "%s: %s", p->dir, strerror(-r));
	r = guard_bpf__load(s);
	if (r)
		return rg_fail(err, r, "does not load: %s (%s)", strerror(-r), rg_libbpf_said());
	r = rg_pins_put(p, "", MAP, bpf_map__fd(s->maps.enf_guard));
	if (r)
		return rg_fail(err, r, "cannot be pinned: %s", strerror(-r));
	r = attach(p, s, err);
	if (!r)
		r = learn(bpf_map__fd(s->maps.enf_guard), &g, err);
	if (!r)
		open_anew(s);
	return r;
}

int rg_enf_guard_begin(const struct rg_pins *p, enum rg_enf_backend be, struct rg_err *err)
{
	struct guard_bpf *s = guard_bpf__open();
	struct bpf_program *prog;
	int r;

	if (!s)
		return rg_fail(err, -errno, "cannot be opened: %s", strerror(errno));
	bpf_object__for_each_program(prog, s->obj) bpf_program__set_autoload(
		prog, !strncmp(bpf_program__name(prog), be == RG_EB_LSM ? "lsm_" : "mod_", 4));
	rg_libbpf_forget();
	r = begin(p, s, err);
	guard_bpf__destroy(s);
	if (r)
		rg_pins_drop_all(p, LINK);
	if (r)
		rg_pins_drop(p, "", MAP);
	return r;
}

void rg_enf_guard_set(const struct rg_pins *p, bool on, uint64_t deadline)
{
	rg_auto_close int fd = rg_pins_get(p, "", MAP);
	struct rg_enf_guard g;

	if (fd < 0 || read_from(fd, &g))
		return;
	g.on = on;
	g.deadline = deadline;
	g.learn = 0;
	write_to(fd, &g);
}

bool rg_enf_guard_is_on(const struct rg_pins *p)
{
	rg_auto_close int fd = rg_pins_get(p, "", MAP);
	struct rg_enf_guard g;

	return fd >= 0 && !read_from(fd, &g) && g.on;
}
