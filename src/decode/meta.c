/* SPDX-License-Identifier: BSD-2-Clause */
/* A record of --metadata (struct rg_rec_meta) to an event: every field that has no RG_TAG_FULL. */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "decode/record.h"

#define K RG_TAG_K

static void put_call(const struct rg_rec_meta *m, const struct rg_clock *c, struct rg_event *ev)
{
	unsigned route = m->route < RG_RT__COUNT ? m->route : RG_RT_UNKNOWN;

	rg_set_i(ev, RG_F_EVENT, rg_routes[route].event, K);
	rg_set_i(ev, RG_F_DETAIL, RG_DETAIL_METADATA, K);
	rg_set_u(ev, RG_F_TIME, m->ts + (uint64_t)c->mono, K);
	rg_set_u(ev, RG_F_CPU, m->h.cpu, K);
	rg_set_i(ev, RG_F_ROUTE, route, K);
	rg_set_u(ev, RG_F_PEEK, (m->mflags & RG_MF_PEEK) != 0, K);
	rg_set_i(ev, RG_F_RET, m->ret, K);
	if (m->user_msg)
		rg_set_u(ev, RG_F_MSG_USER, m->user_msg, K);
	if (m->has_flags)
		rg_set_u(ev, RG_F_MSG_FLAGS, m->flags, K);
}

static void put_who(const struct rg_rec_meta *m, const struct rg_clock *c, struct rg_event *ev)
{
	rg_set_u(ev, RG_F_PROC_PID, m->pid, K);
	rg_set_u(ev, RG_F_PROC_TID, m->h.tid, K);
	rg_set_u(ev, RG_F_PROC_PPID, m->ppid, K);
	rg_set_u(ev, RG_F_PROC_UID, m->uid, K);
	rg_set_u(ev, RG_F_PROC_GID, m->gid, K);
	rg_set_str(ev, RG_F_PROC_COMM, m->comm, (uint32_t)strnlen(m->comm, RG_COMM_LEN), K);
	rg_set_u(ev, RG_F_PROC_START, m->start + (uint64_t)c->boot, K);
	rg_set_u(ev, RG_F_PROC_LEADER_START, m->leader_start + (uint64_t)c->boot, K);
	rg_set_u(ev, RG_F_PROC_PARENT_START, m->parent_start + (uint64_t)c->boot, K);
	rg_set_u(ev, RG_F_PROC_CGROUP_ID, m->cgroup_id, K);
	rg_set_u(ev, RG_F_PROC_COMPAT, (m->mflags & RG_MF_COMPAT) != 0, K);
}

static void put_sock(const struct rg_rec_meta *m, size_t slot, struct rg_event *ev)
{
	const uint8_t *local = (const uint8_t *)(m + 1);

	if (m->fd >= 0)
		rg_set_i(ev, RG_F_SOCK_FD, m->fd, K);
	if (m->cookie) /* the legacy tier cannot have one made */
		rg_set_u(ev, RG_F_SOCK_COOKIE, m->cookie, K);
	if (m->sock_ino)
		rg_set_u(ev, RG_F_SOCK_INODE, m->sock_ino, K);
	rg_set_u(ev, RG_F_SOCK_NETNS, m->netns, K);
	rg_set_i(ev, RG_F_SOCK_FAMILY, m->family, K);
	rg_set_i(ev, RG_F_SOCK_TYPE, m->type, K);
	rg_set_i(ev, RG_F_SOCK_PROTOCOL, m->protocol, K);
	rg_put_end(ev, RG_F_SOCK_LOCAL_ADDR, RG_F_SOCK_LOCAL_PORT, local, m->local_len);
	rg_put_end(ev, RG_F_SOCK_REMOTE_ADDR, RG_F_SOCK_REMOTE_PORT, local + slot, m->remote_len);
	if (m->family == AF_UNIX)
		rg_put_path(ev);
}

int rg_decode_meta(const struct rg_rec_hdr *rec, size_t size, const struct rg_clock *clock,
		   struct rg_event *ev)
{
	const struct rg_rec_meta *m = (const struct rg_rec_meta *)rec;
	size_t slot;

	rg_event_reset(ev);
	if (size < sizeof(*m) || rec->type != RG_REC_META || rec->version != RG_ABI_VERSION)
		return -EINVAL;
	slot = (size - sizeof(*m)) / 2;
	if (slot % 8 || m->local_len > slot || m->remote_len > slot)
		return -EINVAL;
	put_call(m, clock, ev);
	put_who(m, clock, ev);
	put_sock(m, slot, ev);
	return 0;
}
