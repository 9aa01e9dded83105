/* SPDX-License-Identifier: BSD-2-Clause */
/* What is in a recording: written, read back, asked. */
#include "tests/unit/recording.h"

/* What was written, whatever it was, reads back to the same JSON, byte for byte. */
static void recordings_give_back_the_very_events(void **state)
{
	rg_auto_buf want = {0}, got = {0};
	struct rg_recording *rec;
	struct rg_err err = {0};
	struct rg_sink *s;
	int r;

	ok(rg_sink_open(spec, NULL, &s, &err), &err);
	for (unsigned round = 0; round < 3; round++)
		for (unsigned i = 0; i < fab_count(); i++) {
			fab_event(i, ev);
			if (round)
				big_payload(ev, i * 9000, round == 2);
			json_of(&want, ev);
			ok(rg_sink_write(s, ev, &err), &err);
		}
	ok(rg_sink_close(s, &err), &err);
	ok(rg_recording_open(path, &rec, &err), &err);
	assert_int_equal(rg_recording_count(rec, &err), 3 * fab_count());
	while ((r = rg_recording_next(rec, back, &err)) == 1)
		json_of(&got, back);
	ok(r, &err);
	rg_recording_close(rec);
	assert_int_equal(got.len, want.len);
	assert_memory_equal(got.data, want.data, want.len);
}

/* Addresses, sizes and names inside lists serve expressions too, not only JSON. */
static void values_come_back_typed(void **state)
{
	struct rg_recording *rec;
	struct rg_err err = {0};
	struct rg_sink *s;
	const struct rg_node *n;

	ok(rg_sink_open(spec, NULL, &s, &err), &err);
	for (unsigned i = 0; i < fab_plain_count(); i++) {
		fab_event(i, ev);
		ok(rg_sink_write(s, ev, &err), &err);
	}
	ok(rg_sink_close(s, &err), &err);
	ok(rg_recording_open(path, &rec, &err), &err);
	for (unsigned i = 0; i < fab_plain_count(); i++) {
		fab_event(i, ev);
		assert_int_equal(rg_recording_next(rec, back, &err), 1);
		assert_memory_equal(back->tag, ev->tag, sizeof(ev->tag));
		if (rg_has(ev, RG_F_MSG_DATA))
			assert_int_equal(back->v[RG_F_MSG_DATA].full, ev->v[RG_F_MSG_DATA].full);
		if (!rg_has(ev, RG_F_SOCK_LOCAL_ADDR))
			continue;
		assert_int_equal(back->v[RG_F_SOCK_LOCAL_ADDR].addr->ip_len,
				 ev->v[RG_F_SOCK_LOCAL_ADDR].addr->ip_len);
		assert_memory_equal(back->v[RG_F_SOCK_LOCAL_ADDR].addr->ip,
				    ev->v[RG_F_SOCK_LOCAL_ADDR].addr->ip, 16);
		assert_int_equal(back->v[RG_F_SOCK_LOCAL_ADDR].addr->family,
				 ev->v[RG_F_SOCK_LOCAL_ADDR].addr->family);
		if (!rg_has(ev, RG_F_MSG_NAME))
			continue;
		n = rg_node_find(back->v[RG_F_MSG_NAME].node, "addr");
		assert_int_equal(n->v.addr->ip_len, 16);
		assert_int_equal(n->v.addr->ip[15], 1);
		n = rg_node_find(back->v[RG_F_MSG_NAME].node, "family");
		assert_string_equal(rg_name_of(n->names, n->v.u), "inet6");
	}
	assert_int_equal(rg_recording_next(rec, back, &err), 0);
	rg_recording_close(rec);
}

static int count_rows(void *arg, uint64_t row, int n, const char *const *names, const struct rg_cell *cells)
{
	*(uint64_t *)arg = row + 1;
	return 0;
}

static void sql_answers_common_questions(void **state)
{
	static const char *const views[] = {"event", "conversation", "finding", "descriptor",
					    "loss",  "denial",	     "field"};
	struct rg_recording *rec;
	struct rg_err err = {0};
	uint64_t rows;
	struct rg_sink *s;
	char sql[128];

	ok(rg_sink_open(spec, NULL, &s, &err), &err);
	for (unsigned i = 0; i < fab_plain_count(); i++) {
		fab_event(i, ev);
		ok(rg_sink_write(s, ev, &err), &err);
	}
	fab_event(FAB_TYPICAL, ev);
	big_payload(ev, 65535, false);
	ok(rg_sink_write(s, ev, &err), &err);
	ok(rg_sink_close(s, &err), &err);
	ok(rg_recording_open(path, &rec, &err), &err);
	for (size_t i = 0; i < RG_ARRAY_LEN(views); i++) {
		rows = 0;
		snprintf(sql, sizeof(sql), "SELECT * FROM %s", views[i]);
		ok(rg_recording_sql(rec, sql, count_rows, &rows, &err), &err);
		assert_true(rows > 0);
	}
	assert_int_equal(
		ask(rec, "SELECT count(*) FROM event WHERE \"sock.family\" = 'unix' AND \"fd.count\" > 0"),
		1);
	assert_int_equal(ask(rec, "SELECT count(*) FROM fd WHERE kind = 'memfd'"), 1);
	assert_int_equal(ask(rec, "SELECT count(*) FROM cmsg WHERE type = 'SCM_RIGHTS'"), 1);
	assert_int_equal(ask(rec, "SELECT \"lost.count\" FROM loss"), 1234);
	assert_int_equal(ask(rec, "SELECT count(*) FROM event WHERE \"error\" = 'EAGAIN'"), 1);
	assert_int_equal(
		ask(rec, "SELECT length(payload(\"msg.data\", data_zstd)) FROM event WHERE data_zstd"),
		65535);
	assert_true(ask(rec, "SELECT length(\"msg.data\") FROM event WHERE data_zstd") < 2000);
	/* one process, one row, however many messages */
	assert_int_equal(
		ask(rec, "SELECT count(*) FROM proc WHERE \"proc.pid\" = 4242 AND \"proc.tid\" = 4242"), 1);
	assert_int_equal(rg_recording_sql(rec, "DELETE FROM message", count_rows, &rows, &err), -EROFS);
	assert_int_equal(rg_recording_sql(rec, "SELEC 1", count_rows, &rows, &err), -EINVAL);
	assert_int_equal(rg_recording_sql(rec, "SELECT 1; SELECT 2", count_rows, &rows, &err), -EINVAL);
	assert_int_equal(rg_recording_sql(rec, "", count_rows, &rows, &err), -EINVAL);
	rg_recording_close(rec);
}

static void what_is_no_recording_is_refused(void **state)
{
	struct rg_recording *rec;
	struct rg_err err = {0};
	char other[64];
	int fd;

	assert_int_equal(rg_recording_open("/nonexistent/r.db", &rec, &err), -ENOENT);
	assert_null(rec);
	assert_int_equal(rg_recording_open("/proc/self/exe", &rec, &err), -EBADMSG);
	assert_non_null(strstr(err.msg, "not a recording"));
	snprintf(other, sizeof(other), "%s/other", dir);
	fd = open(other, O_CREAT | O_WRONLY, 0600);
	assert_int_equal(write(fd, "SQLite format 3\0 and nothing more", 33), 33);
	close(fd);
	assert_int_equal(rg_recording_open(other, &rec, &err), -EBADMSG);
	unlink(other);
	assert_int_equal(rg_sink_open("sqlite", NULL, &(struct rg_sink *){NULL}, &err), -EINVAL);
	assert_non_null(strstr(err.msg, "needs a file"));
}

/* Bytes changed anywhere in the file: an error or other values, never a crash (run under the sanitizers too).
 */
static void damage_is_an_error_not_a_crash(void **state)
{
	struct rg_recording *rec;
	struct rg_err err = {0};
	struct rg_sink *s;
	struct rg_json j = {0};
	rg_auto_buf b = {0};
	unsigned seed = 7, refused = 0;
	struct stat st;
	int fd;

	ok(rg_sink_open(spec, NULL, &s, &err), &err);
	for (unsigned i = 0; i < fab_count(); i++) {
		fab_event(i, ev);
		ok(rg_sink_write(s, ev, &err), &err);
	}
	ok(rg_sink_close(s, &err), &err);
	assert_int_equal(stat(path, &st), 0);
	for (int round = 0; round < 300; round++) {
		off_t at = (seed = seed * 1103515245 + 12345) % st.st_size;
		char old, new = (char)(seed >> 11);
		int r = 1;

		fd = open(path, O_RDWR);
		assert_int_equal(pread(fd, &old, 1, at), 1);
		assert_int_equal(pwrite(fd, &new, 1, at), 1);
		if (rg_recording_open(path, &rec, &err) == 0) {
			for (int n = 0; n < 100 && (r = rg_recording_next(rec, back, &err)) == 1; n++) {
				rg_buf_reset(&b);
				rg_json_event(&j, &b, back);
			}
			rg_recording_close(rec);
		} else {
			r = -1;
		}
		refused += r < 0;
		assert_int_equal(pwrite(fd, &old, 1, at), 1);
		close(fd);
	}
	assert_true(refused > 0);
}

/* The packed lists with every byte changed to every of some values, and cut at every length. */
static void damaged_lists_are_refused_or_harmless(void **state)
{
	static const unsigned char tries[] = {0, 1, 2, 5, 11, 12, 13, 14, 0x7f, 0x80, 0xfe, 0xff};
	rg_auto_buf b = {0}, out = {0};
	int map[RG_F__COUNT];
	struct rg_json j = {0};

	for (int f = 0; f < RG_F__COUNT; f++)
		map[f] = f;
	fab_event(1, ev);
	rg_pack_lists(&b, ev);
	assert_true(b.len > 200);
	for (size_t i = 0; i <= b.len; i++)
		for (size_t k = 0; k < sizeof(tries); k++) {
			size_t len = k ? b.len : i;
			rg_auto_free char *copy = malloc(len + 1);

			memcpy(copy, b.data, len);
			if (k && i < len)
				copy[i] = (char)tries[k];
			rg_event_reset(back);
			memset(back->v, 0, sizeof(back->v));
			if (rg_unpack_lists(back, copy, len, map, RG_F__COUNT) == 0) {
				memcpy(back->tag, ev->tag, sizeof(ev->tag));
				for (int f = 0; f < RG_F__COUNT; f++)
					if (rg_fields[f].type != RG_T_LIST &&
					    rg_fields[f].type != RG_T_OBJECT)
						back->tag[f] = 0;
				rg_buf_reset(&out);
				rg_json_event(&j, &out, back);
			}
		}
	rg_event_reset(back);
	memset(back->v, 0, sizeof(back->v));
}

/* Lists that were made up: an element that is no object, a member of another type than its name has. */
static void lists_of_another_type_are_refused(void **state)
{
	int map[RG_F__COUNT];

	for (int f = 0; f < RG_F__COUNT; f++)
		map[f] = f;
	for (int i = 0; i < 4; i++) {
		rg_auto_buf b = {0};
		struct rg_builder list, o;

		rg_event_reset(ev);
		rg_build_field(&list, ev, i == 3 ? RG_F_MSG_NAME : RG_F_FD, RG_TAG_K);
		if (i == 1)
			rg_add_u(&list, NULL, RG_T_UINT, 0x4141414141414141u);
		else if (i == 3)
			rg_add_u(&list, "text", RG_T_UINT, 0x4141414141414141u);
		else
			rg_add_object(&list, NULL, &o);
		if (i == 0)
			rg_add_str(&o, "path", "/x", 2);
		else if (i == 2)
			rg_add_u(&o, "path", RG_T_UINT, 0x4141414141414141u);
		rg_pack_lists(&b, ev);
		rg_event_reset(back);
		assert_int_equal(rg_unpack_lists(back, b.data, b.len, map, RG_F__COUNT), i ? -EBADMSG : 0);
	}
	rg_event_reset(ev);
	rg_event_reset(back);
	memset(back->v, 0, sizeof(back->v));
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(recordings_give_back_the_very_events),
	cmocka_unit_test(values_come_back_typed),
	cmocka_unit_test(sql_answers_common_questions),
	cmocka_unit_test(what_is_no_recording_is_refused),
	cmocka_unit_test(damage_is_an_error_not_a_crash),
	cmocka_unit_test(damaged_lists_are_refused_or_harmless),
	cmocka_unit_test(lists_of_another_type_are_refused),
};

int main(void)
{
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, setup, teardown);
}
