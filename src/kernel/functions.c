/* SPDX-License-Identifier: BSD-2-Clause */
#include "kernel/functions.h"

#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <recvguard/tiers.h>

#include "base/cleanup.h"

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
	if (strncmp(sec, "tp_btf/", 7) && strncmp(sec, "tp/", 3))
		return btf__find_by_name_kind(btf, fn + 1, BTF_KIND_FUNC) > 0;
	fn = strrchr(sec, '/'); /* of perf's its group stands before it */
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

int rg_hook_args(const struct btf *btf, const char *function)
{
	int id = btf__find_by_name_kind(btf, function, BTF_KIND_FUNC);
	const struct btf_type *t = id > 0 ? btf__type_by_id(btf, (uint32_t)id) : NULL;

	t = t ? btf__type_by_id(btf, t->type) : NULL;
	return t && btf_is_func_proto(t) ? btf_vlen(t) : -1;
}

void rg_hook_load(struct bpf_object *obj, const char *program, bool load)
{
	struct bpf_program *p = bpf_object__find_program_by_name(obj, program);

	if (p && !load)
		bpf_program__set_autoload(p, false);
}

void rg_hooks_metadata(struct bpf_object *obj, bool metadata)
{
	struct bpf_program *p;

	bpf_object__for_each_program(p, obj)
	{
		const char *name = bpf_program__name(p);
		bool follows =
			!strcmp(name, "rg_fork") || !strcmp(name, "rg_exit") || !strcmp(name, "rg_cookie");

		if (!follows && metadata == !!strncmp(name, "rg_meta", 7))
			bpf_program__set_autoload(p, false);
	}
}

int rg_hooks_prepare(struct bpf_object *obj, const struct btf *btf, const struct rg_trace_opts *opts,
		     struct rg_err *err)
{
	bool calls = opts->errors; /* entry times cost nothing here */
	struct bpf_program *p;
	int r = 0;

	bpf_object__for_each_program(p, obj)
	{
		if (hook_exists(btf, p))
			continue;
		if (is_needed(bpf_program__name(p)))
			r = rg_fail(err, -EOPNOTSUPP, "this kernel has no %s to hook",
				    strchr(bpf_program__section_name(p), '/') + 1);
		bpf_program__set_autoload(p, false);
	}
	rg_hooks_metadata(obj, opts->metadata);
	if (opts->metadata)
		return r;
	/* where both are, receive_fd is a wrapper with other arguments that unix sockets do not pass */
	if (btf__find_by_name_kind(btf, "__receive_fd", BTF_KIND_FUNC) > 0)
		rg_hook_load(obj, "rg_receive_fd", false);
	sends_prepare(obj, opts);
	rg_hook_load(obj, "rg_sys_enter", calls);
	rg_hook_load(obj, "rg_sys_exit", calls);
	rg_hook_load(obj, "rg_switch", opts->duration);
	return r;
}

/* Which sends are not seen without the tracepoint. */
static void sends_note(struct rg_capture *c)
{
	struct bpf_program *p = bpf_object__find_program_by_name(c->obj, "rg_sent_stream");

	if (p && bpf_program__autoload(p))
		rg_capture_note(c, "%s", rg_tier_features[RG_CAN_SENDS].note);
}

/* Is one of these programs in use? */
static bool loaded(struct bpf_object *obj, const char *one, const char *other)
{
	struct bpf_program *a = bpf_object__find_program_by_name(obj, one);
	struct bpf_program *b = bpf_object__find_program_by_name(obj, other);

	return (a && bpf_program__autoload(a)) || (b && bpf_program__autoload(b));
}

int rg_hooks_settle(struct rg_capture *c, const volatile unsigned long long *tries, struct rg_err *err)
{
	uint64_t before = *tries;
	rg_auto_close int a = -1, b = -1;
	int pair[2];
	char byte;

	if (c->calibrated || !loaded(c->obj, "rg_sock_recvmsg_out", "rg_meta_sock_recvmsg"))
		return 0;
	if (socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, pair))
		return rg_fail(err, -errno, "socketpair: %s", strerror(errno));
	a = pair[0];
	b = pair[1];
	if (send(a, "x", 1, 0) != 1 || recv(b, &byte, 1, 0) != 1 || send(a, "x", 1, 0) != 1 ||
	    read(b, &byte, 1) != 1)
		return rg_fail(err, -EIO, "a message to ourselves was lost");
	if (*tries < before + 2)
		return rg_fail(err, -EOPNOTSUPP,
			       "sock_recvmsg is not passed by every receive in this kernel (inlined)");
	c->calibrated = true;
	sends_note(c);
	return 0;
}
