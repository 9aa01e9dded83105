/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RG_BPF_TASK_H
#define RG_BPF_TASK_H

/* Who received: the current task, in the initial and in its own namespaces. */
#include "maps.h"

rg_inline __u32 rg_ns_nr(struct pid *pid, __u32 level)
{
	struct upid up;

	/* numbers[level] of struct pid: as seen from the namespace `level` deep */
	if (!pid || bpf_probe_read_kernel(&up, sizeof(up), &pid->numbers[level & 31]))
		return 0;
	return up.nr;
}

/* A name of the kernel's (char[], through a typed pointer) in words: the compiler would copy bytes. */
#define RG_WORD(p, i) (((const __u64 *)(p))[i])

/* Numbers in a pid namespace further down. They stay what they are as long as the thread and its parent do.
 */
rg_inline void rg_fill_deep_ns(struct rg_rec_msg *rec, struct rg_who *who, struct task_struct *t,
			       struct task_struct *parent, __u32 level)
{
	__u64 pid_start = RG_LOAD(t, start_boottime), ppid_start = rec->parent_start;
	struct pid *pid = RG_LOAD(t, thread_pid), *pp = RG_LOAD(parent, thread_pid);
	struct pid_namespace *ns;
	struct upid up;

	if (who->tid == rec->h.tid && who->ppid == rec->ppid && who->start == pid_start &&
	    who->parent_start == ppid_start)
		return;
	who->tid = 0;
	rec->ns_pid = rg_ns_nr(RG_LOAD(t, group_leader, thread_pid), level);
	rec->ns_tid = 0;
	rec->ns_ppid = 0;
	if (bpf_probe_read_kernel(&up, sizeof(up), &pid->numbers[level & 31]))
		return;
	rec->ns_tid = up.nr;
	ns = up.ns;
	rec->ns_pidns = BPF_CORE_READ(ns, ns.inum);
	/* a parent outside of the namespace has no number there */
	if (RG_LOAD(pp, level) >= level &&
	    !bpf_probe_read_kernel(&up, sizeof(up), &pp->numbers[level & 31]) && up.ns == ns)
		rec->ns_ppid = up.nr;
	who->tid = rec->h.tid;
	who->ppid = rec->ppid;
	who->start = pid_start;
	who->parent_start = ppid_start;
}

/* Walking from a typed pointer by plain loads costs a nanosecond a step, a helper call twenty: plain loads
 * here. */
rg_inline void rg_fill_ns(struct rg_rec_msg *rec, struct rg_who *who, struct task_struct *t,
			  struct task_struct *parent)
{
	struct pid *pid = RG_LOAD(t, thread_pid);
	__u32 level = RG_LOAD(pid, level);
	struct pid_namespace *ns;

	rec->ns_mnt = RG_LOAD(t, nsproxy, mnt_ns, ns.inum);
	if (!level) {
		rec->ns_tid = rec->h.tid;
		rec->ns_pid = rec->pid;
		rec->ns_ppid = rec->ppid;
		ns = RG_LOAD(pid, numbers[0].ns);
		rec->ns_pidns = RG_LOAD(ns, ns.inum);
		return;
	}
	rg_fill_deep_ns(rec, who, t, parent, level);
}

rg_inline bool rg_is_compat(struct task_struct *t)
{
#if defined(__TARGET_ARCH_x86)
	return RG_LOAD(t, thread_info.status) & RG_TS_COMPAT;
#else
	return false;
#endif
}

/* The host name: as many bytes of it as there are, in one of two sizes. */
rg_inline void rg_fill_uts(struct rg_rec_msg *rec, struct task_struct *t)
{
	RG_CHARS(name, RG_UTS_LEN, t, nsproxy, uts_ns, name.nodename);
	__u64 *to = (__u64 *)rec->uts;

	to[0] = RG_WORD(name, 0);
	to[1] = RG_WORD(name, 1);
	rec->uts_len = 16;
	if (!(to[1] >> 56)) /* it ends here, as most do */
		return;
	for (int i = 2; i < RG_UTS_LEN / 8; i++)
		to[i] = RG_WORD(name, i);
	rec->uts_len = RG_UTS_LEN;
}

rg_inline void rg_fill_task(struct rg_rec_msg *rec, struct rg_who *who, struct task_struct *t)
{
	struct task_struct *leader = RG_LOAD(t, group_leader),
			   *parent = RG_LOAD(t, real_parent, group_leader);
	RG_CHARS(comm, RG_COMM_LEN, t, comm);
	struct inode *exe;

	rec->h.tid = RG_LOAD(t, pid);
	rec->pid = RG_LOAD(t, tgid);
	rec->ppid = RG_LOAD(parent, pid);
	rec->uid = RG_LOAD(t, cred, uid.val);
	rec->gid = RG_LOAD(t, cred, gid.val);
	((__u64 *)rec->comm)[0] = RG_WORD(comm, 0);
	((__u64 *)rec->comm)[1] = RG_WORD(comm, 1);
	rec->start = RG_LOAD(t, start_boottime);
	rec->leader_start = RG_LOAD(leader, start_boottime);
	rec->parent_start = RG_LOAD(parent, start_boottime);
	rec->cgroup_id = RG_LOAD(t, cgroups, dfl_cgrp, kn, id);
	/* kernel threads have no mm: reading through NULL gives 0 */
	exe = RG_LOAD(t, mm, exe_file, f_inode);
	rec->exe_ino = RG_LOAD(exe, i_ino);
	rec->exe_dev = RG_LOAD(exe, i_sb, s_dev);
	rg_fill_ns(rec, who, t, parent);
	rg_fill_uts(rec, t);
	rec->mflags = 0;
	if (rg_is_compat(t))
		rec->mflags |= RG_MF_COMPAT;
	if (RG_LOAD(t, flags) & RG_PF_KTHREAD)
		rec->mflags |= RG_MF_KTHREAD;
	if (RG_LOAD(t, flags) & RG_PF_IO_WORKER)
		rec->mflags |= RG_MF_URING;
}

#endif
