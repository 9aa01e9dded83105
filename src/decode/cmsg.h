/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RG_DECODE_CMSG_H
#define RG_DECODE_CMSG_H

#include <recvguard/cmsg.h>

/* What the decoder must know of the socket and the call. */
struct rg_cmsg_ctx {
	bool compat; /* 12-byte headers, 4-byte alignment */
	bool send;   /* control bytes of a send call: nothing in them can be "cut by the kernel" */
	bool errqueue;
	bool partial; /* the bytes are only the beginning of the control data: recvguard kept no more */
	uint16_t family, type, protocol; /* of the socket: level 0 is four protocols' level */
	uint8_t tag;			 /* enum rg_tag bits of every value decoded, 0: as the list field */
	uint32_t sender_pid;		 /* by the credentials of the message, 0: it has none */
};

/* Decode control bytes as the receiver got them into list (the event's cmsg field). Returns the number of
 * elements added, malformed ones included. Never reads outside [p, p + len); p needs no alignment. */
unsigned rg_decode_cmsgs(const uint8_t *p, size_t len, const struct rg_cmsg_ctx *ctx,
			 struct rg_builder *list);

/* The descriptor numbers of every SCM_RIGHTS in control bytes, in order: at most max go to fds, the number
 * found is returned (it may exceed max). */
unsigned rg_cmsg_fds(const uint8_t *p, size_t len, bool compat, int *fds, unsigned max);

/* Walking control bytes, for those who handle them one by one (the broker repacks them). */
struct rg_cmsg_walk {
	const uint8_t *p, *end;
	bool compat;
};
struct rg_cmsg_view {
	const uint8_t *at;   /* the header */
	const uint8_t *data; /* payload, len bytes; all in bounds */
	size_t len;
	uint64_t cmsg_len; /* as written in the header */
	int32_t level, type;
	bool at_end;	 /* nothing follows, not even padding: where the kernel cuts, it cuts here */
	const char *bad; /* the header is not sound: why; then data and len are all the bytes that are left,
			  * header included, and the walk is over */
	bool header;	 /* level, type and cmsg_len were there to be read */
};
void rg_cmsg_walk(struct rg_cmsg_walk *w, const uint8_t *p, size_t len, bool compat);
bool rg_cmsg_next(struct rg_cmsg_walk *w, struct rg_cmsg_view *ret);

#endif
