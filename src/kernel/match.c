/* SPDX-License-Identifier: BSD-2-Clause */
#include "kernel/match.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <string.h>

#include "base/cleanup.h"

struct set {
	const char *map;
	const void *keys;
	size_t size;
	uint32_t n;
};
#define SETS 4

static void sets_of(const struct rg_match *m, struct set *s)
{
	s[0] = (struct set){"rg_match_ints", m->ints, sizeof(*m->ints), m->n_ints};
	s[1] = (struct set){"rg_match_comms", m->comms, sizeof(*m->comms), m->n_comms};
	s[2] = (struct set){"rg_match_paths", m->paths, sizeof(*m->paths), m->n_paths};
	s[3] = (struct set){"rg_match_addrs", m->addrs, sizeof(*m->addrs), m->n_addrs};
}

int rg_match_size(struct bpf_object *obj, const struct rg_match *m, struct rg_err *err)
{
	struct set sets[SETS];

	if (!m)
		return 0;
	sets_of(m, sets);
	for (unsigned i = 0; i < SETS; i++) {
		struct bpf_map *map = bpf_object__find_map_by_name(obj, sets[i].map);

		if (!map || bpf_map__set_max_entries(map, sets[i].n + 1))
			return rg_fail(err, -ENOENT, "filter: the kernel side has no map %s", sets[i].map);
	}
	return 0;
}

int rg_match_fill(struct bpf_object *obj, const struct rg_match *m, struct rg_err *err)
{
	struct set sets[SETS];
	uint32_t zero = 0;
	uint8_t one = 1;

	if (!m)
		return 0;
	sets_of(m, sets);
	for (unsigned i = 0; i < SETS; i++) {
		int fd = bpf_object__find_map_fd_by_name(obj, sets[i].map);

		for (uint32_t k = 0; k < sets[i].n; k++)
			if (bpf_map_update_elem(fd, (const char *)sets[i].keys + k * sets[i].size, &one,
						BPF_ANY))
				return rg_fail(err, -errno, "filter: map %s: %s", sets[i].map,
					       strerror(errno));
	}
	if (bpf_map_update_elem(bpf_object__find_map_fd_by_name(obj, "rg_match_prog"), &zero, &m->prog,
				BPF_ANY))
		return rg_fail(err, -errno, "filter: map rg_match_prog: %s", strerror(errno));
	return 0;
}
