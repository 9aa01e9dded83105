/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RG_KERNEL_MATCH_H
#define RG_KERNEL_MATCH_H

#include <recvguard/error.h>

#include "abi/match.h"

/* A match program into an object that includes bpf/lib/match.h: the sizes of its sets before load, their
 * contents and the program after. m NULL: none. Errors: -ENOENT, -errno of the maps. */
struct bpf_object;
int rg_match_size(struct bpf_object *obj, const struct rg_match *m, struct rg_err *err);
int rg_match_fill(struct bpf_object *obj, const struct rg_match *m, struct rg_err *err);

#endif
