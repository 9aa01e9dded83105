/* SPDX-License-Identifier: BSD-2-Clause */
/* The programs: loaded once, pinned, attached as a policy needs them. */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "abi/config.h"
#include "base/cleanup.h"
#include "enforce.skel.h"
#include "enforce/load.h"

/* What is hooked: lsm_NAME and mod_NAME, or NAME itself where there is one way only. */
enum need { FOR_RECEIVE, FOR_STREAMS, FOR_QUEUE, FOR_FILE, FOR_TREE };
static const struct {
	const char *name;
	enum need need;
	bool one;
} hooks[] = {
	{"recvmsg", FOR_RECEIVE, false},    {"permission", FOR_STREAMS, false},
	{"getsockopt", FOR_STREAMS, false}, {"rcv_skb", FOR_QUEUE, false},
	{"file_receive", FOR_FILE, false},  {"tree_fork", FOR_TREE, true},
	{"tree_exit", FOR_TREE, true},
};

static void prog_name(char (*buf)[64], unsigned hook, enum rg_enf_backend be)
{
	snprintf(*buf, sizeof(*buf), "%s%s",
		 hooks[hook].one   ? ""
		 : be == RG_EB_LSM ? "lsm_"
				   : "mod_",
		 hooks[hook].name);
}

static bool needed(unsigned hook, const struct rg_enf_image *img, bool tree)
{
	switch (hooks[hook].need) {
	case FOR_RECEIVE: return img->set[RG_ST_RECV].sum;
	case FOR_STREAMS: return img->set[RG_ST_RECV].streams;
	case FOR_QUEUE: return img->set[RG_ST_QUEUE].sum;
	case FOR_FILE: return img->set[RG_ST_FILE].sum;
	default: return tree;
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

int rg_enf_hooks_attach(const struct rg_pins *p, enum rg_enf_backend be, const struct rg_enf_image *img,
			bool tree, struct rg_err *err)
{
	char name[64];

	for (unsigned i = 0; i < RG_ARRAY_LEN(hooks); i++) {
		int r;

		prog_name(&name, i, be);
		if (!needed(i, img, tree) || rg_pins_has(p, "link_", name))
			continue;
		r = attach(p, name);
		if (r)
			return rg_fail(err, r, "the hook %s does not attach: %s", hooks[i].name,
				       strerror(-r));
	}
	return 0;
}

void rg_enf_hooks_detach(const struct rg_pins *p, enum rg_enf_backend be, const struct rg_enf_image *img,
			 bool tree)
{
	char name[64];

	for (unsigned i = 0; i < RG_ARRAY_LEN(hooks); i++) {
		prog_name(&name, i, be);
		if (!needed(i, img, tree))
			rg_pins_drop(p, "link_", name);
	}
}

/* ---- the first time */

static char libbpf_said[512];

static int keep_libbpf(enum libbpf_print_level level, const char *fmt, va_list ap)
{
	const char *log = getenv("RECVGUARD_BPF_LOG");
	rg_auto_fclose FILE *f = log && *log ? fopen(log, "ae") : NULL;
	va_list copy;

	if (f) {
		va_copy(copy, ap);
		vfprintf(f, fmt, copy);
		va_end(copy);
	}
	if (level == LIBBPF_WARN && !libbpf_said[0])
		vsnprintf(libbpf_said, sizeof(libbpf_said), fmt, ap);
	return 0;
}

/* Maps that the shared files define and enforcement has no use for. */
static bool is_used(const char *map)
{
	return !strncmp(map, "enf_", 4) || !strcmp(map, "ring") || strchr(map, '.');
}

static struct enforce_bpf *open_programs(enum rg_enf_backend be)
{
	struct enforce_bpf *s = enforce_bpf__open();
	const char *other = be == RG_EB_LSM ? "mod_" : "lsm_";
	struct bpf_program *p;
	struct bpf_map *m;

	if (!s)
		return NULL;
	bpf_object__for_each_program(p, s->obj)
		bpf_program__set_autoload(p, strncmp(bpf_program__name(p), other, 4) != 0);
	bpf_object__for_each_map(m, s->obj) bpf_map__set_autocreate(m, is_used(bpf_map__name(m)));
	bpf_map__set_max_entries(s->maps.ring, RG_ENF_EVENTS_RING);
	return s;
}

static int pin_all(const struct rg_pins *p, struct enforce_bpf *s)
{
	struct bpf_program *prog;
	struct bpf_map *m;
	int r = 0;

	bpf_object__for_each_program(prog, s->obj) if (!r && bpf_program__fd(prog) >= 0) r =
		rg_pins_put(p, "prog_", bpf_program__name(prog), bpf_program__fd(prog));
	bpf_object__for_each_map(m, s->obj) if (!r && bpf_map__fd(m) >= 0 && !strchr(bpf_map__name(m), '.'))
		r = rg_pins_put(p, "", bpf_map__name(m), bpf_map__fd(m));
	return r;
}

/* A receive of our own that the hook must have seen. */
static bool is_called(const struct rg_pins *p, const struct rg_enf_fds *f)
{
	struct rg_enf_ctl ctl = {.abi = RG_ENF_ABI, .probe = (uint32_t)syscall(SYS_gettid)};
	int cpus = libbpf_num_possible_cpus(), sv[2];
	rg_auto_free uint64_t *n = cpus > 0 ? calloc((size_t)cpus, sizeof(*n)) : NULL;
	uint32_t key = RG_EC_PROBE;
	uint64_t sum = 0;
	char byte = 0;

	if (!n || rg_enf_ctl_write(f, &ctl) || socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, sv))
		return false;
	if (send(sv[0], &byte, 1, MSG_DONTWAIT) == 1)
		(void)!recv(sv[1], &byte, 1, MSG_DONTWAIT);
	close(sv[0]);
	close(sv[1]);
	ctl.probe = 0;
	rg_enf_ctl_write(f, &ctl);
	if (!bpf_map_lookup_elem(f->counts, &key, n))
		for (int i = 0; i < cpus; i++)
			sum += n[i];
	return sum > 0;
}

static int try_backend(const struct rg_pins *p, enum rg_enf_backend be, struct rg_err *err)
{
	struct enforce_bpf *s = open_programs(be);
	struct rg_enf_ctl ctl = {.abi = RG_ENF_ABI};
	struct rg_enf_fds f;
	uint32_t zero = 0;
	char name[64];
	int r;

	if (!s)
		return rg_fail(err, -errno, "the programs cannot be opened: %s", strerror(errno));
	libbpf_said[0] = '\0';
	r = enforce_bpf__load(s);
	libbpf_said[strcspn(libbpf_said, "\n")] = '\0';
	if (r)
		rg_fail(err, r, "does not load: %s (%s)", strerror(-r), libbpf_said);
	if (!r && bpf_map_update_elem(bpf_map__fd(s->maps.enf_ctl), &zero, &ctl, BPF_ANY))
		r = rg_fail(err, -errno, "its control: %s", strerror(errno));
	if (!r && (r = pin_all(p, s)))
		rg_fail(err, r, "%s: cannot pin: %s", p->dir, strerror(-r));
	enforce_bpf__destroy(s);
	if (!r)
		r = rg_enf_fds_open(p, &f, err);
	if (r)
		return r;
	prog_name(&name, 0, be);
	r = attach(p, name);
	if (r)
		rg_fail(err, r, "does not attach: %s", strerror(-r));
	else if (!is_called(p, &f))
		r = rg_fail(err, -EOPNOTSUPP, "%s",
			    be == RG_EB_LSM ? "attaches and is never called (`bpf` is not among the active "
					      "LSMs: lsm=...,bpf)"
					    : "attaches and is never called");
	rg_enf_fds_close(&f);
	return r;
}

int rg_enf_hooks_load(const struct rg_pins *p, enum rg_enf_backend *ret, struct rg_err *err)
{
	libbpf_print_fn_t before = libbpf_set_print(keep_libbpf);
	struct rg_err lsm = {0}, mod = {0};
	int r;

	libbpf_set_strict_mode(LIBBPF_STRICT_ALL);
	*ret = RG_EB_LSM;
	r = getenv("RECVGUARD_FORCE") && strstr(getenv("RECVGUARD_FORCE"), "no-lsm")
		    ? rg_fail(&lsm, -EOPNOTSUPP, "switched off by RECVGUARD_FORCE")
		    : try_backend(p, RG_EB_LSM, &lsm);
	if (r) {
		rg_pins_empty(p);
		*ret = RG_EB_FMOD_RET;
		r = try_backend(p, RG_EB_FMOD_RET, &mod);
	}
	libbpf_set_print(before);
	if (r)
		rg_fail(err, r == -EPERM && geteuid() ? r : -EOPNOTSUPP,
			"this kernel's hooks cannot be used: BPF LSM: %s; fmod_ret: %s; without them "
			"`recvguard "
			"run` confines single programs, and `recvguard guard` drops datagrams of single "
			"sockets",
			lsm.msg, mod.msg);
	return r ? err->code : 0;
}
