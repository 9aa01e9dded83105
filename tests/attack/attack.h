/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RG_TESTS_ATTACK_H
#define RG_TESTS_ATTACK_H

/*
 * One unconfined sender; one victim, under `recvguard run` or under the naive supervisor. Half of the
 * messages are EVIL, and the policy refuses them. The victim tries to see one all the same.
 */
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define SIZE 64

struct shared {
	atomic_ulong sent_good, sent_evil, got_good, got_evil, refused, odd_errno, signals;
	atomic_int stop; /* the sender has sent all; what is left may be drained */
	int odd;	 /* the last errno nobody expected */
};

struct mode {
	const char *name;
	int type;      /* of the socket pair */
	bool fds;      /* evil is a descriptor that is no memfd */
	bool complete; /* every good message must arrive, exactly once */
	void (*victim)(struct shared *s, int sock);
};
extern char **victim_argv; /* for a victim that executes itself */
extern const struct mode modes[];
extern const unsigned n_modes;

/* Execute argv in this process under a supervisor that looks (MSG_PEEK, or "is it a socket?") and lets the
 * kernel go on: what must not be done. Returns only on failure. */
int naive_exec(char *const *argv);

#endif
