/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/lib/unit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base/cleanup.h"
#include "report/report.h"
#include "tests/lib/fabricate.h"

static uint64_t messages(const struct series *s)
{
	uint64_t n = 0;

	for (uint32_t i = 0; i < s->n; i++)
		n += s->b[i].messages[0];
	return n;
}

/* Wherever times lie, however wide apart and in whatever order: nothing is lost, and there are never more
 * buckets than there is room for. */
static void every_time_has_its_bucket(void **state)
{
	static const uint64_t times[] = {
		1795467812000000000u, 1795467812000000001u, 1795467811999000000u, 1795467899000000000u, 0, 1,
		UINT64_MAX,	      UINT64_MAX - 1,	    1795467812000000000u};
	struct series s = {0};
	uint64_t n = 0, seed = 1;

	for (unsigned i = 0; i < RG_ARRAY_LEN(times); i++) {
		series_at(&s, times[i])->messages[0]++;
		assert_int_equal(messages(&s), ++n);
		assert_true(s.n <= BUCKETS);
	}
	s = (struct series){0};
	for (unsigned i = 0; i < 20000; i++) {
		seed = seed * 6364136223846793005u + 1442695040888963407u;
		series_at(&s, 1000000000000u + (seed >> (24 + i / 1000)))->messages[0]++;
	}
	assert_int_equal(messages(&s), 20000);
	assert_true(s.n <= BUCKETS);
}

static void times_keep_their_place(void **state)
{
	struct series s = {0};

	series_at(&s, 10000000000u)->messages[0]++; /* 10 s */
	series_at(&s, 9000000000u)->messages[0]++;
	series_at(&s, 12000000000u)->messages[0]++;
	for (uint32_t i = 0; i < s.n; i++) {
		uint64_t from = s.base + i * s.width, to = from + s.width;
		bool one = false;

		for (uint64_t t = 9; t <= 12; t++)
			one |= t != 11 && from <= t * 1000000000u && t * 1000000000u < to;
		assert_int_equal(s.b[i].messages[0], one);
	}
}

static void buckets_join_without_a_gap(void **state)
{
	for (unsigned i = 1; i < 252; i++) {
		struct dist h = {0};

		assert_true(dist_from(i) > dist_from(i - 1));
		dist_add(&h, dist_from(i));
		dist_add(&h, dist_from(i) - 1);
		assert_int_equal(h.n[i], 1);
		assert_int_equal(h.n[i - 1], 1);
	}
}

static void percentiles(void **state)
{
	rg_auto_buf b = {0};
	struct dist h = {0};

	for (unsigned i = 1; i <= 1000; i++)
		dist_add(&h, i);
	dist_add(&h, UINT64_MAX);
	dist_json(&b, &h);
	/* at most a quarter too large, and never too small */
	assert_non_null(strstr(rg_buf_cstr(&b), "\"count\":1001,"));
	assert_non_null(strstr(
		b.data, "\"min\":1,\"p50\":511,\"p90\":1023,\"p99\":1023,\"max\":18446744073709551615"));
}

static void counts_are_bounded(void **state)
{
	struct counts *c = calloc(1, sizeof(*c));
	struct count_row *row;
	rg_auto_buf b = {0};
	char key[16];

	assert_non_null(c);
	for (unsigned i = 0; i < 3 * COUNTS_MAX; i++) {
		int n = snprintf(key, sizeof(key), "%u", i % (COUNTS_MAX + 10));

		assert_int_equal(counts_at(c, key, (size_t)n, i, &row), 0);
		assert_int_equal(row != NULL, i % (COUNTS_MAX + 10) < COUNTS_MAX);
	}
	assert_int_equal(c->n_rows, COUNTS_MAX);
	assert_int_equal(c->others, 20);
	counts_json(&b, c);
	assert_non_null(strstr(rg_buf_cstr(&b), "\"others\":20}"));
	assert_non_null(strstr(b.data, "{\"rows\":[[3,0,0,\"1970-01-01T00:00:00.000000000Z\",0],"));
	counts_free(c);
	free(c);
}

/* What the page unpacks is what was added: the first, or the last, without a gap. */
static void some_rows(unsigned n, uint64_t max, bool last, unsigned want_from, unsigned want_n)
{
	struct rows r = {.max = max, .last = last};
	struct rg_json j = {0};
	struct rg_event *ev = rg_event_new();
	rg_auto_buf packed = {0}, want = {0}, got = {0};
	z_stream z = {0};

	for (unsigned i = 0; i < n; i++) {
		fab_event(i % fab_plain_count(), ev);
		rg_set_u(ev, RG_F_ID, i, RG_TAG_K);
		assert_int_equal(rows_add(&r, &j, ev), 0);
		if (i >= want_from && i < want_from + want_n)
			rg_json_event(&j, &want, ev);
	}
	assert_int_equal(r.n, want_n);
	assert_int_equal(r.seen, n);
	assert_int_equal(rows_packed(&r, &packed), 0);
	/* base64 back to bytes */
	assert_true(rg_buf_room(&got, packed.len));
	for (size_t i = 0; i + 3 < packed.len; i += 4) {
		static const char digits[] =
			"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
		uint32_t v = 0;

		for (size_t k = 0; k < 4; k++)
			v = v << 6 | (packed.data[i + k] == '='
					      ? 0
					      : (uint32_t)(strchr(digits, packed.data[i + k]) - digits));
		rg_buf_char(&got, (char)(v >> 16));
		rg_buf_char(&got, (char)(v >> 8));
		rg_buf_char(&got, (char)v);
	}
	assert_int_equal(inflateInit(&z), Z_OK);
	rg_auto_free char *out = malloc(want.len + 1);
	assert_non_null(out);
	z.next_in = (unsigned char *)got.data;
	z.avail_in = (unsigned)got.len;
	z.next_out = (unsigned char *)out;
	z.avail_out = (unsigned)want.len + 1;
	assert_int_equal(inflate(&z, Z_FINISH), Z_STREAM_END);
	assert_int_equal(z.total_out, want.len);
	assert_memory_equal(out, want.len ? want.data : "", want.len);
	inflateEnd(&z);
	rows_free(&r);
	rg_event_free(ev);
}

static void rows_first_and_last(void **state)
{
	some_rows(0, 10, false, 0, 0);
	some_rows(7, 10, false, 0, 7);
	some_rows(2000, 900, false, 0, 900);
	some_rows(7, 10, true, 0, 7);
	some_rows(2000, 900, true, 1100, 900);
	some_rows(2000, 2000, true, 0, 2000);
	some_rows(300, 1, true, 299, 1);
}

/* The data of hostile events is JSON in which no element can begin or end. */
static void data_ends_no_element(void **state)
{
	struct rg_event *ev = rg_event_new();
	struct rg_report *r;
	rg_auto_buf b = {0};

	assert_int_equal(
		rg_report_new(&(struct rg_report_opts){.source = "</script><!--", .filter = "a < b & c"}, &r,
			      NULL),
		0);
	for (unsigned i = 0; i < fab_count(); i++) { /* those of extreme values too */
		fab_event(i, ev);
		rg_set_str(ev, RG_F_PROC_COMM, "</script>", 9, RG_TAG_K);
		assert_int_equal(rg_report_add(r, ev, NULL), 0);
	}
	assert_int_equal(rg_report_data(r, &b, NULL), 0);
	assert_null(memchr(b.data, '<', b.len));
	assert_non_null(strstr(rg_buf_cstr(&b), "\\u003c/script\\u003e"));
	rg_report_free(r);
	rg_event_free(ev);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_time_has_its_bucket),  cmocka_unit_test(times_keep_their_place),
		cmocka_unit_test(buckets_join_without_a_gap), cmocka_unit_test(percentiles),
		cmocka_unit_test(counts_are_bounded),	      cmocka_unit_test(rows_first_and_last),
		cmocka_unit_test(data_ends_no_element),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
