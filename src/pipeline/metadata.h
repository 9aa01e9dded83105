/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RG_PIPELINE_METADATA_H
#define RG_PIPELINE_METADATA_H

#include <recvguard/trace.h>

/* rg_trace_opts.metadata beside options, a filter or a policy that need the full record: -EINVAL, and why. */
extern const char rg_metadata_note[]; /* what is said of it at the start */
int rg_metadata_check(const struct rg_trace_opts *opts, struct rg_err *err);

#endif
