/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "broker/setid.h"

/* The file that execvp would execute: false when there is none. */
static bool find(const char *name, char *path, size_t cap)
{
	const char *at = getenv("PATH"), *end;

	if (strchr(name, '/'))
		return snprintf(path, cap, "%s", name) < (int)cap && access(path, X_OK) == 0;
	for (at = at ? at : "/bin:/usr/bin"; *at; at = *end ? end + 1 : end) {
		end = strchrnul(at, ':');
		if (snprintf(path, cap, "%.*s/%s", (int)(end - at), end > at ? at : ".", name) < (int)cap &&
		    access(path, X_OK) == 0)
			return true;
	}
	return false;
}

bool rg_setid_line(const char *name, char *line, size_t cap)
{
	char path[4096];
	const char *what = NULL;
	struct stat st;

	if (!geteuid() || !find(name, path, sizeof(path)) || stat(path, &st) < 0)
		return false;
	if (st.st_mode & S_ISUID && st.st_uid != geteuid())
		what = "set-user-id";
	else if (st.st_mode & S_ISGID && st.st_mode & S_IXGRP && st.st_gid != getegid())
		what = "set-group-id";
	else if (getxattr(path, "security.capability", NULL, 0) > 0)
		what = "given capabilities";
	if (!what)
		return false;
	snprintf(line, cap,
		 "%s is %s: that has no effect under a supervisor (no_new_privs), it runs with your own "
		 "privileges",
		 path, what);
	return true;
}
