/* SPDX-License-Identifier: BSD-2-Clause */
/* The trampoline tier where the kernel preempts: its programs at fprobe and perf's tracepoints
 * (bpf/lib/held.h), while which the kernel holds preemption off. */
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/functions.h"

#include "fprobe.skel.h" /* its types are abi/ and kernel/capture.h's */

#define LINKS 32

struct fprobe {
	struct fprobe_bpf *s;
	struct bpf_link *links[LINKS];
	size_t n_links;
};

static int fprobe_open(void **instance, struct bpf_object **obj, struct rg_config **config,
		       struct rg_err *err)
{
	struct fprobe *f = calloc(1, sizeof(*f));
	int r;

	if (!f)
		return rg_fail(err, -ENOMEM, "out of memory");
	f->s = fprobe_bpf__open();
	if (!f->s) {
		r = rg_fail(err, -errno, "cannot open its program: %s", strerror(errno));
		free(f);
		return r;
	}
	*instance = f;
	*obj = f->s->obj;
	*config = (struct rg_config *)&f->s->rodata->rg_config;
	return 0;
}

/*
 * Until 6.14 ("fprobe: Rewrite fprobe on function-graph tracer") there was room for a few threads at a time
 * between a function's beginning and its end: as many receivers as wait for a message would be more.
 */
static bool is_unbounded(const struct btf *btf)
{
	int id = btf__find_by_name_kind(btf, "fprobe", BTF_KIND_STRUCT);
	const struct btf_type *t = id > 0 ? btf__type_by_id(btf, (uint32_t)id) : NULL;

	for (int i = 0; t && i < btf_vlen(t); i++)
		if (!strcmp(btf__name_by_offset(btf, btf_members(t)[i].name_off), "rethook"))
			return false;
	return t != NULL;
}

/* Is it a function's beginning or end? */
static const char *probed(const struct bpf_program *p, bool *end)
{
	const char *sec = bpf_program__section_name(p);

	*end = !strncmp(sec, "kretprobe.multi/", strlen("kretprobe.multi/"));
	return *end || !strncmp(sec, "kprobe.multi/", strlen("kprobe.multi/")) ? strchr(sec, '/') + 1 : NULL;
}

static int fprobe_prepare(void *instance, const struct rg_trace_opts *opts, struct rg_err *err)
{
	struct fprobe *f = instance;
	struct bpf_object *obj = f->s->obj;
	struct btf *btf = btf__load_vmlinux_btf();
	bool both = opts->direction == RG_WAY_BOTH, end;
	struct bpf_program *p;
	int r;

	if (!btf)
		return rg_fail(err, -EOPNOTSUPP, "this kernel does not describe its types (no BTF)");
	r = is_unbounded(btf)
		    ? rg_hooks_prepare(obj, btf, opts, err)
		    : rg_fail(err, -EOPNOTSUPP,
			      "this kernel preempts programs at trampolines and leaves out others' runs of "
			      "them meanwhile; at fprobe it does not, but has no room for many threads that "
			      "wait (Linux 6.14 has)");
	btf__free(btf);
	rg_hook_load(obj, "rg_udp_sent", both);
	rg_hook_load(obj, "rg_udp6_sent", both);
	rg_hook_load(obj, "rg_cookie_sent", opts->direction & RG_WAY_SEND);
	bpf_program__set_autoattach(f->s->progs.rg_cookie_sent, false);
	bpf_object__for_each_program(p, obj) if (probed(p, &end)) bpf_program__set_autoattach(p, false);
	return r;
}

static int fprobe_load(void *instance)
{
	return fprobe_bpf__load(((struct fprobe *)instance)->s);
}

/* Functions by name: libbpf itself would look through all the kernel's symbols, once for each program. */
static int attach_one(struct fprobe *f, const struct bpf_program *p)
{
	bool end = false;
	const char *function = probed(p, &end);
	LIBBPF_OPTS(bpf_kprobe_multi_opts, o, .syms = &function, .cnt = 1, .retprobe = end);

	if (!bpf_program__autoload(p))
		return 0;
	if (f->n_links == LINKS)
		return -E2BIG;
	f->links[f->n_links] =
		function ? bpf_program__attach_kprobe_multi_opts(p, NULL, &o) : bpf_program__attach(p);
	if (!f->links[f->n_links])
		return -errno;
	f->n_links++;
	return 0;
}

static int fprobe_attach(void *instance)
{
	struct fprobe *f = instance;
	struct bpf_program *p;
	bool end;
	/* a tracepoint runs its programs in the order in which they came: the cookie is made before it is
	 * read */
	int r = attach_one(f, f->s->progs.rg_cookie_sent) ?: fprobe_bpf__attach(f->s);

	bpf_object__for_each_program(p, f->s->obj) if (!r && probed(p, &end)) r = attach_one(f, p);
	return r;
}

static int fprobe_settle(void *instance, struct rg_capture *c, struct rg_err *err)
{
	struct fprobe *f = instance;

	return rg_hooks_settle(c, &f->s->bss->rg_tries, err);
}

/* What fprobe itself did not pass on: recursion, or no room left on the thread's shadow stack. Of struct
 * bpf_link_info, which has it since 6.7 ("bpf: Add missed value to kprobe_multi link info") and libbpf 1.1
 * has not. */
static uint64_t fprobe_missed(void *instance)
{
	struct fprobe *f = instance;
	uint64_t sum = 0;

	for (size_t i = 0; i < f->n_links; i++) {
		struct {
			uint32_t type, id, prog_id, pad;
			uint64_t addrs;
			uint32_t count, flags;
			uint64_t missed;
		} info = {0};
		uint32_t len = sizeof(info);

		if (!bpf_obj_get_info_by_fd(bpf_link__fd(f->links[i]), &info, &len) &&
		    info.type == BPF_LINK_TYPE_KPROBE_MULTI)
			sum += info.missed;
	}
	return sum;
}

static void fprobe_destroy(void *instance)
{
	struct fprobe *f = instance;

	for (size_t i = 0; i < f->n_links; i++)
		bpf_link__destroy(f->links[i]);
	fprobe_bpf__destroy(f->s);
	free(f);
}

const struct rg_tier_impl rg_tier_fprobe = {
	.tier = RG_TIER_TRAMPOLINE,
	.name = "trampoline",
	.steady = true,
	.open = fprobe_open,
	.prepare = fprobe_prepare,
	.load = fprobe_load,
	.attach = fprobe_attach,
	.settle = fprobe_settle,
	.missed = fprobe_missed,
	.destroy = fprobe_destroy,
};
