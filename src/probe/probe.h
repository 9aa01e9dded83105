/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RG_PROBE_PROBE_H
#define RG_PROBE_PROBE_H

#include <stddef.h>
#include <stdint.h>

#include <recvguard/doctor.h>

/* One probe: 0, or a negative errno with err set. */
typedef int (*rg_probe_fn)(struct rg_err *err);

/* bpf.c */
int rg_probe_privilege(struct rg_err *err);
int rg_probe_memlock(struct rg_err *err);
int rg_probe_ringbuf(struct rg_err *err);
int rg_probe_read_kernel(struct rg_err *err);
int rg_probe_btf(struct rg_err *err);
int rg_probe_task_storage(struct rg_err *err);
int rg_probe_sk_storage(struct rg_err *err);
int rg_probe_bpf_loop(struct rg_err *err);
/* attach.c */
int rg_probe_tp_btf(struct rg_err *err);
int rg_probe_recv_length(struct rg_err *err);
int rg_probe_skb_copy(struct rg_err *err);
int rg_probe_fentry(struct rg_err *err);
int rg_probe_fexit(struct rg_err *err);
int rg_probe_raw_tp(struct rg_err *err);
int rg_probe_kprobe(struct rg_err *err);
int rg_probe_kfunc(struct rg_err *err);
int rg_probe_iter_task(struct rg_err *err);
int rg_probe_iter_tcp(struct rg_err *err);
int rg_probe_iter_udp(struct rg_err *err);
int rg_probe_iter_unix(struct rg_err *err);
int rg_probe_lsm(struct rg_err *err);
int rg_probe_fmod_ret(struct rg_err *err);
int rg_probe_cgroup2(struct rg_err *err);
int rg_probe_cgroup_skb(struct rg_err *err);
/* process.c */
int rg_probe_socket_filter(struct rg_err *err);
int rg_probe_notify(struct rg_err *err);
int rg_probe_wait_killable(struct rg_err *err);
int rg_probe_sync_wake_up(struct rg_err *err);
int rg_probe_addfd(struct rg_err *err);
int rg_probe_pidfd_getfd(struct rg_err *err);
int rg_probe_pidfd_thread(struct rg_err *err);
int rg_probe_process_vm(struct rg_err *err);

/* The first line of a small file. -errno. */
int rg_first_line(const char *path, char *out, size_t size);

/* The mount point of cgroup v2 (static buffer of the caller). -ENOENT. */
int rg_cgroup2_mount(char *path, size_t size);

/* Load a tiny program of the given kind. Returns the descriptor, or -errno with the verifier's last words. */
struct bpf_insn;
struct rg_tiny {
	int type;	 /* BPF_PROG_TYPE_* */
	int attach;	 /* BPF_* attach type, 0 */
	uint32_t btf_id; /* 0 */
	const struct bpf_insn *insns;
	size_t n_insns;
};
int rg_tiny_load(const struct rg_tiny *t, struct rg_err *err);
struct btf;
/* The kernel's types, loaded once; NULL: none (errno is set). */
struct btf *rg_kernel_btf(void);
void rg_kernel_btf_drop(void);

#endif
