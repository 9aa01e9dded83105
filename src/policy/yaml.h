/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RG_POLICY_YAML_H
#define RG_POLICY_YAML_H

#include <yaml.h>

#include "policy/ast.h"

/* One YAML document, with errors that point into its file. */
struct rg_yaml {
	struct rg_comp *c;
	const struct rg_src *file;
	yaml_document_t *doc;
};

/* Error at a node. Returns -EINVAL. */
int rg_yaml_fail(struct rg_yaml *y, const yaml_node_t *n, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* The text of a scalar as a piece of source: its places are the file's. NULL when out of memory. */
const struct rg_src *rg_yaml_src(struct rg_yaml *y, const yaml_node_t *n);
/* NUL-terminated copy of a scalar in the compiler's arena; NULL with the error set when it is none. */
const char *rg_yaml_str(struct rg_yaml *y, const yaml_node_t *n, const char *what);
bool rg_yaml_is(const yaml_node_t *n, const char *text);
static inline yaml_node_t *rg_yaml_node(struct rg_yaml *y, int id)
{
	return yaml_document_get_node(y->doc, id);
}

/* The keys that a mapping may have. Unknown and repeated keys are errors. */
struct rg_yaml_key {
	const char *name;
	bool required;
	int (*fn)(struct rg_yaml *y, const yaml_node_t *value, void *arg); /* NULL: ignored on purpose */
	const char *doc;
	const char *schema; /* JSON Schema of the value, see schema.c; NULL: anything */
};
/* Call each key's function, in the order of the table. */
int rg_yaml_map(struct rg_yaml *y, const yaml_node_t *n, const char *what, const struct rg_yaml_key *keys,
		void *arg);
/* Call fn for each item. */
int rg_yaml_list(struct rg_yaml *y, const yaml_node_t *n, const char *what,
		 int (*fn)(struct rg_yaml *y, const yaml_node_t *item, void *arg), void *arg);

#endif
