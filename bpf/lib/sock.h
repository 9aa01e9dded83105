/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RG_BPF_SOCK_H
#define RG_BPF_SOCK_H

/* Identity and end points of a socket, from the kernel's own structures. */
#include "maps.h"

/* 6.x: sk_protocol and sk_type are plain __u16 since 5.6; bitfields before (not a supported kernel). */
rg_inline __u64 rg_sock_ino(struct sock *sk)
{
	struct socket *so = BPF_CORE_READ(sk, sk_socket);

	if (!so)
		return 0;
	/* struct socket is the first member of struct socket_alloc (include/net/sock.h) */
	return BPF_CORE_READ((struct socket_alloc *)so, vfs_inode.i_ino);
}

/* What a socket is, of one known by its address only; its ends and its peer are still to be found. */
rg_inline void rg_sock_itself(struct rg_rec_msg *rec, struct sock *sk)
{
	rec->has |= RG_HAS_SOCK;
	rec->family = BPF_CORE_READ(sk, __sk_common.skc_family);
	rec->type = BPF_CORE_READ(sk, sk_type);
	rec->protocol = BPF_CORE_READ(sk, sk_protocol);
	rec->sk_state = BPF_CORE_READ(sk, __sk_common.skc_state);
	rec->sock_ino = rg_sock_ino(sk);
	rec->netns = BPF_CORE_READ(sk, __sk_common.skc_net.net, ns.inum);
	rec->local.len = 0;
	rec->remote.len = 0;
	rec->peer_cookie = 0;
	rec->peer_pid = 0;
}

rg_inline void rg_unix_name(struct sock *sk, struct rg_rec_addr *out)
{
	struct unix_address *a = BPF_CORE_READ((struct unix_sock *)sk, addr);
	__u32 len;

	if (!a)
		return;
	len = BPF_CORE_READ(a, len);
	if (len > 110)
		len = 110;
	if (!bpf_probe_read_kernel(out->sa, len, &a->name))
		out->len = len;
}

/* The same by plain loads, from a typed pointer. */
rg_inline void rg_unix_end(struct unix_address *a, struct rg_rec_addr *out)
{
	__u32 len = a->len;

	if (len > 110)
		len = 110;
	if (!bpf_probe_read_kernel(out->sa, len, a->name))
		out->len = len;
}

/* An IP socket's ends, by plain loads: see task.h. */
rg_inline void rg_fill_inet(struct rg_rec_msg *rec, struct sock *sk)
{
	__u16 family = sk->__sk_common.skc_family;
	__u16 lport = __builtin_bswap16(sk->__sk_common.skc_num), rport = sk->__sk_common.skc_dport;
	struct sockaddr_in *l = (void *)rec->local.sa, *r = (void *)rec->remote.sa;
	struct sockaddr_in6 *l6 = (void *)l, *r6 = (void *)r;

	if (family == AF_INET) {
		l->sin_family = r->sin_family = AF_INET;
		l->sin_port = lport;
		r->sin_port = rport;
		l->sin_addr.s_addr = sk->__sk_common.skc_rcv_saddr;
		r->sin_addr.s_addr = sk->__sk_common.skc_daddr;
		*(__u64 *)(rec->local.sa + 8) = *(__u64 *)(rec->remote.sa + 8) = 0;
		rec->local.len = sizeof(*l);
		if (rport || r->sin_addr.s_addr)
			rec->remote.len = sizeof(*r);
		return;
	}
	*(__u64 *)rec->local.sa = *(__u64 *)rec->remote.sa = 0;
	l6->sin6_family = r6->sin6_family = AF_INET6;
	l6->sin6_port = lport;
	r6->sin6_port = rport;
	l6->sin6_scope_id = r6->sin6_scope_id = sk->__sk_common.skc_bound_dev_if;
	for (int i = 0; i < 4; i++) {
		l6->sin6_addr.in6_u.u6_addr32[i] = sk->__sk_common.skc_v6_rcv_saddr.in6_u.u6_addr32[i];
		r6->sin6_addr.in6_u.u6_addr32[i] = sk->__sk_common.skc_v6_daddr.in6_u.u6_addr32[i];
	}
	rec->local.len = sizeof(*l6);
	if (rport)
		rec->remote.len = sizeof(*r6);
}

rg_inline void rg_inet_names(struct sock *sk, struct rg_rec_addr *local, struct rg_rec_addr *remote)
{
	__u16 family = BPF_CORE_READ(sk, __sk_common.skc_family);
	__u16 lport = __builtin_bswap16(BPF_CORE_READ(sk, __sk_common.skc_num));
	__u16 rport = BPF_CORE_READ(sk, __sk_common.skc_dport);

	if (family == AF_INET) {
		struct sockaddr_in sin = {.sin_family = AF_INET, .sin_port = lport};

		sin.sin_addr.s_addr = BPF_CORE_READ(sk, __sk_common.skc_rcv_saddr);
		__builtin_memcpy(local->sa, &sin, sizeof(sin));
		local->len = sizeof(sin);
		if (rport || BPF_CORE_READ(sk, __sk_common.skc_daddr)) {
			sin.sin_port = rport;
			sin.sin_addr.s_addr = BPF_CORE_READ(sk, __sk_common.skc_daddr);
			__builtin_memcpy(remote->sa, &sin, sizeof(sin));
			remote->len = sizeof(sin);
		}
		return;
	}
	struct sockaddr_in6 sin6 = {.sin6_family = AF_INET6, .sin6_port = lport};

	sin6.sin6_scope_id = BPF_CORE_READ(sk, __sk_common.skc_bound_dev_if);
	BPF_CORE_READ_INTO(&sin6.sin6_addr, sk, __sk_common.skc_v6_rcv_saddr);
	__builtin_memcpy(local->sa, &sin6, sizeof(sin6));
	local->len = sizeof(sin6);
	if (rport) {
		sin6.sin6_port = rport;
		BPF_CORE_READ_INTO(&sin6.sin6_addr, sk, __sk_common.skc_v6_daddr);
		__builtin_memcpy(remote->sa, &sin6, sizeof(sin6));
		remote->len = sizeof(sin6);
	}
}

struct rg_netlink_sock { /* the head of struct netlink_sock (net/netlink/af_netlink.h), found by BTF */
	__u32 portid, dst_portid, dst_group;
} __attribute__((preserve_access_index));

rg_inline void rg_netlink_name(struct sock *sk, struct rg_rec_addr *local)
{
	struct netlink_sock *nl = (struct netlink_sock *)sk;
	struct sockaddr_nl sa = {.nl_family = AF_NETLINK};

	if (!bpf_core_field_exists(nl->portid))
		return;
	sa.nl_pid = BPF_CORE_READ(nl, portid);
	__builtin_memcpy(local->sa, &sa, sizeof(sa));
	local->len = sizeof(sa);
}

/* End points of any socket into local and remote (both len 0 on entry). */
rg_inline void rg_sock_names(struct sock *sk, struct rg_rec_addr *local, struct rg_rec_addr *remote)
{
	__u16 family = BPF_CORE_READ(sk, __sk_common.skc_family);
	struct sock *peer;

	switch (family) {
	case AF_UNIX:
		rg_unix_name(sk, local);
		peer = BPF_CORE_READ((struct unix_sock *)sk, peer);
		if (peer)
			rg_unix_name(peer, remote);
		break;
	case AF_INET:
	case AF_INET6: rg_inet_names(sk, local, remote); break;
	case AF_NETLINK: rg_netlink_name(sk, local); break;
	}
}

rg_inline __u32 rg_pid_nr(struct pid *pid)
{
	return pid ? BPF_CORE_READ(pid, numbers[0].nr) : 0;
}

rg_inline void rg_pid_comm(struct pid *pid, char *comm)
{
	/* PIDTYPE_TGID: the process's leader; gone when it was reaped */
	const __u32 off = bpf_core_field_offset(struct task_struct, pid_links[PIDTYPE_TGID]);
#ifdef RG_PLAIN_LOADS
	const struct task_struct *t;
	const struct hlist_node *n = RG_PLAIN(pid, struct pid)->tasks[PIDTYPE_TGID].first;

	if (!n)
		return;
	t = RG_PLAIN((const void *)n - off, struct task_struct);
	((__u64 *)comm)[0] = ((const __u64 *)t->comm)[0];
	((__u64 *)comm)[1] = ((const __u64 *)t->comm)[1];
#else
	struct hlist_node *n = BPF_CORE_READ(pid, tasks[PIDTYPE_TGID].first);
	struct task_struct *t = (void *)n - off;

	if (n)
		bpf_probe_read_kernel(comm, RG_COMM_LEN, &t->comm);
#endif
}

rg_inline void rg_peer_creds(struct rg_rec_msg *rec, struct sock *sk)
{
	struct pid *pid = RG_LOAD(sk, sk_peer_pid);

	if (!pid)
		return;
	rec->has |= RG_HAS_PEER;
	rec->peer_pid = RG_LOAD(pid, numbers[0].nr);
	rec->peer_uid = RG_LOAD(sk, sk_peer_cred, euid.val);
	rec->peer_gid = RG_LOAD(sk, sk_peer_cred, egid.val);
	if (!(rec->has & RG_HAS_CRED)) /* else its sender is told */
		rg_pid_comm(pid, rec->peer_comm);
}

#ifdef RG_PLAIN_LOADS
#define RG_UNIX_SOCK(sk) ((struct unix_sock *)RG_PLAIN(sk, struct unix_sock))
#else
#define RG_UNIX_SOCK(sk) bpf_skc_to_unix_sock(sk)
#endif

#ifndef RG_LEGACY

/* The connected peer of a unix socket and its credentials. Plain loads: see task.h. */
rg_inline void rg_fill_peer(struct rg_rec_msg *rec, struct sock *sk)
{
	struct unix_address *a;
	struct unix_sock *us = RG_UNIX_SOCK(sk);
	struct sock *peer;

	if (!us)
		return;
	a = us->addr;
	if (a)
		rg_unix_end(a, &rec->local);
	peer = us->peer;
	if (peer) {
		rec->peer_cookie = peer->__sk_common.skc_cookie.counter;
		us = RG_UNIX_SOCK(peer);
		a = us ? us->addr : NULL;
		if (a)
			rg_unix_end(a, &rec->remote);
	}
	rg_peer_creds(rec, sk);
}

#endif

/* Names of the other families: seldom more than once a message, and by helper. addr: the socket's address. */
rg_sub int rg_sock_names_sub(RG_REC_ARG, __u64 addr)
{
	RG_REC_GET(rec);
	if (rec)
		rg_sock_names((struct sock *)addr, &rec->local, &rec->remote);
	return 0;
}

#ifdef RG_LEGACY

/* Everything about the socket that a record holds. rec->ret is set before: what failed has no number. */
rg_sub int rg_fill_sock_sub(RG_REC_ARG, __u64 addr, bool send)
{
	RG_REC_GET(rec);
	struct sock *sk = (struct sock *)addr, *peer;
	struct rg_sock_state *ss;

	if (!rec)
		return 0;
	rg_sock_itself(rec, sk);
	rec->cookie = rg_sock_cookie(sk);
	ss = rg_sock_state(sk);
	rec->seq = !ss || rec->ret < 0 ? 0
		   : send	       ? RG_FETCH_INC(&ss->send_seq) + 1
				       : RG_FETCH_INC(&ss->recv_seq) + 1;
	rg_sock_names_sub(0, addr);
	if (rec->family != AF_UNIX)
		return 0;
	peer = BPF_CORE_READ((struct unix_sock *)sk, peer);
	if (peer)
		rec->peer_cookie = BPF_CORE_READ(peer, __sk_common.skc_cookie.counter);
	rg_peer_creds(rec, sk);
	return 0;
}
#define rg_fill_sock(rec, sk, send) rg_fill_sock_sub(0, rg_scalar(sk), send)

#else

/* Everything about the socket that a record holds. rec->ret is set before: what failed has no number. */
rg_inline void rg_fill_sock(struct rg_rec_msg *rec, struct sock *sk, bool send)
{
	struct rg_sock_state *ss = rg_sock_state(sk);

	rec->has |= RG_HAS_SOCK;
	rec->family = sk->__sk_common.skc_family;
	rec->type = sk->sk_type;
	rec->protocol = sk->sk_protocol;
	rec->sk_state = sk->__sk_common.skc_state;
	rec->sock_ino = sk->sk_socket->file->f_inode->i_ino;
	rec->netns = sk->__sk_common.skc_net.net->ns.inum;
	rec->local.len = 0;
	rec->remote.len = 0;
	rec->peer_cookie = 0;
	rec->peer_pid = 0;
	if (ss) {
		if (!ss->cookie)
			ss->cookie = rg_sock_cookie(sk);
		rec->cookie = ss->cookie;
		rec->seq = rec->ret < 0 ? 0
			   : send ? RG_FETCH_INC(&ss->send_seq) + 1
				  : RG_FETCH_INC(&ss->recv_seq) + 1;
	} else {
		rec->cookie = rg_sock_cookie(sk);
		rec->seq = 0;
	}
	if (rec->family == AF_UNIX)
		rg_fill_peer(rec, sk);
	else if (rec->family == AF_INET || rec->family == AF_INET6)
		rg_fill_inet(rec, sk);
	else if (rec->family == AF_NETLINK)
		rg_sock_names_sub(RG_PASS(rec), rg_scalar(sk));
}
#endif

#endif
