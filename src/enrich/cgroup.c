/* SPDX-License-Identifier: BSD-2-Clause */
#include "enrich/cgroup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "enrich/container.h"
#include "enrich/read.h"

#define CGROUP2_MAGIC 0x63677270 /* linux/magic.h */
#define FILEID_KERNFS 0xfe	 /* linux/exportfs.h: a kernfs node by its 64-bit id, kernel 5.5+ */
#define WALK_DIRS     4096	 /* directories one walk may visit */
#define WALK_PAUSE    1000000000ull

/* The mount point of type cgroup2, from "device point type options..." lines. */
static char *find_mount(const char *proc_root)
{
	char path[PATH_MAX];
	size_t len;
	rg_auto_free char *text = NULL;
	char *rest, *line;

	snprintf(path, sizeof(path), "%s/self/mounts", proc_root);
	text = rg_read_file(AT_FDCWD, path, 1 << 20, &len);
	rest = text;
	while (rest && (line = strsep(&rest, "\n"))) {
		char *point, *type;

		strsep(&line, " ");
		point = line ? strsep(&line, " ") : NULL;
		type = line ? strsep(&line, " ") : NULL;
		if (type && !strcmp(type, "cgroup2"))
			return strdup(point);
	}
	return NULL;
}

void rg_cgroups_init(struct rg_cgroups *g, const char *proc_root, const char *root)
{
	struct statfs fs;

	*g = (struct rg_cgroups){.root_fd = -1};
	g->root = root ? strdup(root) : find_mount(proc_root);
	if (!g->root)
		return;
	g->root_fd = open(g->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (g->root_fd >= 0 && fstatfs(g->root_fd, &fs) == 0)
		g->by_handle = fs.f_type == CGROUP2_MAGIC;
}

void rg_cgroups_free(struct rg_cgroups *g)
{
	if (g->root_fd >= 0)
		close(g->root_fd);
	free(g->root);
	*g = (struct rg_cgroups){.root_fd = -1};
}

/* What the path of an open folder says after the mount's own: "/a/b". */
static char *below_root(const struct rg_cgroups *g, int fd)
{
	char link[64], path[PATH_MAX];
	size_t root = strlen(g->root);
	ssize_t n;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, path, sizeof(path) - 1);
	if (n < 0)
		return NULL;
	path[n] = 0;
	if (strncmp(path, g->root, root) != 0 || strstr(path, " (deleted)"))
		return NULL;
	return strdup(path[root] ? path + root : "/");
}

/* 1: *ret is set; 0: there is no such group; -1: this way is closed (no privilege, old kernel). */
static int path_by_handle(const struct rg_cgroups *g, uint64_t id, char **ret)
{
	union {
		struct file_handle h;
		char room[sizeof(struct file_handle) + sizeof(uint64_t)];
	} u = {.h = {.handle_bytes = sizeof(uint64_t), .handle_type = FILEID_KERNFS}};
	rg_auto_close int fd = -1;

	memcpy(u.h.f_handle, &id, sizeof(id));
	fd = open_by_handle_at(g->root_fd, &u.h, O_PATH | O_CLOEXEC);
	if (fd < 0)
		return errno == ESTALE || errno == ENOENT ? 0 : -1;
	*ret = below_root(g, fd);
	return *ret != NULL;
}

struct walk {
	uint64_t id;
	unsigned left;
	char path[PATH_MAX]; /* below the root, no trailing slash */
};

static bool walk_dir(struct walk *w, int fd, size_t len);

static bool walk_entry(struct walk *w, int fd, const struct dirent *d, size_t len)
{
	size_t n = strlen(d->d_name);
	int sub;

	if (d->d_name[0] == '.' || (d->d_type != DT_DIR && d->d_type != DT_UNKNOWN) ||
	    len + n + 2 > sizeof(w->path) || !w->left)
		return false;
	w->path[len] = '/';
	memcpy(w->path + len + 1, d->d_name, n + 1);
	if (d->d_ino == w->id)
		return true;
	sub = openat(fd, d->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	w->left--;
	return sub >= 0 && walk_dir(w, sub, len + 1 + n);
}

/* Takes fd. */
static bool walk_dir(struct walk *w, int fd, size_t len)
{
	rg_auto_closedir DIR *dir = fdopendir(fd);
	const struct dirent *d;

	if (!dir) {
		close(fd);
		return false;
	}
	while (w->left && (d = readdir(dir)))
		if (walk_entry(w, fd, d, len))
			return true;
	return false;
}

static char *path_by_walk(struct rg_cgroups *g, uint64_t id)
{
	struct walk w = {.id = id, .left = WALK_DIRS};
	struct timespec ts;
	struct stat st;
	uint64_t now;
	int fd;

	if (fstat(g->root_fd, &st) == 0 && st.st_ino == id)
		return strdup("/");
	clock_gettime(CLOCK_MONOTONIC, &ts);
	now = (uint64_t)ts.tv_sec * 1000000000ull + (uint64_t)ts.tv_nsec;
	if (g->last_walk && now - g->last_walk < WALK_PAUSE)
		return NULL;
	g->last_walk = now;
	fd = openat(g->root_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd >= 0 && walk_dir(&w, fd, 0) ? strdup(w.path) : NULL;
}

char *rg_cgroups_path(struct rg_cgroups *g, uint64_t id)
{
	char *path;

	if (g->root_fd < 0 || !id)
		return NULL;
	if (g->by_handle) {
		int r = path_by_handle(g, id, &path);

		if (r >= 0)
			return r ? path : NULL;
		g->by_handle = 0;
	}
	return path_by_walk(g, id);
}

/* Lines are "0::/path" (v2) or "N:controllers:/path" (v1, where containers stand on hybrid machines). */
char *rg_cgroup_of_text(const char *text)
{
	rg_auto_free char *copy = strdup(text), *v2 = NULL;
	struct rg_container_id id;
	char *rest = copy, *line;

	while (rest && (line = strsep(&rest, "\n"))) {
		char *number = strsep(&line, ":"), *path;

		if (!line || !(path = strchr(line, ':')))
			continue;
		path++;
		if (rg_container_of(path, &id))
			return strdup(path);
		if (!v2 && !strcmp(number, "0"))
			v2 = strdup(path);
	}
	return RG_TAKE(v2);
}
