/* SPDX-License-Identifier: BSD-2-Clause */
#include "enrich/enrich.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "enrich/cgroup.h"
#include "enrich/container.h"
#include "enrich/lru.h"
#include "enrich/read.h"
#include "enrich/users.h"

/* A sender's number without a start time is asked again after so long: another process may have it by then.
 */
#define SENDER_FRESH 250000000ull
/* A group that was not found may have been missed (see cgroup.c: one walk is bounded): so long until the next
 * try. */
#define GROUP_RETRY 1000000000ull

struct container {
	char *id, *name, *image;
	const char *runtime; /* literal; NULL: none */
	char pod[40];
};

/* What is known of one process and one of its executables. */
struct process {
	struct rg_lru_link link; /* pid, leader_start */
	uint64_t exe_ino;
	uint32_t exe_dev;
	uint8_t exe_tag; /* 0: unknown */
	char *exe;
	bool asked_cgroup;
	struct container container; /* where only /proc/PID/cgroup tells it (v1 hierarchies) */
};

/* The process at the other end, as long as its number means the same process. */
struct sender {
	struct rg_lru_link link; /* pid, start where the kernel told it */
	uint64_t ticks;		 /* start as /proc tells it; 0: it was gone */
	uint64_t read_at;	 /* CLOCK_BOOTTIME ns of the event that caused the reading */
	char comm[16];
	char *exe;
};

struct group {
	struct rg_lru_link link; /* id, 0 */
	char *path;
	uint64_t read_at; /* as in struct sender */
	struct container container;
};

struct rg_enrich {
	char *proc_root, *state_root;
	struct rg_cgroups cgroups;
	struct rg_users users;
	struct rg_lru processes, senders, groups;
	struct rg_enrich_stats stats;
};

static void container_free(struct container *c)
{
	free(c->id);
	free(c->name);
	free(c->image);
	*c = (struct container){0};
}

static void process_drop(void *entry)
{
	struct process *p = entry;

	free(p->exe);
	container_free(&p->container);
}

static void sender_drop(void *entry)
{
	free(((struct sender *)entry)->exe);
}

static void group_drop(void *entry)
{
	struct group *g = entry;

	free(g->path);
	container_free(&g->container);
}

int rg_enrich_new(const struct rg_enrich_opts *opts, struct rg_enrich **ret, struct rg_err *err)
{
	static const struct rg_enrich_opts none;
	struct rg_enrich *e = calloc(1, sizeof(*e));
	uint32_t processes, groups;

	if (!e)
		return rg_fail(err, -ENOMEM, "enrich: out of memory");
	opts = opts ? opts : &none;
	processes = opts->max_processes ? opts->max_processes : 8192;
	groups = opts->max_cgroups ? opts->max_cgroups : 4096;
	e->cgroups.root_fd = -1;
	e->proc_root = strdup(opts->proc_root ? opts->proc_root : "/proc");
	e->state_root = strdup(opts->state_root ? opts->state_root : "");
	if (!e->proc_root || !e->state_root ||
	    rg_lru_init(&e->processes, processes, sizeof(struct process), process_drop) < 0 ||
	    rg_lru_init(&e->senders, processes, sizeof(struct sender), sender_drop) < 0 ||
	    rg_lru_init(&e->groups, groups, sizeof(struct group), group_drop) < 0) {
		rg_enrich_free(e);
		return rg_fail(err, -ENOMEM, "enrich: out of memory");
	}
	rg_cgroups_init(&e->cgroups, e->proc_root, opts->cgroup_root);
	rg_users_init(&e->users, e->state_root);
	*ret = e;
	return 0;
}

void rg_enrich_free(struct rg_enrich *e)
{
	if (!e)
		return;
	rg_lru_free(&e->processes);
	rg_lru_free(&e->senders);
	rg_lru_free(&e->groups);
	rg_cgroups_free(&e->cgroups);
	rg_users_free(&e->users);
	free(e->proc_root);
	free(e->state_root);
	free(e);
}

void rg_enrich_stats(const struct rg_enrich *e, struct rg_enrich_stats *ret)
{
	*ret = e->stats;
}

/* The caches may forget s before the event is used: it gets a copy. */
static void set_copy(struct rg_event *ev, enum rg_field f, const char *s, uint8_t tag)
{
	size_t len;
	char *copy;

	if (!s || rg_has(ev, f))
		return;
	len = strlen(s);
	copy = rg_event_alloc(ev, len ? len : 1);
	if (!copy)
		return;
	memcpy(copy, s, len);
	rg_set_str(ev, f, copy, (uint32_t)len, tag);
}

/* The kernel's device number is major << 20 | minor. On file systems with devices of their own making (btrfs,
 * overlayfs: major 0) stat(2) shows another device than the kernel's inode has: the inode number must do. */
static bool same_file(const struct rg_raw_who *who, uint64_t dev, uint64_t ino)
{
	uint32_t major_k = who->exe_dev >> 20, minor_k = who->exe_dev & 0xfffff;

	if (ino != who->exe_ino)
		return false;
	return (major(dev) == major_k && minor(dev) == minor_k) || major(dev) == 0 || major_k == 0;
}

static void process_read(struct rg_enrich *e, struct process *p, const struct rg_raw_who *who)
{
	uint64_t dev, ino, ticks;
	rg_auto_close int fd = rg_proc_open(e->proc_root, who->pid);

	e->stats.process_reads++;
	free(RG_TAKE(p->exe));
	p->exe_tag = 0;
	p->exe_ino = who->exe_ino;
	p->exe_dev = who->exe_dev;
	if (fd >= 0 && rg_proc_start(fd, &ticks, NULL) == 0 && ticks == rg_ticks(who->leader_start)) {
		p->exe = rg_proc_exe(fd, &dev, &ino);
		if (p->exe && who->exe_ino && !same_file(who, dev, ino))
			free(RG_TAKE(p->exe)); /* it has called exec since */
		if (p->exe)
			p->exe_tag = RG_TAG_LATE | (who->exe_ino ? RG_TAG_K : 0);
	}
	if (!p->exe)
		e->stats.process_unknown++;
}

static struct process *process_of(struct rg_enrich *e, const struct rg_raw_who *who)
{
	struct process *p;
	bool fresh;

	if (!who->pid || !who->leader_start)
		return NULL;
	p = rg_lru_get(&e->processes, (struct rg_lru_key){who->pid, who->leader_start}, &fresh);
	if (fresh || p->exe_ino != who->exe_ino || p->exe_dev != who->exe_dev)
		process_read(e, p, who);
	return p;
}

static void container_read(struct rg_enrich *e, struct container *c, const char *path)
{
	struct rg_container_id id;

	if (!path || !rg_container_of(path, &id))
		return;
	memcpy(c->pod, id.pod, sizeof(c->pod));
	if (!id.id)
		return;
	e->stats.container_reads++;
	c->id = strndup(id.id, id.id_len);
	c->runtime = id.runtime;
	rg_container_state(e->state_root, &id, &c->name, &c->image);
}

static void container_set(struct rg_event *ev, const struct container *c, uint8_t tag)
{
	set_copy(ev, RG_F_CONTAINER_ID, c->id, tag);
	set_copy(ev, RG_F_CONTAINER_NAME, c->name, RG_TAG_LATE);
	set_copy(ev, RG_F_CONTAINER_IMAGE, c->image, RG_TAG_LATE);
	set_copy(ev, RG_F_CONTAINER_RUNTIME, c->runtime, tag);
	set_copy(ev, RG_F_CONTAINER_POD, c->pod[0] ? c->pod : NULL, tag);
}

static const struct group *group_of(struct rg_enrich *e, const struct rg_raw_who *who)
{
	struct group *g;
	bool fresh;

	if (!who->cgroup_id)
		return NULL;
	g = rg_lru_get(&e->groups, (struct rg_lru_key){who->cgroup_id, 0}, &fresh);
	if (fresh || (!g->path && who->now - g->read_at > GROUP_RETRY)) {
		e->stats.cgroup_reads++;
		g->read_at = who->now;
		g->path = rg_cgroups_path(&e->cgroups, who->cgroup_id);
		if (!g->path)
			e->stats.cgroup_unknown++;
		container_read(e, &g->container, g->path);
	}
	return g;
}

static uint64_t hash(const char *s)
{
	uint64_t h = 14695981039346656037u; /* FNV-1a, 64 bits */

	while (*s)
		h = (h ^ (uint8_t)*s++) * 1099511628211u;
	return h;
}

/* A group known by its path alone: another of the same hash takes its place. */
static const struct group *group_at(struct rg_enrich *e, const char *path)
{
	struct group *g;
	bool fresh;

	g = rg_lru_get(&e->groups, (struct rg_lru_key){hash(path), 1}, &fresh);
	if (fresh || !g->path || strcmp(g->path, path) != 0) {
		group_drop(g);
		g->path = strdup(path);
		container_read(e, &g->container, path);
	}
	return g;
}

/* On machines with v1 hierarchies the v2 group may say nothing: the process's own list is asked, once. */
static void container_by_process(struct rg_enrich *e, struct process *p, const struct rg_raw_who *who)
{
	rg_auto_close int fd = -1;
	rg_auto_free char *text = NULL, *path = NULL;
	uint64_t ticks;
	size_t len;

	if (p->asked_cgroup)
		return;
	p->asked_cgroup = true;
	fd = rg_proc_open(e->proc_root, who->pid);
	if (fd < 0 || rg_proc_start(fd, &ticks, NULL) < 0 || ticks != rg_ticks(who->leader_start))
		return;
	text = rg_read_file(fd, "cgroup", 64 << 10, &len);
	path = text ? rg_cgroup_of_text(text) : NULL;
	container_read(e, &p->container, path);
}

static void sender_read(struct rg_enrich *e, struct sender *s, const struct rg_raw_who *who)
{
	uint64_t dev, ino;
	rg_auto_close int fd = rg_proc_open(e->proc_root, who->sender_pid);

	e->stats.process_reads++;
	free(RG_TAKE(s->exe));
	s->ticks = 0;
	s->read_at = who->now;
	if (fd < 0 || rg_proc_start(fd, &s->ticks, s->comm) < 0) {
		s->ticks = 0;
		e->stats.process_unknown++;
		return;
	}
	s->exe = rg_proc_exe(fd, &dev, &ino);
}

/* Is s the process that the event means? With the kernel's start time: exactly. Else it must have lived at
 * the time of the event, and bear the name that the kernel read, where it read one. */
static bool sender_agrees(const struct sender *s, const struct rg_event *ev, const struct rg_raw_who *who)
{
	const struct rg_value *comm = &ev->v[RG_F_SENDER_COMM];

	if (!s->ticks)
		return false;
	if (who->sender_start)
		return s->ticks == rg_ticks(who->sender_start);
	if (who->now && s->ticks > rg_ticks(who->now))
		return false;
	return !rg_has(ev, RG_F_SENDER_COMM) ||
	       (strlen(s->comm) == comm->len && !memcmp(s->comm, comm->p, comm->len));
}

static void sender_set(struct rg_enrich *e, struct rg_event *ev, const struct rg_raw_who *who)
{
	struct sender *s;
	bool fresh;

	if (!who->sender_pid)
		return;
	s = rg_lru_get(&e->senders, (struct rg_lru_key){who->sender_pid, who->sender_start}, &fresh);
	if (fresh || (!who->sender_start && who->now - s->read_at > SENDER_FRESH))
		sender_read(e, s, who);
	if (!sender_agrees(s, ev, who))
		return;
	set_copy(ev, RG_F_SENDER_COMM, s->comm, RG_TAG_LATE);
	set_copy(ev, RG_F_SENDER_EXE, s->exe, RG_TAG_LATE);
}

void rg_enrich_event(struct rg_enrich *e, struct rg_event *ev, const struct rg_raw_who *who)
{
	const struct group *g = group_of(e, who);
	struct process *p = process_of(e, who);

	if (rg_has(ev, RG_F_PROC_UID))
		set_copy(ev, RG_F_PROC_USER, rg_users_name(&e->users, (uint32_t)ev->v[RG_F_PROC_UID].u),
			 RG_TAG_LATE);
	if (p && p->exe)
		set_copy(ev, RG_F_PROC_EXE, p->exe, p->exe_tag);
	if (g) {
		set_copy(ev, RG_F_PROC_CGROUP, g->path, RG_TAG_K | RG_TAG_LATE);
		container_set(ev, &g->container, RG_TAG_K | RG_TAG_LATE);
	}
	if (p && !rg_has(ev, RG_F_CONTAINER_ID)) {
		container_by_process(e, p, who);
		container_set(ev, &p->container, RG_TAG_LATE);
	}
	sender_set(e, ev, who);
}

void rg_enrich_held(struct rg_enrich *e, struct rg_event *ev, uint32_t pid)
{
	rg_auto_close int fd = rg_proc_open(e->proc_root, pid);
	rg_auto_free char *text = fd < 0 ? NULL : rg_read_file(fd, "cgroup", 64 << 10, &(size_t){0});
	rg_auto_free char *path = text ? rg_cgroup_of_text(text) : NULL;

	if (rg_has(ev, RG_F_PROC_UID))
		set_copy(ev, RG_F_PROC_USER, rg_users_name(&e->users, (uint32_t)ev->v[RG_F_PROC_UID].u),
			 RG_TAG_LATE);
	if (!path)
		return;
	set_copy(ev, RG_F_PROC_CGROUP, path, RG_TAG_K);
	container_set(ev, &group_at(e, path)->container, RG_TAG_K);
}
