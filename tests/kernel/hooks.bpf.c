// SPDX-License-Identifier: GPL-2.0-or-later
/* Counts how often each kernel function is entered or left by one process; nothing else. */
#include "vmlinux.h"

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

enum {
#define HOOK(kind, fn) H_##kind##_##fn,
#include "hooks.h"
#undef HOOK
	H_tp_skb_copy,
	H_tp_recv_length,
	H__COUNT
};

const volatile __u32 only_tgid;
__u64 hits[64];

static __always_inline int count(__u32 hook)
{
	if (bpf_get_current_pid_tgid() >> 32 == only_tgid)
		__sync_fetch_and_add(&hits[hook], 1);
	return 0;
}

#define HOOK(kind, fn)                         \
	SEC(#kind "/" #fn)                     \
	int p_##kind##_##fn(void *ctx)         \
	{                                      \
		return count(H_##kind##_##fn); \
	}
#include "hooks.h"

SEC("tp_btf/skb_copy_datagram_iovec")
int p_tp_skb_copy(void *ctx)
{
	return count(H_tp_skb_copy);
}

SEC("tp_btf/sock_recv_length")
int p_tp_recv_length(void *ctx)
{
	return count(H_tp_recv_length);
}

char _license[] SEC("license") = "GPL";
