/* SPDX-License-Identifier: BSD-2-Clause */
#include <linux/netlink.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "broker/event.h"
#include "decode/sockaddr.h"

#ifndef SO_NETNS_COOKIE
#define SO_NETNS_COOKIE 71
#endif

/* One end of the socket. True when it has a name. */
static bool end(struct rg_event *ev, enum rg_field addr, enum rg_field port,
		const struct sockaddr_storage *ss, socklen_t len)
{
	int32_t p = -1;
	const struct rg_addr *a;

	if (len > sizeof(*ss))
		len = sizeof(*ss);
	a = rg_sockaddr_addr(ev, (const uint8_t *)ss, len, &p);
	if (!a)
		return false;
	ev->v[addr].addr = a;
	ev->tag[addr] = RG_TAG_K;
	if (p >= 0)
		rg_set_u(ev, port, (uint32_t)p, RG_TAG_K);
	return true;
}

void rg_event_sock(struct rg_broker *b, struct rg_call *c, bool all)
{
	struct rg_event *ev = b->ev;
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);
	struct stat st;

	rg_set_i(ev, RG_F_SOCK_FAMILY, c->family, RG_TAG_K);
	rg_set_i(ev, RG_F_SOCK_TYPE, c->type, RG_TAG_K);
	if (rg_event_wants(b, all, RG_F_SOCK_INODE, RG_F_SOCK_INODE) && fstat(c->sock, &st) == 0)
		rg_set_u(ev, RG_F_SOCK_INODE, st.st_ino, RG_TAG_K);
	rg_set_u(ev, RG_F_SOCK_COOKIE, c->cookie, RG_TAG_K);
	rg_set_i(ev, RG_F_SOCK_PROTOCOL, c->protocol, RG_TAG_K);
	if (!rg_event_wants(b, all, RG_F_SOCK_PATH, RG_F_SOCK_REMOTE_PORT))
		return;
	len = sizeof(ss);
	if (getsockname(c->sock, (struct sockaddr *)&ss, &len) == 0)
		end(ev, RG_F_SOCK_LOCAL_ADDR, RG_F_SOCK_LOCAL_PORT, &ss, len);
	len = sizeof(ss);
	if (getpeername(c->sock, (struct sockaddr *)&ss, &len) == 0)
		end(ev, RG_F_SOCK_REMOTE_ADDR, RG_F_SOCK_REMOTE_PORT, &ss, len);
	if (c->family == AF_UNIX) {
		enum rg_field f =
			rg_has(ev, RG_F_SOCK_LOCAL_ADDR) ? RG_F_SOCK_LOCAL_ADDR : RG_F_SOCK_REMOTE_ADDR;

		if (rg_has(ev, f))
			rg_set_str(ev, RG_F_SOCK_PATH, ev->v[f].addr->text, ev->v[f].addr->text_len,
				   RG_TAG_K);
	}
}

static bool message_creds(const struct rg_rx *rx, struct ucred *uc)
{
	struct msghdr m = {.msg_control = (void *)rx->control, .msg_controllen = rx->controllen};

	for (struct cmsghdr *h = CMSG_FIRSTHDR(&m); h; h = CMSG_NXTHDR(&m, h))
		if (h->cmsg_level == SOL_SOCKET && h->cmsg_type == SCM_CREDENTIALS &&
		    h->cmsg_len == CMSG_LEN(sizeof(*uc))) {
			memcpy(uc, CMSG_DATA(h), sizeof(*uc));
			return true;
		}
	return false;
}

void rg_event_sender(struct rg_broker *b, struct rg_call *c, bool all)
{
	struct rg_event *ev = b->ev;
	struct ucred uc = {0, (uid_t)-1, (gid_t)-1};
	socklen_t len = sizeof(uc);
	enum rg_how how = RG_HOW_MESSAGE;
	bool known;

	if (!rg_event_wants(b, all, RG_F_SENDER_PID, RG_F_SENDER_HOW))
		return;
	known = message_creds(&b->rx, &uc);

	if (c->family == AF_NETLINK && b->rx.namelen >= sizeof(struct sockaddr_nl)) {
		struct sockaddr_nl nl;

		memcpy(&nl, b->rx.name, sizeof(nl));
		if (!nl.nl_pid) {
			rg_set_i(ev, RG_F_SENDER_HOW, RG_HOW_KERNEL, RG_TAG_K);
			return;
		}
	}
	if (!known && c->family == AF_UNIX) {
		how = RG_HOW_CONNECT;
		known = getsockopt(c->sock, SOL_SOCKET, SO_PEERCRED, &uc, &len) == 0 && uc.uid != (uid_t)-1;
	}
	if (!known)
		return;
	rg_set_u(ev, RG_F_SENDER_UID, uc.uid, RG_TAG_K);
	rg_set_u(ev, RG_F_SENDER_GID, uc.gid, RG_TAG_K);
	rg_set_i(ev, RG_F_SENDER_HOW, how, RG_TAG_K);
	if (uc.pid <= 0)
		return;
	rg_set_u(ev, RG_F_SENDER_PID, (uint64_t)uc.pid, RG_TAG_K);
	/* Read now: the sender may be another program since. */
	if (rg_event_wants(b, all, RG_F_SENDER_COMM, RG_F_SENDER_COMM))
		rg_event_comm(ev, RG_F_SENDER_COMM, uc.pid, RG_TAG_LATE);
	if (rg_event_wants(b, all, RG_F_SENDER_EXE, RG_F_SENDER_EXE))
		rg_event_exe(ev, RG_F_SENDER_EXE, uc.pid, RG_TAG_LATE);
}
