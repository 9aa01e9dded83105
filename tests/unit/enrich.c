/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/lib/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "enrich/cgroup.h"
#include "enrich/container.h"
#include "enrich/enrich.h"
#include "enrich/lru.h"
#include "enrich/read.h"

#define HEX64 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define HEX2  "fedcba9876543210fedcba9876543210fedcba9876543210fedcba9876543210"
#define POD   "12345678-1234-1234-1234-123456789abc"
#define POD_  "12345678_1234_1234_1234_123456789abc"

/* ---- the pattern table ---- */

static void containers_are_told_from_paths(void **state)
{
	static const struct {
		const char *path, *runtime, *id, *pod;
	} rows[] = {
		{"/system.slice/docker-" HEX64 ".scope", "docker", HEX64, ""},
		{"/docker/" HEX64, "docker", HEX64, ""},
		{"/docker/" HEX64 "/init.scope", "docker", HEX64, ""},
		{"/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod" POD_
		 ".slice/cri-containerd-" HEX64 ".scope",
		 "containerd", HEX64, POD},
		{"/kubepods.slice/kubepods-pod" POD_ ".slice/crio-" HEX64 ".scope", "cri-o", HEX64, POD},
		{"/kubepods/besteffort/pod" POD "/" HEX64, "unknown", HEX64, POD},
		{"/kubepods/pod" POD "/crio-" HEX64, "cri-o", HEX64, POD},
		{"/system.slice/kubelet.service/kubepods-besteffort-pod" POD_ ".slice:cri-containerd:" HEX64,
		 "containerd", HEX64, POD},
		{"/kubepods/burstable/pod0123456789abcdef0123456789abcdef/" HEX64, "unknown", HEX64,
		 "0123456789abcdef0123456789abcdef"},
		{"/machine.slice/libpod-" HEX64 ".scope/container", "podman", HEX64, ""},
		{"/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-" HEX64 ".scope/container",
		 "podman", HEX64, ""},
		{"/libpod_parent/libpod-" HEX64, "podman", HEX64, ""},
		{"/machine.slice/systemd-nspawn@web\\x2d1.service/payload", "systemd-nspawn", "web\\x2d1",
		 ""},
		{"/machine.slice/machine-deb.scope", "systemd-nspawn", "deb", ""},
		{"/lxc/box/init.scope", "lxc", "box", ""},
		{"/lxc.payload.box/system.slice/ssh.service", "lxc", "box", ""},
		{"/lxc.payload/box", "lxc", "box", ""},
		{"/system.slice/nerdctl-" HEX64 ".scope", "containerd", HEX64, ""},
		/* a container in a container: the inner one */
		{"/docker/" HEX64 "/kubelet/kubepods/burstable/pod" POD "/" HEX2, "unknown", HEX2, POD},
		{"/system.slice/docker-" HEX64 ".scope/libpod-" HEX2 ".scope", "podman", HEX2, ""},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct rg_container_id c;

		if (!rg_container_of(rows[i].path, &c) || !c.id)
			fail_msg("not recognised: %s", rows[i].path);
		assert_string_equal(c.runtime, rows[i].runtime);
		if (strlen(rows[i].id) != c.id_len || memcmp(c.id, rows[i].id, c.id_len) != 0)
			fail_msg("%s: id %.*s", rows[i].path, (int)c.id_len, c.id);
		assert_string_equal(c.pod, rows[i].pod);
	}
}

static void other_paths_are_not_containers(void **state)
{
	static const char *const paths[] = {
		"/",
		"",
		"/system.slice/ssh.service",
		"/user.slice/user-0.slice/session-1.scope",
		"/docker",
		"/docker/short",
		"/system.slice/docker.service",
		"/system.slice/docker-0123.scope",
		"/machine.slice/machine-qemu\\x2d1\\x2dvm.scope", /* a virtual machine */
		"/machine.slice/libpod-conmon-" HEX64 ".scope",	  /* podman's own helper */
		"/kubepods.slice/crio-conmon-" HEX64 ".scope",
		"/lxc.monitor.box",
		"/system.slice/" HEX64 "0",
		"/podman.slice",
		"/tripod" POD,
	};

	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		struct rg_container_id c;

		if (rg_container_of(paths[i], &c))
			fail_msg("taken for a container: %s", paths[i]);
	}
}

static void a_pod_without_container_is_a_pod(void **state)
{
	struct rg_container_id c;

	assert_true(rg_container_of("/kubepods.slice/kubepods-pod" POD_ ".slice", &c));
	assert_null(c.id);
	assert_string_equal(c.pod, POD);
}

static void v1_lines_are_searched(void **state)
{
	char *p = rg_cgroup_of_text("12:memory:/docker/" HEX64 "\n1:name=systemd:/docker/" HEX64 "\n0::/\n");

	assert_string_equal(p, "/docker/" HEX64);
	free(p);
	p = rg_cgroup_of_text("3:cpu:/\n0::/system.slice/a:b.service\n");
	assert_string_equal(p, "/system.slice/a:b.service");
	free(p);
	assert_null(rg_cgroup_of_text(""));
	assert_null(rg_cgroup_of_text("garbage\n:\n"));
}

/* ---- JSON ---- */

static void strings_are_picked_out_of_json(void **state)
{
	static const char json[] =
		"{ \"n\" : [1, {\"Name\":\"no\"}], \"s\":\"a]}\\\"\", \"Config\" : {\"Env\":[\"x\"],"
		"\"Image\":\"a\\u00e9\\n\\\\b\"}, \"Name\":\"/web\", \"num\":3 }";
	const char *elem;
	size_t len;
	char *s = rg_json_string(json, strlen(json), (const char *const[]){"Config", "Image", NULL});

	assert_string_equal(s, "a\xc3\xa9\n\\b");
	free(s);
	s = rg_json_string(json, strlen(json), (const char *const[]){"Name", NULL});
	assert_string_equal(s, "/web");
	free(s);
	assert_null(rg_json_string(json, strlen(json), (const char *const[]){"num", NULL}));
	assert_null(rg_json_string(json, strlen(json), (const char *const[]){"Config", "Name", NULL}));
	assert_true(rg_json_element("[ {\"a\":[1,2]} , \"x\"]", 21, 1, &elem, &len));
	assert_memory_equal(elem, "\"x\"", 3);
	assert_false(rg_json_element("[1]", 3, 1, &elem, &len));
}

/* Every prefix of a text, and every text with one byte changed: found or not, never out of bounds (run under
 * the address sanitizer, each copy is exactly as long as it claims). */
static void broken_json_is_survived(void **state)
{
	static const char json[] = "[{\"id\":\"a\\u0041\\\"\",\"m\":{\"x\":[true,null,-1e3,\"\\\\\"]}}]";
	static const char bytes[] = "\"\\{}[]:,u\0 ";

	for (size_t n = 0; n <= sizeof(json) - 1; n++)
		for (size_t b = 0; b < sizeof(bytes); b++) {
			char *copy = malloc(n ? n : 1);
			const char *elem;
			size_t len;

			memcpy(copy, json, n);
			if (n)
				copy[(b * 7) % n] = bytes[b];
			if (rg_json_element(copy, n, 0, &elem, &len))
				free(rg_json_string(elem, len, (const char *const[]){"id", NULL}));
			free(copy);
		}
}

/* ---- the cache ---- */

struct entry {
	struct rg_lru_link link;
	int value;
};
static unsigned dropped;

static void count_drop(void *e)
{
	dropped++;
}

static void the_oldest_entry_goes_first(void **state)
{
	struct rg_lru l;
	bool fresh;

	dropped = 0;
	assert_int_equal(rg_lru_init(&l, 100, sizeof(struct entry), count_drop), 0);
	for (uint64_t i = 0; i < 100; i++)
		((struct entry *)rg_lru_get(&l, (struct rg_lru_key){i, i * 7}, &fresh))->value = (int)i;
	rg_lru_get(&l, (struct rg_lru_key){0, 0}, &fresh); /* 0 is used again: 1 is the oldest now */
	assert_false(fresh);
	assert_int_equal(((struct entry *)rg_lru_get(&l, (struct rg_lru_key){1000, 1}, &fresh))->value, 0);
	assert_true(fresh);
	assert_int_equal(dropped, 1);
	assert_int_equal(((struct entry *)rg_lru_get(&l, (struct rg_lru_key){0, 0}, &fresh))->value, 0);
	assert_false(fresh);
	for (uint64_t i = 2; i < 100; i++) {
		assert_int_equal(
			((struct entry *)rg_lru_get(&l, (struct rg_lru_key){i, i * 7}, &fresh))->value, i);
		assert_false(fresh);
	}
	rg_lru_get(&l, (struct rg_lru_key){1, 7}, &fresh);
	assert_true(fresh);
	for (uint64_t i = 0; i < 5000; i++)
		rg_lru_get(&l, (struct rg_lru_key){i % 777, i % 13}, &fresh);
	rg_lru_free(&l);
}

/* ---- a machine of files ---- */

static char root[64];

static void put(const char *text, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void put(const char *text, const char *fmt, ...)
{
	char path[2 * PATH_MAX], *below = NULL;
	va_list ap;
	FILE *f;

	va_start(ap, fmt);
	assert_true(vasprintf(&below, fmt, ap) > 0);
	va_end(ap);
	snprintf(path, sizeof(path), "%s/%s", root, below);
	free(below);
	for (char *s = path + strlen(root) + 1; (s = strchr(s, '/')); s++) {
		*s = 0;
		mkdir(path, 0755);
		*s = '/';
	}
	if (!text) {
		mkdir(path, 0755);
		return;
	}
	unlink(path);
	f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static void put_process(unsigned pid, const char *comm, uint64_t ticks, const char *exe, const char *cgroup)
{
	char text[256], path[PATH_MAX];

	snprintf(text, sizeof(text), "%u (%s) S 1 1 1 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 %lu 1000 10\n",
		 pid, comm, (unsigned long)ticks);
	put(text, "proc/%u/stat", pid);
	put(cgroup, "proc/%u/cgroup", pid);
	snprintf(path, sizeof(path), "%s/proc/%u/exe", root, pid);
	unlink(path);
	assert_int_equal(symlink(exe, path), 0);
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	return remove(path);
}

static int set_up(void **state)
{
	struct rg_enrich_opts opts;
	struct rg_enrich *e = NULL;
	char proc[PATH_MAX + 8], cgroup[PATH_MAX + 8];

	snprintf(root, sizeof(root), "%s", "/tmp/rg-enrich-XXXXXX");
	if (!mkdtemp(root))
		return -1;
	put("root:x:0:0::/root:/bin/sh\ntoor:x:0:0::/:/bin/sh\nann:x:1000:1000::/:/bin/sh\n", "etc/passwd");
	put(NULL, "cg/system.slice/docker-" HEX64 ".scope");
	put(NULL, "cg/a.slice/b.service");
	put("{\"Name\":\"/web\",\"Config\":{\"Image\":\"nginx:1\"}}",
	    "var/lib/docker/containers/" HEX64 "/config.v2.json");
	put("[{\"id\":\"x\"},{\"id\":\"" HEX2
	    "\",\"metadata\":\"{\\\"image-name\\\":\\\"img\\\",\\\"name\\\":\\\"pod1\\\"}\"}]",
	    "var/lib/containers/storage/overlay-containers/containers.json");
	put("{\"annotations\":{\"io.kubernetes.cri.container-name\":\"app\",\"io.kubernetes.cri.image-name\":"
	    "\"app:2\"}}",
	    "run/containerd/io.containerd.runtime.v2.task/k8s.io/" HEX64 "/config.json");
	put("exe", "bin/prog");
	put(NULL, "proc");
	snprintf(proc, sizeof(proc), "%s/proc", root);
	snprintf(cgroup, sizeof(cgroup), "%s/cg", root);
	opts = (struct rg_enrich_opts){.proc_root = proc, .cgroup_root = cgroup, .state_root = root};
	if (rg_enrich_new(&opts, &e, NULL) < 0)
		return -1;
	*state = e;
	return 0;
}

static int tear_down(void **state)
{
	rg_enrich_free(*state);
	return nftw(root, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static void text_is(const struct rg_event *ev, enum rg_field f, const char *text, uint8_t tag)
{
	if (!text) {
		if (rg_has(ev, f))
			fail_msg("%s is %.*s", rg_fields[f].name, (int)ev->v[f].len, ev->v[f].p);
		return;
	}
	if (!rg_has(ev, f))
		fail_msg("%s is absent", rg_fields[f].name);
	assert_int_equal(ev->v[f].len, strlen(text));
	assert_memory_equal(ev->v[f].p, text, ev->v[f].len);
	assert_int_equal(ev->tag[f], tag);
}

static uint64_t inode_of(const char *below)
{
	char path[2 * PATH_MAX];
	struct stat st;

	snprintf(path, sizeof(path), "%s/%s", root, below);
	assert_int_equal(stat(path, &st), 0);
	return st.st_ino;
}

static struct rg_raw_who who_of(unsigned pid, uint64_t ticks)
{
	char path[2 * PATH_MAX];
	struct stat st;

	snprintf(path, sizeof(path), "%s/bin/prog", root);
	assert_int_equal(stat(path, &st), 0);
	return (struct rg_raw_who){
		.pid = pid,
		.leader_start = ticks * 10000000 + 1234567, /* ns within the tick */
		.exe_ino = st.st_ino,
		.exe_dev = major(st.st_dev) << 20 | minor(st.st_dev),
		.now = 5000000000000,
	};
}

#define KLATE (RG_TAG_K | RG_TAG_LATE)

static void exe_is_given_when_the_start_agrees(void **state)
{
	struct rg_event *ev = rg_event_new();
	struct rg_raw_who who = who_of(70, 4242);
	char exe[PATH_MAX];

	snprintf(exe, sizeof(exe), "%s/bin/prog", root);
	put_process(70, "odd) (name", 4242, exe, "0::/\n");
	rg_set_u(ev, RG_F_PROC_UID, 1000, RG_TAG_K);
	rg_enrich_event(*state, ev, &who);
	text_is(ev, RG_F_PROC_EXE, exe, KLATE);
	text_is(ev, RG_F_PROC_USER, "ann", RG_TAG_LATE);
	text_is(ev, RG_F_CONTAINER_ID, NULL, 0);
	/* no device and inode from the kernel: the start time alone vouches, and is no proof of the file */
	rg_event_reset(ev);
	who.exe_ino = who.exe_dev = 0;
	rg_enrich_event(*state, ev, &who);
	text_is(ev, RG_F_PROC_EXE, exe, RG_TAG_LATE);
	rg_event_free(ev);
}

static void a_successor_with_the_same_number_is_not_believed(void **state)
{
	struct rg_event *ev = rg_event_new();
	struct rg_raw_who who = who_of(71, 4000);
	struct rg_enrich_stats stats;

	put_process(71, "new", 4001, "/bin/prog", "0::/docker/" HEX64 "\n");
	rg_enrich_event(*state, ev, &who);
	text_is(ev, RG_F_PROC_EXE, NULL, 0);
	text_is(ev, RG_F_CONTAINER_ID, NULL, 0);
	/* and it is not asked for again and again */
	rg_event_reset(ev);
	rg_enrich_event(*state, ev, &who);
	rg_enrich_stats(*state, &stats);
	assert_int_equal(stats.process_reads, 1);
	assert_int_equal(stats.process_unknown, 1);
	rg_event_free(ev);
}

static void an_exec_since_is_noticed(void **state)
{
	struct rg_event *ev = rg_event_new();
	struct rg_raw_who who = who_of(72, 100);
	char exe[PATH_MAX];

	snprintf(exe, sizeof(exe), "%s/etc/passwd", root); /* another file than who's */
	put_process(72, "x", 100, exe, "0::/\n");
	rg_enrich_event(*state, ev, &who);
	text_is(ev, RG_F_PROC_EXE, NULL, 0);
	/* the next event comes from the new executable: read anew */
	who.exe_ino = inode_of("etc/passwd");
	rg_event_reset(ev);
	rg_enrich_event(*state, ev, &who);
	text_is(ev, RG_F_PROC_EXE, exe, KLATE);
	rg_event_free(ev);
}

static void what_is_gone_stays_unknown(void **state)
{
	struct rg_event *ev = rg_event_new();
	struct rg_raw_who who = who_of(73, 100);

	who.cgroup_id = 999999999;
	who.sender_pid = 74;
	rg_set_u(ev, RG_F_PROC_UID, 4444, RG_TAG_K);
	rg_enrich_event(*state, ev, &who);
	for (int f = 0; f < RG_F__COUNT; f++)
		assert_true(f == RG_F_PROC_UID || !rg_has(ev, f));
	rg_event_free(ev);
}

static void groups_and_containers_are_found_by_id(void **state)
{
	struct rg_event *ev = rg_event_new();
	struct rg_raw_who who = {.now = 1};

	who.cgroup_id = inode_of("cg/system.slice/docker-" HEX64 ".scope");
	rg_enrich_event(*state, ev, &who);
	text_is(ev, RG_F_PROC_CGROUP, "/system.slice/docker-" HEX64 ".scope", KLATE);
	text_is(ev, RG_F_CONTAINER_ID, HEX64, KLATE);
	text_is(ev, RG_F_CONTAINER_RUNTIME, "docker", KLATE);
	text_is(ev, RG_F_CONTAINER_NAME, "web", RG_TAG_LATE);
	text_is(ev, RG_F_CONTAINER_IMAGE, "nginx:1", RG_TAG_LATE);
	rg_event_reset(ev);
	who.cgroup_id = inode_of("cg");
	rg_enrich_event(*state, ev, &who);
	text_is(ev, RG_F_PROC_CGROUP, "/", KLATE);
	text_is(ev, RG_F_CONTAINER_ID, NULL, 0);
	rg_event_free(ev);
}

static void walks_are_rate_limited_and_repeated(void **state)
{
	struct rg_event *ev = rg_event_new();
	struct rg_raw_who who = {.now = 1, .cgroup_id = inode_of("cg/a.slice/b.service")};

	rg_enrich_event(*state, ev, &(struct rg_raw_who){.now = 1, .cgroup_id = 999999998});
	rg_enrich_event(*state, ev, &who); /* within a second of the last walk: not now */
	text_is(ev, RG_F_PROC_CGROUP, NULL, 0);
	usleep(1100000);
	who.now += 1100000000;
	rg_enrich_event(*state, ev, &who);
	text_is(ev, RG_F_PROC_CGROUP, "/a.slice/b.service", KLATE);
	rg_event_free(ev);
}

static void v1_containers_come_from_the_process(void **state)
{
	struct rg_event *ev = rg_event_new();
	struct rg_raw_who who = who_of(75, 9);

	put_process(75, "x", 9, "/gone", "4:memory:/machine.slice/libpod-" HEX2 ".scope\n0::/\n");
	who.cgroup_id = inode_of("cg");
	rg_enrich_event(*state, ev, &who);
	text_is(ev, RG_F_CONTAINER_ID, HEX2, RG_TAG_LATE);
	text_is(ev, RG_F_CONTAINER_RUNTIME, "podman", RG_TAG_LATE);
	text_is(ev, RG_F_CONTAINER_NAME, "pod1", RG_TAG_LATE);
	text_is(ev, RG_F_CONTAINER_IMAGE, "img", RG_TAG_LATE);
	rg_event_free(ev);
}

static void containerd_tells_names_in_annotations(void **state)
{
	struct rg_container_id c = {.id = HEX64, .id_len = 64, .runtime = "containerd"};
	char *name, *image;

	rg_container_state(root, &c, &name, &image);
	assert_string_equal(name, "app");
	assert_string_equal(image, "app:2");
	free(name);
	free(image);
	c = (struct rg_container_id){.id = "a\\x2db", .id_len = 6, .runtime = "systemd-nspawn"};
	rg_container_state(root, &c, &name, &image);
	assert_string_equal(name, "a-b");
	free(name);
	c = (struct rg_container_id){.id = "../etc", .id_len = 6, .runtime = "docker"};
	rg_container_state(root, &c, &name, &image);
	assert_null(name);
}

static void a_sender_must_have_lived_then(void **state)
{
	struct rg_event *ev = rg_event_new();
	struct rg_raw_who who = {.sender_pid = 80, .now = 2000000000};
	char exe[PATH_MAX];

	snprintf(exe, sizeof(exe), "%s/bin/prog", root);
	put_process(80, "sender", 201, exe, "0::/\n"); /* started 10 ms after the event */
	rg_enrich_event(*state, ev, &who);
	text_is(ev, RG_F_SENDER_EXE, NULL, 0);
	put_process(81, "sender", 199, exe, "0::/\n");
	who.sender_pid = 81;
	rg_enrich_event(*state, ev, &who);
	text_is(ev, RG_F_SENDER_EXE, exe, RG_TAG_LATE);
	text_is(ev, RG_F_SENDER_COMM, "sender", RG_TAG_LATE);
	/* the kernel read another name: not the same process, or it has called exec */
	rg_event_reset(ev);
	rg_set_str(ev, RG_F_SENDER_COMM, "other", 5, RG_TAG_K);
	rg_enrich_event(*state, ev, &who);
	text_is(ev, RG_F_SENDER_EXE, NULL, 0);
	text_is(ev, RG_F_SENDER_COMM, "other", RG_TAG_K);
	/* with the kernel's own start time there is no doubt either way */
	rg_event_reset(ev);
	who.sender_start = 1995000000;
	rg_enrich_event(*state, ev, &who);
	text_is(ev, RG_F_SENDER_EXE, exe, RG_TAG_LATE);
	rg_event_reset(ev);
	who.sender_start = 1985000000;
	rg_enrich_event(*state, ev, &who);
	text_is(ev, RG_F_SENDER_EXE, NULL, 0);
	rg_event_free(ev);
}

static void a_sender_number_is_asked_again_later(void **state)
{
	struct rg_event *ev = rg_event_new();
	struct rg_raw_who who = {.sender_pid = 82, .now = 2000000000};

	put_process(82, "one", 100, "/bin/one", "0::/\n");
	rg_enrich_event(*state, ev, &who);
	text_is(ev, RG_F_SENDER_EXE, "/bin/one", RG_TAG_LATE);
	put_process(82, "two", 202, "/bin/two", "0::/\n"); /* the number is another process's now */
	rg_event_reset(ev);
	who.now += 300000000;
	rg_enrich_event(*state, ev, &who);
	text_is(ev, RG_F_SENDER_EXE, "/bin/two", RG_TAG_LATE);
	rg_event_free(ev);
}

static void a_fifo_in_the_way_does_not_hold(void **state)
{
	struct rg_container_id c = {.id = "f", .id_len = 1, .runtime = "docker"};
	char path[PATH_MAX + 64], *name, *image;

	put(NULL, "var/lib/docker/containers/f");
	snprintf(path, sizeof(path), "%s/var/lib/docker/containers/f/config.v2.json", root);
	assert_int_equal(mkfifo(path, 0600), 0);
	alarm(5);
	rg_container_state(root, &c, &name, &image);
	alarm(0);
	assert_null(name);
}

/* The machine's own /proc and cgroup mount. */
static void this_very_process_is_recognised(void **state)
{
	struct rg_enrich *e;
	struct rg_event *ev = rg_event_new();
	struct rg_raw_who who = {.pid = (uint32_t)getpid(), .now = UINT64_MAX};
	char exe[PATH_MAX];
	uint64_t ticks;
	ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);
	int fd = rg_proc_open("/proc", who.pid);

	assert_true(n > 0);
	exe[n] = 0;
	assert_int_equal(rg_proc_start(fd, &ticks, NULL), 0);
	close(fd);
	who.leader_start = ticks * 10000000;
	who.cgroup_id = 1; /* the root of the hierarchy has inode 1 */
	assert_int_equal(rg_enrich_new(NULL, &e, NULL), 0);
	rg_enrich_event(e, ev, &who);
	text_is(ev, RG_F_PROC_EXE, exe, RG_TAG_LATE);
	rg_enrich_free(e);
	rg_event_free(ev);
}

#define WITH_ROOT(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
static const struct CMUnitTest tests[] = {
	cmocka_unit_test(containers_are_told_from_paths),
	cmocka_unit_test(other_paths_are_not_containers),
	cmocka_unit_test(a_pod_without_container_is_a_pod),
	cmocka_unit_test(v1_lines_are_searched),
	cmocka_unit_test(strings_are_picked_out_of_json),
	cmocka_unit_test(broken_json_is_survived),
	cmocka_unit_test(the_oldest_entry_goes_first),
	WITH_ROOT(exe_is_given_when_the_start_agrees),
	WITH_ROOT(a_successor_with_the_same_number_is_not_believed),
	WITH_ROOT(an_exec_since_is_noticed),
	WITH_ROOT(what_is_gone_stays_unknown),
	WITH_ROOT(groups_and_containers_are_found_by_id),
	WITH_ROOT(walks_are_rate_limited_and_repeated),
	WITH_ROOT(v1_containers_come_from_the_process),
	WITH_ROOT(containerd_tells_names_in_annotations),
	WITH_ROOT(a_sender_must_have_lived_then),
	WITH_ROOT(a_sender_number_is_asked_again_later),
	WITH_ROOT(a_fifo_in_the_way_does_not_hold),
	cmocka_unit_test(this_very_process_is_recognised),
};
RG_UNIT_MAIN(tests)
