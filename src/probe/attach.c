/* SPDX-License-Identifier: BSD-2-Clause */
/* Kinds of programs, each loaded and attached for a moment. All of them are empty and change nothing. */
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/btf.h>

#include "base/cleanup.h"
#include "probe/probe.h"

#define INSN_R0(value)                                                            \
	{                                                                         \
		.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 0, .imm = (value) \
	}
#define INSN_EXIT                          \
	{                                  \
		.code = BPF_JMP | BPF_EXIT \
	}

static const struct bpf_insn return_0[] = {INSN_R0(0), INSN_EXIT};
static const struct bpf_insn return_1[] = {INSN_R0(1), INSN_EXIT};

/* Id of a type of the kernel, -errno with err set. */
static int type_id(const char *prefix, const char *name, uint32_t kind, struct rg_err *err)
{
	struct btf *btf = rg_kernel_btf();
	char full[128];
	int id;

	if (!btf)
		return rg_fail(err, -ENOENT, "needs btf");
	snprintf(full, sizeof(full), "%s%s", prefix, name);
	id = btf__find_by_name_kind(btf, full, kind);
	if (id <= 0)
		return rg_fail(err, -ENOENT, "this kernel has no %s", full);
	return id;
}

/* The ways by which tracing programs are attached. */
enum by { BY_RAW_OPEN, BY_ITER_LINK };

static int try_tracing(const struct rg_tiny *t, enum by by, struct rg_err *err)
{
	rg_auto_close int prog = rg_tiny_load(t, err);
	int link;

	if (prog < 0)
		return prog;
	if (by == BY_ITER_LINK)
		link = bpf_link_create(prog, 0, BPF_TRACE_ITER, NULL);
	else
		link = bpf_raw_tracepoint_open(NULL, prog);
	if (link < 0)
		return rg_fail(err, link, "attach: %s", strerror(-link));
	close(link);
	return 0;
}

static int tracepoint(const char *name, struct rg_err *err)
{
	int id = type_id("btf_trace_", name, BTF_KIND_TYPEDEF, err);
	const struct rg_tiny t = {BPF_PROG_TYPE_TRACING, BPF_TRACE_RAW_TP, (uint32_t)id, return_0, 2};

	return id < 0 ? id : try_tracing(&t, BY_RAW_OPEN, err);
}

/* sched_process_exit: in every kernel that has tracepoints, and rare. */
int rg_probe_tp_btf(struct rg_err *err)
{
	return tracepoint("sched_process_exit", err);
}

int rg_probe_recv_length(struct rg_err *err)
{
	return tracepoint("sock_recv_length", err);
}

int rg_probe_skb_copy(struct rg_err *err)
{
	return tracepoint("skb_copy_datagram_iovec", err);
}

static int function(int type, int attach, const char *prefix, const char *name, struct rg_err *err)
{
	int id = type_id(prefix, name, BTF_KIND_FUNC, err);
	const struct rg_tiny t = {type, attach, (uint32_t)id, return_0, 2};
	int r = id < 0 ? id : try_tracing(&t, BY_RAW_OPEN, err);

	/* Typed tracepoints load and this does not: what differs is the trampoline. */
	if (r == -EPERM && rg_probe(RG_CAP_TP_BTF, NULL) == 0)
		rg_err_wrap(err, "this kernel refuses programs that need a trampoline");
	return r;
}

/* put_cmsg: what the trampoline tier hooks first of all. */
int rg_probe_fentry(struct rg_err *err)
{
	return function(BPF_PROG_TYPE_TRACING, BPF_TRACE_FENTRY, "", "put_cmsg", err);
}

int rg_probe_fexit(struct rg_err *err)
{
	return function(BPF_PROG_TYPE_TRACING, BPF_TRACE_FEXIT, "", "put_cmsg", err);
}

int rg_probe_fmod_ret(struct rg_err *err)
{
	return function(BPF_PROG_TYPE_TRACING, BPF_MODIFY_RETURN, "", "security_socket_recvmsg", err);
}

/* Loading and attaching succeed also where `bpf` is not among the active LSMs: then the hook is never called.
 */
static int lsm_active(struct rg_err *err)
{
	char list[512];

	if (rg_first_line("/sys/kernel/security/lsm", list, sizeof(list)) < 0)
		return 0; /* not told: securityfs is not mounted */
	for (char *rest = list, *name; (name = strsep(&rest, ","));)
		if (!strcmp(name, "bpf"))
			return 0;
	return rg_fail(err, -EOPNOTSUPP, "bpf is not among the active LSMs (boot with lsm=...,bpf)");
}

int rg_probe_lsm(struct rg_err *err)
{
	int r = function(BPF_PROG_TYPE_LSM, BPF_LSM_MAC, "bpf_lsm_", "socket_recvmsg", err);

	return r < 0 ? r : lsm_active(err);
}

static int iterator(const char *name, struct rg_err *err)
{
	int id = type_id("bpf_iter_", name, BTF_KIND_FUNC, err);
	const struct rg_tiny t = {BPF_PROG_TYPE_TRACING, BPF_TRACE_ITER, (uint32_t)id, return_0, 2};

	return id < 0 ? id : try_tracing(&t, BY_ITER_LINK, err);
}

int rg_probe_iter_task(struct rg_err *err)
{
	return iterator("task", err);
}

int rg_probe_iter_tcp(struct rg_err *err)
{
	return iterator("tcp", err);
}

int rg_probe_iter_udp(struct rg_err *err)
{
	return iterator("udp", err);
}

int rg_probe_iter_unix(struct rg_err *err)
{
	return iterator("unix", err);
}

/* bpf_rcu_read_lock(); bpf_rcu_read_unlock(); (6.2) */
int rg_probe_kfunc(struct rg_err *err)
{
	int lock = type_id("", "bpf_rcu_read_lock", BTF_KIND_FUNC, err);
	int unlock = lock < 0 ? lock : type_id("", "bpf_rcu_read_unlock", BTF_KIND_FUNC, err);
	int id = unlock < 0 ? unlock : type_id("btf_trace_", "sched_process_exit", BTF_KIND_TYPEDEF, err);
	const struct bpf_insn insns[] = {
		{.code = BPF_JMP | BPF_CALL, .src_reg = BPF_PSEUDO_KFUNC_CALL, .imm = lock},
		{.code = BPF_JMP | BPF_CALL, .src_reg = BPF_PSEUDO_KFUNC_CALL, .imm = unlock},
		INSN_R0(0),
		INSN_EXIT,
	};
	const struct rg_tiny t = {BPF_PROG_TYPE_TRACING, BPF_TRACE_RAW_TP, (uint32_t)id, insns, 4};

	return id < 0 ? id : try_tracing(&t, BY_RAW_OPEN, err);
}

int rg_probe_raw_tp(struct rg_err *err)
{
	const struct rg_tiny t = {BPF_PROG_TYPE_RAW_TRACEPOINT, 0, 0, return_0, 2};
	static const char *const names[] = {"sys_enter", "sys_exit"};
	rg_auto_close int prog = rg_tiny_load(&t, err);

	for (size_t i = 0; prog >= 0 && i < RG_ARRAY_LEN(names); i++) {
		int link = bpf_raw_tracepoint_open(names[i], prog);

		if (link < 0)
			return rg_fail(err, link, "attach to %s: %s", names[i], strerror(-link));
		close(link);
	}
	return prog < 0 ? prog : 0;
}

int rg_probe_kprobe(struct rg_err *err)
{
	static const char where[] = "/sys/bus/event_source/devices/kprobe/type";
	const struct rg_tiny t = {BPF_PROG_TYPE_KPROBE, 0, 0, return_0, 2};
	struct perf_event_attr attr = {.size = sizeof(attr), .kprobe_func = (uintptr_t) "put_cmsg"};
	rg_auto_close int prog = -1, event = -1;
	char number[32];

	if (rg_first_line(where, number, sizeof(number)) < 0)
		return rg_fail(err, -ENOENT, "this kernel has no kprobes (%s is missing)", where);
	attr.type = (uint32_t)strtoul(number, NULL, 10);
	prog = rg_tiny_load(&t, err);
	if (prog < 0)
		return prog;
	event = (int)syscall(SYS_perf_event_open, &attr, -1, 0, -1, PERF_FLAG_FD_CLOEXEC);
	if (event < 0 || ioctl(event, PERF_EVENT_IOC_SET_BPF, prog) < 0)
		return rg_fail(err, -errno, "attach: %s", strerror(errno));
	return 0;
}

int rg_cgroup2_mount(char *path, size_t size)
{
	rg_auto_fclose FILE *f = fopen("/proc/self/mounts", "re");
	char line[1024], point[512], type[64];

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "%*s %511s %63s", point, type) == 2 && !strcmp(type, "cgroup2")) {
			snprintf(path, size, "%s", point);
			return 0;
		}
	return -ENOENT;
}

int rg_probe_cgroup2(struct rg_err *err)
{
	char path[512];

	if (rg_cgroup2_mount(path, sizeof(path)) < 0)
		return rg_fail(err, -ENOENT, "no file system of type cgroup2 is mounted");
	return 0;
}

int rg_probe_cgroup_skb(struct rg_err *err)
{
	const struct rg_tiny t = {BPF_PROG_TYPE_CGROUP_SKB, BPF_CGROUP_INET_INGRESS, 0, return_1, 2};
	rg_auto_close int prog = -1, group = -1, link = -1;
	char path[512];

	if (rg_cgroup2_mount(path, sizeof(path)) < 0)
		return rg_fail(err, -ENOENT, "needs cgroup2");
	prog = rg_tiny_load(&t, err);
	if (prog < 0)
		return prog;
	group = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	link = group < 0 ? -errno : bpf_link_create(prog, group, BPF_CGROUP_INET_INGRESS, NULL);
	return link < 0 ? rg_fail(err, link, "attach to %s: %s", path, strerror(-link)) : 0;
}
