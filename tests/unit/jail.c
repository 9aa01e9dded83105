/* SPDX-License-Identifier: BSD-2-Clause */
/* The supervisor's own filter: what it forbids fails, what serving needs works. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <seccomp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "broker/jail.h"
#include "tests/lib/unit.h"

/* Each returns whether the call did what it should; run in a child under the filter. */
static bool refused(long ret)
{
	return ret == -1 && errno == EPERM;
}

static bool no_exec(void)
{
	return refused(execl("/bin/true", "true", NULL));
}
static bool no_fork(void)
{
	return refused(fork());
}
static bool no_vfork(void)
{
	return refused(syscall(SYS_clone, CLONE_VM | CLONE_VFORK | SIGCHLD, NULL, NULL, NULL, NULL));
}
static bool no_clone3(void)
{
	return syscall(SYS_clone3, NULL, 0) == -1 && errno == ENOSYS;
}
static bool no_socket(void)
{
	return refused(socket(AF_INET, SOCK_DGRAM, 0));
}
static bool no_connect(void)
{
	return refused(syscall(SYS_connect, 0, NULL, 0));
}
static bool no_writing(void)
{
	return refused(open("/dev/null", O_WRONLY)) && refused(open("/dev/null", O_RDWR)) &&
	       refused(open("/tmp/rg-jail", O_RDONLY | O_CREAT, 0600));
}
static bool no_unlink(void)
{
	return refused(unlink("/nonexistent"));
}
static bool no_code(void)
{
	void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return p != MAP_FAILED && refused(mprotect(p, 4096, PROT_READ | PROT_EXEC)) &&
	       mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED &&
	       errno == EPERM;
}
static bool no_ptrace(void)
{
	return refused(ptrace(PTRACE_ATTACH, getppid(), NULL, NULL)) &&
	       refused(ptrace(PTRACE_PEEKDATA, getppid(), NULL, NULL)) &&
	       refused(ptrace(PTRACE_TRACEME, 0, NULL, NULL));
}
static bool no_signal(void)
{
	return refused(kill(getppid(), 0)) && refused(syscall(SYS_tgkill, getppid(), getppid(), 0));
}
static bool no_privilege(void)
{
	return refused(setuid(0)) && refused(syscall(SYS_unshare, 0)) && refused(syscall(SYS_setns, 0, 0)) &&
	       refused(syscall(SYS_bpf, 0, NULL, 0)) &&
	       refused(syscall(SYS_mount, NULL, NULL, NULL, 0, NULL)) && refused(prctl(PR_SET_DUMPABLE, 1));
}

static void *thread(void *arg)
{
	*(int *)arg = 1;
	return NULL;
}

static bool serves(void)
{
	char byte = 0, from = 1;
	struct iovec l = {&byte, 1}, r = {&from, 1};
	int fd = open("/proc/self/status", O_RDONLY), ran = 0;
	pthread_t t;

	return fd >= 0 && read(fd, &byte, 1) == 1 && close(fd) == 0 &&
	       process_vm_readv(getpid(), &l, 1, &r, 1, 0) == 1 && byte == 1 &&
	       pthread_create(&t, NULL, thread, &ran) == 0 && pthread_join(t, NULL) == 0 && ran == 1 &&
	       pthread_kill(pthread_self(), 0) == 0;
}
static bool threads_too(void)
{
	pthread_t t;
	int ran = 0;

	return pthread_create(&t, NULL, thread, &ran) == 0 && pthread_join(t, NULL) == 0 && no_socket();
}

static bool under(bool files, bool (*what)(void))
{
	int status = -1;
	pid_t p = fork();

	if (p == 0) {
		prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
		if (rg_jail(files) < 0)
			_exit(2);
		_exit(!what());
	}
	waitpid(p, &status, 0);
	return status == 0;
}

static bool records(void)
{
	char path[] = "/tmp/rg-jail-XXXXXX";
	int fd = mkstemp(path);

	return fd >= 0 && pwrite(fd, "x", 1, 0) == 1 && fsync(fd) == 0 && unlink(path) == 0 && no_exec() &&
	       no_socket();
}

static void test_forbidden(void **state)
{
	static bool (*const all[])(void) = {no_exec,	no_fork,      no_vfork,	  no_clone3, no_socket,
					    no_connect, no_writing,   no_unlink,  no_code,   no_ptrace,
					    no_signal,	no_privilege, threads_too};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (!under(false, all[i]))
			fail_msg("forbidden call %zu went through", i);
}

static void test_allowed(void **state)
{
	assert_true(under(false, serves));
	assert_true(under(true, serves));
	assert_true(under(true, records));
	assert_false(under(false, records));
}

static const struct CMUnitTest tests[] = {cmocka_unit_test(test_forbidden), cmocka_unit_test(test_allowed)};
RG_UNIT_MAIN(tests)
