/* SPDX-License-Identifier: BSD-2-Clause */
/* Policy files: reading them, and recvguard's own kind. */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "policy/expr.h"
#include "policy/keys.h"
#include "policy/policy.h"

#define FILE_MAX_BYTES (16u << 20)

struct rg_pol *rg_pol_add(struct rg_policy *p)
{
	if (p->n == p->cap) {
		unsigned cap = p->cap ? p->cap * 2 : 4;
		struct rg_pol *v = reallocarray(p->pols, cap, sizeof(*v));

		if (!v)
			return NULL;
		p->pols = v;
		p->cap = cap;
	}
	p->pols[p->n] = (struct rg_pol){0};
	return &p->pols[p->n++];
}

struct rg_rule *rg_rule_add(struct rg_comp *c, struct rg_pol *pol)
{
	if (pol->n_rules == pol->cap_rules) {
		unsigned cap = pol->cap_rules ? pol->cap_rules * 2 : 8;
		struct rg_rule *v = reallocarray(pol->rules, cap, sizeof(*v));

		if (!v) {
			rg_fail(c->err, -ENOMEM, "out of memory");
			return NULL;
		}
		pol->rules = v;
		pol->cap_rules = cap;
	}
	pol->rules[pol->n_rules] = (struct rg_rule){0};
	return &pol->rules[pol->n_rules++];
}

int rg_pol_compile(struct rg_yaml *y, const struct rg_src *src, enum rg_use use, const struct rg_ast **tree,
		   struct rg_ir **ir)
{
	struct rg_ast *n = NULL;
	int r = src ? rg_compile_tree(y->c, src, &n) : -ENOMEM;

	if (!r)
		r = rg_lower_ir(y->c, n, use, ir);
	*tree = n;
	return r;
}

static int one_document(struct rg_policy *p, struct rg_yaml *y)
{
	const yaml_node_t *root = yaml_document_get_root_node(y->doc), *api = NULL;

	if (root->type != YAML_MAPPING_NODE)
		return rg_yaml_fail(y, root,
				    "a policy file holds \"key: value\" lines, starting with apiVersion");
	for (yaml_node_pair_t *k = root->data.mapping.pairs.start; k < root->data.mapping.pairs.top; k++)
		if (rg_yaml_is(rg_yaml_node(y, k->key), "apiVersion"))
			api = rg_yaml_node(y, k->value);
	if (!api)
		return rg_yaml_fail(y, root,
				    "apiVersion is missing: recvguard/v1 or tracee.aquasec.com/v1beta1");
	if (rg_yaml_is(api, RG_POLICY_API))
		return rg_policy_doc(p, y, root);
	if (rg_yaml_is(api, RG_TRACEE_API) || rg_yaml_is(api, RG_TRACEE_OLD_API))
		return rg_tracee_load(p, y, root);
	return rg_yaml_fail(y, api, "apiVersion is neither " RG_POLICY_API " nor " RG_TRACEE_API);
}

static int yaml_broken(struct rg_comp *c, const struct rg_src *file, const yaml_parser_t *ps)
{
	size_t line = 0, i = 0;

	while (i < file->len && line < ps->problem_mark.line)
		line += file->text[i++] == '\n';
	i += ps->problem_mark.column;
	i = i < file->len ? i : file->len;
	return rg_diag(c, (struct rg_loc){file, (uint32_t)i, (uint32_t)i + 1}, "YAML: %s",
		       ps->problem ? ps->problem : "out of memory");
}

static int all_documents(struct rg_policy *p, struct rg_comp *c, const struct rg_src *file, yaml_parser_t *ps)
{
	bool some = false;
	int r = 0;

	while (!r) {
		yaml_document_t doc;
		struct rg_yaml y = {c, file, &doc};

		if (!yaml_parser_load(ps, &doc))
			return yaml_broken(c, file, ps);
		if (!yaml_document_get_root_node(&doc)) {
			yaml_document_delete(&doc);
			break;
		}
		some = true;
		r = one_document(p, &y);
		yaml_document_delete(&doc);
	}
	if (!r && !some)
		return rg_diag(c, (struct rg_loc){file, 0, 0}, "the file holds no policy");
	return r;
}

int rg_policy_text(struct rg_policy *p, const char *origin, const char *text, size_t len)
{
	struct rg_src *file = rg_src_new(&p->c, origin, text, len);
	yaml_parser_t ps;
	int r;

	if (!file)
		return -ENOMEM;
	if (!yaml_parser_initialize(&ps))
		return rg_fail(p->c.err, -ENOMEM, "out of memory");
	yaml_parser_set_input_string(&ps, (const unsigned char *)file->text, file->len);
	yaml_parser_set_encoding(&ps, YAML_UTF8_ENCODING);
	r = all_documents(p, &p->c, file, &ps);
	yaml_parser_delete(&ps);
	return r;
}

int rg_policy_file(struct rg_policy *p, const char *path)
{
	rg_auto_fclose FILE *f = fopen(path, "re");
	rg_auto_buf b = {0};
	size_t n;

	if (!f)
		return rg_fail(p->c.err, -errno, "%s: %s", path, strerror(errno));
	do {
		if (!rg_buf_room(&b, 65536))
			return rg_fail(p->c.err, -ENOMEM, "out of memory");
		n = fread(b.data + b.len, 1, 65536, f);
		b.len += n;
	} while (n && b.len <= FILE_MAX_BYTES);
	if (ferror(f))
		return rg_fail(p->c.err, errno ? -errno : -EIO, "%s: %s", path,
			       strerror(errno ? errno : EIO));
	if (b.len > FILE_MAX_BYTES)
		return rg_fail(p->c.err, -EFBIG, "%s: a policy file has at most 16 MiB", path);
	return rg_policy_text(p, path, rg_buf_cstr(&b), b.len);
}

static int is_yaml(const struct dirent *d)
{
	const char *dot = strrchr(d->d_name, '.');

	return d->d_name[0] != '.' && dot && (!strcmp(dot, ".yaml") || !strcmp(dot, ".yml"));
}

static int load_dir(struct rg_policy *p, const char *path)
{
	struct dirent **names;
	int n = scandir(path, &names, is_yaml, alphasort), r = 0;

	if (n < 0)
		return rg_fail(p->c.err, -errno, "%s: %s", path, strerror(errno));
	if (!n)
		r = rg_fail(p->c.err, -ENOENT, "%s: no *.yaml or *.yml in this folder", path);
	for (int i = 0; i < n; i++) {
		rg_auto_buf full = {0};

		rg_buf_printf(&full, "%s/%s", path, names[i]->d_name);
		if (!r)
			r = rg_policy_file(p, rg_buf_cstr(&full));
		free(names[i]);
	}
	free(names);
	return r;
}

static int unique_names(struct rg_policy *p)
{
	for (unsigned i = 0; i < p->n; i++)
		for (unsigned j = 0; j < i; j++)
			if (!strcmp(p->pols[i].name, p->pols[j].name))
				return rg_fail(p->c.err, -EINVAL,
					       "%s: error: policy name \"%s\" is already used in %s",
					       p->pols[i].file, p->pols[i].name, p->pols[j].file);
	return 0;
}

int rg_policy_finish(struct rg_policy *p)
{
	if (!p->n)
		return rg_fail(p->c.err, -EINVAL, "no policy in these files: they hold definitions only");
	if (p->n > RG_POLICY_MAX)
		return rg_fail(p->c.err, -E2BIG, "%u policies, at most %d are possible at once", p->n,
			       RG_POLICY_MAX);
	if (unique_names(p))
		return -EINVAL;
	for (unsigned i = 0; i < p->n; i++)
		p->pols[i].index = rg_index_build(&p->pols[i]);
	p->c.err = NULL;
	return 0;
}

int rg_policy_new(struct rg_policy **ret, struct rg_err *err)
{
	struct rg_policy *p = calloc(1, sizeof(*p));
	int r = p ? rg_comp_init(&p->c, err) : rg_fail(err, -ENOMEM, "out of memory");

	*ret = p;
	if (r) {
		free(p);
		*ret = NULL;
	}
	return r;
}

int rg_policy_load(const char *const *paths, unsigned n_paths, struct rg_policy **ret, struct rg_err *err)
{
	struct rg_policy *p;
	int r = rg_policy_new(&p, err);

	*ret = NULL;
	if (r)
		return r;
	for (unsigned i = 0; i < n_paths && !r; i++) {
		struct stat st;

		if (stat(paths[i], &st))
			r = rg_fail(err, -errno, "%s: %s", paths[i], strerror(errno));
		else if (S_ISDIR(st.st_mode))
			r = load_dir(p, paths[i]);
		else
			r = rg_policy_file(p, paths[i]);
	}
	r = r ? r : rg_policy_finish(p);
	if (r) {
		rg_policy_free(p);
		return r;
	}
	*ret = p;
	return 0;
}

int rg_policy_parse(const char *text, const char *origin, struct rg_policy **ret, struct rg_err *err)
{
	struct rg_policy *p;
	int r = rg_policy_new(&p, err);

	*ret = NULL;
	if (r)
		return r;
	r = rg_policy_text(p, origin, text, strlen(text));
	r = r ? r : rg_policy_finish(p);
	if (r) {
		rg_policy_free(p);
		return r;
	}
	*ret = p;
	return 0;
}

void rg_policy_free(struct rg_policy *p)
{
	if (!p)
		return;
	for (unsigned i = 0; i < p->n; i++) {
		struct rg_pol *pol = &p->pols[i];

		for (unsigned k = 0; k < pol->n_rules; k++)
			free(pol->rules[k].ir);
		free(pol->rules);
		free(pol->scope_ir);
		rg_index_free(pol->index);
	}
	free(p->pols);
	rg_comp_done(&p->c);
	free(p);
}
