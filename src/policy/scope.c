/* SPDX-License-Identifier: BSD-2-Clause */
/* Tracee's grammar of tests (NAME OP VALUES), in scopes and in event filters, made into expressions. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "policy/expr.h"
#include "policy/policy.h"

int rg_tfilter_parse(struct rg_yaml *y, const yaml_node_t *n, const char *text, struct rg_tfilter *f)
{
	size_t len = strcspn(text, "=!<>");

	*f = (struct rg_tfilter){.values = NULL};
	if (!len || len >= sizeof(f->name))
		return rg_yaml_fail(y, n, "NAME=VALUE is expected here");
	memcpy(f->name, text, len);
	text += len;
	if (!*text)
		return 0;
	f->op[0] = *text++;
	if (*text == '=')
		f->op[1] = *text++;
	if (!strcmp(f->op, "!") || !strcmp(f->op, "=="))
		return rg_yaml_fail(y, n, "operators are = != < <= > >=");
	if (!*text)
		return rg_yaml_fail(y, n, "no value follows \"%s%s\"", f->name, f->op);
	f->values = text;
	return 0;
}

static void quote(struct rg_buf *out, const char *s, size_t len)
{
	rg_buf_char(out, '"');
	for (size_t i = 0; i < len; i++) {
		unsigned char ch = (unsigned char)s[i];

		if (ch < ' ' || ch == '"' || ch == '\\' || ch == 0x7f)
			rg_buf_printf(out, "\\x%02x", ch);
		else
			rg_buf_char(out, (char)ch);
	}
	rg_buf_char(out, '"');
}

static void emit_text(const char *field, const char *v, size_t len, struct rg_buf *out)
{
	bool head = len && v[0] == '*', tail = len && v[len - 1] == '*';
	size_t from = head, n = len - head - (tail && len > 1);

	if (len == 1 && head) {
		rg_buf_printf(out, "%s exists", field);
		return;
	}
	rg_buf_printf(out, "%s %s ", field,
		      head && tail ? "contains"
		      : head	   ? "endswith"
		      : tail	   ? "startswith"
				   : "==");
	quote(out, v + from, n);
}

static int emit_number(struct rg_yaml *y, const yaml_node_t *n, const char *field, const char *op,
		       const char *v, size_t len, struct rg_buf *out)
{
	size_t digits = strspn(v, "-0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_");

	if (digits < len || (v[0] != '-' && (v[0] < '0' || v[0] > '9') && (v[0] < 'A' || v[0] > 'Z')))
		return rg_yaml_fail(y, n, "\"%.*s\" is no number, as %s needs it", (int)len, v, field);
	rg_buf_printf(out, "%s %s %.*s", field, op, (int)len, v);
	return 0;
}

/* A|B exactly these; *A* (or a star at one end): at least this one. */
static int emit_flags(struct rg_yaml *y, const yaml_node_t *n, const char *field, const char *v, size_t len,
		      struct rg_buf *out)
{
	bool star = len && (v[0] == '*' || v[len - 1] == '*');
	size_t from = strspn(v, "*");

	while (len > from && v[len - 1] == '*')
		len--;
	if (strspn(v + from, "-0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_| ") <
		    len - from ||
	    from >= len)
		return rg_yaml_fail(y, n, "flags are written as names joined by |, or as a number");
	rg_buf_printf(out, star ? "%s has {%.*s}" : "%s == (%.*s)", field, (int)(len - from), v + from);
	return 0;
}

static bool may_lack(const char *field)
{
	int f = rg_field_find(field, strlen(field));

	return f >= 0 && rg_fields[f].tags & (RG_TAG_OPT | RG_TAG_FULL);
}

int rg_tfilter_emit(struct rg_yaml *y, const yaml_node_t *n, const struct rg_tfilter *f, const char *field,
		    enum rg_tkind kind, struct rg_buf *out)
{
	bool neg = f->op[0] == '!', first = true, ordered = f->op[0] == '<' || f->op[0] == '>';
	const char *v = f->values, *op = ordered ? f->op : "==";

	if (!v)
		return rg_yaml_fail(y, n, "\"%s\" needs an operator and a value", f->name);
	if (ordered && kind != RG_TK_NUM && kind != RG_TK_IOVLEN)
		return rg_yaml_fail(y, n, "\"%s\" has no order: = and != compare it", f->name);
	if (ordered && strchr(v, ','))
		return rg_yaml_fail(y, n, "\"%s\" takes one value with %s", f->name, f->op);
	/* what has no container (executable...) has not this one either: there an absent text is an empty one
	 */
	if (neg && kind == RG_TK_TEXT && may_lack(field))
		rg_buf_printf(out, "(not %s exists or not (", field);
	else
		rg_buf_str(out, neg ? "not (" : "(");
	for (; *v; first = false) {
		size_t len = strcspn(v, ",");
		int r = 0;

		if (!len)
			return rg_yaml_fail(y, n, "a value between commas is empty");
		if (!first)
			rg_buf_str(out, " or ");
		if (kind == RG_TK_TEXT)
			emit_text(field, v, len, out);
		else if (kind == RG_TK_FLAGS)
			r = emit_flags(y, n, field, v, len, out);
		else
			r = emit_number(y, n, field, op, v, len, out);
		if (r)
			return r;
		v += len;
		v += *v == ',' && v[1];
		if (*v == ',')
			return rg_yaml_fail(y, n, "a value is missing after the last comma");
	}
	rg_buf_str(out, neg && kind == RG_TK_TEXT && may_lack(field) ? "))" : ")");
	return 0;
}

/* The scope's names. */
static const struct {
	const char *name, *field;
	enum rg_tkind kind;
	bool order; /* < and > are allowed */
} fields[] = {
	{"uid", "proc.uid", RG_TK_NUM, true},	       {"pid", "proc.pid", RG_TK_NUM, true},
	{"mntns", "proc.ns.mntns", RG_TK_NUM, false},  {"pidns", "proc.ns.pidns", RG_TK_NUM, false},
	{"uts", "proc.host", RG_TK_TEXT, false},       {"comm", "proc.comm", RG_TK_TEXT, false},
	{"executable", "proc.exe", RG_TK_TEXT, false}, {"exec", "proc.exe", RG_TK_TEXT, false},
	{"exe", "proc.exe", RG_TK_TEXT, false},	       {"bin", "proc.exe", RG_TK_TEXT, false},
	{"binary", "proc.exe", RG_TK_TEXT, false},     {"gid", "proc.gid", RG_TK_NUM, true},
};
#define N_FIELDS (sizeof(fields) / sizeof(fields[0]))

/* Names that stand alone, and values that need knowledge an event doesn't carry. */
static const struct {
	const char *entry, *expr, *why;
} special[] = {
	{"global", "true", NULL},
	{"container", "container.id exists", NULL},
	{"not-container", "not container.id exists", NULL},
	{"!container", "not container.id exists", NULL},
	{"follow", NULL,
	 "events don't carry their ancestors: select by `recvguard trace -- CMD` or -p PID, which follow "
	 "children"},
	{"container=new", NULL, "when a container was started is not in events: name its id"},
	{"container=started", NULL, "when a container was started is not in events: name its id"},
};

static int emit_special(struct rg_yaml *y, const yaml_node_t *n, const char *text, struct rg_buf *out)
{
	struct timespec now;

	for (size_t i = 0; i < sizeof(special) / sizeof(special[0]); i++)
		if (!strcmp(text, special[i].entry)) {
			if (!special[i].expr)
				return rg_yaml_fail(y, n, "scope \"%s\" can't be decided from an event: %s",
						    text, special[i].why);
			rg_buf_printf(out, "(%s)", special[i].expr);
			return 1;
		}
	if (strcmp(text, "pid=new"))
		return 0;
	/* processes started after the policy was loaded */
	clock_gettime(CLOCK_REALTIME, &now);
	rg_buf_printf(out, "(proc.leader_start >= %lld)", (long long)now.tv_sec * 1000000000 + now.tv_nsec);
	return 1;
}

/* executable=host:/path and executable=MNTNS:/path */
static int emit_exe(struct rg_yaml *y, const yaml_node_t *n, struct rg_tfilter *f, struct rg_buf *out)
{
	const char *colon = f->values ? strchr(f->values, ':') : NULL;
	size_t digits = f->values ? strspn(f->values, "0123456789") : 0;

	if (!colon || colon[1] != '/')
		return rg_tfilter_emit(y, n, f, "proc.exe", RG_TK_TEXT, out);
	if (f->op[0] != '=' || strchr(f->values, ','))
		return rg_yaml_fail(y, n, "a path with its mount namespace takes = and one value");
	if (!strncmp(f->values, "host:", 5))
		rg_buf_str(out, "(not container.id exists and ");
	else if (digits && f->values[digits] == ':')
		rg_buf_printf(out, "(proc.ns.mntns == %.*s and ", (int)digits, f->values);
	else
		return rg_yaml_fail(y, n,
				    "before the path's colon stands \"host\" or a mount namespace number");
	f->values = colon + 1;
	if (rg_tfilter_emit(y, n, f, "proc.exe", RG_TK_TEXT, out))
		return -EINVAL;
	rg_buf_str(out, ")");
	return 0;
}

/* That group and all below it. */
static int emit_below(const char *path, struct rg_buf *out)
{
	size_t len = strlen(path);
	rg_auto_buf below = {0};

	while (len > 1 && path[len - 1] == '/')
		len--;
	rg_buf_add(&below, path, len);
	if (len > 1)
		rg_buf_char(&below, '/');
	rg_buf_str(out, "(proc.cgroup == ");
	quote(out, path, len);
	rg_buf_str(out, " or proc.cgroup startswith ");
	quote(out, rg_buf_cstr(&below), below.len);
	rg_buf_char(out, ')');
	return below.oom ? -ENOMEM : 0;
}

/* cgroup=/a */
static int emit_cgroup(struct rg_yaml *y, const yaml_node_t *n, const struct rg_tfilter *f,
		       struct rg_buf *out)
{
	if ((f->op[0] != '=' && f->op[0] != '!') || f->values[0] != '/' || strchr(f->values, ','))
		return rg_yaml_fail(
			y, n, "a control group is named by one path below the cgroup2 mount: cgroup=/a/b");
	rg_buf_str(out, f->op[0] == '!' ? "not " : "");
	return emit_below(f->values, out);
}

/* container=A,B: ids, or how they begin. */
static int emit_container(struct rg_yaml *y, const yaml_node_t *n, const struct rg_tfilter *f,
			  struct rg_buf *out)
{
	if (f->op[0] != '=' && f->op[0] != '!')
		return rg_yaml_fail(y, n, "\"container\" takes = and != only");
	rg_buf_str(out, f->op[0] == '!' ? "(not container.id exists or not (" : "((");
	for (const char *v = f->values; *v;) {
		size_t len = strcspn(v, ",");

		if (!len || (v[len] == ',' && !v[len + 1]))
			return rg_yaml_fail(y, n, "a value between commas is empty");
		rg_buf_str(out, v == f->values ? "" : " or ");
		rg_buf_str(out, "container.id startswith ");
		quote(out, v, len);
		v += len + (v[len] == ',');
	}
	rg_buf_str(out, "))");
	return 0;
}

static int unknown_scope(struct rg_yaml *y, const yaml_node_t *n, const struct rg_tfilter *f)
{
	struct rg_near near = rg_near(f->name, strlen(f->name));
	char hint[96];

	if (!strcmp(f->name, "tree"))
		return rg_yaml_fail(
			y, n,
			"scope \"tree\" can't be decided from an event, which carries the parent "
			"only: use `recvguard trace -p PID` or `recvguard enforce --tree PID`, which "
			"follow children");
	for (size_t i = 0; i < N_FIELDS; i++)
		rg_near_try(&near, fields[i].name);
	for (size_t i = 0; i < sizeof(special) / sizeof(special[0]); i++)
		rg_near_try(&near, special[i].entry);
	return rg_yaml_fail(y, n, "no scope \"%s\"%s", f->name, rg_near_hint(&near, hint, sizeof(hint)));
}

int rg_scope_entry(struct rg_yaml *y, const yaml_node_t *n, struct rg_buf *out)
{
	const char *text = rg_yaml_str(y, n, "scope");
	struct rg_tfilter f;
	int r = text ? emit_special(y, n, text, out) : -EINVAL;

	if (r)
		return r < 0 ? r : 0;
	if (rg_tfilter_parse(y, n, text, &f))
		return -EINVAL;
	if (!strcmp(f.name, "container") && f.values)
		return emit_container(y, n, &f, out);
	if (!strcmp(f.name, "cgroup") && f.values)
		return emit_cgroup(y, n, &f, out);
	for (size_t i = 0; i < N_FIELDS; i++) {
		if (strcmp(f.name, fields[i].name))
			continue;
		if (!fields[i].order && (f.op[0] == '<' || f.op[0] == '>'))
			return rg_yaml_fail(y, n, "\"%s\" takes = and != only", f.name);
		if (!strcmp(fields[i].field, "proc.exe"))
			return emit_exe(y, n, &f, out);
		return rg_tfilter_emit(y, n, &f, fields[i].field, fields[i].kind, out);
	}
	return unknown_scope(y, n, &f);
}

int rg_scope_is(const struct rg_scope_demand *d, struct rg_buf *out)
{
	if (!strcmp(d->name, "cgroup"))
		return d->text && d->text[0] == '/' ? emit_below(d->text, out) : -EINVAL;
	if (!strcmp(d->name, "container") && d->text) {
		rg_buf_str(out, "container.id startswith ");
		quote(out, d->text, strlen(d->text));
		return 0;
	}
	for (size_t i = 0; i < N_FIELDS; i++) {
		if (strcmp(d->name, fields[i].name))
			continue;
		if ((fields[i].kind == RG_TK_TEXT) != (d->text != NULL))
			return -EINVAL;
		rg_buf_printf(out, "%s == ", fields[i].field);
		if (d->text)
			quote(out, d->text, strlen(d->text));
		else
			rg_buf_printf(out, "%u", d->number);
		return 0;
	}
	return -EINVAL;
}

int rg_scope_compile(struct rg_yaml *y, const yaml_node_t *n, struct rg_buf *text, enum rg_use use,
		     const struct rg_ast **tree, struct rg_ir **ir, const char **ret_text)
{
	struct rg_src *src = rg_src_new(y->c, y->file->origin, rg_buf_cstr(text), text->len);

	if (!src)
		return -ENOMEM;
	src->line = (unsigned)n->start_mark.line + 1;
	src->col = (unsigned)n->start_mark.column + 1;
	src->inexact = true;
	*ret_text = src->text;
	return rg_pol_compile(y, src, use, tree, ir);
}

int rg_scope_load(struct rg_yaml *y, const yaml_node_t *n, struct rg_pol *pol)
{
	rg_auto_buf text = {0};

	if (n->type != YAML_SEQUENCE_NODE || n->data.sequence.items.start == n->data.sequence.items.top)
		return rg_yaml_fail(y, n,
				    "scope: a list with at least one entry is expected here, as [global]");
	for (yaml_node_item_t *i = n->data.sequence.items.start; i < n->data.sequence.items.top; i++) {
		const yaml_node_t *it = rg_yaml_node(y, *i);

		if (rg_yaml_is(it, "global") && n->data.sequence.items.top - n->data.sequence.items.start > 1)
			return rg_yaml_fail(y, it, "scope \"global\" stands alone");
		if (text.len)
			rg_buf_str(&text, " and ");
		if (rg_scope_entry(y, it, &text))
			return -EINVAL;
	}
	return rg_scope_compile(y, n, &text, RG_USE_FILTER, &pol->scope, &pol->scope_ir, &pol->scope_text);
}
