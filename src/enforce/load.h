/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RG_ENFORCE_LOAD_H
#define RG_ENFORCE_LOAD_H

#include "enforce/pins.h"
#include "policy/lower/enforce.h"

/* tables.c: write img as generation gen, which nobody uses yet; take the entries of a generation out. */
int rg_enf_tables_write(const struct rg_enf_fds *f, const struct rg_enf_image *img, uint32_t gen,
			struct rg_err *err);
void rg_enf_tables_drop(const struct rg_enf_fds *f, uint32_t gen);
int rg_enf_ctl_read(const struct rg_enf_fds *f, struct rg_enf_ctl *ret);
int rg_enf_ctl_write(const struct rg_enf_fds *f, const struct rg_enf_ctl *ctl);
void rg_enf_grace(void);

/* hooks.c: load the programs and maps and pin them, nothing attached but what was needed to see that hooks
 * are called. -EOPNOTSUPP: this kernel calls none of them. */
int rg_enf_hooks_load(const struct rg_pins *p, enum rg_enf_backend *ret, struct rg_err *err);
/* Attach what the image needs; with drop, detach the rest. */
int rg_enf_hooks_attach(const struct rg_pins *p, enum rg_enf_backend be, const struct rg_enf_image *img,
			bool tree, struct rg_err *err);
void rg_enf_hooks_detach(const struct rg_pins *p, enum rg_enf_backend be, const struct rg_enf_image *img,
			 bool tree);

/* load.c: compile nothing, put an image in force. */
struct rg_enf_load {
	const struct rg_enf_image *img;
	bool audit;
	uint64_t for_ns;
	int tree;
};
int rg_enf_load(struct rg_pins *p, const struct rg_enf_load *l, struct rg_err *err);

/* status.c */
struct rg_enforce_status;
int rg_enf_status(const struct rg_pins *p, struct rg_enforce_status *ret, struct rg_err *err);
int rg_enf_stop(struct rg_pins *p, struct rg_err *err);

#endif
