/* SPDX-License-Identifier: BSD-2-Clause */
/* The tracepoint tier: bpf/hooks/tracepoint.bpf.c. */
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <string.h>

#include "base/forced.h"
#include "kernel/calibrate.h"
#include "kernel/functions.h"
#include "tracepoint.skel.h"

static int tp_open(void **instance, struct bpf_object **obj, struct rg_config **config, struct rg_err *err)
{
	struct tracepoint_bpf *s = tracepoint_bpf__open();

	if (!s)
		return rg_fail(err, -errno, "cannot open its program: %s", strerror(errno));
	*instance = s;
	*obj = s->obj;
	*config = (struct rg_config *)&s->rodata->rg_config;
	return 0;
}

static bool has_function(const char *name)
{
	struct btf *btf = btf__load_vmlinux_btf();
	bool has = btf && btf__find_by_name_kind(btf, name, BTF_KIND_FUNC) > 0;

	btf__free(btf);
	return has;
}

static int tp_prepare(void *instance, const struct rg_trace_opts *opts, struct rg_err *err)
{
	struct tracepoint_bpf *s = instance;
	bool call_hooks = opts->errors || opts->duration;
	bool datagrams = opts->direction == RG_WAY_BOTH && rg_tracepoint_args("sk_data_ready") >= 0 &&
			 rg_tracepoint_args("net_dev_queue") >= 0;

	/* sock_recv_length came with 6.3 */
	if (rg_tracepoint_args("sock_recv_length") < 0)
		return rg_fail(err, -EOPNOTSUPP,
			       "this kernel has no tracepoint sock_recv_length (6.3 and later do)");
	rg_hooks_metadata(s->obj, opts->metadata);
	bpf_program__set_autoattach(s->progs.rg_beside, false);
	if (opts->metadata)
		return 0;
	s->rodata->rg_skb_dynptr = !rg_forced("no-dynptr") && has_function("bpf_dynptr_from_skb");
	bpf_program__set_autoload(s->progs.rg_uring_req, rg_tracepoint_args("io_uring_submit_req") >= 0);
	bpf_program__set_autoload(s->progs.rg_uring_sqe, rg_tracepoint_args("io_uring_submit_sqe") >= 0);
	bpf_program__set_autoload(s->progs.rg_uring_done, rg_tracepoint_args("io_uring_complete") == 3);
	bpf_program__set_autoload(s->progs.rg_uring_done_old, rg_tracepoint_args("io_uring_complete") >= 5);
	if (!(opts->direction & RG_WAY_SEND))
		bpf_program__set_autoload(s->progs.rg_send_length, false);
	if (opts->direction == RG_WAY_SEND) {
		bpf_program__set_autoload(s->progs.rg_recv_length, false);
		bpf_program__set_autoload(s->progs.rg_beside, false);
		bpf_program__set_autoload(s->progs.rg_skb_copy, false);
	}
	bpf_program__set_autoload(s->progs.rg_dev_queue, datagrams);
	bpf_program__set_autoload(s->progs.rg_data_ready, datagrams);
	bpf_program__set_autoload(s->progs.rg_sys_enter, call_hooks);
	s->rodata->rg_splice_at_exit = call_hooks && opts->direction & RG_WAY_RECV;
	/* loaded in any case: attached later if calibration fails */
	bpf_program__set_autoattach(s->progs.rg_sys_exit, call_hooks);
	bpf_program__set_autoload(s->progs.rg_switch, opts->duration);
	return 0;
}

static int tp_load(void *instance)
{
	return tracepoint_bpf__load(instance);
}

static int tp_attach(void *instance)
{
	return tracepoint_bpf__attach(instance);
}

/* Byte offset of a (possibly nested, dotted) member in the running kernel. */
static int member_offset(const struct btf *btf, const char *type, const char *member, uint32_t *ret)
{
	int id = btf__find_by_name_kind(btf, type, BTF_KIND_STRUCT);
	const struct btf_type *t = id > 0 ? btf__type_by_id(btf, (uint32_t)id) : NULL;
	const struct btf_member *m = t ? btf_members(t) : NULL;

	for (int i = 0; t && i < btf_vlen(t); i++) {
		const struct btf_type *mt = btf__type_by_id(btf, m[i].type);
		const char *name = btf__name_by_offset(btf, m[i].name_off);

		if (!strcmp(name, member)) {
			*ret = btf_member_bit_offset(t, (uint32_t)i) / 8;
			return 0;
		}
		/* members of anonymous unions and structs count as the outer one's */
		if (!*name && btf_is_composite(mt)) {
			const struct btf_member *n = btf_members(mt);

			for (int j = 0; j < btf_vlen(mt); j++)
				if (!strcmp(btf__name_by_offset(btf, n[j].name_off), member)) {
					*ret = btf_member_bit_offset(t, (uint32_t)i) / 8 +
					       btf_member_bit_offset(mt, (uint32_t)j) / 8;
					return 0;
				}
		}
	}
	return -ENOENT;
}

static int msghdr_layout(struct rg_msghdr_layout *l)
{
	struct btf *btf = btf__load_vmlinux_btf();
	uint32_t iter, offset = 0;
	int r = -ENOENT;

	if (!btf)
		return -ENOENT;
	/* struct iov_iter: the buffer pointer follows iov_offset, whatever the unions around it are called */
	if (!member_offset(btf, "msghdr", "msg_control", &l->control) &&
	    !member_offset(btf, "msghdr", "msg_iter", &iter) &&
	    !member_offset(btf, "iov_iter", "iov_offset", &offset)) {
		l->ubuf = iter + offset + 8;
		r = 0;
	}
	btf__free(btf);
	return r;
}

/* The msghdr is not found: read back from user memory at the system call's exit. */
static int fall_back_to_exit(struct tracepoint_bpf *s, struct rg_capture *c, int found, int tried)
{
	s->bss->rg_exit_fill = 1;
	if (s->links.rg_sys_exit)
		return 0;
	s->links.rg_sys_exit = bpf_program__attach(s->progs.rg_sys_exit);
	if (!s->links.rg_sys_exit)
		return -errno;
	rg_capture_note(
		c,
		"the kernel's msghdr is found for %d of %d shapes of calls: for the others flags, name and "
		"control data are read back from user memory, and every system call of every process pays "
		"for "
		"a hook at its exit",
		found, RG_SHAPE__COUNT);
	return 0;
}

static struct rg_calib_io calib_io(struct tracepoint_bpf *s, int set)
{
	return (struct rg_calib_io){.calib = (struct rg_calib *)&s->bss->rg_calib,
				    .off_msghdr = s->bss->rg_off_msghdr + set,
				    .off_entry = s->bss->rg_off_entry + set,
				    .off_control = s->bss->rg_off_control + set,
				    .quiet_tgid = &s->bss->rg_quiet_tgid};
}

/* One place that is the same in both sets: others were attached all the time. */
static bool sets_differ(const struct tracepoint_bpf *s)
{
	for (int i = 0; i < RG_SLOTS; i++)
		if (s->bss->rg_off_msghdr[i] &&
		    s->bss->rg_off_msghdr[i] == s->bss->rg_off_msghdr[i + RG_SET_SHARED])
			return false;
	return true;
}

static int beside_attach(struct tracepoint_bpf *s)
{
	if (!s->links.rg_beside)
		s->links.rg_beside = bpf_program__attach(s->progs.rg_beside);
	return s->links.rg_beside ? 0 : -errno;
}

static void beside_detach(struct tracepoint_bpf *s)
{
	bpf_link__destroy(s->links.rg_beside);
	s->links.rg_beside = NULL;
}

/*
 * Both sets of distances. With a second program of our own attached, the shared set can be found whoever else
 * comes and goes. The other one only while nobody else is there: where somebody is, our second program stays,
 * and the tracepoint is never anything but shared.
 */
static int calibrate_sets(struct tracepoint_bpf *s, int *found, int *tried, struct rg_err *err)
{
	struct rg_calib_io shared = calib_io(s, RG_SET_SHARED), alone = calib_io(s, 0);
	int n = 0, of = 0, r;

	if (msghdr_layout(&shared.layout))
		return 0;
	alone.layout = shared.layout;
	r = beside_attach(s);
	if (r)
		return rg_fail(err, r, "calibration: %s", strerror(-r));
	r = rg_calibrate(&shared, found, tried, err);
	for (int attempt = 0; !r && attempt < 3; attempt++) {
		beside_detach(s);
		r = rg_calibrate(&alone, &n, &of, err);
		if (!r && n == *found && sets_differ(s))
			return 0;
	}
	memset(s->bss->rg_off_msghdr, 0, RG_SLOTS * sizeof(s->bss->rg_off_msghdr[0]));
	return r ? r : beside_attach(s);
}

static int tp_settle(void *instance, struct rg_capture *c, struct rg_err *err)
{
	struct tracepoint_bpf *s = instance;
	uint64_t misses = s->bss->rg_stack_misses;
	int found = 0, tried = RG_SHAPE__COUNT, r;

	if (!s->links.rg_recv_length || s->bss->rg_exit_fill || (c->calibrated && misses == c->misses))
		return 0;
	if (!rg_forced("no-stack")) {
		r = calibrate_sets(s, &found, &tried, err);
		if (r)
			return r;
	}
	/* what was missed before is not looked at again: only what is missed from here on */
	c->misses = s->bss->rg_stack_misses;
	c->calibrated = true;
	r = found < tried ? fall_back_to_exit(s, c, found, tried) : 0;
	s->bss->rg_ready = 1;
	return r;
}

static void tp_destroy(void *instance)
{
	tracepoint_bpf__destroy(instance);
}

const struct rg_tier_impl rg_tier_tracepoint = {
	.tier = RG_TIER_TRACEPOINT,
	.name = "tracepoint",
	.open = tp_open,
	.prepare = tp_prepare,
	.load = tp_load,
	.attach = tp_attach,
	.settle = tp_settle,
	.destroy = tp_destroy,
};
