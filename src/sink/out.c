/* SPDX-License-Identifier: BSD-2-Clause */
#include "sink/out.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"

/* Enough that a write costs nothing per event; small enough that a reader of a pipe is never far behind. */
#define GATHER (64u << 10)

static const char *name_of(const struct rg_out *o)
{
	return o->path ? o->path : "standard output";
}

static int file_open(const char *file, bool *ret_regular, struct rg_err *err)
{
	rg_auto_close int fd = open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOCTTY, 0600);
	struct stat st;
	int e;

	if (fd < 0) {
		e = errno;
		return rg_fail(err, -e, "cannot write '%s': %s", file, strerror(e));
	}
	if (fstat(fd, &st))
		return rg_fail(err, -errno, "cannot look at '%s': %s", file, strerror(errno));
	*ret_regular = S_ISREG(st.st_mode);
	/* A file that was there keeps its mode on O_TRUNC: payloads are other people's, so close it to them.
	 */
	if (*ret_regular && (st.st_mode & 077) && fchmod(fd, 0600)) {
		e = errno;
		return rg_fail(err, -e, "'%s' is open to others and cannot be closed to them: %s", file,
			       strerror(e));
	}
	return RG_TAKE_FD(fd);
}

int rg_out_open(struct rg_out *o, const char *file, struct rg_err *err)
{
	*o = (struct rg_out){.fd = STDOUT_FILENO};
	if (!file || !strcmp(file, "-")) {
		o->lively = isatty(STDOUT_FILENO) == 1;
	} else {
		int fd = file_open(file, &o->regular, err);

		if (fd < 0)
			return fd;
		o->fd = fd;
		o->lively = isatty(fd) == 1;
		o->path = strdup(file);
	}
	if ((o->path || o->fd == STDOUT_FILENO) && rg_buf_room(&o->buf, GATHER + GATHER / 4))
		return 0;
	rg_out_close(o, NULL);
	return rg_fail(err, -ENOMEM, "out of memory for output");
}

/* Leave only whole lines of what could be written. */
static void cut_to_line(struct rg_out *o, size_t n)
{
	const char *nl = memrchr(o->buf.data, '\n', n);
	size_t keep = nl ? (size_t)(nl + 1 - o->buf.data) : 0;

	/* a record longer than the buffer spans flushes only when it came whole, so keep is a line's end */
	if (o->regular && o->lines && ftruncate(o->fd, (off_t)(o->done + keep)) == 0)
		n = keep;
	o->done += n;
}

static int fail_write(struct rg_out *o, int e, size_t n, struct rg_err *err)
{
	cut_to_line(o, n);
	rg_buf_reset(&o->buf);
	if (e == EPIPE)
		rg_fail(&o->failed, -e, "the reader of %s is gone", name_of(o));
	else
		rg_fail(&o->failed, -e, "cannot write to %s: %s (%llu bytes were written)", name_of(o),
			strerror(e), (unsigned long long)o->done);
	if (err)
		*err = o->failed;
	return -e;
}

/* Standard output may be somebody's non-blocking pipe or terminal. */
static bool wait_writable(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLOUT};

	return poll(&p, 1, -1) >= 0 || errno == EINTR;
}

int rg_out_flush(struct rg_out *o, struct rg_err *err)
{
	size_t n = 0;

	if (!o->failed.code && o->buf.oom) {
		o->buf.oom = false;
		return fail_write(o, ENOMEM, 0, err);
	}
	while (!o->failed.code && n < o->buf.len) {
		ssize_t r = write(o->fd, o->buf.data + n, o->buf.len - n);

		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0 && errno == EAGAIN && wait_writable(o->fd))
			continue;
		if (r < 0)
			return fail_write(o, errno, n, err);
		n += (size_t)r;
	}
	rg_buf_reset(&o->buf);
	if (o->failed.code && err)
		*err = o->failed;
	o->done += n;
	return o->failed.code;
}

int rg_out_poll(struct rg_out *o, struct rg_err *err)
{
	if (!o->lively && o->buf.len < GATHER && !o->buf.oom && !o->failed.code)
		return 0;
	return rg_out_flush(o, err);
}

int rg_out_close(struct rg_out *o, struct rg_err *err)
{
	int r = rg_out_flush(o, err);

	if (r == 0 && o->regular && fsync(o->fd) && errno != EINVAL && errno != EROFS)
		r = fail_write(o, errno, 0, err);
	if (o->fd > STDERR_FILENO && close(o->fd) && r == 0 && errno != EINTR)
		r = rg_fail(err, -errno, "cannot finish %s: %s", name_of(o), strerror(errno));
	o->fd = -1;
	rg_buf_free(&o->buf);
	free(RG_TAKE(o->path));
	return r;
}
