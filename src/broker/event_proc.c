/* SPDX-License-Identifier: BSD-2-Clause */
/* Who receives: read from /proc while the thread is blocked in its call, so that nothing can have changed. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "broker/event.h"

static const char *line(const char *status, const char *name)
{
	const char *p = strstr(status, name);

	return p ? p + strlen(name) : NULL;
}

static void number(struct rg_event *ev, enum rg_field f, const char *status, const char *name)
{
	const char *p = line(status, name);

	if (p)
		rg_set_u(ev, f, strtoull(p, NULL, 10), RG_TAG_K);
}

/* The last number of a line: ids in the innermost namespace. */
static void innermost(struct rg_event *ev, enum rg_field f, const char *status, const char *name)
{
	const char *p = line(status, name);
	char *end;

	if (!p)
		return;
	for (uint64_t v = strtoull(p, &end, 10); end != p && *p != '\n'; v = strtoull(p, &end, 10)) {
		rg_set_u(ev, f, v, RG_TAG_K);
		p = end;
		if (*p == '\n')
			break;
	}
}

static void text(struct rg_event *ev, enum rg_field f, const char *p, size_t n, uint8_t tag)
{
	char *copy = rg_event_alloc(ev, n ? n : 1);

	if (!copy)
		return;
	memcpy(copy, p, n);
	rg_set_str(ev, f, copy, (uint32_t)n, tag);
}

/* status escapes \n and \\ in names. */
static size_t unescape(const char *p, const char *end, char *out, size_t cap)
{
	size_t n = 0;

	for (; p < end && n < cap; p++) {
		if (*p == '\\' && p + 1 < end && (p[1] == 'n' || p[1] == '\\')) {
			p++;
			out[n++] = *p == 'n' ? '\n' : '\\';
		} else {
			out[n++] = *p;
		}
	}
	return n;
}

void rg_event_exe(struct rg_event *ev, enum rg_field f, int pid, uint8_t tag)
{
	char path[64], to[4096];
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%d/exe", pid);
	n = readlink(path, to, sizeof(to));
	if (n > 0)
		text(ev, f, to, (size_t)n, tag);
}

void rg_event_comm(struct rg_event *ev, enum rg_field f, int pid, uint8_t tag)
{
	char path[64], name[64];
	rg_auto_close int fd = -1;
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%d/comm", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : read(fd, name, sizeof(name));
	if (n > 0)
		text(ev, f, name, (size_t)n - (name[n - 1] == '\n'), tag);
}

static void namespace(struct rg_event *ev, enum rg_field f, int tid, const char *which)
{
	char path[64];
	struct stat st;

	snprintf(path, sizeof(path), "/proc/%d/ns/%s", tid, which);
	if (stat(path, &st) == 0)
		rg_set_u(ev, f, st.st_ino, RG_TAG_K);
}

void rg_event_proc(struct rg_broker *b, struct rg_call *c, bool all)
{
	struct rg_event *ev = b->ev;
	char status[4096], name[64];
	const char *p, *end;
	ssize_t n;

	rg_set_u(ev, RG_F_PROC_TID, (uint64_t)c->task->tid, RG_TAG_K);
	if (rg_event_wants(b, all, RG_F_PROC_EXE, RG_F_PROC_EXE))
		rg_event_exe(ev, RG_F_PROC_EXE, c->task->tid, RG_TAG_K);
	if (rg_event_wants(b, all, RG_F_PROC_NS_MNTNS, RG_F_PROC_NS_MNTNS))
	namespace(ev, RG_F_PROC_NS_MNTNS, c->task->tid, "mnt");
	if (rg_event_wants(b, all, RG_F_PROC_NS_PIDNS, RG_F_PROC_NS_PIDNS))
	namespace(ev, RG_F_PROC_NS_PIDNS, c->task->tid, "pid");
	if (!rg_event_wants(b, all, RG_F_PROC_PID, RG_F_PROC_COMM) &&
	    !rg_event_wants(b, all, RG_F_PROC_NS_PID, RG_F_PROC_NS_TID))
		return;
	n = rg_task_status(c->task, status, sizeof(status));
	if (n <= 0)
		return;
	number(ev, RG_F_PROC_PID, status, "\nTgid:");
	number(ev, RG_F_PROC_PPID, status, "\nPPid:");
	number(ev, RG_F_PROC_UID, status, "\nUid:");
	number(ev, RG_F_PROC_GID, status, "\nGid:");
	innermost(ev, RG_F_PROC_NS_PID, status, "\nNStgid:");
	innermost(ev, RG_F_PROC_NS_TID, status, "\nNSpid:");
	p = strncmp(status, "Name:\t", 6) ? NULL : status + 6;
	end = p ? strchr(p, '\n') : NULL;
	if (end)
		text(ev, RG_F_PROC_COMM, name, unescape(p, end, name, sizeof(name)), RG_TAG_K);
}
