/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a socket is: asked once, and found again by its cookie, which the kernel never gives twice. So a
 * number that means another socket meanwhile is never taken for the old one.
 */
#include <errno.h>
#include <sys/socket.h>

#include "broker/broker.h"

#ifndef SO_COOKIE
#define SO_COOKIE 57
#endif
#ifndef SO_PEEK_OFF
#define SO_PEEK_OFF 42
#endif

static int ask(int sock, int name, int otherwise)
{
	int v;
	socklen_t n = sizeof(v);

	return getsockopt(sock, SOL_SOCKET, name, &v, &n) == 0 ? v : otherwise;
}

static void learn(struct rg_broker *b, int sock, struct rg_fact *f)
{
	f->family = ask(sock, SO_DOMAIN, AF_UNSPEC);
	f->type = ask(sock, SO_TYPE, 0);
	f->protocol = ask(sock, SO_PROTOCOL, 0);
	if (f->type != SOCK_STREAM)
		return;
	/* Set before the filter was there, or by whoever sent the socket. */
	b->peek_offsets |= ask(sock, SO_PEEK_OFF, -1) >= 0;
	b->low_marks |= ask(sock, SO_RCVLOWAT, 1) != 1;
}

int rg_fact(struct rg_broker *b, struct rg_call *c)
{
	uint64_t cookie;
	socklen_t n = sizeof(cookie);
	struct rg_fact *f;

	if (getsockopt(c->sock, SOL_SOCKET, SO_COOKIE, &cookie, &n) < 0)
		return errno == EBADF ? -EBADF : -ENOTSOCK;
	f = &b->facts[cookie % RG_FACTS];
	if (f->cookie != cookie) {
		learn(b, c->sock, f);
		f->cookie = cookie;
	}
	c->cookie = cookie;
	c->family = f->family;
	c->type = f->type;
	c->protocol = f->protocol;
	c->stream = c->type == SOCK_STREAM;
	if (c->family == AF_INET6) /* IPV6_ADDRFORM makes another of it */
		c->family = ask(c->sock, SO_DOMAIN, AF_INET6);
	return 0;
}

void rg_fact_option(struct rg_broker *b, int level, int name)
{
	b->peek_offsets |= level == SOL_SOCKET && name == SO_PEEK_OFF;
	b->low_marks |= level == SOL_SOCKET && name == SO_RCVLOWAT;
}
