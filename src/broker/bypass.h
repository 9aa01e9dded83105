/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RG_BROKER_BYPASS_H
#define RG_BROKER_BYPASS_H

#include <sys/stat.h>

/*
 * Descriptors that give received data through shared memory, without a system call that the filter could
 * stop: an io_uring ring (its kernel thread receives), a packet socket with a ring, an AF_XDP socket. What
 * sets them up is closed to the program; it must not be handed one that was set up elsewhere.
 */

/* Its name for people, or NULL when fd is none of them. st: of fd. *family: of a socket, else -1. */
const char *rg_bypass(int fd, const struct stat *st, int *family);
/* Close those that this process holds; each is told to `say` (NULL: nobody). */
void rg_bypass_close(void (*say)(void *arg, const char *line), void *arg);

#endif
