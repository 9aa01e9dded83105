/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RG_PIPELINE_EXES_H
#define RG_PIPELINE_EXES_H

#include <stddef.h>

#include <recvguard/event.h>

#include "abi/record.h"

/*
 * Executables as the kernel side named them (RG_REC_PROC), by process and inode: known also for processes
 * that are gone before /proc can be read. Fixed size: a newer process takes an older one's place.
 */
struct rg_exes;
struct rg_exes *rg_exes_new(void);
void rg_exes_free(struct rg_exes *e);
/* 0, or -EINVAL: malformed. */
int rg_exes_add(struct rg_exes *e, const struct rg_rec_hdr *rec, size_t size);
/* Set proc.exe of the event; nothing when it is not known. */
void rg_exes_event(const struct rg_exes *e, const struct rg_rec_msg *m, struct rg_event *ev);

#endif
