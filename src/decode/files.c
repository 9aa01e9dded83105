/* SPDX-License-Identifier: BSD-2-Clause */
/* One received descriptor: the file as the kernel side saw it while it was attached to the message. */
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/buf.h"
#include "decode/record.h"
#include "decode/sockaddr.h"

/* linux/magic.h; numbers that older headers lack are given with their kernel */
#define MAGIC_ANON_INODE 0x09041934
#define MAGIC_PIPEFS	 0x50495045
#define MAGIC_SOCKFS	 0x534f434b
#define MAGIC_TMPFS	 0x01021994
#define MAGIC_HUGETLBFS	 0x958458f6
#define MAGIC_DMABUF	 0x444d4142
#define MAGIC_NSFS	 0x6e736673
#define MAGIC_PIDFS	 0x50494446 /* 6.9 */
#define MAGIC_SECRETMEM	 0x5345434d

/* Anonymous inodes are told apart by the name the kernel gave the file (fs/anon_inodes.c's callers). */
static const struct {
	const char *prefix;
	int kind;
} anon_names[] = {
	{"[eventfd", RG_FDK_EVENTFD},
	{"[eventpoll", RG_FDK_EVENTPOLL},
	{"[timerfd", RG_FDK_TIMERFD},
	{"[signalfd", RG_FDK_SIGNALFD},
	{"inotify", RG_FDK_INOTIFY},
	{"[fanotify", RG_FDK_FANOTIFY},
	{"[pidfd", RG_FDK_PIDFD},
	{"[io_uring", RG_FDK_IO_URING},
	{"[userfaultfd", RG_FDK_USERFAULTFD},
	{"bpf-", RG_FDK_BPF},
	{"bpf_", RG_FDK_BPF},
	{"btf", RG_FDK_BPF},
	{"[perf_event", RG_FDK_PERF_EVENT},
	{"sync_file", RG_FDK_SYNC_FILE},
	{"seccomp notify", RG_FDK_SECCOMP},
	{"kvm-", RG_FDK_KVM},
};

static int kind_by_mode(const struct rg_rec_file *f)
{
	switch (f->i_mode & S_IFMT) {
	case S_IFREG: return RG_FDK_FILE;
	case S_IFDIR: return RG_FDK_DIRECTORY;
	case S_IFCHR: return RG_FDK_CHARDEV;
	case S_IFBLK: return RG_FDK_BLOCKDEV;
	case S_IFLNK: return RG_FDK_SYMLINK;
	case S_IFIFO: return f->sb_magic == MAGIC_PIPEFS ? RG_FDK_PIPE : RG_FDK_FIFO;
	case S_IFSOCK: return RG_FDK_SOCKET;
	default: return RG_FDK_UNKNOWN;
	}
}

int rg_file_kind(const struct rg_rec_file *f)
{
	switch (f->sb_magic) {
	case MAGIC_ANON_INODE:
		for (size_t i = 0; i < sizeof(anon_names) / sizeof(anon_names[0]); i++)
			if (!strncmp(f->path, anon_names[i].prefix, strlen(anon_names[i].prefix)))
				return anon_names[i].kind;
		return RG_FDK_ANON;
	case MAGIC_DMABUF: return RG_FDK_DMABUF;
	case MAGIC_NSFS: return RG_FDK_NAMESPACE;
	case MAGIC_PIDFS: return RG_FDK_PIDFD;
	case MAGIC_HUGETLBFS:
	case MAGIC_TMPFS:
		/* a file of that name on somebody's own tmpfs is a file */
		if ((f->i_mode & S_IFMT) == S_IFREG && (f->has & RG_FILE_INTERNAL) &&
		    !strncmp(f->path, "memfd:", 6))
			return RG_FDK_MEMFD;
		break;
	}
	return kind_by_mode(f);
}

size_t rg_path_text(const char *comps, size_t len, bool cut, char *out, size_t cap)
{
	const char *comp[64];
	size_t n = 0, at = 0, o = 0;

	while (at < len && n < sizeof(comp) / sizeof(comp[0])) {
		const char *end = memchr(comps + at, '\0', len - at);

		if (!end)
			break;
		/* a mount tree's topmost root is called "/" itself */
		if (strcmp(comps + at, "/"))
			comp[n++] = comps + at;
		at = (size_t)(end - comps) + 1;
	}
	if (cut && cap > 4) {
		memcpy(out, "/...", 4);
		o = 4;
	}
	while (n-- > 0) {
		size_t l = strlen(comp[n]);

		if (o + l + 1 > cap)
			break;
		out[o++] = '/';
		memcpy(out + o, comp[n], l);
		o += l;
	}
	if (!o && cap)
		out[o++] = '/';
	return o;
}

static bool is_anonymous(int kind)
{
	return kind >= RG_FDK_PIPE && kind != RG_FDK_MEMFD;
}

static void add_path(struct rg_builder *b, const struct rg_rec_file *f, size_t have, int kind)
{
	char path[RG_PATH_MAX + 64];
	size_t n;

	if (kind == RG_FDK_PIPE || kind == RG_FDK_SOCKET) {
		if (f->sb_magic == MAGIC_PIPEFS || f->sb_magic == MAGIC_SOCKFS) {
			rg_auto_buf name = {0};

			rg_buf_printf(&name, "%s:[%llu]", kind == RG_FDK_PIPE ? "pipe" : "socket",
				      (unsigned long long)f->ino);
			rg_add_str(b, "path", name.data, name.len);
			return;
		}
	}
	if (!(f->has & RG_FILE_HAS_PATH)) {
		/* the root of a mount has no component */
		if (kind == RG_FDK_DIRECTORY)
			rg_add_str(b, "path", "/", 1);
		return;
	}
	if (is_anonymous(kind) || kind == RG_FDK_MEMFD) {
		n = strnlen(f->path, have);
		rg_add_str(b, "path", f->path, n);
		return;
	}
	n = rg_path_text(f->path, f->path_len < have ? f->path_len : have, f->has & RG_FILE_PATH_CUT, path,
			 sizeof(path));
	rg_add_str(b, "path", path, n);
}

static void add_end(struct rg_builder *b, const char *addr_name, const char *port_name,
		    const struct rg_rec_addr *a)
{
	size_t len = a->len < sizeof(a->sa) ? a->len : sizeof(a->sa);
	int32_t port = -1;
	const struct rg_addr *addr = len ? rg_sockaddr_addr(b->ev, a->sa, len, &port) : NULL;

	if (addr)
		rg_add_addr(b, addr_name, addr);
	if (port >= 0)
		rg_add_u(b, port_name, RG_T_UINT, (uint32_t)port);
}

static void add_sock(struct rg_builder *b, const struct rg_rec_file *f)
{
	rg_add_enum(b, "family", f->family, rg_names_families);
	rg_add_enum(b, "socktype", f->type, rg_names_socktypes);
	if (f->cookie)
		rg_add_u(b, "cookie", RG_T_UINT, f->cookie);
	add_end(b, "local", "local_port", &f->local);
	add_end(b, "remote", "remote_port", &f->remote);
}

/* The kernel keeps dev_t as major << 20 | minor. */
static uint64_t user_dev(uint32_t dev)
{
	return makedev(dev >> 20, dev & 0xfffff);
}

/* O_* as open(2) has them: the kernel's own bits are left out. */
#define OPEN_FLAGS 0x7fffffu

void rg_decode_file(struct rg_builder *list, const struct rg_rec_file *f, size_t size, int fd, uint8_t fd_tag)
{
	struct rg_builder b;
	struct rg_node *n;
	size_t have;
	int kind;

	rg_add_object(list, NULL, &b);
	if (fd >= 0) {
		n = rg_add_i(&b, "fd", fd);
		if (n)
			n->tag = fd_tag;
	}
	if (!f)
		return;
	have = size - __builtin_offsetof(struct rg_rec_file, path);
	kind = rg_file_kind(f);
	rg_add_enum(&b, "kind", kind, rg_names_fdkinds);
	add_path(&b, f, have, kind);
	rg_add_u(&b, "inode", RG_T_UINT, f->ino);
	rg_add_u(&b, "dev", RG_T_UINT, user_dev(f->dev));
	if (kind == RG_FDK_CHARDEV || kind == RG_FDK_BLOCKDEV)
		rg_add_u(&b, "rdev", RG_T_UINT, user_dev(f->rdev));
	rg_add_u(&b, "mode", RG_T_UINT, f->i_mode);
	if (kind == RG_FDK_FILE || kind == RG_FDK_MEMFD)
		rg_add_u(&b, "size", RG_T_SIZE, f->size);
	rg_add_flags(&b, "flags", f->f_flags & OPEN_FLAGS, rg_names_openflags);
	if (kind == RG_FDK_MEMFD && f->seals != ~0u)
		rg_add_flags(&b, "seals", f->seals, rg_names_seals);
	if (f->pidfd_pid)
		rg_add_u(&b, "pid", RG_T_UINT, f->pidfd_pid);
	if (f->has & RG_FILE_HAS_SOCK)
		add_sock(&b, f);
}
