/* SPDX-License-Identifier: BSD-2-Clause */
/* Records of the kernel side to events: what is whole, what is cut, what lies. */
#include "tests/lib/unit.h"

#include <errno.h>
#include <linux/fcntl.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "decode/record.h"

#define K RG_TAG_K
#define U (RG_TAG_U | RG_TAG_TOCTOU)

static const struct rg_clock no_clock;

/* A record with room for its tail, as the ring hands it over. */
struct rec {
	struct rg_rec_msg m;
	uint8_t tail[RG_TAIL_MAX];
};

static void rec_init(struct rec *r)
{
	memset(r, 0, sizeof(*r));
	r->m.h = (struct rg_rec_hdr){.type = RG_REC_MSG, .version = RG_ABI_VERSION, .msg_no = 7, .tid = 42};
	r->m.pid = 42;
	r->m.fd = 3;
	r->m.route = RG_RT_RECVMSG;
	r->m.has = RG_HAS_SOCK | RG_HAS_FLAGS;
	r->m.family = AF_UNIX;
	r->m.type = SOCK_DGRAM;
}

static size_t rec_size(const struct rec *r)
{
	return RG_MSG_FIXED + RG_PAD8(r->m.data_len) + RG_PAD8(r->m.name_len) + RG_PAD8(r->m.control_len) +
	       RG_PAD8(r->m.local_len) + RG_PAD8(r->m.remote_len) + RG_PAD8(r->m.iov_len) +
	       RG_PAD8(r->m.uts_len);
}

/* The sections behind the control data: an IPv4 socket's ends, two buffers, the host's name. */
static void rec_sections(struct rec *r)
{
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(53)};
	struct rg_rec_iov iov[2] = {{0x1000, 10}, {0x2000, 20}};
	uint8_t *at = r->tail + rec_size(r) - RG_MSG_FIXED;

	r->m.family = AF_INET;
	r->m.local_len = r->m.remote_len = sizeof(in);
	in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	memcpy(at, &in, sizeof(in));
	in.sin_port = htons(4000);
	memcpy(at + sizeof(in), &in, sizeof(in));
	memcpy(at + 2 * sizeof(in), iov, sizeof(iov));
	r->m.n_iov = 2;
	r->m.iov_len = sizeof(iov);
	r->m.has |= RG_HAS_IOV;
	memcpy(at + 2 * sizeof(in) + sizeof(iov), "a-host", 7);
	r->m.uts_len = 16;
}

static void rec_data(struct rec *r, const char *data, uint32_t flag)
{
	r->m.data_len = (uint32_t)strlen(data);
	r->m.data_total = r->m.data_len;
	r->m.ret = r->m.data_len;
	r->m.has |= flag;
	memcpy(r->tail, data, r->m.data_len);
}

/* SCM_RIGHTS with n numbers from 10 on, behind the data. */
static void rec_rights(struct rec *r, unsigned n, uint32_t flag)
{
	struct cmsghdr *c = (struct cmsghdr *)(r->tail + RG_PAD8(r->m.data_len) + RG_PAD8(r->m.name_len));

	c->cmsg_len = CMSG_LEN(n * sizeof(int));
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	for (unsigned i = 0; i < n; i++)
		((int *)CMSG_DATA(c))[i] = 10 + (int)i;
	r->m.control_len = (uint32_t)CMSG_SPACE(n * sizeof(int));
	r->m.controllen = r->m.control_len;
	r->m.has |= flag;
}

static struct rg_rec_file file_of(unsigned index, uint32_t mode, uint64_t magic, const char *path,
				  size_t path_len)
{
	struct rg_rec_file f = {.h = {.type = RG_REC_FILE, .version = RG_ABI_VERSION, .msg_no = 7, .tid = 42},
				.index = index,
				.i_mode = mode,
				.sb_magic = magic,
				.fd = -1,
				.seals = ~0u};

	memcpy(f.path, path, path_len);
	f.path_len = (uint32_t)path_len;
	f.has = path_len ? RG_FILE_HAS_PATH : 0;
	if (!strncmp(path, "memfd:", 6))
		f.has |= RG_FILE_INTERNAL;
	return f;
}

static const struct rg_node *fd_at(const struct rg_event *ev, unsigned i)
{
	const struct rg_node *n = ev->v[RG_F_FD].node;

	while (n && i--)
		n = n->next;
	assert_non_null(n);
	return n->v.node;
}

static void a_socket_without_a_cookie_has_none(void **state)
{
	struct rg_event *ev = rg_event_new();
	unsigned lost;
	struct rec r;

	rec_init(&r);
	assert_int_equal(rg_decode_msg(&r.m.h, rec_size(&r), NULL, &no_clock, ev, &lost), 0);
	assert_true(rg_has(ev, RG_F_SOCK_FAMILY));
	assert_false(rg_has(ev, RG_F_SOCK_COOKIE));
	r.m.cookie = 9;
	assert_int_equal(rg_decode_msg(&r.m.h, rec_size(&r), NULL, &no_clock, ev, &lost), 0);
	assert_int_equal(ev->v[RG_F_SOCK_COOKIE].u, 9);
	rg_event_free(ev);
}

static void tags_say_where_values_came_from(void **state)
{
	struct rg_event *ev = rg_event_new();
	unsigned lost;
	struct rec r;

	rec_init(&r);
	rec_data(&r, "hello", RG_HAS_DATA);
	assert_int_equal(rg_decode_msg(&r.m.h, rec_size(&r), NULL, &no_clock, ev, &lost), 0);
	assert_int_equal(ev->tag[RG_F_MSG_DATA], K);
	assert_memory_equal(ev->v[RG_F_MSG_DATA].p, "hello", 5);
	/* not known: not there */
	assert_false(rg_has(ev, RG_F_MSG_OUT_FLAGS));
	assert_false(rg_has(ev, RG_F_DURATION));
	rec_init(&r);
	rec_data(&r, "hello", RG_HAS_UDATA);
	rec_rights(&r, 1, RG_HAS_UCONTROL | RG_HAS_CONTROLLEN);
	assert_int_equal(rg_decode_msg(&r.m.h, rec_size(&r), NULL, &no_clock, ev, &lost), 0);
	assert_int_equal(ev->tag[RG_F_MSG_DATA], U);
	assert_int_equal(ev->tag[RG_F_CMSG], U);
	assert_int_equal(ev->tag[RG_F_MSG_CONTROLLEN], K);
	assert_int_equal(ev->tag[RG_F_FD], U);
	rg_event_free(ev);
}

static void parts_continue_the_payload_and_never_another_messages(void **state)
{
	struct {
		struct rg_rec_data d;
		uint8_t bytes[8];
	} part = {.d = {.h = {.type = RG_REC_DATA, .version = RG_ABI_VERSION, .msg_no = 7, .tid = 42},
			.offset = 5,
			.len = 6}};
	struct rg_event *ev = rg_event_new();
	struct rg_parts *parts = rg_parts_new();
	unsigned lost;
	struct rec r;

	memcpy(part.bytes, " world", 6);
	rec_init(&r);
	rec_data(&r, "hello", RG_HAS_DATA);
	r.m.data_total = 11;
	assert_int_equal(rg_parts_add(parts, &part.d.h, sizeof(part.d) + 6), 0);
	assert_int_equal(rg_decode_msg(&r.m.h, rec_size(&r), parts, &no_clock, ev, &lost), 0);
	assert_int_equal(ev->v[RG_F_MSG_DATA].len, 11);
	assert_memory_equal(ev->v[RG_F_MSG_DATA].p, "hello world", 11);
	/* the part was of an earlier message that was not wanted */
	assert_int_equal(rg_parts_add(parts, &part.d.h, sizeof(part.d) + 6), 0);
	r.m.h.msg_no = 8;
	assert_int_equal(rg_decode_msg(&r.m.h, rec_size(&r), parts, &no_clock, ev, &lost), 0);
	assert_int_equal(ev->v[RG_F_MSG_DATA].len, 5);
	assert_int_equal(ev->v[RG_F_MSG_DATA].full, 11);
	/* a gap: what follows it is not shown as if it came next */
	part.d.h.msg_no = 9;
	part.d.offset = 6;
	r.m.h.msg_no = 9;
	assert_int_equal(rg_parts_add(parts, &part.d.h, sizeof(part.d) + 6), 0);
	assert_int_equal(rg_decode_msg(&r.m.h, rec_size(&r), parts, &no_clock, ev, &lost), 0);
	assert_int_equal(ev->v[RG_F_MSG_DATA].len, 5);
	assert_int_equal(rg_parts_add(parts, &part.d.h, sizeof(part.d) + 5), -EINVAL);
	rg_parts_free(parts);
	rg_event_free(ev);
}

static void descriptors_are_joined_with_their_files(void **state)
{
	static const char passwd[] = "passwd\0etc";
	struct rg_rec_file f[3] = {file_of(0, S_IFREG | 0644, 0xef53, passwd, sizeof(passwd)),
				   file_of(1, S_IFREG | 0777, 0x01021994, "memfd:x", 8),
				   file_of(2, 0600, 0x09041934, "[eventfd]", 10)};
	struct rg_event *ev = rg_event_new();
	struct rg_parts *parts = rg_parts_new();
	unsigned lost;
	struct rec r;

	rec_init(&r);
	rec_data(&r, "x", RG_HAS_DATA);
	rec_rights(&r, 2, RG_HAS_UCONTROL);
	r.m.has |= RG_HAS_FILES | RG_HAS_MSGHDR;
	r.m.n_files = 3;
	r.m.out_flags = MSG_CTRUNC;
	for (int i = 0; i < 3; i++)
		assert_int_equal(rg_parts_add(parts, &f[i].h,
					      __builtin_offsetof(struct rg_rec_file, path) + f[i].path_len),
				 0);
	assert_int_equal(rg_decode_msg(&r.m.h, rec_size(&r), parts, &no_clock, ev, &lost), 0);
	assert_int_equal(lost, 0);
	assert_int_equal(rg_node_find(fd_at(ev, 0), "fd")->v.i, 10);
	assert_int_equal(rg_node_find(fd_at(ev, 0), "kind")->v.i, RG_FDK_FILE);
	assert_memory_equal(rg_node_find(fd_at(ev, 0), "path")->v.p, "/etc/passwd", 11);
	assert_int_equal(rg_node_find(fd_at(ev, 1), "kind")->v.i, RG_FDK_MEMFD);
	/* the third had no room in the control buffer */
	assert_int_equal(rg_node_find(fd_at(ev, 2), "kind")->v.i, RG_FDK_EVENTFD);
	assert_null(rg_node_find(fd_at(ev, 2), "fd"));
	assert_int_equal(rg_node_find(fd_at(ev, 2), "lost")->v.u, 1);
	assert_int_equal(ev->v[RG_F_MSG_FDS_LOST].u, 1);
	assert_true(rg_has(ev, RG_F_MSG_CTRUNCATED));
	rg_parts_free(parts);
	rg_event_free(ev);
}

static void the_root_of_a_mount_tree_is_one_slash(void **state)
{
	char out[64];

	assert_int_equal(rg_path_text("/", 2, false, out, sizeof(out)), 1);
	assert_memory_equal(out, "/", 1);
	assert_int_equal(rg_path_text("b\0a", 4, false, out, sizeof(out)), 4);
	assert_memory_equal(out, "/a/b", 4);
	assert_int_equal(rg_path_text("b\0a\0/", 6, false, out, sizeof(out)), 4);
	assert_int_equal(rg_path_text("b", 2, true, out, sizeof(out)), 6);
	assert_memory_equal(out, "/.../b", 6);
	assert_int_equal(rg_path_text("", 0, false, out, sizeof(out)), 1);
}

static void nothing_is_lost_where_nothing_is_known(void **state)
{
	struct rg_event *ev = rg_event_new();
	unsigned lost;
	struct rec r;

	rec_init(&r);
	rec_data(&r, "x", RG_HAS_DATA);
	r.m.has |= RG_HAS_FILES;
	r.m.n_files = 2;
	assert_int_equal(rg_decode_msg(&r.m.h, rec_size(&r), NULL, &no_clock, ev, &lost), 0);
	assert_int_equal(lost, 2); /* parts the record speaks of */
	assert_false(rg_has(ev, RG_F_MSG_FDS_LOST));
	assert_null(rg_node_find(fd_at(ev, 0), "lost"));
	rg_event_free(ev);
}

/* Any length, against the end of readable memory: an error or an event, never a read past it. */
static void a_cut_record_is_refused(void **state)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE), room = 8 * page, size;
	uint8_t *mem = mmap(NULL, room + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct rg_event *ev = rg_event_new();
	unsigned lost;
	struct rec r;

	assert_ptr_not_equal(mem, MAP_FAILED);
	assert_int_equal(mprotect(mem + room, page, PROT_NONE), 0);
	rec_init(&r);
	rec_data(&r, "some payload", RG_HAS_DATA);
	rec_rights(&r, 3, RG_HAS_UCONTROL);
	rec_sections(&r);
	size = rec_size(&r);
	for (size_t n = 0; n <= size; n += 4) {
		uint8_t *at = mem + room - (n & ~(size_t)7);

		memcpy(at, &r.m.h, n & ~(size_t)7);
		assert_int_equal(
			rg_decode_msg((struct rg_rec_hdr *)at, n & ~(size_t)7, NULL, &no_clock, ev, &lost),
			(n & ~(size_t)7) < size ? -EINVAL : 0);
	}
	assert_int_equal(ev->v[RG_F_SOCK_LOCAL_PORT].u, 53);
	assert_int_equal(ev->v[RG_F_SOCK_REMOTE_PORT].u, 4000);
	assert_int_equal(ev->v[RG_F_SOCK_LOCAL_ADDR].addr->text_len, 9);
	assert_memory_equal(ev->v[RG_F_SOCK_LOCAL_ADDR].addr->text, "127.0.0.1", 9);
	assert_int_equal(ev->v[RG_F_MSG_IOV].node->next->v.node->next->v.u, 20);
	assert_memory_equal(ev->v[RG_F_PROC_HOST].p, "a-host", 6);
	/* lengths that lie */
	r.m.uts_len = RG_UTS_LEN + 1;
	assert_int_equal(rg_decode_msg(&r.m.h, sizeof(r), NULL, &no_clock, ev, &lost), -EINVAL);
	r.m.uts_len = 16;
	r.m.iov_len = UINT16_MAX;
	assert_int_equal(rg_decode_msg(&r.m.h, sizeof(r), NULL, &no_clock, ev, &lost), -EINVAL);
	r.m.iov_len = 32;
	r.m.data_len = RG_TAIL_MAX + 1;
	assert_int_equal(rg_decode_msg(&r.m.h, size, NULL, &no_clock, ev, &lost), -EINVAL);
	r.m.data_len = 12;
	r.m.control_len = UINT32_MAX - 3;
	assert_int_equal(rg_decode_msg(&r.m.h, size, NULL, &no_clock, ev, &lost), -EINVAL);
	r.m.h.version = RG_ABI_VERSION + 1;
	assert_int_equal(rg_decode_msg(&r.m.h, size, NULL, &no_clock, ev, &lost), -EINVAL);
	munmap(mem, room + page);
	rg_event_free(ev);
}

/* -ret of the smallest number doesn't exist: no error, instead of an undefined one. Found by fuzzing. */
static void the_smallest_ret_has_no_error_number(void **state)
{
	struct rg_event *ev = rg_event_new();
	unsigned lost;
	struct rec r;

	rec_init(&r);
	r.m.ret = INT64_MIN;
	assert_int_equal(rg_decode_msg(&r.m.h, rec_size(&r), NULL, &no_clock, ev, &lost), 0);
	assert_false(rg_has(ev, RG_F_ERROR));
	assert_true(ev->v[RG_F_RET].i == INT64_MIN);
	r.m.ret = -11;
	assert_int_equal(rg_decode_msg(&r.m.h, rec_size(&r), NULL, &no_clock, ev, &lost), 0);
	assert_true(rg_has(ev, RG_F_ERROR));
	assert_int_equal(ev->v[RG_F_ERROR].i, 11);
	rg_event_free(ev);
}

/* A record of --metadata, as the ring hands it over. */
struct meta {
	struct rg_rec_meta m;
	uint8_t slots[2 * RG_META_LONG];
};

static void meta_init(struct meta *r, size_t slot)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX, .sun_path = "/run/x"};

	memset(r, 0, sizeof(*r));
	r->m.h = (struct rg_rec_hdr){.type = RG_REC_META,
				     .version = RG_ABI_VERSION,
				     .len = (uint32_t)(sizeof(r->m) + 2 * slot),
				     .tid = 43,
				     .cpu = 1};
	r->m.ts = 1000;
	r->m.ret = 5;
	r->m.pid = 42;
	r->m.fd = 3;
	r->m.route = RG_RT_RECVMSG;
	r->m.cookie = 77;
	r->m.family = AF_UNIX;
	r->m.type = SOCK_DGRAM;
	memcpy(r->m.comm, "receiver", 8);
	r->m.remote_len = (uint16_t)(offsetof(struct sockaddr_un, sun_path) + 7);
	memcpy(r->slots + slot, &un, r->m.remote_len);
}

static void metadata_has_what_it_knows_and_nothing_else(void **state)
{
	struct rg_event *ev = rg_event_new();
	struct meta r;

	for (size_t slot = RG_META_SHORT; slot <= RG_META_LONG; slot += RG_META_LONG - RG_META_SHORT) {
		meta_init(&r, slot);
		assert_int_equal(rg_decode_meta(&r.m.h, sizeof(r.m) + 2 * slot, &no_clock, ev), 0);
		assert_int_equal(ev->v[RG_F_DETAIL].i, RG_DETAIL_METADATA);
		assert_int_equal(ev->v[RG_F_EVENT].i, RG_EV_RECVMSG);
		assert_int_equal(ev->v[RG_F_RET].i, 5);
		assert_int_equal(ev->v[RG_F_PROC_PID].u, 42);
		assert_int_equal(ev->v[RG_F_PROC_TID].u, 43);
		assert_int_equal(ev->v[RG_F_SOCK_COOKIE].u, 77);
		assert_int_equal(ev->v[RG_F_SOCK_PATH].len, 6);
		assert_memory_equal(ev->v[RG_F_SOCK_PATH].p, "/run/x", 6);
		assert_false(rg_has(ev, RG_F_SOCK_LOCAL_ADDR));
		assert_false(rg_has(ev, RG_F_MSG_FLAGS)); /* not known */
		for (int f = 0; f < RG_F__COUNT; f++)
			if (rg_fields[f].tags & RG_TAG_FULL)
				assert_false(rg_has(ev, f));
			else if (!(rg_fields[f].tags & RG_TAG_OPT) && f != RG_F_ID) /* the trace's own */
				assert_true(rg_has(ev, f));
	}
	rg_event_free(ev);
}

static void metadata_that_lies_is_refused(void **state)
{
	struct rg_event *ev = rg_event_new();
	struct meta r;

	meta_init(&r, RG_META_SHORT);
	assert_int_equal(rg_decode_meta(&r.m.h, sizeof(r.m) - 1, &no_clock, ev), -EINVAL);
	assert_int_equal(rg_decode_meta(&r.m.h, sizeof(r.m) + 2 * RG_META_SHORT - 2, &no_clock, ev), -EINVAL);
	r.m.remote_len = RG_META_SHORT + 1;
	assert_int_equal(rg_decode_meta(&r.m.h, sizeof(r.m) + 2 * RG_META_SHORT, &no_clock, ev), -EINVAL);
	r.m.remote_len = 0;
	r.m.local_len = UINT16_MAX;
	assert_int_equal(rg_decode_meta(&r.m.h, sizeof(r.m) + 2 * RG_META_SHORT, &no_clock, ev), -EINVAL);
	r.m.local_len = 0;
	r.m.h.version++;
	assert_int_equal(rg_decode_meta(&r.m.h, sizeof(r.m) + 2 * RG_META_SHORT, &no_clock, ev), -EINVAL);
	r.m.h.version--;
	r.m.route = UINT16_MAX; /* a route of a later version */
	assert_int_equal(rg_decode_meta(&r.m.h, sizeof(r.m) + 2 * RG_META_SHORT, &no_clock, ev), 0);
	assert_int_equal(ev->v[RG_F_ROUTE].i, RG_RT_UNKNOWN);
	rg_event_free(ev);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(a_socket_without_a_cookie_has_none),
	cmocka_unit_test(tags_say_where_values_came_from),
	cmocka_unit_test(parts_continue_the_payload_and_never_another_messages),
	cmocka_unit_test(descriptors_are_joined_with_their_files),
	cmocka_unit_test(the_root_of_a_mount_tree_is_one_slash),
	cmocka_unit_test(nothing_is_lost_where_nothing_is_known),
	cmocka_unit_test(a_cut_record_is_refused),
	cmocka_unit_test(the_smallest_ret_has_no_error_number),
	cmocka_unit_test(metadata_has_what_it_knows_and_nothing_else),
	cmocka_unit_test(metadata_that_lies_is_refused),
};
RG_UNIT_MAIN(tests)
