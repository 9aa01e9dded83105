/* SPDX-License-Identifier: BSD-2-Clause */
#include "enrich/users.h"

#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

#define USERS_MAX 65536

/* By uid, and where several share one, in the order of the file: getpwuid(3) gives the first, too. */
static int by_uid(const void *a, const void *b)
{
	const struct rg_user *x = a, *y = b;

	return x->uid < y->uid ? -1 : x->uid > y->uid;
}

void rg_users_init(struct rg_users *u, const char *state_root)
{
	char path[PATH_MAX];
	rg_auto_fclose FILE *f = NULL;
	const struct passwd *pw;

	*u = (struct rg_users){0};
	snprintf(path, sizeof(path), "%s/etc/passwd", state_root);
	f = fopen(path, "re");
	while (f && u->n < USERS_MAX && (pw = fgetpwent(f))) {
		struct rg_user *v = reallocarray(u->v, u->n + 1, sizeof(*v));

		if (!v)
			break;
		u->v = v;
		v[u->n].uid = pw->pw_uid;
		v[u->n].name = strdup(pw->pw_name);
		if (!v[u->n].name)
			break;
		u->n++;
	}
	if (u->n)
		qsort(u->v, u->n, sizeof(*u->v), by_uid); /* glibc's is a stable merge sort at this size */
}

void rg_users_free(struct rg_users *u)
{
	for (size_t i = 0; i < u->n; i++)
		free(u->v[i].name);
	free(u->v);
	*u = (struct rg_users){0};
}

const char *rg_users_name(const struct rg_users *u, uint32_t uid)
{
	size_t lo = 0, hi = u->n;

	while (lo < hi) {
		size_t mid = (lo + hi) / 2;

		if (u->v[mid].uid < uid)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < u->n && u->v[lo].uid == uid ? u->v[lo].name : NULL;
}
