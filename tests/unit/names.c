/* SPDX-License-Identifier: BSD-2-Clause */
/* Names of the kernel's numbers: looked up both ways, and held against the C library where it knows better.
 */
#include "tests/lib/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include <recvguard/event.h>

static const struct rg_name *const sorted[] = {
	rg_names_families, rg_names_socktypes,	    rg_names_errnos,	  rg_names_ipprotos, rg_names_fdkinds,
	rg_names_events,   rg_names_netlink_protos, rg_names_etherprotos, rg_names_routes};

static const char *first_of(const struct rg_name *t, uint64_t value)
{
	for (; t->name; t++)
		if (t->value == value)
			return t->name;
	return NULL;
}

static void every_name_leads_to_its_value_and_back(void **state)
{
	for (size_t i = 0; i < sizeof(sorted) / sizeof(sorted[0]); i++)
		for (const struct rg_name *r = sorted[i]; r->name; r++) {
			uint64_t v;

			assert_int_equal(rg_name_value(sorted[i], r->name, strlen(r->name), &v), 0);
			assert_int_equal(v, r->value);
			assert_ptr_equal(rg_name_of(sorted[i], r->value), first_of(sorted[i], r->value));
		}
}

static void values_between_and_beyond_have_no_name(void **state)
{
	for (size_t i = 0; i < sizeof(sorted) / sizeof(sorted[0]); i++) {
		for (uint64_t v = 0; v < 70000; v++)
			assert_ptr_equal(rg_name_of(sorted[i], v), first_of(sorted[i], v));
		assert_null(rg_name_of(sorted[i], UINT64_MAX));
	}
	assert_null(rg_name_of(NULL, 0));
}

/* glibc names errnos by a table of its own. */
static void errnos_are_those_of_the_c_library(void **state)
{
	int known = 0;

	for (int e = 1; e < 512; e++) {
		const char *ours = rg_name_of(rg_names_errnos, (uint64_t)e), *theirs = strerrorname_np(e);

		assert_int_equal(!ours, !theirs);
		if (ours) {
			assert_string_equal(ours, theirs);
			known++;
		}
	}
	assert_true(known > 130);
	assert_string_equal(rg_name_of(rg_names_errnos, 512), "ERESTARTSYS");
}

static void printed_names_are_the_usual_ones(void **state)
{
	assert_string_equal(rg_name_of(rg_names_families, AF_UNIX), "unix");
	assert_string_equal(rg_name_of(rg_names_families, AF_NETLINK), "netlink");
	assert_string_equal(rg_name_of(rg_names_families, AF_INET6), "inet6");
	assert_string_equal(rg_name_of(rg_names_families, 45), "mctp");
	assert_string_equal(rg_name_of(rg_names_socktypes, SOCK_SEQPACKET), "seqpacket");
	assert_string_equal(rg_name_of(rg_names_ipprotos, IPPROTO_ICMP), "icmp");
	assert_string_equal(rg_name_of(rg_names_ipprotos, 262), "mptcp");
	assert_string_equal(rg_name_of(rg_names_ipprotos, 0), "ip");
	assert_string_equal(rg_name_of(rg_names_netlink_protos, 4), "sock_diag");
	assert_string_equal(rg_name_of(rg_names_etherprotos, 0x86dd), "ipv6");
	assert_string_equal(rg_name_of(rg_names_openflags, O_CLOEXEC), "O_CLOEXEC");
	assert_string_equal(rg_name_of(rg_names_seals, 1), "F_SEAL_SEAL");
	assert_string_equal(rg_name_of(rg_names_fdkinds, RG_FDK_DMABUF), "dma-buf");
	assert_string_equal(rg_name_of(rg_names_msgflags, 0x8000), "MSG_MORE");
	assert_string_equal(rg_name_of(rg_names_msgoutflags, 0x8000), "MSG_NOTIFICATION");
}

/* A printer that takes rows in order and clears what it named must meet composites before their parts. */
static void composite_flags_come_before_their_parts(void **state)
{
	static const struct rg_name *const flags[] = {rg_names_openflags, rg_names_seals, rg_names_msgflags};

	for (size_t i = 0; i < 3; i++)
		for (const struct rg_name *a = flags[i]; a->name; a++)
			for (const struct rg_name *b = flags[i]; b < a; b++) {
				assert_int_not_equal(a->value, 0);
				assert_false((a->value & b->value) == b->value && a->value != b->value);
			}
}

static void every_flag_says_what_it_means(void **state)
{
	for (const struct rg_msgflag_info *f = rg_msgflags; f->name; f++) {
		assert_string_equal(rg_name_of(rg_names_msgflags, f->value), f->name);
		assert_int_equal(!!(f->dirs & RG_MSGFLAG_OUT), f->returned[0] != 0);
		if (f->dirs & (RG_MSGFLAG_IN | RG_MSGFLAG_SEND))
			assert_true(f->given[0] != 0);
	}
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(every_name_leads_to_its_value_and_back),
	cmocka_unit_test(values_between_and_beyond_have_no_name),
	cmocka_unit_test(errnos_are_those_of_the_c_library),
	cmocka_unit_test(printed_names_are_the_usual_ones),
	cmocka_unit_test(composite_flags_come_before_their_parts),
	cmocka_unit_test(every_flag_says_what_it_means),
};
RG_UNIT_MAIN(tests)
