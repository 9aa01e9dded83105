/* SPDX-License-Identifier: BSD-2-Clause */
/* The programs: loaded once, pinned, attached as a policy needs them. */
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/io_uring.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "abi/config.h"
#include "base/cleanup.h"
#include "base/forced.h"
#include "base/libbpf.h"
#include "base/number.h"
#include "base/preempt.h"
#include "enforce/load.h"

#include "enforce.skel.h" /* its types are abi/enforce.h's */

/* What is hooked: lsm_NAME and mod_NAME, or NAME itself where there is one way only. */
enum need { FOR_RECEIVE, FOR_STREAMS, FOR_RINGS, FOR_ZCRX, FOR_REDIRECTS, FOR_QUEUE, FOR_FILE, FOR_TREE };
static const struct {
	const char *name;
	enum need need;
	bool one;
} hooks[] = {
	{"recvmsg", FOR_RECEIVE, false},    {"permission", FOR_STREAMS, false},
	{"getsockopt", FOR_STREAMS, false}, {"setsockopt", FOR_RINGS, false},
	{"zcrx", FOR_ZCRX, false},	    {"redirect", FOR_REDIRECTS, false},
	{"rcv_skb", FOR_QUEUE, false},	    {"file_receive", FOR_FILE, false},
	{"task_alloc", FOR_TREE, false},    {"task_free", FOR_TREE, false},
	{"tree_fork", FOR_TREE, true},	    {"tree_exit", FOR_TREE, true},
};

static void prog_name(char (*buf)[64], unsigned hook, enum rg_enf_backend be)
{
	snprintf(*buf, sizeof(*buf), "%s%s",
		 hooks[hook].one   ? ""
		 : be == RG_EB_LSM ? "lsm_"
				   : "mod_",
		 hooks[hook].name);
}

/* io_uring's receive without copies? Where rings can't be made there could be. */
static bool has_zcrx(void)
{
	enum { RECV_ZC = 58, OPS = 64 };
	rg_auto_free struct io_uring_probe *probe =
		calloc(1, sizeof(*probe) + OPS * sizeof(struct io_uring_probe_op));
	struct io_uring_params p = {0};
	rg_auto_close int ring = (int)syscall(SYS_io_uring_setup, 1, &p);

	if (!probe || ring < 0 || syscall(SYS_io_uring_register, ring, IORING_REGISTER_PROBE, probe, OPS))
		return true;
	return probe->ops_len > RECV_ZC && probe->ops[RECV_ZC].flags & IO_URING_OP_SUPPORTED;
}

static bool needed(unsigned hook, const struct rg_enf_load *l)
{
	const struct rg_enf_image *img = l->img;

	switch (hooks[hook].need) {
	case FOR_RECEIVE: return img->set[RG_ST_RECV].sum;
	case FOR_STREAMS: return img->set[RG_ST_RECV].streams;
	case FOR_RINGS: return img->set[RG_ST_RECV].rings;
	case FOR_ZCRX: return img->set[RG_ST_RECV].streams && has_zcrx();
	case FOR_REDIRECTS: return img->set[RG_ST_RECV].redirects;
	case FOR_QUEUE: return img->set[RG_ST_QUEUE].sum;
	case FOR_FILE: return img->set[RG_ST_FILE].sum;
	default: return l->tree;
	}
}

/* Trampolines and typed tracepoints are attached the same way. */
static int attach(const struct rg_pins *p, const char *prog)
{
	rg_auto_close int fd = rg_pins_get(p, "prog_", prog);
	rg_auto_close int link = fd < 0 ? -1 : bpf_raw_tracepoint_open(NULL, fd);

	if (fd < 0)
		return fd;
	if (link < 0)
		return -errno;
	return rg_pins_put(p, "link_", prog, link);
}

int rg_enf_hooks_attach(const struct rg_pins *p, enum rg_enf_backend be, const struct rg_enf_load *l,
			struct rg_err *err)
{
	char name[64];

	if (be == RG_EB_CGROUP)
		return rg_enf_group_attach(p, l, err);
	for (unsigned i = 0; i < RG_ARRAY_LEN(hooks); i++) {
		int r;

		prog_name(&name, i, be);
		if (!needed(i, l) || rg_pins_has(p, "link_", name))
			continue;
		r = attach(p, name);
		if (r)
			return rg_fail(err, r, "the hook %s does not attach: %s", hooks[i].name,
				       strerror(-r));
	}
	return 0;
}

void rg_enf_hooks_detach(const struct rg_pins *p, enum rg_enf_backend be, const struct rg_enf_load *l)
{
	char name[64];

	if (be == RG_EB_CGROUP) {
		rg_enf_group_settle(p, l);
		return;
	}
	for (unsigned i = 0; i < RG_ARRAY_LEN(hooks); i++) {
		prog_name(&name, i, be);
		if (!needed(i, l))
			rg_pins_drop(p, "link_", name);
	}
}

/* ---- the first time */

/* Maps that the shared files define and enforcement has no use for. */
static bool is_used(const char *map)
{
	return !strncmp(map, "enf_", 4) || !strcmp(map, "ring") || strchr(map, '.');
}

/* Where NAME_old stands in for NAME: on kernels without casts. */
static const char old[] = "_old";

static size_t name_len(const char *prog)
{
	const char *at = strstr(prog, old);

	return at ? (size_t)(at - prog) : strlen(prog);
}

static bool is_of(const char *prog, enum rg_enf_backend be, bool casts)
{
	bool group = !strcmp(prog, "cg_ingress") || !strcmp(prog, "unix_filter");

	if (be == RG_EB_CGROUP)
		return group;
	if (name_len(prog) == strlen("lsm_recvmsg") && strstr(prog, "_recvmsg") &&
	    casts == !!strstr(prog, old))
		return false;
	return !group && strncmp(prog, be == RG_EB_LSM ? "mod_" : "lsm_", 4) != 0;
}

static bool has_function(const char *name)
{
	struct btf *btf = btf__load_vmlinux_btf();
	bool has = btf && btf__find_by_name_kind(btf, name, BTF_KIND_FUNC) > 0;

	btf__free(btf);
	return has;
}

static struct enforce_bpf *open_programs(enum rg_enf_backend be)
{
	bool casts = has_function("bpf_rdonly_cast");
	struct enforce_bpf *s = enforce_bpf__open();
	struct bpf_program *p;
	struct bpf_map *m;

	if (!s)
		return NULL;
	bpf_object__for_each_program(p, s->obj)
		bpf_program__set_autoload(p, is_of(bpf_program__name(p), be, casts));
	bpf_object__for_each_map(m, s->obj) bpf_map__set_autocreate(m, is_used(bpf_map__name(m)));
	bpf_map__set_max_entries(s->maps.ring, RG_ENF_EVENTS_RING);
	if (rg_forced("few-pids")) /* a test has not as many processes as there is room for */
		bpf_map__set_max_entries(s->maps.enf_kin, 2);
	return s;
}

static int pin_all(const struct rg_pins *p, struct enforce_bpf *s)
{
	struct bpf_program *prog;
	struct bpf_map *m;
	char name[64];
	int r = 0;

	bpf_object__for_each_program(prog, s->obj)
	{
		snprintf(name, sizeof(name), "%.*s", (int)name_len(bpf_program__name(prog)),
			 bpf_program__name(prog));
		if (!r && bpf_program__fd(prog) >= 0)
			r = rg_pins_put(p, "prog_", name, bpf_program__fd(prog));
	}
	bpf_object__for_each_map(m, s->obj) if (!r && bpf_map__fd(m) >= 0 && !strchr(bpf_map__name(m), '.'))
		r = rg_pins_put(p, "", bpf_map__name(m), bpf_map__fd(m));
	bpf_object__for_each_map(m, s->obj) if (!r && !strcmp(bpf_map__name(m), ".data.front")) r =
		rg_pins_put(p, "", "enf_front", bpf_map__fd(m));
	return r;
}

/* A receive of our own, for the hook to see. */
static bool receive(void)
{
	char byte = 0;
	int sv[2];

	if (socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, sv))
		return false;
	if (send(sv[0], &byte, 1, MSG_DONTWAIT) == 1)
		(void)!recv(sv[1], &byte, 1, MSG_DONTWAIT);
	close(sv[0]);
	close(sv[1]);
	return true;
}

void rg_enf_hooks_tell_self(const struct rg_enf_fds *f, struct rg_enf_ctl *ctl)
{
	struct rg_enf_ctl seen;

	ctl->self = 0;
	ctl->self_start = 0;
	if (ctl->backend == RG_EB_CGROUP) /* it decides on queues, not on who receives */
		return;
	ctl->probe = rg_number_of_thread();
	if (!rg_enf_ctl_write(f, ctl) && receive() && !rg_enf_ctl_read(f, &seen) && seen.self_start) {
		ctl->self = rg_number_of_process();
		ctl->self_start = seen.self_start;
	}
	ctl->probe = 0;
}

/* Has the hook seen it? */
static bool is_called(const struct rg_pins *p, const struct rg_enf_fds *f)
{
	struct rg_enf_ctl ctl = {.abi = RG_ENF_ABI, .probe = rg_number_of_thread()};
	int cpus = libbpf_num_possible_cpus();
	rg_auto_free uint64_t *n = cpus > 0 ? calloc((size_t)cpus, sizeof(*n)) : NULL;
	uint32_t key = RG_EC_PROBE;
	uint64_t sum = 0;

	if (!n || rg_enf_ctl_write(f, &ctl) || !receive())
		return false;
	ctl.probe = 0;
	rg_enf_ctl_write(f, &ctl);
	if (!bpf_map_lookup_elem(f->counts, &key, n))
		for (int i = 0; i < cpus; i++)
			sum += n[i];
	return sum > 0;
}

/* Attach one hook, and see that it is called. */
static int try_hook(const struct rg_pins *p, enum rg_enf_backend be, const struct rg_enf_fds *f,
		    struct rg_err *err)
{
	char name[64];
	int r;

	prog_name(&name, 0, be);
	r = attach(p, name);
	if (r)
		return rg_fail(err, r, "does not attach: %s", strerror(-r));
	if (is_called(p, f))
		return 0;
	return rg_fail(err, -EOPNOTSUPP, "%s",
		       be == RG_EB_LSM ? "attaches and is never called (`bpf` is not among the active "
					 "LSMs: lsm=...,bpf)"
				       : "attaches and is never called");
}

/* libbpf's load, with its first complaint. fresh: the maps are new. */
static int load(struct enforce_bpf *s, bool fresh, struct rg_err *err)
{
	struct rg_enf_ctl ctl = {.abi = RG_ENF_ABI};
	uint32_t zero = 0;
	int r;

	rg_libbpf_forget();
	r = enforce_bpf__load(s);
	if (r)
		return rg_fail(err, r, "does not load: %s (%s)", strerror(-r), rg_libbpf_said());
	/* who has the filter's program has the map of its sockets: orphans.c finds it by that */
	if (bpf_program__fd(s->progs.unix_filter) >= 0 &&
	    bpf_prog_bind_map(bpf_program__fd(s->progs.unix_filter), bpf_map__fd(s->maps.enf_guarded), NULL))
		return rg_fail(err, -errno, "its map of sockets: %s", strerror(errno));
	if (fresh && bpf_map_update_elem(bpf_map__fd(s->maps.enf_ctl), &zero, &ctl, BPF_ANY))
		return rg_fail(err, -errno, "its control: %s", strerror(errno));
	return 0;
}

static int try_backend(struct rg_pins *p, struct rg_enf_load *l, enum rg_enf_backend be, struct rg_err *err)
{
	struct enforce_bpf *s = open_programs(be);
	struct rg_err unguarded = {0};
	struct rg_enf_fds f;
	int r = 0;

	if (!s)
		return rg_fail(err, -errno, "the programs cannot be opened: %s", strerror(errno));
	if (be == RG_EB_CGROUP)
		r = rg_enf_orphans_adopt(p, l, s->obj, err);
	else if (rg_enf_guard_begin(p, be, &unguarded)) /* before there is anything to be guarded */
		snprintf(l->unguarded, sizeof(l->unguarded), "the guard's programs: %.160s", unguarded.msg);
	if (r >= 0)
		r = load(s, !r, err);
	if (!r && (r = pin_all(p, s)))
		rg_fail(err, r, "%s: cannot pin: %s", p->dir, strerror(-r));
	enforce_bpf__destroy(s);
	if (r || be == RG_EB_CGROUP)
		return r;
	r = rg_enf_fds_open(p, &f, err);
	if (r)
		return r;
	r = try_hook(p, be, &f, err);
	rg_enf_fds_close(&f);
	return r;
}

static const struct {
	enum rg_enf_backend be;
	const char *name, *forced;
} backends[] = {
	{RG_EB_LSM, "BPF LSM", "no-lsm"},
	{RG_EB_FMOD_RET, "fmod_ret", "no-fmod_ret"},
	{RG_EB_CGROUP, "cgroup", "no-cgroup"},
};

int rg_enf_hooks_load(struct rg_pins *p, struct rg_enf_load *l, enum rg_enf_backend *ret, struct rg_err *err)
{
	size_t at = 0;
	int r = -EOPNOTSUPP;

	rg_libbpf_listen();
	l->why[0] = l->unguarded[0] = '\0';
	for (size_t i = 0; i < RG_ARRAY_LEN(backends) && r; i++) {
		struct rg_err why = {0};

		*ret = backends[i].be;
		if (l->want && l->want != *ret)
			continue;
		if (rg_forced(backends[i].forced))
			r = rg_fail(&why, -EOPNOTSUPP, "switched off by RECVGUARD_FORCE");
		else if (!l->want && *ret == RG_EB_FMOD_RET && rg_preempt() == RG_PREEMPT_YES)
			r = rg_fail(
				&why, -EOPNOTSUPP,
				"this kernel preempts its programs and leaves out others' runs of them "
				"meanwhile, which would pass unchecked (--backend fmod_ret takes it all the "
				"same)");
		else
			r = try_backend(p, l, *ret, &why);
		if (!r)
			break;
		rg_pins_empty(p);
		at += (size_t)snprintf(l->why + at, sizeof(l->why) - at, "%s%s: %.200s", at ? "; " : "",
				       backends[i].name, why.msg);
	}
	rg_libbpf_unlisten();
	if (r)
		rg_fail(err, r == -EPERM && geteuid() ? r : -EOPNOTSUPP,
			"this kernel's hooks cannot be used: %s; without them `recvguard run` confines "
			"single programs, and `recvguard guard` drops datagrams of single sockets",
			l->why);
	return r ? err->code : 0;
}
