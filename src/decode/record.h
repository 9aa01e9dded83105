/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RG_DECODE_RECORD_H
#define RG_DECODE_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <recvguard/event.h>

#include "abi/record.h"

/* From records of the kernel side (abi/record.h) to a decoded event. No libbpf, no /proc. */

/* What turns the kernel's clocks into UTC: nanoseconds to add. */
struct rg_clock {
	int64_t mono, boot;
};

/*
 * The parts (payload, descriptors) that came before their message, by thread. Bounded: threads beyond
 * RG_PARTS_THREADS push out the longest unused one, whose parts count as lost.
 */
#define RG_PARTS_THREADS 4096
struct rg_parts;
struct rg_parts *rg_parts_new(void);
void rg_parts_free(struct rg_parts *p);
/* Keep a part: RG_REC_DATA or RG_REC_FILE. 0; -EINVAL: malformed; -ENOMEM. */
int rg_parts_add(struct rg_parts *p, const struct rg_rec_hdr *rec, size_t size);
/* Parts dropped because their message never came or memory ran out, since the last call. */
uint64_t rg_parts_dropped(struct rg_parts *p);

/* A message as it was sent. Its members before h were not: they must not be looked at (abi/record.h). */
static inline const struct rg_rec_msg *rg_rec_msg_of(const struct rg_rec_hdr *rec)
{
	return (const struct rg_rec_msg *)((const char *)rec - RG_MSG_HEAD);
}

/* A message that came whole (abi/enforce.h), without payload, name and control data, in the form in which it
 * is sent: for rg_decode_msg. */
struct rg_rec_packed {
	union {
		struct rg_rec_hdr h;
		uint64_t room[(RG_MSG_FIXED + 2 * RG_NAME_MAX + RG_UTS_LEN) / 8];
	};
	size_t size; /* bytes of it that are filled */
};
void rg_rec_msg_pack(const struct rg_rec_msg *m, struct rg_rec_packed *out);

/*
 * Decode a message into ev (which is reset first). parts may be NULL. *lost_parts: how many parts that the
 * record speaks of are missing. The event's values point into rec: valid as long as rec is.
 * 0, or -EINVAL: the record contradicts itself (ev is then empty).
 */
int rg_decode_msg(const struct rg_rec_hdr *rec, size_t size, struct rg_parts *parts,
		  const struct rg_clock *clock, struct rg_event *ev, unsigned *lost_parts);

/* The same of a record of --metadata. */
int rg_decode_meta(const struct rg_rec_hdr *rec, size_t size, const struct rg_clock *clock,
		   struct rg_event *ev);
/* A socket's end: its address and, where it has one, its port. sa points into the record. */
void rg_put_end(struct rg_event *ev, enum rg_field addr, enum rg_field port, const uint8_t *sa, size_t len);
/* sock.path of a unix socket whose ends are set. */
void rg_put_path(struct rg_event *ev);

/* parts.c, for record.c: what is kept for a message; NULL when there is nothing. */
struct rg_part_set {
	const uint8_t *data; /* bytes [data_at, data_at + data_len) of the payload, contiguous */
	uint64_t data_at;
	size_t data_len;
	const struct rg_rec_file *const *files; /* n_files, in the order they came */
	unsigned n_files;
};
const struct rg_part_set *rg_parts_take(struct rg_parts *p, uint32_t tid, uint64_t msg_no);

/* files.c: one element of the event's fd list. fd < 0: number not known. file NULL: only the number is known.
 */
void rg_decode_file(struct rg_builder *list, const struct rg_rec_file *file, size_t size, int fd,
		    uint8_t fd_tag);
/* The path whose components (file first, each NUL-terminated) stand in comps; cut: the ones nearest the root
 * are missing, which shows as a leading "/...". Returns its length, at most cap; not NUL-terminated. */
size_t rg_path_text(const char *comps, size_t len, bool cut, char *out, size_t cap);
/* What kind of file it is (enum rg_fdkind). */
int rg_file_kind(const struct rg_rec_file *file);

#endif
