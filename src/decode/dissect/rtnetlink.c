/* SPDX-License-Identifier: BSD-2-Clause */
/* What a rtnetlink message is about: the interface, address, route or neighbour (linux/rtnetlink.h). */
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>

#include "decode/dissect/netlink.h"

#define RTM_GET 2 /* the third of NEW, DEL, GET, SET */

/* Payload of the first attribute of this type. Nested and byte-order bits of the type are not part of it. */
static bool attr(const struct rg_payload *body, size_t at, uint16_t type, struct rg_payload *ret)
{
	while (rg_pl_has(body, at, 4)) {
		uint16_t len = rg_u16(body->p + at);

		if (len < 4)
			return false;
		if ((rg_u16(body->p + at + 2) & NLA_TYPE_MASK) == type) {
			*ret = rg_pl_sub(body, at + 4, len - 4u);
			return ret->len == ret->full;
		}
		at += NLA_ALIGN((size_t)len);
	}
	return false;
}

static void text_ip(struct rg_text *t, const struct rg_payload *a)
{
	if (a->len == 4)
		rg_text_ip4(t, a->p);
	else if (a->len == 16)
		rg_text_ip6(t, a->p);
	else
		rg_text_hexbytes(t, a->p, a->len < 32 ? a->len : 32, ':');
}

static void text_if(struct rg_text *t, uint32_t index)
{
	rg_text_str(t, "if ");
	rg_text_i64(t, (int32_t)index);
}

static bool link_item(struct rg_text *t, const struct rg_payload *b)
{
	struct rg_payload a;

	if (attr(b, NLMSG_ALIGN(sizeof(struct ifinfomsg)), IFLA_IFNAME, &a)) {
		rg_pl_text(t, a.p, a.len && !a.p[a.len - 1] ? a.len - 1 : a.len, 16);
		return true;
	}
	if (!rg_pl_has(b, 0, 8) || !rg_u32(b->p + 4))
		return false;
	text_if(t, rg_u32(b->p + 4));
	return true;
}

static bool addr_item(struct rg_text *t, const struct rg_payload *b)
{
	struct rg_payload a;

	if (!rg_pl_has(b, 0, sizeof(struct ifaddrmsg)) ||
	    (!attr(b, sizeof(struct ifaddrmsg), IFA_LOCAL, &a) &&
	     !attr(b, sizeof(struct ifaddrmsg), IFA_ADDRESS, &a)))
		return false;
	text_ip(t, &a);
	rg_text_char(t, '/');
	rg_text_u64(t, b->p[1]);
	if (attr(b, sizeof(struct ifaddrmsg), IFA_LABEL, &a)) {
		rg_text_char(t, ' ');
		rg_pl_text(t, a.p, a.len && !a.p[a.len - 1] ? a.len - 1 : a.len, 16);
	} else {
		rg_text_char(t, ' ');
		text_if(t, rg_u32(b->p + 4));
	}
	return true;
}

static bool route_item(struct rg_text *t, const struct rg_payload *b)
{
	struct rg_payload a;

	if (!rg_pl_has(b, 0, sizeof(struct rtmsg)))
		return false;
	if (attr(b, sizeof(struct rtmsg), RTA_DST, &a)) {
		text_ip(t, &a);
		rg_text_char(t, '/');
		rg_text_u64(t, b->p[1]);
	} else {
		rg_text_str(t, "default");
	}
	if (attr(b, sizeof(struct rtmsg), RTA_GATEWAY, &a)) {
		rg_text_str(t, " via ");
		text_ip(t, &a);
	}
	if (attr(b, sizeof(struct rtmsg), RTA_OIF, &a) && a.len == 4) {
		rg_text_char(t, ' ');
		text_if(t, rg_u32(a.p));
	}
	return true;
}

static bool neigh_item(struct rg_text *t, const struct rg_payload *b)
{
	struct rg_payload a;

	if (!rg_pl_has(b, 0, sizeof(struct ndmsg)) || !attr(b, sizeof(struct ndmsg), NDA_DST, &a))
		return false;
	text_ip(t, &a);
	if (attr(b, sizeof(struct ndmsg), NDA_LLADDR, &a)) {
		rg_text_char(t, ' ');
		rg_text_hexbytes(t, a.p, a.len < 32 ? a.len : 32, ':');
	}
	rg_text_char(t, ' ');
	text_if(t, rg_u32(b->p + 4));
	return true;
}

bool rg_rtnetlink_item(struct rg_text *t, uint16_t type, const struct rg_payload *body)
{
	switch (type & ~3) { /* NEW, DEL, GET, SET of one object stand together */
	case RTM_NEWLINK: return link_item(t, body);
	case RTM_NEWADDR: return addr_item(t, body);
	case RTM_NEWROUTE: return (type & 3) != RTM_GET && route_item(t, body);
	case RTM_NEWNEIGH: return neigh_item(t, body);
	default: return false;
	}
}
