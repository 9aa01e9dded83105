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
#include <time.h>
#include <unistd.h>

#include <recvguard/schema.h>
#include <recvguard/sink.h>

#include "base/cleanup.h"
#include "sink/json.h"
#include "sink/put.h"
#include "sink/tracee.h"
#include "sink/utf8.h"
#include "tests/lib/fabricate.h"

static struct rg_event *ev;

static int setup(void **state)
{
	signal(SIGPIPE, SIG_IGN);
	ev = rg_event_new();
	return !ev;
}

static int teardown(void **state)
{
	rg_event_free(ev);
	return 0;
}

static char *in_dir(const char *dir, const char *name)
{
	char *path = NULL;

	assert_true(asprintf(&path, "%s/%s", dir, name) > 0);
	return path;
}

static char *temp_dir(void)
{
	char *dir = strdup("/tmp/rg-sink-XXXXXX");

	assert_non_null(mkdtemp(dir));
	return dir;
}

static char *spec_of(const char *format, const char *path)
{
	char *spec = NULL;

	assert_true(asprintf(&spec, "%s=%s", format, path) > 0);
	return spec;
}

static off_t size_of(const char *path)
{
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	return st.st_size;
}

/* Every format, to a file that others could read before. */
static void files_are_closed_to_others(void **state)
{
	rg_auto_free char *dir = temp_dir(), *path = in_dir(dir, "out");

	for (const struct rg_sink_format *f = rg_sink_formats; f->name; f++) {
		rg_auto_free char *spec = spec_of(f->name, path);
		struct rg_err err = {0};
		struct rg_sink *s;
		struct stat st;
		int fd = -1;

		unlink(path);
		umask(0);
		if ((f - rg_sink_formats) % 2 == 0 && strcmp(f->name, "sqlite") != 0)
			fd = open(path, O_CREAT | O_WRONLY, 0666);
		if (fd >= 0)
			close(fd);
		if (rg_sink_open(spec, NULL, &s, &err))
			fail_msg("%s: %s", f->name, err.msg);
		fab_event(FAB_TYPICAL, ev);
		assert_int_equal(rg_sink_write(s, ev, &err), 0);
		assert_int_equal(rg_sink_close(s, &err), 0);
		assert_int_equal(stat(path, &st), 0);
		assert_int_equal(st.st_mode & 0777, 0600);
		assert_true(st.st_size > 0);
	}
	unlink(path);
	rmdir(dir);
}

static void a_full_disk_is_told_once_and_kept(void **state)
{
	struct rg_err err = {0};
	struct rg_sink *s;
	int r = 0, n = 0;

	assert_int_equal(rg_sink_open("json=/dev/full", NULL, &s, &err), 0);
	fab_event(FAB_TYPICAL, ev);
	while (r == 0 && n++ < 1000)
		r = rg_sink_write(s, ev, &err);
	assert_int_equal(r, -ENOSPC);
	assert_non_null(strstr(err.msg, "/dev/full"));
	assert_non_null(strstr(err.msg, "No space left"));
	err = (struct rg_err){0};
	assert_int_equal(rg_sink_write(s, ev, &err), -ENOSPC);
	assert_int_equal(rg_sink_flush(s, &err), -ENOSPC);
	assert_int_equal(rg_sink_close(s, &err), -ENOSPC);
	assert_int_equal(err.code, -ENOSPC);
}

/* A file system of 64 KiB: what is there afterwards is whole lines. */
static void a_full_disk_leaves_whole_lines(void **state)
{
	rg_auto_free char *dir = temp_dir(), *path = in_dir(dir, "out"), *spec = spec_of("json", path);
	struct rg_err err = {0};
	struct rg_sink *s;
	char last = 0;
	int r = 0, fd;

	if (mount("tmpfs", dir, "tmpfs", 0, "size=65536")) {
		rmdir(dir);
		fail_msg("cannot mount a tmpfs: run as root");
	}
	assert_int_equal(rg_sink_open(spec, NULL, &s, &err), 0);
	fab_event(FAB_TYPICAL, ev);
	for (int i = 0; r == 0 && i < 1000; i++)
		r = rg_sink_write(s, ev, &err);
	assert_int_equal(r, -ENOSPC);
	assert_int_equal(rg_sink_close(s, &err), -ENOSPC);
	assert_in_range(size_of(path), 32768, 65536);
	fd = open(path, O_RDONLY);
	assert_int_equal(pread(fd, &last, 1, size_of(path) - 1), 1);
	assert_int_equal(last, '\n');
	close(fd);
	umount(dir);
	rmdir(dir);
}

static void a_reader_that_left_is_told(void **state)
{
	struct rg_err err = {0};
	struct rg_sink *s;
	char spec[64];
	int p[2];

	assert_int_equal(pipe(p), 0);
	snprintf(spec, sizeof(spec), "json=/proc/self/fd/%d", p[1]);
	assert_int_equal(rg_sink_open(spec, NULL, &s, &err), 0);
	close(p[0]);
	close(p[1]);
	fab_event(FAB_TYPICAL, ev);
	assert_int_equal(rg_sink_write(s, ev, &err), 0); /* buffered */
	assert_int_equal(rg_sink_flush(s, &err), -EPIPE);
	assert_non_null(strstr(err.msg, "the reader of /proc/self/fd/"));
	assert_int_equal(rg_sink_write(s, ev, &err), -EPIPE);
	rg_sink_close(s, NULL);
}

static void wrong_specs_are_refused(void **state)
{
	struct rg_err err = {0};
	struct rg_sink *s;

	assert_int_equal(rg_sink_open("jsn", NULL, &s, &err), -EINVAL);
	assert_non_null(strstr(err.msg, "'jsn'"));
	assert_non_null(strstr(err.msg, "tracee-v1beta1"));
	assert_null(s);
	assert_int_equal(rg_sink_open("json=", NULL, &s, &err), -EINVAL);
	assert_int_equal(rg_sink_open("json=/nonexistent/x", NULL, &s, &err), -ENOENT);
	assert_non_null(strstr(err.msg, "'/nonexistent/x'"));
	assert_int_equal(rg_sink_close(NULL, NULL), 0);
}

static void several_sinks_do_not_mix(void **state)
{
	rg_auto_free char *dir = temp_dir(), *a = in_dir(dir, "a"), *b = in_dir(dir, "b");
	rg_auto_free char *sa = spec_of("json", a), *sb = spec_of("json", b);
	struct rg_sink *s[2];

	assert_int_equal(rg_sink_open(sa, NULL, &s[0], NULL), 0);
	assert_int_equal(rg_sink_open(sb, NULL, &s[1], NULL), 0);
	for (unsigned i = 0; i < fab_count(); i++) {
		fab_event(i, ev);
		assert_int_equal(rg_sink_write(s[0], ev, NULL), 0);
		if (i % 2)
			assert_int_equal(rg_sink_write(s[1], ev, NULL), 0);
	}
	rg_sink_close(s[0], NULL);
	rg_sink_close(s[1], NULL);
	assert_true(size_of(a) > size_of(b));
	assert_true(size_of(b) > 1000);
	unlink(a);
	unlink(b);
	rmdir(dir);
}

static void assert_json(const char *bytes, size_t n, const char *want)
{
	rg_auto_buf b = {0};

	rg_json_bytes(&b, bytes, n);
	assert_string_equal(rg_buf_cstr(&b), want);
}

static void hostile_bytes_are_escaped_or_base64(void **state)
{
	assert_json("", 0, "\"\"");
	assert_json("plain text longer than a word", 29, "\"plain text longer than a word\"");
	assert_json("\x1b[2J", 4, "\"\\u001b[2J\"");
	assert_json("a\"b\\c\n\t\r\b\f", 10, "\"a\\\"b\\\\c\\n\\t\\r\\b\\f\"");
	assert_json("\0", 1, "\"\\u0000\"");
	assert_json("\x7f", 1, "\"\\u007f\"");
	assert_json("\xc2\x9b", 2, "\"\\u009b\"");
	assert_json("\xe2\x80\xa8", 3, "\"\\u2028\"");
	assert_json("\xe2\x80\xae", 3, "\"\\u202e\"");
	assert_json("\xf3\xa0\x80\x81", 4, "\"\\udb40\\udc01\""); /* a tag character: needs a pair */
	assert_json("\xf0\x9f\x98\x80", 4, "\"\xf0\x9f\x98\x80\"");
	assert_json("\xc0\xaf", 2, "{\"base64\":\"wK8=\"}");		 /* overlong */
	assert_json("\xed\xa0\x80", 3, "{\"base64\":\"7aCA\"}");	 /* surrogate */
	assert_json("\xf4\x90\x80\x80", 4, "{\"base64\":\"9JCAgA==\"}"); /* beyond U+10FFFF */
	assert_json("abcdefgh\xff", 9, "{\"base64\":\"YWJjZGVmZ2j/\"}");
	assert_json("\xe2\x80", 2, "{\"base64\":\"4oA=\"}"); /* cut short */
}

static void a_megabyte_of_controls_is_written_whole(void **state)
{
	size_t n = 1 << 20;
	rg_auto_free char *p = malloc(n);
	struct rg_json j = {0};
	rg_auto_buf b = {0};

	memset(p, 1, n);
	fab_event(FAB_TYPICAL, ev);
	rg_set_bytes(ev, RG_F_MSG_DATA, p, (uint32_t)n, (uint32_t)n, RG_TAG_K);
	assert_int_equal(rg_json_event(&j, &b, ev), 0);
	assert_in_range(b.len, 6 * n, 6 * n + 2000);
	assert_int_equal(b.data[b.len - 1], '\n');
	assert_non_null(strstr(rg_buf_cstr(&b), "\"out_flags\":[]"));
}

/* Another value of a field that tells of the receiver: absent, another of the same length, shorter, very
 * long. */
static void change(int f, int how)
{
	static char text[600];
	struct rg_value *v = &ev->v[f];
	bool string = rg_fields[f].type == RG_T_STR && ev->tag[f];
	uint32_t n = string && v->len < sizeof(text) ? v->len : 0;

	if (!how) {
		ev->tag[f] = 0;
	} else if (!string) {
		v->u = how == 1 ? v->u ^ 1 : v->u + 32 * (uint64_t)how;
	} else {
		memset(text, 'x', sizeof(text));
		if (n)
			memcpy(text, v->p, n);
		text[n ? n - 1 : 0] ^= 1;
		v->p = text;
		v->len = how == 1 ? n : how == 2 ? n / 2 : sizeof(text);
	}
}

static void assert_as_a_new_writer(struct rg_json *j)
{
	struct rg_json new = {0};
	rg_auto_buf a = {0}, b = {0};

	assert_int_equal(rg_json_event(j, &a, ev), 0);
	assert_int_equal(rg_json_event(&new, &b, ev), 0);
	assert_string_equal(rg_buf_cstr(&a), rg_buf_cstr(&b));
}

static void what_is_remembered_of_a_receiver_is_what_would_be_written(void **state)
{
	struct rg_json j = {0};

	for (unsigned kind = 0; kind < fab_count(); kind++)
		for (int f = RG_F_PROC_PID; f <= RG_F_CONTAINER_POD; f++)
			for (int how = 0; how < 4; how++) {
				fab_event(kind, ev);
				assert_as_a_new_writer(&j);
				change(f, how);
				assert_as_a_new_writer(&j);
				assert_as_a_new_writer(&j);
			}
}

static void numbers_are_exact_at_every_length(void **state)
{
	char got[32], want[32];
	uint64_t u = 1;

	for (int i = 0; i < 20; i++, u *= 10)
		for (int d = -1; d <= 1; d++) {
			*rg_put_u64(got, u + (uint64_t)d) = '\0';
			snprintf(want, sizeof(want), "%llu", (unsigned long long)(u + (uint64_t)d));
			assert_string_equal(got, want);
		}
	*rg_put_u64(got, UINT64_MAX) = '\0';
	assert_string_equal(got, "18446744073709551615");
	*rg_put_i64(got, INT64_MIN) = '\0';
	assert_string_equal(got, "-9223372036854775808");
	for (unsigned shift = 0; shift < 64; shift++) {
		*rg_put_hex(got, 1ull << shift) = '\0';
		snprintf(want, sizeof(want), "%llx", 1ull << shift);
		assert_string_equal(got, want);
	}
}

static void seconds_agree_with_the_c_library(void **state)
{
	uint64_t secs[400] = {0, 59, 86399, 86400, 951782400, 951868800, 4107542400, 18446744073};
	char got[32], want[32];

	for (size_t i = 8; i < 400; i++)
		secs[i] = secs[i - 1] % 18446744073u * 2862933555777941757u % 18446744073u;
	for (size_t i = 0; i < 400; i++) {
		time_t t = (time_t)secs[i];
		struct tm tm;

		*rg_put_second(got, secs[i]) = '\0';
		gmtime_r(&t, &tm);
		strftime(want, sizeof(want), "%Y-%m-%dT%H:%M:%S", &tm);
		assert_string_equal(got, want);
	}
}

/* Vectors published with the algorithm's reference implementation. */
static void murmur3_is_murmur3(void **state)
{
	assert_int_equal(tracee_murmur3("", 0, 1), 0x514e28b7);
	assert_int_equal(tracee_murmur3("hello", 5, 0), 0x248bfa47);
	assert_int_equal(tracee_murmur3("hello, world", 12, 0), 0x149bbb7f);
	assert_int_equal(tracee_murmur3("The quick brown fox jumps over the lazy dog", 43, 0), 0x2e4ff723);
	/* rounding: the same task seen by /proc's clock ticks */
	assert_int_equal(tracee_entity(7, 1000000000), tracee_entity(7, 1099999999));
	assert_int_not_equal(tracee_entity(7, 1000000000), tracee_entity(8, 1000000000));
}

/* Nothing but printable characters and line feeds leaves the text format, whatever came in. */
static void no_raw_byte_reaches_a_terminal(void **state)
{
	rg_auto_free char *dir = temp_dir(), *path = in_dir(dir, "out"), *spec = spec_of("text", path);
	struct rg_sink_opts opts = {.width = 100, .hex = true};
	static char data[70000];
	uint32_t cp;
	struct rg_sink *s;
	off_t n;
	int fd;

	assert_int_equal(rg_sink_open(spec, &opts, &s, NULL), 0);
	for (unsigned c = 0; c < 0x11000; c += c < 0x3000 ? 1 : 97) {
		char raw[4] = {(char)c, (char)(c >> 8), (char)(c >> 16), '\x9b'};

		fab_event(c % fab_count(), ev);
		for (int f = 0; f < RG_F__COUNT; f++)
			if (rg_fields[f].type == RG_T_STR || rg_fields[f].type == RG_T_BYTES)
				rg_set_bytes(ev, f, raw, c % 5 ? c % 4 : 4, 4, RG_TAG_K);
		assert_int_equal(rg_sink_write(s, ev, NULL), 0);
	}
	rg_sink_close(s, NULL);
	fd = open(path, O_RDONLY);
	while ((n = read(fd, data, sizeof(data))) > 0)
		for (off_t i = 0; i < n;) {
			unsigned len = rg_utf8_decode(data + i, (size_t)(n - i), &cp);

			if (!len && n - i < 4 && i) {
				lseek(fd, i - n, SEEK_CUR); /* a character across two reads */
				break;
			}
			assert_true(len);
			assert_true(cp == '\n' || !rg_utf8_hidden(cp));
			i += len;
		}
	close(fd);
	unlink(path);
	rmdir(dir);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(files_are_closed_to_others),
	cmocka_unit_test(a_full_disk_is_told_once_and_kept),
	cmocka_unit_test(a_full_disk_leaves_whole_lines),
	cmocka_unit_test(a_reader_that_left_is_told),
	cmocka_unit_test(wrong_specs_are_refused),
	cmocka_unit_test(several_sinks_do_not_mix),
	cmocka_unit_test(hostile_bytes_are_escaped_or_base64),
	cmocka_unit_test(a_megabyte_of_controls_is_written_whole),
	cmocka_unit_test(what_is_remembered_of_a_receiver_is_what_would_be_written),
	cmocka_unit_test(numbers_are_exact_at_every_length),
	cmocka_unit_test(seconds_agree_with_the_c_library),
	cmocka_unit_test(murmur3_is_murmur3),
	cmocka_unit_test(no_raw_byte_reaches_a_terminal),
};

int main(void)
{
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, setup, teardown);
}
