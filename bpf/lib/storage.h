/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RG_BPF_STORAGE_H
#define RG_BPF_STORAGE_H

/* Where the state of a thread and the numbering of a socket are kept. Included by maps.h. */

/* Per-socket numbering. */
struct rg_sock_state {
	__u64 cookie;
	__u32 recv_seq, send_seq;
};

#ifndef RG_LEGACY

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct rg_state);
} states SEC(".maps");

rg_inline struct rg_state *rg_state_find(struct task_struct *t)
{
	return bpf_task_storage_get(&states, t, 0, 0);
}

rg_inline struct rg_state *rg_state_new(struct task_struct *t)
{
	return bpf_task_storage_get(&states, t, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
}

/* It goes with its thread. */
rg_inline void rg_state_drop(__u32 tid)
{
}

#else

/* By thread; freed when it ends (rg_exit). */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16384);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u32);
	__type(value, struct rg_state);
} states SEC(".maps");

/* A fresh state is made from here: too large for the stack. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct rg_state);
} state_zero SEC(".maps");

rg_inline struct rg_state *rg_state_find(struct task_struct *t)
{
	__u32 tid = (__u32)bpf_get_current_pid_tgid();

	return bpf_map_lookup_elem(&states, &tid);
}

rg_inline struct rg_state *rg_state_new(struct task_struct *t)
{
	__u32 tid = (__u32)bpf_get_current_pid_tgid(), zero = 0;
	struct rg_state *fresh = bpf_map_lookup_elem(&state_zero, &zero);

	if (!fresh || bpf_map_update_elem(&states, &tid, fresh, BPF_NOEXIST))
		return NULL;
	return bpf_map_lookup_elem(&states, &tid);
}

rg_inline void rg_state_drop(__u32 tid)
{
	bpf_map_delete_elem(&states, &tid);
}

#endif

#ifndef RG_NO_SK

struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct rg_sock_state);
} socks SEC(".maps");

rg_inline struct rg_sock_state *rg_sock_state(struct sock *sk)
{
	return bpf_sk_storage_get(&socks, sk, 0, BPF_SK_STORAGE_GET_F_CREATE);
}

rg_inline __u64 rg_sock_cookie(struct sock *sk)
{
	return bpf_get_socket_cookie(sk);
}

#else

/* By socket: of those used least the numbering is forgotten, and begins again at 1. */
struct rg_sock_key {
	__u64 sk, ino; /* another socket at the same address has another inode */
};
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 65536);
	__type(key, struct rg_sock_key);
	__type(value, struct rg_sock_state);
} socks SEC(".maps");

rg_inline struct rg_sock_state *rg_sock_state(struct sock *sk)
{
	struct rg_sock_key key = {.sk = rg_scalar(sk)};
	struct rg_sock_state fresh = {}, *ss;
	struct socket *so;

	so = BPF_CORE_READ(sk, sk_socket);
	key.ino = BPF_CORE_READ((struct socket_alloc *)so, vfs_inode.i_ino);
	ss = bpf_map_lookup_elem(&socks, &key);
	if (ss)
		return ss;
	bpf_map_update_elem(&socks, &key, &fresh, BPF_NOEXIST);
	return bpf_map_lookup_elem(&socks, &key);
}

rg_inline __u64 rg_sock_cookie(struct sock *sk)
{
	return BPF_CORE_READ(sk, __sk_common.skc_cookie.counter);
}

#endif

rg_inline struct rg_state *rg_state_of(struct task_struct *t)
{
	struct rg_state *st = rg_state_find(t);

	if (st)
		return st;
	st = rg_state_new(t);
	if (!st)
		rg_lost(RG_LOSS_NO_STATE, RG_LOAD(t, tgid), 0);
	return st;
}

#endif
