/* SPDX-License-Identifier: BSD-2-Clause */
/* What the supervisor gives up once it serves. */
#include <errno.h>
#include <linux/capability.h>
#include <string.h>
#include <sys/prctl.h>

#include "broker/broker.h"
#include "broker/jail.h"
#include "broker/sys.h"

/* To reach programs that changed their user (CAP_SYS_PTRACE) and kill them (CAP_KILL); policies are read anew
 * on reload with what the user id alone allows. */
#define KEPT (1u << CAP_SYS_PTRACE | 1u << CAP_KILL)

static int drop_capabilities(void)
{
	struct __user_cap_header_struct h = {_LINUX_CAPABILITY_VERSION_3, 0};
	struct __user_cap_data_struct d[2] = {0};

	if (syscall(SYS_capget, &h, d) < 0)
		return -errno;
	for (int i = 0; i < 2; i++) {
		uint32_t keep = i == 0 ? KEPT : 0;

		d[i].effective &= keep;
		d[i].permitted &= keep;
		d[i].inheritable = 0;
	}
	prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	return syscall(SYS_capset, &h, d) < 0 ? -errno : 0;
}

int rg_confine(struct rg_broker *b, struct rg_err *err)
{
	int rc;

	/* The program runs as the same user: it must not trace, read or write the supervisor. */
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return rg_fail(err, -errno, "the supervisor cannot confine itself: %s", strerror(errno));
	rc = drop_capabilities();
	if (rc < 0)
		return rg_fail(err, rc, "the supervisor cannot drop capabilities: %s", strerror(-rc));
	rc = rg_jail(b->opts.opens_files);
	if (rc < 0)
		rg_say(b, "the supervisor serves without a seccomp filter of its own: %s", strerror(-rc));
	return 0;
}
