/* SPDX-License-Identifier: BSD-2-Clause */
/* Names and images of containers from what the runtimes keep on disk. Their sockets are never asked: they may
 * be slow, and asking makes them receive messages that would be traced. */
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "enrich/container.h"
#include "enrich/read.h"

#define STATE_MAX (4u << 20) /* bytes of a state file worth reading */

struct wanted {
	const char *root, *id;
	char **name, **image;
};

__attribute__((format(printf, 3, 4))) static char *read_at(const struct wanted *w, size_t *len,
							   const char *fmt, ...)
{
	char path[PATH_MAX], *below;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&below, fmt, ap);
	va_end(ap);
	if (n < 0)
		return NULL;
	n = snprintf(path, sizeof(path), "%s%s", w->root, below);
	free(below);
	return n < (int)sizeof(path) ? rg_read_file(AT_FDCWD, path, STATE_MAX, len) : NULL;
}

#define PATH(...) ((const char *const[]){__VA_ARGS__, NULL})

static void docker_state(const struct wanted *w)
{
	size_t len;
	rg_auto_free char *json = read_at(w, &len, "/var/lib/docker/containers/%s/config.v2.json", w->id);
	char *name;

	if (!json)
		return;
	name = rg_json_string(json, len, PATH("Name"));
	if (name && name[0] == '/')
		memmove(name, name + 1, strlen(name));
	*w->name = name;
	*w->image = rg_json_string(json, len, PATH("Config", "Image"));
}

/* containerd keeps the OCI configuration of each running task, by namespace. */
static void containerd_state(const struct wanted *w)
{
	static const char *const spaces[] = {"k8s.io", "default", "moby"};

	for (size_t i = 0; i < RG_ARRAY_LEN(spaces) && !*w->name; i++) {
		size_t len;
		rg_auto_free char *json =
			read_at(w, &len, "/run/containerd/io.containerd.runtime.v2.task/%s/%s/config.json",
				spaces[i], w->id);

		if (!json)
			continue;
		*w->name = rg_json_string(json, len, PATH("annotations", "io.kubernetes.cri.container-name"));
		if (!*w->name)
			*w->name = rg_json_string(json, len, PATH("annotations", "nerdctl/name"));
		if (!*w->name)
			*w->name = rg_json_string(json, len, PATH("hostname"));
		*w->image = rg_json_string(json, len, PATH("annotations", "io.kubernetes.cri.image-name"));
	}
}

/* containers/storage (podman, cri-o): one array; the runtime's own words are a JSON text in "metadata". */
static void storage_state(const struct wanted *w)
{
	size_t len, elem_len;
	rg_auto_free char *json =
		read_at(w, &len, "/var/lib/containers/storage/overlay-containers/containers.json");
	const char *elem;

	for (unsigned i = 0; json && rg_json_element(json, len, i, &elem, &elem_len); i++) {
		rg_auto_free char *id = rg_json_string(elem, elem_len, PATH("id"));
		rg_auto_free char *meta = NULL;

		if (!id || strcmp(id, w->id) != 0)
			continue;
		meta = rg_json_string(elem, elem_len, PATH("metadata"));
		if (!meta)
			return;
		*w->image = rg_json_string(meta, strlen(meta), PATH("image-name"));
		*w->name = rg_json_string(meta, strlen(meta), PATH("name"));
		return;
	}
}

/* systemd escapes unit names: \xHH. */
static void name_is_id(const struct wanted *w)
{
	char *o = *w->name = strdup(w->id);

	for (const char *p = w->id; o && *p; o++) {
		char hex[3] = {0};

		if (p[0] == '\\' && p[1] == 'x' && p[2] && p[3]) {
			memcpy(hex, p + 2, 2);
			*o = (char)strtoul(hex, NULL, 16);
			p += 4;
		} else {
			*o = *p++;
		}
	}
	if (o)
		*o = 0;
}

static const struct {
	const char *runtime;
	void (*read)(const struct wanted *w);
} readers[] = {
	{"docker", docker_state},  {"containerd", containerd_state}, {"cri-o", storage_state},
	{"podman", storage_state}, {"systemd-nspawn", name_is_id},   {"lxc", name_is_id},
	{"unknown", docker_state}, {"unknown", containerd_state},    {"unknown", storage_state},
};

void rg_container_state(const char *state_root, const struct rg_container_id *c, char **ret_name,
			char **ret_image)
{
	rg_auto_free char *id = c->id ? strndup(c->id, c->id_len) : NULL;
	struct wanted w = {state_root, id, ret_name, ret_image};

	*ret_name = *ret_image = NULL;
	if (!id || strchr(id, '/'))
		return;
	for (size_t i = 0; i < RG_ARRAY_LEN(readers) && !*ret_name; i++)
		if (!strcmp(readers[i].runtime, c->runtime))
			readers[i].read(&w);
}
