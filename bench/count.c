/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Fixed work for counting instructions (tests/cost/count.py): N messages of one kind decoded and written as
 * JSON; N decisions of a policy of 100 rules; N events into a recording. The same input gives the same path.
 *
 * usage: bench-count stream|udp|policy|sqlite N [FILE]
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <recvguard/policy.h>
#include <recvguard/sink.h>

#include "decode/record.h"
#include "sink/json.h"
#include "tests/lib/fabricate.h"

struct raw {
	struct rg_rec_msg m;
	uint8_t tail[RG_TAIL_MAX];
	size_t size; /* of what was sent */
};

static void put(struct raw *r, const void *bytes, size_t n)
{
	memcpy((uint8_t *)&r->m.h + r->size, bytes, n);
	r->size += RG_PAD8(n);
}

/* What every record says of its receiver, as the kernel side writes it. */
static void raw_begin(struct raw *r, int family, int type)
{
	memset(r, 0, sizeof(*r));
	r->m.h = (struct rg_rec_hdr){.type = RG_REC_MSG, .version = RG_ABI_VERSION, .msg_no = 1, .tid = 4711};
	r->m.ts = 1234567890123;
	r->m.pid = r->m.ns_pid = r->m.ns_tid = 4711;
	r->m.ppid = r->m.ns_ppid = 1;
	r->m.exe_ino = 815;
	r->m.cgroup_id = 77;
	r->m.start = r->m.leader_start = 99999999999;
	r->m.parent_start = 1111111;
	memcpy(r->m.comm, "receiver", 9);
	r->m.route = RG_RT_RECVMSG;
	r->m.fd = 5;
	r->m.syscall_nr = 47;
	r->m.ret = 64;
	r->m.data_total = 64;
	r->m.family = (uint16_t)family;
	r->m.type = (uint16_t)type;
	r->m.cookie = 4242;
	r->m.sock_ino = 31337;
	r->m.seq = 17;
	r->m.has = RG_HAS_SOCK | RG_HAS_MSGHDR | RG_HAS_DATA | RG_HAS_FLAGS | RG_HAS_IOV | RG_HAS_IOV_K;
	r->size = RG_MSG_FIXED;
	r->m.data_len = 64;
	put(r, "sixty-four bytes of ordinary text, with a few \"quotes\" in it....", 64);
}

static void raw_end(struct raw *r)
{
	static const struct rg_rec_iov iov = {0x7ffd12345678, 4096};

	r->m.n_iov = 1;
	r->m.iov_len = sizeof(iov);
	put(r, &iov, sizeof(iov));
	r->m.uts_len = 16;
	put(r, "a-host\0\0\0\0\0\0\0\0\0", 16);
	r->m.h.len = (uint32_t)r->size;
}

static void raw_stream(struct raw *r)
{
	raw_begin(r, AF_UNIX, SOCK_STREAM);
	r->m.has |= RG_HAS_PEER;
	r->m.peer_pid = 4712;
	memcpy(r->m.peer_comm, "sender", 7);
	raw_end(r);
}

static void raw_udp(struct raw *r)
{
	struct sockaddr_in in = {
		.sin_family = AF_INET, .sin_port = htons(4000), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	char control[64] = {0};
	struct cmsghdr *c = (void *)control;

	raw_begin(r, AF_INET, SOCK_DGRAM);
	r->m.protocol = 17;
	r->m.has |= RG_HAS_NAME | RG_HAS_UCONTROL | RG_HAS_CONTROLLEN;
	r->m.namelen = r->m.name_len = sizeof(in);
	put(r, &in, sizeof(in));
	*c = (struct cmsghdr){CMSG_LEN(4), IPPROTO_IP, IP_TTL};
	c = (void *)(control + CMSG_SPACE(4));
	*c = (struct cmsghdr){CMSG_LEN(16), SOL_SOCKET, SO_TIMESTAMP};
	r->m.controllen = r->m.control_len = CMSG_SPACE(4) + CMSG_SPACE(16);
	put(r, control, r->m.control_len);
	r->m.local_len = r->m.remote_len = sizeof(in);
	put(r, &in, sizeof(in));
	put(r, &in, sizeof(in));
	raw_end(r);
}

static int count_decode(void (*make)(struct raw *r), unsigned long n, struct rg_event *ev)
{
	static const struct rg_clock clock = {1700000000000000000, 1700000000000000000};
	static struct raw raw;
	struct rg_json j = {0};
	rg_auto_buf b = {0};
	unsigned lost;

	make(&raw);
	for (unsigned long i = 0; i < n; i++) {
		if (rg_decode_msg(&raw.m.h, raw.size, NULL, &clock, ev, &lost))
			return 1;
		rg_json_event(&j, &b, ev);
		rg_buf_reset(&b);
	}
	return 0;
}

static int count_policy(unsigned long n, struct rg_event *ev)
{
	char doc[16384];
	size_t len = (size_t)snprintf(
		doc, sizeof(doc),
		"apiVersion: recvguard/v1\nkind: Policy\nmetadata: {name: b}\nspec:\n  rules:\n");
	struct rg_err err = {0};
	struct rg_decision d;
	struct rg_policy *p;

	for (int i = 0; i < 100; i++)
		len += (size_t)snprintf(
			doc + len, sizeof(doc) - len,
			"    - {name: r%d, when: 'proc.comm == \"c%d\" and msg.size > %d', then: deny}\n", i,
			i, i);
	if (rg_policy_parse(doc, "count", &p, &err)) {
		fprintf(stderr, "bench-count: %s\n", err.msg);
		return 1;
	}
	fab_event(FAB_TYPICAL, ev);
	for (unsigned long i = 0; i < n; i++)
		rg_policy_decide(p, ev, &d);
	rg_policy_free(p);
	return 0;
}

static int count_sqlite(unsigned long n, struct rg_event *ev, const char *file)
{
	struct rg_err err = {0};
	struct rg_sink *s;
	char spec[512];
	int r;

	snprintf(spec, sizeof(spec), "sqlite=%s", file);
	r = rg_sink_open(spec, NULL, &s, &err);
	if (r == 0) {
		fab_event(FAB_TYPICAL, ev);
		for (unsigned long i = 0; r == 0 && i < n; i++) {
			ev->v[RG_F_ID].u = i + 1;
			r = rg_sink_write(s, ev, &err);
		}
		if (r == 0)
			r = rg_sink_close(s, &err);
	}
	if (r)
		fprintf(stderr, "bench-count: %s\n", err.msg);
	return r != 0;
}

int main(int argc, char **argv)
{
	unsigned long n = argc > 2 ? strtoul(argv[2], NULL, 10) : 0;
	struct rg_event *ev = rg_event_new();
	int r = 2;

	if (ev && n && !strcmp(argv[1], "stream"))
		r = count_decode(raw_stream, n, ev);
	else if (ev && n && !strcmp(argv[1], "udp"))
		r = count_decode(raw_udp, n, ev);
	else if (ev && n && !strcmp(argv[1], "policy"))
		r = count_policy(n, ev);
	else if (ev && n && argc > 3 && !strcmp(argv[1], "sqlite"))
		r = count_sqlite(n, ev, argv[3]);
	rg_event_free(ev);
	return r;
}
