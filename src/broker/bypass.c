/* SPDX-License-Identifier: BSD-2-Clause */
#include <dirent.h>
#include <linux/if_packet.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "broker/bypass.h"
#include "broker/sys.h"

#ifndef SOL_PACKET
#define SOL_PACKET 263
#endif

/* A packet socket refuses to be set to a version of rings, also to the one that it has, only while it has a
 * ring (EBUSY: packet_setsockopt, net/packet/af_packet.c); one for sending counts too. Any other failure
 * proves nothing, and counts as well. */
static bool has_ring(int fd)
{
	int version;
	socklen_t n = sizeof(version);

	return getsockopt(fd, SOL_PACKET, PACKET_VERSION, &version, &n) < 0 ||
	       setsockopt(fd, SOL_PACKET, PACKET_VERSION, &version, sizeof(version)) < 0;
}

static bool is_uring(int fd)
{
	char to[64];

	return rg_fd_link(fd, to, sizeof(to)) > 0 && !strcmp(to, "anon_inode:[io_uring]");
}

const char *rg_bypass(int fd, const struct stat *st, int *family)
{
	socklen_t n = sizeof(*family);

	*family = -1;
	if (S_ISSOCK(st->st_mode) && getsockopt(fd, SOL_SOCKET, SO_DOMAIN, family, &n) < 0)
		*family = -1;
	if (*family == AF_XDP)
		return "an AF_XDP socket";
	if (*family == AF_PACKET && has_ring(fd))
		return "a packet socket with a ring";
	/* Anonymous inodes have no type; elsewhere there is no ring. */
	return !(st->st_mode & S_IFMT) && is_uring(fd) ? "an io_uring ring" : NULL;
}

void rg_bypass_close(void (*say)(void *arg, const char *line), void *arg)
{
	DIR *d = opendir("/proc/self/fd");
	char line[160];

	for (struct dirent *e; d && (e = readdir(d));) {
		int fd = atoi(e->d_name), family;
		const char *what;
		struct stat st;

		if (e->d_name[0] == '.' || fd == dirfd(d) || fstat(fd, &st) < 0)
			continue;
		what = rg_bypass(fd, &st, &family);
		if (!what)
			continue;
		close(fd);
		snprintf(line, sizeof(line),
			 "descriptor %d, %s, is closed: what it receives cannot be checked", fd, what);
		if (say)
			say(arg, line);
	}
	if (d)
		closedir(d);
}
