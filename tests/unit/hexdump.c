/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/lib/unit.h"

#include <string.h>

#include "base/hexdump.h"
#include "base/text.h"
#include "tests/lib/edge.h"

static void lines_of_sixteen(void **state)
{
	rg_auto_buf b = {0};

	rg_hexdump(&b, "GET / HTTP/1.1\r\n\0\x7f\x80~", 20, "    ");
	assert_string_equal(rg_buf_cstr(&b),
			    "    0000  47 45 54 20 2f 20 48 54  54 50 2f 31 2e 31 0d 0a  GET / HTTP/1.1..\n"
			    "    0010  00 7f 80 7e                                       ...~\n");
}

static void wide_offsets_only_when_needed(void **state)
{
	static char big[0x10001];
	rg_auto_buf b = {0};

	rg_hexdump(&b, big, 0x10000, "");
	assert_non_null(strstr(rg_buf_cstr(&b), "\nfff0  00 "));
	rg_buf_reset(&b);
	rg_hexdump(&b, big, 0x10001, "");
	assert_memory_equal(b.data, "00000000  00", 12);
	assert_non_null(strstr(rg_buf_cstr(&b), "\n00010000  00  "));
}

static void every_length_stays_inside(void **state)
{
	static const char text[40] = "\x1b[31mescape sequences stay harmless\r\n";
	rg_auto_buf b = {0};

	for (size_t len = 0; len <= sizeof(text); len++) {
		rg_buf_reset(&b);
		rg_hexdump(&b, edge(text, len), len, "");
		assert_int_equal(b.len == 0, len == 0);
		for (size_t i = 0; i < b.len; i++)
			assert_true(b.data[i] == '\n' || (b.data[i] >= ' ' && b.data[i] < 0x7f));
	}
}

static void text_stops_at_its_room_and_says_so(void **state)
{
	char room[8];
	struct rg_text t = {.p = room, .cap = sizeof(room)};

	rg_text_escaped(&t, "a\\\x1b", 3);
	assert_int_equal(t.len, 7);
	assert_memory_equal(room, "a\\\\\\x1b", 7);
	assert_false(t.cut);
	rg_text_u64(&t, 12);
	assert_int_equal(t.len, 8);
	assert_true(t.cut);
}

static void numbers(void **state)
{
	char room[128];
	struct rg_text t = {.p = room, .cap = sizeof(room)};

	rg_text_u64(&t, UINT64_MAX);
	rg_text_char(&t, ' ');
	rg_text_i64(&t, INT64_MIN);
	rg_text_char(&t, ' ');
	rg_text_hex(&t, 0xabc0);
	rg_text_char(&t, ' ');
	rg_text_hexbytes(&t, "\x01\xff", 2, ':');
	rg_text_char(&t, '\0');
	assert_string_equal(room, "18446744073709551615 -9223372036854775808 0xabc0 01:ff");
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(lines_of_sixteen),
	cmocka_unit_test(wide_offsets_only_when_needed),
	cmocka_unit_test(every_length_stays_inside),
	cmocka_unit_test(text_stops_at_its_room_and_says_so),
	cmocka_unit_test(numbers),
};
RG_UNIT_MAIN(tests)
