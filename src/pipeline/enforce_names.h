/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RG_PIPELINE_ENFORCE_NAMES_H
#define RG_PIPELINE_ENFORCE_NAMES_H

#include "policy/lower/enforce.h"

/* How this machine's names are looked up. */
void rg_enforce_names(struct rg_enf_names *ret);

#endif
