/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RECVGUARD_TIERS_H
#define RECVGUARD_TIERS_H

#include <stdbool.h>
#include <stddef.h>

#include <recvguard/event.h>
#include <recvguard/trace.h>

/* What the capture tiers give and cannot give: the table of tiers.def. */

struct rg_tier_field {
	bool send;		      /* of sent messages, else of received ones */
	const char *field;	      /* as in expressions; "fd[].fd": of an element of a list */
	uint8_t tags[RG_TIER__COUNT]; /* RG_TAG_K and RG_TAG_U bits that a value can carry; 0: never there */
	const char *note;
};
/* Ends with field NULL. */
extern const struct rg_tier_field rg_tier_fields[];

enum rg_tier_seen { RG_SEEN_YES, RG_SEEN_CALLS };

struct rg_tier_route {
	bool listed; /* false: RG_SEEN_YES in every tier */
	enum rg_tier_seen seen[RG_TIER__COUNT];
	const char *note;
};
extern const struct rg_tier_route rg_tier_routes[RG_RT__COUNT];

enum rg_tier_can {
#define RG_FEATURE(ID, ...) RG_CAN_##ID,
#define RG_GIVES(...)
#define RG_CARRIES(...)
#include <recvguard/tiers.def>
#undef RG_FEATURE
#undef RG_GIVES
#undef RG_CARRIES
	RG_CAN__COUNT
};

struct rg_tier_feature {
	const char *what;
	bool has[RG_TIER__COUNT];
	const char *note; /* why not, where one has not */
};
extern const struct rg_tier_feature rg_tier_features[RG_CAN__COUNT];

#endif
