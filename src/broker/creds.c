/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <fcntl.h>
#include <linux/nsfs.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "broker/creds.h"

#define OVERFLOW_ID \
	65534u /* /proc/sys/kernel/overflowuid's default; the kernel's own constant for ids it hides */

static int ns_open(int pid, const char *which)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/ns/%s", pid, which);
	return open(path, O_RDONLY | O_CLOEXEC);
}

static bool same_file(int a, int b)
{
	struct stat x, y;

	return a >= 0 && b >= 0 && fstat(a, &x) == 0 && fstat(b, &y) == 0 && x.st_dev == y.st_dev &&
	       x.st_ino == y.st_ino;
}

static int stat_ns(int pid, const char *which, struct stat *st)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/ns/%s", pid, which);
	return stat(path, st);
}

/* The supervisor's own stay what they are; a thread's user namespace can change at any time. */
static bool same_ns(int tid, const char *which, struct stat *own)
{
	struct stat st;

	if (!own->st_ino && stat_ns((int)getpid(), which, own) < 0)
		return false;
	return stat_ns(tid, which, &st) == 0 && st.st_dev == own->st_dev && st.st_ino == own->st_ino;
}

static uint32_t overflow(const char *which)
{
	char path[64], text[32];
	rg_auto_close int fd = -1;
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/sys/kernel/overflow%s", which);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	if (n <= 0)
		return OVERFLOW_ID;
	text[n] = 0;
	return (uint32_t)strtoul(text, NULL, 10);
}

/* Read as the supervisor, the second column of the map is in the supervisor's user namespace. */
static uint32_t map_id(int tid, const char *which, uint32_t id)
{
	char path[64];
	unsigned long in, out, count;
	rg_auto_fclose FILE *f = NULL;

	snprintf(path, sizeof(path), "/proc/%d/%s_map", tid, which);
	f = fopen(path, "re");
	while (f && fscanf(f, "%lu %lu %lu", &in, &out, &count) == 3)
		if (id >= out && id - out < count)
			return (uint32_t)(in + (id - out));
	return overflow(which);
}

/* The pids of a process from procfs' namespace down to its own: how many, into pids. */
static unsigned ns_pids(int pid, int *pids, unsigned max)
{
	char path[64], line[512];
	unsigned n = 0;
	rg_auto_fclose FILE *f = NULL;

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f)) {
		char *p = line + 6, *end;

		if (strncmp(line, "NSpid:", 6))
			continue;
		for (long v; n < max && (v = strtol(p, &end, 10), end != p); p = end)
			pids[n++] = (int)v;
		break;
	}
	return n;
}

/* Is the namespace of `inner`, `up` levels up, that of tid? */
static bool below(int tid, int inner, unsigned up)
{
	rg_auto_close int want = ns_open(tid, "pid");
	rg_auto_close int at = ns_open(inner, "pid");

	while (up-- && at >= 0) {
		int parent = ioctl(at, NS_GET_PARENT);

		close(at);
		at = parent;
	}
	return same_file(want, at);
}

static int map_pid(int tid, int pid)
{
	int mine[40], theirs[40];
	unsigned depth = ns_pids(tid, mine, 40), n = ns_pids(pid, theirs, 40);

	if (pid <= 0 || !depth || n < depth || !below(tid, pid, n - depth))
		return 0;
	return theirs[depth - 1];
}

void rg_creds_translate(int tid, struct ucred *uc)
{
	static struct stat own_pid, own_user;

	if (!same_ns(tid, "pid", &own_pid))
		uc->pid = map_pid(tid, uc->pid);
	if (!same_ns(tid, "user", &own_user)) {
		uc->uid = map_id(tid, "uid", uc->uid);
		uc->gid = map_id(tid, "gid", uc->gid);
	}
}
