/* SPDX-License-Identifier: BSD-2-Clause */
/* What the capture tiers give, from tiers.def. */
#include <recvguard/tiers.h>

#define NONE 0
#define K    RG_TAG_K
#define U    RG_TAG_U
#define BOTH (RG_TAG_K | RG_TAG_U)
#define RECV false
#define SEND true
#define COLUMNS(tramp, tp, legacy)                                                                 \
	{                                                                                          \
		[RG_TIER_TRAMPOLINE] = tramp, [RG_TIER_TRACEPOINT] = tp, [RG_TIER_LEGACY] = legacy \
	}

const struct rg_tier_field rg_tier_fields[] = {
#define RG_GIVES(way, field, tramp, tp, legacy, note) {way, field, COLUMNS(tramp, tp, legacy), note},
#define RG_CARRIES(...)
#define RG_FEATURE(...)
#include <recvguard/tiers.def>
#undef RG_GIVES
#undef RG_CARRIES
#undef RG_FEATURE
	{0}};

const struct rg_tier_route rg_tier_routes[RG_RT__COUNT] = {
#define RG_GIVES(...)
#define RG_CARRIES(route, tramp, tp, legacy, note) \
	[RG_RT_##route] = {true, COLUMNS(RG_SEEN_##tramp, RG_SEEN_##tp, RG_SEEN_##legacy), note},
#define RG_FEATURE(...)
#include <recvguard/tiers.def>
#undef RG_GIVES
#undef RG_CARRIES
#undef RG_FEATURE
};

const struct rg_tier_feature rg_tier_features[RG_CAN__COUNT] = {
#define YES true
#define NO  false
#define RG_GIVES(...)
#define RG_CARRIES(...)
#define RG_FEATURE(ID, what, tramp, tp, legacy, note) \
	[RG_CAN_##ID] = {what, COLUMNS(tramp, tp, legacy), note},
#include <recvguard/tiers.def>
#undef RG_GIVES
#undef RG_CARRIES
#undef RG_FEATURE
};
