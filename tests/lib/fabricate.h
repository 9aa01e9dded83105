/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RG_TESTS_FABRICATE_H
#define RG_TESTS_FABRICATE_H

#include <recvguard/event.h>

/* A fixed set of events for golden files, schema validation, round trips and the writer's benchmark: ordinary
 * messages of several families, findings, losses, hostile bytes and extreme numbers. */

unsigned fab_count(void);
unsigned fab_plain_count(void); /* the first ones, without those made of every field's extremes */
const char *fab_name(unsigned i);
/* Reset ev and fill it with event i. */
void fab_event(unsigned i, struct rg_event *ev);

enum { FAB_TYPICAL = 0 }; /* what the benchmark writes: a unix stream message with 64 bytes of payload */

#endif
