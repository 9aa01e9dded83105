/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RG_BPF_ENF_EMIT_H
#define RG_BPF_ENF_EMIT_H

/* Verdicts on their way to user space, and what a verdict does. */
#include "enf_decide.h"
#include "sock.h"
#include "task.h"

struct rg_enf_said {
	__u32 clause, hook, why, audit, flags, err_no, action;
	__s64 ret;
};

rg_inline void rg_enf_clear(struct rg_rec_msg *m)
{
	/* as rg_rec_msg is 900 bytes, what nobody fills is cleared by hand */
	m->h.type = RG_REC_MSG;
	m->h.version = RG_ABI_VERSION;
	m->h.len = RG_MSG_FIXED;
	m->h.msg_no = 1;
	m->h.cpu = bpf_get_smp_processor_id();
	m->ts = bpf_ktime_get_ns();
	m->ts_entry = m->wait_ns = 0;
	m->route = RG_RT_UNKNOWN;
	m->mflags = 0;
	m->fd = -1;
	m->syscall_nr = -1;
	m->batch = 0;
	m->has = RG_HAS_FLAGS;
	m->cut = 0;
	m->out_flags = 0;
	m->user_msg = m->controllen = m->control_given = 0;
	m->namelen = m->msg_len = 0;
	m->data_total = 0;
	m->n_iov = m->n_files = 0;
	m->cookie = m->sock_ino = 0;
	m->netns = 0;
	m->family = m->type = m->protocol = m->sk_state = 0;
	m->seq = 0;
	m->peer_cookie = m->msg_id = m->send_ts = 0;
	m->cred_pid = m->cred_uid = m->cred_gid = 0;
	m->peer_pid = m->peer_uid = m->peer_gid = 0;
	__builtin_memset(m->peer_comm, 0, sizeof(m->peer_comm));
	m->local.len = m->remote.len = 0;
	m->data_len = m->name_len = m->control_len = m->pad0 = 0;
	m->local_len = m->remote_len = m->iov_len = m->uts_len = 0;
}

/* Everything about the socket, by its address: some hooks' arguments may not be given to helpers, and not
 * every kind of program has socket storage. */
rg_sub int rg_enf_sock_sub(struct rg_rec_msg *m, __u64 addr)
{
	struct sock *sk = (struct sock *)addr;
	struct pid *pid;

	if (!m)
		return 0;
	rg_sock_itself(m, sk);
	m->cookie = BPF_CORE_READ(sk, __sk_common.skc_cookie.counter); /* 0: nobody has asked for it yet */
	rg_sock_names(sk, &m->local, &m->remote);
	if (m->family != AF_UNIX)
		return 0;
	pid = BPF_CORE_READ(sk, sk_peer_pid);
	if (!pid)
		return 0;
	m->has |= RG_HAS_PEER;
	m->peer_pid = BPF_CORE_READ(pid, numbers[0].nr);
	m->peer_uid = BPF_CORE_READ(sk, sk_peer_cred, euid.val);
	m->peer_gid = BPF_CORE_READ(sk, sk_peer_cred, egid.val);
	rg_pid_comm(pid, m->peer_comm);
	return 0;
}
#define rg_enf_sock(m, sk) rg_enf_sock_sub(m, rg_scalar(sk))

rg_inline void rg_enf_file(struct rg_enf_event *ev, struct file *f)
{
	struct inode *ino = f->f_inode;

	ev->f_ino = ino->i_ino;
	ev->f_size = ino->i_size;
	ev->f_mode = ino->i_mode;
	ev->f_dev = ino->i_sb->s_dev;
	ev->f_rdev = ino->i_rdev;
	ev->f_magic = ino->i_sb->s_magic;
	ev->f_has = ino->i_sb->s_flags & RG_SB_KERNMOUNT ? RG_FILE_INTERNAL : 0;
	ev->f_flags = f->f_flags;
	bpf_probe_read_kernel_str(ev->f_name, sizeof(ev->f_name), f->f_path.dentry->d_name.name);
}

/* What every verdict tells. Called, not unrolled: the verifier looks at it once for each program. */
rg_sub int rg_enf_fill(struct rg_enf_event *ev, struct rg_enf_said *s)
{
	struct task_struct *t = bpf_get_current_task_btf();
	struct rg_enf_clause *c;
	struct rg_enf_rule *r;
	struct rg_enf_ctl *ctl;
	struct rg_who who = {};
	__u32 zero = 0, at;

	if (!ev || !s)
		return 0;
	at = s->clause;
	ctl = bpf_map_lookup_elem(&enf_ctl, &zero);
	c = bpf_map_lookup_elem(&enf_clauses, &at);
	ev->revision = ctl ? ctl->revision : 0;
	ev->abi = RG_ENF_ABI;
	ev->gen = at / RG_ENF_BITS >> 2;
	ev->rule = c ? c->rule : 0xffff;
	ev->action = s->action;
	ev->hook = s->hook;
	ev->err_no = s->err_no;
	ev->audit = s->audit;
	ev->why = s->why;
	ev->n_files = 0;
	ev->f_magic = 0;
	ev->from.len = 0;
	at = (c ? c->rule : 0) + ev->gen * RG_ENF_RULES;
	r = bpf_map_lookup_elem(&enf_rules, &at);
	if (r)
		bpf_probe_read_kernel(&ev->name, sizeof(ev->name), r);
	else
		ev->name.policy[0] = ev->name.rule[0] = 0;
	rg_enf_clear(&ev->m);
	rg_fill_task(&ev->m, &who, t);
	ev->m.flags = s->flags & ~RG_MSG_CMSG_COMPAT;
	ev->m.ret = s->ret;
	if (s->flags & RG_MSG_PEEK)
		ev->m.mflags |= RG_MF_PEEK;
	return 0;
}

rg_inline struct rg_enf_event *rg_enf_begin(struct rg_enf_said *s)
{
	struct rg_enf_event *ev = bpf_ringbuf_reserve(&ring, sizeof(*ev), 0);

	if (!ev) {
		rg_enf_count(RG_EC_LOST);
		return NULL;
	}
	rg_enf_fill(ev, s);
	return ev;
}

rg_inline void rg_enf_counted(__u32 action, bool audit)
{
	rg_enf_count(audit		      ? RG_EC_AUDITED
		     : action == RG_ACT_LOG   ? RG_EC_LOGGED
		     : action == RG_ACT_KILL  ? RG_EC_KILLED
		     : action == RG_ACT_DROP  ? RG_EC_DROPPED
		     : action == RG_ACT_STRIP ? RG_EC_STRIPPED
					      : RG_EC_DENIED);
}

/* The clause that decides, with what is said of it; NULL: nothing is to be done. */
rg_inline struct rg_enf_clause *rg_enf_picked(struct rg_enf_said *said, const struct rg_enf_pick *pick)
{
	__u32 zero = 0, at = pick->clause;
	struct rg_enf_clause *c = pick->clause >= 0 ? bpf_map_lookup_elem(&enf_clauses, &at) : NULL;
	struct rg_enf_ctl *ctl;

	if (!c || c->action == RG_ACT_ALLOW)
		return NULL;
	ctl = bpf_map_lookup_elem(&enf_ctl, &zero);
	said->clause = at;
	said->action = c->action;
	said->audit = (c->flags & RG_CL_AUDIT) || (ctl && ctl->audit);
	return c;
}

/* 0 ... -4095, so that the verifier sees it */
rg_inline int rg_enf_errno(__u32 e)
{
	int r = 0;

	e &= 0xfff;
	if (!e)
		e = 1;
	asm volatile("%0 -= %1" : "+r"(r) : "r"((__u64)e));
	return r;
}

#endif
