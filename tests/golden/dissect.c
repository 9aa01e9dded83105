/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Payloads and the line that must be said of each (dissect.cases), then the same payloads cut at every length
 * and with bytes changed, against a page edge: whatever comes, the line is printable ASCII and nothing is
 * read beyond.
 *
 * usage: dissect CASES          TAP
 *        dissect --print CASES  CASES with what is said now, to be looked at and kept
 *        dissect --sink=SPEC CASES  an event of each through an output (tests/e2e/pcapng.py)
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <recvguard/event.h>
#include <recvguard/sink.h>

#include "base/cleanup.h"
#include "decode/dissect/dissect.h"
#include "decode/sockaddr.h"
#include "tests/lib/edge.h"

#define DATA_MAX 16384

struct one {
	char name[1024], socket[1024], said[1024];
	uint8_t data[DATA_MAX];
	size_t len, full;
};

static struct rg_addr addr_of(const char *text)
{
	return (struct rg_addr){.family = AF_UNIX, .text = text, .text_len = (uint32_t)strlen(text)};
}

static void set_path(struct rg_event *ev, const char *path, bool local)
{
	char *text = rg_event_alloc(ev, strlen(path) + 1);
	struct rg_addr *a = rg_event_alloc(ev, sizeof(*a));

	strcpy(text, path);
	*a = addr_of(text);
	rg_set_str(ev, RG_F_SOCK_PATH, text, a->text_len, RG_TAG_K);
	if (local) {
		ev->v[RG_F_SOCK_LOCAL_ADDR].addr = a;
		ev->tag[RG_F_SOCK_LOCAL_ADDR] = RG_TAG_K;
	}
}

/* "127.0.0.1:53" */
static void set_end(struct rg_event *ev, char *text, enum rg_field addr, enum rg_field port)
{
	char *colon = strrchr(text, ':');
	struct rg_addr *a = rg_event_alloc(ev, sizeof(*a));

	*colon = '\0';
	*a = addr_of(text);
	a->ip_len = inet_pton(AF_INET, text, a->ip) == 1 ? 4 : inet_pton(AF_INET6, text, a->ip) == 1 ? 16 : 0;
	a->family = a->ip_len == 4 ? AF_INET : AF_INET6;
	ev->v[addr].addr = a;
	ev->tag[addr] = RG_TAG_K;
	rg_set_u(ev, port, strtoul(colon + 1, NULL, 10), RG_TAG_K);
}

/* A sockaddr in hexadecimal. */
static void set_name(struct rg_event *ev, const char *hex)
{
	uint8_t *sa = rg_event_alloc(ev, 128);
	struct rg_builder b;
	size_t n = 0;

	for (unsigned v; n < 128 && sscanf(hex + 2 * n, "%2x", &v) == 1; n++)
		sa[n] = (uint8_t)v;
	rg_build_field(&b, ev, RG_F_MSG_NAME, RG_TAG_K);
	rg_decode_sockaddr(sa, n, (uint16_t)ev->v[RG_F_SOCK_FAMILY].i, &b);
}

/* "unix stream path=/x local", "inet dgram proto=17 ports=1,53 full=4000" (payload of 4000, cut by snaplen)
 */
static void set_socket(struct rg_event *ev, const char *spec)
{
	char *copy = rg_event_alloc(ev, strlen(spec) + 1), *save = NULL;
	bool local = strstr(spec, " local") != NULL;
	uint64_t v;
	int a, b;

	strcpy(copy, spec);
	for (char *w = strtok_r(copy, " ", &save); w; w = strtok_r(NULL, " ", &save)) {
		if (!rg_name_value(rg_names_families, w, strlen(w), &v))
			rg_set_i(ev, RG_F_SOCK_FAMILY, (int64_t)v, RG_TAG_K);
		else if (!rg_name_value(rg_names_socktypes, w, strlen(w), &v))
			rg_set_i(ev, RG_F_SOCK_TYPE, (int64_t)v, RG_TAG_K);
		else if (sscanf(w, "proto=%d", &a) == 1)
			rg_set_i(ev, RG_F_SOCK_PROTOCOL, a, RG_TAG_K);
		else if (!strncmp(w, "local=", 6))
			set_end(ev, w + 6, RG_F_SOCK_LOCAL_ADDR, RG_F_SOCK_LOCAL_PORT);
		else if (!strncmp(w, "remote=", 7))
			set_end(ev, w + 7, RG_F_SOCK_REMOTE_ADDR, RG_F_SOCK_REMOTE_PORT);
		else if (!strncmp(w, "name=", 5))
			set_name(ev, w + 5);
		else if (!strcmp(w, "send"))
			rg_set_i(ev, RG_F_EVENT, RG_EV_SENDMSG, RG_TAG_K);
		else if (!strncmp(w, "path=", 5))
			set_path(ev, w + 5, local);
		else if (sscanf(w, "ports=%d,%d", &a, &b) == 2) {
			rg_set_u(ev, RG_F_SOCK_LOCAL_PORT, (uint64_t)a, RG_TAG_K);
			rg_set_u(ev, RG_F_SOCK_REMOTE_PORT, (uint64_t)b, RG_TAG_K);
		}
	}
}

/* What is said of len of full bytes: "protocol: summary", "nothing". */
static void say(struct rg_event *ev, const struct one *o, const void *p, size_t len, char *out, size_t cap)
{
	rg_event_reset(ev);
	rg_set_i(ev, RG_F_EVENT, RG_EV_RECVMSG, RG_TAG_K);
	set_socket(ev, o->socket);
	rg_set_bytes(ev, RG_F_MSG_DATA, edge(p, len), (uint32_t)len, (uint32_t)o->full, RG_TAG_U);
	rg_dissect(ev);
	if (!rg_has(ev, RG_F_MSG_SUMMARY))
		snprintf(out, cap, "nothing");
	else
		snprintf(out, cap, "%.*s: %.*s", (int)ev->v[RG_F_MSG_PROTOCOL].len,
			 ev->v[RG_F_MSG_PROTOCOL].p, (int)ev->v[RG_F_MSG_SUMMARY].len,
			 ev->v[RG_F_MSG_SUMMARY].p);
}

static bool sound(const struct rg_event *ev)
{
	const struct rg_value *v = &ev->v[RG_F_MSG_SUMMARY];

	if (!rg_has(ev, RG_F_MSG_SUMMARY))
		return !rg_has(ev, RG_F_MSG_PROTOCOL);
	for (uint32_t i = 0; i < v->len; i++)
		if ((uint8_t)v->p[i] < ' ' || (uint8_t)v->p[i] > '~')
			return false;
	return v->len && v->len <= RG_SUMMARY_MAX && ev->tag[RG_F_MSG_SUMMARY] == RG_TAG_U;
}

/* Every length, then bytes changed: 0x00, 0xff, +1 at each place. */
static bool survives(struct rg_event *ev, const struct one *o)
{
	static const int change[] = {0, 0xff, -1};
	char said[512];
	uint8_t copy[DATA_MAX];

	for (size_t len = 0; len <= o->len; len++) {
		say(ev, o, o->data, len, said, sizeof(said));
		if (!sound(ev))
			return false;
	}
	for (size_t i = 0; i < o->len && i < 600; i++)
		for (size_t k = 0; k < 3; k++) {
			memcpy(copy, o->data, o->len);
			copy[i] = change[k] < 0 ? (uint8_t)(copy[i] + 1) : (uint8_t)change[k];
			say(ev, o, copy, o->len, said, sizeof(said));
			if (!sound(ev))
				return false;
		}
	return true;
}

static bool add_hex(struct one *o, const char *hex)
{
	for (unsigned b; sscanf(hex, "%2x", &b) == 1 && o->len < DATA_MAX; hex += 2)
		o->data[o->len++] = (uint8_t)b;
	return o->len < DATA_MAX;
}

/* Next case of the file; false at its end. Comments stand before cases and are not kept by --print. */
static bool next_case(FILE *f, struct one *o)
{
	char line[1024], *full;

	memset(o, 0, sizeof(*o));
	while (fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\n")] = '\0';
		if (!strncmp(line, "case ", 5))
			snprintf(o->name, sizeof(o->name), "%s", line + 5);
		else if (!strncmp(line, "socket ", 7))
			snprintf(o->socket, sizeof(o->socket), "%s", line + 7);
		else if (!strncmp(line, "data ", 5) && !add_hex(o, line + 5))
			return false;
		else if (!strncmp(line, "say ", 4))
			snprintf(o->said, sizeof(o->said), "%s", line + 4);
		else if (!line[0] && o->name[0])
			break;
	}
	full = strstr(o->socket, "full=");
	o->full = full ? strtoul(full + 5, NULL, 10) : o->len;
	return o->name[0];
}

static void print_case(const struct one *o, const char *said)
{
	printf("case %s\nsocket %s\n", o->name, o->socket);
	for (size_t i = 0; i < o->len; i++)
		printf("%s%02x%s", i % 48 ? "" : "data ", o->data[i],
		       i % 48 == 47 || i + 1 == o->len ? "\n" : "");
	printf("say %s\n\n", said);
}

static int check_case(struct rg_event *ev, const struct one *o, const char *said, int n)
{
	bool same = !strcmp(said, o->said), firm = survives(ev, o);

	printf("%sok %d - %s\n", same ? "" : "not ", 2 * n - 1, o->name);
	if (!same)
		printf("# said:     %s\n# expected: %s\n", said, o->said);
	printf("%sok %d - %s: cut and changed\n", firm ? "" : "not ", 2 * n, o->name);
	return same && firm ? 0 : 1;
}

/* Losses stand in the stream where they happened: one after the tenth event. */
static int write_lost(struct rg_event *ev, struct rg_sink *s, struct rg_err *err)
{
	rg_event_reset(ev);
	rg_set_i(ev, RG_F_EVENT, RG_EV_LOST, RG_TAG_K);
	rg_set_u(ev, RG_F_TIME, UINT64_C(1795467812000000000), RG_TAG_K);
	rg_set_i(ev, RG_F_SOCK_FAMILY, AF_UNIX, RG_TAG_K);
	rg_set_u(ev, RG_F_LOST_COUNT, 17, RG_TAG_K);
	rg_set_i(ev, RG_F_LOST_REASON, RG_LOSS_RING_FULL, RG_TAG_K);
	return rg_sink_write(s, ev, err);
}

static int write_one(struct rg_event *ev, const struct one *o, struct rg_sink *s, int n, struct rg_err *err)
{
	static const char reason[] = "by rule \x1b[2J";
	char said[2048];

	say(ev, o, o->data, o->len, said, sizeof(said));
	rg_set_u(ev, RG_F_TIME, UINT64_C(1795467812123456789) + (uint64_t)n * 1000000, RG_TAG_K);
	rg_set_u(ev, RG_F_PROC_PID, 1000 + (uint64_t)n, RG_TAG_K);
	rg_set_u(ev, RG_F_PROC_TID, 2000 + (uint64_t)n, RG_TAG_K);
	rg_set_str(ev, RG_F_PROC_COMM, "client", 6, RG_TAG_K);
	rg_set_i(ev, RG_F_ROUTE, RG_RT_RECVMSG, RG_TAG_K);
	rg_set_i(ev, RG_F_RET, (int64_t)o->full, RG_TAG_K);
	rg_set_u(ev, RG_F_SENDER_PID, 4242, RG_TAG_K);
	rg_set_str(ev, RG_F_SENDER_COMM, "server", 6, RG_TAG_K);
	rg_set_i(ev, RG_F_SENDER_HOW, RG_HOW_MESSAGE, RG_TAG_K);
	rg_set_i(ev, RG_F_VERDICT_ACTION, n % 2 ? RG_ACT_DENY : RG_ACT_ALLOW, RG_TAG_K);
	rg_set_str(ev, RG_F_VERDICT_REASON, reason, sizeof(reason) - 1, RG_TAG_K);
	return rg_sink_write(s, ev, err);
}

static int to_sink(struct rg_event *ev, FILE *f, const char *spec)
{
	static struct one o;
	struct rg_err err = {0};
	struct rg_sink *s;
	int r = rg_sink_open(spec, NULL, &s, &err);

	for (int n = 0; !r && next_case(f, &o); n++) {
		r = n == 10 ? write_lost(ev, s, &err) : 0;
		r = r ? r : write_one(ev, &o, s, n, &err);
		r = r ? r : rg_sink_flush(s, &err);
	}
	if (!r)
		r = rg_sink_close(s, &err);
	if (r)
		fprintf(stderr, "dissect: %s\n", err.msg);
	return r != 0;
}

int main(int argc, char **argv)
{
	bool print = argc == 3 && !strcmp(argv[1], "--print");
	rg_auto_fclose FILE *f = argc > 1 ? fopen(argv[argc - 1], "re") : NULL;
	struct rg_event *ev = rg_event_new();
	static struct one o;
	int bad = 0, n = 0;
	char said[512];

	if (!f || !ev) {
		fprintf(stderr, "dissect: %s: %s\n", argc > 1 ? argv[argc - 1] : "usage", strerror(errno));
		return 2;
	}
	if (argc == 3 && !strncmp(argv[1], "--sink=", 7)) {
		bad = to_sink(ev, f, argv[1] + 7);
		rg_event_free(ev);
		return bad;
	}
	while (next_case(f, &o)) {
		say(ev, &o, o.data, o.len, said, sizeof(said));
		n++;
		if (print)
			print_case(&o, said);
		else
			bad += check_case(ev, &o, said, n);
	}
	if (!print)
		printf("1..%d\n", 2 * n);
	rg_event_free(ev);
	return bad != 0;
}
