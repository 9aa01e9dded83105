/* SPDX-License-Identifier: BSD-2-Clause */
/* ns per decision for 1, 10, 100 and 1,000 rules, by shape of rule; the event matches none of them. */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include <recvguard/policy.h>

static const struct {
	const char *name, *format;
} shapes[] = {
	{"pid", "proc.pid == %d"},
	{"uid", "proc.uid == %d"},
	{"comm", "proc.comm == \"c%d\""},
	{"path", "sock.path == \"/run/user/1000/s%d\""},
	{"port", "sock.remote.port == %d"},
	{"prefix", "10. %d"},
	{"and", "proc.comm == \"c%d\" and msg.size > 4KiB"},
};

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static struct rg_policy *policy(const char *format, int rules)
{
	size_t cap = 256 + (size_t)rules * 160, n;
	char *doc = malloc(cap), when[128];
	struct rg_err err = {0};
	struct rg_policy *p;

	n = (size_t)snprintf(
		doc, cap, "apiVersion: recvguard/v1\nkind: Policy\nmetadata: {name: b}\nspec:\n  rules:\n");
	for (int i = 0; i < rules; i++) {
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
		snprintf(when, sizeof(when), format, 20000 + i);
		if (strstr(format, "10."))
			snprintf(when, sizeof(when), "sock.remote.addr in 10.%d.%d.0/24", i / 256, i % 256);
		n += (size_t)snprintf(doc + n, cap - n, "    - {name: r%d, when: '%s', then: deny}\n", i,
				      when);
	}
	if (rg_policy_parse(doc, "bench", &p, &err)) {
		fprintf(stderr, "%s\n", err.msg);
		exit(1);
	}
	free(doc);
	return p;
}

static double measure(const struct rg_policy *p, const struct rg_event *ev)
{
	struct rg_decision d;
	double best = 1e18;

	for (int round = 0; round < 5; round++) {
		int n = 0;
		double t = now(), end = t + 2e7;

		do {
			for (int i = 0; i < 1000; i++) {
				rg_policy_decide(p, ev, &d);
				__asm__ volatile("" : : "g"(&d) : "memory");
			}
			n += 1000;
		} while (now() < end);
		t = (now() - t) / n;
		best = t < best ? t : best;
	}
	return best;
}

int main(void)
{
	static const int counts[] = {1, 10, 100, 1000};
	struct rg_event *ev = rg_event_new();
	struct rg_addr a = {
		.family = AF_INET, .ip_len = 4, .ip = {192, 0, 2, 1}, .text = "192.0.2.1", .text_len = 9};

	rg_set_u(ev, RG_F_PROC_PID, 510, RG_TAG_K);
	rg_set_u(ev, RG_F_PROC_UID, 1000, RG_TAG_K);
	rg_set_str(ev, RG_F_PROC_COMM, "nc", 2, RG_TAG_K);
	rg_set_str(ev, RG_F_SOCK_PATH, "/run/dbus/system_bus_socket", 27, RG_TAG_K);
	rg_set_u(ev, RG_F_SOCK_REMOTE_PORT, 53, RG_TAG_K);
	rg_set_u(ev, RG_F_MSG_SIZE, 512, RG_TAG_K);
	ev->v[RG_F_SOCK_REMOTE_ADDR].addr = &a;
	ev->tag[RG_F_SOCK_REMOTE_ADDR] = RG_TAG_K;
	printf("ns per decision, no rule matches\n%-8s %8s %8s %8s %8s\n", "rules", "1", "10", "100", "1000");
	for (size_t s = 0; s < sizeof(shapes) / sizeof(shapes[0]); s++) {
		printf("%-8s", shapes[s].name);
		for (size_t c = 0; c < 4; c++) {
			struct rg_policy *p = policy(shapes[s].format, counts[c]);

			printf(" %8.1f", measure(p, ev));
			rg_policy_free(p);
		}
		putchar('\n');
	}
	rg_event_free(ev);
	return 0;
}
