/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RG_SINK_PACK_H
#define RG_SINK_PACK_H

#include <recvguard/event.h>

#include "base/buf.h"

/*
 * Lists and objects of an event (msg.name, msg.iov, cmsg, fd) as bytes and back, for recordings.
 * Self-contained: the names of enumerators and flags that occur travel along, so that what was decoded by one
 * version of the tables reads the same with another. Numbers are base-128 varints, strings carry their NUL.
 */

/* Append all LIST and OBJECT fields that are present. */
void rg_pack_lists(struct rg_buf *b, const struct rg_event *ev);

/* Rebuild them into ev, whose tags are set already. Strings stay where they are in p, which must outlive the
 * event. map: this program's field for each field number of the writer, -1 unknown, n_map entries.
 * -EBADMSG: the bytes are not what rg_pack_lists writes; -ENOMEM. */
int rg_unpack_lists(struct rg_event *ev, const void *p, size_t len, const int *map, size_t n_map);

#endif
