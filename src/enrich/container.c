/* SPDX-License-Identifier: BSD-2-Clause */
/* Control group path -> container id, runtime, pod: a table of the names that runtimes give their groups. */
#include "enrich/container.h"

#include <ctype.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"

enum id_kind { ID_HEX64, ID_NAME };

/*
 * One path component, "before ID after", and the component above it. Innermost component first: a container
 * in a container is reported as the inner one. Sources: the runtimes' cgroup managers (runc's systemd and fs
 * drivers, crun, cri-o, podman, systemd's machined, lxc), as seen on running machines.
 */
static const struct pattern {
	const char *parent; /* NULL: any; "x*": begins with x */
	const char *before, *after;
	enum id_kind kind;
	const char *runtime;
} patterns[] = {
	{NULL, "docker-", ".scope", ID_HEX64, "docker"},	     /* systemd driver */
	{"docker", "", "", ID_HEX64, "docker"},			     /* cgroupfs driver */
	{NULL, "cri-containerd-", ".scope", ID_HEX64, "containerd"}, /* Kubernetes, systemd driver */
	{NULL, "nerdctl-", ".scope", ID_HEX64, "containerd"},
	{NULL, "crio-", ".scope", ID_HEX64, "cri-o"},
	{NULL, "crio-", "", ID_HEX64, "cri-o"}, /* cgroupfs driver */
	{NULL, "libpod-", ".scope", ID_HEX64, "podman"},
	{NULL, "libpod-", "", ID_HEX64, "podman"},
	{"machine.slice", "systemd-nspawn@", ".service", ID_NAME, "systemd-nspawn"},
	{"machine.slice", "machine-lxc\\x2d", ".scope", ID_NAME, "lxc"},
	{"machine.slice", "machine-qemu\\x2d", ".scope", ID_NAME,
	 NULL}, /* libvirt's virtual machines: not one */
	{"machine.slice", "machine-", ".scope", ID_NAME, "systemd-nspawn"},
	{NULL, "lxc.payload.", "", ID_NAME, "lxc"},
	{"lxc.payload", "", "", ID_NAME, "lxc"},
	{"lxc", "", "", ID_NAME, "lxc"},
	{NULL, ":cri-containerd:", "", ID_HEX64, "containerd"}, /* SLICE:cri-containerd:ID, driver mismatch */
	{NULL, ":docker:", "", ID_HEX64, "docker"},
	{NULL, "", "", ID_HEX64, "unknown"}, /* Kubernetes cgroupfs driver, ctr, ECS */
};

struct span {
	const char *p;
	size_t len;
};

static bool span_is(struct span s, const char *text)
{
	return strlen(text) == s.len && !memcmp(s.p, text, s.len);
}

static bool is_id(enum id_kind kind, const char *p, size_t len)
{
	if (kind == ID_NAME)
		return len > 0;
	for (size_t i = 0; i < len; i++)
		if (!(p[i] >= '0' && p[i] <= '9') && !(p[i] >= 'a' && p[i] <= 'f'))
			return false;
	return len == 64;
}

/* The id in component c, when it has the pattern's form. */
static bool match(const struct pattern *pt, struct span parent, struct span c, struct span *id)
{
	size_t nb = strlen(pt->before), na = strlen(pt->after);
	size_t at = 0;

	if (pt->parent && !span_is(parent, pt->parent))
		return false;
	if (pt->before[0] == ':') { /* anywhere */
		const char *hit = memmem(c.p, c.len, pt->before, nb);

		if (!hit)
			return false;
		at = (size_t)(hit - c.p);
	}
	if (c.len < at + nb + na || memcmp(c.p + at, pt->before, nb) != 0 ||
	    memcmp(c.p + c.len - na, pt->after, na) != 0)
		return false;
	*id = (struct span){c.p + at + nb, c.len - at - nb - na};
	return is_id(pt->kind, id->p, id->len);
}

/* Helper processes of a runtime stand beside the container, in groups of their own. */
static bool is_helper(struct span c)
{
	static const char *const helpers[] = {"crio-conmon-", "libpod-conmon-", "lxc.monitor"};

	for (size_t i = 0; i < RG_ARRAY_LEN(helpers); i++)
		if (c.len >= strlen(helpers[i]) && !memcmp(c.p, helpers[i], strlen(helpers[i])))
			return true;
	return false;
}

static bool container_in(struct span parent, struct span c, struct rg_container_id *ret)
{
	for (size_t i = 0; i < RG_ARRAY_LEN(patterns); i++) {
		struct span id;

		if (!match(&patterns[i], parent, c, &id))
			continue;
		if (!patterns[i].runtime)
			return false;
		ret->id = id.p;
		ret->id_len = id.len;
		ret->runtime = patterns[i].runtime;
		return true;
	}
	return false;
}

static bool is_uid(const char *p, size_t len, char dash)
{
	for (size_t i = 0; i < len; i++) {
		bool at_dash = len == 36 && (i == 8 || i == 13 || i == 18 || i == 23);

		if (at_dash ? p[i] != dash : !isxdigit((unsigned char)p[i]))
			return false;
	}
	return len == 36 || len == 32; /* static pods: 32 digits, no dashes */
}

/* "podUID", or "kubepods-burstable-podUID.slice" with '_' for '-' (and more after a ':'). */
static bool pod_in(struct span c, char *pod)
{
	const char *end = c.p + c.len, *p;

	for (p = c.p; p + 35 <= end; p++) {
		size_t len;

		if (memcmp(p, "pod", 3) != 0 || (p != c.p && p[-1] != '-'))
			continue;
		p += 3;
		len = (size_t)(end - p);
		if (memmem(p, len, ".slice", 6))
			len = (size_t)((const char *)memmem(p, len, ".slice", 6) - p);
		if (!is_uid(p, len, '-') && !is_uid(p, len, '_'))
			return false;
		memcpy(pod, p, len);
		pod[len] = 0;
		for (; *pod; pod++)
			if (*pod == '_')
				*pod = '-';
		return true;
	}
	return false;
}

/* The component that ends at `end`; false at the root. */
static bool component_before(const char *path, const char *end, struct span *ret)
{
	const char *p;

	while (end > path && end[-1] == '/')
		end--;
	for (p = end; p > path && p[-1] != '/';)
		p--;
	*ret = (struct span){p, (size_t)(end - p)};
	return ret->len > 0;
}

bool rg_container_of(const char *cgroup_path, struct rg_container_id *ret)
{
	const char *end = cgroup_path + strlen(cgroup_path);
	struct span c, parent;

	*ret = (struct rg_container_id){0};
	while (component_before(cgroup_path, end, &c)) {
		if (!component_before(cgroup_path, c.p, &parent))
			parent = (struct span){"", 0};
		if (is_helper(c) && !ret->id)
			return false;
		if (!ret->id)
			container_in(parent, c, ret);
		if (!ret->pod[0])
			pod_in(c, ret->pod);
		end = c.p;
	}
	return ret->id || ret->pod[0];
}
