/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RG_PIPELINE_ENFORCE_NAMES_H
#define RG_PIPELINE_ENFORCE_NAMES_H

#include "policy/lower/enforce.h"

/* How this machine's names are looked up. */
/* A control group that may be named by its folder, by its path in the hierarchy of version 2. */
const char *rg_enforce_group_path(const char *name);
/* The folder of a control group given by its path in the hierarchy of version 2, NULL: of its root. False: it
 * is not there. */
bool rg_enforce_group(const char *name, char *out, size_t size);
void rg_enforce_names(struct rg_enf_names *ret);

#endif
