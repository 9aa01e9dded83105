/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/lib/fabricate.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#define T0 1795467812123456789u /* 2026-11-23T20:23:32.123456789Z */

#define K RG_TAG_K
#define U (RG_TAG_U | RG_TAG_TOCTOU)

static void str(struct rg_event *ev, enum rg_field f, const char *s, uint8_t tag)
{
	rg_set_str(ev, f, s, (uint32_t)strlen(s), tag);
}

static struct rg_addr *addr(struct rg_event *ev, int family, const char *text, const uint8_t *ip,
			    unsigned ip_len)
{
	struct rg_addr *a = rg_event_alloc(ev, sizeof(*a));

	*a = (struct rg_addr){.family = (uint16_t)family,
			      .ip_len = (uint8_t)ip_len,
			      .text = text,
			      .text_len = (uint32_t)strlen(text)};
	if (ip_len)
		memcpy(a->ip, ip, ip_len);
	return a;
}

static void set_addr(struct rg_event *ev, enum rg_field f, int family, const char *text, const uint8_t *ip,
		     unsigned ip_len)
{
	ev->v[f].addr = addr(ev, family, text, ip, ip_len);
	ev->tag[f] = K;
}

static void who(struct rg_event *ev, unsigned id, enum rg_event_id event, enum rg_route route, unsigned pid,
		const char *comm, const char *exe)
{
	rg_set_i(ev, RG_F_EVENT, event, K);
	rg_set_u(ev, RG_F_ID, id, K);
	rg_set_u(ev, RG_F_TIME, T0 + id * 1000003ull, K);
	rg_set_u(ev, RG_F_CPU, id % 2, K);
	rg_set_u(ev, RG_F_PROC_PID, pid, K);
	rg_set_u(ev, RG_F_PROC_TID, pid + (id % 3 == 2), K);
	rg_set_u(ev, RG_F_PROC_PPID, 1, K);
	rg_set_u(ev, RG_F_PROC_UID, 1000, K);
	rg_set_u(ev, RG_F_PROC_GID, 1000, K);
	str(ev, RG_F_PROC_COMM, comm, K);
	if (exe)
		str(ev, RG_F_PROC_EXE, exe, K | RG_TAG_LATE);
	rg_set_u(ev, RG_F_PROC_START, T0 - 5000000000u, K);
	rg_set_u(ev, RG_F_PROC_LEADER_START, T0 - 5000000000u, K);
	rg_set_u(ev, RG_F_PROC_PARENT_START, T0 - 900000000000u, K);
	rg_set_u(ev, RG_F_PROC_CGROUP_ID, 4711, K);
	str(ev, RG_F_PROC_HOST, "bench", K);
	rg_set_u(ev, RG_F_PROC_COMPAT, 0, K);
	rg_set_u(ev, RG_F_PROC_NS_PID, pid, K);
	rg_set_u(ev, RG_F_PROC_NS_TID, pid + (id % 3 == 2), K);
	rg_set_u(ev, RG_F_PROC_NS_PPID, 1, K);
	rg_set_u(ev, RG_F_PROC_NS_MNTNS, 4026531841u, K);
	rg_set_u(ev, RG_F_PROC_NS_PIDNS, 4026531836u, K);
	rg_set_i(ev, RG_F_ROUTE, route, K);
	rg_set_u(ev, RG_F_PEEK, 0, K);
}

static void sock(struct rg_event *ev, int fd, unsigned cookie, int family, int type, int protocol)
{
	rg_set_i(ev, RG_F_SOCK_FD, fd, K);
	rg_set_u(ev, RG_F_SOCK_COOKIE, cookie, K);
	rg_set_u(ev, RG_F_SOCK_INODE, 30000 + cookie, K);
	rg_set_u(ev, RG_F_SOCK_NETNS, 4026531840u, K);
	rg_set_i(ev, RG_F_SOCK_FAMILY, family, K);
	rg_set_i(ev, RG_F_SOCK_TYPE, type, K);
	rg_set_i(ev, RG_F_SOCK_PROTOCOL, protocol, K);
}

static void payload(struct rg_event *ev, const void *p, unsigned len, unsigned full)
{
	rg_set_i(ev, RG_F_RET, full, K);
	rg_set_u(ev, RG_F_MSG_SIZE, full, K);
	rg_set_bytes(ev, RG_F_MSG_DATA, p, len, full, K);
	rg_set_u(ev, RG_F_MSG_FLAGS, 0, K);
}

static void typical(struct rg_event *ev)
{
	who(ev, 1, RG_EV_RECVMSG, RG_RT_RECVMSG, 4242, "wayland-client", "/usr/bin/wayland-client");
	rg_set_u(ev, RG_F_SEQ, 17, K);
	sock(ev, 5, 77, AF_UNIX, SOCK_STREAM, 0);
	str(ev, RG_F_SOCK_PATH, "/run/user/1000/wayland-0", K);
	rg_set_u(ev, RG_F_SENDER_PID, 991, K);
	rg_set_u(ev, RG_F_SENDER_UID, 1000, K);
	rg_set_u(ev, RG_F_SENDER_GID, 1000, K);
	str(ev, RG_F_SENDER_COMM, "weston", K);
	rg_set_i(ev, RG_F_SENDER_HOW, RG_HOW_CONNECT, K);
	payload(ev, "The quick brown fox jumps over the lazy dog, 0123456789 times. ok", 64, 64);
	rg_set_u(ev, RG_F_MSG_OUT_FLAGS, 0, K);
}

static const struct rg_name levels[] = {{SOL_SOCKET, "SOL_SOCKET"}, {IPPROTO_IP, "SOL_IP"}, {0, NULL}};
static const struct rg_name types[] = {
	{SCM_RIGHTS, "SCM_RIGHTS"}, {SCM_CREDENTIALS, "SCM_CREDENTIALS"}, {0, NULL}};

static void some_cmsgs(struct rg_event *ev)
{
	struct rg_builder list, o;

	rg_build_field(&list, ev, RG_F_CMSG, U);
	rg_add_object(&list, NULL, &o);
	rg_add_enum(&o, "level", SOL_SOCKET, levels);
	rg_add_enum(&o, "type", SCM_RIGHTS, types);
	rg_add_u(&o, "len", RG_T_SIZE, 28);
	rg_add_object(&list, NULL, &o);
	rg_add_enum(&o, "level", SOL_SOCKET, levels);
	rg_add_enum(&o, "type", SCM_CREDENTIALS, types);
	rg_add_u(&o, "len", RG_T_SIZE, 28);
	rg_add_u(&o, "pid", RG_T_UINT, 991);
	rg_add_u(&o, "uid", RG_T_UINT, 1000);
	rg_add_u(&o, "gid", RG_T_UINT, 1000);
	rg_add_object(&list, NULL, &o);
	rg_add_i(&o, "level", 999);
	rg_add_i(&o, "type", 7);
	rg_add_u(&o, "len", RG_T_SIZE, 20);
	rg_add_bytes(&o, "data", "\xde\xad\xbe\xef", 4, 4);
}

static void kind(struct rg_builder *o, const char *name)
{
	uint64_t v = 0;

	rg_name_value(rg_names_fdkinds, name, strlen(name), &v);
	rg_add_enum(o, "kind", (int64_t)v, rg_names_fdkinds);
}

static void some_fds(struct rg_event *ev)
{
	static const uint8_t lo[] = {127, 0, 0, 1};
	struct rg_builder list, o;

	rg_build_field(&list, ev, RG_F_FD, K);
	rg_add_object(&list, NULL, &o);
	rg_add_i(&o, "fd", 9);
	kind(&o, "memfd");
	rg_add_str(&o, "path", "memfd:wayland-shm", 17)->tag = K | RG_TAG_LATE;
	rg_add_u(&o, "inode", RG_T_UINT, 4097);
	rg_add_u(&o, "dev", RG_T_UINT, 1);
	rg_add_u(&o, "mode", RG_T_UINT, 0100777);
	rg_add_u(&o, "size", RG_T_SIZE, 8294400);
	rg_add_flags(&o, "flags", O_RDWR, rg_names_openflags);
	rg_add_bool(&o, "cloexec", true);
	rg_add_object(&list, NULL, &o);
	rg_add_i(&o, "fd", 10);
	kind(&o, "socket");
	rg_add_str(&o, "path", "socket:[4098]", 13);
	rg_add_enum(&o, "family", AF_INET, rg_names_families);
	rg_add_enum(&o, "socktype", SOCK_STREAM, rg_names_socktypes);
	rg_add_addr(&o, "local", addr(ev, AF_INET, "127.0.0.1", lo, 4));
	rg_add_u(&o, "local_port", RG_T_UINT, 443);
	rg_add_object(&list, NULL, &o);
	kind(&o, "file");
	rg_add_str(&o, "path", "/etc/passwd", 11);
	rg_add_bool(&o, "lost", true);
}

static void descriptors(struct rg_event *ev)
{
	static const unsigned char wire[] = {0x08, 0, 0, 0, 0x01, 0x00, 0x0c, 0, 0xff, 0x1b, '[', 'm'};
	struct rg_builder list, o;

	who(ev, 2, RG_EV_RECVMSG, RG_RT_RECVMSG, 4242, "wayland-client", "/usr/bin/wayland-client");
	rg_set_u(ev, RG_F_SEQ, 18, K);
	rg_set_u(ev, RG_F_DURATION, 1234567, K);
	rg_set_u(ev, RG_F_WAIT, 1200000, K);
	sock(ev, 5, 77, AF_UNIX, SOCK_STREAM, 0);
	str(ev, RG_F_SOCK_PATH, "/run/user/1000/wayland-0", K);
	rg_set_u(ev, RG_F_SENDER_PID, 991, K);
	rg_set_u(ev, RG_F_SENDER_UID, 1000, K);
	rg_set_u(ev, RG_F_SENDER_GID, 1000, K);
	str(ev, RG_F_SENDER_COMM, "weston", K);
	str(ev, RG_F_SENDER_EXE, "/usr/bin/weston", K | RG_TAG_LATE);
	rg_set_i(ev, RG_F_SENDER_HOW, RG_HOW_MESSAGE, K);
	payload(ev, wire, sizeof(wire), sizeof(wire));
	rg_set_u(ev, RG_F_MSG_USER, 0x7ffc12345678, K);
	rg_set_u(ev, RG_F_MSG_FLAGS, MSG_CMSG_CLOEXEC | MSG_DONTWAIT, K);
	rg_set_u(ev, RG_F_MSG_OUT_FLAGS, MSG_CTRUNC | MSG_CMSG_CLOEXEC, U);
	rg_set_u(ev, RG_F_MSG_CONTROLLEN, 64, U);
	rg_set_u(ev, RG_F_MSG_CTRUNCATED, 1, K);
	rg_set_u(ev, RG_F_MSG_FDS_LOST, 1, K);
	rg_build_field(&list, ev, RG_F_MSG_IOV, U);
	rg_add_object(&list, NULL, &o);
	rg_add_u(&o, "base", RG_T_UINT, 0x55d0c0de0000);
	rg_add_u(&o, "len", RG_T_SIZE, 4096);
	some_cmsgs(ev);
	some_fds(ev);
}

static void udp_truncated(struct rg_event *ev)
{
	static const uint8_t local[16] = {[15] = 1};
	struct rg_builder name;

	who(ev, 3, RG_EV_RECVFROM, RG_RT_RECVFROM, 53, "dnsd", NULL);
	str(ev, RG_F_CONTAINER_ID, "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef", K);
	str(ev, RG_F_CONTAINER_RUNTIME, "docker", K);
	str(ev, RG_F_PROC_CGROUP, "/system.slice/docker-0123456789abcdef.scope", K | RG_TAG_LATE);
	rg_set_u(ev, RG_F_SEQ, 1, K);
	sock(ev, 3, 90, AF_INET6, SOCK_DGRAM, IPPROTO_UDP);
	set_addr(ev, RG_F_SOCK_LOCAL_ADDR, AF_INET6, "::1", local, 16);
	rg_set_u(ev, RG_F_SOCK_LOCAL_PORT, 53, K);
	payload(ev,
		"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x07"
		"example\x03org\x00\x00\x01\x00\x01",
		29, 512);
	rg_set_i(ev, RG_F_RET, 29, K);
	rg_set_u(ev, RG_F_MSG_TRUNCATED, 1, K);
	rg_set_u(ev, RG_F_MSG_OUT_FLAGS, MSG_TRUNC, U);
	rg_build_field(&name, ev, RG_F_MSG_NAME, U);
	rg_add_enum(&name, "family", AF_INET6, rg_names_families);
	rg_add_addr(&name, "addr", addr(ev, AF_INET6, "::1", local, 16));
	rg_add_u(&name, "port", RG_T_UINT, 40000);
	rg_add_str(&name, "text", "[::1]:40000", 11);
	rg_set_u(ev, RG_F_MSG_NAMELEN, 28, U);
	str(ev, RG_F_MSG_SUMMARY, "DNS query example.org A", K);
}

static void would_block(struct rg_event *ev)
{
	who(ev, 4, RG_EV_RECVMSG, RG_RT_RECVMSG, 700, "ip", "/usr/sbin/ip");
	sock(ev, 3, 91, AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
	rg_set_i(ev, RG_F_RET, -EAGAIN, K);
	rg_set_i(ev, RG_F_ERROR, EAGAIN, K);
	rg_set_u(ev, RG_F_MSG_FLAGS, MSG_DONTWAIT | MSG_PEEK | 0x40000, K);
	rg_set_u(ev, RG_F_PEEK, 1, K);
}

static void netlink(struct rg_event *ev)
{
	static const unsigned char nl[] = {0x14, 0, 0, 0, 3, 0, 2, 0, 1, 0, 0, 0, 0xbc, 2, 0, 0, 0, 0, 0, 0};
	struct rg_builder name;

	who(ev, 5, RG_EV_RECVMSG, RG_RT_SOCKETCALL_RECVMSG, 700, "ip", "/usr/sbin/ip");
	rg_set_u(ev, RG_F_PROC_COMPAT, 1, K);
	rg_set_u(ev, RG_F_SEQ, 2, K);
	sock(ev, 3, 91, AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
	rg_set_u(ev, RG_F_SENDER_PID, 0, K);
	rg_set_i(ev, RG_F_SENDER_HOW, RG_HOW_KERNEL, K);
	payload(ev, nl, sizeof(nl), sizeof(nl));
	rg_build_field(&name, ev, RG_F_MSG_NAME, K);
	rg_add_enum(&name, "family", AF_NETLINK, rg_names_families);
	rg_add_u(&name, "pid", RG_T_UINT, 0);
	rg_add_u(&name, "groups", RG_T_UINT, 0);
	rg_add_str(&name, "text", "netlink pid 0 groups 0", 22);
	str(ev, RG_F_MSG_SUMMARY, "NLMSG_DONE seq 1", K);
}

static void tcp_read(struct rg_event *ev)
{
	static const uint8_t a[] = {192, 0, 2, 7}, b[] = {198, 51, 100, 200};

	who(ev, 6, RG_EV_READ, RG_RT_READ, 8080, "nginx", "/usr/sbin/nginx");
	rg_set_u(ev, RG_F_SEQ, 1, K);
	rg_set_u(ev, RG_F_DURATION, 900, K);
	sock(ev, 12, 120, AF_INET, SOCK_STREAM, IPPROTO_TCP);
	set_addr(ev, RG_F_SOCK_LOCAL_ADDR, AF_INET, "192.0.2.7", a, 4);
	rg_set_u(ev, RG_F_SOCK_LOCAL_PORT, 80, K);
	set_addr(ev, RG_F_SOCK_REMOTE_ADDR, AF_INET, "198.51.100.200", b, 4);
	rg_set_u(ev, RG_F_SOCK_REMOTE_PORT, 51234, K);
	payload(ev, "GET /index.html HTTP/1.1\r\nHost: example.org\r\n\r\n", 47, 47);
	rg_set_u(ev, RG_F_MSG_USER, 0x7f0000001000, K);
	str(ev, RG_F_MSG_SUMMARY, "HTTP GET /index.html", K);
}

static void end_of_file(struct rg_event *ev)
{
	who(ev, 7, RG_EV_RECV, RG_RT_URING_RECV, 8080, "nginx", "/usr/sbin/nginx");
	rg_set_u(ev, RG_F_SEQ, 2, K);
	sock(ev, 12, 121, AF_UNIX, SOCK_SEQPACKET, 0);
	payload(ev, "", 0, 0);
}

static void sent(struct rg_event *ev)
{
	who(ev, 8, RG_EV_SENDMSG, RG_RT_SENDMSG, 991, "weston", "/usr/bin/weston");
	rg_set_u(ev, RG_F_SEQ, 18, K);
	sock(ev, 30, 76, AF_UNIX, SOCK_DGRAM, 0);
	str(ev, RG_F_SOCK_PATH, "@/tmp/.X11-unix/X0", K);
	rg_set_u(ev, RG_F_MSG_ID, 555, K);
	payload(ev, "\xd0\x9f\xd1\x80\xd0\xb8\xd0\xb2\xd0\xb5\xd1\x82 \xe4\xbd\xa0\xe5\xa5\xbd", 19, 19);
	ev->tag[RG_F_MSG_DATA] = U;
}

static void denied(struct rg_event *ev)
{
	who(ev, 9, RG_EV_RECVMMSG, RG_RT_RECVMMSG, 4243, "client", "/opt/client");
	rg_set_u(ev, RG_F_BATCH, 3, K);
	rg_set_u(ev, RG_F_SEQ, 9, K);
	sock(ev, 4, 130, AF_UNIX, SOCK_DGRAM, 0);
	rg_set_u(ev, RG_F_SENDER_PID, 5, K);
	rg_set_u(ev, RG_F_SENDER_UID, 0, K);
	rg_set_i(ev, RG_F_SENDER_HOW, RG_HOW_MESSAGE, K);
	payload(ev, "too large", 9, 70000);
	str(ev, RG_F_VERDICT_POLICY, "compositor-client", K);
	str(ev, RG_F_VERDICT_RULE, "no oversized messages", K);
	rg_set_i(ev, RG_F_VERDICT_ACTION, RG_ACT_DENY, K);
	rg_set_i(ev, RG_F_VERDICT_ERRNO, EMSGSIZE, K);
	str(ev, RG_F_VERDICT_BACKEND, "broker", K);
}

static void lost(struct rg_event *ev)
{
	rg_set_i(ev, RG_F_EVENT, RG_EV_LOST, K);
	rg_set_u(ev, RG_F_ID, 10, K);
	rg_set_u(ev, RG_F_TIME, T0 + 10000030, K);
	rg_set_u(ev, RG_F_CPU, 1, K);
	rg_set_u(ev, RG_F_LOST_COUNT, 1234, K);
	rg_set_i(ev, RG_F_LOST_REASON, RG_LOSS_RING_FULL, K);
}

/* What an attacker would send to a terminal, a log or a parser. */
static void hostile(struct rg_event *ev)
{
	static const char evil[] = "\x1b]0;owned\x07\x1b[2J\r\n\"\\ \xc2\x9b"
				   "31m\xe2\x80\xa8\xe2\x80\xae"
				   "gpj.exe\x7f";

	who(ev, 11, RG_EV_RECVMSG, RG_RT_RECVMSG, 666, "ev\x1b[31mil\n", "/tmp/\xff\xfe\x1b]52;c;x\x07");
	rg_set_u(ev, RG_F_SEQ, 1, K);
	sock(ev, 3, 140, AF_UNIX, SOCK_DGRAM, 0);
	str(ev, RG_F_SOCK_PATH, "/tmp/a\xc0\xaf\x1b[2J", K);
	str(ev, RG_F_CONTAINER_ID, "\xed\xa0\x80", K);
	payload(ev, evil, sizeof(evil), sizeof(evil)); /* with its NUL */
	str(ev, RG_F_SENDER_COMM,
	    "\x9b"
	    "31m",
	    K);
}

/* Every field at an end of its range; numbers without names. */
static void extreme(struct rg_event *ev, bool low)
{
	static const uint8_t a[16] = {0xff, 0x02, [15] = 1};
	struct rg_builder b, o;

	for (int f = 0; f < RG_F__COUNT; f++) {
		switch (rg_fields[f].type) {
		case RG_T_BOOL: rg_set_u(ev, f, low, K); break;
		case RG_T_INT: rg_set_i(ev, f, low ? INT64_MIN : INT64_MAX, K); break;
		case RG_T_ENUM: rg_set_i(ev, f, low ? -1 : 0x7fffffff, U); break;
		case RG_T_STR:
		case RG_T_BYTES:
			rg_set_bytes(ev, f, low ? "" : "\0\x80", low ? 0 : 2, low ? 0 : UINT32_MAX, U);
			break;
		case RG_T_ADDR: set_addr(ev, f, AF_INET6, low ? "" : "ff02::1", a, 16); break;
		case RG_T_OBJECT:
		case RG_T_LIST: rg_build_field(&b, ev, f, U); break;
		default: rg_set_u(ev, f, low ? 0 : UINT64_MAX, K | (low ? RG_TAG_LATE : 0)); break;
		}
	}
	if (low)
		return;
	rg_build_field(&b, ev, RG_F_FD, K);
	for (int i = 0; i < 253; i++) {
		rg_add_object(&b, NULL, &o);
		rg_add_i(&o, "fd", i == 252 ? INT32_MIN : i);
		rg_add_str(&o, "path", "\xff", 1);
	}
}

static void extreme_high(struct rg_event *ev)
{
	extreme(ev, false);
}

static void extreme_low(struct rg_event *ev)
{
	extreme(ev, true);
	rg_set_i(ev, RG_F_EVENT, RG_EV_SPLICE, K);
}

static const struct {
	const char *name;
	void (*make)(struct rg_event *ev);
} events[] = {
	{"typical", typical},
	{"descriptors", descriptors},
	{"udp_truncated", udp_truncated},
	{"would_block", would_block},
	{"netlink", netlink},
	{"tcp_read", tcp_read},
	{"end_of_file", end_of_file},
	{"sent", sent},
	{"denied", denied},
	{"lost", lost},
	{"hostile", hostile},
	{"extreme_high", extreme_high},
	{"extreme_low", extreme_low},
};

unsigned fab_count(void)
{
	return sizeof(events) / sizeof(events[0]);
}

unsigned fab_plain_count(void)
{
	return fab_count() - 2;
}

const char *fab_name(unsigned i)
{
	return events[i].name;
}

void fab_event(unsigned i, struct rg_event *ev)
{
	rg_event_reset(ev);
	events[i].make(ev);
}
