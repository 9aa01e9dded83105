/* SPDX-License-Identifier: BSD-2-Clause */
#include "enforce/pins.h"

#include <bpf/bpf.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <recvguard/enforce.h>

#include "base/cleanup.h"

#define BPF_FS 0xcafe4a11

/* A folder is known by its path (rg_pins_home), also when it is gone or not there yet: however it was
 * written, by one. NULL: no memory. */
static char *one_spelling(const char *dir)
{
	rg_auto_free char *copy = strdup(dir), *parent = NULL;
	char *name, *whole = realpath(dir, NULL), *ret = NULL;
	size_t n = strlen(dir);

	if (whole || !copy)
		return whole;
	while (n > 1 && copy[n - 1] == '/')
		copy[--n] = '\0';
	name = strrchr(copy, '/');
	if (!name || name == copy)
		return strdup(copy);
	*name = '\0';
	parent = realpath(copy, NULL);
	return asprintf(&ret, "%s/%s", parent ? parent : copy, name + 1) < 0 ? NULL : ret;
}

int rg_pins_init(struct rg_pins *p, const char *dir, struct rg_err *err)
{
	rg_auto_free char *path = one_spelling(dir ? dir : RG_ENFORCE_DIR);

	p->lock = p->turn = -1;
	p->fs = p->ino = 0;
	if (!path)
		return rg_fail(err, -ENOMEM, "out of memory");
	if (strlen(path) >= sizeof(p->dir))
		return rg_fail(err, -ENAMETOOLONG, "%s: the folder's path is too long", path);
	strcpy(p->dir, path);
	return 0;
}

int rg_pins_lock(struct rg_pins *p, struct rg_err *err)
{
	struct statfs fs;
	struct stat st;

	if (mkdir(p->dir, 0700) && errno != EEXIST)
		return rg_fail(err, -errno, "%s: %s%s", p->dir, strerror(errno),
			       errno == ENOENT
				       ? " (is a bpf file system mounted there? mount -t bpf bpf /sys/fs/bpf)"
			       : errno == EACCES || errno == EPERM ? " (enforcing needs root)"
								   : "");
	p->lock = open(p->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (p->lock < 0)
		return rg_fail(err, -errno, "%s: %s", p->dir, strerror(errno));
	if (fstat(p->lock, &st) || fstatfs(p->lock, &fs) || fs.f_type != BPF_FS)
		return rg_fail(err, -EINVAL,
			       "%s is not in a bpf file system: what is pinned must outlive its loader",
			       p->dir);
	if (flock(p->lock, LOCK_EX | LOCK_NB))
		return rg_fail(err, -EBUSY, "%s: another recvguard is changing what is enforced", p->dir);
	p->fs = st.st_dev;
	p->ino = st.st_ino;
	return 0;
}

void rg_pins_unlock(struct rg_pins *p)
{
	if (p->lock >= 0)
		close(p->lock);
	if (p->turn >= 0)
		close(p->turn);
	p->lock = p->turn = -1;
	p->fs = p->ino = 0;
}

static const char *path_of(const struct rg_pins *p, const char *kind, const char *name, char (*buf)[320])
{
	snprintf(*buf, sizeof(*buf), "%s/%s%s", p->dir, kind, name);
	return *buf;
}

int rg_pins_get(const struct rg_pins *p, const char *kind, const char *name)
{
	char buf[320];
	int fd = bpf_obj_get(path_of(p, kind, name, &buf));

	return fd < 0 ? -errno : fd;
}

int rg_pins_put(const struct rg_pins *p, const char *kind, const char *name, int fd)
{
	char buf[320];

	return bpf_obj_pin(fd, path_of(p, kind, name, &buf)) ? -errno : 0;
}

bool rg_pins_has(const struct rg_pins *p, const char *kind, const char *name)
{
	char buf[320];

	/* by the effective user, as everything else here */
	return faccessat(AT_FDCWD, path_of(p, kind, name, &buf), F_OK, AT_EACCESS) == 0;
}

int rg_pins_drop(const struct rg_pins *p, const char *kind, const char *name)
{
	char buf[320];

	return unlink(path_of(p, kind, name, &buf)) ? -errno : 0;
}

int rg_pins_rename(const struct rg_pins *p, const char *from, const char *to)
{
	char a[320], b[320];

	return rename(path_of(p, "", from, &a), path_of(p, "", to, &b)) ? -errno : 0;
}

uint32_t rg_pins_home(const struct rg_pins *p)
{
	uint32_t h = 2166136261u; /* FNV-1a */

	for (const char *s = p->dir; *s; s++)
		h = (h ^ (unsigned char)*s) * 16777619u;
	return h;
}

void rg_pins_drop_all(const struct rg_pins *p, const char *prefix)
{
	rg_auto_closedir DIR *d = opendir(p->dir);
	struct dirent *e;

	while (d && (e = readdir(d)))
		if (e->d_name[0] != '.' && !strncmp(e->d_name, prefix, strlen(prefix)))
			rg_pins_drop(p, "", e->d_name);
}

void rg_pins_empty(const struct rg_pins *p)
{
	rg_pins_drop_all(p, "link_");
	rg_pins_drop_all(p, "");
}

void rg_pins_clear(const struct rg_pins *p)
{
	rg_pins_empty(p);
	rmdir(p->dir);
}

static const struct {
	const char *name;
	size_t at;
} maps[] = {
#define MAP(n)                                            \
	{                                                 \
		"enf_" #n, offsetof(struct rg_enf_fds, n) \
	}
	MAP(ctl),
	MAP(sets),
	MAP(rows),
	MAP(clauses),
	MAP(rules),
	MAP(code),
	MAP(keys),
	MAP(lpms),
	MAP(paths),
	MAP(path_lpms),
	MAP(counts),
	MAP(tree),
	MAP(kin),
	MAP(guarded),
	MAP(front),
#undef MAP
	{"ring", offsetof(struct rg_enf_fds, ring)},
};

/* Another version may have other maps, and others of the same name. */
static bool is_other_version(int ctl_fd)
{
	struct bpf_map_info info = {0};
	struct rg_enf_ctl ctl;
	uint32_t zero = 0, size = sizeof(info);

	return bpf_obj_get_info_by_fd(ctl_fd, &info, &size) || info.value_size != sizeof(ctl) ||
	       bpf_map_lookup_elem(ctl_fd, &zero, &ctl) || ctl.abi != RG_ENF_ABI;
}

int rg_enf_fds_open(const struct rg_pins *p, struct rg_enf_fds *ret, struct rg_err *err)
{
	int r = 0;

	memset(ret, -1, sizeof(*ret));
	for (size_t i = 0; i < sizeof(maps) / sizeof(maps[0]) && !r; i++) {
		int fd = rg_pins_get(p, "", maps[i].name);

		if (fd < 0)
			r = fd;
		else
			*(int *)((char *)ret + maps[i].at) = fd;
		if (fd >= 0 && !i && is_other_version(fd))
			r = -EPROTO;
	}
	if (r == -ENOENT)
		rg_fail(err, r, "nothing is enforced (%s)", p->dir);
	else if (r == -EPROTO)
		rg_fail(err, r,
			"%s: what is enforced was loaded by another version of recvguard: stop it "
			"(recvguard enforce stop) first",
			p->dir);
	else if (r)
		rg_fail(err, r, "%s: %s%s", p->dir, strerror(-r),
			r == -EPERM || r == -EACCES
				? " (this needs root; and where it is guarded, the recvguard that loaded it)"
				: "");
	if (r)
		rg_enf_fds_close(ret);
	return r;
}

void rg_enf_fds_close(struct rg_enf_fds *f)
{
	for (size_t i = 0; i < sizeof(maps) / sizeof(maps[0]); i++) {
		int *fd = (int *)((char *)f + maps[i].at);

		if (*fd >= 0)
			close(*fd);
		*fd = -1;
	}
}
