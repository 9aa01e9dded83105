/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RG_BPF_SELECT_H
#define RG_BPF_SELECT_H

/* Which messages are wanted (abi/config.h): everything that can be decided is decided here. */
#include "maps.h"

rg_inline bool rg_sel_cgroup(struct task_struct *t)
{
	struct cgroup *cg = BPF_CORE_READ(t, cgroups, dfl_cgrp);

	/* A cgroup selects its descendants too: walk up. */
	for (int i = 0; i < RG_CGROUP_LEVELS && cg; i++) {
		__u64 id = BPF_CORE_READ(cg, kn, id);

		if (bpf_map_lookup_elem(&sel_cgroups, &id))
			return true;
		cg = container_of(BPF_CORE_READ(cg, self.parent), struct cgroup, self);
		if (cg == container_of((struct cgroup_subsys_state *)0, struct cgroup, self))
			return false;
	}
	return false;
}

rg_inline bool rg_sel_exe(struct task_struct *t)
{
	struct inode *ino = BPF_CORE_READ(t, mm, exe_file, f_inode);
	struct rg_exe_key key = {};

	if (!ino)
		return false;
	key.ino = BPF_CORE_READ(ino, i_ino);
	key.dev = BPF_CORE_READ(ino, i_sb, s_dev);
	return bpf_map_lookup_elem(&sel_exes, &key) != 0;
}

/* A process of our own that makes test calls (src/kernel/calibrate.c); 0: none. */
__u32 rg_quiet_tgid;

rg_inline bool rg_sel_own(struct task_struct *t)
{
	__u32 tgid = RG_LOAD(t, tgid);

	return tgid == rg_config.self || tgid == rg_quiet_tgid;
}

/* Is the running thread's process selected by its number? A process leaves sel_pids only as it ends: so a yes
 * is kept with the thread's state, which costs less than half of the look-up. ret: the state, where it was
 * needed and there is one. */
rg_inline bool rg_sel_pid(struct task_struct *t, struct rg_state **ret)
{
	__u32 tgid = RG_LOAD(t, tgid), hint = rg_sel_hint[tgid & (RG_SEL_HINTS - 1)];

	if (!hint || hint == tgid)
		return hint;
#ifdef RG_LEGACY /* a state is a look-up there too */
	return bpf_map_lookup_elem(&sel_pids, &tgid) != 0;
#else
	struct rg_state *st = rg_state_find(t);

	*ret = st;
	if (st && st->sel_pid)
		return true;
	if (!bpf_map_lookup_elem(&sel_pids, &tgid))
		return false;
	if (st)
		st->sel_pid = 1;
	return true;
#endif
}

/* Does the receiving task pass the selection by process? st: as rg_sel_pid. */
rg_inline bool rg_sel_task(struct task_struct *t, struct rg_state **st)
{
	__u32 sel = rg_config.select;

	if (rg_sel_own(t))
		return false;
	if (!(sel & RG_SEL_TASK))
		return true;
	if ((sel & RG_SEL_PID) && !rg_sel_pid(t, st))
		return false;
	if (sel & RG_SEL_COMM) {
		struct rg_comm_key key;
		RG_CHARS(comm, RG_COMM_LEN, t, comm);

		__builtin_memcpy(&key, comm, sizeof(key));
		if (!bpf_map_lookup_elem(&sel_comms, &key))
			return false;
	}
	if (sel & RG_SEL_UID) {
		__u32 uid = RG_LOAD(t, cred, uid.val);

		if (!bpf_map_lookup_elem(&sel_uids, &uid))
			return false;
	}
	if ((sel & RG_SEL_CGROUP) && !rg_sel_cgroup(t))
		return false;
	return !(sel & RG_SEL_EXE) || rg_sel_exe(t);
}

/* Are its messages looked at? Where they are counted (flow.h) all are: one that is not selected may share its
 * socket with one that is. */
rg_inline bool rg_sel_seen(struct task_struct *t, struct rg_state **st)
{
	return rg_config.msg_ids ? !rg_sel_own(t) : rg_sel_task(t, st);
}

rg_inline bool rg_sel_family(__u16 family)
{
	return !(rg_config.select & RG_SEL_FAMILY) || (family < 64 && (rg_config.families >> family & 1));
}

rg_inline bool rg_sel_fd(int fd)
{
	if (!(rg_config.select & RG_SEL_FD))
		return true;
	for (int i = 0; i < RG_SEL_FDS_MAX; i++)
		if (i < rg_config.n_fds && rg_config.fds[i] == fd)
			return true;
	return false;
}

/* Without a branch per byte: the verifier would follow each of them. */
rg_inline bool rg_same_bytes(const __u8 *a, const volatile __u8 *b, __u32 len)
{
	__u8 diff = 0;

	for (__u32 i = 0; i < 112; i++)
		diff |= (a[i] ^ b[i]) & (__u8)((__s32)(i - len) >> 31);
	return !diff;
}

/* Does this sockaddr (as recorded) meet a rule by address? */
rg_inline bool rg_sel_addr(const struct rg_rec_addr *a, const volatile struct rg_sock_rule *r)
{
	__u16 family = *(const __u16 *)a->sa;
	__u16 port = __builtin_bswap16(*(const __u16 *)(a->sa + 2));

	if (a->len < 2)
		return false;
	if (r->kind == RG_SR_UNIX) {
		__u32 len = a->len - 2u;

		if (family != AF_UNIX)
			return false;
		/* the kernel's length of a pathname counts its NUL, an abstract name has none */
		if (r->name[0] && len > 0 && len == r->len + 1)
			len--;
		return len == r->len && rg_same_bytes(a->sa + 2, r->name, len);
	}
	if (family != AF_INET && family != AF_INET6)
		return false;
	if (r->port && r->port != port)
		return false;
	if (!r->len)
		return true;
	if (family == AF_INET)
		return r->len == 4 && rg_same_bytes(a->sa + 4, r->name, 4);
	return r->len == 16 && rg_same_bytes(a->sa + 8, r->name, 16);
}

/* Selection by socket, on the filled record. */
rg_sub int rg_sel_sock(RG_REC_ARG)
{
	RG_REC_GET(rec);
	if (!(rg_config.select & RG_SEL_SOCKET) || !rec)
		return true;
	for (int i = 0; i < RG_SEL_SOCKETS_MAX; i++) {
		const volatile struct rg_sock_rule *r = &rg_config.rules[i];

		if (i >= rg_config.n_rules)
			break;
		if (r->kind == RG_SR_INODE && r->number == rec->sock_ino)
			return true;
		if (r->kind == RG_SR_COOKIE && r->number == rec->cookie)
			return true;
		if (r->kind == RG_SR_INET && r->protocol && r->protocol != rec->protocol)
			continue;
		if ((r->kind == RG_SR_UNIX || r->kind == RG_SR_INET) &&
		    (rg_sel_addr(&rec->local, r) || rg_sel_addr(&rec->remote, r)))
			return true;
	}
	return false;
}

rg_inline bool rg_sel_by_sock(struct rg_rec_msg *rec)
{
	return !(rg_config.select & RG_SEL_SOCKET) || rg_sel_sock(RG_PASS(rec));
}

#endif
