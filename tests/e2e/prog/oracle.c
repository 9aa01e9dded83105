/* SPDX-License-Identifier: BSD-2-Clause */
#include "oracle.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

struct o_hint o_hint = {.size = -1, .fds_sent = -1};
static char case_name[128] = "start";
static int out = -1;
static unsigned long n_calls; /* orders the lines of one process */

static void o_open(void)
{
	const char *file = getenv("RG_ORACLE");

	if (out >= 0)
		return;
	out = file ? open(file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600)
		   : fcntl(1, F_DUPFD_CLOEXEC, 500);
	if (out < 0)
		o_die("open RG_ORACLE");
	/* out of the way: cases count descriptors */
	int high = fcntl(out, F_DUPFD_CLOEXEC, 900);
	if (high >= 0) {
		close(out);
		out = high;
	}
}

static void emit(FILE *f, char **text, size_t *len)
{
	fclose(f);
	o_open();
	if (write(out, *text, *len) != (ssize_t)*len)
		o_die("write RG_ORACLE");
	free(*text);
}

void o_die(const char *what)
{
	fprintf(stderr, "oracle: %s: %s: %s\n", case_name, what, strerror(errno));
	exit(99);
}

void o_case(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(case_name, sizeof(case_name), fmt, ap);
	va_end(ap);
	for (char *p = case_name; *p; p++) /* names of cases are printed as they are */
		if (*p < ' ' || *p == '"' || *p == '\\' || *p == '#')
			*p = '?';
	O_HINT();
}

void o_skip(const char *name, const char *fmt, ...)
{
	char *text, why[256];
	size_t len;
	FILE *f = open_memstream(&text, &len);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, sizeof(why), fmt, ap);
	va_end(ap);
	fprintf(f, "{\"case\":\"%s\",\"skip\":\"%s\"}\n", name, why);
	emit(f, &text, &len);
}

static uint64_t now(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return ts.tv_sec * 1000000000ull + ts.tv_nsec;
}

static void hex(FILE *f, const char *key, const void *data, size_t len)
{
	const unsigned char *p = data;

	fprintf(f, ",\"%s\":\"", key);
	for (size_t i = 0; i < len; i++)
		fprintf(f, "%02x", p[i]);
	fputc('"', f);
}

static int opt(int fd, int name)
{
	int v = -1;
	socklen_t len = sizeof(v);

	return getsockopt(fd, SOL_SOCKET, name, &v, &len) ? -1 : v;
}

static uint64_t cookie(int fd)
{
	uint64_t v = 0;
	socklen_t len = sizeof(v);

	return getsockopt(fd, SOL_SOCKET, SO_COOKIE, &v, &len) ? 0 : v;
}

/* The socket as JSON members, empty for what is no socket. */
static void describe(int fd, char *buf, size_t size)
{
	struct sockaddr_storage ss;
	struct stat st;
	socklen_t len = sizeof(ss);
	FILE *f = fmemopen(buf, size, "w");

	buf[0] = 0;
	if (fstat(fd, &st) == 0 && S_ISSOCK(st.st_mode)) {
		fprintf(f, ",\"cookie\":%llu,\"inode\":%llu,\"family\":%d,\"socktype\":%d,\"protocol\":%d",
			(unsigned long long)cookie(fd), (unsigned long long)st.st_ino, opt(fd, SO_DOMAIN),
			opt(fd, SO_TYPE), opt(fd, SO_PROTOCOL));
		if (getsockname(fd, (void *)&ss, &len) == 0)
			hex(f, "local", &ss, len < sizeof(ss) ? len : sizeof(ss));
		len = sizeof(ss);
		if (getpeername(fd, (void *)&ss, &len) == 0)
			hex(f, "remote", &ss, len < sizeof(ss) ? len : sizeof(ss));
	}
	fclose(f);
}

void o_begin(struct o_call *c, const char *event, int fd, int flags, bool has_flags)
{
	memset(c, 0, offsetof(struct o_call, sock));
	c->event = o_hint.event ? o_hint.event : event;
	c->route = o_hint.route ? o_hint.route : event;
	c->fd = fd;
	c->flags = flags;
	c->has_flags = has_flags;
	c->batch = -1;
	describe(fd, c->sock, sizeof(c->sock));
	c->t0 = now(CLOCK_REALTIME);
	c->m0 = now(CLOCK_MONOTONIC);
}

static int pidfd_pid(int fd)
{
	char path[64], line[128];
	int pid = 0;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	FILE *f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "Pid: %d", &pid) == 1)
			break;
	if (f)
		fclose(f);
	return pid;
}

/* One received descriptor as the receiver sees it. */
static void log_fd(FILE *f, int fd, bool first)
{
	char link[64], path[4096] = "", sock[1024];
	struct stat st = {0};

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	if (readlink(link, path, sizeof(path) - 1) < 0 || fstat(fd, &st))
		o_die("received descriptor");
	fprintf(f,
		"%s{\"fd\":%d,\"mode\":%u,\"inode\":%llu,\"major\":%u,\"minor\":%u,\"rdev\":[%u,%u],\"size\":"
		"%lld",
		first ? "" : ",", fd, st.st_mode, (unsigned long long)st.st_ino, major(st.st_dev),
		minor(st.st_dev), major(st.st_rdev), minor(st.st_rdev), (long long)st.st_size);
	fprintf(f, ",\"flags\":%d,\"cloexec\":%s,\"seals\":%d", fcntl(fd, F_GETFL),
		fcntl(fd, F_GETFD) & FD_CLOEXEC ? "true" : "false", fcntl(fd, F_GET_SEALS));
	hex(f, "path", path, strlen(path));
	if (strstr(path, "[pidfd]"))
		fprintf(f, ",\"pid\":%d", pidfd_pid(fd));
	describe(fd, sock, sizeof(sock));
	fprintf(f, "%s}", sock);
}

static void log_fds(FILE *f, const struct msghdr *m)
{
	bool first = true;

	fputs(",\"fds\":[", f);
	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR((struct msghdr *)m, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t i = 0; i < (c->cmsg_len - CMSG_LEN(0)) / sizeof(int); i++) {
			log_fd(f, ((int *)CMSG_DATA(c))[i], first);
			first = false;
		}
	}
	fputc(']', f);
}

static void log_cmsgs(FILE *f, const struct msghdr *m)
{
	bool first = true;

	fputs(",\"cmsgs\":[", f);
	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR((struct msghdr *)m, c)) {
		size_t room = (char *)m->msg_control + m->msg_controllen - (char *)c;
		size_t len = c->cmsg_len < room ? c->cmsg_len : room;

		fprintf(f, "%s{\"level\":%d,\"type\":%d,\"len\":%zu", first ? "" : ",", c->cmsg_level,
			c->cmsg_type, (size_t)c->cmsg_len);
		hex(f, "data", CMSG_DATA(c), len > CMSG_LEN(0) ? len - CMSG_LEN(0) : 0);
		fputc('}', f);
		first = false;
	}
	fputc(']', f);
}

static void log_data(FILE *f, const struct o_call *c, size_t len)
{
	if (c->data) {
		hex(f, "data", c->data, len);
		return;
	}
	fputs(",\"data\":\"", f);
	for (size_t i = 0; i < c->n_iov && len; i++) {
		const unsigned char *p = c->iov[i].iov_base;
		size_t n = c->iov[i].iov_len < len ? c->iov[i].iov_len : len;

		for (size_t j = 0; j < n; j++)
			fprintf(f, "%02x", p[j]);
		len -= n;
	}
	fputc('"', f);
}

static size_t iov_total(const struct o_call *c)
{
	size_t n = 0;

	for (size_t i = 0; i < c->n_iov; i++)
		n += c->iov[i].iov_len;
	return n;
}

static void log_msg(FILE *f, const struct o_call *c)
{
	const struct msghdr *m = c->msg;

	fprintf(f, ",\"out_flags\":%u,\"controllen\":%zu,\"namelen\":%u", (unsigned)m->msg_flags,
		(size_t)m->msg_controllen, m->msg_name ? m->msg_namelen : 0);
	if (m->msg_name)
		hex(f, "name", m->msg_name, m->msg_namelen < 128 ? m->msg_namelen : 128);
	log_cmsgs(f, m);
	log_fds(f, m);
}

/* The same ids as the mounted /proc sees them: the initial namespace's, also from inside another. */
static void log_host_ids(FILE *f)
{
	char link[64] = "";
	int pid = 0, tid = 0, ppid = 0;
	FILE *s = fopen("/proc/self/stat", "re");

	if (readlink("/proc/thread-self", link, sizeof(link) - 1) < 0 ||
	    sscanf(link, "%d/task/%d", &pid, &tid) != 2)
		o_die("/proc/thread-self");
	if (!s || fscanf(s, "%*d (%*[^)]) %*c %d", &ppid) != 1)
		o_die("/proc/self/stat");
	fclose(s);
	fprintf(f, ",\"host\":[%d,%d,%d]", pid, tid, ppid);
}

static void log_who(FILE *f)
{
	char comm[17] = "", exe[512] = "";

	prctl(PR_GET_NAME, comm);
	if (readlink("/proc/self/exe", exe, sizeof(exe) - 1) < 0)
		o_die("readlink exe");
	fprintf(f, ",\"pid\":%d,\"tid\":%ld,\"ppid\":%d,\"uid\":%d,\"gid\":%d,\"compat\":%s,\"n\":%lu",
		getpid(), syscall(SYS_gettid), getppid(), getuid(), getgid(),
		sizeof(long) == 4 ? "true" : "false", __atomic_add_fetch(&n_calls, 1, __ATOMIC_SEQ_CST));
	log_host_ids(f);
	hex(f, "comm", comm, strlen(comm));
	hex(f, "exe", exe, strlen(exe));
}

static void log_hint(FILE *f)
{
	if (o_hint.size >= 0)
		fprintf(f, ",\"size\":%ld", o_hint.size);
	if (o_hint.fds_sent >= 0)
		fprintf(f, ",\"fds_sent\":%d", o_hint.fds_sent);
	if (o_hint.sender)
		fprintf(f, ",\"sender\":%d", o_hint.sender);
	if (o_hint.how)
		fprintf(f, ",\"how\":\"%s\"", o_hint.how);
	if (o_hint.absent)
		fprintf(f, ",\"absent\":\"%s\"", o_hint.absent);
	if (o_hint.wait)
		fprintf(f, ",\"slept\":true");
	if (o_hint.racy)
		fprintf(f, ",\"racy\":true");
	O_HINT();
}

void o_end(struct o_call *c, ssize_t ret, int err)
{
	char *text;
	size_t len;

	c->m1 = now(CLOCK_MONOTONIC);
	c->t1 = now(CLOCK_REALTIME);
	FILE *f = open_memstream(&text, &len);
	fprintf(f, "{\"case\":\"%s\",\"event\":\"%s\",\"route\":\"%s\",\"dir\":\"%s\"", case_name, c->event,
		c->route, c->is_send ? "send" : "recv");
	log_who(f);
	fprintf(f, ",\"fd\":%d%s,\"ret\":%zd,\"errno\":%d", c->fd, c->sock, ret, ret < 0 ? err : 0);
	fprintf(f, ",\"t0\":%llu,\"t1\":%llu,\"took\":%llu", (unsigned long long)c->t0,
		(unsigned long long)c->t1, (unsigned long long)(c->m1 - c->m0));
	if (c->has_flags)
		fprintf(f, ",\"flags\":%u", (unsigned)c->flags);
	if (c->batch >= 0)
		fprintf(f, ",\"batch\":%d", c->batch);
	if (c->n_iov) {
		fputs(",\"iov\":[", f);
		for (size_t i = 0; i < c->n_iov; i++)
			fprintf(f, "%s[%llu,%zu]", i ? "," : "",
				(unsigned long long)(uintptr_t)c->iov[i].iov_base, c->iov[i].iov_len);
		fputc(']', f);
	}
	if (ret >= 0)
		log_data(f, c, (size_t)ret < iov_total(c) || c->data ? (size_t)ret : iov_total(c));
	if (ret >= 0 && c->msg && !c->is_send)
		log_msg(f, c);
	if (ret >= 0 && c->name)
		hex(f, "name", c->name, c->namelen < 128 ? c->namelen : 128);
	log_hint(f);
	fputs("}\n", f);
	emit(f, &text, &len);
	errno = err;
}
