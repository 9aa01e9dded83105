/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RG_SINK_KEYS_H
#define RG_SINK_KEYS_H

#include <recvguard/event.h>

/*
 * The fixed text of native JSON, made once from the field table: the key of each field, what stands between
 * two fields of different objects, and the quoted names of small enumerations. Pieces have a fixed size so
 * that copying one is three moves.
 */
#define RG_PIECE 48
struct rg_piece {
	char text[RG_PIECE - 1];
	uint8_t len;
};

#define RG_GROUPS     24 /* objects: the root, proc, proc.ns, ... */
#define RG_QUICK_ENUM 64

struct rg_quick_names {
	struct {
		char text[23]; /* with quotes */
		uint8_t len;   /* 0: not here, look it up */
	} v[RG_QUICK_ENUM];
};

struct rg_keys {
	struct rg_piece key[RG_F__COUNT]; /* ,"name": */
	uint8_t group[RG_F__COUNT];
	const struct rg_quick_names *quick[RG_F__COUNT]; /* ENUM with a table of its own, else NULL */
	unsigned n_groups;
	struct {
		const char *path; /* "sock.local.addr" for sock.local: the first path_len bytes count */
		uint8_t path_len; /* the root: 0 */
	} groups[RG_GROUPS];
	struct rg_piece first[RG_GROUPS];	       /* {"sock":{"local":{ */
	struct rg_piece between[RG_GROUPS][RG_GROUPS]; /* },"msg":{  or ,  */
	struct rg_piece last[RG_GROUPS];	       /* closes down to the root, which stays open */
};

const struct rg_keys *rg_keys_get(void);

#endif
