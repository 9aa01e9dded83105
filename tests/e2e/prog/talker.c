/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * For tests of selection: says who it is and what its sockets are, as one JSON line, then for every line on
 * stdin receives one message on each of them. usage: talker NAME [UID]
 */
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "oracle.h"

struct end {
	const char *name;
	int receive, send;
};

static unsigned long inode(int fd)
{
	struct stat st;

	O_OK(fstat(fd, &st));
	return st.st_ino;
}

static unsigned long long cookie(int fd)
{
	unsigned long long v = 0;
	socklen_t len = sizeof(v);

	O_OK(getsockopt(fd, SOL_SOCKET, SO_COOKIE, &v, &len));
	return v;
}

static void unix_end(struct end *e, const char *path, bool abstract)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};

	snprintf(sun.sun_path + abstract, sizeof(sun.sun_path) - abstract, "%s", path);
	socklen_t len = offsetof(struct sockaddr_un, sun_path) + strlen(path) + 1;
	e->receive = O_OK(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
	e->send = O_OK(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
	if (!abstract)
		unlink(path);
	O_OK(bind(e->receive, (void *)&sun, len));
	O_OK(connect(e->send, (void *)&sun, len));
}

static int udp_end(struct end *e, int family)
{
	struct sockaddr_storage to;
	socklen_t len;

	e->receive = O_OK(inet_socket(family, SOCK_DGRAM, 0, &to, &len));
	e->send = O_OK(socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0));
	O_OK(connect(e->send, (void *)&to, len));
	return ntohs(((struct sockaddr_in *)&to)->sin_port);
}

int main(int argc, char **argv)
{
	struct end ends[5] = {{.name = "unix pair"},
			      {.name = "pathname"},
			      {.name = "abstract name"},
			      {.name = "udp"},
			      {.name = "udp6"}};
	char path[100], abstract[64], line[16], buf[64];
	int sv[2];

	if (argc < 2)
		return 2;
	snprintf(path, sizeof(path), "/tmp/rg-talker-%d.sock", getpid());
	snprintf(abstract, sizeof(abstract), "rg-talker-%d", getpid());
	prctl(PR_SET_NAME, argv[1]);
	if (argc > 2 && (setgid(atoi(argv[2])) || setuid(atoi(argv[2]))))
		o_die("setuid");
	pair(SOCK_STREAM, sv);
	ends[0].receive = sv[0];
	ends[0].send = sv[1];
	unix_end(&ends[1], path, false);
	unix_end(&ends[2], abstract, true);
	int port = udp_end(&ends[3], AF_INET), port6 = udp_end(&ends[4], AF_INET6);
	printf("{\"pid\":%d,\"name\":\"%s\",\"path\":\"%s\",\"abstract\":\"@%s\",\"port\":%d,\"port6\":%d",
	       getpid(), argv[1], path, abstract, port, port6);
	for (int i = 0; i < 5; i++)
		printf(",\"%s\":{\"fd\":%d,\"inode\":%lu,\"cookie\":%llu}", ends[i].name, ends[i].receive,
		       inode(ends[i].receive), cookie(ends[i].receive));
	printf("}\n");
	fflush(stdout);
	while (fgets(line, sizeof(line), stdin)) {
		for (int i = 0; i < 5; i++) {
			put(ends[i].send, ends[i].name, strlen(ends[i].name));
			O_OK(recv(ends[i].receive, buf, sizeof(buf), 0));
		}
		printf("done\n");
		fflush(stdout);
	}
	unlink(path);
	return 0;
}
