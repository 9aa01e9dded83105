/* SPDX-License-Identifier: BSD-2-Clause */
/* From one control message to one element: which row, is it whole, its fields. */
#include <errno.h>

#include "base/text.h"
#include "decode/cmsg/row.h"

static const struct rg_cm_level *const levels[] = {
	&rg_cm_socket, &rg_cm_ip,      &rg_cm_ipv6,   &rg_cm_tcp,     &rg_cm_udp,   &rg_cm_tls,
	&rg_cm_sctp,   &rg_cm_netlink, &rg_cm_packet, &rg_cm_can_raw, &rg_cm_j1939, &rg_cm_bluetooth,
	&rg_cm_hci,    &rg_cm_wpan,    &rg_cm_misdn,  &rg_cm_llc,     &rg_cm_tipc,  &rg_cm_rxrpc,
	&rg_cm_rds,    &rg_cm_iucv,    &rg_cm_vsock,  &rg_cm_alg,
};

/* Level 0 is several protocols' own: one that belongs to a family counts on sockets of that family only. */
static const struct rg_cm_level *level_find(int32_t nr, uint16_t family)
{
	const struct rg_cm_level *any = NULL;

	for (size_t i = 0; i < RG_ARRAY_LEN(levels); i++) {
		if (levels[i]->self[0].value != (uint64_t)nr)
			continue;
		if (levels[i]->family && levels[i]->family == family)
			return levels[i];
		if (!levels[i]->family)
			any = levels[i];
	}
	return any;
}

/* A few types mean something else on the way out: such a row stands beside its twin, with the other
 * direction. */
static const struct rg_cm_row *row_find(const struct rg_cm_level *level, int32_t type, uint8_t dir)
{
	const struct rg_cm_row *other = NULL;

	for (size_t i = 0; level && i < level->n_rows; i++)
		if (level->rows[i].t.type_nr == type) {
			if (level->rows[i].t.dirs & dir)
				return &level->rows[i];
			other = &level->rows[i];
		}
	return other;
}

size_t rg_cmsg_type_count(void)
{
	size_t n = 0;

	for (size_t i = 0; i < RG_ARRAY_LEN(levels); i++)
		n += levels[i]->n_rows;
	return n;
}

const struct rg_cmsg_type *rg_cmsg_type_at(size_t index)
{
	for (size_t i = 0; i < RG_ARRAY_LEN(levels); i++) {
		if (index < levels[i]->n_rows)
			return &levels[i]->rows[index].t;
		index -= levels[i]->n_rows;
	}
	return NULL;
}

static bool same(const char *name, const char *s, size_t len)
{
	return strlen(name) == len && !memcmp(name, s, len);
}

int rg_cmsg_level_value(const char *name, size_t len, int32_t *ret)
{
	for (size_t i = 0; i < RG_ARRAY_LEN(levels); i++)
		if (same(levels[i]->self[0].name, name, len)) {
			*ret = (int32_t)levels[i]->self[0].value;
			return 0;
		}
	return -ENOENT;
}

int rg_cmsg_type_value(const char *name, size_t len, int32_t *ret_level, int32_t *ret_type)
{
	const struct rg_cmsg_type *t;

	for (size_t i = 0; (t = rg_cmsg_type_at(i)); i++)
		if (same(t->name, name, len)) {
			*ret_level = t->level_nr;
			*ret_type = t->type_nr;
			return 0;
		}
	return -ENOENT;
}

/* "too short: 4 bytes, SCM_CREDENTIALS has 12" */
static void wrong_size(struct rg_cm_in *in, const char *what, size_t want)
{
	char words[128];
	struct rg_text t = {.p = words, .cap = sizeof(words)};

	rg_text_str(&t, what);
	rg_text_u64(&t, in->len);
	rg_text_str(&t, " bytes, ");
	rg_text_str(&t, in->row->t.name);
	rg_text_str(&t, " has ");
	rg_text_u64(&t, want);
	rg_add_str(in->out, "malformed", words, t.len);
	rg_add_bytes(in->out, "data", in->p, in->len, in->len);
}

/* Too short. Where the kernel ran out of room (put_cmsg) it filled the room to its last byte: then it is cut,
 * and what is whole of it was decoded; otherwise it is nothing the kernel writes. */
static void too_short(struct rg_cm_in *in, size_t want)
{
	if (!in->at_end || in->ctx->send) {
		wrong_size(in, "too short: ", want);
		return;
	}
	rg_add_bool(in->out, "cut", true);
	rg_add_bytes(in->out, "data", in->p, in->len, want);
}

static void decode_payload(struct rg_cm_in *in)
{
	const struct rg_cmsg_type *t = &in->row->t;
	size_t min = in->ctx->compat ? t->min32 : t->min64, max = in->ctx->compat ? t->max32 : t->max64;

	if (in->row->decode && in->len >= min)
		in->row->decode(in);
	else
		rg_cm_fields(in, 0);
	if (in->want)
		min = max = in->want;
	if (in->bad) {
		rg_add_str(in->out, "malformed", in->bad, strlen(in->bad));
		rg_add_bytes(in->out, "data", in->p, in->len, in->len);
	} else if (in->len < min) {
		too_short(in, min);
	} else if (max != RG_CMSG_ANY && in->len > max) {
		wrong_size(in, "too long: ", max);
	}
}

/* The last one of control data that was captured only in part: what is here is decoded as far as it goes. */
static void decode_partial(struct rg_cm_in *in, const struct rg_cmsg_view *v, size_t head)
{
	uint64_t full = v->header ? v->cmsg_len - head : v->len;

	if (v->header) {
		in->p = v->data + head;
		in->len = v->len - head;
		if (in->row)
			rg_cm_fields(in, 0);
	}
	rg_add_bool(in->out, "partial", true);
	rg_add_bytes(in->out, "data", in->p, in->len, full < UINT32_MAX ? (size_t)full : UINT32_MAX);
}

static void decode_one(const struct rg_cmsg_view *v, const struct rg_cmsg_ctx *ctx, struct rg_builder *list)
{
	size_t head = ctx->compat ? 12 : 16;
	struct rg_builder obj;
	struct rg_node *element = rg_add_object(list, NULL, &obj);
	const struct rg_cm_level *level = v->header ? level_find(v->level, ctx->family) : NULL;
	const struct rg_cm_row *row = row_find(level, v->type, ctx->send ? RG_CMSG_SEND : RG_CMSG_RECV);
	struct rg_cm_in in = {.p = v->data, .len = v->len, .ctx = ctx, .row = row, .out = &obj};

	if (element)
		element->tag = ctx->tag;
	if (v->header) {
		rg_add_enum(&obj, "level", v->level, level ? level->self : NULL);
		rg_add_enum(&obj, "type", v->type, row ? row->self : NULL);
		rg_add_u(&obj, "len", RG_T_SIZE, v->cmsg_len);
	}
	if (v->bad && ctx->partial && (!v->header || v->cmsg_len >= head)) {
		decode_partial(&in, v, head);
	} else if (v->bad) {
		rg_add_str(&obj, "malformed", v->bad, strlen(v->bad));
		rg_add_bytes(&obj, "data", v->data, v->len, v->len);
	} else if (!row) {
		rg_add_bytes(&obj, "data", v->data, v->len, v->len);
	} else {
		in.at_end = v->at_end;
		decode_payload(&in);
	}
	list->full |= obj.full;
}

unsigned rg_decode_cmsgs(const uint8_t *p, size_t len, const struct rg_cmsg_ctx *ctx, struct rg_builder *list)
{
	struct rg_cmsg_walk w;
	struct rg_cmsg_view v;
	unsigned n = 0;

	rg_cmsg_walk(&w, p, len, ctx->compat);
	while (rg_cmsg_next(&w, &v)) {
		decode_one(&v, ctx, list);
		if (list->full)
			break;
		n++;
	}
	return n;
}
