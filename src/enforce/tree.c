/* SPDX-License-Identifier: BSD-2-Clause */
/* Who is below --tree's process. Each generation of policies has a bit in the entries of enf_tree and
 * enf_kin: the next one's are set beside those in force, and the last one's taken out when it is out of
 * force. */
#include <bpf/bpf.h>
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/number.h"
#include "enforce/load.h"

#define BATCH 512
/* Forks meanwhile may need another pass; who forks faster than this keeps a bit, and is covered. */
#define PASSES 64

/* The process's parent (0: the first process has none, or it is gone), and when it started (clock ticks since
 * boot; 0: gone). */
static int parent_of(int pid, uint64_t *start)
{
	char path[64], line[1024], *end;
	rg_auto_fclose FILE *f = NULL;
	unsigned long long at = 0;
	int parent = 0;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	f = fopen(path, "re");
	if (!f || !fgets(line, sizeof(line), f) || !(end = strrchr(line, ')')) ||
	    sscanf(end + 1,
		   " %*c %d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %llu",
		   &parent, &at) != 2)
		return 0;
	if (start)
		*start = at;
	return parent;
}

static bool is_below(int pid, int root)
{
	for (int i = 0; pid > 0 && i < 4096; i++) {
		if (pid == root)
			return true;
		pid = parent_of(pid, NULL);
	}
	return false;
}

/* Everything that is below root now. Forks are followed by the kernel side, which is attached before. */
static int fill(const struct rg_enf_fds *f, int root, uint32_t bit)
{
	rg_auto_closedir DIR *d = opendir("/proc");
	struct dirent *e;

	while (d && (e = readdir(d))) {
		uint32_t pid = (uint32_t)atoi(e->d_name), had = 0, now;

		if (!pid || !is_below((int)pid, root))
			continue;
		bpf_map_lookup_elem(f->tree, &pid, &had);
		now = had | bit;
		if (now != had && bpf_map_update_elem(f->tree, &pid, &now, BPF_ANY))
			return -errno;
	}
	return d ? 0 : -errno;
}

/* What becomes of an entry: those with all bits of `from` get those of `add`; those not in `keep` go. */
struct change {
	uint32_t from, add, keep;
};

/* Returns how many entries were changed, or -errno. Looking up in batches goes by buckets: entries that go
 * meanwhile do not lead back to the start. */
static int pass(int fd, size_t key_size, const struct change *c)
{
	rg_auto_free uint64_t *keys = calloc(BATCH, sizeof(*keys));
	uint32_t token[2] = {0}, vals[BATCH];
	int changed = 0, r = keys ? 0 : -ENOMEM;

	for (bool first = true; !r; first = false) {
		uint32_t n = BATCH;

		if (bpf_map_lookup_batch(fd, first ? NULL : token, token, keys, vals, &n, NULL))
			r = -errno;
		if (r && r != -ENOENT) /* -ENOENT: these are the last */
			break;
		for (uint32_t i = 0; i < n; i++) {
			const void *key = (const char *)keys + i * key_size;
			uint32_t v = ((vals[i] & c->from) == c->from ? vals[i] | c->add : vals[i]) & c->keep;

			if (v != vals[i])
				changed++;
			if (!v)
				bpf_map_delete_elem(fd, key);
			else if (v != vals[i])
				bpf_map_update_elem(fd, key, &v, BPF_EXIST);
		}
	}
	return r == -ENOENT ? changed : r;
}

/* Until nothing is left to change: children that are forked meanwhile have what their parents had. */
static int change(const struct rg_enf_fds *f, struct change c)
{
	for (int i = 0; i < PASSES; i++) {
		int a = pass(f->tree, sizeof(uint32_t), &c), b = pass(f->kin, sizeof(uint64_t), &c);

		if (a < 0 || b < 0)
			return a < 0 ? a : b;
		if (!(a + b))
			break;
	}
	return 0;
}

int rg_enf_tree_begin(const struct rg_enf_fds *f, const struct rg_enf_ctl *ctl, uint32_t gen, int root,
		      uint64_t *start, struct rg_err *err)
{
	uint32_t bit = RG_TREE_BIT(gen), all = RG_TREE_BIT(0) | RG_TREE_BIT(1);
	int r = change(f, (struct change){.from = bit, .keep = ctl->on ? all & ~bit : 0});

	*start = 0;
	if (!r && !root)
		return 0;
	if (r)
		return rg_fail(err, r, "the kernel's table of processes: %s", strerror(-r));
	if (rg_number_is_local())
		return rg_fail(
			err, -EOPNOTSUPP,
			"--tree %d: in this pid namespace processes have other numbers than in the kernel; "
			"run recvguard in the initial one (docker: --pid=host, Kubernetes: hostPID)",
			root);
	parent_of(root, start);
	if ((kill(root, 0) && errno == ESRCH) || !*start)
		return rg_fail(err, -ESRCH, "there is no process %d", root);
	/* of the same one's, those whose parents are gone are known as well */
	if (ctl->on && ctl->tree == (uint32_t)root && ctl->tree_start == *start)
		r = change(f, (struct change){.from = all & ~bit, .add = bit, .keep = all});
	r = r ? r : fill(f, root, bit);
	/* a second time: who was forked from one not yet listed is below one that is */
	r = r ? r : fill(f, root, bit);
	return r ? rg_fail(err, r, "the processes below %d: %s", root, strerror(-r)) : 0;
}

void rg_enf_tree_end(const struct rg_enf_fds *f, uint32_t gen)
{
	change(f, (struct change){.from = RG_TREE_BIT(gen), .keep = RG_TREE_BIT(gen)});
}
