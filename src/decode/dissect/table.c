/* SPDX-License-Identifier: BSD-2-Clause */
/* The dissectors, in the order they are asked, and the event around them. */
#include "base/cleanup.h"
#include "decode/dissect/dissect.h"
#include "decode/dissect/dissector.h"

/* Those that a socket alone tells come first, then those with firm first bytes, then the guessers. */
static const struct rg_dissector *const dissectors[] = {
	&rg_dissect_uevent, &rg_dissect_netlink, &rg_dissect_journal, &rg_dissect_notify, &rg_dissect_wayland,
	&rg_dissect_x11,    &rg_dissect_dbus,	 &rg_dissect_http,    &rg_dissect_ssh,	  &rg_dissect_tls,
	&rg_dissect_syslog, &rg_dissect_varlink, &rg_dissect_json,    &rg_dissect_dns,
};

bool rg_ctx_path_ends(const struct rg_dissect_ctx *c, const char *end)
{
	size_t n = strlen(end);

	return c->path && c->path_len >= n && !memcmp(c->path + c->path_len - n, end, n);
}

bool rg_ctx_base_starts(const struct rg_dissect_ctx *c, const char *start)
{
	size_t n = strlen(start), at = c->path_len;

	while (c->path && at && c->path[at - 1] != '/')
		at--;
	return c->path && c->path_len - at >= n && !memcmp(c->path + at, start, n);
}

size_t rg_pl_until(const struct rg_payload *p, size_t off, char c, bool *ret_found)
{
	const uint8_t *hit = off < p->len ? memchr(p->p + off, c, p->len - off) : NULL;

	*ret_found = hit != NULL;
	if (hit)
		return (size_t)(hit - p->p) - off;
	return off < p->len ? p->len - off : 0;
}

void rg_pl_text(struct rg_text *out, const uint8_t *s, size_t n, size_t max)
{
	rg_text_escaped(out, s, n < max ? n : max);
	if (n > max)
		rg_text_add(out, "...", 3);
}

static int32_t port_of(const struct rg_event *ev, enum rg_field f)
{
	return rg_has(ev, f) && ev->v[f].u <= INT32_MAX ? (int32_t)ev->v[f].u : -1;
}

static int32_t name_port(const struct rg_event *ev)
{
	const struct rg_node *n = NULL;

	if (rg_has(ev, RG_F_MSG_NAME))
		n = rg_node_find(ev->v[RG_F_MSG_NAME].node, "port");
	return n && n->v.u <= INT32_MAX ? (int32_t)n->v.u : -1;
}

static void ctx_path(struct rg_dissect_ctx *c, const struct rg_event *ev)
{
	const struct rg_addr *local =
		rg_has(ev, RG_F_SOCK_LOCAL_ADDR) ? ev->v[RG_F_SOCK_LOCAL_ADDR].addr : NULL;
	const struct rg_node *name = NULL;

	if (rg_has(ev, RG_F_SOCK_PATH)) {
		c->path = ev->v[RG_F_SOCK_PATH].p;
		c->path_len = ev->v[RG_F_SOCK_PATH].len;
	} else if (rg_has(ev, RG_F_MSG_NAME)) { /* a send to an address */
		name = rg_node_find(ev->v[RG_F_MSG_NAME].node, "path");
		c->path = name ? name->v.p : NULL;
		c->path_len = name ? name->v.len : 0;
	}
	c->local_path = c->path && local && local->text_len == c->path_len &&
			!memcmp(local->text, c->path, c->path_len);
}

static struct rg_dissect_ctx ctx_of(const struct rg_event *ev)
{
	struct rg_dissect_ctx c = {.protocol = -1};

	if (rg_has(ev, RG_F_SOCK_FAMILY))
		c.family = (uint16_t)ev->v[RG_F_SOCK_FAMILY].i;
	if (rg_has(ev, RG_F_SOCK_TYPE))
		c.type = (uint16_t)ev->v[RG_F_SOCK_TYPE].i;
	if (rg_has(ev, RG_F_SOCK_PROTOCOL))
		c.protocol = (int32_t)ev->v[RG_F_SOCK_PROTOCOL].i;
	c.ports[0] = port_of(ev, RG_F_SOCK_LOCAL_PORT);
	c.ports[1] = port_of(ev, RG_F_SOCK_REMOTE_PORT);
	c.ports[2] = rg_ctx_inet(&c) ? name_port(ev) : -1;
	if (c.family == AF_UNIX)
		ctx_path(&c, ev);
	if (rg_has(ev, RG_F_EVENT) && ev->v[RG_F_EVENT].u < RG_EV__COUNT)
		c.send = rg_events[ev->v[RG_F_EVENT].i].dir == RG_DIR_SEND;
	return c;
}

static void set_summary(struct rg_event *ev, const struct rg_dissector *d, struct rg_text *t)
{
	uint8_t tag = ev->tag[RG_F_MSG_DATA];
	char *copy = rg_event_alloc(ev, t->len + 1);

	if (!copy)
		return;
	if (t->cut && t->len >= 3)
		memcpy(t->p + t->len - 3, "...", 3);
	memcpy(copy, t->p, t->len);
	rg_set_str(ev, RG_F_MSG_PROTOCOL, d->name, (uint32_t)strlen(d->name), tag);
	rg_set_str(ev, RG_F_MSG_SUMMARY, copy, (uint32_t)t->len, tag);
}

void rg_dissect(struct rg_event *ev)
{
	char buf[RG_SUMMARY_MAX];
	struct rg_text t = {.p = buf, .cap = sizeof(buf)};
	struct rg_dissect_ctx c;
	struct rg_payload p;

	if (!rg_has(ev, RG_F_MSG_DATA) || !ev->v[RG_F_MSG_DATA].len)
		return;
	p = (struct rg_payload){(const uint8_t *)ev->v[RG_F_MSG_DATA].p, ev->v[RG_F_MSG_DATA].len,
				ev->v[RG_F_MSG_DATA].full};
	c = ctx_of(ev);
	for (size_t i = 0; i < RG_ARRAY_LEN(dissectors); i++) {
		if (!dissectors[i]->match(&c, &p))
			continue;
		t.len = 0;
		t.cut = false;
		if (dissectors[i]->summary(&c, &p, &t)) {
			set_summary(ev, dissectors[i], &t);
			return;
		}
	}
}
