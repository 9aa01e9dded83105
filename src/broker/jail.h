/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RG_BROKER_JAIL_H
#define RG_BROKER_JAIL_H

#include <stdbool.h>

/*
 * From here on the calling thread, and every thread it starts, can use only the system calls that serving
 * needs; all others fail with EPERM. No program can be executed, no process started, no socket made, no file
 * opened for writing (but with `files`, which SQLite needs), no memory made executable. For good. 0, or
 * -errno: then nothing changed.
 */
int rg_jail(bool files);

#endif
