/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RG_POLICY_CLASSES_H
#define RG_POLICY_CLASSES_H

/*
 * The values of one dimension, cut where any test of it can change its outcome: between two cuts every test
 * is constant, so one value speaks for all. Values are numbers of 128 bits: plain numbers as they are, IPv6
 * addresses and names of at most 16 bytes high byte first.
 */
#include "policy/lower/enforce.h"

typedef unsigned __int128 rg_u128;

struct rg_cut {
	rg_u128 at;
	uint32_t lit; /* whose test it is */
};

/* Where the tests of lit on dimension dim change. points: they are single values (a cut at each), else the
 * places where an interval begins. false: *points could not be kept (some test is of a range). */
bool rg_cuts_points(const struct rg_enf_lit *lit, unsigned dim, uint32_t index, struct rg_buf *out);
void rg_cuts_ranges(const struct rg_enf_lit *lit, unsigned dim, uint32_t index, struct rg_buf *out);

/* An event (and element) with one value of dimension dim, for tests of it. */
struct rg_sample {
	struct rg_event *ev;
	struct rg_addr addr;
	char text[4096];
	struct rg_node child, elem, fds[256];
};
void rg_sample_number(struct rg_sample *s, unsigned dim, rg_u128 v);
/* text: NUL-terminated, cut at 4095 bytes. */
void rg_sample_text(struct rg_sample *s, unsigned dim, const char *text);
void rg_sample_absent(struct rg_sample *s);
bool rg_sample_test(const struct rg_sample *s, const struct rg_enf_lit *lit);

/* Bits of a value in a key. */
unsigned rg_dim_bits(unsigned dim);
bool rg_dim_is_text(unsigned dim);

#endif
