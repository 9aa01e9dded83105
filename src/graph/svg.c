/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * DOT to SVG by Graphviz's library, in a process of its own: the library ends the program when memory is
 * short, writes complaints to standard error, keeps what it allocated, and may take hours on an unlucky
 * graph. None of that is ours.
 */
#include <errno.h>
#include <fcntl.h>
#include <gvc.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "graph/graph.h"

#define LAYOUT_MS 60000

static char complaint[256];

/* The library reports in pieces; the first is kept. */
static int complain(char *s)
{
	size_t n = strlen(complaint);

	snprintf(complaint + n, sizeof(complaint) - n, "%s", s);
	return 0;
}

static int draw(FILE *f, const char *dot)
{
	GVC_t *gvc = gvContext();
	Agraph_t *g = gvc ? agmemread(dot) : NULL;

	return g && gvLayout(gvc, g, "dot") == 0 && gvRender(gvc, g, "svg", f) == 0 && fflush(f) == 0 ? 0 : 1;
}

/* In the child: the SVG, or (exit status 1) what is wrong. */
static void child(int fd, const char *dot, pid_t parent)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	FILE *f = fdopen(fd, "w");

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (!f || null < 0 || getppid() != parent)
		_exit(1);
	dup2(null, STDIN_FILENO);
	dup2(null, STDOUT_FILENO);
	dup2(null, STDERR_FILENO);
	signal(SIGINT, SIG_DFL);
	signal(SIGTERM, SIG_DFL);
	agseterrf(complain);
	agseterr(AGERR);
	if (draw(f, dot) == 0)
		_exit(0);
	fputs(complaint, f);
	fflush(f);
	_exit(1);
}

static int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* Read until the end. 0, -ETIMEDOUT, -ENOMEM, -errno. */
static int collect(int fd, struct rg_buf *b)
{
	int64_t end = now_ms() + LAYOUT_MS;

	for (;;) {
		struct pollfd p = {.fd = fd, .events = POLLIN};
		int64_t left = end - now_ms();
		ssize_t n;

		if (left <= 0)
			return -ETIMEDOUT;
		if (poll(&p, 1, (int)left) < 0 && errno != EINTR)
			return -errno;
		if (!p.revents)
			continue;
		if (!rg_buf_room(b, 65536))
			return -ENOMEM;
		n = read(fd, b->data + b->len, 65536);
		if (n == 0)
			return 0;
		if (n < 0 && errno != EINTR)
			return -errno;
		b->len += n > 0 ? (size_t)n : 0;
	}
}

static int judge(int r, int status, const char *said, uint32_t n_nodes, struct rg_err *err)
{
	if (r == -ETIMEDOUT)
		return rg_fail(
			err, r,
			"laying out a graph of %u nodes took more than %d s: draw fewer (--max-nodes), "
			"or write DOT",
			n_nodes, LAYOUT_MS / 1000);
	if (r < 0)
		return rg_fail(err, r, "cannot lay out the graph: %s", strerror(-r));
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		return rg_fail(err, -EIO, "Graphviz could not lay out the graph of %u nodes%s%.*s", n_nodes,
			       *said ? ": " : "", (int)strcspn(said, "\n"), said);
	return 0;
}

int rg_graph_svg(struct rg_buf *b, const char *dot, uint32_t n_nodes, struct rg_err *err)
{
	size_t from = b->len;
	pid_t parent = getpid(), pid;
	int fds[2], status = 0, r;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return rg_fail(err, -errno, "cannot lay out the graph: %s", strerror(errno));
	pid = fork();
	if (pid == 0)
		child(fds[1], dot, parent);
	close(fds[1]);
	if (pid < 0) {
		r = -errno;
		close(fds[0]);
		return rg_fail(err, r, "cannot lay out the graph: %s", strerror(-r));
	}
	r = collect(fds[0], b);
	close(fds[0]);
	if (r < 0)
		kill(pid, SIGKILL);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return judge(r, status, rg_buf_cstr(b) + from, n_nodes, err);
}
