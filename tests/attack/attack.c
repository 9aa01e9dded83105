/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * attack RECVGUARD [TEXT]: every mode (whose name has TEXT) under the broker, and under the control arm.
 * RG_ATTACK_SECONDS: for each, default 1. RG_ATTACK_DELIVERIES: all modes again and again until so many
 * messages were decided on.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "attack.h"

static const char policy[] =
	"apiVersion: recvguard/v1\n"
	"kind: Policy\n"
	"metadata: {name: attack}\n"
	"spec:\n"
	"  default: allow\n"
	"  rules:\n"
	"    - {name: no evil, when: 'msg.data contains \"EVIL\"', then: deny EMSGSIZE}\n"
	"    - {name: only memfds, when: 'any(fd, kind != memfd)', then: strip}\n";

#define ENOUGH 100 /* evil messages: fewer prove little */

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static int random_bit(unsigned *x)
{
	*x = *x * 1103515245u + 12345u;
	return (int)(*x >> 16 & 1);
}

static ssize_t send_one(const struct mode *m, int sock, bool evil, unsigned seq)
{
	static int memfd = -1, pipes[2];
	char buf[SIZE] = {0}, ctl[CMSG_SPACE(sizeof(int))];
	struct iovec v = {buf, SIZE};
	struct msghdr h = {.msg_iov = &v, .msg_iovlen = 1};

	memcpy(buf, evil && !m->fds ? "EVIL" : "GOOD", 4);
	memcpy(buf + 4, &seq, sizeof(seq));
	if (m->fds) {
		if (memfd < 0) {
			memfd = memfd_create("attack", 0);
			if (pipe(pipes) < 0)
				return -1;
		}
		h.msg_control = ctl;
		h.msg_controllen = sizeof(ctl);
		*CMSG_FIRSTHDR(&h) = (struct cmsghdr){CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS};
		memcpy(CMSG_DATA(CMSG_FIRSTHDR(&h)), evil ? &pipes[0] : &memfd, sizeof(int));
	}
	return sendmsg(sock, &h, MSG_NOSIGNAL);
}

/* leak: go on until the victim saw what it must not, for a while: how soon it does is the scheduler's. */
static void sender(const struct mode *m, struct shared *s, int sock, double seconds, bool leak)
{
	unsigned x = (unsigned)time(NULL), seq = 0;
	double end = now() + seconds;
	struct timeval tv = {0, 200000};

	setsockopt(sock, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv));
	while (now() < end || s->sent_evil <= ENOUGH || (leak && !s->got_evil && now() < end + 30)) {
		bool evil = random_bit(&x);
		ssize_t n = send_one(m, sock, evil, seq++);

		if (n == SIZE)
			evil ? s->sent_evil++ : s->sent_good++;
		else if (errno != EAGAIN)
			break;
	}
	s->stop = 1;
}

/* Run one mode; prefix: what stands before the victim's own command line. */
static int run(const struct mode *m, char *self, const char *recvguard, bool naive, struct shared *s, int shm,
	       double seconds)
{
	int pair[2], status;
	char index[16], sock[16], mem[16];
	pid_t victim, other;

	memset(s, 0, sizeof(*s));
	if (socketpair(AF_UNIX, m->type, 0, pair) < 0)
		return -1;
	/* A name of the kernel's choice, for receivers that ask for the sender's. */
	bind(pair[0], &(struct sockaddr){.sa_family = AF_UNIX}, sizeof(sa_family_t));
	snprintf(index, sizeof(index), "%d", (int)(m - modes));
	snprintf(sock, sizeof(sock), "%d", pair[1]);
	snprintf(mem, sizeof(mem), "%d", shm);
	other = fork();
	if (other == 0) {
		close(pair[1]);
		sender(m, s, pair[0], seconds, naive);
		_exit(0);
	}
	close(pair[0]);
	victim = fork();
	if (victim == 0) {
		char *own[] = {self, (char *)"victim", index, sock, mem, NULL};

		if (naive)
			_exit(-naive_exec(own));
		execl(recvguard, recvguard, "run", "-q", "-p", getenv("RG_ATTACK_POLICY"), "--", self,
		      "victim", index, sock, mem, NULL);
		_exit(126);
	}
	close(pair[1]);
	for (int i = 0; i < (int)(seconds * 100) + 6000 && waitpid(victim, &status, WNOHANG) == 0; i++) {
		usleep(10000);
		status = -1;
	}
	if (status == -1)
		kill(victim, SIGKILL);
	waitpid(other, NULL, 0);
	return status;
}

static int n, failed;

static void ok(bool good, const char *what, const struct shared *s, const char *detail)
{
	printf("%sok %d - %s: %lu good sent, %lu received; %lu evil sent, %lu seen, %lu refused%s%s\n",
	       good ? "" : "not ", ++n, what, s->sent_good, s->got_good, s->sent_evil, s->got_evil,
	       s->refused, *detail ? "; " : "", detail);
	fflush(stdout);
	failed += !good;
}

static unsigned long brokered(const struct mode *m, char *self, const char *recvguard, struct shared *s,
			      int shm, double seconds)
{
	char detail[160] = "";
	int status = run(m, self, recvguard, false, s, shm, seconds);
	bool good = status == 0 && s->got_evil == 0 && s->refused + (m->fds ? s->sent_evil : 0) > 0 &&
		    s->sent_evil > ENOUGH && s->got_good > 0 && !s->odd_errno;

	if (m->complete && s->got_good != s->sent_good)
		good = false;
	if (s->odd_errno || status)
		snprintf(detail, sizeof(detail), "status %x, %lu unexpected errors, last %d (%s)",
			 (unsigned)status, s->odd_errno, s->odd, strerror(s->odd));
	else if (s->signals)
		snprintf(detail, sizeof(detail), "%lu signals", s->signals);
	ok(good, m->name, s, detail);
	return s->got_good + s->refused;
}

static void control(const struct mode *m, char *self, struct shared *s, int shm, double seconds)
{
	char what[200];

	snprintf(what, sizeof(what), "control arm (look, then continue) leaks: %s", m->name);
	run(m, self, NULL, true, s, shm, seconds);
	ok(s->got_evil > 0, what, s, "");
}

static double number_of(const char *name, double otherwise)
{
	return getenv(name) ? atof(getenv(name)) : otherwise;
}

int main(int argc, char **argv)
{
	double seconds = number_of("RG_ATTACK_SECONDS", 1), wanted = number_of("RG_ATTACK_DELIVERIES", 0);
	char path[] = "/tmp/rg-attack-XXXXXX", self[4096] = {0};
	unsigned long total = 0;
	struct shared *s;
	int shm, fd;

	if (argc == 5 && !strcmp(argv[1], "victim")) {
		s = mmap(NULL, sizeof(*s), PROT_READ | PROT_WRITE, MAP_SHARED, atoi(argv[4]), 0);
		victim_argv = argv;
		modes[atoi(argv[2])].victim(s, atoi(argv[3]));
		return 0;
	}
	shm = memfd_create("shared", 0);
	fd = mkstemp(path);
	if (argc < 2 || argc > 3 || shm < 0 || ftruncate(shm, sizeof(*s)) < 0 || fd < 0 ||
	    readlink("/proc/self/exe", self, 4095) < 0 ||
	    write(fd, policy, sizeof(policy) - 1) != (ssize_t)sizeof(policy) - 1)
		return 2;
	close(fd);
	setenv("RG_ATTACK_POLICY", path, 1);
	s = mmap(NULL, sizeof(*s), PROT_READ | PROT_WRITE, MAP_SHARED, shm, 0);
	do
		for (unsigned i = 0; i < n_modes; i++)
			if (argc == 2 || strstr(modes[i].name, argv[2]))
				total += brokered(&modes[i], self, argv[1], s, shm, seconds);
	while ((double)total < wanted && !failed);
	control(&modes[0], self, s, shm, seconds);
	control(&modes[4], self, s, shm, seconds);
	printf("# %lu deliveries under attack\n1..%d\n", total, n);
	unlink(path);
	return failed > 0;
}
