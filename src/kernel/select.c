/* SPDX-License-Identifier: BSD-2-Clause */
/* From what the user selected to what the kernel side compares (abi/config.h). */
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/cleanup.h"
#include "base/number.h"
#include "kernel/capture.h"

static int rule_unix(const char *path, bool abstract, struct rg_sock_rule *r, struct rg_err *err)
{
	size_t n = strlen(path), at = abstract ? 1 : 0;

	if (n == 0 || n + at > 108)
		return rg_fail(err, -EINVAL, "--socket: a unix socket name has 1 to %d bytes, this has %zu",
			       abstract ? 107 : 108, n);
	r->kind = RG_SR_UNIX;
	memcpy(r->name + at, path, n);
	r->len = (__u32)(n + at);
	return 0;
}

/* ADDR:PORT, [V6]:PORT; * or nothing for any. */
static int rule_inet(const char *text, uint16_t protocol, struct rg_sock_rule *r, struct rg_err *err)
{
	char addr[INET6_ADDRSTRLEN + 1] = "";
	const char *colon = strrchr(text, ':'), *start = text, *stop = colon;
	char *end;
	unsigned long port = 0;

	if (!colon)
		return rg_fail(err, -EINVAL, "--socket: '%s' is not ADDR:PORT", text);
	if (*start == '[' && stop > start && stop[-1] == ']') {
		start++;
		stop--;
	}
	if ((size_t)(stop - start) >= sizeof(addr))
		return rg_fail(err, -EINVAL, "--socket: '%s': the address is too long", text);
	memcpy(addr, start, (size_t)(stop - start));
	if (colon[1] && strcmp(colon + 1, "*")) {
		port = strtoul(colon + 1, &end, 10);
		if (*end || port == 0 || port > 65535)
			return rg_fail(err, -EINVAL, "--socket: '%s' is not a port (1 to 65535, or *)",
				       colon + 1);
	}
	r->kind = RG_SR_INET;
	r->protocol = protocol;
	r->port = (uint16_t)port;
	if (!*addr || !strcmp(addr, "*"))
		r->len = 0;
	else if (inet_pton(AF_INET, addr, r->name) == 1)
		r->len = 4;
	else if (inet_pton(AF_INET6, addr, r->name) == 1)
		r->len = 16;
	else
		return rg_fail(err, -EINVAL, "--socket: '%s' is not an IP address", addr);
	if (!r->len && !r->port)
		return rg_fail(err, -EINVAL, "--socket: '%s' selects nothing: give an address or a port",
			       text);
	return 0;
}

static int rule_number(const char *text, uint32_t kind, struct rg_sock_rule *r, struct rg_err *err)
{
	char *end;

	errno = 0;
	r->number = strtoull(text, &end, 10);
	if (errno || end == text || *end)
		return rg_fail(err, -EINVAL, "--socket: '%s' is not a number", text);
	r->kind = kind;
	return 0;
}

static int rule_parse(const char *s, struct rg_sock_rule *r, struct rg_err *err)
{
	*r = (struct rg_sock_rule){0};
	if (s[0] == '@')
		return rule_unix(s + 1, true, r, err);
	if (!strncmp(s, "unix:@", 6))
		return rule_unix(s + 6, true, r, err);
	if (!strncmp(s, "unix:", 5))
		return rule_unix(s + 5, false, r, err);
	if (!strncmp(s, "udp:", 4))
		return rule_inet(s + 4, IPPROTO_UDP, r, err);
	if (!strncmp(s, "tcp:", 4))
		return rule_inet(s + 4, IPPROTO_TCP, r, err);
	if (!strncmp(s, "inode:", 6))
		return rule_number(s + 6, RG_SR_INODE, r, err);
	if (!strncmp(s, "cookie:", 7))
		return rule_number(s + 7, RG_SR_COOKIE, r, err);
	return rg_fail(
		err, -EINVAL,
		"--socket: '%s' is none of unix:PATH, @NAME, udp:ADDR:PORT, tcp:ADDR:PORT, inode:N, cookie:N",
		s);
}

/* Where the filter runs. A send and its receipt are joined by counting all of them: then at the end only,
 * when the message was counted. */
static void config_match(const struct rg_match *m, struct rg_config *c)
{
	if (!m)
		return;
	c->match_at = c->msg_ids ? m->prog.at & (RG_MA_END | RG_MA_ASKED) : m->prog.at;
	c->match_need = m->prog.need;
	c->front = m->front;
}

int rg_select_config(const struct rg_trace_opts *opts, const struct rg_match *match, struct rg_config *c,
		     struct rg_err *err)
{
	const struct rg_select *s = &opts->select;

	*c = (struct rg_config){0};
	c->way = (unsigned)(opts->direction ? opts->direction : RG_WAY_RECV);
	c->snaplen = opts->snaplen;
	c->self = rg_number_of_process();
	c->errors = opts->errors;
	c->duration = opts->duration;
	c->msg_ids = opts->direction == RG_WAY_BOTH;
	c->sample = opts->on_full == RG_FULL_SAMPLE;
	config_match(match, c);
	c->select = (s->n_pids || opts->argv ? RG_SEL_PID : 0) | (s->n_comms ? RG_SEL_COMM : 0) |
		    (s->n_uids ? RG_SEL_UID : 0) | (s->n_cgroups || s->n_containers ? RG_SEL_CGROUP : 0) |
		    (s->n_exes ? RG_SEL_EXE : 0) | (s->n_sockets ? RG_SEL_SOCKET : 0) |
		    (s->n_fds ? RG_SEL_FD : 0) | (s->n_families ? RG_SEL_FAMILY : 0);
	if (s->n_fds > RG_SEL_FDS_MAX)
		return rg_fail(err, -EINVAL, "--fd: at most %d descriptors", RG_SEL_FDS_MAX);
	if (s->n_sockets > RG_SEL_SOCKETS_MAX)
		return rg_fail(err, -EINVAL, "--socket: at most %d sockets", RG_SEL_SOCKETS_MAX);
	for (unsigned i = 0; i < s->n_fds; i++)
		c->fds[c->n_fds++] = s->fds[i];
	for (unsigned i = 0; i < s->n_families; i++) {
		if (s->families[i] < 0 || s->families[i] > 63)
			return rg_fail(err, -EINVAL, "--family: %d is no address family", s->families[i]);
		c->families |= 1ull << s->families[i];
	}
	for (unsigned i = 0; i < s->n_sockets; i++) {
		int r = rule_parse(s->sockets[i], &c->rules[c->n_rules++], err);

		if (r)
			return r;
	}
	return 0;
}

static int map_add(struct bpf_object *obj, const char *map, const void *key, struct rg_err *err)
{
	int fd = bpf_object__find_map_fd_by_name(obj, map);
	uint8_t one = 1;

	if (fd < 0 || bpf_map_update_elem(fd, key, &one, BPF_ANY))
		return rg_fail(err, -errno, "selection map %s: %s", map, strerror(errno));
	return 0;
}

static uint32_t kernel_dev(dev_t d)
{
	return (uint32_t)(major(d) << 20 | minor(d));
}

static int add_exe(struct bpf_object *obj, const char *path, struct rg_err *err)
{
	struct rg_exe_key key = {0};
	struct stat st;

	if (stat(path, &st))
		return rg_fail(err, -errno, "--exe %s: %s", path, strerror(errno));
	key.ino = st.st_ino;
	key.dev = kernel_dev(st.st_dev);
	return map_add(obj, "sel_exes", &key, err);
}

/* The cgroup2 mount: where it is on its own, or the hybrid layout's. */
static const char *cgroup_root(void)
{
	struct stat st;

	return stat("/sys/fs/cgroup/cgroup.controllers", &st) ? "/sys/fs/cgroup/unified" : "/sys/fs/cgroup";
}

static int add_cgroup(struct bpf_object *obj, const char *path, struct rg_err *err)
{
	char full[4096];
	struct stat st;
	uint64_t id;

	snprintf(full, sizeof(full), "%s", path);
	if (strncmp(path, "/sys/", 5))
		snprintf(full, sizeof(full), "%s/%s", cgroup_root(), path[0] == '/' ? path + 1 : path);
	if (stat(full, &st))
		return rg_fail(err, -errno, "--cgroup %s: %s: %s", path, full, strerror(errno));
	id = st.st_ino;
	return map_add(obj, "sel_cgroups", &id, err);
}

/* nftw has no argument: what the walk looks for and finds. */
static struct {
	const char *const *ids;
	unsigned n;
	struct bpf_object *obj;
	unsigned found;
} walk;

/* A container's cgroup folder has its id in its name: 64 hexadecimal digits, with a runtime's prefix. */
static int walk_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	const char *name = path + ftw->base;
	uint64_t id = st->st_ino;

	if (type != FTW_D)
		return 0;
	for (unsigned i = 0; i < walk.n; i++) {
		const char *at = strstr(name, walk.ids[i]);

		if (at && (at == name || at[-1] == '-' || at[-1] == ':'))
			walk.found += !map_add(walk.obj, "sel_cgroups", &id, NULL);
	}
	return 0;
}

static int add_containers(struct bpf_object *obj, const struct rg_select *s, struct rg_err *err)
{
	for (unsigned i = 0; i < s->n_containers; i++)
		if (strlen(s->containers[i]) < 6)
			return rg_fail(err, -EINVAL, "--container %s: give at least 6 characters of the id",
				       s->containers[i]);
	walk.ids = s->containers;
	walk.n = s->n_containers;
	walk.obj = obj;
	walk.found = 0;
	nftw(cgroup_root(), walk_one, 32, FTW_PHYS);
	if (!walk.found)
		return rg_fail(err, -ENOENT, "--container %s: no control group below %s bears this id",
			       s->containers[0], cgroup_root());
	return 0;
}

int rg_select_pid(struct bpf_object *obj, uint32_t tgid, struct rg_err *err)
{
	struct bpf_map *map = bpf_object__find_map_by_name(obj, ".data.hint");
	size_t size = 0;
	/* mapped and writable, whatever the library's version says of it */
	volatile uint32_t *hint = map ? (uint32_t *)bpf_map__initial_value(map, &size) : NULL;

	if (!hint || size != RG_SEL_HINTS * sizeof(*hint))
		return rg_fail(err, -ENOENT, "selection of process %u: no table of hints", tgid);
	/* first: the kernel side may look at once */
	hint[tgid & (RG_SEL_HINTS - 1)] = tgid;
	return map_add(obj, "sel_pids", &tgid, err);
}

int rg_select_maps(const struct rg_trace_opts *opts, struct bpf_object *obj, struct rg_err *err)
{
	const struct rg_select *s = &opts->select;
	int r = 0;

	for (unsigned i = 0; i < s->n_pids && !r; i++)
		r = rg_select_pid(obj, (uint32_t)s->pids[i], err);
	for (unsigned i = 0; i < s->n_comms && !r; i++) {
		char comm[RG_COMM_LEN] = "";

		strncpy(comm, s->comms[i], sizeof(comm) - 1);
		r = map_add(obj, "sel_comms", comm, err);
	}
	for (unsigned i = 0; i < s->n_uids && !r; i++)
		r = map_add(obj, "sel_uids", &s->uids[i], err);
	for (unsigned i = 0; i < s->n_exes && !r; i++)
		r = add_exe(obj, s->exes[i], err);
	for (unsigned i = 0; i < s->n_cgroups && !r; i++)
		r = add_cgroup(obj, s->cgroups[i], err);
	if (!r && s->n_containers)
		r = add_containers(obj, s, err);
	return r;
}
