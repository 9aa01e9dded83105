/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RG_BROKER_CREDS_H
#define RG_BROKER_CREDS_H

#include <sys/socket.h>

/* Make credentials that the kernel translated for the supervisor those that thread tid would have seen: pid
 * in its pid namespace (0 when not visible there), uid and gid in its user namespace (overflow id when
 * unmapped). */
void rg_creds_translate(int tid, struct ucred *uc);

#endif
