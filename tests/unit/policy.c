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

#define NARROW(p, ...)                                                          \
	do {                                                                    \
		const struct rg_scope_demand d_[] = {__VA_ARGS__};              \
		struct rg_err err_ = {0};                                       \
                                                                                \
		if (rg_policy_narrow(p, d_, sizeof(d_) / sizeof(d_[0]), &err_)) \
			fail_msg("%s", err_.msg);                               \
	} while (0)

static bool applies(struct rg_policy *p)
{
	struct rg_decision d;

	rg_policy_decide(p, ev, &d);
	rg_policy_free(p);
	return d.action == RG_ACT_DENY;
}

/* Demands of the caller's beside the policy's own scope: of one name any, of several all. */
static void narrowed(void **state)
{
	const char *const wide = HEAD("a") "  default: deny\n",
			  *const own = HEAD("a") "  scope: [comm=nc]\n  default: deny\n";
	struct rg_policy *p;

	text(RG_F_PROC_CGROUP, "/a/b");
	text(RG_F_PROC_EXE, "/bin/n*,c");
	text(RG_F_CONTAINER_ID, "123456789abc");
#define YES(t, ...)                     \
	p = load(t), assert_true(({     \
		NARROW(p, __VA_ARGS__); \
		applies(p);             \
	}))
#define NO(t, ...)                      \
	p = load(t), assert_false(({    \
		NARROW(p, __VA_ARGS__); \
		applies(p);             \
	}))
	YES(wide, {"uid", NULL, 1000});
	NO(wide, {"uid", NULL, 1001});
	YES(wide, {"uid", NULL, 1001}, {"comm", "nc", 0}, {"uid", NULL, 1000});
	NO(wide, {"uid", NULL, 1000}, {"comm", "cat", 0}, {"uid", NULL, 1001});
	YES(own, {"pid", NULL, 510});
	NO(own, {"pid", NULL, 511});
	NO(HEAD("a") "  scope: [comm=cat]\n  default: deny\n", {"pid", NULL, 510});
	/* "or" of the own scope stays within it */
	NO(HEAD("a") "  scope: ['comm=nc,cat']\n  default: deny\n", {"uid", NULL, 7});
	YES(wide, {"cgroup", "/a", 0});
	YES(wide, {"cgroup", "/a/b/", 0});
	YES(wide, {"cgroup", "/", 0});
	NO(wide, {"cgroup", "/a/bc", 0});
	NO(wide, {"cgroup", "/b", 0});
	YES(wide, {"container", "123456", 0});
	NO(wide, {"container", "23456", 0});
	/* as they stand: no stars, no commas */
	YES(wide, {"exe", "/bin/n*,c", 0});
	NO(wide, {"exe", "/bin/n*", 0});
	NO(wide, {"comm", "n*", 0});
	NO(wide, {"comm", "cat,nc", 0});
	NO(wide, {"comm", "\" or proc.pid != \"", 0});
#undef YES
#undef NO
}

static void narrowed_by_what_is_none(void **state)
{
	const struct rg_scope_demand bad[] = {{"com", "nc", 0},	   {"uid", "root", 0},
					      {"comm", NULL, 5},   {"cgroup", "a", 0},
					      {"cgroup", NULL, 5}, {"container", NULL, 7}};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct rg_policy *p = load(HEAD("a") "  default: deny\n");
		struct rg_err err = {0};

		assert_int_equal(rg_policy_narrow(p, &bad[i], 1, &err), -EINVAL);
		assert_non_null(strstr(err.msg, "no scope can be made of"));
		rg_policy_free(p);
	}
}

static void narrowed_in_words(void **state)
{
	const char *const t = HEAD("a") "  scope: [comm=nc]\n  default: deny\n  rules: [{name: r, when: "
					"sock.family == unix, then: deny}]\n";
	struct rg_policy *p = load(t),
			 *q = load(HEAD("a") "  scope: [comm=nc, 'uid=0,7', cgroup=/a]\n  default: deny\n  "
					     "rules: [{name: r, when: sock.family == unix, then: deny}]\n");
	struct rg_err err = {0};
	char *said, *meant;

	NARROW(p, {"uid", NULL, 0}, {"cgroup", "/a", 0}, {"uid", NULL, 7});
	assert_int_equal(rg_policy_explain(p, &said, &err), 0);
	assert_int_equal(rg_policy_explain(q, &meant, &err), 0);
	assert_string_equal(said, meant);
	free(said);
	free(meant);
	assert_int_equal(rg_policy_check(p, RG_BACKEND_LSM, &err), 0);
	rg_policy_free(p);
	rg_policy_free(q);
}

/* A back-end that can do the policy for all need not be able to do it for some. */
static void narrowed_beyond_a_backend(void **state)
{
	const char *const t = HEAD(
		"a") "  rules: [{name: r, when: sock.family == inet and sock.type == dgram, then: drop}]\n";
	struct rg_policy *p = load(t);
	struct rg_err err = {0};

	assert_int_equal(rg_policy_check(p, RG_BACKEND_CGROUP, &err), 0);
	NARROW(p, {"uid", NULL, 0});
	assert_int_equal(rg_policy_check(p, RG_BACKEND_CGROUP, &err), -EOPNOTSUPP);
	assert_non_null(strstr(err.msg, "who will receive it is not known"));
	rg_policy_free(p);
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
					   T(narrowed),
					   T(narrowed_by_what_is_none),
					   T(narrowed_in_words),
					   T(narrowed_beyond_a_backend),
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
