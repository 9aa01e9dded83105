/* SPDX-License-Identifier: BSD-2-Clause */
/* Privileges, maps, helpers: what needs no attaching. */
#include <errno.h>
#include <linux/bpf.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>

#include "base/cleanup.h"
#include "probe/probe.h"

#ifndef CAP_PERFMON /* linux/capability.h of 5.8 */
#define CAP_PERFMON 38
#define CAP_BPF	    39
#endif

static struct btf *kernel_btf;

static int no_print(enum libbpf_print_level level, const char *fmt, va_list ap)
{
	return 0;
}

struct btf *rg_kernel_btf(void)
{
	libbpf_print_fn_t before;

	if (kernel_btf)
		return kernel_btf;
	before = libbpf_set_print(no_print);
	kernel_btf = btf__load_vmlinux_btf();
	libbpf_set_print(before);
	return kernel_btf;
}

void rg_kernel_btf_drop(void)
{
	btf__free(kernel_btf);
	kernel_btf = NULL;
}

/* The verifier's last line that says something, for a one-line reason. */
static void last_words(char *log, char *out, size_t size)
{
	char *line, *rest = log;

	out[0] = 0;
	while ((line = strsep(&rest, "\n")))
		if (*line && strncmp(line, "processed ", 10) != 0)
			snprintf(out, size, ": %s", line);
}

int rg_tiny_load(const struct rg_tiny *t, struct rg_err *err)
{
	rg_auto_free char *log = calloc(1, 8192);
	char words[256];
	struct bpf_prog_load_opts opts = {.sz = sizeof(opts),
					  .expected_attach_type = (enum bpf_attach_type)t->attach,
					  .attach_btf_id = t->btf_id,
					  .log_buf = log,
					  .log_size = 8192,
					  .log_level = 1};
	int fd;

	if (!log)
		return rg_fail(err, -ENOMEM, "out of memory");
	fd = bpf_prog_load((enum bpf_prog_type)t->type, "rg_probe", "GPL", t->insns, t->n_insns, &opts);
	if (fd >= 0)
		return fd;
	last_words(log, words, sizeof(words));
	return rg_fail(err, fd, "load: %s%s", strerror(-fd),
		       words[0] ? words : " (the verifier said nothing)");
}

int rg_probe_privilege(struct rg_err *err)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2] = {{0}};
	uint64_t have;

	if (syscall(SYS_capget, &head, data) < 0)
		return rg_fail(err, -errno, "capget: %s", strerror(errno));
	have = (uint64_t)data[1].effective << 32 | data[0].effective;
	if (have >> CAP_SYS_ADMIN & 1 || (have >> CAP_BPF & 1 && have >> CAP_PERFMON & 1))
		return 0;
	return rg_fail(err, -EPERM, "uid %u without CAP_BPF and CAP_PERFMON", geteuid());
}

int rg_probe_memlock(struct rg_err *err)
{
	struct rlimit all = {RLIM_INFINITY, RLIM_INFINITY};
	int fd;

	if (setrlimit(RLIMIT_MEMLOCK, &all) == 0)
		return 0;
	/* Not allowed; the kernel may charge the control group instead. 16 MiB is above the default limits.
	 */
	fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "rg_probe", 4, 4096, 4096, NULL);
	if (fd < 0)
		return rg_fail(err, fd, "a map of 16 MiB: %s", strerror(-fd));
	close(fd);
	return 0;
}

int rg_probe_ringbuf(struct rg_err *err)
{
	int fd = bpf_map_create(BPF_MAP_TYPE_RINGBUF, "rg_probe", 0, 0, 4096, NULL);

	if (fd < 0)
		return rg_fail(err, fd, "map: %s", strerror(-fd));
	close(fd);
	return 0;
}

int rg_probe_btf(struct rg_err *err)
{
	return rg_kernel_btf() ? 0
			       : rg_fail(err, errno ? -errno : -ENOENT, "/sys/kernel/btf/vmlinux: %s",
					 strerror(errno ? errno : ENOENT));
}

/* Storage maps describe key and value by types of their own: an int and an int. */
static int storage_map(enum bpf_map_type type, struct rg_err *err)
{
	struct btf *btf = btf__new_empty();
	struct bpf_map_create_opts opts = {.sz = sizeof(opts), .map_flags = BPF_F_NO_PREALLOC};
	int fd, id;

	if (!btf)
		return rg_fail(err, -ENOMEM, "out of memory");
	id = btf__add_int(btf, "int", 4, BTF_INT_SIGNED);
	fd = id < 0 ? id : btf__load_into_kernel(btf);
	if (fd < 0) {
		btf__free(btf);
		return rg_fail(err, fd, "BTF of a map: %s", strerror(-fd));
	}
	opts.btf_fd = (uint32_t)btf__fd(btf);
	opts.btf_key_type_id = opts.btf_value_type_id = (uint32_t)id;
	fd = bpf_map_create(type, "rg_probe", 4, 4, 0, &opts);
	btf__free(btf);
	if (fd < 0)
		return rg_fail(err, fd, "map: %s", strerror(-fd));
	close(fd);
	return 0;
}

int rg_probe_task_storage(struct rg_err *err)
{
	return storage_map(BPF_MAP_TYPE_TASK_STORAGE, err);
}

int rg_probe_sk_storage(struct rg_err *err)
{
	return storage_map(BPF_MAP_TYPE_SK_STORAGE, err);
}

/* A program that only calls the helper is refused either way; the verifier's words tell whether for its
 * arguments (it is known) or for itself. */
static int helper(int id, struct rg_err *err)
{
	const struct bpf_insn insns[] = {
		{.code = BPF_JMP | BPF_CALL, .imm = id},
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 0, .imm = 0},
		{.code = BPF_JMP | BPF_EXIT},
	};
	const struct rg_tiny t = {BPF_PROG_TYPE_RAW_TRACEPOINT, 0, 0, insns, RG_ARRAY_LEN(insns)};
	struct rg_err why = {0};
	int fd = rg_tiny_load(&t, &why);

	if (fd >= 0)
		close(fd);
	else if (strstr(why.msg, "unknown func") || strstr(why.msg, "invalid func"))
		return rg_fail(err, -EOPNOTSUPP, "%s", why.msg);
	else if (why.code == -EPERM)
		return rg_fail(err, why.code, "%s", why.msg);
	return 0;
}

int rg_probe_bpf_loop(struct rg_err *err)
{
	return helper(BPF_FUNC_loop, err);
}

int rg_probe_read_kernel(struct rg_err *err)
{
	return helper(BPF_FUNC_probe_read_kernel, err);
}
