/* SPDX-License-Identifier: BSD-2-Clause */
#include "pipeline/exes.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "decode/record.h"

#define SLOTS 4096

struct exe {
	uint32_t pid, dev;
	uint64_t ino;
	uint32_t len;
	char *path;
};

struct rg_exes {
	struct exe slot[SLOTS];
};

struct rg_exes *rg_exes_new(void)
{
	return calloc(1, sizeof(struct rg_exes));
}

void rg_exes_free(struct rg_exes *e)
{
	for (size_t i = 0; e && i < SLOTS; i++)
		free(e->slot[i].path);
	free(e);
}

static size_t slot_of(uint32_t pid, uint64_t ino)
{
	return (pid * 2654435761u ^ (uint32_t)ino * 40503u) % SLOTS;
}

int rg_exes_add(struct rg_exes *e, const struct rg_rec_hdr *rec, size_t size)
{
	const struct rg_rec_proc *r = (const struct rg_rec_proc *)rec;
	char path[RG_PATH_MAX + 64];
	struct exe *x;
	size_t n;

	if (size < __builtin_offsetof(struct rg_rec_proc, path))
		return -EINVAL;
	n = size - __builtin_offsetof(struct rg_rec_proc, path);
	if (r->path_len > n)
		return -EINVAL;
	if (!(r->has & RG_FILE_HAS_PATH))
		return 0;
	x = &e->slot[slot_of(r->pid, r->exe_ino)];
	n = rg_path_text(r->path, r->path_len, r->has & RG_FILE_PATH_CUT, path, sizeof(path));
	free(x->path);
	*x = (struct exe){.pid = r->pid, .dev = r->exe_dev, .ino = r->exe_ino, .path = malloc(n)};
	if (x->path) {
		memcpy(x->path, path, n);
		x->len = (uint32_t)n;
	}
	return 0;
}

void rg_exes_event(const struct rg_exes *e, const struct rg_rec_msg *m, struct rg_event *ev)
{
	const struct exe *x = &e->slot[slot_of(m->pid, m->exe_ino)];

	if (x->len && x->pid == m->pid && x->ino == m->exe_ino && x->dev == m->exe_dev)
		rg_set_str(ev, RG_F_PROC_EXE, x->path, x->len, RG_TAG_K);
}
