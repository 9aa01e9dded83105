/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RG_DECODE_DISSECTOR_H
#define RG_DECODE_DISSECTOR_H

/*
 * What a dissector is given, and what it is: docs/howto-add-dissector.md. Dissectors read hostile bytes: they
 * see them through the functions below, which never read past the payload, and write through struct rg_text.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

#include <recvguard/event.h>

#include "base/text.h"

/* The payload: len bytes are here, of full that were delivered (snaplen cuts). */
struct rg_payload {
	const uint8_t *p;
	size_t len, full;
};

/* The socket. */
struct rg_dissect_ctx {
	uint16_t family;  /* AF_* */
	uint16_t type;	  /* SOCK_*, 0 unknown */
	int32_t protocol; /* -1 unknown */
	int32_t ports[3]; /* local, remote, of msg.name; -1 none */
	const char *path; /* unix: sock.path, not NUL-terminated; NULL none */
	size_t path_len;
	bool local_path; /* path is the name this socket itself is bound to, not its peer's */
	bool send;
};

struct rg_dissector {
	const char *name; /* msg.protocol */
	/* Could it be? Decided by family, protocol, ports, path and the first bytes: this runs for every
	 * message. */
	bool (*match)(const struct rg_dissect_ctx *c, const struct rg_payload *p);
	/* Write the line. false: it is something else after all; what was written is forgotten. */
	bool (*summary)(const struct rg_dissect_ctx *c, const struct rg_payload *p, struct rg_text *out);
};

extern const struct rg_dissector rg_dissect_netlink, rg_dissect_uevent, rg_dissect_dbus, rg_dissect_dns,
	rg_dissect_http, rg_dissect_journal, rg_dissect_notify, rg_dissect_syslog, rg_dissect_wayland,
	rg_dissect_x11, rg_dissect_varlink, rg_dissect_json, rg_dissect_ssh, rg_dissect_tls;

/* ---- reading ---- */

static inline bool rg_pl_has(const struct rg_payload *p, size_t off, size_t n)
{
	return off <= p->len && n <= p->len - off;
}
/* Was the payload cut by snaplen? Then what is missing at its end was there. */
static inline bool rg_pl_cut(const struct rg_payload *p)
{
	return p->len < p->full;
}
static inline uint16_t rg_u16(const uint8_t *p)
{
	uint16_t v;

	memcpy(&v, p, 2);
	return v;
}
static inline uint32_t rg_u32(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, 4);
	return v;
}
static inline uint16_t rg_be16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}
static inline uint32_t rg_be32(const uint8_t *p)
{
	return (uint32_t)rg_be16(p) << 16 | rg_be16(p + 2);
}
static inline bool rg_pl_starts(const struct rg_payload *p, const char *s, size_t n)
{
	return p->len >= n && !memcmp(p->p, s, n);
}
#define RG_PL_STARTS(p, literal) rg_pl_starts(p, literal, sizeof(literal) - 1)

/* Part of the payload, cut at its end. */
static inline struct rg_payload rg_pl_sub(const struct rg_payload *p, size_t off, size_t n)
{
	size_t room = off <= p->len ? p->len - off : 0;

	return (struct rg_payload){p->p + (off <= p->len ? off : p->len), n < room ? n : room, n};
}

static inline bool rg_ctx_port(const struct rg_dissect_ctx *c, int32_t port)
{
	return c->ports[0] == port || c->ports[1] == port || c->ports[2] == port;
}
static inline bool rg_ctx_inet(const struct rg_dissect_ctx *c)
{
	return c->family == AF_INET || c->family == AF_INET6;
}
/* Does the socket's path end so? */
bool rg_ctx_path_ends(const struct rg_dissect_ctx *c, const char *end);
/* Does the last component of the socket's path begin so? */
bool rg_ctx_base_starts(const struct rg_dissect_ctx *c, const char *start);

/* Bytes up to (not with) the first c within the payload, or all of them; *ret_found says which. */
size_t rg_pl_until(const struct rg_payload *p, size_t off, char c, bool *ret_found);
/* Write part of the payload escaped, at most max bytes of it, with "..." where it was longer. */
void rg_pl_text(struct rg_text *out, const uint8_t *s, size_t n, size_t max);

#endif
