/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RG_BROKER_BROKER_H
#define RG_BROKER_BROKER_H

/* What the files of this room share: the supervisor's state and one brokered call. */
#include <pthread.h>
#include <recvguard/broker.h>
#include <recvguard/event.h>
#include <recvguard/policy.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "broker/hooks.h"
#include "broker/target.h"

#define RG_RX_DATA    (64u << 20)  /* longest message taken in one piece; address space, touched as used */
#define RG_RX_STREAM  (256u << 10) /* bytes of a stream taken at a time */
#define RG_RX_CONTROL (128u << 10)
#define RG_RX_FDS     253 /* SCM_MAX_FD */
#define RG_IOV_INLINE 8	  /* pieces of a buffer kept without memory of their own */
#define RG_SLOT_MAX   64  /* bytes of descriptors' numbers read ahead */
#define RG_FACTS      256 /* sockets whose kind is remembered */

/* A message in the supervisor's own memory. */
struct rg_rx {
	char *data;    /* RG_RX_DATA bytes */
	char *scratch; /* RG_RX_STREAM bytes: a stream consumed again after it was looked at */
	char *control; /* RG_RX_CONTROL bytes, as the kernel laid it out for the supervisor */
	char name[256];
	size_t n;    /* bytes in data */
	size_t full; /* length of the message; larger than n when cut */
	int flags;   /* out flags */
	uint32_t namelen;
	size_t controllen;
	int fd[RG_RX_FDS + 3];	  /* descriptors it carried (SCM_RIGHTS, then SCM_PIDFD), owned */
	unsigned n_fds, n_pidfds; /* the last n_pidfds of them came as SCM_PIDFD */
};

/* Where one message goes in the target: a snapshot of what the caller passed, taken once. */
struct rg_dest {
	uint64_t hdr;	     /* user msghdr, 0: the call has none */
	uint64_t name;	     /* 0: not wanted */
	int32_t namelen;     /* room */
	uint64_t namelen_at; /* where its length is written */
	uint64_t control;
	uint64_t controllen;
	struct iovec *iov; /* remote addresses */
	unsigned n_iov;
	size_t total;
	struct iovec inl[RG_IOV_INLINE];
	/* What stood where descriptors' numbers will go, when it was read with the header: slot_len bytes at
	 * slot_at, 0: nothing. */
	uint64_t slot_at;
	unsigned slot_len;
	char slot[RG_SLOT_MAX];
};

enum rg_call_kind { RG_CALL_RECV, RG_CALL_READ, RG_CALL_MMSG };

struct rg_call {
	uint64_t id;
	struct rg_task *task;
	bool compat;
	enum rg_route route;
	enum rg_call_kind kind;
	int fd;	       /* number in the target */
	int sock;      /* our duplicate, -1 */
	int flags;     /* MSG_* of the caller */
	int rwf;       /* RWF_* of preadv2 */
	int no_memory; /* -errno of taking the caller's memory */
	int family, type, protocol;
	uint64_t cookie;
	uint64_t born; /* rg_now() at or before which the caller was known to wait for this answer */
	bool stream;
	struct rg_dest d;
	size_t target;	   /* stream: bytes worth returning for, 0: not known yet */
	size_t got;	   /* bytes this call has delivered so far (WAITALL, low-water mark) */
	bool ended;	   /* the stream's end, or a boundary, was met: do not wait for more */
	struct ucred cred; /* of the first piece: others' are not glued to it */
	bool has_cred;
	/* recvmmsg */
	uint64_t vec;
	unsigned vlen, done;
	bool loaded; /* d holds message number `done` */
	uint64_t timeout_at;
	bool timeout32, has_timeout;
	uint64_t end; /* rg_now() at which the timeout is over */
	/* waiting */
	uint64_t deadline; /* SO_RCVTIMEO, 0: none */
	bool has_deadline;
	bool waits;	    /* it was asked, and may, wait */
	bool parked;	    /* in the list of those that wait */
	unsigned slot, gen; /* how epoll names it */
	uint64_t start, next_look, look_step;
	bool saw_shared, seized;
	/* sendfile done for the program */
	int out;	    /* our duplicate of its output, -1 */
	bool wide;	    /* sendfile64 of i386 */
	uint64_t offset_at; /* where the offset is, 0: the file's own position */
	size_t count;
	int64_t ret; /* result or -errno */
	struct rg_call *prev, *next;
};

enum rg_step { RG_STEP_DONE, RG_STEP_WAIT, RG_STEP_CONTINUE, RG_STEP_HANDED, RG_STEP_KILLED };

/* What never changes in a socket's life, by its cookie, which the kernel gives to no other. */
struct rg_fact {
	uint64_t cookie;
	int family, type, protocol;
};

struct rg_broker {
	pthread_mutex_t lock; /* everything below; never held while waiting for a message */
	int listener, epfd, timerfd, sigfd, watchfd;
	struct rg_tasks tasks;
	struct rg_rx rx;
	char *packed; /* RG_RX_CONTROL bytes: control messages on their way out */
	/* Waiting calls: listed, and found by slot from epoll. */
	struct rg_call *parked, **slots, *free_calls;
	unsigned n_parked, max_parked, free_slot, gen;
	uint64_t armed;		   /* when the timer will go off, 0: not set */
	struct rg_helper *helpers; /* threads that read what cannot be waited for by epoll */
	unsigned n_helpers;
	struct rg_fact facts[RG_FACTS];
	/* Somewhere SO_PEEK_OFF, SO_RCVLOWAT was set: from then on each stream is asked (set for good). */
	bool peek_offsets, low_marks;
	struct rg_policy *policy;
	bool watches_folder;
	bool want[RG_F__COUNT]; /* fields that the policies look at */
	bool want_fd_all;	/* of descriptors more than their kind */
	struct rg_event *ev;
	struct rg_run_opts opts;
	struct rg_broker_hooks hooks;
	uint64_t memfd_dev; /* the file system that only memfds, and nothing with a path, live on */
	uint64_t events;
	struct rg_run_stats stats;
	uint64_t notice_window;
	unsigned notices, notices_hidden;
	/* descriptors to be closed by the reaper thread */
	int reap_pipe[2];
};

struct seccomp_notif;

/* fact.c: what c->sock is. 0, -ENOTSOCK, -EBADF. */
int rg_fact(struct rg_broker *b, struct rg_call *c);
/* An option is about to be set by the program: note those that receives depend on. */
void rg_fact_option(struct rg_broker *b, int level, int name);

/* recv.c */
enum rg_step rg_call_step(struct rg_broker *b, struct rg_call *c, bool timed_out);

/* deliver.c: write what rx holds to the target. Bytes of data delivered or -errno, as the kernel would. */
int64_t rg_deliver(struct rg_broker *b, struct rg_call *c, const struct rg_decision *d);
/* Close the descriptors that rx holds. */
void rg_rx_close(struct rg_broker *b);
/* Close a descriptor elsewhere: its last close may block (linger, network file systems). */
void rg_reap(struct rg_broker *b, int fd);

/* event.c: judge rx. 0: deliver; -EAGAIN with *drop set; -errno: refuse. */
enum rg_judgement { RG_J_DELIVER, RG_J_REFUSE, RG_J_DROP, RG_J_KILL };
enum rg_judgement rg_judge(struct rg_broker *b, struct rg_call *c, struct rg_decision *d);

/* plain.c: reads of what is no socket, splice, sendfile, clone. */
enum rg_step rg_plain(struct rg_broker *b, struct rg_call *c, const struct seccomp_notif *n);
enum rg_step rg_moves(struct rg_broker *b, struct rg_call *c, const struct seccomp_notif *n);

/* park.c: calls that wait, and everything else that is waited for. */
int rg_park_init(struct rg_broker *b, struct rg_err *err);
/* Let c wait for its socket. -ENOBUFS: the bound is reached. */
int rg_park(struct rg_broker *b, struct rg_call *c);
void rg_unpark(struct rg_broker *b, struct rg_call *c);
/* Serve until the last process of the command is gone. */
void rg_park_loop(struct rg_broker *b);
/* Arm the timer for `at` (rg_now() scale) if it is not armed for an earlier time. */
void rg_park_due(struct rg_broker *b, uint64_t at);

/* supervise.c */
struct rg_call *rg_call_new(struct rg_broker *b);
void rg_call_free(struct rg_broker *b, struct rg_call *c);
/* Answer with ret (>= 0), an error (< 0), or let the kernel go on with the call; c is freed. */
void rg_answer(struct rg_broker *b, struct rg_call *c, int64_t ret);
void rg_answer_continue(struct rg_broker *b, struct rg_call *c);
/* After a step: answer, park, or nothing. */
void rg_after(struct rg_broker *b, struct rg_call *c, enum rg_step s);
/* A signal waits for the caller: end the wait as the kernel would. */
void rg_interrupt(struct rg_broker *b, struct rg_call *c);
void *rg_listen_loop(void *broker);

/* notify.c: one line for people, at most a few a second. */
void rg_notice(struct rg_broker *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Say how many were suppressed, if any. */
void rg_notices_told(struct rg_broker *b);
/* The same as rg_notice, always said. */
void rg_say(struct rg_broker *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* reload.c */
/* Load the policies, and refuse rules that this back-end cannot carry out. *ret NULL: none are given. */
int rg_policies(const struct rg_broker *b, struct rg_policy **ret, struct rg_err *err);
int rg_reload_init(struct rg_broker *b, struct rg_err *err);
void rg_reload(struct rg_broker *b, const char *why);
void rg_reload_watch(struct rg_broker *b); /* watchfd is readable */

/* confine.c: give up what the supervisor does not need any more. */
int rg_confine(struct rg_broker *b, struct rg_err *err);

#endif
