/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/lib/unit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <recvguard/cmsg.h>
#include <recvguard/event.h>
#include <recvguard/events.h>

static void assert_says(const char *page, const char *what)
{
	if (!strstr(page, what))
		fail_msg("the page lacks '%s'", what);
}

static void the_list_has_every_event(void **state)
{
	char *list = rg_events_list(NULL);

	assert_non_null(list);
	for (int e = 0; e < RG_EV__COUNT; e++) {
		assert_says(list, rg_events[e].name);
		assert_says(list, rg_events[e].summary);
	}
	free(list);
}

static void every_page_has_every_field_of_its_event(void **state)
{
	for (int e = 0; e < RG_EV__COUNT; e++) {
		char *page = rg_events_page(rg_events[e].name, NULL);

		assert_non_null(page);
		assert_says(page, rg_events[e].summary);
		assert_says(page, rg_events[e].example);
		assert_says(page, "TOCTOU");
		for (int f = 0; f < RG_F__COUNT && e != RG_EV_LOST; f++)
			if (f != RG_F_BATCH && strncmp(rg_fields[f].name, "lost.", 5) != 0)
				assert_says(page, rg_fields[f].name);
		if (e == RG_EV_LOST)
			assert_says(page, "lost.reason");
		else
			assert_null(strstr(page, "lost.reason"));
		for (const char *p = page, *nl; (nl = strchr(p, '\n')); p = nl + 1)
			assert_true(nl - p < 140);
		free(page);
	}
}

/* What the project's seed page says of recvmsg must be found on ours. */
static void the_recvmsg_page_keeps_what_its_seed_says(void **state)
{
	static const char *const said[] = {"receive a message from a socket",
					   "MSG_CMSG_CLOEXEC",
					   "MSG_DONTWAIT",
					   "MSG_ERRQUEUE",
					   "MSG_OOB",
					   "error queue",
					   "out-of-band",
					   "close-on-exec",
					   "sock.fd",
					   "msg.flags",
					   "(opposite)",
					   "ordering",
					   "kernel space",
					   "user space",
					   "TOCTOU",
					   "optional",
					   "EXAMPLE",
					   "RELATED EVENTS",
					   "KNOWN LIMITS",
					   "PURPOSE"};
	char *page = rg_events_page("recvmsg", NULL);

	for (size_t i = 0; i < sizeof(said) / sizeof(said[0]); i++)
		assert_says(page, said[i]);
	free(page);
}

static void an_unknown_event_is_told_the_known_ones(void **state)
{
	struct rg_err err = {0};

	assert_null(rg_events_page("recvmsgs", &err));
	assert_int_equal(err.code, -ENOENT);
	assert_says(err.msg, "'recvmsgs'");
	assert_says(err.msg, "recvmmsg");
	assert_null(rg_events_cmsg("SCM_WRONGS", &err));
	assert_int_equal(err.code, -ENOENT);
}

static void every_control_message_has_its_page(void **state)
{
	char *list = rg_events_cmsg(NULL, NULL);

	assert_true(rg_cmsg_type_count() > 0);
	for (size_t i = 0; i < rg_cmsg_type_count(); i++) {
		const struct rg_cmsg_type *t = rg_cmsg_type_at(i);
		char *page = rg_events_cmsg(t->name, NULL);

		assert_says(list, t->name);
		assert_non_null(page);
		for (size_t f = 0; f < t->n_fields; f++)
			assert_says(page, t->fields[f].name);
		free(page);
	}
	free(list);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(the_list_has_every_event),
	cmocka_unit_test(every_page_has_every_field_of_its_event),
	cmocka_unit_test(the_recvmsg_page_keeps_what_its_seed_says),
	cmocka_unit_test(an_unknown_event_is_told_the_known_ones),
	cmocka_unit_test(every_control_message_has_its_page),
};
RG_UNIT_MAIN(tests)
