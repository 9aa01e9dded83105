/* SPDX-License-Identifier: BSD-2-Clause */
/* What the kernel's hooks know when, and so which rule they can decide (facts: docs/enforce.md). */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "policy/lower/enforce.h"
#include "policy/why.h"

#define AT(stage) (1u << (stage))
#define WHO	  (AT(RG_ST_RECV) | AT(RG_ST_FILE))
#define SOCK	  (AT(RG_ST_QUEUE) | AT(RG_ST_RECV))

enum how { NUM, TEXT, ADDR };

/* A field, the dimension that holds it, when it is known. */
static const struct place {
	enum rg_field field;
	uint8_t dim, how, stages;
} places[] = {
	{RG_F_PROC_PID, RG_D_PID, NUM, WHO},
	{RG_F_PROC_TID, RG_D_TID, NUM, WHO},
	{RG_F_PROC_PPID, RG_D_PPID, NUM, WHO},
	{RG_F_PROC_UID, RG_D_UID, NUM, WHO},
	{RG_F_PROC_GID, RG_D_GID, NUM, WHO},
	{RG_F_PROC_COMM, RG_D_COMM, TEXT, WHO},
	{RG_F_PROC_CGROUP_ID, RG_D_CGROUP, NUM, WHO},
	{RG_F_PROC_CGROUP, RG_D_CGROUP, TEXT, WHO},
	{RG_F_CONTAINER_ID, RG_D_CGTREE, TEXT, WHO},
	{RG_F_PROC_NS_MNTNS, RG_D_MNTNS, NUM, WHO},
	{RG_F_PROC_NS_PIDNS, RG_D_PIDNS, NUM, WHO},
	{RG_F_PROC_EXE, RG_D_EXE, TEXT, WHO},
	{RG_F_PROC_COMPAT, RG_D_COMPAT, NUM, WHO},
	{RG_F_PEEK, RG_D_FLAGS, NUM, AT(RG_ST_RECV)},
	{RG_F_MSG_FLAGS, RG_D_FLAGS, NUM, AT(RG_ST_RECV)},
	{RG_F_SOCK_FAMILY, RG_D_FAMILY, NUM, SOCK},
	{RG_F_SOCK_TYPE, RG_D_TYPE, NUM, SOCK},
	{RG_F_SOCK_PROTOCOL, RG_D_PROTOCOL, NUM, SOCK},
	{RG_F_SOCK_COOKIE, RG_D_COOKIE, NUM, SOCK},
	{RG_F_SOCK_NETNS, RG_D_NETNS, NUM, SOCK},
	{RG_F_SOCK_LOCAL_PORT, RG_D_LPORT, NUM, SOCK},
	{RG_F_SOCK_REMOTE_PORT, RG_D_RPORT, NUM, SOCK},
	{RG_F_SOCK_LOCAL_ADDR, RG_D_LADDR4, ADDR, SOCK},
	{RG_F_SOCK_REMOTE_ADDR, RG_D_RADDR4, ADDR, SOCK},
	{RG_F_SOCK_PATH, RG_D_PATH, TEXT, SOCK},
	{RG_F_MSG_SIZE, RG_D_SIZE, NUM, AT(RG_ST_QUEUE)},
	{RG_F_SENDER_PID, RG_D_SPID, NUM, AT(RG_ST_QUEUE)},
	{RG_F_SENDER_UID, RG_D_SUID, NUM, AT(RG_ST_QUEUE)},
	{RG_F_SENDER_GID, RG_D_SGID, NUM, AT(RG_ST_QUEUE)},
};

static const struct {
	const char *name;
	uint8_t dim;
} elems[] = {
	{"kind", RG_D_KIND}, {"inode", RG_D_INO},  {"dev", RG_D_DEV},	   {"rdev", RG_D_RDEV},
	{"mode", RG_D_MODE}, {"size", RG_D_FSIZE}, {"flags", RG_D_FFLAGS},
};

static const char *too_early(enum rg_field f, enum rg_enf_stage stage)
{
	const char *name = rg_fields[f].name;

	if (stage == RG_ST_QUEUE && (!strncmp(name, "proc.", 5) || !strncmp(name, "container.", 10) ||
				     f == RG_F_PEEK || f == RG_F_MSG_FLAGS))
		return "content, size, sender and the number of descriptors are decided as the message is "
		       "queued: who will "
		       "receive it is not known then";
	if (stage == RG_ST_FILE)
		return "descriptors are seen when they are installed, where socket, sender and content are "
		       "not known";
	if (stage == RG_ST_RECV && (!strncmp(name, "msg.", 4) || !strncmp(name, "sender.", 7)))
		return "the receive hook runs before the message exists: content, size, sender and "
		       "descriptors can only be "
		       "dropped as a datagram is queued (drop)";
	return "the kernel's hooks do not know it";
}

/* The event's text of a path may be an escaped form of the kernel's bytes. */
static bool plain(const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)s[i] < ' ' || (unsigned char)s[i] > '~' || s[i] == '\\')
			return false;
	return len < RG_ENF_PATH - 3;
}

static bool all_plain(const struct rg_ir *p, const struct rg_ir_insn *in)
{
	const struct rg_ir_const *k = &rg_ir_consts(p)[in->k];
	const char *data = rg_ir_data(p) + k->off;
	const struct rg_ir_slot *slot = (const void *)data;

	if (in->op == RG_IR_STR)
		return plain(data, k->len);
	for (uint32_t i = 0; i < k->n; i++)
		if (slot[i].off && !plain(data + slot[i].off, slot[i].len))
			return false;
	return true;
}

/* Names are compared whole or by their beginning. */
static const char *check_text(const struct place *pl, const struct rg_ir *p, const struct rg_ir_insn *in)
{
	bool eq = in->op == RG_IR_STRSET || (in->op == RG_IR_STR && in->sub == RG_S_EQ);
	bool starts = in->op == RG_IR_STR && in->sub == RG_S_STARTS;
	const struct rg_ir_const *k = &rg_ir_consts(p)[in->k];

	if (in->op == RG_IR_EXISTS)
		return pl->field == RG_F_CONTAINER_ID ? "whether a group is a container's is not known in "
							"the kernel: name the container"
						      : NULL;
	if (!eq && !starts)
		return "the kernel's hooks compare text whole or by its beginning (==, in, startswith)";
	if (pl->field == RG_F_SOCK_PATH && !all_plain(p, in))
		return "paths with unprintable bytes or \\, or too long for a socket, can't be compared in "
		       "the kernel";
	if (pl->field == RG_F_PROC_EXE && !eq)
		return "executables are known by their file: name each (==, in)";
	if (pl->field == RG_F_CONTAINER_ID && !starts)
		return "containers are named by the beginning of their id";
	if (pl->field == RG_F_PROC_CGROUP && starts && (!k->len || rg_ir_data(p)[k->off + k->len - 1] != '/'))
		return "control groups are compared whole, or by a beginning that ends in /";
	return NULL;
}

static const char *check_num(const struct place *pl, const struct rg_ir_insn *in)
{
	switch (in->op) {
	case RG_IR_EXISTS:
	case RG_IR_TRUE:
	case RG_IR_INTSET:
	case RG_IR_CMP: break;
	case RG_IR_FLAGS:
		if (pl->dim == RG_D_FLAGS && in->imm & MSG_DONTWAIT)
			return "MSG_DONTWAIT: the hook cannot tell it from a descriptor in O_NONBLOCK";
		return pl->dim == RG_D_FLAGS ? NULL : "flags can't be tested there";
	case RG_IR_NAME: return "names that depend on another field can't be compared: give the number";
	default: return "two values can't be compared in the kernel";
	}
	if (pl->dim == RG_D_FLAGS && pl->field == RG_F_MSG_FLAGS && in->op != RG_IR_EXISTS)
		return "flags are tested by `has`";
	return NULL;
}

static const char *test_field(const struct place *pl, const struct rg_ir *p, const struct rg_ir_insn *in,
			      struct rg_enf_lit *ret)
{
	const char *why;

	ret->dim[0] = pl->dim;
	ret->dim[1] = RG_D__COUNT;
	if (pl->how == ADDR) {
		ret->dim[1] = (uint8_t)(pl->dim + 1);
		return in->op == RG_IR_ADDRS || in->op == RG_IR_EXISTS
			       ? NULL
			       : "addresses are compared with prefixes and "
				 "ranges (in)";
	}
	why = pl->how == TEXT ? check_text(pl, p, in) : check_num(pl, in);
	if (pl->field == RG_F_PROC_CGROUP && in->op == RG_IR_STR && in->sub == RG_S_STARTS)
		ret->dim[0] = RG_D_CGTREE;
	return why;
}

static const char *test_elem(const struct rg_ir *p, const struct rg_ir_insn *in, const struct rg_ir_val *v,
			     struct rg_enf_lit *ret)
{
	const char *name = rg_ir_data(p) + v->name;

	ret->elem = true;
	ret->dim[1] = RG_D__COUNT;
	for (size_t i = 0; v->field == RG_F_FD && !v->view && i < sizeof(elems) / sizeof(elems[0]); i++) {
		if (strcmp(name, elems[i].name))
			continue;
		ret->dim[0] = elems[i].dim;
		if (in->op == RG_IR_FLAGS || in->op == RG_IR_CMP || in->op == RG_IR_INTSET ||
		    in->op == RG_IR_EXISTS || in->op == RG_IR_TRUE)
			return in->op == RG_IR_FLAGS && elems[i].dim != RG_D_FFLAGS
				       ? "flags can't be tested there"
				       : NULL;
		return "of a descriptor numbers and kinds are compared";
	}
	return "of a descriptor kind, inode, dev, rdev, mode, size and flags are known when it is installed";
}

/* The sender's address, as recvmsg would return it. */
static const char *test_name(const struct rg_ir *p, const struct rg_ir_insn *in, const struct rg_ir_val *v,
			     enum rg_enf_stage stage, struct rg_enf_lit *ret)
{
	const char *name = rg_ir_data(p) + v->name;

	if (v->field != RG_F_MSG_NAME || stage != RG_ST_QUEUE)
		return v->field == RG_F_MSG_NAME ? too_early(RG_F_MSG_NAME, stage)
						 : "the kernel's hooks do not know it";
	if (!strcmp(name, "addr") && in->op == RG_IR_ADDRS) {
		ret->dim[0] = RG_D_SADDR4;
		ret->dim[1] = RG_D_SADDR6;
		return NULL;
	}
	ret->dim[0] = RG_D_SPORT;
	ret->dim[1] = RG_D__COUNT;
	if (!strcmp(name, "port") && (in->op == RG_IR_CMP || in->op == RG_IR_INTSET))
		return NULL;
	return "of the sender's address addr (in) and port are compared in the kernel";
}

static const char *test_view(const struct rg_ir_insn *in, const struct rg_ir_val *v, enum rg_enf_stage stage,
			     struct rg_enf_lit *ret)
{
	if (v->field != RG_F_MSG_DATA)
		return "parts of it are not looked at in the kernel";
	if (stage != RG_ST_QUEUE)
		return too_early(RG_F_MSG_DATA, stage);
	ret->dim[0] = ret->dim[1] = RG_D__COUNT;
	ret->content = v->view != RG_VIEW_LEN;
	if (v->view == RG_VIEW_LEN)
		ret->dim[0] = RG_D_SIZE;
	if (in->op == RG_IR_DFA || (in->op == RG_IR_STR && in->sub == RG_S_CONTAINS))
		return "content is not searched in the kernel (matches, glob, contains): bytes at fixed "
		       "places are compared";
	return NULL;
}

const char *rg_enf_test(const struct rg_ir *p, uint32_t pc, enum rg_enf_stage stage, struct rg_enf_lit *ret)
{
	const struct rg_ir_insn *in = &rg_ir_insns(p)[pc];
	const struct rg_ir_val *v = &rg_ir_vals(p)[in->a];

	*ret = (struct rg_enf_lit){.ir = p, .pc = pc, .dim = {RG_D__COUNT, RG_D__COUNT}};
	if (in->op == RG_IR_CMPV || in->op == RG_IR_STRV || in->op == RG_IR_ADDRV)
		return "two values can't be compared in the kernel";
	if (v->kind == RG_V_ELEM)
		return test_elem(p, in, v, ret);
	if (v->kind == RG_V_SUB)
		return test_name(p, in, v, stage, ret);
	if (v->kind == RG_V_COUNT) {
		ret->dim[0] = RG_D_FDS;
		if (v->field != RG_F_FD)
			return "of lists the number of descriptors alone is known in the kernel";
		return stage == RG_ST_QUEUE ? NULL : too_early(RG_F_MSG_SIZE, stage);
	}
	if (v->view || v->field == RG_F_MSG_DATA)
		return test_view(in, v, stage, ret);
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++)
		if (places[i].field == v->field)
			return places[i].stages & AT(stage) ? test_field(&places[i], p, in, ret)
							    : too_early(v->field, stage);
	return too_early(v->field, stage);
}

/* Why a program can't be decided at a stage, NULL: it can. */
static const char *why_not(const struct rg_ir *p, enum rg_enf_stage stage)
{
	const struct rg_ir_insn *in = p ? rg_ir_insns(p) : NULL;

	for (uint32_t pc = 0; p && pc < p->n_insns; pc++) {
		struct rg_enf_lit lit;
		const char *why;

		if (in[pc].op == RG_IR_RET)
			continue;
		if (in[pc].op == RG_IR_LOOP) {
			if (stage != RG_ST_FILE)
				return stage == RG_ST_RECV || in[pc].a != RG_F_FD
					       ? too_early(RG_F_MSG_DATA, RG_ST_RECV)
					       : "which descriptors they are is seen one by one, when they "
						 "are installed: use strip";
			if (in[pc].a != RG_F_FD || in[pc].sub != RG_ANY)
				return "descriptors are seen one by one as they are installed: say any(fd, "
				       "...)";
			continue;
		}
		why = rg_enf_test(p, pc, stage, &lit);
		if (why)
			return why;
	}
	return NULL;
}

/* ---- rules */

/* Does the condition hold only where field has one of the given values? */
static bool says(const struct rg_ast *n, enum rg_field field, bool (*good)(int64_t))
{
	const struct rg_ast *v = n ? n->kids : NULL, *k;

	if (!n)
		return false;
	if (n->kind == RG_A_AND || n->kind == RG_A_OR) {
		bool any = false, all = true;

		for (k = n->kids; k; k = k->next) {
			bool s = says(k, field, good);

			any |= s;
			all &= s;
		}
		return n->kind == RG_A_AND ? any : all;
	}
	if ((n->kind != RG_A_IN && n->kind != RG_A_CMP) || v->kind != RG_A_FIELD || v->field != (int)field)
		return false;
	if (n->kind == RG_A_CMP &&
	    (n->op == RG_NE ? field != RG_F_SOCK_TYPE || v->next->num != SOCK_STREAM : n->op != RG_EQ))
		return false;
	if (n->kind == RG_A_CMP && n->op == RG_NE)
		return true;
	for (k = n->kind == RG_A_IN ? v->next->kids : v->next; k; k = k->next)
		if (k->kind != RG_A_INT || !good((int64_t)k->num))
			return false;
	return true;
}

static bool good_type(int64_t t)
{
	return t != SOCK_STREAM;
}

static bool good_family(int64_t f)
{
	return f == AF_UNIX || f == AF_INET || f == AF_INET6;
}

static bool has_loop(const struct rg_ir *p)
{
	for (uint32_t pc = 0; p && pc < p->n_insns; pc++)
		if (rg_ir_insns(p)[pc].op == RG_IR_LOOP)
			return true;
	return false;
}

enum rg_enf_stage rg_enf_stage_of(const struct rg_rule *r)
{
	switch (r->action) {
	case RG_ACT_DROP: return RG_ST_QUEUE;
	case RG_ACT_STRIP: return RG_ST_FILE;
	case RG_ACT_LOG:
		return has_loop(r->ir) ? RG_ST_FILE : why_not(r->ir, RG_ST_RECV) ? RG_ST_QUEUE : RG_ST_RECV;
	default: return RG_ST_RECV;
	}
}

static enum rg_support queue_scope(const struct rg_pol *pol, const struct rg_rule *r, struct rg_why *w)
{
	if (!says(r ? r->tree : NULL, RG_F_SOCK_TYPE, good_type) &&
	    !says(pol->scope, RG_F_SOCK_TYPE, good_type))
		return rg_why_say(
			w, RG_REFUSED, "%s",
			"on streams content can't be decided in the kernel, and drop would tear them: say "
			"sock.type == "
			"dgram or seqpacket");
	if (!says(r ? r->tree : NULL, RG_F_SOCK_FAMILY, good_family) &&
	    !says(pol->scope, RG_F_SOCK_FAMILY, good_family))
		return rg_why_say(
			w, RG_REFUSED, "%s",
			"datagrams are dropped as they are queued for unix and UDP sockets alone: say "
			"sock.family == "
			"unix, or in {inet, inet6}");
	return RG_ENFORCEABLE;
}

static enum rg_support own(const struct rg_pol *pol, const struct rg_rule *r, enum rg_enf_stage stage,
			   struct rg_why *w)
{
	const char *why = why_not(r->ir, stage);

	if (!why)
		why = why_not(pol->scope_ir, stage);
	if (why)
		return rg_why_say(w, RG_REFUSED, "%s; `recvguard run` can", why);
	if (stage == RG_ST_FILE && r->action == RG_ACT_STRIP && !has_loop(r->ir))
		return rg_why_say(w, RG_REFUSED, "%s", "strip says which descriptors by any(fd, ...)");
	return stage == RG_ST_QUEUE ? queue_scope(pol, r, w) : RG_ENFORCEABLE;
}

/* A rule is decided at its stage whatever comes earlier in the policy but is decided later. So that first
 * match wins all the same: what stands before it must be decidable at that stage, or be of the same or an
 * earlier stage. */
static enum rg_support before(const struct rg_pol *pol, unsigned rule, enum rg_enf_stage stage,
			      struct rg_why *w)
{
	for (unsigned i = 0; i < rule && i < pol->n_rules; i++) {
		const struct rg_rule *r = &pol->rules[i];
		const char *why;

		if (r->action == RG_ACT_LOG)
			continue;
		if (r->action != RG_ACT_ALLOW) {
			if (rg_enf_stage_of(r) > stage)
				return rg_why_say(
					w, RG_REFUSED,
					"rule \"%s\" stands before it and is decided later in the kernel: "
					"put drop before "
					"deny and kill, and those before strip",
					r->name);
			continue;
		}
		why = why_not(r->ir, stage);
		if (why)
			return rg_why_say(
				w, RG_REFUSED,
				"rule \"%s\" stands before it and can't be decided at that point: %s",
				r->name, why);
	}
	return RG_ENFORCEABLE;
}

static enum rg_support says_when(const struct rg_rule *r, enum rg_enf_stage stage, bool audit,
				 struct rg_why *w)
{
	if (r->action == RG_ACT_LOG || audit)
		return rg_why_say(w, RG_ADVISORY, "reported, not enforced; decided %s",
				  stage == RG_ST_QUEUE	? "as the message is queued"
				  : stage == RG_ST_FILE ? "as each descriptor is installed"
							: "before the wait");
	switch (stage) {
	case RG_ST_QUEUE:
		return rg_why_say(
			w, RG_ENFORCEABLE, "%s",
			"as the message is queued (unix datagram and seqpacket, UDP): the sender sees "
			"success");
	case RG_ST_FILE:
		return rg_why_say(
			w, RG_ENFORCEABLE, "%s",
			"per descriptor at install: from the first refused one on, all later ones of the "
			"message are "
			"lost too");
	default:
		return rg_why_say(w, RG_ENFORCEABLE, "%s",
				  "before the wait: the call fails, the message stays queued");
	}
}

enum rg_support rg_enf_support(const struct rg_pol *pol, unsigned rule, enum rg_enf_stage *stage, char *why,
			       size_t why_size)
{
	const struct rg_rule *r = &pol->rules[rule];
	struct rg_why w = {why, why_size};
	enum rg_support s;

	*stage = rg_enf_stage_of(r);
	if (pol->tracee)
		return rg_why_say(&w, RG_ADVISORY, "%s",
				  "reported, not enforced: by `recvguard trace`, which enforce is not");
	if (r->action == RG_ACT_ALLOW) /* what it stands before is asked for it */
		return rg_why_say(&w, RG_ENFORCEABLE, "%s",
				  "goes before what it excepts from the rules behind it");
	s = own(pol, r, *stage, &w);
	if (s != RG_REFUSED)
		s = before(pol, rule, *stage, &w);
	return s == RG_REFUSED ? s : says_when(r, *stage, pol->audit, &w);
}

enum rg_support rg_enf_support_policy(const struct rg_pol *pol, char *why, size_t why_size)
{
	struct rg_why w = {why, why_size};
	enum rg_enf_stage stage = pol->dflt == RG_ACT_DROP ? RG_ST_QUEUE : RG_ST_RECV;
	const char *reason;

	if (pol->tracee)
		return rg_why_say(
			&w, RG_REFUSED, "%s",
			"a Tracee policy reports and never acts: `recvguard trace --policy` reads it");
	if (pol->dflt == RG_ACT_ALLOW)
		return RG_ENFORCEABLE;
	reason = why_not(pol->scope_ir, stage);
	if (reason)
		return rg_why_say(&w, RG_REFUSED, "its default: %s", reason);
	if (stage == RG_ST_QUEUE && queue_scope(pol, NULL, &w) == RG_REFUSED)
		return RG_REFUSED;
	return before(pol, pol->n_rules, stage, &w);
}

int rg_enf_queue_default(const struct rg_policy *p, struct rg_err *err)
{
	for (unsigned i = 0; i < p->n; i++)
		if (p->pols[i].dflt != RG_ACT_ALLOW && p->pols[i].dflt != RG_ACT_DROP)
			return rg_fail(
				err, -EOPNOTSUPP,
				"%s: policy %s can't be enforced by cgroup: its default is decided as a "
				"process receives, which needs trampolines: lsm can, and `recvguard run`",
				p->pols[i].file, p->pols[i].name);
	return 0;
}
