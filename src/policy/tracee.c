/* SPDX-License-Identifier: BSD-2-Clause */
/* Tracee's policy files (apiVersion tracee.aquasec.com/v1beta1), as they are. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "policy/expr.h"
#include "policy/keys.h"

/* data.NAME of Tracee's events (its names of the system calls' arguments), and what recvguard knows of it. */
static const struct {
	const char *name, *field;
	enum rg_tkind kind;
} data_fields[] = {
	{"sockfd", "sock.fd", RG_TK_NUM},	{"fd", "sock.fd", RG_TK_NUM},
	{"flags", "msg.flags", RG_TK_FLAGS},	{"msg", "msg.user", RG_TK_NUM},
	{"msgvec", "msg.user", RG_TK_NUM},	{"buf", "msg.user", RG_TK_NUM},
	{"iovcnt", "msg.iov.count", RG_TK_NUM}, {"returnValue", "ret", RG_TK_NUM},
};

/* Fields outside data: Tracee's names. The plain ones are as the process sees itself, host* as the machine
 * does. */
static const struct {
	const char *name, *field;
	enum rg_tkind kind;
} event_fields[] = {
	{"retval", "ret", RG_TK_NUM},
	{"comm", "proc.comm", RG_TK_TEXT},
	{"processName", "proc.comm", RG_TK_TEXT},
	{"p", "proc.ns.pid", RG_TK_NUM},
	{"pid", "proc.ns.pid", RG_TK_NUM},
	{"processId", "proc.ns.pid", RG_TK_NUM},
	{"tid", "proc.ns.tid", RG_TK_NUM},
	{"threadId", "proc.ns.tid", RG_TK_NUM},
	{"ppid", "proc.ns.ppid", RG_TK_NUM},
	{"parentProcessId", "proc.ns.ppid", RG_TK_NUM},
	{"hostPid", "proc.pid", RG_TK_NUM},
	{"hostProcessId", "proc.pid", RG_TK_NUM},
	{"hostTid", "proc.tid", RG_TK_NUM},
	{"hostThreadId", "proc.tid", RG_TK_NUM},
	{"hostPpid", "proc.ppid", RG_TK_NUM},
	{"hostParentProcessId", "proc.ppid", RG_TK_NUM},
	{"uid", "proc.uid", RG_TK_NUM},
	{"userId", "proc.uid", RG_TK_NUM},
	{"mntns", "proc.ns.mntns", RG_TK_NUM},
	{"mountNamespace", "proc.ns.mntns", RG_TK_NUM},
	{"pidns", "proc.ns.pidns", RG_TK_NUM},
	{"pidNamespace", "proc.ns.pidns", RG_TK_NUM},
	{"hostName", "proc.host", RG_TK_TEXT},
	{"cgroupId", "proc.cgroup_id", RG_TK_NUM},
	{"container", "container.id", RG_TK_TEXT},
	{"containerId", "container.id", RG_TK_TEXT},
	{"containerImage", "container.image", RG_TK_TEXT},
	{"containerName", "container.name", RG_TK_TEXT},
	{"podUid", "container.pod", RG_TK_TEXT},
	{"timestamp", "time", RG_TK_NUM},
	{"processorId", "cpu", RG_TK_NUM},
	{"executable", "proc.exe", RG_TK_TEXT},
};

/* Tracee's names for what recvguard's events do not have. */
static const struct {
	const char *name, *why;
} unknown_fields[] = {
	{"podName", "recvguard knows a pod by its uid only: podUid"},
	{"podNamespace", "recvguard knows a pod by its uid only: podUid"},
};

#define LEN(a) (sizeof(a) / sizeof((a)[0]))

static bool skip(const char **s, const char *prefix)
{
	size_t n = strlen(prefix);

	if (strncmp(*s, prefix, n))
		return false;
	*s += n;
	return true;
}

static int emit_own_field(struct rg_yaml *y, const yaml_node_t *n, const struct rg_tfilter *f, int field,
			  struct rg_buf *out)
{
	enum rg_type t = rg_fields[field].type;
	enum rg_tkind kind = t == RG_T_FLAGS			? RG_TK_FLAGS
			     : t <= RG_T_ENUM && t != RG_T_BOOL ? RG_TK_NUM
								: RG_TK_TEXT;
	const char *v = f->values;

	if (t == RG_T_LIST || t == RG_T_OBJECT || !v)
		return rg_yaml_fail(y, n, "\"%s\" can't be compared with a value", rg_fields[field].name);
	if (t == RG_T_ENUM || t == RG_T_BOOL) {
		if (strchr(v, ',') || f->op[0] == '<' || f->op[0] == '>' ||
		    strspn(v, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-:") !=
			    strlen(v))
			return rg_yaml_fail(y, n, "\"%s\" takes = and != and one name",
					    rg_fields[field].name);
		rg_buf_printf(out, "(%s %s %s)", rg_fields[field].name, f->op[0] == '!' ? "!=" : "==", v);
		return 0;
	}
	return rg_tfilter_emit(y, n, f, rg_fields[field].name, kind, out);
}

static int emit_data(struct rg_yaml *y, const yaml_node_t *n, const char *name, const struct rg_tfilter *f,
		     struct rg_buf *out)
{
	struct rg_near near = rg_near(name, strlen(name));
	int own = rg_field_find(name, strlen(name));
	char hint[96];

	for (size_t i = 0; i < LEN(data_fields); i++) {
		if (!strcmp(name, data_fields[i].name))
			return rg_tfilter_emit(y, n, f, data_fields[i].field, data_fields[i].kind, out);
		rg_near_try(&near, data_fields[i].name);
	}
	if (!strcmp(name, "len") || !strcmp(name, "count") || !strcmp(name, "size")) {
		rg_buf_str(out, "any(msg.iov, ");
		if (rg_tfilter_emit(y, n, f, "len", RG_TK_IOVLEN, out))
			return -EINVAL;
		rg_buf_str(out, ")");
		return 0;
	}
	if (own >= 0)
		return emit_own_field(y, n, f, own, out);
	return rg_yaml_fail(y, n, "no data field \"%s\"%s", name, rg_near_hint(&near, hint, sizeof(hint)));
}

/* syscall=NAME: the entry that carried the message. What is no entry of ours never carries one. */
static int emit_syscall(struct rg_yaml *y, const yaml_node_t *n, const struct rg_tfilter *f,
			struct rg_buf *out)
{
	const char *v = f->values, *between = "";
	uint64_t route;

	if (!v || (f->op[0] != '=' && f->op[0] != '!'))
		return rg_yaml_fail(y, n, "\"syscall\" takes = and != and names of system calls");
	rg_buf_str(out, f->op[0] == '!' ? "not (" : "(");
	while (*v) {
		size_t len = strcspn(v, ",");
		struct rg_near near = rg_near(v, len);
		char hint[96];

		if (!len || rg_name_value(rg_names_routes, v, len, &route)) {
			rg_near_names(&near, rg_names_routes);
			return rg_yaml_fail(y, n, "no message comes by a system call \"%.*s\"%s", (int)len, v,
					    rg_near_hint(&near, hint, sizeof(hint)));
		}
		rg_buf_printf(out, "%sroute == \"%.*s\"", between, (int)len, v);
		between = " or ";
		v += len + (v[len] == ',');
	}
	rg_buf_str(out, ")");
	return 0;
}

static int emit_filter(struct rg_yaml *y, const yaml_node_t *n, const char *text, struct rg_buf *out)
{
	struct rg_near near;
	struct rg_tfilter f;
	const char *name;
	char hint[96];

	if (rg_tfilter_parse(y, n, text, &f))
		return -EINVAL;
	name = f.name;
	if (skip(&name, "data.") || skip(&name, "args."))
		return emit_data(y, n, name, &f, out);
	skip(&name, "scope.");
	if (!strcmp(name, "container") && !f.values) {
		rg_buf_str(out, "(container.id exists)");
		return 0;
	}
	if (!strcmp(name, "syscall"))
		return emit_syscall(y, n, &f, out);
	for (size_t i = 0; i < LEN(unknown_fields); i++)
		if (!strcmp(name, unknown_fields[i].name))
			return rg_yaml_fail(y, n, "filter \"%s\" can't be decided: %s", name,
					    unknown_fields[i].why);
	near = rg_near(name, strlen(name));
	for (size_t i = 0; i < LEN(event_fields); i++) {
		if (!strcmp(name, event_fields[i].name))
			return rg_tfilter_emit(y, n, &f, event_fields[i].field, event_fields[i].kind, out);
		rg_near_try(&near, event_fields[i].name);
	}
	return rg_yaml_fail(y, n, "no filter \"%s\"%s", name, rg_near_hint(&near, hint, sizeof(hint)));
}

struct reading {
	struct rg_pol *pol;
	struct rg_rule *rule;
	struct rg_buf text;
};

static int rule_event(struct rg_yaml *y, const yaml_node_t *n, void *arg)
{
	struct reading *rd = arg;
	struct rg_near near;
	char hint[96];
	uint64_t v;

	rd->rule->name = rg_yaml_str(y, n, "event");
	if (!rd->rule->name)
		return -EINVAL;
	near = rg_near(rd->rule->name, strlen(rd->rule->name));
	if (rg_name_value(rg_names_events, near.name, near.len, &v) || v == RG_EV_LOST) {
		rg_near_names(&near, rg_names_events);
		return rg_yaml_fail(y, n,
				    "recvguard has no event \"%s\": it sees messages received and sent over "
				    "sockets (see `recvguard events`)%s",
				    rd->rule->name, rg_near_hint(&near, hint, sizeof(hint)));
	}
	for (unsigned i = 0; i + 1 < rd->pol->n_rules; i++)
		if (!strcmp(rd->pol->rules[i].name, rd->rule->name))
			return rg_yaml_fail(y, n,
					    "event \"%s\" is there twice; an event has one rule in a policy",
					    rd->rule->name);
	rg_buf_printf(&rd->text, "event == %s", rd->rule->name);
	return 0;
}

static int add_filter(struct rg_yaml *y, const yaml_node_t *n, void *arg)
{
	struct reading *rd = arg;
	const char *text = rg_yaml_str(y, n, "a filter");

	if (!text)
		return -EINVAL;
	rg_buf_str(&rd->text, " and ");
	return emit_filter(y, n, text, &rd->text);
}

static int rule_filters(struct rg_yaml *y, const yaml_node_t *n, void *arg)
{
	return rg_yaml_list(y, n, "filters", add_filter, arg);
}

static int check_action(struct rg_yaml *y, const yaml_node_t *n, void *arg)
{
	if (rg_yaml_is(n, "log"))
		return 0;
	return rg_yaml_fail(y, n,
			    "action \"%s\" is not available: recvguard's Tracee policies log; where to is "
			    "`-o` of recvguard trace",
			    n->type == YAML_SCALAR_NODE ? (const char *)n->data.scalar.value : "?");
}

static int rule_actions(struct rg_yaml *y, const yaml_node_t *n, void *arg)
{
	return rg_yaml_list(y, n, "actions", check_action, arg);
}

static const struct rg_yaml_key keys_rule[] = {{"event", true, rule_event, "", NULL},
					       {"filters", false, rule_filters, "", NULL},
					       {"actions", false, rule_actions, "", NULL},
					       {0}};

static int add_rule(struct rg_yaml *y, const yaml_node_t *n, void *arg)
{
	struct rg_pol *pol = arg;
	struct reading rd = {pol, rg_rule_add(y->c, pol), {0}};
	const char *text;
	int r = rd.rule ? rg_yaml_map(y, n, "a rule", keys_rule, &rd) : -ENOMEM;

	if (!r) {
		rd.rule->action = RG_ACT_LOG;
		r = rg_scope_compile(y, n, &rd.text, RG_USE_FILTER, &rd.rule->tree, &rd.rule->ir, &text);
		rd.rule->when = rd.rule->tree ? rd.rule->tree->loc.src : NULL;
		rd.rule->loc = (struct rg_loc){rd.rule->when, 0, 0};
	}
	rg_buf_free(&rd.text);
	return r;
}

static int spec_scope(struct rg_yaml *y, const yaml_node_t *n, void *arg)
{
	return rg_scope_load(y, n, arg);
}

static int spec_rules(struct rg_yaml *y, const yaml_node_t *n, void *arg)
{
	return rg_yaml_list(y, n, "rules", add_rule, arg);
}

static const struct rg_yaml_key keys_spec[] = {{"scope", true, spec_scope, "", NULL},
					       {"defaultActions", false, rule_actions, "", NULL},
					       {"rules", true, spec_rules, "", NULL},
					       {0}};

static int doc_spec(struct rg_yaml *y, const yaml_node_t *n, void *arg)
{
	return rg_yaml_map(y, n, "spec", keys_spec, arg);
}

static int dns_label(struct rg_yaml *y, const yaml_node_t *n, const char *s)
{
	size_t len = strlen(s);

	if (!len || len > 63 || strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789-") != len || s[0] == '-' ||
	    s[len - 1] == '-')
		return rg_yaml_fail(
			y, n, "a policy's name has lower-case letters, digits and -, at most 63 of them");
	return 0;
}

static int doc_metadata(struct rg_yaml *y, const yaml_node_t *n, void *arg)
{
	struct rg_pol *pol = arg;

	if (rg_yaml_map(y, n, "metadata", rg_keys_metadata, pol))
		return -EINVAL;
	return dns_label(y, n, pol->name);
}

static int doc_kind(struct rg_yaml *y, const yaml_node_t *n, void *arg)
{
	if (rg_yaml_is(n, "Policy") || rg_yaml_is(n, "TraceePolicy"))
		return 0;
	return rg_yaml_fail(y, n, "kind is Policy");
}

static const struct rg_yaml_key keys_doc[] = {{"apiVersion", true, NULL, "", NULL},
					      {"kind", true, doc_kind, "", NULL},
					      {"metadata", true, doc_metadata, "", NULL},
					      {"spec", true, doc_spec, "", NULL},
					      {0}};

int rg_tracee_load(struct rg_policy *p, struct rg_yaml *y, const yaml_node_t *root)
{
	struct rg_pol tmp = {.file = y->file->origin, .tracee = true, .audit = true}, *pol;
	int r = rg_yaml_map(y, root, "a policy", keys_doc, &tmp);

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
