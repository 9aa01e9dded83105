/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Locked filters cannot be taken off their sockets, by nobody: when the pins are gone, the filters' program
 * and its maps are still there. What is loaded next takes these maps up, so that the same filters obey it;
 * and `stop` finds them though somebody removed the folder.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "enforce/load.h"

#define MAPS_MAX 32
/* What every version's control begins with. */
#define COMMON offsetof(struct rg_enf_ctl, filters)

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

/* As far as every version has it; what this one has more is 0 then. */
static bool read_ctl(const struct found *m, struct rg_enf_ctl *ctl)
{
	struct bpf_map_info info = {0};
	uint32_t len = sizeof(info), zero = 0;
	int fd = map_of(m, "enf_ctl");
	rg_auto_free char *value = NULL;

	memset(ctl, 0, sizeof(*ctl));
	if (fd < 0 || bpf_obj_get_info_by_fd(fd, &info, &len) || info.value_size < COMMON ||
	    !(value = malloc(info.value_size)) || bpf_map_lookup_elem(fd, &zero, value))
		return false;
	memcpy(ctl, value, COMMON);
	if (ctl->abi == RG_ENF_ABI && info.value_size == sizeof(*ctl))
		memcpy(ctl, value, sizeof(*ctl));
	return true;
}

static bool switch_off(const struct found *m)
{
	struct bpf_map_info info = {0};
	uint32_t len = sizeof(info), zero = 0;
	int fd = map_of(m, "enf_ctl");
	rg_auto_free char *value = NULL;

	if (bpf_obj_get_info_by_fd(fd, &info, &len) || !(value = malloc(info.value_size)) ||
	    bpf_map_lookup_elem(fd, &zero, value))
		return false;
	memset(value + offsetof(struct rg_enf_ctl, on), 0, sizeof(uint32_t));
	return !bpf_map_update_elem(fd, &zero, value, BPF_ANY);
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

bool rg_enf_is_ours(const struct rg_pins *p, const struct rg_enf_ctl *ctl)
{
	bool known = p->fs && ctl->abi == RG_ENF_ABI;

	if (known && ctl->home_fs != p->fs)
		return false;
	return ctl->on && (ctl->home == rg_pins_home(p) || (known && ctl->home_ino == p->ino));
}

/* Is control group b the folder a or below it? */
static bool is_within(const char *a, const char *b)
{
	size_t n = strlen(a);

	while (n && a[n - 1] == '/')
		n--;
	return !strncmp(a, b, n) && (!b[n] || b[n] == '/');
}

/* Left by one who is gone, and for sockets of l's group. Never in force: no socket can have it. */
static bool is_left(const struct rg_enf_load *l, const struct rg_enf_ctl *ctl)
{
	return !ctl->on && ctl->loaded && l->group && strlen(ctl->group) + 1 < sizeof(ctl->group) &&
	       is_within(l->group, ctl->group);
}

/* This folder's own before those that nobody uses. */
static bool find(const struct rg_pins *p, const struct rg_enf_load *l, bool own, struct found *ret)
{
	struct rg_enf_ctl ctl;
	uint32_t id = 0;

	while (next(&id, ret)) {
		if (read_ctl(ret, &ctl) && ctl.abi == RG_ENF_ABI &&
		    (own ? rg_enf_is_ours(p, &ctl) : is_left(l, &ctl)))
			return true;
		let_go(ret);
	}
	return false;
}

/* ---- one at a time */

#define TURN	     "rg_enf_turn"
#define TURN_MS	     20
#define TURN_AT_MOST 15000

/* Is the map one that holds the turn? Its type is one that takes privileges to make. */
static bool is_turn(uint32_t id)
{
	rg_auto_close int fd = bpf_map_get_fd_by_id(id);
	struct bpf_map_info info = {0};
	uint32_t len = sizeof(info);

	return fd >= 0 && !bpf_obj_get_info_by_fd(fd, &info, &len) && info.type == BPF_MAP_TYPE_LPM_TRIE &&
	       !strcmp(info.name, TURN);
}

/*
 * Who may take maps up: folders are locked each for itself, and may lie in file systems that do not see each
 * other. What all loaders see is the kernel's list of maps: each puts one of this name there, and the lowest
 * number has its turn. Numbers rise, and a map goes with the process that made it.
 */
static int take_turn(struct rg_pins *p, struct rg_err *err)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = BPF_F_NO_PREALLOC);
	struct bpf_map_info info = {0};
	uint32_t len = sizeof(info);

	p->turn = bpf_map_create(BPF_MAP_TYPE_LPM_TRIE, TURN, 8, 4, 1, &opts);
	if (p->turn < 0 || bpf_obj_get_info_by_fd(p->turn, &info, &len))
		return rg_fail(err, -errno, "the turn among loaders: %s", strerror(errno));
	for (unsigned ms = 0; ms < TURN_AT_MOST; ms += TURN_MS) {
		uint32_t id = 0;

		while (!bpf_map_get_next_id(id, &id) && id < info.id && !is_turn(id))
			;
		if (id >= info.id)
			return 0;
		usleep(TURN_MS * 1000);
	}
	return rg_fail(err, -EBUSY, "another recvguard has been loading for %u seconds", TURN_AT_MOST / 1000);
}

/* What was counted before belongs to what was stopped. */
static void forget_counts(const struct found *m)
{
	int cpus = libbpf_num_possible_cpus(), fd = map_of(m, "enf_counts");
	rg_auto_free uint64_t *none = cpus > 0 ? calloc((size_t)cpus, sizeof(*none)) : NULL;

	for (uint32_t k = 0; none && k < RG_EC__COUNT; k++)
		bpf_map_update_elem(fd, &k, none, BPF_ANY);
}

int rg_enf_orphans_adopt(struct rg_pins *p, const struct rg_enf_load *l, struct bpf_object *obj,
			 struct rg_err *err)
{
	struct found maps;
	struct rg_enf_ctl ctl;
	struct bpf_map *m;
	int r = take_turn(p, err);

	if (r)
		return r;
	if (!find(p, l, true, &maps) && !find(p, l, false, &maps))
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
	uint32_t id = 0;
	unsigned n = 0;

	while (next(&id, &maps)) {
		n += read_ctl(&maps, &ctl) && rg_enf_is_ours(p, &ctl) && switch_off(&maps);
		let_go(&maps);
	}
	return n;
}
