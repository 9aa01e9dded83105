/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RG_SINK_INTERN_H
#define RG_SINK_INTERN_H

#include "base/buf.h"

/* Numbers for byte strings that repeat. Bounded: when full it forgets everything, and numbers go on rising.
 */
#define INTERN_SLOTS 65536 /* a power of two; half of them are used at most */

struct intern {
	struct intern_slot *slots;
	struct rg_buf keys;
	unsigned used;
	int64_t next; /* the last number given out */
};

/* The number of key; *fresh: it was given out just now. Negative errno without memory. */
int64_t intern(struct intern *t, const void *key, size_t len, bool *fresh);
/* Every key is new again; numbers go on rising. */
void intern_forget(struct intern *t);
void intern_free(struct intern *t);

#endif
