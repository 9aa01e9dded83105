/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/cleanup.h"
#include "broker/sys.h"
#include "broker/target.h"

#define BUCKETS	  RG_ARRAY_LEN(((struct rg_tasks *)0)->bucket)
#define SWEEP_MIN 64u

static void task_free(struct rg_task *t)
{
	if (t->pidfd >= 0)
		close(t->pidfd);
	if (t->taskdir >= 0)
		close(t->taskdir);
	if (t->statusfd >= 0)
		close(t->statusfd);
	free(t);
}

static int proc_open(pid_t tid, const char *what, int flags)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/%s", tid, what);
	return open(path, flags | O_CLOEXEC);
}

static pid_t leader_of(pid_t tid)
{
	char buf[512], *p;
	rg_auto_close int fd = proc_open(tid, "status", O_RDONLY);
	ssize_t n = fd < 0 ? -1 : read(fd, buf, sizeof(buf) - 1);

	if (n <= 0)
		return -1;
	buf[n] = 0;
	p = strstr(buf, "\nTgid:");
	return p ? (pid_t)strtol(p + 6, NULL, 10) : -1;
}

static struct rg_task *task_open(const struct rg_tasks *ts, pid_t tid)
{
	struct rg_task *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	*t = (struct rg_task){.tid = tid, .statusfd = -1};
	t->pidfd = ts->thread_pidfd ? rg_pidfd_open(tid, PIDFD_THREAD) : rg_pidfd_open(leader_of(tid), 0);
	t->taskdir = t->pidfd < 0 ? -1 : proc_open(tid, "task", O_RDONLY | O_DIRECTORY);
	if (t->taskdir >= 0)
		return t;
	task_free(t);
	return NULL;
}

/* Make room: the longest unused of one in-use-free entry per bucket walk. */
static void evict(struct rg_tasks *ts)
{
	struct rg_task **oldest = NULL;

	for (size_t b = 0; b < BUCKETS; b++)
		for (struct rg_task **p = &ts->bucket[b]; *p; p = &(*p)->next)
			if (!(*p)->refs && (!oldest || (*p)->used < (*oldest)->used))
				oldest = p;
	if (oldest) {
		struct rg_task *t = *oldest;

		*oldest = t->next;
		ts->n--;
		task_free(t);
	}
}

/* Forget threads that are gone: their descriptors here would outlive them until the table is full. Done each
 * time the table has doubled, so that it costs little per thread. */
static void sweep(struct rg_tasks *ts)
{
	for (size_t b = 0; b < BUCKETS; b++)
		for (struct rg_task **p = &ts->bucket[b]; *p;) {
			struct rg_task *t = *p;

			if (t->refs || rg_pidfd_signal(t->pidfd, 0) == 0 || errno != ESRCH) {
				p = &t->next;
				continue;
			}
			*p = t->next;
			ts->n--;
			task_free(t);
		}
	ts->sweep_at = ts->n * 2 > SWEEP_MIN ? ts->n * 2 : SWEEP_MIN;
}

static void unlink_task(struct rg_tasks *ts, struct rg_task *t)
{
	for (struct rg_task **p = &ts->bucket[(unsigned)t->tid % BUCKETS]; *p; p = &(*p)->next)
		if (*p == t) {
			*p = t->next;
			t->next = NULL;
			ts->n--;
			return;
		}
}

struct rg_task *rg_task_get(struct rg_tasks *ts, pid_t tid)
{
	struct rg_task **head = &ts->bucket[(unsigned)tid % BUCKETS], *t;

	for (t = *head; t && t->tid != tid; t = t->next)
		;
	if (!t) {
		if (ts->n >= SWEEP_MIN && ts->n >= ts->sweep_at)
			sweep(ts);
		if (ts->n >= ts->max)
			evict(ts);
		t = task_open(ts, tid);
		if (!t)
			return NULL;
		t->refs = 1; /* the table's */
		t->next = *head;
		*head = t;
		ts->n++;
		t->refs = 0;
	}
	t->used = ++ts->clock;
	t->refs++;
	return t;
}

void rg_task_put(struct rg_task *t)
{
	if (t && --t->refs == 0 && t->tid < 0)
		task_free(t);
}

void rg_tasks_free(struct rg_tasks *ts)
{
	for (size_t b = 0; b < BUCKETS; b++)
		while (ts->bucket[b]) {
			struct rg_task *t = ts->bucket[b];

			ts->bucket[b] = t->next;
			task_free(t);
		}
	ts->n = 0;
}

/* The id now belongs to another thread: forget this entry (freed with its last reference). */
static struct rg_task *reopen(struct rg_tasks *ts, struct rg_task *t)
{
	pid_t tid = t->tid;

	unlink_task(ts, t);
	t->tid = -1;
	rg_task_put(t);
	return rg_task_get(ts, tid);
}

int rg_task_fd(struct rg_tasks *ts, struct rg_task **t, int fd)
{
	int dup = rg_pidfd_getfd((*t)->pidfd, fd);

	if (dup >= 0 || errno != ESRCH)
		return dup >= 0 ? dup : -errno;
	*t = reopen(ts, *t);
	if (!*t)
		return -ESRCH;
	dup = rg_pidfd_getfd((*t)->pidfd, fd);
	return dup >= 0 ? dup : -errno;
}

bool rg_task_alone(const struct rg_tasks *ts, const struct rg_task *t)
{
	struct stat st;

	/* procfs: the task folder of a process has 2 + its number of threads links. The asking thread is
	 * blocked in the kernel: if it is the only one, none can appear before it goes on; a table shared
	 * without being a thread needs clone(CLONE_FILES), which the filter reports first. exec and fork
	 * leave a table unshared. */
	return !ts->tables_shared && fstat(t->taskdir, &st) == 0 && st.st_nlink == 3;
}

static uint64_t status_mask(const char *status, const char *name)
{
	const char *p = strstr(status, name);

	return p ? strtoull(p + strlen(name), NULL, 16) : 0;
}

ssize_t rg_task_status(struct rg_task *t, char *buf, size_t cap)
{
	ssize_t n;

	if (t->statusfd < 0)
		t->statusfd = proc_open(t->tid, "status", O_RDONLY);
	n = t->statusfd < 0 ? -1 : pread(t->statusfd, buf, cap - 1, 0);
	if (n >= 0)
		buf[n] = 0;
	return n;
}

enum rg_signal_state rg_task_signal(struct rg_task *t)
{
	char buf[4096];
	uint64_t own, shared, open_;
	const char *threads;

	if (rg_task_status(t, buf, sizeof(buf)) <= 0)
		return RG_SIG_NONE;
	open_ = ~(status_mask(buf, "\nSigBlk:") | status_mask(buf, "\nSigIgn:"));
	own = status_mask(buf, "\nSigPnd:") & open_;
	shared = status_mask(buf, "\nShdPnd:") & open_;
	threads = strstr(buf, "\nThreads:");
	if (own)
		return RG_SIG_PENDING;
	if (!shared)
		return RG_SIG_NONE;
	return threads && strtol(threads + 9, NULL, 10) == 1 ? RG_SIG_PENDING : RG_SIG_SHARED;
}

bool rg_task_seize(const struct rg_task *t)
{
	if (ptrace(PTRACE_SEIZE, t->tid, NULL, NULL) < 0)
		return false;
	if (ptrace(PTRACE_INTERRUPT, t->tid, NULL, NULL) == 0)
		return true;
	rg_task_release(t->tid);
	return false;
}

void rg_task_release(pid_t tid)
{
	int status;

	/* The answered call returns to the kernel's exit path, where the stop is: microseconds. */
	if (waitpid(tid, &status, __WALL) == tid && WIFSTOPPED(status)) {
		int sig = status >> 16 == PTRACE_EVENT_STOP ? 0 : WSTOPSIG(status);

		ptrace(PTRACE_DETACH, tid, NULL, (void *)(uintptr_t)sig);
	}
}

ssize_t rg_task_read(const struct rg_task *t, void *buf, uint64_t addr, size_t len)
{
	struct iovec l = {buf, len}, r = {(void *)(uintptr_t)addr, len};
	ssize_t n = process_vm_readv(t->tid, &l, 1, &r, 1, 0);

	return n >= 0 ? n : -errno;
}

ssize_t rg_task_write(const struct rg_task *t, uint64_t addr, const void *buf, size_t len)
{
	struct iovec l = {(void *)(uintptr_t)buf, len}, r = {(void *)(uintptr_t)addr, len};
	ssize_t n = process_vm_writev(t->tid, &l, 1, &r, 1, 0);

	return n >= 0 ? n : -errno;
}

int rg_task_read_all(const struct rg_task *t, void *buf, uint64_t addr, size_t len)
{
	return rg_task_read(t, buf, addr, len) == (ssize_t)len ? 0 : -EFAULT;
}

int rg_task_write_all(const struct rg_task *t, uint64_t addr, const void *buf, size_t len)
{
	return len == 0 || rg_task_write(t, addr, buf, len) == (ssize_t)len ? 0 : -EFAULT;
}

ssize_t rg_task_scatter(const struct rg_task *t, const struct iovec *remote, unsigned n, size_t skip,
			const void *buf, size_t len)
{
	struct iovec l = {(void *)(uintptr_t)buf, len}, r[64];
	size_t done = 0;
	unsigned i = 0;

	while (i < n && skip >= remote[i].iov_len)
		skip -= remote[i++].iov_len;
	while (done < len && i < n) {
		unsigned k = 0;
		size_t want = 0;
		ssize_t w;

		for (; i < n && k < RG_ARRAY_LEN(r) && done + want < len; i++, skip = 0) {
			size_t room = remote[i].iov_len - skip;

			if (!room)
				continue;
			if (room > len - done - want)
				room = len - done - want;
			r[k++] = (struct iovec){(char *)remote[i].iov_base + skip, room};
			want += room;
		}
		if (!k)
			break;
		l = (struct iovec){(char *)(uintptr_t)buf + done, want};
		w = process_vm_writev(t->tid, &l, 1, r, k, 0);
		if (w < 0)
			return done ? (ssize_t)done : -errno;
		done += (size_t)w;
		if ((size_t)w < want)
			break;
	}
	return (ssize_t)done;
}
