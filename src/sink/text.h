/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RG_SINK_TEXT_H
#define RG_SINK_TEXT_H

#include <recvguard/event.h>

#include "sink/pen.h"

/* The parts of the readable line. Each writes at the pen and leaves it plain. */

/* What a value from user memory is marked with: the program could have changed it. */
void text_mark(struct pen *p, uint8_t tag);
/* "unix stream /run/x ← weston[991]", at most max columns (0: all). tmp is scratch. */
void text_socket(struct pen *p, const struct rg_event *ev, unsigned max, struct rg_buf *tmp);
/* Names of set bits without their prefix up to the first '_', separated by sep. */
void text_flags(struct pen *p, uint64_t u, const struct rg_name *names, const char *sep);
/* "9 memfd wayland-shm 7.9M, 10 socket 127.0.0.1:443" */
void text_fds(struct pen *p, const struct rg_event *ev);
/* "SCM_CREDENTIALS pid=991 uid=1000 gid=1000" */
bool text_has_cmsgs(const struct rg_event *ev); /* any beside those that the descriptors tell */
void text_cmsgs(struct pen *p, const struct rg_event *ev);
/* 1.5ms, 8.0M: three digits that matter. */
void text_duration(struct pen *p, uint64_t ns);
void text_bytes(struct pen *p, uint64_t bytes);

#endif
