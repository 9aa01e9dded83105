/* SPDX-License-Identifier: BSD-2-Clause */
/* Tracee's v1beta1.Event (its main branch): protobuf as JSON, 64-bit integers quoted, empty members left out.
 */
#include <errno.h>

#include "base/cleanup.h"
#include "sink/sink.h"
#include "sink/tracee.h"

static void key(struct rg_buf *b, const char *name)
{
	char last = b->len ? b->data[b->len - 1] : '{';

	rg_buf_str(b, last == '{' || last == '[' ? "\"" : ",\"");
	rg_buf_str(b, name);
	rg_buf_str(b, "\":");
}

static void u32(struct rg_buf *b, const char *name, const struct rg_event *ev, enum rg_field f)
{
	if (!rg_has(ev, f))
		return;
	key(b, name);
	rg_buf_u64(b, ev->v[f].u);
}

static void text(struct rg_buf *b, const char *name, const struct rg_event *ev, enum rg_field f)
{
	if (!rg_has(ev, f))
		return;
	key(b, name);
	tracee_text(b, ev, f);
}

static void object(struct rg_buf *b, const char *name)
{
	key(b, name);
	rg_buf_char(b, '{');
}

static void entity(struct rg_buf *b, const struct rg_event *ev, enum rg_field id, enum rg_field start)
{
	if (!rg_has(ev, id) || !rg_has(ev, start))
		return;
	key(b, "unique_id");
	rg_buf_u64(b, tracee_entity((uint32_t)ev->v[id].u, ev->v[start].u));
}

static void thread(struct rg_json *j, struct rg_buf *b, const struct rg_event *ev)
{
	const char *syscall = tracee_syscall(ev);

	object(b, "thread");
	if (rg_has(ev, RG_F_PROC_START)) {
		key(b, "start_time");
		rg_json_time(j, b, ev->v[RG_F_PROC_START].u);
	}
	text(b, "name", ev, RG_F_PROC_COMM);
	entity(b, ev, RG_F_PROC_TID, RG_F_PROC_START);
	u32(b, "host_tid", ev, RG_F_PROC_TID);
	u32(b, "tid", ev, RG_F_PROC_NS_TID);
	if (*syscall) {
		key(b, "syscall");
		rg_json_lossy(b, syscall, strlen(syscall));
	}
	if (tracee_u(ev, RG_F_PROC_COMPAT)) {
		key(b, "compat");
		rg_buf_str(b, "true");
	}
	rg_buf_char(b, '}');
}

static void process(struct rg_json *j, struct rg_buf *b, const struct rg_event *ev)
{
	object(b, "process");
	if (rg_has(ev, RG_F_PROC_EXE)) {
		object(b, "executable");
		text(b, "path", ev, RG_F_PROC_EXE);
		rg_buf_char(b, '}');
	}
	entity(b, ev, RG_F_PROC_PID, RG_F_PROC_LEADER_START);
	u32(b, "host_pid", ev, RG_F_PROC_PID);
	u32(b, "pid", ev, RG_F_PROC_NS_PID);
	if (rg_has(ev, RG_F_PROC_UID)) {
		object(b, "real_user");
		u32(b, "id", ev, RG_F_PROC_UID);
		rg_buf_char(b, '}');
	}
	thread(j, b, ev);
	if (rg_has(ev, RG_F_PROC_PPID)) {
		key(b, "ancestors");
		rg_buf_str(b, "[{");
		entity(b, ev, RG_F_PROC_PPID, RG_F_PROC_PARENT_START);
		u32(b, "host_pid", ev, RG_F_PROC_PPID);
		u32(b, "pid", ev, RG_F_PROC_NS_PPID);
		rg_buf_str(b, "}]");
	}
	rg_buf_char(b, '}');
}

static void container(struct rg_buf *b, const struct rg_event *ev)
{
	if (rg_has(ev, RG_F_CONTAINER_ID)) {
		object(b, "container");
		text(b, "id", ev, RG_F_CONTAINER_ID);
		text(b, "name", ev, RG_F_CONTAINER_NAME);
		if (rg_has(ev, RG_F_CONTAINER_IMAGE)) {
			object(b, "image");
			text(b, "name", ev, RG_F_CONTAINER_IMAGE);
			rg_buf_char(b, '}');
		}
		key(b, "started");
		rg_buf_str(b, "true}");
	}
	if (rg_has(ev, RG_F_CONTAINER_POD)) {
		object(b, "k8s");
		object(b, "pod");
		text(b, "uid", ev, RG_F_CONTAINER_POD);
		rg_buf_str(b, "}}");
	}
}

static void data_head(struct rg_buf *b, const char *name, const char *kind)
{
	rg_buf_str(b, b->data[b->len - 1] == '[' ? "{\"name\":\"" : ",{\"name\":\"");
	rg_buf_str(b, name);
	rg_buf_str(b, "\",\"");
	rg_buf_str(b, kind);
	rg_buf_str(b, "\":");
}

static void quoted_u64(struct rg_buf *b, const char *name, const char *kind, uint64_t u)
{
	data_head(b, name, kind);
	rg_buf_char(b, '"');
	rg_buf_u64(b, u);
	rg_buf_char(b, '"');
	rg_buf_char(b, '}');
}

static void plain_i64(struct rg_buf *b, const char *name, int64_t i)
{
	data_head(b, name, "int32");
	rg_buf_i64(b, i);
	rg_buf_char(b, '}');
}

static void data(struct rg_json *j, struct rg_buf *b, const struct rg_event *ev, const struct tracee_arg *a,
		 bool raw)
{
	const char *why;

	switch (a->source) {
	case TRACEE_FD: plain_i64(b, a->name, rg_has(ev, RG_F_SOCK_FD) ? ev->v[RG_F_SOCK_FD].i : -1); break;
	case TRACEE_MSG:
		if (raw) {
			quoted_u64(b, a->name, "pointer", tracee_u(ev, RG_F_MSG_USER));
			break;
		}
		data_head(b, a->name, "struct");
		tracee_msghdr(j, b, ev);
		rg_buf_char(b, '}');
		break;
	case TRACEE_POINTER: quoted_u64(b, a->name, "pointer", tracee_u(ev, RG_F_MSG_USER)); break;
	case TRACEE_LEN: quoted_u64(b, a->name, "u_int64", tracee_len(ev)); break;
	case TRACEE_IOVCNT: plain_i64(b, a->name, (int64_t)tracee_iovcnt(ev)); break;
	case TRACEE_FLAGS:
		if (raw) {
			plain_i64(b, a->name, (int32_t)tracee_u(ev, RG_F_MSG_FLAGS));
			break;
		}
		data_head(b, a->name, "str");
		tracee_flags(b, tracee_u(ev, RG_F_MSG_FLAGS));
		rg_buf_char(b, '}');
		break;
	case TRACEE_ADDR:
		if (!rg_has(ev, RG_F_MSG_NAME))
			break;
		data_head(b, a->name, "sockaddr");
		tracee_sockaddr(j, b, ev, false);
		rg_buf_char(b, '}');
		break;
	case TRACEE_LOST: quoted_u64(b, a->name, "u_int64", tracee_u(ev, RG_F_LOST_COUNT)); break;
	case TRACEE_REASON:
		why = rg_name_of(rg_names_losses, tracee_u(ev, RG_F_LOST_REASON));
		data_head(b, a->name, "str");
		rg_json_lossy(b, why ? why : "", why ? strlen(why) : 0);
		rg_buf_char(b, '}');
		break;
	case TRACEE_UNKNOWN: break;
	}
}

static int tracee_v1_write(struct rg_sink *s, const struct rg_event *ev, struct rg_err *err)
{
	enum rg_event_id id = tracee_event(ev);
	struct rg_buf *b = &s->out.buf;

	rg_buf_str(b, "{\"timestamp\":");
	rg_json_time(s->state, b, tracee_u(ev, RG_F_TIME));
	if (rg_events[id].nr64 >= 0) { /* its enumeration counts from 1 where the kernel counts from 0 */
		key(b, "id");
		rg_buf_i64(b, rg_events[id].nr64 + 1);
	}
	key(b, "name");
	rg_json_lossy(b, rg_events[id].name, strlen(rg_events[id].name));
	if (rg_has(ev, RG_F_VERDICT_POLICY)) {
		rg_buf_str(b, ",\"policies\":{\"matched\":[");
		tracee_text(b, ev, RG_F_VERDICT_POLICY);
		rg_buf_str(b, "]}");
	}
	object(b, "workload");
	process(s->state, b, ev);
	container(b, ev);
	rg_buf_str(b, "},\"data\":[");
	for (const struct tracee_arg *a = tracee_args(id); a->name; a++)
		data(s->state, b, ev, a, s->opts.tracee_pointers);
	if (rg_has(ev, RG_F_RET)) {
		data_head(b, "returnValue", "int64");
		rg_buf_char(b, '"');
		rg_buf_i64(b, ev->v[RG_F_RET].i);
		rg_buf_str(b, "\"}");
	}
	rg_buf_str(b, "]}\n");
	return b->oom ? rg_fail(err, -ENOMEM, "out of memory for one event as Tracee's JSON") : 0;
}

const struct rg_format rg_format_tracee_v1beta1 = {
	.lines = true,
	.state_size = sizeof(struct rg_json),
	.event = tracee_v1_write,
};
