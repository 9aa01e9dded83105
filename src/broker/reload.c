/* SPDX-License-Identifier: BSD-2-Clause */
/* New policies without a restart: all or nothing. */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "broker/event.h"

int rg_policies(const struct rg_broker *b, struct rg_policy **ret, struct rg_err *err)
{
	*ret = NULL;
	if (!b->opts.n_policies)
		return 0;
	if (rg_policy_load(b->opts.policies, b->opts.n_policies, ret, err) < 0)
		return err->code;
	if (rg_policy_check(*ret, RG_BACKEND_BROKER, err) == 0)
		return 0;
	rg_policy_free(*ret);
	*ret = NULL;
	return err->code;
}

void rg_reload(struct rg_broker *b, const char *why)
{
	struct rg_err err = {0};
	struct rg_policy *p;

	if (!b->opts.n_policies) {
		rg_say(b, "%s: there is no policy to load", why);
		return;
	}
	if (rg_policies(b, &p, &err) < 0) {
		rg_say(b, "%s: the new policy is refused and the old one stays: %s", why, err.msg);
		return;
	}
	rg_policy_free(b->policy);
	b->policy = p;
	rg_event_uses(b);
	rg_say(b, "%s: policy loaded", why);
}

static bool ends(const char *s, const char *with)
{
	size_t n = strlen(s), k = strlen(with);

	return n >= k && !strcmp(s + n - k, with);
}

/* The watches are on folders: is this file one of the policies? */
static bool is_policy(const struct rg_broker *b, const char *name)
{
	for (unsigned i = 0; i < b->opts.n_policies; i++) {
		const char *slash = strrchr(b->opts.policies[i], '/');

		if (slash && !strcmp(slash + 1, name))
			return true;
	}
	return b->watches_folder && (ends(name, ".yaml") || ends(name, ".yml"));
}

void rg_reload_watch(struct rg_broker *b)
{
	char buf[4096] __attribute__((aligned(8)));
	bool changed = false;
	ssize_t n;

	while ((n = read(b->watchfd, buf, sizeof(buf))) > 0)
		for (ssize_t at = 0; at < n;) {
			const struct inotify_event *e = (const void *)(buf + at);

			changed |= e->len && is_policy(b, e->name);
			at += (ssize_t)(sizeof(*e) + e->len);
		}
	if (changed)
		rg_reload(b, "policy changed");
}

/* May the program (same user) write the file or put another in its place? */
static bool in_its_hands(const char *path, const char *dir)
{
	return geteuid() != 0 && (access(path, W_OK) == 0 || access(dir, W_OK) == 0);
}

static int watch_one(struct rg_broker *b, const char *path, struct rg_err *err)
{
	rg_auto_free char *dir = strdup(path);
	struct stat st;
	char *slash;

	if (!dir || stat(path, &st) < 0)
		return rg_fail(err, -errno, "%s: %s", path, strerror(errno));
	slash = strrchr(dir, '/');
	if (S_ISDIR(st.st_mode))
		b->watches_folder = true;
	else if (slash)
		*(slash == dir ? slash + 1 : slash) = 0;
	if (!b->opts.reload && in_its_hands(path, dir)) {
		rg_say(b,
		       "%s: changes are not followed, the program itself could make them (--reload "
		       "follows them all the same)",
		       path);
		return 0;
	}
	if (inotify_add_watch(b->watchfd, dir, IN_CLOSE_WRITE | IN_MOVED_TO) < 0)
		return rg_fail(err, -errno, "%s: cannot be watched: %s", dir, strerror(errno));
	return 0;
}

int rg_reload_init(struct rg_broker *b, struct rg_err *err)
{
	const char **paths;

	b->watchfd = -1;
	rg_event_uses(b);
	if (!b->opts.n_policies)
		return 0;
	b->watchfd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	paths = calloc(b->opts.n_policies, sizeof(*paths));
	if (b->watchfd < 0 || !paths) {
		free(paths);
		return rg_fail(err, -ENOMEM, "cannot watch the policy: %s", strerror(errno));
	}
	for (unsigned i = 0; i < b->opts.n_policies; i++) {
		paths[i] = realpath(b->opts.policies[i],
				    NULL); /* kept for the supervisor's life: it leaves this folder */
		if (!paths[i])
			return rg_fail(err, -errno, "%s: %s", b->opts.policies[i], strerror(errno));
		if (watch_one(b, paths[i], err) < 0)
			return err->code;
	}
	b->opts.policies = paths;
	return 0;
}
