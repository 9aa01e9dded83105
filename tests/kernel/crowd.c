/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Many that receive on one processor: where the kernel preempts, a thread may wait for it in the middle of a
 * program at a hook, and the others' runs of that program are left out meanwhile, or find what it has left in
 * memory that they share. usage: crowd PROCESSES MESSAGES [deny|tree|verdicts] crowd           each message
 * says who receives it, and its number; prints how many were received crowd deny      no receive is to
 * succeed; prints how many did crowd tree      the same, each try by a process of its own, from when /tmp/go
 * exists crowd verdicts  dgram: EACCES, seqpacket: EMSGSIZE, stream: let through; prints how many were not so
 */
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static long *passed;

static void try(int fd)
{
	char b[8];

	if (recv(fd, b, sizeof(b), MSG_PEEK | MSG_DONTWAIT) == 1)
		__atomic_add_fetch(passed, 1, __ATOMIC_RELAXED);
}

/* One message is there to be had, time and again. */
static void denied(long tries, int forks)
{
	int sv[2];

	if (socketpair(AF_UNIX, SOCK_DGRAM, 0, sv))
		exit(1);
	send(sv[0], "x", 1, 0);
	while (tries-- > 0) {
		pid_t child = forks ? fork() : 0;

		if (!child)
			try(sv[1]);
		if (!child && forks)
			_exit(0);
		if (child && waitpid(child, NULL, 0) != child)
			exit(1);
	}
}

/* Sockets with different verdicts, by turns. */
static void judged(long tries)
{
	static const int types[] = {SOCK_DGRAM, SOCK_SEQPACKET, SOCK_STREAM}, want[] = {EACCES, EMSGSIZE, 0};
	int sv[3][2];
	char b[8];

	for (int i = 0; i < 3; i++)
		if (socketpair(AF_UNIX, types[i], 0, sv[i]) || send(sv[i][0], "x", 1, 0) != 1)
			exit(1);
	for (long n = 0; n < tries; n++) {
		ssize_t r = recv(sv[n % 3][1], b, sizeof(b), MSG_PEEK | MSG_DONTWAIT);

		if (want[n % 3] ? r >= 0 || errno != want[n % 3] : r != 1)
			__atomic_add_fetch(passed, 1, __ATOMIC_RELAXED);
	}
}

static int receive(long messages)
{
	char text[256], b[sizeof(text)];
	int sv[2];

	if (socketpair(AF_UNIX, SOCK_DGRAM, 0, sv))
		return 1;
	for (long i = 1; i <= messages; i++) {
		int n = snprintf(text, sizeof(text), "%d:%ld:", getpid(), i), more = (int)(i % 100);

		memset(text + n, 'a' + getpid() % 26, (size_t)more);
		n += more;
		if (send(sv[0], text, (size_t)n, 0) != n || recv(sv[1], b, sizeof(b), 0) != n)
			return 1;
	}
	return 0;
}

int main(int argc, char **argv)
{
	int n = argc > 1 ? atoi(argv[1]) : 4, status, bad = 0, forks;
	long messages = argc > 2 ? atol(argv[2]) : 1000;
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET(0, &one);
	if (sched_setaffinity(0, sizeof(one), &one))
		return 1;
	forks = argc > 3 && !strcmp(argv[3], "tree");
	while (forks && access("/tmp/go", F_OK))
		usleep(10000);
	passed = mmap(NULL, sizeof(*passed), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	for (int i = 0; i < n; i++)
		if (!fork()) {
			if (argc <= 3)
				_exit(receive(messages));
			if (!strcmp(argv[3], "verdicts"))
				judged(messages);
			else
				denied(messages, forks);
			_exit(0);
		}
	while (wait(&status) > 0)
		bad |= status;
	printf("%ld\n", argc > 3 ? *passed : n * messages);
	return bad != 0;
}
