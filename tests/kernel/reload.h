/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RG_KTEST_RELOAD_H
#define RG_KTEST_RELOAD_H

/* What reload.c and reload_races.c share: policies that drop BAD, sockets, who receives from them, what is
 * left of a load. */
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include <recvguard/enforce.h>

/* Of all processes of the test. */
struct shared {
	atomic_ulong bad, good, sent;
	atomic_bool over;
};
extern struct shared *seen;
extern int udp[2], dgram[2]; /* [0] sends, [1] receives */
extern char pins[96];
extern enum rg_enforce_backend backend;

double now(void); /* seconds */

/* Both pairs, by this process from within the control group that --backend cgroup covers; out of it again. */
void make_sockets(void);
void leave_group(void);
/* A child that counts what comes from both; they are made, and [1] is closed here. */
pid_t start_receiver(void);
pid_t start_flood(void); /* of BAD */
void end(pid_t pid);
void send_both(const char *text);
/* What is sent now arrives; so what was sent before has arrived or never will. */
bool all_through(void);

/* Load policy i, unload: 0, or a negative errno that is printed. All policies drop BAD. */
enum { NOBODY = 2 }; /* and by this one nobody receives from seqpacket sockets */
int load(unsigned i);
int unload(void);

struct left {
	unsigned programs, maps, links, descriptors;
	size_t memory;
};
struct left count(void);
/* Within a minute no more of anything than there was. */
bool back_to(const struct left *was, struct left *is);

void reload_races(unsigned kills);

#endif
