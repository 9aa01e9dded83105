/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RG_BROKER_CMSG_OUT_H
#define RG_BROKER_CMSG_OUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

/*
 * The control messages the supervisor received, packed again as the kernel would have packed them for the
 * program: its buffer's length, its ABI's header and alignment, cut and flagged at the same byte
 * (net/core/scm.c put_cmsg, scm_detach_fds; net/compat.c put_cmsg_compat, scm_detach_fds_compat).
 */

struct rg_cmsg_out {
	char *buf;   /* in: at least as long as the control data given */
	size_t room; /* in: msg_controllen of the caller, 0 when it passed no buffer */
	bool compat; /* in: i386 */
	/* in: descriptors and control messages to leave out, by index; NULL: none */
	const uint64_t *strip_fd, *strip_cmsg;
	/* in: install descriptors first..first+n-1 (of all that the message carried); their numbers go to
	 * ret. `at` is where in the buffer the numbers will stand. Returns how many were installed. */
	unsigned (*install)(void *arg, size_t at, const unsigned *index, unsigned n, int *ret);
	/* in: make credentials those the program would see; NULL: as they are */
	void (*creds)(void *arg, struct ucred *uc);
	void *arg;

	size_t used;	/* out: msg_controllen to report */
	size_t written; /* out: bytes of buf to write; padding at the end is not written */
	bool ctrunc;	/* out: MSG_CTRUNC */
};

void rg_cmsg_pack(struct rg_cmsg_out *o, const char *control, size_t controllen);

#endif
