/* SPDX-License-Identifier: BSD-2-Clause */
/* SCM_TIMESTAMPING_OPT_STATS: netlink attributes (linux/tcp.h TCP_NLA_*, linux/can/j1939.h J1939_NLA_*). */
#include <sys/socket.h>

#include "decode/cmsg/row.h"

/* A field's off64 is the attribute's type, its off32 the protocol that has it. */
enum { OF_TCP, OF_J1939 };
#define STAT(name, attr, of, type, unit, scale, doc)                                      \
	{                                                                                 \
		name, unit, doc, NULL, RG_T_##type, RG_CR_FN, attr, of, 0, 0, scale, true \
	}
#define STATE(name, attr, of, names, doc)                                          \
	{                                                                          \
		name, "", doc, names, RG_T_ENUM, RG_CR_FN, attr, of, 0, 0, 0, true \
	}
#define NOT_AN_ATTRIBUTE 255

static const struct rg_name ca_states[] = {{0, "open"},	    {1, "disorder"}, {2, "cwr"},
					   {3, "recovery"}, {4, "loss"},     {0, NULL}};

/* clang-format off */
const struct rg_cmsg_field rg_cm_opt_stats_fields[] = {
	STAT("busy", 1, OF_TCP, DURATION, "ns", 1000, "Time spent sending"),
	STAT("rwnd_limited", 2, OF_TCP, DURATION, "ns", 1000, "Time held up by the receiver's window"),
	STAT("sndbuf_limited", 3, OF_TCP, DURATION, "ns", 1000, "Time held up by the send buffer"),
	STAT("data_segs_out", 4, OF_TCP, UINT, "", 0, "Data segments sent, retransmissions included"),
	STAT("total_retrans", 5, OF_TCP, UINT, "", 0, "Data segments retransmitted"),
	STAT("pacing_rate", 6, OF_TCP, UINT, "bytes/s", 0, "Pacing rate; all ones: unlimited"),
	STAT("delivery_rate", 7, OF_TCP, UINT, "bytes/s", 0, "Delivery rate"),
	STAT("snd_cwnd", 8, OF_TCP, UINT, "segments", 0, "Congestion window"),
	STAT("reordering", 9, OF_TCP, UINT, "segments", 0, "Reordering metric"),
	STAT("min_rtt", 10, OF_TCP, DURATION, "ns", 1000, "Smallest round trip seen"),
	STAT("recur_retrans", 11, OF_TCP, UINT, "", 0, "Retransmissions of the current segment"),
	STAT("app_limited", 12, OF_TCP, BOOL, "", 0, "delivery_rate was limited by the program"),
	STAT("sndq_size", 13, OF_TCP, SIZE, "bytes", 0, "Data in the send queue"),
	STATE("ca_state", 14, OF_TCP, ca_states, "State of congestion avoidance"),
	STAT("snd_ssthresh", 15, OF_TCP, UINT, "segments", 0, "Slow start threshold"),
	STAT("delivered", 16, OF_TCP, UINT, "", 0, "Data segments delivered"),
	STAT("delivered_ce", 17, OF_TCP, UINT, "", 0, "The same, those with a congestion mark"),
	STAT("bytes_sent", 18, OF_TCP, UINT, "bytes", 0, "Data sent, retransmissions included"),
	STAT("bytes_retrans", 19, OF_TCP, UINT, "bytes", 0, "Data retransmitted"),
	STAT("dsack_dups", 20, OF_TCP, UINT, "", 0, "Duplicate blocks reported by the peer"),
	STAT("reord_seen", 21, OF_TCP, UINT, "", 0, "Reorderings seen"),
	STAT("srtt", 22, OF_TCP, DURATION, "ns", 1000, "Smoothed round trip time"),
	STAT("timeout_rehash", 23, OF_TCP, UINT, "", 0, "Path changes tried after a timeout"),
	STAT("bytes_notsent", 24, OF_TCP, UINT, "bytes", 0, "Data queued and not yet sent"),
	STAT("edt", 25, OF_TCP, UINT, "ns", 0, "Earliest departure time, CLOCK_MONOTONIC"),
	STAT("ttl", 26, OF_TCP, UINT, "", 0, "Time to live or hop limit of the packet that acknowledged"),
	STAT("rehash", 27, OF_TCP, UINT, "", 0, "Path changes, by timeout or protective load balancing"),
	STAT("bytes_acked", 1, OF_J1939, UINT, "bytes", 0, "J1939: acknowledged so far"),
	STAT("total_size", 2, OF_J1939, SIZE, "bytes", 0, "J1939: size of the message"),
	STAT("pgn", 3, OF_J1939, UINT, "", 0, "J1939: parameter group number"),
	STAT("src_name", 4, OF_J1939, UINT, "", 0, "J1939: name of the sender"),
	STAT("dest_name", 5, OF_J1939, UINT, "", 0, "J1939: name of the destination"),
	STAT("src_addr", 6, OF_J1939, UINT, "", 0, "J1939: address of the sender"),
	STAT("dest_addr", 7, OF_J1939, UINT, "", 0, "J1939: address of the destination"),
	{"other", "", "Attributes this version does not know: nla_type, data", NULL, RG_T_LIST, RG_CR_FN, NOT_AN_ATTRIBUTE, 0, 0, 0, 0, true},
};
/* clang-format on */

static bool read_number(const uint8_t *p, size_t len, uint64_t *ret)
{
	switch (len) {
	case 1: *ret = p[0]; return true;
	case 2: *ret = rg_cm_u16(p); return true;
	case 4: *ret = rg_cm_u32(p); return true;
	case 8: *ret = rg_cm_u64(p); return true;
	default: return false;
	}
}

static const struct rg_cmsg_field *field_of(unsigned type, unsigned of)
{
	for (size_t i = 0; i < RG_CM_OPT_STATS_FIELDS; i++) {
		const struct rg_cmsg_field *f = &rg_cm_opt_stats_fields[i];

		if (f->off64 == type && f->off32 == of && type != NOT_AN_ATTRIBUTE)
			return f;
	}
	return NULL;
}

static void add_stat(struct rg_cm_in *in, const struct rg_cmsg_field *f, uint64_t u)
{
	if (f->scale && __builtin_mul_overflow(u, f->scale, &u))
		u = UINT64_MAX;
	if (f->type == RG_T_ENUM)
		rg_add_enum(in->out, f->name, (int64_t)u, f->names);
	else
		rg_add_u(in->out, f->name, (enum rg_type)f->type, f->type == RG_T_BOOL ? u != 0 : u);
}

/* The unknown ones of all attributes, in a list opened by the first of them. */
struct others {
	struct rg_builder list;
	bool open;
};
static void add_other(struct rg_cm_in *in, struct others *o, unsigned type, const uint8_t *p, size_t len)
{
	struct rg_builder obj;

	if (!o->open) {
		rg_add_list(in->out, "other", &o->list);
		o->open = true;
	}
	rg_add_object(&o->list, NULL, &obj);
	rg_add_u(&obj, "nla_type", RG_T_UINT, type);
	rg_add_bytes(&obj, "data", p, len, len);
	in->out->full |= o->list.full || obj.full;
}

void rg_cm_opt_stats(struct rg_cm_in *in)
{
	unsigned of = in->ctx->family == AF_CAN ? OF_J1939 : OF_TCP;
	struct others others = {.open = false};
	const uint8_t *p = in->p;
	size_t left = in->len, len;
	uint64_t u;

	for (; left >= 4; p += len, left -= len) {
		unsigned type = rg_cm_u16(p + 2) & 0x3fff; /* without NLA_F_NESTED, NLA_F_NET_BYTEORDER */
		const struct rg_cmsg_field *f = field_of(type, of);

		len = rg_cm_u16(p);
		if (len < 4) {
			in->bad = "an attribute's length is wrong";
			return;
		}
		if (len > left)
			break;
		if (f && read_number(p + 4, len - 4, &u))
			add_stat(in, f, u);
		else if (type) /* 0 only pads */
			add_other(in, &others, type, p + 4, len - 4);
		len = (len + 3) & ~(size_t)3;
		if (len > left)
			len = left;
	}
	if (left)
		in->want = (size_t)(p - in->p) + (left >= 4 ? rg_cm_u16(p) : 4);
}
