/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Races with policies that drop, by every back-end: several receivers on one socket, one that waits already
 * when the policy comes, a loader killed at random moments, also of its first load. RG_SEED tells the
 * moments.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "enforce.h"
#include "reload.h"

/* ---- two receivers on one socket */

#define PAIRS 500

static struct two {
	atomic_ulong got[2];	      /* by receiver */
	atomic_uchar times[2][PAIRS]; /* of each message of each socket */
} * two;

static void take(unsigned who, unsigned s)
{
	char b[64] = "";
	unsigned i;
	ssize_t n = recv(s ? dgram[1] : udp[1], b, sizeof(b) - 1, MSG_DONTWAIT);

	if (n < 0)
		return;
	if (sscanf(b, "ok %u", &i) == 1 && i < PAIRS) {
		two->times[s][i]++;
		two->got[who]++;
		usleep(100); /* the other's turn */
	} else {
		seen->bad++;
	}
}

static pid_t receiver(unsigned who)
{
	pid_t pid = fork();

	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	while (!seen->over) { /* each message wakes both */
		struct pollfd p[2] = {{udp[1], POLLIN, 0}, {dgram[1], POLLIN, 0}};

		poll(p, 2, 50);
		take(who, 0);
		take(who, 1);
	}
	_exit(0);
}

static void two_receivers(void)
{
	pid_t pid[2];
	bool loaded, once = true;

	two = mmap(NULL, sizeof(*two), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (two == MAP_FAILED)
		return;
	make_sockets();
	for (unsigned i = 0; i < 2; i++)
		pid[i] = receiver(i);
	loaded = !load(0);
	for (unsigned i = 0; i < PAIRS; i++) {
		char text[32];

		send_both("BAD");
		snprintf(text, sizeof(text), "ok %u", i);
		send_both(text);
		/* a few wait at a time; a unix socket keeps ten */
		for (double until = now() + 10; i % 4 == 3 && now() < until; usleep(20))
			if (two->got[0] + two->got[1] == 2 * (i + 1ul))
				break;
	}
	seen->over = true;
	for (int i = 0; i < 2; i++)
		waitpid(pid[i], NULL, 0);
	seen->over = false;
	for (unsigned i = 0; i < 2 * PAIRS; i++)
		once &= two->times[i % 2][i / 2] == 1;
	k_result(loaded && once && two->got[0] && two->got[1] && !seen->bad,
		 "two receivers on one socket: of %u pairs each good message once to one of them, what is "
		 "dropped "
		 "to neither",
		 PAIRS);
	printf("# %lu and %lu; %lu dropped ones arrived\n", (unsigned long)two->got[0],
	       (unsigned long)two->got[1], (unsigned long)seen->bad);
	k_result(!unload(), "and it is unloaded");
	munmap(two, sizeof(*two));
	k_close(udp);
	k_close(dgram);
	leave_group();
}

/* ---- who waits already */

/* What the receiver of a socket writes first, or "" when it is still waiting. */
static void first(int out, char *b, size_t size, int seconds)
{
	ssize_t n;

	memset(b, 0, size);
	for (int i = 0; i < seconds * 100 && (n = read(out, b, size - 1)) < 0 && errno == EAGAIN; i++)
		usleep(10000);
}

static void one_waits(const char *name, int fd[2])
{
	int out[2];
	char early[16], late[16];
	bool waits, loaded;
	pid_t pid;

	if (pipe2(out, O_NONBLOCK))
		return;
	pid = fork();
	if (!pid) {
		char b[16] = "";
		ssize_t n;

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		n = recv(fd[1], b, sizeof(b), 0);
		(void)!write(out[1], b, n > 0 ? (size_t)n : 0);
		_exit(0);
	}
	waits = k_waits_in_recv(pid);
	loaded = !load(0);
	k_send(fd[0], "BAD", 3);
	first(out[0], early, sizeof(early), 1);
	k_send(fd[0], "good", 4);
	first(out[0], late, sizeof(late), 20);
	k_result(waits && loaded && !early[0] && !strcmp(late, "good"),
		 "%s: who waits already when the policy comes does not get what it drops, and waits on",
		 name);
	if (early[0] || strcmp(late, "good"))
		printf("# waits %d, loaded %d, then '%s', then '%s'\n", waits, loaded, early, late);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	close(out[0]);
	close(out[1]);
	unload();
}

static void waiting(void)
{
	make_sockets();
	one_waits("UDP", udp);
	one_waits("unix dgram", dgram);
	k_close(udp);
	k_close(dgram);
	leave_group();
}

/* ---- a loader that dies */

static unsigned seed;

/* A moment within a bit more than a load takes, in microseconds. */
static unsigned moment(double load_takes)
{
	return (unsigned)(load_takes * 1.4e6 * (double)(rand_r(&seed) % 1000) / 1000);
}

/* A child that loads, killed so much later. Returns whether it had come to its end. */
static bool killed_load(unsigned policy, unsigned us)
{
	double until = now() + us / 1e6;
	pid_t pid = fork();
	int status = 0;

	if (!pid)
		_exit(load(policy) ? 1 : 0);
	while (now() < until && !waitpid(pid, &status, WNOHANG))
		usleep(100);
	if (now() >= until) {
		kill(pid, SIGKILL);
		waitpid(pid, &status, 0);
	}
	return WIFEXITED(status);
}

/* Is BAD dropped now? Nothing is under way but this. */
static bool drops(void)
{
	unsigned long was = seen->bad;

	send_both("BAD");
	return all_through() && seen->bad == was;
}

/* From nothing: afterwards status and kernel agree, it can be loaded and holds, and nothing is left of both.
 */
static void first_loads(unsigned n, double takes, const struct left *was)
{
	unsigned done = 0, held = 0;
	bool ok = true;
	struct left is;

	for (unsigned i = 0; i < n && ok; i++) {
		struct rg_enforce_status st;
		struct rg_err err = {0};
		bool told;

		done += killed_load(0, moment(takes));
		told = !rg_enforce_status(pins, &st, &err) && st.on;
		if (told) { /* what it says holds, does */
			held++;
			ok = drops();
		}
		ok = ok && !load(1) && drops() && !unload() && back_to(was, &is);
		if (!ok)
			printf("# round %u: told %d, arrived %lu\n", i, told, (unsigned long)seen->bad);
	}
	printf("# %u loads killed: %u had come to their end, %u held\n", n, done, held);
	k_result(ok,
		 "kill -9 at %u random moments of a first load: what status says holds, it can be loaded "
		 "then and "
		 "holds, and nothing is left",
		 n);
}

/* Under a flood, while another holds: one of the two holds at every moment. */
static void replacing_loads(unsigned n)
{
	double takes;
	unsigned long was, sent;
	unsigned done = 0;
	pid_t flood;
	bool ok = !load(0);

	was = seen->bad;
	sent = seen->sent;
	flood = start_flood();
	takes = now();
	for (unsigned i = 0; i < 4; i++) /* as they are killed, but in peace */
		ok &= killed_load(i & 1, 60000000);
	takes = (now() - takes) / 4;
	for (unsigned i = 0; i < n; i++)
		done += killed_load(i & 1, moment(takes));
	ok &= !load(1);
	kill(flood, SIGKILL);
	waitpid(flood, NULL, 0);
	ok &= all_through();
	printf("# %u replacements killed within %.0f ms, %u had come to their end; %lu dropped pairs sent\n",
	       n, takes * 1400, done, (unsigned long)seen->sent - sent);
	k_result(ok && seen->bad == was && seen->sent > sent,
		 "kill -9 at %u random moments of a replacement, under load: nothing that both drop arrives",
		 n);
	ok = !unload();
	k_result(ok, "and it is unloaded");
}

static void kills(unsigned n)
{
	pid_t receiver = start_receiver();
	struct left was, is;
	double takes;
	bool ok;

	seed = getenv("RG_SEED") ? (unsigned)atoi(getenv("RG_SEED")) : (unsigned)getpid();
	printf("# RG_SEED=%u\n", seed);
	seen->bad = 0;
	/* a filter stays on its socket: what has to be there again is what one load leaves */
	ok = !load(0) && !unload();
	was = count();
	takes = now();
	ok = ok && !load(0);
	takes = now() - takes;
	ok = ok && !unload() && back_to(&was, &is);
	if (!ok)
		printf("# programs %u→%u, maps %u→%u, links %u→%u, descriptors %u→%u, memory %+ld bytes; %lu "
		       "arrived\n",
		       was.programs, is.programs, was.maps, is.maps, was.links, is.links, was.descriptors,
		       is.descriptors, (long)(is.memory - was.memory), (unsigned long)seen->bad);
	k_result(ok, "loaded and unloaded once: %.0f ms", takes * 1000);
	first_loads(n, takes, &was);
	replacing_loads(n * 4);
	k_result(back_to(&was, &is), "nothing is left: programs %u→%u, maps %u→%u, links %u→%u", was.programs,
		 is.programs, was.maps, is.maps, was.links, is.links);
	end(receiver);
	k_close((int[]){udp[0], dgram[0]});
}

void reload_races(unsigned n_kills)
{
	two_receivers();
	waiting();
	kills(n_kills);
}
