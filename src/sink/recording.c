/* SPDX-License-Identifier: BSD-2-Clause */
/* Reading recordings (sqlite.c writes them): one file after the other, those put aside by rotation included.
 */
#include "sink/recording.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/cleanup.h"

#define FILES_MAX 100000

struct file {
	char *path;
	char run[20];
	bool live; /* as named by the user: may still be written, and put aside meanwhile */
};

struct rg_recording {
	struct file *files;
	unsigned n, at;	       /* at: of part */
	struct rec_part *part; /* the one being read; NULL: files[at] is to be opened */
	rg_progress_fn progress;
	void *progress_arg;
	bool final; /* part was put aside: it is read once more to its end */
};

/* ---- which files ---- */

static int add(struct rg_recording *r, const char *path, const char *run, bool live, struct rg_err *err)
{
	struct file *files;
	char *copy;

	if (r->n >= FILES_MAX)
		return rg_fail(err, -E2BIG, "more than %d files of a recording", FILES_MAX);
	files = realloc(r->files, (r->n + 1) * sizeof(*files));
	if (files)
		r->files = files;
	copy = files ? strdup(path) : NULL;
	if (!copy)
		return rg_fail(err, -ENOMEM, "out of memory reading '%s'", path);
	r->files[r->n] = (struct file){.path = copy, .live = live};
	snprintf(r->files[r->n++].run, sizeof(r->files->run), "%s", run);
	return 0;
}

/* The number in NAME.NUMBER, 0: it is no such name. */
static unsigned long number_aside(const char *entry, const char *name)
{
	size_t len = strlen(name);
	const char *digits = entry + len + 1;

	if (strncmp(entry, name, len) != 0 || entry[len] != '.' || !*digits || strlen(digits) > 9 ||
	    digits[strspn(digits, "0123456789")] || *digits == '0')
		return 0;
	return strtoul(digits, NULL, 10);
}

static int by_number(const void *a, const void *b)
{
	unsigned long x = *(const unsigned long *)a, y = *(const unsigned long *)b;

	return (x > y) - (x < y);
}

/* Numbers of the files path.1, path.2... that are there, sorted. Negative errno, or how many. */
static int list_aside(const char *path, unsigned long **ret)
{
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
	rg_auto_free char *folder = slash ? strndup(path, (size_t)(slash - path) + 1) : strdup(".");
	rg_auto_closedir DIR *d = folder ? opendir(folder) : NULL;
	rg_auto_free unsigned long *v = NULL;
	struct dirent *e;
	int n = 0;

	*ret = NULL;
	if (!d)
		return folder ? 0 : -ENOMEM; /* a folder that cannot be listed: the file alone */
	while ((e = readdir(d)) && n < FILES_MAX) {
		unsigned long number = number_aside(e->d_name, name), *more;

		if (!number)
			continue;
		more = realloc(v, ((size_t)n + 1) * sizeof(*v));
		if (!more)
			return -ENOMEM;
		v = more;
		v[n++] = number;
	}
	if (n)
		qsort(v, (size_t)n, sizeof(*v), by_number);
	*ret = RG_TAKE(v);
	return n;
}

/* Open path.number, when it is of this run (NULL: of any); else *ret is NULL. A file that is no recording
 * tells nothing about what it belongs to; one that may be and cannot be read now is not left out in silence.
 */
static int open_aside(const char *path, unsigned long number, const char *run, struct rec_part **ret,
		      struct rg_err *err)
{
	rg_auto_free char *name = NULL;
	struct rg_err why = {0};
	struct rec_part *p;
	int rc;

	*ret = NULL;
	if (asprintf(&name, "%s.%lu", path, number) < 0)
		return rg_fail(err, -ENOMEM, "out of memory reading '%s'", path);
	rc = rec_part_open(name, &p, &why);
	if (rc != -EROFS && rc != -EBUSY && rc != -EACCES && rc != -ENOMEM && rc != -EIO && rc)
		return 0;
	if (rc && err)
		*err = why;
	if (rc)
		return rc;
	if (p->run[0] && (!run || !strcmp(p->run, run)))
		*ret = p;
	else
		rec_part_close(p);
	return 0;
}

/* What the same run put aside comes before the file. run: "" that of the file put aside last. */
static int add_aside(struct rg_recording *r, const char *path, char run[20], struct rg_err *err)
{
	rg_auto_free unsigned long *numbers = NULL;
	int n = list_aside(path, &numbers), rc = 0;
	struct rec_part *p;

	if (n < 0)
		return rg_fail(err, n, "out of memory reading '%s'", path);
	for (int i = n; i-- > 0 && !run[0];) {
		rc = open_aside(path, numbers[i], NULL, &p, err);
		if (rc)
			return rc;
		if (p)
			memcpy(run, p->run, sizeof(p->run));
		rec_part_close(p);
	}
	for (int i = 0; i < n && !rc; i++) {
		rc = open_aside(path, numbers[i], run, &p, err);
		if (p)
			rc = add(r, p->path, run, false, err);
		rec_part_close(p);
	}
	return rc;
}

static int add_file(struct rg_recording *r, const char *path, struct rg_err *err)
{
	unsigned before = r->n;
	struct rg_err aside = {0};
	struct rec_part *p;
	char run[20] = "";
	int rc = rec_part_open(path, &p, err), rc2;

	/* a recorder that was killed while it put a file aside has not made the next one, or not quite */
	if (rc && rc != -ENOENT && rc != -ENODATA)
		return rc;
	if (!rc)
		memcpy(run, p->run, sizeof(run));
	rc2 = rc || run[0] ? add_aside(r, path, run, rc ? &aside : err) : 0;
	if (rc && rc2 && err)
		*err = aside;
	if (rc)
		return r->n > before || rc2 ? rc2 : rc;
	rc = rc2 ? rc2 : add(r, path, p->run, true, err);
	rec_part_close(p);
	return rc;
}

int rg_recording_open_files(const char *const *files, unsigned n, struct rg_recording **ret,
			    struct rg_err *err)
{
	struct rg_recording *r = calloc(1, sizeof(*r));
	int rc = r ? 0 : rg_fail(err, -ENOMEM, "out of memory for a recording");

	*ret = NULL;
	for (unsigned i = 0; i < n && !rc; i++)
		rc = add_file(r, files[i], err);
	if (rc) {
		rg_recording_close(r);
		return rc;
	}
	*ret = r;
	return 0;
}

int rg_recording_open(const char *file, struct rg_recording **ret, struct rg_err *err)
{
	return rg_recording_open_files(&file, 1, ret, err);
}

void rg_recording_close(struct rg_recording *r)
{
	if (!r)
		return;
	rec_part_close(r->part);
	for (unsigned i = 0; i < r->n; i++)
		free(r->files[i].path);
	free(r->files);
	free(r);
}

unsigned rg_recording_files(const struct rg_recording *r)
{
	return r->n;
}

const char *rg_recording_file(const struct rg_recording *r, unsigned i)
{
	return i < r->n ? r->files[i].path : NULL;
}

void rg_recording_progress(struct rg_recording *r, rg_progress_fn fn, void *arg)
{
	r->progress = fn;
	r->progress_arg = arg;
}

int64_t rg_recording_count(struct rg_recording *r, struct rg_err *err)
{
	int64_t sum = 0, n = 0;

	for (unsigned i = 0; i < r->n; i++) {
		struct rec_part *p;
		int rc = rec_part_open(r->files[i].path, &p, err);

		if (rc)
			return rc;
		/* numbers go on from file to file */
		rc = rec_part_number(p, "SELECT coalesce(max(n) - min(n) + 1, 0) FROM message", &n);
		sum += n;
		rc = rc == SQLITE_OK ? 0 : rec_part_fail(p, rc, err);
		rec_part_close(p);
		if (rc)
			return rc;
	}
	return sum;
}

/* ---- messages ---- */

static bool put_aside(const struct rg_recording *r)
{
	struct stat st;

	return r->files[r->at].live && r->part->run[0] && stat(r->part->path, &st) == 0 &&
	       (st.st_ino != r->part->ino || st.st_dev != r->part->dev);
}

/* The file was put aside while we read it, and another has its name: go on there. 1: gone on, 0: not yet. */
static int follow(struct rg_recording *r)
{
	struct rec_part *p;

	if (rec_part_open(r->part->path, &p, NULL))
		return 0;			 /* just being made */
	if (strcmp(p->run, r->part->run) != 0) { /* another recording replaced it */
		rec_part_close(p);
		return 0;
	}
	rec_part_close(r->part);
	r->part = p;
	r->final = false;
	return 1;
}

/* At the end of a file. 1: there is more to read, 0: not (now). */
static int next_file(struct rg_recording *r)
{
	if (r->at + 1 < r->n) {
		rec_part_close(RG_TAKE(r->part));
		r->at++;
		return 1;
	}
	if (!put_aside(r))
		return 0;
	if (r->final)
		return follow(r);
	r->final = true; /* what was written between our last look and its end */
	return 1;
}

int rg_recording_next(struct rg_recording *r, struct rg_event *ev, struct rg_err *err)
{
	for (;;) {
		int rc = 0;

		if (!r->part)
			rc = rec_part_open(r->files[r->at].path, &r->part, err);
		rc = rc ? rc : rec_part_next(r->part, ev, err);
		if (rc != 0 || !next_file(r))
			return rc;
	}
}

/* ---- questions in SQL ---- */

static void get_cell(sqlite3_stmt *st, int i, struct rg_cell *c)
{
	struct rg_value v;

	*c = (struct rg_cell){.type = RG_CELL_NULL};
	switch (sqlite3_column_type(st, i)) {
	case SQLITE_INTEGER:
		c->type = RG_CELL_INT;
		c->i = sqlite3_column_int64(st, i);
		break;
	case SQLITE_FLOAT:
		c->type = RG_CELL_REAL;
		c->real = sqlite3_column_double(st, i);
		break;
	case SQLITE_TEXT:
	case SQLITE_BLOB:
		c->type = sqlite3_column_type(st, i) == SQLITE_TEXT ? RG_CELL_TEXT : RG_CELL_BLOB;
		rec_span(st, i, &v);
		c->p = v.p;
		c->len = v.len;
		break;
	default: break;
	}
}

static int rows(struct rec_part *p, sqlite3_stmt *st, rg_row_fn fn, void *arg, struct rg_err *err)
{
	int n = sqlite3_column_count(st), rc = SQLITE_ROW, stop = 0;
	rg_auto_free struct rg_cell *cells = calloc((size_t)n + 1, sizeof(*cells));
	rg_auto_free const char **names = calloc((size_t)n + 1, sizeof(*names));

	if (!cells || !names)
		return rg_fail(err, -ENOMEM, "out of memory for a query");
	for (uint64_t row = 0; !stop && (rc = sqlite3_step(st)) == SQLITE_ROW; row++) {
		for (int i = 0; i < n; i++) {
			names[i] = sqlite3_column_name(st, i);
			get_cell(st, i, &cells[i]);
		}
		stop = fn(arg, row, n, names, cells);
	}
	if ((rc & 0xff) == SQLITE_INTERRUPT)
		return rg_fail(err, -EINTR, "interrupted");
	if (rc == SQLITE_ERROR)
		return rg_fail(err, -EINVAL, "%s", sqlite3_errmsg(p->db));
	return rc == SQLITE_DONE || rc == SQLITE_ROW ? stop : rec_part_fail(p, rc, err);
}

static int refused(struct rec_part *p, struct rg_err *err)
{
	const char *why = sqlite3_errmsg(p->db);
	bool column = !strncmp(why, "no such column", strlen("no such column"));

	return rg_fail(
		err, -EINVAL, "%s%s", why,
		column ? " (the columns are the fields of `recvguard events`, in double quotes; text is in "
			 "single quotes)"
		       : "");
}

static int ask(struct rec_part *p, const char *sql, rg_row_fn fn, void *arg, struct rg_err *err)
{
	sqlite3_stmt *st = NULL;
	const char *tail = NULL;
	int rc = sqlite3_prepare_v2(p->db, sql, -1, &st, &tail);

	if (rc == SQLITE_ERROR)
		rc = refused(p, err);
	else if (rc != SQLITE_OK)
		rc = rec_part_fail(p, rc, err);
	else if (!st)
		rc = rg_fail(err, -EINVAL, "empty SQL statement");
	else if (tail[strspn(tail, " \t\r\n;")])
		rc = rg_fail(err, -EINVAL, "one SQL statement at a time: what follows is '%.40s'", tail);
	else if (!sqlite3_stmt_readonly(st))
		rc = rg_fail(err, -EROFS, "recordings are read only: that statement would write");
	else
		rc = rows(p, st, fn, arg, err);
	sqlite3_finalize(st);
	return rc;
}

/* Of several files the tables and views are put together, under the same names. */
static int join_files(struct rg_recording *r, struct rec_part *p, struct rg_err *err)
{
	int most = sqlite3_limit(p->db, SQLITE_LIMIT_ATTACHED, -1) + 1, rc = SQLITE_OK;
	rg_auto_buf sql = {0};

	if (r->n > (unsigned)most)
		return rg_fail(
			err, -E2BIG,
			"SQL can be asked of %d files at once, and this recording has %u: name fewer "
			"of them, or record what matters anew: replay FILE --filter EXPR -o sqlite=NEW",
			most, r->n);
	for (unsigned i = 1; i < r->n && rc == SQLITE_OK; i++) {
		char *text = sqlite3_mprintf("ATTACH %Q AS file%u", r->files[i].path, i);

		rc = text ? sqlite3_exec(p->db, text, NULL, NULL, NULL) : SQLITE_NOMEM;
		sqlite3_free(text);
	}
	rec_join(&sql, r->n);
	rc = rc == SQLITE_OK ? sqlite3_exec(p->db, rg_buf_cstr(&sql), NULL, NULL, NULL) : rc;
	return rc == SQLITE_OK ? 0 : rec_part_fail(p, rc, err);
}

static int on_progress(void *arg)
{
	struct rg_recording *r = arg;

	return r->progress(r->progress_arg);
}

int rg_recording_sql(struct rg_recording *r, const char *sql, rg_row_fn fn, void *arg, struct rg_err *err)
{
	struct rec_part *p;
	int rc = rec_part_open(r->files[0].path, &p, err);

	if (rc)
		return rc;
	rc = r->n > 1 ? join_files(r, p, err) : 0;
	if (r->progress)
		sqlite3_progress_handler(p->db, 100000, on_progress, r);
	rc = rc ? rc : ask(p, sql, fn, arg, err);
	rec_part_close(p);
	return rc;
}
