/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RG_ENRICH_CONTAINER_H
#define RG_ENRICH_CONTAINER_H

#include <stdbool.h>
#include <stddef.h>

/* What a control group's path says about the container in it. Spans point into the path. */
struct rg_container_id {
	const char *id; /* NULL: not a container's */
	size_t id_len;
	const char *runtime; /* a literal */
	char pod[40];	     /* Kubernetes pod uid with dashes, "" none */
};
/* false: the path is not of a container (nor of a pod). */
bool rg_container_of(const char *cgroup_path, struct rg_container_id *ret);

/* Name and image from the runtime's own files under state_root, to be freed; NULL where they do not tell. */
void rg_container_state(const char *state_root, const struct rg_container_id *c, char **ret_name,
			char **ret_image);

/* The string at a dotted path ("Config.Image"; a key that holds dots is written in full as the last step) of
 * a JSON object, unescaped, to be freed; NULL: not there or not a string. */
char *rg_json_string(const char *json, size_t len, const char *const *path);
/* The n-th element of a JSON array: its text. false: none. */
bool rg_json_element(const char *json, size_t len, unsigned n, const char **ret, size_t *ret_len);

#endif
