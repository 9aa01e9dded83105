/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RG_POLICY_CBPF_H
#define RG_POLICY_CBPF_H

#include <linux/filter.h>

#include "policy/ir.h"

/*
 * Classic BPF for a socket filter (SO_ATTACH_FILTER) on a unix datagram or seqpacket socket or a UDP socket.
 * The filter sees the queued message's bytes and nothing else: msg.size and msg.data can be tested, and
 * constants of the socket it is put on (its family and type). Returns the whole message (keep) or nothing
 * (drop).
 */
#define RG_CBPF_MAX 4096 /* BPF_MAXINSNS */

struct rg_cbpf {
	unsigned n;
	struct sock_filter insn[RG_CBPF_MAX];
};

/* What offset 0 of the filter's view is: UDP filters see the UDP header first (8 bytes). */
enum rg_cbpf_on { RG_CBPF_UNIX, RG_CBPF_UDP };

/* A filter that keeps (returns the message) where the program says true. Errors: -EOPNOTSUPP, err says which
 * test a socket filter can't make; -E2BIG. */
int rg_lower_cbpf(const struct rg_ir *p, struct rg_cbpf *ret, struct rg_err *err);
int rg_lower_cbpf_on(const struct rg_ir *p, enum rg_cbpf_on on, struct rg_cbpf *ret, struct rg_err *err);
/* Rules in order: the first whose program says true (NULL: always) decides; keep: what happens without one.
 */
struct rg_cbpf_rule {
	const char *name;
	const struct rg_ir *when;
	bool keep;
};
int rg_lower_cbpf_rules(const struct rg_cbpf_rule *rules, unsigned n, bool keep, enum rg_cbpf_on on,
			struct rg_cbpf *ret, struct rg_err *err);
void rg_cbpf_disasm(const struct rg_cbpf *f, struct rg_buf *out);
/* User-space interpreter with the kernel's rules: a load beyond the packet drops it. Bytes kept. */
uint32_t rg_cbpf_run(const struct rg_cbpf *f, const void *pkt, uint32_t len);

#endif
