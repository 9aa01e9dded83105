/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RG_ENRICH_READ_H
#define RG_ENRICH_READ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Reading that cannot wait: no FIFO, no remote attribute fetch. */

/* At most max bytes of a regular file (or of one in /proc), NUL-terminated, to be freed. NULL: not there, not
 * a regular file, larger, out of memory. */
char *rg_read_file(int dirfd, const char *path, size_t max, size_t *ret_len);

/* /proc/PID, held open: whatever is read below it is of this very process, never of a successor with the same
 * number. -errno. */
int rg_proc_open(const char *proc_root, uint32_t pid);
/* Start of the process in clock ticks since boot; -ESRCH gone, -EINVAL unreadable. comm: 16 bytes, or NULL.
 */
int rg_proc_start(int procfd, uint64_t *ret_ticks, char *comm);
/* CLOCK_BOOTTIME ns -> clock ticks, as the kernel prints them in /proc/PID/stat. */
uint64_t rg_ticks(uint64_t boot_ns);
/* Path of the executable, to be freed, and its device (user space dev_t) and inode; NULL: unknown. */
char *rg_proc_exe(int procfd, uint64_t *ret_dev, uint64_t *ret_ino);

#endif
