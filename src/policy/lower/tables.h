/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RG_POLICY_TABLES_H
#define RG_POLICY_TABLES_H

/* Between tables.c (numbers), texts.c (names) and image.c (the whole): one stage, one dimension at a time. */
#include "policy/lower/classes.h"

#define RG_ROW_SLOTS 16384 /* of the hash over rows: above RG_ENF_ROWS */

/* A test on the dimension at hand, of the clause at `bit`; sorted by bit. */
struct rg_entry {
	const struct rg_enf_lit *lit;
	uint32_t bit;
};

struct rg_tables {
	struct rg_enf_image *img;
	const struct rg_enf_names *names;
	struct rg_err *err;
	enum rg_enf_stage stage;
	unsigned dim;
	struct rg_entry *entry;
	uint32_t n_entries;
	struct rg_enf_row all;	/* every clause of the stage */
	struct rg_enf_row base; /* those without a test on this dimension */
	struct rg_sample sample;
	uint32_t slot[RG_ROW_SLOTS];
	uint64_t tests;
	bool oom;
	int r; /* the first error */
};

uint32_t rg_tables_row(struct rg_tables *t, struct rg_enf_row *row);
/* The row of what t->sample holds. */
uint32_t rg_tables_sampled(struct rg_tables *t);
void rg_tables_mask(struct rg_tables *t, rg_u128 mask);
void rg_tables_key(struct rg_tables *t, unsigned mask, rg_u128 v, uint32_t row);

void rg_tables_numbers(struct rg_tables *t); /* tables.c */
void rg_tables_paths(struct rg_tables *t);   /* texts.c: RG_D_PATH */
void rg_tables_names(struct rg_tables *t);   /* texts.c: executables, control groups */
/* Control groups below which a test holds: which ancestor level it is about, as a dimension. -1: none exists.
 * -2: more levels than there are dimensions, or one container at several. */
int rg_tables_tree(struct rg_tables *t, const struct rg_enf_lit *lit);

#endif
