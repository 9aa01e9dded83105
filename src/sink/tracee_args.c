/* SPDX-License-Identifier: BSD-2-Clause */
#include <ctype.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "sink/tracee.h"

/* Rounding of start times before hashing, so that /proc's clock ticks give the same id; and the seed. */
#define ENTITY_ROUND 100000000u
#define ENTITY_SEED  0x18273645u

#define FD                               \
	{                                \
		"fd", "int32", TRACEE_FD \
	}
#define SOCKFD                               \
	{                                    \
		"sockfd", "int32", TRACEE_FD \
	}
#define FLAGS                                  \
	{                                      \
		"flags", "int32", TRACEE_FLAGS \
	}
#define POINTER(name, source)                 \
	{                                     \
		name, "trace.Pointer", source \
	}
#define END                   \
	{                     \
		NULL, NULL, 0 \
	}

static const struct tracee_arg msg_args[] = {SOCKFD, POINTER("msg", TRACEE_MSG), FLAGS, END};
static const struct tracee_arg recvmmsg_args[] = {
	SOCKFD, POINTER("msgvec", TRACEE_MSG),	    {"vlen", "uint32", TRACEE_UNKNOWN},
	FLAGS,	POINTER("timeout", TRACEE_UNKNOWN), END};
static const struct tracee_arg sendmmsg_args[] = {
	SOCKFD, POINTER("msgvec", TRACEE_MSG), {"vlen", "uint32", TRACEE_UNKNOWN}, FLAGS, END};
static const struct tracee_arg recvfrom_args[] = {
	SOCKFD, POINTER("buf", TRACEE_POINTER),	       {"len", "uint64", TRACEE_LEN},
	FLAGS,	{"src_addr", "SockAddr", TRACEE_ADDR}, POINTER("addrlen", TRACEE_UNKNOWN),
	END};
static const struct tracee_arg sendto_args[] = {
	SOCKFD, POINTER("buf", TRACEE_POINTER),		{"len", "uint64", TRACEE_LEN},
	FLAGS,	{"dest_addr", "SockAddr", TRACEE_ADDR}, {"addrlen", "int32", TRACEE_UNKNOWN},
	END};
static const struct tracee_arg recv_args[] = {
	SOCKFD, POINTER("buf", TRACEE_POINTER), {"len", "uint64", TRACEE_LEN}, FLAGS, END};
static const struct tracee_arg rw_args[] = {
	FD, POINTER("buf", TRACEE_POINTER), {"count", "uint64", TRACEE_LEN}, END};
static const struct tracee_arg rwv_args[] = {
	FD, POINTER("iov", TRACEE_POINTER), {"iovcnt", "int32", TRACEE_IOVCNT}, END};
static const struct tracee_arg splice_args[] = {{"fd_in", "int32", TRACEE_FD},
						POINTER("off_in", TRACEE_UNKNOWN),
						{"fd_out", "int32", TRACEE_UNKNOWN},
						POINTER("off_out", TRACEE_UNKNOWN),
						{"len", "uint64", TRACEE_UNKNOWN},
						{"flags", "uint32", TRACEE_UNKNOWN},
						END};
static const struct tracee_arg lost_args[] = {
	{"count", "uint64", TRACEE_LOST}, {"reason", "string", TRACEE_REASON}, END};

static const struct tracee_arg *const event_args[RG_EV__COUNT] = {
	[RG_EV_RECVMSG] = msg_args,   [RG_EV_RECVMMSG] = recvmmsg_args, [RG_EV_RECVFROM] = recvfrom_args,
	[RG_EV_RECV] = recv_args,     [RG_EV_READ] = rw_args,		[RG_EV_READV] = rwv_args,
	[RG_EV_SPLICE] = splice_args, [RG_EV_SENDMSG] = msg_args,	[RG_EV_SENDMMSG] = sendmmsg_args,
	[RG_EV_SENDTO] = sendto_args, [RG_EV_SEND] = recv_args,		[RG_EV_WRITE] = rw_args,
	[RG_EV_WRITEV] = rwv_args,    [RG_EV_LOST] = lost_args,
};

const struct tracee_arg *tracee_args(enum rg_event_id event)
{
	static const struct tracee_arg none[] = {END};

	return event_args[event] ? event_args[event] : none;
}

enum rg_event_id tracee_event(const struct rg_event *ev)
{
	if (rg_has(ev, RG_F_EVENT) && (uint64_t)ev->v[RG_F_EVENT].i < RG_EV__COUNT)
		return (enum rg_event_id)ev->v[RG_F_EVENT].i;
	return RG_EV_RECVMSG;
}

const char *tracee_syscall(const struct rg_event *ev)
{
	uint64_t route = tracee_u(ev, RG_F_ROUTE);
	const char *name = route < RG_RT__COUNT && rg_has(ev, RG_F_ROUTE) ? rg_routes[route].name : "";

	if (!strncmp(name, "io_uring", 8))
		return "io_uring_enter";
	if (!strncmp(name, "socketcall", 10))
		return "socketcall";
	return route == RG_RT_UNKNOWN || route == RG_RT_KERNEL ? "" : name;
}

static uint32_t rotl(uint32_t x, unsigned n)
{
	return x << n | x >> (32 - n);
}

uint32_t tracee_murmur3(const void *key, size_t len, uint32_t seed)
{
	const unsigned char *p = key;
	uint32_t h = seed, k = 0;
	size_t i;

	for (i = 0; i + 4 <= len; i += 4) {
		k = p[i] | (uint32_t)p[i + 1] << 8 | (uint32_t)p[i + 2] << 16 | (uint32_t)p[i + 3] << 24;
		h ^= rotl(k * 0xcc9e2d51u, 15) * 0x1b873593u;
		h = rotl(h, 13) * 5 + 0xe6546b64u;
	}
	k = 0;
	for (size_t j = len; j > i; j--)
		k = k << 8 | p[j - 1];
	h ^= rotl(k * 0xcc9e2d51u, 15) * 0x1b873593u;
	h ^= (uint32_t)len;
	h = (h ^ h >> 16) * 0x85ebca6bu;
	h = (h ^ h >> 13) * 0xc2b2ae35u;
	return h ^ h >> 16;
}

uint32_t tracee_entity(uint32_t tid, uint64_t start_ns)
{
	unsigned char key[12]; /* both numbers in network byte order */

	start_ns -= start_ns % ENTITY_ROUND;
	for (int i = 0; i < 4; i++)
		key[i] = (unsigned char)(tid >> (24 - 8 * i));
	for (int i = 0; i < 8; i++)
		key[4 + i] = (unsigned char)(start_ns >> (56 - 8 * i));
	return tracee_murmur3(key, sizeof(key), ENTITY_SEED);
}

uint64_t tracee_u(const struct rg_event *ev, enum rg_field f)
{
	return rg_has(ev, f) ? ev->v[f].u : 0;
}

static const struct rg_node *iov_first(const struct rg_event *ev)
{
	return rg_has(ev, RG_F_MSG_IOV) ? ev->v[RG_F_MSG_IOV].node : NULL;
}

uint64_t tracee_len(const struct rg_event *ev)
{
	uint64_t sum = 0;

	for (const struct rg_node *n = iov_first(ev); n; n = n->next) {
		const struct rg_node *len = n->type == RG_T_OBJECT ? rg_node_find(n->v.node, "len") : NULL;

		sum += len ? len->v.u : 0;
	}
	return sum;
}

uint64_t tracee_iovcnt(const struct rg_event *ev)
{
	uint64_t count = 0;

	for (const struct rg_node *n = iov_first(ev); n; n = n->next)
		count++;
	return count;
}

void tracee_flags(struct rg_buf *b, uint64_t flags)
{
	bool any = false;

	rg_buf_char(b, '"');
	for (const struct rg_name *n = rg_names_msgflags; n->name; n++) {
		if (!n->value || (flags & n->value) != n->value)
			continue;
		flags &= ~n->value;
		rg_buf_str(b, any ? "|" : "");
		rg_buf_str(b, n->name);
		any = true;
	}
	if (flags || !any) {
		rg_buf_str(b, any ? "|" : "");
		rg_buf_str(b, flags ? "0x" : "");
		rg_buf_hex(b, flags);
	}
	rg_buf_char(b, '"');
}

void tracee_text(struct rg_buf *b, const struct rg_event *ev, enum rg_field f)
{
	rg_json_lossy(b, rg_has(ev, f) ? ev->v[f].p : "", rg_has(ev, f) ? ev->v[f].len : 0);
}

static void member(struct rg_buf *b, const char *key)
{
	rg_buf_str(b, ",\"");
	rg_buf_str(b, key);
	rg_buf_str(b, "\":");
}

static void number(struct rg_buf *b, const char *key, const struct rg_node *n, bool quoted)
{
	member(b, key);
	rg_buf_str(b, quoted ? "\"" : "");
	rg_buf_u64(b, n ? n->v.u : 0);
	rg_buf_str(b, quoted ? "\"" : "");
}

static void text(struct rg_buf *b, const char *key, const struct rg_node *n)
{
	member(b, key);
	if (n && n->type == RG_T_ADDR)
		rg_json_lossy(b, n->v.addr->text, n->v.addr->text_len);
	else
		rg_json_lossy(b, n ? n->v.p : "", n ? n->v.len : 0);
}

static void sa_family(struct rg_buf *b, int64_t family)
{
	const char *name = rg_name_of(rg_names_families, (uint64_t)family);

	rg_buf_str(b, "{\"sa_family\":\"AF_");
	for (; name && *name; name++)
		rg_buf_char(b, (char)toupper((unsigned char)*name));
	if (!rg_name_of(rg_names_families, (uint64_t)family))
		rg_buf_i64(b, family);
	rg_buf_char(b, '"');
}

void tracee_sockaddr(struct rg_json *j, struct rg_buf *b, const struct rg_event *ev, bool quoted)
{
	const struct rg_node *n = rg_has(ev, RG_F_MSG_NAME) ? ev->v[RG_F_MSG_NAME].node : NULL;
	const struct rg_node *family = rg_node_find(n, "family");

	if (!family) {
		rg_buf_str(b, "null");
		return;
	}
	sa_family(b, family->v.i);
	switch (family->v.i) {
	case AF_UNIX: text(b, "sun_path", rg_node_find(n, "path")); break;
	case AF_INET:
		text(b, "sin_addr", rg_node_find(n, "addr"));
		number(b, "sin_port", rg_node_find(n, "port"), quoted);
		break;
	case AF_INET6:
		text(b, "sin6_addr", rg_node_find(n, "addr"));
		number(b, "sin6_port", rg_node_find(n, "port"), quoted);
		number(b, "sin6_flowinfo", rg_node_find(n, "flowinfo"), quoted);
		number(b, "sin6_scopeid", rg_node_find(n, "scope"), quoted);
		break;
	default: break; /* Tracee knows the family only */
	}
	rg_buf_char(b, '}');
}

static void list_member(struct rg_json *j, struct rg_buf *b, const struct rg_event *ev, enum rg_field f,
			const char *key)
{
	member(b, key);
	if (rg_has(ev, f))
		rg_json_value(j, b, RG_T_LIST, &ev->v[f], NULL);
	else
		rg_buf_str(b, "[]");
}

static void u_member(struct rg_buf *b, const struct rg_event *ev, enum rg_field f, const char *key)
{
	member(b, key);
	rg_buf_u64(b, tracee_u(ev, f));
}

void tracee_msghdr(struct rg_json *j, struct rg_buf *b, const struct rg_event *ev)
{
	rg_buf_str(b, "{\"msg_name\":");
	tracee_sockaddr(j, b, ev, true);
	u_member(b, ev, RG_F_MSG_NAMELEN, "msg_namelen");
	list_member(j, b, ev, RG_F_MSG_IOV, "msg_iov");
	member(b, "msg_iovlen");
	rg_buf_u64(b, tracee_iovcnt(ev));
	list_member(j, b, ev, RG_F_CMSG, "msg_control");
	u_member(b, ev, RG_F_MSG_CONTROLLEN, "msg_controllen");
	member(b, "msg_flags");
	tracee_flags(b, tracee_u(ev, RG_F_MSG_OUT_FLAGS));
	member(b, "data");
	rg_json_bytes(b, rg_has(ev, RG_F_MSG_DATA) ? ev->v[RG_F_MSG_DATA].p : "",
		      rg_has(ev, RG_F_MSG_DATA) ? ev->v[RG_F_MSG_DATA].len : 0);
	u_member(b, ev, RG_F_MSG_SIZE, "size");
	list_member(j, b, ev, RG_F_FD, "fds");
	rg_buf_char(b, '}');
}
