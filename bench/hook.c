/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The floor of the tracepoint tier: programs that do nothing on its tracepoints while a command runs.
 * usage: bench-hook TRACEPOINT[,TRACEPOINT]... COMMAND [ARG]...
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* Attached as long as this process lives: the descriptors are never closed. */
static int attach(const char *tracepoint)
{
	const struct bpf_insn insns[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = 0},
		{.code = BPF_JMP | BPF_EXIT},
	};
	int id = libbpf_find_vmlinux_btf_id(tracepoint, BPF_TRACE_RAW_TP), prog;
	LIBBPF_OPTS(bpf_prog_load_opts, o, .expected_attach_type = BPF_TRACE_RAW_TP);

	if (id < 0)
		return id;
	o.attach_btf_id = (__u32)id;
	prog = bpf_prog_load(BPF_PROG_TYPE_TRACING, "rg_bench_empty", "GPL", insns, 2, &o);
	return prog < 0 ? prog : bpf_raw_tracepoint_open(NULL, prog);
}

int main(int argc, char **argv)
{
	int status = 0, err;
	pid_t child;

	if (argc < 3) {
		fprintf(stderr, "usage: bench-hook TRACEPOINT[,TRACEPOINT]... COMMAND [ARG]...\n");
		return 2;
	}
	for (char *t = strtok(argv[1], ","); t; t = strtok(NULL, ",")) {
		err = attach(t);
		if (err < 0) {
			fprintf(stderr, "bench-hook: %s: %s\n", t, strerror(-err));
			return 1;
		}
	}
	child = fork();
	if (!child) {
		execvp(argv[2], argv + 2);
		perror(argv[2]);
		_exit(127);
	}
	if (child < 0 || waitpid(child, &status, 0) != child) {
		perror("bench-hook");
		return 1;
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
