/* SPDX-License-Identifier: BSD-2-Clause */
/* What a recording needs of the disk, done beside the recorder: see docs/outputs.md, "What survives". */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "sink/recorder.h"

#define EVERY_NS 1000000000ll
#define MOVE	 (32 << 20) /* bytes of log from which it is moved into the file */

struct rec_keeper {
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	bool stop;
	sqlite3 *db;
	int wal;
};

/* Signals are for the program's own threads. */
static int start_thread(pthread_t *t, void *(*fn)(void *), void *arg)
{
	sigset_t all, old;
	int e;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	e = pthread_create(t, NULL, fn, arg);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return -e;
}

/* A short log is only brought to the disk; a long one moved into the file, beside the writer. Failures show
 * where they cost something: at the writer's next commit, or when the recording is finished. */
static void keep(struct rec_keeper *k)
{
	struct stat st;

	if (fstat(k->wal, &st) || st.st_size < MOVE)
		fdatasync(k->wal);
	else
		sqlite3_wal_checkpoint_v2(k->db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
}

static void *keeping(void *arg)
{
	struct rec_keeper *k = arg;
	struct timespec at;

	clock_gettime(CLOCK_MONOTONIC, &at);
	pthread_mutex_lock(&k->lock);
	while (!k->stop) {
		at.tv_sec += EVERY_NS / 1000000000;
		while (!k->stop && pthread_cond_timedwait(&k->wake, &k->lock, &at) != ETIMEDOUT)
			;
		if (k->stop)
			break;
		pthread_mutex_unlock(&k->lock);
		keep(k);
		clock_gettime(CLOCK_MONOTONIC, &at);
		pthread_mutex_lock(&k->lock);
	}
	pthread_mutex_unlock(&k->lock);
	return NULL;
}

static void release(struct rec_keeper *k)
{
	sqlite3_close(k->db);
	if (k->wal >= 0)
		close(k->wal);
	pthread_cond_destroy(&k->wake);
	pthread_mutex_destroy(&k->lock);
	free(k);
}

static int open_log(struct rec_keeper *k, const char *path)
{
	char name[PATH_MAX];
	int rc = sqlite3_open_v2(path, &k->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);

	if (rc == SQLITE_OK) {
		sqlite3_db_config(k->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
		rc = sqlite3_exec(k->db, "PRAGMA synchronous=NORMAL; SELECT count(*) FROM recording", NULL,
				  NULL, NULL);
	}
	if (rc != SQLITE_OK)
		return rec_errno(k->db, rc);
	snprintf(name, sizeof(name), "%s-wal", path);
	k->wal = open(name, O_RDWR | O_CLOEXEC);
	return k->wal < 0 ? -errno : 0;
}

int rec_keeper_start(const char *path, struct rec_keeper **ret, struct rg_err *err)
{
	struct rec_keeper *k = calloc(1, sizeof(*k));
	pthread_condattr_t clock;
	int r;

	*ret = NULL;
	if (!k)
		return rg_fail(err, -ENOMEM, "out of memory for a recording");
	k->wal = -1;
	pthread_mutex_init(&k->lock, NULL);
	pthread_condattr_init(&clock);
	pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
	pthread_cond_init(&k->wake, &clock);
	pthread_condattr_destroy(&clock);
	r = open_log(k, path);
	r = r ? r : start_thread(&k->thread, keeping, k);
	if (r) {
		release(k);
		return rg_fail(err, r, "cannot record to %s: %s", path, strerror(-r));
	}
	*ret = k;
	return 0;
}

void rec_keeper_stop(struct rec_keeper *k)
{
	if (!k)
		return;
	pthread_mutex_lock(&k->lock);
	k->stop = true;
	pthread_cond_signal(&k->wake);
	pthread_mutex_unlock(&k->lock);
	pthread_join(k->thread, NULL);
	release(k);
}

/* ---- finishing ---- */

/* As long as somebody reads it the log stays beside the file, and the recording as good. */
static int tidy(sqlite3 *db)
{
	int rc = sqlite3_exec(db, "PRAGMA journal_mode=DELETE", NULL, NULL, NULL);

	if ((rc & 0xff) == SQLITE_BUSY)
		rc = sqlite3_wal_checkpoint_v2(db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
	return (rc & 0xff) == SQLITE_BUSY ? SQLITE_OK : rc;
}

int rec_finish(const char *path, struct rg_err *err)
{
	sqlite3 *db = NULL;
	int rc = sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL), code = 0;

	if (rc == SQLITE_OK) {
		sqlite3_busy_timeout(db, 1000);
		rc = sqlite3_exec(db, "PRAGMA synchronous=FULL; PRAGMA cache_size=-32768;", NULL, NULL, NULL);
	}
	if (rc == SQLITE_OK)
		rc = sqlite3_exec(db, rec_indexes, NULL, NULL, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_exec(db, "INSERT OR REPLACE INTO recording VALUES('finished', 1)", NULL, NULL,
				  NULL);
	if (rc == SQLITE_OK)
		rc = tidy(db);
	if (rc != SQLITE_OK) {
		code = rec_errno(db, rc);
		rg_fail(err, code, "cannot finish %s: %s (its messages can be read all the same)", path,
			code == -ENOSPC ? strerror(ENOSPC) : sqlite3_errmsg(db));
	}
	sqlite3_close(db);
	return code;
}

static void *finishing(void *arg)
{
	struct rec_finisher *f = arg;
	struct rg_err err = {0};

	if (rec_finish(f->path, &err) && !f->err.code)
		f->err = err;
	return NULL;
}

void rec_finisher_wait(struct rec_finisher *f)
{
	if (f->running)
		pthread_join(f->thread, NULL);
	f->running = false;
	free(RG_TAKE(f->path));
}

void rec_finisher_start(struct rec_finisher *f, const char *path)
{
	rec_finisher_wait(f);
	f->path = strdup(path);
	if (!f->path)
		return; /* it stays as it is: readable, without indexes */
	f->running = start_thread(&f->thread, finishing, f) == 0;
	if (!f->running)
		finishing(f);
}
