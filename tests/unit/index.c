/* SPDX-License-Identifier: BSD-2-Clause */
/* The index over rules changes nothing: policies of many rules of every shape, made at random, decide as the
 * same rules tried one by one do. RG_SEED chooses another run. */
#include "tests/lib/unit.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "policy/policy.h"

static const char *const texts[] = {"nc", "cat", "a-longer-name", "12345678", "1234567", "x", ""};
static const char *const addrs[] = {"10.1.2.3",	       "10.1.2.77",   "10.1.3.1",	 "10.2.0.0",
				    "192.0.2.1",       "2001:db8::1", "2001:db8:0:1::5", "fe80::1",
				    "::ffff:10.1.2.3", "::"};
static const char *const prefixes[] = {"10.0.0.0/8",
				       "10.1.0.0/16",
				       "10.1.2.0/24",
				       "10.1.2.3",
				       "0.0.0.0/0",
				       "192.0.2.0/28",
				       "2001:db8::/32",
				       "2001:db8:0:1::/64",
				       "2001:db8::1",
				       "::/0",
				       "fe80::/10",
				       "::ffff:0:0/96",
				       "10.1.2.0..10.1.2.9",
				       "10.1.2.3, 192.0.2.0/24",
				       "10.2.0.0/15, fe80::/64"};
#define N(a)	(sizeof(a) / sizeof((a)[0]))
#define PICK(a) ((a)[(size_t)rand() % N(a)])

static const char *end(void)
{
	return rand() % 2 ? "sock.remote" : "sock.local";
}

static void condition(char *s, size_t room)
{
	char a[256];
	int n = rand() % 12;

	switch (n) {
	case 0: snprintf(s, room, "proc.pid == %d", rand() % 40); break;
	case 1: snprintf(s, room, "proc.pid in {%d, %d, %d}", rand() % 40, rand() % 40, rand() % 40); break;
	case 2: snprintf(s, room, "proc.comm == \"%s\"", PICK(texts)); break;
	case 3: snprintf(s, room, "sock.path in {\"%s\", \"%s\"}", PICK(texts), PICK(texts)); break;
	case 4: snprintf(s, room, "%s.port == %d", end(), rand() % 10); break;
	case 5: snprintf(s, room, "%s.addr in {%s}", end(), PICK(prefixes)); break;
	case 6: snprintf(s, room, "%s.addr == %s", end(), PICK(addrs)); break;
	case 7: snprintf(s, room, "ret == %d", rand() % 9 - 4); break;
	case 8: snprintf(s, room, "proc.uid > %d", rand() % 12); break;
	case 9: snprintf(s, room, "not %s.addr in %s", end(), "10.0.0.0/9"); break;
	case 10: snprintf(s, room, "event in {recvmsg, %s}", rand() % 2 ? "read" : "recvfrom"); break;
	default:
		condition(a, sizeof(a));
		condition(s, room);
		snprintf(s + strlen(s), room - strlen(s), " %s %s", rand() % 4 ? "and" : "or", a);
	}
}

static struct rg_policy *make(unsigned rules)
{
	rg_auto_buf doc = {0};
	struct rg_err err = {0};
	struct rg_policy *p = NULL;
	char when[2048];

	rg_buf_str(&doc, "apiVersion: recvguard/v1\nkind: Policy\nmetadata: {name: t}\nspec:\n  rules:\n");
	for (unsigned i = 0; i < rules; i++) {
		condition(when, sizeof(when));
		rg_buf_printf(&doc, "    - {name: r%u, when: '%s', then: %s}\n", i, when,
			      rand() % 3 ? "deny" : "allow");
	}
	if (rg_policy_parse(rg_buf_cstr(&doc), "t", &p, &err))
		fail_msg("%s", err.msg);
	return p;
}

static void set_addr(struct rg_event *ev, enum rg_field f, struct rg_addr *a)
{
	const char *t = PICK(addrs);

	ev->tag[f] = RG_TAG_NONE;
	if (rand() % 6 == 0)
		return;
	*a = (struct rg_addr){.family = strchr(t, ':') ? AF_INET6 : AF_INET,
			      .ip_len = strchr(t, ':') ? 16 : 4,
			      .text = t,
			      .text_len = (uint32_t)strlen(t)};
	assert_int_equal(inet_pton(a->family, t, a->ip), 1);
	ev->v[f].addr = a;
	ev->tag[f] = RG_TAG_K;
}

static void make_event(struct rg_event *ev)
{
	static struct rg_addr local, remote;
	const char *comm = PICK(texts), *path = PICK(texts);

	rg_event_reset(ev);
	rg_set_i(ev, RG_F_EVENT, rand() % 3 ? RG_EV_RECVMSG : RG_EV_READ, RG_TAG_K);
	rg_set_u(ev, RG_F_PROC_PID, (uint64_t)(rand() % 40), RG_TAG_K);
	rg_set_u(ev, RG_F_PROC_UID, (uint64_t)(rand() % 14), RG_TAG_K);
	rg_set_i(ev, RG_F_RET, rand() % 9 - 4, RG_TAG_K);
	rg_set_str(ev, RG_F_PROC_COMM, comm, (uint32_t)strlen(comm), RG_TAG_K);
	if (rand() % 2)
		rg_set_str(ev, RG_F_SOCK_PATH, path, (uint32_t)strlen(path), RG_TAG_K);
	if (rand() % 2)
		rg_set_u(ev, RG_F_SOCK_LOCAL_PORT, (uint64_t)(rand() % 10), RG_TAG_K);
	if (rand() % 2)
		rg_set_u(ev, RG_F_SOCK_REMOTE_PORT, (uint64_t)(rand() % 10), RG_TAG_K);
	set_addr(ev, RG_F_SOCK_LOCAL_ADDR, &local);
	set_addr(ev, RG_F_SOCK_REMOTE_ADDR, &remote);
}

static const char *one_by_one(const struct rg_policy *p, const struct rg_event *ev)
{
	for (unsigned i = 0; i < p->pols[0].n_rules; i++)
		if (rg_ir_eval(p->pols[0].rules[i].ir, ev, NULL))
			return p->pols[0].rules[i].name;
	return NULL;
}

static void as_one_by_one(void **state)
{
	unsigned seed = getenv("RG_SEED") ? (unsigned)atoi(getenv("RG_SEED")) : 20261126, indexed = 0,
		 matched = 0;
	struct rg_event *ev = rg_event_new();
	struct rg_decision d;

	(void)state;
	srand(seed);
	for (int round = 0; round < 400; round++) {
		struct rg_policy *p = make(8 + (unsigned)rand() % 30);

		indexed += p->pols[0].index != NULL;
		for (int k = 0; k < 50; k++) {
			const char *want;

			make_event(ev);
			want = one_by_one(p, ev);
			rg_policy_decide(p, ev, &d);
			if (d.rule != want)
				fail_msg("seed %u, round %d, event %d: %s instead of %s", seed, round, k,
					 d.rule ? d.rule : "no rule", want ? want : "no rule");
			matched += want != NULL;
		}
		rg_policy_free(p);
	}
	printf("# seed %u: %u of 400 policies indexed, %u of 20000 events matched\n", seed, indexed, matched);
	assert_true(indexed > 300 && matched > 5000);
	rg_event_free(ev);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(as_one_by_one)};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
