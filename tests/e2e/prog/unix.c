/* SPDX-License-Identifier: BSD-2-Clause */
/* Unix sockets: types, names, iovecs, sizes, EOF, PEEK, truncation, WAITALL. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include "oracle.h"

static const struct {
	int type;
	const char *name;
} types[] = {{SOCK_STREAM, "stream"}, {SOCK_DGRAM, "dgram"}, {SOCK_SEQPACKET, "seqpacket"}};

static void basic(int type, const char *name)
{
	int sv[2];

	o_case("unix %s pair", name);
	pair(type, sv);
	put(sv[1], "hello", 5);
	O_HINT(.sender = getpid(), .how = "connect");
	o_take(sv[0], 100, 0, 0);
	put(sv[1], "a\0b\xff\x1b[31m", 8);
	o_take(sv[0], 100, 64, MSG_CMSG_CLOEXEC);
	put(sv[1], "exact", 5);
	o_take(sv[0], 5, 0, MSG_DONTWAIT);
	put(sv[0], "other way", 9);
	o_take(sv[1], 64, 0, 0);
	close(sv[0]);
	close(sv[1]);
}

static void iovecs(int type, const char *name)
{
	char a[3], b[1], c[7], d[400];
	struct iovec iov[20] = {{a, 3}, {b, 1}, {NULL, 0}, {c, 7}, {d, sizeof(d)}};
	struct msghdr m = {.msg_iov = iov, .msg_iovlen = 5};
	int sv[2];

	o_case("unix %s five iovecs", name);
	pair(type, sv);
	put(sv[1], pattern(300), 300);
	o_recvmsg(sv[0], &m, 0);
	o_case("unix %s twenty iovecs", name);
	for (int i = 0; i < 20; i++)
		iov[i] = (struct iovec){d + i * 13, 13};
	m = (struct msghdr){.msg_iov = iov, .msg_iovlen = 20};
	put(sv[1], pattern(260), 260);
	o_recvmsg(sv[0], &m, 0);
	o_case("unix %s 300 iovecs", name);
	struct iovec many[300];
	for (int i = 0; i < 300; i++)
		many[i] = (struct iovec){d + i, 1};
	m = (struct msghdr){.msg_iov = many, .msg_iovlen = 300};
	put(sv[1], pattern(300), 300);
	o_recvmsg(sv[0], &m, 0);
	close(sv[0]);
	close(sv[1]);
}

static void sizes(int type, const char *name)
{
	static const int size[] = {1,	  255,	 256,	257,   4095,   4096,  4097,
				   32768, 36864, 65535, 65536, 131072, 200000};
	int sv[2], buf = 1 << 20;

	pair(type, sv);
	O_OK(setsockopt(sv[1], SOL_SOCKET, SO_SNDBUFFORCE, &buf, sizeof(buf)));
	for (unsigned i = 0; i < sizeof(size) / sizeof(size[0]); i++) {
		o_case("unix %s %d bytes", name, size[i]);
		put(sv[1], pattern(size[i]), size[i]);
		o_take(sv[0], size[i] + 10, 0, 0);
	}
	close(sv[0]);
	close(sv[1]);
}

static void zero_and_eof(int type, const char *name)
{
	int sv[2];

	pair(type, sv);
	if (type != SOCK_STREAM) {
		o_case("unix %s zero-length", name);
		put(sv[1], "", 0);
		o_take(sv[0], 10, 0, 0);
	}
	if (type != SOCK_DGRAM) {
		o_case("unix %s EOF", name);
		put(sv[1], "last", 4);
		close(sv[1]);
		o_take(sv[0], 10, 0, 0);
		o_take(sv[0], 10, 0, 0);
	} else {
		close(sv[1]);
	}
	close(sv[0]);
}

static void peek(int type, const char *name)
{
	int sv[2];

	o_case("unix %s PEEK, PEEK, then read", name);
	pair(type, sv);
	put(sv[1], "peeked at", 9);
	O_HINT(.size = type == SOCK_STREAM ? -1 : 9);
	o_take(sv[0], 4, 0, MSG_PEEK);
	o_take(sv[0], 100, 0, MSG_PEEK);
	o_take(sv[0], 100, 0, 0);
	close(sv[0]);
	close(sv[1]);
}

static void truncation(int type, const char *name)
{
	int sv[2];

	o_case("unix %s TRUNC", name);
	pair(type, sv);
	put(sv[1], pattern(1000), 1000);
	O_HINT(.size = 1000);
	o_take(sv[0], 10, 0, 0);
	o_case("unix %s TRUNC asked for by flag", name);
	put(sv[1], pattern(1000), 1000);
	O_HINT(.size = 1000);
	o_take(sv[0], 10, 0, MSG_TRUNC);
	o_case("unix %s PEEK and TRUNC to size, then read", name);
	put(sv[1], pattern(50), 50);
	O_HINT(.size = 50);
	o_take(sv[0], 1, 0, MSG_PEEK | MSG_TRUNC);
	o_take(sv[0], 50, 0, 0);
	close(sv[0]);
	close(sv[1]);
}

static void partial_stream(void)
{
	int sv[2];

	o_case("unix stream read in parts");
	pair(SOCK_STREAM, sv);
	put(sv[1], pattern(10), 10);
	put(sv[1], pattern(20), 20);
	o_take(sv[0], 7, 0, 0);
	o_take(sv[0], 7, 0, 0); /* across the two sends */
	o_take(sv[0], 100, 0, 0);
	o_case("unix stream WAITALL over three sends");
	put(sv[1], pattern(10), 10);
	put(sv[1], pattern(20), 20);
	put(sv[1], pattern(30), 30);
	o_take(sv[0], 60, 0, MSG_WAITALL);
	o_case("unix stream one recv over three sends");
	put(sv[1], "one", 3);
	put(sv[1], "two", 3);
	put(sv[1], "three", 5);
	o_take(sv[0], 60, 0, 0);
	o_case("unix stream OOB");
	O_OK(send(sv[1], "ab", 2, 0));
	if (send(sv[1], "!", 1, MSG_OOB) == 1) {
		o_take(sv[0], 4, 0, 0);
		o_take(sv[0], 4, 0, MSG_OOB);
	} else {
		o_skip("unix stream OOB", "send: %s", strerror(errno));
	}
	close(sv[0]);
	close(sv[1]);
}

static socklen_t name_of(struct sockaddr_un *sun, const char *path, bool abstract)
{
	memset(sun, 0, sizeof(*sun));
	sun->sun_family = AF_UNIX;
	snprintf(sun->sun_path + abstract, sizeof(sun->sun_path) - abstract, "%s", path);
	return offsetof(struct sockaddr_un, sun_path) + strlen(path) + (abstract ? 1 : 1);
}

/* A bound receiver, a bound or unnamed sender. */
static void named_dgram(const char *what, const char *rpath, const char *spath, bool abstract)
{
	struct sockaddr_un to, from;
	socklen_t tolen = name_of(&to, rpath, abstract), fromlen = 0;
	int r = O_OK(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)),
	    s = O_OK(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
	char buf[64];

	o_case("unix dgram %s", what);
	O_OK(bind(r, (void *)&to, tolen));
	if (spath) {
		fromlen = name_of(&from, spath, abstract);
		O_OK(bind(s, (void *)&from, fromlen));
	}
	O_OK(sendto(s, "to a name", 9, 0, (void *)&to, tolen));
	o_take(r, 64, 0, 0);
	O_OK(sendto(s, "again", 5, 0, (void *)&to, tolen));
	fromlen = sizeof(from);
	o_recvfrom(r, buf, sizeof(buf), 0, &from, &fromlen);
	if (!abstract) {
		unlink(rpath);
		if (spath)
			unlink(spath);
	}
	close(r);
	close(s);
}

static void named_stream(int type, const char *path, bool abstract)
{
	struct sockaddr_un sun;
	socklen_t len = name_of(&sun, path, abstract);
	int l = O_OK(socket(AF_UNIX, type | SOCK_CLOEXEC, 0)),
	    c = O_OK(socket(AF_UNIX, type | SOCK_CLOEXEC, 0));

	o_case("unix %s %s listener, accepted", abstract ? "abstract" : "pathname",
	       type == SOCK_STREAM ? "stream" : "seqpacket");
	O_OK(bind(l, (void *)&sun, len));
	O_OK(listen(l, 5));
	O_OK(connect(c, (void *)&sun, len));
	int a = O_OK(accept4(l, NULL, NULL, SOCK_CLOEXEC));
	put(c, "request", 7);
	O_HINT(.sender = getpid(), .how = "connect");
	o_take(a, 64, 0, 0);
	put(a, "reply", 5);
	O_HINT(.sender = getpid(), .how = "connect");
	o_take(c, 64, 0, 0);
	if (!abstract)
		unlink(path);
	close(a);
	close(c);
	close(l);
}

int main(void)
{
	char dir[] = "/tmp/rg-oracle-XXXXXX", p[200], q[200], pid[64];

	for (int i = 0; i < 3; i++) {
		basic(types[i].type, types[i].name);
		iovecs(types[i].type, types[i].name);
		sizes(types[i].type, types[i].name);
		zero_and_eof(types[i].type, types[i].name);
		peek(types[i].type, types[i].name);
		if (types[i].type != SOCK_STREAM)
			truncation(types[i].type, types[i].name);
	}
	partial_stream();
	if (!mkdtemp(dir))
		o_die("mkdtemp");
	snprintf(p, sizeof(p), "%s/receiver", dir);
	snprintf(q, sizeof(q), "%s/sender \t\xc3\xa9\x1b[1m", dir);
	snprintf(pid, sizeof(pid), "rg-oracle-%d", getpid());
	named_dgram("pathname, sender bound", p, q, false);
	named_dgram("pathname, sender unnamed", p, NULL, false);
	named_dgram("abstract, sender unnamed", pid, NULL, true);
	named_stream(SOCK_STREAM, p, false);
	named_stream(SOCK_SEQPACKET, p, false);
	named_stream(SOCK_STREAM, pid, true);
	rmdir(dir);
	return 0;
}
