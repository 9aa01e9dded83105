/* SPDX-License-Identifier: BSD-2-Clause */
/* The trampoline tier: bpf/hooks/trampoline.bpf.c. */
#include <bpf/btf.h>
#include <errno.h>
#include <string.h>

#include "kernel/functions.h"
#include "trampoline.skel.h"

static int tramp_open(void **instance, struct bpf_object **obj, struct rg_config **config, struct rg_err *err)
{
	struct trampoline_bpf *s = trampoline_bpf__open();

	if (!s)
		return rg_fail(err, -errno, "cannot open its program: %s", strerror(errno));
	*instance = s;
	*obj = s->obj;
	*config = (struct rg_config *)&s->rodata->rg_config;
	return 0;
}

static int tramp_prepare(void *instance, const struct rg_trace_opts *opts, struct rg_err *err)
{
	struct trampoline_bpf *s = instance;
	struct btf *btf = btf__load_vmlinux_btf();
	bool both = opts->direction == RG_WAY_BOTH, ends = rg_tracepoint_args("sock_recv_length") < 0;
	int r;

	if (!btf)
		return rg_fail(err, -EOPNOTSUPP, "this kernel does not describe its types (no BTF)");
	r = rg_hooks_prepare(s->obj, btf, opts, err);
	rg_hook_load(s->obj, "rg_uring_done", rg_tracepoint_args("io_uring_complete") == 3);
	rg_hook_load(s->obj, "rg_uring_done_old", rg_tracepoint_args("io_uring_complete") >= 5);
	rg_hook_load(s->obj, "rg_meta_recvmsg", ends); /* else rg_meta sees all that they would */
	rg_hook_load(s->obj, "rg_meta_sock_recvmsg", ends);
	rg_hook_load(s->obj, "rg_udp_sent", both);
	rg_hook_load(s->obj, "rg_udp6_sent", both);
	s->rodata->rg_skb_dynptr = btf__find_by_name_kind(btf, "bpf_dynptr_from_skb", BTF_KIND_FUNC) > 0;
	btf__free(btf);
	return r;
}

static int tramp_load(void *instance)
{
	return trampoline_bpf__load(instance);
}

static int tramp_attach(void *instance)
{
	return trampoline_bpf__attach(instance);
}

static int tramp_settle(void *instance, struct rg_capture *c, struct rg_err *err)
{
	struct trampoline_bpf *s = instance;

	return rg_hooks_settle(c, &s->bss->rg_tries, err);
}

static void tramp_destroy(void *instance)
{
	trampoline_bpf__destroy(instance);
}

const struct rg_tier_impl rg_tier_trampoline = {
	.tier = RG_TIER_TRAMPOLINE,
	.name = "trampoline",
	.open = tramp_open,
	.prepare = tramp_prepare,
	.load = tramp_load,
	.attach = tramp_attach,
	.settle = tramp_settle,
	.destroy = tramp_destroy,
};
