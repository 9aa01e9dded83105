/* SPDX-License-Identifier: BSD-2-Clause */
#include "policy/yaml.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Place of a node in the file. libyaml counts characters; columns of ASCII text are the same in bytes. */
static struct rg_loc node_loc(const struct rg_yaml *y, const yaml_node_t *n)
{
	size_t line = 0, i = 0, last;

	while (i < y->file->len && line < n->start_mark.line)
		line += y->file->text[i++] == '\n';
	i += n->start_mark.column;
	last = i;
	while (last < y->file->len && y->file->text[last] != '\n' && last - i < 40)
		last++;
	if (n->type == YAML_SCALAR_NODE && n->start_mark.line == n->end_mark.line)
		last = i + (n->end_mark.column - n->start_mark.column);
	else if (n->type != YAML_SCALAR_NODE)
		last = i + 1;
	return (struct rg_loc){y->file, (uint32_t)i, (uint32_t)last};
}

int rg_yaml_fail(struct rg_yaml *y, const yaml_node_t *n, const char *fmt, ...)
{
	char what[400];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	return rg_diag(y->c, node_loc(y, n), "%s", what);
}

/* Columns in front of the content of a block scalar. */
static unsigned block_indent(const struct rg_yaml *y, size_t line)
{
	size_t i = 0, l = 0;
	unsigned n = 0;

	while (i < y->file->len && l < line)
		l += y->file->text[i++] == '\n';
	for (; i < y->file->len && y->file->text[i] == ' '; i++)
		n++;
	return n;
}

const struct rg_src *rg_yaml_src(struct rg_yaml *y, const yaml_node_t *n)
{
	size_t len = n->data.scalar.length, line = n->start_mark.line, col = n->start_mark.column;
	struct rg_src *s = rg_src_new(y->c, y->file->origin, (const char *)n->data.scalar.value, len);

	if (!s)
		return NULL;
	s->line = (unsigned)line + 1;
	s->col = (unsigned)col + 1;
	switch (n->data.scalar.style) {
	case YAML_LITERAL_SCALAR_STYLE:
		s->line++;
		s->indent = block_indent(y, line + 1);
		s->col = s->indent + 1;
		break;
	case YAML_PLAIN_SCALAR_STYLE: s->inexact = n->end_mark.line != line; break;
	case YAML_SINGLE_QUOTED_SCALAR_STYLE:
	case YAML_DOUBLE_QUOTED_SCALAR_STYLE:
		s->col++;
		/* escapes make the text shorter than what is written */
		s->inexact = n->end_mark.line != line || n->end_mark.column - col != len + 2;
		break;
	default: s->inexact = true; break;
	}
	return s;
}

const char *rg_yaml_str(struct rg_yaml *y, const yaml_node_t *n, const char *what)
{
	if (n->type != YAML_SCALAR_NODE) {
		rg_yaml_fail(y, n, "%s: text is expected here", what);
		return NULL;
	}
	if (strlen((const char *)n->data.scalar.value) != n->data.scalar.length) {
		rg_yaml_fail(y, n, "%s contains a NUL", what);
		return NULL;
	}
	return rg_comp_dup(y->c, (const char *)n->data.scalar.value, n->data.scalar.length);
}

bool rg_yaml_is(const yaml_node_t *n, const char *text)
{
	return n->type == YAML_SCALAR_NODE && !strcmp((const char *)n->data.scalar.value, text);
}

static int unknown_key(struct rg_yaml *y, const yaml_node_t *k, const char *what,
		       const struct rg_yaml_key *keys)
{
	struct rg_near near = rg_near((const char *)k->data.scalar.value, k->data.scalar.length);
	char hint[96];

	for (; keys->name; keys++)
		rg_near_try(&near, keys->name);
	return rg_yaml_fail(y, k, "%s has no key \"%s\"%s", what, near.name,
			    rg_near_hint(&near, hint, sizeof(hint)));
}

static int check_keys(struct rg_yaml *y, const yaml_node_t *n, const char *what,
		      const struct rg_yaml_key *keys)
{
	for (yaml_node_pair_t *p = n->data.mapping.pairs.start; p < n->data.mapping.pairs.top; p++) {
		const yaml_node_t *k = rg_yaml_node(y, p->key);
		const struct rg_yaml_key *t = keys;

		if (k->type != YAML_SCALAR_NODE)
			return rg_yaml_fail(y, k, "%s: a key must be text", what);
		while (t->name && !rg_yaml_is(k, t->name))
			t++;
		if (!t->name)
			return unknown_key(y, k, what, keys);
		for (yaml_node_pair_t *q = n->data.mapping.pairs.start; q < p; q++)
			if (rg_yaml_is(rg_yaml_node(y, q->key), t->name))
				return rg_yaml_fail(y, k, "%s: \"%s\" is there twice", what, t->name);
	}
	return 0;
}

int rg_yaml_map(struct rg_yaml *y, const yaml_node_t *n, const char *what, const struct rg_yaml_key *keys,
		void *arg)
{
	if (n->type != YAML_MAPPING_NODE)
		return rg_yaml_fail(y, n, "%s: \"key: value\" lines are expected here", what);
	if (check_keys(y, n, what, keys))
		return -EINVAL;
	for (; keys->name; keys++) {
		const yaml_node_t *value = NULL;

		for (yaml_node_pair_t *p = n->data.mapping.pairs.start; p < n->data.mapping.pairs.top; p++)
			if (rg_yaml_is(rg_yaml_node(y, p->key), keys->name))
				value = rg_yaml_node(y, p->value);
		if (!value && keys->required)
			return rg_yaml_fail(y, n, "%s lacks \"%s\"", what, keys->name);
		if (value && keys->fn && keys->fn(y, value, arg))
			return -EINVAL;
	}
	return 0;
}

int rg_yaml_list(struct rg_yaml *y, const yaml_node_t *n, const char *what,
		 int (*fn)(struct rg_yaml *y, const yaml_node_t *item, void *arg), void *arg)
{
	if (n->type != YAML_SEQUENCE_NODE)
		return rg_yaml_fail(y, n, "%s: a list is expected here", what);
	for (yaml_node_item_t *i = n->data.sequence.items.start; i < n->data.sequence.items.top; i++)
		if (fn(y, rg_yaml_node(y, *i), arg))
			return -EINVAL;
	return 0;
}
