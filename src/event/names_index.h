/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RG_EVENT_NAMES_INDEX_H
#define RG_EVENT_NAMES_INDEX_H

#include <stddef.h>

#include <recvguard/event.h>

/* The long tables, sorted by value (of equal values the printed name first): rg_name_of() halves them. */
struct rg_names_sorted {
	const struct rg_name *names;
	size_t n;
};
extern const struct rg_names_sorted rg_names_sorted[]; /* ends with a NULL table */

#endif
