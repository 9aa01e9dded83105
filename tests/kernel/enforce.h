/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RG_KTEST_ENFORCE_H
#define RG_KTEST_ENFORCE_H

/* What the tests of enforcement share: sockets, routes by which a message can be received, TAP, policies. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* TAP. */
void k_result(bool ok, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void k_skip(const char *name, const char *why);
int k_end(void);

/* Kinds of sockets: pair[0] sends, pair[1] receives. */
enum k_kind { K_STREAM, K_DGRAM, K_SEQPACKET, K_UDP, K_UDP6, K_TCP, K_KINDS };
extern const char *const k_kind_names[K_KINDS];
void k_pair(enum k_kind kind, int pair[2]);
void k_close(int pair[2]);
void k_send(int fd, const void *data, size_t len);
/* Something is there to be read, within five seconds. */
bool k_readable(int fd);

/* Above what the kernel takes of a system call's number. */
#define K_HIGH 0x1234500000000

/* A route: receive once without waiting. Bytes (messages of a batch: their sum), or a negative errno. */
struct k_route {
	const char *name;
	long (*run)(int fd);
	bool stream_only; /* splice, sendfile, zero-copy */
	bool tcp_only;
	bool datagrams; /* two messages in one call: not for streams */
};
extern const struct k_route k_routes[];
extern const unsigned k_n_routes;

/* Write a policy and load it: `recvguard enforce -p ... ARGS`, with the options in RG_ASK before them. Exit
 * status. */
int k_enforce(const char *rules, const char *args);
/* The same, to whom scope applies. */
int k_enforce_in(const char *scope, const char *rules, const char *args);
int k_stop(void);
/* What enforces here, as verdicts and as `enforce status` name it: RG_BACKEND in the environment, or lsm. */
const char *k_backend(void);
const char *k_backend_told(void);
/* Is the line of `enforce status` that begins so followed by that? */
bool k_status_has(const char *line, const char *rest);
/* A number from `recvguard enforce status`, as "denied"; -1: not there. */
long k_status(const char *word);
/* Until the process sleeps in recvfrom, for twenty seconds at most: the kernel says so. */
bool k_waits_in_recv(pid_t pid);
/* The thread's name, by which the policies here tell who is meant. */
void k_name(const char *comm);

/* Receive one byte without waiting: it came, ENOMSG, or something else. */
enum k_got { K_GOT, K_REFUSED, K_ELSE };
enum k_got k_try(int fd);

/* Parts of the test, each in a file of its own. */
void enforce_races(void);
void enforce_events(void); /* of enforce_races.c */
void enforce_queue(void);
void enforce_stages(void); /* of enforce_queue.c: one of each */
void enforce_scopes(void);
void enforce_tree(void);
void enforce_setups(void);
/* The program as a receiver of one message from a descriptor, by a command line of its own. */
int k_receive_main(const char *fd);
/* One that is named so receives one message: exit status 0 it came, 1 ENOMSG. */
int k_try_main(const char *comm);

#endif
