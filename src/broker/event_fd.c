/* SPDX-License-Identifier: BSD-2-Clause */
/* The descriptors a message brought: they are open in the supervisor, and asked what they are. */
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "broker/event.h"
#include "broker/sys.h"
#include "decode/record.h"
#include "decode/sockaddr.h"

static int kind_of(int fd, const struct stat *st, const char *link, size_t n, uint64_t memfd_dev)
{
	struct rg_rec_file f = {.i_mode = st->st_mode};
	struct statfs fs;

	f.sb_magic = fstatfs(fd, &fs) == 0 ? (uint64_t)fs.f_type : 0;
	/* A file "memfd:x" at the root of a tmpfs of the program's own has the same name: the file system
	 * tells. */
	if (f.sb_magic == TMPFS_MAGIC && st->st_dev != memfd_dev)
		return rg_file_kind(&f);
	f.has = RG_FILE_INTERNAL;
	/* The kernel's own name, which classification goes by: "anon_inode:[eventfd]", "/memfd:x (deleted)".
	 */
	if (n > 11 && !memcmp(link, "anon_inode:", 11)) {
		link += 11;
		n -= 11;
	} else if (n && *link == '/') {
		link++;
		n--;
	}
	memcpy(f.path, link, n < sizeof(f.path) - 1 ? n : sizeof(f.path) - 1);
	return rg_file_kind(&f);
}

static void socket_end(struct rg_builder *b, int fd, bool peer)
{
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);
	const struct rg_addr *a;
	int32_t port = -1;

	if ((peer ? getpeername(fd, (struct sockaddr *)&ss, &len)
		  : getsockname(fd, (struct sockaddr *)&ss, &len)) < 0)
		return;
	a = rg_sockaddr_addr(b->ev, (const uint8_t *)&ss, len < sizeof(ss) ? len : sizeof(ss), &port);
	if (a)
		rg_add_addr(b, peer ? "remote" : "local", a);
	if (port >= 0)
		rg_add_u(b, peer ? "remote_port" : "local_port", RG_T_UINT, (uint32_t)port);
}

static void describe_socket(struct rg_builder *b, int fd)
{
	uint64_t cookie;
	int v;
	socklen_t len = sizeof(v);

	if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &v, &len) == 0)
		rg_add_enum(b, "family", v, rg_names_families);
	len = sizeof(v);
	if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &v, &len) == 0)
		rg_add_enum(b, "socktype", v, rg_names_socktypes);
	len = sizeof(cookie);
	if (getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &len) == 0)
		rg_add_u(b, "cookie", RG_T_UINT, cookie);
	socket_end(b, fd, false);
	socket_end(b, fd, true);
}

static void pidfd_pid(struct rg_builder *b, int fd)
{
	char path[64], text[512], *p;
	int in;
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	in = open(path, O_RDONLY | O_CLOEXEC);
	n = in < 0 ? -1 : read(in, text, sizeof(text) - 1);
	if (in >= 0)
		close(in);
	if (n <= 0)
		return;
	text[n] = 0;
	p = strstr(text, "\nPid:");
	if (p && p[6] != '-')
		rg_add_u(b, "pid", RG_T_UINT, strtoul(p + 5, NULL, 10));
}

static void describe(struct rg_builder *list, int fd, bool cloexec, uint64_t memfd_dev)
{
	char link[4096];
	struct rg_builder b;
	struct stat st;
	ssize_t n;
	int kind, fl = fcntl(fd, F_GETFL), seals;

	rg_add_object(list, NULL, &b);
	n = rg_fd_link(fd, link, sizeof(link));
	if (n < 0 || fstat(fd, &st) < 0) {
		rg_add_enum(&b, "kind", RG_FDK_UNKNOWN, rg_names_fdkinds);
		list->full |= b.full;
		return;
	}
	kind = kind_of(fd, &st, link, (size_t)n, memfd_dev);
	rg_add_enum(&b, "kind", kind, rg_names_fdkinds);
	if (kind == RG_FDK_MEMFD && n > 1) /* "/memfd:name (deleted)" */
		rg_add_str(&b, "path", link + 1, (size_t)n - 1 - (n > 11 ? 10 : 0));
	else if (n > 11 && !memcmp(link, "anon_inode:", 11))
		rg_add_str(&b, "path", link + 11, (size_t)n - 11);
	else
		rg_add_str(&b, "path", link, (size_t)n);
	rg_add_u(&b, "inode", RG_T_UINT, st.st_ino);
	rg_add_u(&b, "dev", RG_T_UINT, st.st_dev);
	if (S_ISCHR(st.st_mode) || S_ISBLK(st.st_mode))
		rg_add_u(&b, "rdev", RG_T_UINT, st.st_rdev);
	rg_add_u(&b, "mode", RG_T_UINT, st.st_mode);
	if (S_ISREG(st.st_mode))
		rg_add_u(&b, "size", RG_T_SIZE, (uint64_t)st.st_size);
	if (fl >= 0)
		rg_add_flags(&b, "flags", (uint32_t)fl, rg_names_openflags);
	rg_add_bool(&b, "cloexec", cloexec);
	seals = kind == RG_FDK_MEMFD ? fcntl(fd, F_GET_SEALS) : -1;
	if (seals >= 0)
		rg_add_flags(&b, "seals", (uint32_t)seals, rg_names_seals);
	if (kind == RG_FDK_PIDFD)
		pidfd_pid(&b, fd);
	if (S_ISSOCK(st.st_mode))
		describe_socket(&b, fd);
	list->full |= b.full;
}

/* The commonest case, with the fewest questions: is it a memfd, and is nothing else asked? */
static bool only_memfd(const struct rg_broker *b, struct rg_builder *list, int fd)
{
	char link[8];
	struct rg_builder e;
	struct stat st;

	if (b->want_fd_all || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_dev != b->memfd_dev)
		return false;
	if (rg_fd_link(fd, link, sizeof(link)) < 0 || strcmp(link, "/memfd:") != 0)
		return false;
	rg_add_object(list, NULL, &e);
	rg_add_enum(&e, "kind", RG_FDK_MEMFD, rg_names_fdkinds);
	list->full |= e.full;
	return true;
}

bool rg_event_fds(struct rg_broker *b, struct rg_call *c, bool all)
{
	struct rg_builder list;

	if (!b->rx.n_fds)
		return true;
	rg_build_field(&list, b->ev, RG_F_FD, RG_TAG_K);
	for (unsigned i = 0; i < b->rx.n_fds; i++)
		if (all || !only_memfd(b, &list, b->rx.fd[i]))
			describe(&list, b->rx.fd[i], c->flags & MSG_CMSG_CLOEXEC, b->memfd_dev);
	return !list.full;
}
