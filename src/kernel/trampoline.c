/* SPDX-License-Identifier: BSD-2-Clause */
/* The trampoline tier: bpf/hooks/trampoline.bpf.c. */
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "kernel/capture.h"
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

/* Without one of these no message can be told; the others add to it where they exist. */
static const char *const needed[] = {"rg_recvmsg_in", "rg_recvmsg_out", "rg_sock_recvmsg_in",
				     "rg_sock_recvmsg_out", "rg_skb_copy"};

static bool is_needed(const char *name)
{
	for (size_t i = 0; i < RG_ARRAY_LEN(needed); i++)
		if (!strcmp(name, needed[i]))
			return true;
	return false;
}

/* Is what the program hooks there? Its section is KIND/FUNCTION. */
static bool hook_exists(const struct btf *btf, const struct bpf_program *p)
{
	const char *sec = bpf_program__section_name(p), *fn = strchr(sec, '/');
	char tp[128];

	if (!fn)
		return false;
	if (strncmp(sec, "tp_btf/", 7))
		return btf__find_by_name_kind(btf, fn + 1, BTF_KIND_FUNC) > 0;
	snprintf(tp, sizeof(tp), "btf_trace_%s", fn + 1);
	return btf__find_by_name_kind(btf, tp, BTF_KIND_TYPEDEF) > 0;
}

/* Sends: by the tracepoint where there is one, else by each family's own function (bpf/lib/sends.h). */
static void sends_prepare(struct bpf_object *obj, const struct rg_trace_opts *opts)
{
	bool wanted = opts->direction & RG_WAY_SEND;
	bool tracepoint = rg_tracepoint_args("sock_send_length") >= 0;
	struct bpf_program *p;

	bpf_object__for_each_program(p, obj)
	{
		const char *name = bpf_program__name(p);

		if (!strcmp(name, "rg_send_length") && !(wanted && tracepoint))
			bpf_program__set_autoload(p, false);
		if (!strncmp(name, "rg_sent_", 8) && !(wanted && !tracepoint))
			bpf_program__set_autoload(p, false);
	}
}

static int tramp_prepare(void *instance, const struct rg_trace_opts *opts, struct rg_err *err)
{
	struct trampoline_bpf *s = instance;
	struct btf *btf = btf__load_vmlinux_btf();
	bool call_hooks = opts->errors; /* entry times cost nothing here */
	struct bpf_program *p;
	int r = 0;

	if (!btf)
		return rg_fail(err, -EOPNOTSUPP, "this kernel does not describe its types (no BTF)");
	bpf_object__for_each_program(p, s->obj)
	{
		if (hook_exists(btf, p))
			continue;
		if (is_needed(bpf_program__name(p)))
			r = rg_fail(err, -EOPNOTSUPP, "this kernel has no %s to hook",
				    strchr(bpf_program__section_name(p), '/') + 1);
		bpf_program__set_autoload(p, false);
	}
	/* where both are, receive_fd is a wrapper with other arguments that unix sockets do not pass */
	if (btf__find_by_name_kind(btf, "__receive_fd", BTF_KIND_FUNC) > 0)
		bpf_program__set_autoload(s->progs.rg_receive_fd, false);
	bpf_program__set_autoload(s->progs.rg_uring_done, rg_tracepoint_args("io_uring_complete") == 3);
	bpf_program__set_autoload(s->progs.rg_uring_done_old, rg_tracepoint_args("io_uring_complete") >= 5);
	sends_prepare(s->obj, opts);
	if (!call_hooks) {
		bpf_program__set_autoload(s->progs.rg_sys_enter, false);
		bpf_program__set_autoload(s->progs.rg_sys_exit, false);
	}
	if (opts->direction != RG_WAY_BOTH) {
		bpf_program__set_autoload(s->progs.rg_udp_sent, false);
		bpf_program__set_autoload(s->progs.rg_udp6_sent, false);
	}
	bpf_program__set_autoload(s->progs.rg_switch, opts->duration);
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

/* What sends are not seen without the tracepoint. */
static void sends_note(const struct trampoline_bpf *s, struct rg_capture *c)
{
	if (s->links.rg_sent_stream)
		rg_capture_note(
			c,
			"this kernel has no tracepoint for sends (6.3 and later do): those of unix, inet, "
			"inet6, netlink%s sockets are seen, of other families none",
			s->links.rg_sent_packet ? " and packet" : "");
}

/* The compiler may have inlined sock_recvmsg into its callers in this kernel: a call of our own tells. */
static int tramp_settle(void *instance, struct rg_capture *c, struct rg_err *err)
{
	struct trampoline_bpf *s = instance;
	uint64_t before = s->bss->rg_tries;
	rg_auto_close int a = -1, b = -1;
	int pair[2];
	char byte;

	if (c->calibrated)
		return 0;
	if (socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, pair))
		return rg_fail(err, -errno, "socketpair: %s", strerror(errno));
	a = pair[0];
	b = pair[1];
	if (send(a, "x", 1, 0) != 1 || recv(b, &byte, 1, 0) != 1 || send(a, "x", 1, 0) != 1 ||
	    read(b, &byte, 1) != 1)
		return rg_fail(err, -EIO, "a message to ourselves was lost");
	if (s->bss->rg_tries < before + 2)
		return rg_fail(err, -EOPNOTSUPP,
			       "sock_recvmsg is not passed by every receive in this kernel (inlined)");
	c->calibrated = true;
	sends_note(s, c);
	return 0;
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
