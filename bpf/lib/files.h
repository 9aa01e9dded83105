/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RG_BPF_FILES_H
#define RG_BPF_FILES_H

/* The files that travel with a unix message, read while they are attached to it. */
#include "maps.h"
#include "sock.h"

#define RG_PATH_DEPTH	    24
#define RG_NAME_ROOM	    256
#define RG_TMPFS_MAGIC	    0x01021994
#define RG_PIDFS_MAGIC	    0x50494446
#define RG_ANON_INODE_MAGIC 0x09041934

/* A name with its NUL to `to`, which has RG_NAME_ROOM bytes; its length then, 0 or less: none. Most are
 * short: by plain loads as far as there are no others' bytes behind (DNAME_INLINE_LEN is 32 at least). Its
 * length is found in what was copied, because a file may be renamed meanwhile. */
rg_inline long rg_path_name(char *to, struct dentry *d)
{
#ifdef RG_PLAIN_LOADS
	__u32 len = BPF_CORE_READ(d, d_name.len), last = len >> 3;
	const __u64 *from = RG_PLAIN_AT(BPF_CORE_READ(d, d_name.name));
	__u64 *w = (__u64 *)to, nul = 0;

	if (len < 32) {
		for (__u32 i = 0; i < 4; i++) {
			__u64 x = from[i], z = (x - 0x0101010101010101ull) & ~x & 0x8080808080808080ull;

			w[i] = x;
			nul |= i < last ? z : i == last ? (z & -z) ^ 0x80ull << (len & 7) * 8 : 0;
		}
		if (!nul && len)
			return len + 1;
	}
#endif
	return bpf_probe_read_kernel_str(to, RG_NAME_ROOM, BPF_CORE_READ(d, d_name.name));
}

/* One name. */
rg_inline long rg_path_round(__u32 i, char *path, struct rg_up *l)
{
	struct dentry *d = l->d, *up;
	struct mount *m = l->m, *mup;
	__u32 pos = l->pos;
	long n;

	if (!d || !path)
		return 1;
	up = BPF_CORE_READ(d, d_parent);
	if (up == d) {
		/* root of a mount: go on at the mount point, unless this is the topmost or detached */
		mup = BPF_CORE_READ(m, mnt_parent);
		if (i && (!mup || mup == m))
			return 1;
		if (mup && mup != m) {
			l->d = BPF_CORE_READ(m, mnt_mountpoint);
			l->m = mup;
			return 0;
		}
	}
	if (pos > RG_PATH_MAX - RG_NAME_ROOM) {
		l->has |= RG_FILE_PATH_CUT;
		return 1;
	}
	n = rg_path_name(path + pos, d);
	if (n <= 0)
		return 1;
	l->pos = pos + n;
	l->d = up;
	return up == d; /* anonymous: one name of its own */
}

#ifndef RG_LEGACY
struct rg_path_loop {
	char *path;
	struct rg_up up;
};

/* A loop of the helper's (which becomes one of the program's): walked by the verifier 24 rounds are too much
 * for 6.1's, and half a second for later ones. */
static long rg_path_step(__u32 i, void *arg)
{
	struct rg_path_loop *l = arg;

	return rg_path_round(i, l->path, &l->up);
}
#endif

/* Names from the file up to the root of its mount tree, crossing mount points, into path. Returns the length;
 * adds to *has. */
rg_inline __u32 rg_file_path(struct rg_state *st, char *path, __u32 *has, struct file *f)
{
#ifdef RG_LEGACY
	struct rg_up *up = &st->up;
#else
	struct rg_path_loop l = {.path = path};
	struct rg_up *up = &l.up;
#endif
	struct vfsmount *vm = BPF_CORE_READ(f, f_path.mnt);

	up->d = BPF_CORE_READ(f, f_path.dentry);
	up->m = container_of(vm, struct mount, mnt);
	up->pos = RG_UNKNOWN(0);
	up->has = RG_UNKNOWN(0);
#ifdef RG_LEGACY
	RG_ROUNDS(RG_PATH_DEPTH, rg_path_round(i_, path, up));
#else
	bpf_loop(RG_PATH_DEPTH, rg_path_step, &l, 0);
#endif
	if (up->pos)
		up->has |= RG_FILE_HAS_PATH;
	*has |= up->has;
	return up->pos;
}

rg_inline void rg_file_sock(struct rg_rec_file *r, struct file *f)
{
	struct socket *so = (struct socket *)BPF_CORE_READ(f, private_data);
	struct sock *sk = BPF_CORE_READ(so, sk);

	if (!sk)
		return;
	r->has |= RG_FILE_HAS_SOCK;
	r->family = BPF_CORE_READ(sk, __sk_common.skc_family);
	r->type = BPF_CORE_READ(sk, sk_type);
	r->protocol = BPF_CORE_READ(sk, sk_protocol);
	r->sk_state = BPF_CORE_READ(sk, __sk_common.skc_state);
	r->cookie = BPF_CORE_READ(sk, __sk_common.skc_cookie.counter);
	rg_sock_names(sk, &r->local, &r->remote);
}

rg_inline void rg_file_special(struct rg_rec_file *r, struct file *f, struct inode *ino)
{
	r->seals = ~0u;
	r->pidfd_pid = 0;
	if (r->sb_magic == RG_TMPFS_MAGIC)
		r->seals = BPF_CORE_READ(container_of(ino, struct shmem_inode_info, vfs_inode), seals);
	/* 6.9: pidfds moved from anonymous inodes to pidfs, struct pid from private_data to the inode */
	if (r->sb_magic == RG_PIDFS_MAGIC)
		r->pidfd_pid = rg_pid_nr((struct pid *)BPF_CORE_READ(ino, i_private));
}

/* Before 6.9 a pidfd is an anonymous inode of that name, with the struct pid as its private data. */
rg_inline void rg_file_old_pidfd(struct rg_rec_file *r, struct file *f)
{
	if (r->sb_magic == RG_ANON_INODE_MAGIC && r->path[0] == '[' && r->path[1] == 'p' &&
	    r->path[2] == 'i' && r->path[3] == 'd' && r->path[4] == 'f')
		r->pidfd_pid = rg_pid_nr((struct pid *)BPF_CORE_READ(f, private_data));
}

/* One file as a record of its own. */
rg_inline void rg_emit_file(struct rg_state *st, __u32 tid, __u32 tgid, struct file *f, __u32 index, __s32 fd)
{
	struct rg_rec_file *r = bpf_ringbuf_reserve(&ring, sizeof(*r), 0);
	struct inode *ino;

	if (!r) {
		st->cut |= RG_CUT_PART;
		rg_lost(RG_LOSS_PART, tgid, 0);
		return;
	}
	r->h.type = RG_REC_FILE;
	r->h.version = RG_ABI_VERSION;
	r->h.msg_no = st->msg_no + 1;
	r->h.tid = tid;
	r->h.cpu = bpf_get_smp_processor_id();
	r->index = index;
	r->fd = fd;
	ino = BPF_CORE_READ(f, f_inode);
	r->f_flags = BPF_CORE_READ(f, f_flags);
	r->f_mode = BPF_CORE_READ(f, f_mode);
	r->i_mode = BPF_CORE_READ(ino, i_mode);
	r->ino = BPF_CORE_READ(ino, i_ino);
	r->dev = BPF_CORE_READ(ino, i_sb, s_dev);
	r->rdev = BPF_CORE_READ(ino, i_rdev);
	r->size = BPF_CORE_READ(ino, i_size);
	r->sb_magic = BPF_CORE_READ(ino, i_sb, s_magic);
	r->has = BPF_CORE_READ(ino, i_sb, s_flags) & RG_SB_KERNMOUNT ? RG_FILE_INTERNAL : 0;
	r->cookie = 0;
	r->local.len = 0;
	r->remote.len = 0;
	r->path_len = 0;
	rg_file_special(r, f, ino);
	r->path_len = rg_file_path(st, r->path, &r->has, f);
	rg_file_old_pidfd(r, f);
	if ((r->i_mode & S_IFMT) == S_IFSOCK)
		rg_file_sock(r, f);
	r->h.len = __builtin_offsetof(struct rg_rec_file, path) + (r->path_len & (RG_PATH_MAX - 1));
	bpf_ringbuf_submit(r, BPF_RB_NO_WAKEUP);
}

rg_sub int rg_emit_proc_sub(RG_ST_ARG)
{
	RG_ST_GET(st);
	struct task_struct *t = rg_current();
	struct rg_rec_proc *r;
	struct file *exe;

	if (!st)
		return 0;
	r = bpf_ringbuf_reserve(&ring, sizeof(*r), 0);
	if (!r)
		return 0; /* tried again with the next message */
	st->exe_ino = st->rec.exe_ino;
	st->exe_dev = st->rec.exe_dev;
	exe = BPF_CORE_READ(t, mm, exe_file);
	r->h.type = RG_REC_PROC;
	r->h.version = RG_ABI_VERSION;
	r->h.msg_no = 0;
	r->h.tid = RG_LOAD(t, pid);
	r->h.cpu = bpf_get_smp_processor_id();
	r->pid = RG_LOAD(t, tgid);
	r->exe_dev = st->exe_dev;
	r->exe_ino = st->exe_ino;
	r->has = 0;
	r->path_len = rg_file_path(st, r->path, &r->has, exe);
	r->h.len = __builtin_offsetof(struct rg_rec_proc, path) + (r->path_len & (RG_PATH_MAX - 1));
	bpf_ringbuf_submit(r, BPF_RB_NO_WAKEUP);
	return 0;
}

/* The executable's path, once per thread and after each exec. */
rg_inline void rg_emit_proc(struct rg_state *st)
{
	if (st->rec.exe_ino && (st->exe_ino != st->rec.exe_ino || st->exe_dev != st->rec.exe_dev))
		rg_emit_proc_sub(RG_PASS(st));
}

#ifdef RG_LEGACY

/* One file of the list at addr; not 0: it was the last. */
rg_sub int rg_emit_file_sub(RG_ST_ARG, __u64 addr, __u32 i)
{
	RG_ST_GET(st);
	struct scm_fp_list *fpl = (struct scm_fp_list *)addr;
	struct task_struct *t = rg_current();
	struct file *f = NULL;

	if (!st || (__s32)i >= BPF_CORE_READ(fpl, count))
		return 1;
	bpf_probe_read_kernel(&f, sizeof(f), &fpl->fp[i & 255]);
	if (f)
		rg_emit_file(st, RG_LOAD(t, pid), RG_LOAD(t, tgid), f, st->n_files, -1);
	st->n_files++;
	return 0;
}

/* All files of the list at addr. */
rg_sub int rg_take_files_sub(RG_ST_ARG, __u64 addr)
{
	RG_ROUNDS(253 /* SCM_MAX_FD */, rg_emit_file_sub(0, addr, i_));
	return 0;
}

#else

/* The file at addr. */
rg_sub int rg_emit_file_sub(RG_ST_ARG, __u64 addr, __u32 index)
{
	RG_ST_GET(st);
	struct task_struct *t = rg_current();

	if (st && addr)
		rg_emit_file(st, RG_LOAD(t, pid), RG_LOAD(t, tgid), (struct file *)addr, index, -1);
	return 0;
}

struct rg_files_loop {
	struct rg_state *st;
	struct scm_fp_list *fpl;
	__u32 base;
};

static long rg_files_step(__u32 i, void *arg)
{
	struct rg_files_loop *l = arg;

	if (l->st)
		rg_emit_file_sub(RG_PASS(l->st), rg_kernel_word((__u64)&l->fpl->fp[i & 255]), l->base + i);
	return 0;
}

/* All files of the list at addr. */
rg_sub int rg_take_files_sub(RG_ST_ARG, __u64 addr)
{
	RG_ST_GET(st);
	struct scm_fp_list *fpl = (struct scm_fp_list *)addr;
	struct rg_files_loop l = {.st = st, .fpl = fpl};
	__u32 n;

	if (!st)
		return 0;
	l.base = st->n_files;
	n = BPF_CORE_READ(fpl, count);
	if (n > 253)
		n = 253; /* SCM_MAX_FD */
	if (n == 1)
		rg_files_step(0, &l);
	else
		bpf_loop(n, rg_files_step, &l, 0);
	st->n_files += n;
	return 0;
}

#endif

rg_inline void rg_take_files(struct rg_state *st, struct task_struct *t, struct sk_buff *skb)
{
	__u64 fpl = *(const __u64 *)(skb->cb + bpf_core_field_offset(struct unix_skb_parms, fp));

	st->has |= RG_HAS_FILES;
	if (fpl)
		rg_take_files_sub(RG_PASS(st), fpl);
}

#endif
