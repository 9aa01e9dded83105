// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Enforcement: what the kernel asks before a process receives (docs/enforce.md).
 *
 *   socket_recvmsg       every receive but splice and TCP_ZEROCOPY_RECEIVE, before the wait
 *   file_permission      reading a socket as a file: splice, sendfile, io_uring SPLICE
 *   socket_getsockopt    TCP_ZEROCOPY_RECEIVE
 *   socket_setsockopt    rings of packet and XDP sockets, which fill without a receive
 *   capable              the same for io_uring's receive without copies
 *   bpf                  programs that take messages from one socket to another (sockmap)
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
#define RG_SOL_PACKET		263
#define RG_PACKET_RX_RING	5
#define RG_SOL_XDP		283
#define RG_XDP_RX_RING		2
#define RG_CAP_NET_ADMIN	12
#define RG_NR_IO_URING_REGISTER 427 /* of every table */
#define RG_REGISTER_ZCRX	32  /* IORING_REGISTER_ZCRX_IFQ, 6.15 */
#define RG_REGISTERED_RING	(1u << 31)

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
	if (sk)
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

/* On which kinds of sockets a batch is refused, this one's state considered: a unix socket's own name never
 * changes, and its peer's does not matter then, unless a rule asks for that. To be asked before the name is
 * looked up: it can be given in between. */
rg_inline __u32 rg_enf_refused(struct rg_enf_set *s, struct sock *sk)
{
	__u32 refuse = s->refuse_batch & rg_enf_batch_of(sk->__sk_common.skc_family);

	if (refuse != RG_BATCH_UNIX || RG_NEED(s, RG_D_RADDR4))
		return refuse;
	return BPF_CORE_READ((struct unix_sock *)sk, addr) ? 0 : refuse;
}

/* What was picked, done: 0, or a negative errno. */
static __attribute__((noinline)) int rg_enf_act(struct rg_enf_said *said, struct rg_enf_pick *pick,
						struct task_struct *t, struct sock *sk)
{
	struct rg_enf_clause *c;

	if (pick->log >= 0) {
		said->clause = pick->log;
		said->action = RG_ACT_LOG;
		said->audit = said->err_no = 0;
		said->ret = 0;
		rg_enf_report(said, t, sk);
	}
	c = rg_enf_picked(said, pick);
	if (!c)
		return 0;
	said->err_no = c->action == RG_ACT_DENY ? c->err_no : RG_EPERM;
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
	__u32 before = 0, refuse;

	if (!s || !rg_enf_who(&e, s, t))
		return 0;
	if (RG_NEED(s, RG_D_FLAGS) && !rg_enf_number(&e, RG_D_FLAGS, flags & ~RG_MSG_CMSG_COMPAT))
		return 0;
	pick.clause = pick.log = -1;
	refuse = rg_enf_refused(s, sk);
	if (rg_enf_socket(&e, s, sk, &before))
		rg_enf_decide(&e, &pick, 0, 0, 0);
	if (pick.clause >= 0 || pick.log >= 0) {
		int r = rg_enf_act(&said, &pick, t, sk);

		if (r < 0)
			return r;
	}
	if (hook == RG_EH_RECVMSG && before && refuse && rg_enf_is_batch(t))
		return rg_enf_refuse_batch(&said, t, sk, e.set);
	return 0;
}

/* socket_recvmsg(sock, msg, size, flags), and what programs before this one say. Read one by one from the
 * context: what the short way does not need would have to be kept for it. */
enum { RG_ARG_SOCK = 0, RG_ARG_FLAGS = 3, RG_ARG_RET = 4 };

static __attribute__((noinline)) int rg_enf_asked(__u64 *ctx)
{
	struct socket *sock = (struct socket *)ctx[RG_ARG_SOCK];
	int ret = (int)ctx[RG_ARG_RET];
	struct sock *sk = sock->sk;

	return ret || !sk ? ret : rg_enf_receive(sk, (__u32)ctx[RG_ARG_FLAGS], RG_EH_RECVMSG);
}

/* A program is called only while those before it said 0 (invoke_bpf_mod_ret). The answer by hand: the
 * compiler would keep it, and save a register for it. */
rg_inline int rg_on_recvmsg(__u64 *ctx, bool is_old)
{
	int ret;

	if (!rg_enf_front((struct socket *)ctx[RG_ARG_SOCK], !is_old, is_old))
		return rg_enf_asked(ctx);
	asm volatile("%0 = 0" : "=r"(ret));
	return ret;
}

SEC("lsm/socket_recvmsg")
int lsm_recvmsg(__u64 *ctx)
{
	return rg_on_recvmsg(ctx, false);
}

SEC("fmod_ret/security_socket_recvmsg")
int mod_recvmsg(__u64 *ctx)
{
	return rg_on_recvmsg(ctx, false);
}

/* Before there were casts (6.2); pinned by the names of the others. */
SEC("lsm/socket_recvmsg")
int lsm_recvmsg_old(__u64 *ctx)
{
	return rg_on_recvmsg(ctx, true);
}

SEC("fmod_ret/security_socket_recvmsg")
int mod_recvmsg_old(__u64 *ctx)
{
	return rg_on_recvmsg(ctx, true);
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
	if (!so || rg_enf_front(so, false, false) || rg_enf_plain_read(bpf_get_current_task_btf()))
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

/* An option of a socket, and whether it is one that is asked as a receive on that socket. */
rg_inline int rg_on_option(struct socket *sock, bool asked, __u32 hook)
{
	struct sock *sk = asked && sock ? sock->sk : NULL;

	return sk ? rg_enf_receive(sk, 0, hook) : 0;
}

rg_inline int rg_on_getsockopt(struct socket *sock, int level, int optname)
{
	return rg_on_option(sock, level == RG_SOL_TCP && optname == RG_TCP_ZEROCOPY_RECEIVE, RG_EH_ZEROCOPY);
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

/* ---- what would let messages pass unasked, as it is set up */

rg_inline int rg_on_setsockopt(struct socket *sock, int level, int optname)
{
	return rg_on_option(sock,
			    (level == RG_SOL_PACKET && optname == RG_PACKET_RX_RING) ||
				    (level == RG_SOL_XDP && optname == RG_XDP_RX_RING),
			    RG_EH_RING);
}

SEC("lsm/socket_setsockopt")
int BPF_PROG(lsm_setsockopt, struct socket *sock, int level, int optname, int ret)
{
	return ret ? ret : rg_on_setsockopt(sock, level, optname);
}

SEC("fmod_ret/security_socket_setsockopt")
int BPF_PROG(mod_setsockopt, struct socket *sock, int level, int optname, int ret)
{
	return ret ? ret : rg_on_setsockopt(sock, level, optname);
}

/* For no socket in particular: is there one on which this process would be refused? */
static __attribute__((noinline)) int rg_enf_setup(__u32 hook)
{
	struct task_struct *t = bpf_get_current_task_btf();
	struct rg_enf_eval e;
	struct rg_enf_pick pick = {.clause = -1, .log = -1};
	struct rg_enf_said said = {.hook = hook, .err_no = RG_EPERM};
	struct rg_enf_set *s = rg_enf_start(&e, t, RG_ST_RECV);

	if (!s || !rg_enf_who(&e, s, t) || !rg_enf_and(&e, s->any))
		return 0;
	rg_enf_decide(&e, &pick, 0, 0, 0);
	if (!rg_enf_picked(&said, &pick))
		return 0;
	said.action = RG_ACT_DENY; /* of whatever rule: nobody is killed for what has not come yet */
	said.ret = said.audit ? 0 : -RG_EPERM;
	rg_enf_report(&said, t, NULL);
	return said.audit ? 0 : -RG_EPERM;
}

/* Receiving without copies is set up by who administers the network, and asked for this alone in that call.
 */
rg_inline int rg_on_capable(int cap)
{
#if defined(__TARGET_ARCH_x86)
	struct task_struct *t;
	struct pt_regs *regs;
	__u32 op;

	if (cap != RG_CAP_NET_ADMIN)
		return 0;
	t = bpf_get_current_task_btf();
	regs = (struct pt_regs *)bpf_task_pt_regs(t);
	/* its lower half is what the kernel goes by, whatever the program put above */
	if (((__u32)regs->orig_ax & ~RG_X32_BIT) != RG_NR_IO_URING_REGISTER)
		return 0;
	op = t->thread_info.status & RG_TS_COMPAT ? regs->cx : regs->si;
	return (op & ~RG_REGISTERED_RING) == RG_REGISTER_ZCRX ? rg_enf_setup(RG_EH_ZCRX) : 0;
#else
	return 0;
#endif
}

SEC("lsm/capable")
int BPF_PROG(lsm_zcrx, const struct cred *cred, struct user_namespace *ns, int cap, unsigned int opts,
	     int ret)
{
	return ret ? ret : rg_on_capable(cap);
}

SEC("fmod_ret/security_capable")
int BPF_PROG(mod_zcrx, const struct cred *cred, struct user_namespace *ns, int cap, unsigned int opts,
	     int ret)
{
	return ret ? ret : rg_on_capable(cap);
}

/* Its arguments became more (6.15), so the return value of the one before has no fixed place: such programs
 * run only while that is 0. */
rg_inline int rg_on_bpf(int cmd, union bpf_attr *attr)
{
	__u32 type;

	if (cmd == BPF_PROG_ATTACH)
		type = attr->attach_type;
	else if (cmd == BPF_LINK_CREATE)
		type = attr->link_create.attach_type;
	else
		return 0;
	return type == BPF_SK_SKB_STREAM_PARSER || type == BPF_SK_SKB_STREAM_VERDICT ||
			       type == BPF_SK_MSG_VERDICT || type == BPF_SK_SKB_VERDICT
		       ? rg_enf_setup(RG_EH_REDIRECT)
		       : 0;
}

SEC("lsm/bpf")
int BPF_PROG(lsm_redirect, int cmd, union bpf_attr *attr, unsigned int size)
{
	return rg_on_bpf(cmd, attr);
}

SEC("fmod_ret/security_bpf")
int BPF_PROG(mod_redirect, int cmd, union bpf_attr *attr, unsigned int size)
{
	return rg_on_bpf(cmd, attr);
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

/* Before a thread or process is there at all: one that could not be followed is not made. A tracepoint alone
 * would not do: where the kernel preempts, its program may be left out. */
static int rg_on_alloc(struct task_struct *child)
{
	__u64 at = (unsigned long)child;
	__u32 zero = 0, kin = rg_enf_kin(rg_current());
	struct rg_enf_ctl *ctl;

	if (!kin) {
		bpf_map_delete_elem(&enf_kin, &at); /* of one that had this address, and went unseen */
		return 0;
	}
	if (!bpf_map_update_elem(&enf_kin, &at, &kin, BPF_ANY))
		return 0;
	ctl = bpf_map_lookup_elem(&enf_ctl, &zero);
	if (!ctl || !ctl->on || ctl->audit || (ctl->deadline && bpf_ktime_get_boot_ns() > ctl->deadline)) {
		rg_enf_count(RG_EC_UNFOLLOWED);
		return 0;
	}
	rg_enf_count(RG_EC_UNFORKED);
	return -RG_EAGAIN;
}

SEC("lsm/task_alloc")
int BPF_PROG(lsm_task_alloc, struct task_struct *child, unsigned long flags, int ret)
{
	return ret ? ret : rg_on_alloc(child);
}

SEC("fmod_ret/security_task_alloc")
int BPF_PROG(mod_task_alloc, struct task_struct *child, unsigned long flags, int ret)
{
	return ret ? ret : rg_on_alloc(child);
}

static int rg_on_free(struct task_struct *t)
{
	__u64 at = (unsigned long)t;

	bpf_map_delete_elem(&enf_kin, &at);
	return 0;
}

SEC("lsm/task_free")
int BPF_PROG(lsm_task_free, struct task_struct *t)
{
	return rg_on_free(t);
}

SEC("fentry/security_task_free")
int BPF_PROG(mod_task_free, struct task_struct *t)
{
	return rg_on_free(t);
}

/* Who was being forked as the above was attached. */
SEC("tp_btf/sched_process_fork")
int BPF_PROG(tree_fork, struct task_struct *parent, struct task_struct *child)
{
	__u32 tgid = child->tgid, kin;

	if (parent->tgid == tgid || rg_enf_kin(child))
		return 0;
	kin = rg_enf_kin(parent);
	if (kin && bpf_map_update_elem(&enf_tree, &tgid, &kin, BPF_ANY))
		rg_enf_count(RG_EC_UNFOLLOWED);
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
