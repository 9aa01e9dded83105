/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Another program, root like recvguard itself, tries to get at what is pinned for enforcement; and the ways
 * out that are documented (docs/enforce.md, "Guarded"). Prints TAP.
 */
#include <bpf/bpf.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include "enforce.h"

#define DIR_ "/sys/fs/bpf/recvguard"
#define DENY "    - {name: victim, when: 'proc.comm == \"ktest-victim\"', then: deny ENOMSG}\n"

static bool is_refused(void)
{
	int pair[2];
	char b;
	bool r;

	k_pair(K_STREAM, pair);
	k_send(pair[0], "x", 1);
	k_name("ktest-victim");
	r = recv(pair[1], &b, 1, MSG_DONTWAIT) == -1 && errno == ENOMSG;
	k_name("ktest-other");
	k_close(pair);
	return r;
}

static int sh(const char *cmd)
{
	int r = system(cmd);

	return WIFEXITED(r) ? WEXITSTATUS(r) : -1;
}

/* How many of the kernel's objects we get no descriptor of; *named: of those we get, the ones named so. */
static unsigned closed(int (*next)(__u32, __u32 *), int (*get)(__u32), const char *prefix, unsigned *named)
{
	struct {
		char name[BPF_OBJ_NAME_LEN];
	} is;
	unsigned n = 0;
	__u32 id = 0;

	*named = 0;
	while (!next(id, &id)) {
		struct bpf_map_info mi = {0};
		struct bpf_prog_info pi = {0};
		__u32 ms = sizeof(mi), ps = sizeof(pi);
		int fd = get(id);

		if (fd < 0) {
			n += errno == EPERM;
			continue;
		}
		if (get == bpf_map_get_fd_by_id)
			bpf_obj_get_info_by_fd(fd, &mi, &ms);
		else
			bpf_obj_get_info_by_fd(fd, &pi, &ps);
		memcpy(is.name, get == bpf_map_get_fd_by_id ? mi.name : pi.name, sizeof(is.name));
		*named += !strncmp(is.name, prefix, strlen(prefix));
		close(fd);
	}
	return n;
}

static void by_id(void)
{
	unsigned named, lsm, n = closed(bpf_map_get_next_id, bpf_map_get_fd_by_id, "enf_", &named);
	int own = bpf_map_create(BPF_MAP_TYPE_ARRAY, "own", 4, 4, 1, NULL), again;
	struct bpf_map_info info = {0};
	__u32 size = sizeof(info);

	k_result(n >= 17 && !named, "maps by their ids: none of ours is had (%u refused)", n);
	n = closed(bpf_prog_get_next_id, bpf_prog_get_fd_by_id, "lsm_", &lsm);
	closed(bpf_prog_get_next_id, bpf_prog_get_fd_by_id, "mod_", &named);
	k_result(n >= 15 && !named && !lsm, "programs by their ids: none of ours is had (%u refused)", n);
	bpf_obj_get_info_by_fd(own, &info, &size);
	again = bpf_map_get_fd_by_id(info.id);
	k_result(own >= 0 && again >= 0, "its own maps it has as before");
	close(own);
	close(again);
}

/* Links can be had by id; nothing can be changed by them. */
static void links(void)
{
	unsigned had = 0, changed = 0;
	__u32 id = 0;

	while (!bpf_link_get_next_id(id, &id)) {
		int fd = bpf_link_get_fd_by_id(id);

		if (fd < 0)
			continue;
		had++;
		changed += !bpf_link_detach(fd);
		close(fd);
	}
	k_result(had && !changed && is_refused(), "links by their ids: %u are had, none can be detached",
		 had);
}

static bool eperm(long r)
{
	return r < 0 && errno == EPERM;
}

static void by_name(void)
{
	DIR *d = opendir(DIR_);
	struct dirent *e;
	unsigned n = 0, gone = 0, had = 0;
	char path[512];

	while (d && (e = readdir(d))) {
		if (e->d_name[0] == '.')
			continue;
		n++;
		snprintf(path, sizeof(path), DIR_ "/%s", e->d_name);
		if (!strncmp(e->d_name, "enf_", 4) || !strncmp(e->d_name, "prog_", 5))
			had += bpf_obj_get(path) >= 0;
		gone += !unlink(path);
		gone += !rename(path, "/sys/fs/bpf/mine");
	}
	if (d)
		closedir(d);
	k_result(n > 20 && !gone, "%u pins: none can be removed or renamed", n);
	k_result(!had, "pinned maps and programs can't be opened");
	k_result(eperm(rename(DIR_, "/sys/fs/bpf/mine")) && eperm(rmdir(DIR_)), "nor their folder renamed");
	k_result(eperm(umount2("/sys/fs/bpf", MNT_DETACH)), "nor the file system unmounted");
	k_result(!mkdir("/sys/fs/bpf/other", 0700) && !rmdir("/sys/fs/bpf/other"),
		 "what else is in it, can be removed as before");
}

/* Through a recvguard that runs. */
static void by_process(void)
{
	pid_t pid = fork();
	bool there = false, had = false;
	int pidfd;

	if (!pid) {
		int null = open("/dev/null", O_WRONLY | O_CLOEXEC);

		dup2(null, 1);
		dup2(null, 2);
		execlp("recvguard", "recvguard", "enforce", "-o", "json", NULL);
		_exit(1);
	}
	pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	for (int i = 0; i < 2000 && !there; i++) { /* until it has the maps */
		char cmd[100];

		snprintf(cmd, sizeof(cmd), "ls -l /proc/%d/fd 2>/dev/null | grep -q bpf-map", pid);
		there = !sh(cmd);
		usleep(there ? 0 : 10000);
	}
	for (int fd = 0; fd < 64; fd++)
		had |= syscall(SYS_pidfd_getfd, pidfd, fd, 0) >= 0 || errno != EPERM;
	k_result(there && !had, "a running recvguard's descriptors can't be taken");
	k_result(eperm(ptrace(PTRACE_SEIZE, pid, 0, 0)), "nor can it be traced");
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	close(pidfd);
}

/* A hook goes a moment after the last name of its link. */
static bool comes_to_an_end(void)
{
	for (int i = 0; i < 2000; i++) {
		if (!is_refused())
			return true;
		usleep(10000);
	}
	return false;
}

static void ways_out(void)
{
	bool on = false;

	k_result(sh("cp /rg/bin/recvguard /tmp/recvguard && /tmp/recvguard enforce stop 2>/tmp/why") &&
			 is_refused(),
		 "a copy elsewhere is another program");
	k_result(!sh("cp /rg/bin/recvguard /rg/bin/new && mv /rg/bin/new /rg/bin/recvguard") &&
			 is_refused() && !k_stop() && !is_refused(),
		 "an upgrade in its place can stop it");
	k_enforce(DENY, "--no-wait");
	on = is_refused();
	/* busybox under our name, as rm */
	k_result(on &&
			 !sh("mv /rg/bin/recvguard /rg/bin/kept && cp /bin/busybox /rg/bin/recvguard && "
			     "(exec -a rm /rg/bin/recvguard -r " DIR_ ")") &&
			 comes_to_an_end(),
		 "without the program: any in its place can remove the pins");
	sh("mv /rg/bin/kept /rg/bin/recvguard");
	k_enforce(DENY, "--no-wait --for 2s");
	on = is_refused() && eperm(unlink(DIR_ "/enf_ctl"));
	for (int i = 0; i < 3000 && unlink(DIR_ "/enf_ctl"); i++)
		usleep(10000);
	k_result(on && access(DIR_ "/enf_ctl", F_OK) && !is_refused(),
		 "after --for anybody may remove what is left");
	k_stop();
}

int main(void)
{
	struct utsname u;

	uname(&u);
	setvbuf(stdout, NULL, _IOLBF, 0);
	k_stop();
	if (!strncmp(u.release, "5.10.", 5)) {
		k_skip("guard", "nothing can be enforced on 5.10 (said by enforce itself)");
		return k_end();
	}
	k_result(!k_enforce(DENY, "--no-wait") && is_refused(), "a policy is enforced");
	k_result(k_status_has("guarded   ", "yes: other programs can't change what is pinned"),
		 "status says that it is guarded");
	by_id();
	links();
	by_name();
	by_process();
	k_result(is_refused(), "and it is enforced throughout");
	ways_out();
	return k_end();
}
