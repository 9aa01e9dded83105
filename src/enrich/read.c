/* SPDX-License-Identifier: BSD-2-Clause */
#include "enrich/read.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/cleanup.h"

char *rg_read_file(int dirfd, const char *path, size_t max, size_t *ret_len)
{
	/* O_NONBLOCK: opening a FIFO someone left here must not wait. */
	rg_auto_close int fd = openat(dirfd, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	rg_auto_free char *text = NULL;
	struct stat st;
	size_t len = 0, room;

	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || (uint64_t)st.st_size > max)
		return NULL;
	room = st.st_size ? (size_t)st.st_size + 1 : 4096; /* files of /proc have no size */
	text = malloc(room + 1);
	while (text) {
		ssize_t n = read(fd, text + len, room - len);

		if (n < 0)
			return NULL;
		len += (size_t)n;
		if (n == 0) {
			text[len] = 0;
			*ret_len = len;
			return RG_TAKE(text);
		}
		if (len == room) {
			char *more = room * 2 > max + 4096 ? NULL : realloc(text, room * 2 + 1);

			if (!more)
				return NULL;
			text = more;
			room *= 2;
		}
	}
	return NULL;
}

int rg_proc_open(const char *proc_root, uint32_t pid)
{
	char path[PATH_MAX];
	int fd;

	if (snprintf(path, sizeof(path), "%s/%u", proc_root, pid) >= (int)sizeof(path))
		return -ENAMETOOLONG;
	fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

uint64_t rg_ticks(uint64_t boot_ns)
{
	static long hz;

	if (!hz)
		hz = sysconf(_SC_CLK_TCK);
	return boot_ns / (1000000000ull / (uint64_t)hz);
}

/* "pid (comm) state ...": comm may hold spaces and parentheses, so count from the last ')'. starttime is the
 * 22nd value, the 20th after it (proc(5)). */
int rg_proc_start(int procfd, uint64_t *ret_ticks, char *comm)
{
	size_t len;
	rg_auto_free char *text = rg_read_file(procfd, "stat", 4096, &len);
	char *open, *close;

	if (!text)
		return -ESRCH;
	open = strchr(text, '(');
	close = strrchr(text, ')');
	if (!open || !close || close < open)
		return -EINVAL;
	if (comm) {
		size_t n = (size_t)(close - open) - 1;

		n = n > 15 ? 15 : n;
		memcpy(comm, open + 1, n);
		comm[n] = 0;
	}
	for (int i = 0; i < 20 && close; i++)
		close = strchr(close + 1, ' ');
	if (!close)
		return -EINVAL;
	*ret_ticks = strtoull(close + 1, NULL, 10);
	return 0;
}

char *rg_proc_exe(int procfd, uint64_t *ret_dev, uint64_t *ret_ino)
{
	char path[PATH_MAX];
	struct statx st;
	ssize_t n = readlinkat(procfd, "exe", path, sizeof(path));

	if (n <= 0 || n == sizeof(path))
		return NULL;
	/* What is cached of the attributes is enough: a dead file server must not hold the trace. */
	if (statx(procfd, "exe", AT_STATX_DONT_SYNC, STATX_INO, &st) == 0) {
		*ret_dev = makedev(st.stx_dev_major, st.stx_dev_minor);
		*ret_ino = st.stx_ino;
	} else {
		*ret_dev = *ret_ino = 0;
	}
	return strndup(path, (size_t)n);
}
