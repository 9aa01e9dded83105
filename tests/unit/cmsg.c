/* SPDX-License-Identifier: BSD-2-Clause */
/* Control messages: walking and the shapes that are wrong. Types byte by byte: cmsg_types.c. */
#include "tests/lib/unit.h"

#include <string.h>
#include <sys/socket.h>

#include "decode/cmsg.h"
#include "tests/lib/edge.h"
#include "tests/lib/show.h"

static void descriptors_are_found_in_both_abis(void **state)
{
	uint8_t p[64] = {0};
	int fds[4] = {-1, -1, -1, -1};

	memcpy(p, (uint32_t[]){24, 0, 1, 1, 7, 9}, 24);
	assert_int_equal(rg_cmsg_fds(p, 24, false, fds, 4), 2);
	assert_int_equal(fds[0], 7);
	assert_int_equal(fds[1], 9);
	memcpy(p, (uint32_t[]){20, 1, 1, 3, 4, 16, 1, 4, 8}, 36);
	assert_int_equal(rg_cmsg_fds(p, 36, true, fds, 1), 2);
	assert_int_equal(fds[0], 3);
	assert_int_equal(rg_cmsg_fds(NULL, 0, false, fds, 4), 0);
}

/* Control bytes given as 32-bit words; the decoded list as one line. */
static void expect(const uint32_t *words, size_t len, bool compat, uint16_t family, const char *line)
{
	struct rg_cmsg_ctx ctx = {.compat = compat, .family = family};
	struct rg_event *ev = rg_event_new();
	struct rg_builder list;
	rg_auto_buf shown = {0};
	unsigned n, seen = 0;

	rg_build_field(&list, ev, RG_F_CMSG, RG_TAG_U);
	n = rg_decode_cmsgs(edge(words, len), len, &ctx, &list);
	rg_show_chain(&shown, ev->v[RG_F_CMSG].node);
	assert_string_equal(rg_buf_cstr(&shown), line);
	for (const struct rg_node *e = ev->v[RG_F_CMSG].node; e; e = e->next)
		seen++;
	assert_int_equal(n, seen);
	rg_event_free(ev);
}
#define EXPECT(len, compat, family, line, ...) \
	expect((const uint32_t[]){__VA_ARGS__}, len, compat, family, line)

static void no_bytes_no_messages(void **state)
{
	EXPECT(0, false, AF_INET, "", 0);
	EXPECT(0, true, AF_INET, "", 0);
}

static void one_follows_another_with_padding(void **state)
{
	EXPECT(44, false, AF_INET,
	       "{level=SOL_IP type=IP_TTL len=20 ttl=64} {level=SOL_IP type=IP_TTL len=20 ttl=65}", 20, 0, 0,
	       2, 64, 0xdddddddd, 20, 0, 0, 2, 65);
	EXPECT(32, true, AF_INET,
	       "{level=SOL_IP type=IP_TTL len=16 ttl=64} {level=SOL_IP type=IP_TTL len=16 ttl=65}", 16, 0, 2,
	       64, 16, 0, 2, 65);
}

static void unknown_levels_and_types_keep_their_bytes(void **state)
{
	EXPECT(20, false, AF_INET, "{level=9999 type=7 len=20 data=x\"04030201\"}", 20, 0, 9999, 7,
	       0x01020304);
	EXPECT(20, false, AF_INET, "{level=SOL_IP type=200 len=20 data=x\"04030201\"}", 20, 0, 0, 200,
	       0x01020304);
	EXPECT(16, false, AF_INET, "{level=-1 type=-2 len=16 data=x\"\"}", 16, 0, -1, -2);
}

static void a_length_below_the_header_ends_the_walk(void **state)
{
	EXPECT(24, false, AF_INET,
	       "{level=SOL_IP type=IP_TTL len=15 malformed=\"cmsg_len is smaller than the header\" "
	       "data=x\"0f0000000000000000000000020000004000000000000000\"}",
	       15, 0, 0, 2, 64, 0);
	EXPECT(16, true, AF_INET,
	       "{level=SOL_IP type=IP_TTL len=0 malformed=\"cmsg_len is smaller than the header\" "
	       "data=x\"00000000000000000200000040000000\"}",
	       0, 0, 2, 64);
}

static void a_length_past_the_end_ends_the_walk(void **state)
{
	EXPECT(16, false, AF_INET,
	       "{level=SOL_IP type=IP_TTL len=17 malformed=\"cmsg_len reaches past the end of the control "
	       "bytes\" "
	       "data=x\"11000000000000000000000002000000\"}",
	       17, 0, 0, 2);
	EXPECT(16, false, AF_INET,
	       "{level=SOL_IP type=IP_TTL len=18446744073709551615 malformed=\"cmsg_len reaches past the end "
	       "of the "
	       "control bytes\" data=x\"ffffffffffffffff0000000002000000\"}",
	       0xffffffff, 0xffffffff, 0, 2);
	EXPECT(12, true, AF_INET,
	       "{level=SOL_IP type=IP_TTL len=4294967293 malformed=\"cmsg_len reaches past the end of the "
	       "control "
	       "bytes\" data=x\"fdffffff0000000002000000\"}",
	       0xfffffffd, 0, 2);
}

static void bytes_too_few_for_a_header_are_said(void **state)
{
	EXPECT(28, false, AF_INET,
	       "{level=SOL_IP type=IP_TTL len=20 ttl=64} {malformed=\"fewer bytes than a header\" "
	       "data=x\"01000000\"}",
	       20, 0, 0, 2, 64, 0, 1);
	/* Padding cut short by the end of the room is how the kernel leaves it, not a fault. */
	EXPECT(23, false, AF_INET, "{level=SOL_IP type=IP_TTL len=20 ttl=64}", 20, 0, 0, 2, 64, 0);
}

static void the_other_abi_misreads_and_says_so(void **state)
{
	EXPECT(20, true, AF_INET, "{level=SOL_IP type=0 len=20 data=x\"0200000040000000\"}", 20, 0, 0, 2, 64);
	EXPECT(16, false, AF_INET, "{level=2 type=64 len=16 data=x\"\"}", 16, 0, 2, 64);
}

static void level_0_is_read_by_the_sockets_family(void **state)
{
	EXPECT(20, false, AF_INET6, "{level=SOL_IP type=IP_TOS len=20 tos=1 dscp=0 ecn=ect1}", 20, 0, 0, 1,
	       1);
	EXPECT(20, false, AF_BLUETOOTH, "{level=SOL_HCI type=HCI_CMSG_DIR len=20 incoming=true}", 20, 0, 0, 1,
	       1);
	EXPECT(17, false, AF_IEEE802154, "{level=SOL_IEEE802154 type=WPAN_WANTLQI len=17 lqi=9}", 17, 0, 0, 3,
	       9);
	EXPECT(32, false, AF_ISDN, "{level=SOL_MISDN type=MISDN_TIME_STAMP len=32 time=1000002000}", 32, 0, 0,
	       1, 1, 0, 2, 0);
}

static void what_the_kernel_cut_is_decoded_as_far_as_it_goes(void **state)
{
	EXPECT(24, false, AF_UNIX,
	       "{level=SOL_SOCKET type=SCM_CREDENTIALS len=24 pid=7 uid=8 cut=true "
	       "data=x\"0700000008000000\"}",
	       24, 0, 1, 2, 7, 8);
	EXPECT(36, false, AF_INET,
	       "{level=SOL_IP type=IP_RECVERR len=36 errno=EPERM origin=none ee_type=0 ee_code=0 ee_info=0 "
	       "ee_data=0 "
	       "cut=true data=x\"0100000000000000000000000000000002000000\"}",
	       36, 0, 0, 11, 1, 0, 0, 0, 2);
	EXPECT(24, false, AF_INET6,
	       "{level=SOL_IPV6 type=IPV6_HOPOPTS len=24 next_header=udp options=[{option=router_alert len=4 "
	       "value=0}] "
	       "cut=true data=x\"1101050200000100\"}",
	       24, 0, 41, 54, 0x02050111, 0x00010000);
}

static void payloads_that_contradict_themselves_are_malformed(void **state)
{
	EXPECT(22, false, AF_UNIX,
	       "{level=SOL_SOCKET type=SCM_RIGHTS len=22 fds=[5] malformed=\"the descriptors are not a whole "
	       "number of "
	       "ints\" data=x\"050000000600\"}",
	       22, 0, 1, 1, 5, 6);
	EXPECT(32, false, AF_INET,
	       "{level=SOL_SOCKET type=SO_TIMESTAMP_OLD len=32 malformed=\"the time is out of range\" "
	       "data=x\"010000000000000040420f0000000000\"}",
	       32, 0, 1, 29, 1, 0, 1000000, 0);
	EXPECT(20, false, AF_INET,
	       "{level=SOL_IP type=IP_RECVOPTS len=20 options=[{option=nop len=1}] malformed=\"an option's "
	       "length is "
	       "wrong\" data=x\"010701ff\"}",
	       20, 0, 0, 6, 0xff010701);
	EXPECT(20, false, AF_INET,
	       "{level=SOL_IP type=IP_RECVOPTS len=20 options=[{option=nop len=1}] cut=true "
	       "data=x\"01070bff\"}",
	       20, 0, 0, 6, 0xff0b0701);
	EXPECT(24, false, AF_INET6,
	       "{level=SOL_IPV6 type=IPV6_DSTOPTS len=24 next_header=udp options=[] malformed=\"an option "
	       "reaches past "
	       "its header\" data=x\"1100050900000000\"}",
	       24, 0, 41, 59, 0x09050011, 0);
	EXPECT(48, false, AF_INET,
	       "{level=SOL_IP type=IP_RECVERR len=48 errno=EPERM origin=none ee_type=0 ee_code=0 ee_info=0 "
	       "ee_data=0 "
	       "malformed=\"the offender's address family is unknown\" "
	       "data=x\"0100000000000000000000000000000001000000000000000000000000000000\"}",
	       48, 0, 0, 11, 1, 0, 0, 0, 1, 0, 0, 0);
	EXPECT(52, false, AF_RDS,
	       "{level=SOL_RDS type=RDS_CMSG_ZCOPY_COMPLETION len=52 cookies=[1 2 3 4 5 6 7 8] "
	       "malformed=\"more cookies than "
	       "the message holds\" "
	       "data=x\"090000000100000002000000030000000400000005000000060000000700000008000000\"}",
	       52, 0, 276, 13, 9, 1, 2, 3, 4, 5, 6, 7, 8);
	EXPECT(24, false, AF_UNIX,
	       "{level=SOL_SOCKET type=SCM_PIDFD len=24 pidfd=3 malformed=\"too long: 8 bytes, SCM_PIDFD has "
	       "4\" "
	       "data=x\"0300000000000000\"}",
	       24, 0, 1, 4, 3, 0);
}

/* The kernel wrote whole messages, recvguard kept the first bytes: that is nobody's fault and no malformed
 * message. */
static void what_was_captured_in_part_is_said_to_be(void **state)
{
	static const uint32_t words[] = {28, 0, 1, 2, 7, 8, 9};
	static const char *const want[] = {
		[0] = "",
		[3] = "{partial=true data=x\"1c0000\"}",
		[16] = "{level=SOL_SOCKET type=SCM_CREDENTIALS len=28 partial=true data=x\"\"}",
		[25] = "{level=SOL_SOCKET type=SCM_CREDENTIALS len=28 pid=7 uid=8 partial=true "
		       "data=x\"070000000800000009\"}",
		[28] = "{level=SOL_SOCKET type=SCM_CREDENTIALS len=28 pid=7 uid=8 gid=9}"};
	struct rg_cmsg_ctx ctx = {.family = AF_UNIX, .partial = true};
	struct rg_event *ev = rg_event_new();

	for (size_t n = 0; n < sizeof(want) / sizeof(want[0]); n++) {
		rg_auto_buf shown = {0};
		struct rg_builder list;

		rg_event_reset(ev);
		rg_build_field(&list, ev, RG_F_CMSG, RG_TAG_U);
		rg_decode_cmsgs(edge(words, n), n, &ctx, &list);
		rg_show_chain(&shown, ev->v[RG_F_CMSG].node);
		if (want[n])
			assert_string_equal(rg_buf_cstr(&shown), want[n]);
	}
	rg_event_free(ev);
}

/* Thousands of descriptors, no more memory: the rest is left out and the builder says so. */
static void an_exhausted_arena_is_said(void **state)
{
	static uint32_t words[16000];
	struct rg_cmsg_ctx ctx = {.family = AF_UNIX};
	struct rg_event *ev = rg_event_new();
	struct rg_builder list;
	unsigned n = 0;

	for (size_t i = 0; i < 16000; i += 4)
		memcpy(words + i, (uint32_t[]){16, 0, 9999, 1}, 16);
	rg_build_field(&list, ev, RG_F_CMSG, RG_TAG_U);
	for (int i = 0; i < 1000 && !list.full; i++)
		n += rg_decode_cmsgs((uint8_t *)words, sizeof(words), &ctx, &list);
	assert_true(list.full);
	assert_true(n > 4000);
	rg_event_free(ev);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(descriptors_are_found_in_both_abis),
	cmocka_unit_test(no_bytes_no_messages),
	cmocka_unit_test(one_follows_another_with_padding),
	cmocka_unit_test(unknown_levels_and_types_keep_their_bytes),
	cmocka_unit_test(a_length_below_the_header_ends_the_walk),
	cmocka_unit_test(a_length_past_the_end_ends_the_walk),
	cmocka_unit_test(bytes_too_few_for_a_header_are_said),
	cmocka_unit_test(the_other_abi_misreads_and_says_so),
	cmocka_unit_test(level_0_is_read_by_the_sockets_family),
	cmocka_unit_test(what_the_kernel_cut_is_decoded_as_far_as_it_goes),
	cmocka_unit_test(payloads_that_contradict_themselves_are_malformed),
	cmocka_unit_test(what_was_captured_in_part_is_said_to_be),
	cmocka_unit_test(an_exhausted_arena_is_said),
};
RG_UNIT_MAIN(tests)
