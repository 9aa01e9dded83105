/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Many that receive on one processor: where the kernel preempts, a thread may wait for it in the middle of a
 * program at a hook, and the others' runs of that program are left out meanwhile.
 * usage: crowd PROCESSES MESSAGES; prints how many messages were received. crowd PROCESSES MESSAGES deny: no
 * receive is to succeed; prints how many did.
 */
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static long *passed;

/* One message is there to be had, time and again. */
static void denied(long tries)
{
	char b[8];
	int sv[2];

	if (socketpair(AF_UNIX, SOCK_DGRAM, 0, sv))
		exit(1);
	send(sv[0], "x", 1, 0);
	while (tries-- > 0)
		if (recv(sv[1], b, sizeof(b), MSG_PEEK | MSG_DONTWAIT) == 1)
			__atomic_add_fetch(passed, 1, __ATOMIC_RELAXED);
}

static int receive(long messages)
{
	char b[8];
	int sv[2];

	if (socketpair(AF_UNIX, SOCK_DGRAM, 0, sv))
		return 1;
	for (long i = 0; i < messages; i++)
		if (send(sv[0], "x", 1, 0) != 1 || recv(sv[1], b, sizeof(b), 0) != 1)
			return 1;
	return 0;
}

int main(int argc, char **argv)
{
	int n = argc > 1 ? atoi(argv[1]) : 4, status, bad = 0;
	long messages = argc > 2 ? atol(argv[2]) : 1000;
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET(0, &one);
	if (sched_setaffinity(0, sizeof(one), &one))
		return 1;
	passed = mmap(NULL, sizeof(*passed), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	for (int i = 0; i < n; i++)
		if (!fork()) {
			if (argc <= 3)
				_exit(receive(messages));
			denied(messages);
			_exit(0);
		}
	while (wait(&status) > 0)
		bad |= status;
	printf("%ld\n", argc > 3 ? *passed : n * messages);
	return bad != 0;
}
