/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef ORACLE_H
#define ORACLE_H

/*
 * Self-oracle programs: each makes the calls itself and writes what it got, as one JSON object a line, to the
 * file named by RG_ORACLE. tests/e2e/oracle.py runs the program under recvguard and compares the two views
 * field by field. The program's own view is the truth: it is the receiver.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>

/* What the receiver cannot see by itself and the case knows. Forgotten after the next logged call. */
struct o_hint {
	long size;	    /* full length of the message, -1: the same as ret */
	int fds_sent;	    /* descriptors attached by the sender, -1: as many as arrived */
	pid_t sender;	    /* pid of the sender as recvguard shall show it, 0: not asserted */
	const char *how;    /* how it knows: message, connect, ... */
	const char *wait;   /* "yes": the call slept */
	const char *absent; /* fields a case knows cannot be had, comma separated */
	const char *route;  /* overrides the route name */
	const char *event;  /* overrides the event name */
	bool racy;	    /* another thread swaps pointers: only values tagged K are judged */
};
extern struct o_hint o_hint;
#define O_HINT(...) (o_hint = (struct o_hint){.size = -1, .fds_sent = -1, __VA_ARGS__})

/* Name the following calls. */
void o_case(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* A case that cannot run here: printed with its reason. */
void o_skip(const char *name, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* End the program when something the case rests on fails. */
void o_die(const char *what) __attribute__((noreturn));
#define O_OK(expr)                       \
	({                               \
		long o_r = (long)(expr); \
		if (o_r < 0)             \
			o_die(#expr);    \
		o_r;                     \
	})

/* One call about to be made, and what came of it. */
struct o_call {
	const char *event, *route;
	int fd, flags;
	bool has_flags, is_send;
	int batch; /* -1: not a batch */
	const struct iovec *iov;
	size_t n_iov;
	const struct msghdr *msg; /* as returned; NULL for calls without one */
	const void *name;	  /* calls without a msghdr: address as returned */
	socklen_t namelen;
	const void *data;	 /* overrides the iovecs as the place of the data */
	uint64_t t0, t1, m0, m1; /* realtime and monotonic ns around the call */
	char sock[1024];	 /* the socket as JSON members, asked before the call */
};
void o_begin(struct o_call *c, const char *event, int fd, int flags, bool has_flags);
void o_end(struct o_call *c, ssize_t ret, int err);

/* The calls themselves, logged. errno is as the call left it. */
ssize_t o_recvmsg(int fd, struct msghdr *m, int flags);
int o_recvmmsg(int fd, struct mmsghdr *v, unsigned n, int flags, struct timespec *timeout);
ssize_t o_recvfrom(int fd, void *buf, size_t len, int flags, void *name, socklen_t *namelen);
ssize_t o_read(int fd, void *buf, size_t len);
ssize_t o_readv(int fd, const struct iovec *iov, int n);
ssize_t o_preadv2(int fd, const struct iovec *iov, int n, int flags);
ssize_t o_sendmsg(int fd, const struct msghdr *m, int flags);
ssize_t o_sendto(int fd, const void *buf, size_t len, int flags, const void *name, socklen_t namelen);
ssize_t o_write(int fd, const void *buf, size_t len);

/* A msghdr over one buffer that ends at a page edge, with room for name and control; reused by each call. */
struct o_buf {
	struct msghdr m;
	struct iovec iov;
	struct sockaddr_storage name;
	char control[8192];
};
struct msghdr *o_msg(struct o_buf *b, size_t len, size_t controllen);
/* len bytes whose last is followed by an unmapped page. */
void *o_edge(size_t len);
/* Receive into b with room for len bytes, log, close the descriptors that came. */
ssize_t o_take(int fd, size_t len, size_t controllen, int flags);
void o_close_fds(struct msghdr *m);

/* Unlogged helpers. */
void pair(int type, int sv[2]);
void tcp_pair(int family, int sv[2]); /* connected over loopback */
void put(int fd, const void *data, size_t len);
void put_fds(int fd, const void *data, size_t len, const int *fds, int n);
void put_creds(int fd, const void *data, size_t len, pid_t pid, uid_t uid, gid_t gid);
int inet_socket(int family, int type, int protocol, struct sockaddr_storage *bound, socklen_t *len);
void on(int fd, int level, int opt);
const char *pattern(size_t len); /* len bytes, recognisable, with NULs and high bytes */
void wait_asleep(pid_t tid);	 /* until the thread sleeps (at most 2 s) */
void raise_nofile(void);

#endif
