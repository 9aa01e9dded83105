/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A thread swaps msg_iov, msg_name and msg_control while the call waits, so that a reader of user memory sees
 * the decoy about half of the time. Truth: what the kernel delivered, told by which buffers it filled.
 * usage: RG_ROUNDS=N hostile
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "oracle.h"

static struct msghdr m;
static struct iovec real_iov, decoy_iov;
static char real_data[64], decoy_data[64], real_control[64], decoy_control[64];
static struct sockaddr_un real_name, decoy_name;
static atomic_int phase; /* n > 0: round n is about to wait, 0: none, -1: stop */
static atomic_bool busy; /* the attacker is at work */
static int sv[2];
static pid_t receiver;

static void set_real(void)
{
	m = (struct msghdr){.msg_name = &real_name,
			    .msg_namelen = sizeof(real_name),
			    .msg_iov = &real_iov,
			    .msg_iovlen = 1,
			    .msg_control = real_control,
			    .msg_controllen = sizeof(real_control)};
}

static void spoil(struct msghdr *v, bool decoy)
{
	volatile struct msghdr *h = v;

	h->msg_iov = decoy ? &decoy_iov : &real_iov;
	h->msg_control = decoy ? decoy_control : real_control;
	h->msg_name = decoy ? &decoy_name : &real_name;
	h->msg_flags = decoy ? MSG_CTRUNC | MSG_TRUNC | MSG_EOR : 0;
}

static int the_fd;

static void *attacker(void *arg)
{
	int done = 0, now;

	while ((now = atomic_load(&phase)) >= 0) {
		if (now == done || now == 0) {
			atomic_store(&busy, false);
			sched_yield();
			continue;
		}
		atomic_store(&busy, true);
		done = now;
		wait_asleep(receiver);
		spoil(&m, true);
		if (now & 1)
			put_fds(sv[1], "the message", 11, &the_fd, 1);
		else
			put(sv[1], "the message", 11);
		for (int i = 0; atomic_load(&phase) == now && i < 20000; i++)
			spoil(&m, i & 1);
	}
	return NULL;
}

static void prepare(void)
{
	struct cmsghdr *c = (void *)decoy_control;

	memset(real_data, 0, sizeof(real_data));
	memset(real_control, 0, sizeof(real_control));
	memset(&real_name, 0, sizeof(real_name));
	snprintf(decoy_data, sizeof(decoy_data), "A DECOY THAT NEVER WAS SENT, MUCH LONGER");
	decoy_name = (struct sockaddr_un){.sun_family = AF_UNIX, .sun_path = "/decoy"};
	*c = (struct cmsghdr){.cmsg_len = CMSG_LEN(8), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
	((int *)CMSG_DATA(c))[0] = 0;
	((int *)CMSG_DATA(c))[1] = 1;
	real_iov = (struct iovec){real_data, sizeof(real_data)};
	decoy_iov = (struct iovec){decoy_data, sizeof(decoy_data)};
	set_real();
}

/* What the kernel delivered, in a msghdr of our own for the log. */
static void log_round(struct o_call *c, ssize_t n, int err)
{
	struct msghdr mine = {.msg_name = NULL,
			      .msg_control = real_control,
			      .msg_controllen = 0,
			      .msg_iov = &real_iov,
			      .msg_iovlen = 1};
	struct cmsghdr *h = (void *)real_control;

	if (h->cmsg_len == CMSG_LEN(sizeof(int)))
		mine.msg_controllen = CMSG_SPACE(sizeof(int));
	O_HINT(.racy = true, .fds_sent = mine.msg_controllen ? 1 : 0, .sender = getpid());
	c->iov = &real_iov;
	c->n_iov = 1;
	c->msg = &mine;
	o_end(c, n, err);
	o_close_fds(&mine);
}

int main(void)
{
	int rounds = getenv("RG_ROUNDS") ? atoi(getenv("RG_ROUNDS")) : 2000;
	struct o_call c;
	pthread_t th;

	receiver = (pid_t)syscall(SYS_gettid);
	the_fd = O_OK(eventfd(0, EFD_CLOEXEC));
	pair(SOCK_SEQPACKET, sv);
	o_case("%d receives while msg_iov, msg_name and msg_control are swapped", rounds);
	O_OK(-pthread_create(&th, NULL, attacker, NULL));
	for (int i = 0; i < rounds; i++) {
		prepare();
		o_begin(&c, "recvmsg", sv[0], 0, true);
		atomic_store(&phase, i + 1);
		ssize_t n = recvmsg(sv[0], &m, 0);
		int err = errno;
		atomic_store(&phase, 0);
		while (atomic_load(&busy))
			sched_yield();
		if (n != 11 || memcmp(real_data, "the message", 11))
			o_die("the kernel used the decoy");
		log_round(&c, n, err);
	}
	atomic_store(&phase, -1);
	pthread_join(th, NULL);
	return 0;
}
