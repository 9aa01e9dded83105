/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/lib/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <recvguard/recording.h>
#include <recvguard/sink.h>

#include "base/cleanup.h"
#include "sink/json.h"
#include "sink/pack.h"
#include "tests/lib/fabricate.h"

static char dir[32], path[64], spec[80];
static struct rg_event *ev, *back;

static int setup(void **state)
{
	strcpy(dir, "/tmp/rg-rec-XXXXXX");
	if (!mkdtemp(dir))
		return -1;
	snprintf(path, sizeof(path), "%s/r.db", dir);
	snprintf(spec, sizeof(spec), "sqlite=%s", path);
	ev = rg_event_new();
	back = rg_event_new();
	return !ev || !back;
}

static int teardown(void **state)
{
	static const char *const suffixes[] = {"", "-wal", "-shm", "-journal"};
	char name[96];

	for (size_t i = 0; i < RG_ARRAY_LEN(suffixes); i++) {
		snprintf(name, sizeof(name), "%s%s", path, suffixes[i]);
		unlink(name);
	}
	rmdir(dir);
	rg_event_free(ev);
	rg_event_free(back);
	return 0;
}

static void ok(int r, const struct rg_err *err)
{
	if (r < 0)
		fail_msg("%d: %s", r, err->msg);
}

static void json_of(struct rg_buf *b, const struct rg_event *e)
{
	struct rg_json j = {0};

	assert_int_equal(rg_json_event(&j, b, e), 0);
}

static void big_payload(struct rg_event *e, size_t n, bool random)
{
	static char data[1 << 20];

	for (size_t i = 0; i < n; i++)
		data[i] = random ? (char)(rand() >> 7) : "HTTP/1.1 200 OK\r\n"[i % 17];
	rg_set_bytes(e, RG_F_MSG_DATA, data, (uint32_t)n, (uint32_t)n * 2, RG_TAG_U);
}

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

static int first_int(void *arg, uint64_t row, int n, const char *const *names, const struct rg_cell *cells)
{
	*(int64_t *)arg = cells[0].i;
	return 0;
}

static int64_t ask(struct rg_recording *rec, const char *sql)
{
	struct rg_err err = {0};
	int64_t answer = -1;
	int r = rg_recording_sql(rec, sql, first_int, &answer, &err);

	if (r)
		fail_msg("%s: %s", sql, err.msg);
	return answer;
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

/* The writer is killed without warning: all that was flushed is there, and it is whole. */
static void a_killed_writer_loses_nothing_flushed(void **state)
{
	struct rg_recording *rec;
	struct rg_err err = {0};
	struct rg_sink *s;
	int p[2], status, r, n = 0;
	char c;
	pid_t pid;

	assert_int_equal(pipe(p), 0);
	pid = fork();
	if (pid == 0) {
		if (rg_sink_open(spec, NULL, &s, &err))
			_exit(3);
		for (int i = 0; i < 20000; i++) {
			fab_event((unsigned)i % fab_plain_count(), ev);
			rg_sink_write(s, ev, &err);
		}
		rg_sink_flush(s, &err);
		fab_event(FAB_TYPICAL, ev);
		rg_sink_write(s, ev, &err); /* in an open transaction */
		r = (int)write(p[1], "x", 1);
		for (;;)
			pause();
	}
	close(p[1]);
	assert_int_equal(read(p[0], &c, 1), 1);
	close(p[0]);
	/* readable while it is written */
	ok(rg_recording_open(path, &rec, &err), &err);
	assert_int_equal(rg_recording_count(rec, &err), 20000);
	rg_recording_close(rec);
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	assert_true(WIFSIGNALED(status));
	ok(rg_recording_open(path, &rec, &err), &err);
	while ((r = rg_recording_next(rec, back, &err)) == 1)
		n++;
	ok(r, &err);
	assert_int_equal(n, 20000);
	rg_recording_close(rec);
}

static void a_full_disk_keeps_what_was_written(void **state)
{
	struct rg_recording *rec;
	struct rg_err err = {0};
	struct rg_sink *s;
	int r = 0, n = 0, sent = 0;

	if (mount("tmpfs", dir, "tmpfs", 0, "size=4m"))
		fail_msg("cannot mount a tmpfs: run as root");
	ok(rg_sink_open(spec, NULL, &s, &err), &err);
	for (; r == 0 && sent < 200000; sent++) {
		fab_event(FAB_TYPICAL, ev);
		big_payload(ev, 300, true);
		r = rg_sink_write(s, ev, &err);
		if (sent % 100 == 0 && !r)
			r = rg_sink_flush(s, &err);
	}
	assert_int_equal(r, -ENOSPC);
	assert_non_null(strstr(err.msg, path));
	assert_non_null(strstr(err.msg, "No space left"));
	assert_non_null(strstr(err.msg, "messages are in it"));
	assert_int_equal(rg_sink_write(s, ev, &err), -ENOSPC);
	assert_int_equal(rg_sink_close(s, &err), -ENOSPC);
	ok(rg_recording_open(path, &rec, &err), &err);
	while ((r = rg_recording_next(rec, back, &err)) == 1)
		n++;
	ok(r, &err);
	assert_in_range(n, 1000, sent);
	rg_recording_close(rec);
	umount(dir);
}

/* Count the events of one file; their ids must go on from *last. */
static uint64_t count_file(const char *file, uint64_t *last)
{
	struct rg_recording *rec;
	struct rg_err err = {0};
	uint64_t n = 0;
	int r;

	if (rg_recording_open(file, &rec, &err) < 0)
		return 0;
	while ((r = rg_recording_next(rec, back, &err)) == 1) {
		if (*last)
			assert_int_equal(back->v[RG_F_ID].u, *last + 1);
		*last = back->v[RG_F_ID].u;
		n++;
	}
	ok(r, &err);
	rg_recording_close(rec);
	return n;
}

static void write_rotated(const struct rg_sink_opts *opts, unsigned n, int want)
{
	struct rg_err err = {0};
	struct rg_sink *s;
	int r;

	ok(rg_sink_open(spec, opts, &s, &err), &err);
	r = 0;
	for (unsigned i = 0; r == 0 && i < n; i++) {
		fab_event(i % 2, ev);
		big_payload(ev, 400, true);
		rg_set_u(ev, RG_F_ID, i + 1, RG_TAG_K);
		r = rg_sink_write(s, ev, &err);
		if (r == 0 && i % 50 == 49)
			r = rg_sink_flush(s, &err);
	}
	assert_int_equal(r, want);
	assert_int_equal(rg_sink_close(s, &err), want);
}

static void files_rotate_and_the_oldest_go(void **state)
{
	struct rg_sink_opts opts = {.rotate_bytes = 1 << 20};
	uint64_t last = 0, n = 0, kept = 0;
	unsigned files = 0;
	char name[96];

	write_rotated(&opts, 10000, 0);
	for (unsigned i = 1; i < 100; i++) {
		snprintf(name, sizeof(name), "%s.%u", path, i);
		if (access(name, F_OK))
			break;
		n += count_file(name, &last);
		files++;
		unlink(name);
	}
	n += count_file(path, &last);
	assert_int_equal(n, 10000); /* none is missing, none twice */
	assert_int_equal(last, 10000);
	assert_in_range(files, 4, 20);

	opts.max_bytes = 4 << 20;
	write_rotated(&opts, 10000, 0);
	last = 0;
	for (unsigned i = 1; i < 100; i++) {
		snprintf(name, sizeof(name), "%s.%u", path, i);
		if (access(name, F_OK))
			continue;
		kept++;
		count_file(name, &last);
		unlink(name);
	}
	count_file(path, &last);
	assert_int_equal(last, 10000);
	assert_in_range(kept, 2, 3);

	/* without rotation the bound ends the recording, which is whole */
	opts.rotate_bytes = 0;
	write_rotated(&opts, 10000, -EFBIG);
	last = 0;
	assert_in_range(count_file(path, &last), 1000, 9999);
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

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(recordings_give_back_the_very_events),
	cmocka_unit_test(values_come_back_typed),
	cmocka_unit_test(sql_answers_common_questions),
	cmocka_unit_test(a_killed_writer_loses_nothing_flushed),
	cmocka_unit_test(a_full_disk_keeps_what_was_written),
	cmocka_unit_test(files_rotate_and_the_oldest_go),
	cmocka_unit_test(what_is_no_recording_is_refused),
	cmocka_unit_test(damage_is_an_error_not_a_crash),
	cmocka_unit_test(damaged_lists_are_refused_or_harmless),
};

int main(void)
{
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, setup, teardown);
}
