/* SPDX-License-Identifier: BSD-2-Clause */
/* Settings of the machine that explain what the probes found. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "probe/probe.h"

int rg_first_line(const char *path, char *out, size_t size)
{
	rg_auto_close int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, out, size - 1);

	if (n < 0)
		return -errno;
	out[n] = 0;
	out[strcspn(out, "\n")] = 0;
	return 0;
}

static void from_file(char *out, size_t size, const char *path)
{
	if (rg_first_line(path, out, size) < 0)
		snprintf(out, size, "unknown (%s cannot be read)", path);
}

static void capabilities(char *out, size_t size)
{
	rg_auto_fclose FILE *f = fopen("/proc/self/status", "re");
	char line[256];

	snprintf(out, size, "unknown");
	while (f && fgets(line, sizeof(line), f))
		if (!strncmp(line, "CapEff:", 7)) {
			line[strcspn(line, "\n")] = 0;
			snprintf(out, size, "%s", line + 7 + strspn(line + 7, " \t"));
		}
}

static void limit(char *out, size_t size)
{
	struct rlimit r;

	if (getrlimit(RLIMIT_MEMLOCK, &r) < 0)
		snprintf(out, size, "unknown");
	else if (r.rlim_cur == RLIM_INFINITY)
		snprintf(out, size, "unlimited");
	else
		snprintf(out, size, "%llu bytes", (unsigned long long)r.rlim_cur);
}

/* "none [integrity] confidentiality": the one in brackets. */
static void lockdown(char *out, size_t size)
{
	char text[128], *open, *close;

	from_file(text, sizeof(text), "/sys/kernel/security/lockdown");
	open = strchr(text, '[');
	close = open ? strchr(open, ']') : NULL;
	if (close)
		*close = 0;
	snprintf(out, size, "%s", close ? open + 1 : text);
}

void rg_machine_facts(struct rg_machine_fact ret[RG_MACHINE_FACTS])
{
	struct utsname u;
	unsigned n = 0;

#define FACT(name_) (ret[n].name = name_, ret[n].value), sizeof(ret[n].value)
	uname(&u);
	ret[n].name = "kernel";
	snprintf(ret[n].value, sizeof(ret[n].value), "%s %s", u.release, u.machine);
	n++;
	ret[n].name = "uid";
	snprintf(ret[n].value, sizeof(ret[n].value), "%u", geteuid());
	n++;
	capabilities(FACT("capabilities"));
	n++;
	limit(FACT("memlock limit"));
	n++;
	from_file(FACT("active LSMs"), "/sys/kernel/security/lsm");
	n++;
	lockdown(FACT("lockdown"));
	n++;
	from_file(FACT("unprivileged_bpf_disabled"), "/proc/sys/kernel/unprivileged_bpf_disabled");
	n++;
	from_file(FACT("yama ptrace_scope"), "/proc/sys/kernel/yama/ptrace_scope");
	n++;
	ret[n].name = "cgroup2 mount";
	if (rg_cgroup2_mount(ret[n].value, sizeof(ret[n].value)) < 0)
		snprintf(ret[n].value, sizeof(ret[n].value), "none");
#undef FACT
}
