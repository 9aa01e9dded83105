/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Netlink (RFC 3549, linux/netlink.h): the headers of all messages in one datagram, those of one type
 * together: "RTM_NEWLINK x2 (lo, eth0) seq 123, NLMSG_DONE". A byte of a foreign payload is never taken for a
 * length without being checked.
 */
#include <linux/connector.h>
#include <linux/genetlink.h>
#include <linux/netlink.h>

#include "decode/dissect/dissector.h"
#include "decode/dissect/netlink.h"
#include "event/names_netlink.h"

#define ITEMS_MAX  4 /* named per group */
#define GROUPS_MAX 6 /* then "..." */

static const struct rg_name control_types[] = {{NLMSG_NOOP, "NLMSG_NOOP"},
					       {NLMSG_ERROR, "NLMSG_ERROR"},
					       {NLMSG_DONE, "NLMSG_DONE"},
					       {NLMSG_OVERRUN, "NLMSG_OVERRUN"},
					       {0, NULL}};

static const struct {
	int protocol;
	const struct rg_name *names;
} type_names[] = {
	{NETLINK_ROUTE, rg_names_rtnetlink},	{NETLINK_SOCK_DIAG, rg_names_sock_diag},
	{NETLINK_XFRM, rg_names_xfrm},		{NETLINK_AUDIT, rg_names_audit},
	{NETLINK_CRYPTO, rg_names_crypto_msgs},
};

static void text_nfnetlink(struct rg_text *t, uint16_t type)
{
	const char *sub = rg_name_of(rg_names_nfnetlink, type >> 8), *msg = NULL;

	if (type >> 8 == 10) /* NFNL_SUBSYS_NFTABLES */
		msg = rg_name_of(rg_names_nftables, type & 0xff);
	else if (type >> 8 == 1) /* NFNL_SUBSYS_CTNETLINK */
		msg = rg_name_of(rg_names_conntrack, type & 0xff);
	if (msg) {
		rg_text_str(t, msg);
		return;
	}
	if (sub)
		rg_text_str(t, sub);
	else
		rg_text_u64(t, type >> 8);
	rg_text_char(t, '/');
	rg_text_u64(t, type & 0xff);
}

static void text_generic(struct rg_text *t, uint16_t type, const struct rg_payload *body)
{
	const char *cmd = NULL;

	if (body->len && type == GENL_ID_CTRL)
		cmd = rg_name_of(rg_names_genl_ctrl, body->p[0]);
	if (cmd) {
		rg_text_str(t, cmd);
		return;
	}
	rg_text_str(t, "family ");
	rg_text_u64(t, type);
	if (body->len) {
		rg_text_str(t, " cmd ");
		rg_text_u64(t, body->p[0]);
	}
}

static void text_type(struct rg_text *t, int protocol, uint16_t type, const struct rg_payload *body)
{
	const char *name = NULL;

	if (type < NLMSG_MIN_TYPE)
		name = rg_name_of(control_types, type);
	for (size_t i = 0; !name && type >= NLMSG_MIN_TYPE && i < sizeof(type_names) / sizeof(type_names[0]);
	     i++)
		if (type_names[i].protocol == protocol)
			name = rg_name_of(type_names[i].names, type);
	if (name) {
		rg_text_str(t, name);
	} else if (type >= NLMSG_MIN_TYPE && protocol == NETLINK_NETFILTER) {
		text_nfnetlink(t, type);
	} else if (type >= NLMSG_MIN_TYPE && protocol == NETLINK_GENERIC) {
		text_generic(t, type, body);
	} else {
		rg_text_str(t, "type ");
		rg_text_u64(t, type);
	}
}

/* NLMSG_ERROR: errno 0 acknowledges; the message it answers follows. NLMSG_DONE may carry an errno, too. */
static void text_error(struct rg_text *t, int protocol, uint16_t type, const struct rg_payload *body)
{
	int32_t err = body->len >= 4 ? (int32_t)rg_u32(body->p) : 0;
	const char *name = rg_name_of(rg_names_errnos, (uint64_t) - (int64_t)err);

	if (err && name) {
		rg_text_char(t, ' ');
		rg_text_str(t, name);
	} else if (err) {
		rg_text_char(t, ' ');
		rg_text_i64(t, err);
	} else if (type == NLMSG_ERROR && body->len >= 4) {
		rg_text_str(t, " (ack)");
	}
	if (type == NLMSG_ERROR && body->len >= 4 + NLMSG_HDRLEN) {
		struct rg_payload none = {body->p, 0, 0};

		rg_text_str(t, " for ");
		text_type(t, protocol, rg_u16(body->p + 8), &none);
	}
}

struct message {
	uint32_t len, seq;
	uint16_t type, flags;
	struct rg_payload body;
};

static bool message_at(const struct rg_payload *p, size_t at, struct message *m)
{
	if (!rg_pl_has(p, at, NLMSG_HDRLEN))
		return false;
	m->len = rg_u32(p->p + at);
	m->type = rg_u16(p->p + at + 4);
	m->flags = rg_u16(p->p + at + 6);
	m->seq = rg_u32(p->p + at + 8);
	if (m->len < NLMSG_HDRLEN || m->len > p->full - at)
		return false;
	m->body = rg_pl_sub(p, at + NLMSG_HDRLEN, m->len - NLMSG_HDRLEN);
	return true;
}

static void text_flags(struct rg_text *t, const struct message *m)
{
	if (m->type >= NLMSG_MIN_TYPE && m->flags & NLM_F_REQUEST)
		rg_text_str(t, (m->flags & NLM_F_DUMP) == NLM_F_DUMP ? " request dump" : " request");
	if (m->flags & NLM_F_DUMP_INTR)
		rg_text_str(t, " (dump interrupted)");
}

/* What the message is about, where that is short: an interface's name, an address. */
static bool item(struct rg_text *t, int protocol, const struct message *m)
{
	return protocol == NETLINK_ROUTE && m->type >= NLMSG_MIN_TYPE &&
	       rg_rtnetlink_item(t, m->type, &m->body);
}

/* Note what one more message of a group is about; "..." once there are too many. */
static void add_item(struct rg_text *it, unsigned *named, int protocol, const struct message *m)
{
	size_t before = it->len;

	if (*named > ITEMS_MAX || it->cut)
		return;
	if (*named)
		rg_text_str(it, ", ");
	if (!item(it, protocol, m)) {
		it->len = before;
		return;
	}
	if ((*named)++ == ITEMS_MAX) {
		it->len = before;
		rg_text_str(it, ", ...");
	}
}

static void text_group_head(struct rg_text *t, int protocol, const struct message *first, unsigned n)
{
	text_type(t, protocol, first->type, &first->body);
	if (n > 1) {
		rg_text_str(t, " x");
		rg_text_u64(t, n);
	}
	if (first->type == NLMSG_ERROR || first->type == NLMSG_DONE)
		text_error(t, protocol, first->type, &first->body);
}

/* NLMSG_ALIGN's mask has 32 bits: it would turn a length near 4 GiB into no step at all. */
static size_t align(uint32_t len)
{
	return ((size_t)len + NLMSG_ALIGNTO - 1) & ~((size_t)NLMSG_ALIGNTO - 1);
}

/* One or more messages of one kind in a row; returns where the next one starts. */
static size_t text_group(struct rg_text *t, int protocol, const struct rg_payload *p, size_t at,
			 uint32_t *seq)
{
	char items[160];
	struct rg_text it = {.p = items, .cap = sizeof(items)};
	unsigned n = 0, named = 0;
	struct message first, m;

	if (!message_at(p, at, &first))
		return p->full;
	m = first;
	do {
		add_item(&it, &named, protocol, &m);
		at += align(m.len);
		n++;
	} while (first.type != NLMSG_ERROR && at < p->full && message_at(p, at, &m) && m.type == first.type &&
		 m.seq == first.seq && m.flags == first.flags);
	text_group_head(t, protocol, &first, n);
	if (named) {
		rg_text_str(t, " (");
		rg_text_add(t, it.p, it.len);
		rg_text_char(t, ')');
	}
	text_flags(t, &first);
	if (first.seq != *seq) {
		rg_text_str(t, " seq ");
		rg_text_u64(t, first.seq);
		*seq = first.seq;
	}
	return at;
}

static bool summary(const struct rg_dissect_ctx *c, const struct rg_payload *p, struct rg_text *t)
{
	uint32_t seq = 0;
	size_t at = 0;
	struct message m;

	if (!rg_pl_has(p, 0, NLMSG_HDRLEN))
		return false;
	for (unsigned groups = 0; at < p->full; groups++) {
		if (groups)
			rg_text_str(t, ", ");
		if (groups == GROUPS_MAX) {
			rg_text_str(t, "...");
			break;
		}
		if (!rg_pl_has(p, at, NLMSG_HDRLEN)) {
			rg_text_str(t, rg_pl_cut(p) ? "rest not captured" : "bytes left over");
			break;
		}
		if (!message_at(p, at, &m)) {
			rg_text_str(t, "malformed: nlmsg_len ");
			rg_text_u64(t, m.len);
			break;
		}
		at = text_group(t, c->protocol, p, at, &seq);
	}
	return true;
}

/* User protocols of NETLINK_USERSOCK may carry anything; everything else has message headers. */
static bool match(const struct rg_dissect_ctx *c, const struct rg_payload *p)
{
	return c->family == AF_NETLINK && c->protocol >= 0 && c->protocol != NETLINK_KOBJECT_UEVENT;
}

const struct rg_dissector rg_dissect_netlink = {"netlink", match, summary};

/* ---- uevents: text, not messages ---- */

static bool uevent_match(const struct rg_dissect_ctx *c, const struct rg_payload *p)
{
	return c->family == AF_NETLINK && c->protocol == NETLINK_KOBJECT_UEVENT;
}

/* Value of a KEY=value string within NUL-separated ones. */
static bool uevent_value(const struct rg_payload *p, size_t at, const char *key, struct rg_payload *ret)
{
	size_t klen = strlen(key);
	bool found;

	while (at < p->len) {
		size_t n = rg_pl_until(p, at, '\0', &found);

		if (n > klen && !memcmp(p->p + at, key, klen) && p->p[at + klen] == '=') {
			*ret = rg_pl_sub(p, at + klen + 1, n - klen - 1);
			return true;
		}
		at += n + 1;
	}
	return false;
}

/* From udevd: "libudev\0", magic, header size, offset of the properties (libudev-monitor.c of systemd). */
static size_t udev_properties(const struct rg_payload *p)
{
	static const char prefix[8] = "libudev";

	if (!rg_pl_starts(p, prefix, sizeof(prefix)) || !rg_pl_has(p, 0, 24) ||
	    rg_be32(p->p + 8) != 0xfeedcafe)
		return 0;
	return rg_u32(p->p + 16) < p->len ? rg_u32(p->p + 16) : 0;
}

static bool uevent_summary(const struct rg_dissect_ctx *c, const struct rg_payload *p, struct rg_text *t)
{
	size_t at = udev_properties(p);
	struct rg_payload action, path, subsystem;

	rg_text_str(t, at ? "uevent (udev)" : "uevent");
	if (!uevent_value(p, at, "ACTION", &action) || !uevent_value(p, at, "DEVPATH", &path))
		return false;
	rg_text_char(t, ' ');
	rg_pl_text(t, action.p, action.len, 20);
	rg_text_char(t, ' ');
	rg_pl_text(t, path.p, path.len, 160);
	if (uevent_value(p, at, "SUBSYSTEM", &subsystem)) {
		rg_text_str(t, " subsystem ");
		rg_pl_text(t, subsystem.p, subsystem.len, 40);
	}
	return true;
}

const struct rg_dissector rg_dissect_uevent = {"uevent", uevent_match, uevent_summary};
