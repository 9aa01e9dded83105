/* SPDX-License-Identifier: BSD-2-Clause */
#include "stat/key.h"

#include <sys/socket.h>

#include "sink/pen.h"

static void show(struct rg_buf *b, const char *p, size_t len)
{
	rg_show(b, p, len, false, false, 0);
}

static void show_field(struct rg_buf *b, const struct rg_event *ev, enum rg_field f)
{
	if (rg_has(ev, f))
		show(b, ev->v[f].p, ev->v[f].len);
}

static void add_uint(struct rg_buf *b, const struct rg_event *ev, enum rg_field f)
{
	uint64_t u = rg_has(ev, f) ? ev->v[f].u : 0;

	rg_buf_add(b, &u, sizeof(u));
}

/* "comm[pid]" */
static void show_process(struct rg_buf *b, const struct rg_event *ev, enum rg_field comm, enum rg_field pid)
{
	if (rg_has(ev, comm))
		show_field(b, ev, comm);
	else
		rg_buf_char(b, '?');
	if (rg_has(ev, pid)) {
		rg_buf_char(b, '[');
		rg_buf_u64(b, ev->v[pid].u);
		rg_buf_char(b, ']');
	}
}

static bool family_is(const struct rg_event *ev, int family)
{
	return rg_has(ev, RG_F_SOCK_FAMILY) && ev->v[RG_F_SOCK_FAMILY].i == family;
}

static const struct rg_node *name_part(const struct rg_event *ev, const char *part)
{
	return rg_has(ev, RG_F_MSG_NAME) ? rg_node_find(ev->v[RG_F_MSG_NAME].node, part) : NULL;
}

/* The other end's address without its port, which is another one for each connection. */
static bool peer_address(struct rg_buf *b, const struct rg_event *ev)
{
	const struct rg_node *addr = name_part(ev, "addr"), *path = name_part(ev, "path");
	const struct rg_addr *a = NULL;

	if (addr && addr->type == RG_T_ADDR)
		a = addr->v.addr;
	else if (rg_has(ev, RG_F_SOCK_REMOTE_ADDR))
		a = ev->v[RG_F_SOCK_REMOTE_ADDR].addr;
	if (a)
		show(b, a->text, a->text_len);
	else if (path)
		show(b, path->v.p, path->v.len);
	return a || path;
}

static void peer_name(struct rg_buf *b, const struct rg_event *ev)
{
	const char *family;

	if (rg_has(ev, RG_F_SENDER_PID) && ev->v[RG_F_SENDER_PID].u)
		return show_process(b, ev, RG_F_SENDER_COMM, RG_F_SENDER_PID);
	if ((rg_has(ev, RG_F_SENDER_HOW) && ev->v[RG_F_SENDER_HOW].i == RG_HOW_KERNEL) ||
	    family_is(ev, AF_NETLINK)) {
		rg_buf_str(b, "kernel");
		return;
	}
	if (peer_address(b, ev))
		return;
	family = rg_has(ev, RG_F_SOCK_FAMILY) ? rg_name_of(rg_names_families, ev->v[RG_F_SOCK_FAMILY].u)
					      : NULL;
	rg_buf_str(b, "unknown (");
	rg_buf_str(b, family ? family : "?");
	rg_buf_char(b, ')');
}

static void show_enum(struct rg_buf *b, const struct rg_event *ev, enum rg_field f)
{
	const char *name = rg_has(ev, f) ? rg_name_of(rg_event_names(ev, f), ev->v[f].u) : NULL;

	if (name)
		rg_buf_str(b, name);
	else if (rg_has(ev, f))
		rg_buf_i64(b, ev->v[f].i);
}

static void show_end(struct rg_buf *b, const struct rg_event *ev, enum rg_field addr, enum rg_field port)
{
	bool six;

	if (!rg_has(ev, addr))
		return;
	six = ev->v[addr].addr->ip_len == 16 && rg_has(ev, port);
	rg_buf_str(b, six ? "[" : "");
	show(b, ev->v[addr].addr->text, ev->v[addr].addr->text_len);
	rg_buf_str(b, six ? "]" : "");
	if (rg_has(ev, port)) {
		rg_buf_char(b, ':');
		rg_buf_u64(b, ev->v[port].u);
	}
}

/* "udp", "unix stream", "netlink route": the address tells one IP from the other. */
static void socket_kind(struct rg_buf *b, const struct rg_event *ev)
{
	bool ip = family_is(ev, AF_INET) || family_is(ev, AF_INET6);

	if (ip && rg_has(ev, RG_F_SOCK_PROTOCOL) &&
	    rg_name_of(rg_event_names(ev, RG_F_SOCK_PROTOCOL), ev->v[RG_F_SOCK_PROTOCOL].u))
		return show_enum(b, ev, RG_F_SOCK_PROTOCOL);
	show_enum(b, ev, RG_F_SOCK_FAMILY);
	rg_buf_char(b, ' ');
	show_enum(b, ev, family_is(ev, AF_NETLINK) ? RG_F_SOCK_PROTOCOL : RG_F_SOCK_TYPE);
}

/* "unix stream /run/x", "udp 127.0.0.1:53 <- 10.0.0.1:99"; then whose */
static void socket_name(struct rg_buf *b, const struct rg_event *ev)
{
	socket_kind(b, ev);
	rg_buf_char(b, ' ');
	if (rg_has(ev, RG_F_SOCK_PATH) && ev->v[RG_F_SOCK_PATH].len)
		show_field(b, ev, RG_F_SOCK_PATH);
	else if (rg_has(ev, RG_F_SOCK_LOCAL_PORT))
		show_end(b, ev, RG_F_SOCK_LOCAL_ADDR, RG_F_SOCK_LOCAL_PORT);
	else if (rg_has(ev, RG_F_SOCK_INODE)) {
		rg_buf_char(b, '#');
		rg_buf_u64(b, ev->v[RG_F_SOCK_INODE].u);
	}
	if (rg_has(ev, RG_F_SOCK_REMOTE_PORT)) {
		rg_buf_str(b, " <- ");
		show_end(b, ev, RG_F_SOCK_REMOTE_ADDR, RG_F_SOCK_REMOTE_PORT);
	}
	rg_buf_char(b, ' ');
	show_process(b, ev, RG_F_PROC_COMM, RG_F_PROC_PID);
}

static void container_name(struct rg_buf *b, const struct rg_event *ev)
{
	enum { SHORT = 12 };

	if (rg_has(ev, RG_F_CONTAINER_NAME))
		show_field(b, ev, RG_F_CONTAINER_NAME);
	else if (rg_has(ev, RG_F_CONTAINER_ID))
		show(b, ev->v[RG_F_CONTAINER_ID].p,
		     ev->v[RG_F_CONTAINER_ID].len < SHORT ? ev->v[RG_F_CONTAINER_ID].len : SHORT);
	else
		rg_buf_str(b, "host");
}

void stat_name(struct rg_buf *b, enum rg_stat_by by, const struct rg_event *ev)
{
	switch (by) {
	case RG_BY_PROCESS: show_process(b, ev, RG_F_PROC_COMM, RG_F_PROC_PID); break;
	case RG_BY_SOCKET: socket_name(b, ev); break;
	case RG_BY_PEER: peer_name(b, ev); break;
	default: container_name(b, ev); break;
	}
}

void stat_key(struct rg_buf *b, enum rg_stat_by by, const struct rg_event *ev)
{
	switch (by) {
	case RG_BY_PROCESS:
		if (rg_has(ev, RG_F_PROC_PID)) {
			add_uint(b, ev, RG_F_PROC_PID);
			add_uint(b, ev, RG_F_PROC_LEADER_START);
		}
		break;
	case RG_BY_SOCKET:
		if (rg_has(ev, RG_F_SOCK_COOKIE)) {
			add_uint(b, ev, RG_F_SOCK_COOKIE);
		} else if (rg_has(ev, RG_F_SOCK_INODE)) {
			add_uint(b, ev, RG_F_SOCK_INODE);
			add_uint(b, ev, RG_F_SOCK_NETNS);
		}
		break;
	case RG_BY_PEER:
		if (rg_has(ev, RG_F_SENDER_PID) && ev->v[RG_F_SENDER_PID].u) {
			rg_buf_char(b, 'p');
			add_uint(b, ev, RG_F_SENDER_PID);
		} else {
			rg_buf_char(b, 'a');
			peer_name(b, ev);
		}
		break;
	default:
		if (rg_has(ev, RG_F_CONTAINER_ID))
			rg_buf_add(b, ev->v[RG_F_CONTAINER_ID].p, ev->v[RG_F_CONTAINER_ID].len);
		else
			rg_buf_str(b, "host");
		break;
	}
}
