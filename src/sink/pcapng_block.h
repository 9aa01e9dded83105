/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RG_SINK_PCAPNG_BLOCK_H
#define RG_SINK_PCAPNG_BLOCK_H

/*
 * Blocks and options of pcapng (draft-ietf-opsawg-pcapng), in the machine's byte order, appended to a buffer.
 * A block is begun, filled, given options, and ended, which writes its lengths.
 */
#include "base/buf.h"

enum rg_ng_block { RG_NG_SHB = 0x0A0D0D0A, RG_NG_IDB = 1, RG_NG_ISB = 5, RG_NG_EPB = 6 };

enum rg_ng_opt {
	RG_NG_END = 0,
	RG_NG_COMMENT = 1,
	/* section */
	RG_NG_SHB_HARDWARE = 2,
	RG_NG_SHB_OS = 3,
	RG_NG_SHB_APPL = 4,
	/* interface */
	RG_NG_IF_NAME = 2,
	RG_NG_IF_DESCRIPTION = 3,
	RG_NG_IF_TSRESOL = 9,
	/* enhanced packet */
	RG_NG_EPB_FLAGS = 2,
	RG_NG_EPB_DROPCOUNT = 4,
	RG_NG_EPB_PACKETID = 5,
	RG_NG_EPB_PROCESS_THREAD = 8,
	/* interface statistics */
	RG_NG_ISB_IFRECV = 4,
	RG_NG_ISB_IFDROP = 5,
	RG_NG_ISB_USRDELIV = 8,
};

size_t rg_ng_begin(struct rg_buf *b, enum rg_ng_block type);
void rg_ng_u16(struct rg_buf *b, uint16_t v);
void rg_ng_u32(struct rg_buf *b, uint32_t v);
/* Two 32-bit words, high first, as block headers keep times. */
void rg_ng_time(struct rg_buf *b, uint64_t ns);
/* Zeroes up to the next multiple of 4 of what was appended since start. */
void rg_ng_pad(struct rg_buf *b, size_t start);
void rg_ng_opt(struct rg_buf *b, enum rg_ng_opt code, const void *p, size_t len);
void rg_ng_opt_str(struct rg_buf *b, enum rg_ng_opt code, const char *s);
void rg_ng_opt_u32(struct rg_buf *b, enum rg_ng_opt code, uint32_t v);
void rg_ng_opt_u64(struct rg_buf *b, enum rg_ng_opt code, uint64_t v);
/* Ends the options and the block begun at start. */
void rg_ng_end(struct rg_buf *b, size_t start);

#endif
