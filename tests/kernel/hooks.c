// SPDX-License-Identifier: BSD-2-Clause
/*
 * A platform program: which functions of this kernel can be watched, and which of them one receive passes.
 * Prints TAP; with -v a table of route × hook as well.
 */
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

#include "hooks.skel.h"

enum {
#define HOOK(kind, fn) H_##kind##_##fn,
#include "hooks.h"
#undef HOOK
	H_tp_skb_copy,
	H_tp_recv_length,
	H__COUNT
};
static const char *const names[] = {
#define HOOK(kind, fn) #kind " " #fn,
#include "hooks.h"
#undef HOOK
	"tp_btf skb_copy_datagram_iovec", "tp_btf sock_recv_length"};

static struct hooks_bpf *skel;
static bool attached[H__COUNT];
static int tests, failures;
static bool verbose;

static void result(bool ok, const char *name)
{
	printf("%sok %d - %s\n", ok ? "" : "not ", ++tests, name);
	failures += !ok;
}

static int quiet(enum libbpf_print_level level, const char *fmt, va_list ap)
{
	return verbose && level == LIBBPF_WARN ? vfprintf(stderr, fmt, ap) : 0;
}

static int open_hooks(void)
{
	struct btf *btf = btf__load_vmlinux_btf();
	struct bpf_program *p;
	int i = 0;

	skel = hooks_bpf__open();
	if (!btf || !skel)
		return -1;
	skel->rodata->only_tgid = getpid();
	bpf_object__for_each_program(p, skel->obj)
	{
		const char *sec = bpf_program__section_name(p), *fn = strchr(sec, '/') + 1;
		char tp[128];
		bool tracepoint = !strncmp(sec, "tp_btf", 6);

		snprintf(tp, sizeof(tp), "btf_trace_%s", fn);
		if (btf__find_by_name_kind(btf, tracepoint ? tp : fn,
					   tracepoint ? BTF_KIND_TYPEDEF : BTF_KIND_FUNC) < 0)
			bpf_program__set_autoload(p, false);
	}
	btf__free(btf);
	if (hooks_bpf__load(skel))
		return -1;
	bpf_object__for_each_program(p, skel->obj)
	{
		struct bpf_link *l = bpf_program__fd(p) >= 0 ? bpf_program__attach(p) : NULL;

		attached[i++] = l && !libbpf_get_error(l);
	}
	return 0;
}

/* ---- sockets and routes ---- */

static int pair[2];
static char buf[4096];

static void inet_pair(int type)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(a);
	int l = socket(AF_INET, type, 0);

	bind(l, (void *)&a, sizeof(a));
	getsockname(l, (void *)&a, &len);
	pair[0] = socket(AF_INET, type, 0);
	if (type == SOCK_DGRAM) {
		pair[1] = l;
		connect(pair[0], (void *)&a, sizeof(a));
		return;
	}
	listen(l, 1);
	connect(pair[0], (void *)&a, sizeof(a));
	pair[1] = accept(l, NULL, NULL);
	close(l);
}

static void send_one(bool with_fd)
{
	char ctl[CMSG_SPACE(sizeof(int))] = {0};
	struct iovec iov = {"hello", 5};
	struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1};

	if (with_fd) {
		m.msg_control = ctl;
		m.msg_controllen = sizeof(ctl);
		struct cmsghdr *c = CMSG_FIRSTHDR(&m);

		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(c), &(int){1}, sizeof(int));
	}
	if (sendmsg(pair[0], &m, 0) != 5)
		perror("# sendmsg");
}

static void r_recvmsg(void)
{
	static char ctl[256], name[128];
	struct iovec iov = {buf, sizeof(buf)};
	struct msghdr m = {name, sizeof(name), &iov, 1, ctl, sizeof(ctl), 0};

	recvmsg(pair[1], &m, 0);
}

static void r_recvmmsg(void)
{
	struct iovec iov[2] = {{buf, 100}, {buf + 100, 100}};
	struct mmsghdr m[2] = {{.msg_hdr = {.msg_iov = &iov[0], .msg_iovlen = 1}},
			       {.msg_hdr = {.msg_iov = &iov[1], .msg_iovlen = 1}}};

	send_one(false);
	recvmmsg(pair[1], m, 2, 0, NULL);
}

static void r_recvfrom(void)
{
	struct sockaddr_storage a;
	socklen_t len = sizeof(a);

	recvfrom(pair[1], buf, sizeof(buf), 0, (void *)&a, &len);
}

static void r_recv(void)
{
	recv(pair[1], buf, sizeof(buf), 0);
}
static void r_read(void)
{
	(void)!read(pair[1], buf, sizeof(buf));
}
static void r_readv(void)
{
	readv(pair[1], &(struct iovec){buf, sizeof(buf)}, 1);
}
static void r_peek(void)
{
	recv(pair[1], buf, sizeof(buf), MSG_PEEK);
	recv(pair[1], buf, sizeof(buf), 0);
}

static void r_splice(void)
{
	int p[2];

	if (pipe(p))
		return;
	splice(pair[1], NULL, p[1], NULL, 100, 0);
	close(p[0]);
	close(p[1]);
}

/* An i386 system call of a 64-bit program: every pointer must be below 4 GiB. */
static long int80(long nr, long a, long b, long c)
{
	long ret;

	__asm__ volatile("int $0x80"
			 : "=a"(ret)
			 : "a"(nr), "b"(a), "c"(b), "d"(c)
			 : "memory", "r8", "r9", "r10", "r11");
	return (int)ret;
}

static void r_compat(void)
{
	char *low = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
	unsigned *m = (unsigned *)low; /* struct compat_msghdr */

	m[0] = 0;
	m[2] = (unsigned)(long)(low + 64);
	m[3] = 1;
	m[4] = (unsigned)(long)(low + 256);
	m[5] = 200;
	((unsigned *)(low + 64))[0] = (unsigned)(long)(low + 1024);
	((unsigned *)(low + 64))[1] = 100;
	int80(372, pair[1], (long)low, 0);
	munmap(low, 8192);
}

static const struct route {
	const char *name;
	void (*run)(void);
	int messages; /* receives that deliver */
	int must[8];  /* hooks that count `messages`, ended by -1 */
} routes[] = {
	{"recvmsg",
	 r_recvmsg,
	 1,
	 {H_fentry_security_socket_recvmsg, H_fentry_____sys_recvmsg, H_fexit_____sys_recvmsg, -1}},
	{"recvmmsg", r_recvmmsg, 2, {H_fentry_____sys_recvmsg, H_fexit_____sys_recvmsg, -1}},
	{"recvfrom",
	 r_recvfrom,
	 1,
	 {H_fentry_security_socket_recvmsg, H_fentry___sys_recvfrom, H_fexit___sys_recvfrom, -1}},
	{"recv", r_recv, 1, {H_fentry_security_socket_recvmsg, H_fexit___sys_recvfrom, -1}},
	{"read",
	 r_read,
	 1,
	 {H_fentry_security_socket_recvmsg, H_fentry_sock_read_iter, H_fexit_sock_read_iter, -1}},
	{"readv", r_readv, 1, {H_fentry_security_socket_recvmsg, H_fexit_sock_read_iter, -1}},
	{"peek and recv", r_peek, 2, {H_fentry_security_socket_recvmsg, H_fexit___sys_recvfrom, -1}},
	{"splice", r_splice, 1, {H_fexit_sock_splice_read, -1}},
	{"i386 recvmsg", r_compat, 1, {H_fentry_security_socket_recvmsg, H_fexit_____sys_recvmsg, -1}},
};
static const struct kind {
	const char *name;
	int family, type;
	bool fd;
	int payload; /* the hook that sees the payload */
} kinds[] = {
	{"unix stream", AF_UNIX, SOCK_STREAM, true, H_tp_skb_copy},
	{"unix dgram", AF_UNIX, SOCK_DGRAM, true, H_tp_skb_copy},
	{"unix seqpacket", AF_UNIX, SOCK_SEQPACKET, true, H_tp_skb_copy},
	{"udp", AF_INET, SOCK_DGRAM, false, H_fentry_skb_consume_udp},
	{"tcp", AF_INET, SOCK_STREAM, false, H_tp_skb_copy},
};

static void one(const struct kind *k, const struct route *r)
{
	char name[96];
	bool ok = true, splice = r->run == r_splice;
	const __u64 *hits = skel->bss->hits;

	if (splice && k->type != SOCK_STREAM)
		return;
	if (r->run == r_recvmmsg && k->type == SOCK_STREAM)
		return; /* one receive may take both messages */
	if (k->family == AF_UNIX)
		(void)!socketpair(k->family, k->type, 0, pair);
	else
		inet_pair(k->type);
	send_one(k->fd);
	usleep(2000);
	memset(skel->bss->hits, 0, sizeof(skel->bss->hits));
	r->run();
	for (int i = 0; i < 8 && r->must[i] >= 0; i++)
		ok &= hits[r->must[i]] == (__u64)r->messages;
	if (!splice)
		ok &= hits[k->payload] == (__u64)r->messages;
	snprintf(name, sizeof(name), "%s on %s passes its hooks", r->name, k->name);
	result(ok, name);
	if (verbose || !ok) {
		printf("# %s, %s:", k->name, r->name);
		for (int i = 0; i < H__COUNT; i++)
			if (hits[i])
				printf(" %s=%llu;", names[i], (unsigned long long)hits[i]);
		printf("\n");
	}
	close(pair[0]);
	close(pair[1]);
}

int main(int argc, char **argv)
{
	verbose = argc > 1 && !strcmp(argv[1], "-v");
	libbpf_set_print(quiet);
	if (open_hooks()) {
		result(false, "trampolines load");
		return 1;
	}
	result(true, "trampolines load");
	printf("# not here:");
	for (int i = 0; i < H__COUNT; i++)
		if (!attached[i])
			printf(" %s;", names[i]);
	printf("\n");
	for (size_t k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++)
		for (size_t r = 0; r < sizeof(routes) / sizeof(routes[0]); r++)
			one(&kinds[k], &routes[r]);
	printf("1..%d\n", tests);
	return failures > 0;
}
