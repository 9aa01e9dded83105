/* SPDX-License-Identifier: BSD-2-Clause */
/* apiVersion recvguard/v1: Policy and Library. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "policy/expr.h"
#include "policy/keys.h"

/* While one document is read. */
struct reading {
	struct rg_policy *p;
	struct rg_pol *pol;
};

int rg_action_parse(struct rg_yaml *y, const yaml_node_t *n, enum rg_action *action, int *err_no)
{
	const char *s = rg_yaml_str(y, n, "an action"), *sp;
	struct rg_near near;
	char hint[96];
	uint64_t v;

	if (!s)
		return -EINVAL;
	sp = strchr(s, ' ');
	near = rg_near(s, sp ? (size_t)(sp - s) : strlen(s));
	if (rg_name_value(rg_names_actions, s, near.len, &v)) {
		rg_near_names(&near, rg_names_actions);
		return rg_yaml_fail(y, n,
				    "\"%s\" is no action: allow, deny [ERRNO], drop, strip, kill, log%s", s,
				    rg_near_hint(&near, hint, sizeof(hint)));
	}
	*action = (enum rg_action)v;
	*err_no = *action == RG_ACT_DENY ? EPERM : 0;
	if (!sp)
		return 0;
	sp += strspn(sp, " ");
	if (*action != RG_ACT_DENY)
		return rg_yaml_fail(y, n, "only deny is followed by an errno");
	near = rg_near(sp, strlen(sp));
	if (rg_name_value(rg_names_errnos, sp, near.len, &v) || !v || v > 4095) {
		rg_near_names(&near, rg_names_errnos);
		return rg_yaml_fail(y, n, "\"%s\" is not the name of an errno%s", sp,
				    rg_near_hint(&near, hint, sizeof(hint)));
	}
	*err_no = (int)v;
	return 0;
}

static enum rg_use use_of(enum rg_action a)
{
	switch (a) {
	case RG_ACT_ALLOW: return RG_USE_PERMIT;
	case RG_ACT_LOG: return RG_USE_FILTER;
	default: return RG_USE_RESTRICT;
	}
}

/* ---- rules */

static int rule_name(struct rg_yaml *y, const yaml_node_t *n, void *arg)
{
	struct rg_rule *r = arg;

	r->name = rg_yaml_str(y, n, "name");
	return r->name ? 0 : -EINVAL;
}

static int rule_then(struct rg_yaml *y, const yaml_node_t *n, void *arg)
{
	struct rg_rule *r = arg;

	return rg_action_parse(y, n, &r->action, &r->err_no);
}

static int rule_when(struct rg_yaml *y, const yaml_node_t *n, void *arg)
{
	struct rg_rule *r = arg;

	if (n->type != YAML_SCALAR_NODE)
		return rg_yaml_fail(
			y, n, "when: an expression is expected here (quote it if it has \": \" or \"#\")");
	r->when = rg_yaml_src(y, n);
	if (!r->when)
		return -ENOMEM;
	r->loc = (struct rg_loc){r->when, 0, (uint32_t)r->when->len};
	return rg_pol_compile(y, r->when, use_of(r->action), &r->tree, &r->ir);
}

/* `then` comes first: the action decides how `when` is compiled. */
const struct rg_yaml_key rg_keys_rule[] = {
	{"name", true, rule_name, "What the rule is called in verdicts", "string"},
	{"then", true, rule_then, "What happens: allow, deny [ERRNO], drop, strip, kill, log", "action"},
	{"when", false, rule_when,
	 "An expression over the event (docs/expressions.md); without it the rule always matches",
	 "expression"},
	{0}};

/* Does the program have any(fd, ...) or any(cmsg, ...)? */
static bool has_strip_part(const struct rg_ir *p)
{
	const struct rg_ir_insn *in = rg_ir_insns(p);

	for (uint32_t i = 0; i < p->n_insns; i++)
		if (in[i].op == RG_IR_LOOP && in[i].sub == RG_ANY &&
		    (in[i].a == RG_F_FD || in[i].a == RG_F_CMSG))
			return true;
	return false;
}

static int add_rule(struct rg_yaml *y, const yaml_node_t *n, void *arg)
{
	struct reading *rd = arg;
	struct rg_rule *r = rg_rule_add(y->c, rd->pol);
	unsigned me = rd->pol->n_rules - 1;

	if (!r || rg_yaml_map(y, n, "a rule", rg_keys_rule, r))
		return -EINVAL;
	for (unsigned i = 0; i < me; i++)
		if (!strcmp(rd->pol->rules[i].name, r->name))
			return rg_yaml_fail(y, n, "a rule named \"%s\" is already there", r->name);
	if (r->action == RG_ACT_STRIP && (!r->ir || !has_strip_part(r->ir)))
		return rg_yaml_fail(
			y, n,
			"strip needs any(fd, ...) or any(cmsg, ...) in `when`, to say what to take away");
	return 0;
}

/* ---- spec */

static int spec_scope(struct rg_yaml *y, const yaml_node_t *n, void *arg)
{
	return rg_scope_load(y, n, ((struct reading *)arg)->pol);
}

static int spec_default(struct rg_yaml *y, const yaml_node_t *n, void *arg)
{
	struct rg_pol *pol = ((struct reading *)arg)->pol;

	if (rg_action_parse(y, n, &pol->dflt, &pol->dflt_errno))
		return -EINVAL;
	if (pol->dflt == RG_ACT_STRIP || pol->dflt == RG_ACT_LOG)
		return rg_yaml_fail(y, n, "default is one of allow, deny [ERRNO], drop, kill");
	return 0;
}

static int spec_mode(struct rg_yaml *y, const yaml_node_t *n, void *arg)
{
	struct rg_pol *pol = ((struct reading *)arg)->pol;

	pol->audit = rg_yaml_is(n, "audit");
	if (!pol->audit && !rg_yaml_is(n, "enforce"))
		return rg_yaml_fail(y, n, "mode is enforce or audit");
	return 0;
}

static int spec_rules(struct rg_yaml *y, const yaml_node_t *n, void *arg)
{
	return rg_yaml_list(y, n, "rules", add_rule, arg);
}

static int add_def(struct rg_yaml *y, const yaml_node_t *key, bool is_list, struct rg_ast *body)
{
	struct rg_def *d = rg_arena_alloc(y->c->arena, sizeof(*d));
	const char *name = rg_yaml_str(y, key, "a name"), *s = name;
	struct rg_def *old;

	if (!name || !d || !body)
		return -EINVAL;
	while ((*s | 32) >= 'a' && (*s | 32) <= 'z')
		s++;
	s += s > name ? strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") : 0;
	if (*s || s == name)
		return rg_yaml_fail(y, key, "a macro's or list's name has letters, digits and _");
	if (rg_field_find(name, strlen(name)) >= 0)
		return rg_yaml_fail(y, key, "\"%s\" is a field of events; choose another name", name);
	old = rg_def_find(y->c, name, strlen(name));
	if (old && !strcmp(old->loc.src->origin, y->file->origin))
		return 0; /* the same library, included once more */
	if (old)
		return rg_yaml_fail(y, key, "\"%s\" is already defined", name);
	*d = (struct rg_def){
		.next = y->c->defs, .name = name, .is_list = is_list, .body = body, .loc = {y->file, 0, 0}};
	y->c->defs = d;
	return 0;
}

static int spec_macros(struct rg_yaml *y, const yaml_node_t *n, void *arg)
{
	if (n->type != YAML_MAPPING_NODE)
		return rg_yaml_fail(y, n, "macros: \"name: expression\" lines are expected here");
	for (yaml_node_pair_t *p = n->data.mapping.pairs.start; p < n->data.mapping.pairs.top; p++) {
		const yaml_node_t *v = rg_yaml_node(y, p->value);
		const struct rg_src *src;
		struct rg_ast *body;

		if (v->type != YAML_SCALAR_NODE)
			return rg_yaml_fail(y, v, "a macro is an expression");
		src = rg_yaml_src(y, v);
		if (!src || rg_parse(y->c, src, &body) || add_def(y, rg_yaml_node(y, p->key), false, body))
			return -EINVAL;
	}
	return 0;
}

/* A list's item: quoted, or not an expression, it is text; else a number, address, range or name. */
static struct rg_ast *list_item(struct rg_yaml *y, const yaml_node_t *n)
{
	const struct rg_src *src = rg_yaml_src(y, n);
	struct rg_comp quiet = *y->c;
	struct rg_ast *item = NULL;
	struct rg_loc loc = {src, 0, src ? (uint32_t)src->len : 0};
	struct rg_buf braced = {0};

	if (!src)
		return NULL;
	quiet.err = NULL;
	if (n->data.scalar.style == YAML_PLAIN_SCALAR_STYLE) {
		struct rg_src *in;

		rg_buf_printf(&braced, "cpu in {%s}", src->text);
		in = rg_src_new(&quiet, src->origin, rg_buf_cstr(&braced), braced.len);
		if (in && !rg_parse(&quiet, in, &item) && item->kind == RG_A_IN && item->kids->next->kids)
			item = item->kids->next->kids;
		else
			item = NULL;
		rg_buf_free(&braced);
	}
	if (item && item->next)
		item = NULL;
	if (!item) {
		item = rg_ast_new(y->c, RG_A_STR, loc);
		if (item) {
			item->str = src->text;
			item->len = src->len;
		}
	}
	if (item) {
		item->loc = loc;
		item->dyn = item->kind == RG_A_NAME;
	}
	return item;
}

static int spec_lists(struct rg_yaml *y, const yaml_node_t *n, void *arg)
{
	if (n->type != YAML_MAPPING_NODE)
		return rg_yaml_fail(y, n, "lists: \"name: [item, ...]\" lines are expected here");
	for (yaml_node_pair_t *p = n->data.mapping.pairs.start; p < n->data.mapping.pairs.top; p++) {
		const yaml_node_t *v = rg_yaml_node(y, p->value);
		struct rg_ast *set = rg_ast_new(y->c, RG_A_SET, (struct rg_loc){y->file, 0, 0});

		if (v->type != YAML_SEQUENCE_NODE)
			return rg_yaml_fail(y, v, "a list is written [item, ...]");
		for (yaml_node_item_t *i = v->data.sequence.items.start; i < v->data.sequence.items.top;
		     i++) {
			const yaml_node_t *it = rg_yaml_node(y, *i);

			if (it->type != YAML_SCALAR_NODE)
				return rg_yaml_fail(y, it,
						    "a list's items are numbers, addresses, names or text");
			if (!rg_ast_add(y->c, set, list_item(y, it)))
				return -EINVAL;
		}
		if (add_def(y, rg_yaml_node(y, p->key), true, set))
			return -EINVAL;
	}
	return 0;
}

static int include_one(struct rg_yaml *y, const yaml_node_t *n, void *arg)
{
	struct reading *rd = arg;
	const char *name = rg_yaml_str(y, n, "include"), *slash;
	unsigned before = rd->p->n;
	rg_auto_buf path = {0};
	int r;

	if (!name)
		return -EINVAL;
	if (rd->p->depth >= RG_INCLUDE_DEPTH)
		return rg_yaml_fail(y, n, "files include each other deeper than %d levels", RG_INCLUDE_DEPTH);
	slash = strrchr(y->file->origin, '/');
	if (slash && name[0] != '/')
		rg_buf_add(&path, y->file->origin, (size_t)(slash - y->file->origin) + 1);
	rg_buf_str(&path, name);
	rd->p->depth++;
	r = rg_policy_file(rd->p, rg_buf_cstr(&path));
	rd->p->depth--;
	if (r && !y->c->failed)
		return rg_yaml_fail(y, n, "can't include: %s", y->c->err ? y->c->err->msg : strerror(-r));
	if (r)
		return r;
	if (rd->p->n != before)
		return rg_yaml_fail(y, n, "an included file is of kind Library: macros and lists only");
	return 0;
}

static int spec_include(struct rg_yaml *y, const yaml_node_t *n, void *arg)
{
	return rg_yaml_list(y, n, "include", include_one, arg);
}

const struct rg_yaml_key rg_keys_spec[] = {
	{"include", false, spec_include,
	 "Library files whose macros and lists are used here, relative to this file", "strings"},
	{"lists", false, spec_lists, "Named sets for `in`", "lists"},
	{"macros", false, spec_macros, "Named expressions", "macros"},
	{"scope", false, spec_scope,
	 "To whom the policy applies, in Tracee's scope grammar; all entries must hold", "strings"},
	{"mode", false, spec_mode, "enforce (the default), or audit: decide and report only", "mode"},
	{"default", false, spec_default,
	 "What happens to a message that no rule decides; allow when left out", "action"},
	{"rules", false, spec_rules, "Tried in order: the first that matches decides; log rules only note",
	 "rules"},
	{0}};

/* ---- document */

static int meta_name(struct rg_yaml *y, const yaml_node_t *n, void *arg)
{
	struct rg_pol *pol = arg;

	pol->name = rg_yaml_str(y, n, "metadata.name");
	if (pol->name && !*pol->name)
		return rg_yaml_fail(y, n, "metadata.name is empty");
	return pol->name ? 0 : -EINVAL;
}

static int meta_annotations(struct rg_yaml *y, const yaml_node_t *n, void *arg)
{
	struct rg_pol *pol = arg;

	if (n->type != YAML_MAPPING_NODE)
		return rg_yaml_fail(y, n, "annotations: \"key: value\" lines are expected here");
	for (yaml_node_pair_t *p = n->data.mapping.pairs.start; p < n->data.mapping.pairs.top; p++)
		if (rg_yaml_is(rg_yaml_node(y, p->key), "description"))
			pol->doc = rg_yaml_str(y, rg_yaml_node(y, p->value), "description");
	return y->c->failed ? -EINVAL : 0;
}

const struct rg_yaml_key rg_keys_metadata[] = {
	{"name", true, meta_name, "Name of the policy, in verdicts", "string"},
	{"annotations", false, meta_annotations, "description and whatever else; not interpreted", "object"},
	{"labels", false, NULL, "Not interpreted", "object"},
	{0}};

static int doc_metadata(struct rg_yaml *y, const yaml_node_t *n, void *arg)
{
	return rg_yaml_map(y, n, "metadata", rg_keys_metadata, ((struct reading *)arg)->pol);
}

static int doc_spec(struct rg_yaml *y, const yaml_node_t *n, void *arg)
{
	return rg_yaml_map(y, n, "spec", rg_keys_spec, arg);
}

const struct rg_yaml_key rg_keys_policy[] = {
	{"apiVersion", true, NULL, "recvguard/v1", "api"},
	{"kind", true, NULL, "Policy", "kind"},
	{"metadata", true, doc_metadata, "The policy's name", "metadata"},
	{"spec", true, doc_spec, "The policy", "spec"},
	{0}};

const struct rg_yaml_key rg_keys_library[] = {
	{"apiVersion", true, NULL, "recvguard/v1", "api"},
	{"kind", true, NULL, "Library", "kind"},
	{"include", false, spec_include, "Further libraries", "strings"},
	{"lists", false, spec_lists, "Named sets for `in`", "lists"},
	{"macros", false, spec_macros, "Named expressions", "macros"},
	{0}};

static const yaml_node_t *find(struct rg_yaml *y, const yaml_node_t *map, const char *key)
{
	for (yaml_node_pair_t *p = map->data.mapping.pairs.start; p < map->data.mapping.pairs.top; p++)
		if (rg_yaml_is(rg_yaml_node(y, p->key), key))
			return rg_yaml_node(y, p->value);
	return NULL;
}

int rg_policy_doc(struct rg_policy *p, struct rg_yaml *y, const yaml_node_t *root)
{
	const yaml_node_t *kind = find(y, root, "kind");
	struct rg_def *outer = y->c->defs;
	struct rg_pol tmp = {.file = y->file->origin};
	struct reading rd = {p, &tmp};
	struct rg_pol *pol;
	int r;

	if (kind && rg_yaml_is(kind, "Library"))
		return rg_yaml_map(y, root, "a library", rg_keys_library, &rd);
	if (kind && !rg_yaml_is(kind, "Policy"))
		return rg_yaml_fail(y, kind, "kind is Policy or Library");
	r = rg_yaml_map(y, root, "a policy", rg_keys_policy, &rd);
	tmp.defs = y->c->defs;
	if (!p->depth)
		y->c->defs = outer; /* macros and lists belong to their policy */
	pol = rg_pol_add(p);
	if (!pol) {
		for (unsigned i = 0; i < tmp.n_rules; i++)
			free(tmp.rules[i].ir);
		free(tmp.rules);
		free(tmp.scope_ir);
		return rg_fail(y->c->err, -ENOMEM, "out of memory");
	}
	*pol = tmp;
	return r;
}
