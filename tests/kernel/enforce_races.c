/* SPDX-License-Identifier: BSD-2-Clause */
/* Enforcement under way: several receivers, policies that come and go, a recvguard that dies. RG_LONG=1: many
 * more rounds. tests/kernel/reload.c loads, unloads and replaces. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "enforce.h"

#define DENY(e) "    - {name: victim, when: 'proc.comm == \"ktest-victim\"', then: deny " e "}\n"

static atomic_bool over;
static int sock[2];
static atomic_ulong victim_got, other_got, refused, other_errno, first_errno;

static void *victim(void *arg)
{
	char b[64];

	k_name("ktest-victim");
	while (!over) {
		ssize_t n = recv(sock[1], b, sizeof(b), MSG_DONTWAIT);

		if (n > 0) {
			victim_got++;
		} else if (errno != EAGAIN) {
			refused++;
			if (errno == ENOMSG)
				first_errno++;
			else
				other_errno++;
		}
	}
	return NULL;
}

static void *other(void *arg)
{
	char b[64];

	k_name("ktest-other");
	while (!over)
		if (recv(sock[1], b, sizeof(b), MSG_DONTWAIT) > 0)
			other_got++;
	return NULL;
}

static void start(pthread_t *t, void *(*fn)(void *), enum k_kind kind)
{
	over = false;
	victim_got = other_got = refused = other_errno = first_errno = 0;
	k_pair(kind, sock);
	pthread_create(t, NULL, fn, NULL);
}

static void end(pthread_t *t, unsigned n)
{
	over = true;
	for (unsigned i = 0; i < n; i++)
		pthread_join(t[i], NULL);
	k_close(sock);
}

static void two_receivers(void)
{
	unsigned long n = getenv("RG_LONG") ? 200000 : 3000;
	pthread_t t[2];

	k_enforce(DENY("ENOMSG"), "--no-wait");
	start(&t[0], victim, K_SEQPACKET);
	pthread_create(&t[1], NULL, other, NULL);
	for (unsigned long i = 0; i < n; i++)
		k_send(sock[0], "x", 1);
	for (int i = 0; i < 1000 && other_got < n; i++)
		usleep(10000);
	end(t, 2);
	k_result(victim_got == 0 && other_got == n && refused > 0,
		 "two receivers on one socket: the one that may gets all %lu, the other none of them", n);
	if (victim_got || other_got != n)
		printf("# victim %lu, other %lu\n", (unsigned long)victim_got, (unsigned long)other_got);
}

/* Who waits already when a policy comes was asked before there was one, and is not asked again: that receive
 * gets its message, the next is refused (docs/enforce.md). */
static void blocked(enum k_kind kind)
{
	int pair[2], out[2], status;
	char got[8] = "";
	bool waits;
	pid_t pid;

	k_stop();
	k_pair(kind, pair);
	(void)!pipe(out);
	pid = fork();
	if (!pid) {
		char b[8];

		k_name("ktest-victim");
		for (int i = 0; i < 2; i++)
			(void)!write(out[1], recv(pair[1], b, 1, 0) == 1 ? "g" : "d", 1);
		_exit(0);
	}
	waits = k_waits_in_recv(pid);
	k_enforce(DENY("ENOMSG"), "--no-wait");
	k_send(pair[0], "x", 1);
	k_send(pair[0], "y", 1);
	waitpid(pid, &status, 0);
	(void)!read(out[0], got, 2);
	k_result(waits && !strcmp(got, "gd"),
		 "%s: who waited already when the policy came gets that one message, the next is denied",
		 k_kind_names[kind]);
	if (strcmp(got, "gd"))
		printf("# waits: %d, %s\n", waits, got);
	close(out[0]);
	close(out[1]);
	k_close(pair);
}

static void replaced(void)
{
	int rounds = getenv("RG_LONG") ? 500 : 6;
	pthread_t t;
	bool ok = true;

	k_enforce(DENY("ENOMSG"), "--no-wait");
	start(&t, victim, K_DGRAM);
	for (int i = 0; i < 5; i++)
		k_send(sock[0], "x", 1);
	for (int i = 0; i < rounds; i++)
		ok &= !k_enforce(i & 1 ? DENY("ENOMSG") : DENY("EACCES"), "--no-wait");
	usleep(50000);
	end(&t, 1);
	k_result(ok && victim_got == 0 && first_errno && other_errno,
		 "replaced %d times under load: refused throughout (%lu times), by the old policy and by the "
		 "new",
		 rounds, (unsigned long)refused);
	if (victim_got)
		printf("# %lu messages got through\n", (unsigned long)victim_got);
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Whenever it dies, while it loads or afterwards as it reads verdicts: what was in force before, or what it
 * was loading, is in force. tests/kernel/reload_races.c kills first loads. */
static void killed(void)
{
	int rounds = getenv("RG_LONG") ? 300 : 8;
	pthread_t t;
	double takes;
	char cmd[200];

	k_enforce(DENY("ENOMSG"), "--no-wait");
	start(&t, victim, K_DGRAM);
	for (int i = 0; i < 5; i++)
		k_send(sock[0], "x", 1);
	takes = now();
	k_enforce(DENY("ENOMSG"), "--no-wait");
	takes = now() - takes;
	srand((unsigned)getpid());
	for (int i = 0; i < rounds; i++) {
		snprintf(cmd, sizeof(cmd),
			 "recvguard enforce -q -p /tmp/ktest-enforce.yaml -o json=/dev/null & p=$!; usleep "
			 "%d; kill -9 $p",
			 (int)(takes * 1.5e6 * (rand() % 1000) / 1000));
		if (system(cmd) == -1)
			break;
	}
	usleep(50000);
	k_result(victim_got == 0 && refused > 0,
		 "kill -9 of recvguard at %d random moments within %.0f ms, of which loading takes %.0f: "
		 "refused "
		 "throughout (%lu times)",
		 rounds, takes * 1500, takes * 1000, (unsigned long)refused);
	k_result(!k_enforce(DENY("EACCES"), "--no-wait"), "it can be loaded again afterwards");
	end(&t, 1);
	k_result(victim_got == 0, "and nothing got through meanwhile");
}

/* The kernel stops by itself, though nobody is there any more. */
static void deadline(void)
{
	int pair[2];
	char b[8];
	bool before, after = false;

	k_pair(K_STREAM, pair);
	k_enforce(DENY("ENOMSG"), "--no-wait --for 2s");
	k_send(pair[0], "x", 1);
	k_name("ktest-victim");
	before = recv(pair[1], b, 1, MSG_DONTWAIT) == -1 && errno == ENOMSG;
	for (int i = 0; i < 400 && !after; i++) {
		usleep(10000);
		after = recv(pair[1], b, 1, MSG_DONTWAIT) == 1;
	}
	k_name("ktest-other");
	k_result(before && after,
		 "--for 2s: refused before, let through after, without any recvguard running");
	k_close(pair);
}

/* Verdicts that nobody read are there for the next reader. */
void enforce_events(void)
{
	int pair[2], r;
	char b[8], cmd[400];

	k_stop();
	k_pair(K_STREAM, pair);
	k_enforce(DENY("ENOMSG"), "--no-wait");
	k_send(pair[0], "x", 1);
	k_name("ktest-victim");
	(void)!recv(pair[1], b, 1, MSG_DONTWAIT);
	k_name("ktest-other");
	r = system("recvguard enforce -q -n 1 -o json >/tmp/ktest-events 2>/tmp/ktest-events.err");
	snprintf(cmd, sizeof(cmd),
		 "cd /tmp; grep -q '\"comm\":\"ktest-victim\"' ktest-events && grep -q "
		 "'\"backend\":\"%s\"' ktest-events && grep -q '\"rule\":\"victim\"' ktest-events && "
		 "grep -q '\"errno\":\"ENOMSG\"' ktest-events && grep -q '\"family\":\"unix\"' ktest-events",
		 k_backend());
	r = r ? r : system(cmd);
	k_result(!r, "a verdict from before the reader came is read by it");
	if (r && system("sed 's/^/# /' /tmp/ktest-events /tmp/ktest-events.err"))
		return;
	k_close(pair);
}

void enforce_races(void)
{
	two_receivers();
	blocked(K_STREAM);
	blocked(K_DGRAM);
	replaced();
	killed();
	deadline();
	enforce_events();
}
