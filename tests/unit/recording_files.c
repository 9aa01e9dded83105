/* SPDX-License-Identifier: BSD-2-Clause */
/* The files of a recording: killed writers, full disks, rotation, damage. */
#include "tests/unit/recording.h"

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
	/* it says itself what is missing, to the last message that was refused */
	assert_in_range(n, 1000, sent);
	assert_int_equal(back->v[RG_F_EVENT].i, RG_EV_LOST);
	assert_int_equal(back->v[RG_F_LOST_REASON].i, RG_LOSS_SINK);
	assert_int_equal(back->v[RG_F_LOST_COUNT].u + (uint64_t)n - 1, (uint64_t)sent + 1);
	assert_int_equal(ask(rec, "SELECT \"lost.count\" FROM loss"), back->v[RG_F_LOST_COUNT].u);
	rg_recording_close(rec);
	umount(dir);
}

static int hold_row(void *arg, uint64_t row, int n, const char *const *names, const struct rg_cell *cells)
{
	const struct rg_sink_opts opts = {.rotate_bytes = 300 << 10};
	struct rg_err err = {0};
	struct rg_sink *s = *(struct rg_sink **)arg;

	for (unsigned i = 0; i < 4000 && row == 0; i++) {
		fab_event(0, ev);
		big_payload(ev, 300, true);
		rg_set_u(ev, RG_F_ID, 101 + i, RG_TAG_K);
		ok(rg_sink_write(s, ev, &err), &err);
		if (i % 50 == 49)
			ok(rg_sink_flush(s, &err), &err);
	}
	return opts.rotate_bytes == 0;
}

/* Somebody reads the file, within one statement, while it is put aside several times and ended: nobody waits,
 * nothing is lost, and the reader saw what was there when it began. */
static void readers_do_not_hinder_rotation(void **state)
{
	const struct rg_sink_opts opts = {.rotate_bytes = 300 << 10};
	struct rg_recording *rec;
	struct rg_err err = {0};
	struct rg_sink *s;
	uint64_t last = 0;

	ok(rg_sink_open(spec, &opts, &s, &err), &err);
	for (unsigned i = 0; i < 100; i++) {
		fab_event(0, ev);
		rg_set_u(ev, RG_F_ID, i + 1, RG_TAG_K);
		ok(rg_sink_write(s, ev, &err), &err);
	}
	ok(rg_sink_flush(s, &err), &err);
	ok(rg_recording_open(path, &rec, &err), &err);
	ok(rg_recording_sql(rec, "SELECT n FROM message LIMIT 5", hold_row, &s, &err), &err);
	rg_recording_close(rec);
	ok(rg_sink_close(s, &err), &err);
	/* the files of the run are found by themselves, in order */
	ok(rg_recording_open(path, &rec, &err), &err);
	assert_in_range(rg_recording_files(rec), 3, 11);
	assert_int_equal(rg_recording_count(rec, &err), 4100);
	assert_int_equal(ask(rec, "SELECT count(*) FROM event"), 4100);
	assert_int_equal(ask(rec, "SELECT count(DISTINCT n) FROM event"), 4100);
	assert_int_equal(ask(rec, "SELECT sum(messages) FROM conversation"), 4100);
	while (rg_recording_next(rec, back, &err) == 1) {
		assert_int_equal(back->v[RG_F_ID].u, last + 1);
		last = back->v[RG_F_ID].u;
	}
	assert_int_equal(last, 4100);
	for (unsigned i = 0; i + 1 < rg_recording_files(rec); i++)
		unlink(rg_recording_file(rec, i));
	rg_recording_close(rec);
}

/* What follows a recording goes on in the file that takes its name. */
static void a_reader_follows_rotation(void **state)
{
	const struct rg_sink_opts opts = {.rotate_bytes = 300 << 10};
	struct rg_recording *rec = NULL;
	struct rg_err err = {0};
	struct rg_sink *s;
	uint64_t last = 0;
	char name[96];
	int r = 0;

	ok(rg_sink_open(spec, &opts, &s, &err), &err);
	for (unsigned i = 0; i < 5000; i++) {
		fab_event(0, ev);
		big_payload(ev, 300, true);
		rg_set_u(ev, RG_F_ID, i + 1, RG_TAG_K);
		ok(rg_sink_write(s, ev, &err), &err);
		if (i % 50 != 49)
			continue;
		ok(rg_sink_flush(s, &err), &err);
		if (!rec)
			ok(rg_recording_open(path, &rec, &err), &err);
		while ((r = rg_recording_next(rec, back, &err)) == 1) {
			assert_int_equal(back->v[RG_F_ID].u, last + 1);
			last++;
		}
		ok(r, &err);
	}
	ok(rg_sink_close(s, &err), &err);
	assert_int_equal(last, 5000);
	rg_recording_close(rec);
	for (unsigned i = 1; i < 100; i++) {
		snprintf(name, sizeof(name), "%s.%u", path, i);
		unlink(name);
	}
}

/* A file cut short: what is in front of the cut can be read, and an error says that there is more. */
static void a_cut_file_is_read_up_to_the_cut(void **state)
{
	struct rg_recording *rec;
	struct rg_err err = {0};
	struct rg_sink *s;
	struct stat st;
	int r, n, errors, full = 0;

	ok(rg_sink_open(spec, NULL, &s, &err), &err);
	for (unsigned i = 0; i < 20000; i++) {
		fab_event(0, ev);
		rg_set_u(ev, RG_F_ID, i + 1, RG_TAG_K);
		ok(rg_sink_write(s, ev, &err), &err);
	}
	ok(rg_sink_close(s, &err), &err);
	assert_int_equal(stat(path, &st), 0);
	for (int percent = 95; percent > 0; percent -= 15) {
		assert_int_equal(truncate(path, st.st_size * percent / 100 / 8192 * 8192), 0);
		ok(rg_recording_open(path, &rec, &err), &err);
		for (n = errors = 0; (r = rg_recording_next(rec, back, &err)) == 1 || r == -EBADMSG;) {
			n += r == 1;
			errors += r != 1;
			assert_in_range(errors, 0, 50);
		}
		ok(r, &err);
		assert_in_range(errors, 1, 50);
		assert_non_null(strstr(err.msg, "is damaged"));
		full = full ? full : n;
		assert_in_range(n, percent > 20 ? full * (percent - 20) / 100 : 1, 20000);
		rg_recording_close(rec);
	}
}

/* A page of zeros in the middle: the messages on both sides of it are read. */
static void damage_is_gone_around(void **state)
{
	static const char zeros[8192];
	struct rg_recording *rec;
	struct rg_err err = {0};
	int fd, r, n = 0, errors = 0;
	struct rg_sink *s;
	struct stat st;
	uint64_t last = 0;

	ok(rg_sink_open(spec, NULL, &s, &err), &err);
	for (unsigned i = 0; i < 20000; i++) {
		fab_event(0, ev);
		rg_set_u(ev, RG_F_ID, i + 1, RG_TAG_K);
		ok(rg_sink_write(s, ev, &err), &err);
	}
	ok(rg_sink_close(s, &err), &err);
	fd = open(path, O_RDWR);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(pwrite(fd, zeros, sizeof(zeros), st.st_size / 2 / 8192 * 8192), sizeof(zeros));
	close(fd);
	ok(rg_recording_open(path, &rec, &err), &err);
	while ((r = rg_recording_next(rec, back, &err)) == 1 || r == -EBADMSG) {
		errors += r != 1;
		if (r != 1)
			continue;
		assert_true(back->v[RG_F_ID].u > last);
		last = back->v[RG_F_ID].u;
		n++;
	}
	ok(r, &err);
	assert_int_equal(errors, 1);
	assert_int_equal(last, 20000);
	assert_in_range(n, 19900, 19999);
	rg_recording_close(rec);
}

static void exec_sql(const char *sql)
{
	sqlite3 *db;

	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
}

static void another_format_is_refused_by_name(void **state)
{
	struct rg_recording *rec;
	struct rg_err err = {0};
	struct rg_sink *s;

	ok(rg_sink_open(spec, NULL, &s, &err), &err);
	ok(rg_sink_close(s, &err), &err);
	exec_sql("UPDATE recording SET value = 99 WHERE key = 'format'");
	assert_int_equal(rg_recording_open(path, &rec, &err), -EPROTO);
	assert_non_null(strstr(err.msg, "format 99"));
	exec_sql("DROP TABLE recording");
	assert_int_equal(rg_recording_open(path, &rec, &err), -EBADMSG);
	assert_non_null(strstr(err.msg, "no recording"));
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

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(a_killed_writer_loses_nothing_flushed),
	cmocka_unit_test(a_full_disk_keeps_what_was_written),
	cmocka_unit_test(files_rotate_and_the_oldest_go),
	cmocka_unit_test(readers_do_not_hinder_rotation),
	cmocka_unit_test(a_reader_follows_rotation),
	cmocka_unit_test(a_cut_file_is_read_up_to_the_cut),
	cmocka_unit_test(damage_is_gone_around),
	cmocka_unit_test(another_format_is_refused_by_name),
};

int main(void)
{
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, setup, teardown);
}
