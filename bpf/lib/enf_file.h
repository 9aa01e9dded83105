/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RG_BPF_ENF_FILE_H
#define RG_BPF_ENF_FILE_H

/* A passed descriptor on its way into the receiver's table: the file itself decides. */
#include "enf_who.h"

#define RG_EPERM      1
#define RG_MAGIC_ANON 0x09041934
#define RG_MAGIC_DMA  0x444d4142
#define RG_MAGIC_NSFS 0x6e736673
#define RG_MAGIC_PIDF 0x50494446
#define RG_MAGIC_TMP  0x01021994
#define RG_MAGIC_HUGE 0x958458f6
#define RG_MAGIC_PIPE 0x50495045

/* The first bytes of s as they stand in memory (little-endian). */
#define RG_TEXT(s)                                                                        \
	((__u64)(s)[0] | (__u64)(s)[1] << 8 | (__u64)(s)[2] << 16 | (__u64)(s)[3] << 24 | \
	 (__u64)(s)[4] << 32 | (__u64)(s)[5] << 40 | (__u64)(s)[6] << 48 | (__u64)(s)[7] << 56)
#define RG_FIRST(n) (~0ull >> (64 - 8 * (n)))

/* Anonymous inodes are told apart by their names, as src/decode/files.c does (longer beginnings are told
 * apart there: no two share their first eight bytes). */
rg_inline __u32 rg_enf_anon_kind(__u64 n)
{
	if (n == RG_TEXT("[eventfd"))
		return RG_EK_EVENTFD;
	if (n == RG_TEXT("[eventpo"))
		return RG_EK_EVENTPOLL;
	if (n == RG_TEXT("[timerfd"))
		return RG_EK_TIMERFD;
	if (n == RG_TEXT("[signalf"))
		return RG_EK_SIGNALFD;
	if ((n & RG_FIRST(7)) == (RG_TEXT("inotify ") & RG_FIRST(7)))
		return RG_EK_INOTIFY;
	if (n == RG_TEXT("[fanotif"))
		return RG_EK_FANOTIFY;
	if ((n & RG_FIRST(6)) == (RG_TEXT("[pidfd  ") & RG_FIRST(6)))
		return RG_EK_PIDFD;
	if (n == RG_TEXT("[io_urin"))
		return RG_EK_IO_URING;
	if (n == RG_TEXT("[userfau"))
		return RG_EK_USERFAULTFD;
	n &= RG_FIRST(4);
	if (n == (RG_TEXT("bpf-    ") & RG_FIRST(4)) || n == (RG_TEXT("bpf_    ") & RG_FIRST(4)) ||
	    (n & RG_FIRST(3)) == (RG_TEXT("btf     ") & RG_FIRST(3)))
		return RG_EK_BPF;
	if (n == (RG_TEXT("[per    ") & RG_FIRST(4)))
		return RG_EK_PERF_EVENT;
	if (n == (RG_TEXT("sync    ") & RG_FIRST(4)))
		return RG_EK_SYNC_FILE;
	if (n == (RG_TEXT("secc    ") & RG_FIRST(4)))
		return RG_EK_SECCOMP;
	if (n == (RG_TEXT("kvm-    ") & RG_FIRST(4)))
		return RG_EK_KVM;
	return RG_EK_ANON;
}

rg_inline __u32 rg_enf_kind(struct file *f, struct inode *ino)
{
	__u32 mode = ino->i_mode & S_IFMT;
	__u64 magic = ino->i_sb->s_magic, name = 0;

	bpf_probe_read_kernel(&name, sizeof(name), f->f_path.dentry->d_name.name);
	switch (magic) {
	case RG_MAGIC_ANON: return rg_enf_anon_kind(name);
	case RG_MAGIC_DMA: return RG_EK_DMABUF;
	case RG_MAGIC_NSFS: return RG_EK_NAMESPACE;
	case RG_MAGIC_PIDF: return RG_EK_PIDFD;
	case RG_MAGIC_HUGE:
	case RG_MAGIC_TMP:
		/* a file of that name on somebody's own tmpfs is a file */
		if (mode == 0100000 && (ino->i_sb->s_flags & RG_SB_KERNMOUNT) &&
		    (name & RG_FIRST(6)) == (RG_TEXT("memfd:  ") & RG_FIRST(6)))
			return RG_EK_MEMFD;
	}
	switch (mode) {
	case 0100000: return RG_EK_FILE;
	case 0040000: return RG_EK_DIRECTORY;
	case 0020000: return RG_EK_CHARDEV;
	case 0060000: return RG_EK_BLOCKDEV;
	case 0120000: return RG_EK_SYMLINK;
	case 0010000: return magic == RG_MAGIC_PIPE ? RG_EK_PIPE : RG_EK_FIFO;
	case 0140000: return RG_EK_SOCKET;
	}
	return RG_EK_UNKNOWN;
}

/* A device number as stat(2) has it. */
rg_inline __u64 rg_enf_dev(__u32 dev)
{
	__u64 major = dev >> 20, minor = dev & 0xfffff;

	return (minor & 0xff) | major << 8 | (minor & ~0xffull) << 12;
}

rg_inline __u32 rg_enf_of_file(struct rg_enf_eval *e, struct rg_enf_set *s, struct file *f)
{
	struct inode *ino = f->f_inode;

	if (RG_NEED(s, RG_D_KIND) && !rg_enf_number(e, RG_D_KIND, rg_enf_kind(f, ino)))
		return 0;
	if (RG_NEED(s, RG_D_INO) && !rg_enf_number(e, RG_D_INO, ino->i_ino))
		return 0;
	if (RG_NEED(s, RG_D_DEV) && !rg_enf_number(e, RG_D_DEV, rg_enf_dev(ino->i_sb->s_dev)))
		return 0;
	if (RG_NEED(s, RG_D_RDEV) && !rg_enf_number(e, RG_D_RDEV, rg_enf_dev(ino->i_rdev)))
		return 0;
	if (RG_NEED(s, RG_D_MODE) && !rg_enf_number(e, RG_D_MODE, ino->i_mode))
		return 0;
	if (RG_NEED(s, RG_D_FSIZE) && !rg_enf_number(e, RG_D_FSIZE, ino->i_size))
		return 0;
	if (RG_NEED(s, RG_D_FFLAGS) && !rg_enf_number(e, RG_D_FFLAGS, f->f_flags))
		return 0;
	return e->sum;
}

static __attribute__((noinline)) int rg_enf_report_file(struct rg_enf_said *said, struct file *f)
{
	struct rg_enf_event *ev;

	rg_enf_counted(said->action, said->audit);
	ev = rg_enf_begin(said);
	if (!ev)
		return 0;
	rg_enf_file(ev, f);
	bpf_ringbuf_submit(ev, 0);
	return 0;
}

static __attribute__((noinline)) int rg_on_file(struct file *f)
{
	struct task_struct *t = bpf_get_current_task_btf();
	struct rg_enf_said said = {.hook = RG_EH_FILE};
	struct rg_enf_eval e;
	struct rg_enf_pick pick = {};
	struct rg_enf_set *s = rg_enf_start(&e, t, RG_ST_FILE);

	if (!s || !rg_enf_who(&e, s, t) || !rg_enf_of_file(&e, s, f))
		return 0;
	pick.clause = pick.log = -1;
	rg_enf_decide(&e, &pick, 0, 0, 0);
	if (pick.log >= 0) {
		said.clause = pick.log;
		said.action = RG_ACT_LOG;
		rg_enf_report_file(&said, f);
	}
	if (!rg_enf_picked(&said, &pick))
		return 0;
	rg_enf_report_file(&said, f);
	return said.audit ? 0 : -RG_EPERM;
}

#endif
