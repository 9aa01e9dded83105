/* SPDX-License-Identifier: BSD-2-Clause */
/* Tracee's trace.Event, one JSON object per line, as its releases up to 0.24 print it. */
#include "sink/tracee.h"

#include <errno.h>

#include "base/cleanup.h"
#include "sink/sink.h"

enum kind { NUMBER, TEXT };

/* The plain members in Tracee's order; one row each. Those that are no field of ours are written between. */
struct row {
	const char *key;
	enum kind kind;
	enum rg_field field;
};
static const struct row first[] = {
	{"timestamp", NUMBER, RG_F_TIME},
	{"threadStartTime", NUMBER, RG_F_PROC_START},
	{"processorId", NUMBER, RG_F_CPU},
	{"processId", NUMBER, RG_F_PROC_NS_PID},
	{"cgroupId", NUMBER, RG_F_PROC_CGROUP_ID},
	{"threadId", NUMBER, RG_F_PROC_NS_TID},
	{"parentProcessId", NUMBER, RG_F_PROC_NS_PPID},
	{"hostProcessId", NUMBER, RG_F_PROC_PID},
	{"hostThreadId", NUMBER, RG_F_PROC_TID},
	{"hostParentProcessId", NUMBER, RG_F_PROC_PPID},
	{"userId", NUMBER, RG_F_PROC_UID},
	{"mountNamespace", NUMBER, RG_F_PROC_NS_MNTNS},
	{"pidNamespace", NUMBER, RG_F_PROC_NS_PIDNS},
	{"processName", TEXT, RG_F_PROC_COMM},
};
static const struct row container[] = {
	{"id", TEXT, RG_F_CONTAINER_ID},
	{"name", TEXT, RG_F_CONTAINER_NAME},
	{"image", TEXT, RG_F_CONTAINER_IMAGE},
};

static void rows(struct rg_buf *b, const struct rg_event *ev, const struct row *r, size_t n,
		 bool present_only)
{
	bool any = false;

	for (; n; n--, r++) {
		if (present_only && !rg_has(ev, r->field))
			continue;
		rg_buf_str(b, any ? ",\"" : "\"");
		rg_buf_str(b, r->key);
		rg_buf_str(b, "\":");
		if (r->kind == TEXT)
			tracee_text(b, ev, r->field);
		else
			rg_buf_u64(b, tracee_u(ev, r->field));
		any = true;
	}
}

static void arg_head(struct rg_buf *b, const char *name, const char *type)
{
	rg_buf_str(b, "{\"name\":\"");
	rg_buf_str(b, name);
	rg_buf_str(b, "\",\"type\":\"");
	rg_buf_str(b, type);
	rg_buf_str(b, "\",\"value\":");
}

static void reason(struct rg_buf *b, const struct rg_event *ev)
{
	const char *name = rg_name_of(rg_names_losses, tracee_u(ev, RG_F_LOST_REASON));

	rg_json_lossy(b, name ? name : "", name ? strlen(name) : 0);
}

/* raw: as Tracee prints without decoding: pointers and flags as integers. */
static void arg(struct rg_json *j, struct rg_buf *b, const struct rg_event *ev, const struct tracee_arg *a,
		bool raw)
{
	bool decoded = !raw && (a->source == TRACEE_MSG || a->source == TRACEE_FLAGS);

	arg_head(b, a->name, !decoded ? a->type : a->source == TRACEE_MSG ? "msghdr" : "string");
	switch (a->source) {
	case TRACEE_FD: rg_buf_i64(b, rg_has(ev, RG_F_SOCK_FD) ? ev->v[RG_F_SOCK_FD].i : -1); break;
	case TRACEE_MSG:
		if (decoded)
			tracee_msghdr(j, b, ev);
		else
			rg_buf_u64(b, tracee_u(ev, RG_F_MSG_USER));
		break;
	case TRACEE_POINTER: rg_buf_u64(b, tracee_u(ev, RG_F_MSG_USER)); break;
	case TRACEE_LEN: rg_buf_u64(b, tracee_len(ev)); break;
	case TRACEE_IOVCNT: rg_buf_u64(b, tracee_iovcnt(ev)); break;
	case TRACEE_FLAGS:
		if (decoded)
			tracee_flags(b, tracee_u(ev, RG_F_MSG_FLAGS));
		else
			rg_buf_i64(b, (int32_t)tracee_u(ev, RG_F_MSG_FLAGS));
		break;
	case TRACEE_ADDR: tracee_sockaddr(j, b, ev, true); break;
	case TRACEE_LOST: rg_buf_u64(b, tracee_u(ev, RG_F_LOST_COUNT)); break;
	case TRACEE_REASON: reason(b, ev); break;
	case TRACEE_UNKNOWN: rg_buf_str(b, "null"); break;
	}
	rg_buf_char(b, '}');
}

static void places(struct rg_buf *b, const struct rg_event *ev, const char *host)
{
	rg_buf_str(b, ",\"executable\":{\"path\":");
	tracee_text(b, ev, RG_F_PROC_EXE);
	rg_buf_str(b, "},\"hostName\":");
	if (rg_has(ev, RG_F_PROC_HOST))
		tracee_text(b, ev, RG_F_PROC_HOST);
	else
		rg_json_lossy(b, host, strlen(host));
	rg_buf_str(b, ",\"containerId\":");
	tracee_text(b, ev, RG_F_CONTAINER_ID);
	rg_buf_str(b, ",\"container\":{");
	rows(b, ev, container, RG_ARRAY_LEN(container), true);
	rg_buf_str(b, "},\"kubernetes\":{");
	if (rg_has(ev, RG_F_CONTAINER_POD)) {
		rg_buf_str(b, "\"podUID\":");
		tracee_text(b, ev, RG_F_CONTAINER_POD);
	}
	rg_buf_char(b, '}');
}

static void entity(struct rg_buf *b, const char *key, const struct rg_event *ev, enum rg_field id,
		   enum rg_field start)
{
	rg_buf_str(b, key);
	rg_buf_u64(b, tracee_entity((uint32_t)tracee_u(ev, id), tracee_u(ev, start)));
}

static int tracee_write(struct rg_sink *s, const struct rg_event *ev, struct rg_err *err)
{
	enum rg_event_id id = tracee_event(ev);
	const struct tracee_arg *a = tracee_args(id);
	const char *syscall = tracee_syscall(ev);
	struct rg_buf *b = &s->out.buf;
	size_t n = 0;

	while (a[n].name)
		n++;
	rg_buf_char(b, '{');
	rows(b, ev, first, RG_ARRAY_LEN(first), false);
	places(b, ev, s->opts.host);
	rg_buf_str(b, ",\"eventId\":\"");
	rg_buf_i64(b, rg_events[id].nr64);
	rg_buf_str(b, "\",\"eventName\":\"");
	rg_buf_str(b, rg_events[id].name);
	rg_buf_char(b, '"');
	if (rg_has(ev, RG_F_VERDICT_POLICY)) {
		rg_buf_str(b, ",\"matchedPolicies\":[");
		tracee_text(b, ev, RG_F_VERDICT_POLICY);
		rg_buf_char(b, ']');
	}
	rg_buf_str(b, ",\"argsNum\":");
	rg_buf_u64(b, n);
	rg_buf_str(b, ",\"returnValue\":");
	rg_buf_i64(b, (int64_t)tracee_u(ev, RG_F_RET));
	rg_buf_str(b, ",\"syscall\":\"");
	rg_buf_str(b, syscall);
	rg_buf_str(b, "\",\"stackAddresses\":null,\"contextFlags\":{\"containerStarted\":");
	rg_buf_str(b, rg_has(ev, RG_F_CONTAINER_ID) ? "true" : "false");
	rg_buf_str(b, tracee_u(ev, RG_F_PROC_COMPAT) ? ",\"isCompat\":true}" : ",\"isCompat\":false}");
	entity(b, ",\"threadEntityId\":", ev, RG_F_PROC_TID, RG_F_PROC_START);
	entity(b, ",\"processEntityId\":", ev, RG_F_PROC_PID, RG_F_PROC_LEADER_START);
	entity(b, ",\"parentEntityId\":", ev, RG_F_PROC_PPID, RG_F_PROC_PARENT_START);
	rg_buf_str(b, ",\"args\":[");
	for (size_t i = 0; i < n; i++) {
		rg_buf_str(b, i ? "," : "");
		arg(s->state, b, ev, &a[i], s->opts.tracee_pointers);
	}
	rg_buf_str(b, "]}\n");
	return b->oom ? rg_fail(err, -ENOMEM, "out of memory for one event as Tracee's JSON") : 0;
}

const struct rg_format rg_format_tracee = {
	.lines = true,
	.state_size = sizeof(struct rg_json),
	.event = tracee_write,
};
