/* SPDX-License-Identifier: BSD-2-Clause */
/* The comment of a packet: what pcapng has no field for. */
#include "base/text.h"
#include "sink/pcapng.h"

#define COMMENT_MAX 2048

static bool uint_field(struct rg_text *t, const struct rg_event *ev, enum rg_field f, const char *before)
{
	if (!rg_has(ev, f))
		return false;
	rg_text_str(t, before);
	rg_text_u64(t, ev->v[f].u);
	return true;
}

static bool str_field(struct rg_text *t, const struct rg_event *ev, enum rg_field f, const char *before)
{
	if (!rg_has(ev, f))
		return false;
	rg_text_str(t, before);
	rg_text_escaped(t, ev->v[f].p, ev->v[f].len);
	return true;
}

static bool enum_field(struct rg_text *t, const struct rg_event *ev, enum rg_field f, const char *before)
{
	const char *name;

	if (!rg_has(ev, f))
		return false;
	name = rg_name_of(rg_fields[f].names, ev->v[f].u);
	rg_text_str(t, before);
	if (name)
		rg_text_str(t, name);
	else
		rg_text_i64(t, ev->v[f].i);
	return true;
}

static void who(struct rg_text *t, const struct rg_event *ev)
{
	if (!str_field(t, ev, RG_F_PROC_COMM, ""))
		rg_text_char(t, '?');
	rg_text_char(t, '[');
	uint_field(t, ev, RG_F_PROC_PID, "");
	if (rg_has(ev, RG_F_PROC_TID) && rg_has(ev, RG_F_PROC_PID) &&
	    ev->v[RG_F_PROC_TID].u != ev->v[RG_F_PROC_PID].u)
		uint_field(t, ev, RG_F_PROC_TID, "/");
	rg_text_char(t, ']');
	uint_field(t, ev, RG_F_PROC_UID, " uid ");
	str_field(t, ev, RG_F_PROC_EXE, " ");
	str_field(t, ev, RG_F_CONTAINER_ID, " container ");
}

static void call(struct rg_text *t, const struct rg_event *ev)
{
	enum_field(t, ev, RG_F_ROUTE, "; ");
	uint_field(t, ev, RG_F_BATCH, " #");
	if (rg_has(ev, RG_F_PEEK) && ev->v[RG_F_PEEK].u)
		rg_text_str(t, " peek");
	if (!enum_field(t, ev, RG_F_ERROR, " ") && rg_has(ev, RG_F_RET)) {
		rg_text_char(t, ' ');
		rg_text_i64(t, ev->v[RG_F_RET].i);
		rg_text_str(t, " bytes");
	}
	uint_field(t, ev, RG_F_SOCK_FD, " fd ");
}

static void where(struct rg_text *t, const struct rg_event *ev)
{
	const struct rg_node *name = NULL;

	enum_field(t, ev, RG_F_SOCK_FAMILY, "; ");
	enum_field(t, ev, RG_F_SOCK_TYPE, " ");
	if (str_field(t, ev, RG_F_SOCK_PATH, " "))
		return;
	if (rg_has(ev, RG_F_MSG_NAME))
		name = rg_node_find(ev->v[RG_F_MSG_NAME].node, "text");
	if (name) {
		rg_text_char(t, ' ');
		rg_text_escaped(t, name->v.p, name->v.len);
	}
}

static void sender(struct rg_text *t, const struct rg_event *ev)
{
	if (!rg_has(ev, RG_F_SENDER_PID) && !rg_has(ev, RG_F_SENDER_HOW))
		return;
	rg_text_str(t, "; from ");
	str_field(t, ev, RG_F_SENDER_COMM, "");
	if (uint_field(t, ev, RG_F_SENDER_PID, "["))
		rg_text_char(t, ']');
	uint_field(t, ev, RG_F_SENDER_UID, " uid ");
	if (enum_field(t, ev, RG_F_SENDER_HOW, " (by "))
		rg_text_char(t, ')');
}

static unsigned count(const struct rg_node *n)
{
	unsigned c = 0;

	for (; n; n = n->next)
		c++;
	return c;
}

static void findings(struct rg_text *t, const struct rg_event *ev)
{
	if (rg_has(ev, RG_F_FD)) {
		rg_text_str(t, "; descriptors ");
		rg_text_u64(t, count(ev->v[RG_F_FD].node));
	}
	uint_field(t, ev, RG_F_MSG_REDACTED, "; redacted bytes ");
	uint_field(t, ev, RG_F_MSG_FDS_LOST, "; descriptors lost ");
	if (rg_has(ev, RG_F_MSG_TRUNCATED) && ev->v[RG_F_MSG_TRUNCATED].u)
		uint_field(t, ev, RG_F_MSG_SIZE, "; truncated, message was of size ");
	if (rg_has(ev, RG_F_MSG_CTRUNCATED) && ev->v[RG_F_MSG_CTRUNCATED].u)
		rg_text_str(t, "; control data truncated");
	if (rg_has(ev, RG_F_MSG_DATA) && ev->tag[RG_F_MSG_DATA] & RG_TAG_TOCTOU)
		rg_text_str(t, "; payload read from user memory");
}

static void verdict(struct rg_text *t, const struct rg_event *ev)
{
	if (!enum_field(t, ev, RG_F_VERDICT_ACTION, "; verdict "))
		return;
	enum_field(t, ev, RG_F_VERDICT_ERRNO, " ");
	str_field(t, ev, RG_F_VERDICT_POLICY, " by ");
	str_field(t, ev, RG_F_VERDICT_RULE, " / ");
	str_field(t, ev, RG_F_VERDICT_BACKEND, " in ");
	str_field(t, ev, RG_F_VERDICT_REASON, ": ");
}

void rg_ng_comment(struct rg_buf *b, const struct rg_event *ev)
{
	char text[COMMENT_MAX];
	struct rg_text t = {.p = text, .cap = sizeof(text)};

	who(&t, ev);
	call(&t, ev);
	where(&t, ev);
	sender(&t, ev);
	findings(&t, ev);
	verdict(&t, ev);
	str_field(&t, ev, RG_F_MSG_SUMMARY, "; ");
	rg_buf_add(b, t.p, t.len);
}
