/* SPDX-License-Identifier: BSD-2-Clause */
#include "decode/record.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "decode/cmsg.h"
#include "decode/dissect/dissect.h"
#include "decode/sockaddr.h"

#define K RG_TAG_K
#define U (RG_TAG_U | RG_TAG_TOCTOU)

/* A record's tail, in its sections. */
struct tail {
	const uint8_t *data, *name, *control, *local, *remote;
	const struct rg_rec_iov *iov;
	const char *uts;
};

static int tail_find(const struct rg_rec_msg *r, size_t size, struct tail *t)
{
	size_t room = size - RG_MSG_FIXED;
	const uint8_t *at;

	if (r->data_len > RG_TAIL_MAX || r->name_len > RG_NAME_MAX || r->control_len > RG_TAIL_MAX)
		return -EINVAL;
	if (r->local_len > RG_NAME_MAX || r->remote_len > RG_NAME_MAX ||
	    r->iov_len > RG_IOV_KEPT * sizeof(*t->iov) || r->uts_len > RG_UTS_LEN)
		return -EINVAL;
	if ((size_t)RG_PAD8(r->data_len) + RG_PAD8(r->name_len) + RG_PAD8(r->control_len) +
		    RG_PAD8(r->local_len) + RG_PAD8(r->remote_len) + RG_PAD8(r->iov_len) +
		    RG_PAD8(r->uts_len) >
	    room)
		return -EINVAL;
	t->data = (const uint8_t *)(r + 1);
	t->name = t->data + RG_PAD8(r->data_len);
	t->control = t->name + RG_PAD8(r->name_len);
	t->local = t->control + RG_PAD8(r->control_len);
	t->remote = t->local + RG_PAD8(r->local_len);
	at = t->remote + RG_PAD8(r->remote_len);
	t->iov = (const struct rg_rec_iov *)at;
	t->uts = (const char *)at + RG_PAD8(r->iov_len);
	return 0;
}

static void pack_section(struct rg_rec_packed *out, const void *bytes, size_t n)
{
	memcpy((char *)out->room + out->size, bytes, n);
	out->size += RG_PAD8(n);
}

void rg_rec_msg_pack(const struct rg_rec_msg *m, struct rg_rec_packed *out)
{
	struct rg_rec_msg *fixed = (struct rg_rec_msg *)((char *)out->room - RG_MSG_HEAD);
	uint16_t local = m->local.len < RG_NAME_MAX ? m->local.len : RG_NAME_MAX;
	uint16_t remote = m->remote.len < RG_NAME_MAX ? m->remote.len : RG_NAME_MAX;

	memcpy(out->room, &m->h, RG_MSG_FIXED);
	out->size = RG_MSG_FIXED;
	fixed->data_len = fixed->name_len = fixed->control_len = 0;
	fixed->local_len = local;
	fixed->remote_len = remote;
	fixed->iov_len = 0;
	fixed->uts_len = RG_UTS_LEN;
	pack_section(out, m->local.sa, local);
	pack_section(out, m->remote.sa, remote);
	pack_section(out, m->uts, RG_UTS_LEN);
	fixed->h.len = (uint32_t)out->size;
}

static void put_comm(struct rg_event *ev, enum rg_field f, const char *comm)
{
	rg_set_str(ev, f, comm, (uint32_t)strnlen(comm, RG_COMM_LEN), K);
}

static void put_who(const struct rg_rec_msg *r, const struct tail *t, const struct rg_clock *c,
		    struct rg_event *ev)
{
	rg_set_u(ev, RG_F_PROC_PID, r->pid, K);
	rg_set_u(ev, RG_F_PROC_TID, r->h.tid, K);
	rg_set_u(ev, RG_F_PROC_PPID, r->ppid, K);
	rg_set_u(ev, RG_F_PROC_UID, r->uid, K);
	rg_set_u(ev, RG_F_PROC_GID, r->gid, K);
	put_comm(ev, RG_F_PROC_COMM, r->comm);
	rg_set_u(ev, RG_F_PROC_START, r->start + (uint64_t)c->boot, K);
	rg_set_u(ev, RG_F_PROC_LEADER_START, r->leader_start + (uint64_t)c->boot, K);
	rg_set_u(ev, RG_F_PROC_PARENT_START, r->parent_start + (uint64_t)c->boot, K);
	rg_set_u(ev, RG_F_PROC_CGROUP_ID, r->cgroup_id, K);
	rg_set_str(ev, RG_F_PROC_HOST, t->uts, (uint32_t)strnlen(t->uts, r->uts_len), K);
	rg_set_u(ev, RG_F_PROC_COMPAT, (r->mflags & RG_MF_COMPAT) != 0, K);
	rg_set_u(ev, RG_F_PROC_NS_PID, r->ns_pid, K);
	rg_set_u(ev, RG_F_PROC_NS_TID, r->ns_tid, K);
	rg_set_u(ev, RG_F_PROC_NS_PPID, r->ns_ppid, K);
	rg_set_u(ev, RG_F_PROC_NS_MNTNS, r->ns_mnt, K);
	rg_set_u(ev, RG_F_PROC_NS_PIDNS, r->ns_pidns, K);
}

void rg_put_end(struct rg_event *ev, enum rg_field addr, enum rg_field port, const uint8_t *sa, size_t len)
{
	int32_t p = -1;
	const struct rg_addr *x = len ? rg_sockaddr_addr(ev, sa, len, &p) : NULL;

	if (x) {
		ev->v[addr].addr = x;
		ev->tag[addr] = K;
	}
	if (p >= 0)
		rg_set_u(ev, port, (uint32_t)p, K);
}

/* The name that the socket is bound to, else the one its peer is bound to. */
void rg_put_path(struct rg_event *ev)
{
	const struct rg_addr *a = NULL;

	if (rg_has(ev, RG_F_SOCK_LOCAL_ADDR))
		a = ev->v[RG_F_SOCK_LOCAL_ADDR].addr;
	else if (rg_has(ev, RG_F_SOCK_REMOTE_ADDR))
		a = ev->v[RG_F_SOCK_REMOTE_ADDR].addr;
	if (a)
		rg_set_str(ev, RG_F_SOCK_PATH, a->text, a->text_len, K);
}

static void put_sock(const struct rg_rec_msg *r, const struct tail *t, struct rg_event *ev)
{
	if (r->fd >= 0)
		rg_set_i(ev, RG_F_SOCK_FD, r->fd, K);
	if (!(r->has & RG_HAS_SOCK))
		return;
	if (r->cookie) /* the legacy tier cannot have one made */
		rg_set_u(ev, RG_F_SOCK_COOKIE, r->cookie, K);
	if (r->sock_ino)
		rg_set_u(ev, RG_F_SOCK_INODE, r->sock_ino, K);
	rg_set_u(ev, RG_F_SOCK_NETNS, r->netns, K);
	rg_set_i(ev, RG_F_SOCK_FAMILY, r->family, K);
	rg_set_i(ev, RG_F_SOCK_TYPE, r->type, K);
	rg_set_i(ev, RG_F_SOCK_PROTOCOL, r->protocol, K);
	if (r->seq)
		rg_set_u(ev, RG_F_SEQ, r->seq, K);
	rg_put_end(ev, RG_F_SOCK_LOCAL_ADDR, RG_F_SOCK_LOCAL_PORT, t->local, r->local_len);
	rg_put_end(ev, RG_F_SOCK_REMOTE_ADDR, RG_F_SOCK_REMOTE_PORT, t->remote, r->remote_len);
	if (r->family == AF_UNIX)
		rg_put_path(ev);
}

static void put_sender(const struct rg_rec_msg *r, struct rg_event *ev)
{
	if (r->has & RG_HAS_KERNEL) {
		rg_set_i(ev, RG_F_SENDER_HOW, RG_HOW_KERNEL, K);
		return;
	}
	if (r->has & RG_HAS_CRED) {
		rg_set_u(ev, RG_F_SENDER_PID, r->cred_pid, K);
		rg_set_u(ev, RG_F_SENDER_UID, r->cred_uid, K);
		rg_set_u(ev, RG_F_SENDER_GID, r->cred_gid, K);
		rg_set_i(ev, RG_F_SENDER_HOW, RG_HOW_MESSAGE, K);
	} else if (r->has & RG_HAS_PEER && !(r->mflags & RG_MF_SEND)) {
		rg_set_u(ev, RG_F_SENDER_PID, r->peer_pid, K);
		rg_set_u(ev, RG_F_SENDER_UID, r->peer_uid, K);
		rg_set_u(ev, RG_F_SENDER_GID, r->peer_gid, K);
		rg_set_i(ev, RG_F_SENDER_HOW, RG_HOW_CONNECT, K);
	} else {
		return;
	}
	if (r->peer_comm[0])
		put_comm(ev, RG_F_SENDER_COMM, r->peer_comm);
}

static void put_call(const struct rg_rec_msg *r, const struct rg_clock *c, struct rg_event *ev)
{
	unsigned route = r->route < RG_RT__COUNT ? r->route : RG_RT_UNKNOWN;
	uint8_t joined;

	rg_set_i(ev, RG_F_EVENT,
		 route == RG_RT_UNKNOWN && r->mflags & RG_MF_SEND ? RG_EV_SENDMSG : rg_routes[route].event,
		 K);
	rg_set_u(ev, RG_F_TIME, r->ts + (uint64_t)c->mono, K);
	rg_set_u(ev, RG_F_CPU, r->h.cpu, K);
	if (r->has & RG_HAS_ENTRY && r->ts >= r->ts_entry) {
		rg_set_u(ev, RG_F_DURATION, r->ts - r->ts_entry, K);
		if (r->wait_ns != ~0ull)
			rg_set_u(ev, RG_F_WAIT, r->wait_ns, K);
	}
	rg_set_i(ev, RG_F_ROUTE, route, K);
	if (rg_routes[route].event == RG_EV_RECVMMSG || rg_routes[route].event == RG_EV_SENDMMSG)
		if (r->batch != ~0u)
			rg_set_u(ev, RG_F_BATCH, r->batch, K);
	rg_set_u(ev, RG_F_PEEK, (r->mflags & RG_MF_PEEK) != 0, K);
	rg_set_i(ev, RG_F_RET, r->ret, K);
	if (r->ret < 0 && r->ret > INT64_MIN) /* that has no negation; no call returns it */
		rg_set_i(ev, RG_F_ERROR, -r->ret, K);
	/* of a flow: which message is next is counted, and programs that share its sockets can upset the
	 * order; a datagram's is found by its buffer (bpf/lib/flow.h) */
	joined = r->msg_id >> 32 ? K | RG_TAG_TOCTOU : K;
	if (r->msg_id)
		rg_set_u(ev, RG_F_MSG_ID, r->msg_id, joined);
	if (r->send_ts && r->ts >= r->send_ts)
		rg_set_u(ev, RG_F_MSG_LATENCY, r->ts - r->send_ts, joined);
	if (r->user_msg)
		rg_set_u(ev, RG_F_MSG_USER, r->user_msg, K);
	if (r->has & RG_HAS_FLAGS)
		rg_set_u(ev, RG_F_MSG_FLAGS, r->flags, K);
}

/* Payload: what the record holds, and parts that continue it. */
static void put_data(const struct rg_rec_msg *r, const struct tail *t, const struct rg_part_set *parts,
		     struct rg_event *ev)
{
	uint8_t tag = r->has & RG_HAS_DATA ? K : U;
	uint32_t full = r->data_total > UINT32_MAX ? UINT32_MAX : (uint32_t)r->data_total;
	size_t len = r->data_len;
	const uint8_t *p = t->data;

	if (r->ret < 0)
		return;
	if (r->has & RG_HAS_MSGLEN)
		rg_set_u(ev, RG_F_MSG_SIZE, r->msg_len, K);
	else if (r->has & RG_HAS_MSGHDR && r->out_flags & MSG_TRUNC && !(r->flags & MSG_TRUNC))
		; /* cut, and by how much nobody told */
	else if (!(r->has & (RG_HAS_MSGHDR | RG_HAS_UMSGHDR)) && r->route == RG_RT_RECVMMSG &&
		 (r->family == AF_INET || r->family == AF_INET6) && r->type == SOCK_DGRAM)
		; /* whether it was cut is not known */
	else
		rg_set_u(ev, RG_F_MSG_SIZE, r->mflags & RG_MF_SEND ? r->data_total : (uint64_t)r->ret, K);
	if (!(r->has & (RG_HAS_DATA | RG_HAS_UDATA)))
		return;
	if (parts && parts->data_len && parts->data_at == len) {
		uint8_t *all = rg_event_alloc(ev, len + parts->data_len);

		if (all) {
			memcpy(all, p, len);
			memcpy(all + len, parts->data, parts->data_len);
			p = all;
			len += parts->data_len;
		}
	}
	rg_set_bytes(ev, RG_F_MSG_DATA, p, (uint32_t)len, full, tag);
}

static void put_name(const struct rg_rec_msg *r, const struct tail *t, struct rg_event *ev)
{
	struct rg_builder b;
	uint8_t tag = r->has & RG_HAS_NAME ? K : U;

	if (r->has & (RG_HAS_MSGHDR | RG_HAS_NAME))
		rg_set_u(ev, RG_F_MSG_NAMELEN, r->namelen, K);
	else if (r->has & RG_HAS_UNAME)
		rg_set_u(ev, RG_F_MSG_NAMELEN, r->namelen, U);
	if (!r->name_len)
		return;
	rg_build_field(&b, ev, RG_F_MSG_NAME, tag);
	rg_decode_sockaddr(t->name, r->name_len, r->family, &b);
}

static void put_iov(const struct rg_rec_msg *r, const struct tail *t, struct rg_event *ev)
{
	struct rg_builder list, b;

	if (!(r->has & RG_HAS_IOV))
		return;
	rg_build_field(&list, ev, RG_F_MSG_IOV, r->has & RG_HAS_IOV_K ? K : U);
	for (unsigned i = 0; i < r->n_iov && i < r->iov_len / sizeof(*t->iov); i++) {
		rg_add_object(&list, NULL, &b);
		rg_add_u(&b, "base", RG_T_UINT, t->iov[i].base);
		rg_add_u(&b, "len", RG_T_SIZE, t->iov[i].len);
	}
}

/* Descriptors: the files that travelled with the message, joined with the numbers the receiver got. */
static unsigned put_fds(const struct rg_rec_msg *r, const struct tail *t, const struct rg_part_set *parts,
			struct rg_event *ev, unsigned *missing)
{
	int nums[256];
	bool have_control = (r->has & (RG_HAS_CONTROL | RG_HAS_UCONTROL)) != 0;
	uint8_t tag = r->has & RG_HAS_CONTROL ? K : U;
	/* which numbers arrived is known when the returned control data is, or when none can be returned */
	bool known = r->has & (RG_HAS_MSGHDR | RG_HAS_UMSGHDR | RG_HAS_CONTROL | RG_HAS_UCONTROL);
	unsigned got = 0, sent = r->has & RG_HAS_FILES ? r->n_files : 0, have = parts ? parts->n_files : 0, n;
	struct rg_builder list;

	if (have_control)
		got = rg_cmsg_fds(t->control, r->control_len, r->mflags & RG_MF_COMPAT, nums, 256);
	/* the caller's memory may claim more than was attached */
	if (sent && got > sent && !(r->has & RG_HAS_CONTROL))
		got = sent;
	*missing = sent > have ? sent - have : 0;
	n = sent > got ? sent : got;
	if (!n)
		return 0;
	if (n > 253)
		n = 253;
	rg_build_field(&list, ev, RG_F_FD, sent ? K : tag);
	for (unsigned i = 0; i < n; i++) {
		const struct rg_rec_file *f = i < have ? parts->files[i] : NULL;
		struct rg_node **end = list.tail;
		struct rg_builder b;

		rg_decode_file(&list, f, sizeof(*f), i < got ? nums[i] : -1, tag);
		if (!*end)
			break;
		b = (struct rg_builder){.ev = ev, .tail = &(*end)->v.node};
		while (*b.tail)
			b.tail = &(*b.tail)->next;
		if (i < got)
			rg_add_bool(&b, "cloexec", r->flags & MSG_CMSG_CLOEXEC);
		else if (known && !(r->mflags & RG_MF_PEEK))
			rg_add_bool(&b, "lost", true);
	}
	return known && sent > got ? sent - got : 0;
}

static void put_control(const struct rg_rec_msg *r, const struct tail *t, struct rg_event *ev)
{
	struct rg_cmsg_ctx ctx = {
		.compat = r->mflags & RG_MF_COMPAT,
		.send = r->mflags & RG_MF_SEND,
		.errqueue = r->flags & MSG_ERRQUEUE,
		.partial = r->cut & RG_CUT_CONTROL,
		.family = r->family,
		.type = r->type,
		.protocol = r->protocol,
		.sender_pid = r->has & RG_HAS_CRED ? r->cred_pid : 0,
	};
	uint8_t tag = r->has & RG_HAS_CONTROL ? K : U;
	struct rg_builder list;

	if (r->controllen)
		rg_set_u(ev, RG_F_MSG_CONTROLLEN, r->controllen,
			 r->has & (RG_HAS_CONTROL | RG_HAS_CONTROLLEN) ? K : U);
	if (!(r->has & (RG_HAS_CONTROL | RG_HAS_UCONTROL)))
		return;
	rg_build_field(&list, ev, RG_F_CMSG, tag);
	rg_decode_cmsgs(t->control, r->control_len, &ctx, &list);
}

/* What the receiver lost: findings. */
static void put_findings(const struct rg_rec_msg *r, unsigned fds_lost, struct rg_event *ev)
{
	if (r->mflags & RG_MF_SEND || r->ret < 0)
		return;
	if (r->has & RG_HAS_MSGHDR) {
		rg_set_u(ev, RG_F_MSG_OUT_FLAGS, r->out_flags, K);
		if (r->out_flags & MSG_TRUNC)
			rg_set_u(ev, RG_F_MSG_TRUNCATED, 1, K);
		if (r->out_flags & MSG_CTRUNC)
			rg_set_u(ev, RG_F_MSG_CTRUNCATED, 1, K);
	} else if (r->has & RG_HAS_UMSGHDR) {
		rg_set_u(ev, RG_F_MSG_OUT_FLAGS, r->out_flags, U);
		if (r->out_flags & MSG_TRUNC)
			rg_set_u(ev, RG_F_MSG_TRUNCATED, 1, U);
		if (r->out_flags & MSG_CTRUNC)
			rg_set_u(ev, RG_F_MSG_CTRUNCATED, 1, U);
	} else if (r->has & RG_HAS_MSGLEN && r->msg_len > r->data_total) {
		rg_set_u(ev, RG_F_MSG_TRUNCATED, 1, K);
	}
	/* how many numbers arrived is counted in control data, which may be the user's memory; that none
	 * could arrive (no control buffer) is the kernel's word */
	if (fds_lost && !(r->mflags & RG_MF_PEEK))
		rg_set_u(ev, RG_F_MSG_FDS_LOST, fds_lost, r->has & RG_HAS_UCONTROL ? U : K);
}

int rg_decode_msg(const struct rg_rec_hdr *rec, size_t size, struct rg_parts *parts,
		  const struct rg_clock *clock, struct rg_event *ev, unsigned *lost_parts)
{
	const struct rg_rec_msg *r = rg_rec_msg_of(rec);
	const struct rg_part_set *set;
	unsigned fds_lost;
	struct tail t;

	rg_event_reset(ev);
	*lost_parts = 0;
	if (size < RG_MSG_FIXED || rec->type != RG_REC_MSG || rec->version != RG_ABI_VERSION ||
	    tail_find(r, size, &t))
		return -EINVAL;
	set = rg_parts_take(parts, rec->tid, rec->msg_no);
	put_call(r, clock, ev);
	put_who(r, &t, clock, ev);
	put_sock(r, &t, ev);
	put_sender(r, ev);
	put_data(r, &t, set, ev);
	put_name(r, &t, ev);
	put_iov(r, &t, ev);
	put_control(r, &t, ev);
	fds_lost = put_fds(r, &t, set, ev, lost_parts);
	put_findings(r, fds_lost, ev);
	rg_dissect(ev);
	return 0;
}
