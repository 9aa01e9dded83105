/* SPDX-License-Identifier: BSD-2-Clause */
/* The event definition, from its .def files. */
#include <string.h>

#include <recvguard/event.h>

#define K    RG_TAG_K
#define U    RG_TAG_U
#define OPT  RG_TAG_OPT
#define FULL RG_TAG_FULL

/* sock.protocol's names depend on the family: rg_event_names() resolves them. */
#define rg_names_protocols NULL
#define rg_names_none	   NULL

const struct rg_field_info rg_fields[RG_F__COUNT] = {
#define RG_FIELD(ID, name_, type_, unit_, tags_, names_, doc_) \
	[RG_F_##ID] = {name_, RG_T_##type_, unit_, tags_, rg_names_##names_, doc_},
#include <recvguard/fields.def>
#undef RG_FIELD
};

const struct rg_event_info rg_events[RG_EV__COUNT] = {
#define RG_EVENT(ID, name, dir, nr64, nr32, related, summary, purpose, example, limits) \
	[RG_EV_##ID] = {name, RG_DIR_##dir, nr64, nr32, related, summary, purpose, example, limits},
#include <recvguard/events.def>
#undef RG_EVENT
};

const struct rg_route_info rg_routes[RG_RT__COUNT] = {
#define RG_ROUTE(ID, name, event, doc) [RG_RT_##ID] = {name, RG_EV_##event, doc},
#include <recvguard/routes.def>
#undef RG_ROUTE
};

const struct rg_name rg_names_events[] = {
#define RG_EVENT(ID, name, ...) {RG_EV_##ID, name},
#include <recvguard/events.def>
#undef RG_EVENT
	{0, NULL}};

const struct rg_name rg_names_routes[] = {
#define RG_ROUTE(ID, name, event, doc) {RG_RT_##ID, name},
#include <recvguard/routes.def>
#undef RG_ROUTE
	{0, NULL}};

int rg_field_find(const char *name, size_t len)
{
	for (int f = 0; f < RG_F__COUNT; f++)
		if (strlen(rg_fields[f].name) == len && !memcmp(rg_fields[f].name, name, len))
			return f;
	return -1;
}
