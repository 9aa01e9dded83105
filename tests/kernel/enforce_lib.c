/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "enforce.h"

#define POLICY "/tmp/ktest-enforce.yaml"

static int tests, failures;

void k_result(bool ok, const char *fmt, ...)
{
	va_list ap;

	printf("%sok %d - ", ok ? "" : "not ", ++tests);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
	fflush(stdout);
	failures += !ok;
}

void k_skip(const char *name, const char *why)
{
	printf("ok %d - %s # SKIP %s\n", ++tests, name, why);
}

int k_end(void)
{
	printf("1..%d\n", tests);
	return failures > 0;
}

int k_enforce_in(const char *scope, const char *rules, const char *args)
{
	FILE *f = fopen(POLICY, "w");
	char cmd[512];
	int r;

	if (!f)
		return -1;
	fprintf(f,
		"apiVersion: recvguard/v1\nkind: Policy\nmetadata: {name: ktest}\nspec:\n  scope: [%s]\n  "
		"default: allow\n  rules:\n%s",
		scope, rules);
	fclose(f);
	snprintf(cmd, sizeof(cmd), "recvguard enforce -q -p " POLICY " %s %s >/tmp/ktest-enforce.log 2>&1",
		 getenv("RG_ASK") ? getenv("RG_ASK") : "", args);
	r = system(cmd);
	r = WIFEXITED(r) ? WEXITSTATUS(r) : -1;
	if (r && system("sed 's/^/# /' /tmp/ktest-enforce.log"))
		return r;
	return r;
}

int k_enforce(const char *rules, const char *args)
{
	return k_enforce_in("global", rules, args);
}

int k_stop(void)
{
	int r = system("recvguard enforce stop 2>/dev/null");

	return WIFEXITED(r) ? WEXITSTATUS(r) : -1;
}

const char *k_backend(void)
{
	const char *b = getenv("RG_BACKEND");

	return b && *b ? b : "lsm";
}

const char *k_backend_told(void)
{
	return strcmp(k_backend(), "lsm") ? k_backend() : "BPF LSM";
}

bool k_status_has(const char *begin, const char *rest)
{
	FILE *f = popen("recvguard enforce status 2>/dev/null", "r");
	char line[512];
	bool found = false;

	while (f && fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\n")] = '\0';
		if (!strncmp(line, begin, strlen(begin)))
			found |= !strcmp(line + strlen(begin), rest);
	}
	if (f)
		pclose(f);
	return found;
}

long k_status(const char *word)
{
	FILE *f = popen("recvguard enforce status 2>/dev/null", "r");
	char line[512];
	long found = -1;

	while (f && fgets(line, sizeof(line), f)) {
		char *at = strstr(line, word);

		if (strncmp(line, "verdicts", 8) || !at)
			continue;
		while (at > line && (at[-1] == ' ' || (at[-1] >= '0' && at[-1] <= '9')))
			at--;
		found = strtol(at, NULL, 10);
	}
	if (f)
		pclose(f);
	return found;
}

bool k_waits_in_recv(pid_t pid)
{
	char path[64], line[256];

	snprintf(path, sizeof(path), "/proc/%d/syscall", (int)pid);
	for (int i = 0; i < 2000; i++) {
		FILE *f = fopen(path, "r");
		bool there = f && fgets(line, sizeof(line), f) && atoi(line) == SYS_recvfrom;

		if (f)
			fclose(f);
		if (there)
			return true;
		usleep(10000);
	}
	return false;
}

void k_name(const char *comm)
{
	prctl(PR_SET_NAME, comm);
}

enum k_got k_try(int fd)
{
	char b;

	return recv(fd, &b, 1, MSG_DONTWAIT) == 1 ? K_GOT : errno == ENOMSG ? K_REFUSED : K_ELSE;
}
