/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RG_CMSG_MAKE_H
#define RG_CMSG_MAKE_H

/*
 * Control messages from the running kernel, each with what it must decode to: the program that asked for them
 * knows. Built for both ABIs, without the library; check.c decodes and compares.
 *
 * On stdout: one struct shot_head after the other, each followed by its control bytes and its expectation,
 * one line for each control message in the order the kernel gives them, as tests/lib/show.h would print it.
 * In an expectation %d stands for any number, %<lo:hi> for one in that range, %* for anything.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#define CONTROL_MAX 1024
#define TEXT_MAX    4096

struct shot_head {
	char scene[32];
	char types[256]; /* skipped: what therefore could not be shown */
	char name[96];	 /* the address it came from as msg.name.text, a pattern; empty: not told */
	uint16_t family;
	uint8_t compat, errqueue;
	uint32_t given;	     /* control room given; UINT32_MAX: the scene was skipped, the text says why */
	uint32_t controllen; /* as returned */
	uint32_t flags;	     /* msg_flags as returned */
	int32_t ret;
	uint32_t text_len;
};

struct state {
	int rx, tx, extra; /* -1: none; closed when the scene ends */
	char expect[TEXT_MAX];
	size_t expect_len;
	char name[96];
	char why[160];		  /* why the scene cannot be played here */
	uint32_t value;		  /* the scene's own */
	uint64_t before, after;	  /* CLOCK_REALTIME around the send and the receive, ns */
	int next_fd;		  /* the number the next new descriptor will get */
	const struct msghdr *msg; /* while expecting: as received */
	long ret;
};

struct scene {
	const char *name;
	const char *types; /* "SOL_IP/IP_TTL SOL_IP/IP_TOS" */
	uint16_t family;
	bool errqueue;
	int (*setup)(struct state *s); /* 0, or -1 with s->why */
	int (*send)(struct state *s);
	void (*expect)(struct state *s);
};
extern const struct scene unix_scenes[], inet_scenes[], inet6_scenes[], errqueue_scenes[], other_scenes[],
	/* of protocols that are modules of a kernel: with the argument "families", nothing else */
	family_scenes[], link_scenes[];

/* Append a line to the expectation. */
void expect(struct state *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Set s->why from what failed and errno; returns -1. */
int cannot(struct state *s, const char *what);
/* setsockopt with an int, or cannot(). */
int turn_on(struct state *s, int fd, int level, int option, int value, const char *name);
#define ON(fd, level, option) turn_on(s, fd, level, option, 1, #option)

int udp_pair(struct state *s,
	     int family); /* rx bound to loopback, tx connected to it, both without options */
int tcp_pair(struct state *s, int family, int protocol);
uint16_t port_of(int fd);
int send_byte(struct state *s);
int lo_mtu(int mtu); /* of this network namespace's loopback; -1 when it cannot be set */

/* Bytes of a payload as the ABI has it, header included. */
#define LEN(n) (sizeof(size_t) == 4 ? 12u + (unsigned)(n) : 16u + (unsigned)(n))
/* Payload whose size differs: a long, a time by longs. */
#define LONGS(n) LEN((n) * sizeof(size_t))

/* Options absent from Debian 12's headers or hidden by 64-bit time: asm-generic/socket.h, linux/in.h. */
enum {
	N_TIMESTAMP_OLD = 29,
	N_TIMESTAMPNS_OLD = 35,
	N_TIMESTAMPING_OLD = 37,
	N_RXQ_OVFL = 40,
	N_TIMESTAMP_NEW = 63,
	N_TIMESTAMPNS_NEW = 64,
	N_TIMESTAMPING_NEW = 65,
	N_RCVMARK = 75,
	N_PASSPIDFD = 76,
	N_RCVPRIORITY = 82,
	N_INQ = 84,
};

#endif
