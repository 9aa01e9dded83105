/* SPDX-License-Identifier: BSD-2-Clause */
/* The declarative part: reading one field of a payload by its description. */
#include "base/text.h"
#include "decode/cmsg/row.h"

size_t rg_cm_width(const struct rg_cmsg_field *f, bool compat)
{
	size_t word = compat ? 4 : 8;

	switch (f->read) {
	case RG_CR_U8: return 1;
	case RG_CR_U16:
	case RG_CR_BE16: return 2;
	case RG_CR_U32:
	case RG_CR_S32:
	case RG_CR_BE32:
	case RG_CR_IP4: return 4;
	case RG_CR_U64:
	case RG_CR_S64: return 8;
	case RG_CR_ULONG: return word;
	case RG_CR_TIMEVAL:
	case RG_CR_TIMESPEC: return 2 * word;
	case RG_CR_TIMEVAL64:
	case RG_CR_TIMESPEC64:
	case RG_CR_IP6: return 16;
	case RG_CR_MAC: return 6;
	default: return 0;
	}
}

static uint64_t read_uint(const struct rg_cmsg_field *f, const uint8_t *p, bool compat)
{
	switch (f->read) {
	case RG_CR_U8: return p[0];
	case RG_CR_U16: return rg_cm_u16(p);
	case RG_CR_BE16: return rg_cm_be16(p);
	case RG_CR_U32: return rg_cm_u32(p);
	case RG_CR_BE32: return rg_cm_be32(p);
	case RG_CR_S32: return (uint64_t)(int64_t)(int32_t)rg_cm_u32(p);
	case RG_CR_ULONG: return compat ? rg_cm_u32(p) : rg_cm_u64(p);
	default: return rg_cm_u64(p);
	}
}

static void add_number(struct rg_cm_in *in, const struct rg_cmsg_field *f, uint64_t u)
{
	struct rg_node *n;

	if (f->bits)
		u = u >> f->shift & ((UINT64_C(1) << f->bits) - 1);
	if (f->scale > 1 && __builtin_mul_overflow(u, f->scale, &u))
		u = UINT64_MAX;
	if (f->type == RG_T_ENUM)
		n = rg_add_enum(in->out, f->name, (int64_t)u, f->names);
	else if (f->type == RG_T_FLAGS)
		n = rg_add_flags(in->out, f->name, u, f->names);
	else if (f->type == RG_T_BOOL)
		n = rg_add_bool(in->out, f->name, u != 0);
	else
		n = rg_add_u(in->out, f->name, (enum rg_type)f->type, u);
	(void)n; /* a full arena is in in->out->full */
}

/* Seconds and a fraction to nanoseconds. What no clock says is malformed: the bytes are shown instead. */
static void add_time(struct rg_cm_in *in, const struct rg_cmsg_field *f, const uint8_t *p)
{
	bool wide = f->read == RG_CR_TIMEVAL64 || f->read == RG_CR_TIMESPEC64 || !in->ctx->compat;
	bool micro = f->read == RG_CR_TIMEVAL || f->read == RG_CR_TIMEVAL64;
	int64_t sec = wide ? (int64_t)rg_cm_u64(p) : (int32_t)rg_cm_u32(p);
	int64_t sub = wide ? (int64_t)rg_cm_u64(p + 8) : (int32_t)rg_cm_u32(p + 4);

	if (sec < 0 || sec > INT64_C(18446744072) || sub < 0 || sub >= (micro ? 1000000 : 1000000000)) {
		in->bad = "the time is out of range";
		return;
	}
	rg_add_u(in->out, f->name, RG_T_TIME,
		 (uint64_t)sec * 1000000000u + (uint64_t)sub * (micro ? 1000u : 1u));
}

static void add_mac(struct rg_cm_in *in, const struct rg_cmsg_field *f, const uint8_t *p)
{
	char text[17];
	struct rg_text t = {.p = text, .cap = sizeof(text)};

	rg_text_hexbytes(&t, p, 6, ':');
	rg_add_str(in->out, f->name, text, t.len);
}

static void add_text(struct rg_cm_in *in, const struct rg_cmsg_field *f, const uint8_t *p, size_t len)
{
	while (len && !p[len - 1])
		len--;
	rg_add_str(in->out, f->name, (const char *)p, len);
}

static bool all_zero(const uint8_t *p, size_t len)
{
	while (len)
		if (p[--len])
			return false;
	return true;
}

void rg_cm_field(struct rg_cm_in *in, const struct rg_cmsg_field *f, const uint8_t *p, size_t len)
{
	size_t width = rg_cm_width(f, in->ctx->compat);

	if (len < width || (f->optional && all_zero(p, width ? width : len)))
		return;
	switch (f->read) {
	case RG_CR_FN: return;
	case RG_CR_TIMEVAL:
	case RG_CR_TIMESPEC:
	case RG_CR_TIMEVAL64:
	case RG_CR_TIMESPEC64: add_time(in, f, p); return;
	case RG_CR_IP4: rg_cm_add_ip4(in->out, f->name, p); return;
	case RG_CR_IP6: rg_cm_add_ip6(in->out, f->name, p); return;
	case RG_CR_MAC: add_mac(in, f, p); return;
	case RG_CR_TEXT: add_text(in, f, p, len); return;
	case RG_CR_REST: rg_add_bytes(in->out, f->name, p, len, len); return;
	default:
		if (f->type == RG_T_INT)
			rg_add_i(in->out, f->name, (int64_t)read_uint(f, p, in->ctx->compat));
		else
			add_number(in, f, read_uint(f, p, in->ctx->compat));
	}
}

void rg_cm_fields(struct rg_cm_in *in, size_t base)
{
	for (size_t i = 0; i < in->row->t.n_fields; i++) {
		const struct rg_cmsg_field *f = &in->row->t.fields[i];
		size_t off = base + (in->ctx->compat ? f->off32 : f->off64);

		if (f->read != RG_CR_FN && off <= in->len)
			rg_cm_field(in, f, in->p + off, in->len - off);
	}
}
