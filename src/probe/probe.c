/* SPDX-License-Identifier: BSD-2-Clause */
/* The table of capabilities and its memory. */
#include "probe/probe.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

const struct rg_cap_info rg_capabilities[RG_CAP__COUNT] = {
#define RG_CAP(ID, name_, group_, tiers_, since_, what_, without_) \
	[RG_CAP_##ID] = {name_, RG_CAP_GROUP_##group_, tiers_, since_, what_, without_},
#include <recvguard/capabilities.def>
#undef RG_CAP
};

static const rg_probe_fn probes[RG_CAP__COUNT] = {
	[RG_CAP_PRIVILEGE] = rg_probe_privilege,
	[RG_CAP_MEMLOCK] = rg_probe_memlock,
	[RG_CAP_RINGBUF] = rg_probe_ringbuf,
	[RG_CAP_READ_KERNEL] = rg_probe_read_kernel,
	[RG_CAP_BTF] = rg_probe_btf,
	[RG_CAP_TP_BTF] = rg_probe_tp_btf,
	[RG_CAP_RECV_LENGTH] = rg_probe_recv_length,
	[RG_CAP_SKB_COPY] = rg_probe_skb_copy,
	[RG_CAP_FENTRY] = rg_probe_fentry,
	[RG_CAP_FEXIT] = rg_probe_fexit,
	[RG_CAP_RAW_TP] = rg_probe_raw_tp,
	[RG_CAP_KPROBE] = rg_probe_kprobe,
	[RG_CAP_TASK_STORAGE] = rg_probe_task_storage,
	[RG_CAP_BPF_LOOP] = rg_probe_bpf_loop,
	[RG_CAP_KFUNC] = rg_probe_kfunc,
	[RG_CAP_ITER_TASK] = rg_probe_iter_task,
	[RG_CAP_ITER_TCP] = rg_probe_iter_tcp,
	[RG_CAP_ITER_UDP] = rg_probe_iter_udp,
	[RG_CAP_ITER_UNIX] = rg_probe_iter_unix,
	[RG_CAP_LSM] = rg_probe_lsm,
	[RG_CAP_FMOD_RET] = rg_probe_fmod_ret,
	[RG_CAP_SK_STORAGE] = rg_probe_sk_storage,
	[RG_CAP_CGROUP2] = rg_probe_cgroup2,
	[RG_CAP_CGROUP_SKB] = rg_probe_cgroup_skb,
	[RG_CAP_SOCKET_FILTER] = rg_probe_socket_filter,
	[RG_CAP_NOTIFY] = rg_probe_notify,
	[RG_CAP_WAIT_KILLABLE] = rg_probe_wait_killable,
	[RG_CAP_SYNC_WAKE_UP] = rg_probe_sync_wake_up,
	[RG_CAP_ADDFD] = rg_probe_addfd,
	[RG_CAP_PIDFD_GETFD] = rg_probe_pidfd_getfd,
	[RG_CAP_PIDFD_THREAD] = rg_probe_pidfd_thread,
	[RG_CAP_PROCESS_VM] = rg_probe_process_vm,
};

static struct answer {
	bool known;
	struct rg_err err; /* code 0: yes */
} answers[RG_CAP__COUNT];

#define DENY_VARIABLE "RECVGUARD_PROBE_DENY"

/* Next name of the comma-separated list at *p; false at its end. */
static bool next_name(const char **p, const char **name, size_t *len)
{
	*p += strspn(*p, ", ");
	*name = *p;
	*len = strcspn(*p, ", ");
	*p += *len;
	return *len > 0;
}

static bool denied(enum rg_capability c)
{
	const char *list = getenv(DENY_VARIABLE), *name;
	size_t len;

	while (list && next_name(&list, &name, &len))
		if (strlen(rg_capabilities[c].name) == len && !memcmp(name, rg_capabilities[c].name, len))
			return true;
	return false;
}

static bool known_name(const char *name, size_t len)
{
	for (int c = 0; c < RG_CAP__COUNT; c++)
		if (strlen(rg_capabilities[c].name) == len && !memcmp(name, rg_capabilities[c].name, len))
			return true;
	return false;
}

int rg_probe_check_deny(struct rg_err *err)
{
	const char *list = getenv(DENY_VARIABLE), *name;
	size_t len;

	while (list && next_name(&list, &name, &len))
		if (!known_name(name, len))
			return rg_fail(err, -EINVAL,
				       DENY_VARIABLE ": no capability is called '%.*s'; see recvguard doctor",
				       (int)len, name);
	return 0;
}

void rg_probe_reset(void)
{
	memset(answers, 0, sizeof(answers));
	rg_kernel_btf_drop();
}

int rg_probe(enum rg_capability c, struct rg_err *err)
{
	struct answer *a = &answers[c];

	if (!a->known) {
		a->known = true;
		if (denied(c))
			rg_fail(&a->err, -EPERM, "denied by " DENY_VARIABLE);
		else if (probes[c](&a->err) == 0)
			a->err.code = 0;
	}
	if (a->err.code < 0)
		return rg_fail(err, a->err.code, "%s", a->err.msg);
	return 0;
}

int rg_probe_tier(enum rg_tier tier, struct rg_err *err)
{
	for (int c = 0; c < RG_CAP__COUNT; c++) {
		int r = rg_capabilities[c].tiers & (1u << tier) ? rg_probe(c, err) : 0;

		if (r < 0) {
			rg_err_wrap(err, "needs %s", rg_capabilities[c].name);
			return r;
		}
	}
	return 0;
}
