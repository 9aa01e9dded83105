/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RG_CLI_JSON_H
#define RG_CLI_JSON_H

#include <stdio.h>

/* A JSON string with its quotes; bytes that are not UTF-8 become U+FFFD. */
void cli_json_str(FILE *f, const char *s);

#endif
