/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RG_BROKER_TARGET_H
#define RG_BROKER_TARGET_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

/*
 * The supervised threads, as the supervisor reaches them: descriptors, memory, signals, threads.
 *
 * A task is named by the thread id of its notification. The cached pidfd belongs to one struct pid: when the
 * number was recycled it answers ESRCH and the task is opened anew, so a cached entry never reaches another.
 * Duplicates of the program's sockets are not cached: one would keep the socket alive after the program
 * closed it (no end of file for the peer, address still in use).
 */

/* Where the last call of a thread had its msghdr and what that named: the next one's are mostly the same, and
 * are then read in one system call. A wrong guess costs nothing but a second read. */
struct rg_guess {
	uint64_t hdr, iov, slot; /* slot: where descriptors' numbers were written, 0: nowhere */
	unsigned n_iov, slot_len;
};

struct rg_task {
	pid_t tid;
	int pidfd;
	int taskdir;  /* /proc/TID/task */
	int statusfd; /* /proc/TID/status, opened when first needed, else -1 */
	unsigned refs;
	uint64_t used;
	struct rg_guess guess;
	struct rg_task *next;
};

struct rg_tasks {
	struct rg_task *bucket[1024];
	unsigned n, max;
	unsigned sweep_at; /* so many entries: look for those whose thread is gone */
	uint64_t clock;
	bool thread_pidfd; /* PIDFD_THREAD works */
	/* A process made another that shares its descriptor table without being its thread: thread counts
	 * prove nothing any more, for any process (set for good). */
	bool tables_shared;
};

/* The task with this id, with one reference; NULL: gone, or errno of opening. */
struct rg_task *rg_task_get(struct rg_tasks *ts, pid_t tid);
void rg_task_put(struct rg_task *t);
void rg_tasks_free(struct rg_tasks *ts);

/* A duplicate of the task's descriptor fd (O_CLOEXEC), or -errno. *t is replaced when its id was recycled. */
int rg_task_fd(struct rg_tasks *ts, struct rg_task **t, int fd);

/* Does nobody else use this task's descriptor table? True only when proven. */
bool rg_task_alone(const struct rg_tasks *ts, const struct rg_task *t);

/* /proc/TID/status, NUL-terminated. Bytes, or -1. */
ssize_t rg_task_status(struct rg_task *t, char *buf, size_t cap);

enum rg_signal_state { RG_SIG_NONE, RG_SIG_PENDING, RG_SIG_SHARED };
/* Is a signal waiting that would end an interruptible sleep? SHARED: for the whole group, which has several
 * threads: another one may take it. */
enum rg_signal_state rg_task_signal(struct rg_task *t);
/* Make sure that the thread will look for signals when its call is answered: it stops once, for us
 * (PTRACE_INTERRUPT), and rg_task_release lets it go on. False: another debugger has it. */
bool rg_task_seize(const struct rg_task *t);
void rg_task_release(pid_t tid);

/* Copy from / to the task's memory: bytes copied (a prefix), or -errno when none could be. */
ssize_t rg_task_read(const struct rg_task *t, void *buf, uint64_t addr, size_t len);
ssize_t rg_task_write(const struct rg_task *t, uint64_t addr, const void *buf, size_t len);
/* Whole or -EFAULT. */
int rg_task_read_all(const struct rg_task *t, void *buf, uint64_t addr, size_t len);
int rg_task_write_all(const struct rg_task *t, uint64_t addr, const void *buf, size_t len);
/* One local buffer scattered over up to 1024 pieces of the task's memory, skipping `skip` bytes of them. */
ssize_t rg_task_scatter(const struct rg_task *t, const struct iovec *remote, unsigned n, size_t skip,
			const void *buf, size_t len);

#endif
