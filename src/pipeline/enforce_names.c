/* SPDX-License-Identifier: BSD-2-Clause */
/* Names in policies to the kernel's own numbers: executables, control groups, containers. */
#include "pipeline/enforce_names.h"

#include <fts.h>
#include <mntent.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "enrich/container.h"

static unsigned exe(void *arg, const char *path, uint64_t (*ret)[2], unsigned max)
{
	struct stat st;

	if (!max || path[0] != '/' || stat(path, &st))
		return 0;
	ret[0][0] = st.st_ino;
	ret[0][1] = (uint64_t)major(st.st_dev) << 20 | minor(st.st_dev);
	return 1;
}

static bool mount_point(char *out, size_t size)
{
	FILE *f = setmntent("/proc/self/mounts", "re");
	struct mntent *m;
	bool found = false;

	while (f && !found && (m = getmntent(f)))
		if (!strcmp(m->mnt_type, "cgroup2")) {
			snprintf(out, size, "%s", m->mnt_dir);
			found = true;
		}
	if (f)
		endmntent(f);
	return found;
}

const char *rg_enforce_group_path(const char *name)
{
	char root[256];
	size_t len;

	if (!mount_point(root, sizeof(root)))
		return name;
	len = strlen(root);
	if (strncmp(name, root, len) || (name[len] && name[len] != '/'))
		return name;
	return name[len] ? name + len : "/";
}

bool rg_enforce_group(const char *name, char *out, size_t size)
{
	char root[256];
	struct stat st;

	if (!mount_point(root, sizeof(root)) || (name && name[0] != '/'))
		return false;
	return (size_t)snprintf(out, size, "%s%s", root, name ? name : "") < size && !stat(out, &st) &&
	       S_ISDIR(st.st_mode);
}

static unsigned depth(const char *path)
{
	unsigned n = 0;

	for (; *path; path++)
		n += path[0] == '/' && path[1];
	return n;
}

static unsigned one_group(const char *root, const char *name, uint64_t (*ret)[2])
{
	char path[4096 + 256];
	struct stat st;

	snprintf(path, sizeof(path), "%s%s", root, name);
	if (name[0] != '/' || stat(path, &st) || !S_ISDIR(st.st_mode))
		return 0;
	ret[0][0] = st.st_ino; /* of a kernfs folder: the group's id */
	ret[0][1] = depth(name);
	return 1;
}

/* The outermost group of each container whose id begins so. */
static unsigned containers(const char *root, const char *id, uint64_t (*ret)[2], unsigned max)
{
	char *const roots[] = {(char *)(uintptr_t)root, NULL};
	FTS *t = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
	size_t skip = strlen(root);
	unsigned n = 0;
	FTSENT *e;

	while (t && (e = fts_read(t))) {
		struct rg_container_id c;
		const char *path = e->fts_path + skip;

		if (e->fts_info != FTS_D || !rg_container_of(path, &c) || !c.id ||
		    strncmp(c.id, id, strlen(id)))
			continue;
		if (n < max) {
			ret[n][0] = e->fts_statp->st_ino;
			ret[n][1] = depth(path);
			n++;
		}
		fts_set(t, e, FTS_SKIP);
	}
	if (t)
		fts_close(t);
	return n;
}

static unsigned cgroup(void *arg, const char *name, bool container, uint64_t (*ret)[2], unsigned max)
{
	char root[256];

	if (!max || !mount_point(root, sizeof(root)))
		return 0;
	return container ? containers(root, name, ret, max) : one_group(root, name, ret);
}

void rg_enforce_names(struct rg_enf_names *ret)
{
	*ret = (struct rg_enf_names){.exe = exe, .cgroup = cgroup};
}
