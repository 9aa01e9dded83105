/* SPDX-License-Identifier: BSD-2-Clause */
/* Policies: what is decided about one message, by which rule, and what is refused when loading. */
#include "tests/lib/unit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <recvguard/policy.h>

static struct rg_event *ev;

static void text(enum rg_field f, const char *s)
{
	rg_set_str(ev, f, s, (uint32_t)strlen(s), RG_TAG_K);
}

static void add_fd(struct rg_builder *b, const char *kind)
{
	struct rg_builder o;
	uint64_t k = 0;

	assert_int_equal(rg_name_value(rg_names_fdkinds, kind, strlen(kind), &k), 0);
	rg_add_object(b, NULL, &o);
	rg_add_enum(&o, "kind", (int64_t)k, rg_names_fdkinds);
}

static int setup(void **state)
{
	struct rg_builder b;

	ev = rg_event_new();
	rg_set_i(ev, RG_F_EVENT, RG_EV_RECVMSG, RG_TAG_K);
	rg_set_u(ev, RG_F_PROC_PID, 510, RG_TAG_K);
	rg_set_u(ev, RG_F_PROC_UID, 1000, RG_TAG_K);
	text(RG_F_PROC_COMM, "nc");
	rg_set_i(ev, RG_F_RET, 12, RG_TAG_K);
	rg_set_i(ev, RG_F_SOCK_FD, 5, RG_TAG_K);
	rg_set_u(ev, RG_F_MSG_SIZE, 12, RG_TAG_K);
	rg_set_u(ev, RG_F_MSG_FLAGS, MSG_DONTWAIT | MSG_PEEK, RG_TAG_K);
	text(RG_F_SOCK_PATH, "/run/w");
	rg_build_field(&b, ev, RG_F_FD, RG_TAG_K);
	add_fd(&b, "memfd");
	add_fd(&b, "file");
	add_fd(&b, "socket");
	return 0;
}

static int teardown(void **state)
{
	rg_event_free(ev);
	return 0;
}

static struct rg_policy *load(const char *t)
{
	struct rg_err err = {0};
	struct rg_policy *p;

	if (rg_policy_parse(t, "p.yaml", &p, &err))
		fail_msg("%s", err.msg);
	return p;
}

/* Decide by a text and free it: names in the result are compared first. */
static struct rg_decision decide(const char *t, const char *policy, const char *rule)
{
	struct rg_policy *p = load(t);
	struct rg_decision d;

	rg_policy_decide(p, ev, &d);
	if (policy)
		assert_string_equal(d.policy, policy);
	else
		assert_null(d.policy);
	if (rule)
		assert_string_equal(d.rule ? d.rule : "(default)", rule);
	rg_policy_free(p);
	return d;
}

#define HEAD(name) "apiVersion: recvguard/v1\nkind: Policy\nmetadata: {name: " name "}\nspec:\n"

static void first_match_wins(void **state)
{
	struct rg_decision d =
		decide(HEAD("a") "  rules:\n"
				 "    - {name: big, when: msg.size > 64KiB, then: deny EMSGSIZE}\n"
				 "    - {name: nc, when: proc.comm == \"nc\", then: deny EACCES}\n"
				 "    - {name: all, then: kill}\n",
		       "a", "nc");

	assert_int_equal(d.action, RG_ACT_DENY);
	assert_int_equal(d.err_no, EACCES);
	assert_false(d.audit);
	assert_int_equal(d.matched, 1);
}

static void default_and_scope(void **state)
{
	struct rg_decision d = decide(HEAD("a") "  default: deny\n  rules: []\n", "a", "(default)");

	assert_int_equal(d.action, RG_ACT_DENY);
	assert_int_equal(d.err_no, EPERM);
	d = decide(HEAD("a") "  scope: [comm=cat]\n  default: deny\n", NULL, NULL);
	assert_int_equal(d.action, RG_ACT_ALLOW);
	d = decide(HEAD("a") "  scope: ['comm=cat,n*', 'uid>=1000', 'pid!=1']\n  default: drop\n", "a", NULL);
	assert_int_equal(d.action, RG_ACT_DROP);
	d = decide(HEAD("a") "  scope: ['comm=cat,n*', 'uid>1000']\n  default: drop\n", NULL, NULL);
	d = decide(HEAD("a") "  scope: [cgroup=/a]\n  default: drop\n", NULL, NULL); /* unknown */
	text(RG_F_PROC_CGROUP, "/a/b");
	d = decide(HEAD("a") "  scope: [cgroup=/a]\n  default: drop\n", "a", NULL);
	d = decide(HEAD("a") "  scope: [cgroup=/a/b/]\n  default: drop\n", "a", NULL);
	d = decide(HEAD("a") "  scope: [cgroup=/a/c]\n  default: drop\n", NULL, NULL);
	d = decide(HEAD("a") "  scope: ['cgroup!=/a']\n  default: drop\n", NULL, NULL);
	d = decide(HEAD("a") "  scope: [cgroup=/]\n  default: drop\n", "a", NULL);
	d = decide(HEAD("a") "  scope: [global]\n  mode: audit\n  default: kill\n", "a", NULL);
	assert_true(d.audit);
}

static void strip_marks_what_the_rule_names(void **state)
{
	struct rg_decision d =
		decide(HEAD("a") "  rules:\n"
				 "    - name: only memfds\n"
				 "      when: sock.path == \"/run/w\" and any(fd, kind != memfd)\n"
				 "      then: strip\n",
		       "a", "only memfds");

	assert_int_equal(d.action, RG_ACT_STRIP);
	assert_int_equal(d.strip_fd[0], 6);
	assert_int_equal(d.strip_cmsg[0], 0);
	d = decide(HEAD("a") "  rules:\n"
			     "    - {name: x, when: 'not all(fd, kind == memfd) and ret > 0', then: strip}\n",
		   "a", "x");
	assert_int_equal(d.strip_fd[0], 6);
}

static void logs_are_noted_and_go_on(void **state)
{
	struct rg_decision d = decide(HEAD("a") "  rules:\n"
						"    - {name: seen, then: log}\n"
						"    - {name: no, when: ret > 0, then: drop}\n",
				      "a", "no");

	assert_int_equal(d.action, RG_ACT_DROP);
	d = decide(HEAD("a") "  rules:\n    - {name: seen, then: log}\n", "a", NULL);
	assert_int_equal(d.action, RG_ACT_ALLOW);
}

static void the_strictest_policy_holds(void **state)
{
	struct rg_decision d;

	d = decide(HEAD("a") "  default: allow\n---\n" HEAD("b") "  default: drop\n---\n" HEAD(
			   "c") "  default: deny\n---\n" HEAD("d") "  mode: audit\n  default: kill\n",
		   "c", NULL);
	assert_int_equal(d.action, RG_ACT_DENY);
	assert_int_equal(d.matched, 14);
}

/* `not` means unless where a rule restricts, and never opens a rule that allows. */
static void unknown_values(void **state)
{
	struct rg_decision d;

	d = decide(HEAD("a") "  rules:\n    - {name: r, when: 'not sender.uid in {0}', then: deny}\n", "a",
		   "r");
	assert_int_equal(d.action, RG_ACT_DENY);
	d = decide(HEAD("a") "  rules:\n    - {name: r, when: sender.uid == 0, then: deny}\n", "a",
		   "(default)");
	d = decide(
		HEAD("a") "  default: deny\n  rules:\n    - {name: r, when: sender.uid != 0, then: allow}\n",
		"a", "(default)");
	assert_int_equal(d.action, RG_ACT_DENY);
	/* the payload was not captured: the rule holds where it restricts */
	d = decide(HEAD("a") "  rules:\n    - {name: r, when: 'msg.data contains \"x\"', then: deny}\n", "a",
		   "r");
	assert_true(d.doubt);
	d = decide(HEAD("a") "  default: deny\n  rules:\n    - {name: r, when: 'not msg.data contains "
			     "\"x\"', then: allow}\n",
		   "a", "(default)");
}

static void macros_and_lists(void **state)
{
	decide(HEAD("a") "  lists:\n    tools: [nc, \"cat\"]\n    ids: [1..5, 510]\n"
			 "  macros:\n    ours: proc.comm in tools and small\n    small: msg.size < 1KiB\n"
			 "  rules:\n    - {name: r, when: 'ours and proc.pid in {9, ids}', then: drop}\n",
	       "a", "r");
}

static void tracee_policies(void **state)
{
	const char *head = "apiVersion: tracee.aquasec.com/v1beta1\nkind: Policy\nmetadata:\n  name: t\n"
			   "  annotations: {description: d}\nspec:\n  scope: [comm=nc]\n  rules:\n    - "
			   "event: recvmsg\n";
	static const struct {
		const char *filters;
		bool match;
	} t[] = {
		{"      filters: [data.sockfd=5, retval!=0, comm=nc]\n      actions: [log]\n", true},
		{"      filters: ['args.sockfd=5,6']\n", true},
		{"      filters: ['args.sockfd=6,7']\n", false},
		{"      filters: ['retval<0']\n", false},
		{"      filters: ['retval>=12']\n", true},
		{"      filters: ['data.flags=MSG_PEEK|MSG_DONTWAIT']\n", true},
		{"      filters: ['data.flags=MSG_PEEK']\n", false},
		{"      filters: ['data.flags=*MSG_PEEK*']\n", true},
		{"      filters: ['data.flags=66']\n", true},
		{"      filters: ['data.flags!=66']\n", false},
		{"      filters: ['processName=*c']\n", true},
		{"      filters: ['hostPid=510', 'uid!=0']\n", true},
		{"      filters: ['data.sock.path=/run/*']\n", true},
	};

	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		char doc[1024];
		struct rg_policy *p;
		struct rg_decision d;

		snprintf(doc, sizeof(doc), "%s%s", head, t[i].filters);
		p = load(doc);
		rg_policy_decide(p, ev, &d);
		if (!!d.log_rule != t[i].match)
			fail_msg("%s: expected %d", t[i].filters, t[i].match);
		assert_int_equal(d.action, RG_ACT_ALLOW);
		assert_int_equal(d.matched, t[i].match);
		rg_policy_free(p);
	}
}

static void verdict_fields(void **state)
{
	struct rg_decision d = {.action = RG_ACT_DENY, .err_no = EACCES, .policy = "p", .rule = "r"};

	rg_event_set_verdict(ev, &d, "broker");
	assert_int_equal(ev->v[RG_F_VERDICT_ACTION].i, RG_ACT_DENY);
	assert_int_equal(ev->v[RG_F_VERDICT_ERRNO].i, EACCES);
	assert_memory_equal(ev->v[RG_F_VERDICT_RULE].p, "r", 1);
	assert_true(rg_has(ev, RG_F_VERDICT_REASON));
}

/* A thousand rules: the same decisions as one by one, found by look-up. */
static void many_rules(void **state)
{
	char *doc = malloc(200000);
	size_t n = (size_t)sprintf(doc, HEAD("a") "  rules:\n");
	struct rg_decision d;

	for (int i = 0; i < 1000; i++)
		n += (size_t)sprintf(
			doc + n, "    - {name: r%d, when: proc.pid == %d and ret > 0, then: deny}\n", i, i);
	n += (size_t)sprintf(doc + n, "    - {name: comm, when: proc.comm == \"nc\", then: drop}\n");
	d = decide(doc, "a", "r510");
	assert_int_equal(d.action, RG_ACT_DENY);
	rg_set_i(ev, RG_F_RET, 0, RG_TAG_K);
	decide(doc, "a", "comm");
	text(RG_F_PROC_COMM, "cat");
	decide(doc, "a", "(default)");
	free(doc);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
int main(void)
{
	const struct CMUnitTest tests[] = {T(first_match_wins),
					   T(default_and_scope),
					   T(strip_marks_what_the_rule_names),
					   T(logs_are_noted_and_go_on),
					   T(the_strictest_policy_holds),
					   T(unknown_values),
					   T(macros_and_lists),
					   T(tracee_policies),
					   T(verdict_fields),
					   T(many_rules)};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
