/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pcapng: one packet per message, one interface per socket family and link type, losses as interface
 * statistics. Interfaces are described when their first message comes, so that a live reader (tshark -i -)
 * can follow.
 */
#include <errno.h>
#include <sys/socket.h>
#include <sys/utsname.h>

#include "base/cleanup.h"
#include "sink/pcapng.h"
#include "sink/pcapng_block.h"
#include "sink/pcapng_version.h"
#include "sink/sink.h"

/* Wireshark refuses larger packets (wiretap/wtap.h: 256 KiB). */
#define PACKET_MAX (256u * 1024 - 2048)
#define IFACES_MAX 128 /* AF_MAX is 46, and D-Bus has one more in some families */

struct iface {
	uint16_t family;
	enum rg_ng_link link;
	uint64_t packets, lost;
	uint64_t unsaid; /* of lost: not yet told by a packet's drop count */
};

struct state {
	struct iface ifaces[IFACES_MAX];
	size_t n;
	uint64_t last_time;
};

static void section(struct rg_buf *b, const struct rg_sink *s)
{
	size_t start = rg_ng_begin(b, RG_NG_SHB);
	rg_auto_buf os = {0};
	struct utsname u;

	rg_ng_u32(b, 0x1A2B3C4D);
	rg_ng_u16(b, 1);
	rg_ng_u16(b, 0);
	rg_ng_u32(b, UINT32_MAX); /* length of the section: not known */
	rg_ng_u32(b, UINT32_MAX);
	if (!uname(&u)) {
		rg_buf_printf(&os, "%s %s", u.sysname, u.release);
		rg_ng_opt_str(b, RG_NG_SHB_HARDWARE, u.machine);
		rg_ng_opt_str(b, RG_NG_SHB_OS, rg_buf_cstr(&os));
	}
	rg_ng_opt_str(b, RG_NG_SHB_APPL, "recvguard " RG_PCAPNG_VERSION);
	rg_buf_reset(&os);
	rg_buf_printf(&os, "messages as processes received them (not frames of a network)%s%s",
		      s->host[0] ? "; host " : "", s->host);
	rg_ng_opt_str(b, RG_NG_COMMENT, rg_buf_cstr(&os));
	rg_ng_end(b, start);
}

/* A family may have two interfaces. */
struct kind {
	const char *suffix, *doc;
};

static const struct kind *kind_of(uint16_t family, enum rg_ng_link link)
{
	static const struct kind own = {"", ""}, dbus = {"-dbus", "D-Bus messages on "},
				 empty = {"-empty", "calls that brought no payload, on "};

	if (link == RG_LINK_DBUS)
		return &dbus;
	return family == AF_NETLINK && link != RG_LINK_NETLINK ? &empty : &own;
}

static void describe(struct rg_buf *b, uint16_t family, enum rg_ng_link link)
{
	size_t start = rg_ng_begin(b, RG_NG_IDB);
	const char *name = family ? rg_name_of(rg_names_families, family) : "unknown";
	rg_auto_buf text = {0};
	uint8_t resolution = 9; /* 10^-9 s */

	rg_ng_u16(b, (uint16_t)link);
	rg_ng_u16(b, 0);
	rg_ng_u32(b, 0); /* no limit */
	if (name)
		rg_buf_str(&text, name);
	else
		rg_buf_printf(&text, "family-%u", family);
	rg_buf_str(&text, kind_of(family, link)->suffix);
	rg_ng_opt_str(b, RG_NG_IF_NAME, rg_buf_cstr(&text));
	rg_buf_reset(&text);
	rg_buf_printf(&text, "%ssockets of family %s", kind_of(family, link)->doc,
		      name ? name : "without a name");
	rg_ng_opt_str(b, RG_NG_IF_DESCRIPTION, rg_buf_cstr(&text));
	rg_ng_opt(b, RG_NG_IF_TSRESOL, &resolution, 1);
	rg_ng_end(b, start);
}

/* Index of the interface of a family and link type, described if it is new. */
static size_t iface_of(struct rg_buf *b, struct state *st, uint16_t family, enum rg_ng_link link)
{
	size_t i = 0;

	while (i < st->n && (st->ifaces[i].family != family || st->ifaces[i].link != link))
		i++;
	if (i < st->n)
		return i;
	if (st->n == IFACES_MAX) { /* families that do not exist: on any one with that link type */
		for (i = IFACES_MAX - 1; i && st->ifaces[i].link != link;)
			i--;
		return i;
	}
	st->ifaces[st->n++] = (struct iface){.family = family, .link = link};
	describe(b, family, link);
	return i;
}

static void statistics(struct rg_buf *b, const struct state *st, size_t id, const char *comment)
{
	const struct iface *f = &st->ifaces[id];
	size_t start = rg_ng_begin(b, RG_NG_ISB);

	rg_ng_u32(b, (uint32_t)id);
	rg_ng_time(b, st->last_time);
	if (comment)
		rg_ng_opt_str(b, RG_NG_COMMENT, comment);
	rg_ng_opt_u64(b, RG_NG_ISB_IFRECV, f->packets + f->lost);
	rg_ng_opt_u64(b, RG_NG_ISB_IFDROP, f->lost);
	rg_ng_opt_u64(b, RG_NG_ISB_USRDELIV, f->packets);
	rg_ng_end(b, start);
}

static void packet_options(struct rg_buf *b, const struct rg_event *ev, uint64_t dropped)
{
	rg_auto_buf comment = {0};
	uint32_t ids[2] = {0, 0};

	rg_ng_comment(&comment, ev);
	rg_ng_opt(b, RG_NG_COMMENT, comment.data, comment.len);
	rg_ng_opt_u32(b, RG_NG_EPB_FLAGS, rg_ng_is_send(ev) ? 2 : 1);
	if (dropped)
		rg_ng_opt_u64(b, RG_NG_EPB_DROPCOUNT, dropped);
	if (rg_has(ev, RG_F_MSG_ID))
		rg_ng_opt_u64(b, RG_NG_EPB_PACKETID, ev->v[RG_F_MSG_ID].u);
	if (rg_has(ev, RG_F_PROC_PID)) {
		ids[0] = (uint32_t)ev->v[RG_F_PROC_PID].u;
		ids[1] = rg_has(ev, RG_F_PROC_TID) ? (uint32_t)ev->v[RG_F_PROC_TID].u : 0;
		rg_ng_opt(b, RG_NG_EPB_PROCESS_THREAD, ids, sizeof(ids));
	}
}

static void packet(struct rg_buf *b, struct state *st, size_t id, const struct rg_event *ev,
		   const struct rg_ng_packet *p)
{
	struct iface *f = &st->ifaces[id];
	size_t start = rg_ng_begin(b, RG_NG_EPB), lens, data;
	uint32_t captured, original;

	rg_ng_u32(b, (uint32_t)id);
	rg_ng_time(b, st->last_time);
	lens = b->len;
	rg_ng_u32(b, 0);
	rg_ng_u32(b, 0);
	data = b->len;
	rg_ng_header(b, ev, p);
	original = b->len - data + p->full < UINT32_MAX ? (uint32_t)(b->len - data + p->full) : UINT32_MAX;
	captured = (uint32_t)(b->len - data);
	captured += p->len < PACKET_MAX - captured ? (uint32_t)p->len : PACKET_MAX - captured;
	rg_buf_add(b, p->payload, captured - (b->len - data));
	rg_ng_pad(b, data);
	if (!b->oom) {
		memcpy(b->data + lens, &captured, 4);
		memcpy(b->data + lens + 4, &original, 4);
	}
	packet_options(b, ev, f->unsaid);
	f->unsaid = 0;
	f->packets++;
	rg_ng_end(b, start);
}

static void lost(struct rg_buf *b, struct state *st, size_t id, const struct rg_event *ev)
{
	uint64_t n = rg_has(ev, RG_F_LOST_COUNT) ? ev->v[RG_F_LOST_COUNT].u : 0;
	const char *why =
		rg_has(ev, RG_F_LOST_REASON) ? rg_name_of(rg_names_losses, ev->v[RG_F_LOST_REASON].u) : NULL;
	rg_auto_buf comment = {0};

	st->ifaces[id].lost += n;
	st->ifaces[id].unsaid += n;
	rg_buf_printf(&comment, "lost %llu: %s", (unsigned long long)n, why ? why : "reason unknown");
	if (rg_has(ev, RG_F_CPU))
		rg_buf_printf(&comment, ", cpu %llu", (unsigned long long)ev->v[RG_F_CPU].u);
	if (rg_has(ev, RG_F_PROC_PID))
		rg_buf_printf(&comment, ", pid %llu", (unsigned long long)ev->v[RG_F_PROC_PID].u);
	statistics(b, st, id, rg_buf_cstr(&comment));
}

static int ng_open(struct rg_sink *s, const char *file, struct rg_err *err)
{
	section(&s->out.buf, s);
	/* A live reader waits for it. */
	return s->out.buf.oom ? rg_fail(err, -ENOMEM, "out of memory for output")
			      : rg_out_flush(&s->out, err);
}

static int ng_event(struct rg_sink *s, const struct rg_event *ev, struct rg_err *err)
{
	struct rg_buf *b = &s->out.buf;
	struct state *st = s->state;
	uint16_t family = rg_has(ev, RG_F_SOCK_FAMILY) ? (uint16_t)ev->v[RG_F_SOCK_FAMILY].i : AF_UNSPEC;
	struct rg_ng_packet p;
	size_t at = 0, before = b->len, n = st->n;

	if (rg_has(ev, RG_F_TIME))
		st->last_time = ev->v[RG_F_TIME].u;
	if (!rg_has(ev, RG_F_EVENT) || ev->v[RG_F_EVENT].i == RG_EV_LOST)
		lost(b, st, iface_of(b, st, family, rg_ng_link_of(ev, NULL)), ev);
	else
		while (rg_ng_next(ev, &at, &p))
			packet(b, st, iface_of(b, st, family, rg_ng_link_of(ev, &p)), ev, &p);
	if (b->oom) {
		b->len = before; /* no half block, and no interface that was not described */
		st->n = n;
		return rg_fail(err, -ENOMEM, "out of memory for output");
	}
	return 0;
}

/* Closing statistics of every interface: how many messages, how many lost. */
static int ng_close(struct rg_sink *s, struct rg_err *err)
{
	struct state *st = s->state;

	for (size_t i = 0; s->out_open && i < st->n; i++)
		statistics(&s->out.buf, st, i, NULL);
	return 0;
}

const struct rg_format rg_format_pcapng = {
	.state_size = sizeof(struct state), .open = ng_open, .event = ng_event, .close = ng_close};
