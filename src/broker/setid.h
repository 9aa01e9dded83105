/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RG_BROKER_SETID_H
#define RG_BROKER_SETID_H

#include <stdbool.h>
#include <stddef.h>

/* Does the command (found as execvp finds it) get privileges by its file, which no_new_privs takes away? Then
 * line says so. */
bool rg_setid_line(const char *name, char *line, size_t cap);

#endif
