/* SPDX-License-Identifier: BSD-2-Clause */
/* The legacy tier: the trampoline tier's hooks where the kernel lacks the rest (bpf/lib/legacy.h). */
#include <bpf/btf.h>
#include <errno.h>
#include <string.h>
#include <sys/syscall.h>

#include "base/cleanup.h"
#include "kernel/functions.h"
#include "legacy.skel.h"

static int legacy_open(void **instance, struct bpf_object **obj, struct rg_config **config,
		       struct rg_err *err)
{
	struct legacy_bpf *s = legacy_bpf__open();

	if (!s)
		return rg_fail(err, -errno, "cannot open its program: %s", strerror(errno));
	*instance = s;
	*obj = s->obj;
	*config = (struct rg_config *)&s->rodata->rg_config;
	return 0;
}

static int legacy_prepare(void *instance, const struct rg_trace_opts *opts, struct rg_err *err)
{
	struct legacy_bpf *s = instance;
	struct btf *btf = btf__load_vmlinux_btf();
	bool requests;
	int sqe, r;

	/* sock_recvmsg's end alone misses what io_uring reads where the compiler has put it into its callers
	 */
	if (opts->metadata)
		return rg_fail(err, -EOPNOTSUPP,
			       "--metadata is not to be had there: one hook would miss receives of io_uring");
	if (!btf)
		return rg_fail(err, -EOPNOTSUPP, "this kernel does not describe its types (no BTF)");
	r = rg_hooks_prepare(s->obj, btf, opts, err);
	/* __receive_fd(fd, file, ufd, o_flags) until 5.12 ("file: Factor receive_fd_replace() from
	 * __receive_fd()") */
	rg_hook_load(s->obj, "rg_receive_fd_6", rg_hook_args(btf, "__receive_fd") == 3);
	rg_hook_load(s->obj, "rg_receive_fd_5", rg_hook_args(btf, "__receive_fd") == 4);
	btf__free(btf);
	rg_hook_load(s->obj, "rg_meta", false); /* not on 5.10; what settling asks for is at the others */
	/* before 5.19 io_uring's tracepoints do not pass the request */
	sqe = rg_tracepoint_args("io_uring_submit_sqe");
	requests = rg_tracepoint_args("io_uring_submit_req") >= 0 || (sqe >= 0 && sqe <= 2);
	rg_hook_load(s->obj, "rg_uring_sqe", requests);
	rg_hook_load(s->obj, "rg_io_read_in", !requests);
	rg_hook_load(s->obj, "rg_io_read_out", !requests);
	rg_hook_load(s->obj, "rg_uring_done", requests && rg_tracepoint_args("io_uring_complete") == 3);
	rg_hook_load(s->obj, "rg_uring_done_old", requests && rg_tracepoint_args("io_uring_complete") >= 5);
	rg_hook_load(s->obj, "rg_udp_sent", opts->direction == RG_WAY_BOTH);
	rg_hook_load(s->obj, "rg_udp6_sent", opts->direction == RG_WAY_BOTH);
	return r;
}

static int legacy_load(void *instance)
{
	return legacy_bpf__load(instance);
}

static int legacy_attach(void *instance)
{
	return legacy_bpf__attach(instance);
}

/* How far from the stack's end the user's registers stand: nothing is left free there, or 16 bytes where the
 * kernel knows FRED (6.9). The last call of settling is a read. */
static int find_registers(struct legacy_bpf *s, struct rg_capture *c, struct rg_err *err)
{
	static const __u64 pads[] = {0, 16};
	int r;

	for (size_t i = 0; i < RG_ARRAY_LEN(pads); i++) {
		c->calibrated = false;
		s->bss->rg_stack_pad = pads[i];
		r = rg_hooks_settle(c, &s->bss->rg_tries, err);
		if (r || s->bss->rg_own_nr == SYS_read)
			return r;
	}
	return rg_fail(err, -EOPNOTSUPP,
		       "the user's registers do not stand at the end of the stack in this kernel");
}

static int legacy_settle(void *instance, struct rg_capture *c, struct rg_err *err)
{
	return c->calibrated ? 0 : find_registers(instance, c, err);
}

static void legacy_destroy(void *instance)
{
	legacy_bpf__destroy(instance);
}

const struct rg_tier_impl rg_tier_legacy = {
	.tier = RG_TIER_LEGACY,
	.name = "legacy",
	.open = legacy_open,
	.prepare = legacy_prepare,
	.load = legacy_load,
	.attach = legacy_attach,
	.settle = legacy_settle,
	.destroy = legacy_destroy,
};
