// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Enforcement: what the kernel asks before a process receives (docs/enforce.md).
 *
 *   socket_recvmsg       every receive but splice and TCP_ZEROCOPY_RECEIVE, before the wait
 *   file_permission      reading a socket as a file: splice, sendfile, io_uring SPLICE
 *   socket_getsockopt    TCP_ZEROCOPY_RECEIVE
 *   socket_sock_rcv_skb  a datagram is about to be queued
 *   file_receive         a passed descriptor is about to be installed
 *
 * Each once as an LSM program and once as fmod_ret, for kernels where `bpf` is not among the active LSMs.
 *
 *   cgroup ingress, socket filter   datagrams about to be queued, where there are no trampolines
 */
#include "lib/enf_file.h"
#include "lib/enf_front.h"
#include "lib/enf_queue.h"

char LICENSE[] SEC("license") = "GPL";

#define RG_MAY_READ		4
#define RG_SOL_TCP		6
#define RG_TCP_ZEROCOPY_RECEIVE 35

/* ---- receives */

/* The call that the task is in. By a function of its own: of its many outcomes the verifier then knows none.
 */
rg_sub int rg_enf_call(struct rg_call *c)
{
	struct task_struct *t = bpf_get_current_task_btf();

	if (c)
		rg_call_read(c, t, (struct pt_regs *)bpf_task_pt_regs(t));
	return 0;
}

static __attribute__((noinline)) int rg_enf_report(struct rg_enf_said *said, struct task_struct *t,
						   struct sock *sk)
{
	struct rg_enf_event *ev;
	struct rg_call c = {};

	rg_enf_counted(said->action, said->audit);
	ev = rg_enf_begin(said);
	if (!ev)
		return 0;
	rg_enf_call(&c);
	ev->m.route = said->hook == RG_EH_ZEROCOPY || t->flags & RG_PF_IO_WORKER ? RG_RT_UNKNOWN : c.route;
	ev->m.syscall_nr = c.nr;
	if (c.route != RG_RT_UNKNOWN && !(t->flags & RG_PF_IO_WORKER))
		ev->m.fd = c.fd;
	rg_enf_sock(&ev->m, sk);
	bpf_ringbuf_submit(ev, 0);
	return 0;
}

/* recvmmsg for more than one message? The hook is called for the first alone. */
rg_inline bool rg_enf_is_batch(struct task_struct *t)
{
	struct rg_call c = {};

	if (t->flags & RG_PF_IO_WORKER)
		return false;
	rg_enf_call(&c);
	if (c.nr == (RG_X32_BIT | 537)) /* recvmmsg of the x32 table */
		return (__u32)c.len > 1;
	/* socketcall's vlen is in user memory: taken for a batch whatever it says now */
	return (c.route == RG_RT_RECVMMSG && (__u32)c.len > 1) || c.route == RG_RT_SOCKETCALL_RECVMMSG;
}

/* What was picked, done: 0, or a negative errno. */
static __attribute__((noinline)) int rg_enf_act(struct rg_enf_said *said, struct rg_enf_pick *pick,
						struct task_struct *t, struct sock *sk)
{
	struct rg_enf_clause *c;
	struct rg_enf_ctl *ctl;
	__u32 zero = 0, at = pick->log;

	if (pick->log >= 0) {
		said->clause = at;
		said->action = RG_ACT_LOG;
		said->audit = said->err_no = 0;
		said->ret = 0;
		rg_enf_report(said, t, sk);
	}
	at = pick->clause;
	c = pick->clause >= 0 ? bpf_map_lookup_elem(&enf_clauses, &at) : NULL;
	if (!c || c->action == RG_ACT_ALLOW)
		return 0;
	ctl = bpf_map_lookup_elem(&enf_ctl, &zero);
	said->clause = at;
	said->action = c->action;
	said->err_no = c->action == RG_ACT_DENY ? c->err_no : RG_EPERM;
	said->audit = (c->flags & RG_CL_AUDIT) || (ctl && ctl->audit);
	said->ret = said->audit ? 0 : -(__s64)said->err_no;
	rg_enf_report(said, t, sk);
	if (said->audit)
		return 0;
	if (c->action == RG_ACT_KILL)
		bpf_send_signal(9);
	return rg_enf_errno(said->err_no);
}

static __attribute__((noinline)) int rg_enf_refuse_batch(struct rg_enf_said *said, struct task_struct *t,
							 struct sock *sk, __u32 set)
{
	struct rg_enf_ctl *ctl;
	__u32 zero = 0;

	ctl = bpf_map_lookup_elem(&enf_ctl, &zero);
	said->clause = set * RG_ENF_BITS; /* the first rule there is */
	said->action = RG_ACT_DENY;
	said->err_no = RG_EPERM;
	said->why = RG_EW_BATCH;
	said->audit = ctl && ctl->audit;
	said->ret = said->audit ? 0 : -RG_EPERM;
	rg_enf_report(said, t, sk);
	return said->audit ? 0 : -RG_EPERM;
}

static __attribute__((noinline)) int rg_enf_receive(struct sock *sk, __u32 flags, __u32 hook)
{
	struct task_struct *t = bpf_get_current_task_btf();
	struct rg_enf_eval e;
	struct rg_enf_pick pick = {};
	struct rg_enf_said said = {.hook = hook, .flags = flags};
	struct rg_enf_set *s = rg_enf_start(&e, t, RG_ST_RECV);
	__u32 before = 0;

	if (!s || !rg_enf_who(&e, s, t))
		return 0;
	if (RG_NEED(s, RG_D_FLAGS) && !rg_enf_number(&e, RG_D_FLAGS, flags & ~RG_MSG_CMSG_COMPAT))
		return 0;
	pick.clause = pick.log = -1;
	if (rg_enf_socket(&e, s, sk, &before))
		rg_enf_decide(&e, &pick, 0, 0, 0);
	if (pick.clause >= 0 || pick.log >= 0) {
		int r = rg_enf_act(&said, &pick, t, sk);

		if (r < 0)
			return r;
	}
	if (hook == RG_EH_RECVMSG && before &&
	    s->refuse_batch & rg_enf_batch_of(sk->__sk_common.skc_family) && rg_enf_is_batch(t))
		return rg_enf_refuse_batch(&said, t, sk, e.set);
	return 0;
}

rg_inline int rg_on_recvmsg(struct socket *sock, int flags)
{
	struct sock *sk;

	if (rg_enf_front(sock))
		return 0;
	sk = sock ? sock->sk : NULL;
	return sk ? rg_enf_receive(sk, flags, RG_EH_RECVMSG) : 0;
}

SEC("lsm/socket_recvmsg")
int BPF_PROG(lsm_recvmsg, struct socket *sock, struct msghdr *msg, int size, int flags, int ret)
{
	return ret ? ret : rg_on_recvmsg(sock, flags);
}

SEC("fmod_ret/security_socket_recvmsg")
int BPF_PROG(mod_recvmsg, struct socket *sock, struct msghdr *msg, int size, int flags, int ret)
{
	return ret ? ret : rg_on_recvmsg(sock, flags);
}

/* Is it a call that passes socket_recvmsg as well? */
rg_inline bool rg_enf_plain_read(struct task_struct *t)
{
	struct rg_call c = {};

	if (t->flags & RG_PF_IO_WORKER)
		return false;
	rg_enf_call(&c);
	return c.route == RG_RT_READ || c.route == RG_RT_READV || c.route == RG_RT_PREADV ||
	       c.route == RG_RT_PREADV2;
}

rg_inline int rg_on_permission(struct file *file, int mask)
{
	struct socket *so;
	struct sock *sk;

	if (!(mask & RG_MAY_READ) || !file || (file->f_inode->i_mode & S_IFMT) != S_IFSOCK)
		return 0;
	so = bpf_sock_from_file(file);
	if (!so || rg_enf_front(so) || rg_enf_plain_read(bpf_get_current_task_btf()))
		return 0;
	sk = so->sk;
	return sk ? rg_enf_receive(sk, 0, RG_EH_READ) : 0;
}

SEC("lsm/file_permission")
int BPF_PROG(lsm_permission, struct file *file, int mask, int ret)
{
	return ret ? ret : rg_on_permission(file, mask);
}

SEC("fmod_ret/security_file_permission")
int BPF_PROG(mod_permission, struct file *file, int mask, int ret)
{
	return ret ? ret : rg_on_permission(file, mask);
}

rg_inline int rg_on_getsockopt(struct socket *sock, int level, int optname)
{
	struct sock *sk;

	if (level != RG_SOL_TCP || optname != RG_TCP_ZEROCOPY_RECEIVE)
		return 0;
	sk = sock ? sock->sk : NULL;
	return sk ? rg_enf_receive(sk, 0, RG_EH_ZEROCOPY) : 0;
}

SEC("lsm/socket_getsockopt")
int BPF_PROG(lsm_getsockopt, struct socket *sock, int level, int optname, int ret)
{
	return ret ? ret : rg_on_getsockopt(sock, level, optname);
}

SEC("fmod_ret/security_socket_getsockopt")
int BPF_PROG(mod_getsockopt, struct socket *sock, int level, int optname, int ret)
{
	return ret ? ret : rg_on_getsockopt(sock, level, optname);
}

/* ---- datagrams as they are queued */

SEC("lsm/socket_sock_rcv_skb")
int BPF_PROG(lsm_rcv_skb, struct sock *sk, struct sk_buff *skb, int ret)
{
	return ret ? ret : rg_on_queue(sk, skb, 0) ? -RG_EPERM : 0;
}

SEC("fmod_ret/security_sock_rcv_skb")
int BPF_PROG(mod_rcv_skb, struct sock *sk, struct sk_buff *skb, int ret)
{
	return ret ? ret : rg_on_queue(sk, skb, 0) ? -RG_EPERM : 0;
}

/*
 * The same without trampolines: a control group's sockets of IPv4 and IPv6, and single unix sockets that the
 * filter was put onto (src/enforce/sockets.c). The kernel's own buffer is reached by a kfunc of 6.2 ("bpf:
 * Add kfunc bpf_cast_to_kern_ctx()").
 */
extern void *bpf_cast_to_kern_ctx(void *ctx) __ksym __weak;

SEC("cgroup_skb/ingress")
int cg_ingress(struct __sk_buff *ctx)
{
	struct sk_buff *skb = bpf_cast_to_kern_ctx(ctx);
	struct sock *sk = skb->sk;

	/* here data begins at the network header */
	return !sk || !rg_on_queue(sk, skb, skb->transport_header - skb->network_header);
}

SEC("socket")
int unix_filter(struct __sk_buff *ctx)
{
	struct sk_buff *skb = bpf_cast_to_kern_ctx(ctx);
	struct sock *sk = skb->sk;

	return sk && rg_on_queue(sk, skb, 0) ? 0 : -1;
}

/* ---- descriptors as they are installed */

SEC("lsm/file_receive")
int BPF_PROG(lsm_file_receive, struct file *file, int ret)
{
	return ret ? ret : rg_on_file(file) ? -RG_EPERM : 0;
}

SEC("fmod_ret/security_file_receive")
int BPF_PROG(mod_file_receive, struct file *file, int ret)
{
	return ret ? ret : rg_on_file(file) ? -RG_EPERM : 0;
}

/* ---- who is below the process that --tree named */

SEC("tp_btf/sched_process_fork")
int BPF_PROG(tree_fork, struct task_struct *parent, struct task_struct *child)
{
	__u32 from = parent->tgid, to = child->tgid, one = 1;

	if (from != to && bpf_map_lookup_elem(&enf_tree, &from))
		bpf_map_update_elem(&enf_tree, &to, &one, BPF_ANY);
	return 0;
}

SEC("tp_btf/sched_process_exit")
int BPF_PROG(tree_exit, struct task_struct *t)
{
	__u32 tgid = t->tgid;

	if (!t->signal->live.counter)
		bpf_map_delete_elem(&enf_tree, &tgid);
	return 0;
}
