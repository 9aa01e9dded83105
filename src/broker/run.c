/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Starting: the supervisor is a process of its own, nobody's child here; the filter goes onto this thread,
 * and the command is executed in this process. So its pid, exit status, signals and terminal are what they
 * would be.
 */
#include <errno.h>
#include <linux/capability.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/cleanup.h"
#include "broker/broker.h"
#include "broker/bypass.h"
#include "broker/filter.h"
#include "broker/setid.h"
#include "broker/sys.h"

/* What both processes share while starting: after the filter is on, this one cannot read. */
struct start {
	int to_super[2], to_us[2];
	struct shared {
		pid_t super;
		int listener; /* number in the command's process */
		struct rg_err err;
	} * shm;
	struct rg_filter_opts filter;
};

static void *reaper(void *arg)
{
	struct rg_broker *b = arg;
	int fd;

	while (read(b->reap_pipe[0], &fd, sizeof(fd)) == (ssize_t)sizeof(fd))
		close(fd);
	return NULL;
}

void rg_reap(struct rg_broker *b, int fd)
{
	if (write(b->reap_pipe[1], &fd, sizeof(fd)) != (ssize_t)sizeof(fd))
		close(fd);
}

static bool has_ptrace_cap(void)
{
	struct __user_cap_header_struct h = {_LINUX_CAPABILITY_VERSION_3, 0};
	struct __user_cap_data_struct d[2] = {0};

	return syscall(SYS_capget, &h, d) == 0 && d[0].effective >> CAP_SYS_PTRACE & 1;
}

static void *buffer(size_t n)
{
	void *p = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

static int buffers(struct rg_broker *b, struct rg_err *err)
{
	b->rx.data = buffer(RG_RX_DATA);
	b->rx.scratch = buffer(RG_RX_STREAM);
	b->rx.control = buffer(RG_RX_CONTROL);
	b->packed = buffer(2 * RG_RX_CONTROL);
	b->ev = rg_event_new();
	if (!b->rx.data || !b->rx.scratch || !b->rx.control || !b->packed || !b->ev)
		return rg_fail(err, -ENOMEM, "no memory for the supervisor");
	return 0;
}

/* The kernel's own file system behind memfd_create. */
static uint64_t memfd_dev(void)
{
	rg_auto_close int fd = memfd_create("", MFD_CLOEXEC);
	struct stat st;

	return fd >= 0 && fstat(fd, &st) == 0 ? st.st_dev : 0;
}

static void limits(struct rg_broker *b)
{
	struct rlimit r;
	unsigned n;

	getrlimit(RLIMIT_NOFILE, &r);
	r.rlim_cur = r.rlim_max;
	setrlimit(RLIMIT_NOFILE, &r);
	n = r.rlim_cur < 1u << 20 ? (unsigned)r.rlim_cur : 1u << 20;
	b->tasks.max = n / 8;
	b->max_parked = b->opts.max_blocked ? b->opts.max_blocked : n / 4;
}

static void nothing(int sig)
{
}

static void signal_setup(void)
{
	struct sigaction ign = {.sa_handler = SIG_IGN}, wake = {.sa_handler = nothing};
	static const int ignored[] = {SIGINT,  SIGQUIT, SIGTERM, SIGPIPE, SIGTSTP,
				      SIGTTOU, SIGTTIN, SIGUSR2, SIGALRM};
	sigset_t set;

	for (size_t i = 0; i < RG_ARRAY_LEN(ignored); i++)
		sigaction(ignored[i], &ign, NULL);
	sigaction(SIGUSR1, &wake, NULL); /* interrupts a helper's read */
	signal(SIGCHLD, SIG_DFL);
	sigemptyset(&set);
	sigaddset(&set, SIGHUP); /* by signalfd */
	sigprocmask(SIG_SETMASK, &set, NULL);
}

/* Keep nothing of what was inherited but the three standard descriptors and the way to the command's process.
 */
static void forget(struct rg_broker *b, struct start *s)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC), in = s->to_super[0], out = s->to_us[1];
	int lo = in < out ? in : out, hi = in < out ? out : in;

	dup2(null, 0);
	if (!b->opts.keep_stdout)
		dup2(null, 1);
	if (lo > 3)
		syscall(SYS_close_range, 3, lo - 1, 0);
	if (hi > lo + 1)
		syscall(SYS_close_range, lo + 1, hi - 1, 0);
	syscall(SYS_close_range, hi + 1, ~0u, 0);
	fcntl(in, F_SETFD, FD_CLOEXEC);
	fcntl(out, F_SETFD, FD_CLOEXEC);
}

static int take_listener(struct rg_broker *b, struct start *s, pid_t command, struct rg_err *err)
{
	rg_auto_close int pidfd = rg_pidfd_open(command, 0);
	char byte;

	while (read(s->to_super[0], &byte, 1) < 0 && errno == EINTR)
		;
	if (s->shm->listener < 0)
		return rg_fail(err, -ECANCELED, "the command did not start");
	b->listener = pidfd < 0 ? -1 : rg_pidfd_getfd(pidfd, s->shm->listener);
	if (b->listener < 0 && errno == ENOSYS)
		return rg_fail(err, -ENOSYS,
			       "this kernel lacks pidfd_%s (Linux 5.6), or a filter above forbids it",
			       pidfd < 0 ? "open" : "getfd");
	if (b->listener < 0)
		return rg_fail(err, -EPERM,
			       "the supervisor may not reach the command (pidfd_getfd: %s): see "
			       "kernel.yama.ptrace_scope, "
			       "and what else forbids ptrace here",
			       strerror(errno));
	ioctl(b->listener, SECCOMP_IOCTL_NOTIF_SET_FLAGS, SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP); /* 6.6+ */
	return 0;
}

static int serve_init(struct rg_broker *b, struct start *s, pid_t command, struct rg_err *err)
{
	int rc;

	forget(b, s);
	limits(b);
	b->memfd_dev = memfd_dev();
	pthread_mutex_init(&b->lock, NULL);
	b->tasks.thread_pidfd = s->filter.thread_pidfd;
	if (pipe2(b->reap_pipe, O_CLOEXEC) < 0)
		return rg_fail(err, -errno, "cannot start the supervisor: %s", strerror(errno));
	rc = buffers(b, err);
	if (rc == 0 && b->hooks.begin)
		rc = b->hooks.begin(b->hooks.arg, err);
	if (rc == 0 && b->opts.begin)
		rc = b->opts.begin(b->opts.arg, err);
	if (rc == 0)
		rc = rg_reload_init(b, err);
	if (rc == 0)
		rc = take_listener(b, s, command, err);
	if (rc == 0)
		rc = rg_park_init(b, err);
	if (rc == 0 && chdir("/") < 0)
		rc = rg_fail(err, -errno, "/: %s", strerror(errno));
	return rc == 0 ? rg_confine(b, err) : rc;
}

/* The supervisor. Never returns. */
static void serve(struct rg_broker *b, struct start *s, pid_t command)
{
	pthread_t listen, reap;

	prctl(PR_SET_NAME, "recvguard");
	signal_setup();
	s->shm->super = getpid();
	if (serve_init(b, s, command, &s->shm->err) < 0 || pthread_create(&reap, NULL, reaper, b) ||
	    pthread_create(&listen, NULL, rg_listen_loop, b)) {
		if (!s->shm->err.code)
			rg_fail(&s->shm->err, -EAGAIN, "cannot start the supervisor's threads");
		_exit(1);
	}
	s->shm->err.code = 1; /* serving */
	close(s->to_us[1]);
	close(s->to_super[0]);
	munmap(s->shm, sizeof(*s->shm));
	rg_park_loop(b);
	pthread_mutex_lock(&b->lock);
	rg_notices_told(b);
	if (b->opts.end)
		b->opts.end(b->opts.arg, &b->stats);
	_exit(0);
}

static int spawn(struct rg_broker *b, struct start *s, struct rg_err *err)
{
	pid_t command = getpid(), child = fork();

	if (child < 0)
		return rg_fail(err, -errno, "cannot start the supervisor: %s", strerror(errno));
	if (child == 0) {
		/* Out of reach of the terminal's signals, and of kill(0). Not a session of its own: the
		 * scheduler's autogroups go by session, and every message would wait for two groups' turns.
		 */
		setpgid(0, 0);
		child = fork();
		if (child)
			_exit(child < 0);
		close(s->to_super[1]);
		close(s->to_us[0]);
		serve(b, s, command);
	}
	close(s->to_super[0]);
	close(s->to_us[1]);
	while (waitpid(child, NULL, 0) < 0 && errno == EINTR)
		;
	return 0;
}

static int filter_error(int rc, struct rg_err *err)
{
	switch (rc) {
	case -EBUSY:
		return rg_fail(err, rc,
			       "this process is already under a seccomp supervisor (recvguard run inside "
			       "recvguard run, or "
			       "a container manager's): there can be one");
	case -EINVAL:
		return rg_fail(err, -ENOSYS,
			       "this kernel lacks SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (Linux 5.19), "
			       "without which "
			       "signals would lose messages");
	case -ENOSYS:
		return rg_fail(err, rc,
			       "this kernel has no seccomp filters (or a filter above forbids "
			       "seccomp(2)): nothing can be confined");
	default: return rg_fail(err, rc, "the seccomp filter was refused: %s", strerror(-rc));
	}
}

/* From here on this process is the command's: put the filter on, show the listener, wait for the supervisor.
 */
static int handshake(struct start *s, struct rg_err *err)
{
	struct sock_filter prog[RG_FILTER_MAX];
	struct pollfd p = {s->to_us[0], POLLIN, 0};
	int n, fd;

	n = rg_filter_build(&s->filter, prog);
	if (n < 0)
		return rg_fail(err, n, "the filter is too long");
	fd = rg_filter_install(prog, (unsigned)n);
	if (fd < 0)
		return filter_error(fd, err);
	for (int i = 0; i < 1000 && !*(volatile pid_t *)&s->shm->super; i++)
		poll(NULL, 0, 1);
	prctl(PR_SET_PTRACER, s->shm->super, 0, 0, 0); /* Yama; EINVAL where there is none */
	s->shm->listener = fd;
	(void)!write(s->to_super[1], "x", 1);
	while (poll(&p, 1, -1) < 0 && errno == EINTR)
		; /* the other end closes: serving, or dead */
	close(fd);
	if (s->shm->err.code == 1)
		return 0;
	*err = s->shm->err;
	return err->code ? err->code : rg_fail(err, -EIO, "the supervisor died while starting");
}

static int prepare(struct rg_broker *b, struct start *s, struct rg_err *err)
{
	int probe = rg_pidfd_open((pid_t)syscall(SYS_gettid), PIDFD_THREAD);

	s->filter = (struct rg_filter_opts){.thread_pidfd = probe >= 0, .keep_dumpable = !has_ptrace_cap()};
	if (probe >= 0)
		close(probe);
	if (rg_policies(b, &b->policy, err) < 0)
		return err->code;
	s->shm = mmap(NULL, sizeof(*s->shm), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (s->shm == MAP_FAILED || pipe2(s->to_super, O_CLOEXEC) < 0 || pipe2(s->to_us, O_CLOEXEC) < 0)
		return rg_fail(err, -errno, "cannot start: %s", strerror(errno));
	s->shm->listener = -1;
	return 0;
}

int rg_broker_run(const struct rg_run_opts *opts, const struct rg_broker_hooks *hooks, struct rg_err *err)
{
	struct rg_broker *b = calloc(1, sizeof(*b));
	struct start s = {0};
	char line[4300];
	int rc;

	if (!b)
		return rg_fail(err, -ENOMEM, "no memory");
	b->opts = *opts;
	if (hooks)
		b->hooks = *hooks;
	b->listener = -1;
	if (b->opts.notice && rg_setid_line(opts->argv[0], line, sizeof(line)))
		b->opts.notice(b->opts.arg, line);
	rc = prepare(b, &s, err);
	if (rc == 0)
		rc = spawn(b, &s, err);
	if (rc == 0) {
		rg_bypass_close(b->opts.notice, b->opts.arg);
		rc = handshake(&s, err);
		close(s.to_super[1]);
		close(s.to_us[0]);
	}
	if (rc == 0) {
		munmap(s.shm, sizeof(*s.shm));
		if (opts->stdout_aside)
			dup2(STDERR_FILENO, STDOUT_FILENO);
		execvp(opts->argv[0], opts->argv);
		rc = rg_fail(err, -errno, "%s: %s", opts->argv[0], strerror(errno));
	}
	if (b->policy)
		rg_policy_free(b->policy);
	free(b);
	return rc;
}
