/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/lib/unit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <recvguard/redact.h>

static struct rg_event *ev;

static struct rg_redact *redact_of(const char *pattern)
{
	struct rg_redact *r = NULL;
	struct rg_err err = {0};

	if (rg_redact_new(&pattern, 1, &r, &err))
		fail_msg("%s", err.msg);
	return r;
}

static void payload(const char *p, size_t len)
{
	rg_event_reset(ev);
	rg_set_i(ev, RG_F_EVENT, RG_EV_RECVMSG, RG_TAG_K);
	rg_set_bytes(ev, RG_F_MSG_DATA, p, (uint32_t)len, (uint32_t)len, RG_TAG_K);
}

/* What pattern makes of text. */
static void becomes(const char *pattern, const char *text, const char *want)
{
	struct rg_redact *r = redact_of(pattern);
	size_t len = strlen(text), hidden = 0;

	payload(text, len);
	rg_redact_event(r, ev);
	for (size_t i = 0; i < len; i++)
		hidden += want[i] != text[i];
	if (ev->v[RG_F_MSG_DATA].len != len || memcmp(ev->v[RG_F_MSG_DATA].p, want, len) != 0)
		fail_msg("%s: %.*s, not %s", pattern, (int)len, ev->v[RG_F_MSG_DATA].p, want);
	assert_int_equal(rg_has(ev, RG_F_MSG_REDACTED) ? ev->v[RG_F_MSG_REDACTED].u : 0, hidden);
	rg_redact_free(r);
}

static void what_a_pattern_matches_is_hidden(void **state)
{
	becomes("secret", "a secret, and secrets", "a ******, and ******s");
	becomes("x+", "no such letter", "no such letter");
	becomes("id=(\\d+)", "id=1234 name=7", "id=**** name=7"); /* the group, not what finds it */
	becomes("(a)|(b)|c", "abc", "**c");
	becomes("(?<=pin )\\d{4}", "pin 1234", "pin ****");
	becomes("\\xff\\x00", "no", "no");
	becomes("", "empty matches hide nothing", "empty matches hide nothing");
}

static void sets_hide_what_they_say(void **state)
{
	becomes("@http", "GET / HTTP/1.1\r\nHost: a\r\nAuthorization: Basic eHg=\r\ncookie:a=b; c=d\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: a\r\nAuthorization: **********\r\ncookie:********\r\n\r\n");
	becomes("@password", "user=me&password=hunter2&x=1", "user=me&password=*******&x=1");
	becomes("@password", "{\"api_key\": \"a b'c\", \"n\": 1}", "{\"api_key\": \"*****\", \"n\": 1}");
	becomes("@token", "key AKIAIOSFODNN7EXAMPLE.", "key ********************.");
	becomes("@token", "t eyJhbGciOiJIUzI1NiJ9.e30.abc_-", "t ******************************");
	becomes("@key", "-----BEGIN RSA PRIVATE KEY-----\nMII-x\n-----END RSA PRIVATE KEY-----",
		"-----BEGIN RSA PRIVATE KEY-----*******-----END RSA PRIVATE KEY-----");
	becomes("@key", "-----BEGIN PRIVATE KEY-----\nMIIcut", "-----BEGIN PRIVATE KEY-----*******");
	becomes("@card", "card 4111 1111 1111 1111, order 12345678",
		"card *******************, order 12345678");
	becomes("@email", "to a.b@example.org!", "to ***************!");
}

/* One field of the others, by name of what is set. */
static void everything_a_sender_chose_is_looked_at(void **state)
{
	struct rg_redact *r = redact_of("hush");
	struct rg_addr local = {.family = AF_UNIX, .text = "/run/hush", .text_len = 9};
	struct rg_builder b, sub;
	const struct rg_node *n;

	payload("nothing", 7);
	rg_set_str(ev, RG_F_SOCK_PATH, "/run/hush", 9, RG_TAG_K);
	ev->v[RG_F_SOCK_LOCAL_ADDR].addr = &local;
	ev->tag[RG_F_SOCK_LOCAL_ADDR] = RG_TAG_K;
	rg_set_str(ev, RG_F_PROC_COMM, "hush", 4, RG_TAG_K);
	rg_build_field(&b, ev, RG_F_CMSG, RG_TAG_K);
	rg_add_object(&b, NULL, &sub);
	rg_add_bytes(&sub, "data", "a\0hush", 6, 6);
	rg_build_field(&b, ev, RG_F_FD, RG_TAG_K);
	rg_add_object(&b, NULL, &sub);
	rg_add_str(&sub, "path", "/tmp/hush.txt", 13);
	rg_redact_event(r, ev);
	assert_memory_equal(ev->v[RG_F_SOCK_PATH].p, "/run/****", 9);
	assert_memory_equal(ev->v[RG_F_SOCK_LOCAL_ADDR].addr->text, "/run/****", 9);
	assert_memory_equal(local.text, "/run/hush", 9); /* somebody else's memory is left alone */
	n = rg_node_find(ev->v[RG_F_CMSG].node->v.node, "data");
	assert_memory_equal(n->v.p, "a\0****", 6);
	n = rg_node_find(ev->v[RG_F_FD].node->v.node, "path");
	assert_memory_equal(n->v.p, "/tmp/****.txt", 13);
	assert_memory_equal(ev->v[RG_F_PROC_COMM].p, "hush", 4); /* no message brought this */
	assert_int_equal(ev->v[RG_F_MSG_REDACTED].u, 16);
	rg_redact_free(r);
}

/* The summary says what stood in the payload, in words of its own: it is made from what is left. */
static void the_summary_is_made_anew(void **state)
{
	static const char request[] = "GET /login?token=abcdef HTTP/1.1\r\nHost: example.org\r\n\r\n";
	struct rg_redact *r = redact_of("@password");

	payload(request, sizeof(request) - 1);
	rg_set_i(ev, RG_F_SOCK_FAMILY, AF_UNIX, RG_TAG_K);
	rg_set_i(ev, RG_F_SOCK_TYPE, SOCK_STREAM, RG_TAG_K);
	rg_set_str(ev, RG_F_MSG_SUMMARY, "GET /login?token=abc...", 23, RG_TAG_K);
	rg_redact_event(r, ev);
	assert_true(rg_has(ev, RG_F_MSG_SUMMARY));
	assert_null(memmem(ev->v[RG_F_MSG_SUMMARY].p, ev->v[RG_F_MSG_SUMMARY].len, "abc", 3));
	assert_non_null(memmem(ev->v[RG_F_MSG_SUMMARY].p, ev->v[RG_F_MSG_SUMMARY].len, "GET /login", 10));
	rg_redact_free(r);
}

/* What cannot be decided in bounded work is hidden. */
static void hostile_payloads_end_hidden(void **state)
{
	struct rg_redact *r = redact_of("(a+)+\\d$"); /* exponential */
	char text[4000];

	memset(text, 'a', sizeof(text));
	payload(text, sizeof(text));
	rg_redact_event(r, ev);
	assert_int_equal(ev->v[RG_F_MSG_REDACTED].u, sizeof(text));
	for (size_t i = 0; i < sizeof(text); i++)
		assert_int_equal(ev->v[RG_F_MSG_DATA].p[i], '*');
	rg_redact_free(r);
}

/* No set is slow on what might be meant to make it slow. */
static void sets_decide_on_anything(void **state)
{
	static const char *const lines[] = {"a",	 "\n",	    "-",  "eyJ", "1 ",
					    "password=", "cookie:", "a@", "a.",	 "\""};
	char *text = malloc(65536);

	for (const struct rg_redact_set *s = rg_redact_sets; s->name; s++) {
		char name[32];
		struct rg_redact *r;

		snprintf(name, sizeof(name), "@%s", s->name);
		r = redact_of(name);
		for (size_t l = 0; l < sizeof(lines) / sizeof(*lines); l++) {
			size_t n = strlen(lines[l]);

			for (size_t i = 0; i < 65536; i++)
				text[i] = lines[l][i % n];
			payload(text, 65536);
			rg_redact_event(r, ev);
			/* none of these is a whole secret from end to end: a limit would have hidden all */
			if (rg_has(ev, RG_F_MSG_REDACTED) && ev->v[RG_F_MSG_REDACTED].u == 65536)
				fail_msg("%s gave up on a payload of '%s'", name, lines[l]);
		}
		rg_redact_free(r);
	}
	free(text);
}

static void mistakes_are_named(void **state)
{
	static const char *const bad[] = {"a(b", "@nosuch", "\\C", "(*UTF)a"};
	struct rg_redact *r;
	struct rg_err err;

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		err = (struct rg_err){0};
		assert_int_equal(rg_redact_new(&bad[i], 1, &r, &err), -EINVAL);
		assert_non_null(strstr(err.msg, bad[i]));
		assert_null(r);
	}
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(what_a_pattern_matches_is_hidden),
	cmocka_unit_test(sets_hide_what_they_say),
	cmocka_unit_test(everything_a_sender_chose_is_looked_at),
	cmocka_unit_test(the_summary_is_made_anew),
	cmocka_unit_test(hostile_payloads_end_hidden),
	cmocka_unit_test(sets_decide_on_anything),
	cmocka_unit_test(mistakes_are_named),
};

int main(void)
{
	int r;

	ev = rg_event_new();
	cmocka_set_message_output(CM_OUTPUT_TAP);
	r = cmocka_run_group_tests(tests, NULL, NULL);
	rg_event_free(ev);
	return r;
}
