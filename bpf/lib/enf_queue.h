/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RG_BPF_ENF_QUEUE_H
#define RG_BPF_ENF_QUEUE_H

/* A datagram on its way into a socket's queue: content, size, sender, descriptors. Who will receive it is not
 * known. */
#include "enf_who.h"

#define RG_SOCK_DGRAM	  2
#define RG_SOCK_SEQPACKET 5
#define RG_IPPROTO_UDP	  17
#define RG_UDP_HEADER	  8
#define RG_EPERM	  1

struct rg_enf_from {		 /* what is known of the sender */
	__u8 has_cred, has_addr; /* 1; 4, 6 */
	__u16 port;
	__u32 pid, uid, gid, fds, size;
	__u32 v4;
	struct in6_addr v6;
};

rg_inline void rg_enf_from_unix(struct rg_enf_from *f, struct sk_buff *skb)
{
	struct task_struct *t = bpf_get_current_task_btf();
	struct unix_skb_parms cb;

	f->size = skb->len;
	if (bpf_probe_read_kernel(&cb, sizeof(cb), skb->cb))
		return;
	f->fds = cb.fp ? BPF_CORE_READ(cb.fp, count) : 0;
	f->has_cred = 1;
	if (cb.pid) { /* what the message itself says, checked by the kernel */
		f->pid = rg_pid_nr(cb.pid);
		f->uid = cb.uid.val;
		f->gid = cb.gid.val;
		return;
	}
	/* queued by the sender itself, in its own context */
	f->pid = t->tgid;
	f->uid = BPF_CORE_READ(t, cred, uid.val);
	f->gid = BPF_CORE_READ(t, cred, gid.val);
}

rg_inline void rg_enf_from_udp(struct rg_enf_from *f, struct sk_buff *skb, bool six, __u32 skip)
{
	unsigned char *ip = skb->head + skb->network_header;
	__u8 version = 0;
	__be16 port = 0;

	f->size = skb->len - skip - RG_UDP_HEADER;
	bpf_probe_read_kernel(&version, 1, ip);
	bpf_probe_read_kernel(&port, sizeof(port), skb->head + skb->transport_header);
	f->port = __builtin_bswap16(port);
	if (version >> 4 == 6) {
		bpf_probe_read_kernel(&f->v6, sizeof(f->v6), ip + 8);
		f->has_addr = 6;
		return;
	}
	bpf_probe_read_kernel(&f->v4, sizeof(f->v4), ip + 12);
	f->has_addr = 4;
	if (six) { /* an IPv6 socket sees it as ::ffff:a.b.c.d */
		__u32 w[4] = {0, 0, __builtin_bswap32(0xffff), f->v4};

		__builtin_memcpy(&f->v6, w, sizeof(w));
		f->has_addr = 6;
	}
}

rg_inline __u32 rg_enf_sender(struct rg_enf_eval *e, struct rg_enf_set *s, const struct rg_enf_from *f)
{
	__u64 w[2];

	if (RG_NEED(s, RG_D_SIZE) && !rg_enf_number(e, RG_D_SIZE, f->size))
		return 0;
	if (RG_NEED(s, RG_D_FDS) && !rg_enf_number(e, RG_D_FDS, f->fds))
		return 0;
	if (RG_NEED(s, RG_D_SPID) &&
	    !(f->has_cred ? rg_enf_number(e, RG_D_SPID, f->pid) : rg_enf_none(e, RG_D_SPID)))
		return 0;
	if (RG_NEED(s, RG_D_SUID) &&
	    !(f->has_cred ? rg_enf_number(e, RG_D_SUID, f->uid) : rg_enf_none(e, RG_D_SUID)))
		return 0;
	if (RG_NEED(s, RG_D_SGID) &&
	    !(f->has_cred ? rg_enf_number(e, RG_D_SGID, f->gid) : rg_enf_none(e, RG_D_SGID)))
		return 0;
	if (RG_NEED(s, RG_D_SPORT) &&
	    !(f->has_addr ? rg_enf_number(e, RG_D_SPORT, f->port) : rg_enf_none(e, RG_D_SPORT)))
		return 0;
	if (!RG_NEED(s, RG_D_SADDR4))
		return e->sum;
	if (f->has_addr == 4)
		return rg_enf_number(e, RG_D_SADDR4, __builtin_bswap32(f->v4));
	if (!f->has_addr)
		return rg_enf_none(e, RG_D_SADDR4);
	__builtin_memcpy(w, &f->v6, sizeof(w));
	return rg_enf_step(e, RG_D_SADDR6, w[0], w[1]);
}

rg_inline void rg_enf_from_addr(struct rg_rec_addr *a, const struct rg_enf_from *f)
{
	if (f->has_addr == 4) {
		struct sockaddr_in sin = {.sin_family = AF_INET, .sin_port = __builtin_bswap16(f->port)};

		sin.sin_addr.s_addr = f->v4;
		__builtin_memcpy(a->sa, &sin, sizeof(sin));
		a->len = sizeof(sin);
	} else if (f->has_addr) {
		struct sockaddr_in6 sin6 = {.sin6_family = AF_INET6, .sin6_port = __builtin_bswap16(f->port)};

		sin6.sin6_addr = f->v6;
		__builtin_memcpy(a->sa, &sin6, sizeof(sin6));
		a->len = sizeof(sin6);
	}
}

static __attribute__((noinline)) int rg_enf_report_queue(struct rg_enf_said *said, struct rg_enf_from *f,
							 struct sock *sk)
{
	struct rg_enf_event *ev;

	rg_enf_counted(said->action, said->audit);
	ev = rg_enf_begin(said);
	if (!ev)
		return 0;
	rg_enf_sock(&ev->m, sk);
	ev->m.has |= RG_HAS_MSGLEN;
	ev->m.msg_len = f->size;
	ev->n_files = f->fds;
	if (f->has_cred) {
		ev->m.has |= RG_HAS_CRED;
		ev->m.cred_pid = f->pid;
		ev->m.cred_uid = f->uid;
		ev->m.cred_gid = f->gid;
	}
	rg_enf_from_addr(&ev->from, f);
	bpf_ringbuf_submit(ev, 0);
	return 0;
}

static __attribute__((noinline)) int rg_enf_act_queue(struct rg_enf_pick *pick, struct rg_enf_from *f,
						      struct sock *sk)
{
	struct rg_enf_said said = {.hook = RG_EH_QUEUE, .why = pick->unknown ? RG_EW_UNKNOWN : RG_EW_RULE};

	if (pick->log >= 0) {
		said.clause = pick->log;
		said.action = RG_ACT_LOG;
		rg_enf_report_queue(&said, f, sk);
	}
	if (!rg_enf_picked(&said, pick))
		return 0;
	rg_enf_report_queue(&said, f, sk);
	return said.audit ? 0 : -RG_EPERM;
}

/* skip: where the message (of UDP: its header) begins, counted from the buffer's data. */
static __attribute__((noinline)) int rg_on_queue(struct sock *sk, struct sk_buff *skb, __u32 skip)
{
	__u16 family = sk->__sk_common.skc_family, type = sk->sk_type;
	bool udp = (family == AF_INET || family == AF_INET6) && type == RG_SOCK_DGRAM &&
		   sk->sk_protocol == RG_IPPROTO_UDP;
	struct rg_enf_from from = {};
	struct rg_enf_eval e;
	struct rg_enf_pick pick = {};
	struct rg_enf_set *s;
	__u32 before;

	if (!udp && (family != AF_UNIX || (type != RG_SOCK_DGRAM && type != RG_SOCK_SEQPACKET)))
		return 0;
	s = rg_enf_start(&e, NULL, RG_ST_QUEUE);
	if (!s || !rg_enf_socket(&e, s, sk, &before))
		return 0;
	if (udp)
		rg_enf_from_udp(&from, skb, family == AF_INET6, skip);
	else
		rg_enf_from_unix(&from, skb);
	if (!rg_enf_sender(&e, s, &from))
		return 0;
	pick.clause = pick.log = -1;
	rg_enf_decide(&e, &pick, rg_scalar(skb), udp, skip);
	return pick.clause >= 0 || pick.log >= 0 ? rg_enf_act_queue(&pick, &from, sk) : 0;
}

#endif
