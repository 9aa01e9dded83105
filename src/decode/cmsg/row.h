/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RG_DECODE_CMSG_ROW_H
#define RG_DECODE_CMSG_ROW_H

/*
 * How the table of control messages is written down: each level's file holds an array of rows. A row is
 * declarative (its fields say where in the payload they are) or brings a function for what has no fixed
 * place.
 */
#include <string.h>

#include "base/cleanup.h"
#include "decode/cmsg.h"

#define RG_SCM_PIDFD 4 /* asm-generic/socket.h, Linux 6.5; absent from older headers */

/* One control message being decoded. */
struct rg_cm_row;
struct rg_cm_in {
	const uint8_t *p; /* payload */
	size_t len;
	const struct rg_cmsg_ctx *ctx;
	const struct rg_cm_row *row;
	struct rg_builder *out; /* the element */
	bool at_end;		/* the control bytes end with it */
	const char *bad;	/* set by a decoder that finds the payload wrong: words for `malformed` */
	size_t want;		/* set by a decoder: bytes the payload itself says it has */
};

struct rg_cm_row {
	struct rg_cmsg_type t;
	void (*decode)(struct rg_cm_in *in); /* NULL: by t.fields alone; len is at least the type's minimum */
	struct rg_name self[2];		     /* names of the node that says the type */
};

struct rg_cm_level {
	struct rg_name self[2];
	const struct rg_cm_row *rows;
	size_t n_rows;
	uint16_t family; /* the level means this only on sockets of that family; 0: on all others */
};

extern const struct rg_cm_level rg_cm_socket, rg_cm_ip, rg_cm_ipv6, rg_cm_tcp, rg_cm_udp, rg_cm_tls,
	rg_cm_netlink, rg_cm_packet, rg_cm_sctp, rg_cm_can_raw, rg_cm_j1939, rg_cm_bluetooth, rg_cm_hci,
	rg_cm_wpan, rg_cm_misdn, rg_cm_llc, rg_cm_tipc, rg_cm_rxrpc, rg_cm_rds, rg_cm_iucv, rg_cm_vsock,
	rg_cm_alg;

/* Writing rows. A level's file defines CM_LEVEL as `"SOL_X", nr`. */
#define CM_SIZE(n)		 n, n, n, n
#define CM_SIZES(a64, a32)	 a64, a64, a32, a32
#define CM_RANGE(lo, hi)	 lo, hi, lo, hi
#define CM_EXPAND(...)		 __VA_ARGS__
#define CM_LEVEL_NAME_(name, nr) name
#define CM_LEVEL_NR_(name, nr)	 nr
#define CM_APPLY_(m, args)	 m(args)
#define CM_LEVEL_NAME_X(...)	 CM_LEVEL_NAME_(__VA_ARGS__)
#define CM_LEVEL_NR_X(...)	 CM_LEVEL_NR_(__VA_ARGS__)

#define CM_R   RG_CMSG_RECV
#define CM_S   RG_CMSG_SEND
#define CM_RS  (RG_CMSG_RECV | RG_CMSG_SEND)
#define CM_U   RG_CMSG_UNIT
#define CM_UL  (RG_CMSG_UNIT | RG_CMSG_LIVE)
#define CM_ALL (RG_CMSG_UNIT | RG_CMSG_LIVE | RG_CMSG_LIVE32)
#define CM_UM  (RG_CMSG_UNIT | RG_CMSG_MACHINE | RG_CMSG_MACHINE32)

#define CM_ROW_(name, nr, dirs, tests, sizes, fields, n, fn, since, enabled, doc) \
	{                                                                         \
		{CM_LEVEL_NAME_X(CM_LEVEL),                                       \
		 name,                                                            \
		 CM_LEVEL_NR_X(CM_LEVEL),                                         \
		 nr,                                                              \
		 dirs,                                                            \
		 tests,                                                           \
		 sizes,                                                           \
		 since,                                                           \
		 enabled,                                                         \
		 doc,                                                             \
		 fields,                                                          \
		 n},                                                              \
			fn,                                                       \
		{                                                                 \
			{nr, name},                                               \
			{                                                         \
				0, NULL                                           \
			}                                                         \
		}                                                                 \
	}
/* A row by its fields; one with a function; one without payload or fields. */
#define CM_ROW(name, nr, dirs, tests, sizes, fields, since, enabled, doc)                                    \
	CM_ROW_(name, nr, dirs, tests, CM_EXPAND(sizes), fields, RG_ARRAY_LEN(fields), NULL, since, enabled, \
		doc)
#define CM_ROWFN(name, nr, dirs, tests, sizes, fields, fn, since, enabled, doc)                            \
	CM_ROW_(name, nr, dirs, tests, CM_EXPAND(sizes), fields, RG_ARRAY_LEN(fields), fn, since, enabled, \
		doc)
#define CM_EMPTY(name, nr, dirs, tests, since, enabled, doc) \
	CM_ROW_(name, nr, dirs, tests, CM_SIZE(0), NULL, 0, NULL, since, enabled, doc)
#define CM_ERRQUEUE(name, nr, tests, max, since, enabled, doc)                                      \
	CM_ROW_(name, nr, CM_R, tests, CM_RANGE(16, max), rg_cm_exterr_fields, RG_CM_EXTERR_FIELDS, \
		rg_cm_exterr, since, enabled, doc)

/* Fields: place, type; D: found by the row's function. */
#define CM_F(name, read, off, type, unit, doc)                                             \
	{                                                                                  \
		name, unit, doc, NULL, RG_T_##type, RG_CR_##read, off, off, 0, 0, 0, false \
	}
#define CM_FN(name, read, off, type, names, doc) /* named values */                       \
	{                                                                                 \
		name, "", doc, names, RG_T_##type, RG_CR_##read, off, off, 0, 0, 0, false \
	}
#define CM_F2(name, read, off64, off32, type, unit, doc)                                       \
	{                                                                                      \
		name, unit, doc, NULL, RG_T_##type, RG_CR_##read, off64, off32, 0, 0, 0, false \
	}
#define CM_BITS(name, read, off, type, names, shift, bits, doc)                                  \
	{                                                                                        \
		name, "", doc, names, RG_T_##type, RG_CR_##read, off, off, shift, bits, 0, false \
	}
#define CM_OPT(name, read, off64, off32, type, unit, doc)                                     \
	{                                                                                     \
		name, unit, doc, NULL, RG_T_##type, RG_CR_##read, off64, off32, 0, 0, 0, true \
	}
#define CM_FLAG(name, read, off, names, doc)                                             \
	{                                                                                \
		name, "", doc, names, RG_T_FLAGS, RG_CR_##read, off, off, 0, 0, 0, false \
	}
#define CM_D(name, type, unit, names, doc)                                         \
	{                                                                          \
		name, unit, doc, names, RG_T_##type, RG_CR_FN, 0, 0, 0, 0, 0, true \
	}

#define CM_LEVEL_DEF(sym, family_)                                                 \
	const struct rg_cm_level rg_cm_##sym = {                                   \
		{{CM_LEVEL_NR_X(CM_LEVEL), CM_LEVEL_NAME_X(CM_LEVEL)}, {0, NULL}}, \
		rows,                                                              \
		RG_ARRAY_LEN(rows),                                                \
		family_}

/* Unaligned reads in host byte order, and network order. */
static inline uint16_t rg_cm_u16(const uint8_t *p)
{
	uint16_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}
static inline uint32_t rg_cm_u32(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}
static inline uint64_t rg_cm_u64(const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}
static inline uint16_t rg_cm_be16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}
static inline uint32_t rg_cm_be32(const uint8_t *p)
{
	return (uint32_t)rg_cm_be16(p) << 16 | rg_cm_be16(p + 2);
}

/* Bytes field f needs in this ABI. */
size_t rg_cm_width(const struct rg_cmsg_field *f, bool compat);
/* Decode the row's fields that lie within the payload; the first `base` bytes of it are skipped. */
void rg_cm_fields(struct rg_cm_in *in, size_t base);
/* Decode one field at p (len bytes there). */
void rg_cm_field(struct rg_cm_in *in, const struct rg_cmsg_field *f, const uint8_t *p, size_t len);

/* Addresses, as nodes of the element. */
void rg_cm_add_ip4(struct rg_builder *b, const char *name, const uint8_t ip[4]);
void rg_cm_add_ip6(struct rg_builder *b, const char *name, const uint8_t ip[16]);

/* Shared decoders. */
#define RG_CM_EXTERR_FIELDS 21
extern const struct rg_cmsg_field rg_cm_exterr_fields[RG_CM_EXTERR_FIELDS];
void rg_cm_exterr(struct rg_cm_in *in); /* struct sock_extended_err, offender */
#define RG_CM_OPT_STATS_FIELDS 35
extern const struct rg_cmsg_field rg_cm_opt_stats_fields[RG_CM_OPT_STATS_FIELDS];
void rg_cm_opt_stats(struct rg_cm_in *in); /* netlink attributes of SCM_TIMESTAMPING_OPT_STATS */

extern const struct rg_name rg_cm_ecn[]; /* RFC 3168 */

#endif
