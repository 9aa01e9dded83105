/* SPDX-License-Identifier: BSD-2-Clause */
#include <linux/rxrpc.h>
#include <string.h>

#include "base/cleanup.h"
#include "broker/cmsg_out.h"

#ifndef SCM_PIDFD
#define SCM_PIDFD 4
#endif
#ifndef SOL_RXRPC
#define SOL_RXRPC 272
#endif

#define HDR64	16u
#define HDR32	12u
#define MAX_FDS 256

static size_t header(const struct rg_cmsg_out *o)
{
	return o->compat ? HDR32 : HDR64;
}

static size_t align(const struct rg_cmsg_out *o, size_t n)
{
	size_t a = o->compat ? 4 : 8;

	return (n + a - 1) & ~(a - 1);
}

static size_t left(const struct rg_cmsg_out *o)
{
	return o->room - o->used;
}

static bool bit(const uint64_t *set, unsigned i)
{
	return set && i < 256 && (set[i / 64] >> (i % 64) & 1);
}

static void put_header(struct rg_cmsg_out *o, size_t len, int level, int type)
{
	char *p = o->buf + o->used;

	/* The padding after the message before, which has room of its own by now. */
	if (o->used > o->written)
		memset(o->buf + o->written, 0, o->used - o->written);
	if (o->compat) {
		memcpy(p, &(uint32_t){(uint32_t)len}, 4);
		memcpy(p + 4, &level, 4);
		memcpy(p + 8, &type, 4);
	} else {
		memcpy(p, &(uint64_t){len}, 8);
		memcpy(p + 8, &level, 4);
		memcpy(p + 12, &type, 4);
	}
}

/* A message of n bytes was put at `used`, cut to len (header included): account for it. */
static void advance(struct rg_cmsg_out *o, size_t len, size_t n)
{
	size_t space = header(o) + align(o, n);

	o->written = o->used + len;
	o->used += space < left(o) ? space : left(o);
}

static void put(struct rg_cmsg_out *o, int level, int type, const void *data, size_t n)
{
	size_t len = header(o) + n;

	if (left(o) < header(o)) {
		o->ctrunc = true;
		return;
	}
	if (left(o) < len) {
		o->ctrunc = true;
		len = left(o);
	}
	put_header(o, len, level, type);
	memcpy(o->buf + o->used + header(o), data, len - header(o));
	advance(o, len, n);
}

/* Messages whose payload holds longs: {level, type, number of 64-bit words that become 32-bit}. */
static const struct {
	int level, type;
	unsigned words;
} narrowed[] = {
	{SOL_SOCKET, 29, 2}, /* SO_TIMESTAMP_OLD */
	{SOL_SOCKET, 35, 2}, /* SO_TIMESTAMPNS_OLD */
	{SOL_SOCKET, 37, 6}, /* SO_TIMESTAMPING_OLD */
	{SOL_RXRPC, RXRPC_USER_CALL_ID, 1},
};

static void put_plain(struct rg_cmsg_out *o, const struct cmsghdr *c, size_t n)
{
	uint32_t w32[6];

	for (size_t i = 0; o->compat && i < RG_ARRAY_LEN(narrowed); i++) {
		if (narrowed[i].level != c->cmsg_level || narrowed[i].type != c->cmsg_type ||
		    n != 8 * narrowed[i].words)
			continue;
		for (unsigned w = 0; w < narrowed[i].words; w++) {
			uint64_t v;

			memcpy(&v, CMSG_DATA(c) + 8 * w, 8);
			w32[w] = (uint32_t)v;
		}
		put(o, c->cmsg_level, c->cmsg_type, w32, 4 * narrowed[i].words);
		return;
	}
	put(o, c->cmsg_level, c->cmsg_type, CMSG_DATA(c), n);
}

static void put_creds(struct rg_cmsg_out *o, const struct cmsghdr *c)
{
	struct ucred uc;

	memcpy(&uc, CMSG_DATA(c), sizeof(uc));
	if (o->creds)
		o->creds(o->arg, &uc);
	put(o, SOL_SOCKET, SCM_CREDENTIALS, &uc, sizeof(uc));
}

/* Descriptors first..first+n-1, those not stripped: as many as there is room for, as many as can be had. */
static void put_rights(struct rg_cmsg_out *o, unsigned first, unsigned n)
{
	unsigned index[MAX_FDS], want = 0, got = 0;
	int fds[MAX_FDS];
	size_t max = left(o) <= header(o) ? 0 : (left(o) - header(o)) / sizeof(int), len;

	for (unsigned i = first; i < first + n && want < MAX_FDS; i++)
		if (!bit(o->strip_fd, i))
			index[want++] = i;
	if (want < n || want > max)
		o->ctrunc = true;
	if (want > max)
		want = (unsigned)max;
	if (want)
		got = o->install(o->arg, o->used + header(o), index, want, fds);
	if (got < want)
		o->ctrunc = true;
	if (!got)
		return;
	len = header(o) + got * sizeof(int);
	put_header(o, len, SOL_SOCKET, SCM_RIGHTS);
	memcpy(o->buf + o->used + header(o), fds, got * sizeof(int));
	advance(o, len, got * sizeof(int));
}

/* Never cut: it fits whole or is left out. A negative number is the kernel's error, passed on. */
static void put_pidfd(struct rg_cmsg_out *o, const struct cmsghdr *c, unsigned index)
{
	int fd;

	memcpy(&fd, CMSG_DATA(c), sizeof(fd));
	if (left(o) < header(o) + sizeof(int) || (fd >= 0 && bit(o->strip_fd, index))) {
		o->ctrunc = true;
		return;
	}
	if (fd >= 0 && o->install(o->arg, o->used + header(o), &index, 1, &fd) != 1) {
		o->ctrunc = true;
		return;
	}
	put(o, SOL_SOCKET, SCM_PIDFD, &fd, sizeof(fd));
}

void rg_cmsg_pack(struct rg_cmsg_out *o, const char *control, size_t controllen)
{
	struct msghdr m = {.msg_control = (void *)(uintptr_t)control, .msg_controllen = controllen};
	unsigned index = 0, fds = 0;

	o->used = o->written = 0;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&m); c; c = CMSG_NXTHDR(&m, c), index++) {
		size_t n = c->cmsg_len - CMSG_LEN(0);
		bool sock = c->cmsg_level == SOL_SOCKET, skip = bit(o->strip_cmsg, index);

		if (skip)
			o->ctrunc = true;
		if (sock && c->cmsg_type == SCM_RIGHTS) {
			unsigned count = (unsigned)(n / sizeof(int));

			if (!skip)
				put_rights(o, fds, count);
			fds += count;
		} else if (sock && c->cmsg_type == SCM_PIDFD && n == sizeof(int)) {
			if (!skip)
				put_pidfd(o, c, fds);
			fds++;
		} else if (skip) {
			continue;
		} else if (sock && c->cmsg_type == SCM_CREDENTIALS && n == sizeof(struct ucred)) {
			put_creds(o, c);
		} else {
			put_plain(o, c, n);
		}
	}
}
