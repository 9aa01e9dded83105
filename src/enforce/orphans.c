/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Locked filters cannot be taken off their sockets, by nobody: when the pins are gone, the filters' program
 * and its maps are still there. What is loaded next takes these maps up, so that the same filters obey it;
 * and `stop` finds them though somebody removed the folder.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "enforce/load.h"

#define MAPS_MAX 32

struct found {
	unsigned n;
	int fd[MAPS_MAX];
	char name[MAPS_MAX][BPF_OBJ_NAME_LEN];
};

static void let_go(struct found *m)
{
	for (unsigned i = 0; i < m->n; i++)
		close(m->fd[i]);
	m->n = 0;
}

static int map_of(const struct found *m, const char *name)
{
	for (unsigned i = 0; i < m->n; i++)
		if (!strncmp(m->name[i], name, BPF_OBJ_NAME_LEN - 1))
			return m->fd[i];
	return -1;
}

/* The maps of a program, if it is our filter. */
static bool maps_of(int prog, struct found *ret)
{
	uint32_t ids[MAPS_MAX], size = sizeof(struct bpf_prog_info);
	struct bpf_prog_info info = {.nr_map_ids = MAPS_MAX, .map_ids = (uintptr_t)ids};

	ret->n = 0;
	if (bpf_obj_get_info_by_fd(prog, &info, &size) || info.type != BPF_PROG_TYPE_SOCKET_FILTER ||
	    strcmp(info.name, "unix_filter"))
		return false;
	for (uint32_t i = 0; i < info.nr_map_ids && i < MAPS_MAX; i++) {
		struct bpf_map_info m = {0};
		uint32_t len = sizeof(m);
		int fd = bpf_map_get_fd_by_id(ids[i]);

		if (fd < 0)
			continue;
		if (bpf_obj_get_info_by_fd(fd, &m, &len)) {
			close(fd);
			continue;
		}
		memcpy(ret->name[ret->n], m.name, sizeof(m.name));
		ret->fd[ret->n++] = fd;
	}
	return true;
}

static bool read_ctl(const struct found *m, struct rg_enf_ctl *ctl)
{
	struct bpf_map_info info = {0};
	uint32_t len = sizeof(info), zero = 0;
	int fd = map_of(m, "enf_ctl");

	return fd >= 0 && !bpf_obj_get_info_by_fd(fd, &info, &len) && info.value_size == sizeof(*ctl) &&
	       !bpf_map_lookup_elem(fd, &zero, ctl) && ctl->abi == RG_ENF_ABI;
}

/* The next filter's maps after program *id; false: there is none. */
static bool next(uint32_t *id, struct found *ret)
{
	while (!bpf_prog_get_next_id(*id, id)) {
		rg_auto_close int prog = bpf_prog_get_fd_by_id(*id);

		if (prog >= 0 && maps_of(prog, ret))
			return true;
	}
	return false;
}

/* This folder's own before those that nobody uses. */
static bool find(const struct rg_pins *p, bool own, struct found *ret)
{
	struct rg_enf_ctl ctl;
	uint32_t id = 0;

	while (next(&id, ret)) {
		if (read_ctl(ret, &ctl) && (own ? ctl.home == rg_pins_home(p) : !ctl.on))
			return true;
		let_go(ret);
	}
	return false;
}

/* What was counted before belongs to what was stopped. */
static void forget_counts(const struct found *m)
{
	int cpus = libbpf_num_possible_cpus(), fd = map_of(m, "enf_counts");
	rg_auto_free uint64_t *none = cpus > 0 ? calloc((size_t)cpus, sizeof(*none)) : NULL;

	for (uint32_t k = 0; none && k < RG_EC__COUNT; k++)
		bpf_map_update_elem(fd, &k, none, BPF_ANY);
}

int rg_enf_orphans_adopt(const struct rg_pins *p, struct bpf_object *obj, struct rg_err *err)
{
	struct found maps;
	struct rg_enf_ctl ctl;
	struct bpf_map *m;
	int r = 0;

	if (!find(p, true, &maps) && !find(p, false, &maps))
		return 0;
	if (read_ctl(&maps, &ctl) && !ctl.on)
		forget_counts(&maps);
	bpf_object__for_each_map(m, obj)
	{
		int fd = map_of(&maps, bpf_map__name(m));

		if (fd >= 0 && !r && !strchr(bpf_map__name(m), '.'))
			r = bpf_map__reuse_fd(m, fd);
	}
	let_go(&maps);
	return r ? rg_fail(err, r, "the maps of filters that are on sockets already: %s", strerror(-r)) : 1;
}

unsigned rg_enf_orphans_off(const struct rg_pins *p)
{
	struct rg_enf_ctl ctl;
	struct found maps;
	uint32_t id = 0, zero = 0;
	unsigned n = 0;

	while (next(&id, &maps)) {
		if (read_ctl(&maps, &ctl) && ctl.on && ctl.home == rg_pins_home(p)) {
			ctl.on = 0;
			n += !bpf_map_update_elem(map_of(&maps, "enf_ctl"), &zero, &ctl, BPF_ANY);
		}
		let_go(&maps);
	}
	return n;
}
