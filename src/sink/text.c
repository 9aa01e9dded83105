/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The readable line:
 *
 *   21:03:32.124456  weston[991]  recvmsg 5  unix stream /run/x ← client[42]   64  "payload"?  DONTWAIT 1.2ms
 *                                 └ CTRUNC · 1 fd lost · 9 memfd shm 8.0M rw · SCM_CREDENTIALS pid=42 ...
 */
#include "sink/text.h"

#include <errno.h>
#include <sys/socket.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/hexdump.h"
#include "sink/put.h"
#include "sink/sink.h"

/* Bytes of payload shown where the width sets no bound; fewer where a summary says what they mean. */
#define DATA_SHOWN  160
#define DATA_SUMMED 32

/* Where columns begin. */
struct columns {
	unsigned proc, call, sock, size, data;
	bool micros;
};

struct text {
	struct pen pen;
	struct columns at;
	struct rg_buf tmp;
	uint64_t second; /* the one in clock */
	char clock[9];
	bool hex;
	bool begun, marked; /* a value from user memory was shown */
};

static struct columns columns_for(unsigned width)
{
	if (width && width < 100)
		return (struct columns){.proc = 9, .call = 24, .sock = 35, .size = 58, .data = 65};
	if (width && width < 140)
		return (struct columns){.proc = 13, .call = 32, .sock = 46, .size = 83, .data = 91};
	return (struct columns){.proc = 16, .call = 40, .sock = 57, .size = 105, .data = 113, .micros = true};
}

static void clock_text(struct text *t, uint64_t ns)
{
	time_t sec = (time_t)(ns / 1000000000);
	char fraction[12];
	struct tm tm;

	if (!t->clock[0] || t->second != ns / 1000000000) {
		if (!localtime_r(&sec, &tm) || !strftime(t->clock, sizeof(t->clock), "%H:%M:%S", &tm))
			memcpy(t->clock, "--:--:--", 9);
		t->second = ns / 1000000000;
	}
	pen_style(&t->pen, PEN_DIM);
	pen_own(&t->pen, t->clock);
	if (t->at.proc > 9) {
		fraction[0] = '.';
		rg_put_9(fraction + 1, (uint32_t)(ns % 1000000000));
		fraction[t->at.micros ? 7 : 4] = '\0';
		pen_own(&t->pen, fraction);
	}
	pen_style(&t->pen, PEN_PLAIN);
}

static unsigned digits(uint64_t u)
{
	unsigned n = 1;

	for (; u >= 10; u /= 10)
		n++;
	return n;
}

static void process_text(struct text *t, const struct rg_event *ev)
{
	uint64_t pid = ev->v[RG_F_PROC_PID].u, tid = rg_has(ev, RG_F_PROC_TID) ? ev->v[RG_F_PROC_TID].u : pid;
	unsigned room = t->at.call - t->at.proc - 1, tail = digits(pid) + 2;

	if (tid != pid)
		tail += digits(tid) + 1;
	pen_style(&t->pen, PEN_PROC0 + (unsigned)(pid * 2654435761u >> 8) % 6);
	if (rg_has(ev, RG_F_PROC_COMM))
		pen_safe(&t->pen, ev->v[RG_F_PROC_COMM].p, ev->v[RG_F_PROC_COMM].len,
			 room > tail + 4 ? room - tail : 4);
	pen_style(&t->pen, PEN_PLAIN);
	pen_style(&t->pen, PEN_DIM);
	pen_own(&t->pen, "[");
	pen_u64(&t->pen, pid);
	if (tid != pid) {
		pen_own(&t->pen, "/");
		pen_u64(&t->pen, tid);
	}
	pen_own(&t->pen, "]");
	pen_style(&t->pen, PEN_PLAIN);
}

static void call_text(struct text *t, const struct rg_event *ev)
{
	uint64_t route = rg_has(ev, RG_F_ROUTE) ? ev->v[RG_F_ROUTE].u : RG_RT_UNKNOWN;
	bool known = route < RG_RT__COUNT;
	struct pen *p = &t->pen;

	pen_style(p, known && rg_events[rg_routes[route].event].dir == RG_DIR_SEND ? PEN_SEND : PEN_RECV);
	if (known)
		pen_own(p, rg_routes[route].name);
	else
		pen_u64(p, route);
	if (rg_has(ev, RG_F_BATCH)) {
		pen_own(p, "[");
		pen_u64(p, ev->v[RG_F_BATCH].u);
		pen_own(p, "]");
	}
	pen_style(p, PEN_PLAIN);
	if (rg_has(ev, RG_F_SOCK_FD)) {
		pen_own(p, ev->v[RG_F_SOCK_FD].i < 0 ? " -" : " ");
		pen_u64(p, ev->v[RG_F_SOCK_FD].i < 0 ? 0 - ev->v[RG_F_SOCK_FD].u : ev->v[RG_F_SOCK_FD].u);
	}
	if (rg_has(ev, RG_F_PEEK) && ev->v[RG_F_PEEK].u)
		pen_styled(p, PEN_WARN, " peek");
}

/* Right-aligned in its column: bytes, an error's name, or EOF. */
static void size_text(struct text *t, const struct rg_event *ev)
{
	int64_t ret = rg_has(ev, RG_F_RET) ? ev->v[RG_F_RET].i : 0;
	const char *word = NULL;
	char number[24] = "";
	bool stream = ev->v[RG_F_SOCK_TYPE].i == SOCK_STREAM && rg_has(ev, RG_F_SOCK_TYPE);
	unsigned width;

	if (ret < 0)
		word = rg_name_of(rg_names_errnos, 0 - (uint64_t)ret);
	else if (ret == 0 && stream && !(rg_has(ev, RG_F_MSG_SIZE) && ev->v[RG_F_MSG_SIZE].u))
		word = "EOF";
	if (!word) {
		*rg_put_i64(number, ret) = '\0';
		word = number;
	}
	width = (unsigned)strlen(word);
	pen_tab(&t->pen, t->at.data - 1 > width ? t->at.data - 1 - width : 0);
	pen_styled(&t->pen, ret < 0 ? PEN_ERROR : number[0] ? PEN_SIZE : PEN_WARN, word);
}

/* What stands behind the payload, and how many columns that takes. */
static void trailer_text(struct text *t, struct pen *p, const struct rg_event *ev)
{
	uint64_t flags = rg_has(ev, RG_F_MSG_FLAGS) ? ev->v[RG_F_MSG_FLAGS].u : 0;

	if (rg_has(ev, RG_F_PEEK) && ev->v[RG_F_PEEK].u)
		flags &= ~(uint64_t)MSG_PEEK; /* said already */

	pen_style(p, PEN_DIM);
	if (flags) {
		pen_own(p, "  ");
		text_flags(p, flags, rg_names_msgflags, "|");
	}
	if (rg_has(ev, RG_F_DURATION)) {
		pen_own(p, "  ");
		text_duration(p, ev->v[RG_F_DURATION].u);
	}
	if (t->at.micros && rg_has(ev, RG_F_SEQ)) {
		pen_own(p, "  #");
		pen_u64(p, ev->v[RG_F_SEQ].u);
	}
	pen_style(p, PEN_PLAIN);
}

static void data_text(struct text *t, const struct rg_event *ev, unsigned max)
{
	const struct rg_value *v = &ev->v[RG_F_MSG_DATA];
	struct pen *p = &t->pen;
	size_t shown, most = rg_has(ev, RG_F_MSG_SUMMARY) ? DATA_SUMMED : DATA_SHOWN;

	rg_buf_reset(&t->tmp);
	shown = rg_show(&t->tmp, v->p, v->len < most ? v->len : most, true, p->ascii, max);
	pen_style(p, PEN_DATA);
	pen_own(p, "\"");
	pen_shown(p, t->tmp.data, t->tmp.len, max, false);
	pen_own(p, "\"");
	pen_style(p, PEN_PLAIN);
	if (shown < v->len || v->len < v->full)
		pen_own(p, "…");
	text_mark(p, ev->tag[RG_F_MSG_DATA]);
}

static void payload_text(struct text *t, const struct rg_event *ev)
{
	struct rg_buf none = {0};
	struct pen probe = {.b = &none, .ascii = t->pen.ascii}, *p = &t->pen;
	unsigned room = 0;

	if (p->limit) {
		trailer_text(t, &probe, ev);
		room = p->limit > p->col + probe.col + 6 ? p->limit - p->col - probe.col - 6 : 0;
		room = p->limit > p->col && room < (p->limit - p->col) / 2 ? (p->limit - p->col) / 2 : room;
		room = room < 8 ? 8 : room;
	}
	rg_buf_free(&none);
	pen_own(p, " ");
	if (rg_has(ev, RG_F_MSG_SUMMARY)) {
		unsigned start = p->col;

		pen_style(p, PEN_SUMMARY);
		pen_safe(p, ev->v[RG_F_MSG_SUMMARY].p, ev->v[RG_F_MSG_SUMMARY].len, room);
		pen_style(p, PEN_PLAIN);
		if (room && (p->col - start > room || room - (p->col - start) < 20))
			return; /* what it means says more than the first bytes */
		room = room ? room - (p->col - start) - 1 : 0;
		pen_own(p, " ");
	}
	if (rg_has(ev, RG_F_MSG_DATA) && ev->v[RG_F_MSG_DATA].len)
		data_text(t, ev, room);
}

/* ---- the second line ---- */

static void item(struct text *t, unsigned *n)
{
	if ((*n)++ == 0) {
		pen_tab(&t->pen, t->at.call - 2);
		pen_styled(&t->pen, PEN_DIM, "└ ");
	} else {
		pen_styled(&t->pen, PEN_DIM, " · ");
	}
}

static bool true_of(const struct rg_event *ev, enum rg_field f)
{
	return rg_has(ev, f) && ev->v[f].u;
}

static void findings(struct text *t, const struct rg_event *ev, unsigned *n)
{
	struct pen *p = &t->pen;

	if (true_of(ev, RG_F_MSG_TRUNCATED) && true_of(ev, RG_F_PEEK)) {
		item(t, n); /* nothing is lost: the message is still queued */
		pen_styled(p, PEN_DIM, "saw a part of it");
	} else if (true_of(ev, RG_F_MSG_TRUNCATED)) {
		item(t, n);
		pen_style(p, PEN_ERROR);
		pen_own(p, "TRUNCATED");
		if (rg_has(ev, RG_F_MSG_SIZE) && rg_has(ev, RG_F_RET) &&
		    ev->v[RG_F_MSG_SIZE].i > ev->v[RG_F_RET].i) {
			pen_own(p, ", message of ");
			pen_u64(p, ev->v[RG_F_MSG_SIZE].u);
		}
		pen_style(p, PEN_PLAIN);
		text_mark(p, ev->tag[RG_F_MSG_TRUNCATED]);
	}
	if (true_of(ev, RG_F_MSG_CTRUNCATED)) {
		item(t, n);
		pen_styled(p, PEN_ERROR, "CONTROL TRUNCATED");
		text_mark(p, ev->tag[RG_F_MSG_CTRUNCATED]);
	}
	if (true_of(ev, RG_F_MSG_FDS_LOST)) {
		item(t, n);
		pen_style(p, PEN_ERROR);
		pen_u64(p, ev->v[RG_F_MSG_FDS_LOST].u);
		pen_own(p, ev->v[RG_F_MSG_FDS_LOST].u == 1 ? " DESCRIPTOR LOST" : " DESCRIPTORS LOST");
		pen_style(p, PEN_PLAIN);
	}
	if (true_of(ev, RG_F_MSG_REDACTED)) {
		item(t, n);
		pen_own(p, "redacted ");
		pen_u64(p, ev->v[RG_F_MSG_REDACTED].u);
	}
}

static void verdict(struct text *t, const struct rg_event *ev, unsigned *n)
{
	static const enum rg_field parts[] = {RG_F_VERDICT_POLICY, RG_F_VERDICT_RULE, RG_F_VERDICT_BACKEND,
					      RG_F_VERDICT_REASON};
	static const char *const before[] = {" by ", ": ", " (", " "};
	int64_t action = ev->v[RG_F_VERDICT_ACTION].i;
	struct pen *p = &t->pen;

	if (!rg_has(ev, RG_F_VERDICT_ACTION) || action == RG_ACT_ALLOW)
		return;
	item(t, n);
	pen_style(p, action == RG_ACT_LOG ? PEN_WARN : PEN_ERROR);
	pen_own(p, rg_name_of(rg_names_actions, (uint64_t)action) ?: "?");
	if (rg_has(ev, RG_F_VERDICT_ERRNO)) {
		pen_own(p, " ");
		pen_own(p, rg_name_of(rg_names_errnos, ev->v[RG_F_VERDICT_ERRNO].u) ?: "?");
	}
	pen_style(p, PEN_PLAIN);
	for (size_t i = 0; i < RG_ARRAY_LEN(parts); i++) {
		if (!rg_has(ev, parts[i]))
			continue;
		pen_own(p, before[i]);
		pen_safe(p, ev->v[parts[i]].p, ev->v[parts[i]].len, 40);
		pen_own(p, parts[i] == RG_F_VERDICT_BACKEND ? ")" : "");
	}
}

static void second_line(struct text *t, const struct rg_event *ev)
{
	struct pen *p = &t->pen;
	unsigned n = 0;

	findings(t, ev, &n);
	verdict(t, ev, &n);
	if (rg_has(ev, RG_F_FD) && ev->v[RG_F_FD].node) {
		item(t, &n);
		text_fds(p, ev);
	}
	if (rg_has(ev, RG_F_CMSG) && text_has_cmsgs(ev)) {
		item(t, &n);
		text_cmsgs(p, ev);
	}
	if (rg_has(ev, RG_F_CONTAINER_ID) && t->at.micros) {
		item(t, &n);
		pen_styled(p, PEN_DIM, "container ");
		pen_safe(p, ev->v[RG_F_CONTAINER_ID].p, ev->v[RG_F_CONTAINER_ID].len, 13);
	}
	if (n)
		pen_end(p);
}

/* ---- the whole ---- */

static void header(struct text *t)
{
	struct pen *p = &t->pen;

	pen_style(p, PEN_DIM);
	pen_own(p, "TIME");
	pen_tab(p, t->at.proc);
	pen_own(p, "PROCESS");
	pen_tab(p, t->at.call);
	pen_own(p, "CALL FD");
	pen_tab(p, t->at.sock);
	pen_own(p, "SOCKET");
	pen_tab(p, t->at.data - 6);
	pen_own(p, "BYTES DATA");
	pen_end(p);
}

static void lost_line(struct text *t, const struct rg_event *ev)
{
	struct pen *p = &t->pen;

	clock_text(t, ev->v[RG_F_TIME].u);
	pen_tab(p, t->at.proc);
	pen_style(p, PEN_LOUD);
	pen_own(p, "━━━ LOST ");
	pen_u64(p, rg_has(ev, RG_F_LOST_COUNT) ? ev->v[RG_F_LOST_COUNT].u : 0);
	pen_own(p, " messages: ");
	pen_own(p, rg_name_of(rg_names_losses, ev->v[RG_F_LOST_REASON].u) ?: "unknown reason");
	if (rg_has(ev, RG_F_CPU)) {
		pen_own(p, ", CPU ");
		pen_u64(p, ev->v[RG_F_CPU].u);
	}
	if (rg_has(ev, RG_F_PROC_PID)) {
		pen_own(p, ", process ");
		if (rg_has(ev, RG_F_PROC_COMM))
			pen_safe(p, ev->v[RG_F_PROC_COMM].p, ev->v[RG_F_PROC_COMM].len, 0);
		pen_own(p, "[");
		pen_u64(p, ev->v[RG_F_PROC_PID].u);
		pen_own(p, "]");
	}
	if (rg_has(ev, RG_F_SOCK_INODE)) {
		pen_own(p, ", socket #");
		pen_u64(p, ev->v[RG_F_SOCK_INODE].u);
	}
	pen_own(p, " ━━━");
	pen_end(p);
}

static void message_lines(struct text *t, const struct rg_event *ev)
{
	struct pen *p = &t->pen;
	unsigned sock_room = t->at.size - t->at.sock - 1;

	clock_text(t, ev->v[RG_F_TIME].u);
	pen_tab(p, t->at.proc);
	process_text(t, ev);
	pen_tab(p, t->at.call);
	call_text(t, ev);
	pen_tab(p, t->at.sock);
	text_socket(p, ev, p->limit ? sock_room : 0, &t->tmp);
	size_text(t, ev);
	payload_text(t, ev);
	trailer_text(t, p, ev);
	pen_end(p);
	second_line(t, ev);
	if (t->hex && rg_has(ev, RG_F_MSG_DATA))
		rg_hexdump(p->b, ev->v[RG_F_MSG_DATA].p, ev->v[RG_F_MSG_DATA].len, "    ");
}

static int text_event(struct rg_sink *s, const struct rg_event *ev, struct rg_err *err)
{
	struct text *t = s->state;

	t->pen.b = &s->out.buf;
	s->opts.header |= s->out.lively;
	if (!t->begun && s->opts.header)
		header(t);
	t->begun = true;
	for (int f = 0; f < RG_F__COUNT && !t->marked; f++)
		t->marked = ev->tag[f] & RG_TAG_TOCTOU;
	if (rg_has(ev, RG_F_EVENT) && ev->v[RG_F_EVENT].i == RG_EV_LOST)
		lost_line(t, ev);
	else
		message_lines(t, ev);
	if (s->out.buf.oom)
		return rg_fail(err, -ENOMEM, "out of memory for one line of text");
	return 0;
}

static int text_open(struct rg_sink *s, const char *file, struct rg_err *err)
{
	struct text *t = s->state;

	t->pen = (struct pen){.color = s->opts.color, .ascii = s->opts.ascii, .limit = s->opts.width};
	t->at = columns_for(s->opts.width);
	t->hex = s->opts.hex;
	return 0;
}

static int text_close(struct rg_sink *s, struct rg_err *err)
{
	struct text *t = s->state;

	if (t->marked && s->out_open && s->opts.header) {
		t->pen.b = &s->out.buf;
		pen_styled(&t->pen, PEN_DIM,
			   "? read from the program's memory, which it could have changed meanwhile (U, "
			   "TOCTOU)");
		pen_end(&t->pen);
	}
	rg_buf_free(&t->tmp);
	return 0;
}

const struct rg_format rg_format_text = {
	.lines = true,
	.state_size = sizeof(struct text),
	.open = text_open,
	.event = text_event,
	.close = text_close,
};
