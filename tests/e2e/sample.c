/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A recording of a made-up machine, always the same: sixty processes that talk over unix, internet and
 * netlink sockets, with descriptors, truncations, denials, errors and losses. For tests and measurements of
 * what reads recordings.
 * usage: sample FILE EVENTS [hostile]
 * hostile: every text of it tries to be markup, script or a terminal's command.
 */
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <recvguard/sink.h>

#define T0     1795467812000000000u
#define K      RG_TAG_K
#define PROCS  60
#define SOCKS  240
#define ROUGH  1 /* of a socket: the kind that truncates */
#define PASSES 2 /* descriptors */
#define DENIES 4

static const char *const evil[] = {
	"<img src=x id=pwn onerror=\"document.title='pwned'\">",
	"</script><script>document.title='pwned'</script><b id=pwn>",
	"\"'><svg id=pwn onload=document.title='pwned'>",
	"<!--<script>document.title='pwned'",
	"\xe2\x80\xae\x1b]0;pwned\x07&lt;b id=pwn&gt;<b id=pwn>",
	"\xff\xfe</title></style></svg><b id=pwn>",
	"javascript:document.title='pwned'//\\N\\\"]; pwn [label=<<b>x</b>>",
};

#define EVILS (sizeof(evil) / sizeof(evil[0]))

struct talk {
	unsigned to, from; /* processes; from PROCS: the kernel, beyond: hosts */
	int family, type, protocol;
	unsigned flags;
};

static struct talk talks[SOCKS];
static bool hostile;
static uint64_t state = 88172645463325252u;

static uint64_t rnd(uint64_t n)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state % n;
}

/* Most of them small. */
static uint64_t few(unsigned bits)
{
	return rnd((uint64_t)1 << (1 + rnd(bits)));
}

static void str(struct rg_event *ev, enum rg_field f, const char *s)
{
	rg_set_str(ev, f, s, (uint32_t)strlen(s), K);
}

/* A text of the event, with a number behind it: its own, or a hostile one. */
static void text(struct rg_event *ev, enum rg_field f, const char *own, unsigned n)
{
	char *s = rg_event_alloc(ev, 256);

	if (!s)
		exit(1);
	snprintf(s, 256, "%s%u", hostile ? evil[(n + (unsigned)f) % EVILS] : own, n);
	str(ev, f, s);
}

static void plan(void)
{
	for (unsigned i = 0; i < SOCKS; i++) {
		struct talk *t = &talks[i];

		t->to = (unsigned)few(6) % PROCS;
		t->from = (unsigned)few(6) % PROCS;
		t->flags = i % 7 == 3 ? PASSES : i % 31 == 5 ? ROUGH : i % 53 == 9 ? DENIES : 0;
		t->family = AF_UNIX;
		t->type = i % 3 ? SOCK_STREAM : SOCK_DGRAM;
		if (i % 5 == 1) {
			t->family = AF_INET;
			t->type = i % 2 ? SOCK_STREAM : SOCK_DGRAM;
			t->protocol = i % 2 ? IPPROTO_TCP : IPPROTO_UDP;
			t->from = PROCS + 1 + i % 12;
		} else if (i % 11 == 2) {
			t->family = AF_NETLINK;
			t->type = SOCK_RAW;
			t->from = PROCS;
		}
		if (t->family != AF_UNIX)
			t->flags &= ~(unsigned)PASSES;
	}
}

static void set_addr(struct rg_event *ev, enum rg_field addr, enum rg_field port, unsigned host, unsigned n)
{
	struct rg_addr *a = rg_event_alloc(ev, sizeof(*a));
	char *s = rg_event_alloc(ev, 32);

	if (!a || !s)
		exit(1);
	snprintf(s, 32, "192.0.2.%u", host);
	*a = (struct rg_addr){.family = AF_INET,
			      .ip_len = 4,
			      .ip = {192, 0, 2, (uint8_t)host},
			      .text = s,
			      .text_len = (uint32_t)strlen(s)};
	ev->v[addr].addr = a;
	ev->tag[addr] = K;
	rg_set_u(ev, port, n, K);
}

static void who(struct rg_event *ev, const struct talk *t, unsigned i)
{
	static const char *const names[] = {"broker-", "worker-", "web-", "logger-"};

	rg_set_u(ev, RG_F_PROC_PID, 1000 + t->to, K);
	rg_set_u(ev, RG_F_PROC_TID, 1000 + t->to, K);
	rg_set_u(ev, RG_F_PROC_UID, 1000, K);
	rg_set_u(ev, RG_F_PROC_LEADER_START, T0 - 1000000000u, K);
	text(ev, RG_F_PROC_COMM, names[t->to % 4], t->to);
	text(ev, RG_F_PROC_EXE, "/usr/bin/program-", t->to % 15);
	rg_set_i(ev, RG_F_SOCK_FAMILY, t->family, K);
	rg_set_i(ev, RG_F_SOCK_TYPE, t->type, K);
	rg_set_i(ev, RG_F_SOCK_PROTOCOL, t->protocol, K);
	rg_set_u(ev, RG_F_SOCK_COOKIE, 100 + i, K);
	rg_set_u(ev, RG_F_SOCK_INODE, 9007199254740993u + 2 * i, K); /* more than a double holds */
	rg_set_u(ev, RG_F_SOCK_NETNS, 4026531840u, K);
	if (t->family == AF_UNIX)
		text(ev, RG_F_SOCK_PATH, "/run/service-", i % 23);
	if (t->from < PROCS) {
		rg_set_u(ev, RG_F_SENDER_PID, 1000 + t->from, K);
		rg_set_i(ev, RG_F_SENDER_HOW, RG_HOW_MESSAGE, K);
		text(ev, RG_F_SENDER_COMM, names[t->from % 4], t->from);
	} else if (t->from == PROCS) {
		rg_set_u(ev, RG_F_SENDER_PID, 0, K);
		rg_set_i(ev, RG_F_SENDER_HOW, RG_HOW_KERNEL, K);
	} else {
		set_addr(ev, RG_F_SOCK_LOCAL_ADDR, RG_F_SOCK_LOCAL_PORT, 1, 8080);
		set_addr(ev, RG_F_SOCK_REMOTE_ADDR, RG_F_SOCK_REMOTE_PORT, t->from - PROCS + 1, 40000 + i);
	}
}

static void findings(struct rg_event *ev, const struct talk *t, unsigned i)
{
	const char *path = hostile ? evil[i % EVILS] : "/var/lib/file";
	struct rg_builder list, o;

	if (t->flags & PASSES && rnd(4) == 0) {
		rg_build_field(&list, ev, RG_F_FD, K);
		rg_add_object(&list, NULL, &o);
		rg_add_i(&o, "fd", 9);
		rg_add_enum(&o, "kind", i % 2 ? RG_FDK_MEMFD : RG_FDK_FILE, rg_names_fdkinds);
		rg_add_str(&o, "path", path, strlen(path));
	}
	if (t->flags & ROUGH && rnd(3) == 0) {
		rg_set_u(ev, RG_F_MSG_TRUNCATED, 1, K);
		rg_set_u(ev, RG_F_MSG_SIZE, ev->v[RG_F_RET].u * 2, K);
	}
	if (t->flags & DENIES && rnd(3) == 0) {
		text(ev, RG_F_VERDICT_POLICY, "policy-", i % 2);
		text(ev, RG_F_VERDICT_RULE, "rule ", i % 3);
		rg_set_i(ev, RG_F_VERDICT_ACTION, i % 2 ? RG_ACT_DENY : RG_ACT_STRIP, K);
		rg_set_i(ev, RG_F_VERDICT_ERRNO, EPERM, K);
		str(ev, RG_F_VERDICT_BACKEND, "broker");
	}
}

static void message(struct rg_event *ev, uint64_t n)
{
	unsigned i = (unsigned)few(8) % SOCKS;
	const struct talk *t = &talks[i];
	uint64_t size = 1 + few(14);

	rg_set_i(ev, RG_F_EVENT, t->family == AF_INET ? RG_EV_READ : RG_EV_RECVMSG, K);
	rg_set_i(ev, RG_F_ROUTE, t->family == AF_INET ? RG_RT_READ : RG_RT_RECVMSG, K);
	who(ev, t, i);
	rg_set_u(ev, RG_F_PEEK, 0, K);
	if (rnd(100) == 0) {
		rg_set_i(ev, RG_F_RET, -EAGAIN, K);
		rg_set_i(ev, RG_F_ERROR, EAGAIN, K);
		return;
	}
	rg_set_u(ev, RG_F_RET, size, K);
	rg_set_u(ev, RG_F_MSG_SIZE, size, K);
	text(ev, RG_F_MSG_DATA, "a message of some length, and its number is ", (unsigned)n);
	text(ev, RG_F_MSG_SUMMARY, "call number ", (unsigned)(n % 1000));
	if (hostile)
		text(ev, RG_F_MSG_PROTOCOL, "", 1);
	else
		str(ev, RG_F_MSG_PROTOCOL,
		    t->family == AF_UNIX   ? "dbus"
		    : t->family == AF_INET ? "http"
					   : "netlink");
	rg_set_u(ev, RG_F_DURATION, 1000 + few(24), K);
	rg_set_u(ev, RG_F_MSG_LATENCY, 5000 + few(26), K);
	findings(ev, t, i);
}

int main(int argc, char **argv)
{
	uint64_t n = argc > 2 ? strtoull(argv[2], NULL, 10) : 0, time = T0;
	struct rg_event *ev = rg_event_new();
	struct rg_err err = {0};
	struct rg_sink *s = NULL;
	char spec[512];
	int r;

	if (argc < 3 || !ev)
		return 2;
	hostile = argc > 3 && !strcmp(argv[3], "hostile");
	snprintf(spec, sizeof(spec), "sqlite=%s", argv[1]);
	plan();
	r = rg_sink_open(spec, NULL, &s, &err);
	for (uint64_t i = 1; r == 0 && i <= n; i++) {
		time += few(i % 20000 < 6000 ? 13 : 17);
		rg_event_reset(ev);
		if (i % 4000 == 3999) {
			rg_set_i(ev, RG_F_EVENT, RG_EV_LOST, K);
			rg_set_u(ev, RG_F_LOST_COUNT, 1 + rnd(50), K);
			rg_set_i(ev, RG_F_LOST_REASON, RG_LOSS_RING_FULL, K);
		} else {
			message(ev, i);
		}
		rg_set_u(ev, RG_F_ID, i, K);
		rg_set_u(ev, RG_F_TIME, time, K);
		rg_set_u(ev, RG_F_CPU, i % 2, K);
		r = rg_sink_write(s, ev, &err);
	}
	r = r ? r : rg_sink_close(s, &err);
	if (r)
		fprintf(stderr, "sample: %s\n", err.msg);
	rg_event_free(ev);
	return r ? 1 : 0;
}
