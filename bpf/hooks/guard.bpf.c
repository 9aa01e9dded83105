// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What stands pinned for enforcement, guarded from other programs (docs/enforce.md, "Guarded"): they get no
 * descriptor of our maps and programs, and take no pin away.
 *
 *   bpf_map, bpf_prog                      a descriptor is made: by id, from a pin, at creation
 *   inode_unlink, inode_rmdir, inode_rename   of pins, and of their folder
 *   sb_umount                              of the file system they are in
 *   ptrace_access_check                    of a recvguard, which may do all that
 *   bpf                                    tells at the start who we are
 *
 * Each once as an LSM program and once as fmod_ret. None asks for the return value of the one before: such
 * programs run only while that is 0.
 */
#include "lib/common.h"

#include "abi/enforce.h"

char LICENSE[] SEC("license") = "GPL";

#define RG_EPERM	 1
#define RG_PTRACE_ATTACH 2
#define RG_GUARDED_MAX	 256

enum { RG_GK_MAP = 1, RG_GK_PROG };

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct rg_enf_guard);
} enf_guard SEC(".maps");

/* Kind << 32 | id of what is ours. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, RG_GUARDED_MAX);
	__type(key, __u64);
	__type(value, __u32);
} enf_ours SEC(".maps");

rg_inline struct rg_enf_guard *rg_guard(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&enf_guard, &zero);
}

/* Of a task's executable: its name, and the folder it is in. */
rg_inline void rg_guard_exe(struct task_struct *t, struct rg_enf_exe *exe)
{
	struct dentry *d = BPF_CORE_READ(t, mm, exe_file, f_path.dentry);

	exe->dir_ino = BPF_CORE_READ(d, d_parent, d_inode, i_ino);
	exe->dir_dev = BPF_CORE_READ(d, d_parent, d_inode, i_sb, s_dev);
	bpf_probe_read_kernel_str(exe->name, sizeof(exe->name), BPF_CORE_READ(d, d_name.name));
}

/* Is it a recvguard: the one that loaded this, or what has taken its place? Whoever is below a kernel thread
 * has no executable, and is none. */
rg_inline bool rg_guard_is_us(const struct rg_enf_guard *g, struct task_struct *t)
{
	struct rg_enf_exe exe = {};

	rg_guard_exe(t, &exe);
	if (exe.dir_ino != g->exe.dir_ino || exe.dir_dev != g->exe.dir_dev)
		return false;
	for (__u32 i = 0; i < sizeof(exe.name); i++) {
		if (exe.name[i] != g->exe.name[i])
			return false;
		if (!exe.name[i])
			break;
	}
	return true;
}

rg_inline bool rg_guard_holds(const struct rg_enf_guard *g)
{
	return g && g->on && (!g->deadline || bpf_ktime_get_boot_ns() <= g->deadline);
}

/* -EPERM for who is none of us. */
rg_inline int rg_guard_ask(const struct rg_enf_guard *g)
{
	struct task_struct *t = bpf_get_current_task_btf();

	if (!rg_guard_holds(g) || t->flags & RG_PF_KTHREAD || rg_guard_is_us(g, t))
		return 0;
	return -RG_EPERM;
}

/* What the loading thread gets a descriptor of is ours. */
rg_inline int rg_guard_object(__u64 kind, __u32 id)
{
	struct task_struct *t = bpf_get_current_task_btf();
	struct rg_enf_guard *g = rg_guard();
	__u64 key = kind << 32 | id;
	__u32 one = 1;

	if (!g)
		return 0;
	if (g->learn && g->learn == t->pid && rg_guard_is_us(g, t))
		bpf_map_update_elem(&enf_ours, &key, &one, BPF_ANY);
	else if (bpf_map_lookup_elem(&enf_ours, &key))
		return rg_guard_ask(g);
	return 0;
}

rg_inline int rg_guard_learn(void)
{
	struct task_struct *t = bpf_get_current_task_btf();
	struct rg_enf_guard *g = rg_guard();

	if (g && g->learn && g->learn == t->pid && !g->exe.name[0])
		rg_guard_exe(t, &g->exe);
	return 0;
}

rg_inline bool rg_guard_is_dir(const struct rg_enf_guard *g, struct inode *i)
{
	return i && BPF_CORE_READ(i, i_ino) == g->pins_ino && BPF_CORE_READ(i, i_sb, s_dev) == g->pins_dev;
}

/* A name is taken out of dir. */
rg_inline int rg_guard_name(struct inode *dir, struct dentry *d)
{
	struct rg_enf_guard *g = rg_guard();

	if (!rg_guard_holds(g) || !(rg_guard_is_dir(g, dir) || rg_guard_is_dir(g, BPF_CORE_READ(d, d_inode))))
		return 0;
	return rg_guard_ask(g);
}

/* In the machine's mount namespace and in the loader's: other namespaces' copies may come and go. */
rg_inline int rg_guard_umount(struct vfsmount *mnt)
{
	struct rg_enf_guard *g = rg_guard();
	struct mount *m = (void *)mnt - bpf_core_field_offset(struct mount, mnt);
	__u32 ns = BPF_CORE_READ(m, mnt_ns, ns.inum);

	if (!rg_guard_holds(g) || BPF_CORE_READ(mnt, mnt_sb, s_dev) != g->pins_dev ||
	    (ns != g->mntns[0] && ns != g->mntns[1]))
		return 0;
	return rg_guard_ask(g);
}

rg_inline int rg_guard_ptrace(struct task_struct *child, __u32 mode)
{
	struct rg_enf_guard *g = rg_guard();

	if (!(mode & RG_PTRACE_ATTACH) || !rg_guard_holds(g) || !rg_guard_is_us(g, child))
		return 0;
	return rg_guard_ask(g);
}

#define RG_GUARD(hook, call, ...)                                             \
	SEC("lsm/" #hook) int BPF_PROG(lsm_##hook, __VA_ARGS__)               \
	{                                                                     \
		return call;                                                  \
	}                                                                     \
	SEC("fmod_ret/security_" #hook) int BPF_PROG(mod_##hook, __VA_ARGS__) \
	{                                                                     \
		return call;                                                  \
	}

RG_GUARD(bpf, rg_guard_learn(), int cmd)
RG_GUARD(bpf_map, rg_guard_object(RG_GK_MAP, BPF_CORE_READ(map, id)), struct bpf_map *map)
RG_GUARD(bpf_prog, rg_guard_object(RG_GK_PROG, BPF_CORE_READ(prog, aux, id)), struct bpf_prog *prog)
RG_GUARD(inode_unlink, rg_guard_name(dir, dentry), struct inode *dir, struct dentry *dentry)
RG_GUARD(inode_rmdir, rg_guard_name(dir, dentry), struct inode *dir, struct dentry *dentry)
RG_GUARD(inode_rename, rg_guard_name(dir, dentry), struct inode *dir, struct dentry *dentry)
RG_GUARD(sb_umount, rg_guard_umount(mnt), struct vfsmount *mnt)
RG_GUARD(ptrace_access_check, rg_guard_ptrace(child, mode), struct task_struct *child, unsigned int mode)
