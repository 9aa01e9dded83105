/* SPDX-License-Identifier: BSD-2-Clause */
#include <sched.h>
#include <time.h>

#include "broker/event.h"
#include "broker/sys.h"
#include "decode/cmsg.h"
#include "decode/dissect/dissect.h"
#include "decode/sockaddr.h"

static uint64_t realtime(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static void fill_call(struct rg_broker *b, struct rg_call *c)
{
	struct rg_event *ev = b->ev;

	rg_set_i(ev, RG_F_EVENT, rg_routes[c->route].event, RG_TAG_K);
	rg_set_u(ev, RG_F_ID, b->events + 1, RG_TAG_K);
	rg_set_u(ev, RG_F_TIME, realtime(), RG_TAG_K);
	rg_set_u(ev, RG_F_CPU, (uint64_t)sched_getcpu(), RG_TAG_K);
	rg_set_u(ev, RG_F_PROC_COMPAT, c->compat, RG_TAG_K);
	rg_set_i(ev, RG_F_ROUTE, c->route, RG_TAG_K);
	if (c->kind == RG_CALL_MMSG)
		rg_set_u(ev, RG_F_BATCH, c->done, RG_TAG_K);
	rg_set_u(ev, RG_F_PEEK, !!(c->flags & MSG_PEEK), RG_TAG_K);
	rg_set_i(ev, RG_F_SOCK_FD, c->fd, RG_TAG_K);
}

static bool fill_message(struct rg_broker *b, struct rg_call *c, bool all)
{
	const struct rg_rx *rx = &b->rx;
	struct rg_event *ev = b->ev;
	struct rg_builder sub;

	rg_set_i(ev, RG_F_RET, (int64_t)(c->flags & MSG_TRUNC ? rx->full : rx->n), RG_TAG_K);
	rg_set_u(ev, RG_F_MSG_SIZE, rx->full, RG_TAG_K);
	rg_set_bytes(ev, RG_F_MSG_DATA, rx->data, (uint32_t)rx->n, (uint32_t)rx->n, RG_TAG_K);
	rg_set_u(ev, RG_F_MSG_FLAGS, (uint32_t)c->flags, RG_TAG_K);
	rg_set_u(ev, RG_F_MSG_OUT_FLAGS, (uint32_t)rx->flags & ~(uint32_t)MSG_CMSG_CLOEXEC, RG_TAG_K);
	rg_set_u(ev, RG_F_MSG_TRUNCATED, !!(rx->flags & MSG_TRUNC), RG_TAG_K);
	rg_set_u(ev, RG_F_MSG_NAMELEN, rx->namelen, RG_TAG_K);
	rg_set_u(ev, RG_F_MSG_CONTROLLEN, rx->controllen, RG_TAG_K);
	if (rx->namelen && rg_event_wants(b, all, RG_F_MSG_NAME, RG_F_MSG_NAME)) {
		size_t n = rx->namelen < sizeof(rx->name) ? rx->namelen : sizeof(rx->name);

		rg_build_field(&sub, ev, RG_F_MSG_NAME, RG_TAG_K);
		rg_decode_sockaddr((const uint8_t *)rx->name, n, (uint16_t)c->family, &sub);
		if (sub.full)
			return false;
	}
	return true;
}

static bool fill_control(struct rg_broker *b, struct rg_call *c)
{
	const struct rg_rx *rx = &b->rx;
	struct rg_cmsg_ctx ctx = {
		.errqueue = c->flags & MSG_ERRQUEUE,
		.family = (uint16_t)c->family,
		.type = (uint16_t)c->type,
		.protocol = rg_has(b->ev, RG_F_SOCK_PROTOCOL) ? (uint16_t)b->ev->v[RG_F_SOCK_PROTOCOL].i : 0,
		.tag = RG_TAG_K,
	};
	struct rg_builder list;

	rg_build_field(&list, b->ev, RG_F_CMSG, RG_TAG_K);
	rg_decode_cmsgs((const uint8_t *)rx->control, rx->controllen, &ctx, &list);
	return !list.full;
}

bool rg_event_fill(struct rg_broker *b, struct rg_call *c, bool all)
{
	rg_event_reset(b->ev);
	fill_call(b, c);
	rg_event_proc(b, c, all);
	rg_event_sock(b, c, all);
	rg_event_sender(b, c, all);
	if (!fill_message(b, c, all))
		return false;
	if (rg_event_wants(b, all, RG_F_CMSG, RG_F_CMSG) && !fill_control(b, c))
		return false;
	if (rg_event_wants(b, all, RG_F_FD, RG_F_FD) && !rg_event_fds(b, c, all))
		return false;
	if (rg_event_wants(b, all, RG_F_MSG_PROTOCOL, RG_F_MSG_SUMMARY))
		rg_dissect(b->ev);
	if (b->hooks.enrich && (rg_event_wants(b, all, RG_F_PROC_USER, RG_F_PROC_USER) ||
				rg_event_wants(b, all, RG_F_PROC_CGROUP, RG_F_PROC_CGROUP) ||
				rg_event_wants(b, all, RG_F_CONTAINER_ID, RG_F_CONTAINER_POD)))
		b->hooks.enrich(b->hooks.arg, b->ev, c->task->tid);
	return true;
}
