/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RECVGUARD_SCHEMA_H
#define RECVGUARD_SCHEMA_H

#include <recvguard/error.h>

/* The JSON Schema (draft 2020-12) of the native JSON format, made from the event tables. The caller frees it
 * with free(); NULL: out of memory. */
char *rg_schema_json(struct rg_err *err);

#endif
