/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RECVGUARD_CMSG_H
#define RECVGUARD_CMSG_H

#include <recvguard/event.h>

/*
 * The table of control messages: every type a receive (or send) call of Linux can carry, with its layout in
 * both ABIs and the fields recvguard decodes from it. The decoder, `recvguard events --cmsg`, docs/cmsg.md
 * and the tests all read this one table. Sources: recvmsg(2), cmsg(3), the man page of each family, RFC 3542
 * and the kernel's put_cmsg() callers. Numbers are those of asm-generic (x86, arm, riscv).
 */

/* How the bytes of a field are read. */
enum rg_cmsg_read {
	RG_CR_FN, /* by a function of the type's own: no fixed place */
	RG_CR_U8,
	RG_CR_U16,
	RG_CR_U32,
	RG_CR_U64,
	RG_CR_S32,
	RG_CR_S64,
	RG_CR_BE16,
	RG_CR_BE32,
	RG_CR_ULONG,	 /* 8 bytes, 4 in the 32-bit ABI */
	RG_CR_TIMEVAL,	 /* seconds, microseconds, each a long of the ABI */
	RG_CR_TIMESPEC,	 /* seconds, nanoseconds, each a long of the ABI */
	RG_CR_TIMEVAL64, /* the same, 64 bits each in both ABIs */
	RG_CR_TIMESPEC64,
	RG_CR_IP4,
	RG_CR_IP6,
	RG_CR_MAC,
	RG_CR_TEXT, /* the rest of the payload, without closing NULs */
	RG_CR_REST, /* the rest of the payload, as bytes */
};

/* One decoded field of a control message. */
struct rg_cmsg_field {
	const char *name;
	const char *unit; /* "" where the value has none */
	const char *doc;
	const struct rg_name *names; /* ENUM, FLAGS */
	uint8_t type;		     /* enum rg_type */
	uint8_t read;		     /* enum rg_cmsg_read */
	uint8_t off64, off32;	     /* place in the payload; for RG_CR_FN the field's own key */
	uint8_t shift, bits;	     /* part of the integer that is meant; bits 0: all of it */
	uint16_t scale;		     /* factor to the unit, 0 as 1 */
	bool optional;		     /* left out where its bytes are zero, or the function finds none */
};

enum rg_cmsg_dirs { RG_CMSG_RECV = 1, RG_CMSG_SEND = 2 };
enum rg_cmsg_tests {
	RG_CMSG_UNIT = 1,   /* byte by byte, both ABIs (tests/unit/cmsg.c) */
	RG_CMSG_LIVE = 2,   /* received from the running kernel (tests/e2e/cmsg/) */
	RG_CMSG_LIVE32 = 4, /* the same by a 32-bit program */
	RG_CMSG_MACHINE =
		8, /* received from a kernel with the protocol's module (tests/kernel/families.sh) */
	RG_CMSG_MACHINE32 = 16, /* the same by a 32-bit program */
};
#define RG_CMSG_ANY UINT16_MAX /* a size without bound */

struct rg_cmsg_type {
	const char *level, *name; /* as in C: SOL_SOCKET, SCM_RIGHTS */
	int32_t level_nr, type_nr;
	uint8_t dirs;			     /* enum rg_cmsg_dirs */
	uint8_t tests;			     /* enum rg_cmsg_tests */
	uint16_t min64, max64, min32, max32; /* bytes of payload; max RG_CMSG_ANY: open */
	const char *since;   /* first Linux version that has it, "" where it always was there */
	const char *enabled; /* what makes the kernel send it up */
	const char *doc;
	const struct rg_cmsg_field *fields; /* n_fields of them, in the order decoded */
	size_t n_fields;
};

/* The table's rows, level by level; NULL past the end. */
size_t rg_cmsg_type_count(void);
const struct rg_cmsg_type *rg_cmsg_type_at(size_t index);

/* For expressions: the number of a level (SOL_IP), the level and number of a type (SCM_RIGHTS) by name; 0, or
 * -ENOENT. Types of different levels share numbers, and level 0 is four protocols' level: what a decoded
 * element is stands in the names tables of its own level and type nodes, so compare by name or compare both
 * numbers. */
int rg_cmsg_level_value(const char *name, size_t len, int32_t *ret);
int rg_cmsg_type_value(const char *name, size_t len, int32_t *ret_level, int32_t *ret_type);

#endif
