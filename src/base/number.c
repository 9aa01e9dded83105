/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/number.h"

#include <bpf/bpf.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"

/* What a program that runs here and now sees: 0 when it cannot be run. */
static uint32_t ask(int shift)
{
	const struct bpf_insn code[] = {
		{.code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_get_current_pid_tgid},
		{.code = BPF_ALU64 | BPF_RSH | BPF_K, .dst_reg = BPF_REG_0, .imm = shift},
		{.code = BPF_JMP | BPF_EXIT},
	};
	LIBBPF_OPTS(bpf_test_run_opts, run);
	rg_auto_close int fd = bpf_prog_load(BPF_PROG_TYPE_RAW_TRACEPOINT, "rg_number", "GPL", code,
					     sizeof(code) / sizeof(code[0]), NULL);

	return fd < 0 || bpf_prog_test_run_opts(fd, &run) ? 0 : run.retval;
}

uint32_t rg_number_of_process(void)
{
	uint32_t n = ask(32);

	return n ? n : (uint32_t)getpid();
}

uint32_t rg_number_of_thread(void)
{
	uint32_t n = ask(0);

	return n ? n : (uint32_t)syscall(SYS_gettid);
}

/* Nothing here changes its namespace: asking once is enough for callers that come back twice a second. */
bool rg_number_is_local(void)
{
	static atomic_int known; /* 0: not yet; otherwise the answer + 1 */
	int k = atomic_load(&known);

	if (!k) {
		k = 1 + (rg_number_of_process() != (uint32_t)getpid());
		atomic_store(&known, k);
	}
	return k == 2;
}
