/* SPDX-License-Identifier: BSD-2-Clause */
/* Looking names up, and the small tables that are recvguard's own. */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include <recvguard/event.h>

const char *rg_name_of(const struct rg_name *names, uint64_t value)
{
	for (; names && names->name; names++)
		if (names->value == value)
			return names->name;
	return NULL;
}

int rg_name_value(const struct rg_name *names, const char *name, size_t len, uint64_t *ret)
{
	for (; names && names->name; names++)
		if (strlen(names->name) == len && !memcmp(names->name, name, len)) {
			*ret = names->value;
			return 0;
		}
	return -ENOENT;
}

const struct rg_name *rg_event_names(const struct rg_event *ev, enum rg_field f)
{
	if (f != RG_F_SOCK_PROTOCOL)
		return rg_fields[f].names;
	if (!rg_has(ev, RG_F_SOCK_FAMILY))
		return NULL;
	switch (ev->v[RG_F_SOCK_FAMILY].i) {
	case AF_INET:
	case AF_INET6: return rg_names_ipprotos;
	case AF_NETLINK: return rg_names_netlink_protos;
	case AF_PACKET: return rg_names_etherprotos;
	default: return NULL;
	}
}

const struct rg_name rg_names_hows[] = {
	{RG_HOW_MESSAGE, "message"}, /* credentials that travelled with this message */
	{RG_HOW_CONNECT, "connect"}, /* the peer's credentials when the connection was made */
	{RG_HOW_SOCKET, "socket"},   /* found afterwards: who holds the peer socket now */
	{RG_HOW_KERNEL, "kernel"},   /* the kernel itself (netlink) */
	{RG_HOW_MSGID, "send"},	     /* the send of this very message was seen (msg.id) */
	{0, NULL}};

const struct rg_name rg_names_actions[] = {{RG_ACT_ALLOW, "allow"}, {RG_ACT_DENY, "deny"},
					   {RG_ACT_DROP, "drop"},   {RG_ACT_STRIP, "strip"},
					   {RG_ACT_KILL, "kill"},   {RG_ACT_LOG, "log"},
					   {0, NULL}};

const struct rg_name rg_names_losses[] = {
	{RG_LOSS_RING_FULL, "ring_full"}, {RG_LOSS_PART, "part"}, {RG_LOSS_NO_STATE, "no_state"},
	{RG_LOSS_BAD_RECORD, "bad_record"}, {RG_LOSS_SINK, "sink"}, {RG_LOSS_SAMPLED, "sampled"}, {0, NULL}};
