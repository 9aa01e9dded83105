/* SPDX-License-Identifier: BSD-2-Clause */
/* The calls, logged, and the helpers of the cases. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "oracle.h"

ssize_t o_recvmsg(int fd, struct msghdr *m, int flags)
{
	struct o_call c;

	o_begin(&c, "recvmsg", fd, flags, true);
	ssize_t n = recvmsg(fd, m, flags);
	int err = errno;
	if (m) {
		c.iov = m->msg_iov;
		c.n_iov = m->msg_iovlen;
		c.msg = m;
	}
	o_end(&c, n, err);
	return n;
}

int o_recvmmsg(int fd, struct mmsghdr *v, unsigned n, int flags, struct timespec *timeout)
{
	struct o_hint hint = o_hint;
	struct o_call c, one;

	o_begin(&c, "recvmmsg", fd, flags, true);
	int got = recvmmsg(fd, v, n, flags, timeout);
	int err = errno;
	for (int i = 0; i < (got > 0 ? got : 1); i++) {
		one = c;
		o_hint = hint;
		one.batch = i;
		one.iov = v ? v[i].msg_hdr.msg_iov : NULL;
		one.n_iov = v ? v[i].msg_hdr.msg_iovlen : 0;
		one.msg = v ? &v[i].msg_hdr : NULL;
		o_end(&one, got > 0 ? (ssize_t)v[i].msg_len : got, err);
	}
	errno = err;
	return got;
}

ssize_t o_recvfrom(int fd, void *buf, size_t len, int flags, void *name, socklen_t *namelen)
{
	struct o_call c;
	struct iovec iov = {buf, len};

	o_begin(&c, "recvfrom", fd, flags, true);
	ssize_t n = recvfrom(fd, buf, len, flags, name, namelen);
	int err = errno;
	c.iov = &iov;
	c.n_iov = 1;
	c.name = name;
	c.namelen = namelen ? *namelen : 0;
	o_end(&c, n, err);
	return n;
}

ssize_t o_read(int fd, void *buf, size_t len)
{
	struct o_call c;
	struct iovec iov = {buf, len};

	o_begin(&c, "read", fd, 0, false);
	ssize_t n = read(fd, buf, len);
	int err = errno;
	c.iov = &iov;
	c.n_iov = 1;
	o_end(&c, n, err);
	return n;
}

ssize_t o_readv(int fd, const struct iovec *iov, int count)
{
	struct o_call c;

	o_begin(&c, "readv", fd, 0, false);
	ssize_t n = readv(fd, iov, count);
	int err = errno;
	c.iov = iov;
	c.n_iov = count;
	o_end(&c, n, err);
	return n;
}

ssize_t o_preadv2(int fd, const struct iovec *iov, int count, int flags)
{
	struct o_call c;

	o_hint.route = "preadv2";
	o_begin(&c, "readv", fd, 0, false);
	ssize_t n = preadv2(fd, iov, count, -1, flags);
	int err = errno;
	c.iov = iov;
	c.n_iov = count;
	c.event = "readv";
	o_end(&c, n, err);
	return n;
}

ssize_t o_sendmsg(int fd, const struct msghdr *m, int flags)
{
	struct o_call c;

	o_begin(&c, "sendmsg", fd, flags, true);
	ssize_t n = sendmsg(fd, m, flags);
	int err = errno;
	c.is_send = true;
	c.iov = m->msg_iov;
	c.n_iov = m->msg_iovlen;
	o_end(&c, n, err);
	return n;
}

ssize_t o_sendto(int fd, const void *buf, size_t len, int flags, const void *name, socklen_t namelen)
{
	struct o_call c;
	struct iovec iov = {(void *)buf, len};

	o_begin(&c, "sendto", fd, flags, true);
	ssize_t n = sendto(fd, buf, len, flags, name, namelen);
	int err = errno;
	c.is_send = true;
	c.iov = &iov;
	c.n_iov = 1;
	o_end(&c, n, err);
	return n;
}

ssize_t o_write(int fd, const void *buf, size_t len)
{
	struct o_call c;
	struct iovec iov = {(void *)buf, len};

	o_begin(&c, "write", fd, 0, false);
	ssize_t n = write(fd, buf, len);
	int err = errno;
	c.is_send = true;
	c.iov = &iov;
	c.n_iov = 1;
	o_end(&c, n, err);
	return n;
}

void *o_edge(size_t len)
{
	static char *base;
	static size_t room = 1 << 20;
	size_t page = sysconf(_SC_PAGESIZE);

	if (!base) {
		base = mmap(NULL, room + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (base == MAP_FAILED || mprotect(base + room, page, PROT_NONE))
			o_die("mmap");
	}
	if (len > room)
		o_die("o_edge: too long");
	return base + room - len;
}

struct msghdr *o_msg(struct o_buf *b, size_t len, size_t controllen)
{
	memset(&b->m, 0, sizeof(b->m));
	memset(&b->name, 0, sizeof(b->name));
	b->iov = (struct iovec){o_edge(len), len};
	memset(b->iov.iov_base, 0x5a, len);
	b->m.msg_name = &b->name;
	b->m.msg_namelen = sizeof(b->name);
	b->m.msg_iov = &b->iov;
	b->m.msg_iovlen = 1;
	b->m.msg_control = controllen ? b->control : NULL;
	b->m.msg_controllen = controllen;
	return &b->m;
}

void o_close_fds(struct msghdr *m)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
		if (c->cmsg_level != SOL_SOCKET)
			continue;
		if (c->cmsg_type == SCM_RIGHTS)
			for (size_t i = 0; i < (c->cmsg_len - CMSG_LEN(0)) / sizeof(int); i++)
				close(((int *)CMSG_DATA(c))[i]);
		if (c->cmsg_type == 4 /* SCM_PIDFD */ && *(int *)CMSG_DATA(c) >= 0)
			close(*(int *)CMSG_DATA(c));
	}
}

ssize_t o_take(int fd, size_t len, size_t controllen, int flags)
{
	static struct o_buf b;
	struct msghdr *m = o_msg(&b, len, controllen);
	ssize_t n = o_recvmsg(fd, m, flags);

	if (n >= 0)
		o_close_fds(m);
	return n;
}

void pair(int type, int sv[2])
{
	O_OK(socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, sv));
}

void tcp_pair(int family, int fd[2])
{
	struct sockaddr_storage ss;
	socklen_t len;
	int l = O_OK(inet_socket(family, SOCK_STREAM, 0, &ss, &len));

	O_OK(listen(l, 1));
	fd[1] = O_OK(socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0));
	O_OK(connect(fd[1], (void *)&ss, len));
	fd[0] = O_OK(accept4(l, NULL, NULL, SOCK_CLOEXEC));
	close(l);
}

void put(int fd, const void *data, size_t len)
{
	if (send(fd, data, len, 0) != (ssize_t)len)
		o_die("send");
}

void put_fds(int fd, const void *data, size_t len, const int *fds, int n)
{
	char control[CMSG_SPACE(253 * sizeof(int))] = {0};
	struct iovec iov = {(void *)data, len};
	struct msghdr m = {.msg_iov = &iov,
			   .msg_iovlen = 1,
			   .msg_control = control,
			   .msg_controllen = CMSG_SPACE(n * sizeof(int))};
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(n * sizeof(int));
	memcpy(CMSG_DATA(c), fds, n * sizeof(int));
	O_OK(sendmsg(fd, &m, 0));
}

void put_creds(int fd, const void *data, size_t len, pid_t pid, uid_t uid, gid_t gid)
{
	char control[CMSG_SPACE(sizeof(struct ucred))] = {0};
	struct iovec iov = {(void *)data, len};
	struct msghdr m = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control)};
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);
	struct ucred cred = {pid, uid, gid};

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_CREDENTIALS;
	c->cmsg_len = CMSG_LEN(sizeof(cred));
	memcpy(CMSG_DATA(c), &cred, sizeof(cred));
	O_OK(sendmsg(fd, &m, 0));
}

int inet_socket(int family, int type, int protocol, struct sockaddr_storage *bound, socklen_t *len)
{
	int fd = socket(family, type | SOCK_CLOEXEC, protocol);

	if (fd < 0)
		return -1;
	memset(bound, 0, sizeof(*bound));
	bound->ss_family = family;
	if (family == AF_INET) {
		((struct sockaddr_in *)bound)->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		*len = sizeof(struct sockaddr_in);
	} else {
		((struct sockaddr_in6 *)bound)->sin6_addr = in6addr_loopback;
		*len = sizeof(struct sockaddr_in6);
	}
	O_OK(bind(fd, (void *)bound, *len));
	O_OK(getsockname(fd, (void *)bound, len));
	return fd;
}

void on(int fd, int level, int opt)
{
	int one = 1;

	O_OK(setsockopt(fd, level, opt, &one, sizeof(one)));
}

const char *pattern(size_t len)
{
	static unsigned char buf[1 << 20];
	static size_t filled;

	for (; filled < len && filled < sizeof(buf); filled++)
		buf[filled] = (unsigned char)((filled * 7 + filled / 251) & 0xff);
	return (const char *)buf;
}

void wait_asleep(pid_t tid)
{
	char path[64], state = 0;

	snprintf(path, sizeof(path), "/proc/%d/stat", tid);
	for (int i = 0; i < 2000; i++) {
		FILE *f = fopen(path, "re");
		if (!f || fscanf(f, "%*d (%*[^)]) %c", &state) != 1)
			state = 0;
		if (f)
			fclose(f);
		if (state == 'S')
			return;
		nanosleep(&(struct timespec){0, 1000000}, NULL);
	}
	o_die("wait_asleep: the thread never slept");
}

void raise_nofile(void)
{
	struct rlimit rl;

	O_OK(getrlimit(RLIMIT_NOFILE, &rl));
	rl.rlim_cur = rl.rlim_max < 4096 ? rl.rlim_max : 4096;
	O_OK(setrlimit(RLIMIT_NOFILE, &rl));
}
