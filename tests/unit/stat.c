/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/lib/unit.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include <recvguard/json.h>
#include <recvguard/stat.h>

#include "stat/histogram.h"

static struct rg_event *ev;

/* Every value of a range, of several magnitudes: the percentiles are known exactly. */
static void percentiles_are_within_a_sixteenth(void **state)
{
	static const unsigned per_mille[] = {1, 100, 500, 900, 990, 1000};

	for (uint64_t scale = 1; scale < 1000000000000u; scale *= 1000) {
		struct histogram h = {0};

		for (uint64_t v = 1; v <= 1000; v++)
			hist_add(&h, v * scale);
		for (size_t i = 0; i < sizeof(per_mille) / sizeof(*per_mille); i++) {
			uint64_t want = per_mille[i] * scale, got = hist_at(&h, per_mille[i]);

			assert_in_range(got, want - want / 16, want + want / 16);
		}
	}
}

static void percentiles_of_little(void **state)
{
	struct histogram h = {0};

	assert_int_equal(hist_at(&h, 500), 0);
	hist_add(&h, 7);
	assert_int_equal(hist_at(&h, 1), 7);
	assert_int_equal(hist_at(&h, 1000), 7);
	hist_add(&h, UINT64_MAX); /* beyond the last bucket: counted there */
	assert_int_equal(h.count, 2);
	assert_true(hist_at(&h, 1000) > UINT64_C(1) << 43);
}

/* One message of process pid on socket cookie. */
static void event(uint64_t pid, uint64_t cookie, int64_t ret)
{
	rg_event_reset(ev);
	rg_set_i(ev, RG_F_EVENT, RG_EV_RECVMSG, RG_TAG_K);
	rg_set_u(ev, RG_F_ID, 1, RG_TAG_K);
	rg_set_u(ev, RG_F_TIME, 1700000000000000000u + pid, RG_TAG_K);
	rg_set_u(ev, RG_F_PROC_PID, pid, RG_TAG_K);
	rg_set_u(ev, RG_F_PROC_LEADER_START, 5, RG_TAG_K);
	rg_set_str(ev, RG_F_PROC_COMM, "tester", 6, RG_TAG_K);
	rg_set_u(ev, RG_F_SOCK_COOKIE, cookie, RG_TAG_K);
	rg_set_i(ev, RG_F_SOCK_FAMILY, AF_UNIX, RG_TAG_K);
	rg_set_i(ev, RG_F_RET, ret, RG_TAG_K);
}

static struct rg_stat *stat_of(unsigned rows, unsigned messages, size_t bytes)
{
	struct rg_stat_opts o = {.rows = rows, .messages = messages, .bytes = bytes};
	struct rg_err err = {0};
	struct rg_stat *s = NULL;

	assert_int_equal(rg_stat_new(&o, &s, &err), 0);
	return s;
}

static void everything_is_counted_where_it_belongs(void **state)
{
	struct rg_stat *s = stat_of(0, 0, 0);
	struct rg_stat_row rows[10], total;
	struct rg_builder b, sub;

	for (int i = 0; i < 5; i++) {
		event(10, 1, 100);
		rg_set_u(ev, RG_F_WAIT, 1000000, RG_TAG_K);
		rg_stat_add(s, ev);
	}
	event(20, 2, -EAGAIN);
	rg_stat_add(s, ev);
	event(20, 2, 4);
	rg_set_u(ev, RG_F_MSG_TRUNCATED, 1, RG_TAG_K);
	rg_set_i(ev, RG_F_VERDICT_ACTION, RG_ACT_DENY, RG_TAG_K);
	rg_build_field(&b, ev, RG_F_FD, RG_TAG_K);
	rg_add_object(&b, NULL, &sub);
	rg_add_object(&b, NULL, &sub);
	rg_stat_add(s, ev);
	event(20, 2, 4);
	rg_set_u(ev, RG_F_PEEK, 1, RG_TAG_K);
	rg_stat_add(s, ev); /* looked at: not yet a message */
	event(20, 2, 4);
	rg_set_i(ev, RG_F_VERDICT_ACTION, RG_ACT_LOG, RG_TAG_K);
	rg_stat_add(s, ev);
	rg_stat_total(s, &total);
	assert_int_equal(total.messages, 8);
	assert_int_equal(total.bytes, 508);
	assert_int_equal(total.errors, 1);
	assert_int_equal(rg_stat_rows(s, RG_BY_PROCESS, RG_KEY_BYTES, 0, false, rows, 10), 2);
	assert_string_equal(rows[0].name, "tester[10]");
	assert_int_equal(rows[0].messages, 5);
	assert_int_equal(rows[0].bytes, 500);
	assert_int_equal(rows[0].counted[RG_TIME_WAIT], 5);
	assert_in_range(rows[0].p99[RG_TIME_WAIT], 940000, 1060000);
	assert_int_equal(rows[0].counted[RG_TIME_LATENCY], 0);
	assert_int_equal(rows[1].messages, 3);
	assert_int_equal(rows[1].fds, 2);
	assert_int_equal(rows[1].truncated, 1);
	assert_int_equal(rows[1].denied, 1); /* a log rule denies nothing */
	assert_int_equal(rows[1].errors, 1);
	assert_int_equal(rg_stat_rows(s, RG_BY_PROCESS, RG_KEY_BYTES, 0, true, rows, 10), 2);
	assert_string_equal(rows[0].name, "tester[20]");
	assert_int_equal(rg_stat_rows(s, RG_BY_PROCESS, RG_KEY_DENIED, 0, false, rows, 1), 1);
	assert_string_equal(rows[0].name, "tester[20]");
	assert_int_equal(rg_stat_rows(s, RG_BY_CONTAINER, RG_KEY_NAME, 0, false, rows, 10), 1);
	assert_string_equal(rows[0].name, "host");
	rg_stat_free(s);
}

static void rates_are_those_of_the_interval(void **state)
{
	struct rg_stat *s = stat_of(0, 0, 0);
	struct rg_stat_row row;

	for (int i = 0; i < 100; i++) {
		event(10, 1, 50);
		rg_stat_add(s, ev);
	}
	rg_stat_tick(s, 2);
	rg_stat_rows(s, RG_BY_SOCKET, RG_KEY_MESSAGES, 0, false, &row, 1);
	assert_true(row.message_rate == 50 && row.byte_rate == 2500);
	event(10, 1, 50);
	rg_stat_add(s, ev);
	rg_stat_tick(s, 1);
	rg_stat_rows(s, RG_BY_SOCKET, RG_KEY_MESSAGES, 0, false, &row, 1);
	assert_true(row.message_rate == 1 && row.messages == 101);
	rg_stat_free(s);
}

/* The row idle longest makes room; its counts are not lost. */
static void tables_are_bounded_and_sums_stay_true(void **state)
{
	struct rg_stat *s = stat_of(4, 2, 0);
	struct rg_stat_row rows[8], gone;
	uint64_t sum = 0;

	for (uint64_t pid = 1; pid <= 4; pid++) {
		event(pid, pid, 10);
		rg_stat_add(s, ev);
	}
	event(1, 1, 10); /* 2 is now the oldest */
	rg_stat_add(s, ev);
	event(5, 5, 10);
	rg_stat_add(s, ev);
	assert_int_equal(rg_stat_count(s, RG_BY_PROCESS), 4);
	assert_int_equal(rg_stat_forgotten(s, RG_BY_PROCESS, &gone), 1);
	assert_int_equal(gone.messages, 1);
	assert_int_equal(rg_stat_rows(s, RG_BY_PROCESS, RG_KEY_NAME, 0, false, rows, 8), 4);
	assert_string_equal(rows[0].name, "tester[1]");
	assert_string_equal(rows[1].name, "tester[3]");
	assert_string_equal(rows[3].name, "tester[5]");
	for (uint64_t pid = 100; pid < 5000; pid++) {
		event(pid, pid, 10);
		rg_stat_add(s, ev);
	}
	assert_int_equal(rg_stat_rows(s, RG_BY_SOCKET, RG_KEY_NAME, 0, false, rows, 8), 4);
	for (int i = 0; i < 4; i++)
		sum += rows[i].messages;
	rg_stat_forgotten(s, RG_BY_SOCKET, &gone);
	assert_int_equal(sum + gone.messages, 6 + 4900);
	rg_stat_free(s);
}

static void losses_are_put_where_they_are_known(void **state)
{
	struct rg_stat *s = stat_of(0, 0, 0);
	struct rg_stat_row row;

	event(10, 77, 1);
	rg_stat_add(s, ev);
	rg_event_reset(ev);
	rg_set_i(ev, RG_F_EVENT, RG_EV_LOST, RG_TAG_K);
	rg_set_u(ev, RG_F_LOST_COUNT, 9, RG_TAG_K);
	rg_set_u(ev, RG_F_PROC_PID, 10, RG_TAG_K);
	rg_set_u(ev, RG_F_SOCK_COOKIE, 77, RG_TAG_K);
	rg_stat_add(s, ev);
	rg_set_u(ev, RG_F_PROC_PID, 11, RG_TAG_K);
	rg_set_u(ev, RG_F_SOCK_COOKIE, 78, RG_TAG_K);
	rg_stat_add(s, ev);
	rg_stat_total(s, &row);
	assert_int_equal(row.lost, 18);
	assert_int_equal(row.messages, 1);
	rg_stat_rows(s, RG_BY_PROCESS, RG_KEY_LOST, 0, false, &row, 1);
	assert_int_equal(row.lost, 9);
	rg_stat_rows(s, RG_BY_SOCKET, RG_KEY_LOST, 0, false, &row, 1);
	assert_int_equal(row.lost, 9);
	rg_stat_free(s);
}

static int64_t ret_of(const struct rg_stat_message *m)
{
	struct rg_event *back = rg_event_new();
	struct rg_err err = {0};
	int64_t ret;

	assert_int_equal(rg_event_from_json(back, m->json, m->len, &err), 0);
	ret = back->v[RG_F_RET].i;
	rg_event_free(back);
	return ret;
}

static void the_last_messages_are_kept_newest_first(void **state)
{
	struct rg_stat *s = stat_of(8, 4, 0);
	struct rg_stat_message m[8];
	struct rg_stat_row row;

	for (int i = 0; i < 10; i++) {
		event(10, 1, i);
		rg_stat_add(s, ev);
	}
	rg_stat_rows(s, RG_BY_SOCKET, RG_KEY_MESSAGES, 0, false, &row, 1);
	assert_int_equal(rg_stat_messages(s, RG_BY_SOCKET, row.id, m, 8), 4);
	for (int i = 0; i < 4; i++)
		assert_int_equal(ret_of(&m[i]), 9 - i);
	assert_int_equal(rg_stat_messages(s, RG_BY_SOCKET, row.id + 1, m, 8), 0);
	rg_stat_free(s);
	/* all of them together are bounded too: the oldest give way, wherever they are */
	s = stat_of(100, 16, 3000);
	for (int i = 0; i < 100; i++) {
		event(10 + (uint64_t)i, 1 + (uint64_t)i, i);
		rg_stat_add(s, ev);
	}
	rg_stat_rows(s, RG_BY_SOCKET, RG_KEY_NAME, 0, false, &row, 1);
	assert_int_equal(rg_stat_count(s, RG_BY_SOCKET), 100);
	assert_int_equal(rg_stat_messages(s, RG_BY_SOCKET, 1, m, 8), 0);
	assert_int_equal(rg_stat_messages(s, RG_BY_SOCKET, 100, m, 8), 1);
	rg_stat_free(s);
}

static void names_hold_nothing_that_a_terminal_obeys(void **state)
{
	struct rg_stat *s = stat_of(0, 0, 0);
	struct rg_stat_row row;

	event(10, 1, 1);
	rg_set_str(ev, RG_F_PROC_COMM, "\033[2J\n\x9b\xff", 7, RG_TAG_K);
	rg_set_str(ev, RG_F_SOCK_PATH, "@\033]0;x\a", 7, RG_TAG_K);
	rg_set_str(ev, RG_F_CONTAINER_NAME, "\r\033c", 3, RG_TAG_K);
	rg_set_str(ev, RG_F_CONTAINER_ID, "abc", 3, RG_TAG_K);
	rg_set_u(ev, RG_F_SENDER_PID, 4, RG_TAG_K);
	rg_set_str(ev, RG_F_SENDER_COMM, "\033[31m", 5, RG_TAG_K);
	rg_stat_add(s, ev);
	for (int by = 0; by < RG_BY__COUNT; by++) {
		assert_int_equal(rg_stat_rows(s, by, RG_KEY_NAME, 0, false, &row, 1), 1);
		assert_non_null(strstr(row.name, "\\x1b"));
		for (const char *c = row.name; *c; c++)
			assert_true((unsigned char)*c >= 0x20 && (unsigned char)*c < 0x7f);
	}
	rg_stat_free(s);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(percentiles_are_within_a_sixteenth),
	cmocka_unit_test(percentiles_of_little),
	cmocka_unit_test(everything_is_counted_where_it_belongs),
	cmocka_unit_test(rates_are_those_of_the_interval),
	cmocka_unit_test(tables_are_bounded_and_sums_stay_true),
	cmocka_unit_test(losses_are_put_where_they_are_known),
	cmocka_unit_test(the_last_messages_are_kept_newest_first),
	cmocka_unit_test(names_hold_nothing_that_a_terminal_obeys),
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
