/* SPDX-License-Identifier: BSD-2-Clause */
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "sink/text.h"

#define FDS_SHOWN   12
#define VALUE_SHOWN 48 /* columns of one foreign value in the second line */

void text_mark(struct pen *p, uint8_t tag)
{
	if (tag & RG_TAG_TOCTOU)
		pen_styled(p, PEN_DIM, "?");
}

static void scaled(struct pen *p, uint64_t u, uint64_t unit, const char *suffix)
{
	uint64_t whole = u / unit, tenth = u % unit * 10 / unit;

	pen_u64(p, whole);
	if (whole < 100 && unit > 1) {
		pen_own(p, ".");
		pen_u64(p, tenth);
	}
	pen_own(p, suffix);
}

void text_duration(struct pen *p, uint64_t ns)
{
	if (ns < 1000)
		scaled(p, ns, 1, "ns");
	else if (ns < 1000000)
		scaled(p, ns, 1000, "us");
	else if (ns < 1000000000)
		scaled(p, ns, 1000000, "ms");
	else
		scaled(p, ns, 1000000000, "s");
}

void text_bytes(struct pen *p, uint64_t bytes)
{
	static const char *const units[] = {"B", "K", "M", "G", "T", "P"};
	uint64_t unit = 1;
	size_t i = 0;

	for (; i + 1 < RG_ARRAY_LEN(units) && bytes / unit >= 1024; i++)
		unit *= 1024;
	scaled(p, bytes, unit, units[i]);
}

void text_flags(struct pen *p, uint64_t u, const struct rg_name *names, const char *sep)
{
	bool any = false;

	for (; names && names->name; names++) {
		const char *us = strchr(names->name, '_');

		if (!names->value || (u & names->value) != names->value)
			continue;
		u &= ~names->value;
		pen_own(p, any ? sep : "");
		pen_own(p, us ? us + 1 : names->name);
		any = true;
	}
	if (u) {
		rg_auto_buf hex = {0};

		rg_buf_hex(&hex, u);
		pen_own(p, any ? sep : "");
		pen_own(p, "0x");
		pen_own(p, rg_buf_cstr(&hex));
	}
}

/* ---- the socket ---- */

static void show_field(struct rg_buf *b, const struct pen *p, const struct rg_event *ev, enum rg_field f)
{
	if (rg_has(ev, f))
		rg_show(b, ev->v[f].p, ev->v[f].len, false, p->ascii, 0);
}

/* Address texts of some families start with the family, which is said already. */
static size_t family_prefix(const struct rg_event *ev, const char *s, size_t len)
{
	const char *family = rg_has(ev, RG_F_SOCK_FAMILY)
				     ? rg_name_of(rg_names_families, ev->v[RG_F_SOCK_FAMILY].u)
				     : NULL;
	size_t n = family ? strlen(family) : 0;

	return n && len > n && !memcmp(s, family, n) && s[n] == ' ' ? n + 1 : 0;
}

static void show_addr(struct rg_buf *b, const struct pen *p, const struct rg_event *ev, enum rg_field addr,
		      enum rg_field port)
{
	const struct rg_addr *a;
	size_t skip;

	if (!rg_has(ev, addr))
		return;
	a = ev->v[addr].addr;
	skip = family_prefix(ev, a->text, a->text_len);
	rg_buf_str(b, a->ip_len == 16 ? "[" : "");
	rg_show(b, a->text + skip, a->text_len - skip, false, p->ascii, 0);
	rg_buf_str(b, a->ip_len == 16 ? "]" : "");
	if (a->ip_len && rg_has(ev, port)) {
		rg_buf_char(b, ':');
		rg_buf_u64(b, ev->v[port].u);
	}
}

static void show_name(struct rg_buf *b, const struct pen *p, const struct rg_event *ev)
{
	const struct rg_node *n = NULL, *pid = NULL;
	size_t skip;

	if (rg_has(ev, RG_F_MSG_NAME)) {
		n = rg_node_find(ev->v[RG_F_MSG_NAME].node, "text");
		pid = rg_node_find(ev->v[RG_F_MSG_NAME].node, "pid");
	}
	if (pid && !pid->v.u && rg_has(ev, RG_F_SOCK_FAMILY) && ev->v[RG_F_SOCK_FAMILY].i == AF_NETLINK) {
		rg_buf_str(b, "kernel"); /* port 0 is its own */
	} else if (n) {
		skip = family_prefix(ev, n->v.p, n->v.len);
		rg_show(b, n->v.p + skip, n->v.len - skip, false, p->ascii, 0);
	}
}

/* Who is at the other end: its process where known, else its address. */
static uint8_t show_peer(struct rg_buf *b, const struct pen *p, const struct rg_event *ev)
{
	if (rg_has(ev, RG_F_SENDER_HOW) && ev->v[RG_F_SENDER_HOW].i == RG_HOW_KERNEL) {
		rg_buf_str(b, "kernel");
		return ev->tag[RG_F_SENDER_HOW];
	}
	if (rg_has(ev, RG_F_SENDER_PID)) {
		bool comm = rg_has(ev, RG_F_SENDER_COMM);

		show_field(b, p, ev, RG_F_SENDER_COMM);
		rg_buf_str(b, comm ? "[" : "pid ");
		rg_buf_u64(b, ev->v[RG_F_SENDER_PID].u);
		rg_buf_str(b, comm ? "]" : "");
		return ev->tag[RG_F_SENDER_PID];
	}
	show_name(b, p, ev);
	if (b->len)
		return ev->tag[RG_F_MSG_NAME];
	show_addr(b, p, ev, RG_F_SOCK_REMOTE_ADDR, RG_F_SOCK_REMOTE_PORT);
	return ev->tag[RG_F_SOCK_REMOTE_ADDR];
}

/* The socket's own name: path, address, or what identifies it where it has none. */
static void show_local(struct rg_buf *b, const struct pen *p, const struct rg_event *ev)
{
	if (rg_has(ev, RG_F_SOCK_PATH))
		show_field(b, p, ev, RG_F_SOCK_PATH);
	else if (rg_has(ev, RG_F_SOCK_LOCAL_ADDR) && ev->v[RG_F_SOCK_LOCAL_ADDR].addr->text_len)
		show_addr(b, p, ev, RG_F_SOCK_LOCAL_ADDR, RG_F_SOCK_LOCAL_PORT);
	else if (rg_has(ev, RG_F_SOCK_INODE)) {
		rg_buf_char(b, '#');
		rg_buf_u64(b, ev->v[RG_F_SOCK_INODE].u);
	}
}

static void enum_text(struct pen *p, int64_t v, const struct rg_name *names)
{
	const char *name = rg_name_of(names, (uint64_t)v);

	if (name)
		pen_own(p, name);
	else
		pen_u64(p, (uint64_t)v);
}

/* tcp, udp6, unix stream, netlink route: what a person calls the socket; narrow: u_str, as ss(8) does. */
static void socket_kind(struct pen *p, const struct rg_event *ev, bool narrow)
{
	int64_t family = ev->v[RG_F_SOCK_FAMILY].i, type = ev->v[RG_F_SOCK_TYPE].i;
	bool inet = family == AF_INET || family == AF_INET6;
	const char *proto = NULL;

	if (rg_has(ev, RG_F_SOCK_PROTOCOL))
		proto = rg_name_of(rg_event_names(ev, RG_F_SOCK_PROTOCOL), ev->v[RG_F_SOCK_PROTOCOL].u);
	if (inet && proto && ev->v[RG_F_SOCK_PROTOCOL].i) {
		pen_own(p, proto);
		pen_own(p, family == AF_INET6 ? "6" : "");
		return;
	}
	if (narrow && family == AF_UNIX && type >= SOCK_STREAM && type <= SOCK_SEQPACKET) {
		pen_own(p, (const char *const[]){"u_str", "u_dgr", "u_raw", "u_rdm", "u_seq"}[type - 1]);
		return;
	}
	enum_text(p, family, rg_names_families);
	if (family == AF_NETLINK && proto) {
		pen_own(p, " ");
		pen_own(p, proto);
	} else if (rg_has(ev, RG_F_SOCK_TYPE)) {
		pen_own(p, " ");
		enum_text(p, type, rg_names_socktypes);
	}
}

static bool is_send(const struct rg_event *ev)
{
	return rg_has(ev, RG_F_EVENT) && (uint64_t)ev->v[RG_F_EVENT].i < RG_EV__COUNT &&
	       rg_events[ev->v[RG_F_EVENT].i].dir == RG_DIR_SEND;
}

/* How the columns are shared: the peer's name is what is asked for most, the path gives way. */
static void share(unsigned room, unsigned *local, unsigned *peer)
{
	unsigned least = room * 3 / 5;

	room = room > 12 ? room - 3 : 9;
	if (*local + *peer <= room)
		return;
	*peer = room > *local && room - *local > least ? room - *local : *peer < least ? *peer : least;
	*local = room > *peer ? room - *peer : 1;
}

void text_socket(struct pen *p, const struct rg_event *ev, unsigned max, struct rg_buf *tmp)
{
	unsigned start = p->col, local, peer;
	size_t peer_len;
	uint8_t tag;

	if (!rg_has(ev, RG_F_SOCK_FAMILY)) {
		pen_styled(p, PEN_DIM, "no socket");
		return;
	}
	pen_style(p, PEN_DIM);
	socket_kind(p, ev, max && max < 36);
	pen_style(p, PEN_PLAIN);
	pen_own(p, " ");
	rg_buf_reset(tmp);
	tag = show_peer(tmp, p, ev);
	peer_len = tmp->len;
	show_local(tmp, p, ev);
	peer = rg_shown_width(tmp->data, peer_len);
	local = rg_shown_width(tmp->data + peer_len, tmp->len - peer_len);
	if (max)
		share(max > p->col - start ? max - (p->col - start) : 1, &local,
		      peer_len ? &peer : &(unsigned){0});
	pen_shown(p, tmp->data + peer_len, tmp->len - peer_len, local, true);
	if (!peer_len)
		return;
	pen_styled(p, PEN_DIM, is_send(ev) ? " → " : " ← ");
	pen_shown(p, tmp->data, peer_len, peer, true);
	text_mark(p, tag);
}

/* ---- descriptors ---- */

static const struct rg_node *child(const struct rg_node *o, const char *name)
{
	return rg_node_find(o->v.node, name);
}

static void fd_addr(struct pen *p, const struct rg_node *o, const char *addr, const char *port)
{
	const struct rg_node *a = child(o, addr), *n = child(o, port);

	if (!a || !a->v.addr->text_len)
		return;
	pen_own(p, " ");
	pen_safe(p, a->v.addr->text, a->v.addr->text_len, VALUE_SHOWN);
	if (n && a->v.addr->ip_len) {
		pen_own(p, ":");
		pen_u64(p, n->v.u);
	}
}

static void one_fd(struct pen *p, const struct rg_node *o)
{
	const struct rg_node *fd = child(o, "fd"), *kind = child(o, "kind"), *path = child(o, "path");
	const struct rg_node *size = child(o, "size"), *flags = child(o, "flags"), *lost = child(o, "lost");
	bool gone = lost && lost->v.u;

	pen_style(p, gone ? PEN_ERROR : PEN_FD);
	if (gone)
		pen_own(p, "LOST");
	else if (fd && fd->v.i >= 0)
		pen_u64(p, (uint64_t)fd->v.i);
	else
		pen_own(p, "?");
	pen_style(p, PEN_PLAIN);
	pen_own(p, " ");
	if (kind && kind->type == RG_T_ENUM)
		enum_text(p, kind->v.i, kind->names);
	if (path) {
		pen_own(p, " ");
		pen_safe(p, path->v.p, path->v.len, VALUE_SHOWN);
		text_mark(p, path->tag);
	}
	if (child(o, "family"))
		enum_text((pen_own(p, " "), p), child(o, "family")->v.i, rg_names_families);
	fd_addr(p, o, "local", "local_port");
	if (child(o, "remote"))
		pen_own(p, " ↔");
	fd_addr(p, o, "remote", "remote_port");
	if (size && size->v.u) {
		pen_own(p, " ");
		text_bytes(p, size->v.u);
	}
	if (flags && (flags->v.u & O_ACCMODE) <= O_RDWR)
		pen_styled(p, PEN_DIM, (const char *const[]){" r", " w", " rw"}[flags->v.u & O_ACCMODE]);
}

void text_fds(struct pen *p, const struct rg_event *ev)
{
	unsigned n = 0;

	for (const struct rg_node *o = ev->v[RG_F_FD].node; o; o = o->next, n++) {
		if (n >= FDS_SHOWN || o->type != RG_T_OBJECT)
			continue;
		pen_own(p, n ? ", " : "");
		one_fd(p, o);
	}
	if (n > FDS_SHOWN) {
		pen_own(p, ", and ");
		pen_u64(p, n - FDS_SHOWN);
		pen_own(p, " more");
	}
	text_mark(p, ev->tag[RG_F_FD]);
}

/* ---- control messages ---- */

static void value_text(struct pen *p, const struct rg_node *n);

static void children_text(struct pen *p, const struct rg_node *n, bool named)
{
	for (bool first = true; n && !p->full; n = n->next, first = false) {
		pen_own(p, first ? "" : " ");
		if (named) {
			pen_styled(p, PEN_DIM, n->name);
			pen_styled(p, PEN_DIM, "=");
		}
		value_text(p, n);
	}
}

static void bytes_text(struct pen *p, const char *s, size_t len)
{
	for (size_t i = 0; i < len && i < VALUE_SHOWN / 2; i++) {
		char hex[3] = {"0123456789abcdef"[(unsigned char)s[i] >> 4], "0123456789abcdef"[s[i] & 15],
			       0};

		pen_own(p, hex);
	}
	pen_own(p, len > VALUE_SHOWN / 2 ? "…" : "");
}

static void value_text(struct pen *p, const struct rg_node *n)
{
	switch ((enum rg_type)n->type) {
	case RG_T_BOOL: pen_own(p, n->v.u ? "yes" : "no"); break;
	case RG_T_INT:
		pen_own(p, n->v.i < 0 ? "-" : "");
		pen_u64(p, n->v.i < 0 ? 0 - (uint64_t)n->v.i : (uint64_t)n->v.i);
		break;
	case RG_T_TIME:
	case RG_T_UINT:
	case RG_T_SIZE: pen_u64(p, n->v.u); break;
	case RG_T_DURATION: text_duration(p, n->v.u); break;
	case RG_T_ENUM: enum_text(p, n->v.i, n->names); break;
	case RG_T_FLAGS: text_flags(p, n->v.u, n->names, "|"); break;
	case RG_T_STR: pen_safe(p, n->v.p, n->v.len, VALUE_SHOWN); break;
	case RG_T_BYTES: bytes_text(p, n->v.p, n->v.len); break;
	case RG_T_ADDR: pen_safe(p, n->v.addr->text, n->v.addr->text_len, VALUE_SHOWN); break;
	case RG_T_OBJECT:
		pen_own(p, "{");
		children_text(p, n->v.node, true);
		pen_own(p, "}");
		break;
	case RG_T_LIST:
		pen_own(p, "[");
		children_text(p, n->v.node, false);
		pen_own(p, "]");
		break;
	default: break;
	}
}

static void one_cmsg(struct pen *p, const struct rg_node *o)
{
	const struct rg_node *level = child(o, "level"), *type = child(o, "type"),
			     *bad = child(o, "malformed");
	bool named = type && type->names && rg_name_of(type->names, type->v.u);

	pen_style(p, PEN_CMSG);
	if (!named && level) {
		value_text(p, level);
		pen_own(p, "/");
	}
	if (type)
		value_text(p, type);
	pen_style(p, PEN_PLAIN);
	for (const struct rg_node *n = o->v.node; n && !p->full; n = n->next) {
		if (n == level || n == type || n == bad || !strcmp(n->name, "len"))
			continue;
		pen_own(p, " ");
		pen_styled(p, PEN_DIM, n->name);
		pen_styled(p, PEN_DIM, "=");
		value_text(p, n);
	}
	if (bad) {
		pen_style(p, PEN_ERROR);
		pen_own(p, " MALFORMED ");
		pen_safe(p, bad->v.p, bad->v.len, VALUE_SHOWN);
		pen_style(p, PEN_PLAIN);
	}
}

/* SCM_RIGHTS is told better by the descriptors themselves. */
static bool told_by_fds(const struct rg_event *ev, const struct rg_node *o)
{
	const struct rg_node *type = child(o, "type");
	const char *name = type ? rg_name_of(type->names, type->v.u) : NULL;

	return name && !strcmp(name, "SCM_RIGHTS") && rg_has(ev, RG_F_FD) && ev->v[RG_F_FD].node &&
	       !child(o, "malformed");
}

bool text_has_cmsgs(const struct rg_event *ev)
{
	for (const struct rg_node *o = ev->v[RG_F_CMSG].node; o; o = o->next)
		if (o->type == RG_T_OBJECT && !told_by_fds(ev, o))
			return true;
	return false;
}

void text_cmsgs(struct pen *p, const struct rg_event *ev)
{
	bool any = false;

	for (const struct rg_node *o = ev->v[RG_F_CMSG].node; o && !p->full; o = o->next) {
		if (o->type != RG_T_OBJECT || told_by_fds(ev, o))
			continue;
		pen_own(p, any ? ", " : "");
		one_cmsg(p, o);
		any = true;
	}
	if (any)
		text_mark(p, ev->tag[RG_F_CMSG]);
}
